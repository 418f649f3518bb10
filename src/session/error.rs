//! What can go wrong with a session's file, by what the caller can do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a session cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadOnly {
    /// Another writer has it; it can be followed.
    #[error("another process is writing it")]
    Locked,
    /// A line in the middle is not as it was written. Nothing is cut.
    #[error("line {line} is damaged ({why}); nothing was changed, `retrace check` lists every damaged line")]
    Damaged { line: u64, why: String },
    /// A newer program wrote it.
    #[error("it has the schema {0}, which is newer than this program; update retrace to write it")]
    NewerSchema(String),
    /// The file system does not let this user write it.
    #[error("this user may not write it")]
    Forbidden,
}

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("{}: {why}", path.display())]
    NotASession { path: PathBuf, why: String },
    /// It can be read, and followed, but not written.
    #[error("{} is read-only: {why}", path.display())]
    ReadOnly { path: PathBuf, why: ReadOnly },
    #[error("{} is there already", path.display())]
    Exists { path: PathBuf },
    #[error("{}: {}", path.display(), refused(doing, source))]
    Io { path: PathBuf, doing: &'static str, source: io::Error },
    /// The event was not written.
    #[error("the event {event} cannot be recorded: {why}")]
    Unrecordable { event: String, why: String },
    #[error("{}: there is no {asked}; the last is {last}", path.display())]
    NoSuchMoment { path: PathBuf, asked: String, last: String },
}

impl SessionError {
    /// Makes an IO error that names its place.
    pub(super) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> SessionError {
        let path = path.to_owned();
        move |source| SessionError::Io { path, doing, source }
    }

    /// What is wrong, for a list that names the file itself.
    pub fn cause(&self) -> String {
        match self {
            SessionError::NotASession { why, .. } => why.clone(),
            SessionError::ReadOnly { why, .. } => format!("read-only: {why}"),
            SessionError::Exists { .. } => "there already".to_owned(),
            SessionError::Io { doing, source, .. } => refused(doing, source),
            SessionError::Unrecordable { .. } => self.to_string(),
            SessionError::NoSuchMoment { asked, last, .. } => format!("there is no {asked}; the last is {last}"),
        }
    }

    /// True when the disk is full or a quota is used up.
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(self, SessionError::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge))
    }
}

/// What could not be done to a file, why, and what helps where something does.
fn refused(doing: &str, source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::IsADirectory if doing == "be read" => "is a folder; name a session file".to_owned(),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied if doing == "be read" => {
            crate::text::unreadable(source)
        }
        io::ErrorKind::PermissionDenied => {
            format!(
                "cannot {doing}: this user may not write there; choose a folder of yours, or change its permissions"
            )
        }
        _ => format!("cannot {doing}: {source}"),
    }
}
