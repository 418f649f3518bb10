//! The task behind the desk: takes orders, answers of calls and what others wrote, one at a time, and never waits for
//! a call before it takes the next order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc::UnboundedReceiver;

use super::aside::{Answered, Bound};
use super::book::{self, Book, Teller};
use super::pursuit::{self, Came, Pursuit, Refused};
use super::{Activity, News, Order, Origin, hand};
use crate::engine::run::{self, Course, OUT_OF_TIME};
use crate::engine::{BackEnds, RunError, Setup};
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
    pub(super) asides: FuturesUnordered<BoxFuture<'static, (u64, Answered)>>,
    /// What the asides in flight do, by number.
    pub(super) doing: Vec<(u64, Activity)>,
    pub(super) next_aside: u64,
    /// Scores that asides will record.
    pub(super) busy: BTreeSet<ScoreOf>,
    /// The session's scorer, once it was needed outside a search.
    pub(super) bound: Option<Bound>,
    /// What was told last.
    told: Activity,
}

/// What a wait brought.
enum Turn {
    Order(Option<Order>),
    Late,
    Search(Came),
    Aside(u64, Answered),
    Look,
}

impl Clerk {
    /// Opens the session and tells of it.
    pub fn new(origin: Origin, back_ends: Arc<BackEnds>, author: Author, news: Teller, clock: Arc<dyn Clock>) -> Clerk {
        Clerk {
            book: Book::open(origin, news.clone(), clock),
            back_ends,
            author,
            news,
            pursuit: Pursuit::Idle,
            asides: FuturesUnordered::new(),
            doing: Vec::new(),
            next_aside: 0,
            busy: BTreeSet::new(),
            bound: None,
            told: Activity::default(),
        }
    }

    /// Serves until no more orders can come, then closes the session.
    pub async fn serve(mut self, mut orders: UnboundedReceiver<Order>) {
        let mut next_look = Instant::now() + LOOK_EVERY;
        loop {
            self.tell_activity();
            let look = self.book.is_watching().then_some(next_look);
            let deadline = self.pursuit.deadline();
            let came = tokio::select! {
                biased;
                order = orders.recv() => Turn::Order(order),
                () = run::until(deadline) => Turn::Late,
                came = self.pursuit.next() => Turn::Search(came),
                Some((number, answered)) = self.asides.next() => Turn::Aside(number, answered),
                () = run::until(look) => Turn::Look,
            };
            match came {
                Turn::Order(Some(order)) => self.take(order),
                Turn::Order(None) => break,
                Turn::Late => self.stop(StopReason::Budget, OUT_OF_TIME),
                Turn::Search(came) => self.learn(came),
                Turn::Aside(number, answered) => {
                    self.doing.retain(|(of, _)| *of != number);
                    self.answered(answered);
                }
                Turn::Look => {
                    self.book.look();
                    next_look = Instant::now() + LOOK_EVERY;
                }
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
            self.refuse("close", why);
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
            Order::Undo => self.step_back("undo", "there is nothing to take back", Session::undo),
            Order::Redo => self.step_back("redo", "there is nothing to bring back", Session::redo),
            Order::Make { parent, why, segment, segments, step } => {
                self.make(hand::Made { parent, why, segment, segments, step });
            }
            Order::Write { text } => self.write(&text),
            Order::Search(setup) => self.search(setup),
            Order::Pause => self.pause(),
            Order::Propose { node, segment, instruction, count } => self.propose(node, segment, instruction, count),
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
            Err(why) => self.refuse("record", why),
        }
    }

    fn step_back<T>(
        &mut self,
        what: &str,
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
            Err(why) => self.refuse("change the trajectory", why),
        }
    }

    fn write(&mut self, text: &str) {
        let written =
            hand::write(self.book.state(), text).and_then(|(node, payloads)| self.write_group(payloads).map(|()| node));
        match written {
            Ok(node) => self.appraise_draft(&node),
            Err(why) => self.refuse("write a draft", why),
        }
    }

    fn write_group(&mut self, payloads: Vec<Payload>) -> Result<(), String> {
        let author = self.author.clone();
        let session = self.book.write()?;
        session.record_group(author, payloads).map(drop).map_err(|error| book::sentence(&error))
    }

    fn search(&mut self, asked: Setup) {
        if !self.pursuit.is_idle() {
            return self.refuse("search", "the search is running already".to_owned());
        }
        let setup = pursuit::effective(self.book.state(), asked);
        let ready = pursuit::admit(self.book.state(), &setup).and_then(|()| self.book.write().map(drop));
        match ready {
            Ok(()) => self.pursuit = Pursuit::load(setup, self.back_ends.clone()),
            Err(why) => self.refuse("search", why),
        }
    }

    fn pause(&mut self) {
        if self.pursuit.is_idle() {
            return self.refuse("pause", "no search is running".to_owned());
        }
        self.stop(StopReason::Person, "paused; the search goes on from here");
    }

    /// Ends the search so that it can go on; what is in flight is dropped.
    fn stop(&mut self, reason: StopReason, why: &str) {
        let was = std::mem::replace(&mut self.pursuit, Pursuit::Idle);
        if let (Pursuit::Running { .. }, Some(session)) = (was, self.book.session()) {
            let stopped = run::stop(session, reason, why).and_then(|_| Ok(session.sync()?));
            self.book.flush();
            if let Err(error) = stopped {
                self.refuse("stop the search", told(&error));
            }
        }
    }

    /// What came of the search's calls.
    fn learn(&mut self, came: Came) {
        match (came, &mut self.pursuit) {
            (Came::Opened(equipment), Pursuit::Loading { setup, .. }) => {
                let setup = (**setup).clone();
                self.pursuit = Pursuit::Idle;
                match equipment.map_err(Refused::Why).and_then(|equipment| {
                    let session = self.book.write().map_err(Refused::Why)?;
                    pursuit::begin(session, &setup, equipment, &self.news)
                }) {
                    Ok(pursuit) => self.pursuit = pursuit,
                    Err(Refused::Why(why)) => self.refuse("search", why),
                    Err(Refused::Run(error)) => self.refuse("search", told(&error)),
                }
            }
            (Came::Answers, Pursuit::Running { run, .. }) => {
                let landed = match self.book.session() {
                    Some(session) => run.land(session),
                    None => Err(RunError::NotConfigured),
                };
                match landed {
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
                Some(session) => run.advance(session, &self.busy),
                None => Err(RunError::NotConfigured),
            };
            match course {
                Ok(Course::Moved) => self.book.flush(),
                Ok(Course::Flying | Course::Waiting) => return,
                Ok(Course::Ended(_)) => {
                    self.pursuit = Pursuit::Idle;
                    let synced = self.book.session().map_or(Ok(()), Session::sync);
                    if let Err(error) = synced {
                        self.refuse("search", book::sentence(&error));
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
        self.refuse("search", told(error));
    }

    pub(super) fn refuse(&self, what: &str, why: String) {
        (self.news)(News::Refused { what: what.to_owned(), why });
    }

    fn tell_activity(&mut self) {
        let aside = || self.doing.last().map(|(_, activity)| *activity);
        let now = self.pursuit.activity().or_else(aside).unwrap_or_default();
        if now != self.told {
            self.told = now;
            (self.news)(News::Activity(now));
        }
    }
}

fn told(error: &RunError) -> String {
    match error {
        RunError::Session(error) => book::sentence(error),
        RunError::NotConfigured => error.to_string(),
    }
}
