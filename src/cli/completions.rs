//! `retrace completions`: a completion script for a shell.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Cli, Fault, Outcome, Output};

const EXAMPLES: &str = "\
Examples:
  retrace completions bash > ~/.local/share/bash-completion/completions/retrace
  retrace completions zsh > \"${fpath[1]}/_retrace\"
  retrace completions fish > ~/.config/fish/completions/retrace.fish";

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub fn run(args: &CompletionsArgs, output: &mut Output) -> Result<Outcome, Fault> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "retrace", &mut script);
    output.raw(&script);
    Ok(Outcome::Done)
}
