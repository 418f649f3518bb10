//! The settings file: where it is, its text, and changes to it that keep its comments.

use std::path::{Path, PathBuf};
use std::{fs, io};

use directories::ProjectDirs;
use toml_edit::{DocumentMut, Item, Value, table};

use super::{DEFAULT_FILE, FILE_VARIABLE, Key, SettingsError, layer};

/// The settings file as it was read. A file that does not exist is empty, unless the user named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFile {
    path: PathBuf,
    text: String,
}

impl SettingsFile {
    /// The path: [`FILE_VARIABLE`], else `settings.toml` in the platform's folder for settings.
    ///
    /// # Errors
    /// The user has no home folder.
    pub fn path(variable: impl Fn(&str) -> Option<String>) -> Result<PathBuf, SettingsError> {
        let named = variable(FILE_VARIABLE).filter(|path| !path.is_empty());
        named
            .map(PathBuf::from)
            .or_else(|| Some(folders()?.config_dir().join("settings.toml")))
            .ok_or(SettingsError::NoFolder)
    }

    /// Reads the file of this user.
    ///
    /// # Errors
    /// It cannot be read, or it was named and is not there.
    pub fn of_user(variable: impl Fn(&str) -> Option<String>) -> Result<Option<SettingsFile>, SettingsError> {
        let named = variable(FILE_VARIABLE).is_some_and(|path| !path.is_empty());
        let path = match SettingsFile::path(&variable) {
            Err(SettingsError::NoFolder) => return Ok(None),
            path => path?,
        };
        match SettingsFile::read(&path) {
            Err(SettingsError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound && !named => Ok(None),
            read => read.map(Some),
        }
    }

    /// Reads a file; its values are checked by [`super::Settings::load`].
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(path: &Path) -> Result<SettingsFile, SettingsError> {
        let text = fs::read_to_string(path).map_err(|source| SettingsError::Read { path: path.to_owned(), source })?;
        Ok(SettingsFile { path: path.to_owned(), text })
    }

    /// Writes the commented default file.
    ///
    /// # Errors
    /// There is a file already, or it cannot be written.
    pub fn init(path: &Path) -> Result<SettingsFile, SettingsError> {
        if path.exists() {
            return Err(SettingsError::Exists { path: path.to_owned() });
        }
        let file = SettingsFile { path: path.to_owned(), text: DEFAULT_FILE.to_owned() };
        file.write()?;
        Ok(file)
    }

    /// Sets `key` and writes the file; comments, order and layout of the rest stay.
    ///
    /// # Errors
    /// The value is not one of the key's kind, the file's other values are wrong, or it cannot be written. Then
    /// nothing has changed.
    pub fn set(&mut self, key: Key, value: Value) -> Result<(), SettingsError> {
        let wrong = |what| SettingsError::Value { place: self.path.display().to_string(), what };
        key.check(&value).map_err(wrong)?;
        layer::file(&self.path, &self.text)?;
        let mut document: DocumentMut = self.text.parse().map_err(|e: toml_edit::TomlError| wrong(e.to_string()))?;
        let (section, name) = key.name.split_once('.').map_or((None, key.name), |(s, n)| (Some(s), n));
        let table = match section {
            Some(section) => document.entry(section).or_insert_with(table).as_table_like_mut(),
            None => Some(document.as_table_mut() as &mut dyn toml_edit::TableLike),
        }
        .ok_or_else(|| wrong(format!("{} is not in a table", key.name)))?;
        match table.get_mut(name).and_then(Item::as_value_mut) {
            Some(old) => {
                let decor = old.decor().clone();
                *old = value;
                *old.decor_mut() = decor;
            }
            None => {
                table.insert(name, Item::Value(value));
            }
        }
        let changed = SettingsFile { text: document.to_string(), path: self.path.clone() };
        changed.write()?;
        *self = changed;
        Ok(())
    }

    /// Where it is.
    pub fn location(&self) -> &Path {
        &self.path
    }

    pub(super) fn layer(&self) -> Result<layer::Layer, SettingsError> {
        layer::file(&self.path, &self.text)
    }

    pub(super) fn keys(&self) -> Result<layer::HostKeys, SettingsError> {
        layer::keys(&self.path, &self.text)
    }

    /// Writes to a temporary name and renames, so that a crash leaves the old file or the new one.
    fn write(&self) -> Result<(), SettingsError> {
        let temporary = self.path.with_extension("toml.new");
        let folder = self.path.parent().filter(|f| !f.as_os_str().is_empty());
        folder
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&temporary, &self.text))
            .and_then(|()| fs::File::open(&temporary)?.sync_all())
            .and_then(|()| fs::rename(&temporary, &self.path))
            .map_err(|source| SettingsError::Write { path: self.path.clone(), source })
    }
}

/// The platform's folders for this program; none for a user without a home.
pub(super) fn folders() -> Option<ProjectDirs> {
    ProjectDirs::from("", "", "retrace")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::key;

    #[test]
    fn setting_a_value_keeps_every_comment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/settings.toml");
        let mut file = SettingsFile::init(&path).unwrap();
        assert!(matches!(SettingsFile::init(&path), Err(SettingsError::Exists { .. })));
        file.set(key::SCORER, "gguf:m.gguf".into()).unwrap();
        file.set(key::STEPS, 9.into()).unwrap();
        let written = fs::read_to_string(&path).unwrap();
        let comments = |text: &str| text.lines().filter(|l| l.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(comments(&written), comments(DEFAULT_FILE));
        let layer = SettingsFile::read(&path).unwrap().layer().unwrap();
        assert_eq!(layer["scorer"].0.as_str(), Some("gguf:m.gguf"));
        assert_eq!(layer["search.steps"].0.as_integer(), Some(9));
    }

    #[test]
    fn a_comment_behind_a_value_stays_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.toml");
        fs::write(&path, "scorer = \"bundled\"   # the small one\n").unwrap();
        SettingsFile::read(&path).unwrap().set(key::SCORER, "gguf:m".into()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "scorer = \"gguf:m\"   # the small one\n");
    }

    #[test]
    fn a_wrong_value_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.toml");
        fs::write(&path, "scorer = \"bundled\"\n").unwrap();
        let mut file = SettingsFile::read(&path).unwrap();
        assert!(file.set(key::STEPS, "many".into()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "scorer = \"bundled\"\n");
    }

    #[test]
    fn a_named_file_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("none.toml").display().to_string();
        let error = SettingsFile::of_user(|_| Some(missing.clone())).unwrap_err();
        assert!(error.to_string().contains("none.toml: cannot be read"), "{error}");
    }
}
