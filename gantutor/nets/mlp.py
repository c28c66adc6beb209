"""Multi-layer perceptrons for the plane; with several seeds all their weights carry a leading seed axis."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from gantutor.nets import Discriminator


class Linear(nn.Module):
    """x W + b for x (..., B, n_in); drawn from `rng` as torch.nn.Linear draws, one matrix a seed."""

    def __init__(self, n_in: int, n_out: int, rng):
        super().__init__()
        bound = n_in**-0.5
        self.weight = nn.Parameter((2 * rng.rand(n_in, n_out) - 1) * bound)
        self.bias = nn.Parameter((2 * rng.rand(n_out) - 1) * bound)

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.ndim == 2:
            return torch.addmm(self.bias, x, self.weight)
        x = x.expand(len(self.weight), *x.shape[-2:])  # points that all seeds share, such as a map's grid
        return torch.baddbmm(self.bias[:, None], x, self.weight)


class Generator(nn.Module):
    """z -> hidden layers with (leaky) ReLU -> 2; bound * tanh at the end where a bound is given."""

    def __init__(self, widths: list[int], bound: float | None, leak: float, rng):
        super().__init__()
        self.layers = nn.ModuleList(Linear(a, b, rng) for a, b in zip(widths, widths[1:], strict=False))
        self.bound, self.leak = bound, leak

    def forward(self, z: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            z = leaky_relu(layer(z), self.leak)
        x = self.layers[-1](z)
        return x if self.bound is None else self.bound * torch.tanh(x)


class Critic(Discriminator):
    """2 -> hidden layers -> K linear features; head: leaky ReLU and one Linear, or the features' plain mean (WGAN of AdaptiveMix)."""

    def __init__(self, widths: list[int], head: str, leak: float, rng):
        super().__init__()
        self.layers = nn.ModuleList(Linear(a, b, rng) for a, b in zip(widths, widths[1:], strict=False))
        self.out = Linear(widths[-1], 1, rng) if head == "linear" else None
        self.leak = leak

    def features(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = leaky_relu(layer(x), self.leak)
        return self.layers[-1](x)

    def head(self, v: Tensor) -> Tensor:
        if self.out is None:
            return v.mean(-1)
        return self.out(leaky_relu(v, self.leak)).squeeze(-1)


@dataclass(frozen=True)
class Mlp:
    """Generator z -> g_hidden -> 2 and critic 2 -> d_hidden -> score; the last of d_hidden are the features."""

    z: int = 8
    g_hidden: tuple[int, ...] = (64, 64, 64)
    d_hidden: tuple[int, ...] = (64, 64, 64, 64)
    bound: float | None = 2.0
    head: str = "linear"
    g_leak: float = 0.0
    d_leak: float = 0.2

    joint = True  # no batch statistics: real and fake may go through the critic in one call

    def __post_init__(self):
        if self.head not in ("linear", "mean"):
            raise ValueError(f"head={self.head!r}: expected 'linear' or 'mean'")
        if self.z < 1 or min(self.g_hidden + self.d_hidden) < 1:
            raise ValueError(f"z={self.z}, widths {self.g_hidden} and {self.d_hidden}: expected numbers of at least 1")

    def build(self, rng) -> tuple[Generator, Critic]:
        """Fresh generator and critic."""
        return (
            Generator([self.z, *self.g_hidden, 2], self.bound, self.g_leak, rng),
            Critic([2, *self.d_hidden], self.head, self.d_leak, rng),
        )


def mlp(z: int = 8, hidden: int = 64, depth: int = 3, bound: float | None = 2.0, leak: float = 0.2) -> Mlp:
    """Same width everywhere: `depth` hidden layers in both nets."""
    return Mlp(z, (hidden,) * depth, (hidden,) * depth, bound, "linear", leak, leak)
