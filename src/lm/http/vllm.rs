//! vLLM: scores by `prompt_logprobs` on its completions route, and continues prompts there.
//!
//! Ids go in and ids are compared, so that no special token is added on the way; `prompt_logprobs: 0` asks for the given
//! token's entry alone.

use serde_json::{Value, json};

use super::ask::{Answer, Ask, Completing, End, Piece, Prompt, Scoring, Usage};
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
        let count = |value: &Value| value.as_u64().map(|n| n as usize);
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
        completion_event(event)
    }
}

/// Calls with one name go to one engine, where a router knows this header.
fn with_affinity(call: Call, affinity: Option<&str>) -> Call {
    match affinity {
        Some(name) => call.with_header("x-session-id", name),
        None => call,
    }
}

/// An event of a streamed completion, as every server of the OpenAI family writes it.
///
/// # Errors
/// A fault told in mid-stream, or what is no event of this kind.
pub(super) fn completion_event(event: &str) -> Result<Vec<Piece>, LmError> {
    if event.trim() == "[DONE]" {
        return Ok(Vec::new());
    }
    let value: Value =
        serde_json::from_str(event).map_err(|e| LmError::Invalid(format!("an event of the stream is no JSON: {e}")))?;
    if let Some(fault) = fault::in_stream(&value, 0) {
        return Err(fault);
    }
    let mut pieces: Vec<Piece> = value["choices"].as_array().into_iter().flatten().map(choice).collect();
    if let Some(usage) = usage(&value["usage"]) {
        pieces.push(Piece { usage: Some(usage), ..Piece::default() });
    }
    Ok(pieces)
}

fn choice(choice: &Value) -> Piece {
    let end = match choice["finish_reason"].as_str() {
        None => None,
        Some("length") => Some(End::Length),
        Some(_) => Some(End::Stop),
    };
    Piece {
        sample: choice["index"].as_u64().unwrap_or(0) as usize,
        text: choice["text"].as_str().unwrap_or_default().to_owned(),
        end,
        ..Piece::default()
    }
}

/// The counts of a `usage` object.
pub(super) fn usage(value: &Value) -> Option<Usage> {
    let count = |value: &Value| value.as_u64().map(|n| n as usize);
    Some(Usage {
        tokens_in: count(&value["prompt_tokens"])?,
        tokens_out: count(&value["completion_tokens"]).unwrap_or(0),
        cached: count(&value["prompt_tokens_details"]["cached_tokens"]).unwrap_or(0),
    })
}
