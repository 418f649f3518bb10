//! Racing by guesses: of each candidate some tokens of y are read, those that its rewrite may change most, and what is read
//! of it is tested against the current version and against its rivals, token by token in pairs. The few that may win are
//! scored whole; so what is taken is never a guess, but a guess may drop the one that would have been taken.

use super::{Outraced, Race};
use crate::reer::Nats;

/// The share of what is expected to change that is left unread.
pub const UNREAD: f64 = 0.05;

/// Standard errors within which a guess may be off.
const ERRORS: f64 = 1.75;

/// By how much what is read behind a context that is not evaluated anew is off: this share of the differences found, by the
/// root of the mean square.
const MISREAD: f64 = 0.3;

/// Squares of a usual step, in nats², that how far expectations are off is judged together with.
const PRIOR: f64 = 10.0;

/// What is guessed of a candidate: how its losses differ from the current version's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guess {
    /// Sum of the differences at the tokens read, in nats; elsewhere none is supposed.
    difference: f64,
    /// Sum of their squares, and what it was expected to be, in nats².
    squares: f64,
    expected: f64,
    /// The sum of squares that is expected of the tokens not read.
    doubt: f64,
    standing: Outraced,
}

impl Guess {
    /// From losses at all tokens that the objective scores: the current version's, the candidate's, which of them were read,
    /// and the squares of their differences that were expected.
    pub fn new(current: &[f64], losses: &[f64], read: &[bool], expected: &[f32]) -> Guess {
        let nothing = Outraced { tokens: 0, nll: Nats(0.0), current: Nats(0.0) };
        let mut guess = Guess { difference: 0.0, squares: 0.0, expected: 0.0, doubt: 0.0, standing: nothing };
        for (((current, loss), read), expected) in current.iter().zip(losses).zip(read).zip(expected) {
            if !read {
                guess.doubt += f64::from(*expected);
                continue;
            }
            let difference = loss - current;
            guess.difference += difference;
            guess.squares += difference * difference;
            guess.expected += f64::from(*expected);
            guess.standing.tokens += 1;
            guess.standing.nll.0 += loss;
            guess.standing.current.0 += current;
        }
        let tokens = guess.standing.tokens.max(1) as f64;
        guess.standing.nll.0 /= tokens;
        guess.standing.current.0 /= tokens;
        guess
    }

    /// Where the candidate stands: means over the tokens that were read.
    pub fn standing(&self) -> Outraced {
        self.standing
    }
}

impl Race {
    /// The candidate to score whole next, of a y with so many scored tokens, if one is left that may win: the lowest by its
    /// guess. There is no guess of one that could not be asked for. `known` holds the differences to the current version,
    /// summed over y, of those that are scored.
    pub fn next(&self, tokens: usize, guesses: &[Option<Guess>], known: &[Option<f64>]) -> Option<usize> {
        let surprise = surprise(guesses);
        let mut order: Vec<(usize, Guess)> =
            guesses.iter().enumerate().filter_map(|(at, guess)| Some((at, (*guess)?))).collect();
        order.retain(|(at, _)| self.allowed[*at]);
        order.sort_by(|(_, a), (_, b)| a.difference.total_cmp(&b.difference));
        let goal = -self.min_delta * tokens as f64;
        let best = known.iter().flatten().fold(goal, |best, difference| best.min(*difference));
        let may_win = |guess: &Guess| guess.difference - ERRORS * guess.variance(surprise).sqrt() <= best;
        order.iter().find(|(at, guess)| known[*at].is_none() && may_win(guess)).map(|(at, _)| *at)
    }
}

impl Guess {
    fn variance(&self, surprise: f64) -> f64 {
        self.doubt * surprise + MISREAD * MISREAD * self.squares
    }
}

