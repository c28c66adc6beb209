"""What the samplers share: eval mode without gradients, preparation, draws from the prior."""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from gantutor.nets import latent_mode, modules_of
from gantutor.plain import missing
from gantutor.rng import Rng
from gantutor.turn import LatentMap


def eval_mode(method: Callable) -> Callable:
    """Run a method (self, z, G, D, rng) with both nets in eval mode and without gradients."""

    @functools.wraps(method)
    def wrapped(self, z, G, D, rng=None):
        with torch.no_grad(), latent_mode(modules_of(G, D), "eval"):
            return method(self, z, G, D, rng)

    return wrapped


class Sampler(LatentMap):
    """A LatentMap with a preparation that is the same for every batch: a sharpness, a top score.

    A call prepares the sampler first. For many batches, call `prepared` once and use its result.
    """

    @eval_mode
    def prepared(self, z: Tensor, G: Callable, D: Callable, rng: Rng | None = None) -> "Sampler":
        """The sampler with its preparation done; z (..., B, k) gives the shape of a batch."""
        return self.prepare(z, G, D, rng)

    def prepare(self, z: Tensor, G: Callable, D: Callable, rng: Rng | None) -> "Sampler":
        """What `prepared` does, with nets in eval mode and no gradients."""
        return self

    @eval_mode
    def __call__(self, z: Tensor, G: Callable, D: Callable, rng: Rng | None = None) -> Tensor:
        """Moved latents (..., B, k), detached.

        G and D keep their parameters, gradients, flags, modes and buffers. Raises ValueError
        without an `rng` for samplers that draw random numbers.
        """
        return self.prepare(z, G, D, rng).move(z.detach().clone(), G, D, rng)

    def move(self, z: Tensor, G: Callable, D: Callable, rng: Rng | None) -> Tensor:
        """What a call does, with nets in eval mode and no gradients."""
        raise missing(self, "move(z, G, D, rng)", "the moved latents (..., B, z)")


def prior(z: Tensor, rng: Rng | None, uniform: bool = False) -> Tensor:
    """Fresh N(0, 1) latents of the shape (..., B, k) of z, or numbers uniform in [0, 1).

    Raises ValueError without an `rng`.
    """
    if rng is None:
        raise ValueError("rng=None: this sampler draws random numbers and needs an Rng")
    draw = rng.rand if uniform else rng.randn
    return draw(*z.shape[rng.axis :]).to(z)


def per_seed(values: float | tuple[float, ...], z: Tensor) -> Tensor:
    """One number, or one per seed, shaped to be combined with scores (..., B)."""
    return torch.as_tensor(values, dtype=z.dtype, device=z.device)[..., None]


def at_least(least: float, part, *names: str) -> None:
    """Raise ValueError where one of a part's fields is below `least`, or NaN."""
    for name in names:
        value = getattr(part, name)
        if not value >= least:
            raise ValueError(f"{name}={value}: expected a number of at least {least}")
