//! vLLM: scores by `prompt_logprobs` on its completions route, and continues prompts there.
//!
//! Ids go in and ids are compared, so that no special token is added on the way; `prompt_logprobs: 0` asks for the given
//! token's entry alone.

use serde_json::{Value, json};

use super::ask::{Answer, Ask, Completing, Piece, Prompt, Scoring};
use super::completions::{self, count, with_affinity};
use super::rows::{Row, checked};
use super::{Call, Kind, Reply, fault};
use crate::lm::LmError;

/// vLLM and its derivatives.
#[derive(Debug, Clone, Copy, Default)]
pub struct Vllm;

impl Scoring for Vllm {
    fn kind(&self) -> Kind {
        Kind::Vllm
    }

    fn build(&self, ask: &Ask<'_>) -> Call {
        let ids: Vec<u32> = ask.context.iter().chain(ask.target).copied().collect();
        let mut body = json!({
            "model": ask.model,
            "prompt": ids,
            "max_tokens": 1,
            "temperature": 0,
            "prompt_logprobs": 0,
            "add_special_tokens": false,
        });
        if ask.fresh {
            body["cache_salt"] = json!("retrace-fresh");
        }
        with_affinity(Call::post("/v1/completions", body), ask.affinity)
    }

    fn parse(&self, ask: &Ask<'_>, reply: &Reply) -> Result<Answer, LmError> {
        let answer = fault::success(reply, ask.context.len() + ask.target.len())?;
        // Per choice on the completions route; at the top on the chat route.
        let entries = match &answer["choices"][0]["prompt_logprobs"] {
            Value::Null => &answer["prompt_logprobs"],
            entries => entries,
        };
        let Some(entries) = entries.as_array() else {
            return Err(LmError::Unsupported(
                "the server gave no prompt_logprobs: it is no vLLM, or something between drops the option".to_owned(),
            ));
        };
        let (sent, have) = (ask.context.len() + ask.target.len(), entries.len());
        if have != sent {
            return Err(LmError::Invalid(format!(
                "the server's answer cannot be used: {have} rows for a prompt of {sent} tokens"
            )));
        }
        let rows = entries[ask.context.len()..].iter().zip(ask.target).enumerate();
        let rows: Result<Vec<Row>, LmError> = rows.map(|(at, (entry, id))| row(entry, *id, at)).collect();
        let usage = &answer["usage"];
        checked(ask, &rows?, count(&usage["prompt_tokens"]), count(&usage["prompt_tokens_details"]["cached_tokens"]))
    }
}

/// The entry of the token that was sent; others may stand beside it.
fn row(entry: &Value, id: u32, at: usize) -> Result<Row, LmError> {
    if entry.is_null() {
        return Ok(Row { id: Some(id), text: None, logprob: None });
    }
    match entry.get(id.to_string()) {
        Some(own) => Ok(Row { id: Some(id), text: None, logprob: own["logprob"].as_f64() }),
        None => Err(LmError::Invalid(format!(
            "the server's answer cannot be used: row {} of the target does not have token {id}, which was sent",
            at + 1
        ))),
    }
}

impl Completing for Vllm {
    fn kind(&self) -> Kind {
        Kind::Vllm
    }

    fn continues(&self) -> bool {
        true
    }

    fn build(&self, prompt: &Prompt<'_>) -> Call {
        let ids = prompt.rendered.map(|rendered| rendered.ids).unwrap_or_default();
        let sampling = prompt.sampling;
        let mut body = json!({
            "model": prompt.model,
            "prompt": ids,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            // Signed where the server parses it.
            "seed": prompt.seed >> 1,
            "stop": prompt.stop,
            "add_special_tokens": false,
            "stream": true,
            "stream_options": { "include_usage": true },
        });
        if let Some(top_k) = sampling.top_k {
            body["top_k"] = json!(top_k);
        }
        if let Some(min_p) = sampling.min_p {
            body["min_p"] = json!(min_p);
        }
        with_affinity(Call::post("/v1/completions", body), prompt.affinity)
    }

    fn read(&self, event: &str) -> Result<Vec<Piece>, LmError> {
        completions::event(event)
    }
}
