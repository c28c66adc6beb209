"""The vocabulary of a training step: a Turn is what one player sees, Terms and LatentMaps are what the papers add to it."""

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor

from gantutor.nets import Critique, Discriminator
from gantutor.rng import Rng


class Turn:
    """One player's turn: the nets, the batch and what the discriminator says of it.

    `player` is "d" or "g". `real` and `fake` are Critiques; in G's turn `real` is computed, without gradient, only if
    somebody asks for it (KDD does). `stale` is the real Critique of the last D step, from before D moved
    (detach it before use: its graph is spent).
    """

    def __init__(self, player: str, G, D: Discriminator, rng: Rng, z: Tensor, x_real: Tensor, x_fake: Tensor,
                 joint: bool, real: Critique | None, fake: Critique, stale: Critique | None = None):
        self.player, self.G, self.D, self.rng, self.joint = player, G, D, rng, joint
        self.z, self.x_real, self.x_fake, self._real, self.fake, self.stale = z, x_real, x_fake, real, fake, stale
        self.axis = 1 if rng.stacked else 0  # the batch axis: seeds, where there are several, come first

    @property
    def real(self) -> Critique:
        if self._real is None:
            with torch.no_grad():
                self._real = self.D(self.x_real)
        return self._real

    @real.setter
    def real(self, critique: Critique) -> None:
        self._real = critique

    def features(self, *batches: Tensor) -> list[Tensor]:
        """D's features of several batches: in one call where D has no batch statistics, else one call a batch."""
        if not self.joint or len(batches) == 1:
            return [self.D.features(x) for x in batches]
        sizes = [x.shape[self.axis] for x in batches]
        return list(self.D.features(torch.cat(batches, self.axis)).split(sizes, self.axis))


class Term:
    """Something added to D's or G's loss. Overrides what it needs; None means nothing to add."""

    def d(self, turn: Turn) -> Tensor | None:
        """Added to D's loss: one number a seed, shape () or (seeds,)."""

    def g(self, turn: Turn) -> Tensor | None:
        """Added to G's loss."""

    def latents(self, z: Tensor, G: Callable, rng: Rng, player: str) -> Tensor:
        """May change the latent batch (..., B, z) before G sees it, in the turn of `player`."""
        return z


class LatentMap:
    """Moves latents before G sees them: in D's step while training (AdvLatGAN-qua) or when sampling (AdvLatGAN-z)."""

    def __call__(self, z: Tensor, G: Callable, D: Discriminator, rng: Rng | None = None) -> Tensor:
        raise NotImplementedError


def describe(part) -> object:
    """A recipe, or any part of one, as plain JSON values: {"kind": class, field: value, ...}."""
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        fields = {f.name: describe(getattr(part, f.name)) for f in dataclasses.fields(part)}
        return {"kind": type(part).__name__, **fields}
    if isinstance(part, list | tuple):
        return [describe(p) for p in part]
    if part is None or isinstance(part, bool | int | float | str):
        return part
    raise TypeError(f"{part!r} cannot stand in a recipe: use numbers, strings, tuples and the frozen classes of gantutor")


def brief(part) -> str:
    """A part as one would write it, with only the values that are not the defaults: "AdaptiveMix(sigma=0.1)"."""
    if isinstance(part, tuple):
        return ", ".join(brief(p) for p in part) or "none"
    if not dataclasses.is_dataclass(part):
        return "none" if part is None else repr(part)
    given = {f.name: getattr(part, f.name) for f in dataclasses.fields(part) if getattr(part, f.name) != f.default}
    return f"{type(part).__name__}({', '.join(f'{k}={brief(v)}' for k, v in given.items())})"
