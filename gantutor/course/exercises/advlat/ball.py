"""Exercise advlat.ball: one sign step, clipped to the l-infinity ball around the start."""

import math

import numpy as np
import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.fields import plane
from gantutor.rng import Rng


def ball(z, start, g, eps, radius):
    """Z - eps sign(g), clipped to the l-infinity ball around the start, one entry at a time."""
    out = np.empty(tuple(z.shape))
    for place in np.ndindex(*z.shape):
        slope, centre = float(g[place]), float(start[place])
        step = math.copysign(eps, -slope) if slope else 0.0
        way = float(z[place]) + step - centre
        if abs(way) > radius:
            way = math.copysign(radius, way)
        out[place] = centre + way
    return out


def _ball_cases(rng: Rng):
    n, k = int(rng.randint(4, 1)) + 1, int(rng.randint(4, 1)) + 2
    eps = 0.1 + 0.3 * float(rng.rand(1))
    radius = eps * (1.0, 1.3, 2.0)[int(rng.randint(3, 1))]
    start, g = 1.5 * rng.randn(n, k).double(), 3 * rng.randn(n, k).double()
    g[0, 0] = 0.0
    return (
        start + radius * (2.4 * rng.rand(n, k).double() - 1.2).clamp(-1, 1),
        start,
        g,
        eps,
        radius,
    )


def _to_the_ball(way, radius):
    return way.clamp(-radius, radius)


def _ball_field(f):
    """The step of each latent of the plane, in a ball of radius 1 around the middle."""
    z = plane(1.0, 9).double()
    g = torch.stack(
        [torch.sin(4 * z[:, 0] + 1) + z[:, 1], torch.cos(3 * z[:, 1]) * (z[:, 0] - 0.3)], -1
    )
    return np.asarray(f(z.clone(), torch.zeros_like(z), g, 0.4, 1.0)) - z.numpy()


BALL = Exercise(
    name="advlat.ball",
    title="One sign step that stays inside the ball",
    points=2,
    minutes=8,
    reference=ball,
    cases=_ball_cases,
    symptoms=(
        Symptom(
            "uphill",
            "Your step goes along the gradient. g is the gradient of the loss, which Eq. 6 "
            "lowers: epsilon needs a minus sign.",
            lambda z, start, g, eps, radius: (
                start + _to_the_ball(z + eps * g.sign() - start, radius)
            ),
        ),
        Symptom(
            "gradient for its sign",
            "You step by the gradient itself. Eq. 6 takes its sign: every coordinate moves by the "
            "same distance, epsilon.",
            lambda z, start, g, eps, radius: start + _to_the_ball(z - eps * g - start, radius),
        ),
        Symptom(
            "unit length",
            "Your step has length epsilon as a whole. The sign step has length epsilon in every "
            "coordinate.",
            lambda z, start, g, eps, radius: (
                start + _to_the_ball(z - eps * g / g.norm(dim=-1, keepdim=True) - start, radius)
            ),
        ),
        Symptom(
            "ball around zero",
            "Your ball is centred at 0. Eq. 5 centres it at the start of each latent.",
            lambda z, start, g, eps, radius: _to_the_ball(z - eps * g.sign(), radius),
        ),
        Symptom(
            "no wall",
            "Nothing stops a latent at the border: it walks out of the ball. Clip after the step, "
            "and around `start`, not around the current z.",
            lambda z, start, g, eps, radius: z - eps * g.sign(),
        ),
        Symptom(
            "round ball",
            "Your ball is round: it limits the length of z - start. The l-infinity ball is a cube "
            "that limits each coordinate separately.",
            lambda z, start, g, eps, radius: (
                start
                + (z - eps * g.sign() - start)
                * (radius / (z - eps * g.sign() - start).norm(dim=-1, keepdim=True)).clamp(max=1)
            ),
        ),
        Symptom(
            "step refused",
            "A coordinate whose step would leave the ball stays where it was. It should move as "
            "far as the border.",
            lambda z, start, g, eps, radius: torch.where(
                (z - eps * g.sign() - start).abs() <= radius * (1 + 1e-12), z - eps * g.sign(), z
            ),
        ),
        Symptom(
            "start not added",
            "You return the displacement from the start. The exercise asks for the new latent, "
            "start + displacement.",
            lambda z, start, g, eps, radius: _to_the_ball(z - eps * g.sign() - start, radius),
        ),
    ),
    properties=(
        Property(
            "inside",
            "No coordinate may end up farther from its start than the radius.",
            lambda rng: [_ball_cases(rng)],
            lambda cases, v: np.abs(v[0] - cases[0][1].numpy()).max() <= cases[0][4] + 1e-9,
        ),
    ),
    field=_ball_field,
)
