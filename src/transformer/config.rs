//! Sizes and constants of a model, read from a file's metadata and checked.

use super::error::GgufError;
use super::file::{GgufFile, integer};

/// The families of transformers that the engine computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    Llama,
    /// Biases on query, key and value.
    Qwen2,
    /// Normalised queries and keys.
    Qwen3,
}

/// Hyperparameters, in the names of llama.cpp's metadata keys where those are clear.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub architecture: Architecture,
    /// Most tokens of one sequence.
    pub context_length: usize,
    /// Width of the residual stream (`embedding_length`).
    pub width: usize,
    /// Transformer layers (`block_count`).
    pub layers: usize,
    pub feed_forward: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    pub head_width: usize,
    /// Leading dimensions of a head that the rotary embedding turns.
    pub rope_width: usize,
    pub rope_base: f32,
    /// Positions are divided by this (linear scaling).
    pub rope_divisor: f32,
    /// Of the root-mean-square norms.
    pub epsilon: f32,
}

impl Config {
    /// Query heads that share one key and value head.
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// # Errors
    /// What is missing, unknown or contradicts itself.
    pub(super) fn read(file: &GgufFile) -> Result<Config, GgufError> {
        let name = file.text("general.architecture").ok_or_else(|| file.missing("general.architecture"))?;
        let architecture = match name {
            "llama" => Architecture::Llama,
            "qwen2" => Architecture::Qwen2,
            "qwen3" => Architecture::Qwen3,
            other => {
                return Err(GgufError::Architecture { name: file.name.clone(), architecture: other.to_owned() });
            }
        };
        let keys = Keys { file, prefix: name };
        let (width, heads) = (keys.size("embedding_length")?, keys.size("attention.head_count")?);
        let head_width = keys.size_or("attention.key_length", width / heads)?;
        let config = Config {
            architecture,
            context_length: keys.size("context_length")?,
            width,
            layers: keys.size("block_count")?,
            feed_forward: keys.size("feed_forward_length")?,
            heads,
            kv_heads: keys.size_or("attention.head_count_kv", heads)?,
            head_width,
            rope_width: keys.size_or("rope.dimension_count", head_width)?,
            rope_base: keys.real("rope.freq_base").unwrap_or(10_000.0),
            rope_divisor: keys.rope_divisor()?,
            epsilon: keys
                .real("attention.layer_norm_rms_epsilon")
                .ok_or_else(|| file.missing(&format!("{name}.attention.layer_norm_rms_epsilon")))?,
        };
        config.check(&keys)?;
        Ok(config)
    }

    fn check(&self, keys: &Keys<'_>) -> Result<(), GgufError> {
        let file = keys.file;
        if keys.number("expert_count").is_some_and(|n| n > 0) {
            return Err(file.unsupported("a mixture of experts", "use a dense model"));
        }
        if keys.number("attention.value_length").is_some_and(|n| n != self.head_width as u64) {
            return Err(file.unsupported("a value width other than the key width", "use another model"));
        }
        let sound = self.heads.is_multiple_of(self.kv_heads)
            && self.rope_width.is_multiple_of(2)
            && self.rope_width <= self.head_width
            && self.rope_base > 0.0
            && self.epsilon >= 0.0;
        if sound { Ok(()) } else { Err(file.damaged("its hyperparameters contradict each other")) }
    }
}

/// Keys under the architecture's name.
struct Keys<'a> {
    file: &'a GgufFile,
    prefix: &'a str,
}

/// Above any model there is; larger sizes are damage and would only exhaust the memory.
const LARGEST: u64 = 1 << 24;

impl Keys<'_> {
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.prefix)
    }

    /// A number; of a list with a number a layer, the one that all layers share.
    fn number(&self, key: &str) -> Option<u64> {
        let key = self.key(key);
        let shared = |list: &[_]| {
            let first = integer(list.first()?)?;
            list.iter().all(|value| integer(value) == Some(first)).then_some(first)
        };
        self.file.number(&key).or_else(|| self.file.list(&key).and_then(shared))
    }

    fn real(&self, key: &str) -> Option<f32> {
        self.file.real(&self.key(key))
    }

    fn size(&self, key: &str) -> Result<usize, GgufError> {
        let value = match (self.number(key), self.file.value(&self.key(key))) {
            (Some(value), _) => value,
            (None, None) => return Err(self.file.missing(&self.key(key))),
            (None, Some(_)) => {
                let what = format!("{} that differs from layer to layer", self.key(key));
                return Err(self.file.unsupported(what, "use another model"));
            }
        };
        if (1..=LARGEST).contains(&value) {
            Ok(value as usize)
        } else {
            Err(self.file.damaged(format!("{} is {value}", self.key(key))))
        }
    }

    fn size_or(&self, key: &str, default: usize) -> Result<usize, GgufError> {
        if self.file.value(&self.key(key)).is_none() { Ok(default.max(1)) } else { self.size(key) }
    }

    fn rope_divisor(&self) -> Result<f32, GgufError> {
        let factor = || self.real("rope.scaling.factor").or_else(|| self.real("rope.scale_linear"));
        match self.file.text(&self.key("rope.scaling.type")) {
            Some("none") => Ok(1.0),
            None | Some("linear") => Ok(factor().filter(|f| *f > 0.0).unwrap_or(1.0)),
            Some(other) => {
                let what = format!("the rope scaling `{other}`");
                Err(self.file.unsupported(what, "use the model without a stretched context"))
            }
        }
    }
}
