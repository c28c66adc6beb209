"""Exercise advlat_images.leash: a sign step that keeps the length of each latent."""

import math

import numpy as np
import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.fields import plane


def _leashed(z, g, eps):
    out = []
    for row, slope in zip(z.detach().double().tolist(), g.detach().double().tolist(), strict=True):
        moved = [
            x + eps * math.copysign(1.0, s) if s else x for x, s in zip(row, slope, strict=True)
        ]
        out.append([x * math.hypot(*row) / math.hypot(*moved) for x in moved])
    return torch.tensor(out, dtype=torch.float64).reshape(z.shape)


def _latents(rng):
    n, d = (1 + int(v) for v in rng.randint(6, 2))
    return rng.randn(n, d).double(), 0.2 * rng.randn(n, d).double(), 0.05 + 0.4 * float(rng.rand(1))


def _step(z, g, eps):
    return z + eps * g.sign()


def _one_way(z, g, eps):
    """The sign step minus its component along z: the same to first order."""
    s = g.sign()
    return z + eps * (s - z * (z * s).sum(-1, keepdim=True) / (z * z).sum(-1, keepdim=True))


def _moves(f):
    """Where the step takes the points of the plane, for a score that rises to the upper right."""
    z = plane(1.0, 12).double()
    g = torch.tensor([1.0, 0.4]).double().expand_as(z)
    return (f(z, g, 0.2) - z).numpy()


def _length(z):
    return z.norm(dim=-1, keepdim=True)


LEASH = Exercise(
    "advlat_images.leash",
    "Put the search on a leash",
    points=2,
    minutes=8,
    reference=_leashed,
    cases=_latents,
    field=_moves,
    forbidden=("IFGSM",),
    symptoms=(
        Symptom(
            "no leash",
            "This is the bare step of Eq. 6. Now give each latent its previous length again.",
            _step,
        ),
        Symptom(
            "one length for all",
            "You use one length for the whole batch, so a latent's step depends on its "
            "neighbours. The norm must run over the last axis only, with keepdim=True.",
            lambda z, g, eps: _step(z, g, eps) * z.norm() / _step(z, g, eps).norm(),
        ),
        Symptom(
            "wrong axis",
            "You take the length along the batch. A length belongs to one latent: use the last "
            "axis.",
            lambda z, g, eps: _step(z, g, eps) * z.norm(dim=0) / _step(z, g, eps).norm(dim=0),
        ),
        Symptom(
            "unit length",
            "All your latents have length 1. They had lengths of their own; multiply by those.",
            lambda z, g, eps: _step(z, g, eps) / _length(_step(z, g, eps)),
        ),
        Symptom(
            "typical length",
            "You give every latent the typical length, the square root of d. Each had its own: "
            "the prior is a thick shell, not a thin one.",
            lambda z, g, eps: _step(z, g, eps) / _length(_step(z, g, eps)) * z.shape[-1] ** 0.5,
        ),
        Symptom(
            "downhill",
            "The score falls along your step. Eq. 6 lowers the generator's loss, which means "
            "raising the score.",
            lambda z, g, eps: _step(z, -g, eps) * _length(z) / _length(_step(z, -g, eps)),
        ),
        Symptom(
            "no sign",
            "Your step follows the slope's size. A sign step moves every coordinate by eps, "
            "however steep the score is.",
            lambda z, g, eps: (z + eps * g) * _length(z) / _length(z + eps * g),
        ),
        Symptom(
            "tangent",
            "You remove the radial part from the step. That is nearly right, but each step is "
            "still a little too long, as along a tangent: rescale after the step.",
            _one_way,
        ),
    ),
    properties=(
        Property(
            "length",
            "The lengths have changed: compare the norms of input and output, latent by latent.",
            lambda rng: [_latents(rng) for _ in range(3)],
            lambda cases, values: all(
                np.allclose(np.linalg.norm(v, axis=-1), c[0].norm(dim=-1))
                for c, v in zip(cases, values, strict=True)
            ),
        ),
        Property(
            "scale",
            "A critic whose scores are three times as large must give the same step.",
            lambda rng: [(z, c * g, eps) for z, g, eps in [_latents(rng)] for c in (1.0, 3.0)],
            lambda cases, values: np.allclose(*values),
        ),
    ),
)
