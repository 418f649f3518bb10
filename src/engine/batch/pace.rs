//! How fast a run goes and what is left, from what it had done at moments of the last minutes. Pure; times are the run's
//! own, without its pauses.

use std::collections::VecDeque;
use std::time::Duration;

use crate::session::runs;

/// What rates are told over.
const MINUTE: Duration = Duration::from_secs(60);

/// What the rest is estimated over: the last minutes, not the first ones, in which caches were cold.
const MINUTES: Duration = Duration::from_secs(300);

/// So many ends at least make a rate of examples; long examples end seldom.
const ENDS: usize = 8;

/// Sums since the run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    /// Examples that were searched and ended, those found ended not counted.
    pub ended: u64,
    pub steps: u64,
    pub calls: u64,
    /// Tokens that generators wrote.
    pub written: u64,
    /// Tokens that were read or written.
    pub tokens: u64,
}

/// Keeps what was done when; a fixed number of moments.
#[derive(Debug, Default)]
pub(super) struct Pace {
    samples: VecDeque<(Duration, Totals)>,
    /// When the last examples ended.
    ends: VecDeque<Duration>,
}

impl Pace {
    /// An example ended.
    pub fn end(&mut self, at: Duration) {
        self.ends.push_back(at);
        if self.ends.len() > ENDS {
            self.ends.pop_front();
        }
    }

    /// Takes a sample, about once a second, and says the pace; `left` examples are still to end.
    pub fn look(&mut self, now: Duration, totals: Totals, left: usize) -> runs::Pace {
        let of_minute = self.since(now, MINUTE);
        let of_minutes = self.since(now, MINUTES);
        let enough =
            self.samples.back().is_none_or(|(last, _)| now.saturating_sub(*last) >= Duration::from_millis(500));
        if enough {
            self.samples.push_back((now, totals));
        }
        while self.samples.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= MINUTES) {
            self.samples.pop_front();
        }
        let seconds = now.saturating_sub(of_minute.0).as_secs_f64();
        let rate = |of: fn(&Totals) -> u64| match seconds {
            0.0 => 0.0,
            _ => (of(&totals) - of(&of_minute.1)) as f64 / seconds,
        };
        runs::Pace {
            examples_a_minute: rounded(rate(|t| t.ended) * 60.0),
            steps_a_minute: rounded(rate(|t| t.steps) * 60.0),
            calls_a_second: rounded(rate(|t| t.calls)),
            tokens_out_a_second: rounded(rate(|t| t.written)),
            tokens_a_second: rounded(rate(|t| t.tokens)),
            left_s: self.left(now, totals, of_minutes, left),
        }
    }

    /// The last sample that is at least so old, else the oldest; the beginning before there is one.
    fn since(&self, now: Duration, window: Duration) -> (Duration, Totals) {
        let old = |(at, _): &&(Duration, Totals)| now.saturating_sub(*at) >= window;
        self.samples.iter().rev().find(old).or(self.samples.front()).copied().unwrap_or_default()
    }

    /// Seconds until `left` examples have ended, at the rate of the last minutes or, where few ended in them, of the
    /// last ends.
    fn left(&self, now: Duration, totals: Totals, from: (Duration, Totals), left: usize) -> Option<u64> {
        let recent = totals.ended - from.1.ended;
        let rate = if recent >= ENDS as u64 {
            recent as f64 / now.saturating_sub(from.0).as_secs_f64()
        } else {
            // The first of these ends only begins the time that the others took, unless it is the run's first.
            let all = totals.ended <= self.ends.len() as u64;
            let (first, ends) =
                if all { (Duration::ZERO, totals.ended) } else { (*self.ends.front()?, ENDS as u64 - 1) };
            ends as f64 / now.saturating_sub(first).as_secs_f64()
        };
        (left > 0 && rate > 0.0 && rate.is_finite()).then(|| (left as f64 / rate).ceil() as u64)
    }
}

/// Two decimals: a record is read by people too.
fn rounded(rate: f64) -> f64 {
    (rate * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(ended: u64) -> Totals {
        Totals { ended, steps: ended * 3, calls: ended * 10, written: ended * 100, tokens: ended * 1000 }
    }

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    /// Runs for `until` seconds, `a_second` examples ending each second of `speeds`.
    fn run(speeds: &[(u64, u64)]) -> (Pace, Duration, Totals) {
        let (mut pace, mut now, mut ended) = (Pace::default(), Duration::ZERO, 0);
        for (lasting, a_second) in speeds {
            for _ in 0..*lasting {
                now += seconds(1);
                (0..*a_second).for_each(|_| pace.end(now));
                ended += a_second;
                pace.look(now, totals(ended), 1);
            }
        }
        (pace, now, totals(ended))
    }

    #[test]
    fn rates_are_those_of_the_last_minute_and_the_rest_is_told_by_the_last_minutes() {
        // Two minutes at one a second, then ten minutes at four a second.
        let (mut pace, now, totals) = run(&[(120, 1), (600, 4)]);
        let told = pace.look(now, totals, 1200);
        assert_eq!((told.examples_a_minute, told.calls_a_second, told.tokens_out_a_second), (240.0, 40.0, 400.0));
        assert_eq!(told.left_s, Some(300), "the slow beginning no longer counts");
        assert!(pace.samples.len() <= 302, "{}", pace.samples.len());
    }

    #[test]
    fn long_examples_are_estimated_by_their_last_ends() {
        let mut pace = Pace::default();
        assert_eq!(pace.look(seconds(600), Totals::default(), 5).left_s, None, "nothing has ended yet");
        for ended in 1..=20 {
            pace.end(seconds(600 * ended));
            pace.look(seconds(600 * ended), totals(ended), 1);
        }
        assert_eq!(pace.look(seconds(12_000), totals(20), 6).left_s, Some(3600));
        assert_eq!(pace.look(seconds(12_000), totals(20), 0).left_s, None, "nothing is left");
        let mut first = Pace::default();
        first.end(seconds(30));
        assert_eq!(first.look(seconds(30), totals(1), 4).left_s, Some(120), "one end is better than none");
    }

    #[test]
    fn at_the_first_moment_there_is_no_pace() {
        assert_eq!(Pace::default().look(Duration::ZERO, Totals::default(), 9), runs::Pace::default());
    }
}
