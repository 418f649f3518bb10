//! Completions with `echo`: servers that give log-probabilities of their prompt back with the text, llama-cpp-python and older
//! ones among them.
//!
//! A list of rows holds the prompt's tokens and the one that was generated, and differs by server in what it leaves out: the
//! BOS at its beginning (llama-cpp-python), the generated token at its end (none was generated). Rows are counted from the end and told
//! by id or text; `text_offset` is never used, it counts other characters on each server. Many servers take the option and ignore it: that is
//! told apart from a score.

use serde_json::{Value, json};

use super::ask::{Answer, Ask, Completing, Piece, Prompt, Scoring};
use super::completions::{self, count, with_affinity};
use super::rows::{Row, checked};
use super::{Call, Kind, Reply, fault};
use crate::lm::LmError;

/// A server whose completions route echoes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echo {
    /// Whether it takes token ids as a prompt. llama-cpp-python takes text only, tokenises it again and adds its BOS.
    pub takes_ids: bool,
}

impl Scoring for Echo {
    fn kind(&self) -> Kind {
        Kind::Echo
    }

    fn build(&self, ask: &Ask<'_>) -> Call {
        let mut body = json!({
            "model": ask.model,
            "prompt": self.prompt(ask),
            "echo": true,
            // Nothing would be given by SGLang for 0.
            "logprobs": 1,
            // llama-cpp-python generates to the end of its context for 0.
            "max_tokens": 1,
            "temperature": 0,
        });
        if self.takes_ids {
            body["return_tokens_as_token_ids"] = json!(true);
            body["add_special_tokens"] = json!(false);
        }
        with_affinity(Call::post("/v1/completions", body), ask.affinity)
    }

    fn parse(&self, ask: &Ask<'_>, reply: &Reply) -> Result<Answer, LmError> {
        let answer = success(ask, reply)?;
        let choice = &answer["choices"][0];
        let rows = rows(&choice["logprobs"])?;
        let generated = generated(ask, &rows, choice, &answer["usage"]);
        let usage = &answer["usage"];
        let cached = count(&usage["prompt_tokens_details"]["cached_tokens"]);
        checked(ask, target_rows(ask, &rows, generated)?, count(&usage["prompt_tokens"]), cached)
    }
}

impl Echo {
    fn prompt(&self, ask: &Ask<'_>) -> Value {
        match self.takes_ids {
            true => json!(ask.context.iter().chain(ask.target).collect::<Vec<_>>()),
            false => json!(text(ask)),
        }
    }
}

/// The whole prompt as text.
pub(super) fn text(ask: &Ask<'_>) -> String {
    format!("{}{}", ask.context_text, ask.target_text)
}

/// The answer, when it is one. A server that says it does not echo says so for good, whatever its status.
pub(super) fn success(ask: &Ask<'_>, reply: &Reply) -> Result<Value, LmError> {
    fault::success(reply, ask.context.len() + ask.target.len()).map_err(|error| match &error {
        LmError::Passing { message, .. } if message.contains("no echo") => LmError::Unsupported(message.clone()),
        _ => error,
    })
}

fn ignored() -> LmError {
    LmError::Unsupported(
        "the server gave no log-probabilities of the prompt: it does not echo, so it cannot score".to_owned(),
    )
}

/// The rows of a `logprobs` object in the form of the completions route.
///
/// # Errors
/// [`LmError::Unsupported`] where there are none: an option that was ignored.
pub(super) fn rows(logprobs: &Value) -> Result<Vec<Row>, LmError> {
    let (Some(values), Some(tokens)) = (logprobs["token_logprobs"].as_array(), logprobs["tokens"].as_array()) else {
        return Err(ignored());
    };
    let ids = logprobs["token_ids"].as_array();
    let row = |(at, (value, token)): (usize, (&Value, &Value))| {
        let token = token.as_str().unwrap_or_default();
        let given = ids.and_then(|ids| ids.get(at)).and_then(Value::as_u64);
        let spelled = || token.strip_prefix("token_id:").and_then(|id| id.parse().ok());
        let id = given.or_else(spelled).and_then(|id: u64| u32::try_from(id).ok());
        // A proxy writes Python's None as a string; that is no number either.
        Row { id, text: Some(token.to_owned()), logprob: value.as_f64() }
    };
    Ok(values.iter().zip(tokens).enumerate().map(row).collect())
}

/// How many rows at the end of the list are of generated tokens.
fn generated(ask: &Ask<'_>, rows: &[Row], choice: &Value, usage: &Value) -> usize {
    let sent = ask.context.len() + ask.target.len();
    if rows.len() > sent || rows.iter().all(|row| row.id.is_some()) {
        return rows.len().saturating_sub(sent);
    }
    match count(&usage["completion_tokens"]) {
        Some(tokens) => tokens.min(1),
        // An end at once is no token of the text.
        None => usize::from(choice["finish_reason"] != "stop"),
    }
}

/// The target's rows in a list that ends with it and `generated` more.
///
/// # Errors
/// [`LmError::Unsupported`] when the list has no more than generated tokens, [`LmError::Invalid`] when it is too long.
pub(super) fn target_rows<'a>(ask: &Ask<'_>, rows: &'a [Row], generated: usize) -> Result<&'a [Row], LmError> {
    let (sent, target) = (ask.context.len() + ask.target.len(), ask.target.len());
    let end = rows.len().saturating_sub(generated);
    if end == 0 || (rows.len() == 1 && sent > 2) {
        return Err(ignored());
    }
    if end > sent || end < target {
        return Err(LmError::Invalid(format!(
            "the server's answer cannot be used: {end} log-probabilities for a prompt of {sent} tokens"
        )));
    }
    Ok(&rows[end - target..end])
}

impl Completing for Echo {
    fn kind(&self) -> Kind {
        Kind::Echo
    }

    fn continues(&self) -> bool {
        true
    }

    fn build(&self, prompt: &Prompt<'_>) -> Call {
        let text = if self.takes_ids { completions::ids(prompt) } else { completions::text(prompt) };
        with_affinity(completions::continuing(prompt, text), prompt.affinity)
    }

    fn read(&self, event: &str) -> Result<Vec<Piece>, LmError> {
        completions::event(event)
    }
}
