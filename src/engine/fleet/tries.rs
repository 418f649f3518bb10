//! What follows a fault: whether the call is made again, and after what wait. One table for the whole program; nothing
//! below retries, so that no two loops multiply.

use std::time::{Duration, Instant};

use super::backoff::{FIRST, Jitter, MOST};
use super::station::Blame;
use crate::lm::{LmError, Setback};

/// Most repeats of a call that broke off: a fault of one call in ten then ends one call in ten million.
const BROKEN: u32 = 6;

/// Most repeats of a call that got no answer in time. Each costs the whole time that the client waits: more of them
/// would hold a search up for the better part of an hour.
const SLOW: u32 = 3;

/// Most repeats of a call after which a server died that had been back. Each death halves that server's limit, so that
/// before the last repeats a call that kills servers is alone in flight, and no other is blamed for it.
const DEATHS: u32 = 8;

/// What helps against a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Again, as often as it takes within the budget: not before the time that the server names.
    Wait(Option<Duration>),
    /// Again, so many times at most.
    Repeat(u32),
    /// Again, at another endpoint or when this one is back.
    Elsewhere,
    /// Nothing.
    None,
    /// Nothing, and for no other call of the run either.
    EndRun,
}

impl Remedy {
    pub fn of(error: &LmError) -> Remedy {
        match error {
            LmError::Passing { setback: Setback::Busy { after }, .. } => Remedy::Wait(*after),
            LmError::Passing { setback: Setback::Slow, .. } => Remedy::Repeat(SLOW),
            LmError::Passing { setback: Setback::Broken, .. } => Remedy::Repeat(BROKEN),
            LmError::Passing { setback: Setback::Down, .. } => Remedy::Elsewhere,
            LmError::TooLong { .. } | LmError::Unsupported(_) | LmError::Invalid(_) | LmError::Cancelled => {
                Remedy::None
            }
            LmError::Denied(_) => Remedy::EndRun,
        }
    }
}

/// A fault's name in counts.
pub(super) fn class(error: &LmError) -> &'static str {
    match error {
        LmError::Passing { setback, .. } => setback.name(),
        LmError::TooLong { .. } => "too-long",
        LmError::Denied(_) => "denied",
        LmError::Unsupported(_) => "unsupported",
        LmError::Invalid(_) => "invalid",
        LmError::Cancelled => "cancelled",
    }
}

/// Whether a fault says that the endpoint has too much to do.
pub(super) fn overcharges(error: &LmError) -> bool {
    let LmError::Passing { setback, .. } = error else { return false };
    matches!(setback, Setback::Busy { .. } | Setback::Slow | Setback::Down)
}

/// Whether a fault says that the endpoint may be dead: enough of them in a row do.
pub(super) fn strains(error: &LmError) -> bool {
    let LmError::Passing { setback, .. } = error else { return false };
    matches!(setback, Setback::Slow | Setback::Broken | Setback::Down)
}

/// What one call has met so far.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// When its troubles began.
    since: Option<Instant>,
    busy: u32,
    slow: u32,
    broken: u32,
    deaths: u32,
}

impl Tries {
    /// When a call in trouble gives up; begins to count with the first call of this.
    pub fn deadline(&mut self, now: Instant, budget: Duration) -> Instant {
        *self.since.get_or_insert(now) + budget
    }

    /// The wait before the call is made again after a fault at `now` that is blamed so.
    ///
    /// # Errors
    /// The fault to return, which says how often or how long the call was tried.
    pub fn again(
        &mut self,
        error: LmError,
        blame: Blame,
        now: Instant,
        budget: Duration,
        jitter: &Jitter,
    ) -> Result<Duration, LmError> {
        let deadline = self.deadline(now, budget);
        if blame == Blame::Deadly {
            self.deaths += 1;
            if self.deaths > DEATHS {
                return Err(deadly(error));
            }
        }
        let remedy = if blame == Blame::Endpoint { Remedy::Elsewhere } else { Remedy::of(&error) };
        let wait = match remedy {
            Remedy::None | Remedy::EndRun => return Err(error),
            // Calls refused together do not come back together.
            Remedy::Wait(Some(after)) if after >= budget => {
                return Err(told(error, &format!("it asks to wait {} s", after.as_secs())));
            }
            Remedy::Wait(Some(after)) => after + jitter.up_to(FIRST),
            Remedy::Wait(None) => {
                self.busy = self.busy.saturating_add(1);
                jitter.backoff(self.busy - 1, MOST)
            }
            Remedy::Elsewhere => Duration::ZERO,
            Remedy::Repeat(most) => {
                let repeats = self.count(&error);
                if *repeats == most {
                    return Err(told(error, &format!("tried {} times", most + 1)));
                }
                *repeats += 1;
                jitter.backoff(*repeats - 1, MOST)
            }
        };
        match now + wait < deadline {
            true => Ok(wait),
            false => Err(out_of_time(error, budget)),
        }
    }

    fn count(&mut self, error: &LmError) -> &mut u32 {
        match error {
            LmError::Passing { setback: Setback::Slow, .. } => &mut self.slow,
            _ => &mut self.broken,
        }
    }
}

/// The fault of a call whose server died each time it was sent.
fn deadly(error: LmError) -> LmError {
    told(error, &format!("the server died {} times while it worked on this", DEATHS + 1))
}

