//! The search's reasons in a few words, and changes as they are written, the same on every screen and in every table.

use crate::engine::desk::Waiting;
use crate::reer::search::{Reason, Refusal, StopReason};

/// Why a candidate was not taken, in words.
pub fn reason_in_words(reason: Reason) -> &'static str {
    match reason {
        Reason::NotLower => "not lower",
        Reason::WithinMinDelta => "lower by too little",
        Reason::Outrun => "another was lower",
        Reason::LeakSpan => "copies too long a run",
        Reason::LeakNgram => "copies too much",
        Reason::Length => "too long",
        Reason::Repetition => "repeats itself",
        Reason::Context => "does not fit the context",
        Reason::Outraced => "dropped from the race",
        Reason::Unusable => "unusable",
        Reason::Beam => "kept beside, in the beam",
        Reason::Overtaken => "overtaken by a person",
    }
}

/// Why an answer could not be used, in words.
pub fn refusal_in_words(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Missing => "no rewrite in the answer",
        Refusal::Empty => "blank",
        Refusal::Truncated => "cut off",
        Refusal::Tag => "contains a tag",
        Refusal::Same => "the same text",
    }
}

/// Why a search ended, in words.
pub fn stop_in_words(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Threshold => "below threshold",
        StopReason::Patience => "no more gains",
        StopReason::Passes => "all rounds made",
        StopReason::Steps => "all steps made",
        StopReason::Budget => "budget",
        StopReason::Person => "paused",
        StopReason::Error => "failed",
        StopReason::NoGain => "no gain",
    }
}

/// What is waited for, in the order of what matters: what is cut off at a screen's edge is the end of the reason.
pub fn waiting_in_words(waiting: &Waiting) -> String {
    let Waiting { server, reason, again } = waiting;
    let again = match again {
        0 => String::new(),
        1 => ", tried again once".to_owned(),
        times => format!(", tried again {times} times"),
    };
    format!("waiting for {server}{again}: {reason}")
}

/// A change with its sign, a true minus: three decimals, and more where these would say that nothing changed.
pub fn signed(change: f64) -> String {
    let text = match change.abs() {
        0.0..1e-9 => "0.000".to_owned(),
        0.0005.. => format!("{change:+.3}"),
        0.00005.. => format!("{change:+.4}"),
        _ => format!("{change:+.0e}"),
    };
    text.replace('-', "−")
}

/// `1st`, `2nd`, `11th`.
pub fn ordinal(n: usize) -> String {
    let end = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_change_looks_like_none_unless_it_is_none() {
        let written = [-0.0272, 0.187, -0.0004, 0.00002, 0.0, -1e-17].map(signed);
        assert_eq!(written, ["−0.027", "+0.187", "−0.0004", "+2e−5", "0.000", "0.000"]);
    }

    #[test]
    fn places_are_counted_as_they_are_said() {
        let said = [1, 2, 3, 4, 11, 12, 13, 21, 112].map(ordinal);
        assert_eq!(said, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th"]);
    }
}
