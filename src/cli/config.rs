//! `retrace config`: where the settings are, a commented file to begin with, and every value with its origin.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Fault, Outcome, Output, note};
use crate::settings::{Flags, Settings, SettingsFile, Told};

const EXAMPLES: &str = "\
Examples:
  retrace config init                        write the commented default file
  retrace config show                        every value, and where it comes from
  RETRACE_SCORER=gguf:m.gguf retrace config show --json

Flags go before the environment (RETRACE_SCORER, RETRACE_SEARCH_STEPS, ...), the environment before the file, the \
file before the defaults. RETRACE_CONFIG names another file.";

/// Show or begin the settings
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConfigArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the path of the settings file, whether it is there or not
    Path,
    /// Write the commented default file; one that is there is left alone
    Init,
    /// Print every value and where it comes from (without an action, this)
    Show {
        /// Print one JSON document on stdout, and nothing else there
        #[arg(long)]
        json: bool,
    },
}

/// JSON of `retrace config show`.
#[derive(Serialize)]
struct Shown {
    file: String,
    exists: bool,
    values: Vec<Value>,
}

#[derive(Serialize)]
struct Value {
    key: &'static str,
    value: String,
    origin: String,
}

pub fn run(args: &ConfigArgs, output: &mut Output) -> Result<Outcome, Fault> {
    let path = SettingsFile::path(|name| std::env::var(name).ok())?;
    match args.action {
        Some(Action::Path) => output.line(path.display()),
        Some(Action::Init) => {
            SettingsFile::init(&path)?;
            note(format_args!("wrote the default settings to {}", path.display()));
        }
        Some(Action::Show { json: true }) => output.json(&shown(&path)?),
        Some(Action::Show { json: false }) | None => table(&shown(&path)?, output),
    }
    Ok(Outcome::Done)
}

fn shown(path: &std::path::Path) -> Result<Shown, Fault> {
    let value = |told: Told| Value { key: told.key, value: told.value, origin: told.origin.to_string() };
    let values = Settings::load(&Flags::default())?.told().into_iter().map(value).collect();
    Ok(Shown { file: path.display().to_string(), exists: path.exists(), values })
}

fn table(shown: &Shown, output: &mut Output) {
    let there = if shown.exists { "" } else { " (not there; `retrace config init` writes it)" };
    output.line(format_args!("# {}{there}", shown.file));
    let width = |of: fn(&Value) -> usize| shown.values.iter().map(of).max().unwrap_or_default();
    let (keys, values) = (width(|v| v.key.len()), width(|v| v.value.chars().count()));
    for value in &shown.values {
        let Value { key, value, origin } = value;
        output.line(format_args!("{key:keys$}  {value:values$}  {origin}"));
    }
}
