//! llama.cpp's `llama-server`: continues prompts natively, and scores by forced decoding.
//!
//! It gives log-probabilities of generated tokens only, so a grammar of token literals leaves it no choice but the target's
//! tokens; the numbers are of the plain logits, before the grammar. Exact, at the speed of decoding. `echo` on its completions
//! route is refused or ignored.
//!
//! A token that ends inside a character matches no literal, nor does one that begins a call inside of one (`Unexpected empty
//! grammar stack`): these are asked for alone, and a call for one token alone forces it by a bias instead. Of a token that
//! leaves a character open the server tells nothing at all: where that may be so, it is made to write a letter, and to tell
//! every token that could have stood there.

use std::ops::Range;

use serde_json::{Value, json};

use super::ask::{Answer, Ask, Completing, End, Piece, Prompt, Scoring, Usage};
use super::completions::{self, count, seed, text_of};
use super::rows::{Row, checked};
use super::{Call, Kind, Reply, fault, next};
use crate::lm::LmError;

/// A grammar is checked against the whole vocabulary for each token; one rule of this many is fast and within its limits.
const BLOCK: usize = 256;

/// Added to a token's logit, so that nothing else is chosen.
const CERTAIN: f64 = 1e6;

/// More tokens than any vocabulary has.
const ALL: u32 = 1 << 24;

/// llama-server since token literals stand in grammars (December 2025).
#[derive(Debug, Clone, Copy, Default)]
pub struct LlamaServer;

impl Scoring for LlamaServer {
    fn kind(&self) -> Kind {
        Kind::LlamaServer
    }

    fn parts(&self, tokens: usize, text: &str, spans: &[Range<usize>]) -> Vec<Range<usize>> {
        let alone = |at: usize| match spans.len() == tokens {
            true => shares_a_character(spans, at),
            false => !text.is_ascii(),
        };
        let mut parts: Vec<Range<usize>> = Vec::new();
        for at in 0..tokens {
            match parts.last_mut() {
                Some(part) if part.len() < BLOCK && !alone(at) && !alone(at - 1) => part.end = at + 1,
                _ => parts.push(at..at + 1),
            }
        }
        parts
    }

    fn build(&self, ask: &Ask<'_>) -> Call {
        let (prompt, forced) = parts(ask);
        let mut body = json!({
            "prompt": prompt,
            "n_predict": forced.len(),
            "n_probs": 1,
            "post_sampling_probs": false,
            "temperature": 0,
            "cache_prompt": !ask.fresh,
            "return_tokens": true,
            "stream": false,
        });
        match forced {
            [_] if is_inside(ask) => {
                body["grammar"] = json!("root ::= [a-z]");
                body["n_probs"] = json!(ALL);
            }
            [only] => body["logit_bias"] = json!([[only, CERTAIN]]),
            forced => {
                let literals: Vec<String> = forced.iter().map(|id| format!("<[{id}]>")).collect();
                body["grammar"] = json!(format!("root ::= {}", literals.join(" ")));
            }
        }
        Call::post("/completion", body)
    }

    fn next(&self, ask: &Ask<'_>) -> Option<Call> {
        Some(next::of_completion(ask))
    }

    fn parse(&self, ask: &Ask<'_>, reply: &Reply) -> Result<Answer, LmError> {
        let sent = ask.context.len() + ask.target.len();
        let answer = fault::success(reply, sent)?;
        if answer["truncated"] == true {
            return Err(LmError::TooLong { have: sent, limit: None });
        }
        let Some(entries) = answer["completion_probabilities"].as_array() else {
            return Err(LmError::Unsupported(
                "the server gave no completion_probabilities: it is no llama-server, or one without n_probs".to_owned(),
            ));
        };
        let (prompt, forced) = parts(ask);
        let entries: Vec<&Value> = match (forced, &entries[..]) {
            ([only], [written]) if is_inside(ask) => {
                let all = written["top_logprobs"].as_array().into_iter().flatten();
                all.filter(|entry| entry["id"] == *only).collect()
            }
            (_, entries) => entries.iter().collect(),
        };
        let unasked = |(entry, id): (&&Value, &u32)| entry["id"] != *id;
        if entries.iter().zip(forced).any(unasked) {
            return Err(LmError::Unsupported(
                "the server does not hold to a grammar of token literals, so it cannot score: it needs llama.cpp of \
                 December 2025 or later"
                    .to_owned(),
            ));
        }
        if entries.iter().any(|entry| entry.get("logprob").is_none() && entry.get("prob").is_some()) {
            return Err(LmError::Invalid(
                "the server's answer cannot be used: it gives probabilities after sampling, which the grammar makes 1"
                    .to_owned(),
            ));
        }
        let nothing_before = ask.context.is_empty().then(|| Row { id: Some(ask.target[0]), text: None, logprob: None });
        let told = entries.iter().zip(forced).map(|(entry, id)| row(entry, *id));
        let rows: Vec<Row> = nothing_before.into_iter().chain(told).collect();
        // Counted before the forced tokens: what it adds to a prompt shows all the same.
        let counted = count(&answer["tokens_evaluated"]).map(|tokens| tokens + sent - prompt.len());
        checked(ask, &rows, counted, count(&answer["timings"]["cache_n"]))
    }
}

