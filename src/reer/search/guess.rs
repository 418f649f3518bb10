//! Racing by guesses: of each candidate some tokens of y are read, those that its rewrite may change most, and what is read
//! of it is tested against the current version and against its rivals, token by token in pairs. Those that may win are read on
//! from y's beginning, until they may no more or all of y is read; so what is taken is never a guess, but a guess may drop the
//! one that would have been taken.

use super::{Outraced, Race};
use crate::reer::Nats;

/// The share of what is expected to change that is left unread.
pub const UNREAD: f64 = 0.05;

/// Parts of y by which a candidate that may win is read, until it may no more.
pub const PARTS: usize = 3;

/// Standard errors within which a guess may be off.
const ERRORS: f64 = 1.75;

/// By how much what is read behind a context that is not evaluated anew is off: this share of the differences found, by the
/// root of the mean square.
const MISREAD: f64 = 0.3;

/// Squares of a usual step, in nats², that how far expectations are off is judged together with.
const PRIOR: f64 = 10.0;

/// What is guessed of a candidate: how its losses differ from the current version's, over the tokens that the objective scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guess {
    /// Sum of the differences at the tokens read, in nats; elsewhere none is supposed.
    difference: f64,
    /// Sum of their squares where they are estimates, and what it was expected to be, in nats².
    squares: f64,
    expected: f64,
    /// The sum of squares that is expected of the tokens not read.
    doubt: f64,
    /// Whether nothing is left to guess.
    whole: bool,
    standing: Outraced,
}

/// What is known of a candidate's loss at one token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Known {
    Exact(f64),
    Estimated(f64),
    /// It is supposed to be the current version's.
    Unread,
}

