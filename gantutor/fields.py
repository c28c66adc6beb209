"""What a run looks like from outside: confidence map, gradient field, latent warp, feature space.

Each function takes a run (or a discriminator) and returns arrays for `gantutor.plot`. None of them
changes the run or its random state.

>>> from gantutor import toy
>>> from gantutor.recipes import TOY
>>> from gantutor.train import Run
>>> confidence(Run(TOY, toy.nine(), 0), n=5).values.shape
(5, 5)
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gantutor.nets import Critique, Discriminator, latent_mode
from gantutor.turn import Turn

CORNERS = np.array([[-1.0, -0.9], [1.0, -0.9], [0.0, 0.9]])  # where `image_slice` puts a, b and c


class Map(NamedTuple):
    """`values` (n, n) or (seeds, n, n) on the square [-limit, limit]^2, row 0 at the bottom."""

    values: np.ndarray
    limit: float


class Arrows(NamedTuple):
    """`vectors` at `points`, both (N, 2); vectors may have a leading seed axis."""

    points: np.ndarray
    vectors: np.ndarray


def plane(limit: float, n: int) -> Tensor:
    """Return n x n points of the square, (n*n, 2), row by row from the bottom left.

    >>> plane(2.0, 3)[:4].tolist()
    [[-2.0, -2.0], [0.0, -2.0], [2.0, -2.0], [-2.0, 0.0]]
    """
    axis = torch.linspace(-limit, limit, n)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x.reshape(-1), y.reshape(-1)], -1)


def logit_map(run, limit: float | None = None, n: int = 100, turn: Turn | None = None) -> Map:
    """Return the logit on which the objective acts, over the square.

    KDD's logit is relative to a batch: that of `turn`, by default a fresh one.
    """
    limit = limit or run.data.limit
    with torch.no_grad(), latent_mode([run.D], "eval"):
        logit = run.critic(turn=turn)(plane(limit, n).to(run.rng.device)).score
    return Map(logit.unflatten(-1, (n, n)).cpu().numpy(), limit)


def confidence(run, limit: float | None = None, n: int = 100, turn: Turn | None = None) -> Map:
    """Return sigmoid(logit): how sure D is that a point is real, from 0 to 1 (0.5: undecided)."""
    logits = logit_map(run, limit, n, turn)
    return Map(1 / (1 + np.exp(-logits.values.astype(np.float64).clip(-60, 60))), logits.limit)


def gradient_field(
    run,
    limit: float | None = None,
    n: int = 20,
    turn: Turn | None = None,
    points: Tensor | None = None,
) -> Arrows:
    """Return where G's objective would push a sample at each point: -d gen(logit(x)) / dx.

    The points are n x n over the whole square, not only where the fakes are, or `points` (N, 2) if
    given.
    """
    x = plane(limit or run.data.limit, n) if points is None else points
    at = x.expand(len(run.rng.seeds), *x.shape[-2:]) if run.rng.stacked else x
    at = at.to(run.rng.device).detach().requires_grad_(True)
    with torch.enable_grad(), latent_mode([run.D], "eval"):
        loss = run.recipe.objective.gen(run.critic(turn=turn)(at).score)
        (g,) = torch.autograd.grad(loss.sum(), at)
    return Arrows(x.cpu().numpy(), -g.cpu().numpy())


class Look(NamedTuple):
    """A run's first seed at one moment, stored as arrays.

    `raw`: whether `map` holds scores and not confidence.
    """

    step: int
    map: Map
    fakes: np.ndarray
    arrows: Arrows
    raw: bool


def look(run, n: int = 300, arrows: int = 60, raw: bool = False, size: int = 70) -> Look:
    """Return a map of size x size, n fakes, and where the first `arrows` of them are pushed.

    The fakes come from the same latents at every call. Of several seeds the first is shown.
    """
    seeds = [10_000 + s for s in run.rng.seeds]
    fakes = _first(run, run.sample(n, seeds if run.rng.stacked else seeds[0]).cpu())
    seen = (logit_map if raw else confidence)(run, n=size)
    pushed = gradient_field(run, points=fakes[:arrows])
    shown = Map(_first(run, seen.values), seen.limit)
    moves = Arrows(pushed.points, _first(run, pushed.vectors))
    return Look(run.step, shown, fakes.numpy(), moves, raw)


def _first(run, values):
    """Return the first seed's part of values that have a seed axis if the run has several seeds."""
    return values[0] if run.rng.stacked else values


