//! How to start each server so that its scores can be trusted.

use crate::lm::http::Kind;

/// The command line to start a scorer of this kind with, and why its flags are as they are; empty for kinds that others
/// run.
pub fn advice(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Vllm => &[
            "vllm serve MODEL --no-enable-prefix-caching --max-num-batched-tokens 2048 --gpu-memory-utilization 0.80",
            "no --speculative-config: prompt log-probabilities have been corrupted by it in silence",
            "no prefix caching: a scoring call never reads the cache, and without it scores do not depend on what came before",
            "room in memory: log-probabilities of a prompt are not in the server's own estimate; a full GPU kills the engine",
            "generate with another engine: there prefix caching helps",
        ],
        Kind::Sglang => &[
            "python -m sglang.launch_server --model-path MODEL --mem-fraction-static 0.80",
            "leave the radix cache on: candidates of one step share everything before the edited segment",
            "no --speculative-algorithm: scores have been lost or wrong with it",
        ],
        Kind::LlamaServer => &[
            "llama-server -m MODEL.gguf -c 16384 -np 4",
            "no draft model (-md): every score becomes zero with one",
            "scores are decoded token by token: right, and slow; a few examples at a time, not 20,000",
            "-c is shared by the -np slots: each must hold query, thinking and reference",
        ],
        Kind::Echo => &[
            "python -m llama_cpp.server --model MODEL.gguf --logits_all true --n_ctx 4096",
            "models without a BOS token give lists that are shifted by one here; the alignment check sees it",
        ],
        Kind::Tgi => &[
            "REQUEST_LOGPROBS=1 PREFIX_CACHING=0 text-generation-launcher --model-id MODEL",
            "without the first no log-probabilities come; with prefix caching those of cached tokens are missing",
        ],
        Kind::Chat | Kind::Anthropic | Kind::Ollama => {
            &["it generates only: no server of this kind gives log-probabilities of a given text"]
        }
        Kind::Fireworks | Kind::Together => &[],
    }
}
