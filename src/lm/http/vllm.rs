//! vLLM: scores by `prompt_logprobs` on its completions route, and continues prompts there.
//!
//! Ids go in and ids are compared, so that no special token is added on the way; `prompt_logprobs: 0` asks for the given
//! token's entry alone.

use serde::Serialize;
use serde_json::{Value, json};

use super::ask::{Answer, Ask, Completing, Piece, Prompt, Scoring};
use super::call::Ids;
use super::completions::{self, count, with_affinity};
use super::rows::{Row, checked};
use super::{Call, Kind, Reply, fault, next, typed};
use crate::lm::LmError;

/// vLLM and its derivatives.
#[derive(Debug, Clone, Copy, Default)]
pub struct Vllm;

/// The body of a call that scores. Written as it is, for it is most of what a search sends.
#[derive(Serialize)]
struct Score<'a> {
    model: &'a str,
    prompt: Ids<'a>,
    max_tokens: u32,
    temperature: u32,
    prompt_logprobs: u32,
    add_special_tokens: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_salt: Option<&'static str>,
}

/// The body of a call that continues a prompt.
#[derive(Serialize)]
struct Text<'a> {
    model: &'a str,
    prompt: &'a [u32],
    max_tokens: u32,
    temperature: f64,
    top_p: f64,
    seed: u64,
    stop: &'a [&'a str],
    add_special_tokens: bool,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_p: Option<f64>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl Scoring for Vllm {
    fn kind(&self) -> Kind {
        Kind::Vllm
    }

    fn build(&self, ask: &Ask<'_>) -> Call {
        let body = Score {
            model: ask.model,
            prompt: Ids(ask.context, ask.target),
            max_tokens: 1,
            temperature: 0,
            prompt_logprobs: 0,
            add_special_tokens: false,
            cache_salt: ask.fresh.then_some("retrace-fresh"),
        };
        with_affinity(Call::post("/v1/completions", body), ask.affinity)
    }

    fn next(&self, ask: &Ask<'_>) -> Option<Call> {
        Some(next::of_completions(ask.model, json!(ask.context)))
    }

    fn parse(&self, ask: &Ask<'_>, reply: &Reply) -> Result<Answer, LmError> {
        if let Some(typed::Scored { rows, prompt_tokens, cached_tokens }) = quick(ask, reply) {
            return checked(ask, &rows, prompt_tokens, cached_tokens);
        }
        let answer = fault::success(reply, ask.context.len() + ask.target.len())?;
        // Per choice on the completions route; at the top on the chat route.
        let entries = match &answer["choices"][0]["prompt_logprobs"] {
            Value::Null => &answer["prompt_logprobs"],
            entries => entries,
        };
        let Some(entries) = entries.as_array() else {
            return Err(LmError::Unsupported(
                "the server gave no prompt_logprobs: it is no vLLM, or something between drops the option".to_owned(),
            ));
        };
        let (sent, have) = (ask.context.len() + ask.target.len(), entries.len());
        if have != sent {
            return Err(LmError::Invalid(format!(
                "the server's answer cannot be used: {have} rows for a prompt of {sent} tokens"
            )));
        }
        let rows = entries[ask.context.len()..].iter().zip(ask.target).enumerate();
        let rows: Result<Vec<Row>, LmError> = rows.map(|(at, (entry, id))| row(entry, *id, at)).collect();
        let usage = &answer["usage"];
        checked(ask, &rows?, count(&usage["prompt_tokens"]), count(&usage["prompt_tokens_details"]["cached_tokens"]))
    }
}

/// An answer that is as it should be.
fn quick(ask: &Ask<'_>, reply: &Reply) -> Option<typed::Scored> {
    reply.is_success().then(|| typed::scored(ask, &reply.body)).flatten()
}

/// The entry of the token that was sent; others may stand beside it.
fn row(entry: &Value, id: u32, at: usize) -> Result<Row, LmError> {
    if entry.is_null() {
        return Ok(Row { id: Some(id), text: None, logprob: None });
    }
    match entry.get(id.to_string()) {
        Some(own) => Ok(Row { id: Some(id), text: None, logprob: own["logprob"].as_f64() }),
        None => Err(LmError::Invalid(format!(
            "the server's answer cannot be used: row {} of the target does not have token {id}, which was sent",
            at + 1
        ))),
    }
}

impl Completing for Vllm {
    fn kind(&self) -> Kind {
        Kind::Vllm
    }

    fn continues(&self) -> bool {
        true
    }

    fn build(&self, prompt: &Prompt<'_>) -> Call {
        let ids = prompt.rendered.map(|rendered| rendered.ids).unwrap_or_default();
        let sampling = prompt.sampling;
        let body = Text {
            model: prompt.model,
            prompt: ids,
            max_tokens: sampling.max_tokens,
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            // Signed where the server parses it.
            seed: prompt.seed >> 1,
            stop: prompt.stop,
            add_special_tokens: false,
            stream: true,
            stream_options: StreamOptions { include_usage: true },
            top_k: sampling.top_k,
            min_p: sampling.min_p,
        };
        with_affinity(Call::post("/v1/completions", body), prompt.affinity)
    }

