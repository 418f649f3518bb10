//! The terminal room in a pseudo-terminal: every mode is set, and undone whichever way the program ends.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::guest;
use super::terminal::{Pty, Start};

/// The guest, ready for keys.
fn ready() -> Pty {
    ready_as(guest::start())
}

fn ready_as(start: Start) -> Pty {
    let flags = start.flags;
    let mut pty = start.spawn();
    pty.wait_for_text("ready");
    if flags {
        pty.wait_for("the keyboard's flags", |pty| pty.was_set("keyboard flags"));
    }
    pty
}

/// What the guest said its process is.
fn guests_pid(pty: &mut Pty) -> i32 {
    pty.wait_for_text("ready");
    let text = pty.text();
    let digits = text.split("ready ").nth(1).unwrap();
    digits.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[test]
fn quitting_leaves_the_terminal_as_it_was() {
    let mut pty = ready();
    assert!(pty.is_raw());
    let set = [
        "alternate screen",
        "hidden cursor",
        "bracketed paste",
        "keyboard flags",
        "focus",
        "mouse buttons",
        "mouse drags",
        "mouse coordinates",
    ];
    assert_eq!(pty.set_modes(), set);
    pty.write("q");
    assert_eq!(pty.wait_exit(), Ok(0));
    pty.assert_restored();
}

#[test]
fn an_old_terminal_is_not_asked_for_what_it_lacks() {
    let mut pty = ready_as(Start { flags: false, ..guest::start() });
    pty.write("x");
    pty.wait_for_text("key x");
    assert!(!pty.was_set("keyboard flags"));
    pty.write("q");
    assert_eq!(pty.wait_exit(), Ok(0));
    pty.assert_restored();
}

#[test]
fn what_is_typed_before_the_first_frame_arrives() {
    let mut pty = guest::start().spawn();
    pty.write("q");
    assert_eq!(pty.wait_exit(), Ok(0));
}

#[test]
fn a_panic_restores_first_and_reports_then() {
    let mut pty = ready();
    pty.write("p");
    assert_eq!(pty.wait_exit(), Ok(101));
    pty.assert_restored();
    assert!(pty.text().contains("asked to"), "the report is on the normal screen:\n{}", pty.text());
}

#[test]
fn a_panic_on_another_thread_is_shown_and_the_screen_stays() {
    let mut pty = ready();
    pty.write("t");
    pty.wait_for_text("a part of the program failed: aside (tests/suite/pty/guest.rs:");
    assert!(pty.screen().alternate_screen());
    pty.write("q");
    assert_eq!(pty.wait_exit(), Ok(0));
    pty.assert_restored();
}

#[test]
fn signals_end_it_cleanly() {
    for (signal, code) in [(Signal::TERM, 43), (Signal::QUIT, 43), (Signal::HUP, 44), (Signal::INT, 130)] {
        let mut pty = ready();
        pty.kill(signal);
        assert_eq!(pty.wait_exit(), Ok(code), "{signal:?}");
        pty.assert_restored();
    }
}

#[test]
fn a_loop_that_hangs_is_ended_and_the_terminal_restored() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129)] {
        let mut pty = ready();
        pty.write("h");
        pty.wait_for_text("hanging");
        let begun = Instant::now();
        pty.kill(signal);
        assert_eq!(pty.wait_exit(), Ok(code));
        let took = begun.elapsed();
        assert!((2..10).contains(&took.as_secs()), "{took:?}");
        pty.assert_restored();
    }
}

#[test]
fn a_second_signal_does_not_wait() {
    let mut pty = ready();
    pty.write("h");
    pty.wait_for_text("hanging");
    pty.kill(Signal::TERM);
    pty.kill(Signal::INT);
    let code = pty.wait_exit();
    assert!([Ok(130), Ok(143)].contains(&code), "{code:?}");
    pty.assert_restored();
}

