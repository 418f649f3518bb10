//! The README's table of keys is the registry's. `cargo test --test suite bench::readme -- --ignored` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use retrace::app::command::{Context, Entry, REGISTRY};
use retrace::app::keymap::Keymap;

const BEGIN: &str = "<!-- keys -->\n";
const END: &str = "<!-- /keys -->\n";

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// Places as a reader meets them, and what they are called there.
const PLACES: [(&str, &[Context]); 8] = [
    ("The bench", &[Context::Bench, Context::Finding]),
    ("The library", &[Context::Library]),
    ("The batch", &[Context::Batch]),
    ("Every screen", &[Context::Anywhere]),
    ("Lists and lines", &[Context::List, Context::Field]),
    ("The search's settings", &[Context::Form]),
    ("The export", &[Context::Export]),
    ("Writing", &[Context::Editor]),
];

/// The default keys of every command, a table a place; each command where a reader looks for it first.
fn table() -> String {
    let keymap = Keymap::default();
    let mut out = String::new();
    for (title, contexts) in PLACES {
        write!(out, "\n**{title}**\n\n| key | |\n| --- | --- |\n").unwrap();
        let here = |entry: &&Entry| entry.contexts.iter().any(|context| contexts.contains(context));
        for entry in REGISTRY.iter().filter(here) {
            let places = contexts.iter().filter(|context| entry.contexts.contains(context));
            let keys: BTreeSet<String> =
                places.flat_map(|context| keymap.keys_of(&[*context], entry.command)).collect();
            let mut keys: Vec<&String> = keys.iter().collect();
            keys.sort_by_key(|keys| entry.keys.iter().position(|key| key == keys));
            let keys: Vec<String> = keys.iter().map(|keys| format!("`{}`", keys.replace('|', "\\|"))).collect();
            if !keys.is_empty() {
                writeln!(out, "| {} | {} |", keys.join(" "), entry.doc).unwrap();
            }
        }
    }
    out
}

/// What stands between the markers, and where.
fn section(text: &str) -> (usize, usize) {
    let begin = text.find(BEGIN).expect("the README has the mark where the keys begin") + BEGIN.len();
    let end = begin + text[begin..].find(END).expect("the README has the mark where the keys end");
    (begin, end)
}

#[test]
fn the_readme_names_every_key() {
    let text = std::fs::read_to_string(readme()).unwrap();
    let (begin, end) = section(&text);
    let again = "`cargo test --test suite bench::readme -- --ignored` writes it anew";
    assert!(text[begin..end] == format!("{}\n", table()), "the README's keys are others than the registry's; {again}");
}

#[test]
fn every_command_has_its_place_in_the_table() {
    let table = table();
    for entry in REGISTRY {
        assert!(table.contains(entry.doc), "{} is missing", entry.name);
    }
}

#[test]
#[ignore = "writes the README"]
fn write_the_table() {
    let text = std::fs::read_to_string(readme()).unwrap();
    let (begin, end) = section(&text);
    std::fs::write(readme(), format!("{}{}\n{}", &text[..begin], table(), &text[end..])).unwrap();
}
