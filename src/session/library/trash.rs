//! The trash of a library: sessions that a person removed, in its `.retrace` folder, each as it was. Nothing is
//! deleted; who wants that does it there.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::{SessionError, journal};

/// Moves a session's file to the trash of the library in `root`; returns where it is now.
///
/// # Errors
/// Another process writes it, or it cannot be moved.
pub fn put(root: &Path, path: &Path) -> Result<PathBuf, SessionError> {
    journal::writable(path)?;
    let trash = root.join(".retrace").join("trash");
    fs::create_dir_all(&trash).map_err(SessionError::io(&trash, "make the folder"))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let names = std::iter::once(format!("{stem}.jsonl")).chain((2..).map(|count| format!("{stem}-{count}.jsonl")));
    let to = names.map(|name| trash.join(name)).find(|to| !to.exists()).unwrap_or_else(|| trash.join(&stem));
    fs::rename(path, &to).map_err(SessionError::io(path, "move it to the trash"))?;
    Ok(to)
}

/// Brings a session back from the trash to where it was.
///
/// # Errors
/// Something else is there by now, or it cannot be moved.
pub fn take_back(from: &Path, to: &Path) -> Result<(), SessionError> {
    if to.exists() {
        return Err(SessionError::Exists { path: to.to_owned() });
    }
    fs::rename(from, to).map_err(SessionError::io(from, "bring it back"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_removed_comes_back_and_covers_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        fs::write(&path, "one").unwrap();
        let first = put(folder.path(), &path).unwrap();
        fs::write(&path, "two").unwrap();
        assert!(matches!(take_back(&first, &path), Err(SessionError::Exists { .. })));
        let second = put(folder.path(), &path).unwrap();
        assert_ne!(first, second);
        take_back(&first, &path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(crate::session::library::files(folder.path()).unwrap(), [path], "the trash is not listed");
    }
}
