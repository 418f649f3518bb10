//! How many calls may be in flight at one endpoint: a limit that grows with success and is halved by setbacks
//! (additive increase, multiplicative decrease, after a quick start), with places given first come, first served.
//!
//! Knows no faults and no time: who holds a place says how its call went.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// The limit of one endpoint.
#[derive(Debug)]
pub(super) struct Limit {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Never below 1, never above `most`.
    limit: usize,
    most: usize,
    in_flight: usize,
    /// Successes since the limit last changed.
    successes: usize,
    /// How often the limit was halved: calls of an earlier round have nothing more to say. In the first round nothing
    /// is known of the endpoint, and each success raises the limit.
    round: u64,
    /// No place is given while it is shut.
    shut: bool,
    /// By ticket: the lowest came first. A waiting call without a waker has been woken and not come yet.
    waiting: BTreeMap<u64, Option<Waker>>,
    tickets: u64,
}

/// What a limit looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gauge {
    pub limit: usize,
    pub in_flight: usize,
    pub waiting: usize,
}

impl Gauge {
    /// Round trips until a call that comes now would be done.
    pub fn load(self) -> f64 {
        (self.in_flight + self.waiting) as f64 / self.limit as f64
    }
}

/// No place is given: the endpoint is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shut;

impl Limit {
    /// `start` calls at once at first, later `most` at most; both at least 1.
    pub fn new(start: usize, most: usize) -> Arc<Limit> {
        let most = most.max(1);
        let inner = Inner {
            limit: start.clamp(1, most),
            most,
            in_flight: 0,
            successes: 0,
            round: 0,
            shut: false,
            waiting: BTreeMap::new(),
            tickets: 0,
        };
        Arc::new(Limit { inner: Mutex::new(inner) })
    }

    /// Waits for a place behind all that came before.
    pub fn place(self: &Arc<Limit>) -> Taking {
        Taking { limit: self.clone(), ticket: None }
    }

    pub fn gauge(&self) -> Gauge {
        let inner = self.lock();
        Gauge { limit: inner.limit, in_flight: inner.in_flight, waiting: inner.waiting.len() }
    }

    /// Sends away all that wait, and whoever comes, until it is opened.
    pub fn shut(&self) {
        let mut inner = self.lock();
        inner.shut = true;
        let wakers: Vec<Waker> = inner.waiting.values_mut().filter_map(Option::take).collect();
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub fn open(&self) {
        self.change(|inner| inner.shut = false);
    }

    /// Changes something and wakes the first that waits, where there is room for it now.
    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.lock();
        change(&mut inner);
        let waker = inner.first_to_come();
        drop(inner);
        waker.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change leaves the counts whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn has_room(&self) -> bool {
        !self.shut && self.in_flight < self.limit
    }

    fn first_to_come(&mut self) -> Option<Waker> {
        if !self.has_room() {
            return None;
        }
        self.waiting.first_entry()?.get_mut().take()
    }
}

/// A call that waits for its place; dropped, it leaves the queue.
#[derive(Debug)]
pub(super) struct Taking {
    limit: Arc<Limit>,
    ticket: Option<u64>,
}

impl Future for Taking {
    type Output = Result<Place, Shut>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut inner = this.limit.lock();
        if inner.shut {
            if let Some(ticket) = this.ticket.take() {
                inner.waiting.remove(&ticket);
            }
            return Poll::Ready(Err(Shut));
        }
        let first = match this.ticket {
            Some(ticket) => inner.waiting.first_key_value().is_some_and(|(first, _)| *first == ticket),
            None => inner.waiting.is_empty(),
        };
        if !first || !inner.has_room() {
            let ticket = *this.ticket.get_or_insert_with(|| {
                inner.tickets += 1;
                inner.tickets
            });
            inner.waiting.insert(ticket, Some(context.waker().clone()));
            return Poll::Pending;
        }
        if let Some(ticket) = this.ticket.take() {
            inner.waiting.remove(&ticket);
        }
        inner.in_flight += 1;
        let round = inner.round;
        let next = inner.first_to_come();
        drop(inner);
        next.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(Place { limit: this.limit.clone(), round }))
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.limit.change(|inner| drop(inner.waiting.remove(&ticket)));
        }
    }
}

/// The right to have one call in flight; dropped, it is given back.
#[derive(Debug)]
pub(super) struct Place {
    limit: Arc<Limit>,
    round: u64,
}

