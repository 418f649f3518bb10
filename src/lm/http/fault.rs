//! What a refusal means: status and body of an answer, in any server's way of writing errors, become a fault by what
//! helps against it.

use std::time::Duration;

use serde_json::Value;

use super::Reply;
use crate::lm::{LmError, Setback};

/// Most characters of a server's message that are repeated.
const MOST_SHOWN: usize = 300;

/// What helps where llama-server has no room left: calls that fit alone do not fit together.
const SHARED_CONTEXT: &str = "(the calls at a llama-server share its -c: start it with a larger one, or with -np 1, or \
                              lower --concurrency)";

/// The answer, when it is one.
///
/// # Errors
/// What the server refused: by its status, or by an error object in an answer that claims success.
pub(super) fn success(reply: &Reply, tokens: usize) -> Result<Value, LmError> {
    if !reply.is_success() {
        return Err(refusal(reply, tokens));
    }
    let value: Value = serde_json::from_slice(&reply.body).map_err(|error| LmError::Passing {
        setback: Setback::Broken,
        message: match reply.body.is_empty() {
            true => "the server answered with nothing".to_owned(),
            false => format!("the server's answer broke off or is no JSON: {error}"),
        },
    })?;
    match error_in(&value) {
        Some((message, code)) => {
            let status = code.unwrap_or(500);
            Err(classified(status, reply.retry_after, &message, &value, tokens))
        }
        None => Ok(value),
    }
}

/// What a failed answer means; `tokens` are those of the prompt that was sent.
pub(super) fn refusal(reply: &Reply, tokens: usize) -> LmError {
    let value: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    let message = match error_in(&value) {
        Some((message, _)) => message,
        None => plain_text(&reply.body),
    };
    classified(reply.status, reply.retry_after, &message, &value, tokens)
}

/// What an error object inside a stream means.
pub(super) fn in_stream(value: &Value, tokens: usize) -> Option<LmError> {
    let (message, code) = error_in(value)?;
    Some(classified(code.unwrap_or(500), None, &message, value, tokens))
}

/// The message and status of an error object, in whichever of the shapes that servers use.
fn error_in(value: &Value) -> Option<(String, Option<u16>)> {
    let code = |value: &Value| value["code"].as_u64().or_else(|| value["status_code"].as_u64());
    let status = |value: &Value| code(value).and_then(|code| u16::try_from(code).ok()).filter(|code| *code >= 400);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if value["object"] == "error" {
        return Some((text(&value["message"]).unwrap_or_default(), status(value)));
    }
    match &value["error"] {
        Value::Object(_) => {
            let error = &value["error"];
            let message = text(&error["message"]).unwrap_or_else(|| error.to_string());
            let kind = match error["type"].as_str() {
                Some("overloaded_error") => Some(529),
                Some("rate_limit_error") => Some(429),
                _ => None,
            };
            Some((message, status(error).or(kind)))
        }
        Value::String(message) => {
            let kind = match value["error_type"].as_str() {
                Some("overloaded") => Some(429),
                Some("validation") => Some(422),
                Some("generation" | "incomplete_generation") => Some(500),
                _ => None,
            };
            Some((message.clone(), kind))
        }
        _ => match &value["detail"] {
            Value::String(message) => Some((message.clone(), None)),
            Value::Array(faults) => {
                let told = faults.iter().filter_map(|fault| {
                    let place: Vec<&str> = fault["loc"].as_array()?.iter().filter_map(Value::as_str).collect();
                    Some(format!("{}: {}", place.join("."), fault["msg"].as_str()?))
                });
                Some((told.collect::<Vec<_>>().join("; "), None))
            }
            _ => None,
        },
    }
}

