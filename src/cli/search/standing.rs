//! How a whole run stands, in one line.

use std::time::Duration;

use indicatif::HumanDuration;

use crate::cli::numbers::counted;
use crate::session::runs::{Counts, Pace, RunRecord};

/// What a bar has no room to draw: the pace, what is left of the time, faults.
pub fn beside_the_bar(record: &RunRecord) -> String {
    rest(record).into_iter().map(|part| format!(", {part}")).collect()
}

/// As [`beside_the_bar`], with the counts that the bar shows.
pub fn line(record: &RunRecord) -> String {
    let Counts { expected, done, failed, unfinished, stopped, .. } = record.counts;
    let mut parts = vec![format!("{} of {expected} through", record.counts.settled()), format!("{done} done")];
    parts.extend((failed > 0).then(|| format!("{failed} failed")));
    parts.extend((unfinished > 0).then(|| format!("{unfinished} out of budget")));
    parts.extend((stopped > 0).then(|| format!("{stopped} stopped on the way")));
    parts.push(format!("{} in work", record.running.len() + record.running_more));
    parts.extend(rest(record));
    parts.join(", ")
}

fn rest(record: &RunRecord) -> Vec<String> {
    let Pace { examples_a_minute, tokens_a_second, tokens_out_a_second, left_s, .. } = record.pace;
    let mut parts = Vec::new();
    parts.extend((examples_a_minute > 0.0).then(|| format!("{examples_a_minute:.1} examples/min")));
    let tokens = format!("{tokens_a_second:.0} tokens/s ({tokens_out_a_second:.0} written)");
    parts.extend((tokens_a_second > 0.0).then_some(tokens));
    parts.extend(left_s.map(|seconds| format!("{} left", HumanDuration(Duration::from_secs(seconds)))));
    let again: u64 = record.endpoints.iter().map(|endpoint| endpoint.retried).sum();
    parts.extend((again > 0).then(|| format!("{} tried again", counted(again as usize, "call"))));
    let faults: Vec<String> = record.errors.iter().map(|(class, seen)| format!("{class} {}", seen.count)).collect();
    parts.extend((!faults.is_empty()).then(|| format!("faults: {}", faults.join(" "))));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::runs::{Endpoint, ErrorClass};

    #[test]
    fn a_line_says_how_far_how_fast_and_what_went_wrong() {
        let counts =
            Counts { expected: 20_000, done: 412, failed: 3, unfinished: 1, stopped: 0, skipped: 7, found: 12 };
        let pace = Pace {
            examples_a_minute: 88.14,
            tokens_a_second: 5121.7,
            tokens_out_a_second: 804.0,
            left_s: Some(13_260),
            ..Pace::default()
        };
        let mut record = RunRecord { counts, pace, running_more: 64, ..RunRecord::default() };
        record.endpoints = vec![Endpoint { retried: 9, ..Endpoint::default() }; 2];
        record.errors.insert("timeout".to_owned(), ErrorClass { count: 4, ..ErrorClass::default() });
        assert_eq!(
            line(&record),
            "416 of 20000 through, 412 done, 3 failed, 1 out of budget, 64 in work, 88.1 examples/min, \
             5122 tokens/s (804 written), 4 hours left, 18 calls tried again, faults: timeout 4"
        );
        assert_eq!(beside_the_bar(&RunRecord::default()), "", "nothing is said before anything is known");
    }
}
