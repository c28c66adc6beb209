"""What a run looks like from outside: confidence map, gradient field, latent warp, feature projection. Tensors in, arrays out."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gantutor.methods.advlat import latent_mode
from gantutor.nets import Critique, Discriminator
from gantutor.turn import Turn


class Map(NamedTuple):
    """`values` (n, n) or (seeds, n, n) on the square [-limit, limit]^2; row 0 lies at the bottom."""

    values: np.ndarray
    limit: float


class Arrows(NamedTuple):
    """`vectors` at `points`, both (N, 2); vectors may carry a leading seed axis."""

    points: np.ndarray
    vectors: np.ndarray


def plane(limit: float, n: int) -> Tensor:
    """N x n points of the square, (n*n, 2), row by row from the bottom left."""
    axis = torch.linspace(-limit, limit, n)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x.reshape(-1), y.reshape(-1)], -1)


def logit_map(run, limit: float | None = None, n: int = 100, turn: Turn | None = None) -> Map:
    """The logit on which the objective acts, over the square; KDD measures it against the batch of `turn` (a fresh one)."""
    limit = limit or run.data.limit
    with torch.no_grad(), latent_mode([run.D], "eval"):
        logit = run.critic(turn=turn)(plane(limit, n).to(run.rng.device)).score
    return Map(logit.unflatten(-1, (n, n)).cpu().numpy(), limit)


def confidence(run, limit: float | None = None, n: int = 100, turn: Turn | None = None) -> Map:
    """sigmoid(logit) in [0, 1]: how sure D is that a point is real (0.5 = cannot tell)."""
    logits = logit_map(run, limit, n, turn)
    return Map(1 / (1 + np.exp(-logits.values.astype(np.float64).clip(-60, 60))), logits.limit)


def gradient_field(
    run,
    limit: float | None = None,
    n: int = 20,
    turn: Turn | None = None,
    points: Tensor | None = None,
) -> Arrows:
    """Where G's objective would push a sample, at every point of the square and not only at the fakes: - d gen(logit(x)) / dx."""
    x = plane(limit or run.data.limit, n) if points is None else points
    at = (
        (x.expand(len(run.rng.seeds), *x.shape[-2:]) if run.rng.stacked else x)
        .to(run.rng.device)
        .detach()
        .requires_grad_(True)
    )
    with torch.enable_grad(), latent_mode([run.D], "eval"):
        loss = run.recipe.objective.gen(run.critic(turn=turn)(at).score)
        (g,) = torch.autograd.grad(loss.sum(), at)
    return Arrows(x.cpu().numpy(), -g.cpu().numpy())


class Look(NamedTuple):
    """A run's first seed at one moment: a picture stored as arrays. `raw` says that `map` holds scores, not confidence."""

    step: int
    map: Map
    fakes: np.ndarray
    arrows: Arrows
    raw: bool


def look(run, n: int = 300, arrows: int = 60, raw: bool = False, size: int = 70) -> Look:
    """What a run looks like now: map, n fakes of always the same latents, and where the first of them are pushed."""
    first = (lambda a: a[0]) if run.rng.stacked else (lambda a: a)
    fakes = first(
        run.sample(
            n, [10_000 + s for s in run.rng.seeds] if run.rng.stacked else 10_000 + run.rng.seeds[0]
        ).cpu()
    )
    seen, pushed = (
        (logit_map if raw else confidence)(run, n=size),
        gradient_field(run, points=fakes[:arrows]),
    )
    return Look(
        run.step,
        Map(first(seen.values), seen.limit),
        fakes.numpy(),
        Arrows(pushed.points, first(pushed.vectors)),
        raw,
    )


def slopes(D: Discriminator, x: Tensor) -> np.ndarray:
    """|grad_x D(x)| of the raw score at each point x (..., N, 2)."""
    at = x.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        score = D(at).score
        if score.ndim == at.ndim:  # stacked seeds looked at shared points
            at = x.expand(len(score), *x.shape).detach().clone().requires_grad_(True)
            score = D(at).score
        (g,) = torch.autograd.grad(score.sum(), at)
    return g.norm(dim=-1).cpu().numpy()


