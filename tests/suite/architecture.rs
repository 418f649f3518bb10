//! The house stays a house: reads the sources and fails on what the design forbids.

use std::fmt;
use std::path::Path;

/// The rooms from the ground up; a room uses only rooms below it.
const ROOMS: [&str; 9] = ["text", "reer", "settings", "session", "lm", "engine", "app", "tui", "cli"];

/// What a room may not use although it lies below, or although it is not ours: who, what.
const NEVER: [(&str, &[&str]); 7] = [
    (
        "reer",
        &["tokio", "std::fs", "std::net", "std::io", "std::env", "std::process", "Instant", "SystemTime", "crossterm"],
    ),
    ("text", &["tokio", "std::fs", "std::net", "std::env"]),
    ("settings", &["tokio", "reqwest", "std::net"]),
    ("session", &["tokio", "reqwest", "std::net", "crate::lm"]),
    ("lm", &["crate::session"]),
    ("app", &["tokio", "ratatui", "crossterm", "std::fs", "std::net", "Instant", "SystemTime"]),
    ("engine", &["ratatui", "crossterm", "indicatif"]),
];

/// The package that computes, whose sources stand beside the rooms', and the one room that uses it.
const ARITHMETIC: (&str, &str) = ("transformer", "lm");

/// Where keys may be named; everything else goes by commands.
const KEYS: [&str; 3] = ["app/keymap", "app/keys.rs", "tui/terminal"];

/// Macros that print; only the command line's output speaks.
const PRINTS: [&str; 5] = ["println!(", "eprintln!(", "print!(", "eprint!(", "dbg!("];

/// What takes a closure that may end up as a function of its own: without the processor's features, so that each vector
/// operation in it becomes a call. Writing with the bundled model took 1.4 times as long by one of those.
const CLOSURES: [&str; 3] = ["map(|", "from_fn(|", "for_each(|"];

/// The vector operations, by what the functions that have them are given.
const VECTORS: [&str; 2] = ["s.", "v4."];

/// Lines of a file before its tests.
const MOST_LINES: usize = 400;

/// A breach of a rule: where, and which.
#[derive(Debug, PartialEq, Eq)]
struct Breach {
    file: String,
    line: usize,
    what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// Checks one source file; `file` is its path under `src`.
fn inspect(file: &str, source: &str) -> Vec<Breach> {
    let mut found = Vec::new();
    let mut breach = |line: usize, what: String| found.push(Breach { file: file.to_owned(), line, what });
    if !source.starts_with("//! ") {
        breach(1, "the first line does not say what the file does (//! ...)".to_owned());
    }
    let room = file.split(['/', '.']).next().unwrap_or_default();
    let code: Vec<&str> = if is_test_file(file) { Vec::new() } else { before_tests(source) };
    if code.len() > MOST_LINES {
        breach(MOST_LINES + 1, format!("{} lines before the tests; over {MOST_LINES} it is two ideas", code.len()));
    }
    for (at, line) in code.iter().enumerate().map(|(at, line)| (at + 1, code_of(line))) {
        for used in rooms_used(line) {
            if rank(used) > rank(room) {
                breach(at, format!("{room} uses {used}, which lies above it"));
            }
        }
        let forbidden = NEVER.iter().filter(|(who, _)| *who == room).flat_map(|(_, what)| *what);
        for what in forbidden.filter(|what| has_word(line, what)) {
            breach(at, format!("{room} must not know {what}"));
        }
        if has_word(line, &format!("{}::", ARITHMETIC.0)) && room != ARITHMETIC.1 {
            breach(at, format!("{} outside {}", ARITHMETIC.0, ARITHMETIC.1));
        }
        if room == ARITHMETIC.0 && has_word(line, "retrace") {
            breach(at, format!("{room} knows who uses it"));
        }
        let closure = CLOSURES.iter().find_map(|call| line.split_once(call));
        if room == ARITHMETIC.0 && closure.is_some_and(|(_, body)| VECTORS.iter().any(|word| has_word(body, word))) {
            breach(at, "a vector operation in a closure".to_owned());
        }
        if room != "tui" && ["Color::", "Style::"].iter().any(|style| has_word(line, style)) {
            breach(at, "a colour outside tui".to_owned());
        }
        if room == "tui" && !file.starts_with("tui/theme") && has_word(line, "Color::") {
            breach(at, "a colour outside tui/theme".to_owned());
        }
        if has_word(line, "Code::") && !KEYS.iter().any(|place| file.starts_with(place)) {
            breach(at, "a key outside the keymap".to_owned());
        }
        if room != "tui" && escapes().any(|escape| line.contains(&escape)) {
            breach(at, "an escape byte outside tui".to_owned());
        }
        if PRINTS.iter().any(|print| has_word(line, print)) && room != "cli" {
            breach(at, "a print outside cli".to_owned());
        }
        if line.contains(".unwrap()") {
            breach(at, "unwrap outside tests".to_owned());
        }
        if line.contains("todo!(") || line.contains("unimplemented!(") {
            breach(at, "a stub".to_owned());
        }
    }
    found
}

/// A module of tests in a file of its own.
fn is_test_file(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.contains("/tests/")
}

fn before_tests(source: &str) -> Vec<&str> {
    source.lines().take_while(|line| !line.trim_start().starts_with("#[cfg(test)]")).collect()
}

/// The line without its comment. A `//` inside a string ends it too early, which hides at most that line's rest.
fn code_of(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// The ways to write an escape byte, assembled so that this file holds none.
fn escapes() -> impl Iterator<Item = String> {
    let spelled = ["x1b", "x1B", "u{1b}", "u{1B}", "u{001b}"].into_iter().map(|digits| format!("\\{digits}"));
    spelled.chain([char::from(0x1b).to_string()])
}

/// Rooms named in `crate::room` paths and in `use crate::{room::..., ...}`.
fn rooms_used(line: &str) -> Vec<&'static str> {
    let mut used = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let rest = &line[at + "crate::".len()..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(group) => heads(group),
            None => vec![rest],
        };
        for name in names {
            let word: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            used.extend(ROOMS.into_iter().filter(|room| *room == word));
        }
    }
    used
}

