"""Multi-layer perceptrons for the plane; for several seeds the weights have a leading seed axis."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from gantutor.nets.base import Critique, Discriminator, full
from gantutor.nets.stack import Stack, affine
from gantutor.plain import number, one_of, settle
from gantutor.rng import Rng


class Generator(Stack):
    """z (..., B, z) to hidden layers with (leaky) ReLU, to points (..., B, 2).

    With a `bound` the points are bound * tanh of the last layer.
    """

    def __init__(self, widths: list[int], bound: float | None, leak: float, rng):
        super().__init__(widths, leak, rng)
        self.bound = bound

    def forward(self, z: Tensor) -> Tensor:
        (x,) = self.through(z, len(self.shapes))
        return x if self.bound is None else self.bound * torch.tanh(x)


class Critic(Stack, Discriminator):
    """Points (..., B, 2) to hidden layers, to K linear features, to a score.

    The head is a leaky ReLU and x W + b, or the plain mean of the features (AdaptiveMix's WGAN).
    """

    def __init__(self, widths: list[int], head: str, leak: float, rng):
        super().__init__(widths if head == "mean" else [*widths, 1], leak, rng)
        self.trunk, self.mean_head = len(widths) - 1, head == "mean"

    def features(self, x: Tensor) -> Tensor:
        (v,) = self.through(x, self.trunk)
        return v

    def head(self, v: Tensor) -> Tensor:
        if self.mean_head:
            return v.mean(-1)
        return affine(leaky_relu(v, self.leak), *self.layers()[-1]).squeeze(-1)

    def forward(self, x: Tensor) -> Critique:
        if self.mean_head:
            return super().forward(x)
        score, v = self.through(x, self.trunk + 1, self.trunk - 1)
        return Critique(full(score), full(v))


@dataclass(frozen=True)
class Mlp:
    """A generator and a discriminator of points in the plane.

    z: width of the latent.
    g_hidden: widths of the generator's hidden layers.
    d_hidden: widths of the discriminator's hidden layers; the last one is the features.
    bound: the generator's points stay within it, by bound * tanh; "data": where the data are, which
        a run finds out (`fitted`); None: no bound.
    head: of the discriminator, "linear" or the features' "mean".
    g_leak: slope of the generator's leaky ReLU below 0; 0: a ReLU.
    d_leak: the same of the discriminator's.
    """

    z: int = 8
    g_hidden: tuple[int, ...] = (64, 64, 64)
    d_hidden: tuple[int, ...] = (64, 64, 64, 64)
    bound: str | float | None = "data"
    head: str = "linear"
    g_leak: float = 0.0
    d_leak: float = 0.2

    classes = 0
    shape = (2,)  # of a sample
    joint = True  # no batch statistics: real and fake may go through the discriminator in one call

    def __post_init__(self):
        settle(self)
        one_of("head", self.head, ("linear", "mean"))
        if self.bound not in (None, "data"):
            object.__setattr__(self, "bound", number("bound", self.bound))
            if not self.bound > 0:
                raise ValueError(f"bound={self.bound}: expected a number above 0, 'data' or None")
        if self.z < 1 or min(self.g_hidden + self.d_hidden) < 1:
            raise ValueError(
                f"z={self.z}, widths {self.g_hidden} and {self.d_hidden}: expected numbers of at "
                "least 1"
            )

    def fitted(self, data) -> "Mlp":
        """The same nets with a bound that reaches the data: bound="data" becomes a number.

        That is `data.limit`, or 1.15 times the largest coordinate of 4096 samples. Raises
        ValueError for a fixed bound beyond which more than a hundredth of the data are.
        """
        if self.bound is None:
            return self
        if self.bound == "data" and getattr(data, "limit", None):
            return replace(self, bound=float(data.limit))
        reach = data.sample(4096, Rng(0)).abs().amax(-1)
        reach = reach[reach.isfinite()]
        if self.bound == "data":
            return replace(self, bound=1.15 * float(reach.max()))
        beyond = (reach > self.bound).float().mean().item()
        if beyond > 0.01:
            raise ValueError(
                f"bound={self.bound:g}: {beyond:.0%} of {getattr(data, 'name', 'the data')} are "
                "beyond it, where G cannot go: give bound='data', or a larger number"
            )
        return self

    def build(self, rng) -> tuple[Generator, Critic]:
        """Fresh generator and discriminator, one per seed of `rng`.

        Raises ValueError for bound="data", which is not known here: see `fitted`.
        """
        if self.bound == "data":
            raise ValueError(
                "bound='data' needs data: build nets.fitted(data), or give a number or None"
            )
        return (
            Generator([self.z, *self.g_hidden, 2], self.bound, self.g_leak, rng),
            Critic([2, *self.d_hidden], self.head, self.d_leak, rng),
        )


def mlp(
    z: int = 8,
    hidden: int = 64,
    depth: int = 3,
    bound: str | float | None = "data",
    leak: float = 0.2,
) -> Mlp:
    """An `Mlp` of the same width everywhere: `depth` hidden layers in both nets.

    >>> mlp(depth=2).d_hidden
    (64, 64)
    """
    return Mlp(z, (hidden,) * depth, (hidden,) * depth, bound, "linear", leak, leak)
