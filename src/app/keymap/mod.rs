//! Which keys do what, by context: defaults from the registry, changed by the user's file. Conflicts are refused.

mod file;
mod map;
mod reach;
mod text;

pub use file::{KeysError, template};
pub use map::{Keymap, Looked};
pub use text::text_edit;
