"""Token log-probabilities of a GGUF file by engines that share no code with Retrace.

    python peer_logprobs.py MODEL.gguf OUT.json
    python peer_logprobs.py MODEL.gguf --check EXISTING.json

Reads llama, qwen2 and qwen3 files with the gguf package, dequantises every weight to
float32 and runs a plain PyTorch forward pass written for this file alone. llama.cpp is
asked as a second peer when llama-cpp-python can be imported. The result holds, for each
case, ids = [bos, if the file asks for one] + encode(context) + encode(text), encoded
separately, and the log-probability in nats of each token of text. Control tokens spelled
in a context count as control tokens; in a text they do not.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

CONTROL = 3
_ENDINGS = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPLITS = {
    "gpt-2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|" + _ENDINGS,
    "llama-bpe": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + _ENDINGS,
}

CASES = [
    (
        "english",
        "Query:\nWrite a story about a lighthouse keeper who finds a letter.\n\nResponse:\n<think>\n"
        "I want to open with the lamp going out, and the keeper on the stair. Then the boat, and nobody in it.\n\n"
        "Where does the letter come from? From the tide, I think; the ink has run.\n</think>\n\n",
        "The lamp went out a little after two. The keeper heard it before he saw it, a small dry sound like a twig "
        "breaking, and he was on the stair with his boots unlaced before the dark had settled on the water. Below him "
        'the sea went on as it always did. "Well," he said aloud, to nobody, "that is a thing that has not happened '
        'in nineteen years."\n\nIn the morning there was a boat on the shingle, and nobody in it. Under the thwart, '
        "wrapped in oilcloth, lay a letter. The ink had run so far that only the name was left, and the name was his.",
    ),
    (
        "chinese",
        "要求：\n写一篇关于冬天早晨的短文。\n\n正文：\n<think>\n先写窗上的霜，再写卖豆浆的人。\n\n最后落在母亲的咳嗽上。\n</think>\n\n",
        "早晨起来，窗上结了一层薄霜，外面的树都看不清楚了。巷子口卖豆浆的人已经来了，他的声音很低，"
        "好像怕惊动了谁。我披了衣服走出去，地上的雪还没有人踩过。\n\n母亲在屋里咳嗽了两声，问我冷不冷。我说：“不冷。”其实是冷的。",
    ),
    (
        "mixed",
        "<think>\nOpen on the station, then the code.\n</think>\n\n",
        "The train was late 🚂 at 7:45 — “again,” she typed, `for i in 0..3 { print!(\"{i}\"); }`\n\tand the naïve "
        "clock in the 火车站 said <think> nothing.\n\n\n  Fin.",
    ),
    (
        "empty-context",
        "",
        "It was the year of the great flood, and the bridges were all down from the mill to the sea. We went by boat "
        "to church, and the minister preached from the gallery.",
    ),
]


class File:
    """Metadata, tokenizer and dequantised weights of one GGUF file."""

    def __init__(self, path: Path) -> None:
        reader = gguf.GGUFReader(str(path))
        self.meta = {name: field.contents() for name, field in reader.fields.items()}
        self.weights = {
            tensor.name: torch.from_numpy(
                np.array(gguf.quants.dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
            ).view(*[int(size) for size in reversed(tensor.shape)])
            for tensor in reader.tensors
        }
        self.architecture: str = self.meta["general.architecture"]
        self.bos = self.meta.get("tokenizer.ggml.bos_token_id")
        # The default where the key is absent: llama.cpp adds no BOS for gpt2-type vocabularies.
        self.adds_bos = bool(self.meta.get("tokenizer.ggml.add_bos_token", False)) and self.bos is not None

    def get(self, name: str, default=None):
        """A value of the architecture's own metadata."""
        return self.meta.get(f"{self.architecture}.{name}", default)

    def tokenizer(self) -> Tokenizer:
        """The byte-level BPE tokenizer; control tokens spelled in a text are plain text to it."""
        tokens = self.meta["tokenizer.ggml.tokens"]
        merges = [tuple(merge.split(" ")) for merge in self.meta["tokenizer.ggml.merges"]]
        split = SPLITS[self.meta.get("tokenizer.ggml.pre", "gpt-2")]
        vocabulary = {token: number for number, token in enumerate(tokens)}
        whole = self.meta.get("tokenizer.ggml.pre") == "llama-bpe"  # whole words come before merges there
        built = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=whole))
        built.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(split), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        built.decoder = decoders.ByteLevel()
        return built

    def special_tokenizer(self) -> Tokenizer:
        """The same tokenizer, which also knows control tokens by their spelling."""
        built = self.tokenizer()
        table = zip(self.meta["tokenizer.ggml.tokens"], self.meta["tokenizer.ggml.token_type"])
        built.add_special_tokens([AddedToken(token, special=True, normalized=False) for token, kind in table if kind == CONTROL])
        return built


