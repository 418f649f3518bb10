//! Every knob of a search, with the two presets.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{GuardLimits, Rule};
use crate::reer::Objective;

/// Named settings to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// This program's defaults.
    Retrace,
    /// The settings of the official code (REER_DeepWriter, config.yaml).
    Paper,
}

/// In which order a round visits the segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    LeftToRight,
    /// From the least important segment up, by leave-one-out at the start of the round.
    WeakestFirst,
    /// Shuffled by the seed.
    Random,
}

/// Sampling settings of a generator; an absent one is left to the back end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    pub temperature: f64,
    pub top_p: f64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_p: Option<f64>,
    /// Most tokens of one answer.
    pub max_tokens: u32,
}

/// Every knob of a search. Thresholds and deltas are in nats per token of the objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    pub preset: Preset,
    pub objective: Objective,
    /// K: rewrites asked for at each step.
    pub candidates: u32,
    /// Cap on steps.
    pub steps: u32,
    /// Stop once the best score is below this.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub threshold: Option<f64>,
    /// A candidate must be lower by more than this.
    pub min_delta: f64,
    pub order: Order,
    /// Cap on rounds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub passes: Option<u32>,
    /// Rounds without an acceptance after which the search stops.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub patience: Option<u32>,
    /// Trajectories kept side by side.
    pub beam: u32,
    /// Further drafts searched after the first.
    pub restarts: u32,
    /// Starting temperature of annealed acceptance, in nats per token; absent: greedy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub anneal: Option<f64>,
    pub seed: u64,
    /// How candidates that cannot win any more are told while y is still being read; absent: each is scored over all of
    /// y. Without effect on a beam and on annealed acceptance, which need every score.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub race: Option<Rule>,
    /// Absent: no guards.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub guards: Option<GuardLimits>,
    pub sampling: Sampling,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_tokens: Option<u64>,
}

/// A knob out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{knob} must be {expected}")]
pub struct ConfigError {
    pub knob: &'static str,
    pub expected: &'static str,
}

impl Config {
    /// The knobs of a preset.
    pub fn preset(preset: Preset) -> Config {
        let sampling = |top_p| Sampling { temperature: 0.8, top_p, top_k: None, min_p: None, max_tokens: 2048 };
        match preset {
            Preset::Retrace => Config {
                preset,
                objective: Objective::Nll,
                candidates: 4,
                steps: 24,
                threshold: None,
                min_delta: 0.0,
                order: Order::WeakestFirst,
                passes: None,
                patience: Some(1),
                beam: 1,
                restarts: 0,
                anneal: None,
                seed: 0,
                race: None,
                guards: Some(GuardLimits::default()),
                sampling: sampling(0.95),
                max_seconds: None,
                max_tokens: None,
            },
            Preset::Paper => Config {
                objective: Objective::ReerClipped,
                candidates: 2,
                steps: 10,
                threshold: Some(0.25),
                order: Order::LeftToRight,
                passes: Some(1),
                patience: None,
                guards: None,
                sampling: Sampling { max_tokens: 8000, ..sampling(0.85) },
                preset,
                ..Config::preset(Preset::Retrace)
            },
        }
    }

    /// How many candidates a step may have, and how many versions a beam: all of them are asked for, scored and kept at
    /// once, so that a slip of the finger must not fill the memory.
    pub const AT_ONCE: RangeInclusive<u32> = 1..=1024;

    /// Checks every knob's range.
    ///
    /// # Errors
    /// The first knob out of range, with what it must be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let rule = |ok: bool, knob, expected| if ok { Ok(()) } else { Err(ConfigError { knob, expected }) };
        rule(Config::AT_ONCE.contains(&self.candidates), "candidates", "from 1 to 1024")?;
        rule(Config::AT_ONCE.contains(&self.beam), "beam", "from 1 to 1024")?;
        rule(self.min_delta >= 0.0 && self.min_delta.is_finite(), "min-delta", "a number of nats, 0 or more")?;
        rule(self.threshold.is_none_or(f64::is_finite), "threshold", "a number of nats")?;
        rule(self.anneal.is_none_or(|t| t > 0.0 && t.is_finite()), "anneal", "a temperature above 0")?;
        rule(self.passes != Some(0), "passes", "at least 1")?;
        rule(self.patience != Some(0), "patience", "at least 1")?;
        rule(self.sampling.temperature >= 0.0, "temperature", "0 or more")?;
        rule(self.sampling.top_p > 0.0 && self.sampling.top_p <= 1.0, "top-p", "above 0 and at most 1")
    }
}