/// A proxy's page as one line without its tags.
fn plain_text(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut out = String::new();
    let mut inside = false;
    for c in text.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                out.push(' ');
            }
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn classified(status: u16, after: Option<Duration>, message: &str, value: &Value, tokens: usize) -> LmError {
    let lower = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let message = match (message.trim(), status) {
        ("", status) => format!("the server answered with status {status}"),
        (message, status) => format!("the server answered with status {status}: {}", shortened(message)),
    };
    let message = match lower.contains("context size has been exceeded") {
        true => format!("{message} {SHARED_CONTEXT}"),
        false => message,
    };
    let too_long = has(&[
        "maximum context length",
        "context length",
        "exceeds the available context",
        "exceed context",
        "context window",
        "longer than the model",
        "maximum allowed length",
        "too many tokens",
        "`inputs` tokens + `max_new_tokens`",
        "input is too long",
    ]) || value["error"]["type"] == "exceed_context_size_error";
    let passing = |setback| LmError::Passing { setback, message: message.clone() };
    match status {
        400 | 413 | 422 | 500 if too_long => {
            let counted = |name: &str| value["error"][name].as_u64().map(|n| n as usize);
            let have = counted("n_prompt_tokens").unwrap_or(tokens);
            LmError::TooLong { have, limit: counted("n_ctx").or_else(|| limit_in(&lower)) }
        }
        401 | 403 => LmError::Denied(message),
        500..
            if has(&[
                "enginedead",
                "engine dead",
                "engine is dead",
                "out of memory",
                "cuda error",
                "background loop",
            ]) =>
        {
            passing(Setback::Down)
        }
        503 if has(&["loading model"]) => passing(Setback::Down),
        429 | 503 | 529 => passing(Setback::Busy { after }),
        408 => passing(Setback::Slow),
        424 | 500.. => passing(Setback::Broken),
        _ => LmError::Unsupported(message),
    }
}

/// The number after the words that name a limit.
fn limit_in(lower: &str) -> Option<usize> {
    let words = [
        "maximum context length is ",
        "maximum allowed length (",
        "context length of ",
        "context length (",
        "context size (",
        "context length is only ",
    ];
    let rest = words.iter().find_map(|word| lower.split_once(word)).map(|(_, rest)| rest)?;
    let digits: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == ',').filter(|c| *c != ',').collect();
    digits.parse().ok()
}

