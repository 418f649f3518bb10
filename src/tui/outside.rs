//! Texts that are written in another program: segments and the file of keys, in $EDITOR.

use std::path::Path;

use super::terminal::Editor;
use crate::app::keymap::{Keymap, template};

/// Name of the file of keys, beside the settings.
pub const KEYS: &str = "keymap.toml";

/// Lets a person write; `None` when the text is as it was.
///
/// # Errors
/// One sentence.
pub fn write(text: &str) -> Result<Option<String>, String> {
    Editor::find().and_then(|editor| editor.edit(text)).map_err(|error| error.to_string())
}

/// Lets a person change the file of keys, and reads it. A file that is refused stays as it was.
///
/// # Errors
/// What is wrong with it, with its line.
pub fn edit_keys(folder: &Path) -> Result<Keymap, String> {
    let path = folder.join(KEYS);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|_| template());
    let Some(text) = write(&text)? else { return keys(Some(folder)) };
    let keymap = Keymap::with_file(&text).map_err(|error| format!("{}: {error}; it was not saved", path.display()))?;
    let saved = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, &text));
    saved.map_err(|error| format!("{}: cannot be written: {error}", path.display()))?;
    Ok(keymap)
}

/// The keys as the user's file has them; the defaults without one.
///
/// # Errors
/// What is wrong with the file, with its line.
pub fn keys(folder: Option<&Path>) -> Result<Keymap, String> {
    let Some(path) = folder.map(|folder| folder.join(KEYS)) else { return Ok(Keymap::default()) };
    match std::fs::read_to_string(&path) {
        Ok(text) => Keymap::with_file(&text).map_err(|error| format!("{}: {error}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Keymap::default()),
        Err(error) => Err(format!("{}: cannot be read: {error}", path.display())),
    }
}
