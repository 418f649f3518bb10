"""Corpus in, packed training rows out: tokenizer, framed documents, plain passages.

    python prepare.py CORPUS WORK [--seed N] [--tokens N] [--long-tokens N]

Writes to WORK: tokenizer.json, valid.npz (held-out rows of 2,048 tokens), and numbered files
in train/ (rows of 2,048) and long/ (rows of 4,096), each folder marked when it is whole.
In every file `ids` are tokens and `weights` says, in tenths, how much each counts in the
loss: a plain passage and the y of a framed document whole, the thinking before it a tenth,
the query not at all. What is there already is kept.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

import corpus
import frame
import plans
import terms
import tokenizer as tokenizer_module
from corpus import CHINESE, ENGLISH, Book

ROW, LONG_ROW = 2_048, 4_096
#: Tokens in one file of rows, and the name of the mark that a folder of them is whole.
FILE_TOKENS, DONE = 1 << 20, "whole"
#: What `weights` holds for a token that counts whole, and for one of the thinking.
WEIGHT_UNIT, THINKING_WEIGHT = 10, 1
VALID_ROWS = 96
CHINESE_SHARE = 0.08
#: Share of framed documents among documents; plain text also fills the ends of rows.
FRAMED_SHARE = 0.80
#: What stands between the think tags, as shares of the framed documents.
EMPTY, COPY, MISMATCHED = 0.15, 0.08, 0.06
#: Shortest and longest passages, in words, of documents in rows of each size.
LENGTHS = {ROW: (50, 800), LONG_ROW: (100, 2_000)}


@dataclass
class Source:
    """Books of one language with the term picker that belongs to it."""

    language: str
    books: list[Book]
    picker: terms.English | terms.Chinese

    def book(self, rng: random.Random) -> Book:
        """A random book; longer ones are drawn more often."""
        return rng.choices(self.books, cum_weights=self._weights())[0]

    def passage(self, rng: random.Random, low: int, high: int, book: Book | None = None) -> str:
        """A random passage, of the given book where it has one of that length."""
        while True:
            text = corpus.passage(book or self.book(rng), rng, low, high)
            if text:
                return text.replace("\n\n", "\n") if rng.random() < 0.15 else text
            book = None

    def _weights(self) -> list[float]:
        if not hasattr(self, "_cumulative"):
            sizes = np.array([sum(map(len, book.paragraphs)) for book in self.books], dtype=float)
            self._cumulative = list(np.cumsum(sizes**0.75))
        return self._cumulative


def _count(text: str, language: str, rng: random.Random) -> int:
    """How many terms a plan has: one for every 5 to 40 words, log-uniform, and at most 80."""
    units = corpus.length(text, language) * (1 if language == ENGLISH else 0.7)
    return max(3, min(80, round(units / 5 / 8 ** (rng.random() ** 1.2))))


def _copy(text: str, source: Source, rng: random.Random) -> list[str]:
    """Thinking that holds the passage, half of it, or sentences of it word for word."""
    style = rng.random()
    if style < 0.45:
        return text.split("\n\n")
    every = corpus.sentences(text.replace("\n", " " if source.language == ENGLISH else ""), source.language)
    gap = " " if source.language == ENGLISH else ""
    if style < 0.7 and len(every) > 2:
        start = rng.randrange(len(every) // 2)
        return [gap.join(every[start : start + max(1, len(every) // 2)])]
    segments = plans.plan(source.picker.terms(text, _count(text, source.language, rng), rng), source.language, rng)
    for sentence in sorted(rng.sample(range(len(every)), min(len(every), rng.randint(1, 4)))):
        segments.insert(rng.randint(0, len(segments)), every[sentence])
    return segments


def thinking(text: str, other: str, source: Source, rng: random.Random) -> list[str]:
    """Segments for one framed document: empty, a copy, another passage's plan, or a plan, partly wrong at times."""
    draw = rng.random()
    if draw < EMPTY:
        return []
    if draw < EMPTY + COPY:
        return _copy(text, source, rng)
    language = source.language
    number = _count(text, language, rng)
    if draw < EMPTY + COPY + MISMATCHED:
        return plans.plan(source.picker.terms(other, number, rng), language, rng)
    picked = source.picker.terms(text, number, rng)
    if rng.random() < 0.3:
        wrong = source.picker.terms(other, number, rng)
        share = rng.uniform(0.1, 0.5)
        picked = [rng.choice(wrong) if rng.random() < share else term for term in picked]
    if rng.random() < 0.25:
        keep = rng.uniform(0.5, 0.9)
        picked = [term for term in picked if rng.random() < keep] or picked
    segments = plans.plan(picked, language, rng)
    if rng.random() < 0.1:
        rng.shuffle(segments)
    return segments


