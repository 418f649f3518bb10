"""Training the tokenizer: English merges by frequency, one token for each common Chinese character.

Two vocabularies are trained apart and joined. In the Chinese one every character is a
word of its own, so no merge crosses a character; the byte sequences of the two do not
meet, so their merges can simply follow each other.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

import corpus
import frame

VOCABULARY = 12_288
CHINESE_MERGES = 3_700
ENGLISH_SAMPLE = 30_000_000


def _train(texts: list[str], merges: int, split: str) -> list[tuple[str, str]]:
    """The first `merges` byte-level merges learnt from `texts` cut by the pattern `split`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(split), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=256 + merges,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def train(english: list[corpus.Book], chinese: list[corpus.Book], seed: int, out: Path) -> Tokenizer:
    """Train both vocabularies on training books, join them and write `tokenizer.json`."""
    rng = random.Random(seed)
    sample, size = [], 0
    for book in rng.sample(english, len(english)):
        start = rng.randrange(max(1, len(book.paragraphs) // 2))
        for paragraph in book.paragraphs[start : start + 150]:
            sample.append(paragraph + "\n\n")
            size += len(paragraph)
        if size > ENGLISH_SAMPLE:
            break
    sample = [text for text in sample if text.isascii()]
    # ASCII inside the Chinese text must not put its merges before the English ones.
    han = [re.sub(r"[\x00-\x7f]+", "", paragraph) for book in chinese for paragraph in book.paragraphs]

    chinese_merges = _train(han, CHINESE_MERGES, r"[^\x00-\x7f]")
    english_merges = _train(sample, VOCABULARY - len(frame.CONTROL) - 256 - CHINESE_MERGES + 400, frame.SPLIT)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(frame.CONTROL + alphabet)}
    merges: list[tuple[str, str]] = []
    for pair in chinese_merges + english_merges:
        token = "".join(pair)
        if token in vocabulary or len(vocabulary) == VOCABULARY:
            continue
        vocabulary[token] = len(vocabulary)
        merges.append(pair)
    assert len(vocabulary) == VOCABULARY
    tokenizer = frame.bare_tokenizer(vocabulary, merges)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / "tokenizer.json"))
    return tokenizer
