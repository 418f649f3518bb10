//! Units of scores as types, so that nats, bits and perplexities cannot be mixed.

use serde::{Deserialize, Serialize};

/// Natural-log units per token: a mean negative log-likelihood, or a difference of two.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nats(pub f64);

/// Bits, here always per character of the reference.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bits(pub f64);

/// exp of a mean negative log-likelihood in nats per token; at least 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Perplexity(pub f64);

impl Nats {
    /// The perplexity of a mean negative log-likelihood.
    pub fn perplexity(self) -> Perplexity {
        Perplexity(self.0.exp())
    }
}

impl std::ops::Sub for Nats {
    type Output = Nats;
    fn sub(self, other: Nats) -> Nats {
        Nats(self.0 - other.0)
    }
}
