//! Contexts that several versions have: a scorer is asked for each of them once.

use super::scoring::{Answer, Reading, Tell};
use crate::lm::{Context, TokenLogprobs};

/// What a scorer is asked for, and for whom.
pub(super) struct Distinct {
    /// No two are alike.
    pub contexts: Vec<Context>,
    /// The versions of each, by their places in what was given; never empty.
    pub places: Vec<Vec<usize>>,
}

impl Distinct {
    pub fn new(all: Vec<Context>) -> Distinct {
        let mut distinct = Distinct { contexts: Vec::new(), places: Vec::new() };
        for (place, context) in all.into_iter().enumerate() {
            match distinct.contexts.iter().position(|known| *known == context) {
                Some(known) => distinct.places[known].push(place),
                None => {
                    distinct.contexts.push(context);
                    distinct.places.push(vec![place]);
                }
            }
        }
        distinct
    }

    /// Tells the answer of one context to all its versions.
    pub fn tell<'a>(&'a self, tell: Tell<'a>) -> impl Fn(usize, &Answer) + Send + Sync + 'a {
        move |at, answer| self.each(at, answer).for_each(|(place, answer)| tell(place, &answer))
    }

    /// The answers of all versions, in order, from those of the contexts.
    pub fn spread(&self, answers: &[Answer]) -> Vec<Answer> {
        let mut all: Vec<(usize, Answer)> =
            answers.iter().enumerate().flat_map(|(at, answer)| self.each(at, answer)).collect();
        all.sort_by_key(|(place, _)| *place);
        all.into_iter().map(|(_, answer)| answer).collect()
    }

    /// An answer for each version; the tokens were spent for the first.
    fn each<'a>(&'a self, at: usize, answer: &'a Answer) -> impl Iterator<Item = (usize, Answer)> + 'a {
        self.places[at].iter().enumerate().map(move |(repeated, place)| {
            let free = |reading: Reading| Reading {
                tokens: TokenLogprobs { prompt_tokens: 0, cached_tokens: 0, ..reading.tokens },
                ..reading
            };
            (*place, if repeated > 0 { answer.clone().map(free) } else { answer.clone() })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::engine::scoring::Extent;
    use crate::lm::LmError;

    #[test]
    fn versions_alike_share_an_answer_and_its_tokens_are_counted_once() {
        let all = ["a", "b", "a", "c", "b"].map(|z| Context::Thinking { z: z.to_owned() });
        let distinct = Distinct::new(all.to_vec());
        assert_eq!(distinct.contexts, [0, 1, 3].map(|at| all[at].clone()));
        let read = |logprob: f32| {
            let tokens = TokenLogprobs { logprobs: vec![logprob], prompt_tokens: 9, cached_tokens: 4 };
            Ok(Reading { tokens, extent: Extent::Whole })
        };
        let answers = [read(-1.0), Err(LmError::Cancelled), read(-3.0)];
        let spread = distinct.spread(&answers);
        let seen: Vec<Option<(f32, usize, usize)>> = spread
            .iter()
            .map(|answer| answer.as_ref().ok().map(|r| &r.tokens))
            .map(|tokens| tokens.map(|t| (t.logprobs[0], t.prompt_tokens, t.cached_tokens)))
            .collect();
        assert_eq!(seen, [Some((-1.0, 9, 4)), None, Some((-1.0, 0, 0)), Some((-3.0, 9, 4)), None]);
        let told = Mutex::new(Vec::new());
        distinct.tell(&|place, answer| told.lock().unwrap().push((place, answer.is_ok())))(1, &answers[1]);
        assert_eq!(*told.lock().unwrap(), [(1, false), (4, false)]);
    }
}
