//! `retrace score`: the perplexity of one reference, or of everything a session holds under another scorer.

mod pair;
mod raw;
mod rescore;
mod tokens;

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args};
use tokio::runtime::Runtime;

use super::search::together;
use super::{Fault, Outcome, Output, STDIN};
use crate::engine::Trust;
use crate::lm::LmError;
use crate::settings::{Flags, Settings, key};

const EXAMPLES: &str = "\
Examples:
  retrace score --query-file q.txt --reference-file y.txt --trajectory-file z.txt
      The perplexity of y given x and z, beside that behind an empty think block.
  retrace score --query-file q.txt --reference-file y.txt --tokens --json
      The same without thinking, with the log-probability of every token.
  retrace score --raw --context-file c.txt --reference-file y.txt --tokens --json
      No template and no trimming: log p(y | c) verbatim.
  retrace score out --scorer gguf:qwen3-4b.gguf
      Adds this scorer's numbers to every session of a folder; changes nothing that is there.

One of the files may be `-`, standard input. nll is in nats per token, offsets are bytes of the reference file. Line ends at the end of the query are not part of \
it; the reference is scored without line ends before it and white space after it.
Exit code: 0 all done, 1 some sessions or versions could not be scored, 2 nothing could be scored.";

/// Score a reference given a query and thinking, or rescore sessions
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("what").required(true).args(["path", "query_file", "raw"]))]
pub struct ScoreArgs {
    /// A session or a folder of sessions to score with another scorer
    #[arg(value_name = "SESSION|DIR", conflicts_with_all = ["reference_file", "tokens", "objective"])]
    path: Option<PathBuf>,

    /// File with the query
    #[arg(long, value_name = "FILE", requires = "reference_file")]
    query_file: Option<PathBuf>,

    /// File with the reference, which is scored
    #[arg(long, value_name = "FILE")]
    reference_file: Option<PathBuf>,

    /// File with the thinking; without it, the think block is empty
    #[arg(long, value_name = "FILE", requires = "query_file")]
    trajectory_file: Option<PathBuf>,

    /// No template: score the reference behind the context, byte for byte, control tokens recognised
    #[arg(long, requires_all = ["context_file", "reference_file"], conflicts_with_all = ["objective", "trajectory_file"])]
    raw: bool,

    /// File with the context of --raw; may be empty
    #[arg(long, value_name = "FILE", requires = "raw", conflicts_with = "query_file")]
    context_file: Option<PathBuf>,

    /// Who computes perplexities: bundled, gguf:PATH or http://HOST:PORT; several servers of one model share the calls
    /// [default: bundled]
    #[arg(long, value_name = "SPEC")]
    scorer: Vec<String>,

    /// Rescore with a server that the doctor finds unfit, or has not examined
    #[arg(long, requires = "path")]
    allow_unproven_scorer: bool,

    /// What a search would minimise: the mean nll of all tokens, or the official clipped score [default: nll]
    #[arg(long, value_parser = PossibleValuesParser::new(["nll", "reer-clipped"]))]
    objective: Option<String>,

    /// Tell the log-probability of every token of the reference
    #[arg(long)]
    tokens: bool,

    /// Print one JSON document on stdout, and nothing else there
    #[arg(long)]
    json: bool,
}

pub fn run(args: &ScoreArgs, output: &mut Output) -> Result<Outcome, Fault> {
    let flags = Flags::default().with(key::SCORER, "--scorer", together(&args.scorer)).with(
        key::OBJECTIVE,
        "--objective",
        args.objective.as_ref(),
    );
    let settings = Settings::load(&flags)?;
    let files = [&args.query_file, &args.reference_file, &args.trajectory_file, &args.context_file];
    if files.into_iter().flatten().filter(|file| *file == Path::new(STDIN)).count() > 1 {
        return Err(Fault("only one of the texts can come from standard input; write the others to files".to_owned()));
    }
    match (&args.path, &args.query_file, &args.context_file, &args.reference_file) {
        (Some(path), ..) => {
            let trust = if args.allow_unproven_scorer { Trust::Any } else { Trust::Proven };
            rescore::run(path, &settings, trust, args.json, output)
        }
        (_, Some(query), _, Some(reference)) => {
            let texts = pair::Texts {
                query: text(query)?,
                reference: text(reference)?,
                trajectory: args.trajectory_file.as_deref().map(text).transpose()?.unwrap_or_default(),
            };
            pair::run(&texts, &settings, args, output).map_err(|why| about(reference, why))
        }
        (_, _, Some(context), Some(reference)) => {
            raw::run(&text(context)?, &text(reference)?, &settings, args, output).map_err(|why| about(reference, why))
        }
        _ => Err(Fault("name a session, or --query-file and --reference-file; see `retrace score --help`".to_owned())),
    }
}

/// Why a reference cannot be scored, and what a fault of the settings or the model is.
#[derive(Debug)]
enum Why {
    Reference(String),
    Other(Fault),
}

impl<E: Into<Fault>> From<E> for Why {
    fn from(fault: E) -> Why {
        Why::Other(fault.into())
    }
}

/// What a model could not be asked.
fn asked(error: LmError) -> Why {
    match error {
        LmError::TooLong { have, limit } => {
            let takes = limit.map(|limit| format!(", and the model takes {limit}")).unwrap_or_default();
            Why::Reference(format!(
                "too long for the scorer: behind its context it makes {have} tokens{takes}; shorten it, or name a scorer with \
                 a longer context by --scorer"
            ))
        }
        other => Why::Other(other.into()),
    }
}

fn about(reference: &Path, why: Why) -> Fault {
    match why {
        Why::Reference(why) => Fault::at(reference, why),
        Why::Other(fault) => fault,
    }
}

/// A file's text; `-` is standard input.
fn text(path: &Path) -> Result<String, Fault> {
    let bytes = match path == Path::new(STDIN) {
        true => {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        }
        false => std::fs::read(path),
    };
    let bytes = bytes.map_err(|error| Fault::at(path, crate::text::unreadable(&error)))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Fault::at(path, format!("byte {at} is not UTF-8; convert the file, for example with iconv"))
    })
}

fn runtime() -> Result<Runtime, Fault> {
    Runtime::new().map_err(|error| Fault(format!("cannot start: {error}")))
}
