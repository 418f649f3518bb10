//! SGLang: scores by `/generate`, which gives only the rows it is asked for and reads its prefix cache up to them;
//! continues prompts on its completions route.
//!
//! `/generate` streams the whole text again with every event, so it is not what generation uses. Rows begin at the
//! context's last token, whose own row is empty, since the cache keeps no logits; asked for from the target's first token on, that
//! one would be lost.

use serde_json::{Value, json};

use super::ask::{Answer, Ask, Completing, Piece, Prompt, Scoring};
use super::completions::{self, count};
use super::rows::{Row, checked};
use super::{Call, Kind, Reply, fault, next};
use crate::lm::LmError;

/// SGLang, and what mirrors its `/generate`: LMDeploy, the model gateway.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sglang;

impl Sglang {
    /// Several asks in one call. They end together, and one that is refused refuses all.
    pub fn build_batch(asks: &[Ask<'_>]) -> Call {
        let ids: Vec<Vec<u32>> = asks.iter().map(ids).collect();
        let starts: Vec<usize> = asks.iter().map(start).collect();
        with_affinity(
            Call::post("/generate", body(json!(ids), json!(starts))),
            asks.first().and_then(|ask| ask.affinity),
        )
    }

    /// One answer an ask, in order.
    ///
    /// # Errors
    /// What the server refused; or [`LmError::Invalid`] when there are not as many answers as asks.
    pub fn parse_batch(asks: &[Ask<'_>], reply: &Reply) -> Result<Vec<Result<Answer, LmError>>, LmError> {
        let longest = asks.iter().map(|ask| ask.context.len() + ask.target.len()).max().unwrap_or(0);
        let answers = fault::success(reply, longest)?;
        match answers.as_array() {
            Some(answers) if answers.len() == asks.len() => {
                Ok(asks.iter().zip(answers).map(|(ask, answer)| read(ask, answer)).collect())
            }
            answers => Err(LmError::Invalid(format!(
                "the server's answer cannot be used: {} answers to a batch of {}",
                answers.map_or(1, Vec::len),
                asks.len()
            ))),
        }
    }
}

impl Scoring for Sglang {
    fn kind(&self) -> Kind {
        Kind::Sglang
    }

    fn build(&self, ask: &Ask<'_>) -> Call {
        with_affinity(Call::post("/generate", body(json!(ids(ask)), json!(start(ask)))), ask.affinity)
    }

    fn next(&self, ask: &Ask<'_>) -> Option<Call> {
        Some(next::of_generate(ask))
    }

    fn parse(&self, ask: &Ask<'_>, reply: &Reply) -> Result<Answer, LmError> {
        let answer = fault::success(reply, ask.context.len() + ask.target.len())?;
        match answer.as_array().map(Vec::as_slice) {
            Some([only]) => read(ask, only),
            _ => read(ask, &answer),
        }
    }
}

fn ids(ask: &Ask<'_>) -> Vec<u32> {
    ask.context.iter().chain(ask.target).copied().collect()
}

/// The position of the first row. No prefix is taken from the cache beyond it: from the very first, none at all.
fn start(ask: &Ask<'_>) -> usize {
    if ask.fresh { 0 } else { ask.context.len().saturating_sub(1) }
}

fn body(ids: Value, start: Value) -> Value {
    json!({
        "input_ids": ids,
        "sampling_params": { "max_new_tokens": 1, "temperature": 0 },
        "return_logprob": true,
        "logprob_start_len": start,
        "top_logprobs_num": 0,
        "return_text_in_logprobs": false,
        "stream": false,
    })
}

fn with_affinity(call: Call, affinity: Option<&str>) -> Call {
    match affinity {
        Some(name) => call.with_header("x-smg-routing-key", name),
        None => call,
    }
}

fn read(ask: &Ask<'_>, answer: &Value) -> Result<Answer, LmError> {
    let meta = &answer["meta_info"];
    if let Some(fault) = aborted(&meta["finish_reason"], ask) {
        return Err(fault);
    }
    let entries = match &meta["input_token_logprobs"] {
        Value::Null => &meta["prefill_token_logprobs"],
        entries => entries,
    };
    let Some(entries) = entries.as_array() else {
        return Err(LmError::Unsupported(
            "the server gave no input_token_logprobs: it is no SGLang, or something between drops the option"
                .to_owned(),
        ));
    };
    let (sent, target) = (ask.context.len() + ask.target.len(), ask.target.len());
    // From the context's last token on; without the empty row, as LMDeploy does; or of the whole prompt.
    if ![target + 1, target, sent].contains(&entries.len()) {
        return Err(LmError::Invalid(format!(
            "the server's answer cannot be used: {} rows for {target} tokens",
            entries.len()
        )));
    }
    let rows: Vec<Row> = entries[entries.len() - target..].iter().map(row).collect();
    checked(ask, &rows, count(&meta["prompt_tokens"]), count(&meta["cached_tokens"]))
}

/// `[logprob, id, text]`. A row without an id is no row of ours.
fn row(entry: &Value) -> Row {
    let id = entry[1].as_u64().and_then(|id| u32::try_from(id).ok());
    Row { id: Some(id.unwrap_or(u32::MAX)), text: None, logprob: entry[0].as_f64() }
}

/// A refusal that came as a success.
fn aborted(reason: &Value, ask: &Ask<'_>) -> Option<LmError> {
    let error = json!({ "error": { "message": reason["message"], "code": reason["status_code"] } });
    let tokens = ask.context.len() + ask.target.len();
    if reason["type"] == "abort" { fault::in_stream(&error, tokens) } else { None }
}

impl Completing for Sglang {
    fn kind(&self) -> Kind {
        Kind::Sglang
    }

    fn continues(&self) -> bool {
        true
    }

    fn build(&self, prompt: &Prompt<'_>) -> Call {
        with_affinity(completions::continuing(prompt, completions::ids(prompt)), prompt.affinity)
    }

    fn read(&self, event: &str) -> Result<Vec<Piece>, LmError> {
        completions::event(event)
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden::{ASK, LOGPROBS, PROMPT, body, reply, shown};
    use super::*;

    /// An answer of status 200 with these fields of `meta_info`.
    fn meta(fields: &str) -> Reply {
        reply(200, &format!(r#"{{"text":" x","meta_info":{{"id":"a",{fields}}}}}"#))
    }

    fn parse(reply: &Reply) -> Result<Answer, LmError> {
        Sglang.parse(&ASK, reply)
    }

    const ROWS: &str = "[-2.84,4320,null],[-0.41,374,null],[-1.07,279,null]";

    #[test]
    fn a_score_asks_for_the_rows_from_the_last_token_of_the_context_on() {
        insta::assert_snapshot!(shown(&Scoring::build(&Sglang, &Ask { affinity: Some("pair-1"), ..ASK })), @r#"
        Post /generate
        x-smg-routing-key: pair-1
        {"input_ids":[9906,1917,271,4320,374,279],"sampling_params":{"max_new_tokens":1,"temperature":0},"return_logprob":true,"logprob_start_len":2,"top_logprobs_num":0,"return_text_in_logprobs":false,"stream":false}
        "#);
        let start = |ask: Ask<'_>| body(&Scoring::build(&Sglang, &ask))["logprob_start_len"].clone();
        assert_eq!(start(Ask { context: &[], ..ASK }), 0);
        assert_eq!(start(Ask { fresh: true, ..ASK }), 0, "no cache is read");
    }

    #[test]
    fn p11_the_first_row_is_dropped() {
        let answer = parse(&reply(200, &format!(r#"{{"text":" x","meta_info":{{"id":"a","prompt_tokens":6,"completion_tokens":1,"cached_tokens":2,"finish_reason":{{"type":"length","length":1}},"input_token_logprobs":[[null,271,null],{ROWS}],"output_token_logprobs":[[-0.2,220,null]]}}}}"#))).unwrap();
        assert_eq!(answer.logprobs, LOGPROBS);
        assert_eq!((answer.prompt_tokens, answer.cached_tokens), (Some(6), Some(2)));
    }

    #[test]
    fn rows_of_the_whole_prompt_are_taken_from_their_end() {
        let rows = format!("[null,9906,null],[-3.2,1917,null],[-1.9,271,null],{ROWS}");
        let reply = meta(&format!(r#""prompt_tokens":6,"input_token_logprobs":[{rows}]"#));
        assert_eq!(Sglang.parse(&Ask { fresh: true, ..ASK }, &reply).unwrap().logprobs, LOGPROBS);
    }

    #[test]
    fn p12_a_lost_first_row_is_no_score() {
        let reply = meta(r#""input_token_logprobs":[[null,4320,null],[-0.41,374,null],[-1.07,279,null]]"#);
        assert!(parse(&reply).unwrap_err().to_string().contains("token 1 of 3 has no log-probability"));
    }

    #[test]
    fn rows_of_other_tokens_or_of_another_number_are_no_score() {
        for (rows, why) in [
            (
                "[null,271,null],[-2.84,4320,null],[-0.41,374,null],[-1.07,280,null]",
                "token 3 of 3 is 280, 279 was sent",
            ),
            ("[null,271,null],[-2.84,4320,null]", "2 rows for 3 tokens"),
            ("[null,271],[-2.84],[-0.41,374],[-1.07,279]", "token 1 of 3 is"),
        ] {
            let refusal = parse(&meta(&format!(r#""input_token_logprobs":[{rows}]"#))).unwrap_err();
            assert!(matches!(refusal, LmError::Invalid(_)), "{refusal:?}");
            assert!(refusal.to_string().contains(why), "{refusal}");
        }
        assert!(matches!(parse(&meta(r#""prompt_tokens":6"#)), Err(LmError::Unsupported(_))), "the option was dropped");
    }

    /// P52 as SGLang would show it.
    #[test]
    fn a_prompt_that_grew_on_the_way_is_no_score() {
        let refusal = parse(&meta(&format!(r#""prompt_tokens":7,"input_token_logprobs":[[null,271,null],{ROWS}]"#)));
        assert!(refusal.unwrap_err().to_string().contains("counted 7 tokens in a prompt of 6"));
    }

    #[test]
    fn p13_a_batch_answers_in_order() {
        let second = Ask { target: &[374], target_text: " is", fresh: true, ..ASK };
        insta::assert_snapshot!(shown(&Sglang::build_batch(&[ASK, second])), @r#"
        Post /generate
        {"input_ids":[[9906,1917,271,4320,374,279],[9906,1917,271,374]],"sampling_params":{"max_new_tokens":1,"temperature":0},"return_logprob":true,"logprob_start_len":[2,0],"top_logprobs_num":0,"return_text_in_logprobs":false,"stream":false}
        "#);
        let body = format!(
            r#"[{{"meta_info":{{"input_token_logprobs":[[null,271,null],{ROWS}]}}}},{{"meta_info":{{"input_token_logprobs":[[null,271,null],[-0.5,374,null]]}}}}]"#
        );
        let answers = Sglang::parse_batch(&[ASK, second], &reply(200, &body)).unwrap();
        assert_eq!(answers[0].as_ref().unwrap().logprobs, LOGPROBS);
        assert_eq!(answers[1].as_ref().unwrap().logprobs, [Some(-0.5)]);
        let swapped = Sglang::parse_batch(&[second, ASK], &reply(200, &body)).unwrap();
        assert!(swapped.iter().all(Result::is_err));
        assert!(Sglang::parse_batch(&[ASK], &reply(200, &body)).is_err());
    }

    /// P13: a list of one is what some routers make of one.
    #[test]
    fn p13_a_list_of_one_is_its_answer() {
        let body = format!(r#"[{{"meta_info":{{"input_token_logprobs":[[null,271,null],{ROWS}]}}}}]"#);
        assert_eq!(parse(&reply(200, &body)).unwrap().logprobs, LOGPROBS);
    }

    #[test]
    fn p14_lmdeploy_gives_no_empty_row() {
        assert_eq!(parse(&meta(&format!(r#""input_token_logprobs":[{ROWS}]"#))).unwrap().logprobs, LOGPROBS);
    }

    #[test]
    fn p15_very_old_servers_have_other_names() {
        let reply = meta(&format!(r#""prefill_token_logprobs":[[null,271,null],{ROWS}]"#));
        assert_eq!(parse(&reply).unwrap().logprobs, LOGPROBS);
    }

    #[test]
    fn p16_an_abort_is_a_refusal_whatever_its_status() {
        let told = r#"req.logprob_start_len=9 is higher than the number of input tokens len(req.origin_input_ids)=6. Please use a smaller logprob_start_len."#;
        let refused = parse(&reply(400, &format!(r#"{{"error":{{"message":"{told}"}}}}"#))).unwrap_err();
        assert!(matches!(&refused, LmError::Unsupported(message) if message.contains("logprob_start_len=9")));
        let abort = |message: &str, status: u16| {
            let reason = format!(r#"{{"type":"abort","message":"{message}","status_code":{status}}}"#);
            parse(&meta(&format!(r#""finish_reason":{reason},"input_token_logprobs":[]"#))).unwrap_err()
        };
        assert!(matches!(abort(told, 400), LmError::Unsupported(_)));
        assert!(matches!(abort("Aborted by AbortReq.", 503), LmError::Passing { .. }));
        let too_long = "The input (9000 tokens) is longer than the model's context length (8192 tokens).";
        assert_eq!(abort(too_long, 400), LmError::TooLong { have: 6, limit: Some(8192) });
        let too_long = "Input length (9000 tokens) exceeds the maximum allowed length (8188 tokens).";
        assert_eq!(abort(too_long, 400), LmError::TooLong { have: 6, limit: Some(8188) });
    }

    #[test]
    fn a_continuation_goes_to_the_completions_route_with_ids() {
        insta::assert_snapshot!(shown(&Completing::build(&Sglang, &PROMPT)), @r#"
        Post /v1/completions
        {"model":"m","prompt":[9906,1917,271],"max_tokens":512,"temperature":0.8,"top_p":0.95,"seed":7,"stop":["</refine>"],"stream":true,"stream_options":{"include_usage":true}}
        "#);
    }
}
