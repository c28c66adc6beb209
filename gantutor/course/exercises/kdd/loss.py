"""Exercise kdd.loss: D's hinge loss, with each point's own bump left out of its density."""

import numpy as np
import torch
from torch.nn.functional import relu

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.maps import map_of
from gantutor.rng import Rng


def loss(r, g, sigma):
    """D's hinge loss on the leave-one-out log-ratio with Gaussian bumps: sums of single kernels."""

    def density(x, anchors, skip=None):
        bumps = [
            torch.exp(-((x - a) ** 2).sum() / (2 * sigma**2))
            for j, a in enumerate(anchors)
            if j != skip
        ]
        return sum(bumps) / len(bumps)

    on_r = [torch.log(density(x, r, i) / density(x, g)) for i, x in enumerate(r)]
    on_g = [torch.log(density(x, r) / density(x, g, i)) for i, x in enumerate(g)]
    reals = sum((1 - ratio).clamp(min=0) for ratio in on_r) / len(r)
    fakes = sum((1 + ratio).clamp(min=0) for ratio in on_g) / len(g)
    return reals + fakes


def _loss_cases(rng: Rng):
    m, n, k = (int(rng.randint(5, 1)) + 2 for _ in range(3))
    r, g = rng.randn(m, k - 1).double() + 0.3, rng.randn(n, k - 1).double() - 0.3
    return r, g, 0.6 + 0.6 * float(rng.rand(1))


def _ratios(
    r,
    g,
    sigma,
    own="out",
    kernel=lambda a, x, sigma: -torch.cdist(x, a).square() / (2 * sigma**2),
    anchors=lambda a: a,
):
    """The log-ratios of the reals and of the fakes; the keyword arguments switch on mistakes."""
    x, m = torch.cat([r, g]), len(r)
    mine = torch.eye(len(x), dtype=torch.bool) & (own != "in")
    s = kernel(anchors(x), x, sigma).masked_fill(mine, -torch.inf)
    count = [
        (~side).sum(-1) if own != "out, all counted" else torch.tensor(side.shape[1])
        for side in (mine[:, :m], mine[:, m:])
    ]
    on_reals = s[:, :m].logsumexp(-1) - count[0].log()
    on_fakes = s[:, m:].logsumexp(-1) - count[1].log()
    log_ratio = on_reals - on_fakes
    return log_ratio[:m], log_ratio[m:]


def _hinge(ratios):
    return relu(1 - ratios[0]).mean() + relu(1 + ratios[1]).mean()


def _loss_field(f):
    """The loss, by where one fake of the batch is on the plane."""
    r = torch.tensor([[0.5, 0.5], [0.7, 0.2], [0.4, -0.6], [0.1, 0.3]]).double()
    g = torch.tensor([[-0.5, -0.3], [-0.2, -0.6], [-0.6, 0.3]]).double()
    return map_of(lambda x: f(r, torch.cat([g, x[None]]), 0.3), 19)


def _circle_cases(rng: Rng):
    unit = [torch.nn.functional.normalize(rng.randn(n, 3).double(), dim=-1) for n in (5, 4)]
    return [(*unit, 0.7), (unit[1], unit[0], 0.7)]


def _same_on_the_sphere(cases, values):
    """Whether the Gaussian of width sigma agrees with the paper's kernel at tau = sigma^2.

    This holds for features of length 1.
    """
    r, g, sigma = (c.numpy() if isinstance(c, torch.Tensor) else c for c in cases[0])
    k = {
        (a, b): np.exp(x @ y.T / sigma**2)
        for a, x in (("r", r), ("g", g))
        for b, y in (("r", r), ("g", g))
    }
    own = {a: (k[a, a].sum(1) - np.diag(k[a, a])) / (len(k[a, a]) - 1) for a in "rg"}
    l_r, l_g = np.log(own["r"] / k["r", "g"].mean(1)), np.log(k["g", "r"].mean(1) / own["g"])
    return np.isclose(values[0], np.maximum(0, 1 - l_r).mean() + np.maximum(0, 1 + l_g).mean())


