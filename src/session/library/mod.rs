//! A library: a folder of sessions, listed quickly, searched by pair, added to.
//!
//! Nothing here is the truth but the session files; the cache in `.retrace/` can be deleted at any time.

mod cache;
mod name;
mod peek;
mod shelf;
pub mod trash;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rayon::prelude::*;

use self::cache::{Known, Seen};
pub use self::shelf::{Place, Shelf, Shelved, create_reserved};
use super::{ExampleRecord, Session, SessionError, Summary};

/// A session in a library.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mtime: u64,
    pub summary: Summary,
}

/// A `*.jsonl` in a library that is no session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    pub path: PathBuf,
    pub why: String,
}

/// The sessions of a folder and the folders in it, by path.
#[derive(Debug)]
pub struct Library {
    root: PathBuf,
    /// By path under the root.
    seen: BTreeMap<PathBuf, Seen>,
    /// Paths of the sessions of a pair, in order.
    pairs: BTreeMap<String, BTreeSet<PathBuf>>,
    /// Paths as a file system without case would tell them apart.
    taken: HashSet<String>,
}

impl Library {
    /// Lists a folder.
    ///
    /// # Errors
    /// The folder cannot be read. A file in it that cannot is a [`Stranger`].
    pub fn open(root: &Path) -> Result<Library, SessionError> {
        let mut library =
            Library { root: root.to_owned(), seen: BTreeMap::new(), pairs: BTreeMap::new(), taken: HashSet::new() };
        let cached = cache::load(root);
        let stored = cached.len();
        let fresh = library.look(cached)?;
        if fresh > 0 || library.seen.len() != stored {
            library.store();
        }
        Ok(library)
    }

