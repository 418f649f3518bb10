//! What servers of the OpenAI family share on their completions route: the body of a streamed call, its events, its counts.

use serde_json::{Value, json};

use super::ask::{End, Piece, Prompt, Usage};
use super::{Call, fault, typed};
use crate::lm::{LmError, Setback};

/// A streamed call that continues `text`: a string or token ids.
pub(super) fn continuing(prompt: &Prompt<'_>, text: Value) -> Call {
    let sampling = prompt.sampling;
    let mut body = json!({
        "model": prompt.model,
        "prompt": text,
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": seed(prompt.seed),
        "stop": prompt.stop,
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    // Providers refuse options that they do not know: these go out only where somebody set them.
    if let Some(top_k) = sampling.top_k {
        body["top_k"] = json!(top_k);
    }
    if let Some(min_p) = sampling.min_p {
        body["min_p"] = json!(min_p);
    }
    Call::post("/v1/completions", body)
}

/// The prompt of a continuation as ids; empty where nothing was rendered.
pub(super) fn ids(prompt: &Prompt<'_>) -> Value {
    json!(prompt.rendered.map(|rendered| rendered.ids).unwrap_or_default())
}

/// The prompt of a continuation as text; empty where nothing was rendered.
pub(super) fn text(prompt: &Prompt<'_>) -> Value {
    json!(prompt.rendered.map(|rendered| rendered.text).unwrap_or_default())
}

/// A seed that every server holds: some keep 32 bits, some of them signed, and to some the largest means "any".
pub(super) fn seed(seed: u64) -> u32 {
    (seed >> 33) as u32
}

/// Calls with one name go to one engine, where a router knows this header.
pub(super) fn with_affinity(call: Call, affinity: Option<&str>) -> Call {
    match affinity {
        Some(name) => call.with_header("x-session-id", name),
        None => call,
    }
}

/// The document of an event.
///
/// # Errors
/// A fault told in mid-stream, or what is no JSON.
pub(super) fn document(event: &str) -> Result<Value, LmError> {
    // Mostly the end of a stream that broke off.
    let value: Value = serde_json::from_str(event).map_err(|e| LmError::Passing {
        setback: Setback::Broken,
        message: format!("an event of the stream broke off or is no JSON: {e}"),
    })?;
    match fault::in_stream(&value, 0) {
        Some(fault) => Err(fault),
        None => Ok(value),
    }
}

/// An event of a streamed completion.
///
/// # Errors
/// A fault told in mid-stream, or what is no event of this kind.
pub(super) fn event(event: &str) -> Result<Vec<Piece>, LmError> {
    if let Some(pieces) = typed::pieces(event) {
        return Ok(pieces);
    }
    pieces(event, |choice| Piece { text: text_of(&choice["text"]), ..Piece::default() })
}

/// An event with `choices`, of which `read` takes the text; index and end are the same on every route.
///
/// # Errors
/// As [`event`].
pub(super) fn pieces(event: &str, read: impl Fn(&Value) -> Piece) -> Result<Vec<Piece>, LmError> {
    if event.trim() == "[DONE]" {
        return Ok(Vec::new());
    }
    let value = document(event)?;
    let choices = value["choices"].as_array().into_iter().flatten();
    let mut pieces: Vec<Piece> = choices
        .map(|choice| Piece {
            sample: count(&choice["index"]).unwrap_or(0),
            end: end(choice["finish_reason"].as_str()),
            ..read(choice)
        })
        .collect();
    if let Some(usage) = usage(&value["usage"]) {
        pieces.push(Piece { usage: Some(usage), ..Piece::default() });
    }
    Ok(pieces)
}

pub(super) fn end(reason: Option<&str>) -> Option<End> {
    reason.map(|reason| if reason == "length" { End::Length } else { End::Stop })
}

/// A string, or nothing where there is none.
pub(super) fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn count(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok())
}

/// The counts of a `usage` object.
pub(super) fn usage(value: &Value) -> Option<Usage> {
    Some(Usage {
        tokens_in: count(&value["prompt_tokens"])?,
        tokens_out: count(&value["completion_tokens"]).unwrap_or(0),
        cached: count(&value["prompt_tokens_details"]["cached_tokens"]).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::super::golden::{PROMPT, body, shown};
    use super::*;

    fn piece(sample: usize, text: &str) -> Piece {
        Piece { sample, text: text.to_owned(), ..Piece::default() }
    }

    #[test]
    fn p42_samples_come_interleaved_and_counts_at_the_end() {
        let events = [
            r#"{"choices":[{"index":1,"text":" a","finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"text":" b","finish_reason":null},{"index":1,"text":" c","finish_reason":"stop","stop_reason":"x"}]}"#,
            r#"{"choices":[{"index":0,"text":"","finish_reason":"length"}],"usage":null}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":6,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2}}}"#,
            "[DONE]",
        ];
        let pieces: Vec<Piece> = events.into_iter().flat_map(|text| event(text).unwrap()).collect();
        let usage = Some(Usage { tokens_in: 6, tokens_out: 3, cached: 2 });
        assert_eq!(
            pieces,
            [
                piece(1, " a"),
                piece(0, " b"),
                Piece { end: Some(End::Stop), ..piece(1, " c") },
                Piece { end: Some(End::Length), ..piece(0, "") },
                Piece { usage, ..Piece::default() },
            ]
        );
    }

    #[test]
    fn p43_a_fault_in_mid_stream() {
        for told in [
            r#"{"error":{"message":"EngineDeadError: see the log","type":"InternalServerError","code":500}}"#,
            r#"{"object":"error","message":"CUDA out of memory","type":"InternalServerError","param":null,"code":500}"#,
        ] {
            let fault = event(told).unwrap_err();
            assert!(matches!(fault, LmError::Passing { setback: crate::lm::Setback::Down, .. }), "{fault:?}");
        }
        let cut = event(r#"{"choices":[{"te"#).unwrap_err();
        assert!(matches!(cut, LmError::Passing { setback: Setback::Broken, .. }), "{cut:?}");
    }

    /// P47: an answer that was cut before its stop string says so; that its candidate is discarded is the parser's.
    #[test]
    fn p47_an_answer_cut_at_its_limit_says_so() {
        let last = event(r#"{"choices":[{"index":0,"text":"and th","finish_reason":"length"}]}"#).unwrap();
        assert_eq!(last[0].end, Some(End::Length));
    }

    /// P48: greedy decoding refuses more than one sample in a call. P50: a server may give fewer than it was asked for. Neither
    /// can happen to a call that never asks for more than one.
    #[test]
    fn p48_p50_a_call_asks_for_one_sample_with_its_own_seed() {
        let greedy =
            crate::reer::search::Sampling { temperature: 0.0, top_k: Some(40), min_p: Some(0.1), ..*PROMPT.sampling };
        let call = continuing(&Prompt { sampling: &greedy, ..PROMPT }, text(&PROMPT));
        insta::assert_snapshot!(shown(&call), @r#"
        Post /v1/completions
        {"model":"m","prompt":"Hello world\n\n","max_tokens":512,"temperature":0.0,"top_p":0.95,"seed":7,"stop":["</refine>"],"stream":true,"stream_options":{"include_usage":true},"top_k":40,"min_p":0.1}
        "#);
        assert!(body(&call).get("n").is_none());
    }

    #[test]
    fn seeds_fit_31_bits_and_differ_where_theirs_differ() {
        assert_eq!(seed(u64::MAX), u32::MAX >> 1);
        assert_ne!(seed(0x1234_5678_9abc_def0), seed(0x2234_5678_9abc_def0));
    }
}
