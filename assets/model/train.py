"""Training the scorer on the rows that `prepare.py` made.

    python train.py WORK [--tokens N] [--long-tokens N] [--processes N] [--seed N]

Three stretches, all keyed to the number of tokens seen: an induction warm-up in which many
rows repeat a piece of themselves (the copying heads settle on these), the main stretch on
rows of 1,024 tokens, and a last one on rows of 4,096. The learning rate is constant and falls
linearly to zero over the last part. Matrices are trained with Muon, the rest with AdamW.

Each process trains on its own rows with one thread; gradients are averaged once a step, so
the processes hardly wait for each other on a busy machine. A checkpoint is written every
few minutes of training and the run continues from it when started again.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from model import Config, Scorer

CHUNK = 1_024


@dataclass(frozen=True)
class Plan:
    """The schedule in tokens, and the step sizes."""

    tokens: int
    long_tokens: int
    warm_tokens: int
    decay_share: float
    rows: int
    long_rows: int
    muon_lr: float
    adam_lr: float

    def rate(self, seen: int) -> float:
        """Factor on the learning rates after `seen` tokens."""
        ramp = min(1.0, (seen + 20_000) / 400_000)
        left = (self.tokens - seen) / (self.decay_share * self.tokens)
        return max(0.0, min(ramp, left))


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

    def __init__(self, parameters: list[torch.nn.Parameter], rank: int, world: int) -> None:
        self.rank, self.world = rank, world
        self.momentum, self.decay = 0.95, 0.02
        self.groups: dict[torch.Size, list[torch.nn.Parameter]] = {}
        for parameter in parameters:
            self.groups.setdefault(parameter.shape, []).append(parameter)
        self.buffers = {shape: torch.zeros(len(group), *shape) for shape, group in self.groups.items()}

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """One update from the gradients in place; the processes share out the matrices."""
        updates = []
        for shape, group in self.groups.items():
            gradient = torch.stack([parameter.grad for parameter in group])
            buffer = self.buffers[shape].lerp_(gradient, 1 - self.momentum)
            update = torch.zeros_like(buffer)
            mine = slice(self.rank, None, self.world)
            update[mine] = orthogonal(gradient[mine].lerp(buffer[mine], self.momentum))
            updates.append(update)
        flat = torch.cat([update.flatten() for update in updates])
        dist.all_reduce(flat)
        sizes = [update.numel() for update in updates]
        for (shape, group), update in zip(self.groups.items(), flat.split(sizes)):
            scale = max(1.0, shape[0] / shape[1]) ** 0.5
            for parameter, change in zip(group, update.view(-1, *shape)):
                parameter.mul_(1 - lr * self.decay).add_(change, alpha=-lr * scale)


class Rows:
    """Rows of one file, dealt out to the processes in a seeded order without end."""

    def __init__(self, path: Path, rank: int, world: int, seed: int) -> None:
        data = np.load(path)
        self.ids, self.weights = data["ids"], data["weights"]
        self.order = np.random.default_rng(seed).permutation(len(self.ids))[rank::world]

    def take(self, at: int, count: int) -> tuple[Tensor, Tensor]:
        """(ids, weights) of `count` rows from place `at` on."""
        pick = [self.order[(at + number) % len(self.order)] for number in range(count)]
        return torch.from_numpy(self.ids[pick].astype(np.int64)), torch.from_numpy(self.weights[pick].astype(np.float32))


def repeats(ids: Tensor, weights: Tensor, share: float, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Turn a share of the rows into `A ... A ...` with A the row's beginning, as it is or its tokens shuffled."""
    ids, weights = ids.clone(), weights.clone()
    for row in range(len(ids)):
        if rng.random() >= share:
            continue
        size = ids.shape[1]
        period = int(np.exp(rng.uniform(np.log(16), np.log(size // 2))))
        piece = ids[row, :period].clone()
        if rng.random() < 0.5:
            piece = ids[row, torch.from_numpy(rng.permutation(size)[:period])]
        ids[row] = piece.repeat(size // period + 1)[:size]
        weights[row] = 1.0
        weights[row, :period] = 0.0
    return ids, weights


def backward(forward, losses, ids: Tensor, weights: Tensor) -> tuple[float, float]:
    """Gradients of the mean loss over weighted tokens; (sum of losses, number of tokens).

    The output matrix is applied in chunks, and only where a token is trained on.
    """
    with torch.autocast("cpu", torch.bfloat16):
        hidden = forward(ids)
        keep = weights[:, 1:].flatten().nonzero().squeeze(1)
        flat = hidden[:, :-1].reshape(-1, hidden.shape[-1])
        picked, targets = flat[keep], ids[:, 1:].flatten()[keep]
        leaf = picked.detach().requires_grad_()
        total = 0.0
        for start in range(0, len(keep), CHUNK):
            part, want = leaf[start : start + CHUNK], targets[start : start + CHUNK]
            short = CHUNK - len(want)
            if short:  # one shape only, so that the compiled function is compiled once
                part = torch.nn.functional.pad(part, (0, 0, 0, short))
                want = torch.nn.functional.pad(want, (0, short))
            loss = losses(part, want)[: CHUNK - short].sum()
            (loss / len(keep)).backward()
            total += loss.item()
    picked.backward(leaf.grad)
    return total, float(len(keep))


@torch.no_grad()
def validate(model: Scorer, ids: Tensor, weights: Tensor) -> float:
    """Mean loss in nats over the weighted tokens of held-out rows."""
    total, count = 0.0, 0
    for start in range(0, len(ids), 4):
        part, mask = ids[start : start + 4], weights[start : start + 4, 1:] > 0
        with torch.autocast("cpu", torch.bfloat16):
            hidden, target = model(part)[:, :-1][mask], part[:, 1:][mask]
            for at in range(0, len(target), CHUNK):
                total += model.token_losses(hidden[at : at + CHUNK], target[at : at + CHUNK]).sum().item()
        count += len(target)
    return total / count


def worker(rank: int, world: int, work: Path, plan: Plan, seed: int, compiled: bool, every: int) -> None:
    """Train in one process; process 0 reports, validates and saves."""
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=os.environ.get("MASTER_PORT", "29417"))
    dist.init_process_group("gloo", rank=rank, world_size=world)
    torch.manual_seed(seed)
    model = Scorer(Config())
    matrices = [p for block in model.blocks for p in block.parameters() if p.ndim == 2]
    norms = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": [model.embedding.weight], "scale": 1.0}, {"params": norms, "scale": 0.4}]
    adam = torch.optim.AdamW(groups, lr=plan.adam_lr, betas=(0.9, 0.95), weight_decay=0.0)
    muon = Muon(matrices, rank, world)
    seen = step = at = long_at = 0
    checkpoint = work / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=False)
        model.load_state_dict(state["model"])
        adam.load_state_dict(state["adam"])
        muon.buffers = state["muon"]
        seen, step, at, long_at = state["counters"]
    run = torch.compile(model, dynamic=False) if compiled else model
    losses = torch.compile(model.token_losses, dynamic=False) if compiled else model.token_losses
    short, long = Rows(work / "train.npz", rank, world, seed), Rows(work / "long.npz", rank, world, seed)
    held = np.load(work / "valid.npz")
    held_ids = torch.from_numpy(held["ids"][:16].astype(np.int64))
    held_weights = torch.from_numpy(held["weights"][:16].astype(np.float32))
    parameters = list(model.parameters())
    log = (work / "log.tsv").open("a") if rank == 0 else None
    began, window, sums, saved = time.time(), seen, [0.0, 0.0], time.time()
    while seen < plan.tokens:
        rng = np.random.default_rng([seed, rank, step])
        if seen < plan.tokens - plan.long_tokens:
            ids, weights = short.take(at, plan.rows)
            at += plan.rows
            ids, weights = repeats(ids, weights, 0.4 if seen < plan.warm_tokens else 0.03, rng)
            forward = run
        else:
            ids, weights = long.take(long_at, plan.long_rows)
            long_at += plan.long_rows
            forward = model  # too few steps to be worth another compilation
        for parameter in parameters:
            parameter.grad = None
        total, count = backward(forward, losses, ids, weights)
        flat = torch.cat([parameter.grad.flatten() for parameter in parameters])
        dist.all_reduce(flat)
        flat /= world
        flat *= min(1.0, 1.0 / (flat.norm().item() + 1e-6))
        for parameter, piece in zip(parameters, flat.split([p.numel() for p in parameters])):
            parameter.grad = piece.view_as(parameter)
        rate = plan.rate(seen)
        for group in adam.param_groups:
            group["lr"] = plan.adam_lr * rate * group["scale"]
        adam.step()
        muon.step(plan.muon_lr * rate)
        seen += ids.numel() * world
        step += 1
        sums[0] += total
        sums[1] += count
        if step % every == 0:
            if log:
                loss = validate(model, held_ids, held_weights) if step % (every * 5) == 0 else float("nan")
                speed = (seen - window) / (time.time() - began)
                line = f"{step}\t{seen}\t{sums[0] / sums[1]:.4f}\t{loss:.4f}\t{rate:.3f}\t{speed:.0f}"
                print(line, flush=True)
                log.write(line + "\n")
                log.flush()
            began, window, sums = time.time(), seen, [0.0, 0.0]
        if rank == 0 and (time.time() - saved > 180 or seen >= plan.tokens):
            state = {"model": model.state_dict(), "config": model.config.to_dict(), "adam": adam.state_dict()}
            state |= {"muon": muon.buffers, "counters": (seen, step, at, long_at), "plan": asdict(plan)}
            torch.save(state, work / "checkpoint.tmp")
            os.replace(work / "checkpoint.tmp", checkpoint)
            saved = time.time()
    dist.destroy_process_group()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--tokens", type=int, default=24_000_000)
    parser.add_argument("--long-tokens", type=int, default=2_400_000)
    parser.add_argument("--warm-tokens", type=int, default=600_000)
    parser.add_argument("--decay-share", type=float, default=0.35)
    parser.add_argument("--rows", type=int, default=3, help="rows of 1,024 a process takes in a step")
    parser.add_argument("--long-rows", type=int, default=1, help="rows of 4,096 a process takes in a step")
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--adam-lr", type=float, default=0.01)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=40, help="steps between two lines of the log")
    parser.add_argument("--no-compile", action="store_true")
    args = parser.parse_args()
    plan = Plan(
        args.tokens, args.long_tokens, args.warm_tokens, args.decay_share, args.rows, args.long_rows, args.muon_lr, args.adam_lr
    )
    mp.spawn(
        worker,
        (args.processes, args.work, plan, args.seed, not args.no_compile, args.every),
        nprocs=args.processes,
    )


if __name__ == "__main__":
    main()
