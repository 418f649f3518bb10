//! The faces of a server: which protocol it speaks over the same model.

mod chat;
mod choices;
mod completions;
mod rows;
pub mod sglang;
mod vllm;

use super::desk::{Call, Desk};
use super::wire::Answer;

/// A protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    Vllm,
    Sglang,
    /// What is left of the OpenAI family: generates only.
    Chat,
}

impl Face {
    /// Whether the engine works on calls of this route: these wait for it and meet faults.
    pub fn works(self, path: &str) -> bool {
        matches!(path, "/v1/completions" | "/generate" | "/v1/chat/completions")
    }

    pub async fn answer(self, desk: &Desk, call: Call) -> Answer {
        match self {
            Face::Vllm => vllm::answer(desk, call).await,
            Face::Sglang => sglang::answer(desk, call).await,
            Face::Chat => chat::answer(desk, call).await,
        }
    }
}
