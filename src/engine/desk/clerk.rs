//! The task behind the desk: takes orders, answers of calls and what others wrote, one at a time, and never waits for
//! a call before it takes the next order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::aside::{Aside, Bound, Heard};
use super::book::{self, Book, Teller};
use super::pursuit::{self, Came, Pursuit, Refused};
use super::{Activity, Deed, News, Order, Origin, Waiting, Work, hand};
use crate::engine::fleet::Waits;
use crate::engine::run::{self, Course, OUT_OF_TIME};
use crate::engine::{BackEnds, RunError, Setup};
use crate::lm::Context;
use crate::reer::search::{ScoreOf, StopReason};
use crate::session::{Author, Clock, Payload, Session, SessionError};

/// How often a file that others may write is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub(super) struct Clerk {
    pub(super) book: Book,
    pub(super) back_ends: Arc<BackEnds>,
    pub(super) author: Author,
    pub(super) news: Teller,
    pub(super) pursuit: Pursuit,
    /// Calls outside the search, each with a number.
    pub(super) asides: FuturesUnordered<BoxFuture<'static, (u64, Heard)>>,
    /// Where asides tell what comes before their end.
    pub(super) tell: UnboundedSender<(u64, Heard)>,
    told: UnboundedReceiver<(u64, Heard)>,
    /// The asides in flight.
    pub(super) doing: Vec<Aside>,
    pub(super) next_aside: u64,
    /// Scores to be recorded that were asked for while others were on their way, with their contexts: one call each.
    pub(super) waiting: Vec<(Vec<ScoreOf>, Vec<Context>)>,
    /// Scores that asides will record, those that wait too.
    pub(super) busy: BTreeSet<ScoreOf>,
    /// The session's scorer, once it was needed outside a search.
    pub(super) bound: Option<Bound>,
    /// The activity that was told last, and what it waited for.
    known: (Activity, Option<Waiting>),
}

/// What a wait brought.
enum Turn {
    Order(Option<Order>),
    Late,
    Search(Came),
    Aside(u64, Heard),
    Look,
    /// Calls wait for something else.
    Waits,
}

impl Clerk {
    /// Opens the session and tells of it.
    pub fn new(origin: Origin, back_ends: Arc<BackEnds>, author: Author, news: Teller, clock: Arc<dyn Clock>) -> Clerk {
        let (tell, told) = unbounded_channel();
        Clerk {
            book: Book::open(origin, news.clone(), clock),
            back_ends,
            author,
            news,
            pursuit: Pursuit::Idle,
            asides: FuturesUnordered::new(),
            tell,
            told,
            doing: Vec::new(),
            next_aside: 0,
            waiting: Vec::new(),
            busy: BTreeSet::new(),
            bound: None,
            known: Default::default(),
        }
    }

    /// Serves until no more orders can come, then closes the session.
    /// `waits` hears of the calls of this task.
    pub async fn serve(mut self, mut orders: UnboundedReceiver<Order>, waits: &Waits) {
        let mut next_look = Instant::now() + LOOK_EVERY;
        loop {
            self.tell_activity(waits);
            let look = self.book.is_watching().then_some(next_look);
            let deadline = self.pursuit.deadline();
            let came = tokio::select! {
                biased;
                order = orders.recv() => Turn::Order(order),
                () = run::until(deadline) => Turn::Late,
                came = self.pursuit.next() => Turn::Search(came),
                Some((number, heard)) = self.told.recv() => Turn::Aside(number, heard),
                Some((number, heard)) = self.asides.next() => Turn::Aside(number, heard),
                () = run::until(look) => Turn::Look,
                () = waits.changed() => Turn::Waits,
            };
            match came {
                Turn::Order(Some(order)) => self.take(order),
                Turn::Order(None) => break,
                Turn::Late => self.stop(StopReason::Budget, OUT_OF_TIME),
                Turn::Search(came) => self.learn(came),
                Turn::Aside(number, heard) => self.heard(number, heard),
                Turn::Look => {
                    self.book.look();
                    next_look = Instant::now() + LOOK_EVERY;
                }
                Turn::Waits => continue,
            }
            self.book.flush();
            self.pursue();
        }
        self.close();
    }

