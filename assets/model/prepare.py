"""Corpus in, packed training rows out: tokenizer, framed documents, plain passages.

    python prepare.py CORPUS WORK [--seed N] [--rows N] [--long-rows N]

Writes to WORK: tokenizer.json, train.npz (rows of 1,024 tokens), long.npz (rows of 4,096)
and valid.npz (held-out rows of 1,024). In every file `ids` are tokens and `weights` says
which of them are trained on: all of a plain passage, but only y of a framed document.
"""

from __future__ import annotations

import argparse
import multiprocessing
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

ROW, LONG_ROW = 1_024, 4_096
CHINESE_SHARE = 0.14
#: Share of framed documents among documents; plain text also fills the ends of rows.
FRAMED_SHARE = 0.80
#: What stands between the think tags, as shares of the framed documents.
EMPTY, COPY, MISMATCHED = 0.16, 0.09, 0.04


@dataclass
class Source:
    """Books of one language with the term picker that belongs to it."""

    language: str
    books: list[Book]
    picker: terms.English | terms.Chinese

    def passage(self, rng: random.Random, low: int, high: int) -> str:
        """A random passage; longer books are drawn more often."""
        while True:
            book = rng.choices(self.books, cum_weights=self._weights())[0]
            text = corpus.passage(book, rng, low, high)
            if text:
                return text.replace("\n\n", "\n") if rng.random() < 0.15 else text

    def _weights(self) -> list[float]:
        if not hasattr(self, "_cumulative"):
            sizes = np.array([sum(map(len, book.paragraphs)) for book in self.books], dtype=float)
            self._cumulative = list(np.cumsum(sizes**0.75))
        return self._cumulative


def _count(text: str, language: str, rng: random.Random) -> int:
    """How many terms a plan has: one for every 5 to 40 words, log-uniform, and at most 48."""
    units = corpus.length(text, language) * (1 if language == ENGLISH else 0.7)
    return max(3, min(48, round(units / 5 / 8 ** (rng.random() ** 1.2))))


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

    def __init__(self, tokenizer: Tokenizer, sources: dict[str, Source], seed: int) -> None:
        self.tokenizer, self.sources = tokenizer, sources
        self.rng = random.Random(seed)

    def _source(self) -> Source:
        return self.sources[CHINESE if self.rng.random() < CHINESE_SHARE * 0.85 else ENGLISH]

    def framed(self, low: int, high: int) -> tuple[list[int], list[int]]:
        """One plan-then-passage document in Retrace's frame."""
        rng, source = self.rng, self._source()
        if source.language == CHINESE:
            low, high = round(low * 1.3), round(high * 1.5)
        text, other = source.passage(rng, low, high), source.passage(rng, low, high)
        x = plans.query(source.picker.terms(text if rng.random() < 0.95 else other, 6, rng), source.language, rng)
        context = frame.encode_context(self.tokenizer, x, thinking(text, other, source, rng))
        reference = frame.encode_reference(self.tokenizer, text) + [frame.EOS_ID]
        return context + reference, [0] * len(context) + [1] * len(reference)

    def plain(self, low: int, high: int) -> tuple[list[int], list[int]]:
        """One passage of running text."""
        ids = [frame.BOS_ID] + frame.encode_reference(self.tokenizer, self._source().passage(self.rng, low, high))
        return ids, [0] + [1] * (len(ids) - 1)

    def row(self, size: int, low: int, high: int) -> tuple[list[int], list[int]]:
        """A full row: whole documents, then plain text cut to what is left."""
        ids: list[int] = []
        weights: list[int] = []
        misses = 0
        while len(ids) < size:
            left = size - len(ids)
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


def _rows(job: tuple[int, int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Worker: `count` rows of one size from one seed."""
    seed, count, size, low, high = job
    maker = Maker(_STATE["tokenizer"], _STATE["sources"], seed)
    made = [maker.row(size, low, high) for _ in range(count)]
    return np.array([ids for ids, _ in made], np.uint16), np.array([w for _, w in made], np.uint8)


def rows(seed: int, count: int, size: int, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` packed rows, made by all processors from numbered seeds."""
    chunk = 250
    jobs = [(seed * 100_003 + at, min(chunk, count - at), size, low, high) for at in range(0, count, chunk)]
    with multiprocessing.get_context("fork").Pool() as pool:
        made = pool.map(_rows, jobs, chunksize=1)
    return np.concatenate([ids for ids, _ in made]), np.concatenate([weights for _, weights in made])


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
    parser.add_argument("--rows", type=int, default=22_000)
    parser.add_argument("--long-rows", type=int, default=1_000)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    train, held = load(args.corpus)
    if not (args.work / "tokenizer.json").exists():
        tokenizer_module.train(train[ENGLISH], train[CHINESE], args.seed, args.work)
    tokenizer = frame.load_tokenizer(args.work)
    pickers = {language: terms.for_language(language, train[language]) for language in train}
    _STATE.update(tokenizer=tokenizer)
    for name, books, seed, count, size, low, high in (
        ("valid", held, args.seed + 1_000, 120, ROW, 60, 420),
        ("train", train, args.seed, args.rows, ROW, 60, 420),
        ("long", train, args.seed + 2_000, args.long_rows, LONG_ROW, 100, 1_600),
    ):
        _STATE["sources"] = {key: Source(key, books[key], pickers[key]) for key in books}
        ids, weights = rows(seed, count, size, low, high)
        np.savez(args.work / f"{name}.npz", ids=ids, weights=weights)
        print(f"{name}: {ids.size:,} tokens, {weights.mean():.1%} trained on", flush=True)


if __name__ == "__main__":
    main()