class Maker:
    """Makes documents as (ids, weights) and packs them into rows."""

    def __init__(self, tokenizer: Tokenizer, sources: dict[str, Source], seed: str) -> None:
        self.tokenizer, self.sources = tokenizer, sources
        self.rng = random.Random(seed)

    def _source(self) -> Source:
        return self.sources[CHINESE if self.rng.random() < CHINESE_SHARE * 0.85 else ENGLISH]

    def framed(self, low: int, high: int) -> tuple[list[int], list[int]]:
        """One query-plan-passage document in Retrace's frame; wrong plans come from the same book half of the time."""
        rng, source = self.rng, self._source()
        if source.language == CHINESE:
            low, high = round(low * 1.3), round(high * 1.5)
        book = source.book(rng)
        text = source.passage(rng, low, high, book)
        other = source.passage(rng, low, high, book if rng.random() < 0.5 else None)
        x = plans.query(source.picker.terms(text if rng.random() < 0.95 else other, 6, rng), source.language, rng)
        context = frame.encode_context(self.tokenizer, x, thinking(text, other, source, rng))
        reference = frame.encode_reference(self.tokenizer, text) + [frame.EOS_ID]
        before = context.index(frame.THINK_ID) + 1
        weights = [0] * before + [THINKING_WEIGHT] * (len(context) - before) + [WEIGHT_UNIT] * len(reference)
        return context + reference, weights

    def plain(self, low: int, high: int) -> tuple[list[int], list[int]]:
        """One passage of running text."""
        ids = [frame.BOS_ID] + frame.encode_reference(self.tokenizer, self._source().passage(self.rng, low, high))
        return ids, [0] + [WEIGHT_UNIT] * (len(ids) - 1)

    def row(self, size: int) -> tuple[list[int], list[int]]:
        """A full row: whole documents of log-uniform length, then plain text cut to what is left."""
        low, longest = LENGTHS[size]
        ids: list[int] = []
        weights: list[int] = []
        misses = 0
        while len(ids) < size:
            left = size - len(ids)
            high = round(2 * low * (longest / low / 2) ** self.rng.random())
            if misses < 2 and left > 220 and self.rng.random() < FRAMED_SHARE:
                more, mask = self.framed(low, min(high, max(low + 20, int(left * 0.62))))
                if len(more) > left:
                    misses += 1
                    continue
            else:
                more, mask = self.plain(min(high, max(low, left // 3)), min(2400, max(high, left)))
                misses = 0
            ids += more[:left]
            weights += mask[:left]
        return ids, weights


_STATE: dict = {}


def rows(seed: str, count: int, size: int) -> dict[str, np.ndarray]:
    """`count` packed rows of `size` tokens from one seed."""
    maker = Maker(_STATE["tokenizer"], _STATE["sources"], seed)
    made = [maker.row(size) for _ in range(count)]
    return {"ids": np.array([ids for ids, _ in made], np.uint16), "weights": np.array([w for _, w in made], np.uint8)}


def _file(job: tuple[Path, str, int]) -> float:
    """Worker: one file of rows, written whole or not at all; the share of the loss its tokens have."""
    path, seed, size = job
    if not path.exists():
        part = path.with_suffix(".part")
        with part.open("wb") as out:
            np.savez(out, **rows(seed, FILE_TOKENS // size, size))
        os.replace(part, path)
    return float(np.load(path)["weights"].mean()) / WEIGHT_UNIT


def folder(out: Path, seed: str, tokens: int, size: int) -> None:
    """A folder of files of rows, made by all processors from numbered seeds."""
    out.mkdir(parents=True, exist_ok=True)
    jobs = [(out / f"{at:04}.npz", f"{seed}-{at}", size) for at in range(-(-tokens // FILE_TOKENS))]
    with multiprocessing.get_context("fork").Pool() as pool:
        shares = list(pool.imap(_file, jobs))
    (out / DONE).touch()
    print(f"{out.name}: {len(jobs) * FILE_TOKENS:,} tokens, {np.mean(shares):.1%} of the loss", flush=True)


def load(folder: Path) -> tuple[dict[str, list[Book]], dict[str, list[Book]]]:
    """(training books, held-out books) by language."""
    split = {language: corpus.split_books(corpus.read_books(folder, language)) for language in (ENGLISH, CHINESE)}
    return {key: value[0] for key, value in split.items()}, {key: value[1] for key, value in split.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=560_000_000)
    parser.add_argument("--long-tokens", type=int, default=90_000_000)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    train, held = load(args.corpus)
    if not (args.work / "tokenizer.json").exists():
        tokenizer_module.train(train[ENGLISH], train[CHINESE], args.seed, args.work)
    pickers = {language: terms.for_language(language, train[language]) for language in train}
    _STATE.update(tokenizer=frame.load_tokenizer(args.work))
    if not (args.work / "valid.npz").exists():
        _STATE["sources"] = {key: Source(key, held[key], pickers[key]) for key in held}
        np.savez(args.work / "valid.npz", **rows(f"{args.seed}-valid", VALID_ROWS, ROW))
    _STATE["sources"] = {key: Source(key, train[key], pickers[key]) for key in train}
    folder(args.work / "train", f"{args.seed}-train", args.tokens, ROW)
    folder(args.work / "long", f"{args.seed}-long", args.long_tokens, LONG_ROW)


if __name__ == "__main__":
    main()
