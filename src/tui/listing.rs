//! Reads what the library lists: a folder of sessions with the samples, the rows of a file of pairs, or one session.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::app::library::{Listing, Place, Row, Source};
use crate::session::pairs::{self, Fields};
use crate::session::runs::{self, Standing};
use crate::session::samples::SAMPLES;
use crate::session::{ExampleRecord, Library, SessionError, State, Summary};

/// What a path is to the workbench.
///
/// # Errors
/// It cannot be read, or is nothing the workbench opens; with the remedy.
pub fn place(path: &Path) -> Result<Place, String> {
    if path.is_dir() {
        return Ok(Place::Folder(path.to_owned()));
    }
    if crate::session::is_session(path)
        .map_err(|error| format!("{}: {}", path.display(), crate::text::unreadable(&error)))?
    {
        return Ok(Place::Session(path.to_owned()));
    }
    let mut first = None;
    for row in pairs::read(path, &Fields::default()).map_err(|error| error.to_string())? {
        match row {
            Ok(_) => return Ok(Place::Pairs(path.to_owned())),
            Err(skipped) => first = first.or(Some(skipped)),
        }
    }
    let first = first.map(|skipped| format!(" (line {}: {})", skipped.line, skipped.reason)).unwrap_or_default();
    Err(format!("{}: holds no session and no usable pair{first}", path.display()))
}

/// The usable rows of a file of pairs, and the others with the reasons.
type Pairs = (Vec<ExampleRecord>, Vec<(String, String)>);

/// Lists a place; kept from call to call so that only what changed is read again.
#[derive(Debug)]
pub struct Reader {
    place: Place,
    /// Folder of the user's own sessions.
    home: PathBuf,
    /// The library that the samples are shown in: the user's own.
    own: Option<PathBuf>,
    library: Option<Library>,
    /// Rows of a file of pairs, read once.
    pairs: Option<Pairs>,
    samples: Vec<Row>,
    last: Option<Listing>,
}

impl Reader {
    pub fn new(place: Place, home: PathBuf, own: Option<PathBuf>) -> Reader {
        Reader { place, home, own, library: None, pairs: None, samples: samples(), last: None }
    }

    /// Lists another place from now on.
    ///
    /// # Errors
    /// It cannot be read; then the one before stays.
    pub fn visit(&mut self, place: Place) -> Result<Listing, String> {
        let home = match &place {
            Place::Folder(path) => path.clone(),
            _ => self.home.clone(),
        };
        let mut there = Reader::new(place, home, self.own.clone());
        let listing = there.read()?.unwrap_or_else(|| Listing {
            place: there.place.clone(),
            rows: Vec::new(),
            strangers: Vec::new(),
        });
        *self = there;
        Ok(listing)
    }

    /// Where a session of a new pair goes.
    pub fn sessions_of_new_pairs(&self) -> &Path {
        match &self.place {
            Place::Folder(path) => path,
            Place::Pairs(_) | Place::Session(_) => &self.home,
        }
    }

    /// Where the sessions are that are listed: those of a file of pairs are in the user's folder.
    pub fn sessions(&self) -> PathBuf {
        match &self.place {
            Place::Folder(path) | Place::Session(path) => path.clone(),
            Place::Pairs(_) => self.home.clone(),
        }
    }

    /// The library whose runs are known: the folder that is listed or that holds the session, else the user's.
    pub fn library(&self) -> PathBuf {
        match &self.place {
            Place::Folder(path) => path.clone(),
            Place::Session(path) => path.parent().unwrap_or(path).to_owned(),
            Place::Pairs(_) => self.home.clone(),
        }
    }

    /// What there is now; `None` when it is as it was.
    ///
    /// # Errors
    /// The folder or file cannot be read.
    pub fn read(&mut self) -> Result<Option<Listing>, String> {
        let listing = match self.place.clone() {
            Place::Folder(root) => self.folder(&root).map_err(|error| error.to_string())?,
            Place::Session(path) => self.session(&path).map_err(|error| error.to_string())?,
            Place::Pairs(path) => self.pairs(&path)?,
        };
        let listing = in_work(&self.library(), listing);
        if self.last.as_ref() == Some(&listing) {
            return Ok(None);
        }
        self.last = Some(listing.clone());
        Ok(Some(listing))
    }

