//! The settings: one commented file, the environment and flags over the program's defaults.
//!
//! Precedence: flags, environment, file, preset and defaults. Knows nothing of networks and terminals; specs of back
//! ends are kept as the user wrote them.

mod error;
mod file;
pub mod key;
mod layer;
mod resolve;

use std::path::{Path, PathBuf};

pub use error::SettingsError;
pub use file::SettingsFile;
pub use key::{Key, Kind};
pub use layer::{Flags, HostKeys, Origin};
pub use resolve::{Settings, Told};

/// The commented default file, compiled in.
pub const DEFAULT_FILE: &str = include_str!("../../assets/settings.toml");

/// Names another settings file than the platform's.
pub const FILE_VARIABLE: &str = "RETRACE_CONFIG";

/// Folder of the settings file; the user's keys and themes lie beside it.
pub fn folder() -> Option<PathBuf> {
    let path = SettingsFile::path(|name| std::env::var(name).ok()).ok()?;
    path.parent().map(Path::to_owned)
}

/// Folder for what the workbench remembers from run to run.
pub fn state_folder() -> Option<PathBuf> {
    let folders = file::folders()?;
    Some(folders.state_dir().unwrap_or_else(|| folders.data_local_dir()).to_owned())
}
