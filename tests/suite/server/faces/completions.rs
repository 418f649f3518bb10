//! `/v1/completions` as vLLM reads it: what may be asked, and in which words what may not be is refused.

use retrace::reer::search::Sampling;
use serde_json::Value;

use crate::server::desk::{Call, Desk};
use crate::server::wire::Answer;

/// vLLM's `--max-logprobs`.
const MOST_LOGPROBS: i64 = 20;

/// A request that may be answered.
#[derive(Debug)]
pub struct Asked {
    pub prompts: Vec<Vec<u32>>,
    /// As they were written; empty for ids.
    pub texts: Vec<String>,
    pub n: usize,
    pub seed: u64,
    pub stop: Vec<String>,
    pub sampling: Sampling,
    pub echo: bool,
    /// Alternatives beside each token of the answer, and of the prompt with `echo`.
    pub logprobs: Option<usize>,
    pub prompt_logprobs: Option<usize>,
    pub gives_ids: bool,
    /// Tokens are written `token_id:N`.
    pub ids_as_tokens: bool,
    pub stream: bool,
    pub usage: bool,
}

impl Asked {
    /// # Errors
    /// The refusal.
    pub fn read(desk: &Desk, call: &Call) -> Result<Asked, Answer> {
        let body = &call.body;
        let refuse = |message: &str| Err(desk.bad_request(message));
        if !body.is_object() {
            return refuse("[{'type': 'json_invalid', 'msg': 'JSON decode error'}]");
        }
        let name = &desk.settings.name;
        if let Some(asked) = body["model"].as_str().filter(|asked| asked != name) {
            let message = format!("The model `{asked}` does not exist.");
            return Err(Answer::json(404, &desk.error_body(404, "NotFoundError", &message)));
        }
        let (flag, whole) = (|name: &str| body[name] == true, |name: &str| body[name].as_i64());
        let number = |name: &str, default: f64| body[name].as_f64().unwrap_or(default);
        let special = body["add_special_tokens"] != false;
        let Some((prompts, texts)) = prompts(desk, &body["prompt"], special) else {
            return refuse("Either prompt or prompt_embeds must be provided and non-empty.");
        };
        let (echo, stream) = (flag("echo"), flag("stream"));
        let wanted = whole("prompt_logprobs");
        if stream && wanted.is_some_and(|k| k > 0 || k == -1) {
            return refuse("`prompt_logprobs` are not available when `stream=True`.");
        }
        if wanted.is_some_and(|k| k < -1) {
            return refuse("`prompt_logprobs` must be a positive value or -1.");
        }
        let vocabulary = desk.model.tokenizer().len();
        for (what, asked) in [("prompt logprobs", wanted), ("sample logprobs", whole("logprobs"))] {
            let asked = asked.map(|k| if k == -1 { vocabulary as i64 } else { k });
            if let Some(k) = asked.filter(|k| *k > MOST_LOGPROBS) {
                return refuse(&format!("Requested {what} of {k}, which is greater than max allowed: {MOST_LOGPROBS}"));
            }
        }
        let (n, temperature) = (whole("n").unwrap_or(1).max(1), number("temperature", 1.0));
        if !(0.0..=2.0).contains(&temperature) {
            return refuse(&format!("temperature must be in [0, 2], got {temperature}."));
        }
        if n > 1 && temperature == 0.0 {
            return refuse(&format!("n must be 1 when using greedy sampling, got {n}."));
        }
        let max_tokens = whole("max_tokens").unwrap_or(16);
        if max_tokens < i64::from(!echo) {
            return refuse(&format!("max_tokens must be at least 1, got {max_tokens}."));
        }
        for prompt in &prompts {
            if let Some(strange) = prompt.iter().find(|id| **id as usize >= vocabulary) {
                return refuse(&format!("Token id {strange} is out of vocabulary"));
            }
            fits(desk, prompt.len(), max_tokens as usize)?;
        }
        let count = |name: &str| whole(name).and_then(|k| usize::try_from(k).ok());
        let logprobs = count("logprobs");
        Ok(Asked {
            prompts,
            texts,
            n: n as usize,
            seed: body["seed"].as_i64().map_or(call.seed, |seed| seed as u64),
            stop: stops(&body["stop"]),
            sampling: Sampling {
                temperature,
                top_p: number("top_p", 1.0),
                top_k: whole("top_k").and_then(|k| u32::try_from(k).ok()),
                min_p: body["min_p"].as_f64(),
                max_tokens: max_tokens as u32,
            },
            echo,
            logprobs,
            prompt_logprobs: count("prompt_logprobs").or(logprobs.filter(|_| echo)),
            gives_ids: flag("return_token_ids"),
            ids_as_tokens: flag("return_tokens_as_token_ids"),
            stream,
            usage: body["stream_options"]["include_usage"] == true,
        })
    }
}

/// # Errors
/// The refusal of what is longer than the context.
pub fn fits(desk: &Desk, prompt: usize, max_tokens: usize) -> Result<(), Answer> {
    let (limit, asked) = (desk.settings.context_length, prompt + max_tokens);
    match asked > limit {
        false => Ok(()),
        true => Err(desk.bad_request(&format!(
            "This model's maximum context length is {limit} tokens. However, you requested {asked} tokens ({prompt} in \
             the messages, {max_tokens} in the completion). Please reduce the length of the messages or completion."
        ))),
    }
}

/// A stop string or a list of them.
pub fn stops(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(list) => list.iter().filter_map(|stop| stop.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// The ids in a list of numbers.
pub fn ids(value: &Value) -> Option<Vec<u32>> {
    value.as_array()?.iter().map(|id| u32::try_from(id.as_u64()?).ok()).collect()
}

/// A text, texts, ids or lists of ids: ids each, and the texts as they were.
fn prompts(desk: &Desk, value: &Value, special: bool) -> Option<(Vec<Vec<u32>>, Vec<String>)> {
    let texts: Vec<String> = stops(value);
    if !texts.is_empty() {
        return Some((texts.iter().map(|text| desk.model.encode(text, special)).collect(), texts));
    }
    let list = match value[0] {
        Value::Array(_) => value.as_array()?.iter().map(ids).collect::<Option<Vec<_>>>()?,
        _ => vec![ids(value)?],
    };
    (!list.is_empty() && list.iter().all(|ids| !ids.is_empty())).then_some((list, Vec::new()))
}
