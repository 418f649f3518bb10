//! Keeps z from repeating y: no run of more than six words, or nine Chinese characters, stands in both.

use std::collections::HashMap;

use crate::text::{Word, words};

/// Weight of the longest run allowed: 3 a word, 2 a Chinese character, as the leak measures weigh them.
pub(super) const LIMIT: u32 = 18;

fn weight(word: &Word) -> u32 {
    if word.cjk { 2 } else { 3 }
}

/// y, made ready to be compared with.
#[derive(Debug)]
pub(super) struct Fence {
    places: HashMap<String, Vec<u32>>,
}

/// The runs of y that end with the last word of a text: places in y after the run, and the run's weight.
#[derive(Debug, Clone, Default)]
pub(super) struct Runs(HashMap<u32, u32>);

impl Fence {
    pub fn new(reference: &str) -> Fence {
        let mut places: HashMap<String, Vec<u32>> = HashMap::new();
        for (at, word) in words(reference).into_iter().enumerate() {
            places.entry(word.folded).or_default().push(at as u32);
        }
        Fence { places }
    }

    fn step(&self, runs: &Runs, word: &Word) -> Runs {
        let places = self.places.get(&word.folded).map_or(&[][..], Vec::as_slice);
        Runs(places.iter().map(|at| (at + 1, runs.0.get(at).copied().unwrap_or(0) + weight(word))).collect())
    }

    /// The runs after `text` has followed `runs`, whatever they weigh.
    pub fn follow(&self, runs: &Runs, text: &str) -> Runs {
        words(text).iter().fold(runs.clone(), |runs, word| self.step(&runs, word))
    }

    /// As [`Fence::follow`]; `None` when a run becomes too long on the way.
    pub fn pass(&self, runs: &Runs, text: &str) -> Option<Runs> {
        words(text).iter().try_fold(runs.clone(), |runs, word| {
            let runs = self.step(&runs, word);
            runs.0.values().all(|weight| *weight <= LIMIT).then_some(runs)
        })
    }

    /// Whether `next` may follow `runs`: runs that lie wholly inside `next` are not this text's fault.
    pub fn meets(&self, runs: &Runs, next: &str) -> bool {
        let mut runs = runs.clone();
        let mut own = 0;
        for word in words(next) {
            runs = self.step(&runs, &word);
            own += weight(&word);
            if runs.0.values().any(|weight| *weight > LIMIT.max(own)) {
                return false;
            }
            if own > LIMIT {
                return true;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const Y: &str = "One two three, four five six seven eight. 天地玄黄宇宙洪荒日月盈昃";

    #[test]
    fn six_words_pass_and_seven_do_not() {
        let fence = Fence::new(Y);
        let start = Runs::default();
        assert!(fence.pass(&start, "I say one TWO three four five six, no more").is_some());
        assert!(fence.pass(&start, "I say one two three four five six seven").is_none());
        assert!(fence.pass(&start, "天地玄黄宇宙洪荒日").is_some());
        assert!(fence.pass(&start, "天地玄黄宇宙洪荒日月").is_none());
    }

    #[test]
    fn runs_cross_from_text_to_text() {
        let fence = Fence::new(Y);
        let runs = fence.pass(&Runs::default(), "Then one two three.").unwrap();
        assert!(fence.pass(&runs, "Four five six.").is_some());
        assert!(fence.pass(&runs, "Four five six seven.").is_none());
        assert!(!fence.meets(&runs, "four five six seven"));
        assert!(fence.meets(&runs, "four six"));
        let own = fence.follow(&Runs::default(), "nothing");
        assert!(fence.meets(&own, "one two three four five six seven eight"), "the neighbour's own copy");
    }
}
