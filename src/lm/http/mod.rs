//! Models behind servers. One file a protocol, each of pure functions: a request is built from what is asked, an answer
//! is read from bytes, and no test of either needs a network.
//!
//! A call is made once: how often it is tried and how many run at a time is the engine's. Keys are sent and never shown.

pub mod address;
pub mod anthropic;
pub mod ask;
pub mod call;
pub mod chat;
pub mod client;
pub mod codec;
pub mod completer;
mod completions;
pub mod echo;
pub mod fault;
pub mod fireworks;
#[cfg(test)]
mod golden;
pub mod llama_server;
pub mod next;
pub mod ollama;
pub mod open;
pub mod probe;
pub mod refused;
pub mod rows;
pub mod scorer;
pub mod secret;
pub mod sglang;
mod skip;
pub mod stream;
pub mod tgi;
pub mod together;
mod typed;
pub mod vllm;

pub use address::{Address, AddressError, Kind};
pub use ask::{Answer, Ask, Completing, Piece, Prompt, Scoring};
pub use call::{Call, Method, Reply};
pub use client::Client;
pub use completer::HttpCompleter;
pub use open::Server;
pub use scorer::HttpScorer;
pub use secret::{Keys, Secret};
