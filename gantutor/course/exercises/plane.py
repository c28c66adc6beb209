"""Exercises of notebook 01: two measures, the turn of D, and the best critic that there can be."""

import math

import numpy as np
import torch

from gantutor import toy
from gantutor.course.exercises.judge import Exercise, Property, Symptom
from gantutor.fields import plane

# -- mode_kl of a generator that serves half of the modes
HALF = Exercise(
    "plane.half_the_modes",
    "What is lost with half of the modes?",
    points=1,
    minutes=4,
    reference=math.log(2),
    tolerance=3e-3,
    symptoms=(
        Symptom(
            "one mode",
            "That is the value of a generator with a single mode. Here four modes share the fakes: their share is 1/4 each, "
            "against 1/8 that they deserve.",
            math.log(8),
        ),
        Symptom(
            "one term",
            "That is one term of the sum, the share 1/4 times ln 2. There are four modes with fakes.",
            math.log(2) / 4,
        ),
        Symptom(
            "not weighted",
            "You added up ln 2 once for each mode. Each logarithm is weighted by the share of the *fakes* that it belongs to.",
            4 * math.log(2),
        ),
        Symptom(
            "base 2",
            "The logarithm is the natural one, so the unit is nats. Yours is in bits, of base 2.",
            1.0,
        ),
        Symptom(
            "fraction",
            "Half of the modes are missing, but the divergence is no fraction: put p = 1/4, q = 1/8 into the formula.",
            0.5,
        ),
        Symptom(
            "equal shares",
            "The four served modes get too much and the four others nothing, so the two distributions are not the same, and "
            "the divergence is not 0.",
            0.0,
        ),
    ),
)


# -- the energy distance without bias
def _apart(x, y):
    return np.linalg.norm(x[:, None, :] - y[None, :, :], axis=-1)


def _energy(x, y):
    a, b = x.numpy(), y.numpy()
    across = sum(np.linalg.norm(p - b, axis=-1).sum() for p in a) / (len(a) * len(b))
    within = [
        sum(np.linalg.norm(v[i] - np.delete(v, i, 0), axis=-1).mean() for i in range(len(v)))
        / len(v)
        for v in (a, b)
    ]
    return 2 * across - sum(within)


def _energy_of(x, y, d=_apart, own=lambda m, n: m.sum() / (n * (n - 1)), cross=2.0, reals=1.0):
    x, y = x.numpy(), y.numpy()
    return cross * d(x, y).mean() - own(d(x, x), len(x)) - reals * own(d(y, y), len(y))


def _energy_cases(rng):
    n = 3 + int(rng.randint(8, 1))
    m = n + 1 + int(rng.randint(6, 1))
    return rng.randn(n, 2).double(), 0.7 * rng.randn(m, 2).double() + torch.tensor([0.5, -1.0])


def _law_cases(rng):
    x, y = _energy_cases(rng)
    return [(x, y), (y, x), (3 * x + 1, 3 * y + 1)]


def _energy_field(f):
    """Data and fakes are two clouds each. Rightwards the fakes' two move apart, upwards both are shifted; in the middle they lie on the data."""
    rng = np.random.default_rng(0)
    clouds = 0.1 * rng.standard_normal((2, 2, 6, 2))
    apart = np.array([[-0.6, 0.0], [0.6, 0.0]])[:, None]
    real, fakes = (
        (clouds[0] + apart).reshape(-1, 2),
        [
            (clouds[1] + apart * (1 + p[0]) + [0.0, p[1]]).reshape(-1, 2)
            for p in plane(1.0, 24).numpy()
        ],
    )
    return np.array([float(f(torch.from_numpy(x), torch.from_numpy(real))) for x in fakes]).reshape(
        24, 24
    )


