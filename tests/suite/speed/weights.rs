//! Model files of the shapes people use, with random weights: time depends on the shape alone.

use std::borrow::Cow;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Value, write};
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{Device, Tensor};

/// How the weights of a file are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Q8_0,
    /// llama.cpp's mixture: Q6_K for the embeddings and half of the value and down matrices, Q4_K for the rest.
    Q4KM,
}

impl Kind {
    pub const ALL: [Kind; 2] = [Kind::Q8_0, Kind::Q4KM];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Q8_0 => "q8_0",
            Kind::Q4KM => "q4_k_m",
        }
    }

    fn of(self, shape: &Shape, part: &str, layer: usize) -> GgmlDType {
        // llama.cpp's use_more_bits: the first and last eighth of the layers, and every third between them.
        let eighth = shape.layers / 8;
        let more = layer < eighth || layer >= 7 * eighth || (layer - eighth) % 3 == 2;
        match (self, part) {
            (Kind::Q8_0, _) => GgmlDType::Q8_0,
            (Kind::Q4KM, "token_embd") => GgmlDType::Q6K,
            (Kind::Q4KM, "attn_v" | "ffn_down") if more => GgmlDType::Q6K,
            (Kind::Q4KM, _) => GgmlDType::Q4K,
        }
    }
}

/// A transformer's sizes.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub name: &'static str,
    pub architecture: &'static str,
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_width: usize,
    pub feed_forward: usize,
    pub vocabulary: usize,
}

/// 0.6 billion parameters, the shape of Qwen3-0.6B.
pub const SMALL: Shape = Shape {
    name: "0.6B",
    architecture: "qwen3",
    width: 1024,
    layers: 28,
    heads: 16,
    kv_heads: 8,
    head_width: 128,
    feed_forward: 3072,
    vocabulary: 151_936,
};

/// 1.5 billion parameters, the shape of Qwen2.5-1.5B.
pub const LARGE: Shape = Shape {
    name: "1.5B",
    architecture: "qwen2",
    width: 1536,
    layers: 28,
    heads: 12,
    kv_heads: 2,
    head_width: 128,
    feed_forward: 8960,
    vocabulary: 151_936,
};

/// Rows of a matrix that differ; the others repeat them, since quantising billions of numbers takes minutes.
const DISTINCT: usize = 512;

/// Where the files are kept between runs: `RETRACE_SPEED_FILES`, else the system's folder for temporary files.
pub fn folder() -> PathBuf {
    let named = std::env::var_os("RETRACE_SPEED_FILES").map(PathBuf::from);
    named.unwrap_or_else(|| std::env::temp_dir().join("retrace-speed"))
}

/// The bundled model and the random ones in both formats, by name; of them those whose name begins with
/// `RETRACE_SPEED_MODEL`, where that is set.
pub fn files() -> Vec<(String, PathBuf)> {
    let folder = folder();
    let only = std::env::var("RETRACE_SPEED_MODEL").unwrap_or_default();
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/model/retrace-scorer-q8_0.gguf");
    let mut files = vec![("bundled q8_0".to_owned(), bundled)];
    for shape in [SMALL, LARGE] {
        for kind in Kind::ALL {
            let name = format!("{} {}", shape.name, kind.name());
            if name.starts_with(&only) {
                files.push((name, file(&folder, &shape, kind)));
            }
        }
    }
    files.retain(|(name, _)| name.starts_with(&only));
    files
}

/// The file of a shape in `folder`, written when it is not there yet.
pub fn file(folder: &Path, shape: &Shape, kind: Kind) -> PathBuf {
    let path = folder.join(format!("{}-{}.gguf", shape.name, kind.name()));
    if !path.exists() {
        std::fs::create_dir_all(folder).unwrap();
        let partial = path.with_extension("partial");
        make(&partial, shape, kind);
        std::fs::rename(&partial, &path).unwrap();
    }
    path
}

fn make(path: &Path, shape: &Shape, kind: Kind) {
    let metadata = metadata(shape);
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let tensors = tensors(shape, kind);
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    write(&mut BufWriter::new(File::create(path).unwrap()), &metadata, &tensors).unwrap();
}

