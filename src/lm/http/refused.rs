//! Options of a call that some models refuse: found in the refusal, and left out from then on.

use serde_json::Value;

use crate::lm::LmError;

/// Options that are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused(Vec<&'static str>);

/// Words that tell a refusal of an option itself from one of its value.
const REFUSALS: [&str; 10] = [
    "not support",
    "unsupported",
    "unrecognized",
    "unknown",
    "not permitted",
    "not allowed",
    "not available",
    "deprecated",
    "cannot both be",
    "removed",
];

impl Refused {
    pub fn has(&self, option: &str) -> bool {
        self.0.contains(&option)
    }

    /// These and those of `options` that a refusal names; none when it names no other.
    pub fn and_named(&self, refusal: &LmError, options: &[&'static str]) -> Option<Refused> {
        let LmError::Unsupported(message) = refusal else { return None };
        let message = message.to_lowercase();
        if !REFUSALS.iter().any(|word| message.contains(word)) {
            return None;
        }
        let word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        let named = |option: &str| message.split(word).any(|name| name == option);
        let more: Vec<&str> = options.iter().copied().filter(|option| !self.has(option) && named(option)).collect();
        (!more.is_empty()).then(|| Refused(self.0.iter().copied().chain(more).collect()))
    }

    /// Takes the options out of a body.
    pub(super) fn leave_out(&self, body: &mut Value) {
        if let Some(body) = body.as_object_mut() {
            body.retain(|name, _| !self.has(name));
        }
    }
}
