//! SGLang: `/generate` with its prefix cache, completions, its tokenizer routes, and what tells that it is SGLang.
//!
//! As in [`super::choices`], the one token of a scoring call is the prompt's last.

use retrace::reer::search::Sampling;
use serde_json::{Value, json};

use super::chat;
use super::choices::{completions, failed};
use super::completions::{ids, stops};
use super::rows::{Row, scored};
use crate::server::desk::{Call, Desk};
use crate::server::faults::Wrong;
use crate::server::model::{Ended, Writing, Written};
use crate::server::wire::Answer;

pub async fn answer(desk: &Desk, mut call: Call) -> Answer {
    let settings = &desk.settings;
    match call.path.as_str() {
        "/generate" => generate(desk, call).await.unwrap_or_else(|refusal| refusal),
        "/v1/completions" => {
            // An option that it does not know, and one that it takes for none where it is 0.
            if let Some(body) = call.body.as_object_mut() {
                body.remove("prompt_logprobs");
                if body.get("logprobs") == Some(&json!(0)) {
                    body.remove("logprobs");
                }
            }
            completions(desk, call).await.unwrap_or_else(|refusal| refusal)
        }
        "/v1/chat/completions" => chat::chat(desk, call).await.unwrap_or_else(|refusal| refusal),
        "/v1/models" => Answer::json(
            200,
            &json!({ "object": "list", "data": [{
                "id": settings.name, "object": "model", "created": 1, "owned_by": "sglang", "root": settings.name,
                "max_model_len": settings.context_length,
            }] }),
        ),
        "/get_model_info" => Answer::json(
            200,
            &json!({ "model_path": settings.name, "tokenizer_path": settings.name, "is_generation": true,
                "preferred_sampling_params": null }),
        ),
        "/server_info" => Answer::json(
            200,
            &json!({ "model_path": settings.name, "version": "0.5.14", "context_length": settings.context_length,
                "speculative_algorithm": settings.speculative, "disable_radix_cache": false, "tp_size": 1 }),
        ),
        "/health" | "/health_generate" if desk.dies_a_little() => Answer::written(503, String::new()),
        "/health" | "/health_generate" => Answer::written(200, String::new()),
        "/flush_cache" => {
            desk.cache.flush();
            Answer::written(200, json!("Cache flushed.").to_string())
        }
        "/tokenize" => tokenize(desk, &call.body),
        "/detokenize" => match ids(&call.body["tokens"]) {
            Some(ids) => Answer::json(200, &json!({ "text": desk.model.decode(&ids) })),
            None => refused(400, "tokens: Field required"),
        },
        _ => Answer::json(404, &json!({ "detail": "Not Found" })),
    }
}

fn refused(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "error": { "message": message } }))
}

/// A refusal that comes as an answer.
pub fn abort(status: u16, message: &str) -> Value {
    json!({ "text": "", "meta_info": { "id": "aborted", "prompt_tokens": 0, "completion_tokens": 0,
        "finish_reason": { "type": "abort", "message": message, "status_code": status } } })
}

fn tokenize(desk: &Desk, body: &Value) -> Answer {
    let special = body["add_special_tokens"] != false;
    let texts = stops(&body["prompt"]);
    let tokens: Vec<Vec<u32>> = texts.iter().map(|text| desk.model.encode(text, special)).collect();
    let limit = desk.settings.context_length;
    let answer = match (&body["prompt"], &tokens[..]) {
        (Value::String(_), [only]) => json!({ "tokens": only, "count": only.len(), "max_model_len": limit }),
        (Value::Array(_), all) => {
            let counts: Vec<usize> = all.iter().map(Vec::len).collect();
            json!({ "tokens": all, "count": counts, "max_model_len": limit })
        }
        _ => return refused(400, "prompt: Field required"),
    };
    Answer::json(200, &answer)
}

/// One of the requests in a call.
struct Asked {
    ids: Vec<u32>,
    stop: Vec<String>,
    seed: u64,
    sampling: Sampling,
    /// The first row of log-probabilities, where there are any.
    rows_from: Option<usize>,
    output_logprobs: bool,
    /// Rows spell their token.
    spelled: bool,
    beside: usize,
}

async fn generate(desk: &Desk, mut call: Call) -> Result<Answer, Answer> {
    let body = call.body.take();
    let (prompts, single) = prompts(desk, &body)
        .ok_or_else(|| refused(400, "Either text, input_ids or input_embeds should be provided."))?;
    let mut answers = Vec::new();
    for (place, ids) in prompts.into_iter().enumerate() {
        let asked = read(desk, &call, &body, place, ids)?;
        answers.push(one(desk, &mut call, &asked).await?);
    }
    if body["stream"] == true {
        let events = answers.iter().flat_map(|(answer, written)| events(desk, answer, written));
        return Ok(Answer::events(events.chain(["[DONE]".to_owned()]).collect()));
    }
    let mut answers: Vec<Value> = answers.into_iter().map(|(answer, _)| answer).collect();
    Ok(Answer::json(200, &if single { answers.remove(0) } else { json!(answers) }))
}

/// Ids of every prompt, and whether it is only one that came without a list.
fn prompts(desk: &Desk, body: &Value) -> Option<(Vec<Vec<u32>>, bool)> {
    let given = &body["input_ids"];
    let (prompts, single) = match (&given[0], &body["text"]) {
        (Value::Array(_), _) => (given.as_array()?.iter().map(ids).collect::<Option<Vec<_>>>()?, false),
        (Value::Number(_), _) => (vec![ids(given)?], true),
        (_, text) => (stops(text).iter().map(|text| desk.model.encode(text, true)).collect(), !text.is_array()),
    };
    (!prompts.is_empty() && prompts.iter().all(|ids| !ids.is_empty())).then_some((prompts, single))
}

