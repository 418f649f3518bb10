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
