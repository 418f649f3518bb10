//! A search killed with SIGKILL: nothing acknowledged is lost, and the next run ends where an undisturbed one does.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use retrace::session::{self, Library, State};

fn search(library: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retrace"));
    command
        .args(["search", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pairs/pairs.jsonl")])
        .args(["--into", &library.to_string_lossy(), "--steps", "3", "--limit", "3"])
        .env_remove("RETRACE_CONFIG")
        .env("HOME", library)
        .env("XDG_CONFIG_HOME", library.join("none"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

pub fn files(library: &Path) -> Vec<PathBuf> {
    session::library::files(library).unwrap_or_default()
}

pub fn lines(library: &Path) -> usize {
    let count = |path: PathBuf| std::fs::read(path).unwrap_or_default().iter().filter(|b| **b == b'\n').count();
    files(library).into_iter().map(count).sum()
}

/// Kills the child once the library holds `enough` lines; false when it ended before.
fn kill_at(mut child: Child, library: &Path, enough: usize) -> bool {
    while child.try_wait().unwrap().is_none() {
        if lines(library) >= enough {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        std::thread::yield_now();
    }
    false
}

/// What a search came to, without times, sequence numbers and recoveries.
pub fn essence(library: &Path) -> Vec<String> {
    let describe = |state: State| {
        let search = state.search.unwrap();
        let scores: Vec<_> = search.tree().iter().map(|(id, v)| (id, v.trajectory.clone(), v.measures)).collect();
        format!("{} {:?} {scores:?} {:?} {:?}", state.id, search.baseline(), search.decisions(), search.stopped())
    };
    files(library).iter().map(|path| describe(session::read(path).unwrap().state)).collect()
}

#[test]
fn a_search_killed_again_and_again_ends_as_an_undisturbed_one() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    assert!(search(&whole).status().unwrap().success());
    let undisturbed = essence(&whole);
    assert_eq!(undisturbed.len(), 3);

    let (mut enough, mut kills) = (1, 0);
    while kill_at(search(&killed).spawn().unwrap(), &killed, enough) {
        // What was there when it died is there now, whole lines all of them.
        let before: Vec<(PathBuf, usize)> =
            files(&killed).into_iter().map(|path| (path.clone(), session::events(&path).unwrap().0.len())).collect();
        assert!(before.iter().all(|(_, events)| *events >= 2), "a file appears with its example or not at all");
        for (path, events) in before {
            assert!(session::read(&path).unwrap().health.damaged.is_empty());
            assert!(session::events(&path).unwrap().0.len() >= events);
        }
        kills += 1;
        enough = lines(&killed) + 1 + kills * 5 % 17;
    }
    assert!(kills >= 5, "killed {kills} times only");
    files(&killed).iter().chain(&files(&whole)).for_each(|path| crate::session::schema::every_line_is_valid(path));
    assert_eq!(essence(&killed), undisturbed);
    assert_eq!(Library::open(&killed).unwrap().duplicates().len(), 0, "one session a pair");
    let check = Command::new(env!("CARGO_BIN_EXE_retrace")).arg("check").arg(&killed).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
}
