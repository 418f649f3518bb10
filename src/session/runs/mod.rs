//! What runs over many pairs say of themselves in a library, and what they are asked from outside: one file a run in
//! `.retrace/runs/`, replaced whole; one file a request in `.retrace/control/`, taken away by the run that it is for.
//!
//! None of it is the truth: sessions are, and both folders can be deleted at any time.

mod control;
mod process;
mod record;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub use control::{Request, Wish, ask, take};
pub use process::Process;
pub use record::*;

use super::clock;

/// The schema of a run's record.
pub const SCHEMA: &str = "retrace.run/1";

/// A run writes its record at least this often, whatever happens.
pub const HEARTBEAT: Duration = Duration::from_secs(10);

/// After so long without a word a run of another machine, or one whose process id may be another's, is called silent.
const SILENT: Duration = Duration::from_secs(45);

/// Records of ended runs that are kept; the oldest go first.
const KEPT: usize = 50;

/// Whether a run goes on, as far as can be seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Live,
    /// It said that it has ended.
    Ended,
    /// Its process is gone, and it said nothing.
    Gone,
    /// It has said nothing for longer than it should: its machine cannot be asked, or its process hangs.
    Silent,
}

/// A run as its record shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub record: RunRecord,
    pub standing: Standing,
    /// Since the record was written.
    pub age: Duration,
}

impl Seen {
    /// Whether a request would be read.
    pub fn takes_requests(&self) -> bool {
        matches!(self.standing, Standing::Live | Standing::Silent)
    }
}

fn runs(root: &Path) -> PathBuf {
    root.join(".retrace").join("runs")
}

/// A name for a run of this process that no other run has.
pub fn new_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Process { pid, host } = Process::this();
    let host: String = host.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{host}-{pid}-{count}", clock::file_stamp(OffsetDateTime::now_utc()))
}

/// Now, as records spell it.
pub fn now() -> String {
    clock::stamp(OffsetDateTime::now_utc())
}

/// Writes a run's record: whole or not at all, and not synced, for it says nothing that the sessions do not.
///
/// # Errors
/// The library cannot be written.
pub fn write(root: &Path, record: &RunRecord) -> io::Result<()> {
    replace(&runs(root).join(format!("{}.json", record.run)), record)
}

/// Every run that left a record, the latest first; what cannot be read, or is of a newer schema, is passed over.
///
/// # Errors
/// The folder is there and cannot be read.
pub fn list(root: &Path) -> io::Result<Vec<Seen>> {
    let now = OffsetDateTime::now_utc();
    let mut seen: Vec<Seen> = files(&runs(root))?.iter().filter_map(|path| read(path, now)).collect();
    seen.sort_by(|a, b| b.record.started.cmp(&a.record.started).then_with(|| b.record.run.cmp(&a.record.run)));
    Ok(seen)
}

/// Removes the records of runs that ended longest ago, but for the last few.
///
/// # Errors
/// The folder cannot be read.
pub fn tidy(root: &Path) -> io::Result<()> {
    let over: Vec<Seen> = list(root)?.into_iter().filter(|seen| !seen.takes_requests()).skip(KEPT).collect();
    for seen in over {
        // Another process may have removed it just now.
        let _ = std::fs::remove_file(runs(root).join(format!("{}.json", seen.record.run)));
    }
    Ok(())
}

fn read(path: &Path, now: OffsetDateTime) -> Option<Seen> {
    let record: RunRecord = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    if record.schema != SCHEMA {
        return None;
    }
    let updated = OffsetDateTime::parse(&record.updated, &Rfc3339).ok()?;
    let age = Duration::try_from(now - updated).unwrap_or_default();
    let standing = standing(&record, age);
    Some(Seen { record, standing, age })
}

fn standing(record: &RunRecord, age: Duration) -> Standing {
    match record.process.is_alive() {
        _ if record.stage == Stage::Ended => Standing::Ended,
        Some(false) => Standing::Gone,
        _ if age > SILENT => Standing::Silent,
        _ => Standing::Live,
    }
}

/// The `*.json` of a folder by name; none where the folder is not there.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    Ok(paths)
}

/// Writes a file under a temporary name, then gives it its own.
fn replace(path: &Path, document: &impl serde::Serialize) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let temporary = path.with_extension("new");
    std::fs::write(&temporary, serde_json::to_vec(document)?)?;
    std::fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(run: &str, started: &str) -> RunRecord {
        RunRecord { run: run.to_owned(), started: started.to_owned(), updated: now(), ..RunRecord::default() }
    }

    #[test]
    fn a_record_comes_back_as_it_was_written_and_the_latest_is_first() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(list(root.path()).unwrap(), []);
        let (old, new) = (record("a", "2026-01-01T00:00:00.000Z"), record("b", "2026-01-02T00:00:00.000Z"));
        write(root.path(), &old).unwrap();
        write(root.path(), &new).unwrap();
        std::fs::write(runs(root.path()).join("c.json"), "{\"schema\":\"retrace.run/9\"}").unwrap();
        std::fs::write(runs(root.path()).join("d.json"), "{").unwrap();
        let seen = list(root.path()).unwrap();
        assert_eq!(seen.iter().map(|seen| &seen.record).collect::<Vec<_>>(), [&new, &old]);
    }

    #[test]
    fn a_run_is_live_gone_silent_or_ended() {
        let here = Process::this();
        // Ids are reused upwards from small ones; this one is above every limit in use.
        let nobody = Process { pid: 0x7fff_fff0, ..here.clone() };
        let elsewhere = Process { host: "another-machine".to_owned(), ..here.clone() };
        let table = [
            (here.clone(), Stage::Running, 1, Standing::Live),
            (here.clone(), Stage::Running, 90, Standing::Silent),
            (here, Stage::Ended, 90, Standing::Ended),
            (nobody.clone(), Stage::Ended, 1, Standing::Ended),
            (elsewhere.clone(), Stage::Running, 1, Standing::Live),
            (elsewhere, Stage::Running, 90, Standing::Silent),
        ];
        for (process, stage, age, expected) in table {
            let record = RunRecord { process, stage, ..RunRecord::default() };
            assert_eq!(standing(&record, Duration::from_secs(age)), expected, "{record:?}");
        }
        if cfg!(unix) {
            let record = RunRecord { process: nobody, stage: Stage::Running, ..RunRecord::default() };
            assert_eq!(standing(&record, Duration::ZERO), Standing::Gone);
        }
    }

    #[test]
    fn only_the_last_ended_runs_are_kept() {
        let root = tempfile::tempdir().unwrap();
        for at in 0..KEPT + 3 {
            let ended = RunRecord { stage: Stage::Ended, ..record(&format!("r{at:03}"), &format!("2026-{at:03}")) };
            write(root.path(), &ended).unwrap();
        }
        let live = RunRecord { process: Process::this(), stage: Stage::Running, ..record("live", "2025") };
        write(root.path(), &live).unwrap();
        tidy(root.path()).unwrap();
        let left: Vec<String> = list(root.path()).unwrap().into_iter().map(|seen| seen.record.run).collect();
        assert_eq!((left.len(), left[0].as_str(), left[KEPT - 1].as_str()), (KEPT + 1, "r052", "r003"));
        assert_eq!(left[KEPT], "live");
    }
}
