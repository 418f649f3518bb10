"""Writing a checkpoint as a GGUF file that llama.cpp and candle read.

    python export_gguf.py WORK OUT.gguf [--type q8_0|f16]

Matrices take the chosen type, norms stay float32. The embedding matrix is tied, so the file
has no `output.weight`; query and key rows need no reordering (see model.py).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import gguf
import torch

import frame
from model import Config

NAME = "Retrace scorer"
VERSION = "2.0"
_BLOCK_NAMES = {
    "attention_norm": "attn_norm",
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "o": "attn_output",
    "ffn_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}
_TYPES = {
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
}


def tensor_name(name: str) -> str:
    """ggml's name for a parameter of `model.Scorer`."""
    if name == "embedding.weight":
        return "token_embd.weight"
    if name == "norm.weight":
        return "output_norm.weight"
    _, layer, part, kind = name.split(".")
    return f"blk.{layer}.{_BLOCK_NAMES[part]}.{kind}"


def write(state: dict, tokenizer_json: Path, out: Path, kind: str) -> None:
    """Write one GGUF file from a checkpoint's contents."""
    config = Config(**state["config"])
    tensor_type, file_type = _TYPES[kind]
    writer = gguf.GGUFWriter(str(out), "llama")
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(NAME)
    writer.add_version(VERSION)
    writer.add_description("A small scorer for Retrace: perplexity of a passage given thinking about it. English, some Chinese.")
    writer.add_license("MIT OR Apache-2.0")
    writer.add_languages(["en", "zh"])
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.feed_forward)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_rope_dimension_count(config.head_width)
    writer.add_rope_freq_base(config.rope_base)
    writer.add_layer_norm_rms_eps(config.norm_eps)
    writer.add_vocab_size(config.vocabulary)

    table = json.loads(tokenizer_json.read_text(encoding="utf-8"))["model"]
    tokens = sorted(table["vocab"], key=table["vocab"].get)
    kinds = [gguf.TokenType.CONTROL if token in frame.CONTROL else gguf.TokenType.NORMAL for token in tokens]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in table["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(frame.BOS_ID)
    writer.add_eos_token_id(frame.EOS_ID)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)

    for name, value in state["model"].items():
        array = value.float().numpy()
        kind_here = tensor_type if array.ndim == 2 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(tensor_name(name), gguf.quants.quantize(array, kind_here), raw_dtype=kind_here)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--type", choices=sorted(_TYPES), default="q8_0")
    args = parser.parse_args()
    state = torch.load(args.work / "checkpoint.pt", weights_only=False, map_location="cpu")
    write(state, args.work / "tokenizer.json", args.out, args.type)
    print(f"{args.out}: {args.out.stat().st_size:,} bytes after {state['counters'][0]:,} tokens")


if __name__ == "__main__":
    main()