/// Whether a token and one beside it hold parts of one character.
fn shares_a_character(spans: &[Range<usize>], at: usize) -> bool {
    let overlap = |a: &Range<usize>, b: &Range<usize>| a.end > b.start;
    let before = at.checked_sub(1).is_some_and(|before| overlap(&spans[before], &spans[at]));
    before || spans.get(at + 1).is_some_and(|next| overlap(&spans[at], next))
}

/// Whether the token that is asked for alone may hold a part of a character: of plain letters none does.
fn is_inside(ask: &Ask<'_>) -> bool {
    !ask.target_text.is_ascii()
}

/// What is sent as the prompt and what is forced behind it. With nothing before the target its first token is the prompt.
fn parts<'a>(ask: &Ask<'a>) -> (&'a [u32], &'a [u32]) {
    match ask.context {
        [] => ask.target.split_at(ask.target.len().min(1)),
        context => (context, ask.target),
    }
}

/// The entry of a forced token, whose id has been compared.
fn row(entry: &Value, id: u32) -> Row {
    Row { id: Some(id), text: None, logprob: entry["logprob"].as_f64() }
}

impl Completing for LlamaServer {
    fn kind(&self) -> Kind {
        Kind::LlamaServer
    }

    fn continues(&self) -> bool {
        true
    }

    fn build(&self, prompt: &Prompt<'_>) -> Call {
        let sampling = prompt.sampling;
        let body = json!({
            "prompt": completions::ids(prompt),
            "n_predict": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            // Both are on where they are not said.
            "top_k": sampling.top_k.unwrap_or(0),
            "min_p": sampling.min_p.unwrap_or(0.0),
            "seed": seed(prompt.seed),
            "stop": prompt.stop,
            "cache_prompt": true,
            "stream": true,
        });
        // It closes the connection behind a stream without saying so: the next call on it would break off.
        Call::post("/completion", body).with_header("connection", "close")
    }

