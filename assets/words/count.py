"""Counts the common words of the training text, for the rule-based baseline to tell rare words from common ones.

    python count.py CORPUS

Reads CORPUS/classics.txt.xz and CORPUS/chinese.txt.xz (public domain) and writes beside this script
en.txt, words that stand in lower case, and zh.txt, pairs of characters that belong together; the
commonest first, one a line.
"""

import lzma
import math
import re
import sys
from collections import Counter
from pathlib import Path

WORDS, PAIRS = 5_000, 8_000
#: Pointwise mutual information (nats) from which two characters count as one word.
BOND = 2.5
HAN = re.compile("[\u4e00-\u9fff]+")


def english(path: Path) -> list[str]:
    """The commonest words; every fifth paragraph is enough."""
    counts: Counter[str] = Counter()
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for at, line in enumerate(lines):
            if at % 5 == 0:
                counts.update(re.findall(r"(?<![\w'-])[a-z]+(?![\w'-])", line))
    return [word for word, _ in counts.most_common(WORDS)]


def chinese(path: Path) -> list[str]:
    """The commonest pairs that stand together more often than chance has it."""
    single: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            for run in HAN.findall(line):
                single.update(run)
                pairs.update(run[at : at + 2] for at in range(len(run) - 1))
    total = sum(single.values())

    def bond(pair: str, count: int) -> float:
        return math.log(count * total / (single[pair[0]] * single[pair[1]]))

    bound = ((pair, count) for pair, count in pairs.most_common(60_000) if bond(pair, count) > BOND)
    return [pair for pair, _ in list(bound)[:PAIRS]]


if __name__ == "__main__":
    corpus, here = Path(sys.argv[1]), Path(__file__).parent
    (here / "en.txt").write_text("\n".join(english(corpus / "classics.txt.xz")) + "\n", encoding="utf-8")
    (here / "zh.txt").write_text("\n".join(chinese(corpus / "chinese.txt.xz")) + "\n", encoding="utf-8")
