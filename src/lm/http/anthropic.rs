//! Anthropic's messages: generates only. Nothing can be put into the answer's mouth, and there are no seeds: each call is a
//! sample of its own.

use std::sync::Arc;

use serde_json::{Value, json};

use super::ask::{Completing, End, Piece, Prompt, Usage};
use super::completions::{self, count, text_of};
use super::refused::Refused;
use super::{Call, Kind};
use crate::lm::{LmError, Message};

/// The version of the protocol that this file speaks.
const VERSION: &str = "2023-06-01";

/// The messages API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Anthropic {
    /// Options that the model has refused: newer ones take no `temperature`.
    pub refused: Refused,
}

/// `top_p` is not among them: it is never said, since models refuse it beside a temperature.
const REFUSABLE: [&str; 3] = ["temperature", "top_k", "stop_sequences"];

impl Completing for Anthropic {
    fn kind(&self) -> Kind {
        Kind::Anthropic
    }

    fn continues(&self) -> bool {
        false
    }

    fn build(&self, prompt: &Prompt<'_>) -> Call {
        let (system, turns): (Vec<&Message>, Vec<&Message>) =
            prompt.messages.iter().partition(|message| message.role == "system");
        let mut body = json!({
            "model": prompt.model,
            "messages": turns,
            "max_tokens": prompt.sampling.max_tokens,
            // Its scale ends at 1.
            "temperature": prompt.sampling.temperature.min(1.0),
            "stream": true,
        });
        if !system.is_empty() {
            let texts: Vec<&str> = system.iter().map(|message| &*message.content).collect();
            body["system"] = json!(texts.join("\n\n"));
        }
        // White space alone is refused.
        let stop: Vec<&str> = prompt.stop.iter().copied().filter(|stop| !stop.trim().is_empty()).collect();
        if !stop.is_empty() {
            body["stop_sequences"] = json!(stop);
        }
        if let Some(top_k) = prompt.sampling.top_k {
            body["top_k"] = json!(top_k);
        }
        self.refused.leave_out(&mut body);
        Call::post("/v1/messages", body).with_header("anthropic-version", VERSION)
    }

    fn read(&self, event: &str) -> Result<Vec<Piece>, LmError> {
        let value = completions::document(event)?;
        let delta = &value["delta"];
        let piece = match value["type"].as_str() {
            Some("message_start") => Piece { usage: usage(&value["message"]["usage"]), ..Piece::default() },
            Some("content_block_delta") => {
                Piece { text: text_of(&delta["text"]), reasoning: text_of(&delta["thinking"]), ..Piece::default() }
            }
            Some("message_delta") => {
                Piece { end: end(delta["stop_reason"].as_str()), usage: usage(&value["usage"]), ..Piece::default() }
            }
            // Beginnings and ends of blocks, pings, and kinds to come, which the protocol says to pass over.
            _ => return Ok(Vec::new()),
        };
        Ok(vec![piece])
    }

    fn without(&self, refusal: &LmError) -> Option<Arc<dyn Completing>> {
        let refused = self.refused.and_named(refusal, &REFUSABLE)?;
        Some(Arc::new(Anthropic { refused }))
    }
}

fn end(reason: Option<&str>) -> Option<End> {
    reason.map(|reason| match reason {
        "max_tokens" | "model_context_window_exceeded" => End::Length,
        _ => End::Stop,
    })
}

/// The counts so far. Those of the prompt come first and are left out later; cached tokens are not among `input_tokens`.
fn usage(value: &Value) -> Option<Usage> {
    let tokens_out = count(&value["output_tokens"])?;
    let of = |name: &str| count(&value[name]).unwrap_or(0);
    let cached = of("cache_read_input_tokens");
    let tokens_in = of("input_tokens") + of("cache_creation_input_tokens") + cached;
    Some(Usage { tokens_in, tokens_out, cached })
}

#[cfg(test)]
mod tests {
    use super::super::golden::{PROMPT, body, messages, shown};
    use super::*;
    use crate::lm::Setback;

    #[test]
    fn a_call_has_the_system_s_message_apart() {
        let messages = messages();
        let prompt = Prompt { messages: &messages, stop: &["</refine>", "\n"], ..PROMPT };
        insta::assert_snapshot!(shown(&Anthropic::default().build(&prompt)), @r#"
        Post /v1/messages
        anthropic-version: 2023-06-01
        {"model":"m","messages":[{"role":"user","content":"Hello world"}],"max_tokens":512,"temperature":0.8,"stream":true,"system":"Be brief.","stop_sequences":["</refine>"]}
        "#);
    }

    #[test]
    fn newer_models_take_no_temperature() {
        let refusal = LmError::Unsupported("`temperature` is deprecated for this model.".to_owned());
        let without = Anthropic::default().without(&refusal).unwrap();
        assert!(body(&without.build(&PROMPT)).get("temperature").is_none());
        assert!(without.without(&refusal).is_none());
    }

    fn read(event: &str) -> Vec<Piece> {
        Anthropic::default().read(event).unwrap()
    }

    #[test]
    fn an_answer_as_it_streams() {
        let events = [
            r#"{"type":"message_start","message":{"id":"msg_1","role":"assistant","content":[],"stop_reason":null,"usage":{"input_tokens":4,"cache_creation_input_tokens":0,"cache_read_input_tokens":2,"output_tokens":1}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":" x"}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":9}}"#,
            r#"{"type":"message_stop"}"#,
        ];
        let pieces: Vec<Piece> = events.into_iter().flat_map(read).collect();
        let text: String = pieces.iter().map(|piece| &*piece.text).collect();
        let reasoning: String = pieces.iter().map(|piece| &*piece.reasoning).collect();
        assert_eq!((&*text, &*reasoning), (" x", "Hm"));
        assert_eq!(pieces.last().unwrap().end, Some(End::Stop));
        let usage = pieces.iter().filter_map(|piece| piece.usage).reduce(Usage::after);
        assert_eq!(usage, Some(Usage { tokens_in: 6, tokens_out: 9, cached: 2 }));
    }

    #[test]
    fn p47_an_answer_cut_at_its_limit_says_so() {
        for (reason, end) in
            [("max_tokens", End::Length), ("model_context_window_exceeded", End::Length), ("stop_sequence", End::Stop)]
        {
            let event = format!(
                r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}},"usage":{{"output_tokens":9}}}}"#
            );
            assert_eq!(read(&event)[0].end, Some(end));
        }
    }

    #[test]
    fn p43_a_fault_in_mid_stream() {
        let told = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
        let fault = Anthropic::default().read(told).unwrap_err();
        assert!(matches!(fault, LmError::Passing { setback: Setback::Busy { .. }, .. }), "{fault:?}");
    }
}