def rotary(x: Tensor, base: float, width: int, neox: bool) -> Tensor:
    """Rotary positions on x [length, heads, head_width]: pairs (i, i + half) if neox, else (2i, 2i + 1)."""
    length = x.shape[0]
    frequency = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = torch.outer(torch.arange(length, dtype=torch.float64), frequency)[:, None, :]
    cos, sin = angle.cos().float(), angle.sin().float()
    turned, rest = x[..., :width], x[..., width:]
    if neox:
        a, b = turned.chunk(2, -1)
        turned = torch.cat((a * cos - b * sin, a * sin + b * cos), -1)
    else:
        a, b = turned[..., 0::2], turned[..., 1::2]
        turned = torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
    return torch.cat((turned, rest), -1)


def rms(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Root-mean-square norm over the last dimension."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight


@torch.no_grad()
def logits(file: File, ids: list[int]) -> Tensor:
    """Logits [length, vocabulary] of a whole sequence, all in float32."""
    if file.architecture not in ("llama", "qwen2", "qwen3"):
        raise ValueError(f"architecture {file.architecture} is not supported")
    weights, neox = file.weights, file.architecture != "llama"
    heads = file.get("attention.head_count")
    kv_heads = file.get("attention.head_count_kv", heads)
    eps = file.get("attention.layer_norm_rms_epsilon")
    width = file.get("attention.key_length", file.get("embedding_length") // heads)
    turned = file.get("rope.dimension_count", width)
    base = file.get("rope.freq_base", 10_000.0)

    def linear(x: Tensor, name: str) -> Tensor:
        return F.linear(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"))

    x = weights["token_embd.weight"][torch.tensor(ids)]
    length = len(ids)
    for layer in range(file.get("block_count")):
        at = f"blk.{layer}"
        h = rms(x, weights[f"{at}.attn_norm.weight"], eps)
        q = linear(h, f"{at}.attn_q").view(length, heads, width)
        k = linear(h, f"{at}.attn_k").view(length, kv_heads, width)
        v = linear(h, f"{at}.attn_v").view(length, kv_heads, -1)
        if f"{at}.attn_q_norm.weight" in weights:
            q = rms(q, weights[f"{at}.attn_q_norm.weight"], eps)
            k = rms(k, weights[f"{at}.attn_k_norm.weight"], eps)
        q, k = rotary(q, base, turned, neox), rotary(k, base, turned, neox)
        k, v = (item.repeat_interleave(heads // kv_heads, 1) for item in (k, v))
        scores = torch.einsum("qhd,khd->hqk", q, k) / width**0.5
        scores = scores.masked_fill(torch.ones(length, length, dtype=torch.bool).triu(1), float("-inf"))
        mixed = torch.einsum("hqk,khd->qhd", scores.softmax(-1), v).reshape(length, -1)
        x = x + linear(mixed, f"{at}.attn_output")
        h = rms(x, weights[f"{at}.ffn_norm.weight"], eps)
        x = x + linear(F.silu(linear(h, f"{at}.ffn_gate")) * linear(h, f"{at}.ffn_up"), f"{at}.ffn_down")
    x = rms(x, weights["output_norm.weight"], eps)
    return F.linear(x, weights.get("output.weight", weights["token_embd.weight"]))


def by_torch(file: File, before: list[int], text: list[int]) -> list[float]:
    """Log-probability of each id of `text` after `before`. With nothing before it, the first is left out."""
    table = logits(file, before + text).log_softmax(-1)
    start = len(before)
    picked = [table[start + place - 1, token] for place, token in enumerate(text) if start + place > 0]
    return [round(value.item(), 5) for value in picked]


def by_llama_cpp(path: Path, cases: list[dict]) -> list[list[float]] | None:
    """The same by llama.cpp, or None where llama-cpp-python is not installed."""
    try:
        from llama_cpp import Llama, llama_cpp
    except ImportError:
        print("llama-cpp-python is not installed: no llama.cpp column")
        return None
    defaults = llama_cpp.llama_model_default_params

    def plain_buffers():
        """Weights as they stand in the file: the repacked AMX kernels of 0.3.36 crash on Q8_0."""
        parameters = defaults()
        parameters.use_extra_bufts = False
        return parameters

    llama_cpp.llama_model_default_params = plain_buffers
    engine = Llama(str(path), n_ctx=2048, n_batch=2048, logits_all=True, verbose=False)
    columns = []
    for case in cases:
        ids, start = case["context_ids"] + case["text_ids"], len(case["context_ids"])
        engine.reset()
        engine.eval(ids)
        table = torch.from_numpy(np.array(engine.scores[: len(ids)], dtype=np.float32)).log_softmax(-1)
        columns.append([round(table[at - 1, ids[at]].item(), 5) for at in range(max(start, 1), len(ids))])
    return columns


def make_cases(file: File) -> list[dict]:
    """The built-in texts as token ids of this file."""
    tokenizer = file.special_tokenizer()
    made = []
    for name, context, text in CASES:
        start = [file.bos] if file.adds_bos else []
        context_ids = start + tokenizer.encode(context, add_special_tokens=False).ids
        text_ids = tokenizer.encode(text, add_special_tokens=False).ids
        made.append({"name": name, "context": context, "text": text, "context_ids": context_ids, "text_ids": text_ids})
    return made


def check(file: File, existing: dict) -> bool:
    """Compare this file's token ids and log-probabilities with stored ones; True if they agree."""
    tokenizer = file.special_tokenizer()
    agree = True
    for case in existing["cases"]:
        start = [file.bos] if file.adds_bos else []
        same = start + tokenizer.encode(case["context"], add_special_tokens=False).ids == case["context_ids"]
        same &= tokenizer.encode(case["text"], add_special_tokens=False).ids == case["text_ids"]
        ours = np.array(by_torch(file, case["context_ids"], case["text_ids"]))
        theirs = np.array(case["logprobs"])
        off = np.abs(ours - theirs)
        agree &= bool(same and off.max() < 0.005)
        print(
            f"{case['name']}: ids {'equal' if same else 'DIFFER'}, largest difference {off.max():.5f}, "
            f"means {ours.mean():.5f} {theirs.mean():.5f}"
        )
    return agree


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--check", type=Path)
    args = parser.parse_args()
    file = File(args.model)
    if args.check:
        raise SystemExit(0 if check(file, json.loads(args.check.read_text(encoding="utf-8"))) else 1)
    if not args.out:
        parser.error("OUT.json or --check is needed")
    cases = make_cases(file)
    second = by_llama_cpp(args.model, cases)
    for number, case in enumerate(cases):
        case["logprobs"] = by_torch(file, case["context_ids"], case["text_ids"])
        if second:
            case["llama_cpp"] = second[number]
        print(f"{case['name']}: {len(case['text_ids'])} tokens, mean {np.mean(case['logprobs']):.5f}")
    how = (
        "ids = context_ids + text_ids; log-probabilities in nats of each token of text (with no token before it, "
        "from the second on); PyTorch float32 on the dequantised weights"
    )
    body = ",\n".join("  " + json.dumps(case, ensure_ascii=False) for case in cases)
    head = json.dumps({"model": args.model.name, "architecture": file.architecture, "how": how}, ensure_ascii=False)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(head[:-1] + ', "cases": [\n' + body + "\n]}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
