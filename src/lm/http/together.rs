//! Together: scores by `echo`, whose rows stand in a block of their own beside the choices, and continues prompts.
//!
//! It takes text and tells tokens as text.

use serde_json::json;

use super::ask::{Answer, Ask, Completing, Piece, Prompt, Scoring};
use super::completions::{self, count};
use super::echo::{rows, success, target_rows, text};
use super::rows::checked;
use super::{Call, Kind, Reply};
use crate::lm::LmError;

/// The hosted service.
#[derive(Debug, Clone, Copy, Default)]
pub struct Together;

impl Scoring for Together {
    fn kind(&self) -> Kind {
        Kind::Together
    }

    fn build(&self, ask: &Ask<'_>) -> Call {
        let body = json!({
            "model": ask.model,
            "prompt": text(ask),
            "echo": true,
            "logprobs": 1,
            "max_tokens": 1,
            "temperature": 0,
        });
        Call::post("/v1/completions", body)
    }

    fn parse(&self, ask: &Ask<'_>, reply: &Reply) -> Result<Answer, LmError> {
        let answer = success(ask, reply)?;
        let rows = rows(&answer["prompt"][0]["logprobs"])?;
        checked(ask, target_rows(ask, &rows, 0)?, count(&answer["usage"]["prompt_tokens"]), None)
    }
}

impl Completing for Together {
    fn kind(&self) -> Kind {
        Kind::Together
    }

    fn continues(&self) -> bool {
        true
    }

    fn build(&self, prompt: &Prompt<'_>) -> Call {
        completions::continuing(prompt, completions::text(prompt))
    }

    fn read(&self, event: &str) -> Result<Vec<Piece>, LmError> {
        completions::event(event)
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden::{ASK, LOGPROBS, reply, shown};
    use super::*;

    fn parse(block: &str) -> Result<Answer, LmError> {
        let choice = r#"{"index":0,"text":" x","logprobs":{"tokens":[" x"],"token_logprobs":[-0.2]}}"#;
        Together.parse(&ASK, &reply(200, &format!(r#"{{"choices":[{choice}],"prompt":{block}}}"#)))
    }

    #[test]
    fn a_score_sends_text() {
        insta::assert_snapshot!(shown(&Scoring::build(&Together, &ASK)), @r#"
        Post /v1/completions
        {"model":"m","prompt":"Hello world\n\n answer is the","echo":true,"logprobs":1,"max_tokens":1,"temperature":0}
        "#);
    }

    #[test]
    fn p29_the_prompt_has_a_block_of_its_own() {
        let block = |tokens: &str| {
            format!(
                r#"[{{"text":"Hello world\n\n answer is the","logprobs":{{"tokens":[{tokens}],"token_logprobs":[null,-3.2,-1.9,-2.84,-0.41,-1.07]}}}}]"#
            )
        };
        let tokens = r#""Hello"," world","\n\n"," answer"," is"," the""#;
        assert_eq!(parse(&block(tokens)).unwrap().logprobs, LOGPROBS);
        let cut_elsewhere = r#""Hello"," world","\n"," answer is"," the","""#;
        assert!(matches!(parse(&block(cut_elsewhere)), Err(LmError::Invalid(_))));
    }

    #[test]
    fn p30_none_as_a_string() {
        let block = r#"[{"logprobs":{"tokens":["Hello"," world","\n\n"," answer"," is"," the"],"token_logprobs":["None",-3.2,-1.9,-2.84,-0.41,-1.07]}}]"#;
        assert_eq!(parse(block).unwrap().logprobs, LOGPROBS);
    }

    #[test]
    fn p22_an_answer_without_the_block_is_no_score() {
        for block in ["[]", "null", r#"[{"text":"Hello","logprobs":null}]"#] {
            assert!(matches!(parse(block), Err(LmError::Unsupported(_))), "{block}");
        }
    }
}