    fn close(&mut self) {
        if !self.pursuit.is_idle() {
            self.stop(StopReason::Person, "closed; the search goes on from here");
        }
        if let Err(why) = self.book.close() {
            self.refuse(Deed::Close, why);
        }
        (self.news)(News::Closed);
    }

    fn take(&mut self, order: Order) {
        let was_open = self.book.is_open();
        self.carry_out(order);
        if !was_open && self.book.is_open() && self.pursuit.is_idle() {
            self.catch_up();
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Record(payloads) => self.record(payloads),
            Order::Undo => self.step_back(Deed::Undo, "there is nothing to take back", Session::undo),
            Order::Redo => self.step_back(Deed::Redo, "there is nothing to bring back", Session::redo),
            Order::Make { parent, why, segment, segments, step, refused } => {
                self.make(hand::Made { parent, why, segment, segments, step, refused });
            }
            Order::Write { text } => self.write(&text),
            Order::Fit(setup) => self.ask_fit(setup),
            Order::Search(setup) => self.search(setup),
            Order::Pause => self.pause(),
            Order::Propose { node, segment, instruction, generator, count } => {
                self.propose((node, segment), instruction, generator, count);
            }
            Order::Measure(of) => self.measure(of),
        }
    }

    fn record(&mut self, payloads: Vec<Payload>) {
        let before = self.book.state().head();
        let author = self.author.clone();
        let written = hand::admit(self.book.state(), &payloads).and_then(|()| {
            let session = self.book.write()?;
            let recorded = match payloads.len() {
                1 => session.record_all(author, payloads),
                _ => session.record_group(author, payloads),
            };
            recorded.map(drop).map_err(|error| book::sentence(&error))
        });
        match written {
            Ok(()) if self.book.state().head() != before => self.appraise_head(),
            Ok(()) => {}
            Err(why) => self.refuse(Deed::Record, why),
        }
    }

