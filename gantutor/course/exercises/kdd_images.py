"""Exercises of notebook 08: where copies push a fake, what copies are worth, the Jacobian penalty, and the step at which rounding drowns it."""

from math import pi, sqrt
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from gantutor.course.exercises.judge import Exercise, Property, Symptom
from gantutor.fields import plane
from gantutor.rng import Rng


# -- where a fake is pushed ----------------------------------------------------------------------------------------------
def _push(anchors, g, copies, tau):
    pushes = []
    for i in range(len(g)):  # the derivative of the log-ratio at one point, all anchors constants
        point, others = g[i].clone().requires_grad_(True), torch.cat([g[:i], g[i + 1 :], copies])
        l = (anchors @ point / tau).logsumexp(0) - (others @ point / tau).logsumexp(0)
        pushes.append(torch.autograd.grad(l, point)[0])
    return torch.stack(pushes)


def _anchors(rng: Rng) -> tuple[Tensor, Tensor, Tensor, float]:
    """Unit features of real anchors (M, K), of fakes (n, K) and of N copies of each fake, block by block (N n, K); tau."""
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
    """A fake at each point of the square, its copy half as far from the middle, three other fakes on the left, three reals on the right, tau = 0.3."""
    rng = Rng(5)
    r, g = (
        0.25 * rng.randn(3, 2).double() + torch.tensor([0.7, 0.2]),
        0.25 * rng.randn(3, 2).double() - torch.tensor([0.6, 0.0]),
    )
    points = plane(1.0, n).double()
    return np.stack(
        [
            f(r, torch.cat([p[None], g]), torch.cat([p[None], g]) / 2, 0.3)[0].detach().numpy()
            for p in points
        ]
    )


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
            "A fake still sees its own kernel, which holds it fast: put -inf at its own place before the softmax.",
            lambda a, g, c, tau: _mean_shifts(a, g, c, tau),
        ),
        Symptom(
            "own copies left out",
            "You left out the fake's copies too. Only its plain self goes: the first n columns hold that, the copies come after them and stay.",
            lambda a, g, c, tau: _mean_shifts(a, g, c, tau, OUT, copy_of=True),
        ),
        Symptom(
            "copies forgotten",
            "The copies are missing: they are anchors of the fakes' density, in one softmax with the plain ones.",
            lambda a, g, c, tau: _mean_shifts(a, g, c[:0], tau, OUT),
        ),
        Symptom(
            "temperature",
            "The temperature is on the wrong side: kernels are exp(<a, x> / tau), so a *small* tau makes the weights sharp.",
            lambda a, g, c, tau: _mean_shifts(a, g, c, 1 / tau, OUT) / tau**2,
        ),
        Symptom(
            "tau once",
            "The weights are right, one division by tau is missing: it also comes out of the exponent as a factor of the gradient.",
            lambda a, g, c, tau: _mean_shifts(a, g, c, tau, OUT) * tau,
        ),
        Symptom(
            "no weights",
            "All anchors count alike. A KDE's gradient weighs them by their kernels: near anchors pull more than far ones.",
            lambda a, g, c, tau: _mean_shifts(a, g, c, tau, OUT, weights=False),
        ),
        Symptom(
            "up the loss",
            "The arrows point up L_G: that is its gradient. Asked for is where the fake is pushed, against the gradient: reals attract, fakes repel.",
            lambda a, g, c, tau: -_mean_shifts(a, g, c, tau, OUT),
        ),
    ),
    properties=(
        Property(
            "one of each",
            "With one real and one other fake there is nothing to average: the push must be (r - other) / tau.",
            _alone,
            lambda cases, values: all(
                np.allclose(v, (r - g.flip(0)) / tau)
                for (r, g, _, tau), v in zip(cases, values, strict=True)
            ),
        ),
    ),
)


# -- a number ------------------------------------------------------------------------------------------------------------
WORTH = Exercise(
    name="kdd_images.worth",
    title="Seven copies are worth four; and 63?",
    points=1,
    minutes=6,
    reference=6.4,
    tolerance=0.005,
    symptoms=(
        Symptom(
            "in proportion",
            "You went on in proportion. Copies are clustered: each further one of the same image tells less.",
            lambda v: abs(v - 32) < 0.5 or abs(v - 36) < 0.5,
        ),
        Symptom(
            "independent",
            "That would be right for 64 independent images. They are one image and 63 copies of it.",
            64,
        ),
        Symptom(
            "limit",
            "7 is the limit 1/rho for endless copies. 63 come near to it and do not reach it.",
            7,
        ),
        Symptom("rho", "This is rho. One step is left: put it in with N = 63.", 1 / 7),
        Symptom(
            "no more",
            "More copies are worth a little more, not nothing: the formula's value has not reached its limit 1/rho yet.",
            4,
        ),
        Symptom(
            "N for N + 1",
            "You counted the copies without the image itself: the numerator is N + 1.",
            lambda v: abs(v - 6.3) < 0.02 or abs(v - 8.13) < 0.02,
        ),
    ),
)


