//! With what a search was run: the models and the knobs, as journals record them.

use serde::{Deserialize, Serialize};

use crate::reer::search::Config;
use crate::reer::{Identity, Objective};

/// Which models a run uses, and how they are asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Models {
    pub generator: Identity,
    pub scorer: Identity,
    pub objective: Objective,
    /// The frame around x and z: `template` (the model's own), `plain`, or `guide`.
    pub frame: String,
    /// BLAKE3 of the prompt texts in use, 16 hex digits.
    pub prompts: String,
}

/// The knobs of the search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigRecord {
    #[serde(flatten)]
    pub search: Config,
    /// As the user wrote them, so that a resumed run can find them again.
    pub generator: String,
    pub scorer: String,
}

impl ConfigRecord {
    /// True when `other` is the same but for the budgets, which may be raised at any time.
    pub fn same_but_budget(&self, other: &ConfigRecord) -> bool {
        self.without_budget() == other.without_budget()
    }

    /// True when a session begun with `earlier` can go on with these: the knobs are the same but for budgets and more
    /// steps. Who generates may change, for every call says by whom it was answered.
    pub fn goes_on_from(&self, earlier: &ConfigRecord) -> bool {
        let mut plain = self.without_budget();
        let enough = plain.search.steps >= earlier.search.steps;
        (plain.search.steps, plain.generator) = (earlier.search.steps, earlier.generator.clone());
        enough && plain == earlier.without_budget()
    }

    /// Sixteen hex digits that differ where knobs (budgets aside) or models do.
    pub fn fingerprint(&self, models: &Models) -> String {
        // Both serialise to plain objects, which cannot fail.
        let text = serde_json::to_string(&(self.without_budget(), models)).unwrap_or_default();
        super::hash16(text.as_bytes())
    }

    /// The knobs that make a search what it is.
    pub fn without_budget(&self) -> ConfigRecord {
        let mut config = self.clone();
        (config.search.max_seconds, config.search.max_tokens) = (None, None);
        config
    }
}