    fn step_back<T>(
        &mut self,
        what: Deed,
        nothing: &str,
        step: impl FnOnce(&mut Session, Author) -> Result<Option<T>, SessionError>,
    ) {
        let before = self.book.state().head();
        let author = self.author.clone();
        let stepped = self.book.write().and_then(|session| match step(session, author) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(nothing.to_owned()),
            Err(error) => Err(book::sentence(&error)),
        });
        match stepped {
            Ok(()) if self.book.state().head() != before => self.appraise_head(),
            Ok(()) => {}
            Err(why) => self.refuse(what, why),
        }
    }

    fn make(&mut self, made: hand::Made) {
        match hand::make(self.book.state(), made).and_then(|(_, payloads)| self.write_group(payloads)) {
            Ok(()) => self.appraise_head(),
            Err(why) => self.refuse(Deed::Make, why),
        }
    }

    fn write(&mut self, text: &str) {
        let written =
            hand::write(self.book.state(), text).and_then(|(node, payloads)| self.write_group(payloads).map(|()| node));
        match written {
            Ok(node) => self.appraise_draft(&node),
            Err(why) => self.refuse(Deed::Write, why),
        }
    }

    fn write_group(&mut self, payloads: Vec<Payload>) -> Result<(), String> {
        let author = self.author.clone();
        let session = self.book.write()?;
        session.record_group(author, payloads).map(drop).map_err(|error| book::sentence(&error))
    }

    fn search(&mut self, asked: Setup) {
        if !self.pursuit.is_idle() {
            return self.refuse(Deed::Search, "the search is running already".to_owned());
        }
        let setup = pursuit::effective(self.book.state(), asked);
        let ready = pursuit::admit(self.book.state(), &setup).and_then(|()| self.book.reserve());
        match ready {
            Ok(()) => self.pursuit = Pursuit::load(setup, self.back_ends.clone(), self.unscored_example()),
            Err(why) => self.refuse(Deed::Search, why),
        }
    }

    fn pause(&mut self) {
        if self.pursuit.is_idle() {
            return self.refuse(Deed::Pause, "no search is running".to_owned());
        }
        self.stop(StopReason::Person, "paused; the search goes on from here");
    }

    /// Ends the search so that it can go on; what is in flight is dropped, what came of it is recorded.
    fn stop(&mut self, reason: StopReason, why: &str) {
        let was = std::mem::replace(&mut self.pursuit, Pursuit::Idle);
        if let (Pursuit::Running { mut run, .. }, Some(session)) = (was, self.book.session()) {
            let stopped = run.give_up(session).and_then(|()| run::stop(session, reason, why));
            let stopped = stopped.and_then(|_| Ok(session.sync()?));
            self.book.flush();
            if let Err(error) = stopped {
                self.refuse(Deed::Stop, told(&error));
            }
        }
    }

    /// What came of the search's calls.
    fn learn(&mut self, came: Came) {
        match (came, &mut self.pursuit) {
            (Came::Opened(equipment), Pursuit::Loading { setup, .. }) => {
                let setup = (**setup).clone();
                self.pursuit = Pursuit::Idle;
                match equipment.and_then(|equipment| {
                    let session = self.book.write().map_err(Refused::Why)?;
                    pursuit::begin(session, &setup, equipment, &self.news)
                }) {
                    Ok(pursuit) => self.pursuit = pursuit,
                    Err(Refused::Misfit(why)) => {
                        (self.news)(News::Fit { scorer: setup.scorer, fits: Err(why.clone()) });
                        self.refuse(Deed::Search, why);
                    }
                    Err(Refused::Why(why)) => self.refuse(Deed::Search, why),
                    Err(Refused::Run(error)) => self.refuse(Deed::Search, told(&error)),
                }
            }
            (Came::Answer, Pursuit::Running { run, .. }) => {
                let recorded = match self.book.session() {
                    Some(session) => run.record(session),
                    None => Err(RunError::NotConfigured),
                };
                match recorded {
                    Ok(None) => {}
                    Ok(Some(_)) => self.pursuit = Pursuit::Idle,
                    Err(error) => self.break_off(&error),
                }
            }
            _ => {}
        }
    }

    /// Lets a running search do what can be done at once and send off its next calls.
    fn pursue(&mut self) {
        loop {
            let Pursuit::Running { run, .. } = &mut self.pursuit else { return };
            let course = match self.book.session() {
                // Nothing is asked for before what it follows from is on disk.
                Some(session) => match run.is_flying() {
                    true => Ok(()),
                    false => session.sync().map_err(RunError::from),
                }
                .and_then(|()| run.advance(session, &self.busy)),
                None => Err(RunError::NotConfigured),
            };
            match course {
                Ok(Course::Moved) => self.book.flush(),
                Ok(Course::Flying | Course::Waiting) => return,
                Ok(Course::Ended(_)) => {
                    self.pursuit = Pursuit::Idle;
                    let synced = self.book.session().map_or(Ok(()), Session::sync);
                    if let Err(error) = synced {
                        self.refuse(Deed::Search, book::sentence(&error));
                    }
                }
                Err(error) => self.break_off(&error),
            }
        }
    }

    /// A search that cannot record goes no further; what it recorded stands.
    fn break_off(&mut self, error: &RunError) {
        self.pursuit = Pursuit::Idle;
        self.book.flush();
        self.refuse(Deed::Search, told(error));
    }

    pub(super) fn refuse(&self, what: Deed, why: String) {
        (self.news)(News::Refused { what, why });
    }

    fn tell_activity(&mut self, waits: &Waits) {
        // Whether a pair fits is asked so quickly that nobody is told.
        let aside = || self.doing.iter().rev().map(|aside| aside.activity).find(|activity| activity.work != Work::Idle);
        let now = self.pursuit.activity().or_else(aside).unwrap_or_default();
        if now != self.known.0 {
            self.known.0 = now;
            (self.news)(News::Activity(now));
        }
        let waiting = waits.waiting();
        if waiting != self.known.1 {
            self.known.1.clone_from(&waiting);
            (self.news)(News::Waiting(waiting));
        }
    }
}

fn told(error: &RunError) -> String {
    match error {
        RunError::Session(error) => book::sentence(error),
        RunError::NotConfigured => error.to_string(),
    }
}
