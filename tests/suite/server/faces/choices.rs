//! The answer of `/v1/completions`, whole or streamed, as vLLM and SGLang write it.
//!
//! The one token that a scoring call must generate is not computed: it is the prompt's last. Alternatives beside a
//! token of the prompt are invented; a client must not take them for the token that it sent.

use std::fmt::Write;

use retrace::lm::LmError;
use serde_json::{Value, json};

use super::Face;
use super::completions::Asked;
use super::rows::{Row, Rows, scored};
use crate::server::desk::{Call, Desk};
use crate::server::faults::Wrong;
use crate::server::model::{Ended, Writing, Written};
use crate::server::wire::Answer;

/// A choice as it is written into an answer.
struct Choice {
    index: usize,
    text: String,
    written: Written,
    logprobs: String,
    prompt_logprobs: String,
    /// `,"token_ids":...`, where asked for.
    ids: String,
}

/// # Errors
/// The refusal.
pub async fn completions(desk: &Desk, mut call: Call) -> Result<Answer, Answer> {
    let asked = Asked::read(desk, &call)?;
    let (mut choices, mut tokens_in) = (Vec::new(), 0);
    for (place, prompt) in asked.prompts.iter().enumerate() {
        let rows = match asked.prompt_logprobs {
            Some(_) => Some(scored(desk, &mut call, prompt, &[], 1).await.map_err(|error| failed(desk, &error))?),
            None => None,
        };
        tokens_in += rows.as_ref().map_or(prompt.len(), |rows| rows.tokens);
        for sample in 0..asked.n {
            let written = write(desk, &asked, prompt, sample).await.map_err(|error| failed(desk, &error))?;
            let index = place * asked.n + sample;
            choices.push(choice(desk, &call, &asked, (place, index), rows.as_ref(), written).await?);
        }
    }
    let tokens_out: usize = choices.iter().map(|choice| choice.written.ids.len()).sum();
    let usage = json!({
        "prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out,
        "prompt_tokens_details": null,
    });
    let head = json!({ "id": format!("cmpl-{:016x}", call.seed), "object": "text_completion", "created": 1,
        "model": desk.settings.name });
    let head = head.to_string();
    let head = head.trim_end_matches('}');
    if asked.stream {
        return Ok(Answer::events(events(desk, &asked, head, &choices, &usage)));
    }
    let mut out = format!("{head},\"choices\":[");
    for (at, choice) in choices.iter().enumerate() {
        out.push_str(if at > 0 { "," } else { "" });
        write_choice(&mut out, desk.face, choice);
    }
    write!(out, "],\"usage\":{usage}}}").expect("writing to a string");
    Ok(Answer::written(200, out))
}

pub fn failed(desk: &Desk, error: &LmError) -> Answer {
    Answer::json(500, &desk.error_body(500, "InternalServerError", &error.to_string()))
}

async fn write(desk: &Desk, asked: &Asked, prompt: &[u32], sample: usize) -> Result<Written, LmError> {
    let most = asked.sampling.max_tokens;
    if most == 0 {
        return Ok(Written { text: String::new(), ids: Vec::new(), ended: Ended::Length });
    }
    if most == 1 && asked.prompt_logprobs.is_some() {
        let ids = prompt[prompt.len() - 1..].to_vec();
        return Ok(Written { text: desk.model.decode(&ids), ids, ended: Ended::Length });
    }
    let seed = asked.seed.wrapping_add(sample as u64);
    desk.model.write(&Writing { prompt, stop: &asked.stop, seed, sampling: asked.sampling.clone() }).await
}

async fn choice(
    desk: &Desk,
    call: &Call,
    asked: &Asked,
    (place, index): (usize, usize),
    rows: Option<&Rows>,
    written: Written,
) -> Result<Choice, Answer> {
    let prompt = &asked.prompts[place];
    let dropped = call.wrong == Some(Wrong::Dropped);
    let prompt_logprobs = match (rows, asked.prompt_logprobs) {
        (Some(rows), Some(beside)) if !dropped => prompt_rows(desk, &rows.rows, beside),
        _ => "null".to_owned(),
    };
    let logprobs = match asked.logprobs {
        Some(_) if !dropped => {
            let mut all: Vec<Row> = rows.filter(|_| asked.echo).map(|rows| rows.rows.clone()).unwrap_or_default();
            let sequence: Vec<u32> = prompt.iter().chain(&written.ids).copied().collect();
            let own = desk.model.score(&sequence, prompt.len()).await.map_err(|error| failed(desk, &error))?;
            all.extend(written.ids.iter().zip(own).map(|(id, own)| Row { id: *id, logprob: Some(own) }));
            listed(desk, &all, asked.ids_as_tokens).to_string()
        }
        _ => "null".to_owned(),
    };
    let ids = match asked.gives_ids {
        true => format!(",\"prompt_token_ids\":{},\"token_ids\":{}", json!(prompt), json!(written.ids)),
        false => String::new(),
    };
    let text = match (asked.echo, asked.texts.get(place)) {
        (false, _) => written.text.clone(),
        (true, Some(text)) => format!("{text}{}", written.text),
        (true, None) => format!("{}{}", desk.model.decode(prompt), written.text),
    };
    Ok(Choice { index, text, written, logprobs, prompt_logprobs, ids })
}

