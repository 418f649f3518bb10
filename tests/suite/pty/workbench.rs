//! The workbench in a pseudo-terminal: what a person's terminal goes through from the first frame to the shell.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use super::terminal::{Pty, Start};

const PROGRAM: &str = env!("CARGO_BIN_EXE_retrace");

/// The first query of the file that is opened.
const FIRST: &str = "ferry-timetable";

/// A person with an empty home folder and a file of pairs.
struct House(TempDir);

impl House {
    fn new() -> House {
        let house = House(tempfile::tempdir().unwrap());
        let pairs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pairs/pairs.jsonl");
        fs::copy(pairs, house.pairs()).unwrap();
        house
    }

    fn pairs(&self) -> PathBuf {
        self.0.path().join("pairs.jsonl")
    }

    fn at_home(&self, start: Start) -> Start {
        let start = Start { rows: 40, columns: 160, ..start }.env("HOME", self.0.path());
        ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"]
            .into_iter()
            .fold(start, |start, name| start.env(name, self.0.path().join(name.to_lowercase())))
    }

    fn start(&self) -> Start {
        self.at_home(Start::new(PROGRAM).args([self.pairs().to_str().unwrap()]))
    }

    /// The workbench, showing its first frame and listening.
    fn open(&self) -> Pty {
        listening(self.start())
    }

    /// A program of this text, to be the person's editor.
    fn editor(&self, body: &str) -> PathBuf {
        let path = self.0.path().join("editor");
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

fn listening(start: Start) -> Pty {
    let mut pty = start.spawn();
    pty.wait_for_text(FIRST);
    pty.wait_for("the keyboard's flags", |pty| pty.was_set("keyboard flags"));
    pty
}

#[test]
fn the_first_frame_comes_soon_and_quitting_leaves_nothing_behind() {
    let house = House::new();
    let begun = Instant::now();
    let mut pty = house.start().spawn();
    pty.wait_for_text("Library");
    println!("first frame {:?}", begun.elapsed());
    pty.wait_for_text(FIRST);
    println!("first rows {:?}", begun.elapsed());
    pty.write("q");
    assert_eq!(pty.wait_exit(), Ok(0));
    pty.assert_restored();
}

#[test]
fn ctrl_c_quits_from_anywhere() {
    let house = House::new();
    for keys in ["", "\r", ":", "?", "/", "N"] {
        let mut pty = house.open();
        pty.write(keys);
        pty.write("\x03");
        assert_eq!(pty.wait_exit(), Ok(0), "after {keys:?}");
        pty.assert_restored();
    }
}

#[test]
fn every_key_arrives() {
    let house = House::new();
    let mut pty = house.open();
    let selected = |pty: &Pty| pty.text().lines().position(|line| line.contains('▸') && !line.contains("Library"));
    let first = selected(&pty);
    for _ in 0..3 {
        // After a pause, so that the least distance of two frames is not measured.
        pty.listen(Duration::from_millis(50));
        let (begun, before) = (Instant::now(), selected(&pty));
        pty.write("j");
        pty.wait_for("the next row", |pty| selected(pty) != before);
        println!("key to frame {:?}", begun.elapsed());
    }
    pty.write("k".repeat(500));
    pty.wait_for("the first row", |pty| selected(pty) == first);
    pty.write("q");
    assert_eq!(pty.wait_exit(), Ok(0));
}

#[test]
fn signals_stop_it_cleanly() {
    let house = House::new();
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130), (Signal::QUIT, 143)] {
        let mut pty = house.open();
        pty.kill(signal);
        assert_eq!(pty.wait_exit(), Ok(code), "{signal:?}");
        pty.assert_restored();
    }
}

#[test]
fn a_closed_window_ends_it() {
    let house = House::new();
    let mut pty = house.open();
    pty.hang_up("j");
    assert!(pty.wait_exit().is_ok(), "it ends by itself");
}

#[test]
fn the_shell_stops_and_continues_it() {
    let house = House::new();
    let script = format!(
        "sh -c \"'{PROGRAM}' '{}'; exit \\$?\"; echo STOPPED $?; read -r go; fg >/dev/null; echo ENDED $?",
        house.pairs().display()
    );
    let mut pty = listening(house.at_home(Start::new("bash").args(["-m", "-c", &script])));
    pty.write("\x1a");
    pty.wait_for_text("STOPPED 147");
    pty.assert_restored();
    pty.write("go\n");
    pty.wait_for("the workbench", |pty| pty.screen().alternate_screen() && pty.text().contains(FIRST));
    assert!(pty.is_raw());
    pty.write("q");
    pty.wait_for_text("ENDED 0");
    pty.assert_restored();
}

#[test]
fn a_draft_is_written_in_the_persons_editor() {
    let house = House::new();
    let editor = house.editor("echo EDITING; read -r line; echo \"$line\" > \"$1\"");
    let mut pty = listening(house.start().env("EDITOR", &editor));
    pty.write("\r");
    pty.wait_for_text("Trajectory");
    pty.write("e");
    pty.wait_for_text("ctrl-o");
    pty.write("\x0f");
    pty.wait_for_text("EDITING");
    pty.assert_restored();
    pty.write("Begin with the rope that is still being coiled.\n");
    pty.wait_for("the draft", |pty| pty.screen().alternate_screen() && pty.text().contains("still being coiled"));
    pty.write("\x03");
    assert_eq!(pty.wait_exit(), Ok(0));
    pty.assert_restored();
}

