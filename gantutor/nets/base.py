"""What every discriminator shares: features, then a head, and a Critique as its result."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gantutor.plain import missing


class Critique(NamedTuple):
    """A discriminator's result for a batch: unbounded `score` (..., B), `features` (..., B, K).

    `outputs` (B, n) holds what else its head computes, where it does: class logits (ACGAN) or the
    logits of outcomes (Realness).
    """

    score: Tensor
    features: Tensor
    outputs: Tensor | None = None

    def split(self, sizes: list[int], dim: int) -> list["Critique"]:
        """Cut along the batch axis `dim` into parts of the given sizes."""
        cut = [(None,) * len(sizes) if t is None else t.split_with_sizes(sizes, dim) for t in self]
        return [Critique(*parts) for parts in zip(*cut, strict=True)]

    @staticmethod
    def join(parts: list["Critique"], dim: int) -> "Critique":
        """The inverse of `split`: parts one after another along the batch axis `dim`."""
        columns = zip(*parts, strict=True)
        return Critique(*(None if t[0] is None else torch.cat(t, dim) for t in columns))

    def detach(self) -> "Critique":
        """The same numbers as constants."""
        return Critique(*(None if t is None else t.detach() for t in self))


def full(t: Tensor | None) -> Tensor | None:
    """Convert the 16-bit results of autocast to float32; leave everything else unchanged."""
    return t.float() if t is not None and t.dtype in (torch.bfloat16, torch.float16) else t


def call(net: Callable, x: Tensor, y: Tensor | None = None):
    """Call a generator or discriminator, with class indices y (B,) unless they are None.

    Nets without classes, such as those of the plane, need not accept a second argument.
    """
    return net(x) if y is None else net(x, y)


class Discriminator(nn.Module):
    """A discriminator in two parts: `features(x)`, AdaptiveMix's F, and `head(v)`, its J.

    A conditional discriminator takes class indices y (B,) in both; `reads_labels` tells whether its
    trunk needs them too.
    """

    reads_labels = False

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Trunk: a batch to its features (..., B, K)."""
        raise missing(self, "features(x)", "a batch to its features (..., B, K)")

    def head(self, v: Tensor, y: Tensor | None = None) -> Tensor:
        """Head: features (..., B, K) to scores (..., B)."""
        raise missing(self, "head(v)", "features (..., B, K) to scores (..., B)")

    def outputs(self, v: Tensor) -> Tensor | None:
        """What else the head computes from features, (B, n): class logits, outcomes, or None."""

    def pooled(self, v: Tensor) -> Tensor:
        """The features in which KDD measures similarity; feature maps are summed over positions."""
        return v

    def embed(self, y: Tensor) -> Tensor:
        """The V_y of the projection <V_y, h>: a vector per label, (B, K'), as wide as `pooled`.

        Raises TypeError for a discriminator without a class embedding.
        """
        raise TypeError(
            f"{type(self).__name__} has no class embedding: a projection needs nets with classes"
        )

    def forward(self, x: Tensor, y: Tensor | None = None) -> Critique:
        labels = () if y is None else (y,)  # the plane's discriminators do not accept labels
        v = self.features(x, *labels)
        # losses are computed in float32 even where the convolutions ran in 16 bits
        return Critique(full(self.head(v, *labels)), full(v), full(self.outputs(v)))


class Labelled(nn.Module):
    """A net with its labels filled in, for callers that know only z or x; it shares the modules."""

    def __init__(self, net: nn.Module, y: Tensor | None):
        super().__init__()
        self.net, self.y = net, y

    def forward(self, x: Tensor):
        return call(self.net, x, self.y)
