//! A search killed with SIGKILL: nothing acknowledged is lost, and the next run ends where an undisturbed one does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use retrace::session::{self, Library, Payload, State};

use crate::cli::House;
use crate::pupil::PUPIL;
use crate::server::random::Random;
use crate::server::{Pseudo, Server};

/// Between two looks at a library that grows: looking takes time from the search.
pub const LOOK: Duration = Duration::from_millis(1);

fn search(library: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retrace"));
    command
        .args(["search", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pairs/pairs.jsonl")])
        .args(["--into", &library.to_string_lossy(), "--steps", "3", "--limit", "3", "--scorer", PUPIL])
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
        std::thread::sleep(LOOK);
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

/// How often each kind of event was recorded, calls by their purpose.
fn tally(library: &Path) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for event in files(library).iter().flat_map(|path| session::events(path).unwrap().0) {
        let name = match &event.payload {
            Payload::Call(call) => format!("call {}", call.purpose),
            other => other.name().to_owned(),
        };
        *tally.entry(name).or_default() += 1;
    }
    tally
}

/// P59, twenty times over: a batch of a hundred pairs at a server, killed at random moments and begun again.
#[test]
fn a_batch_of_a_hundred_killed_twenty_times_is_the_undisturbed_one() {
    const KILLS: usize = 20;
    let house = House::new();
    let row = |i: usize| {
        let (query, reference) = (format!("Write piece {i}."), format!("The piece {i} is written.\n\nIt is short."));
        format!("{}\n", serde_json::json!({ "id": format!("p{i}"), "query": query, "reference": reference }))
    };
    house.write("pairs.jsonl", &(0..100).map(row).collect::<String>());
    let server = Server::vllm().pseudo(Pseudo::default()).pace(Duration::from_millis(4), 8).start();
    let batch = |library: &str| {
        let mut command = house.command();
        command.args(["search", "pairs.jsonl", "--into", library, "--preset", "paper", "--objective", "nll"]);
        command.args(["--steps", "3", "--threshold", "off", "--concurrency", "8", "--allow-unproven-scorer"]);
        command.args(["--generator", &server.url(), "--scorer", &server.url()]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    assert!(batch("whole").wait().unwrap().success());
    let whole = house.path("whole");
    let (undisturbed, recorded) = (essence(&whole), tally(&whole));
    assert_eq!(undisturbed.len(), 100);

    let killed = house.path("killed");
    let (all, mut random) = (lines(&whole), Random::new(59));
    for kill in 0..KILLS {
        // Spread over what is left, so that the last one still finds work.
        let left = all.saturating_sub(lines(&killed)) / (KILLS - kill + 1);
        let enough = lines(&killed) + 1 + random.below(2 * left.max(1));
        assert!(kill_at(batch("killed"), &killed, enough), "it ended before kill {kill}");
        for path in files(&killed) {
            assert!(session::read(&path).unwrap().health.damaged.is_empty(), "{}", path.display());
        }
    }
    assert!(batch("killed").wait().unwrap().success());
    assert_eq!(essence(&killed), undisturbed);
    assert_eq!(Library::open(&killed).unwrap().duplicates().len(), 0, "one session a pair");
    // What was recorded was asked for once.
    let again = tally(&killed);
    for name in ["node", "decide", "tokens", "call draft", "call refine"] {
        assert_eq!(again.get(name), recorded.get(name), "{name}: {again:?} instead of {recorded:?}");
    }
    for path in files(&killed) {
        let mut seen = BTreeSet::new();
        for event in session::events(&path).unwrap().0 {
            let Payload::Score(score) = event.payload else { continue };
            let of = (score.node, score.without, score.logprobs.is_some());
            assert!(seen.insert(of), "{}: {of:?} is there twice", path.display());
        }
    }
}