    /// As [`Library::open`], after making the folder when it is not there.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn create(root: &Path) -> Result<Library, SessionError> {
        std::fs::create_dir_all(root).map_err(SessionError::io(root, "make the folder"))?;
        Library::open(root)
    }

    /// Looks again; what other processes added, changed or removed appears. True when anything did.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn refresh(&mut self) -> Result<bool, SessionError> {
        let before: HashMap<PathBuf, Seen> = std::mem::take(&mut self.seen).into_iter().collect();
        self.pairs.clear();
        self.taken.clear();
        let known = before.len();
        let fresh = self.look(before)?;
        let changed = fresh > 0 || self.seen.len() != known;
        if changed {
            self.store();
        }
        Ok(changed)
    }

    /// Fills `seen` from what is known where size and time still fit, else from the files; returns how many of
    /// these there were.
    fn look(&mut self, mut known: HashMap<PathBuf, Seen>) -> Result<usize, SessionError> {
        let mut found = Vec::new();
        walk(&self.root, &mut found)?;
        let (mut same, mut changed) = (Vec::new(), Vec::new());
        for (path, size, mtime) in found {
            let under = path.strip_prefix(&self.root).unwrap_or(&path).to_owned();
            match known.remove(&under).filter(|seen| (seen.size, seen.mtime) == (size, mtime)) {
                Some(seen) => same.push((under, seen)),
                None => changed.push((under, path, size, mtime)),
            }
        }
        let fresh = changed.len();
        let looked = changed.into_par_iter().map(|(under, path, size, mtime)| {
            let known = match peek::summary(&path) {
                Ok(summary) => Known::Session(Box::new(summary)),
                Err(SessionError::NotASession { why, .. }) => Known::Stranger(why),
                Err(error) => Known::Stranger(error.to_string()),
            };
            (under, Seen { size, mtime, known })
        });
        looked.collect::<Vec<_>>().into_iter().chain(same).for_each(|(path, seen)| self.keep(path, seen));
        Ok(fresh)
    }

    fn keep(&mut self, path: PathBuf, seen: Seen) {
        self.taken.insert(folded(&path.to_string_lossy()));
        if let Known::Session(summary) = &seen.known
            && !summary.hash.is_empty()
        {
            self.pairs.entry(summary.hash.clone()).or_default().insert(path.clone());
        }
        self.seen.insert(path, seen);
    }

    fn store(&self) {
        let files: Vec<(&Path, &Seen)> = self.seen.iter().map(|(path, seen)| (path.as_path(), seen)).collect();
        cache::store(&self.root, &files);
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The sessions, by path.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.seen.keys().filter_map(|path| self.entry(path))
    }

    fn entry(&self, path: &Path) -> Option<Entry> {
        let seen = self.seen.get(path)?;
        let Known::Session(summary) = &seen.known else { return None };
        Some(Entry { path: self.root.join(path), size: seen.size, mtime: seen.mtime, summary: (**summary).clone() })
    }

    /// Files named as sessions that are none.
    pub fn strangers(&self) -> impl Iterator<Item = Stranger> + '_ {
        self.seen.iter().filter_map(|(path, seen)| match &seen.known {
            Known::Stranger(why) => Some(Stranger { path: self.root.join(path), why: why.clone() }),
            Known::Session(_) => None,
        })
    }

    /// The sessions of a pair, by the pair's hash; more than one where it was forked or given twice.
    pub fn find(&self, hash: &str) -> Vec<Entry> {
        self.pairs.get(hash).into_iter().flatten().filter_map(|path| self.entry(path)).collect()
    }

    /// Pairs that more than one session has, each with its sessions.
    pub fn duplicates(&self) -> Vec<Vec<Entry>> {
        let more = self.pairs.iter().filter(|(_, paths)| paths.len() > 1);
        more.map(|(hash, _)| self.find(hash)).collect()
    }

    /// Creates the session of an example under a free name: its id, made safe, with the pair's hash where that
    /// name is taken or differs from a taken one in case only.
    ///
    /// # Errors
    /// [`SessionError::Exists`] when another process has just made a session of this pair; else the file cannot be
    /// written.
    pub fn add(&mut self, example: ExampleRecord) -> Result<Session, SessionError> {
        let (id, hash) = (example.id.clone(), example.hash.clone());
        for stem in name::candidates(&id, &hash) {
            let file = format!("{stem}.jsonl");
            if self.taken.contains(&folded(&file)) {
                continue;
            }
            // Another process may be faster with a name, perhaps with this very pair.
            if let Some(session) = create_reserved(&self.root.join(&file), &example)? {
                let known = Known::Session(Box::new(session.state().summary()));
                self.keep(file.into(), Seen { size: 0, mtime: 0, known });
                return Ok(session);
            }
        }
        Err(SessionError::Exists { path: self.root.join(id) })
    }
}

/// The summary of a session from the ends of its file, where these settle it.
///
/// # Errors
/// The file is no session, or cannot be read.
pub fn summary(path: &Path) -> Result<Summary, SessionError> {
    peek::summary(path)
}

fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// Every session file under `root`, in the order of their names (`row2` before `row10`): `*.jsonl` outside hidden folders.
///
/// # Errors
/// The folder cannot be read.
pub fn files(root: &Path) -> Result<Vec<PathBuf>, SessionError> {
    let mut found = Vec::new();
    walk(root, &mut found)?;
    Ok(found.into_iter().map(|(path, _, _)| path).collect())
}

/// Adds path, size and modification time of every session file under `folder`.
fn walk(folder: &Path, found: &mut Vec<(PathBuf, u64, u64)>) -> Result<(), SessionError> {
    let io = || SessionError::io(folder, "be read");
    let mut entries = std::fs::read_dir(folder).map_err(io())?.collect::<Result<Vec<_>, _>>().map_err(io())?;
    entries.sort_by(|a, b| alphanumeric_sort::compare_os_str(a.file_name(), b.file_name()));
    for entry in entries {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&path, found)?,
            _ if path.extension().is_none_or(|e| e != "jsonl") => {}
            // What vanished or cannot be looked at since it was listed is passed over.
            _ => found.extend(std::fs::metadata(&path).ok().filter(|m| m.is_file()).map(|meta| {
                let mtime = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
                (path, meta.len(), mtime.map_or(0, |at| at.as_nanos() as u64))
            })),
        }
    }
    Ok(())
}
