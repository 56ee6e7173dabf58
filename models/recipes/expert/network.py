"""A small llama: RMS norm, rotary attention, SwiGLU, tied embeddings.

Shapes follow llama.cpp's `llama` architecture exactly, with interleaved
rotary pairs, so that conversion copies the weights without permuting them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Shape:
    """The sizes of one network; every bundled expert shares all but `width`."""

    width: int
    vocabulary: int
    layers: int = 4
    context: int = 512
    epsilon: float = 1e-5
    rope_base: float = 10_000.0

    @property
    def heads(self) -> int:
        return self.width // 32

    @property
    def hidden(self) -> int:
        """The feed-forward width: 8/3 of the width, rounded to a multiple of 128."""
        return (self.width * 8 // 3 + 127) // 128 * 128


class Norm(nn.Module):
    """Root-mean-square normalisation with a learned scale."""

    def __init__(self, width: int, epsilon: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], self.weight, self.epsilon)


class Block(nn.Module):
    """One layer. `qkv` stacks three matrices and `gate_up` two, to save calls."""

    def __init__(self, shape: Shape):
        super().__init__()
        d, h = shape.width, shape.hidden
        self.heads = shape.heads
        self.attention_norm = Norm(d, shape.epsilon)
        self.qkv = nn.Parameter(torch.randn(3 * d, d) * d**-0.5 * 0.6)
        self.out = nn.Parameter(torch.randn(d, d) * d**-0.5 * 0.2)
        self.feed_norm = Norm(d, shape.epsilon)
        self.gate_up = nn.Parameter(torch.randn(2 * h, d) * d**-0.5 * 0.6)
        self.down = nn.Parameter(torch.randn(d, h) * h**-0.5 * 0.2)

    def forward(self, x: Tensor, rope: Tensor, cache: list | None, mask: Tensor | None) -> Tensor:
        b, t, d = x.shape
        qkv = F.linear(self.attention_norm(x), self.qkv).view(b, t, 3, self.heads, d // self.heads)
        q, k, v = (part.transpose(1, 2).float() for part in qkv.unbind(2))
        q, k = rotate(q, rope), rotate(k, rope)
        if cache is not None:
            if cache:
                k, v = torch.cat((cache[0], k), 2), torch.cat((cache[1], v), 2)
            cache[:] = [k, v]
        if x.is_cuda and self.training:
            q, k, v = q.bfloat16(), k.bfloat16(), v.bfloat16()
        with torch.autocast(x.device.type, enabled=False):  # a CPU's backward pass is five times slower in bf16
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        x = x + F.linear(y.transpose(1, 2).reshape(b, t, d), self.out)
        gate, up = F.linear(self.feed_norm(x), self.gate_up).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, self.down)


class Network(nn.Module):
    """The whole model; `forward` gives the normalised states, `logits` reads them."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.embedding = nn.Parameter(torch.randn(shape.vocabulary, shape.width) * 0.05)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.width, shape.epsilon)
        size = shape.width // shape.heads
        rates = shape.rope_base ** (-torch.arange(0, size, 2).float() / size)
        angles = torch.outer(torch.arange(shape.context).float(), rates)
        self.register_buffer("rope", torch.stack((angles.cos(), angles.sin())), persistent=False)

    def forward(self, tokens: Tensor, start: int = 0, caches=None, mask: Tensor | None = None) -> Tensor:
        x = F.embedding(tokens, self.embedding)
        rope = self.rope[:, start : start + tokens.shape[1]]
        for index, block in enumerate(self.blocks):
            x = block(x, rope, caches[index] if caches is not None else None, mask)
        return self.norm(x)

    def logits(self, states: Tensor) -> Tensor:
        return F.linear(states, self.embedding)


def rotate(x: Tensor, rope: Tensor) -> Tensor:
    """Turns each interleaved pair of `x` (batch, head, time, size) by its position's angle."""
    a, b = x[..., 0::2], x[..., 1::2]
    cos, sin = rope[0], rope[1]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
