//! Texts that were not saved when the program ended, a file each, beside what is remembered.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, fs};

use crate::app::unsaved::Unsaved;

/// The files; copies of it are one.
#[derive(Debug, Clone)]
pub struct Texts {
    /// Without one, nothing is kept.
    folder: Option<PathBuf>,
    kept: Arc<Mutex<Kept>>,
}

/// What became of a text that was being written when the program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// It is kept where the program finds it again.
    Kept,
    /// It could not be kept there, for this reason, and was put aside in a file.
    Aside {
        why: String,
        path: PathBuf,
    },
    Lost {
        why: String,
    },
}

impl Left {
    /// Puts a text aside that could not be kept for this reason.
    pub fn aside(text: &str, why: String) -> Left {
        let write = || -> std::io::Result<PathBuf> {
            let mut file = tempfile::Builder::new().prefix("retrace-unsaved-").suffix(".md").tempfile()?;
            file.write_all(text.as_bytes())?;
            Ok(file.keep()?.1)
        };
        match write() {
            Ok(path) => Left::Aside { why, path },
            Err(error) => Left::Lost { why: format!("{why}; nor could it be put aside: {error}") },
        }
    }
}

impl fmt::Display for Left {
    /// Goes on from "the text you were writing".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Left::Kept => f.write_str("is not saved yet; it comes again where you were writing it"),
            Left::Aside { why, path } => write!(f, "is not saved; it is in {} now ({why})", path.display()),
            Left::Lost { why } => write!(f, "is lost ({why})"),
        }
    }
}

#[derive(Debug, Default)]
struct Kept {
    /// The file of the text that is being written.
    path: Option<PathBuf>,
    /// Rises whenever a text is forgotten: what was to be kept before is not kept any more.
    turn: u64,
}

impl Texts {
    /// In the folder of what is remembered.
    pub fn new(state: Option<PathBuf>) -> Texts {
        Texts { folder: state.map(|state| state.join("unsaved")), kept: Arc::default() }
    }

    /// To be given to [`Texts::keep`] with a text as it is now.
    pub fn turn(&self) -> u64 {
        self.lock().turn
    }

    /// Writes a text down: whole, or not at all; not when it was forgotten since `turn`.
    ///
    /// # Errors
    /// One sentence that names the file.
    pub fn keep(&self, turn: u64, unsaved: &Unsaved) -> Result<(), String> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let path = folder.join(name(unsaved.about.key()));
        let mut kept = self.lock();
        if kept.turn != turn {
            return Ok(());
        }
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(serde_json::to_string(unsaved)?.as_bytes())?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(|error| format!("{}: the text is not kept until it is saved ({error})", path.display()))?;
        kept.path = Some(path);
        Ok(())
    }

    /// The text that was kept of this session, or of a new one.
    pub fn recall(&self, key: &str) -> Option<Unsaved> {
        let path = self.folder.as_ref()?.join(name(key));
        let unsaved: Unsaved = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
        (unsaved.about.key() == key).then_some(unsaved)
    }

    /// Forgets the text that was kept last.
    pub fn forget(&self) {
        let mut kept = self.lock();
        kept.turn += 1;
        if let Some(path) = kept.path.take() {
            // One that cannot be taken away comes up again, and is thrown away then.
            drop(fs::remove_file(path));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file's name of a session's key.
fn name(key: &str) -> String {
    format!("{:08x}-{}.json", crc32c::crc32c(key.as_bytes()), key.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::bench::Writing;
    use crate::app::unsaved::About;

    fn note(key: &str, text: &str) -> Unsaved {
        Unsaved { about: About::Session { key: key.to_owned(), writing: Writing::Note }, text: text.to_owned() }
    }

    #[test]
    fn a_text_that_cannot_be_kept_is_put_aside_and_said_to_be() {
        let left = Left::aside("half a thought", "nowhere to keep it".to_owned());
        let Left::Aside { path, .. } = &left else { panic!("{left}") };
        assert_eq!(fs::read_to_string(path).unwrap(), "half a thought");
        assert!(
            left.to_string().contains(&path.display().to_string()) && left.to_string().contains("nowhere"),
            "{left}"
        );
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_text_is_kept_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let texts = Texts::new(Some(folder.path().to_owned()));
        assert_eq!(texts.recall("a"), None);
        texts.keep(texts.turn(), &note("a", "half")).unwrap();
        let again = Texts::new(Some(folder.path().to_owned()));
        assert_eq!(again.recall("b"), None);
        assert_eq!(again.recall("a"), Some(note("a", "half")));
        again.keep(again.turn(), &note("a", "half a page")).unwrap();
        let late = again.turn();
        again.forget();
        again.keep(late, &note("a", "late")).unwrap();
        assert_eq!(again.recall("a"), None, "what was on its way when it was forgotten stays forgotten");
    }
}
