"""Multi-layer perceptrons for the plane; with several seeds all their weights carry a leading seed axis."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from gantutor.nets import Discriminator
from gantutor.plain import settle


class Layers(nn.Module):
    """Weights of a stack of x W + b, drawn from `rng` as torch.nn.Linear draws them, one matrix a seed.

    Plain tensors in a list rather than modules: at this size a module call costs as much as its matrix product.
    """

    def __init__(self, widths: list[int], rng):
        super().__init__()
        self.pairs = []
        for i, (n_in, n_out) in enumerate(zip(widths, widths[1:], strict=False)):
            weight, bias = (
                (2 * rng.rand(*shape) - 1) * n_in**-0.5 for shape in ((n_in, n_out), (n_out,))
            )
            self.register_parameter(f"weight{i}", nn.Parameter(weight))
            self.register_parameter(f"bias{i}", nn.Parameter(bias))
            self.pairs.append((self.get_parameter(f"weight{i}"), self.get_parameter(f"bias{i}")))


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """X W + b for x (B, n_in), or (seeds, B, n_in) with stacked weights; they may share one x (B, n_in), a map's grid."""
    if weight.ndim == 2:
        return torch.addmm(bias, x, weight)
    return torch.baddbmm(bias[:, None], x.expand(len(weight), *x.shape[-2:]), weight)


class Generator(Layers):
    """z -> hidden layers with (leaky) ReLU -> 2; bound * tanh at the end where a bound is given."""

    def __init__(self, widths: list[int], bound: float | None, leak: float, rng):
        super().__init__(widths, rng)
        self.bound, self.leak = bound, leak

    def forward(self, z: Tensor) -> Tensor:
        for weight, bias in self.pairs[:-1]:
            z = leaky_relu(affine(z, weight, bias), self.leak)
        x = affine(z, *self.pairs[-1])
        return x if self.bound is None else self.bound * torch.tanh(x)


class Critic(Layers, Discriminator):
    """2 -> hidden layers -> K linear features; head: leaky ReLU and x W + b, or the features' plain mean (WGAN of AdaptiveMix)."""

    def __init__(self, widths: list[int], head: str, leak: float, rng):
        super().__init__(widths if head == "mean" else [*widths, 1], rng)
        self.trunk, self.leak, self.mean_head = len(widths) - 1, leak, head == "mean"

    def features(self, x: Tensor) -> Tensor:
        for weight, bias in self.pairs[: self.trunk - 1]:
            x = leaky_relu(affine(x, weight, bias), self.leak)
        return affine(x, *self.pairs[self.trunk - 1])

    def head(self, v: Tensor) -> Tensor:
        return (
            v.mean(-1)
            if self.mean_head
            else affine(leaky_relu(v, self.leak), *self.pairs[-1]).squeeze(-1)
        )


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

    classes = 0
    shape = (2,)  # of what the generator makes and the critic takes
    joint = True  # no batch statistics: real and fake may go through the critic in one call

    def __post_init__(self):
        settle(self)
        if self.head not in ("linear", "mean"):
            raise ValueError(f"head={self.head!r}: expected 'linear' or 'mean'")
        if self.z < 1 or min(self.g_hidden + self.d_hidden) < 1:
            raise ValueError(
                f"z={self.z}, widths {self.g_hidden} and {self.d_hidden}: expected numbers of at least 1"
            )

    def build(self, rng) -> tuple[Generator, Critic]:
        """Fresh generator and critic."""
        return (
            Generator([self.z, *self.g_hidden, 2], self.bound, self.g_leak, rng),
            Critic([2, *self.d_hidden], self.head, self.d_leak, rng),
        )


def mlp(
    z: int = 8, hidden: int = 64, depth: int = 3, bound: float | None = 2.0, leak: float = 0.2
) -> Mlp:
    """Same width everywhere: `depth` hidden layers in both nets."""
    return Mlp(z, (hidden,) * depth, (hidden,) * depth, bound, "linear", leak, leak)
