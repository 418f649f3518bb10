//! What a server writes by itself: the most probable token behind a context, and what it says of it. Only the doctor asks.

use serde_json::{Value, json};

use super::ask::Ask;
use super::{Call, Reply, fault};
use crate::lm::LmError;

/// A token that the server wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Where the protocol tells it.
    pub id: Option<u32>,
    pub text: String,
    /// Nats, where the protocol tells it.
    pub logprob: Option<f32>,
}

/// The next token on a completions route; `prompt` is ids or text.
pub(super) fn of_completions(model: &str, prompt: Value) -> Call {
    let ids = prompt.is_array();
    let mut body = json!({ "model": model, "prompt": prompt, "max_tokens": 1, "temperature": 0, "logprobs": 1 });
    if ids {
        body["return_tokens_as_token_ids"] = json!(true);
        body["add_special_tokens"] = json!(false);
    }
    Call::post("/v1/completions", body)
}

/// The next token of SGLang's `/generate`.
pub(super) fn of_generate(ask: &Ask<'_>) -> Call {
    let body = json!({
        "input_ids": ask.context,
        "sampling_params": { "max_new_tokens": 1, "temperature": 0 },
        "return_logprob": true,
        "return_text_in_logprobs": true,
        "stream": false,
    });
    Call::post("/generate", body)
}

/// The next token of llama-server's `/completion`.
pub(super) fn of_completion(ask: &Ask<'_>) -> Call {
    let body = json!({
        "prompt": ask.context,
        "n_predict": 1,
        "n_probs": 1,
        "post_sampling_probs": false,
        "temperature": 0,
        "stream": false,
    });
    Call::post("/completion", body)
}

/// Reads whichever of the three answers it is; `None` for an end at once, or an answer without log-probabilities.
///
/// # Errors
/// What the server refused.
pub(super) fn read(reply: &Reply) -> Result<Option<Written>, LmError> {
    let answer = fault::success(reply, 0)?;
    Ok(completions(&answer["choices"][0]).or_else(|| generate(&answer["meta_info"])).or_else(|| completion(&answer)))
}

fn completions(choice: &Value) -> Option<Written> {
    let logprobs = &choice["logprobs"];
    let token = logprobs["tokens"][0].as_str()?;
    let spelled = token.strip_prefix("token_id:").and_then(|id| id.parse().ok());
    let text = if spelled.is_some() { choice["text"].as_str()? } else { token };
    Some(Written { id: spelled, text: text.to_owned(), logprob: number(&logprobs["token_logprobs"][0]) })
}

fn generate(meta: &Value) -> Option<Written> {
    let row = &meta["output_token_logprobs"][0];
    Some(Written { id: Some(id(&row[1])?), text: row[2].as_str()?.to_owned(), logprob: number(&row[0]) })
}

fn completion(answer: &Value) -> Option<Written> {
    let row = &answer["completion_probabilities"][0];
    Some(Written {
        id: Some(id(&row["id"])?),
        text: row["token"].as_str()?.to_owned(),
        logprob: number(&row["logprob"]),
    })
}

fn id(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|id| u32::try_from(id).ok())
}

fn number(value: &Value) -> Option<f32> {
    value.as_f64().map(|value| value as f32)
}

#[cfg(test)]
mod tests {
    use super::super::golden::{ASK, reply, shown};
    use super::*;

    #[test]
    fn calls() {
        insta::assert_snapshot!(shown(&of_completions("m", json!(ASK.context))), @r#"
        Post /v1/completions
        {"model":"m","prompt":[9906,1917,271],"max_tokens":1,"temperature":0,"logprobs":1,"return_tokens_as_token_ids":true,"add_special_tokens":false}
        "#);
        insta::assert_snapshot!(shown(&of_completions("m", json!("Hello"))), @r#"
        Post /v1/completions
        {"model":"m","prompt":"Hello","max_tokens":1,"temperature":0,"logprobs":1}
        "#);
        insta::assert_snapshot!(shown(&of_generate(&ASK)), @r#"
        Post /generate
        {"input_ids":[9906,1917,271],"sampling_params":{"max_new_tokens":1,"temperature":0},"return_logprob":true,"return_text_in_logprobs":true,"stream":false}
        "#);
        insta::assert_snapshot!(shown(&of_completion(&ASK)), @r#"
        Post /completion
        {"prompt":[9906,1917,271],"n_predict":1,"n_probs":1,"post_sampling_probs":false,"temperature":0,"stream":false}
        "#);
    }

    #[test]
    fn every_form_of_answer() {
        let read = |body: &str| read(&reply(200, body)).unwrap();
        let written = |id| Some(Written { id, text: " the".to_owned(), logprob: Some(-0.5) });
        for (body, id) in [
            (
                r#"{"choices":[{"text":" the","logprobs":{"tokens":["token_id:279"],"token_logprobs":[-0.5]}}]}"#,
                Some(279),
            ),
            (r#"{"choices":[{"text":" the","logprobs":{"tokens":[" the"],"token_logprobs":[-0.5]}}]}"#, None),
            (r#"{"text":" the","meta_info":{"output_token_logprobs":[[-0.5,279," the"]]}}"#, Some(279)),
            (r#"{"content":" the","completion_probabilities":[{"id":279,"token":" the","logprob":-0.5}]}"#, Some(279)),
        ] {
            assert_eq!(read(body), written(id), "{body}");
        }
        for body in ["{}", r#"{"choices":[{"text":"","logprobs":{"tokens":[]}}]}"#, r#"{"choices":[{"text":" the"}]}"#]
        {
            assert_eq!(read(body), None, "{body}");
        }
    }
}
