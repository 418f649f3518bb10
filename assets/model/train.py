"""Training the scorer on the rows that `prepare.py` made, on a GPU where there is one.

    python train.py WORK [--tokens N] [--minutes M] [--seed N]

Two stretches, keyed to the number of tokens seen: rows of 2,048 tokens, then rows of 4,096.
The learning rate rises over the first four million, stays, and falls linearly to zero over the
last part. Matrices are trained with Muon, the rest with AdamW. The order of the rows hangs
on the seed alone; rows that `prepare.py` is still making are waited for. `--minutes` sets
the length by the clock: the number of tokens follows from the speed seen before the rate
begins to fall, and is printed, so that `--tokens` repeats the run.

A checkpoint is written every two minutes; started again, the run continues from it to the length
it was begun with.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import numpy as np
import torch
from torch import Tensor

from model import Config, Scorer
from prepare import DONE, LONG_ROW, ROW, WEIGHT_UNIT

SAVE_SECONDS = 120
RAMP_TOKENS = 4_000_000


@dataclass
class Plan:
    """The schedule in tokens, and the step sizes."""

    tokens: int
    long_share: float
    decay_share: float
    batch: int
    muon_lr: float
    adam_lr: float

    def rate(self, seen: int) -> float:
        """Factor on the learning rates after `seen` tokens."""
        ramp = (seen + self.batch) / RAMP_TOKENS
        left = (self.tokens - seen) / (self.decay_share * self.tokens)
        return max(0.0, min(1.0, ramp, left))

    def falling(self, seen: int) -> bool:
        """Whether the rate has begun to fall."""
        return seen >= (1 - self.decay_share) * self.tokens

    def long(self, seen: int) -> bool:
        """Whether the rows of 4,096 have begun."""
        return seen >= (1 - self.long_share) * self.tokens


def orthogonal(gradients: Tensor) -> Tensor:
    """Newton-Schulz iteration: each matrix of the stack [n, rows, columns] towards its nearest orthogonal one."""
    x = gradients.bfloat16()
    turned = x.shape[1] > x.shape[2]
    x = x.mT if turned else x
    x = x / (x.float().norm(dim=(1, 2), keepdim=True).bfloat16() + 1e-7)
    for _ in range(5):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x.mT if turned else x).float()


class Muon:
    """Momentum whose update is made orthogonal, over all matrices of one shape at once."""

    def __init__(self, parameters: list[torch.nn.Parameter]) -> None:
        self.momentum, self.decay = 0.95, 0.02
        self.groups: dict[torch.Size, list[torch.nn.Parameter]] = {}
        for parameter in parameters:
            self.groups.setdefault(parameter.shape, []).append(parameter)
        self.buffers = {
            shape: torch.zeros(len(group), *shape, device=group[0].device) for shape, group in self.groups.items()
        }

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """One update from the gradients in place."""
        for shape, group in self.groups.items():
            gradient = torch.stack([parameter.grad for parameter in group])
            buffer = self.buffers[shape].lerp_(gradient, 1 - self.momentum)
            update = orthogonal(gradient.lerp(buffer, self.momentum))
            scale = max(1.0, shape[0] / shape[1]) ** 0.5
            torch._foreach_mul_(group, 1 - lr * self.decay)
            torch._foreach_add_(group, list(update.unbind()), alpha=-lr * scale)


def files(folder: Path) -> Iterator[Path]:
    """The files of a folder in turn; those that are still being made are waited for."""
    for number in itertools.count():
        path = folder / f"{number:04}.npz"
        # Asked for first: the mark is set behind the last file.
        while not (whole := (folder / DONE).exists()) and not path.exists():
            time.sleep(0.2)
        if whole and not path.exists():
            return
        yield path


def batches(folder: Path, rows: int, seed: int, skip: int) -> Iterator[tuple[Tensor, Tensor]]:
    """(ids, weights) of `rows` rows, without end, from the `skip`-th batch on: the files in turn, each in a seeded order."""
    for turn in itertools.count():
        for number, path in enumerate(files(folder), 1):
            data = np.load(path)
            ids, weights = data["ids"], data["weights"]
            order = np.random.default_rng([seed, turn, number]).permutation(len(ids))
            count = len(ids) // rows
            for at in range(skip, count):
                pick = order[at * rows : (at + 1) * rows]
                yield (
                    torch.from_numpy(ids[pick].astype(np.int64)),
                    torch.from_numpy(weights[pick].astype(np.float32) / WEIGHT_UNIT),
                )
            skip = max(0, skip - count)


def loss_sums(model: Scorer, ids: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """(weighted sum of losses in nats, sum of weights) over rows [n, length]."""
    hidden = model(ids)[:, :-1]
    losses = model.token_losses(hidden.reshape(-1, hidden.shape[-1]), ids[:, 1:].flatten())
    mask = weights[:, 1:].flatten()
    return (losses * mask).sum(), mask.sum()


@torch.no_grad()
def validate(model: Scorer, ids: Tensor, weights: Tensor) -> float:
    """Mean loss in nats over the fully weighted tokens of held-out rows."""
    total = count = 0.0
    for start in range(0, len(ids), 8):
        with torch.autocast(ids.device.type, torch.bfloat16):
            part, number = loss_sums(model, ids[start : start + 8], (weights[start : start + 8] == 1).float())
        total, count = total + part.item(), count + number.item()
    return total / count


def train(work: Path, plan: Plan, seed: int, minutes: float, micro: int, every: int, compiled: bool) -> None:
    """The whole run; `micro` is the number of tokens whose activations are held at once."""
    began = time.time()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_float32_matmul_precision("high")
    torch.manual_seed(seed)
    model = Scorer(Config()).to(device)
    matrices = [p for block in model.blocks for p in block.parameters() if p.ndim == 2]
    norms = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": [model.embedding.weight], "scale": 1.0}, {"params": norms, "scale": 0.4}]
    adam = torch.optim.AdamW(groups, lr=plan.adam_lr, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    muon = Muon(matrices)
    parameters = list(model.parameters())
    checkpoint = work / "checkpoint.pt"
    seen = step = taken = long_taken = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=False, map_location=device)
        model.load_state_dict(state["model"])
        adam.load_state_dict(state["adam"])
        muon.buffers = state["muon"]
        seen, step, taken, long_taken = state["counters"]
        plan.tokens = state["tokens"]
    sums = torch.compile(loss_sums, dynamic=False) if compiled else loss_sums
    held = np.load(work / "valid.npz")
    held_ids = torch.from_numpy(held["ids"].astype(np.int64)).to(device)
    held_weights = torch.from_numpy(held["weights"].astype(np.float32) / WEIGHT_UNIT).to(device)
    short = batches(work / "train", plan.batch // ROW, seed, taken)
    long = batches(work / "long", plan.batch // LONG_ROW, seed, long_taken)

    def save() -> None:
        state = {"model": model.state_dict(), "config": model.config.to_dict(), "adam": adam.state_dict()}
        state |= {"muon": muon.buffers, "counters": (seen, step, taken, long_taken), "tokens": plan.tokens}
        torch.save(state, work / "checkpoint.tmp")
        os.replace(work / "checkpoint.tmp", checkpoint)

    log = (work / "log.tsv").open("a")
    saved = window = time.time()
    window_seen, totals = seen, torch.zeros(2, device=device)
    fixed = minutes <= 0 or plan.falling(seen)
    while seen < plan.tokens:
        if plan.long(seen):
            (ids, weights), long_taken = next(long), long_taken + 1
        else:
            (ids, weights), taken = next(short), taken + 1
        # Blocks of the same number of tokens whatever the row, so that each is one compiled shape.
        rows = micro // ids.shape[1]
        whole = weights[:, 1:].sum().item()
        for start in range(0, len(ids), rows):
            part = ids[start : start + rows].to(device, non_blocking=True)
            mask = weights[start : start + rows].to(device, non_blocking=True)
            with torch.autocast(device.type, torch.bfloat16):
                total, count = sums(model, part, mask)
            (total / whole).backward()
            totals += torch.stack((total.detach(), count))
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        rate = plan.rate(seen)
        for group in adam.param_groups:
            group["lr"] = plan.adam_lr * rate * group["scale"]
        adam.step()
        muon.step(plan.muon_lr * rate)
        adam.zero_grad(set_to_none=True)
        seen += ids.numel()
        step += 1
        if step % every == 0:
            mean = (totals[0] / totals[1]).item()
            now = time.time()
            speed = (seen - window_seen) / (now - window)
            if not fixed:
                left = minutes * 60 - (now - began)
                plan.tokens = seen + int(max(0.0, left) * speed)
                fixed = plan.falling(seen)
                if fixed:
                    print(f"length set to {plan.tokens} tokens", flush=True)
            loss = validate(model, held_ids, held_weights) if step % (every * 5) == 0 else float("nan")
            line = f"{step}\t{seen}\t{mean:.4f}\t{loss:.4f}\t{rate:.3f}\t{speed:.0f}"
            print(line, flush=True)
            log.write(line + "\n")
            log.flush()
            window, window_seen, totals = time.time(), seen, torch.zeros(2, device=device)
        if time.time() - saved > SAVE_SECONDS:
            save()
            saved = time.time()
    save()
    print(f"{seen} tokens in {step} steps, held-out loss {validate(model, held_ids, held_weights):.4f}", flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--tokens", type=int, default=956_209_358)
    parser.add_argument("--minutes", type=float, default=0.0, help="set the length by the clock instead of --tokens")
    parser.add_argument("--long-share", type=float, default=0.12)
    parser.add_argument("--decay-share", type=float, default=0.4)
    parser.add_argument("--batch", type=int, default=131_072, help="tokens in a step")
    parser.add_argument("--micro", type=int, default=131_072, help="tokens held in memory at once")
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--adam-lr", type=float, default=0.008)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=40, help="steps between two lines of the log")
    parser.add_argument("--no-compile", action="store_true")
    args = parser.parse_args()
    plan = Plan(args.tokens, args.long_share, args.decay_share, args.batch, args.muon_lr, args.adam_lr)
    train(args.work, plan, args.seed, args.minutes, args.micro, args.every, not args.no_compile)


if __name__ == "__main__":
    main()