    fn read(&self, event: &str) -> Result<Vec<Piece>, LmError> {
        completions::event(event)
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden::{ASK, LOGPROBS, PROMPT, reply, shown};
    use super::*;

    /// The rows of the context, then those of the target.
    const ROWS: &str = r#"null,{"1917":{"logprob":-3.2,"rank":14,"decoded_token":" world"}},{"271":{"logprob":-1.9,"rank":4,"decoded_token":"\n\n"}},{"220":{"logprob":-0.9,"rank":1,"decoded_token":" "},"4320":{"logprob":-2.84,"rank":6,"decoded_token":" answer"}},{"374":{"logprob":-0.41,"rank":1,"decoded_token":" is"}},{"279":{"logprob":-1.07,"rank":2,"decoded_token":" the"}}"#;

    fn parse(rows: &str) -> Result<Answer, LmError> {
        Vllm.parse(&ASK, &reply(200, &format!(r#"{{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{{"index":0,"text":" x","logprobs":null,"finish_reason":"length","stop_reason":null,"prompt_logprobs":{rows}}}],"usage":{{"prompt_tokens":6,"completion_tokens":1,"total_tokens":7,"prompt_tokens_details":null}}}}"#)))
    }

    fn refusal(from: &str, to: &str) -> String {
        assert!(ROWS.contains(from));
        let refusal = parse(&format!("[{}]", ROWS.replace(from, to))).unwrap_err();
        assert!(matches!(refusal, LmError::Invalid(_)), "{refusal:?}");
        refusal.to_string()
    }

    #[test]
    fn a_score_and_a_continuation_send_ids() {
        insta::assert_snapshot!(shown(&Scoring::build(&Vllm, &Ask { affinity: Some("pair-1"), fresh: true, ..ASK })), @r#"
        Post /v1/completions
        x-session-id: pair-1
        {"model":"m","prompt":[9906,1917,271,4320,374,279],"max_tokens":1,"temperature":0,"prompt_logprobs":0,"add_special_tokens":false,"cache_salt":"retrace-fresh"}
        "#);
        insta::assert_snapshot!(shown(&Completing::build(&Vllm, &PROMPT)), @r#"
        Post /v1/completions
        {"model":"m","prompt":[9906,1917,271],"max_tokens":512,"temperature":0.8,"top_p":0.95,"seed":30064771072,"stop":["</refine>"],"add_special_tokens":false,"stream":true,"stream_options":{"include_usage":true}}
        "#);
    }

    #[test]
    fn p1_the_token_that_was_sent_is_taken_and_not_the_first() {
        let answer = parse(&format!("[{ROWS}]")).unwrap();
        assert_eq!((answer.logprobs, answer.prompt_tokens), (LOGPROBS.to_vec(), Some(6)));
    }

    #[test]
    fn p2_a_row_without_the_token_that_was_sent_is_no_score() {
        assert!(refusal("\"279\"", "\"280\"").contains("row 3 of the target does not have token 279"));
    }

    #[test]
    fn p3_the_stand_in_for_no_probability_is_no_score() {
        assert!(refusal("-0.41", "-9999.0").contains("token 2 of 3 has -9999"));
    }

    #[test]
    fn p4_a_row_too_few_is_no_score() {
        assert!(
            refusal(r#"{"1917":{"logprob":-3.2,"rank":14,"decoded_token":" world"}},"#, "")
                .contains("5 rows for a prompt of 6")
        );
    }

    #[test]
    fn p5_a_number_above_zero_is_no_score() {
        assert!(refusal("-1.07", "1.0").contains("token 3 of 3 has 1, which is no log-probability"));
    }

    /// P6: only the doctor, who compares, can tell.
    #[test]
    fn p6_all_zeros_look_like_a_score() {
        let zeros = ROWS.replace("-2.84", "0.0").replace("-0.41", "0.0").replace("-1.07", "0.0");
        assert_eq!(parse(&format!("[{zeros}]")).unwrap().logprobs, [Some(0.0); 3]);
    }

    #[test]
    fn p7_an_option_that_was_dropped_on_the_way() {
        assert!(matches!(parse("null"), Err(LmError::Unsupported(why)) if why.contains("prompt_logprobs")));
    }

    #[test]
    fn p8_rows_at_the_top_as_on_the_chat_route() {
        let body = format!(
            r#"{{"choices":[{{"index":0,"message":{{"role":"assistant","content":"x"}}}}],"prompt_logprobs":[{ROWS}],"prompt_token_ids":[9906,1917,271,4320,374,279]}}"#
        );
        assert_eq!(Vllm.parse(&ASK, &reply(200, &body)).unwrap().logprobs, LOGPROBS);
    }

    /// P52.
    #[test]
    fn p52_a_second_bos_is_a_row_too_many() {
        assert!(refusal("null,", "null,{},").contains("7 rows for a prompt of 6"));
    }
}
