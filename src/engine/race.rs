//! Scores that need no whole reading of y: of a step's candidates no further than they may win, and of a version without each
//! of its segments no closer than their order needs.

use super::distinct::Distinct;
use super::heat::Heat;
use super::scoring::{Answer, Extent, Pair, Reading, Tell, all_of, contexts, thinking};
use crate::lm::{Context, Current, Estimate, LmError, Scorer, TokenLogprobs};
use crate::reer::Target;
use crate::reer::search::{Guess, Known, NodeId, PARTS, Race, Rule, ScoreOf, UNREAD, laps};
use crate::session::{Call, State};

/// The share of what is expected to change that is left unread where segments are weighed.
const UNREAD_WEIGHING: f64 = 0.2;

/// How scores are had.
pub(super) enum Way {
    /// By reading all of y.
    Whole,
    /// By a race against the version.
    Race(Race, Base),
    /// By estimates of changes of the version.
    Estimates(Base),
}

/// The version that others are compared with.
pub(super) struct Base {
    context: Context,
    /// Of each token of y.
    logprobs: Vec<f64>,
}

impl Base {
    fn of(state: &State, node: NodeId) -> Option<Base> {
        let of = ScoreOf::Node(node);
        let logprobs = state.logprobs.get(&of)?.clone();
        Some(Base { context: contexts(state.search.as_ref()?, &[of]).pop()?, logprobs })
    }

    fn current(&self) -> Current<'_> {
        Current { context: &self.context, logprobs: &self.logprobs }
    }
}

impl Pair {
    /// How these scores can be had for the least that the settings and the scorer allow.
    pub fn way(&self, state: &State, scorer: &dyn Scorer, of: &[ScoreOf]) -> Way {
        self.race_of(state, scorer, of).or_else(|| estimates_of(state, scorer, of)).unwrap_or(Way::Whole)
    }

    fn race_of(&self, state: &State, scorer: &dyn Scorer, of: &[ScoreOf]) -> Option<Way> {
        let search = state.search.as_ref()?;
        let leak = |node: NodeId| self.leak.leak(&thinking(search, ScoreOf::Node(node)));
        let race = search.race(of, leak)?;
        let suits = scorer.reads_in_parts() && (race.rule == Rule::Exact || scorer.estimates());
        let base = Base::of(state, search.head()?).filter(|_| suits)?;
        Some(Way::Race(race, base))
    }

    /// As [`Pair::ask`], going this way.
    pub async fn ask_by(
        &self,
        way: Way,
        scorer: &dyn Scorer,
        target: &Target,
        of: &[ScoreOf],
        contexts: Vec<Context>,
        answered: Tell<'_>,
    ) -> (Call, Vec<Answer>) {
        match way {
            Way::Whole => self.ask(scorer, target, of, contexts, answered).await,
            Way::Race(race, base) => self.race(scorer, target, of, contexts, (race, base), answered).await,
            Way::Estimates(base) => self.estimate(scorer, target, of, contexts, &base, answered).await,
        }
    }

    /// Scores a step's candidates, but drops those that cannot win any more.
    async fn race(
        &self,
        scorer: &dyn Scorer,
        target: &Target,
        of: &[ScoreOf],
        contexts: Vec<Context>,
        (race, base): (Race, Base),
        answered: Tell<'_>,
    ) -> (Call, Vec<Answer>) {
        let scope = race.objective.scope(self.example.scored_reference(), target);
        let distinct = Distinct::new(contexts);
        let allowed = distinct.places.iter().map(|places| race.allowed[places[0]]).collect();
        let race = Race { allowed, ..race };
        let contexts = distinct.contexts.clone();
        let track = Track { pair: self, scorer, target, scope, race, base, tell: &distinct.tell(answered) };
        let run = async {
            match track.race.rule {
                Rule::Exact => track.run_laps(contexts).await,
                Rule::Paired => track.run_by_guesses(contexts).await,
            }
        };
        let (call, answers) = self.called(scorer, of, run).await;
        (call, distinct.spread(&answers))
    }

    async fn estimate(
        &self,
        scorer: &dyn Scorer,
        target: &Target,
        of: &[ScoreOf],
        contexts: Vec<Context>,
        base: &Base,
        answered: Tell<'_>,
    ) -> (Call, Vec<Answer>) {
        let run = async {
            let estimates = scorer.estimate(&self.example, target, base.current(), &contexts, UNREAD_WEIGHING).await;
            let reading = |estimate: Estimate| Reading { tokens: estimate.tokens, extent: Extent::Estimated };
            let estimates = all_of(estimates, contexts.len());
            let answers: Vec<Answer> = estimates.into_iter().map(|estimate| estimate.map(reading)).collect();
            answers.iter().enumerate().for_each(|(place, answer)| answered(place, answer));
            answers
        };
        self.called(scorer, of, run).await
    }
}

fn estimates_of(state: &State, scorer: &dyn Scorer, of: &[ScoreOf]) -> Option<Way> {
    let node = state.search.as_ref()?.weighed(of).filter(|_| scorer.estimates())?;
    Base::of(state, node).map(Way::Estimates)
}

/// What one race is run on.
struct Track<'a> {
    pair: &'a Pair,
    scorer: &'a dyn Scorer,
    target: &'a Target,
    /// The tokens that the objective scores.
    scope: std::ops::Range<usize>,
    race: Race,
    base: Base,
    tell: Tell<'a>,
}

