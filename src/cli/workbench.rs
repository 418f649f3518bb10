//! `retrace [PATH]`: opens the workbench.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Fault, Outcome, note};
use crate::app::library::Place;
use crate::engine::{BackEnds, Setup};
use crate::session::Author;
use crate::settings::{self, Flags, Settings};
use crate::tui::{self, Opening};

/// Opens the workbench on a path, else on the user's library.
///
/// # Errors
/// There is no terminal, the path cannot be opened, or the settings are wrong.
pub fn run(path: Option<&Path>) -> Result<Outcome, Fault> {
    tui::terminal::check()?;
    let settings = Settings::load(&Flags::default())?;
    let missing = || Fault("there is no folder for sessions; name one with `retrace PATH`, or set HOME".to_owned());
    // Places are remembered by their paths, from whichever folder the program is started.
    let path = path.map(std::path::absolute).transpose().map_err(|error| Fault(error.to_string()))?;
    let path = path.as_deref();
    let home: PathBuf = match (path, &settings.library) {
        // A folder that is named is where new sessions go, too.
        (Some(path), _) if path.is_dir() => path.to_owned(),
        (_, library) => library.clone().ok_or_else(missing)?,
    };
    let place = match path {
        Some(path) => tui::place(path).map_err(Fault)?,
        None => Place::Folder(home.clone()),
    };
    let opening = Opening {
        place,
        home,
        own: settings.library.clone(),
        back_ends: Arc::new(BackEnds::of(&settings)?),
        defaults: Setup::of(&settings),
        author: Author::User(user()),
        concurrency: settings.concurrency,
        settings: settings::folder(),
        state: settings::state_folder(),
    };
    let ended = tui::run(opening)?;
    if let Some(left) = ended.unsaved {
        note(format_args!("retrace: the text you were writing {left}"));
    }
    Ok(ended.signal.map_or(Outcome::Done, |signal| Outcome::Signalled(signal.exit_code())))
}

/// Who is at the bench, as the events name them.
fn user() -> String {
    let named = ["RETRACE_USER", "USER", "LOGNAME", "USERNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    named.map(|name| name.trim().to_owned()).find(|name| !name.is_empty()).unwrap_or_else(|| "someone".to_owned())
}
