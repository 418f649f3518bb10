//! The calls of a run that are in flight, and their answers in the order of asking. Records nothing.

use std::time::Instant;

use futures::StreamExt;
use futures::future::{self, BoxFuture};
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::calls::Generated;
use super::scoring::Answer;
use super::untold::Untold;
use crate::lm::{LmError, Scorer};
use crate::reer::Target;
use crate::reer::search::ScoreOf;
use crate::session::Call;

/// What a call answered, or a part of it.
pub(super) enum Landed {
    Target(Result<Target, LmError>),
    Score(ScoreOf, Answer),
    /// The end of a scoring call.
    Scored(Call),
    Generated(Box<Generated>),
}

/// Answers with their places in the order of asking.
type Placed = Vec<(usize, Landed)>;

/// Calls sent off together.
pub(super) struct Flight<'a> {
    calls: FuturesUnordered<BoxFuture<'a, Placed>>,
    /// Where scoring calls tell each score as it comes.
    tell: UnboundedSender<(usize, Landed)>,
    told: UnboundedReceiver<(usize, Landed)>,
    landed: super::sequence::InOrder<Landed>,
    /// Places given to what was asked for.
    places: usize,
    come: usize,
    began: Instant,
    /// What the scores took that were taken before the end of their call.
    untold: Untold,
}

impl<'a> Flight<'a> {
    pub fn new() -> Flight<'a> {
        let (tell, told) = unbounded_channel();
        let (calls, landed) = (FuturesUnordered::new(), Default::default());
        Flight { calls, tell, told, landed, places: 0, come: 0, began: Instant::now(), untold: Untold::default() }
    }

    /// The record of the scoring call that is given up now; none when none of its scores was taken.
    pub fn untold(&mut self, scorer: &dyn Scorer) -> Option<Call> {
        std::mem::take(&mut self.untold).call(scorer, self.began)
    }

    /// True when every answer has come.
    pub fn is_over(&self) -> bool {
        self.calls.is_empty()
    }

    /// How many scores and texts have come.
    pub fn come(&self) -> usize {
        self.come
    }

    /// Sends off a call with one answer.
    pub fn send(&mut self, call: impl Future<Output = Landed> + Send + 'a) {
        let place = self.places;
        self.places += 1;
        self.calls.push(Box::pin(async move { vec![(place, call.await)] }));
    }

    /// Sends off a scoring call. `ask` gets a teller for the place of a score among `of` and its answer, and returns
    /// all answers in order.
    pub fn send_scores<F>(&mut self, of: Vec<ScoreOf>, ask: impl FnOnce(Vec<ScoreOf>, Teller) -> F)
    where
        F: Future<Output = (Call, Vec<Answer>)> + Send + 'a,
    {
        let first = self.places;
        self.places += of.len() + 1;
        let asked = ask(of.clone(), Teller { first, of: of.clone(), tell: self.tell.clone() });
        self.calls.push(Box::pin(async move {
            let (call, answers) = asked.await;
            let scores = of.into_iter().zip(answers).map(|(of, answer)| Landed::Score(of, answer));
            (first..).zip(scores.chain([Landed::Scored(call)])).collect()
        }));
    }

    /// Waits for the next answer. Can be dropped and called again.
    pub async fn next(&mut self) {
        tokio::select! {
            biased;
            Some((place, landed)) = self.told.recv() => self.land(place, landed),
            Some(answers) = self.calls.next() => answers.into_iter().for_each(|(place, landed)| self.land(place, landed)),
            else => future::pending().await,
        }
    }

    fn land(&mut self, place: usize, landed: Landed) {
        let answers = match &landed {
            Landed::Target(_) | Landed::Scored(_) => 0,
            Landed::Score(..) => 1,
            Landed::Generated(generated) => generated.question.slots.len(),
        };
        // What was told comes once more with the call's end.
        if self.landed.put(place, landed) {
            self.come += answers;
        }
    }

    /// Every answer that has come, though others before it have not: nothing more is waited for.
    pub fn rest(&mut self) -> impl Iterator<Item = Landed> {
        while let Ok((place, landed)) = self.told.try_recv() {
            self.land(place, landed);
        }
        let rest: Vec<Landed> = self.landed.rest().collect();
        rest.iter().for_each(|landed| self.untold.learn(landed));
        rest.into_iter()
    }

    /// The next answer in the order of asking, once it has come.
    pub fn take(&mut self) -> Option<Landed> {
        let landed = self.landed.take()?;
        self.untold.learn(&landed);
        Some(landed)
    }
}

/// Tells the scores of one call as they come.
pub(super) struct Teller {
    first: usize,
    of: Vec<ScoreOf>,
    tell: UnboundedSender<(usize, Landed)>,
}

impl Teller {
    pub fn tell(&self, place: usize, answer: &Answer) {
        if let Some(of) = self.of.get(place) {
            // Nobody to tell: the flight was given up.
            drop(self.tell.send((self.first + place, Landed::Score(*of, answer.clone()))));
        }
    }
}