/// # Errors
/// The refusal.
fn read(desk: &Desk, call: &Call, body: &Value, place: usize, ids: Vec<u32>) -> Result<Asked, Answer> {
    // Every option may be a list, one a prompt.
    let option = |value: &Value| if value.is_array() { value[place].clone() } else { value.clone() };
    let sampling = option(&body["sampling_params"]);
    let number = |name: &str, default: f64| sampling[name].as_f64().unwrap_or(default);
    let (have, limit) = (ids.len(), desk.settings.context_length);
    let most = sampling["max_new_tokens"].as_u64().unwrap_or(128) as usize;
    if have >= limit {
        let message = format!("The input ({have} tokens) is longer than the model's context length ({limit} tokens).");
        return Err(refused(400, &message));
    }
    if have + most > limit {
        return Err(refused(
            400,
            &format!(
                "Requested token count exceeds the model's maximum context length of {limit} tokens. You requested a total \
             of {} tokens: {have} tokens from the input messages and {most} tokens for the completion.",
                have + most
            ),
        ));
    }
    if let Some(strange) = ids.iter().find(|id| **id as usize >= desk.model.tokenizer().len()) {
        return Err(refused(400, &format!("The input_ids {strange} is out of the vocabulary.")));
    }
    let output_logprobs = option(&body["return_logprob"]) == true;
    let start = option(&body["logprob_start_len"]).as_i64().unwrap_or(-1);
    let rows_from = usize::try_from(start).ok().filter(|_| output_logprobs);
    if let Some(from) = rows_from.filter(|from| *from >= have) {
        return Err(refused(
            400,
            &format!(
                "req.logprob_start_len={from} is higher than the number of input tokens len(req.origin_input_ids)={have}. \
             Please use a smaller logprob_start_len."
            ),
        ));
    }
    Ok(Asked {
        stop: stops(&sampling["stop"]),
        seed: sampling["sampling_seed"].as_i64().map_or(call.seed, |seed| seed as u64),
        sampling: Sampling {
            temperature: number("temperature", 1.0),
            top_p: number("top_p", 1.0),
            top_k: sampling["top_k"].as_i64().and_then(|k| u32::try_from(k).ok()),
            min_p: sampling["min_p"].as_f64(),
            max_tokens: most as u32,
        },
        rows_from,
        output_logprobs,
        spelled: option(&body["return_text_in_logprobs"]) == true,
        beside: option(&body["top_logprobs_num"]).as_u64().unwrap_or(0) as usize,
        ids,
    })
}

async fn one(desk: &Desk, call: &mut Call, asked: &Asked) -> Result<(Value, Written), Answer> {
    let failed = |error| failed(desk, &error);
    let ids = &asked.ids;
    let written = match asked.sampling.max_tokens {
        0 => Written { text: String::new(), ids: Vec::new(), ended: Ended::Length },
        1 if asked.rows_from.is_some() => {
            let last = ids[ids.len() - 1..].to_vec();
            Written { text: desk.model.decode(&last), ids: last, ended: Ended::Length }
        }
        _ => {
            let writing =
                Writing { prompt: ids, stop: &asked.stop, seed: asked.seed, sampling: asked.sampling.clone() };
            desk.model.write(&writing).await.map_err(failed)?
        }
    };
    let cached = desk.cache.reuse(ids, asked.rows_from.unwrap_or(usize::MAX).min(ids.len() - 1));
    let mut meta = json!({
        "id": format!("{:016x}", call.seed),
        "finish_reason": finish(&written),
        "prompt_tokens": ids.len(),
        "completion_tokens": written.ids.len(),
        "cached_tokens": cached,
    });
    if asked.output_logprobs && call.wrong != Some(Wrong::Dropped) {
        // The row at the start itself has no number: the cache keeps no logits.
        let start = asked.rows_from.unwrap_or(ids.len());
        let rows = scored(desk, call, ids, &written.ids, (start + 1).min(ids.len())).await.map_err(failed)?;
        let spelled = |id: u32| asked.spelled.then(|| desk.model.decode(&[id]));
        let entry = |row: &Row| json!([row.logprob.map(f64::from), row.id, spelled(row.id)]);
        let kept = &rows.rows[start.min(rows.rows.len())..];
        meta["prompt_tokens"] = json!(rows.tokens);
        meta["input_token_logprobs"] = kept.iter().map(entry).collect();
        if asked.beside > 0 {
            let own = |row: &Row| row.logprob.map_or(Value::Null, |_| json!(vec![entry(row); asked.beside]));
            meta["input_top_logprobs"] = kept.iter().map(own).collect();
        }
        let behind = written.ids.iter().zip(&rows.behind);
        meta["output_token_logprobs"] =
            behind.map(|(id, logprob)| json!([f64::from(*logprob), id, spelled(*id)])).collect();
    }
    Ok((json!({ "text": written.text, "meta_info": meta }), written))
}

fn finish(written: &Written) -> Value {
    match &written.ended {
        Ended::Length => json!({ "type": "length", "length": written.ids.len() }),
        Ended::Eos => json!({ "type": "stop", "matched": null }),
        Ended::Stop(stop) => json!({ "type": "stop", "matched": stop }),
    }
}

/// The events of one answer: each has the whole text so far.
fn events(desk: &Desk, answer: &Value, written: &Written) -> Vec<String> {
    let mut text = String::new();
    let mut events: Vec<String> = Vec::new();
    for piece in desk.model.pieces(&written.text) {
        text.push_str(&piece);
        let meta = json!({ "id": answer["meta_info"]["id"], "finish_reason": null });
        events.push(json!({ "text": text, "meta_info": meta }).to_string());
    }
    events.push(answer.to_string());
    events
}
