//! The batch that this process runs: begun from a file of pairs, ended in order with the program. What it does is told
//! in the library, as by any other process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::engine::{BackEnds, Company, Plan, Report, Setup, batch_in_company};
use crate::session::pairs::Fields;

/// A batch gets so long to end when the program does.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs batches, one at a time.
pub struct Batches {
    back_ends: Arc<BackEnds>,
    /// Examples in work at a time.
    concurrency: Option<usize>,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

/// What a batch is to search, and where its sessions go.
pub struct Begin {
    pub input: PathBuf,
    pub library: PathBuf,
    pub setup: Setup,
}

impl Batches {
    pub fn new(back_ends: Arc<BackEnds>, concurrency: Option<usize>) -> Batches {
        Batches { back_ends, concurrency, running: None }
    }

    /// Begins a batch, unless one runs; `ended` is told what became of it. `begin` may block.
    pub fn begin(
        &mut self,
        begin: impl FnOnce() -> Begin + Send + 'static,
        ended: impl FnOnce(Result<String, String>) + Send + 'static,
    ) {
        if self.running.as_ref().is_some_and(|(_, task)| !task.is_finished()) {
            return ended(Err("a batch of this process runs already".to_owned()));
        }
        let (back_ends, concurrency, cancel) = (self.back_ends.clone(), self.concurrency, CancellationToken::new());
        let token = cancel.clone();
        let task = tokio::spawn(async move { ended(run(back_ends, concurrency, begin, token).await) });
        self.running = Some((cancel, task));
    }

    /// Ends the batch that runs, in order. One that hangs has everything that was recorded on disk.
    pub async fn finish(self) {
        if let Some((cancel, task)) = self.running {
            cancel.cancel();
            drop(tokio::time::timeout(PATIENCE, task).await);
        }
    }
}

async fn run(
    back_ends: Arc<BackEnds>,
    concurrency: Option<usize>,
    begin: impl FnOnce() -> Begin + Send + 'static,
    cancel: CancellationToken,
) -> Result<String, String> {
    let servers = back_ends.clone();
    let open = move || {
        let begin = begin();
        back_ends.open(&begin.setup).map(|equipment| (begin, equipment)).map_err(|error| error.to_string())
    };
    let opened = tokio::task::spawn_blocking(open).await.map_err(|error| error.to_string())?;
    let (Begin { input, library, setup }, equipment) = opened?;
    let concurrency = concurrency.unwrap_or_else(|| setup.at_once());
    let plan = Plan {
        input,
        library,
        fields: Fields::default(),
        config: setup.above_noise(equipment.models.scorer.noise_floor()).record(),
        models: equipment.record,
        concurrency,
        shard: None,
        limit: None,
        retry_failed: false,
        fork: false,
    };
    let company = Company { servers, ..Company::new(Arc::new(()), cancel) };
    let report = batch_in_company(plan, equipment.models, company).await.map_err(|error| error.to_string())?;
    Ok(said(&report))
}

fn said(report: &Report) -> String {
    let open = report.unfinished + report.left;
    let rest = if open > 0 { format!(", {open} to go on with") } else { String::new() };
    format!("{} done, {} failed{rest}", report.done, report.failed)
}
