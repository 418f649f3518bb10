//! The lists of a run, one seen at a time.

use crate::session::runs::RunRecord;

/// A list of the batch screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tab {
    /// Examples in work.
    #[default]
    Running,
    Failed,
    Slowest,
    /// Faults of calls by class.
    Faults,
    /// Servers that calls go to.
    Servers,
    /// Requests, and what came of them.
    Answers,
}

impl Tab {
    pub const ALL: [Tab; 6] = [Tab::Running, Tab::Failed, Tab::Slowest, Tab::Faults, Tab::Servers, Tab::Answers];

    pub fn name(self) -> &'static str {
        match self {
            Tab::Running => "in work",
            Tab::Failed => "failed",
            Tab::Slowest => "slowest",
            Tab::Faults => "faults",
            Tab::Servers => "servers",
            Tab::Answers => "requests",
        }
    }

    pub fn turned(self, forward: bool) -> Tab {
        let at = Tab::ALL.iter().position(|tab| *tab == self).unwrap_or(0);
        let by = if forward { 1 } else { Tab::ALL.len() - 1 };
        Tab::ALL[(at + by) % Tab::ALL.len()]
    }

    /// Rows that the record holds.
    pub fn len(self, record: &RunRecord) -> usize {
        match self {
            Tab::Running => record.running.len(),
            Tab::Failed => record.failures.len(),
            Tab::Slowest => record.slowest.len(),
            Tab::Faults => record.errors.len(),
            Tab::Servers => record.endpoints.len(),
            Tab::Answers => record.answers.len(),
        }
    }

    /// All of them, those that the record leaves out too.
    pub fn count(self, record: &RunRecord) -> usize {
        let more = match self {
            Tab::Running => record.running_more,
            Tab::Failed => record.failures_more,
            _ => 0,
        };
        self.len(record) + more
    }

    /// The session's file in a row, under the library.
    pub fn file(self, record: &RunRecord, at: usize) -> Option<&str> {
        match self {
            Tab::Running => record.running.get(at).map(|row| row.file.as_str()),
            Tab::Failed => record.failures.get(at).map(|row| row.file.as_str()),
            Tab::Slowest => record.slowest.get(at).map(|row| row.file.as_str()),
            Tab::Faults | Tab::Servers | Tab::Answers => None,
        }
    }

    /// What a row is known by from record to record.
    pub fn key(self, record: &RunRecord, at: usize) -> Option<String> {
        match self {
            Tab::Running | Tab::Failed | Tab::Slowest => self.file(record, at).map(str::to_owned),
            Tab::Faults => record.errors.keys().nth(at).cloned(),
            Tab::Servers => record.endpoints.get(at).map(|row| format!("{} {}", row.role, row.name)),
            Tab::Answers => record.answers.get(at).map(|row| format!("{} {}", row.at, row.asked)),
        }
    }
}
