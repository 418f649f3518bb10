"""The whole way from the corpus to the shipped file, in one command.

    python build.py CORPUS WORK [--tokens N] [--seed N]

Makes the training rows and trains in WORK (a run that was interrupted goes on from its last
checkpoint), then writes retrace-scorer-q8_0.gguf beside this script, an F16 copy into WORK,
and prints the evaluation on the held-out passages of the test fixture.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from prepare import DONE

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parents[1] / "tests" / "fixtures"
SHIPPED = HERE / "retrace-scorer-q8_0.gguf"


def run(script: str, *arguments: object) -> None:
    """Run one script of this folder; stop if it fails."""
    print(f"== {script} {' '.join(map(str, arguments))}", flush=True)
    subprocess.run([sys.executable, HERE / script, *map(str, arguments)], check=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--tokens", type=int, default=None, help="training length; the default is train.py's")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    passages = FIXTURES / "heldout" / "passages.jsonl"
    if not (args.work / "long" / DONE).exists():
        run("prepare.py", args.corpus, args.work, "--seed", args.seed)
    length = [] if args.tokens is None else ["--tokens", args.tokens]
    run("train.py", args.work, "--seed", args.seed, *length)
    run("export_gguf.py", args.work, SHIPPED)
    run("export_gguf.py", args.work, args.work / "retrace-scorer-f16.gguf", "--type", "f16")
    if not passages.exists():
        run("evaluate.py", "fixture", args.corpus, passages)
    run("evaluate.py", "score", SHIPPED, passages, "--corpus", args.corpus, "--json", args.work / "report.json")
    run("peer_logprobs.py", SHIPPED, FIXTURES / "peers" / "retrace-scorer-q8_0.json")


if __name__ == "__main__":
    main()
