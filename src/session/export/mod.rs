//! Exports finished trajectories in the shapes trainers load: chosen, checked, written whole or not at all.
//!
//! Sessions are only read: what went where is in the export's manifest, not in their journals.

mod folder;
mod manifest;
mod preview;
mod refuse;
mod row;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use time::OffsetDateTime;

use self::folder::{Shapes, WrittenFile};
use self::manifest::{Journal, Manifest};
pub use self::preview::preview;
use self::row::Row;
use super::library::Library;
use super::{SessionError, Summary, Verdict, read};

/// A shape of exported rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `messages`: a conversation, the thinking inline.
    Messages,
    /// `prompt` and `completion`, both conversations.
    PromptCompletion,
    /// `conversations` with `from` and `value`, for LLaMA-Factory.
    Sharegpt,
}

impl Format {
    pub const ALL: [Format; 3] = [Format::Messages, Format::PromptCompletion, Format::Sharegpt];

    pub fn name(self) -> &'static str {
        match self {
            Format::Messages => "messages",
            Format::PromptCompletion => "prompt-completion",
            Format::Sharegpt => "sharegpt",
        }
    }
}

/// Text that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a format of this version: expected messages, prompt-completion or sharegpt")]
pub struct NotAFormat(String);

impl std::str::FromStr for Format {
    type Err = NotAFormat;

    fn from_str(text: &str) -> Result<Format, NotAFormat> {
        Format::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| NotAFormat(text.to_owned()))
    }
}

/// Which sessions go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Queue {
    /// Those a person kept.
    Kept,
    /// Of those, the ones without a flag.
    Unflagged,
    All,
}

impl Queue {
    pub const ALL: [Queue; 3] = [Queue::Kept, Queue::Unflagged, Queue::All];

    pub fn name(self) -> &'static str {
        match self {
            Queue::Kept => "kept",
            Queue::Unflagged => "unflagged",
            Queue::All => "all",
        }
    }

    /// Whether a session goes in.
    pub fn takes(self, session: &Summary) -> bool {
        let kept = session.verdict == Verdict::Keep;
        match self {
            Queue::Kept => kept,
            Queue::Unflagged => kept && session.flags.is_empty(),
            Queue::All => true,
        }
    }
}

/// Text that names no queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be kept, unflagged or all")]
pub struct NotAQueue;

impl std::str::FromStr for Queue {
    type Err = NotAQueue;

    fn from_str(text: &str) -> Result<Queue, NotAQueue> {
        Queue::ALL.into_iter().find(|queue| queue.name() == text).ok_or(NotAQueue)
    }
}

/// What to export, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub formats: Vec<Format>,
    pub queue: Queue,
    /// Write into a folder that is not empty: files of an earlier export there are replaced, others stay.
    pub force: bool,
}

/// A session that was to be exported and was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    pub id: String,
    pub file: PathBuf,
    pub reason: String,
}

/// What an export did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Sessions looked at.
    pub sessions: usize,
    pub exported: usize,
    /// Of those exported: with a flag that stands.
    pub flagged: usize,
    /// Of those exported: changed since a person judged them.
    pub changed: usize,
    /// Left out by the queue: no person kept them.
    pub not_kept: usize,
    /// Left out by the queue: kept, and flagged.
    pub left_out_for_a_flag: usize,
    pub refused: Vec<Refused>,
    pub files: Vec<WrittenFile>,
}

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("{} holds an earlier export; choose another folder, or replace that one's files with --force", .0.display())]
    NotEmpty(PathBuf),
    #[error("{} holds files and no earlier export of ours, so nothing is replaced there; choose another folder", .0.display())]
    NotAnExport(PathBuf),
    #[error("{} lies inside the library, where every .jsonl is a session; choose a folder outside it", .0.display())]
    InsideLibrary(PathBuf),
    #[error("{}", nothing(.0))]
    Nothing(Report),
    #[error(transparent)]
    Session(#[from] SessionError),
}

fn nothing(report: &Report) -> String {
    let Report { sessions, not_kept, left_out_for_a_flag, refused, .. } = report;
    let first = refused.first().map(|r| format!(" (the first: {}: {})", r.id, r.reason)).unwrap_or_default();
    let flagged =
        if *left_out_for_a_flag > 0 { format!(", {left_out_for_a_flag} left out for a flag") } else { String::new() };
    let remedy = match (left_out_for_a_flag, not_kept) {
        (1.., _) => "; lower a flag, or export them too with --queue kept",
        (0, 1..) => "; keep some, or export everything with --queue all",
        (0, 0) => "",
    };
    format!(
        "nothing to export: of {sessions} sessions {not_kept} are not kept{flagged} and {} are refused{first}{remedy}",
        refused.len()
    )
}

