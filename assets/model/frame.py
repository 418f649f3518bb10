"""The frame in which Retrace scores, and the tokenizer that encodes it piece by piece."""

from __future__ import annotations

import re
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

BOS, EOS, THINK, END_THINK = "<s>", "</s>", "<think>", "</think>"
CONTROL = [BOS, EOS, THINK, END_THINK]
BOS_ID, EOS_ID, THINK_ID, END_THINK_ID = range(4)

#: The word-splitting pattern of Qwen2, named "qwen2" in GGUF files.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_FRAMES = {"en": "Query:\n{x}\n\nResponse:\n", "zh": "要求：\n{x}\n\n正文：\n"}


def bare_tokenizer(vocabulary: dict[str, int] | None = None, merges: list | None = None) -> Tokenizer:
    """A byte-level BPE tokenizer with the Qwen2 split and the given vocabulary."""
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges) if vocabulary else models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer that `prepare.py` wrote. Control tokens spelled in a text stay plain text."""
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def language_of(x: str) -> str:
    """The frame's language: Chinese when over a third of the letters of x are Chinese."""
    han = len(re.findall(r"[\u3400-\u4dbf\u4e00-\u9fff]", x))
    letters = sum(character.isalpha() for character in x)
    return "zh" if letters and han * 3 > letters else "en"


def pieces(x: str, segments: list[str]) -> list[str | int]:
    """The scored context as texts (encoded separately) and control token ids."""
    z = "\n\n".join(segment.strip() for segment in segments)
    head = _FRAMES[language_of(x)].replace("{x}", x)
    return [BOS_ID, head, THINK_ID, f"\n{z}\n", END_THINK_ID, "\n\n"]


def encode_context(tokenizer: Tokenizer, x: str, segments: list[str]) -> list[int]:
    """Token ids of everything before y."""
    ids: list[int] = []
    for piece in pieces(x, segments):
        ids += [piece] if isinstance(piece, int) else tokenizer.encode(piece, add_special_tokens=False).ids
    return ids


def encode_reference(tokenizer: Tokenizer, y: str) -> list[int]:
    """Token ids of y, always encoded on its own."""
    return tokenizer.encode(y.strip(), add_special_tokens=False).ids
