//! What the tint says: log-probabilities of the reference's tokens as bands over its text. Pure.

use std::ops::Range;

use super::text::{Bands, Spans};
use crate::tui::theme::Role;

/// Surprisal in nats from which a token counts as unexpected, surprising, startling: the model gave it less than
/// about 1 in 7, 1 in 55, 1 in 1,100.
pub const SURPRISAL: [f64; 3] = [2.0, 4.0, 7.0];

/// Change in nats from which a token counts as somewhat, clearly, much cheaper or dearer: about 1.6, 4.5 and 20 times
/// as likely, or as unlikely.
pub const CHANGE: [f64; 3] = [0.5, 1.5, 3.0];

const SURPRISE: [Role; 3] = [Role::Surprise1, Role::Surprise2, Role::Surprise3];
const CHEAPER: [Role; 3] = [Role::Cheaper1, Role::Cheaper2, Role::Cheaper3];
const DEARER: [Role; 3] = [Role::Dearer1, Role::Dearer2, Role::Dearer3];

/// Bands of surprisal. `ends`: byte offsets in the reference at which its tokens end; `logprobs`: nats, one a token.
pub fn surprisal(ends: &[usize], logprobs: &[f64]) -> Spans {
    bands(ends, logprobs.iter().map(|logprob| level(-logprob, SURPRISAL).map(|level| SURPRISE[level])))
}

/// Bands of change from the log-probabilities `before` to those `after`, in nats, one a token.
pub fn change(ends: &[usize], before: &[f64], after: &[f64]) -> Spans {
    bands(ends, before.iter().zip(after).map(|(before, after)| change_of(after - before)))
}

/// Bands of changes that are known as such: nats a token, positive where it became likelier.
pub fn gains(ends: &[usize], gains: &[f64]) -> Spans {
    bands(ends, gains.iter().map(|gain| change_of(*gain)))
}

fn change_of(gain: f64) -> Option<Role> {
    let roles = if gain > 0.0 { CHEAPER } else { DEARER };
    level(gain.abs(), CHANGE).map(|level| roles[level])
}

/// Index of the highest threshold that was reached. What is no number has no level.
fn level(value: f64, thresholds: [f64; 3]) -> Option<usize> {
    thresholds.iter().rposition(|threshold| value.is_finite() && value >= *threshold)
}

fn bands(ends: &[usize], roles: impl Iterator<Item = Option<Role>>) -> Spans {
    let mut out: Spans = Vec::new();
    let mut start = 0;
    for (&end, role) in ends.iter().zip(roles) {
        let token: Range<usize> = start..end.max(start);
        start = token.end;
        let Some(role) = role.filter(|_| !token.is_empty()) else { continue };
        match out.last_mut() {
            Some((last, of)) if *of == role && last.end == token.start => last.end = token.end,
            _ => out.push((token, role)),
        }
    }
    out
}

/// What a tint shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tint {
    Surprisal,
    Change,
}

/// Where the second half of the legend of a change begins.
pub const DEARER_BY: &str = "dearer by ";

/// The legend: pieces of one line, each in the style of its role.
pub fn legend(tint: Tint, bands: Bands) -> Vec<(String, Role)> {
    let piece = |role: Role, text: String| {
        let sign = if bands == Bands::Signs { format!("{} ", super::text::sign_of(role)) } else { String::new() };
        [(format!(" {sign}{text} "), role), (" ".to_owned(), Role::Dim)]
    };
    let row = |roles: [Role; 3], from: [f64; 3], sign: &str| {
        let pieces = roles.into_iter().zip(from).map(|(role, from)| piece(role, format!("{sign}{from}")));
        pieces.flatten().collect::<Vec<_>>()
    };
    let mut out = Vec::new();
    match tint {
        Tint::Surprisal => {
            out.push(("nats a token, at least ".to_owned(), Role::Dim));
            out.extend(row(SURPRISE, SURPRISAL, ""));
        }
        Tint::Change => {
            out.push(("cheaper by nats ".to_owned(), Role::Dim));
            out.extend(row(CHEAPER, CHANGE, "−"));
            out.push((DEARER_BY.to_owned(), Role::Dim));
            out.extend(row(DEARER, CHANGE, "+"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn levels_by_threshold() {
        let ends = [1, 2, 3, 4, 5, 6];
        let spans = surprisal(&ends, &[-0.1, -2.0, -2.5, -4.0, -70.0, f64::NAN]);
        assert_eq!(spans, [(1..3, Role::Surprise1), (3..4, Role::Surprise2), (4..5, Role::Surprise3)]);
        let spans = change(&ends, &[-3.0; 6], &[-3.4, -3.5, -1.5, 0.0, -6.1, f64::NEG_INFINITY]);
        let expected = [(1..2, Role::Dearer1), (2..3, Role::Cheaper2), (3..4, Role::Cheaper3), (4..5, Role::Dearer3)];
        assert_eq!(spans, expected);
    }

    #[test]
    fn neighbours_of_one_level_are_one_band() {
        assert_eq!(gains(&[4, 9, 12], &[0.6, 0.7, 0.8]), [(0..12, Role::Cheaper1)]);
        assert_eq!(gains(&[4, 9, 12], &[0.6, 0.1, 0.8]), [(0..4, Role::Cheaper1), (9..12, Role::Cheaper1)]);
        assert_eq!(gains(&[4, 9], &[]), []);
        assert_eq!(gains(&[], &[1.0]), []);
    }

    #[test]
    fn the_legend_says_sign_and_size() {
        let said: String = legend(Tint::Change, Bands::Signs).into_iter().map(|(text, _)| text).collect();
        insta::assert_snapshot!(said, @"cheaper by nats  −1 −0.5   −2 −1.5   −3 −3  dearer by  +1 +0.5   +2 +1.5   +3 +3");
    }

    proptest! {
        #[test]
        fn bands_are_ordered_and_apart(lens in proptest::collection::vec(0usize..9, 0..40), values in proptest::collection::vec(-9.0f64..0.0, 0..40)) {
            let ends: Vec<usize> = lens.iter().scan(0, |at, len| { *at += len; Some(*at) }).collect();
            let spans = surprisal(&ends, &values);
            for pair in spans.windows(2) {
                prop_assert!(pair[0].0.end <= pair[1].0.start);
                prop_assert!(pair[0].0.end < pair[1].0.start || pair[0].1 != pair[1].1);
            }
            for (at, value) in values.iter().enumerate().take(ends.len()) {
                let byte = ends[at].saturating_sub(1);
                let inside = lens[at] > 0 && spans.iter().any(|(span, _)| span.contains(&byte));
                prop_assert_eq!(inside, lens[at] > 0 && -value >= SURPRISAL[0]);
            }
        }
    }
}
