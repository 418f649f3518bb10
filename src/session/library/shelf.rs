//! What a run over many pairs knows of a library: a few bytes a session, so that 20,000 of them are a few megabytes.
//! For what a session holds, it is read again.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::{Entry, Library, folded, name, peek};
use crate::reer::search::StopReason;
use crate::session::{ExampleRecord, Session, SessionError, Status, Summary};

/// The sessions of a library, by pair.
#[derive(Debug)]
pub struct Shelf {
    root: PathBuf,
    /// The paths of all sessions under the root, one after the other.
    paths: String,
    places: Vec<Kept>,
    /// The first place of each pair, by its hash.
    pairs: HashMap<u64, Place>,
    /// Hashes of the paths as a file system without case would tell them apart.
    taken: HashSet<u64>,
}

/// A session on a shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(u32);

#[derive(Debug)]
struct Kept {
    /// In [`Shelf::paths`].
    start: u32,
    len: u16,
    status: Status,
    stop: Option<StopReason>,
    /// [`ConfigRecord::fingerprint`](crate::session::ConfigRecord::fingerprint) as a number.
    settings: Option<u64>,
    /// Another session of the same pair.
    next: Option<Place>,
}

/// Where one session stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Shelved {
    pub place: Place,
    pub path: PathBuf,
    pub status: Status,
    pub stop: Option<StopReason>,
    settings: Option<u64>,
}

impl Shelved {
    /// Whether it was begun with these settings; one that was not begun fits all.
    pub fn fits(&self, fingerprint: &str) -> bool {
        self.settings.is_none_or(|there| Some(there) == number(fingerprint))
    }
}

/// Sixteen hex digits as the number they spell.
fn number(hash: &str) -> Option<u64> {
    u64::from_str_radix(hash, 16).ok()
}

impl Shelf {
    /// Lists a folder, made when it is not there.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn create(root: &Path) -> Result<Shelf, SessionError> {
        Library::create(root).map(|library| Shelf::of(&library))
    }

    /// As [`Shelf::create`], of a folder that is there.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn open(root: &Path) -> Result<Shelf, SessionError> {
        Library::open(root).map(|library| Shelf::of(&library))
    }

    fn of(library: &Library) -> Shelf {
        let mut shelf = Shelf {
            root: library.root.clone(),
            paths: String::new(),
            places: Vec::new(),
            pairs: HashMap::new(),
            taken: library.taken.iter().map(|path| hashed(path)).collect(),
        };
        for Entry { path, summary, .. } in library.entries() {
            let Some(pair) = number(&summary.hash) else { continue };
            // A path that is no UTF-8 is none that a run made: its pair is searched in a session of its own.
            let Some(under) = path.strip_prefix(&shelf.root).ok().and_then(Path::to_str).map(str::to_owned) else {
                continue;
            };
            if let Some(place) = shelf.keep(pair, &under) {
                shelf.note(place, &summary);
            }
        }
        shelf
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The sessions of a pair, by the pair's hash; in the order of their paths, new ones last.
    pub fn find(&self, hash: &str) -> Vec<Shelved> {
        number(hash).map(|pair| self.of_pair(pair)).unwrap_or_default()
    }

    /// As [`Shelf::find`], the hash as the number that it spells.
    pub fn of_pair(&self, pair: u64) -> Vec<Shelved> {
        let first = self.pairs.get(&pair).copied();
        let mut found: Vec<Shelved> =
            std::iter::successors(first, |place| self.kept(*place).next).map(|place| self.shelved(place)).collect();
        found.reverse();
        found
    }

    /// The sessions whose file has this name, in whatever folder.
    pub fn named(&self, id: &str) -> Vec<Shelved> {
        let named = |place: &Place| Path::new(self.under(*place)).file_stem().is_some_and(|stem| stem == id);
        let places = (0..self.places.len() as u32).map(Place).filter(named);
        places.map(|place| self.shelved(place)).collect()
    }

    pub fn path(&self, place: Place) -> PathBuf {
        self.root.join(self.under(place))
    }

    pub fn status(&self, place: Place) -> Status {
        self.kept(place).status
    }

    /// Takes what a session says of itself now.
    pub fn note(&mut self, place: Place, summary: &Summary) {
        if let Some(kept) = self.places.get_mut(place.0 as usize) {
            (kept.status, kept.stop) = (summary.status, summary.stop);
            kept.settings = summary.settings.as_deref().and_then(number);
        }
    }

    /// The next free name for an example's session, taken for it.
    pub fn reserve(&mut self, example: &ExampleRecord) -> Option<(Place, PathBuf)> {
        let names = name::candidates(&example.id, &example.hash).map(|stem| format!("{stem}.jsonl"));
        // The names never end.
        let file = names.into_iter().find(|file| !self.taken.contains(&hashed(&folded(file))))?;
        let place = self.keep(number(&example.hash)?, &file)?;
        Some((place, self.path(place)))
    }

    fn keep(&mut self, pair: u64, under: &str) -> Option<Place> {
        let (start, len) = (u32::try_from(self.paths.len()).ok()?, u16::try_from(under.len()).ok()?);
        let place = Place(u32::try_from(self.places.len()).ok()?);
        self.paths.push_str(under);
        self.taken.insert(hashed(&folded(under)));
        let next = self.pairs.insert(pair, place);
        self.places.push(Kept { start, len, status: Status::Fresh, stop: None, settings: None, next });
        Some(place)
    }

    /// A place is one of this shelf.
    fn kept(&self, place: Place) -> &Kept {
        &self.places[place.0 as usize]
    }

    fn under(&self, place: Place) -> &str {
        let Kept { start, len, .. } = *self.kept(place);
        &self.paths[start as usize..start as usize + usize::from(len)]
    }

    fn shelved(&self, place: Place) -> Shelved {
        let Kept { status, stop, settings, .. } = *self.kept(place);
        Shelved { place, path: self.path(place), status, stop, settings }
    }
}

