//! Racing: a step's candidates that cannot win are not scored to the end.
//!
//! Only the lowest candidate of a step is ever taken, and only when it is lower than the current version. So a
//! candidate is dropped when it cannot get below the current version by more than min-delta, or below a rival that
//! the guards let pass.
//!
//! By the rule of this file y is read lap by lap, and what the objective bounds decides; the other rule is in `guess`.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Outraced;
use crate::reer::{Nats, Objective};

/// How it is told that a candidate cannot win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// By what the objective bounds: no decision ever changes. Spares little.
    Exact,
    /// By a paired test over the tokens of y that a rewrite may change most, which may change a decision.
    Paired,
}

/// One step's race.
#[derive(Debug, Clone, PartialEq)]
pub struct Race {
    pub rule: Rule,
    pub objective: Objective,
    /// A winner is lower than the current version by more than this, in nats per token.
    pub min_delta: f64,
    /// Whether the guards let each candidate pass: one that they refuse beats nobody.
    pub allowed: Vec<bool>,
}

/// The first lap is y's length over this; each lap doubles what has been read.
const FIRST_LAP: usize = 8;

/// Tokens under which a lap costs more in calls than it spares.
const SHORTEST_LAP: usize = 24;

/// The parts of a y of so many tokens, in the order of reading.
pub fn laps(tokens: usize) -> Vec<Range<usize>> {
    // A rest that is no lap of its own is read with the lap before it.
    let whole = |end: usize| if end + SHORTEST_LAP > tokens { tokens } else { end };
    let mut ends = vec![whole((tokens / FIRST_LAP).max(SHORTEST_LAP))];
    while let Some(end) = ends.last().filter(|end| **end < tokens) {
        ends.push(whole(end * 2));
    }
    let starts = std::iter::once(0).chain(ends.clone());
    starts.zip(ends).map(|(start, end)| start..end).collect()
}

impl Race {
    /// Which runners are out. `current` holds the current version's loss at every token that the objective scores,
    /// `runners` what each candidate lost at the first of them, all equally many; `None` for one that is out already.
    pub fn out(&self, current: &[f64], runners: &[Option<Vec<f64>>]) -> Vec<bool> {
        let read = runners.iter().flatten().map(Vec::len).min().unwrap_or(0);
        if read == 0 || read >= current.len() {
            return vec![false; runners.len()];
        }
        // Losses to come are 0 or more.
        let goal = sum(current) - self.min_delta * current.len() as f64;
        let most = self.objective.most().map(|most| (current.len() - read) as f64 * most);
        let beaten = |at: usize, losses: &[f64]| {
            let behind = |other: usize, rival: &[f64]| {
                other != at && self.allowed[other] && most.is_some_and(|most| sum(losses) > sum(rival) + most)
            };
            sum(losses) >= goal
                || runners.iter().enumerate().any(|(other, r)| r.as_ref().is_some_and(|rival| behind(other, rival)))
        };
        runners.iter().enumerate().map(|(at, r)| r.as_ref().is_some_and(|losses| beaten(at, losses))).collect()
    }

    /// Where a runner that is out stands.
    pub fn standing(&self, tokens: usize, losses: &[f64], current: &[f64]) -> Outraced {
        let mean = |losses: &[f64]| Nats(losses.iter().sum::<f64>() / losses.len().max(1) as f64);
        Outraced { tokens, nll: mean(losses), current: mean(&current[..losses.len()]) }
    }
}

fn sum(losses: &[f64]) -> f64 {
    losses.iter().sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn race(rule: Rule, objective: Objective, min_delta: f64, runners: usize) -> Race {
        Race { rule, objective, min_delta, allowed: vec![true; runners] }
    }

    /// The runner that a step takes: the lowest allowed one below the current version, earlier before later.
    fn winner(race: &Race, current: &[f64], runners: &[Vec<f64>], left: &[bool]) -> Option<usize> {
        let mean = |losses: &[f64]| sum(losses) / losses.len() as f64;
        let in_race = (0..runners.len()).filter(|at| left[*at] && race.allowed[*at]);
        let best = in_race.min_by(|a, b| mean(&runners[*a]).total_cmp(&mean(&runners[*b])))?;
        (mean(&runners[best]) < mean(current) - race.min_delta).then_some(best)
    }

    /// Runs all laps and returns who is left.
    fn run(race: &Race, current: &[f64], runners: &[Vec<f64>]) -> Vec<bool> {
        let mut left = vec![true; runners.len()];
        for lap in laps(current.len()) {
            let read = |at: usize| left[at].then(|| runners[at][..lap.end].to_vec());
            let heard: Vec<Option<Vec<f64>>> = (0..runners.len()).map(read).collect();
            for (left, out) in left.iter_mut().zip(race.out(current, &heard)) {
                *left &= !out;
            }
        }
        left
    }

    fn field() -> impl Strategy<Value = (Vec<f64>, Vec<Vec<f64>>, Vec<bool>, f64)> {
        (30usize..200, 1usize..6).prop_flat_map(|(tokens, runners)| {
            let losses = || prop::collection::vec(0.0..2.0f64, tokens);
            let allowed = prop::collection::vec(prop::bool::weighted(0.8), runners);
            (losses(), prop::collection::vec(losses(), runners), allowed, 0.0..0.2f64)
        })
    }

    proptest! {
        #[test]
        fn the_exact_rule_changes_no_decision(
            (current, runners, allowed, min_delta) in field(),
            clipped in any::<bool>(),
        ) {
            let objective = if clipped { Objective::ReerClipped } else { Objective::Nll };
            let race = Race { allowed, ..race(Rule::Exact, objective, min_delta, runners.len()) };
            let left = run(&race, &current, &runners);
            let all = vec![true; runners.len()];
            prop_assert_eq!(winner(&race, &current, &runners, &left), winner(&race, &current, &runners, &all));
        }

        #[test]
        fn laps_read_all_of_y_once_in_order(tokens in 1usize..5000) {
            let laps = laps(tokens);
            prop_assert_eq!(laps[0].start, 0);
            prop_assert_eq!(laps[laps.len() - 1].end, tokens);
            prop_assert!(laps.windows(2).all(|pair| pair[0].end == pair[1].start));
            prop_assert!(laps.iter().all(|lap| lap.len() >= SHORTEST_LAP.min(tokens)));
        }
    }

    #[test]
    fn one_that_the_guards_refuse_beats_nobody() {
        // The last lap begins beyond the middle, so that it cannot make up for what came before.
        let flat = |level: f64| vec![level; 130];
        let race = Race { allowed: vec![false, true], ..race(Rule::Exact, Objective::ReerClipped, 0.0, 2) };
        assert_eq!(run(&race, &flat(1.9), &[flat(0.1), flat(1.8)]), [true, true]);
        let race = Race { allowed: vec![true, true], ..race };
        assert_eq!(run(&race, &flat(1.9), &[flat(0.1), flat(1.8)]), [true, false]);
    }

    #[test]
    fn without_a_difference_nobody_is_dropped_before_the_end() {
        let wave: Vec<f64> = (0..100).map(|t| f64::from(t * 7 % 5)).collect();
        let race = race(Rule::Exact, Objective::Nll, 0.0, 1);
        let mut near = wave.clone();
        near[3] -= 0.5;
        assert_eq!(run(&race, &wave, &[near]), [true]);
    }
}
