//! `retrace check`: verifies journals, line by line, and changes nothing.

use std::path::{Path, PathBuf};

use clap::Args;
use rayon::prelude::*;
use serde::Serialize;

use super::numbers::counted;
use super::{Fault, Outcome, Output};
use crate::session::{self, Health, SessionError, library};

const EXAMPLES: &str = "\
Examples:
  retrace check out                  every session of a folder
  retrace check out/river.jsonl --json

A torn tail is the rest of a write that was cut short; the next run that opens the session sets it aside and goes on.
Damage is a line that is not as it was written; such a session can be read and not be written.
Exit code: 0 nothing is damaged, 1 something is.";

/// Verify session files: checksums, order, torn tails
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    /// A session file, or a folder of them
    path: PathBuf,

    /// Print one JSON document on stdout, and nothing else there
    #[arg(long)]
    json: bool,
}

/// JSON of `retrace check`.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Files looked at.
    files: usize,
    damaged: Vec<Place>,
    torn: Vec<Tail>,
    /// Files that a newer program wrote, which this one only reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    newer: Vec<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Place {
    file: PathBuf,
    line: u64,
    why: String,
}

#[derive(Debug, Serialize)]
struct Tail {
    file: PathBuf,
    line: u64,
    bytes: u64,
    why: String,
}

pub fn run(args: &CheckArgs, output: &mut Output) -> Result<Outcome, Fault> {
    let report = check(&args.path)?;
    if args.json {
        output.json(&report);
    } else {
        tell(&report, output);
    }
    Ok(Outcome::partial_if(!report.damaged.is_empty()))
}

fn check(path: &Path) -> Result<Report, Fault> {
    let files = if path.is_dir() { library::files(path)? } else { vec![path.to_owned()] };
    let looked: Vec<Result<Health, SessionError>> =
        files.par_iter().map(|file| session::events(file).map(|(_, health)| health)).collect();
    let mut report = Report { files: files.len(), ..Report::default() };
    for (file, health) in files.into_iter().zip(looked) {
        match health {
            Ok(health) => report.add(file, health),
            Err(SessionError::NotASession { why, .. }) if path.is_dir() => {
                report.damaged.push(Place { file, line: 1, why });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(report)
}

impl Report {
    fn add(&mut self, file: PathBuf, health: Health) {
        let damage = |d: session::Damage| Place { file: file.clone(), line: d.line, why: d.why };
        self.damaged.extend(health.damaged.into_iter().map(damage));
        let torn = |t: session::Torn| Tail { file: file.clone(), line: t.line, bytes: t.bytes, why: t.why };
        self.torn.extend(health.torn.map(torn));
        self.newer.extend(health.newer_schema.map(|_| file));
    }
}

fn tell(report: &Report, output: &mut Output) {
    for Place { file, line, why } in &report.damaged {
        output.line(format_args!("{}:{line}: damaged: {why}", file.display()));
    }
    for Tail { file, line, bytes, why } in &report.torn {
        output.line(format_args!("{}:{line}: torn tail of {bytes} bytes: {why}", file.display()));
    }
    for file in &report.newer {
        output.line(format_args!("{}: written by a newer program, read-only for this one", file.display()));
    }
    let (files, damaged, torn) = (report.files, report.damaged.len(), report.torn.len());
    let (files, damaged) = (counted(files, "file"), counted(damaged, "damaged line"));
    output.line(format_args!("{files}, {damaged}, {}", counted(torn, "torn tail")));
}
