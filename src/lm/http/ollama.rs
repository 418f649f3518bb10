//! Ollama: generates only, from messages, or from a rendered prompt that it continues as it is.
//!
//! It tells neither its tokenizer nor its template, so messages are the rule; a prompt is rendered here only where somebody named a
//! tokenizer. A prompt beyond the context is refused: by default it would be cut in silence.

use serde_json::{Value, json};

use super::ask::{Completing, End, Events, Piece, Prompt, Usage};
use super::completions::{self, count, seed, text_of};
use super::{Call, Kind};
use crate::lm::LmError;

/// Ollama.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ollama {
    /// Whether prompts are rendered here.
    pub raw: bool,
}

impl Completing for Ollama {
    fn kind(&self) -> Kind {
        Kind::Ollama
    }

    fn continues(&self) -> bool {
        self.raw
    }

    fn events(&self) -> Events {
        Events::Lines
    }

    fn build(&self, prompt: &Prompt<'_>) -> Call {
        let (path, mut body) = match self.raw {
            true => {
                ("/api/generate", json!({ "model": prompt.model, "prompt": completions::text(prompt), "raw": true }))
            }
            false => ("/api/chat", json!({ "model": prompt.model, "messages": prompt.messages })),
        };
        body["stream"] = json!(true);
        body["truncate"] = json!(false);
        body["shift"] = json!(false);
        body["options"] = options(prompt);
        Call::post(path, body)
    }

    fn read(&self, event: &str) -> Result<Vec<Piece>, LmError> {
        let value = completions::document(event)?;
        let message = &value["message"];
        let (text, reasoning) = match message {
            Value::Null => (&value["response"], &value["thinking"]),
            message => (&message["content"], &message["thinking"]),
        };
        let piece = Piece { text: text_of(text), reasoning: text_of(reasoning), ..Piece::default() };
        if value["done"] != true {
            return Ok(vec![piece]);
        }
        let end = if value["done_reason"] == "length" { End::Length } else { End::Stop };
        let usage = count(&value["eval_count"]).map(|tokens_out| Usage {
            // Left out where the whole prompt came from the cache.
            tokens_in: count(&value["prompt_eval_count"]).unwrap_or(0),
            tokens_out,
            cached: 0,
        });
        Ok(vec![Piece { end: Some(end), usage, ..piece }])
    }
}

/// Every option that has a default of the model's own is said.
fn options(prompt: &Prompt<'_>) -> Value {
    let sampling = prompt.sampling;
    json!({
        "num_predict": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k.unwrap_or(0),
        "min_p": sampling.min_p.unwrap_or(0.0),
        "seed": seed(prompt.seed),
        "stop": prompt.stop,
    })
}