# -- the Jacobian penalty ------------------------------------------------------------------------------------------------
class Phi(NamedTuple):
    """Features (N, K) of images (N, ...): a bent layer, or linear. A process can be sent it, unlike a lambda."""

    weight: Tensor
    bent: bool = True

    def __call__(self, x: Tensor) -> Tensor:
        h = x.flatten(1) @ self.weight.T
        return torch.sin(h) + 0.5 * h if self.bent else h


def _jacobian(phi, x_real, x_fake, u, delta):
    total, images = 0.0, [*x_real, *x_fake]
    for x, direction in zip(images, u, strict=True):
        step = delta * direction / np.sqrt((direction.numpy() ** 2).sum())
        moved, here = (phi(v[None]).numpy().ravel() for v in (x + step, x))
        total += abs(np.sqrt(((moved - here) ** 2).sum()) / delta - 1)
    return total / len(x_real)


def _images(rng: Rng, equal: bool = False) -> tuple[Phi, Tensor, Tensor, Tensor, float]:
    m, n, c, side, k = (
        int(rng.randint(high)) + low for high, low in ((4, 1), (4, 1), (3, 1), (3, 2), (5, 2))
    )
    n = m if equal else n + (n == m)
    x_real, x_fake, u = (rng.randn(rows, c, side, side).double() for rows in (m, n, m + n))
    return (
        Phi(rng.randn(k, c * side * side).double() * 0.7),
        x_real,
        x_fake,
        u,
        1e-3 * (1 + 9 * float(rng.rand())),
    )


def _quotient(phi, x_real, x_fake, u, delta, unit=None):
    x = torch.cat([x_real, x_fake])
    u = u / (u.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1) if unit is None else unit(u))
    return (phi(x + delta * u) - phi(x)).norm(dim=1) / delta


def _isometries(rng: Rng) -> list[tuple]:
    """phi(x) = c Q x with a square orthogonal Q, and as many fakes as reals; the last one is constant."""
    found = []
    for c in (0.25, 1.0, 3.0, 0.0):
        phi, x_real, x_fake, u, delta = _images(rng, equal=True)
        size = x_real[0].numel()
        found.append(
            (
                Phi(c * torch.linalg.qr(rng.randn(size, size).double())[0], bent=False),
                x_real,
                x_fake,
                u,
                delta,
            )
        )
    return found


def _steepness(f, n=25):
    """One real, moved over the square, and one fake at (0.5, 0.5); the step goes to the upper right. Dark: the features change much faster or slower than 1."""
    phi, fake, u = (
        Phi(2 * Rng(8).randn(3, 2).double()),
        torch.full((1, 1, 1, 2), 0.5).double(),
        torch.tensor([[1.0, 1.0], [1.0, -1.0]]).double().reshape(2, 1, 1, 2),
    )
    return np.array(
        [float(f(phi, p.reshape(1, 1, 1, 2), fake, u, 1e-3)) for p in plane(1.0, n).double()]
    ).reshape(n, n)