fn hashed(path: &str) -> u64 {
    let hash = blake3::hash(path.as_bytes());
    hash.as_bytes()[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Creates a session at a path that was reserved; `Ok(None)` when another process has made one of another pair there,
/// and the next name is to be tried.
///
/// # Errors
/// [`SessionError::Exists`] when another process has just made a session of this pair there; else the file cannot be
/// written.
pub fn create_reserved(path: &Path, example: &ExampleRecord) -> Result<Option<Session>, SessionError> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    match Session::create(path, stem, example.clone()) {
        Ok(session) => Ok(Some(session)),
        Err(error @ SessionError::Exists { .. }) => {
            let same = peek::summary(path).is_ok_and(|summary| summary.hash == example.hash);
            if same { Err(error) } else { Ok(None) }
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(found: &[Shelved]) -> Vec<String> {
        found.iter().map(|s| s.path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_shelf_knows_the_sessions_of_a_library_and_those_that_are_added() {
        let root = tempfile::tempdir().unwrap();
        let one = ExampleRecord { id: "a".to_owned(), ..ExampleRecord::written("q", "r") };
        let two = ExampleRecord { id: "A".to_owned(), ..ExampleRecord::written("q2", "r2") };
        Library::create(root.path()).unwrap().add(one.clone()).unwrap().close().unwrap();
        std::fs::create_dir(root.path().join("in")).unwrap();
        std::fs::copy(root.path().join("a.jsonl"), root.path().join("in/a.jsonl")).unwrap();

        let mut shelf = Shelf::create(root.path()).unwrap();
        assert_eq!(shelf.find(&one.hash).len(), 2, "{:?}", shelf.find(&one.hash));
        assert_eq!(shelf.named("a").len(), 2);
        assert!(shelf.find(&two.hash).is_empty());
        let (place, path) = shelf.reserve(&two).unwrap();
        assert_eq!(path, root.path().join(format!("A-{}.jsonl", &two.hash[..8])), "a differs from A in case only");
        assert_eq!(paths(&shelf.find(&two.hash)), paths(&shelf.named(path.file_stem().unwrap().to_str().unwrap())));
        let mut summary = Library::open(root.path()).unwrap().entries().next().unwrap().summary;
        (summary.status, summary.settings) = (Status::Done, Some("00000000000000ff".to_owned()));
        shelf.note(place, &summary);
        let found = &shelf.find(&two.hash)[0];
        assert_eq!((found.status, shelf.path(place)), (Status::Done, path));
        assert!(found.fits("00000000000000ff") && !found.fits("00000000000000fe"));
    }

    #[test]
    fn a_reserved_name_that_another_process_takes_leads_to_the_next() {
        let root = tempfile::tempdir().unwrap();
        let mine = ExampleRecord { id: "a".to_owned(), ..ExampleRecord::written("q", "r") };
        let other = ExampleRecord { id: "a".to_owned(), ..ExampleRecord::written("q2", "r2") };
        let mut shelf = Shelf::create(root.path()).unwrap();
        let (_, path) = shelf.reserve(&mine).unwrap();
        let theirs = create_reserved(&path, &other).unwrap().unwrap();
        assert!(create_reserved(&path, &mine).unwrap().is_none());
        let (_, next) = shelf.reserve(&mine).unwrap();
        assert_ne!(next, path);
        create_reserved(&next, &mine).unwrap().unwrap().close().unwrap();
        assert!(matches!(create_reserved(&next, &mine), Err(SessionError::Exists { .. })));
        theirs.close().unwrap();
    }
}