impl Guess {
    /// From the current version's losses, what is known of the candidate's, and the squares of their differences that were
    /// expected.
    pub fn new(current: &[f64], losses: &[Known], expected: &[f32]) -> Guess {
        let standing = Outraced { tokens: 0, nll: Nats(0.0), current: Nats(0.0) };
        let mut guess = Guess { difference: 0.0, squares: 0.0, expected: 0.0, doubt: 0.0, whole: true, standing };
        for ((current, known), expected) in current.iter().zip(losses).zip(expected) {
            guess.whole &= matches!(known, Known::Exact(_));
            let (Known::Exact(loss) | Known::Estimated(loss)) = *known else {
                guess.doubt += f64::from(*expected);
                continue;
            };
            let difference = loss - current;
            guess.difference += difference;
            if let Known::Estimated(_) = known {
                guess.squares += difference * difference;
                guess.expected += f64::from(*expected);
            }
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

    fn variance(&self, surprise: f64) -> f64 {
        self.doubt * surprise + MISREAD * MISREAD * self.squares
    }
}

impl Race {
    /// The candidate to read more of next, of a y with so many scored tokens, if one is left that may win: the lowest by its
    /// guess. There is no guess of one that could not be asked for.
    pub fn next(&self, tokens: usize, guesses: &[Option<Guess>]) -> Option<usize> {
        let surprise = surprise(guesses);
        let guessed = || guesses.iter().enumerate().filter_map(|(at, guess)| Some((at, guess.as_ref()?)));
        let allowed = || guessed().filter(|(at, _)| self.allowed[*at]);
        let goal = -self.min_delta * tokens as f64;
        let best = allowed().filter(|(_, g)| g.whole).fold(goal, |best, (_, guess)| best.min(guess.difference));
        let may_win = |guess: &Guess| guess.difference - ERRORS * guess.variance(surprise).sqrt() <= best;
        let open = allowed().filter(|(_, guess)| !guess.whole && may_win(guess));
        open.min_by(|(_, a), (_, b)| a.difference.total_cmp(&b.difference)).map(|(at, _)| at)
    }
}

/// How many times as large as expected the squares are that were read; where they are smaller, what is not read may still be as
/// expected.
fn surprise(guesses: &[Option<Guess>]) -> f64 {
    let (squares, expected) = guesses
        .iter()
        .flatten()
        .fold((PRIOR, PRIOR), |(squares, expected), guess| (squares + guess.squares, expected + guess.expected));
    (squares / expected).max(1.0)
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

    /// A candidate whose losses are off by `difference` in all, at the first tenth of the tokens, which are estimated.
    fn guess(difference: f64) -> Guess {
        let tenth = |at: usize| at < TOKENS / 10;
        let loss = |at| if tenth(at) { Known::Estimated(2.0 + difference / 20.0) } else { Known::Unread };
        let losses: Vec<Known> = (0..TOKENS).map(loss).collect();
        let expected: Vec<f32> = (0..TOKENS).map(|at| if tenth(at) { 0.5 } else { 0.01 }).collect();
        Guess::new(&[2.0; TOKENS], &losses, &expected)
    }

    /// One that is read whole.
    fn known(difference: f64) -> Guess {
        Guess::new(&[2.0; TOKENS], &[Known::Exact(2.0 + difference / TOKENS as f64); TOKENS], &[0.01; TOKENS])
    }

    #[test]
    fn who_may_win_is_read_lowest_first_and_clear_losers_never() {
        let race = race(&[true; 5]);
        let mut guesses = [Some(guess(30.0)), Some(guess(-20.0)), Some(guess(-19.5)), Some(guess(-2.0)), None];
        let standing = guesses[0].unwrap().standing();
        assert_eq!((standing.tokens, standing.nll, standing.current), (20, Nats(3.5), Nats(2.0)));
        assert_eq!(race.next(TOKENS, &guesses), Some(1));
        // As good as it was guessed, it leaves its near rival a chance; better, none.
        guesses[1] = Some(known(-20.0));
        assert_eq!(race.next(TOKENS, &guesses), Some(2));
        guesses[1] = Some(known(-60.0));
        assert_eq!(race.next(TOKENS, &guesses), None);
        guesses[1] = Some(known(-20.0));
        guesses[2] = Some(known(-19.0));
        assert_eq!(race.next(TOKENS, &guesses), None);
    }

    #[test]
    fn what_is_read_exactly_leaves_less_to_doubt() {
        let race = race(&[true; 2]);
        let losses = |exact: usize| {
            let loss = |at: usize| if at < exact { Known::Exact(2.0) } else { Known::Unread };
            (0..TOKENS).map(loss).collect::<Vec<Known>>()
        };
        let guess = |exact| Some(Guess::new(&[2.0; TOKENS], &losses(exact), &[0.1; TOKENS]));
        assert_eq!(race.next(TOKENS, &[guess(0), Some(known(-5.0))]), Some(0));
        assert_eq!(race.next(TOKENS, &[guess(150), Some(known(-5.0))]), None);
    }

    #[test]
    fn one_that_the_guards_refuse_is_not_read_and_beats_nobody() {
        let race = race(&[false, true]);
        assert_eq!(race.next(TOKENS, &[Some(guess(-90.0)), Some(guess(-20.0))]), Some(1));
        assert_eq!(race.next(TOKENS, &[Some(guess(-90.0)), Some(known(-20.0))]), None);
    }

    #[test]
    fn min_delta_is_what_a_winner_must_be_below() {
        let strict = Race { min_delta: 0.2, ..race(&[true]) };
        let guesses = [Some(guess(-10.0))];
        assert_eq!(race(&[true]).next(TOKENS, &guesses), Some(0));
        assert_eq!(strict.next(TOKENS, &guesses), None);
    }

    proptest! {
        /// By estimates that are right the one that is taken without a race is read first, and whoever is read after it is
        /// no rival.
        #[test]
        fn whose_estimates_are_right_keeps_the_winner(
            differences in prop::collection::vec(prop::collection::vec(-1.0f64..1.0, 40), 1..6),
        ) {
            let losses = |differences: &Vec<f64>, known: fn(f64) -> Known| {
                let losses: Vec<Known> = differences.iter().map(|difference| known(2.0 + difference)).collect();
                Some(Guess::new(&[2.0; 40], &losses, &[0.1; 40]))
            };
            let race = race(&vec![true; differences.len()]);
            let sums: Vec<f64> = differences.iter().map(|differences| differences.iter().sum()).collect();
            let best = (0..sums.len()).min_by(|a, b| sums[*a].total_cmp(&sums[*b])).unwrap();
            prop_assume!(sums[best] < 0.0);
            let mut guesses: Vec<Option<Guess>> = differences.iter().map(|d| losses(d, Known::Estimated)).collect();
            prop_assert_eq!(race.next(40, &guesses), Some(best));
            while let Some(at) = race.next(40, &guesses) {
                guesses[at] = losses(&differences[at], Known::Exact);
            }
            let read = guesses.iter().flatten().filter(|guess| guess.whole);
            prop_assert!(read.map(|guess| guess.difference).all(|difference| difference >= sums[best] - 1e-9));
            prop_assert!(guesses[best].unwrap().whole);
        }
    }
}