/// Exports the sessions of a folder, or one session file, into the folder `out`.
///
/// # Errors
/// Nothing was exported, or writing failed; then `out` holds no new file under its final name but whole ones.
pub fn export(from: &Path, out: &Path, options: &Options, now: OffsetDateTime) -> Result<Report, ExportError> {
    folder::admit(from, out, options.force)?;
    let candidates = candidates(from, options.queue)?;
    let mut report = Report {
        sessions: candidates.sessions,
        exported: 0,
        flagged: 0,
        changed: 0,
        not_kept: candidates.sessions - candidates.files.len() - candidates.left_out_for_a_flag,
        left_out_for_a_flag: candidates.left_out_for_a_flag,
        refused: Vec::new(),
        files: Vec::new(),
    };
    let mut shapes = Shapes::new(out, &options.formats);
    let mut journals = Vec::new();
    let mut versions: HashMap<String, String> = HashMap::new();
    for (file, id) in candidates.files {
        let shown = shown(&file, from);
        match prepare(&file, &shown, &mut versions)? {
            Ok((row, journal)) => {
                shapes.write(&row)?;
                journals.push(journal);
            }
            Err(reason) => report.refused.push(Refused { id, file: shown, reason }),
        }
    }
    report.exported = journals.len();
    report.changed = journals.iter().filter(|journal| journal.changed).count();
    report.flagged = journals.iter().filter(|journal| !journal.flags.is_empty()).count();
    if report.exported == 0 {
        return Err(ExportError::Nothing(report));
    }
    report.files = shapes.finish()?;
    let manifest = Manifest::new(now, options, &report, journals);
    folder::conclude(out, &manifest, &report.files)?;
    Ok(report)
}

/// A session's path as a report names it: under the library, or its bare name.
fn shown(file: &Path, from: &Path) -> PathBuf {
    match file.strip_prefix(from) {
        Ok(under) if !under.as_os_str().is_empty() => under.to_owned(),
        _ => file.file_name().unwrap_or_default().into(),
    }
}

struct Candidates {
    sessions: usize,
    /// Path and id of those in the queue.
    files: Vec<(PathBuf, String)>,
    left_out_for_a_flag: usize,
}

fn candidates(from: &Path, queue: Queue) -> Result<Candidates, SessionError> {
    let mut found = Candidates { sessions: 0, files: Vec::new(), left_out_for_a_flag: 0 };
    let mut add = |path: PathBuf, session: Summary| {
        found.sessions += 1;
        if queue.takes(&session) {
            found.files.push((path, session.id));
        } else if session.verdict == Verdict::Keep {
            found.left_out_for_a_flag += 1;
        }
    };
    if from.is_dir() {
        Library::open(from)?.entries().for_each(|entry| add(entry.path, entry.summary));
    } else {
        add(from.to_owned(), read(from)?.state.summary());
    }
    Ok(found)
}

/// Reads one session and makes its row; the inner error is the reason to refuse it.
fn prepare(
    file: &Path,
    shown: &Path,
    versions: &mut HashMap<String, String>,
) -> Result<Result<(Row, Journal), String>, SessionError> {
    let bytes = std::fs::read(file).map_err(SessionError::io(file, "be read"))?;
    let reading = super::read::fold(file, &bytes)?;
    let made = refuse::damage(&reading.health).and_then(|()| row::make(&reading.state));
    let row = match made.and_then(|row| refuse::unfinished(&reading.state).map(|()| row)) {
        Ok(row) => row,
        Err(reason) => return Ok(Err(reason)),
    };
    if let Some(first) = versions.insert(row.version.clone(), shown.display().to_string()) {
        let reason = format!("the same query, trajectory and reference as in {first}");
        versions.insert(row.version, first);
        return Ok(Err(reason));
    }
    let journal = Journal::new(shown, &bytes, &reading.state, &row);
    Ok(Ok((row, journal)))
}

/// True when `path` lies in `folder`, whether or not either is there yet.
fn lies_in(path: &Path, folder: &Path) -> bool {
    let resolved = |path: &Path| {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let there = absolute.ancestors().find_map(|a| Some((a.canonicalize().ok()?, absolute.strip_prefix(a).ok()?)));
        there.map_or(absolute.clone(), |(real, rest)| real.join(rest))
    };
    folder.is_dir() && resolved(path).starts_with(resolved(folder))
}
