//! How near a peer's log-probabilities must be to the engine's, on the same file.
//!
//! Weights that a file has in F32 or F16 leave little room. Measured on a model of 7 million, written out as F32: llama-server
//! without flash attention and with whole caches is 0.0001 nats away at the worst token and 0.0000 on average, with flash
//! attention, which computes in half precision, 0.09 and 0.005; llama-cpp-python 0.009 and 0.0004. On the same weights as
//! Q8_0 both are 0.27 and 0.035 away: llama.cpp rounds activations to 8 bits before it multiplies them with quantised
//! weights, where the engine keeps 16 bits or all.
//!
//! How far rounding leads is the model's. So it is measured on what two peers say of the bundled model's file, recorded when it
//! was made: PyTorch, which keeps activations whole, and llama.cpp. A peer that rounds may be twice as far, for its texts are
//! others.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use retrace::lm::gguf::{Backend, Model};
use serde::Deserialize;

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

    /// Between PyTorch and llama.cpp on the bundled model's file, over all texts of the fixture.
    pub fn of_rounding() -> Distance {
        let proof: Proof =
            serde_json::from_str(&std::fs::read_to_string(proof_of_the_bundled_model()).unwrap()).unwrap();
        let pairs = proof.cases.into_iter().flat_map(|case| case.torch.into_iter().zip(case.llama_cpp));
        Distance::of(&pairs.filter_map(|(a, b)| Some(a? - b?)).collect::<Vec<_>>())
    }

    /// Where nothing is rounded: for files of F32 and F16 weights.
    pub fn none() -> Distance {
        Distance::of(&[])
    }

    /// How far a peer may be over so many tokens where rounding leads so far, half precision aside; the mean by what so many
    /// independent differences leave of it.
    pub fn allowed(&self, tokens: usize) -> Distance {
        let (worst, average, mean) = WHOLE;
        Distance {
            // One token of hundreds: the worst of another text may be as far, or ten times the average.
            worst: worst + self.worst.max(10.0 * self.average),
            average: average + 2.0 * self.average,
            mean: mean + 5.0 * self.average / (tokens.max(1) as f64).sqrt(),
            tokens,
        }
    }

    /// Over a text that the proof does not have and that is longer than any of it: its worst token is one draw more of a long
    /// tail. What is far by a fault shows in the average and the mean, which stay.
    pub fn over_a_longer_text(&self) -> Distance {
        Distance { worst: 2.0 * self.worst, ..*self }
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

/// Log-probabilities of texts by two peers, beside the bundled model.
pub fn proof_of_the_bundled_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/peers/retrace-scorer-q8_0.json")
}

#[derive(Deserialize)]
struct Proof {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    #[serde(alias = "logprobs")]
    torch: Vec<Option<f64>>,
    llama_cpp: Vec<Option<f64>>,
}

/// For texts as they are: nothing is framed.
pub fn backend(model: Model) -> Backend {
    Backend::new(model, Arc::new(|_, _| unreachable!()), Arc::new(|_| unreachable!()))
}

#[test]
fn a_peer_is_measured_by_what_rounding_does() {
    let rounding = Distance::of(&[0.1, -0.04, 0.02, -0.08]);
    assert_eq!(rounding.to_string(), "worst 0.1000, average 0.0600, mean 0.0000");
    let none = Distance::none();
    let far = Distance::of(&[0.15, -0.05, 0.01, -0.06]);
    assert!(far.is_allowed(&rounding) && !far.is_allowed(&none));
    assert!(!Distance::of(&[0.75, 0.0, 0.0, 0.0, -0.75, 0.0, 0.0, 0.0]).is_allowed(&rounding));
    let shifted = Distance::of(&[0.06; 400]);
    assert!(!shifted.is_allowed(&rounding), "a score that is off is no rounding");
}
