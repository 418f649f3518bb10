"""Key terms of a passage: the words and phrases that a synthetic plan is made of."""

from __future__ import annotations

import math
import random
import re
from collections import Counter

from corpus import CHINESE, ENGLISH, HAN, Book

_WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*")
_HAN_RUN = re.compile(f"[{HAN}]+")
_FUNCTION_RANK = 160
_HAN_FUNCTION = set("的了是不在有他我你这那就也都和与而之其着到上下来去说把被让很又还要会能可以为于自己们她它地得个么吗呢吧啊")


class English:
    """Picks English key terms by how rare their words are in the training books."""

    def __init__(self, books: list[Book]) -> None:
        counts: Counter[str] = Counter()
        cased: Counter[str] = Counter()
        for book in books:
            for paragraph in book.paragraphs[::6]:
                words = _WORD.findall(paragraph)
                counts.update(word.lower() for word in words)
                cased.update(word for word in words if word[0].islower())
        self.total = sum(counts.values())
        self.counts = counts
        self.cased = cased
        self.function = {word for word, _ in counts.most_common(_FUNCTION_RANK)}

    def rarity(self, word: str) -> float:
        """Minus the log of the word's frequency, capped so that misspellings do not win."""
        return min(12.5, math.log(self.total / (self.counts[word.lower()] + 1)))

    def _case(self, text: str, word: str) -> str:
        """Undo a capital at the head of a sentence, unless the word is mostly a name."""
        low = word.lower()
        if word[0].isupper() and self.cased[low] * 2 > self.counts[low]:
            return text[0].lower() + text[1:]
        return text

    def terms(self, text: str, number: int, rng: random.Random) -> list[str]:
        """Up to `number` terms in order of appearance, spread evenly over the passage."""
        words = list(_WORD.finditer(text))
        number = max(1, min(number, len(words) // 3))
        picked, seen, last_end = [], set(), -1
        for part in range(number):
            low, high = len(words) * part // number, len(words) * (part + 1) // number
            best, best_score = -1, 0.0
            for place in range(max(low, last_end + 1), high):
                word = words[place].group()
                low_word = word.lower()
                if low_word in self.function or len(word) < 3 or low_word in seen:
                    continue
                score = self.rarity(word) + 1.3 * -math.log(-math.log(rng.random() or 0.5))
                if score > best_score:
                    best, best_score = place, score
            if best < 0:
                continue
            seen.add(words[best].group().lower())
            term, last_end = self._phrase(text, words, best, rng)
            picked.append(term)
        return picked

    def _phrase(self, text: str, words: list[re.Match], place: int, rng: random.Random) -> tuple[str, int]:
        """A single word, an inflected one, a noun phrase, a verbatim span or a clause's content words."""

        def joined(left: int) -> bool:
            gap = text[words[left].end() : words[left + 1].start()]
            return gap == " "

        first = last = place
        style = rng.random()
        word = words[place].group()
        if style < 0.36:
            return self._case(word, word), place
        if style < 0.43:
            return self._inflect(self._case(word, word), rng), place
        if style < 0.53:
            content, start = [word], place
            while start > 0 and place - start < 7 and joined(start - 1):
                start -= 1
            for other in range(start, min(len(words), place + 7)):
                if other > place and not joined(other - 1):
                    break
                candidate = words[other].group()
                if other != place and candidate.lower() not in self.function:
                    content.insert(len(content) if other > place else len(content) - 1, candidate)
                    last = max(last, other)
            content = [self._case(item, item) for item in content[:4]]
            return rng.choice([", ", " ", " and "]).join(content), last
        span = rng.choice((1, 1, 1, 2, 2)) if style < 0.83 else rng.randint(2, 5)
        after = rng.randint(0, span) if style < 0.83 else rng.randint(1, span)
        while first > 0 and place - first < span - after + (rng.random() < 0.4) and joined(first - 1):
            first -= 1
        while last + 1 < len(words) and last - place < after and joined(last):
            last += 1
        if style < 0.83:
            while first < place and words[first].group().lower() in self.function and rng.random() < 0.5:
                first += 1
            while last > place and words[last].group().lower() in self.function:
                last -= 1
        return self._case(text[words[first].start() : words[last].end()], words[first].group()), last

    @staticmethod
    def _inflect(word: str, rng: random.Random) -> str:
        """The word with another ending, as a paraphrase would have it."""
        if word.endswith("ies"):
            return word[:-3] + "y"
        if word.endswith("ing") and len(word) > 6:
            return word[:-3] + rng.choice(["", "ed", "s"])
        if word.endswith("ed") and len(word) > 5:
            return word[:-2] + rng.choice(["", "ing", "s"])
        if word.endswith("ly") and len(word) > 5:
            return word[:-2]
        if word.endswith("s") and not word.endswith("ss") and len(word) > 4:
            return word[:-1]
        return word + rng.choice(["s", "s", "ing", "ed"])


class Chinese:
    """Picks Chinese key terms by the mutual information and rarity of character pairs."""

    def __init__(self, books: list[Book]) -> None:
        single: Counter[str] = Counter()
        pairs: Counter[str] = Counter()
        for book in books:
            for paragraph in book.paragraphs[:: 1 if len(book.paragraphs) < 500 else 3]:
                for run in _HAN_RUN.findall(paragraph):
                    single.update(run)
                    pairs.update(run[place : place + 2] for place in range(len(run) - 1))
        self.single, self.pairs = single, pairs
        self.total = sum(single.values())

    def _bond(self, pair: str) -> float:
        """Pointwise mutual information of two characters; minus one for pairs hardly ever seen."""
        together = self.pairs[pair]
        if together < 3:
            return -1.0
        return math.log(together * self.total / (self.single[pair[0]] * self.single[pair[1]]))

    def terms(self, text: str, number: int, rng: random.Random) -> list[str]:
        """Up to `number` terms in order of appearance, spread evenly over the passage."""
        runs = list(_HAN_RUN.finditer(text))
        places = [(run, place) for run in runs for place in range(run.start(), run.end() - 1)]
        number = max(1, min(number, len(places) // 5))
        picked, seen, last_end = [], set(), -1
        for part in range(number):
            best, best_score = None, -9.0
            for run, place in places[len(places) * part // number : len(places) * (part + 1) // number]:
                pair = text[place : place + 2]
                if place < last_end or pair in seen or pair[0] in _HAN_FUNCTION or pair[1] in _HAN_FUNCTION:
                    continue
                rare = min(9.0, math.log(self.total / (self.pairs[pair] + 1)) - 6)
                score = self._bond(pair) + 0.5 * rare + 1.2 * -math.log(-math.log(rng.random() or 0.5))
                if score > best_score:
                    best, best_score = (run, place), score
            if best is None:
                continue
            run, first = best
            seen.add(text[first : first + 2])
            last = first + 2
            style = rng.random()
            if style < 0.6:
                while last < run.end() and last - first < 4 and self._bond(text[last - 1 : last + 1]) > 3.0:
                    last += 1
                while first > run.start() and last - first < 4 and self._bond(text[first - 1 : first + 1]) > 3.0:
                    first -= 1
            elif style < 0.8:
                first = max(run.start(), first - rng.randint(0, 3))
                last = min(run.end(), last + rng.randint(0, 4))
            last_end = last
            picked.append(text[first:last])
        return picked


def for_language(language: str, books: list[Book]) -> English | Chinese:
    """The term picker of a language."""
    return {ENGLISH: English, CHINESE: Chinese}[language](books)