def latent_warp(run, n: int = 15, extent: float = 2.0) -> np.ndarray:
    """Images of an n x n grid of latents in [-extent, extent]^2 of the first two coordinates, the others 0: (..., n, n, 2)."""
    z = torch.zeros(n * n, run.recipe.nets.z, device=run.rng.device)
    flat = plane(extent, n).to(z)
    z[:, : min(2, z.shape[1])] = flat[:, : min(2, z.shape[1])]
    with torch.no_grad():
        return run.G(z).unflatten(-2, (n, n)).cpu().numpy()


class Axes(NamedTuple):
    """A fixed view of a feature space: `mean` (K,) and two orthonormal `axes` (2, K)."""

    mean: Tensor
    axes: Tensor

    def __call__(self, v: Tensor) -> np.ndarray:
        """Coordinates of features (..., K) on the two axes, (..., 2)."""
        return ((v - self.mean) @ self.axes.mT).cpu().numpy()


def principal_axes(v: Tensor) -> Axes:
    """The two directions in which features (N, K) spread most; signs are fixed so that pictures do not flip."""
    v = v.detach()
    mean = v.mean(-2)
    _, _, axes = torch.linalg.svd(v - mean, full_matrices=False)
    axes = axes[:2]
    sign = torch.sign(axes.gather(-1, axes.abs().argmax(-1, keepdim=True)))
    return Axes(mean, axes * torch.where(sign == 0, 1.0, sign))


class MixPath(NamedTuple):
    """Features along lam a + (1-lam) b, (..., n, K), the straight line between their ends, the same shape, and lam (n,)."""

    features: Tensor
    line: Tensor
    lam: Tensor

    @property
    def gap(self) -> np.ndarray:
        """|F(x_mix) - mix of features|, what AdaptiveMix makes small, (..., n)."""
        return (self.features - self.line).norm(dim=-1).cpu().numpy()


@torch.no_grad()
def mix_path(D: Discriminator, a: Tensor, b: Tensor, n: int = 41) -> MixPath:
    """The lambda path in feature space between two samples a and b (both without a batch axis); stacked seeds give one path each."""
    lam = torch.linspace(0, 1, n)
    x = torch.stack([t * a + (1 - t) * b for t in lam])
    v = D.features(x)
    return MixPath(v, lam[:, None] * v[..., -1:, :] + (1 - lam[:, None]) * v[..., :1, :], lam)


CORNERS = np.array([[-1.0, -0.9], [1.0, -0.9], [0.0, 0.9]])  # where `image_slice` puts a, b and c


@torch.no_grad()
def image_slice(run, a: Tensor, b: Tensor, c: Tensor, n: int = 40) -> Map:
    """The logit at every mixture of three images (C, H, W), on the triangle with the CORNERS a, b, c; NaN outside of it."""
    p = plane(1.0, n).double()
    corners = torch.cat([torch.from_numpy(CORNERS), torch.ones(3, 1, dtype=torch.float64)], 1)
    weights = torch.linalg.solve(
        corners.T, torch.cat([p, torch.ones(len(p), 1, dtype=torch.float64)], 1).T
    ).T.float()
    inside = (weights > -1e-6).all(1)
    values = torch.full((n * n,), torch.nan)
    with latent_mode([run.D], "eval"):
        x = torch.einsum("nk,kchw->nchw", weights[inside], torch.stack([a, b, c]))
        values[inside] = run.critic(256)(x.to(run.rng.device)).score.cpu()
    return Map(values.reshape(n, n).numpy(), 1.0)


def critique_at(run, x: Tensor) -> Critique:
    """What D says of the points x in eval mode and without gradient; for KDD the score is its log-ratio."""
    with torch.no_grad(), latent_mode([run.D], "eval"):
        return run.critic()(x)
