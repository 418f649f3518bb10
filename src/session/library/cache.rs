//! The summaries of a library in one file that can be deleted at any time.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::session::Summary;

/// Raised when what is cached changes its meaning.
const VERSION: u32 = 3;

/// What is known of one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Known {
    Session(Box<Summary>),
    /// No session, and why.
    Stranger(String),
}

/// A file as it was when it was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mtime: u64,
    pub known: Known,
}

#[derive(Serialize, Deserialize)]
struct Stored<M> {
    version: u32,
    files: M,
}

fn path(root: &Path) -> PathBuf {
    root.join(".retrace").join("library.json")
}

/// What was stored, by path under `root`; empty when there is nothing or it cannot be used.
pub(super) fn load(root: &Path) -> HashMap<PathBuf, Seen> {
    let stored = fs::read(path(root)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match stored {
        Some(Stored { version: VERSION, files }) => files,
        _ => HashMap::new(),
    }
}

/// Stores `files`; a library that cannot be written is listed more slowly, which is no error.
pub(super) fn store(root: &Path, files: &[(&Path, &Seen)]) {
    let files: serde_json::Map<String, serde_json::Value> = files
        .iter()
        .filter_map(|(path, seen)| Some((path.to_str()?.to_owned(), serde_json::to_value(seen).ok()?)))
        .collect();
    let _ = write(&path(root), &Stored { version: VERSION, files });
}

fn write(path: &Path, stored: &impl Serialize) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let temporary = path.with_extension(format!("json.{}", std::process::id()));
    let mut file = io::BufWriter::new(fs::File::create(&temporary)?);
    serde_json::to_writer(&mut file, stored)?;
    file.flush()?;
    fs::rename(&temporary, path)
}
