//! The objectives and measures, each computed here and nowhere else from the token log-probabilities of y.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Bits, Nats, Perplexity};

/// What a search minimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// Mean negative log-likelihood over all tokens of y.
    Nll,
    /// The official code's score: log-probabilities clipped to [-2, 0], the first segment of y not scored.
    ReerClipped,
}

/// y as one scorer's tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Token ids of y, without special tokens.
    pub tokens: Vec<u32>,
    /// Byte range of each token in y. Tokens inside one character share the character's range.
    pub spans: Vec<Range<usize>>,
}

/// The official clipped score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Clipped {
    /// Mean of clipped negative log-probabilities, nats per token, 0 to 2; over y without its first segment.
    pub nll: Nats,
    /// Tokens it is the mean of.
    pub tokens: usize,
}

/// What is known of one scored text; computed once, stored, never recomputed from rounded log-probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// Tokens of y.
    pub tokens: usize,
    /// Mean of -log p(y_t | context, y_<t), nats per token.
    pub nll: Nats,
    pub ppl: Perplexity,
    /// Total -log2 p over the characters (Unicode scalar values) of y.
    pub bits_per_char: Bits,
    /// Share of y's tokens whose log-probability is at or under the clip of -2 nats.
    pub clipped_fraction: f64,
    /// Absent when y has a single segment, which the official score cannot rate.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub clipped: Option<Clipped>,
}

/// How far a score lies below the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// baseline.nll - nll.
    pub gain_nats: Nats,
    /// 100 (1 - ppl / baseline.ppl).
    pub gain_percent: f64,
}

/// Why no measures could be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MeasureError {
    #[error("the reference has no tokens to score")]
    Empty,
    #[error("{got} log-probabilities for {expected} tokens")]
    Count { got: usize, expected: usize },
    #[error("token {at} has the log-probability {value}, which none can have")]
    NotALogprob { at: usize, value: f32 },
    #[error(
        "the objective reer-clipped leaves the first segment of the reference unscored, and this reference has only one; use nll"
    )]
    SingleSegment,
}

/// The official clip, in nats.
pub const CLIP: f64 = -2.0;

/// Log-probabilities this far above 0 are rounding; anything higher is a fault.
const ROUNDING: f32 = 1e-3;

/// Computes all measures of y from its token log-probabilities.
///
/// `reference` is y as scored, `logprobs` holds one natural-log probability a token of `target`.
///
/// # Errors
/// No tokens, a count that does not fit, or a value that is not a log-probability.
pub fn measure(reference: &str, target: &Target, logprobs: &[f32]) -> Result<Measures, MeasureError> {
    if target.tokens.is_empty() {
        return Err(MeasureError::Empty);
    }
    if logprobs.len() != target.tokens.len() {
        return Err(MeasureError::Count { got: logprobs.len(), expected: target.tokens.len() });
    }
    if let Some((at, &value)) = logprobs.iter().enumerate().find(|(_, v)| !v.is_finite() || **v > ROUNDING) {
        return Err(MeasureError::NotALogprob { at, value });
    }
    let values = || logprobs.iter().map(|v| f64::from(*v).min(0.0));
    let tokens = logprobs.len();
    let total: f64 = -values().sum::<f64>();
    let nll = Nats(total / tokens as f64);
    Ok(Measures {
        tokens,
        nll,
        ppl: nll.perplexity(),
        bits_per_char: Bits(total / std::f64::consts::LN_2 / reference.chars().count() as f64),
        clipped_fraction: values().filter(|v| *v <= CLIP).count() as f64 / tokens as f64,
        clipped: clipped(reference, target, logprobs),
    })
}

/// The official score over the tokens that start at or after the end of y's first segment.
fn clipped(reference: &str, target: &Target, logprobs: &[f32]) -> Option<Clipped> {
    let objective = Objective::ReerClipped;
    let scope = objective.scope(reference, target);
    let scored = logprobs.get(scope).filter(|scored| !scored.is_empty())?;
    let total: f64 = scored.iter().map(|v| objective.loss(f64::from(*v))).sum();
    Some(Clipped { nll: Nats(total / scored.len() as f64), tokens: scored.len() })
}

