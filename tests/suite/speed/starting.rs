//! Whole processes: the time from the start to the first score, and the most memory held while 2,000 tokens are scored.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::peer::LlamaBench;
use super::weights;

const CONTEXT: usize = 1000;
const TARGET: usize = 1000;

#[test]
#[ignore = "a bench"]
fn starts_soon_and_holds_little_memory() {
    let peer = LlamaBench::find();
    println!("{:16} {:>12} {:>10} {:>13} {:>7}", "", "first score", "ours, MiB", "llama.cpp, MiB", "ratio");
    for (name, path) in weights::files() {
        // Once before, so that the file is in the system's cache.
        score(&path, 20, 20);
        let (seconds, _) = score(&path, 20, 20);
        let (_, ours) = score(&path, CONTEXT, TARGET);
        let theirs = peer.as_ref().map_or(f64::NAN, |peer| watch(peer.command(&path, CONTEXT + TARGET)).1);
        println!("{name:16} {seconds:10.2} s {ours:10.0} {theirs:13.0} {:7.2}", ours / theirs);
    }
}

/// Scores letters, each of which is about a token, behind letters.
fn score(model: &Path, context: usize, target: usize) -> (f64, f64) {
    let folder = tempfile::tempdir().unwrap();
    let letters = |count: usize, step: usize| -> String {
        (0..count).map(|at| char::from(b'A' + (at * step * at % 26) as u8)).collect()
    };
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_retrace"));
    command.args(["score", "--raw", "--scorer"]).arg(format!("gguf:{}", model.display()));
    command.arg("--context-file").arg(write("context", letters(context, 7)));
    command.arg("--reference-file").arg(write("reference", letters(target, 11)));
    command.env("HOME", folder.path());
    watch(command)
}

/// Runs a command to its end; seconds, and the most MiB of memory it held (NaN where the system does not say).
fn watch(mut command: Command) -> (f64, f64) {
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = f64::NAN;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let kib = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = kib.map_or(peak, |kib: f64| kib / 1024.0);
        if let Some(exit) = child.try_wait().unwrap() {
            assert!(exit.success(), "{command:?}");
            return (begun.elapsed().as_secs_f64(), peak);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