fn metadata(shape: &Shape) -> Vec<(String, Value)> {
    let own = |key: &str, value: usize| (format!("{}.{key}", shape.architecture), Value::U32(value as u32));
    let texts = |list: Vec<String>| Value::Array(list.into_iter().map(Value::String).collect());
    // The bytes, what the one merge makes of two of them, and control tokens.
    let plain: Vec<String> = printable_bytes().into_iter().chain([MERGED.concat()]).collect();
    let tokens: Vec<String> =
        plain.iter().cloned().chain((plain.len()..shape.vocabulary).map(|id| format!("<|{id}|>"))).collect();
    let kinds = (0..tokens.len()).map(|id| Value::I32(if id < plain.len() { 1 } else { 3 })).collect();
    vec![
        ("general.architecture".to_owned(), Value::String(shape.architecture.to_owned())),
        ("general.name".to_owned(), Value::String(format!("random {}", shape.name))),
        own("context_length", 4096),
        own("embedding_length", shape.width),
        own("block_count", shape.layers),
        own("feed_forward_length", shape.feed_forward),
        own("attention.head_count", shape.heads),
        own("attention.head_count_kv", shape.kv_heads),
        own("attention.key_length", shape.head_width),
        own("attention.value_length", shape.head_width),
        (format!("{}.rope.freq_base", shape.architecture), Value::F32(1_000_000.0)),
        (format!("{}.attention.layer_norm_rms_epsilon", shape.architecture), Value::F32(1e-6)),
        ("tokenizer.ggml.model".to_owned(), Value::String("gpt2".to_owned())),
        ("tokenizer.ggml.pre".to_owned(), Value::String("qwen2".to_owned())),
        ("tokenizer.ggml.tokens".to_owned(), texts(tokens)),
        ("tokenizer.ggml.token_type".to_owned(), Value::Array(kinds)),
        ("tokenizer.ggml.merges".to_owned(), texts(vec![MERGED.join(" ")])),
        ("tokenizer.ggml.eos_token_id".to_owned(), Value::U32(shape.vocabulary as u32 - 1)),
        ("tokenizer.ggml.add_bos_token".to_owned(), Value::Bool(false)),
    ]
}

/// The only merge of the vocabulary: a file without any is taken for damaged.
const MERGED: [&str; 2] = ["a", "b"];

/// The 256 bytes as GPT-2's vocabulary spells them: itself where it can be seen, else the next character from U+0100 on.
fn printable_bytes() -> Vec<String> {
    let mut next = 0x100;
    let spelled = (0..=255u8).map(|byte| match byte {
        b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => char::from(byte),
        _ => {
            next += 1;
            char::from_u32(next - 1).unwrap()
        }
    });
    spelled.map(String::from).collect()
}

fn tensors(shape: &Shape, kind: Kind) -> Vec<(String, QTensor)> {
    let (query, kv) = (shape.heads * shape.head_width, shape.kv_heads * shape.head_width);
    let mut random = Random(1);
    let ones = |count: usize| {
        QTensor::quantize(&Tensor::ones(count, candle_core::DType::F32, &Device::Cpu).unwrap(), GgmlDType::F32).unwrap()
    };
    let mut all = vec![("output_norm.weight".to_owned(), ones(shape.width))];
    let mut matrix = |name: String, part: &str, layer: usize, outputs: usize, inputs: usize| {
        all.push((name, random.matrix(outputs, inputs, kind.of(shape, part, layer))));
    };
    matrix("token_embd.weight".to_owned(), "token_embd", 0, shape.vocabulary, shape.width);
    for layer in 0..shape.layers {
        for (part, outputs, inputs) in [
            ("attn_q", query, shape.width),
            ("attn_k", kv, shape.width),
            ("attn_v", kv, shape.width),
            ("attn_output", shape.width, query),
            ("ffn_gate", shape.feed_forward, shape.width),
            ("ffn_up", shape.feed_forward, shape.width),
            ("ffn_down", shape.width, shape.feed_forward),
        ] {
            matrix(format!("blk.{layer}.{part}.weight"), part, layer, outputs, inputs);
        }
    }
    for layer in 0..shape.layers {
        let mut vector = |part: &str, count: usize| all.push((format!("blk.{layer}.{part}"), ones(count)));
        vector("attn_norm.weight", shape.width);
        vector("ffn_norm.weight", shape.width);
        match shape.architecture {
            "qwen2" => {
                vector("attn_q.bias", query);
                vector("attn_k.bias", kv);
                vector("attn_v.bias", kv);
            }
            "qwen3" => {
                vector("attn_q_norm.weight", shape.head_width);
                vector("attn_k_norm.weight", shape.head_width);
            }
            _ => {}
        }
    }
    all
}

/// A seeded generator (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Even in ±sqrt(3 / inputs), so that a map keeps the variance of what it is given.
    fn matrix(&mut self, outputs: usize, inputs: usize, dtype: GgmlDType) -> QTensor {
        let (rows, scale) = (outputs.min(DISTINCT), (3.0 / inputs as f32).sqrt());
        let values: Vec<f32> = (0..rows * inputs).map(|_| (2.0 * self.next() - 1.0) * scale).collect();
        let distinct = Tensor::from_vec(values, (rows, inputs), &Device::Cpu).unwrap();
        let distinct = QTensor::quantize(&distinct, dtype).unwrap().data().unwrap().into_owned();
        let row = distinct.len() / rows;
        let bytes = distinct.iter().copied().cycle().take(row * outputs).collect();
        QTensor::new(QStorage::from_data(Cow::Owned(bytes), &Device::Cpu, dtype).unwrap(), (outputs, inputs)).unwrap()
    }
}
