"""Reading the training text: books, the held-out split, passages and sentences."""

from __future__ import annotations

import lzma
import random
import re
from dataclasses import dataclass
from pathlib import Path

ENGLISH, CHINESE = "en", "zh"
FILES = {ENGLISH: "classics", CHINESE: "chinese"}
INDEX = {ENGLISH: "index.tsv", CHINESE: "index-zh.tsv"}

HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_SENTENCE_END = {
    ENGLISH: re.compile(r"(?<=[.!?])[\"')\]]*\s+"),
    CHINESE: re.compile(r"(?<=[。！？])(?![”』」’])|(?<=[。！？][”』」’])"),
}
_WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*")
_HAN = re.compile(f"[{HAN}]")


@dataclass(frozen=True)
class Book:
    """One book, story or essay: its title in the index and its paragraphs."""

    title: str
    language: str
    paragraphs: list[str]


def read_books(folder: Path, language: str) -> list[Book]:
    """All books of one language in index order; `folder` holds `<name>.txt` or `<name>.txt.xz`."""
    packed = folder / f"{FILES[language]}.txt.xz"
    if packed.exists():
        text = lzma.open(packed, "rt", encoding="utf-8").read()
    else:
        text = (folder / f"{FILES[language]}.txt").read_text(encoding="utf-8")
    bodies = [body for body in text.split("\n\n") if body.strip()]
    index = (folder / INDEX[language]).read_text(encoding="utf-8").splitlines()
    titles = [line.split("\t")[0] for line in index if line.strip()]
    if len(titles) != len(bodies):
        raise ValueError(f"{folder}: {len(bodies)} texts but {len(titles)} index lines ({language})")
    return [
        Book(title, language, [line.strip() for line in body.split("\n") if line.strip()])
        for title, body in zip(titles, bodies)
    ]


def split_books(books: list[Book]) -> tuple[list[Book], list[Book]]:
    """(training, held out): whole pieces only, the last tenth.

    The four Chinese novels end the Chinese file and make up most of it, so they stay
    in training and the tenth is taken from the essays and stories before them.
    """
    novels = [book for book in books if book.language == CHINESE and sum(map(len, book.paragraphs)) > 300_000]
    pieces = [book for book in books if book not in novels] if novels else books
    cut = len(pieces) - max(1, len(pieces) // 10)
    return pieces[:cut] + novels, pieces[cut:]


def length(text: str, language: str) -> int:
    """Length in the units passages are measured in: words, or Chinese characters."""
    return len(_WORD.findall(text)) if language == ENGLISH else len(_HAN.findall(text))


def sentences(text: str, language: str) -> list[str]:
    """Sentences of a paragraph, stripped, none empty."""
    return [part.strip() for part in _SENTENCE_END[language].split(text) if part and part.strip()]


def passage(book: Book, rng: random.Random, low: int, high: int) -> str | None:
    """A run of whole paragraphs (long ones cut at sentences) of `low` to `high` units, or None."""
    target = rng.randint(low, high)
    start = rng.randrange(len(book.paragraphs))
    picked: list[str] = []
    total = 0
    for paragraph in book.paragraphs[start : start + 60]:
        size = length(paragraph, book.language)
        if total + size > target:
            if total >= low * 0.8:
                break
            kept: list[str] = []
            for sentence in sentences(paragraph, book.language):
                size = length(sentence, book.language)
                if kept and total + size > target:
                    break
                kept.append(sentence)
                total += size
            if kept:
                picked.append((" " if book.language == ENGLISH else "").join(kept))
            break
        picked.append(paragraph)
        total += size
    text = "\n\n".join(picked).strip()
    return text if low * 0.7 <= total <= high * 1.4 else None
