"""Exercise kdd.turn: the gradient that passes back through the normalisation u / |u|."""

import numpy as np
import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.fields import plane
from gantutor.rng import Rng


def turn(u, push):
    """The push that reaches u when `push` acts on u / |u|, by one Jacobian per feature."""
    out = []
    for v, p in zip(u.detach().numpy(), push.detach().numpy(), strict=True):
        length = np.sqrt((v**2).sum())
        phi = v / length
        out.append((np.eye(len(v)) - np.outer(phi, phi)) @ p / length)
    return np.array(out)


def _turn_cases(rng: Rng):
    n, k = int(rng.randint(4, 1)) + 2, int(rng.randint(4, 1)) + 2
    return (0.3 + 3 * rng.rand(n, 1).double()) * rng.randn(n, k).double(), rng.randn(n, k).double()


def _turned(u, push, power=1, unit=True, part="tangent"):
    length = u.norm(dim=-1, keepdim=True)
    along = u / length if unit else u
    radial = along * (along * push).sum(-1, keepdim=True)
    return {"tangent": push - radial, "radial": radial, "all": push}[part] / length**power


def _turn_field(f):
    """What reaches the feature from one fixed push, by where the feature is on the plane."""
    u = plane(1.0, 6).double()
    return np.asarray(f(u, torch.tensor([[1.0, 0.4]]).double().expand(36, 2).clone()))


TURN = Exercise(
    name="kdd.turn",
    title="What a push on the sphere does to the feature behind it",
    points=2,
    minutes=8,
    reference=turn,
    cases=_turn_cases,
    symptoms=(
        Symptom(
            "length missing",
            "The direction is right, but the factor 1/|u| is missing: a long feature must turn "
            "more slowly than a short one.",
            lambda u, push: _turned(u, push, power=0),
        ),
        Symptom(
            "length twice",
            "The factor 1/|u| is in there twice: phi = u/|u| brings it in once.",
            lambda u, push: _turned(u, push, power=2),
        ),
        Symptom(
            "radial part kept",
            "Your push still has a component along u. It only makes u longer, and phi ignores "
            "length: subtract phi <phi, push>.",
            lambda u, push: _turned(u, push, part="all"),
        ),
        Symptom(
            "not unit",
            "You subtracted the component along u using u where phi belongs: u <u, push> is too "
            "large by a factor of |u|^2.",
            lambda u, push: _turned(u, push, unit=False),
        ),
        Symptom(
            "radial part alone",
            "You return the component along u, which is what must go. Return the push minus that "
            "component.",
            lambda u, push: _turned(u, push, part="radial"),
        ),
        Symptom(
            "batch leak",
            "One number serves the whole batch: the length, or the product of phi and push. Each "
            "feature has its own, so sum over the last axis and keep it (dim=-1, keepdim=True).",
            lambda u, push: (push - u / u.norm() * (u / u.norm() * push).sum()) / u.norm(),
        ),
    ),
    properties=(
        Property(
            "tangent",
            "The result must be at right angles to u.",
            lambda rng: [_turn_cases(rng)],
            lambda cases, v: np.allclose((cases[0][0].numpy() * v[0]).sum(-1), 0),
        ),
        Property(
            "scale",
            "A feature twice as long must turn half as fast.",
            lambda rng: [(c * u, p) for u, p in [_turn_cases(rng)] for c in (1, 2)],
            lambda cases, v: np.allclose(v[0], 2 * v[1]),
        ),
    ),
    field=_turn_field,
)
