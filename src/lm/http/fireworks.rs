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
