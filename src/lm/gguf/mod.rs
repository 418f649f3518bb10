//! The in-process engine: GGUF files of the llama, qwen2 and qwen3 architectures, as scorer and generator.
//!
//! The weights stay in the file's memory map, in the quantisation they are stored in, and are multiplied from there in
//! f32; candle reads the file's header and the rarer formats. Frames and chat templates are rendered elsewhere
//! ([`crate::lm::frame`]).
//!
//! From the ground up: `file` → `config`, `tokenizer`, `blocks` → `matrix` → `matmul` → `linear` → `network` over `cache`,
//! `attention`, `rotary`, `simd`, `parallel` → `engine` (scoring), `generate` over `sample`, `answer` → `model`, `prompt` → `backend`.

mod answer;
mod attention;
mod backend;
mod blocks;
mod cache;
mod config;
mod engine;
mod error;
mod file;
mod generate;
mod linear;
mod matmul;
mod matrix;
mod model;
mod network;
mod parallel;
mod prompt;
mod rotary;
mod sample;
mod simd;
mod tokenizer;

pub use backend::{Backend, ContextFrame, ConversationFrame};
pub use config::{Architecture, Config};
pub use error::GgufError;
pub use model::Model;
pub use tokenizer::{Encoded, Special, Tokenizer};
