//! What a desk's news change on the bench.

use std::time::Duration;

use super::{Bench, Happened};
use crate::engine::desk::{Activity, News, Work};
use crate::reer::search::{Node, Why};
use crate::session::{Event, Payload, State};

impl Bench {
    /// Learns one piece of news. What is only told is left to the caller.
    pub fn learn(&mut self, news: News, now: Duration) {
        match news {
            News::Opened { events, writable, .. } => self.opened(&events, writable.err()),
            News::Events(events) => {
                self.grow(&events);
                self.select_asked(&events);
            }
            News::Replaced { events, .. } => {
                let place = self.place();
                self.opened(&events, self.read_only.clone());
                self.return_to(&place);
            }
            News::Writable(writable) => self.read_only = writable.err(),
            News::Streamed { purpose, step, sample, piece } => self.streams.add(purpose, step, sample, &piece),
            News::Activity(activity) => self.activity(activity, now),
            News::Waiting(waiting) => self.waiting = waiting,
            News::Measured { of, logprobs, .. } => {
                self.asked.remove(&of);
                self.measured.insert(of, logprobs.into_iter().map(f64::from).collect());
            }
            News::Fit { scorer, fits } => match fits {
                Ok(()) => drop(self.misfits.remove(&scorer)),
                Err(why) => drop(self.misfits.insert(scorer, why)),
            },
            News::Closed => (self.activity, self.waiting) = (Activity::default(), None),
            // Told to the person, and nothing the bench shows.
            News::Copied(_) | News::Refused { .. } => {}
        }
    }

    fn opened(&mut self, events: &[Event], read_only: Option<String>) {
        self.state = State::default();
        self.timeline = super::Timeline::default();
        self.measured.clear();
        self.asked.clear();
        self.read_only = read_only;
        self.loading = false;
        self.follow = true;
        self.grow(events);
        if let Some(place) = self.returning.take() {
            self.return_to(&place);
        }
    }

    fn grow(&mut self, events: &[Event]) {
        let (before, moments) = (self.selected_place(), self.timeline.len());
        for event in events {
            self.state.apply(event);
            self.timeline.learn(event, &self.state);
        }
        if events.iter().any(|event| matches!(event.payload, Payload::Node(_))) {
            self.streams.clear();
        }
        // What one takes back or brings back is what one looks at next, wherever one was.
        let stepped_back = |moment: &super::Moment| {
            matches!(moment.happened, Happened::Undone | Happened::Redone) && moment.by == self.me
        };
        let back = self.timeline.moments()[moments..].iter().any(stepped_back) && moments > 0;
        if back {
            self.go_along();
            self.steady = true;
        }
        if self.follow {
            let by_hand = self.timeline.moments()[moments..].iter().any(super::Moment::is_hand_made);
            let last = self.timeline.len().saturating_sub(1);
            if (by_hand || self.steady) && moments > 0 { self.stay(last, before, back) } else { self.visit(last) }
        }
        self.find_again();
    }

    /// Where the selected segment stands in its version.
    fn selected_place(&self) -> Option<usize> {
        let segment = self.segment()?;
        self.segments().iter().position(|row| row.id == segment)
    }

    /// Goes to a version that a person made, with the selection where it was: on the same segment, on a new one that
    /// was written after it, or on the one that took its place; where they went `back`, on one that is another, the same
    /// if it is.
    fn stay(&mut self, index: usize, place: Option<usize>, back: bool) {
        let before = self.segments();
        self.go_to(index);
        let rows = self.segments();
        let is_known = |row: &super::SegmentRow| before.iter().any(|known| known.id == row.id);
        let new = rows.iter().find(|row| !is_known(row)).filter(|_| rows.len() == before.len() + 1);
        let same = rows.iter().find(|row| Some(row.id) == self.segment);
        let there = place.and_then(|place| rows.get(place.min(rows.len().saturating_sub(1))));
        let is_other = |(at, row): &(usize, &super::SegmentRow)| {
            before.get(*at).is_none_or(|known| (known.id, &known.text) != (row.id, &row.text))
        };
        let others = || rows.iter().enumerate().filter(is_other).map(|(_, row)| row);
        let other = others().find(|row| Some(row.id) == self.segment).or_else(|| others().next());
        if let Some(row) = other.filter(|_| back).or(new).or(same).or(there) {
            self.segment = Some(row.id);
        }
    }

    /// Notes the candidates that a person asked for, when they come, and selects the first.
    fn select_asked(&mut self, events: &[Event]) {
        let asked = events.iter().filter_map(|event| match &event.payload {
            Payload::Node(node) if node.why == Why::Candidate && node.step.is_none() => Some(node),
            _ => None,
        });
        let asked: Vec<&Node> = asked.collect();
        self.proposed.extend(asked.iter().map(|node| node.id));
        let asked = asked.first().copied();
        if let Some(node) = asked.filter(|node| node.segment == self.segment()) {
            self.select_candidate(node.id);
        }
    }

    fn activity(&mut self, activity: Activity, now: Duration) {
        let began = activity.work != Work::Idle && self.activity.work == Work::Idle;
        if began {
            self.since = Some(now);
            self.spent_before = self.state.ledger.by_role();
        } else if activity.work == Work::Idle {
            self.since = None;
            self.streams.clear();
        }
        self.activity = activity;
        // Who goes along with the search sees the rewrites come in.
        if let Work::Proposing { segment, .. } = activity.work
            && activity.searching
            && self.follow
            && !self.steady
        {
            self.select(segment);
        }
    }

    /// Notes that scores were asked for.
    pub fn asked_for(&mut self, of: &[crate::reer::search::ScoreOf]) {
        self.asked.extend(of);
    }
}
