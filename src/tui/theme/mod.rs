//! Themes: a style for each meaning, in as many colours as the terminal has. The only place with colours.
//!
//! The screen is filled with [`Theme::ground`] first, since some themes have a ground of their own; every other style is
//! laid over what is there.

mod depth;
mod file;
mod inherit;
mod role;
#[cfg(test)]
mod tests;
mod words;

use std::path::{Path, PathBuf};
use std::{fs, io};

use ratatui::style::Style;

pub use depth::{Depth, NotADepth};
pub use role::Role;

use crate::app::Choice;
use file::ThemeFile;

/// The theme that is used when none is chosen.
pub const DEFAULT: &str = "terminal";

/// The theme that decides, whichever is chosen, where there are no colours.
const MONO: &str = "mono";

/// Themes that are part of the program: name, text.
const BUNDLED: [(&str, &str); 6] = [
    (DEFAULT, include_str!("../../../themes/terminal.toml")),
    ("dark", include_str!("../../../themes/dark.toml")),
    ("light", include_str!("../../../themes/light.toml")),
    ("high-contrast", include_str!("../../../themes/high-contrast.toml")),
    ("colour-blind", include_str!("../../../themes/colour-blind.toml")),
    (MONO, include_str!("../../../themes/mono.toml")),
];

/// A style for every role.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    name: String,
    depth: Depth,
    styles: [Style; Role::ALL.len()],
}

/// A theme that cannot be used; the one before stays.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    #[error("there is no theme {name}; there are {}", known.join(", "))]
    Unknown { name: String, known: Vec<String> },
    #[error("{}: {}", path.display(), crate::text::unreadable(source))]
    Read { path: PathBuf, source: io::Error },
    #[error("{place}:{line}: {what}")]
    Wrong {
        /// The file.
        place: String,
        /// From 1.
        line: usize,
        what: String,
    },
}

impl Theme {
    /// A theme by its name, in this many colours. A file `NAME.toml` in `folder`, the user's own themes, goes before
    /// one of the program. Without colours every theme looks as `mono` does, so that nothing is told by colour alone.
    ///
    /// # Errors
    /// There is none of this name, or its file is wrong.
    pub fn load(name: &str, depth: Depth, folder: Option<&Path>) -> Result<Theme, ThemeError> {
        let (place, text) = Theme::find(name, folder)?;
        let wrong = |wrong: file::Wrong| ThemeError::Wrong { place, line: wrong.line, what: wrong.what };
        let file = ThemeFile::parse(&text).map_err(wrong)?;
        match depth {
            Depth::Mono => Ok(Theme { name: name.to_owned(), ..Theme::mono() }),
            _ => Ok(Theme::of(name, &file, depth)),
        }
    }

    /// Without any colour: weight, underline and reversal alone.
    pub fn mono() -> Theme {
        // That the bundled file can be read is tested; should it ever not be, plain texts are still right.
        match ThemeFile::parse(BUNDLED[BUNDLED.len() - 1].1) {
            Ok(file) => Theme::of(MONO, &file, Depth::Mono),
            Err(_) => Theme { name: MONO.to_owned(), depth: Depth::Mono, styles: [Style::new(); Role::ALL.len()] },
        }
    }

    /// All names: the program's own, then the user's.
    pub fn names(folder: Option<&Path>) -> Vec<String> {
        let mut own: Vec<String> =
            folder.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().filter_map(theme_name).collect();
        own.sort();
        let bundled = BUNDLED.iter().map(|(name, _)| (*name).to_owned());
        let own = own.into_iter().filter(|own| !BUNDLED.iter().any(|(name, _)| name == own));
        bundled.chain(own).collect()
    }

    /// All themes, each with what it says of itself.
    pub fn choices(folder: Option<&Path>) -> Vec<Choice> {
        let about = |name: &str| Theme::find(name, folder).map(|(_, text)| file::about(&text)).unwrap_or_default();
        Theme::names(folder).into_iter().map(|name| Choice { about: about(&name), name }).collect()
    }

    /// What the screen is filled with.
    pub fn ground(&self) -> Style {
        self.styles[Role::Text as usize]
    }

    /// A role's style, to be laid over what is there: the screen's own ground is no part of it, so that words have the
    /// ground of the list or the line they stand in.
    pub fn style(&self, role: Role) -> Style {
        let style = self.styles[role as usize];
        if style.bg == self.ground().bg { Style { bg: None, ..style } } else { style }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn depth(&self) -> Depth {
        self.depth
    }

    fn of(name: &str, file: &ThemeFile, depth: Depth) -> Theme {
        let mut styles = [Style::new(); Role::ALL.len()];
        for role in Role::ALL {
            styles[*role as usize] = file.style(*role, depth);
        }
        Theme { name: name.to_owned(), depth, styles }
    }

    /// Where it is from, for messages, and its text.
    fn find(name: &str, folder: Option<&Path>) -> Result<(String, String), ThemeError> {
        let unknown = || ThemeError::Unknown { name: name.to_owned(), known: Theme::names(folder) };
        // A name is no path.
        let own = folder.filter(|_| !name.contains(['/', '\\'])).map(|folder| folder.join(format!("{name}.toml")));
        if let Some(path) = own.filter(|path| path.is_file()) {
            let text = fs::read_to_string(&path);
            let place = path.display().to_string();
            return text.map(|text| (place, text)).map_err(|source| ThemeError::Read { path, source });
        }
        let bundled = BUNDLED.iter().find(|(bundled, _)| *bundled == name).ok_or_else(unknown)?;
        Ok((format!("themes/{name}.toml"), bundled.1.to_owned()))
    }
}

fn theme_name(entry: io::Result<fs::DirEntry>) -> Option<String> {
    let path = entry.ok()?.path();
    let named = path.extension().is_some_and(|extension| extension == "toml") && path.is_file();
    path.file_stem().filter(|_| named).and_then(|name| name.to_str()).map(str::to_owned)
}