/// `prompt_logprobs`, with so many invented entries in front of each token's own.
fn prompt_rows(desk: &Desk, rows: &[Row], beside: usize) -> String {
    let mut out = String::with_capacity(64 * rows.len());
    let vocabulary = desk.model.tokenizer().len() as u32;
    for (at, row) in rows.iter().enumerate() {
        out.push_str(if at == 0 { "[" } else { "," });
        let Some(logprob) = row.logprob else {
            out.push_str("null");
            continue;
        };
        out.push('{');
        for other in 1..=beside as u32 {
            entry(desk, &mut out, (row.id + other) % vocabulary, logprob / 2.0, other);
            out.push(',');
        }
        entry(desk, &mut out, row.id, logprob, beside as u32 + 1);
        out.push('}');
    }
    out.push_str(if rows.is_empty() { "[]" } else { "]" });
    out
}

fn entry(desk: &Desk, out: &mut String, id: u32, logprob: f32, rank: u32) {
    let (token, logprob) = (json!(desk.model.decode(&[id])), f64::from(logprob).max(-9999.0));
    write!(out, "\"{id}\":{{\"logprob\":{logprob:?},\"rank\":{rank},\"decoded_token\":{token}}}")
        .expect("writing to a string");
}

/// The `logprobs` block of completions.
fn listed(desk: &Desk, rows: &[Row], ids_as_tokens: bool) -> Value {
    let spelled = |id: u32| if ids_as_tokens { format!("token_id:{id}") } else { desk.model.decode(&[id]) };
    let tokens: Vec<String> = rows.iter().map(|row| spelled(row.id)).collect();
    let ends = tokens.iter().scan(0, |end, token| {
        *end += token.chars().count() as i64;
        Some(*end)
    });
    let offsets: Vec<i64> = match desk.face {
        Face::Sglang => vec![-1; tokens.len()],
        _ => std::iter::once(0).chain(ends).take(tokens.len()).collect(),
    };
    let top =
        |(row, token): (&Row, &String)| row.logprob.map_or(Value::Null, |logprob| json!({ token.as_str(): logprob }));
    json!({
        "text_offset": offsets,
        "token_logprobs": rows.iter().map(|row| row.logprob.map(f64::from)).collect::<Vec<_>>(),
        "tokens": tokens,
        "top_logprobs": rows.iter().zip(&tokens).map(top).collect::<Vec<_>>(),
    })
}

/// `finish_reason` and `stop_reason`.
pub fn reasons(ended: &Ended) -> (&'static str, Value) {
    match ended {
        Ended::Length => ("length", Value::Null),
        Ended::Eos => ("stop", Value::Null),
        Ended::Stop(stop) => ("stop", json!(stop)),
    }
}

fn write_choice(out: &mut String, face: Face, choice: &Choice) {
    let Choice { index, text, written, logprobs, prompt_logprobs, ids } = choice;
    let (finish, stop) = reasons(&written.ended);
    let text = json!(text);
    write!(out, "{{\"index\":{index},\"text\":{text},\"logprobs\":{logprobs},\"finish_reason\":\"{finish}\",")
        .and_then(|()| match face {
            Face::Sglang => write!(out, "\"matched_stop\":{stop}}}"),
            _ => write!(out, "\"stop_reason\":{stop},\"prompt_logprobs\":{prompt_logprobs}{ids}}}"),
        })
        .expect("writing to a string");
}

/// The events of a stream, those of several samples in turn.
fn events(desk: &Desk, asked: &Asked, head: &str, choices: &[Choice], usage: &Value) -> Vec<String> {
    let pieces: Vec<Vec<String>> = choices.iter().map(|choice| desk.model.pieces(&choice.text)).collect();
    let longest = pieces.iter().map(Vec::len).max().unwrap_or(0);
    let mut events = Vec::with_capacity(choices.len() * (longest + 1) + 2);
    let mut event = |index: usize, text: &str, finish: Value, stop: Value| {
        events.push(format!(
            "{head},\"choices\":[{{\"index\":{index},\"text\":{},\"logprobs\":null,\"finish_reason\":{finish},\
             \"stop_reason\":{stop}}}]}}",
            json!(text)
        ));
    };
    for at in 0..=longest {
        for (choice, pieces) in choices.iter().zip(&pieces) {
            if at < pieces.len() {
                event(choice.index, &pieces[at], Value::Null, Value::Null);
            } else if at == pieces.len() {
                let (finish, stop) = reasons(&choice.written.ended);
                event(choice.index, "", json!(finish), stop);
            }
        }
    }
    if asked.usage {
        events.push(format!("{head},\"choices\":[],\"usage\":{usage}}}"));
    }
    events.push("[DONE]".to_owned());
    events
}
