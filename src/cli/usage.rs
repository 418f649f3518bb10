//! Answers to `--help`, `--version` and to arguments that cannot be understood.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};

use super::{Fault, note};

/// Prints what clap has to say: help to stdout, a mistake as one line to stderr.
pub fn answer(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        note(format_args!("retrace: {}; {}", one_line(&error.to_string()), remedy(error)));
        return Fault::code();
    }
    // Help that nobody reads to its end is no fault.
    let _closed = error.print();
    ExitCode::SUCCESS
}

/// The mistake and its tips without the usage text, on one line.
fn one_line(message: &str) -> String {
    let ends = |line: &&str| line.starts_with("Usage:") || line.starts_with("For more information");
    let lines = message.lines().map(str::trim).take_while(|line| !ends(line)).filter(|line| !line.is_empty());
    let mut joined = String::new();
    for line in lines {
        match joined.chars().last() {
            None => {}
            Some(':') => joined.push(' '),
            Some(_) => joined.push_str("; "),
        }
        joined.push_str(line.trim_start_matches("error: "));
    }
    joined
}

/// Where to read more: the help of the subcommand the mistake was made in.
fn remedy(error: &clap::Error) -> String {
    let usage = error.get(ContextKind::Usage).map(ContextValue::to_string).unwrap_or_default();
    let words: Vec<&str> = usage.trim_start_matches("Usage:").split_whitespace().collect();
    let command = words.iter().take_while(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
    let command: Vec<&str> = command.filter(|word| !word.starts_with('-')).copied().collect();
    format!("see `{} --help`", if command.is_empty() { "retrace".to_owned() } else { command.join(" ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn refusal(line: &str) -> String {
        let error = super::super::Cli::try_parse_from(line.split(' ')).unwrap_err();
        format!("{}; {}", one_line(&error.to_string()), remedy(&error))
    }

    #[test]
    fn a_mistake_is_one_line_with_a_remedy() {
        let cases = [
            (
                "retrace config show --jso",
                "unexpected argument '--jso' found; tip: a similar argument exists: '--json'; see `retrace config show --help`",
            ),
            (
                "retrace completions",
                "the following required arguments were not provided: <SHELL>; see `retrace completions --help`",
            ),
        ];
        for (line, message) in cases {
            assert_eq!(refusal(line), message);
        }
    }
}
