//! The in-process engine: GGUF files of the llama, qwen2 and qwen3 architectures, as scorer and generator.
//!
//! The arithmetic is the package `transformer`'s; here are text, cached prefixes, scoring and sampling. Frames and chat
//! templates are rendered elsewhere ([`crate::lm::frame`]).
//!
//! From the ground up: `tokenizer`, `engine` (scoring), `estimate` over `expected`, `generate` over `sample`, `answer` → `model`, `prompt` → `backend`.

mod answer;
mod backend;
mod engine;
mod estimate;
mod expected;
mod generate;
mod model;
mod prompt;
mod sample;
mod tokenizer;

use transformer::Halt;
pub use transformer::{Architecture, Config, GgufError};

pub use backend::{Backend, ContextFrame, ConversationFrame};
pub use model::Model;
pub use tokenizer::{Encoded, Special, Tokenizer};

use super::{LmError, Setback};

impl From<Halt> for LmError {
    fn from(halt: Halt) -> LmError {
        match halt {
            Halt::Cancelled => LmError::Cancelled,
            Halt::Device { .. } => LmError::Unsupported(halt.to_string()),
            Halt::NoMemory { .. } => LmError::Passing {
                setback: Setback::Busy { after: None },
                message: format!("{halt}; lower --concurrency or use a smaller model"),
            },
        }
    }
}