impl Track<'_> {
    /// Losses at those of y's first tokens that the objective scores.
    fn losses(&self, logprobs: impl Iterator<Item = f64>) -> Vec<f64> {
        let scored = logprobs.skip(self.scope.start).take(self.scope.len());
        scored.map(|logprob| self.race.objective.loss(logprob)).collect()
    }

    fn current(&self) -> Vec<f64> {
        self.losses(self.base.logprobs.iter().copied())
    }

    /// Reads y lap by lap behind all that may still win.
    async fn run_laps(&self, contexts: Vec<Context>) -> Vec<Answer> {
        let (race, current) = (&self.race, self.current());
        let mut field = Heat::new(contexts, self.tell);
        for lap in laps(self.target.tokens.len()) {
            let contexts = field.contexts();
            if contexts.is_empty() {
                break;
            }
            let parts = self.scorer.score_part(&self.pair.example, self.target, lap.clone(), &contexts).await;
            field.read(all_of(parts, contexts.len()));
            let read: Vec<Option<Vec<f64>>> = field
                .runners()
                .map(|tokens| Some(self.losses(tokens?.logprobs.iter().map(|v| f64::from(*v)))))
                .collect();
            let out = race.out(&current, &read);
            let outraced = read.iter().zip(out).map(|(losses, out)| {
                losses.as_ref().filter(|_| out).map(|losses| race.standing(lap.end, losses, &current))
            });
            field.drop_out(outraced.collect());
        }
        field.finish()
    }

    /// Reads what matters of y behind all, and more of it behind those that may win by that, the likeliest first.
    async fn run_by_guesses(&self, contexts: Vec<Context>) -> Vec<Answer> {
        let current = self.current();
        let mut field: Vec<Entrant> = contexts.into_iter().map(Entrant::new).collect();
        self.estimate(&mut field).await;
        let mut guesses: Vec<Option<Guess>> = field.iter().map(|entrant| self.guess(entrant, &current)).collect();
        while let Some(place) = self.race.next(current.len(), &guesses) {
            self.read_on(place, &mut field[place]).await;
            guesses[place] = self.guess(&field[place], &current);
        }
        for (place, (entrant, guess)) in field.iter_mut().zip(guesses).enumerate() {
            if let Some(guess) = guess.filter(|_| entrant.ended.is_none()) {
                let extent = Extent::Outraced(guess.standing());
                entrant.end(place, Ok(Reading { tokens: entrant.spent.clone(), extent }), self.tell);
            }
        }
        field.into_iter().filter_map(|entrant| entrant.ended).collect()
    }

    async fn estimate(&self, field: &mut [Entrant]) {
        let contexts: Vec<Context> = field.iter().map(|entrant| entrant.context.clone()).collect();
        let base = self.base.current();
        let estimates = self.scorer.estimate(&self.pair.example, self.target, base, &contexts, UNREAD).await;
        for (place, (entrant, estimate)) in field.iter_mut().zip(all_of(estimates, contexts.len())).enumerate() {
            match estimate {
                Ok(estimate) => {
                    entrant.spend(&estimate.tokens);
                    entrant.estimate = Some(estimate);
                }
                Err(error) => entrant.end(place, Err(error), self.tell),
            }
        }
    }

    /// Reads the next part of y behind one; ends it with the last.
    async fn read_on(&self, place: usize, entrant: &mut Entrant) {
        let (all, start) = (self.target.tokens.len(), entrant.exact.len());
        let part = start..(start + all.div_ceil(PARTS)).min(all);
        let context = std::slice::from_ref(&entrant.context);
        let scored = self.scorer.score_part(&self.pair.example, self.target, part, context).await;
        match all_of(scored, 1).pop().unwrap_or(Err(LmError::Cancelled)) {
            Ok(tokens) => {
                entrant.spend(&tokens);
                entrant.exact.extend(tokens.logprobs);
                if entrant.exact.len() == all {
                    let tokens = TokenLogprobs { logprobs: entrant.exact.clone(), ..entrant.spent.clone() };
                    entrant.end(place, Ok(Reading { tokens, extent: Extent::Whole }), self.tell);
                }
            }
            Err(error) => entrant.end(place, Err(error), self.tell),
        }
    }

    /// What is guessed of one by all that was read behind it; nothing of one that could not be read.
    fn guess(&self, entrant: &Entrant, current: &[f64]) -> Option<Guess> {
        let Estimate { tokens, read, expected } = entrant.estimate.as_ref()?;
        if entrant.ended.as_ref().is_some_and(Result::is_err) {
            return None;
        }
        let loss = |logprob: &f32| self.race.objective.loss(f64::from(*logprob));
        let known = |at: usize| match entrant.exact.get(at) {
            Some(logprob) => Known::Exact(loss(logprob)),
            None if read[at] => Known::Estimated(loss(&tokens.logprobs[at])),
            None => Known::Unread,
        };
        let losses: Vec<Known> = self.scope.clone().map(known).collect();
        Some(Guess::new(current, &losses, &expected[self.scope.clone()]))
    }
}

/// A candidate in a race by guesses.
struct Entrant {
    context: Context,
    estimate: Option<Estimate>,
    /// log p of y's first tokens, as far as they were read behind the whole context.
    exact: Vec<f32>,
    /// Tokens of the calls until now.
    spent: TokenLogprobs,
    ended: Option<Answer>,
}

impl Entrant {
    fn new(context: Context) -> Entrant {
        let spent = TokenLogprobs { logprobs: Vec::new(), prompt_tokens: 0, cached_tokens: 0 };
        Entrant { context, estimate: None, exact: Vec::new(), spent, ended: None }
    }

    fn spend(&mut self, tokens: &TokenLogprobs) {
        self.spent.prompt_tokens += tokens.prompt_tokens;
        self.spent.cached_tokens += tokens.cached_tokens;
    }

    fn end(&mut self, place: usize, answer: Answer, tell: Tell<'_>) {
        tell(place, &answer);
        self.ended = Some(answer);
    }
}
