"""The vocabulary of a training step: a Turn is what one player sees, Terms and LatentMaps are what the papers add to it."""

import contextlib
from collections.abc import Callable

import torch
from torch import Tensor

from gantutor.nets import Critique, Discriminator, full
from gantutor.rng import Rng


class Turn:
    """One player's turn: the nets, the batch and what the discriminator says of it.

    `player` is "d" or "g". `real` and `fake` are Critiques; in G's turn `real` is computed, without gradient, only if
    somebody asks for it (KDD does). `y_real`, `y_fake` are class indices (B,), or None. `stale` is the real Critique of the
    last D step, from before D moved (detach it before use: its graph is spent). `step` counts whole steps, a number or a
    tensor on the device. `memory` holds tensors that a part keeps from turn to turn (see `remember`). `nets` opens the
    context in which the nets run (bf16 autocast): `judge` and `features` do so, and what calls D itself gets float32.
    """

    def __init__(
        self,
        player: str,
        G,
        D: Discriminator,
        rng: Rng,
        z: Tensor,
        x_real: Tensor,
        x_fake: Tensor,
        joint: bool,
        real: Critique | None,
        fake: Critique,
        stale: Critique | None = None,
        y_real: Tensor | None = None,
        y_fake: Tensor | None = None,
        step=0,
        memory: dict[str, Tensor] | None = None,
        nets: Callable = contextlib.nullcontext,
    ):
        self.player, self.G, self.D, self.rng, self.joint = player, G, D, rng, joint
        self.z, self.x_real, self.x_fake, self._real, self.fake, self.stale = (
            z,
            x_real,
            x_fake,
            real,
            fake,
            stale,
        )
        self.y_real, self.y_fake, self.step = y_real, y_fake, step
        self.memory, self.nets = {} if memory is None else memory, nets
        self.axis = rng.axis  # the batch axis: seeds, where there are several, come first

    @property
    def real(self) -> Critique:
        if self._real is None:
            with torch.no_grad():
                self._real = self.judge(self.x_real, self.y_real)
        return self._real

    @real.setter
    def real(self, critique: Critique) -> None:
        self._real = critique

    def judge(self, x: Tensor, y: Tensor | None = None) -> Critique:
        """D's Critique of a batch, with labels where D is conditional."""
        with self.nets():
            return self.D(x) if y is None else self.D(x, y)

    def features(self, *batches: Tensor) -> list[Tensor]:
        """D's features of several batches: in one call where D has no batch statistics, else one call a batch."""
        if self.D.reads_labels:
            raise TypeError(
                f"{type(self.D).__name__} reads labels in its trunk, and mixed or moved images have none: "
                "use nets whose labels enter at the head"
            )
        with self.nets():
            if not self.joint or len(batches) == 1:
                return [full(self.D.features(x)) for x in batches]
            sizes = [x.shape[self.axis] for x in batches]
            return list(
                full(self.D.features(torch.cat(batches, self.axis))).split(sizes, self.axis)
            )

    def remember(self, name: str, value: Tensor) -> None:
        """Keep a tensor for later turns, in place once it is there: checkpoints hold it, a captured step can replay it."""
        if name in self.memory:
            self.memory[name].copy_(value.detach())
        else:
            self.memory[name] = value.detach().clone()


class Term:
    """Something added to D's or G's loss. Overrides what it needs; None means nothing to add."""

    def d_loss(self, turn: Turn) -> Tensor | None:
        """Added to D's loss: one number a seed, shape () or (seeds,)."""

    def g_loss(self, turn: Turn) -> Tensor | None:
        """Added to G's loss."""

    def latents(self, z: Tensor, G: Callable, rng: Rng, player: str) -> Tensor:
        """May change the latent batch (..., B, z) before G sees it, in the turn of `player`."""
        return z


class LatentMap:
    """Moves latents before G sees them: in D's step while training (AdvLatGAN-qua) or when sampling (AdvLatGAN-z)."""

    def __call__(self, z: Tensor, G: Callable, D: Discriminator, rng: Rng | None = None) -> Tensor:
        raise NotImplementedError
