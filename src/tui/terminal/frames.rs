//! When to draw: only when somebody asked, many requests at once as one frame, at most sixty frames a second. What comes by
//! itself gets half of them at most, so that what a person does need not wait for the frame after it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Between two frames: a sixtieth of a second. More than a screen shows.
const LEAST: Duration = Duration::from_micros(16_667);

/// Asks for frames, from anywhere; clones ask the same loop.
#[derive(Debug, Clone)]
pub struct Requester(Arc<Shared>);

/// The frames to draw, for the one loop that draws them.
#[derive(Debug)]
pub struct Frames(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pace: Mutex<Pace>,
    changed: Notify,
}

/// A pair that belongs together.
pub fn frames() -> (Requester, Frames) {
    let shared = Arc::new(Shared { pace: Mutex::default(), changed: Notify::new() });
    (Requester(shared.clone()), Frames(shared))
}

impl Shared {
    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Requester {
    /// Asks for a frame as soon as may be: a person did something, or waits for it.
    pub fn request(&self) {
        self.request_at(Instant::now());
    }

    /// Asks for a frame of what comes by itself while something runs.
    pub fn request_live(&self) {
        if self.0.pace().want_live(Instant::now()) {
            self.0.changed.notify_one();
        }
    }

    /// Asks for a frame at a time: the next step of a play-back, the end of a notice. An earlier request stays.
    pub fn request_at(&self, at: Instant) {
        if self.0.pace().want(at, Instant::now()) {
            self.0.changed.notify_one();
        }
    }
}

impl Frames {
    /// Waits until a frame is to be drawn. May be dropped while it waits.
    pub async fn next(&mut self) {
        loop {
            let due = self.0.pace().due();
            let time = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = time => {
                    if self.0.pace().draw(Instant::now()) {
                        return;
                    }
                }
                () = self.0.changed.notified() => {}
            }
        }
    }
}

/// What is asked for and what was drawn; knows no clock.
#[derive(Debug, Default)]
struct Pace {
    /// Since when a frame is wanted as soon as may be.
    soon: Option<Instant>,
    /// Since when one is wanted of what comes by itself.
    live: Option<Instant>,
    /// When further frames are wanted, in order, each at least one frame after the one before.
    later: Vec<Instant>,
    drawn: Option<Instant>,
    /// When the last frame was drawn that was wanted as soon as may be, or at a time.
    answered: Option<Instant>,
}

impl Pace {
    /// Remembers a wish that is made `now`; true when it is the soonest.
    fn want(&mut self, at: Instant, now: Instant) -> bool {
        let before = self.due();
        match at <= now {
            true => self.soon = Some(self.soon.map_or(at, |soon| soon.min(at))),
            false => self.want_later(at),
        }
        self.due() != before
    }

    /// As [`Pace::want`], of what comes by itself.
    fn want_live(&mut self, now: Instant) -> bool {
        let before = self.due();
        self.live.get_or_insert(now);
        self.due() != before
    }

    fn want_later(&mut self, at: Instant) {
        let place = self.later.partition_point(|later| *later <= at);
        let earliest = match self.later[..place].last() {
            Some(same) if *same == at => return,
            Some(earlier) => at.max(*earlier + LEAST),
            None => at,
        };
        // A frame that is wanted until then serves both.
        if self.later.get(place).is_none_or(|next| *next > earliest) {
            self.later.insert(place, earliest);
        }
    }

    /// When the next frame is to be drawn.
    fn due(&self) -> Option<Instant> {
        let after = |wanted: Option<Instant>, last: Option<Instant>, least: Duration| {
            let wanted = wanted?;
            Some(last.map_or(wanted, |last| wanted.max(last + least)))
        };
        // A person's frame keeps its distance from those that were asked for, and what comes by itself leaves room for one.
        let soon = after(self.soon, self.answered, LEAST);
        let live = after(self.live, self.drawn, 2 * LEAST);
        let later = after(self.later.first().copied(), self.drawn, LEAST);
        [soon, live, later].into_iter().flatten().min()
    }