fn shortened(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST_SHOWN) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// What a `Retry-After` header asks to wait: seconds, or a date less `now`.
pub(super) fn retry_after(header: &str, now: time::OffsetDateTime) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date =
        time::OffsetDateTime::parse(&header.replace("GMT", "+0000"), &time::format_description::well_known::Rfc2822);
    Some(Duration::try_from(date.ok()? - now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, retry_after: None, body: body.as_bytes().to_vec() }
    }

    fn fault(status: u16, body: &str) -> LmError {
        refusal(&reply(status, body), 6)
    }

    #[test]
    fn a_wait_is_told_in_seconds_or_by_a_date() {
        let now = time::macros::datetime!(2026-11-23 10:00:00 UTC);
        let seconds = |header: &str| retry_after(header, now).map(|wait| wait.as_secs());
        assert_eq!(seconds("7"), Some(7));
        assert_eq!(seconds("Mon, 23 Nov 2026 10:00:30 GMT"), Some(30));
        assert_eq!(seconds("Mon, 23 Nov 2026 09:00:00 GMT"), Some(0), "a date gone by");
        assert_eq!(seconds("soon"), None);
    }

    #[test]
    fn a_context_that_calls_share_is_told_with_its_remedy() {
        let told =
            fault(500, r#"{"error":{"code":500,"message":"Context size has been exceeded.","type":"server_error"}}"#);
        assert!(matches!(told, LmError::Passing { setback: Setback::Broken, .. }), "{told:?}");
        assert_eq!(
            told.to_string(),
            "the server answered with status 500: Context size has been exceeded. (the calls at a llama-server share its \
             -c: start it with a larger one, or with -np 1, or lower --concurrency)"
        );
    }

    #[test]
    fn every_server_s_way_of_refusing() {
        let busy = |after| LmError::Passing { setback: Setback::Busy { after }, message: String::new() };
        let passing = |setback| LmError::Passing { setback, message: String::new() };
        let unsupported = || LmError::Unsupported(String::new());
        let cases: Vec<(&str, u16, &str, LmError)> = vec![
            (
                "P31",
                400,
                r#"{"object":"error","message":"This model's maximum context length is 8192 tokens. However, you requested 8300 tokens","type":"BadRequestError","param":null,"code":400}"#,
                LmError::TooLong { have: 6, limit: Some(8192) },
            ),
            (
                "P32",
                400,
                r#"{"error":{"message":"Requested prompt logprobs of 50, which is greater than max allowed: 20","type":"BadRequestError","param":"prompt_logprobs","code":400}}"#,
                unsupported(),
            ),
            (
                "P33",
                400,
                r#"{"error":{"message":"Setting 'echo' and 'logprobs' at the same time is not supported for this model.","type":"invalid_request_error","param":null,"code":null}}"#,
                unsupported(),
            ),
            (
                "P34",
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"This model does not support assistant message prefill. The conversation must end with a user message."}}"#,
                unsupported(),
            ),
            ("P35", 429, r#"{"error":"Model is overloaded","error_type":"overloaded"}"#, busy(None)),
            (
                "P36",
                503,
                r#"{"error":"server busy, please try again.  maximum pending requests exceeded"}"#,
                busy(None),
            ),
            (
                "P37",
                422,
                r#"{"detail":[{"loc":["body","max_tokens"],"msg":"Input should be greater than 0","type":"greater_than"}]}"#,
                unsupported(),
            ),
            (
                "P38",
                503,
                r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
                passing(Setback::Down),
            ),
            ("P40", 502, "<html><head><title>502 Bad Gateway</title></head></html>", passing(Setback::Broken)),
            ("P41a", 500, "", passing(Setback::Broken)),
            ("key", 401, r#"{"error":{"message":"Incorrect API key provided"}}"#, LmError::Denied(String::new())),
            ("oom", 500, r#"{"error":{"message":"CUDA out of memory. Tried to allocate"}}"#, passing(Setback::Down)),
            ("dead", 500, r#"{"error":{"message":"EngineDeadError: see stack trace"}}"#, passing(Setback::Down)),
            (
                "llama-server",
                400,
                r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_prompt_tokens":700,"n_ctx":512}}"#,
                LmError::TooLong { have: 700, limit: Some(512) },
            ),
            ("slow", 408, "", passing(Setback::Slow)),
            ("no route", 404, r#"{"detail":"Not Found"}"#, unsupported()),
        ];
        for (name, status, body, expected) in cases {
            let fault = fault(status, body);
            let same = match (&fault, &expected) {
                (LmError::Passing { setback: a, .. }, LmError::Passing { setback: b, .. }) => a == b,
                (LmError::TooLong { .. }, _) => fault == expected,
                (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
            };
            assert!(same, "{name}: {fault:?} is not {expected:?}");
        }
    }

    /// P39: a server that says when.
    #[test]
    fn the_wait_that_a_server_asks_for_is_kept() {
        let asked = Reply { retry_after: Some(Duration::from_secs(7)), ..reply(429, "{}") };
        let LmError::Passing { setback, .. } = refusal(&asked, 0) else { panic!() };
        assert_eq!(setback, Setback::Busy { after: Some(Duration::from_secs(7)) });
    }

    #[test]
    fn messages_are_one_short_line() {
        let shown = fault(502, "<html>\n<body><h1>502 Bad\nGateway</h1>nginx</body></html>").to_string();
        assert_eq!(shown, "the server answered with status 502: 502 Bad Gateway nginx");
        assert!(fault(500, &"x".repeat(5000)).to_string().len() < 400);
        assert_eq!(fault(500, "").to_string(), "the server answered with status 500");
        let missing = fault(422, r#"{"detail":[{"loc":["body","n"],"msg":"too small","type":"x"}]}"#).to_string();
        assert!(missing.ends_with("body.n: too small"), "{missing}");
    }

    /// P41: cut or empty answers, and an error inside a success.
    #[test]
    fn a_success_that_is_none() {
        let of = |body: &str| success(&reply(200, body), 6).unwrap_err();
        assert!(matches!(of(""), LmError::Passing { setback: Setback::Broken, .. }));
        assert!(matches!(of(r#"{"choices":[{"te"#), LmError::Passing { setback: Setback::Broken, .. }));
        assert!(matches!(
            of(r#"{"error":{"message":"worker died","code":500}}"#),
            LmError::Passing { setback: Setback::Broken, .. }
        ));
        assert!(success(&reply(200, r#"{"choices":[]}"#), 6).is_ok());
    }
}
