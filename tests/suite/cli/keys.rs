//! Keys of servers: said to the server, and to nobody else.

use std::path::{Path, PathBuf};

use super::House;
use crate::pupil::PUPIL;
use crate::server::{Fate, Faults, Pseudo, Server};

const KEY: &str = "sk-retrace-0123456789";

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn nowhere(house: &House, said: &str) {
    assert!(!said.contains(KEY), "{said}");
    for file in files(&house.path("")) {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        assert!(!text.contains(KEY), "{} has the key", file.display());
    }
}

/// Servers that repeat the key in what they refuse: by status, in an answer that claims success, in mid-stream.
#[test]
fn a_key_is_in_no_journal_record_message_or_report() {
    // Side by side: most of the time is spent in waiting for servers that may come back.
    std::thread::scope(|scope| {
        for fate in [Fate::Error, Fate::Refuse, Fate::EngineDead, Fate::Busy(None), Fate::Denied] {
            scope.spawn(move || a_server_that_repeats_the_key(fate));
        }
    });
}

fn a_server_that_repeats_the_key(fate: Fate) {
    let house = House::new();
    let row = r#"{"id":"p","query":"Write.","reference":"It is written.\n\nIt is short."}"#;
    house.write("pairs.jsonl", &format!("{row}\n"));
    let sound = Server::vllm().pseudo(Pseudo::default()).key(KEY).tattling().start();
    let rough = Server::vllm().pseudo(Pseudo::default()).key(KEY).tattling();
    let rough = rough.faults(Faults::seeded(1).with(fate, 1.0)).start();
    for (generator, scorer) in [(&sound, &rough), (&rough, &sound)] {
        let mut command = house.command();
        command.args(["search", "pairs.jsonl", "--into", "out", "--retry-failed", "--fork", "--max-seconds", "1"]);
        command.args(["--allow-unproven-scorer", "--generator", &generator.url(), "--scorer", &scorer.url()]);
        let output = command.env("RETRACE_API_KEY", KEY).output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(!output.status.success(), "{fate:?}: {said}");
        nowhere(&house, &said);
    }
    let heard = rough.calls().into_iter().filter_map(|call| call.authorization);
    assert!(heard.into_iter().all(|said| said == format!("Bearer {KEY}")), "{fate:?}");
    let mut command = house.command();
    command.args(["doctor", "--generator", &rough.url(), "--scorer", PUPIL, "--json"]);
    let output = command.env("RETRACE_API_KEY", KEY).output().unwrap();
    nowhere(&house, &String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
}

/// From the settings file, which `config show` shows without it.
#[test]
fn a_key_of_the_settings_file_is_used_and_not_shown() {
    let house = House::new();
    house.write("config/retrace/settings.toml", &format!("[keys]\n\"127.0.0.1\" = \"{KEY}\"\n"));
    let server = Server::vllm().pseudo(Pseudo::default()).key(KEY).start();
    let ran = house.run(&["doctor", "--generator", &server.url()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(server.calls().iter().all(|call| call.authorization.as_deref() == Some(&format!("Bearer {KEY}"))));
    let shown = house.run(&["config", "show"]);
    assert!(!format!("{}{}{}{}", ran.out, ran.err, shown.out, shown.err).contains(KEY), "{}", shown.out);
}
