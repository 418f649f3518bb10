//! What can be wrong with settings, each message with its place and its remedy.

use std::io;
use std::path::PathBuf;

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("{}: {}", path.display(), crate::text::unreadable(source))]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// A value or key that is wrong at `place`: a file and line, an environment variable or a flag.
    #[error("{place}: {what}")]
    Value { place: String, what: String },
    #[error("{} exists; remove it first, or edit it", path.display())]
    Exists { path: PathBuf },
    #[error("this user has no folder for settings; name a file in {}", super::FILE_VARIABLE)]
    NoFolder,
}
