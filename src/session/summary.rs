//! What a list of sessions shows of each, and where a session stands.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Source, Verdict};
use crate::reer::search::StopReason;
use crate::reer::{Identity, Leak, Measures, Objective};

/// What a list of sessions shows, so that the last lines of a file suffice to build one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The session's id.
    pub id: String,
    /// What a person calls it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// The first line of the query, cut to a length for lists.
    pub title: String,
    /// The pair's hash; empty when the file holds no example.
    pub hash: String,
    /// The file of pairs that it came from, and the row there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<Source>,
    pub status: Status,
    pub verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stop: Option<StopReason>,
    /// Why it stopped, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// [`ConfigRecord::fingerprint`](super::ConfigRecord::fingerprint) of its knobs and models.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settings: Option<String>,
    pub steps: u32,
    pub accepted: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scorer: Option<Identity>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub objective: Option<Objective>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub baseline: Option<Measures>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub initial: Option<Measures>,
    #[serde(rename = "final", skip_serializing_if = "Option::is_none", default)]
    pub best: Option<Measures>,
    /// Leak of the version that `final` measures.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub leak: Option<Leak>,
    /// A person's rating, 1 to 5; 0 for none.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub rating: u8,
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub tags: BTreeSet<String>,
    /// Raised flags.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub flags: BTreeSet<String>,
    /// A person's note on the example.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// What would go out is another text than the one that the verdict was given to.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub changed: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub metrics: BTreeMap<String, f64>,
}

impl Summary {
    /// What lists and titles call the session: the name a person gave it, else its id.
    pub fn called(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

fn is_zero(rating: &u8) -> bool {
    *rating == 0
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// No search has begun.
    Fresh,
    /// A search has begun and not ended, or ended so that it can go on.
    Unfinished,
    /// The search ended for good.
    Done,
    /// It ended by an error; it is retried on request.
    Failed,
}
