//! Completions with `echo`: servers that give log-probabilities of their prompt back with the text, llama-cpp-python and older
//! ones among them.
//!
//! A list of rows holds the prompt's tokens and the one that was generated, and differs by server in what it leaves out: the
//! BOS at its beginning (llama-cpp-python), the generated token at its end (none was generated). Rows are counted from the end and told
//! by id or text; `text_offset` is never used, it counts other characters on each server. Many servers take the option and ignore it: that is
//! told apart from a score.

use serde_json::{Value, json};

use super::ask::{Answer, Ask, Completing, Piece, Prompt, Scoring};
use super::completions::{self, count, with_affinity};
use super::rows::{Row, checked};
use super::{Call, Kind, Reply, fault, next};
use crate::lm::LmError;

/// A server whose completions route echoes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echo {
    /// Whether it takes token ids as a prompt. llama-cpp-python takes text only, tokenises it again and adds its BOS.
    pub takes_ids: bool,
}

impl Scoring for Echo {
    fn kind(&self) -> Kind {
        Kind::Echo
    }

    fn build(&self, ask: &Ask<'_>) -> Call {
        let mut body = json!({
            "model": ask.model,
            "prompt": self.prompt(ask),
            "echo": true,
            // Nothing would be given by SGLang for 0.
            "logprobs": 1,
            // llama-cpp-python generates to the end of its context for 0.
            "max_tokens": 1,
            "temperature": 0,
        });
        if self.takes_ids {
            body["return_tokens_as_token_ids"] = json!(true);
            body["add_special_tokens"] = json!(false);
        }
        with_affinity(Call::post("/v1/completions", body), ask.affinity)
    }

    fn next(&self, ask: &Ask<'_>) -> Option<Call> {
        Some(next::of_completions(
            ask.model,
            match self.takes_ids {
                true => json!(ask.context),
                false => json!(ask.context_text),
            },
        ))
    }

    fn parse(&self, ask: &Ask<'_>, reply: &Reply) -> Result<Answer, LmError> {
        let answer = success(ask, reply)?;
        let choice = &answer["choices"][0];
        let rows = rows(&choice["logprobs"])?;
        let generated = generated(ask, &rows, choice, &answer["usage"]);
        let usage = &answer["usage"];
        let cached = count(&usage["prompt_tokens_details"]["cached_tokens"]);
        checked(ask, target_rows(ask, &rows, generated)?, count(&usage["prompt_tokens"]), cached)
    }
}

impl Echo {
    fn prompt(&self, ask: &Ask<'_>) -> Value {
        match self.takes_ids {
            true => json!(ask.context.iter().chain(ask.target).collect::<Vec<_>>()),
            false => json!(text(ask)),
        }
    }
}

/// The whole prompt as text.
pub(super) fn text(ask: &Ask<'_>) -> String {
    format!("{}{}", ask.context_text, ask.target_text)
}

/// The answer, when it is one. A server that says it does not echo says so for good, whatever its status.
pub(super) fn success(ask: &Ask<'_>, reply: &Reply) -> Result<Value, LmError> {
    fault::success(reply, ask.context.len() + ask.target.len()).map_err(|error| match &error {
        LmError::Passing { message, .. } if message.contains("no echo") => LmError::Unsupported(message.clone()),
        _ => error,
    })
}

fn ignored() -> LmError {
    LmError::Unsupported(
        "the server gave no log-probabilities of the prompt: it does not echo, so it cannot score".to_owned(),
    )
}

/// The rows of a `logprobs` object in the form of the completions route.
///
/// # Errors
/// [`LmError::Unsupported`] where there are none: an option that was ignored.
pub(super) fn rows(logprobs: &Value) -> Result<Vec<Row>, LmError> {
    let (Some(values), Some(tokens)) = (logprobs["token_logprobs"].as_array(), logprobs["tokens"].as_array()) else {
        return Err(ignored());
    };
    let ids = logprobs["token_ids"].as_array();
    let row = |(at, (value, token)): (usize, (&Value, &Value))| {
        let token = token.as_str().unwrap_or_default();
        let given = ids.and_then(|ids| ids.get(at)).and_then(Value::as_u64);
        let spelled = || token.strip_prefix("token_id:").and_then(|id| id.parse().ok());
        let id = given.or_else(spelled).and_then(|id: u64| u32::try_from(id).ok());
        // A proxy writes Python's None as a string; that is no number either.
        Row { id, text: Some(token.to_owned()), logprob: value.as_f64() }
    };
    Ok(values.iter().zip(tokens).enumerate().map(row).collect())
}

/// How many rows at the end of the list are of generated tokens.
fn generated(ask: &Ask<'_>, rows: &[Row], choice: &Value, usage: &Value) -> usize {
    let sent = ask.context.len() + ask.target.len();
    if rows.len() > sent || rows.iter().all(|row| row.id.is_some()) {
        return rows.len().saturating_sub(sent).min(1);
    }
    match count(&usage["completion_tokens"]) {
        Some(tokens) => tokens.min(1),
        // An end at once is no token of the text.
        None => usize::from(choice["finish_reason"] != "stop"),
    }
}

