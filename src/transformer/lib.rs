//! Transformers of GGUF files (llama, qwen2 and qwen3): token ids in, residual streams and logits out.
//!
//! The weights stay in the file's memory map, in the quantisation they are stored in, and are multiplied from there: in
//! f32, or as the integers they are with activations of 16 bits; candle reads the file's header and the rarer formats. Keys
//! and values are kept and multiplied in 16 bits too. Knows nothing of text, of scoring and of sampling.
//!
//! A package of its own for one reason: arithmetic is of use only when it is optimised, and so its profile can be fast
//! where the rest of the house is built quickly.
//!
//! From the ground up: `file` → `config`, `blocks` → `integers`, `few`, `vnni` → `matrix` → `matmul` → `linear` → `network`, `output`,
//! `graft` over `cache`, `attention` (by `attend_integers` with `heads`, or by `attend_floats`), `rotary`, `norm`, `simd`,
//! `parallel`, `buffer`. `device` stands beside `network` and `cache` and offers the same.

#![deny(unsafe_code)]
#![cfg_attr(feature = "device", allow(dead_code, reason = "an accelerator computes in the processor's place"))]

mod attend_floats;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "nothing multiplies in integers there"))]
mod attend_integers;
mod attention;
mod blocks;
mod buffer;
mod cache;
mod config;
#[cfg(any(feature = "device", test))]
mod device;
mod error;
#[cfg(target_arch = "x86_64")]
mod few;
mod file;
mod graft;
#[cfg(target_arch = "x86_64")]
mod heads;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "nothing multiplies in integers there"))]
mod integers;
mod linear;
mod matmul;
mod matrix;
mod network;
mod norm;
mod output;
mod parallel;
mod rotary;
mod simd;
#[cfg(target_arch = "x86_64")]
mod vnni;
#[cfg(not(target_arch = "x86_64"))]
#[path = "no_vnni.rs"]
mod vnni;

/// Rows of one forward pass: enough to keep the machine busy, few enough to cancel soon and, on the processor, to stay in its
/// caches.
pub const PASS: usize = if cfg!(any(feature = "cuda", feature = "metal")) { 2048 } else { 512 };

/// Whether the same text's scores may differ in their last bits from call to call: where an accelerator sums.
pub const INEXACT: bool = cfg!(feature = "device");

pub use cache::common_prefix;
#[cfg(not(feature = "device"))]
pub use cache::{Pool, Sequence};
pub use config::{Architecture, Config};
#[cfg(feature = "device")]
pub use device::{Network, Pool, Sequence};
pub use error::{GgufError, Halt};
pub use file::{GgufFile, Source};
pub use matmul::Sums;
#[cfg(not(feature = "device"))]
pub use network::Network;
pub use network::Rows;
pub use simd::{maximum, softmax_unscaled};
