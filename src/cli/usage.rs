//! Answers to `--help`, `--version` and to arguments that cannot be understood.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;

use super::{Cli, Fault, note};

/// Prints what clap has to say of a command line: help to stdout, a mistake as one line to stderr.
pub fn answer(error: &clap::Error, line: &[OsString]) -> ExitCode {
    // `help` is no command that has help of its own: who asks for it means the list.
    if line.len() == 3 && line[1] == "help" && (line[2] == "--help" || line[2] == "-h") {
        let _closed = Cli::command().print_long_help();
        return ExitCode::SUCCESS;
    }
    if error.use_stderr() {
        note(format_args!("retrace: {}", refusal(error, line)));
        return Fault::code();
    }
    // Help that nobody reads to its end is no fault.
    let _closed = error.print();
    ExitCode::SUCCESS
}

/// What is wrong, and the remedy.
fn refusal(error: &clap::Error, line: &[OsString]) -> String {
    let words: Vec<&str> = line.iter().skip(1).filter_map(|word| word.to_str()).collect();
    match words.first().filter(|word| is_no_command(word)) {
        Some(word) => match command_like(word) {
            Some(name) => format!("there is no command `{word}`; did you mean `retrace {name}`?"),
            None => format!("there is no command `{word}`, and no such file; `retrace --help` lists the commands"),
        },
        None => format!("{}; see `{} --help`", one_line(&error.to_string()), command(&words)),
    }
}

/// A first word that is neither a command nor something to open.
fn is_no_command(word: &str) -> bool {
    !word.starts_with('-') && Cli::command().find_subcommand(word).is_none() && !Path::new(word).exists()
}

/// The command whose name a word looks like.
pub fn command_like(word: &str) -> Option<String> {
    let names = Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect::<Vec<_>>();
    let rated = names.into_iter().map(|name| (strsim::jaro_winkler(&name, word), name));
    rated.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness > 0.8).map(|(_, name)| name)
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

/// The subcommand that a mistake was made in, as it is called: `retrace config show`.
fn command(words: &[&str]) -> String {
    let (mut called, mut here) = ("retrace".to_owned(), Cli::command());
    for word in words {
        let Some(next) = here.find_subcommand(word) else { break };
        called = format!("{called} {word}");
        here = next.clone();
    }
    called
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn refusal(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        super::refusal(&Cli::try_parse_from(&words).unwrap_err(), &words)
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
            ("retrace serch pairs.jsonl", "there is no command `serch`; did you mean `retrace search`?"),
            (
                "retrace zzz pairs.jsonl",
                "there is no command `zzz`, and no such file; `retrace --help` lists the commands",
            ),
            (
                "retrace search pairs.jsonl --shard 4/4",
                "invalid value '4/4' for '--shard <I/N>': must be I/N with I from 0 to N-1, as in 0/4; see `retrace search --help`",
            ),
        ];
        for (line, message) in cases {
            assert_eq!(refusal(line), message);
        }
    }
}
