//! The search's reasons in a few words, the same on every screen and in every table.

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
