//! How near a peer's log-probabilities must be to the engine's, on the same file.
//!
//! Weights that a file has in F32 or F16 leave little room. Measured on the bundled model written out as F32: llama-server
//! without flash attention and with whole caches is 0.0001 nats away at the worst token and 0.0000 on average, with flash
//! attention, which computes in half precision, 0.09 and 0.005; llama-cpp-python 0.009 and 0.0004. On the same weights as
//! Q8_0 both are 0.27 and 0.035 away: llama.cpp rounds activations to 8 bits before it multiplies them with quantised
//! weights, where the engine, for a small model, keeps them whole.
//!
//! How far rounding leads is the model's and the text's. So it is measured on the engine itself, which can round, too: its own
//! kernels lead to 0.05 on average there. A peer that rounds may be as far as that.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use retrace::lm::gguf::{Backend, Model, Precision};
use retrace::lm::score_raw;

/// How far two engines are from each other over the tokens of a text, in nats.
#[derive(Debug, Clone, Copy)]
pub struct Distance {
    pub worst: f64,
    pub average: f64,
    /// Of the score, which is a mean: what differs to both sides goes out.
    pub mean: f64,
    tokens: usize,
}

/// What half precision and the order of sums leave.
const WHOLE: (f64, f64, f64) = (0.1, 0.01, 0.005);

impl Distance {
    /// Of differences token by token.
    pub fn of(differences: &[f64]) -> Distance {
        let count = differences.len().max(1) as f64;
        Distance {
            worst: differences.iter().fold(0.0, |worst, d| d.abs().max(worst)),
            average: differences.iter().map(|d| d.abs()).sum::<f64>() / count,
            mean: (differences.iter().sum::<f64>() / count).abs(),
            tokens: differences.len(),
        }
    }

    /// Between the engine as it is and as it rounds, on the model of a file, over all of these contexts and texts; nothing
    /// for weights that are not quantised.
    pub async fn of_rounding(path: &Path, cases: &[(&str, &str)]) -> Distance {
        let engine = |precision| backend(Model::open_as(path, precision).unwrap());
        let (whole, rounding) = (engine(Precision::Plain), engine(Precision::Stored));
        let mut differences = Vec::new();
        for (context, text) in cases {
            let [a, b] = [score_raw(&whole, context, text).await, score_raw(&rounding, context, text).await];
            let pairs = a.unwrap().logprobs.into_iter().zip(b.unwrap().logprobs);
            differences.extend(pairs.filter_map(|(a, b)| Some(f64::from(a? - b?))));
        }
        Distance::of(&differences)
    }

    /// How far a peer may be over so many tokens where rounding leads so far: no farther, half precision aside, and the mean
    /// by what so many independent differences leave of it.
    pub fn allowed(&self, tokens: usize) -> Distance {
        let (worst, average, mean) = WHOLE;
        Distance {
            // Its own worst token tells little, one of hundreds; llama.cpp's are four to eight times its average.
            worst: worst + 10.0 * self.average,
            average: average + self.average,
            mean: mean + 5.0 * self.average / (tokens.max(1) as f64).sqrt(),
            tokens,
        }
    }

    pub fn is_allowed(&self, rounding: &Distance) -> bool {
        let most = rounding.allowed(self.tokens);
        self.worst <= most.worst && self.average <= most.average && self.mean <= most.mean
    }
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worst {:.4}, average {:.4}, mean {:.4}", self.worst, self.average, self.mean)
    }
}

/// For texts as they are: nothing is framed.
pub fn backend(model: Model) -> Backend {
    Backend::new(model, Arc::new(|_, _| unreachable!()), Arc::new(|_| unreachable!()))
}

#[test]
fn a_peer_is_measured_by_what_rounding_does() {
    let rounding = Distance::of(&[0.1, -0.04, 0.02, -0.08]);
    assert_eq!(rounding.to_string(), "worst 0.1000, average 0.0600, mean 0.0000");
    let none = Distance::of(&[0.0; 4]);
    let far = Distance::of(&[0.15, -0.05, 0.01, -0.06]);
    assert!(far.is_allowed(&rounding) && !far.is_allowed(&none));
    assert!(!Distance::of(&[0.75, 0.0, 0.0, 0.0, -0.75, 0.0, 0.0, 0.0]).is_allowed(&rounding));
    let shifted = Distance::of(&[0.06; 400]);
    assert!(!shifted.is_allowed(&rounding), "a score that is off is no rounding");
}