impl Objective {
    /// As flags and files spell it.
    pub fn name(self) -> &'static str {
        match self {
            Objective::Nll => "nll",
            Objective::ReerClipped => "reer-clipped",
        }
    }

    /// The tokens of y that it is the mean over; none where it cannot rate this y.
    pub fn scope(self, reference: &str, target: &Target) -> Range<usize> {
        let end = target.spans.len();
        match (self, &super::split(reference)[..]) {
            (Objective::Nll, _) => 0..end,
            (Objective::ReerClipped, [first, _, ..]) => {
                target.spans.partition_point(|span| span.start < first.text.len())..end
            }
            (Objective::ReerClipped, _) => end..end,
        }
    }

    /// What a token in its scope adds to the sum, in nats, 0 or more.
    pub fn loss(self, logprob: f64) -> f64 {
        match self {
            Objective::Nll => -logprob.min(0.0),
            Objective::ReerClipped => -logprob.clamp(CLIP, 0.0),
        }
    }

    /// The most that a token can add; absent where there is no limit.
    pub fn most(self) -> Option<f64> {
        match self {
            Objective::Nll => None,
            Objective::ReerClipped => Some(-CLIP),
        }
    }
}

impl Measures {
    /// The value that a search under `objective` minimises.
    ///
    /// # Errors
    /// [`MeasureError::SingleSegment`] for `reer-clipped` on a y with one segment.
    pub fn objective(&self, objective: Objective) -> Result<Nats, MeasureError> {
        match objective {
            Objective::Nll => Ok(self.nll),
            Objective::ReerClipped => self.clipped.map(|c| c.nll).ok_or(MeasureError::SingleSegment),
        }
    }

    /// Gain over `baseline`: the same y behind an empty think block.
    pub fn gain(&self, baseline: &Measures) -> Gain {
        Gain { gain_nats: baseline.nll - self.nll, gain_percent: 100.0 * (1.0 - self.ppl.0 / baseline.ppl.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(ends: &[usize]) -> Target {
        let starts = std::iter::once(0).chain(ends.iter().copied());
        Target { tokens: (0..ends.len() as u32).collect(), spans: starts.zip(ends).map(|(s, e)| s..*e).collect() }
    }

    #[test]
    fn measures_follow_their_definitions() {
        let m = measure("héé", &target(&[1, 3, 5]), &[-1.0, -2.0, -3.0]).unwrap();
        assert_eq!((m.tokens, m.nll), (3, Nats(2.0)));
        assert!((m.ppl.0 - 2f64.exp()).abs() < 1e-12);
        assert!((m.bits_per_char.0 - 6.0 / std::f64::consts::LN_2 / 3.0).abs() < 1e-12);
        assert!((m.clipped_fraction - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(m.objective(Objective::ReerClipped), Err(MeasureError::SingleSegment));
    }

    #[test]
    fn the_clipped_score_leaves_the_first_segment_out() {
        let y = format!("{}\n\n{}", "a".repeat(120), "b".repeat(120));
        let m = measure(&y, &target(&[120, 122, 200, 242]), &[-9.0, -9.0, -0.5, -9.0]).unwrap();
        let clipped = m.clipped.unwrap();
        assert_eq!((clipped.tokens, clipped.nll), (2, Nats(1.25)));
    }

    #[test]
    fn what_is_not_a_logprob_is_an_error() {
        let t = target(&[1, 2]);
        assert!(matches!(measure("ab", &t, &[-1.0]), Err(MeasureError::Count { got: 1, expected: 2 })));
        for bad in [f32::NAN, f32::NEG_INFINITY, 0.5] {
            assert!(matches!(measure("ab", &t, &[-1.0, bad]), Err(MeasureError::NotALogprob { at: 1, .. })));
        }
        assert!(matches!(measure("", &target(&[]), &[]), Err(MeasureError::Empty)));
    }

    #[test]
    fn gain_is_against_the_baseline() {
        let t = target(&[1]);
        let (base, z) = (measure("a", &t, &[-2.0]).unwrap(), measure("a", &t, &[-1.0]).unwrap());
        let gain = z.gain(&base);
        assert_eq!(gain.gain_nats, Nats(1.0));
        assert!((gain.gain_percent - 100.0 * (1.0 - (-1f64).exp())).abs() < 1e-9);
    }
}
