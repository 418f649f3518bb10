//! `retrace stats`: what the searches of a folder gained, what explains it, and what it cost.

mod group;
mod spread;
mod tell;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use rayon::prelude::*;
use serde::Serialize;

use self::group::{Group, Member};
use super::numbers::spelled;
use super::{Fault, Outcome, Output};
use crate::reer::{Identity, Objective};
use crate::session::{self, Ledger, Reading, SessionError, library};

const EXAMPLES: &str = "\
Examples:
  retrace stats out
  retrace stats out --json | jq '.groups[] | {scorer, objective, improved, compared}'

nll is in nats per token of the reference. `baseline` is the reference behind an empty think block, `initial` the first \
draft, `final` what is current, which an export writes: the lowest version since a person last chose one. What explains a gain stands beside it: how much of the reference the thinking copies, the gain of \
those that copy a longer run than 8 words and of the others, and anchoring, 1 - nll / baseline nll but never below 0, which is high both for \
good thinking and for thinking that gives the answer away. Sessions of different scorers or objectives are told apart and never averaged together.
Exit code: 0 all sessions were read, 1 some are damaged.";

/// Tell what the searches of a folder gained, and at what cost
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatsArgs {
    /// Folder of sessions, or one session file
    path: PathBuf,

    /// Print one JSON document on stdout, and nothing else there
    #[arg(long)]
    json: bool,
}

/// JSON of `retrace stats`.
#[derive(Debug, Serialize)]
struct Report {
    library: PathBuf,
    sessions: usize,
    /// Sessions by status.
    status: BTreeMap<String, usize>,
    /// Sessions by a person's verdict.
    verdicts: BTreeMap<String, usize>,
    groups: Vec<Group>,
    /// Sums by purpose of the call: tokens, and milliseconds of calls that ran at the same time each counted.
    cost: Cost,
    /// Files that are damaged or no session.
    unreadable: Vec<Unreadable>,
}

#[derive(Debug, Serialize)]
struct Cost {
    #[serde(flatten)]
    total: session::Spent,
    by_purpose: Ledger,
}

#[derive(Debug, Serialize)]
struct Unreadable {
    file: PathBuf,
    why: String,
}

pub fn run(args: &StatsArgs, output: &mut Output) -> Result<Outcome, Fault> {
    let report = report(&args.path)?;
    if args.json {
        output.json(&report);
    } else {
        tell::tell(&report, output);
    }
    Ok(Outcome::partial_if(!report.unreadable.is_empty()))
}

/// One session, folded and put aside.
struct Read {
    key: Option<(Identity, Objective)>,
    member: Member,
    status: String,
    verdict: String,
    ledger: Ledger,
    damage: Option<String>,
}

fn report(path: &Path) -> Result<Report, Fault> {
    let files = if path.is_dir() { library::files(path)? } else { vec![path.to_owned()] };
    if files.is_empty() {
        return Err(Fault::at(path, "no sessions; `retrace search INPUT --into DIR` makes some"));
    }
    let reads: Vec<Result<Read, SessionError>> = files.par_iter().map(|file| session::read(file).map(read)).collect();
    let mut report = Report {
        library: path.to_owned(),
        sessions: 0,
        status: BTreeMap::new(),
        verdicts: BTreeMap::new(),
        groups: Vec::new(),
        cost: Cost { total: session::Spent::default(), by_purpose: Ledger::default() },
        unreadable: Vec::new(),
    };
    let mut groups: BTreeMap<(String, Identity), (Objective, Vec<Member>)> = BTreeMap::new();
    for (file, read) in files.into_iter().zip(reads) {
        let read = match read {
            Ok(read) => read,
            Err(error) if report.library.is_dir() => {
                report.unreadable.push(Unreadable { file, why: error.cause() });
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        report.sessions += 1;
        *report.status.entry(read.status).or_default() += 1;
        *report.verdicts.entry(read.verdict).or_default() += 1;
        report.cost.by_purpose.merge(&read.ledger);
        report.unreadable.extend(read.damage.map(|why| Unreadable { file, why }));
        if let Some((scorer, objective)) = read.key {
            let group = groups.entry((spelled(&objective), scorer)).or_insert_with(|| (objective, Vec::new()));
            group.1.push(read.member);
        }
    }
    report.cost.total = report.cost.by_purpose.total();
    let group = |((_, scorer), (objective, members)): (_, (_, Vec<_>))| Group::new(scorer, objective, &members);
    report.groups = groups.into_iter().map(group).collect();
    Ok(report)
}

fn read(Reading { state, health }: Reading) -> Read {
    let summary = state.summary();
    let damage = health.damaged.first().map(|d| format!("line {} is damaged: {}", d.line, d.why));
    Read {
        key: summary.scorer.clone().zip(summary.objective),
        status: spelled(&summary.status),
        verdict: spelled(&summary.verdict),
        member: Member::of(&state, summary),
        ledger: state.ledger,
        damage,
    }
}