    /// Whether a frame is drawn `now`; then the wishes up to now are fulfilled.
    fn draw(&mut self, now: Instant) -> bool {
        let due = self.due().is_some_and(|due| due <= now);
        if due {
            let waited_for = self.later.first().is_some_and(|later| *later <= now);
            if self.soon.take().is_some() || waited_for {
                self.answered = Some(now);
            }
            self.live = None;
            self.later.retain(|later| *later > now);
            self.drawn = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn many_requests_are_one_frame_and_none_is_no_frame() {
        let (begin, mut pace) = (Instant::now(), Pace::default());
        assert_eq!(pace.due(), None);
        (0..100).for_each(|tenths| _ = pace.want(begin + tenths * MS / 10, begin + tenths * MS / 10));
        assert_eq!(pace.due(), Some(begin));
        assert!(pace.draw(begin + 10 * MS));
        assert_eq!(pace.due(), None, "all were fulfilled by one");
        pace.want(begin + 11 * MS, begin + 11 * MS);
        assert_eq!(pace.due(), Some(begin + 10 * MS + LEAST), "not before a sixtieth of a second has passed");
        assert!(!pace.draw(begin + 12 * MS));
        assert!(pace.draw(begin + 10 * MS + LEAST));
    }

    #[test]
    fn a_later_wish_outlives_the_frames_before_it() {
        let (begin, mut pace) = (Instant::now(), Pace::default());
        assert!(pace.want(begin + 500 * MS, begin));
        assert!(pace.want(begin, begin), "sooner than what is waited for");
        assert!(pace.draw(begin));
        assert_eq!(pace.due(), Some(begin + 500 * MS));
    }

    #[test]
    fn a_key_is_answered_at_once_while_something_runs() {
        let (begin, mut pace) = (Instant::now(), Pace::default());
        pace.want_live(begin);
        assert!(pace.draw(begin));
        pace.want_live(begin + MS);
        assert_eq!(pace.due(), Some(begin + 2 * LEAST), "what comes by itself waits");
        assert!(pace.want(begin + 2 * MS, begin + 2 * MS));
        assert!(pace.draw(begin + 2 * MS), "a key does not");
        assert_eq!(pace.due(), None, "both were one");
        pace.want(begin + 3 * MS, begin + 3 * MS);
        assert_eq!(pace.due(), Some(begin + 2 * MS + LEAST), "the next key keeps its distance from the first");
    }

    #[test]
    fn a_frame_is_there_at_once_and_the_next_is_not() {
        let (requester, mut frames) = frames();
        assert!(frames.next().now_or_never().is_none(), "nobody asked");
        requester.request();
        requester.clone().request();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            frames.next().await;
            assert!(frames.next().now_or_never().is_none(), "both were one");
        });
    }

    proptest! {
        #[test]
        fn keys_wait_for_keys_alone_and_all_together_are_at_most_sixty_a_second(
            wishes in prop::collection::vec((0u32..600, any::<bool>()), 1..300),
        ) {
            let (begin, mut pace, mut wishes) = (Instant::now(), Pace::default(), wishes);
            wishes.sort();
            let (mut drawn, mut answered): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
            for ms in 0..700u32 {
                let now = begin + ms * MS;
                for (_, typed) in wishes.iter().filter(|(at, _)| *at == ms) {
                    if *typed { pace.want(now, now) } else { pace.want_live(now) };
                }
                let typed = pace.soon.is_some();
                if pace.draw(now) {
                    drawn.push(ms);
                    answered.extend(typed.then_some(ms));
                }
            }
            for (at, typed) in wishes {
                let by = if typed { &answered } else { &drawn };
                let within = if typed { 17 } else { 34 };
                prop_assert!(by.iter().any(|ms| (at..=at + within).contains(ms)), "{at} in {by:?}");
                let last = answered.iter().rev().find(|ms| **ms < at);
                if typed && last.is_none_or(|last| at - last >= 17) {
                    prop_assert!(answered.contains(&at), "a key at {at} waits for none but keys: {answered:?}");
                }
            }
            for (at, first) in drawn.iter().enumerate() {
                let count = drawn[at..].iter().take_while(|ms| **ms - first < 200).count();
                prop_assert!(count <= 13, "{count} frames in 200 ms: {drawn:?}");
            }
        }

        #[test]
        fn every_wish_gets_a_frame_in_time_and_frames_keep_their_distance(wishes in prop::collection::vec((0u32..400, 0u32..200), 1..60)) {
            let (begin, mut pace, mut wishes) = (Instant::now(), Pace::default(), wishes);
            wishes.sort();
            let (mut drawn, mut waiting) = (Vec::new(), wishes.as_slice());
            for ms in 0..1000u32 {
                let now = begin + ms * MS;
                while let Some(((asked, ahead), rest)) = waiting.split_first().filter(|((asked, _), _)| *asked <= ms) {
                    pace.want(begin + (asked + ahead) * MS, now);
                    waiting = rest;
                }
                if pace.draw(now) {
                    drawn.push(ms);
                }
            }
            prop_assert!(drawn.windows(2).all(|pair| pair[1] - pair[0] >= 17), "{drawn:?}");
            for (asked, ahead) in wishes {
                let at = asked + ahead;
                prop_assert!(drawn.iter().any(|ms| (at..=at + 34).contains(ms)), "{at} in {drawn:?}");
            }
            prop_assert_eq!(pace.due(), None);
        }
    }
}
