"""Exercise kdd_images.push: the direction in which anchors and copies push a fake."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.fields import plane
from gantutor.rng import Rng


def _push(anchors, g, copies, tau):
    pushes = []
    for i in range(len(g)):  # differentiate the log-ratio at one point; all anchors are constants
        point, others = g[i].clone().requires_grad_(True), torch.cat([g[:i], g[i + 1 :], copies])
        log_ratio = (anchors @ point / tau).logsumexp(0) - (others @ point / tau).logsumexp(0)
        pushes.append(torch.autograd.grad(log_ratio, point)[0])
    return torch.stack(pushes)


def _anchors(rng: Rng) -> tuple[Tensor, Tensor, Tensor, float]:
    """Unit features of real anchors (M, K), of fakes (n, K) and of their copies (N n, K); and tau.

    The copies are N of each fake, block by block.
    """
    m, n, k, most = (int(rng.randint(high)) + low for high, low in ((6, 1), (5, 2), (4, 2), (3, 0)))
    r, g, c = (normalize(rng.randn(rows, k).double(), dim=-1) for rows in (m, n, most * n))
    copies = normalize(g.repeat(most, 1) + 0.3 * c, dim=-1)
    return r, g, copies, float(0.2 + 0.8 * rng.rand())


def _mean_shifts(anchors, g, copies, tau, own=0.0, copy_of=False, weights=True):
    """(mu_r - mu_g) / tau, with the logit `own` added at a fake's own kernel (-inf: left out)."""
    every = torch.cat([g, copies])
    mine = torch.eye(len(g)).repeat(1, len(every) // len(g)).bool()
    if not copy_of:
        mine[:, len(g) :] = False
    s_r, s_g = g @ anchors.T / tau, (g @ every.T / tau + torch.where(mine, own, 0.0).double())
    if not weights:
        s_r, s_g = 0 * s_r, torch.where(s_g.isinf(), s_g, 0 * s_g)
    return (s_r.softmax(1) @ anchors - s_g.softmax(1) @ every) / tau


OUT = -torch.inf


def _alone(rng: Rng) -> list[tuple]:
    """One real anchor, two fakes and no copies: every average has one member."""
    return [(r[:1], g[:2], c[:0], tau) for r, g, c, tau in (_anchors(rng) for _ in range(3))]


def _pushed(f, n=15):
    """The push on a fake at each point of the square, with its copy half as far from the middle.

    Three other fakes are on the left, three reals on the right; tau = 0.3.
    """
    rng = Rng(5)
    r = 0.25 * rng.randn(3, 2).double() + torch.tensor([0.7, 0.2])
    g = 0.25 * rng.randn(3, 2).double() - torch.tensor([0.6, 0.0])
    fakes = [torch.cat([p[None], g]) for p in plane(1.0, n).double()]
    return np.stack([f(r, x, x / 2, 0.3)[0].detach().numpy() for x in fakes])


PUSH = Exercise(
    name="kdd_images.push",
    title="Copies push, too",
    points=4,
    minutes=15,
    reference=_push,
    cases=_anchors,
    field=_pushed,
    forbidden=("log_ratio", "KDD", "log_kernels", "own_kernels", "g_loss"),
    symptoms=(
        Symptom(
            "own kernel",
            "A fake still sees its own kernel, which holds it in place: put -inf at its own "
            "position before the softmax.",
            lambda a, g, c, tau: _mean_shifts(a, g, c, tau),
        ),
        Symptom(
            "own copies left out",
            "You left out the fake's copies too. Only the fake itself is left out: it is among "
            "the first n columns; the copies come after them and stay.",
            lambda a, g, c, tau: _mean_shifts(a, g, c, tau, OUT, copy_of=True),
        ),
        Symptom(
            "copies forgotten",
            "The copies are missing: they are anchors of the fakes' density, in one softmax with "
            "the fakes themselves.",
            lambda a, g, c, tau: _mean_shifts(a, g, c[:0], tau, OUT),
        ),
        Symptom(
            "temperature",
            "The temperature is on the wrong side: kernels are exp(<a, x> / tau), so a *small* "
            "tau makes the weights sharp.",
            lambda a, g, c, tau: _mean_shifts(a, g, c, 1 / tau, OUT) / tau**2,
        ),
        Symptom(
            "tau once",
            "The weights are right, but one division by tau is missing: differentiating the "
            "exponent brings out a factor 1 / tau.",
            lambda a, g, c, tau: _mean_shifts(a, g, c, tau, OUT) * tau,
        ),
        Symptom(
            "no weights",
            "You count all anchors equally. A KDE's gradient weights them by their kernels: near "
            "anchors pull more than distant ones.",
            lambda a, g, c, tau: _mean_shifts(a, g, c, tau, OUT, weights=False),
        ),
        Symptom(
            "up the loss",
            "Your arrows point up L_G: that is its gradient. The exercise asks where the fake is "
            "pushed, against the gradient: reals attract, fakes repel.",
            lambda a, g, c, tau: -_mean_shifts(a, g, c, tau, OUT),
        ),
    ),
    properties=(
        Property(
            "one of each",
            "With one real and one other fake there is nothing to average: the push must be (r - "
            "other) / tau.",
            _alone,
            lambda cases, values: all(
                np.allclose(v, (r - g.flip(0)) / tau)
                for (r, g, _, tau), v in zip(cases, values, strict=True)
            ),
        ),
    ),
)
