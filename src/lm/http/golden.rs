//! The example that the golden tests of every protocol share: what is asked, and how a call is shown.

use super::ask::{Ask, Prompt, Rendered};
use super::{Call, Reply};
use crate::lm::Message;
use crate::reer::search::Sampling;

pub(super) const ASK: Ask<'static> = Ask {
    model: "m",
    context: &[9906, 1917, 271],
    target: &[4320, 374, 279],
    context_text: "Hello world\n\n",
    target_text: " answer is the",
    affinity: None,
    fresh: false,
};

/// The log-probabilities that [`ASK`] has in every sound answer.
pub(super) const LOGPROBS: [Option<f32>; 3] = [Some(-2.84), Some(-0.41), Some(-1.07)];

const SAMPLING: Sampling = Sampling { temperature: 0.8, top_p: 0.95, top_k: None, min_p: None, max_tokens: 512 };

pub(super) const PROMPT: Prompt<'static> = Prompt {
    model: "m",
    messages: &[],
    rendered: Some(Rendered { ids: &[9906, 1917, 271], text: "Hello world\n\n" }),
    prefill: "",
    stop: &["</refine>"],
    seed: 7 << 33,
    sampling: &SAMPLING,
    affinity: None,
};

pub(super) fn messages() -> Vec<Message> {
    let message = |role, content: &str| Message { role, content: content.to_owned() };
    vec![message("system", "Be brief."), message("user", "Hello world")]
}

pub(super) fn reply(status: u16, body: &str) -> Reply {
    Reply { status, retry_after: None, body: body.as_bytes().to_vec() }
}

/// A call as it goes out: method, path, headers of its own, body.
pub(super) fn shown(call: &Call) -> String {
    let headers: String = call.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let body = call.body.as_deref().unwrap_or_default();
    format!("{:?} {}\n{headers}{body}", call.method, call.path)
}

/// The body of a call.
pub(super) fn body(call: &Call) -> serde_json::Value {
    serde_json::from_str(call.body.as_deref().unwrap_or_default()).unwrap_or_default()
}
