//! Texts that are written in another program: segments and the file of keys, in $EDITOR.

use std::path::Path;

use super::terminal::Editor;
use crate::app::keymap::{Keymap, template};
use crate::app::message::Message;

/// Name of the file of keys, beside the settings.
pub const KEYS: &str = "keymap.toml";

/// What a segment's text is called while it is written.
pub const SEGMENT: &str = "segment.md";

/// Lets a person write in a file of this name; `None` when the text is as it was.
///
/// # Errors
/// One sentence.
pub fn write(name: &str, text: &str) -> Result<Option<String>, String> {
    Editor::find().and_then(|editor| editor.edit(name, text)).map_err(|error| error.to_string())
}

/// Lets a person change the file of keys, or go on with what was `refused`, and says what came of it. A file that is
/// refused stays as it was; what was written goes back with the reason.
pub fn edit_keys(folder: &Path, refused: Option<String>) -> Message {
    let path = folder.join(KEYS);
    let again = refused.is_some();
    let text = refused.unwrap_or_else(|| std::fs::read_to_string(&path).unwrap_or_else(|_| template()));
    let text = match write(KEYS, &text) {
        Ok(Some(text)) => text,
        Ok(None) if again => text,
        Ok(None) => return Message::Keys(keys(Some(folder)).map(Box::new)),
        Err(why) => return Message::Keys(Err(why)),
    };
    match save_keys(&path, &text) {
        Ok(keymap) => Message::Keys(Ok(Box::new(keymap))),
        Err(why) => Message::KeysRefused { why, text },
    }
}

fn save_keys(path: &Path, text: &str) -> Result<Keymap, String> {
    let keymap = Keymap::with_file(text).map_err(|error| format!("{}: {error}; it was not saved", path.display()))?;
    let saved = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, text));
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
