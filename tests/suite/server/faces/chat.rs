//! OpenAI-style chat: renders messages by itself and generates, with the thoughts of a reasoning model apart where asked.

use retrace::lm::frame::Frame;
use retrace::lm::{FramePiece, Message};
use retrace::reer::search::Sampling;
use serde_json::{Value, json};

use super::choices::{failed, reasons};
use super::completions::{fits, stops};
use crate::server::desk::{Call, Desk};
use crate::server::model::{Writing, Written};
use crate::server::wire::Answer;

/// What a reasoning model thinks aloud, whatever it is asked.
const THOUGHTS: &str = "They want an answer in this form. Let me see.";

pub async fn answer(desk: &Desk, call: Call) -> Answer {
    match call.path.as_str() {
        "/v1/chat/completions" => chat(desk, call).await.unwrap_or_else(|refusal| refusal),
        "/v1/models" => Answer::json(
            200,
            &json!({ "object": "list", "data": [{
                "id": desk.settings.name, "object": "model", "created": 1, "owned_by": "organization-owner",
            }] }),
        ),
        _ => Answer::json(404, &desk.error_body(404, "invalid_request_error", "Invalid URL")),
    }
}

/// Messages in the plain frame, which stands for a chat template here.
pub fn rendered(messages: &Value) -> Option<String> {
    let role = |message: &Value| match message["role"].as_str()? {
        "system" => Some("system"),
        "user" => Some("user"),
        "assistant" => Some("assistant"),
        _ => None,
    };
    let message =
        |message: &Value| Some(Message { role: role(message)?, content: message["content"].as_str()?.to_owned() });
    let messages: Vec<Message> = messages.as_array()?.iter().map(message).collect::<Option<_>>()?;
    let pieces = Frame::plain().render(&messages).ok()?;
    Some(pieces.into_iter().map(|(FramePiece::Text(text) | FramePiece::Markup(text))| text).collect())
}

/// # Errors
/// The refusal.
pub async fn chat(desk: &Desk, call: Call) -> Result<Answer, Answer> {
    let body = &call.body;
    let number = |name: &str, default: f64| body[name].as_f64().unwrap_or(default);
    let Some(prompt) = rendered(&body["messages"]) else {
        return Err(desk.bad_request("messages: Field required"));
    };
    let prompt = desk.model.encode(&prompt, true);
    let limit = body["max_completion_tokens"].as_u64().or(body["max_tokens"].as_u64());
    let most =
        limit.map_or(desk.settings.context_length - prompt.len().min(desk.settings.context_length), |n| n as usize);
    fits(desk, prompt.len(), most.max(1))?;
    let (stop, n) = (stops(&body["stop"]), body["n"].as_u64().unwrap_or(1).max(1));
    let seed = body["seed"].as_i64().map_or(call.seed, |seed| seed as u64);
    let sampling = Sampling {
        temperature: number("temperature", 1.0),
        top_p: number("top_p", 1.0),
        top_k: body["top_k"].as_i64().and_then(|k| u32::try_from(k).ok()),
        min_p: body["min_p"].as_f64(),
        max_tokens: most as u32,
    };
    let mut samples = Vec::new();
    for sample in 0..n {
        let seed = seed.wrapping_add(sample);
        let writing = Writing { prompt: &prompt, stop: &stop, seed, sampling: sampling.clone() };
        samples.push(desk.model.write(&writing).await.map_err(|error| failed(desk, &error))?);
    }
    let thoughts = if desk.settings.reasons { desk.model.encode(THOUGHTS, false).len() } else { 0 };
    let tokens_out = samples.iter().map(|sample| sample.ids.len() + thoughts).sum::<usize>();
    let usage = json!({ "prompt_tokens": prompt.len(), "completion_tokens": tokens_out,
        "total_tokens": prompt.len() + tokens_out });
    Ok(match body["stream"] == true {
        true => Answer::events(events(desk, &call, &samples, &usage)),
        false => {
            let choice = |(index, sample): (usize, &Written)| {
                json!({ "index": index, "finish_reason": reasons(&sample.ended).0, "logprobs": null, "message": {
                    "role": "assistant", "content": sample.text,
                    "reasoning_content": desk.settings.reasons.then_some(THOUGHTS),
                } })
            };
            let choices: Vec<Value> = samples.iter().enumerate().map(choice).collect();
            Answer::json(
                200,
                &json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1,
                "model": desk.settings.name, "choices": choices, "usage": usage }),
            )
        }
    })
}

fn events(desk: &Desk, call: &Call, samples: &[Written], usage: &Value) -> Vec<String> {
    let event = |choices: Value, usage: &Value| {
        json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": desk.settings.name,
            "choices": choices, "usage": usage })
        .to_string()
    };
    let mut events = Vec::new();
    let mut push = |index: usize, delta: Value, finish: Option<&str>| {
        let choice = json!([{ "index": index, "delta": delta, "finish_reason": finish }]);
        events.push(event(choice, &Value::Null));
    };
    for (index, sample) in samples.iter().enumerate() {
        push(index, json!({ "role": "assistant", "content": "" }), None);
        if desk.settings.reasons {
            desk.model
                .pieces(THOUGHTS)
                .iter()
                .for_each(|piece| push(index, json!({ "reasoning_content": piece }), None));
        }
        desk.model.pieces(&sample.text).iter().for_each(|piece| push(index, json!({ "content": piece }), None));
        push(index, json!({}), Some(reasons(&sample.ended).0));
    }
    if call.body["stream_options"]["include_usage"] == true {
        events.push(event(json!([]), usage));
    }
    events.push("[DONE]".to_owned());
    events
}
