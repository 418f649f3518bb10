//! Carrying out `retrace search`: settings become a plan, signals a cancellation.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{Progress, Report, SearchArgs};
use crate::cli::numbers::counted;
use crate::cli::{Fault, Outcome, Output, STDIN, note};
use crate::engine::fleet::Alarm;
use crate::engine::{self, BackEnds, Company, Equipment, Plan, Setup, Trust};
use crate::session::Models;
use crate::session::pairs::Fields;
use crate::settings::{Origin, Settings, key};

/// Searches, or says what would be searched.
///
/// # Errors
/// What keeps the whole run from beginning or going on, in one line.
pub fn run(args: &SearchArgs, output: &mut Output) -> Result<Outcome, Fault> {
    let settings = Settings::load(&args.flags())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(WRITERS).build();
    let runtime = runtime.map_err(|e| Fault(format!("cannot start: {e}")))?;
    let within = runtime.enter();
    let cancel = CancellationToken::new();
    let back_ends = BackEnds::of(&settings)?
        .trusting(if args.allow_unproven_scorer { Trust::Any } else { Trust::Proven })
        .with_alarm(Alarm::ending(cancel.clone()))
        .telling(|what| note(what));
    let Equipment { models, record } = back_ends.open(back_ends.defaults())?;
    drop(within);
    let spooled = (args.input == Path::new(STDIN)).then(spool).transpose()?;
    let input = spooled.as_ref().map_or_else(|| args.input.clone(), |folder| folder.path().join(SPOOLED));
    let plan = plan(args, input, &settings, record, models.scorer.noise_floor())?;
    if args.dry_run {
        let forecast = engine::forecast(&plan)?;
        return tell(&forecast, args.json, output);
    }
    let library = plan.library.clone();
    let progress = Arc::new(Progress::new(&plan.models));
    let report = runtime.block_on(async {
        let watch = tokio::spawn(stop_on_signal(cancel.clone(), progress.clone()));
        let company = Company { servers: Arc::new(back_ends), ..Company::new(progress, cancel) };
        let report = engine::batch_in_company(plan, models, company).await;
        // It holds the bars, which go before the report comes.
        watch.abort();
        drop(watch.await);
        report
    });
    let report = report?;
    let report = Report::new(&report, &library);
    if args.json {
        output.json(&report)
    } else {
        report.tell(output)
    }
    Ok(report.outcome())
}

/// What standard input held is called in the sessions' sources.
const SPOOLED: &str = "stdin";

/// Standard input as a file, for as long as the folder is held: pairs are read twice, once to count and check them.
fn spool() -> Result<TempDir, Fault> {
    let fault = |error: std::io::Error| Fault(format!("standard input cannot be read: {error}"));
    let folder = tempfile::Builder::new().prefix("retrace-").tempdir().map_err(fault)?;
    let mut file = std::fs::File::create(folder.path().join(SPOOLED)).map_err(fault)?;
    std::io::copy(&mut std::io::stdin().lock(), &mut file).map_err(fault)?;
    Ok(folder)
}

fn plan(
    args: &SearchArgs,
    input: PathBuf,
    settings: &Settings,
    models: Models,
    noise_floor: f64,
) -> Result<Plan, Fault> {
    let missing = || Fault("there is no folder for sessions: name one with --into DIR".to_owned());
    let is_set = |key| !matches!(settings.origin(key), Origin::Default | Origin::Preset(_));
    let mut setup = Setup::of(settings);
    if !is_set(key::MIN_DELTA) {
        setup = setup.above_noise(noise_floor);
    }
    Ok(Plan {
        input,
        library: settings.library.clone().ok_or_else(missing)?,
        fields: Fields { query: args.query_field.clone(), reference: args.reference_field.clone() },
        config: setup.record(),
        models,
        concurrency: settings.concurrency.unwrap_or_else(|| setup.at_once()),
        shard: args.shard,
        limit: args.limit,
        retry_failed: args.retry_failed,
        fork: args.fork,
    })
}

/// Threads that wait for the disk, and for models in this process. One an example in work would only hold memory: what a
/// thread has freed stays with it.
const WRITERS: usize = 16;

fn tell(forecast: &engine::Forecast, json: bool, output: &mut Output) -> Result<Outcome, Fault> {
    if json {
        output.json(forecast);
    } else {
        output.line(format_args!(
            "{} pairs: {} new, {} to go on with, {} finished or left alone; {} skipped",
            forecast.pairs,
            forecast.new,
            forecast.unfinished,
            forecast.finished,
            counted(forecast.skipped.len(), "row")
        ));
        for skipped in &forecast.skipped {
            output.line(format_args!("line {} skipped: {}", skipped.line, skipped.reason));
        }
        output.line(format_args!(
            "at most {} generated texts and {} scores for the new ones, leave-one-out scores aside",
            forecast.texts, forecast.scores
        ));
    }
    Ok(Outcome::partial_if(!forecast.skipped.is_empty()))
}

/// Cancels at Ctrl-C or SIGTERM, so that every session ends in order; a second Ctrl-C does not wait.
async fn stop_on_signal(cancel: CancellationToken, progress: Arc<Progress>) {
    if interrupted().await.is_err() {
        return;
    }
    progress.say("stopping: sessions are closed so that the next run goes on with them (again to stop at once)");
    cancel.cancel();
    if interrupted().await.is_ok() {
        std::process::exit(130);
    }
}

#[cfg(unix)]
async fn interrupted() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        ended = tokio::signal::ctrl_c() => ended,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn interrupted() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
