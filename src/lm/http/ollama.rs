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

#[cfg(test)]
mod tests {
    use super::super::golden::{PROMPT, messages, shown};
    use super::*;

    #[test]
    fn a_call_sends_messages_or_what_was_rendered() {
        let messages = messages();
        let prompt = Prompt { messages: &messages, ..PROMPT };
        insta::assert_snapshot!(shown(&Ollama { raw: false }.build(&prompt)), @r#"
        Post /api/chat
        {"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hello world"}],"stream":true,"truncate":false,"shift":false,"options":{"num_predict":512,"temperature":0.8,"top_p":0.95,"top_k":0,"min_p":0.0,"seed":7,"stop":["</refine>"]}}
        "#);
        insta::assert_snapshot!(shown(&Ollama { raw: true }.build(&prompt)), @r#"
        Post /api/generate
        {"model":"m","prompt":"Hello world\n\n","raw":true,"stream":true,"truncate":false,"shift":false,"options":{"num_predict":512,"temperature":0.8,"top_p":0.95,"top_k":0,"min_p":0.0,"seed":7,"stop":["</refine>"]}}
        "#);
    }

    fn read(event: &str) -> Piece {
        Ollama::default().read(event).unwrap().remove(0)
    }

    #[test]
    fn p49_each_line_is_an_event() {
        let text = |text: &str| Piece { text: text.to_owned(), ..Piece::default() };
        assert_eq!(read(r#"{"model":"m","created_at":"t","response":" x","done":false}"#), text(" x"));
        assert_eq!(read(r#"{"model":"m","message":{"role":"assistant","content":" x"},"done":false}"#), text(" x"));
        let last =
            r#"{"model":"m","response":"","done":true,"done_reason":"stop","prompt_eval_count":6,"eval_count":9}"#;
        let usage = Some(Usage { tokens_in: 6, tokens_out: 9, cached: 0 });
        assert_eq!(read(last), Piece { end: Some(End::Stop), usage, ..Piece::default() });
        assert_eq!(read(&last.replace("\"stop\"", "\"length\"")).end, Some(End::Length));
    }

    #[test]
    fn p46_thinking_is_kept_apart() {
        let piece = read(r#"{"message":{"role":"assistant","content":"","thinking":"Hm"},"done":false}"#);
        assert_eq!((&*piece.text, &*piece.reasoning), ("", "Hm"));
        assert_eq!(read(r#"{"response":"","thinking":"Hm","done":false}"#).reasoning, "Hm");
    }

    #[test]
    fn p43_a_fault_in_mid_stream() {
        let fault = Ollama::default().read(r#"{"error":"an error was encountered while running the model"}"#);
        assert!(matches!(fault, Err(LmError::Passing { .. })), "{fault:?}");
    }
}