LOSS = Exercise(
    name="kdd.loss",
    title="D's loss with Gaussian bumps, own bump left out",
    points=3,
    minutes=15,
    reference=loss,
    cases=_loss_cases,
    gradients=(0, 1),
    symptoms=(
        Symptom(
            "own bump counted",
            "Every point counts its own bump, e^0 = 1, and so is a witness in its own case. Leave "
            "it out of the density of its own side.",
            lambda r, g, sigma: _hinge(_ratios(r, g, sigma, own="in")),
        ),
        Symptom(
            "divided by all",
            "The own bump is left out of the sum but still counted in the mean: on its own side a "
            "point sees m - 1 reals, or n - 1 fakes.",
            lambda r, g, sigma: _hinge(_ratios(r, g, sigma, own="out, all counted")),
        ),
        Symptom(
            "sigma not squared",
            "Your exponent divides by 2 sigma; the Gaussian divides by 2 sigma^2. Sigma is a "
            "width, its square a variance.",
            lambda r, g, sigma: _hinge(
                _ratios(r, g, sigma, kernel=lambda a, x, s: -torch.cdist(x, a).square() / (2 * s))
            ),
        ),
        Symptom(
            "2 missing",
            "The exponent is -|a - x|^2 / (2 sigma^2). Yours has no 2, so your bumps are narrower.",
            lambda r, g, sigma: _hinge(
                _ratios(r, g, sigma, kernel=lambda a, x, s: -torch.cdist(x, a).square() / s**2)
            ),
        ),
        Symptom(
            "distance not squared",
            "Your exponent contains the distance, where the Gaussian has its square: your bumps "
            "have a sharp peak.",
            lambda r, g, sigma: _hinge(
                _ratios(r, g, sigma, kernel=lambda a, x, s: -torch.cdist(x, a) / (2 * s**2))
            ),
        ),
        Symptom(
            "no hinge",
            "The max(0, ...) is missing: a point that is already beyond its margin must cost 0, "
            "but in your loss it earns something.",
            lambda r, g, sigma: (
                (1 - _ratios(r, g, sigma)[0]).mean() + (1 + _ratios(r, g, sigma)[1]).mean()
            ),
        ),
        Symptom(
            "hinge after the mean",
            "Your max(0, ...) acts on the mean. It belongs to each point, before the mean: a good "
            "point must not pay for a bad one.",
            lambda r, g, sigma: (
                relu(1 - _ratios(r, g, sigma)[0].mean()) + relu(1 + _ratios(r, g, sigma)[1].mean())
            ),
        ),
        Symptom(
            "margins swapped",
            "Your loss asks for a low l of the reals and a high one of the fakes. D wants l(r) "
            "above +1 and l(g) below -1.",
            lambda r, g, sigma: (
                relu(1 + _ratios(r, g, sigma)[0]).mean() + relu(1 - _ratios(r, g, sigma)[1]).mean()
            ),
        ),
        Symptom(
            "anchors detached",
            "The value is right but the gradient is not: your anchors are constants. In the loss "
            "as written a feature moves both as a point and as an anchor.",
            lambda r, g, sigma: _hinge(_ratios(r, g, sigma, anchors=lambda a: a.detach())),
        ),
    ),
    properties=(
        Property(
            "sphere",
            "On features of length 1 it must agree with the paper's kernel at tau = sigma^2.",
            _circle_cases,
            _same_on_the_sphere,
        ),
        Property(
            "roles",
            "Swapping reals and fakes turns l into -l, so D's loss must not change.",
            _circle_cases,
            lambda cases, v: np.isclose(v[0], v[1]),
        ),
    ),
    forbidden=("kdd", "KDD", "log_ratio", "own_kernels", "log_kernels"),
    field=_loss_field,
)
