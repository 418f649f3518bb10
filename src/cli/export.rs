//! `retrace export`: training rows from the sessions of a folder.

use std::path::PathBuf;

use clap::Args;
use time::OffsetDateTime;

use super::{Fault, Outcome, Output, note};
use crate::session::export::{Format, Options, Queue, export};

const EXAMPLES: &str = "\
Examples:
  retrace export out --to rows --format messages --queue all
  retrace export out --to rows --format messages,prompt-completion,sharegpt
      What a person kept, in three shapes, each in a folder of its own.

The thinking stands before the reference as <think>, thinking, </think>, a blank line, reference. A row that a chat \
template or tokenizer would corrupt is refused with the reason. The sessions are only read.
`meta` beside it is JSON as a string, so that no loader infers columns from it; parse it a second time. In it, `rating` is \
1 to 5 or null, and `name` what you called the session, or null.
Exit code: 0 everything chosen was exported, 1 some rows were refused, 2 nothing was exported.";

/// Export finished thinking as training rows
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    /// Folder of sessions, or one session file
    from: PathBuf,

    /// Folder for the rows, empty or not there yet
    #[arg(long, value_name = "OUT")]
    to: PathBuf,

    /// Shapes of the rows: messages, prompt-completion, sharegpt
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', required = true)]
    format: Vec<Format>,

    /// Which sessions: those a person kept, of these the ones without a flag, or all
    #[arg(long, value_name = "kept|unflagged|all", default_value = "kept")]
    queue: Queue,

    /// Replace an earlier export in the folder
    #[arg(long)]
    force: bool,

    /// Print one JSON document on stdout, and nothing else there
    #[arg(long)]
    json: bool,
}

pub fn run(args: &ExportArgs, output: &mut Output) -> Result<Outcome, Fault> {
    let options = Options { formats: args.format.clone(), queue: args.queue, force: args.force };
    let report = export(&args.from, &args.to, &options, OffsetDateTime::now_utc())?;
    if args.json {
        output.json(&report);
    } else {
        for refused in &report.refused {
            note(format_args!("refused {}: {}", refused.file.display(), refused.reason));
        }
        for file in &report.files {
            let rows = if file.rows == 1 { "row" } else { "rows" };
            output.line(format_args!("{}: {} {rows}", args.to.join(&file.path).display(), file.rows));
        }
        let (exported, refused) = (report.exported, report.refused.len());
        let not_kept = report.not_kept;
        let told = [(report.flagged, "flagged"), (report.changed, "changed since they were judged")];
        let told = told.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let told: Vec<String> = told.collect();
        let flagged = if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) };
        let left = match report.left_out_for_a_flag {
            0 => String::new(),
            left => format!(", {left} left out for a flag"),
        };
        output.line(format_args!("{exported} exported{flagged}, {refused} refused, {not_kept} not kept{left}"));
    }
    Ok(Outcome::partial_if(!report.refused.is_empty()))
}
