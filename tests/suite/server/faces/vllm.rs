//! vLLM: completions with prompt log-probabilities, its tokenizer routes, and what tells that it is vLLM.

use serde_json::{Value, json};

use super::chat;
use super::choices::completions;
use super::completions::ids;
use crate::server::desk::{Call, Desk};
use crate::server::wire::Answer;

pub async fn answer(desk: &Desk, call: Call) -> Answer {
    let limit = desk.settings.context_length;
    match call.path.as_str() {
        "/v1/completions" => completions(desk, call).await.unwrap_or_else(|refusal| refusal),
        "/v1/chat/completions" => chat::chat(desk, call).await.unwrap_or_else(|refusal| refusal),
        "/v1/models" => Answer::json(
            200,
            &json!({ "object": "list", "data": [{
                "id": desk.settings.name, "object": "model", "created": 1, "owned_by": "vllm",
                "root": desk.settings.name, "parent": null, "max_model_len": limit, "permission": [],
            }] }),
        ),
        "/version" => Answer::json(200, &json!({ "version": "0.29.0" })),
        "/health" if desk.dies_a_little() => Answer::written(503, String::new()),
        "/health" => Answer::written(200, String::new()),
        "/tokenize" => tokenize(desk, &call.body),
        "/detokenize" => match ids(&call.body["tokens"]) {
            Some(ids) => Answer::json(200, &json!({ "prompt": desk.model.decode(&ids) })),
            None => desk.bad_request("tokens: Field required"),
        },
        _ => Answer::json(404, &json!({ "detail": "Not Found" })),
    }
}

fn tokenize(desk: &Desk, body: &Value) -> Answer {
    // The default differs: a template writes BOS itself.
    let (prompt, special) = match (body["prompt"].as_str(), chat::rendered(&body["messages"])) {
        (Some(prompt), _) => (prompt.to_owned(), body["add_special_tokens"] != false),
        (None, Some(rendered)) => (rendered, body["add_special_tokens"] == true),
        (None, None) => return desk.bad_request("prompt: Field required"),
    };
    let tokens = desk.model.encode(&prompt, special);
    let spelled: Vec<Option<&str>> = tokens.iter().map(|id| desk.model.tokenizer().spelling(*id)).collect();
    let strings = if body["return_token_strs"] == true { json!(spelled) } else { Value::Null };
    let limit = desk.settings.context_length;
    Answer::json(
        200,
        &json!({ "count": tokens.len(), "max_model_len": limit, "tokens": tokens, "token_strs": strings }),
    )
}
