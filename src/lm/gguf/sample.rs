//! Choosing the next token from logits: temperature, then top-k, top-p and min-p, as vLLM orders them.

use transformer::{maximum, softmax_unscaled};

use crate::reer::search::Sampling;

/// Pseudo-random numbers of a sample (SplitMix64, Steele et al. 2014): small, and the same on every machine.
#[derive(Debug, Clone)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    /// Uniform in [0, 1).
    fn unit(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Candidates sorted at first; the nucleus is nearly always among them.
const FIRST_SORTED: usize = 64;

/// How likely tokens are, beside the likeliest, that are left out before anything is sorted: e^-30. A whole vocabulary of such
/// together would come once in tens of millions of tokens.
const NEVER: f64 = 9.357_623e-14;

/// One token of `logits`. A temperature of 0 takes the likeliest.
pub(super) fn sample(logits: &[f32], sampling: &Sampling, random: &mut Random) -> u32 {
    let max = maximum(logits);
    let best = logits.iter().position(|logit| *logit == max).unwrap_or(0) as u32;
    if sampling.temperature <= 0.0 {
        return best;
    }
    let temperature = (sampling.temperature as f32).max(f32::MIN_POSITIVE);
    let mut weights: Vec<f32> = logits.iter().map(|logit| (logit - max) / temperature).collect();
    softmax_unscaled(&mut weights);
    if sampling.top_k.unwrap_or(0) == 0 && sampling.top_p >= 1.0 {
        // Nothing has to be sorted, nor kept.
        return choose_above(&weights, floor(sampling).max(NEVER), random).unwrap_or(best);
    }
    let weights = (0u32..).zip(weights.into_iter().map(f64::from));
    let mut likely: Vec<(u32, f64)> = weights.filter(|(_, weight)| *weight >= NEVER).collect();
    let kept = keep(&mut likely, sampling);
    let total: f64 = kept.iter().map(|(_, weight)| weight).sum();
    reach(kept.iter().copied(), random.unit() * total).map_or(best, |(id, _)| id)
}

/// The candidate that lies behind so much weight of others, or the last, and what is left of it where that candidate begins.
fn reach<T>(candidates: impl Iterator<Item = (T, f64)>, mut left: f64) -> Option<(T, f64)> {
    let mut reached = None;
    for (candidate, weight) in candidates {
        reached = Some((candidate, left));
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    reached
}

/// Neighbours that are added up together.
const PART: usize = 512;

/// One of the candidates that weigh so much at least, each as often as it weighs. A part of the vocabulary is found first and
/// the candidate within it: sums over parts do not wait for each other, as one sum over all does.
fn choose_above(weights: &[f32], floor: f64, random: &mut Random) -> Option<u32> {
    let kept = |weight: f32| if f64::from(weight) >= floor { f64::from(weight) } else { 0.0 };
    let sum = |part: &[f32]| {
        let mut lanes = [0f64; 8];
        for eight in part.chunks(lanes.len()) {
            lanes.iter_mut().zip(eight).for_each(|(sum, weight)| *sum += kept(*weight));
        }
        lanes.iter().sum::<f64>()
    };
    let parts: Vec<f64> = weights.chunks(PART).map(sum).collect();
    let weighty = |(_, weight): &(usize, f64)| *weight > 0.0;
    let left = random.unit() * parts.iter().sum::<f64>();
    let (part, left) = reach(parts.into_iter().enumerate().filter(weighty), left)?;
    let within = weights[part * PART..].iter().take(PART).map(|weight| kept(*weight)).enumerate().filter(weighty);
    reach(within, left).map(|(at, _)| (part * PART + at) as u32)
}

/// What a candidate weighs at least, where the likeliest weighs 1: that one passes any floor.
fn floor(sampling: &Sampling) -> f64 {
    sampling.min_p.unwrap_or(0.0).min(1.0)
}

/// The candidates that may be chosen, in no order; the likeliest weighs 1.
fn keep<'a>(weights: &'a mut [(u32, f64)], sampling: &Sampling) -> &'a [(u32, f64)] {
    let all = weights.len();
    let top_k = sampling.top_k.map_or(all, |k| if k == 0 { all } else { all.min(k as usize) });
    if top_k < all {
        weights.select_nth_unstable_by(top_k, likelier);
    }
    let weights = &mut weights[..top_k];
    let nucleus = match sampling.top_p {
        top_p if top_p < 1.0 => {
            let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
            nucleus_size(weights, top_p.max(0.0) * total)
        }
        _ => weights.len(),
    };
    let weights = &mut weights[..nucleus];
    let floor = floor(sampling);
    let mut kept = 0;
    for at in 0..weights.len() {
        if weights[at].1 >= floor {
            weights.swap(kept, at);
            kept += 1;
        }
    }
    &weights[..kept]
}