ENERGY = Exercise(
    "plane.energy",
    "A distance that is right on average",
    points=3,
    minutes=12,
    reference=_energy,
    cases=_energy_cases,
    symptoms=(
        Symptom(
            "itself counted",
            "Inside one set you also compared each point with itself. These zeros make the mean too small, and a perfect "
            "generator would score above 0: "
            "divide the sum by n (n - 1), not by n squared.",
            lambda x, y: _energy_of(x, y, own=lambda m, n: m.mean()),
        ),
        Symptom(
            "squared distances",
            "These are *squared* distances. With them the measure compares the two means and nothing else: in the picture "
            "it does not care how far apart the fakes lie.",
            lambda x, y: _energy_of(x, y, d=lambda a, b: _apart(a, b) ** 2),
        ),
        Symptom(
            "cross once",
            "The distances between fakes and reals count twice: 2 E|x-y|. Otherwise equal clouds would not get 0.",
            lambda x, y: _energy_of(x, y, cross=1.0),
        ),
        Symptom(
            "reals left out",
            "The term of the reals is missing: - E|y-y'|.",
            lambda x, y: _energy_of(x, y, reals=0.0),
        ),
        Symptom(
            "each pair once",
            "You summed over the pairs i < j and divided by n (n - 1). There are only half as many such pairs: n (n - 1) / 2.",
            lambda x, y: _energy_of(x, y, own=lambda m, n: m.sum() / 2 / (n * (n - 1))),
        ),
        Symptom(
            "sum of coordinates",
            "You added |dx| and |dy|. The distance is the straight one, the square root of the sum of squares.",
            lambda x, y: _energy_of(x, y, d=lambda a, b: np.abs(a[:, None] - b[None]).sum(-1)),
        ),
    ),
    properties=(
        Property(
            "laws",
            "Exchanging fakes and reals must change nothing, and three times larger clouds must be three times as far apart.",
            _law_cases,
            lambda cases, v: abs(v[0] - v[1]) < 1e-6 and abs(v[2] - 3 * v[0]) < 1e-5,
        ),
    ),
    forbidden=("energy_distance", "judge"),
    field=_energy_field,
)


# -- D's turn: who gets a gradient
def _turn(D, w, x_real, x_fake):
    a, b = D(w, x_real), D(w, x_fake.detach())
    return (
        torch.logaddexp(-a, torch.zeros_like(a)).mean()
        + torch.logaddexp(b, torch.zeros_like(b)).mean()
    )


def _positive(t):
    return torch.logaddexp(t, torch.zeros_like(t))


def _bent(w, x):
    return (x + torch.sin(2 * x)) @ w


def _turn_cases(rng):
    n, m = (2 + int(k) for k in rng.randint(6, 2))
    w = rng.randn(2).double()
    far = 300 * w / w.norm() ** 2  # its score is about 300: sigma of it rounds to 1
    return (
        _bent,
        w,
        torch.cat([rng.randn(n, 2).double(), -far[None]]),
        torch.cat([rng.randn(m, 2).double(), far[None]]),
    )


def _turn_field(f):
    """The loss if a single fake lies at each place, with one real point on the right and a critic that believes in the right."""
    w, real = (
        torch.tensor([3.0, 1.0], dtype=torch.float64),
        torch.tensor([[0.6, 0.2]], dtype=torch.float64),
    )
    return np.array([float(f(_bent, w, real, p[None])) for p in plane(1.0, 30).double()]).reshape(
        30, 30
    )


