//! OpenAI-style chat: generates only. The server renders the messages, so nothing can be put into the answer's mouth.

use std::sync::Arc;

use serde_json::{Value, json};

use super::ask::{Completing, Piece, Prompt};
use super::completions::{self, seed, text_of, with_affinity};
use super::refused::Refused;
use super::{Call, Kind};
use crate::lm::LmError;

/// A chat route, of OpenAI or of whoever offers the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chat {
    /// Options that the model has refused. Without `max_tokens` the limit is told as `max_completion_tokens`; without `stop`
    /// the reader of the answer has to end it.
    pub refused: Refused,
}

const REFUSABLE: [&str; 8] = ["max_tokens", "temperature", "top_p", "top_k", "min_p", "stop", "seed", "stream_options"];

impl Completing for Chat {
    fn kind(&self) -> Kind {
        Kind::Chat
    }

    fn continues(&self) -> bool {
        false
    }

    fn build(&self, prompt: &Prompt<'_>) -> Call {
        let sampling = prompt.sampling;
        let mut body = json!({
            "model": prompt.model,
            "messages": prompt.messages,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": seed(prompt.seed),
            "stop": prompt.stop,
            "stream": true,
            "stream_options": { "include_usage": true },
        });
        if let Some(top_k) = sampling.top_k {
            body["top_k"] = json!(top_k);
        }
        if let Some(min_p) = sampling.min_p {
            body["min_p"] = json!(min_p);
        }
        // Refused where it is empty.
        if prompt.stop.is_empty()
            && let Some(body) = body.as_object_mut()
        {
            body.shift_remove("stop");
        }
        self.refused.leave_out(&mut body);
        if self.refused.has("max_tokens") {
            body["max_completion_tokens"] = json!(sampling.max_tokens);
        }
        with_affinity(Call::post("/v1/chat/completions", body), prompt.affinity)
    }

    fn read(&self, event: &str) -> Result<Vec<Piece>, LmError> {
        completions::pieces(event, |choice| delta(&choice["delta"]))
    }

    fn without(&self, refusal: &LmError) -> Option<Arc<dyn Completing>> {
        let refused = self.refused.and_named(refusal, &REFUSABLE)?;
        Some(Arc::new(Chat { refused }))
    }
}

/// What was added to the answer; what was thought goes by either of two names.
fn delta(delta: &Value) -> Piece {
    let thought = match &delta["reasoning_content"] {
        Value::Null => &delta["reasoning"],
        thought => thought,
    };
    Piece { text: text_of(&delta["content"]), reasoning: text_of(thought), ..Piece::default() }
}

#[cfg(test)]
mod tests {
    use super::super::ask::End;
    use super::super::golden::{PROMPT, body, messages, shown};
    use super::*;

    #[test]
    fn a_call_sends_messages() {
        let messages = messages();
        let prompt = Prompt { messages: &messages, ..PROMPT };
        insta::assert_snapshot!(shown(&Chat::default().build(&prompt)), @r#"
        Post /v1/chat/completions
        {"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hello world"}],"max_tokens":512,"temperature":0.8,"top_p":0.95,"seed":7,"stop":["</refine>"],"stream":true,"stream_options":{"include_usage":true}}
        "#);
        assert!(body(&Chat::default().build(&Prompt { stop: &[], ..prompt })).get("stop").is_none());
    }

    #[test]
    fn what_a_model_refuses_is_left_out_from_then_on() {
        let refusal = |message: &str| LmError::Unsupported(message.to_owned());
        let limit = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        let chat = Chat::default().without(&refusal(limit)).unwrap();
        let chat =
            chat.without(&refusal("Unsupported value: 'temperature' does not support 0.8 with this model.")).unwrap();
        let chat = chat.without(&refusal("Unsupported parameter: 'stop' is not supported with this model.")).unwrap();
        insta::assert_snapshot!(shown(&chat.build(&PROMPT)), @r#"
        Post /v1/chat/completions
        {"model":"m","messages":[],"top_p":0.95,"seed":7,"stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":512}
        "#);
        assert!(chat.without(&refusal(limit)).is_none(), "nothing more to leave out");
    }

    #[test]
    fn p46_reasoning_is_kept_apart_by_either_name() {
        for name in ["reasoning_content", "reasoning"] {
            let event = format!(
                r#"{{"choices":[{{"index":0,"delta":{{"role":"assistant","content":null,"{name}":"Hm"}},"finish_reason":null}}]}}"#
            );
            let reasoning = "Hm".to_owned();
            assert_eq!(Chat::default().read(&event).unwrap(), [Piece { reasoning, ..Piece::default() }], "{name}");
        }
        let last = r#"{"choices":[{"index":0,"delta":{"content":" x"},"finish_reason":"length"}]}"#;
        let expected = Piece { text: " x".to_owned(), end: Some(End::Length), ..Piece::default() };
        assert_eq!(Chat::default().read(last).unwrap(), [expected]);
    }

    #[test]
    fn p43_a_fault_in_mid_stream() {
        let told = r#"{"id":"g","object":"chat.completion.chunk","error":{"code":429,"message":"Provider returned error"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#;
        assert!(matches!(Chat::default().read(told), Err(LmError::Passing { .. })));
    }
}