#[test]
fn a_closed_window_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let said = folder.path().join("said");
    let mut pty = ready_as(guest::start().env("SAY_IN", &said));
    pty.hang_up("j");
    // The loop may hear of it by the signal, by its input's end or by a frame that cannot be drawn.
    let code = pty.wait_exit().unwrap();
    assert!([44, 4, 5].contains(&code), "{code}");
    assert_eq!(said.exists(), code == 44);
}

/// A shell with job control runs the guest under a parent without, as `cargo run` does; it continues it as often as
/// it is to be stopped, each time after a line.
fn in_a_shell(stops: usize) -> Pty {
    let stopped = "echo STOPPED $?; read -r go; fg >/dev/null; ".repeat(stops);
    let script = format!("sh -c \"{}; exit \\$?\"; {stopped} echo ENDED $?", guest::words());
    Start::new("bash").args(["-m", "-c", &script]).spawn()
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_back() {
    let mut pty = in_a_shell(2);
    pty.wait_for("the keyboard's flags", |pty| pty.was_set("keyboard flags"));
    for stop in 1..=2 {
        pty.write("\x1a");
        pty.wait_for("the shell", |pty| pty.text().matches("STOPPED 147").count() == stop);
        pty.assert_restored();
        pty.write("go\n");
        pty.wait_for_text("continued");
        assert!(pty.screen().alternate_screen() && pty.is_raw());
        assert!(pty.set_modes().contains(&"keyboard flags"), "{:?}", pty.set_modes());
    }
    pty.write("j");
    pty.wait_for_text("key j");
    pty.write("q");
    pty.wait_for_text("ENDED 0");
    pty.assert_restored();
}

#[test]
fn a_stop_from_outside_does_the_same() {
    let mut pty = in_a_shell(1);
    let pid = guests_pid(&mut pty);
    pty.wait_for("the keyboard's flags", |pty| pty.was_set("keyboard flags"));
    Pty::kill_other(pid, Signal::TSTP);
    pty.wait_for_text("STOPPED 147");
    pty.assert_restored();
    pty.write("go\n");
    pty.wait_for_text("continued");
    pty.write("q");
    pty.wait_for_text("ENDED 0");
    pty.assert_restored();
}

#[test]
fn a_stop_that_cannot_be_caught_is_mended_afterwards() {
    let mut pty = ready();
    let frames = |pty: &Pty| pty.bytes().windows(8).filter(|w| w == b"\x1b[?1049h").count();
    pty.kill(Signal::STOP);
    pty.kill(Signal::CONT);
    pty.wait_for_text("continued");
    assert_eq!(frames(&pty), 2, "the modes are set again");
    pty.write("q");
    assert_eq!(pty.wait_exit(), Ok(0));
    pty.assert_restored();
}

#[test]
fn without_a_shell_ctrl_z_does_nothing() {
    let mut pty = ready();
    pty.write("\x1a");
    pty.wait_for_text("no shell");
    pty.kill(Signal::TSTP);
    pty.write("j");
    pty.wait_for_text("key j");
    assert!(pty.screen().alternate_screen());
}

/// A program of this text, to be the user's editor.
fn editor(folder: &std::path::Path, body: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("editor");
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn the_editor_has_the_terminal_to_itself() {
    let folder = tempfile::tempdir().unwrap();
    let body = "stty -a > \"$0.stty\"; echo EDITING; read -r line; echo \"$line\" > \"$1\"";
    let editor = editor(folder.path(), body);
    let mut pty = ready_as(guest::start().env("EDITOR", &editor));
    pty.write("e");
    pty.wait_for_text("EDITING");
    pty.assert_restored();
    // All that is typed now is the editor's; a reader left alive would eat some of it.
    pty.write("typed in the editor, every single letter of it\n");
    pty.wait_for_text("edited Ok(Some(\"typed in the editor, every single letter of it\\n\"))");
    assert!(pty.screen().alternate_screen() && pty.is_raw());
    let stty = fs::read_to_string(folder.path().join("editor.stty")).unwrap();
    assert!(stty.contains(" icanon") && stty.contains(" echo "), "{stty}");
    pty.write("q");
    assert_eq!(pty.wait_exit(), Ok(0));
    pty.assert_restored();
}

#[test]
fn a_new_size_after_the_editor_is_heard_without_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let editor = editor(folder.path(), "echo EDITING; read -r line");
    let mut pty = ready_as(guest::start().env("EDITOR", &editor));
    pty.write("e");
    pty.wait_for_text("EDITING");
    pty.write("typed\n");
    pty.wait_for_text("edited Ok(None)");
    pty.resize(30, 90);
    pty.wait_for_text("Resize { width: 90, height: 30 }");
}

#[test]
fn ctrl_c_in_the_editor_is_the_editors() {
    let folder = tempfile::tempdir().unwrap();
    let editor =
        editor(folder.path(), "trap 'echo INTERRUPTED; exit 7' INT; echo EDITING; while :; do read -r line; done");
    let mut pty = ready_as(guest::start().env("VISUAL", &editor));
    pty.write("e");
    pty.wait_for_text("EDITING");
    pty.write("\x03");
    pty.wait_for_text("ended with exit status: 7");
    pty.write("q");
    assert_eq!(pty.wait_exit(), Ok(0));
    pty.assert_restored();
}

#[test]
fn a_megabyte_is_pasted_at_once() {
    let mut pty = ready();
    let text = "a line of pasted text, 思い出\r".repeat(1_000_000 / 33);
    let expected = format!("pasted {} bytes, {} lines", text.len(), 1_000_000 / 33);
    pty.write_beside(format!("\x1b[200~{text}\x1b[201~").into_bytes());
    pty.wait_for_text(&expected);
    pty.write("q");
    assert_eq!(pty.wait_exit(), Ok(0));
}

#[test]
fn nothing_is_drawn_when_nothing_happens() {
    let mut pty = ready();
    pty.write("j");
    pty.wait_for_text("key j");
    pty.listen(Duration::from_millis(200));
    assert_eq!(pty.listen(Duration::from_secs(2)), 0);
}

#[test]
fn a_frame_is_one_synchronized_update() {
    let mut pty = ready();
    pty.write("j");
    pty.wait_for_text("key j");
    let text = String::from_utf8_lossy(pty.bytes()).into_owned();
    let (begun, ended) = (text.matches("\x1b[?2026h").count(), text.matches("\x1b[?2026l").count());
    assert!(begun == ended && begun >= 2, "{begun} {ended}");
    let outside: String = text.split("\x1b[?2026h").map(|part| part.rsplit("\x1b[?2026l").next().unwrap()).collect();
    assert!(!outside.contains("key"), "drawn outside: {outside:?}");
}

#[test]
fn the_mouse_the_focus_and_sizes_come_as_input() {
    let mut pty = ready();
    pty.write("\x1b[<0;5;3M");
    pty.wait_for_text("Mouse(Mouse { kind: Down, x: 4, y: 2 })");
    pty.write("\x1b[<65;1;1M");
    pty.wait_for_text("ScrollDown");
    pty.write("\x1b[O");
    pty.wait_for_text("Focus(false)");
    pty.resize(30, 100);
    pty.wait_for_text("Resize { width: 100, height: 30 }");
    pty.write("m");
    pty.wait_for("the mouse off", |pty| !pty.set_modes().contains(&"mouse buttons"));
    pty.write("\x1b[105u");
    pty.wait_for_text("key i");
    pty.write("\x1b[105;5u");
    pty.wait_for_text("key ctrl-i");
}

#[test]
fn without_a_display_the_terminal_copies() {
    let mut pty = ready();
    pty.write("c");
    pty.wait_for_text("copied through the terminal");
    // "copied text" in base64.
    let sequence = b"\x1b]52;c;Y29waWVkIHRleHQ=\x1b\\";
    assert!(pty.bytes().windows(sequence.len()).any(|window| window == sequence));
}