TURN = Exercise(
    "plane.turn_of_d",
    "Repair a turn of D that moves the generator",
    points=2,
    minutes=8,
    reference=_turn,
    cases=_turn_cases,
    gradients=(1,),
    constants=(3,),
    symptoms=(
        Symptom(
            "scores detached",
            "The value is right, but you cut behind D: the scores of the fakes are constants now, and D learns nothing from "
            "the fakes. Cut *before* D.",
            lambda D, w, x, y: _positive(-D(w, x)).mean() + _positive(D(w, y)).mean().detach(),
        ),
        Symptom(
            "labels swapped",
            "D learns to call the fakes real. A real wants -log sigma(a), a fake -log(1 - sigma(b)).",
            lambda D, w, x, y: _positive(D(w, x)).mean() + _positive(-D(w, y.detach())).mean(),
        ),
        Symptom(
            "generator's loss",
            "For the fakes this is G's loss, -log sigma(b). In D's turn a fake wants the opposite: softplus(b).",
            lambda D, w, x, y: _positive(-D(w, x)).mean() + _positive(-D(w, y.detach())).mean(),
        ),
        Symptom(
            "summed",
            "You added up over the batch. Take the mean over the reals and the mean over the fakes.",
            lambda D, w, x, y: _positive(-D(w, x)).sum() + _positive(D(w, y.detach())).sum(),
        ),
        Symptom(
            "halved",
            "Yours is half of the loss: one mean over all points, or a division by 2. Add the mean over the reals and the mean over "
            "the fakes.",
            lambda D, w, x, y: _turn(D, w, x, y) / 2,
        ),
    ),
    field=_turn_field,
)


# -- the best critic
def _best(log_p, log_q):
    top = torch.maximum(log_p, log_q)
    p, q = torch.exp(log_p - top), torch.exp(log_q - top)
    return p / (p + q)


def _best_cases(rng):
    n = 3 + int(rng.randint(8, 1))
    near, far = -1.5 + rng.randn(2, n).double(), -1000 + 2 * rng.randn(2, n).double()
    return tuple(torch.cat([near, far], 1)[:, rng.randperm(2 * n)])


def _halves(rng):
    a, b = _best_cases(rng)
    return [(a, b), (b, a), (a, a), (a - 700, b - 700)]


def _best_field(f):
    """The best critic's confidence, green above one half and purple below: the data are narrow clouds, the fakes the same, pushed to the right."""
    x, clouds = plane(1.0, 70).double(), toy.ring(3, radius=0.45, std=0.014)
    return (
        (2 * f(clouds.log_density(x), clouds.log_density(x - torch.tensor([0.015, 0.0]))) - 1)
        .reshape(70, 70)
        .numpy()
    )


BEST = Exercise(
    "plane.best_critic",
    "The best critic can be written down",
    points=2,
    minutes=8,
    reference=_best,
    cases=_best_cases,
    symptoms=(
        Symptom(
            "swapped",
            "This is the probability that the point is a *fake*: p belongs to the data, and stands above.",
            lambda p, q: torch.sigmoid(q - p),
        ),
        Symptom(
            "ratio",
            "This is the quotient p / q, which can be any positive number. The confidence is p / (p + q).",
            lambda p, q: torch.exp(p - q),
        ),
        Symptom(
            "score",
            "This is the score, log p - log q. The confidence is what sigma makes of it.",
            lambda p, q: p - q,
        ),
        Symptom(
            "logs divided",
            "You divided the *logarithms* by each other. p / (p + q) needs the densities, or sigma of a difference of "
            "logarithms.",
            lambda p, q: p / (p + q),
        ),
        Symptom(
            "rescued by epsilon",
            "Far from all points both densities round to 0, and your small number in the denominator decides: the "
            "confidence becomes 0 there, not p / (p + q). "
            "Divide both by p first and look what is left: 1 / (1 + q/p).",
            lambda p, q: p.exp() / (p.exp() + q.exp() + 1e-9),
        ),
        Symptom(
            "of the batch",
            "Each point's confidence depends on the other points: the softmax, or the sum, ran over the batch. It must run "
            "over p and q at one point.",
            lambda p, q: torch.softmax(torch.stack([p, q]), -1)[0],
        ),
    ),
    properties=(
        Property(
            "laws",
            "Three laws: the confidences of (p, q) and (q, p) add up to 1; equal densities give 1/2; a common factor of p and "
            "q changes nothing.",
            _halves,
            lambda cases, v: (
                np.allclose(v[0] + v[1], 1) and np.allclose(v[2], 0.5) and np.allclose(v[3], v[0])
            ),
        ),
    ),
    field=_best_field,
)

EXERCISES = (HALF, ENERGY, TURN, BEST)
