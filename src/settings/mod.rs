//! The settings: one commented file, the environment and flags over the program's defaults.
//!
//! Precedence: flags, environment, file, preset and defaults. Knows nothing of networks and terminals; specs of back
//! ends are kept as the user wrote them.

mod error;
mod file;
pub mod key;
mod layer;
mod resolve;

pub use error::SettingsError;
pub use file::SettingsFile;
pub use key::{Key, Kind};
pub use layer::{Flags, Origin};
pub use resolve::{Settings, Told};

/// The commented default file, compiled in.
pub const DEFAULT_FILE: &str = include_str!("../../assets/settings.toml");

/// Names another settings file than the platform's.
pub const FILE_VARIABLE: &str = "RETRACE_CONFIG";
