//! The candidates of a race while y is being read behind each of them.

use super::scoring::{Answer, Extent, Reading, Tell};
use crate::lm::{Context, LmError, TokenLogprobs};
use crate::reer::search::Outraced;

/// One race. Answers are told once, as each candidate's reading ends.
pub(super) struct Heat<'a> {
    runners: Vec<Runner>,
    tell: Tell<'a>,
}

struct Runner {
    context: Context,
    read: TokenLogprobs,
    ended: Option<Answer>,
}

impl<'a> Heat<'a> {
    pub fn new(contexts: Vec<Context>, tell: Tell<'a>) -> Heat<'a> {
        let nothing = || TokenLogprobs { logprobs: Vec::new(), prompt_tokens: 0, cached_tokens: 0 };
        let runner = |context| Runner { context, read: nothing(), ended: None };
        Heat { runners: contexts.into_iter().map(runner).collect(), tell }
    }

    /// Those behind which y is read on.
    pub fn contexts(&self) -> Vec<Context> {
        self.runners.iter().filter(|runner| runner.ended.is_none()).map(|runner| runner.context.clone()).collect()
    }

    /// Adds a lap: one answer for each of [`Heat::contexts`], in order.
    pub fn read(&mut self, parts: Vec<Result<TokenLogprobs, LmError>>) {
        let running: Vec<usize> = (0..self.runners.len()).filter(|at| self.runners[*at].ended.is_none()).collect();
        for (place, part) in running.into_iter().zip(parts) {
            match part {
                Ok(part) => {
                    let read = &mut self.runners[place].read;
                    read.logprobs.extend(part.logprobs);
                    read.prompt_tokens += part.prompt_tokens;
                    read.cached_tokens += part.cached_tokens;
                }
                Err(error) => self.end(place, Err(error)),
            }
        }
    }

    /// What was read behind each; `None` for one whose reading has ended.
    pub fn runners(&self) -> impl Iterator<Item = Option<&TokenLogprobs>> {
        self.runners.iter().map(|runner| runner.ended.is_none().then_some(&runner.read))
    }

    /// Ends the reading of those that are out, by their places.
    pub fn drop_out(&mut self, outraced: Vec<Option<Outraced>>) {
        for (place, outraced) in outraced.into_iter().enumerate() {
            if let Some(outraced) = outraced {
                let tokens = self.runners[place].read.clone();
                self.end(place, Ok(Reading { tokens, extent: Extent::Outraced(outraced) }));
            }
        }
    }

    /// All answers in order; those still running have read all of y.
    pub fn finish(mut self) -> Vec<Answer> {
        for place in 0..self.runners.len() {
            if self.runners[place].ended.is_none() {
                let tokens = self.runners[place].read.clone();
                self.end(place, Ok(Reading { tokens, extent: Extent::Whole }));
            }
        }
        self.runners.into_iter().filter_map(|runner| runner.ended).collect()
    }

    fn end(&mut self, place: usize, answer: Answer) {
        (self.tell)(place, &answer);
        self.runners[place].ended = Some(answer);
    }
}