/// The target's rows in a list that ends with it and `generated` more.
///
/// # Errors
/// [`LmError::Unsupported`] when the list has no more than generated tokens, [`LmError::Invalid`] when it is too long.
pub(super) fn target_rows<'a>(ask: &Ask<'_>, rows: &'a [Row], generated: usize) -> Result<&'a [Row], LmError> {
    let (sent, target) = (ask.context.len() + ask.target.len(), ask.target.len());
    let end = rows.len().saturating_sub(generated);
    if end == 0 || (rows.len() == 1 && sent > 2) {
        return Err(ignored());
    }
    if end > sent || end < target {
        return Err(LmError::Invalid(format!(
            "the server's answer cannot be used: {end} log-probabilities for a prompt of {sent} tokens"
        )));
    }
    Ok(&rows[end - target..end])
}

impl Completing for Echo {
    fn kind(&self) -> Kind {
        Kind::Echo
    }

    fn continues(&self) -> bool {
        true
    }

    fn build(&self, prompt: &Prompt<'_>) -> Call {
        let text = if self.takes_ids { completions::ids(prompt) } else { completions::text(prompt) };
        with_affinity(completions::continuing(prompt, text), prompt.affinity)
    }

    fn read(&self, event: &str) -> Result<Vec<Piece>, LmError> {
        completions::event(event)
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden::{ASK, LOGPROBS, PROMPT, body, reply, shown};
    use super::*;

    const TEXT: Echo = Echo { takes_ids: false };
    const IDS: Echo = Echo { takes_ids: true };

    /// Context, target, and one that was generated.
    const VALUES: [&str; 7] = ["null", "-3.2", "-1.9", "-2.84", "-0.41", "-1.07", "-0.2"];
    const TOKENS: [&str; 7] = ["Hello", " world", "\\n\\n", " answer", " is", " the", " x"];

    fn answer(tokens: &[&str], values: &[&str], rest: &str) -> Reply {
        let tokens: Vec<String> = tokens.iter().map(|token| format!("\"{token}\"")).collect();
        let logprobs = format!(
            r#"{{"tokens":[{}],"token_logprobs":[{}],"text_offset":[-1,-1]}}"#,
            tokens.join(","),
            values.join(",")
        );
        reply(200, &format!(r#"{{"choices":[{{"text":"","logprobs":{logprobs}{rest}"#))
    }

    const END: &str = "}]}";

    fn logprobs(reply: &Reply) -> Vec<Option<f32>> {
        TEXT.parse(&ASK, reply).unwrap().logprobs
    }

    #[test]
    fn a_score_sends_text_or_ids() {
        insta::assert_snapshot!(shown(&Scoring::build(&TEXT, &ASK)), @r#"
        Post /v1/completions
        {"model":"m","prompt":"Hello world\n\n answer is the","echo":true,"logprobs":1,"max_tokens":1,"temperature":0}
        "#);
        insta::assert_snapshot!(shown(&Scoring::build(&IDS, &Ask { affinity: Some("pair-1"), ..ASK })), @r#"
        Post /v1/completions
        x-session-id: pair-1
        {"model":"m","prompt":[9906,1917,271,4320,374,279],"echo":true,"logprobs":1,"max_tokens":1,"temperature":0,"return_tokens_as_token_ids":true,"add_special_tokens":false}
        "#);
    }

    #[test]
    fn p9_ids_told_as_strings() {
        let ids = ["9906", "1917", "271", "4320", "374", "279", "220"].map(|id| format!("token_id:{id}"));
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let parse = |tokens: &[&str], values: &[&str]| IDS.parse(&ASK, &answer(tokens, values, END));
        assert_eq!(parse(&ids, &VALUES).unwrap().logprobs, LOGPROBS, "the generated one is dropped");
        assert_eq!(parse(&ids[..6], &VALUES[..6]).unwrap().logprobs, LOGPROBS, "none was generated");
        let other = [&ids[..4], &["token_id:375"], &ids[5..]].concat();
        assert!(parse(&other, &VALUES).unwrap_err().to_string().contains("token 2 of 3 is 375, 374 was sent"));
    }

    #[test]
    fn p10_offsets_that_say_nothing_are_not_used() {
        assert_eq!(logprobs(&answer(&TOKENS, &VALUES, END)), LOGPROBS);
    }

    #[test]
    fn p21_a_refusal_of_echo_is_one_for_good() {
        for status in [400, 500] {
            let body = r#"{"error":{"code":500,"message":"Only no echo is supported","type":"server_error"}}"#;
            let refusal = TEXT.parse(&ASK, &reply(status, body)).unwrap_err();
            assert!(matches!(refusal, LmError::Unsupported(_)), "{refusal:?}");
        }
    }

    #[test]
    fn p22_echo_taken_and_ignored_is_no_score() {
        for body in [
            r#"{"choices":[{"text":" x","logprobs":{"content":[{"id":220,"token":" ","logprob":-0.2}]}}]}"#,
            r#"{"choices":[{"text":" x","logprobs":{"tokens":[" x"],"token_logprobs":[-0.2]}}]}"#,
            r#"{"choices":[{"text":"Hello world","logprobs":null}]}"#,
            r#"{"choices":[{"text":"Hello world","logprobs":{"tokens":[],"token_logprobs":[]}}]}"#,
        ] {
            for echo in [TEXT, IDS] {
                let refusal = echo.parse(&ASK, &reply(200, body)).unwrap_err();
                assert!(
                    matches!(&refusal, LmError::Unsupported(why) if why.contains("does not echo")),
                    "{body}: {refusal:?}"
                );
            }
        }
    }

    /// The ask with a BOS, which llama-cpp-python counts and leaves out of its list.
    const WITH_BOS: Ask<'static> = Ask { context: &[1, 9906, 1917, 271], ..ASK };

    #[test]
    fn p23_llama_cpp_python_leaves_bos_out_and_empties_the_row_behind_it() {
        let usage = r#","finish_reason":"length"}],"usage":{"prompt_tokens":7,"completion_tokens":1}}"#;
        let answer = TEXT.parse(&WITH_BOS, &answer(&TOKENS, &VALUES, usage)).unwrap();
        assert_eq!((answer.logprobs, answer.prompt_tokens), (LOGPROBS.to_vec(), Some(7)));
    }

    #[test]
    fn an_end_at_once_leaves_no_row() {
        for rest in [
            r#","finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":0}}"#,
            r#","finish_reason":"stop"}]}"#,
        ] {
            let reply = answer(&TOKENS[..6], &VALUES[..6], rest);
            assert_eq!(TEXT.parse(&WITH_BOS, &reply).unwrap().logprobs, LOGPROBS);
        }
    }

    #[test]
    fn p23_a_target_right_behind_bos_has_lost_its_first_number() {
        let ask = Ask { context: &[1], context_text: "", ..ASK };
        let usage = r#","finish_reason":"length"}],"usage":{"prompt_tokens":4,"completion_tokens":1}}"#;
        let reply = answer(&TOKENS[3..], &["null", "-0.41", "-1.07", "-0.2"], usage);
        assert!(TEXT.parse(&ask, &reply).unwrap_err().to_string().contains("token 1 of 3 has no log-probability"));
    }

    /// P24: without a BOS llama-cpp-python's numbers are those of other tokens. Where a row was generated its list lacks
    /// the last, so that the texts tell; where none was, only the doctor can.
    #[test]
    fn p24_a_shifted_list_is_seen_by_its_texts_or_not_at_all() {
        let shifted = ["null", "-7.7", "-8.1", "-9.1", "-11.3", "-8.7"];
        let told = r#","finish_reason":"length"}],"usage":{"prompt_tokens":6,"completion_tokens":1}}"#;
        let refusal = TEXT.parse(&ASK, &answer(&TOKENS[..6], &shifted, told)).unwrap_err();
        assert!(refusal.to_string().contains("do not spell the text"), "{refusal}");
        let told = r#","finish_reason":"stop"}],"usage":{"prompt_tokens":6,"completion_tokens":0}}"#;
        assert_eq!(logprobs(&answer(&TOKENS[..6], &shifted, told)), [Some(-9.1), Some(-11.3), Some(-8.7)]);
    }

    /// P30: the first number as some proxies write it; one inside the target is no number.
    #[test]
    fn p30_none_as_a_string() {
        let mut values = VALUES;
        values[0] = "\"None\"";
        assert_eq!(logprobs(&answer(&TOKENS, &values, END)), LOGPROBS);
        values[4] = "\"None\"";
        assert!(TEXT.parse(&ASK, &answer(&TOKENS, &values, END)).is_err());
    }

    #[test]
    fn p52_a_second_bos_shows_in_the_count() {
        let usage = r#","finish_reason":"length"}],"usage":{"prompt_tokens":7,"completion_tokens":1}}"#;
        let refusal = TEXT.parse(&ASK, &answer(&TOKENS, &VALUES, usage)).unwrap_err();
        assert!(refusal.to_string().contains("counted 7 tokens in a prompt of 6"));
    }

    #[test]
    fn a_list_of_another_length_is_no_score() {
        for len in [2, 3] {
            let reply = answer(&TOKENS[..len], &VALUES[..len], END);
            let refusal = TEXT.parse(&ASK, &reply).unwrap_err();
            assert!(matches!(refusal, LmError::Invalid(_)), "{len}: {refusal:?}");
        }
        let more: Vec<&str> = TOKENS.into_iter().chain([" y", " z"]).collect();
        let values: Vec<&str> = VALUES.into_iter().chain(["-1.0", "-1.0"]).collect();
        assert!(TEXT.parse(&ASK, &answer(&more, &values, END)).is_err());
    }

    #[test]
    fn a_continuation_sends_what_the_server_takes() {
        let prompt = |echo: Echo| body(&Completing::build(&echo, &PROMPT))["prompt"].clone();
        assert_eq!((prompt(TEXT), prompt(IDS)), (json!("Hello world\n\n"), json!([9906, 1917, 271])));
    }
}