JACOBIAN = Exercise(
    name="kdd_images.jacobian",
    title="A step of the same length in the features",
    points=3,
    minutes=12,
    reference=_jacobian,
    cases=_images,
    field=_steepness,
    forbidden=("JacobianD", "jvp", "slope"),
    symptoms=(
        Symptom(
            "mean over both",
            "You divide by the number of all images. The paper sums over reals and fakes and divides by the number of reals alone.",
            lambda phi, r, f, u, delta: (_quotient(phi, r, f, u, delta) - 1).abs().mean(),
        ),
        Symptom(
            "step not divided",
            "The change of the features is not divided by the step's length delta, so it is compared with 1 while it is about delta.",
            lambda phi, r, f, u, delta: (
                (delta * _quotient(phi, r, f, u, delta) - 1).abs().sum() / len(r)
            ),
        ),
        Symptom(
            "direction too long",
            "The directions are used as drawn. Each one must be of length 1, over all its channels and pixels.",
            lambda phi, r, f, u, delta: (
                (_quotient(phi, r, f, u, delta, lambda u: 1.0) - 1).abs().sum() / len(r)
            ),
        ),
        Symptom(
            "length by channel",
            "The directions have length 1 at each pixel, over the channels: that is what `normalize` does along axis 1. An image is one vector: flatten it first.",
            lambda phi, r, f, u, delta: (
                (_quotient(phi, r, f, u, delta, lambda u: u.norm(dim=1, keepdim=True)) - 1)
                .abs()
                .sum()
                / len(r)
            ),
        ),
        Symptom(
            "one length for all",
            "All directions are divided by one norm, over the batch as well. Each image has its own direction of length 1.",
            lambda phi, r, f, u, delta: (
                (_quotient(phi, r, f, u, delta, lambda u: u.norm()) - 1).abs().sum() / len(r)
            ),
        ),
        Symptom(
            "squared",
            "You square the distance to 1, as WGAN-GP does. Here it is the absolute value.",
            lambda phi, r, f, u, delta: (
                (_quotient(phi, r, f, u, delta) - 1).square().sum() / len(r)
            ),
        ),
        Symptom(
            "reals alone",
            "The fakes are missing: the sum runs over both sets, only the division is by the number of reals.",
            lambda phi, r, f, u, delta: (
                (_quotient(phi, r, f[:0], u[: len(r)], delta) - 1).abs().mean()
            ),
        ),
    ),
    properties=(
        Property(
            "isometry",
            "For phi(x) = c Q x with an orthogonal Q and as many fakes as reals it must be 2 |c - 1|.",
            _isometries,
            lambda cases, values: np.allclose(values, [1.5, 0.0, 4.0, 2.0], atol=1e-8),
        ),
    ),
)


# -- the step at which rounding is as large as the truth ------------------------------------------------------------------
def _noise(delta: float, d: int, bits: int, k: int = 256) -> float:
    """The quotient that rounding alone makes, by the lesson's formula."""
    return sqrt(k / delta * 2.0**-bits / 3 * sqrt(2 / (pi * d)))


def _even_step(d, bits):
    low, high = 1e-12, 1e6
    while high / low > 1 + 1e-12:  # the noise falls with the step, the truth stays
        middle = sqrt(low * high)
        low, high = (middle, high) if _noise(middle, d, bits) > sqrt(256 / d) else (low, middle)
    return sqrt(low * high)


def _sizes(rng: Rng) -> tuple[int, int]:
    side, channels = 8 * (1 + int(rng.randint(16))), (1, 3)[int(rng.randint(2))]
    return channels * side * side, (7, 10, 16, 23)[int(rng.randint(4))]


EVEN_STEP = Exercise(
    name="kdd_images.even_step",
    title="The step at which noise equals truth",
    points=2,
    minutes=10,
    reference=_even_step,
    cases=_sizes,
    tolerance=1e-6,
    symptoms=(
        Symptom(
            "root",
            "This is the root of the step: the formula's quotient has delta under a root, so square both sides before you solve.",
            lambda d, bits: sqrt(_even_step(d, bits)),
        ),
        Symptom(
            "noise over truth",
            "This is how many times the noise exceeds the truth at the paper's step of 0.001. Asked for is the step at which the two are equal.",
            lambda d, bits: sqrt(_even_step(d, bits) / 1e-3),
        ),
        Symptom(
            "third forgotten",
            "It is three times too large: for pixels spread over [-1, 1] the mean width of the grid is 2^-bits / 3.",
            lambda d, bits: 3 * _even_step(d, bits),
        ),
        Symptom(
            "truth of 1",
            "You set the noise equal to 1, the penalty's target, with K = 256. The truth is sqrt(K / d), and K cancels.",
            lambda d, bits: 256 * _even_step(d, bits) / d,
        ),
        Symptom(
            "bits upside down",
            "More bits must allow a *smaller* step: the grid is 2 to the power of *minus* bits wide.",
            lambda d, bits: _even_step(d, bits) * 2.0 ** (2 * bits),
        ),
        Symptom(
            "rms for mean",
            "You took sqrt(1/d) for a typical pixel's share of the direction. What enters is the mean of its absolute value, sqrt(2 / (pi d)).",
            lambda d, bits: _even_step(d, bits) * sqrt(pi / 2),
        ),
        Symptom(
            "d forgotten",
            "Larger images need a larger step here, and yours shrinks: the truth sqrt(K / d) falls faster with d than the noise does.",
            lambda d, bits: _even_step(d, bits) / d,
        ),
    ),
    properties=(
        Property(
            "law",
            "Four times the pixels must double the step, and one more bit must halve it.",
            lambda rng: [(192, 10), (768, 10), (192, 11)],
            lambda cases, values: np.allclose(values, values[0] * np.array([1, 2, 0.5])),
        ),
    ),
)

EXERCISES = (PUSH, WORTH, JACOBIAN, EVEN_STEP)