impl Place {
    /// The call was answered: the limit grows by one, once it was halved only after as many answers as it is. A limit
    /// that is not half used is not raised, for nothing tells that the endpoint could bear more.
    pub fn succeeded(self) {
        self.limit.change(|inner| {
            if self.round != inner.round || inner.in_flight < inner.limit.div_ceil(2) {
                return;
            }
            inner.successes += 1;
            if inner.round == 0 || inner.successes >= inner.limit {
                inner.successes = 0;
                inner.limit = (inner.limit + 1).min(inner.most);
            }
        });
    }

    /// The endpoint was overcharged: the limit is halved, once for all calls that were in flight together.
    pub fn overcharged(self) {
        self.limit.change(|inner| {
            if self.round != inner.round {
                return;
            }
            inner.round += 1;
            inner.successes = 0;
            inner.limit = (inner.limit / 2).max(1);
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.limit.change(|inner| inner.in_flight -= 1);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use proptest::prelude::*;

    use super::*;

    /// Polls once.
    fn try_take(taking: &mut Taking) -> Option<Result<Place, Shut>> {
        taking.now_or_never()
    }

    fn take(limit: &Arc<Limit>) -> Option<Place> {
        try_take(&mut limit.place()).map(Result::unwrap)
    }

    fn limit_of(limit: &Limit) -> usize {
        limit.gauge().limit
    }

    #[test]
    fn at_first_every_success_raises_the_limit() {
        let limit = Limit::new(3, 5);
        let mut limits = Vec::new();
        for _ in 0..4 {
            let held: Vec<Place> = std::iter::from_fn(|| take(&limit)).collect();
            held.into_iter().next().unwrap().succeeded();
            limits.push(limit_of(&limit));
        }
        assert_eq!(limits, [4, 5, 5, 5]);
    }

    #[test]
    fn once_halved_it_takes_as_many_successes_as_the_limit_is_to_raise_it_by_one() {
        let limit = Limit::new(7, 7);
        take(&limit).unwrap().overcharged();
        let mut limits = Vec::new();
        for _ in 0..13 {
            let held: Vec<Place> = std::iter::from_fn(|| take(&limit)).collect();
            assert_eq!(held.len(), limit_of(&limit));
            held.into_iter().next().unwrap().succeeded();
            limits.push(limit_of(&limit));
        }
        assert_eq!(limits, [3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 6, 6]);
    }

    #[test]
    fn a_limit_that_is_not_used_is_not_raised() {
        let limit = Limit::new(8, 64);
        for _ in 0..1000 {
            take(&limit).unwrap().succeeded();
        }
        assert_eq!(limit_of(&limit), 8);
    }

    #[test]
    fn calls_that_were_in_flight_together_halve_once() {
        let limit = Limit::new(8, 64);
        let together: Vec<Place> = (0..8).map_while(|_| take(&limit)).collect();
        together.into_iter().for_each(Place::overcharged);
        assert_eq!(limit_of(&limit), 4);
        take(&limit).unwrap().overcharged();
        assert_eq!(limit_of(&limit), 2);
        for _ in 0..5 {
            take(&limit).unwrap().overcharged();
        }
        assert_eq!(limit_of(&limit), 1);
    }

    #[test]
    fn successes_of_an_earlier_round_do_not_raise() {
        let limit = Limit::new(4, 64);
        let mut held: Vec<Place> = (0..4).map_while(|_| take(&limit)).collect();
        held.pop().unwrap().overcharged();
        held.into_iter().for_each(Place::succeeded);
        assert_eq!(limit_of(&limit), 2);
    }

    #[test]
    fn places_are_given_in_the_order_of_coming() {
        let limit = Limit::new(1, 1);
        let held = take(&limit).unwrap();
        let (mut a, mut b) = (limit.place(), limit.place());
        assert!(try_take(&mut a).is_none() && try_take(&mut b).is_none());
        drop(held);
        assert!(try_take(&mut limit.place()).is_none(), "whoever comes now comes last");
        assert!(try_take(&mut b).is_none());
        let first = try_take(&mut a).unwrap().unwrap();
        drop(first);
        assert!(try_take(&mut b).is_some());
    }

    #[test]
    fn a_call_that_is_given_up_lets_the_next_one_in() {
        let limit = Limit::new(1, 1);
        let held = take(&limit).unwrap();
        let (mut a, mut b) = (limit.place(), limit.place());
        assert!(try_take(&mut a).is_none() && try_take(&mut b).is_none());
        drop(held);
        drop(a);
        assert!(try_take(&mut b).is_some());
    }

    #[test]
    fn a_shut_limit_sends_everyone_away() {
        let limit = Limit::new(1, 1);
        let held = take(&limit).unwrap();
        let mut waiting = limit.place();
        assert!(try_take(&mut waiting).is_none());
        limit.shut();
        assert_eq!(try_take(&mut waiting).unwrap().unwrap_err(), Shut);
        assert_eq!(try_take(&mut limit.place()).unwrap().unwrap_err(), Shut);
        assert_eq!(limit.gauge(), Gauge { limit: 1, in_flight: 1, waiting: 0 });
        drop(held);
        limit.open();
        assert!(take(&limit).is_some());
    }

    /// What a test does to a limit; numbers choose among those that wait or hold a place.
    #[derive(Debug, Clone)]
    enum Deed {
        Come,
        Poll(usize),
        GiveUp(usize),
        Succeed(usize),
        Overcharge(usize),
        Drop(usize),
        Shut,
        Open,
    }

    fn deed() -> impl Strategy<Value = Deed> {
        prop_oneof![
            4 => Just(Deed::Come),
            4 => (0usize..8).prop_map(Deed::Poll),
            1 => (0usize..8).prop_map(Deed::GiveUp),
            4 => (0usize..8).prop_map(Deed::Succeed),
            1 => (0usize..8).prop_map(Deed::Overcharge),
            1 => (0usize..8).prop_map(Deed::Drop),
            1 => Just(Deed::Shut),
            2 => Just(Deed::Open),
        ]
    }

    proptest! {
        /// No place above the limit, no limit below 1; it is halved once a wave, grows by one at most and by nothing but
        /// success; first come first served, and every place comes back.
        #[test]
        fn laws(start in 1usize..6, most in 1usize..9, deeds in prop::collection::vec(deed(), 0..200)) {
            let limit = Limit::new(start, most);
            let mut waiting: Vec<Taking> = Vec::new();
            let mut held: Vec<Place> = Vec::new();
            let mut shut = false;
            for deed in deeds {
                let before = limit.gauge();
                let round = limit.lock().round;
                let mut law = before.limit..=before.limit;
                match deed {
                    Deed::Come => waiting.push(limit.place()),
                    Deed::Poll(at) if !waiting.is_empty() => {
                        let at = at % waiting.len();
                        let own = waiting[at].ticket;
                        match try_take(&mut waiting[at]) {
                            None => prop_assert!(!shut),
                            Some(Err(Shut)) => {
                                prop_assert!(shut);
                                drop(waiting.remove(at));
                            }
                            Some(Ok(place)) => {
                                prop_assert!(!shut && before.in_flight < before.limit);
                                drop(waiting.remove(at));
                                let tickets = waiting.iter().filter_map(|other| other.ticket);
                                let earlier = tickets.filter(|ticket| own.is_none_or(|own| *ticket < own));
                                prop_assert_eq!(earlier.count(), 0, "somebody came before");
                                held.push(place);
                            }
                        }
                    }
                    Deed::GiveUp(at) if !waiting.is_empty() => drop(waiting.remove(at % waiting.len())),
                    Deed::Succeed(at) if !held.is_empty() => {
                        law = before.limit..=(before.limit + 1).min(most);
                        held.remove(at % held.len()).succeeded();
                    }
                    Deed::Overcharge(at) if !held.is_empty() => {
                        let place = held.remove(at % held.len());
                        // A call of an earlier wave says nothing new.
                        let after = if place.round == round { (before.limit / 2).max(1) } else { before.limit };
                        law = after..=after;
                        place.overcharged();
                    }
                    Deed::Drop(at) if !held.is_empty() => drop(held.remove(at % held.len())),
                    Deed::Shut => { limit.shut(); shut = true; }
                    Deed::Open => { limit.open(); shut = false; }
                    _ => {}
                }
                let gauge = limit.gauge();
                prop_assert!((1..=most).contains(&gauge.limit), "{gauge:?}");
                prop_assert_eq!(gauge.in_flight, held.len());
                prop_assert!(law.contains(&gauge.limit), "{gauge:?} is not within {law:?}");
            }
            drop((waiting, held));
            let gauge = limit.gauge();
            prop_assert_eq!((gauge.in_flight, gauge.waiting), (0, 0));
        }
    }
}
