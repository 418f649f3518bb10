//! Fireworks: scores by `echo_last`, which gives the rows of the prompt's end alone, and continues prompts.

use serde_json::json;

use super::ask::{Answer, Ask, Completing, Piece, Prompt, Scoring};
use super::completions::{self, count};
use super::echo::{rows, success, target_rows};
use super::rows::checked;
use super::{Call, Kind, Reply};
use crate::lm::LmError;

/// The hosted service; its address ends with `/inference`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fireworks;

impl Scoring for Fireworks {
    fn kind(&self) -> Kind {
        Kind::Fireworks
    }

    fn build(&self, ask: &Ask<'_>) -> Call {
        let ids: Vec<u32> = ask.context.iter().chain(ask.target).copied().collect();
        let body = json!({
            "model": ask.model,
            "prompt": ids,
            "echo": true,
            "echo_last": ask.target.len(),
            "logprobs": 1,
            "max_tokens": 1,
            "temperature": 0,
        });
        with_affinity(Call::post("/v1/completions", body), ask.affinity)
    }

    fn parse(&self, ask: &Ask<'_>, reply: &Reply) -> Result<Answer, LmError> {
        let answer = success(ask, reply)?;
        let rows = rows(&answer["choices"][0]["logprobs"])?;
        // The rows asked for, or those of the whole prompt where `echo` had its way; then the generated token's.
        let (sent, target) = (ask.context.len() + ask.target.len(), ask.target.len());
        let prompt = if rows.len() > target + 1 { sent } else { target };
        let usage = &answer["usage"];
        let cached = count(&usage["prompt_tokens_details"]["cached_tokens"]);
        let generated = rows.len().saturating_sub(prompt);
        checked(ask, target_rows(ask, &rows, generated)?, count(&usage["prompt_tokens"]), cached)
    }
}

impl Completing for Fireworks {
    fn kind(&self) -> Kind {
        Kind::Fireworks
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

fn with_affinity(call: Call, affinity: Option<&str>) -> Call {
    match affinity {
        Some(name) => call.with_header("x-session-affinity", name),
        None => call,
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden::{ASK, LOGPROBS, reply, shown};
    use super::*;

    fn parse(logprobs: &str) -> Result<Answer, LmError> {
        Fireworks.parse(
            &ASK,
            &reply(
                200,
                &format!(r#"{{"choices":[{{"index":0,"text":"","logprobs":{logprobs},"finish_reason":"length"}}]}}"#),
            ),
        )
    }

    #[test]
    fn a_score_asks_for_the_end_of_the_prompt() {
        insta::assert_snapshot!(shown(&Scoring::build(&Fireworks, &Ask { affinity: Some("pair-1"), ..ASK })), @r#"
        Post /v1/completions
        x-session-affinity: pair-1
        {"model":"m","prompt":[9906,1917,271,4320,374,279],"echo":true,"echo_last":3,"logprobs":1,"max_tokens":1,"temperature":0}
        "#);
    }

    #[test]
    fn p28_the_rows_of_the_end_alone() {
        let three = r#"{"tokens":[" answer"," is"," the"],"token_logprobs":[-2.84,-0.41,-1.07],"top_logprobs":[{},{},{}],"text_offset":[14,21,24],"token_ids":[4320,374,279]}"#;
        assert_eq!(parse(three).unwrap().logprobs, LOGPROBS);
        let four = r#"{"tokens":[" answer"," is"," the"," x"],"token_logprobs":[-2.84,-0.41,-1.07,-0.2],"token_ids":[4320,374,279,220]}"#;
        assert_eq!(parse(four).unwrap().logprobs, LOGPROBS, "and the generated one");
        let shifted = r#"{"tokens":[" is"," the"," x"],"token_logprobs":[-0.41,-1.07,-0.2],"token_ids":[374,279,220]}"#;
        assert!(parse(shifted).unwrap_err().to_string().contains("token 1 of 3 is 374, 4320 was sent"));
    }

    #[test]
    fn p28_rows_of_the_whole_prompt_are_taken_from_their_end() {
        let seven = r#"{"tokens":["Hello"," world","\n\n"," answer"," is"," the"," x"],"token_logprobs":[null,-3.2,-1.9,-2.84,-0.41,-1.07,-0.2],"token_ids":[9906,1917,271,4320,374,279,220]}"#;
        assert_eq!(parse(seven).unwrap().logprobs, LOGPROBS);
    }

    #[test]
    fn p22_rows_of_generated_tokens_alone_are_no_score() {
        let one = r#"{"tokens":[" x"],"token_logprobs":[-0.2],"token_ids":[220]}"#;
        assert!(matches!(parse(one), Err(LmError::Unsupported(_))));
        assert!(matches!(parse("null"), Err(LmError::Unsupported(_))));
    }
}
