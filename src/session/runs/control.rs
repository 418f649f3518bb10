//! Requests to a run from another process: a file each, in the order of their names, which begin with the run's.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::session::{Author, clock};

/// What a run can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Wish {
    /// Searches stop in order before their next call, and nothing new is begun.
    Pause,
    /// Goes on after a pause.
    Resume,
    /// Searches that run are finished, nothing new is begun, then the run ends.
    Drain,
    /// Searches stop at once, in order, and the run ends.
    Stop,
    /// A session that failed is searched again.
    Requeue {
        /// Of the session: its file's name without the ending.
        id: String,
    },
    /// Every session of the run that failed is searched again.
    RequeueFailed,
    /// So many examples are in work from now on; those that are more are finished.
    Concurrency { examples: usize },
}

/// A request and who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The run that it is for.
    pub run: String,
    #[serde(flatten)]
    pub wish: Wish,
    pub by: Author,
    /// UTC, RFC 3339.
    pub at: String,
}

impl std::fmt::Display for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wish::Pause => f.write_str("pause"),
            Wish::Resume => f.write_str("resume"),
            Wish::Drain => f.write_str("drain"),
            Wish::Stop => f.write_str("stop"),
            Wish::Requeue { id } => write!(f, "requeue {id}"),
            Wish::RequeueFailed => f.write_str("requeue what failed"),
            Wish::Concurrency { examples } => write!(f, "{examples} examples at once"),
        }
    }
}

fn folder(root: &Path) -> PathBuf {
    root.join(".retrace").join("control")
}

/// Leaves a request to a run; the run reads it within a second and answers in its record.
///
/// # Errors
/// The library cannot be written.
pub fn ask(root: &Path, run: &str, wish: Wish, by: Author) -> io::Result<()> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = OffsetDateTime::now_utc();
    let (stamp, count) = (clock::file_stamp(now), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = folder(root).join(format!("{run}.{stamp}-{}-{count:06}.json", std::process::id()));
    super::replace(&path, &Request { run: run.to_owned(), wish, by, at: clock::stamp(now) })
}

/// Takes the requests to a run out of the folder, the oldest first. One that cannot be understood is removed and passed
/// over.
///
/// # Errors
/// The folder is there and cannot be read.
pub fn take(root: &Path, run: &str) -> io::Result<Vec<Request>> {
    let prefix = format!("{run}.");
    let mine = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
    let mut taken = Vec::new();
    for path in super::files(&folder(root))?.into_iter().filter(mine) {
        let bytes = std::fs::read(&path)?;
        std::fs::remove_file(&path)?;
        taken.extend(serde_json::from_slice::<Request>(&bytes));
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_taken_once_in_order_by_the_run_they_are_for() {
        let root = tempfile::tempdir().unwrap();
        let me = || Author::User("ada".to_owned());
        assert_eq!(take(root.path(), "r1").unwrap(), []);
        let wishes = [
            Wish::Pause,
            Wish::Requeue { id: "toast".to_owned() },
            Wish::RequeueFailed,
            Wish::Concurrency { examples: 8 },
            Wish::Resume,
            Wish::Drain,
            Wish::Stop,
        ];
        for wish in &wishes {
            ask(root.path(), "r1", wish.clone(), me()).unwrap();
        }
        ask(root.path(), "r10", Wish::Stop, me()).unwrap();
        std::fs::write(folder(root.path()).join("r1.nonsense.json"), "{").unwrap();
        let taken: Vec<Wish> = take(root.path(), "r1").unwrap().into_iter().map(|request| request.wish).collect();
        assert_eq!(taken, wishes);
        assert_eq!(take(root.path(), "r1").unwrap(), []);
        assert_eq!(take(root.path(), "r10").unwrap().len(), 1);
    }

    #[test]
    fn a_request_can_be_written_by_hand() {
        let text = r#"{"run":"r1","do":"requeue","id":"toast","by":"user:ada","at":"2026-01-31T10:22:05.118Z"}"#;
        let request: Request = serde_json::from_str(text).unwrap();
        assert_eq!(request.wish.to_string(), "requeue toast");
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
    }
}