#[test]
fn keys_that_are_refused_can_be_mended() {
    let house = House::new();
    let body = "if grep -q REFUSED \"$1\"; then printf '[bench]\\ntake = [\"Q\"]\\n' > \"$1\"; \
                else printf '# REFUSED\\n[bench]\\ntake = [\"n\"]\\n' > \"$1\"; fi";
    let mut pty = listening(house.start().env("EDITOR", house.editor(body)));
    let keymap = house.0.path().join("xdg_config_home/retrace/keymap.toml");
    pty.write(",k");
    pty.wait_for_text("take meets refuse");
    assert!(!keymap.exists(), "what is refused is not in force");
    pty.write("\r");
    pty.wait_for_text("the keys are as the file says");
    assert_eq!(
        fs::read_to_string(keymap).unwrap(),
        "[bench]\ntake = [\"Q\"]\n",
        "what was written first was gone on with"
    );
    pty.write("\x03");
    assert_eq!(pty.wait_exit(), Ok(0));
    pty.assert_restored();
}

#[test]
fn a_megabyte_is_pasted_and_edited() {
    let house = House::new();
    let mut pty = house.open();
    pty.write("\r");
    pty.wait_for_text("Trajectory");
    pty.write("e");
    pty.wait_for_text("ctrl-o");
    let line = "A line of a long text that was copied somewhere else, 思い出.\r";
    let text = format!("{}and the very end of it", line.repeat(1_000_000 / line.len()));
    let begun = Instant::now();
    pty.write_beside(format!("\x1b[200~{text}\x1b[201~").into_bytes());
    pty.wait_for_text("and the very end of it");
    println!("pasted {} bytes in {:?}", text.len(), begun.elapsed());
    let begun = Instant::now();
    pty.write("!");
    pty.wait_for_text("the very end of it!");
    println!("a key after it {:?}", begun.elapsed());
    pty.write("\x03");
    assert_eq!(pty.wait_exit(), Ok(0));
    pty.assert_restored();
}

#[test]
fn nothing_is_drawn_when_nothing_happens() {
    let house = House::new();
    let mut pty = house.open();
    // The listing and the highlighting of what is shown come after the first frame.
    pty.listen(Duration::from_secs(1));
    assert_eq!(pty.listen(Duration::from_secs(3)), 0);
    pty.write("\r");
    pty.wait_for_text("Trajectory");
    pty.listen(Duration::from_secs(1));
    assert_eq!(pty.listen(Duration::from_secs(3)), 0);
}

#[test]
fn without_colours_there_are_none() {
    let house = House::new();
    let mut pty = listening(house.start().env("NO_COLOR", "1"));
    pty.write("\r");
    pty.wait_for_text("Trajectory");
    pty.write("\x03");
    assert_eq!(pty.wait_exit(), Ok(0));
    let text = String::from_utf8_lossy(pty.bytes()).into_owned();
    // Weight, underline and reversal, and the ends of everything.
    let allowed = ["", "0", "1", "2", "3", "4", "7", "9", "22", "23", "24", "27", "29", "39", "49", "59"];
    let sequences = text.split("\x1b[").skip(1).filter_map(|rest| {
        rest.split_once(|c: char| c.is_ascii_alphabetic()).map(|(parameters, _)| (rest, parameters))
    });
    let styles = sequences.filter(|(rest, parameters)| rest[parameters.len()..].starts_with('m'));
    let mut seen = 0;
    for (_, parameters) in styles {
        assert!(parameters.split(';').all(|parameter| allowed.contains(&parameter)), "{parameters:?}");
        seen += 1;
    }
    assert!(seen > 10, "{seen} styles");
}

#[test]
fn scripts_are_told_what_to_use_instead() {
    let house = House::new();
    let ran =
        Command::new(PROGRAM).arg(house.pairs()).env("HOME", house.0.path()).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("needs a terminal") && said.contains("retrace search"), "{said}");
    assert!(ran.stdout.is_empty());
}

/// `cargo test --release --test suite keys_are_answered -- --ignored --nocapture`
#[test]
#[ignore = "prints times"]
fn keys_are_answered_while_a_search_runs() {
    let house = House::new();
    let mut pty = house.open();
    pty.write("\r");
    pty.wait_for_text("No thinking yet");
    pty.write("r");
    pty.wait_for_text("weighing segments");
    let selected = |pty: &Pty| pty.text().lines().position(|line| line.contains('▌'));
    let mut times: Vec<Duration> = Vec::new();
    for turn in 0..40 {
        pty.listen(Duration::from_millis(50));
        let (begun, before) = (Instant::now(), selected(&pty));
        pty.write(if turn % 4 < 2 { "j" } else { "k" });
        pty.wait_for("another segment", |pty| selected(pty) != before);
        times.push(begun.elapsed());
    }
    times.sort();
    let (median, most) = (times[times.len() / 2], times[times.len() - 1]);
    println!("key to frame while a search runs: median {median:?}, longest of {} {most:?}", times.len());
    pty.write("\x03");
    assert_eq!(pty.wait_exit(), Ok(0));
}
