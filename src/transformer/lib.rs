//! Transformers of GGUF files (llama, qwen2 and qwen3): token ids in, residual streams and logits out.
//!
//! The weights stay in the file's memory map, in the quantisation they are stored in, and are multiplied from there: in
//! f32, or as the integers they are with activations of 16 bits; candle reads the file's header and the rarer formats. Keys
//! and values are kept in 16 bits too. Knows nothing of text, of scoring and of sampling.
//!
//! A package of its own for one reason: arithmetic is of use only when it is optimised, and so its profile can be fast
//! where the rest of the house is built quickly.
//!
//! From the ground up: `file` → `config`, `blocks` → `integers`, `few`, `vnni` → `matrix` → `matmul` → `linear` → `network`, `output` over
//! `cache`, `attention`, `rotary`, `norm`, `simd`, `parallel`, `buffer`.

#![deny(unsafe_code)]

mod attention;
#[cfg_attr(feature = "device", allow(dead_code, reason = "an accelerator multiplies in its place"))]
mod blocks;
mod buffer;
mod cache;
mod config;
#[cfg(feature = "device")]
mod device;
mod error;
#[cfg(target_arch = "x86_64")]
#[cfg_attr(feature = "device", allow(dead_code, reason = "an accelerator multiplies in its place"))]
mod few;
mod file;
#[cfg_attr(
    any(feature = "device", not(target_arch = "x86_64")),
    allow(dead_code, reason = "nothing multiplies in integers there")
)]
mod integers;
mod linear;
#[cfg_attr(feature = "device", allow(dead_code, reason = "an accelerator multiplies in its place"))]
mod matmul;
#[cfg_attr(feature = "device", allow(dead_code, reason = "an accelerator multiplies in its place"))]
mod matrix;
mod network;
mod norm;
mod output;
mod parallel;
mod rotary;
mod simd;
#[cfg(target_arch = "x86_64")]
#[cfg_attr(feature = "device", allow(dead_code, reason = "an accelerator multiplies in its place"))]
mod vnni;
#[cfg(not(target_arch = "x86_64"))]
#[path = "no_vnni.rs"]
mod vnni;

/// Whether the same text's scores may differ in their last bits from call to call: where an accelerator sums.
pub const INEXACT: bool = cfg!(feature = "device");

pub use cache::{Pool, Sequence, common_prefix};
pub use config::{Architecture, Config};
pub use error::{GgufError, Halt};
pub use file::{GgufFile, Source};
pub use matmul::Sums;
pub use network::{Network, Rows};
pub use simd::{maximum, softmax_unscaled};
