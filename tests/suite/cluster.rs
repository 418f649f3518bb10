//! Shards of one input over one folder, as the files for clusters run them: together they are the whole run, and each
//! of them can be killed at any moment.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use retrace::session::runs::{self, Standing};
use retrace::session::{self, Payload};

use crate::cli::{House, Ran};
use crate::killed::{LOOK, essence, files, lines};
use crate::pupil::PUPIL;

const PAIRS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pairs/pairs.jsonl");

/// A search small enough for a test.
const SMALL: [&str; 4] = ["--steps", "2", "--scorer", PUPIL];

fn asset(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/cluster").join(name)
}

/// A house whose shells find the program, and a stand-in for GNU parallel where there is none.
fn house() -> (House, String) {
    let house = House::new();
    let path = std::env::var("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|folder| folder.join("parallel").is_file()) {
        let stand_in = [
            "#!/bin/sh",
            "while case ${1-} in --*) true ;; *) false ;; esac; do shift; done",
            "while read -r line; do (",
            "    for word; do",
            "        case $word in '{}'*) word=$line${word#'{}'} ;; esac",
            "        set -- \"$@\" \"$word\"",
            "        shift",
            "    done",
            "    exec \"$@\" </dev/null",
            ") || exit; done",
        ]
        .map(|line| format!("{line}\n"))
        .concat();
        let file = house.write("bin/parallel", &stand_in);
        assert!(Command::new("chmod").arg("+x").arg(file).status().unwrap().success());
    }
    let program = Path::new(env!("CARGO_BIN_EXE_retrace")).parent().unwrap().to_owned();
    let folders = [program, house.path("bin")].into_iter().chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).unwrap().into_string().unwrap();
    (house, path)
}

/// What `sh` comes to in a house.
fn sh(house: &House, path: &str, args: &[&str], variables: &[(&str, &str)]) {
    let mut command = Command::new("sh");
    // As the house has it for the program itself.
    let home = house.command();
    let kept = home.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.args(args).envs(kept).env("PATH", path).envs(variables.iter().copied());
    let ran = Ran::of(command.current_dir(house.path("")).stdin(Stdio::null()).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.err);
}

/// The script of the job's container: the first of its arguments.
fn container_script() -> String {
    let job = std::fs::read_to_string(asset("kubernetes-job.yaml")).unwrap();
    let mut lines = job.lines().skip_while(|line| !line.trim_start().starts_with("- |")).skip(1).peekable();
    let indent = lines.peek().map_or(0, |line| line.len() - line.trim_start().len());
    let within = lines.take_while(|line| line.len() - line.trim_start().len() >= indent);
    within.map(|line| format!("{}\n", &line[indent..])).collect()
}

fn whole(house: &House) -> Vec<String> {
    let ran = house.run(&[&["search", PAIRS, "--into", "whole"][..], &SMALL].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    essence(&house.path("whole"))
}

#[test]
fn two_shards_of_every_cluster_file_are_the_whole_run() {
    let (house, path) = house();
    let whole = whole(&house);
    assert_eq!(whole.len(), 4);

    let slurm = asset("slurm-array.sh");
    let script = container_script();
    for shard in ["0", "1"] {
        let args = [&[slurm.to_str().unwrap(), "2", PAIRS, "slurm"], &SMALL[..]].concat();
        sh(&house, &path, &args, &[("SLURM_ARRAY_TASK_ID", shard)]);
        let args = [&["-c", &script, "retrace"], &SMALL[..]].concat();
        let variables = [("JOB_COMPLETION_INDEX", shard), ("SHARDS", "2"), ("PAIRS", PAIRS), ("INTO", "pods")];
        sh(&house, &path, &args, &variables);
    }
    let parallel = asset("parallel.sh");
    sh(&house, &path, &[&[parallel.to_str().unwrap(), "2", PAIRS, "parallel"], &SMALL[..]].concat(), &[]);

    for folder in ["slurm", "pods", "parallel"] {
        assert_eq!(essence(&house.path(folder)), whole, "{folder}");
        let runs = runs::list(&house.path(folder)).unwrap();
        let parts: BTreeSet<_> = runs.iter().filter_map(|seen| seen.record.plan.shard.clone()).collect();
        assert_eq!(parts, BTreeSet::from(["0/2".to_owned(), "1/2".to_owned()]), "{folder}");
        let expected: Vec<usize> = runs.iter().map(|seen| seen.record.counts.expected).collect();
        assert!(expected.iter().sum::<usize>() == 4 && !expected.contains(&0), "{expected:?}");
        assert!(runs.iter().all(|seen| seen.standing == Standing::Ended));
    }
}

#[test]
fn the_files_say_where_they_go() {
    for name in ["slurm-array.sh", "parallel.sh", "kubernetes-job.yaml"] {
        let text = std::fs::read_to_string(asset(name)).unwrap();
        assert!(text.contains(&format!("assets/cluster/{name}")), "{name} says how it is used");
        assert!(!text.contains('\t') && text.lines().all(|line| line.len() <= 120), "{name}");
    }
    let slurm = std::fs::read_to_string(asset("slurm-array.sh")).unwrap();
    let after_first_command = slurm.lines().skip_while(|line| line.starts_with('#'));
    assert_eq!(after_first_command.filter(|line| line.starts_with("#SBATCH")).count(), 0, "these are not read");
}

/// The journal holds each answer once: nothing that was recorded was asked for again. A version whose score was recorded
/// without its token log-probabilities may become current later, and is scored once more for them.
fn nothing_was_asked_twice(file: &Path) {
    let mut asked = BTreeSet::new();
    for event in session::events(file).unwrap().0 {
        let what = match &event.payload {
            Payload::Node(node) => format!("{:?} {:?} {:?}", node.why, node.step, node.slot),
            Payload::Score(score) => format!("score of {:?}, log-probs {}", score.of(), score.logprobs.is_some()),
            _ => continue,
        };
        assert!(asked.insert(what.clone()), "{}: {what} stands twice", file.display());
    }
}

#[test]
fn shards_killed_side_by_side_lose_nothing_and_ask_nothing_twice() {
    let (house, _) = house();
    let whole = whole(&house);
    let folder = house.path("out");
    let start = |shard: &str| -> Child {
        let mut command = house.command();
        command.args(["search", PAIRS, "--into", "out", "--shard", shard]).args(SMALL);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let (mut enough, mut kills) = (2, 0);
    loop {
        let mut children = [start("0/2"), start("1/2")];
        let mut over = false;
        while !over && lines(&folder) < enough {
            over = children.iter_mut().all(|child| child.try_wait().unwrap().is_some());
            std::thread::sleep(LOOK);
        }
        if over {
            break;
        }
        for child in &mut children {
            // One that ended meanwhile is killed no more.
            child.kill().unwrap();
            child.wait().unwrap();
        }
        kills += 1;
        enough = lines(&folder) + 2 + kills * 7 % 23;
        let standing: Vec<Standing> = runs::list(&folder).unwrap().iter().map(|seen| seen.standing).collect();
        assert!(!standing.contains(&Standing::Live), "{standing:?}");
    }
    assert!(kills >= 4, "killed {kills} times only");
    assert_eq!(essence(&folder), whole);
    files(&folder).iter().for_each(|file| nothing_was_asked_twice(file));
}
