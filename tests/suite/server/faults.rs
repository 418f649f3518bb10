//! What a server does wrong, and to which calls: drawn from a seed, the call's own bytes and how often they came before,
//! so that the same call meets the same fate in every run, in whatever order calls arrive.

use std::collections::HashMap;

use super::random::{Random, mix};

/// What happens to a call. `Cut` and `Refuse` hit streams in the middle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fate {
    /// 500, whose cause is said to be passing.
    Error,
    /// 429, with this `Retry-After` where there is one.
    Busy(Option<&'static str>),
    /// 502 with a proxy's page.
    BadGateway,
    /// 401, as to a stranger.
    Denied,
    /// 500 of a server whose engine is gone.
    EngineDead,
    /// The call is taken and never answered.
    Hang,
    /// The connection breaks in the middle of the body.
    Cut,
    /// A whole HTTP answer with only the first half of the JSON.
    Short,
    /// An error object where an answer was promised: status 200.
    Refuse,
    /// An answer with scores that no client may take.
    Scores(Wrong),
}

/// How scores are wrong. Text is not affected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wrong {
    /// The last row is missing.
    RowMissing,
    /// One row too many, at the end.
    RowExtra,
    /// Each row has its neighbour's number: the ids look right.
    Shifted,
    /// The last row has -9999.0, vLLM's minus infinity.
    Floor,
    /// The last row has +1.0, which stands for "from the cache".
    Sentinel,
    /// The server puts another BOS in front.
    DoubleBos,
    /// Every number is 0, as with speculative decoding.
    Zeros,
    /// Rows of another token than the one sent.
    Ids,
    /// The option is ignored: an answer without scores.
    Dropped,
}

/// Which share of calls meets which fate.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    seed: u64,
    shares: Vec<(Fate, f64)>,
    /// Standard deviation in nats of what is added to every log-probability, anew at each call.
    noise: f64,
}

impl Faults {
    /// None yet.
    pub fn seeded(seed: u64) -> Faults {
        Faults { seed, ..Faults::default() }
    }

    /// `share` of the calls that score or generate meet `fate`. Shares add up to at most 1.
    #[must_use]
    pub fn with(mut self, fate: Fate, share: f64) -> Faults {
        self.shares.push((fate, share));
        assert!(self.shares.iter().map(|(_, share)| share).sum::<f64>() <= 1.0, "shares over 1");
        self
    }

    /// Every call's log-probabilities are off by noise of this standard deviation in nats.
    #[must_use]
    pub fn noisy(mut self, nats: f64) -> Faults {
        self.noise = nats;
        self
    }

    /// The fate of a call with this digest that came `before` times before.
    pub fn draw(&self, digest: u64, before: u32) -> Option<Fate> {
        let mut left = Random::new(mix(mix(self.seed, digest), u64::from(before))).unit();
        for (fate, share) in &self.shares {
            left -= share;
            if left < 0.0 {
                return Some(*fate);
            }
        }
        None
    }

    /// The noise of a call.
    pub fn noise(&self, digest: u64, before: u32) -> Noise {
        Noise { random: Random::new(mix(mix(!self.seed, digest), u64::from(before))), nats: self.noise }
    }
}

/// Noise on one call's numbers.
#[derive(Debug, Clone)]
pub struct Noise {
    random: Random,
    nats: f64,
}

impl Noise {
    pub fn on(&mut self, logprob: f32) -> f32 {
        match self.nats {
            0.0 => logprob,
            nats => (f64::from(logprob) + nats * self.random.normal()).min(0.0) as f32,
        }
    }
}

/// How often each call came.
#[derive(Debug, Default)]
pub struct Attempts(HashMap<u64, u32>);

impl Attempts {
    /// How often a call with this digest came before.
    pub fn count(&mut self, digest: u64) -> u32 {
        let count = self.0.entry(digest).or_default();
        *count += 1;
        *count - 1
    }
}
