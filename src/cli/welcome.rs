//! What the program says when it is called without arguments.

use super::{Fault, Outcome, Output};

/// Three commands to copy.
pub const EXAMPLES: &str = "\
Examples:
  retrace search pairs.jsonl --into out      search the thinking behind every pair of a file
  retrace stats out                          what the search gained, and what explains the gain
  retrace export out --to rows --format messages --queue all
                                             training rows from the sessions in out/";

pub fn run(output: &mut Output) -> Result<Outcome, Fault> {
    output.line("retrace finds the thinking behind a good text: given a query and a known-good reference, it drafts");
    output.line("thinking, rewrites it segment by segment, and keeps what lowers the perplexity of the reference.");
    output.line("");
    output.line(EXAMPLES);
    output.line("");
    output.line(
        "pairs.jsonl holds one {\"query\": ..., \"reference\": ...} a line. No network, key or download is needed.",
    );
    output.line("`retrace --help` lists every command; `retrace COMMAND --help` explains one.");
    Ok(Outcome::Done)
}
