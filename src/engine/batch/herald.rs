//! Says once a second how a run stands, in the library and to whoever watches, and reads the requests that were left for
//! it. A task beside the searches: none of them waits for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::meter::Meter;
use crate::engine::Servers;
use crate::session::runs::{self, HEARTBEAT, Request, RunRecord, Stage};

/// A run's voice and ear.
pub(super) struct Herald {
    pub root: PathBuf,
    pub meter: Arc<Meter>,
    pub servers: Arc<dyn Servers>,
    pub requests: UnboundedSender<Request>,
    /// Between two records.
    pub beat: Duration,
}

impl Herald {
    /// Serves until the run is over, then writes its last record.
    pub async fn serve(self, over: CancellationToken) {
        let mut beat = tokio::time::interval(self.beat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (run, mut written) = (self.meter.run(), None);
        let root = self.root.clone();
        // Old records that stay are no fault of this run.
        drop(tokio::task::spawn_blocking(move || runs::tidy(&root)).await);
        loop {
            tokio::select! {
                biased;
                () = over.cancelled() => break,
                _ = beat.tick() => {}
            }
            self.tell(&mut written).await;
            let (root, run) = (self.root.clone(), run.clone());
            let taken = tokio::task::spawn_blocking(move || runs::take(&root, &run)).await;
            for request in taken.into_iter().flatten().flatten() {
                // A run that is over takes no requests.
                drop(self.requests.send(request));
            }
        }
        self.tell(&mut None).await;
        let root = self.root.clone();
        drop(tokio::task::spawn_blocking(move || runs::take(&root, &run)).await);
    }

    /// Writes the record, unless it is the same as the one that was just written: a paused run wakes the disk seldom. A
    /// library that cannot be written stops the searches, not this.
    async fn tell(&self, written: &mut Option<(RunRecord, Instant)>) {
        let record = RunRecord { endpoints: self.servers.endpoints(), ..self.meter.record() };
        self.meter.stands(&record);
        let still = |(last, at): &(RunRecord, Instant)| at.elapsed() < HEARTBEAT && is_still(last, &record);
        if written.as_ref().is_some_and(still) {
            return;
        }
        let (root, to_write) = (self.root.clone(), record.clone());
        drop(tokio::task::spawn_blocking(move || runs::write(&root, &to_write)).await);
        *written = Some((record, Instant::now()));
    }
}

/// Whether nothing happened between two records but time.
fn is_still(last: &RunRecord, record: &RunRecord) -> bool {
    let timeless = |of: &RunRecord| RunRecord {
        updated: String::new(),
        seconds: 0,
        in_stage: 0,
        pace: runs::Pace::default(),
        ..of.clone()
    };
    record.stage == Stage::Paused && timeless(last) == timeless(record)
}