def slopes(D: Discriminator, x: Tensor) -> np.ndarray:
    """Return |grad_x D(x)| of the raw score at each point x (..., N, 2)."""
    at = x.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        score = D(at).score
        if score.ndim == at.ndim:  # several seeds judged the same points: each needs its own copy
            at = x.expand(len(score), *x.shape).detach().clone().requires_grad_(True)
            score = D(at).score
        (g,) = torch.autograd.grad(score.sum(), at)
    return g.norm(dim=-1).cpu().numpy()


def latent_warp(run, n: int = 15, extent: float = 2.0) -> np.ndarray:
    """Return G's images of an n x n grid of latents, (..., n, n, 2).

    The grid spans [-extent, extent]^2 in the first two coordinates; the others are 0.
    """
    z = torch.zeros(n * n, run.recipe.nets.z, device=run.rng.device)
    shown = min(2, z.shape[1])
    z[:, :shown] = plane(extent, n).to(z)[:, :shown]
    with torch.no_grad():
        return run.G(z).unflatten(-2, (n, n)).cpu().numpy()


class Axes(NamedTuple):
    """A fixed view of a feature space: `mean` (K,) and two orthonormal `axes` (2, K)."""

    mean: Tensor
    axes: Tensor

    def __call__(self, v: Tensor) -> np.ndarray:
        """Return the coordinates of features (..., K) on the two axes, (..., 2)."""
        return ((v - self.mean) @ self.axes.mT).cpu().numpy()


def principal_axes(v: Tensor) -> Axes:
    """Return the two directions in which features (N, K) spread most.

    The largest entry of each axis is positive, so that pictures do not flip from step to step.
    """
    v = v.detach()
    mean = v.mean(-2)
    _, _, axes = torch.linalg.svd(v - mean, full_matrices=False)
    axes = axes[:2]
    sign = torch.sign(axes.gather(-1, axes.abs().argmax(-1, keepdim=True)))
    return Axes(mean, axes * torch.where(sign == 0, 1.0, sign))


class MixPath(NamedTuple):
    """Features along lam a + (1-lam) b, and the straight line between their ends.

    `features` and `line` (..., n, K), `lam` (n,).
    """

    features: Tensor
    line: Tensor
    lam: Tensor

    @property
    def gap(self) -> np.ndarray:
        """|F(x_mix) - mix of features|, which AdaptiveMix makes small, (..., n)."""
        return (self.features - self.line).norm(dim=-1).cpu().numpy()


@torch.no_grad()
def mix_path(D: Discriminator, a: Tensor, b: Tensor, n: int = 41) -> MixPath:
    """Return the path in feature space between two samples a and b, both without a batch axis.

    A discriminator of several seeds gives one path per seed.
    """
    lam = torch.linspace(0, 1, n)
    x = torch.stack([t * a + (1 - t) * b for t in lam])
    v = D.features(x)
    return MixPath(v, lam[:, None] * v[..., -1:, :] + (1 - lam[:, None]) * v[..., :1, :], lam)


@torch.no_grad()
def image_slice(run, a: Tensor, b: Tensor, c: Tensor, n: int = 40) -> Map:
    """Return the logit at every mixture of three images (C, H, W).

    The mixtures fill a triangle with a, b and c at the CORNERS; the map is NaN outside it.
    """
    p = plane(1.0, n).double()
    weights = _barycentric(p, torch.from_numpy(CORNERS)).float()
    inside = (weights > -1e-6).all(1)
    values = torch.full((n * n,), torch.nan)
    with latent_mode([run.D], "eval"):
        x = torch.einsum("nk,kchw->nchw", weights[inside], torch.stack([a, b, c]).cpu())
        values[inside] = run.critic(256)(x.to(run.rng.device)).score.cpu()
    return Map(values.reshape(n, n).numpy(), 1.0)


def _barycentric(p: Tensor, corners: Tensor) -> Tensor:
    """Return the weights (N, 3), with sum 1, that mix the corners (3, 2) into the points (N, 2)."""
    pad = torch.nn.functional.pad  # the added ones ask for a sum of 1
    return torch.linalg.solve(pad(corners, (0, 1), value=1.0).T, pad(p, (0, 1), value=1.0).T).T


def critique_at(run, x: Tensor) -> Critique:
    """Return D's critique of the points x in eval mode and without gradients.

    For KDD the score is its log-ratio.
    """
    with torch.no_grad(), latent_mode([run.D], "eval"):
        return run.critic()(x)
