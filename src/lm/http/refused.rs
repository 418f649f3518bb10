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

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: [&str; 4] = ["max_tokens", "temperature", "top_p", "stop"];

    fn after(message: &str) -> Option<Refused> {
        Refused::default().and_named(&LmError::Unsupported(message.to_owned()), &OPTIONS)
    }

    #[test]
    fn a_refusal_names_what_to_leave_out() {
        for (message, options) in [
            (
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                vec!["max_tokens"],
            ),
            ("Unsupported value: 'temperature' does not support 0.8 with this model.", vec!["temperature"]),
            ("`temperature` and `top_p` cannot both be specified for this model", vec!["temperature", "top_p"]),
            ("`temperature` is deprecated for this model.", vec!["temperature"]),
        ] {
            assert_eq!(after(message), Some(Refused(options)), "{message}");
        }
    }

    #[test]
    fn other_refusals_name_nothing() {
        assert_eq!(after("max_tokens: 9000 > 8192, which is the maximum"), None, "a value, not the option");
        assert_eq!(after("this model does not support max_completion_tokens"), None, "a part of another name");
        assert_eq!(
            Refused::default().and_named(&LmError::Invalid("temperature unsupported".to_owned()), &OPTIONS),
            None
        );
        let once = after("stop is not supported").unwrap();
        assert_eq!(
            once.and_named(&LmError::Unsupported("stop is not supported".to_owned()), &OPTIONS),
            None,
            "only once"
        );
    }
}