/// Sorts the front of `weights` until it holds `mass`, and returns how many that takes.
fn nucleus_size(weights: &mut [(u32, f64)], mass: f64) -> usize {
    let mut sorted = FIRST_SORTED;
    loop {
        if sorted < weights.len() {
            weights.select_nth_unstable_by(sorted, likelier);
        }
        let front = sorted.min(weights.len());
        weights[..front].sort_unstable_by(likelier);
        let mut sum = 0.0;
        for (at, (_, weight)) in weights[..front].iter().enumerate() {
            sum += weight;
            if sum >= mass {
                return at + 1;
            }
        }
        if front == weights.len() {
            return front;
        }
        sorted *= 8;
    }
}

fn likelier(a: &(u32, f64), b: &(u32, f64)) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(temperature: f64, top_p: f64, top_k: Option<u32>, min_p: Option<f64>) -> Sampling {
        Sampling { temperature, top_p, top_k, min_p, max_tokens: 1 }
    }

    /// Shares of 20,000 draws from probabilities 0.5, 0.3, 0.15, 0.05.
    fn shares(sampling: &Sampling) -> Vec<f64> {
        let logits: Vec<f32> = [0.05f32, 0.5, 0.15, 0.3].iter().map(|p| p.ln()).collect();
        let mut random = Random::new(7);
        let mut counts = [0u32; 4];
        (0..20_000).for_each(|_| counts[sample(&logits, sampling, &mut random) as usize] += 1);
        counts.iter().map(|c| f64::from(*c) / 20_000.0).collect()
    }

    #[test]
    fn each_filter_keeps_what_it_should() {
        let cases = [
            (settings(1.0, 1.0, None, None), [0.05, 0.5, 0.15, 0.3]),
            (settings(0.0, 1.0, None, None), [0.0, 1.0, 0.0, 0.0]),
            (settings(1.0, 1.0, Some(2), None), [0.0, 0.625, 0.0, 0.375]),
            (settings(1.0, 0.79, None, None), [0.0, 0.625, 0.0, 0.375]),
            (settings(1.0, 0.81, None, None), [0.0, 0.5263, 0.1579, 0.3158]),
            (settings(1.0, 0.0, None, None), [0.0, 1.0, 0.0, 0.0]),
            (settings(1.0, 1.0, None, Some(0.25)), [0.0, 0.5263, 0.1579, 0.3158]),
            (settings(0.5, 1.0, None, None), [0.0068, 0.6849, 0.0616, 0.2466]),
        ];
        for (sampling, want) in cases {
            for (got, want) in shares(&sampling).iter().zip(want) {
                assert!((got - want).abs() < 0.015, "{sampling:?}: {got} is not {want}");
            }
        }
    }

    #[test]
    fn a_seed_gives_one_row_of_tokens() {
        let logits: Vec<f32> = (0..500).map(|i| ((i * 7919) % 97) as f32 * 0.05).collect();
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..50).map(|_| sample(&logits, &settings(0.8, 0.95, None, None), &mut random)).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }

    /// Probabilities that grow along a vocabulary of many parts.
    #[test]
    fn every_part_of_the_vocabulary_is_drawn_as_often_as_it_weighs() {
        let weights: Vec<f32> = (1..=3000u16).map(|at| f32::from(at) / 3000.0).collect();
        let mut random = Random::new(3);
        let (mut draws, floor) = ([0u32; 3], 0.1);
        for _ in 0..20_000 {
            draws[choose_above(&weights, floor, &mut random).unwrap() as usize / 1000] += 1;
        }
        // Of the first thousand, those from 300 on.
        let want = [455_650.0, 1_500_500.0, 2_500_500.0].map(|sum| sum / 4_456_650.0);
        for (draws, want) in draws.iter().zip(want) {
            assert!((f64::from(*draws) / 20_000.0 - want).abs() < 0.012, "{draws} of 20,000, not {want}");
        }
        assert_eq!(choose_above(&[0.0; 5], 1e-9, &mut random), None);
        let mut one = vec![0f32; 2000];
        one[1999] = 1.0;
        assert_eq!(choose_above(&one, 1e-9, &mut random), Some(1999));
    }

    #[test]
    fn a_flat_distribution_keeps_a_wide_nucleus() {
        let logits = vec![0.0f32; 5000];
        let mut weights: Vec<(u32, f64)> = (0u32..).zip(&logits).map(|(id, _)| (id, 1.0)).collect();
        assert_eq!(keep(&mut weights, &settings(1.0, 0.9, None, None)).len(), 4500);
    }
}