    fn read(&self, event: &str) -> Result<Vec<Piece>, LmError> {
        if event.trim() == "[DONE]" {
            return Ok(Vec::new());
        }
        let value = completions::document(event)?;
        let piece =
            Piece { sample: count(&value["index"]).unwrap_or(0), text: text_of(&value["content"]), ..Piece::default() };
        if value["stop"] != true {
            return Ok(vec![piece]);
        }
        let cut = value["stop_type"] == "limit" || value["truncated"] == true;
        let usage = count(&value["tokens_evaluated"]).map(|tokens_in| Usage {
            tokens_in,
            tokens_out: count(&value["tokens_predicted"]).unwrap_or(0),
            cached: count(&value["timings"]["cache_n"]).unwrap_or(0),
        });
        Ok(vec![Piece { end: Some(if cut { End::Length } else { End::Stop }), usage, ..piece }])
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden::{ASK, LOGPROBS, PROMPT, body, reply, shown};
    use super::*;

    const ROWS: &str = r#"{"id":4320,"token":" answer","bytes":[32,97],"logprob":-2.84,"top_logprobs":[{"id":220,"token":" ","bytes":[32],"logprob":-0.9}]},{"id":374,"token":" is","bytes":[32],"logprob":-0.41,"top_logprobs":[]},{"id":279,"token":" the","bytes":[32],"logprob":-1.07,"top_logprobs":[]}"#;

    fn answer(rows: &str, truncated: bool) -> Reply {
        let body = format!(
            r#"{{"index":0,"content":" answer is the","tokens":[4320,374,279],"id_slot":0,"stop":true,"stop_type":"limit","truncated":{truncated},"tokens_evaluated":3,"tokens_cached":5,"completion_probabilities":[{rows}],"timings":{{"cache_n":2,"prompt_n":1}}}}"#
        );
        reply(200, &body)
    }

    fn parse(reply: &Reply) -> Result<Answer, LmError> {
        LlamaServer.parse(&ASK, reply)
    }

    #[test]
    fn a_score_forces_the_target_by_its_ids() {
        insta::assert_snapshot!(shown(&Scoring::build(&LlamaServer, &ASK)), @r#"
        Post /completion
        {"prompt":[9906,1917,271],"n_predict":3,"n_probs":1,"post_sampling_probs":false,"temperature":0,"cache_prompt":true,"return_tokens":true,"stream":false,"grammar":"root ::= <[4320]> <[374]> <[279]>"}
        "#);
        let fresh = body(&Scoring::build(&LlamaServer, &Ask { fresh: true, ..ASK }));
        assert_eq!(fresh["cache_prompt"], false);
    }

    #[test]
    fn one_token_alone_is_forced_by_a_bias() {
        let ask = Ask { target: &[374], target_text: " is", ..ASK };
        insta::assert_snapshot!(shown(&Scoring::build(&LlamaServer, &ask)), @r#"
        Post /completion
        {"prompt":[9906,1917,271],"n_predict":1,"n_probs":1,"post_sampling_probs":false,"temperature":0,"cache_prompt":true,"return_tokens":true,"stream":false,"logit_bias":[[374,1000000.0]]}
        "#);
    }

    /// P53: " 灯🚂x" as " 灯" in one token and the vehicle in three.
    #[test]
    fn p53_tokens_inside_a_character_are_asked_for_alone() {
        let parts = |spans: &[Range<usize>]| LlamaServer.parts(5, " 灯🚂x", spans);
        assert_eq!(parts(&[0..4, 4..8, 4..8, 4..8, 8..9]), [0..1, 1..2, 2..3, 3..4, 4..5]);
        assert_eq!(parts(&[0..1, 1..4, 4..8, 8..9, 9..9]), std::slice::from_ref(&(0..5)), "whole characters");
        assert_eq!(parts(&[]), [0..1, 1..2, 2..3, 3..4, 4..5], "nothing is known of them");
        assert_eq!(LlamaServer.parts(3, " it", &[]), std::slice::from_ref(&(0..3)));
        let [first, second, rest] = &LlamaServer.parts(600, "", &[])[..] else { panic!() };
        assert_eq!((first.clone(), second.clone(), rest.clone()), (0..256, 256..512, 512..600));
        assert!(LlamaServer.parts(0, "", &[]).is_empty());
    }

    /// P53: of a token that leaves a character open the server tells nothing, so all that could stand there are asked for.
    #[test]
    fn p53_a_token_inside_a_character_is_found_among_all() {
        let ask = Ask { target: &[374], target_text: "灯", ..ASK };
        let body = body(&Scoring::build(&LlamaServer, &ask));
        assert_eq!((&body["grammar"], &body["n_probs"]), (&json!("root ::= [a-z]"), &json!(ALL)));
        assert_eq!(body.get("logit_bias"), None);
        let all = r#"{"id":64,"token":"a","logprob":-4.5,"top_logprobs":[{"id":220,"logprob":-0.9},{"id":374,"logprob":-7.25}]}"#;
        let told = |rows: &str| LlamaServer.parse(&ask, &answer(rows, false)).map(|answer| answer.logprobs);
        assert_eq!(told(all), Ok(vec![Some(-7.25)]));
        assert!(matches!(told(&all.replace("374", "375")), Err(LmError::Invalid(_))), "it is not among them");
    }

    #[test]
    fn p17_forced_tokens_have_the_model_s_own_log_probabilities() {
        let answer = parse(&answer(ROWS, false)).unwrap();
        assert_eq!(answer.logprobs, LOGPROBS);
        assert_eq!((answer.prompt_tokens, answer.cached_tokens), (Some(6), Some(2)));
    }

    #[test]
    fn with_nothing_before_it_the_first_token_is_the_prompt() {
        let ask = Ask { context: &[], ..ASK };
        let body = body(&Scoring::build(&LlamaServer, &ask));
        assert_eq!((&body["prompt"], &body["grammar"]), (&json!([4320]), &json!("root ::= <[374]> <[279]>")));
        let rest = &ROWS[ROWS.find(r#"{"id":374"#).unwrap()..];
        let reply = reply(200, &format!(r#"{{"tokens_evaluated":1,"completion_probabilities":[{rest}]}}"#));
        let answer = LlamaServer.parse(&ask, &reply).unwrap();
        assert_eq!((answer.logprobs, answer.prompt_tokens), (vec![None, Some(-0.41), Some(-1.07)], Some(3)));
    }

    #[test]
    fn p18_free_text_under_a_grammar_it_does_not_know_is_no_score() {
        let refusal = parse(&answer(&ROWS.replace("\"id\":374", "\"id\":11"), false)).unwrap_err();
        assert!(matches!(&refusal, LmError::Unsupported(message) if message.contains("token literals")), "{refusal:?}");
        let refusal = parse(&reply(
            400,
            r#"{"error":{"code":400,"message":"Failed to parse grammar","type":"invalid_request_error"}}"#,
        ));
        assert!(matches!(refusal, Err(LmError::Unsupported(_))), "{refusal:?}");
    }

    #[test]
    fn p19_probabilities_after_sampling_are_no_score() {
        let rows = ROWS.replace("\"logprob\"", "\"prob\"").replace("top_logprobs", "top_probs");
        assert!(matches!(parse(&answer(&rows, false)), Err(LmError::Invalid(why)) if why.contains("after sampling")));
    }

    #[test]
    fn p20_a_prompt_that_was_cut_is_too_long() {
        assert_eq!(parse(&answer(ROWS, true)), Err(LmError::TooLong { have: 6, limit: None }));
    }

    #[test]
    fn an_answer_that_ends_early_is_no_score() {
        let two = &ROWS[..ROWS.find(r#",{"id":279"#).unwrap()];
        assert!(parse(&answer(two, false)).unwrap_err().to_string().contains("2 log-probabilities for 3 tokens"));
    }

    /// P6: what a draft model makes of it passes here; only the doctor, who compares, can tell.
    #[test]
    fn p6_all_zeros_look_like_a_score() {
        let rows = ROWS.replace("-2.84", "0.0").replace("-0.41", "0.0").replace("-1.07", "0.0");
        assert_eq!(parse(&answer(&rows, false)).unwrap().logprobs, [Some(0.0); 3]);
    }

    #[test]
    fn a_continuation_says_every_option_that_is_on_by_default() {
        insta::assert_snapshot!(shown(&Completing::build(&LlamaServer, &PROMPT)), @r#"
        Post /completion
        connection: close
        {"prompt":[9906,1917,271],"n_predict":512,"temperature":0.8,"top_p":0.95,"top_k":0,"min_p":0.0,"seed":7,"stop":["</refine>"],"cache_prompt":true,"stream":true}
        "#);
    }

    #[test]
    fn p47_an_end_at_the_limit_is_told_from_one_by_itself() {
        let read = |event: &str| LlamaServer.read(event).unwrap();
        let piece = read(
            r#"{"index":0,"content":" x","tokens":[87],"stop":false,"id_slot":-1,"tokens_predicted":1,"tokens_evaluated":3}"#,
        );
        assert_eq!(piece, [Piece { text: " x".to_owned(), ..Piece::default() }]);
        let usage = Some(Usage { tokens_in: 3, tokens_out: 9, cached: 2 });
        for (how, end) in [("limit", End::Length), ("eos", End::Stop), ("word", End::Stop)] {
            let last = format!(
                r#"{{"index":0,"content":"","stop":true,"stop_type":"{how}","truncated":false,"tokens_predicted":9,"tokens_evaluated":3,"timings":{{"cache_n":2}}}}"#
            );
            assert_eq!(read(&last), [Piece { end: Some(end), usage, ..Piece::default() }], "{how}");
        }
        assert_eq!(read("[DONE]"), []);
    }

    #[test]
    fn p43_a_fault_in_mid_stream() {
        let told = r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_prompt_tokens":700,"n_ctx":512}}"#;
        assert_eq!(LlamaServer.read(told), Err(LmError::TooLong { have: 700, limit: Some(512) }));
        let cut = LlamaServer.read("{\"content\":").unwrap_err();
        assert!(matches!(cut, LmError::Passing { setback: crate::lm::Setback::Broken, .. }), "{cut:?}");
    }
}