/// The fault of a call that was in trouble for all of its time.
pub(super) fn out_of_time(error: LmError, budget: Duration) -> LmError {
    told(error, &format!("tried for {} s", budget.as_secs()))
}

fn told(error: LmError, how: &str) -> LmError {
    match error {
        LmError::Passing { setback, message } => LmError::Passing { setback, message: format!("{message} ({how})") },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn passing(setback: Setback) -> LmError {
        LmError::Passing { setback, message: "no".to_owned() }
    }

    fn busy(seconds: Option<u64>) -> LmError {
        passing(Setback::Busy { after: seconds.map(Duration::from_secs) })
    }

    /// How often a call with this fault is made before it gives up, at most 1000 times and with no time passing.
    fn attempts(error: &LmError) -> usize {
        let (mut tries, jitter, now) = (Tries::default(), Jitter::seeded(1), Instant::now());
        1 + (0..999).take_while(|_| tries.again(error.clone(), Blame::Call, now, HOUR, &jitter).is_ok()).count()
    }

    #[test]
    fn the_matrix() {
        let never = |text: &str| text.to_owned();
        let table = [
            (busy(None), Remedy::Wait(None), "busy", true, false, 1000),
            (busy(Some(7)), Remedy::Wait(Some(Duration::from_secs(7))), "busy", true, false, 1000),
            (passing(Setback::Slow), Remedy::Repeat(3), "slow", true, true, 4),
            (passing(Setback::Broken), Remedy::Repeat(6), "broken", false, true, 7),
            (passing(Setback::Down), Remedy::Elsewhere, "down", true, true, 1000),
            (LmError::TooLong { have: 9, limit: None }, Remedy::None, "too-long", false, false, 1),
            (LmError::Unsupported(never("echo")), Remedy::None, "unsupported", false, false, 1),
            (LmError::Invalid(never("ids")), Remedy::None, "invalid", false, false, 1),
            (LmError::Cancelled, Remedy::None, "cancelled", false, false, 1),
            (LmError::Denied(never("key")), Remedy::EndRun, "denied", false, false, 1),
        ];
        for (error, remedy, name, halves, deadly, made) in table {
            let got = (Remedy::of(&error), class(&error), overcharges(&error), strains(&error), attempts(&error));
            assert_eq!(got, (remedy, name, halves, deadly, made), "{error:?}");
        }
    }

    #[test]
    fn a_server_is_not_asked_before_the_time_it_names() {
        let (jitter, now) = (Jitter::seeded(2), Instant::now());
        for _ in 0..200 {
            let wait = Tries::default().again(busy(Some(7)), Blame::Call, now, HOUR, &jitter).unwrap().as_secs_f64();
            assert!((7.0..=7.5).contains(&wait), "{wait}");
        }
    }

    #[test]
    fn waits_grow_to_a_minute_and_end_with_the_budget() {
        let (mut tries, jitter, began) = (Tries::default(), Jitter::seeded(3), Instant::now());
        let (mut now, mut waits) = (began, Vec::new());
        let error = loop {
            match tries.again(busy(None), Blame::Call, now, HOUR, &jitter) {
                Ok(wait) => {
                    now += wait;
                    waits.push(wait);
                }
                Err(error) => break error,
            }
        };
        assert!(waits[0] <= FIRST && waits.iter().all(|wait| *wait <= MOST), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait > MOST.mul_f64(0.9)));
        assert!(now - began <= HOUR && now - began > HOUR - MOST);
        assert_eq!(error.to_string(), "no (tried for 3600 s)");
        for seconds in [4000, u64::MAX] {
            let asks_too_much = Tries::default().again(busy(Some(seconds)), Blame::Call, began, HOUR, &jitter);
            assert_eq!(asks_too_much.unwrap_err().to_string(), format!("no (it asks to wait {seconds} s)"));
        }
    }

    #[test]
    fn a_call_that_kills_servers_is_given_up_and_one_that_only_saw_it_is_not() {
        let (jitter, now, down) = (Jitter::seeded(5), Instant::now(), passing(Setback::Down));
        let times = |blame| {
            let mut tries = Tries::default();
            (0..999).take_while(|_| tries.again(down.clone(), blame, now, HOUR, &jitter).is_ok()).count()
        };
        assert_eq!([Blame::Deadly, Blame::Call, Blame::Endpoint].map(times), [8, 999, 999]);
        let mut tries = Tries::default();
        let broken = passing(Setback::Broken);
        assert!((0..999).all(|_| tries.again(broken.clone(), Blame::Endpoint, now, HOUR, &jitter).is_ok()));
    }

    #[test]
    fn kinds_are_counted_apart_and_the_last_word_says_how_often() {
        let (mut tries, jitter, now) = (Tries::default(), Jitter::seeded(4), Instant::now());
        let mut next = |setback| tries.again(passing(setback), Blame::Call, now, HOUR, &jitter);
        for _ in 0..3 {
            assert!(next(Setback::Slow).is_ok() && next(Setback::Broken).is_ok() && next(Setback::Broken).is_ok());
        }
        assert_eq!(next(Setback::Slow).unwrap_err().to_string(), "no (tried 4 times)");
        assert_eq!(next(Setback::Broken).unwrap_err().to_string(), "no (tried 7 times)");
    }
}
