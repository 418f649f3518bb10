//! Seeds derived per example, step and candidate, so that a resumed or reordered run asks the same questions.

/// What a seed is for; different purposes never share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Draft,
    Refine,
    Order,
    Anneal,
    /// Candidates that belong to no step.
    Aside,
}

/// A seed from the run's seed, the pair's hash and a place in the search.
///
/// SplitMix64 over the parts in order (Steele, Lea, Flood 2014).
pub fn derive(seed: u64, pair: &str, purpose: Purpose, step: u32, slot: u32) -> u64 {
    let mut state = mix(seed);
    for byte in pair.bytes() {
        state = mix(state ^ u64::from(byte));
    }
    for part in [purpose as u64, u64::from(step), u64::from(slot)] {
        state = mix(state ^ part);
    }
    state
}

/// A number in [0, 1) from a seed.
pub(super) fn unit(seed: u64) -> f64 {
    (mix(seed) >> 11) as f64 / (1u64 << 53) as f64
}

/// Shuffles in place by a seed (Fisher and Yates).
pub(super) fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    for last in (1..items.len()).rev() {
        state = mix(state);
        items.swap(last, (state % (last as u64 + 1)) as usize);
    }
}

fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
