//! The command line: one file a subcommand; results on stdout, everything else on stderr.
//!
//! Decides nothing about searches, scores or sessions; it reads arguments, calls the rooms below and prints.

mod back_ends;
mod check;
mod completions;
mod config;
mod doctor;
mod export;
mod numbers;
mod outcome;
mod output;
mod replay;
mod score;
pub mod search;
mod stats;
mod table;
mod usage;
mod workbench;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use outcome::{Fault, Outcome};
pub use output::{Output, note};

const ABOUT: &str = "\
A workbench for finding the thinking behind a good text.

Given a query and a known-good reference, a search drafts the thinking that could have led from one to the other and \
rewrites it segment by segment, keeping what lowers the perplexity of the reference (REER, arXiv 2509.06160).

Without a command, the workbench opens: on your library with its samples, or on PATH. Everything works offline with \
the built-in rule-based baseline `cues` and the built-in small model `bundled`; any GGUF model of the llama, qwen2 and \
qwen3 architectures takes their place, or a server: `retrace doctor` shows whether one can be trusted to score.";

const EXAMPLES: &str = "\
Examples:
  retrace                                    the workbench on your library, the samples in it
  retrace pairs.jsonl                        the workbench on the rows of a file of pairs
  retrace search pairs.jsonl --into out      search the thinking behind every pair of a file, without a screen
  retrace out                                see what came of it, judge, correct, keep
  retrace export out --to rows --format messages
                                             training rows from the kept sessions in out/";

/// The name under which standard input is read.
const STDIN: &str = "-";

/// Find the thinking behind a good text
#[derive(Debug, Parser)]
#[command(
    name = "retrace",
    version,
    long_about = ABOUT,
    after_help = EXAMPLES,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// What to open the workbench on: a folder of sessions, one session, or a file of pairs [default: your library]
    path: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Search(Box<search::SearchArgs>),
    Score(score::ScoreArgs),
    Replay(replay::ReplayArgs),
    Stats(stats::StatsArgs),
    Export(export::ExportArgs),
    Check(check::CheckArgs),
    Doctor(doctor::DoctorArgs),
    Config(config::ConfigArgs),
    Completions(completions::CompletionsArgs),
}

/// Carries out one command line, the program's name first; says what went wrong in one line on stderr.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return usage::answer(&error, &args),
    };
    let mut output = Output::stdout();
    let done = match &cli.command {
        None => open(cli.path.as_deref()),
        Some(Command::Search(args)) => search::run(args, &mut output),
        Some(Command::Score(args)) => score::run(args, &mut output),
        Some(Command::Replay(args)) => replay::run(args, &mut output),
        Some(Command::Stats(args)) => stats::run(args, &mut output),
        Some(Command::Export(args)) => export::run(args, &mut output),
        Some(Command::Check(args)) => check::run(args, &mut output),
        Some(Command::Doctor(args)) => doctor::run(args, &mut output),
        Some(Command::Config(args)) => config::run(args, &mut output),
        Some(Command::Completions(args)) => completions::run(args, &mut output),
    };
    match done.and_then(|outcome| output.finish().map(|()| outcome)) {
        Ok(outcome) => outcome.code(),
        Err(Fault(line)) => {
            note(format_args!("retrace: {line}"));
            Fault::code()
        }
    }
}

/// Opens the workbench; a word that is no path may be a command that was mistyped.
fn open(path: Option<&Path>) -> Result<Outcome, Fault> {
    match path.filter(|path| !path.exists()) {
        Some(path) => Err(Fault::at(path, format!("there is no such file or folder{}", near(path)))),
        None => workbench::run(path),
    }
}

fn near(path: &Path) -> String {
    match usage::command_like(&path.to_string_lossy()) {
        Some(name) => format!("; did you mean `retrace {name}`?"),
        None => "; `retrace --help` lists the commands".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_path_may_be_a_mistyped_command() {
        let said = |word: &str| open(Some(Path::new(word))).unwrap_err().0;
        assert_eq!(said("confg"), "confg: there is no such file or folder; did you mean `retrace config`?");
        assert_eq!(said("zz.jsonl"), "zz.jsonl: there is no such file or folder; `retrace --help` lists the commands");
    }
}
