//! How long to wait before the same thing is tried again: exponential with full jitter.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Most a first repeat waits. Smaller: faults that pass at once cost less time; larger: a struggling server gets more
/// peace before the first repeat.
pub(super) const FIRST: Duration = Duration::from_millis(500);

/// Most any repeat waits: how late, at worst, a call learns that a server takes calls again.
pub(super) const MOST: Duration = Duration::from_secs(60);

/// A source of random waits. Two processes with their own seeds do not come back at the same moment.
#[derive(Debug)]
pub(super) struct Jitter(AtomicU64);

impl Jitter {
    pub fn seeded(seed: u64) -> Jitter {
        Jitter(AtomicU64::new(seed))
    }

    /// Evenly between nothing and `most`.
    pub fn up_to(&self, most: Duration) -> Duration {
        // 53 bits are what an f64 holds exactly.
        most.mul_f64((self.draw() >> 11) as f64 / (1u64 << 53) as f64)
    }

    /// The wait before repeat number `repeat`, from 0.
    pub fn backoff(&self, repeat: u32, most: Duration) -> Duration {
        self.up_to(ceiling(repeat, most))
    }

    /// splitmix64 (Steele, Lea and Flood 2014).
    fn draw(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// A seed that differs from process to process.
pub(super) fn any_seed() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// Twice as long for every repeat, from [`FIRST`] to `most`.
fn ceiling(repeat: u32, most: Duration) -> Duration {
    1u32.checked_shl(repeat).and_then(|times| FIRST.checked_mul(times)).map_or(most, |wait| wait.min(most))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ceilings_double_up_to_the_most() {
        let seconds = |repeat| ceiling(repeat, MOST).as_secs_f64();
        assert_eq!(
            [0, 1, 2, 3, 6, 7, 8, 31, 32, 4_000_000].map(seconds),
            [0.5, 1.0, 2.0, 4.0, 32.0, 60.0, 60.0, 60.0, 60.0, 60.0]
        );
    }

    #[test]
    fn waits_fill_their_range_evenly() {
        let jitter = Jitter::seeded(7);
        let waits: Vec<f64> = (0..4000).map(|_| jitter.backoff(3, MOST).as_secs_f64()).collect();
        let mean = waits.iter().sum::<f64>() / 4000.0;
        assert!((mean - 2.0).abs() < 0.1, "{mean}");
        assert!(waits.iter().any(|wait| *wait < 0.1) && waits.iter().any(|wait| *wait > 3.9));
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_its_ceiling(seed: u64, repeat in 0u32..100) {
            prop_assert!(Jitter::seeded(seed).backoff(repeat, MOST) <= ceiling(repeat, MOST));
        }
    }
}
