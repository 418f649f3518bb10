//! What a desk's news change on the bench.

use std::time::Duration;

use super::Bench;
use crate::engine::desk::{Activity, News, Work};
use crate::session::{Event, Health, State};

impl Bench {
    /// Learns one piece of news. What is only told is left to the caller.
    pub fn learn(&mut self, news: News, now: Duration) {
        match news {
            News::Opened { path, events, health, writable } => self.opened(path, &events, health, writable.err()),
            News::Events(events) => self.grow(&events),
            News::Replaced { path, events } => {
                let place = self.place();
                let health = std::mem::take(&mut self.health);
                self.opened(Some(path), &events, health, self.read_only.clone());
                self.return_to(&place);
            }
            News::Copied(path) => self.path = Some(path),
            News::Writable(writable) => self.read_only = writable.err(),
            News::Streamed { purpose, step, sample, piece } => self.streams.add(purpose, step, sample, &piece),
            News::Activity(activity) => self.activity(activity, now),
            News::Measured { of, logprobs, .. } => {
                self.asked.remove(&of);
                self.measured.insert(of, logprobs.into_iter().map(f64::from).collect());
            }
            News::Refused { what, why } => self.refused = Some(format!("{what}: {why}")),
            News::Closed => self.activity = Activity::default(),
        }
    }

    fn opened(
        &mut self,
        path: Option<std::path::PathBuf>,
        events: &[Event],
        health: Health,
        read_only: Option<String>,
    ) {
        self.state = State::default();
        self.timeline = super::Timeline::default();
        self.measured.clear();
        self.asked.clear();
        (self.path, self.health, self.read_only) = (path, health, read_only);
        self.loading = false;
        self.follow = true;
        self.grow(events);
        if let Some(place) = self.returning.take() {
            self.return_to(&place);
        }
    }

    fn grow(&mut self, events: &[Event]) {
        let before = self.timeline.len();
        for event in events {
            self.state.apply(event);
            self.timeline.learn(event, &self.state);
        }
        if events.iter().any(|event| matches!(event.payload, crate::session::Payload::Node(_))) {
            self.streams.clear();
        }
        // Taking back a tag moves nobody; taking back a version shows the one that is current again.
        let is_undone = |moment: &super::Moment| moment.happened == super::Happened::Undone;
        if self.follow || self.timeline.moments()[before..].iter().any(is_undone) {
            self.visit(self.timeline.len().saturating_sub(1));
        }
    }

    fn activity(&mut self, activity: Activity, now: Duration) {
        let began = activity.work != Work::Idle && self.activity.work == Work::Idle;
        if began {
            self.since = Some(now);
        } else if activity.work == Work::Idle {
            self.since = None;
            self.streams.clear();
        }
        self.activity = activity;
    }

    /// Notes that scores were asked for.
    pub fn asked_for(&mut self, of: &[crate::reer::search::ScoreOf]) {
        self.asked.extend(of);
    }
}
