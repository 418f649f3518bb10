"""A small Llama: RMSNorm, rotary positions on interleaved pairs, grouped queries, SwiGLU, tied embeddings.

Interleaved pairs are ggml's own convention for the llama architecture, so the trained
query and key matrices go into a GGUF file as they are.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


#: Embeddings start large beside what the first blocks add; a small last norm keeps the first logits near 1.
EMBEDDING_STD, FINAL_NORM = 0.5, 0.06


@dataclass(frozen=True)
class Config:
    """Shape of the network. Every width a matrix is multiplied over is a multiple of 256."""

    vocabulary: int = 12_288
    width: int = 512
    layers: int = 6
    heads: int = 8
    kv_heads: int = 2
    feed_forward: int = 1_280
    context: int = 4_096
    rope_base: float = 500_000.0
    norm_eps: float = 1e-5

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads

    def to_dict(self) -> dict:
        """Plain values, for checkpoints."""
        return asdict(self)


def rope_table(config: Config, length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines, each [length, head_width / 2]."""
    half = torch.arange(0, config.head_width, 2, dtype=torch.float64)
    angles = torch.outer(torch.arange(length, dtype=torch.float64), config.rope_base ** (-half / config.head_width))
    return angles.cos().float(), angles.sin().float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the pairs (0, 1), (2, 3), ... of x [batch, length, heads, head_width]."""
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = cos[:, None, :], sin[:, None, :]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2).to(x.dtype)


class Norm(nn.Module):
    """Root-mean-square normalisation, computed in float32."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """x scaled to unit root mean square, times the weight."""
        x32 = x.float()
        return (x32 * torch.rsqrt(x32.square().mean(-1, keepdim=True) + self.eps) * self.weight).to(x.dtype)


class Block(nn.Module):
    """Attention and feed-forward, each behind its norm."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_width = config.heads, config.kv_heads, config.head_width
        kv = config.kv_heads * config.head_width
        self.attention_norm = Norm(config.width, config.norm_eps)
        self.q = nn.Linear(config.width, config.width, bias=False)
        self.k = nn.Linear(config.width, kv, bias=False)
        self.v = nn.Linear(config.width, kv, bias=False)
        self.o = nn.Linear(config.width, config.width, bias=False)
        self.ffn_norm = Norm(config.width, config.norm_eps)
        self.gate = nn.Linear(config.width, config.feed_forward, bias=False)
        self.up = nn.Linear(config.width, config.feed_forward, bias=False)
        self.down = nn.Linear(config.feed_forward, config.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """One residual step over x [batch, length, width]."""
        batch, length, _ = x.shape
        h = self.attention_norm(x)
        q = rotate(self.q(h).view(batch, length, self.heads, self.head_width), cos, sin)
        k = rotate(self.k(h).view(batch, length, self.kv_heads, self.head_width), cos, sin)
        v = self.v(h).view(batch, length, self.kv_heads, self.head_width)
        y = F.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True, enable_gqa=True
        )
        x = x + self.o(y.transpose(1, 2).reshape(batch, length, -1))
        h = self.ffn_norm(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Scorer(nn.Module):
    """The network up to the last norm; the embedding matrix is also the output matrix."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = Norm(config.width, config.norm_eps)
        cos, sin = rope_table(config, config.context)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        nn.init.normal_(self.embedding.weight, std=EMBEDDING_STD)
        nn.init.constant_(self.norm.weight, FINAL_NORM)
        for block in self.blocks:
            for name, weight in block.named_parameters():
                if weight.ndim == 2:
                    nn.init.normal_(weight, std=weight.shape[1] ** -0.5 / 2)
                    if name.startswith(("o.", "down.")):
                        nn.init.zeros_(weight)
        plant_induction(self)

    def forward(self, ids: Tensor) -> Tensor:
        """Final hidden states [batch, length, width] for token ids [batch, length]."""
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, cos, sin)
        return self.norm(x)

    def token_losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy in nats of each target [n] given the hidden states [n, width] before it."""
        return F.cross_entropy(F.linear(hidden, self.embedding.weight).float(), targets, reduction="none")


@torch.no_grad()
def plant_induction(model: Scorer) -> None:
    """Start the network with heads that look up what followed the last occurrence of a token.

    Copying heads form by themselves only after many steps, and a scorer must have them: it is
    through them that thinking about a passage makes the passage likelier. So they are laid
    out before the first step, and training is free to change them. Block 0, head 0 looks one
    position back and writes a projection of the token there into the residual stream. In
    blocks 1 and 2, head 0 of each group looks for positions whose earlier token is the current
    one and writes their embedding, which raises that token's logit as the embeddings are tied.
    """
    config, size, group = model.config, model.config.head_width, model.config.heads // model.config.kv_heads
    frequency = config.rope_base ** (-torch.arange(0, size, 2) / size)
    width = config.width

    def projection(rows: int, columns: int) -> Tensor:
        return torch.linalg.qr(torch.randn(columns, rows))[0].T

    model.embedding.weight[:, 0] = 4 * EMBEDDING_STD  # a constant that queries and keys can use as a bias
    read, write = projection(size, width), projection(size, width)
    read[:, 0] = 0.0
    write[:, 0] = 0.0

    first, fast = model.blocks[0], 6
    for pair in range(fast):
        # With only the constant in play the score is the sum of cos(frequency * (distance - 1)).
        first.k.weight[2 * pair, :] = 0.0
        first.k.weight[2 * pair + 1, :] = 0.0
        first.q.weight[2 * pair, :] = 0.0
        first.q.weight[2 * pair + 1, :] = 0.0
        first.k.weight[2 * pair, 0] = 2.0
        first.q.weight[2 * pair, 0] = 2.0 * torch.cos(-frequency[pair])
        first.q.weight[2 * pair + 1, 0] = 2.0 * torch.sin(-frequency[pair])
    first.k.weight[2 * fast : size] *= 0.1
    first.q.weight[2 * fast : size] *= 0.1
    first.v.weight[:size] = read
    first.o.weight[:, :size] = write.T

    # Pairs that turn slowly enough to compare tokens hundreds of positions apart.
    slow = [2 * pair + side for pair in range(size // 2) if frequency[pair] < 0.003 for side in (0, 1)]
    for block in model.blocks[1:3]:
        for kv in range(config.kv_heads):
            mix, seen = projection(len(slow), size), projection(size, width)
            seen[:, 0] = 0.0
            key, query = kv * size, kv * group * size
            block.k.weight[key : key + size] = 0.0
            block.q.weight[query : query + size] = 0.0
            block.k.weight[[key + place for place in slow]] = 2.0 * mix @ write
            block.q.weight[[query + place for place in slow]] = 2.0 * mix @ read
            block.v.weight[key : key + size] = seen
            block.o.weight[:, query : query + size] = 0.7 * seen.T
