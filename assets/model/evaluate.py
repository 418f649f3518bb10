"""How well the scorer does what Retrace needs, on books it was never trained on.

    python evaluate.py fixture CORPUS PASSAGES.jsonl
    python evaluate.py score MODEL.gguf PASSAGES.jsonl [--corpus CORPUS] [--json OUT.json]

`fixture` writes held-out passages, each with a query, a plan, the id of a passage of another
book whose plan is wrong for it, and a plan that is wrong though it is of the same book. The plans are made from key terms in their order by the sentences below, which the
training data does not contain. `score` computes, on the dequantised weights in float32, the
mean nll of each passage given its plan, each wrong plan, an empty think block and itself;
with --corpus also the nll by position in running held-out text.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

import corpus
import frame
import peer_logprobs
import plans
import prepare
import terms
from corpus import CHINESE, ENGLISH, Book
from export_gguf import tensor_name
from model import Config, Scorer

ENGLISH_PASSAGES, CHINESE_PASSAGES = 100, 30
#: One key term for about so many words, or Chinese characters.
WORDS_PER_TERM, CHARACTERS_PER_TERM = 12, 14
BUCKETS = (0, 256, 512, 1_024, 2_048, 3_072, 4_096)

OPENING = {
    ENGLISH: ("My first thought is {}; that is the image I have.", "What I have in mind at the outset is {}, with {} beside it."),
    CHINESE: ("我心里最先出现的是{}。", "一上来就是{}，旁边有{}。"),
}
MIDDLE = {
    ENGLISH: (
        "Perhaps I go over to {} now, because {} has been waiting.",
        "Could I get {} across without saying too much? I would try, using {}.",
        "Once that is clear, {} can take over.",
        "I am fairly sure {} goes here, and {} straight after it.",
        "Hold on, does {} come too soon? It gives {} some weight, so it stays.",
        "My plan for the next lines: {}, then a glance at {}.",
        "It would be good to hear about {} at this stage.",
    ),
    CHINESE: (
        "也许现在该转到{}了，因为{}一直等着。",
        "弄清楚以后，就让{}接上来。",
        "我想{}放这里，紧跟着是{}。",
        "慢着，{}是不是来得太早？它衬得出{}，就留下。",
        "这一步说说{}比较好。",
    ),
}
CLOSING = {
    ENGLISH: ("By the end I should have reached {}.", "All of it runs out into {} and {}."),
    CHINESE: ("到头来应当走到{}。", "这一切都收在{}和{}里。"),
}


def held_out_plan(picked: list[str], language: str, rng: random.Random) -> list[str]:
    """Two to four segments that name the terms in their order."""
    rest = list(picked)
    said: list[str] = []

    def say(choices: tuple[str, ...]) -> None:
        template = rng.choice([text for text in choices if text.count("{}") <= len(rest)])
        for _ in range(template.count("{}")):
            template = template.replace("{}", rest.pop(0), 1)
        said.append(template[0].upper() + template[1:])

    say(OPENING[language])
    while len(rest) > 2:
        say(MIDDLE[language])
    while rest:
        say(CLOSING[language])
    gap = " " if language == ENGLISH else ""
    size = max(1, math.ceil(len(said) / 3))
    return [gap.join(said[start : start + size]) for start in range(0, len(said), size)]


def another(book: Book, text: str, rng: random.Random, low: int, high: int) -> str:
    """A passage of the book that shares no sentence with `text`."""
    taken = set(corpus.sentences(text.replace("\n", " "), book.language))
    while True:
        other = corpus.passage(book, rng, low, high)
        if other and taken.isdisjoint(corpus.sentences(other.replace("\n", " "), book.language)):
            return other


def write_fixture(folder: Path, out: Path, seed: int) -> None:
    """Held-out passages from as many different books as there are, each with its plan and two that are wrong for it."""
    train, held = prepare.load(folder)
    lines = []
    for language, number, low, high, per_term in (
        (ENGLISH, ENGLISH_PASSAGES, 120, 135, WORDS_PER_TERM),
        (CHINESE, CHINESE_PASSAGES, 100, 130, CHARACTERS_PER_TERM),
    ):
        rng = random.Random(f"{seed}-{language}")
        picker = terms.for_language(language, train[language])
        books = [book for book in held[language] if sum(map(len, book.paragraphs)) > 6 * high]
        rng.shuffle(books)
        made: list[dict] = []
        sources: list[Book] = []
        for turn in range(20 * number):
            text = corpus.passage(books[turn % len(books)], rng, low, high)
            if not text or any(text[:40] == other["reference"][:40] for other in made):
                continue
            size = corpus.length(text, language)
            if not low * 0.95 <= size <= high * 1.1 or text.count("\n\n") > 6 or text.isupper():
                continue
            picked = picker.terms(text, round(size / per_term), rng)
            sources.append(books[turn % len(books)])
            query = plans.query(picker.terms(text, 6, rng), language, rng)
            made.append(
                {
                    "id": f"{language}-{len(made) + 1:03}",
                    "language": language,
                    "query": query,
                    "reference": text,
                    "plan": held_out_plan(picked, language, rng),
                }
            )
            if len(made) == number:
                break
        for place, entry in enumerate(made):
            entry["wrong_plan_of"] = made[(place + len(made) // 2) % len(made)]["id"]
            apart = random.Random(f"{seed}-{entry['id']}")
            other = another(sources[place], entry["reference"], apart, low, high)
            picked = picker.terms(other, round(corpus.length(other, language) / per_term), apart)
            entry["same_book_plan"] = held_out_plan(picked, language, apart)
        lines += [json.dumps(entry, ensure_ascii=False) for entry in made]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{out}: {len(lines)} passages, {out.stat().st_size:,} bytes")


def load_gguf(path: Path) -> tuple[Scorer, Tokenizer]:
    """The network with a GGUF file's dequantised weights, and the file's tokenizer."""
    file = peer_logprobs.File(path)
    config = Config(
        vocabulary=len(file.meta["tokenizer.ggml.tokens"]),
        width=file.get("embedding_length"),
        layers=file.get("block_count"),
        heads=file.get("attention.head_count"),
        kv_heads=file.get("attention.head_count_kv"),
        feed_forward=file.get("feed_forward_length"),
        context=file.get("context_length"),
        rope_base=file.get("rope.freq_base"),
        norm_eps=file.get("attention.layer_norm_rms_epsilon"),
    )
    model = Scorer(config)
    model.load_state_dict({name: file.weights[tensor_name(name)] for name in model.state_dict()})
    return model.eval(), file.tokenizer()


@torch.no_grad()
def token_nll(model: Scorer, before: list[int], text: list[int]) -> np.ndarray:
    """-log p of every token of `text`."""
    ids = torch.tensor([before + text])
    hidden = model(ids)[0, len(before) - 1 : -1]
    return model.token_losses(hidden, torch.tensor(text)).numpy()


def score_passages(model: Scorer, tokenizer: Tokenizer, entries: list[dict]) -> dict:
    """Rates and means over passages of one language."""
    by_id = {entry["id"]: entry for entry in entries}
    conditions = {
        "plan": lambda entry: entry["plan"],
        "wrong plan": lambda entry: by_id[entry["wrong_plan_of"]]["plan"],
        "same book": lambda entry: entry["same_book_plan"],
        "empty": lambda entry: [],
        "copy": lambda entry: entry["reference"].split("\n\n"),
    }
    means: dict[str, list[float]] = {name: [] for name in conditions}
    bits: dict[str, list[float]] = {name: [] for name in conditions}
    for entry in entries:
        reference = frame.encode_reference(tokenizer, entry["reference"])
        for name, segments in conditions.items():
            losses = token_nll(model, frame.encode_context(tokenizer, entry["query"], segments(entry)), reference)
            means[name].append(float(losses.mean()))
            bits[name].append(float(losses.sum()) / math.log(2) / len(entry["reference"]))
    table = {name: np.array(values) for name, values in means.items()}
    return {
        "passages": len(entries),
        "plan below wrong plan": int((table["plan"] < table["wrong plan"]).sum()),
        "plan below same book": int((table["plan"] < table["same book"]).sum()),
        "plan below empty": int((table["plan"] < table["empty"]).sum()),
        "gain of plan over empty, nats": float((table["empty"] - table["plan"]).mean()),
        "gain of plan over wrong plan, nats": float((table["wrong plan"] - table["plan"]).mean()),
        "gain of copy over empty, nats": float((table["empty"] - table["copy"]).mean()),
        "mean nll": {name: float(values.mean()) for name, values in table.items()},
        "bits per character": {name: float(np.mean(values)) for name, values in bits.items()},
    }


def score_positions(model: Scorer, tokenizer: Tokenizer, folder: Path, count: int = 24) -> dict[str, float]:
    """Mean nll by position over the first 4,096 tokens of a stretch of each of `count` held-out books."""
    books = corpus.split_books(corpus.read_books(folder, ENGLISH))[1]
    losses = []
    for book in books:
        middle = len(book.paragraphs) // 3
        text = "\n\n".join(book.paragraphs[middle : middle + 400])[:40_000]
        ids = frame.encode_reference(tokenizer, text)[: BUCKETS[-1]]
        if len(ids) == BUCKETS[-1]:
            losses.append(token_nll(model, [frame.BOS_ID], ids[:-1]))
        if len(losses) == count:
            break
    table = np.stack(losses)
    return {f"{low}-{high}": float(table[:, low:high].mean()) for low, high in zip(BUCKETS, BUCKETS[1:])}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    fixture = commands.add_parser("fixture")
    fixture.add_argument("corpus", type=Path)
    fixture.add_argument("passages", type=Path)
    fixture.add_argument("--seed", type=int, default=7)
    score = commands.add_parser("score")
    score.add_argument("model", type=Path)
    score.add_argument("passages", type=Path)
    score.add_argument("--corpus", type=Path)
    score.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.command == "fixture":
        write_fixture(args.corpus, args.passages, args.seed)
        return
    model, tokenizer = load_gguf(args.model)
    entries = [json.loads(line) for line in args.passages.read_text(encoding="utf-8").splitlines()]
    report = {
        language: score_passages(model, tokenizer, [entry for entry in entries if entry["language"] == language])
        for language in (ENGLISH, CHINESE)
    }
    if args.corpus:
        report["nll by position"] = score_positions(model, tokenizer, args.corpus)
    text = json.dumps(report, indent=1, ensure_ascii=False)
    print(text)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