/// The first word of each top-level item of a `{a::b, c::{d, e}}` group.
fn heads(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut heads) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                heads.push(&group[start..at]);
                return heads;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                heads.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    heads.push(&group[start..]);
    heads
}

/// Rooms by height; what is no room (`lib`, `main`) stands on top.
fn rank(room: &str) -> usize {
    ROOMS.iter().position(|name| *name == room).unwrap_or(ROOMS.len())
}

/// Whether `line` holds `what` and not as the end of a longer word: `eprintln!(` holds no `println!(`.
fn has_word(line: &str, what: &str) -> bool {
    let starts = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    line.match_indices(what).any(|(at, _)| starts(at))
}

fn sources(folder: &Path, prefix: &str, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            sources(&entry.path(), &format!("{name}/"), found);
        } else if name.ends_with(".rs") {
            found.push((name, std::fs::read_to_string(entry.path()).unwrap()));
        }
    }
}

#[test]
fn the_sources_keep_the_rules() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut files);
    assert!(files.len() > 20, "only {} sources were found", files.len());
    let breaches: Vec<String> =
        files.iter().flat_map(|(file, source)| inspect(file, source)).map(|b| b.to_string()).collect();
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn a_planted_breach_of_every_rule_is_found() {
    let escape = format!("const RED: &str = \"{}[31m\";", escapes().next().unwrap());
    let long = "let a = 1;\n".repeat(MOST_LINES + 1);
    let cases: Vec<(&str, &str, &str)> = vec![
        ("reer/a.rs", "use crate::session::State;", "reer uses session, which lies above it"),
        ("text/a.rs", "    crate::reer::split(x);", "text uses reer, which lies above it"),
        ("lm/a.rs", "use crate::{reer::{Leak, split}, engine::Plan};", "lm uses engine, which lies above it"),
        ("lm/a.rs", "use crate::session::State;", "lm must not know crate::session"),
        ("reer/search/a.rs", "use std::time::Instant;", "reer must not know Instant"),
        ("reer/search/a.rs", "use std::{cmp, fs}; std::fs::read(p);", "reer must not know std::fs"),
        ("session/a.rs", "use tokio::fs;", "session must not know tokio"),
        ("app/a.rs", "use ratatui::Frame;", "app must not know ratatui"),
        ("app/bench/a.rs", "std::fs::read(path)", "app must not know std::fs"),
        ("app/bench/a.rs", "let now = Instant::now();", "app must not know Instant"),
        ("app/update/a.rs", "if key.code == Code::Enter {", "a key outside the keymap"),
        ("tui/widgets/a.rs", "KeyCode::Enter => Code::Enter,", "a key outside the keymap"),
        ("engine/a.rs", "println!(\"x\");", "a print outside cli"),
        ("engine/a.rs", "eprintln!(\"x\");", "a print outside cli"),
        ("engine/a.rs", "dbg!(x);", "a print outside cli"),
        ("engine/a.rs", "x.unwrap();", "unwrap outside tests"),
        ("engine/a.rs", "todo!()", "a stub"),
        ("engine/a.rs", "use transformer::Network;", "transformer outside lm"),
        ("transformer/a.rs", "use retrace::lm::LmError;", "transformer knows who uses it"),
        ("transformer/a.rs", "totals.map(|total| v4.reduce_sum_f32s(total))", "a vector operation in a closure"),
        ("cli/a.rs", "Color::Red", "a colour outside tui"),
        ("tui/pane.rs", "Color::Red", "a colour outside tui/theme"),
        ("cli/a.rs", &escape, "an escape byte outside tui"),
        ("cli/a.rs", &long, "401 lines before the tests; over 400 it is two ideas"),
    ];
    for (file, line, what) in cases {
        let source = if line == long { format!("//! A.\n{line}") } else { format!("//! Planted.\n{line}\n") };
        let found: Vec<String> = inspect(file, &source).into_iter().map(|b| b.what).collect();
        let what = what.replace("401", "402");
        assert!(found.contains(&what), "{file}: {line:.40}: found {found:?}");
    }
    assert_eq!(inspect("text/a.rs", "use std::fmt;").len(), 1, "a file must say what it does");
}

#[test]
fn what_is_allowed_is_not_a_breach() {
    let allowed = [
        ("engine/a.rs", "use crate::reer::search::Search;"),
        ("lm/gguf/engine.rs", "use transformer::Network;"),
        ("transformer/a.rs", "let total = s.reduce_sum_f32s(sum) + tail.iter().map(|v| v * v).sum::<f32>();"),
        ("cli/output.rs", "println!(\"x\");"),
        ("reer/a.rs", "/// Unlike tokio and crate::session this knows no println!()."),
        ("reer/a.rs", "fn f() {}\n#[cfg(test)]\nmod tests { fn g() { x.unwrap(); } }"),
        ("reer/tests.rs", "x.unwrap();"),
        ("tui/theme/a.rs", "Color::Red"),
        ("app/keymap/text.rs", "Code::Enter => TextEdit::NewLine,"),
        ("cli/outcome.rs", "ExitCode::SUCCESS"),
    ];
    for (file, line) in allowed {
        assert_eq!(inspect(file, &format!("//! Fine.\n{line}\n")), [], "{file}: {line}");
    }
}
