//! Statistics for a person: tables with small histograms.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::Report;
use super::group::{Course, Group};
use super::spread::Spread;
use crate::app::bench::{reason_in_words, stop_in_words};
use crate::cli::numbers::{counted, scorer};
use crate::cli::table::{bars, table};
use crate::cli::{Output, note};

pub fn tell(report: &Report, output: &mut Output) {
    for unreadable in &report.unreadable {
        note(format_args!("{}: {}", unreadable.file.display(), unreadable.why));
    }
    output.line(format_args!(
        "{}: {}: {}; verdicts: {}",
        report.library.display(),
        counted(report.sessions, "session"),
        counts(&report.status),
        counts(&report.verdicts)
    ));
    for group in &report.groups {
        output.line("");
        tell_group(group, output);
    }
    let cost = &report.cost.total;
    output.line("");
    output.line(format_args!(
        "cost: {} calls ({} failed), {} tokens read ({} from a cache), {} tokens written, {:.1} s of calls",
        cost.calls,
        cost.failed,
        cost.tokens_in,
        cost.tokens_cached,
        cost.tokens_out,
        cost.ms as f64 / 1000.0
    ));
}

fn tell_group(group: &Group, output: &mut Output) {
    let (scorer, objective) = (scorer(&group.scorer), group.objective.name());
    let tokens = group.tokens.as_ref().map_or(0.0, |tokens| tokens.mean * tokens.n as f64);
    output.line(format_args!(
        "scorer {scorer}, objective {objective}: {}, {tokens:.0} tokens of reference",
        counted(group.sessions, "session")
    ));
    output.line(format_args!(
        "{} of {} end below their baseline; ended: {}",
        group.improved,
        group.compared,
        counts(&words_of(&group.stops, |reason| stop_in_words(reason).to_owned()))
    ));
    let refused = &group.not_taken;
    if refused.steps > 0 {
        let reasons = counts(&words_of(&refused.by_reason, |reason| reason_in_words(reason).to_owned()));
        let reasons = if reasons.is_empty() { String::new() } else { format!("; candidates not taken: {reasons}") };
        output.line(format_args!(
            "{} of {} took nothing{reasons}",
            refused.empty_steps,
            counted(refused.steps, "step")
        ));
    }
    let mut rows = Vec::new();
    course(&mut rows, "nll, nats/token", &group.nll, 3);
    course(&mut rows, "ppl", &group.ppl, 1);
    if let Some(clipped) = &group.clipped_nll {
        course(&mut rows, "reer-clipped, nats/token", clipped, 3);
    }
    row(&mut rows, "gain, nats/token", group.gain_nats.as_ref(), 3);
    row(&mut rows, "gain, % of ppl", group.gain_percent.as_ref(), 1);
    row(&mut rows, "gain where a run of over 8 words is copied", group.gain_by_copying.copied.as_ref(), 3);
    row(&mut rows, "gain where no such run is copied", group.gain_by_copying.free.as_ref(), 3);
    row(&mut rows, "anchoring", group.anchoring.as_ref(), 3);
    row(&mut rows, "leak, share of 8-grams", group.leak.ngram.as_ref(), 4);
    row(&mut rows, "leak, longest run in words", group.leak.span_words.as_ref(), 0);
    row(&mut rows, "leak, run as share of y", group.leak.span_share.as_ref(), 4);
    course(&mut rows, "characters of z", &group.lengths.characters, 0);
    course(&mut rows, "segments of z", &group.lengths.segments, 0);
    row(&mut rows, "steps", group.steps.as_ref(), 0);
    row(&mut rows, "accepted", group.accepted.as_ref(), 0);
    let head = ["", "n", "min", "p25", "median", "p75", "max", "mean", "spread"];
    table(&head, &rows).iter().for_each(|line| output.line(line));
}

fn course(rows: &mut Vec<Vec<String>>, name: &str, course: &Course, digits: usize) {
    for (when, spread) in [("baseline", &course.baseline), ("initial", &course.initial), ("final", &course.last)] {
        row(rows, &format!("{name}, {when}"), spread.as_ref(), digits);
    }
}

fn row(rows: &mut Vec<Vec<String>>, name: &str, spread: Option<&Spread>, digits: usize) {
    let Some(spread) = spread else { return };
    let values = [spread.min, spread.p25, spread.median, spread.p75, spread.max, spread.mean];
    // What counts may lie between two counts as a median or a mean.
    let digits = if digits == 0 && values.iter().any(|value| value.fract() != 0.0) { 1 } else { digits };
    let mut cells = vec![name.to_owned(), spread.n.to_string()];
    cells.extend(values.map(|value| format!("{value:.digits$}")));
    // One value has no spread.
    cells.push(if spread.n > 1 { bars(&spread.bins.counts) } else { String::new() });
    rows.push(cells);
}

/// Words of the sessions as the screens say them; the JSON keeps the former.
fn words_of<T: DeserializeOwned>(spelled: &BTreeMap<String, usize>, word: fn(T) -> String) -> BTreeMap<String, usize> {
    let word = |known: &String| serde_json::from_value(known.as_str().into()).map_or_else(|_| known.clone(), word);
    spelled.iter().map(|(known, count)| (word(known), *count)).collect()
}

fn counts(counts: &BTreeMap<String, usize>) -> String {
    let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    counts.join(", ")
}