    /// The user's folder is made by the first action, not by looking.
    fn look(&mut self, root: &Path) -> Result<(), SessionError> {
        match &mut self.library {
            Some(library) => library.refresh().map(drop),
            None if root.is_dir() => {
                self.library = Some(Library::open(root)?);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn folder(&mut self, root: &Path) -> Result<Listing, SessionError> {
        self.look(root)?;
        let library = self.library.as_ref();
        let mut rows: Vec<Row> = Vec::new();
        if self.own.as_deref() == Some(root) {
            for sample in &self.samples {
                // A copy stands where its sample stood; another search of its pair does not.
                let mut copies = library.map(|library| library.find(&sample.summary.hash)).unwrap_or_default();
                copies.retain(|entry| entry.summary.id == sample.summary.id);
                match copies.is_empty() {
                    true => rows.push(sample.clone()),
                    false => rows.extend(copies.into_iter().map(of_file)),
                }
            }
        }
        let listed: HashSet<String> = rows.iter().map(|row| row.key.clone()).collect();
        let files = library.into_iter().flat_map(Library::entries).map(of_file);
        let mut files: Vec<Row> = files.filter(|row| !listed.contains(&row.key)).collect();
        files.sort_by(|a, b| by_origin(a).cmp(&by_origin(b)));
        rows.extend(files);
        let strangers = library.into_iter().flat_map(Library::strangers);
        let strangers = strangers.map(|stranger| (stranger.path.display().to_string(), stranger.why)).collect();
        Ok(Listing { place: self.place.clone(), rows, strangers })
    }

    fn session(&self, path: &Path) -> Result<Listing, SessionError> {
        let summary = crate::session::read(path)?.state.summary();
        let source = Source::File(path.to_owned());
        let rows = vec![Row { key: source.key(), source, summary, mtime: 0, in_work: false }];
        Ok(Listing { place: self.place.clone(), rows, strangers: Vec::new() })
    }

    /// The rows of a file; those that have a session in the user's folder already, as that.
    fn pairs(&mut self, path: &Path) -> Result<Listing, String> {
        let home = self.home.clone();
        self.look(&home).map_err(|error| error.to_string())?;
        if self.pairs.is_none() {
            self.pairs = Some(read_pairs(path)?);
        }
        let Some((examples, strangers)) = &self.pairs else { return Err("nothing was read".to_owned()) };
        let begun: HashMap<String, Row> = self
            .library
            .iter()
            .flat_map(Library::entries)
            .map(|entry| (entry.summary.hash.clone(), of_file(entry)))
            .collect();
        let row = |example: &ExampleRecord| begun.get(&example.hash).cloned().unwrap_or_else(|| of_pair(example));
        let rows = examples.iter().map(row).collect();
        Ok(Listing { place: self.place.clone(), rows, strangers: strangers.clone() })
    }
}

/// What sessions are listed by: those of a file of pairs in the order of its rows, then the others, by path.
fn by_origin(row: &Row) -> (&Path, bool, Option<(&str, u64)>) {
    let folder = if let Source::File(path) = &row.source { path.parent() } else { None };
    let source = row.summary.source.as_ref().map(|source| (source.file.as_str(), source.row));
    (folder.unwrap_or(Path::new("")), source.is_none(), source)
}

/// Marks what the runs of a library work at.
fn in_work(library: &Path, mut listing: Listing) -> Listing {
    let runs = runs::list(library).unwrap_or_default().into_iter().filter(|seen| seen.standing == Standing::Live);
    let files: HashSet<PathBuf> =
        runs.flat_map(|seen| seen.record.running).map(|work| library.join(work.file)).collect();
    for row in &mut listing.rows {
        row.in_work = matches!(&row.source, Source::File(path) if files.contains(path));
    }
    listing
}

fn read_pairs(path: &Path) -> Result<Pairs, String> {
    let mut examples = Vec::new();
    let mut strangers = Vec::new();
    for row in pairs::distinct(path, &Fields::default()).map_err(|error| error.to_string())? {
        match row {
            Ok(example) => examples.push(example),
            Err(skipped) => strangers.push((format!("line {}", skipped.line), skipped.reason)),
        }
    }
    Ok((examples, strangers))
}

fn of_file(entry: crate::session::Entry) -> Row {
    let source = Source::File(entry.path);
    Row { key: source.key(), source, summary: entry.summary, mtime: entry.mtime, in_work: false }
}

fn of_pair(example: &ExampleRecord) -> Row {
    let source = Source::Pair(Box::new(example.clone()));
    Row { key: source.key(), source, summary: State::fresh(example.clone()).summary(), mtime: 0, in_work: false }
}

fn samples() -> Vec<Row> {
    let row = |summary: Summary, name: &str, bytes| {
        let source = Source::Sample { name: name.to_owned(), bytes };
        Row { key: source.key(), source, summary, mtime: 0, in_work: false }
    };
    // A test reads every sample.
    SAMPLES.iter().filter_map(|sample| Some(row(sample.summary().ok()?, sample.name, sample.bytes))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{self, Session};

    /// Sessions made of a file of pairs, and one that was pasted, with names that are in another order.
    #[test]
    fn sessions_stand_as_the_rows_they_came_from_and_the_others_behind_them() {
        let folder = tempfile::tempdir().unwrap();
        let sessions = [("b", Some(2)), ("c", Some(1)), ("a", None), ("d", Some(10))];
        for (id, row) in sessions {
            let source = |row| session::Source { file: "pairs.jsonl".to_owned(), row, licence: None };
            let written = ExampleRecord::written(&format!("Write piece {id}."), "It is written.");
            let example = ExampleRecord { id: id.to_owned(), source: row.map(source), ..written };
            Session::create(&folder.path().join(format!("{id}.jsonl")), id, example).unwrap().close().unwrap();
        }
        let place = Place::Folder(folder.path().to_owned());
        let listed = Reader::new(place, folder.path().to_owned(), None).read().unwrap().unwrap();
        let ids: Vec<&str> = listed.rows.iter().map(|row| row.summary.id.as_str()).collect();
        assert_eq!(ids, ["c", "b", "d", "a"]);
    }
}