/// How many times as large as expected the squares are that were read.
fn surprise(guesses: &[Option<Guess>]) -> f64 {
    let (squares, expected) = guesses
        .iter()
        .flatten()
        .fold((PRIOR, PRIOR), |(squares, expected), guess| (squares + guess.squares, expected + guess.expected));
    squares / expected
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reer::Objective;
    use crate::reer::search::Rule;

    const TOKENS: usize = 200;

    fn race(allowed: &[bool]) -> Race {
        Race { rule: Rule::Paired, objective: Objective::Nll, min_delta: 0.0, allowed: allowed.to_vec() }
    }

    /// A candidate whose losses are off by `difference` in all, at the first tenth of the tokens, which are read.
    fn guess(difference: f64) -> Guess {
        let current = vec![2.0; TOKENS];
        let read: Vec<bool> = (0..TOKENS).map(|at| at < TOKENS / 10).collect();
        let losses: Vec<f64> = read.iter().map(|read| if *read { 2.0 + difference / 20.0 } else { 2.0 }).collect();
        let expected: Vec<f32> = read.iter().map(|read| if *read { 0.5 } else { 0.01 }).collect();
        Guess::new(&current, &losses, &read, &expected)
    }

    #[test]
    fn who_may_win_is_scored_lowest_first_and_clear_losers_never() {
        let race = race(&[true; 5]);
        let guesses = [Some(guess(30.0)), Some(guess(-20.0)), Some(guess(-19.5)), Some(guess(-2.0)), None];
        let standing = guesses[0].unwrap().standing();
        assert_eq!((standing.tokens, standing.nll, standing.current), (20, Nats(3.5), Nats(2.0)));
        let mut known = [None; 5];
        assert_eq!(race.next(TOKENS, &guesses, &known), Some(1));
        // As good as it was guessed, it leaves its near rival a chance; better, none.
        known[1] = Some(-20.0);
        assert_eq!(race.next(TOKENS, &guesses, &known), Some(2));
        known[1] = Some(-60.0);
        assert_eq!(race.next(TOKENS, &guesses, &known), None);
        known = [None, Some(-20.0), Some(-19.0), None, None];
        assert_eq!(race.next(TOKENS, &guesses, &known), None);
    }

    #[test]
    fn one_that_the_guards_refuse_is_not_scored_and_beats_nobody() {
        let race = race(&[false, true]);
        let guesses = [Some(guess(-90.0)), Some(guess(-20.0))];
        assert_eq!(race.next(TOKENS, &guesses, &[None; 2]), Some(1));
        assert_eq!(race.next(TOKENS, &guesses, &[None, Some(-20.0)]), None);
    }

    #[test]
    fn min_delta_is_what_a_winner_must_be_below() {
        let strict = Race { min_delta: 0.2, ..race(&[true]) };
        let guesses = [Some(guess(-10.0))];
        assert_eq!(race(&[true]).next(TOKENS, &guesses, &[None]), Some(0));
        assert_eq!(strict.next(TOKENS, &guesses, &[None]), None);
    }

    proptest! {
        /// With all of y read as it is, the one that is taken without a race is scored first.
        #[test]
        fn who_reads_everything_keeps_the_winner(
            differences in prop::collection::vec(prop::collection::vec(-1.0f64..1.0, 40), 1..6),
        ) {
            let current = vec![2.0; 40];
            let guesses: Vec<Option<Guess>> = differences
                .iter()
                .map(|differences| {
                    let losses: Vec<f64> = differences.iter().map(|difference| 2.0 + difference).collect();
                    Some(Guess::new(&current, &losses, &[true; 40], &[0.1; 40]))
                })
                .collect();
            let race = race(&vec![true; differences.len()]);
            let sums: Vec<f64> = differences.iter().map(|differences| differences.iter().sum()).collect();
            let best = (0..sums.len()).min_by(|a, b| sums[*a].total_cmp(&sums[*b])).unwrap();
            prop_assume!(sums[best] < 0.0);
            prop_assert_eq!(race.next(40, &guesses, &vec![None; sums.len()]), Some(best));
        }
    }
}
