"""Exercises of notebook 03: a density in logarithms, the loss with a point's own bump left out, the sphere, the lowest loss."""

import numpy as np
import torch
from torch.nn.functional import relu

from gantutor.course.exercises.judge import Exercise, Property, Symptom
from gantutor.fields import plane
from gantutor.rng import Rng


# -- kdd.log_mean_exp ----------------------------------------------------------------------------------------------------
def log_mean_exp(s):
    """Log of the mean of exp(s) over the entries of each row that are not -inf; logaddexp, entry by entry."""
    rows = [row[np.isfinite(row)] for row in s.detach().numpy()]
    return np.array([np.logaddexp.reduce(row) - np.log(len(row)) for row in rows])


def _logs_cases(rng: Rng):
    n, m = (int(rng.randint(5, 1)) + k for k in (2, 2))
    far = 1200 * rng.randn(n, 1).double().sign() * (0.65 + rng.rand(n, 1).double())
    far[0] = (
        0  # one row needs no care, so that what else is wrong with an overflowing answer can be seen
    )
    s = 5 * rng.randn(n, m).double() + far
    hidden = rng.rand(n, m) < 0.35
    hidden[:, int(rng.randint(m, 1))] = False
    hidden[0, 0], hidden[0, -1] = True, False
    return (s.masked_fill(hidden, -torch.inf),)


def _logs(s, top="row", count="seen", back=True):
    seen = s.isfinite()
    k = {
        "seen": seen.sum(-1),
        "all": torch.full(s.shape[:1], s.shape[1]),
        "none": torch.ones(len(s)),
    }[count]
    c = {"row": s.amax(-1), "batch": s.max().expand(len(s)), "none": torch.zeros(len(s)).to(s)}[top]
    return (s - c[:, None]).exp().sum(-1).log() - k.double().log() + (c if back else 0)


def _logs_field(f):
    """The log-density of three anchors over the plane; on the right half one of them is left out."""
    anchors = torch.tensor([[-0.6, -0.5], [0.5, -0.3], [0.1, 0.6]]).double()
    points = plane(1.0, 41).double()
    s = -torch.cdist(points, anchors).square() / (2 * 0.03**2)
    s[points[:, 0] > 0, 1] = -torch.inf
    return np.asarray(f(s)).reshape(41, 41)


LOG_MEAN_EXP = Exercise(
    name="kdd.log_mean_exp",
    title="The density in logarithms, without overflow",
    points=2,
    minutes=10,
    reference=log_mean_exp,
    cases=_logs_cases,
    symptoms=(
        Symptom(
            "overflow",
            "exp(s) leaves the range of the numbers before the logarithm can bring it back. The mean of e^s is e^c times the mean of "
            "e^(s - c): which c of its own makes a row harmless?",
            lambda s: _logs(s, top="none"),
        ),
        Symptom(
            "one shift for all rows",
            "One and the same number is taken off every row. A row that lies far below it still becomes log 0: each row "
            "needs its own largest entry.",
            lambda s: _logs(s, top="batch"),
        ),
        Symptom(
            "shift not given back",
            "You took the largest entry off before exp, and did not add it again after the logarithm: "
            "log(e^c x) is c + log x.",
            lambda s: _logs(s, back=False),
        ),
        Symptom(
            "masked entries counted",
            "A kernel that is left out gives e^(-inf) = 0 to the sum, and here still counts in the mean. Divide by the number "
            "of kernels that are left in the row.",
            lambda s: _logs(s, count="all"),
        ),
        Symptom(
            "sum instead of mean",
            "This is the logarithm of the sum. A density is a mean of bumps: take off the logarithm of how many there are "
            "in the row.",
            lambda s: _logs(s, count="none"),
        ),
        Symptom(
            "mean of the logs",
            "You average the logarithms, the formula takes the logarithm of the average. They differ: one far anchor would drag "
            "the whole density down.",
            lambda s: s.masked_fill(~s.isfinite(), 0).sum(-1) / s.isfinite().sum(-1),
        ),
        Symptom(
            "nearest only",
            "Only the largest entry comes out. That is the limit of a temperature of 0; the other anchors still add something.",
            lambda s: s.amax(-1),
        ),
    ),
    properties=(
        Property(
            "shift",
            "Adding a constant to a whole table must add the same constant to what comes out.",
            lambda rng: [(c + s,) for s in [rng.randn(4, 5).double()] for c in (0.0, 1e5)],
            lambda cases, v: np.allclose(v[1] - v[0], 1e5),
        ),
        Property(
            "equal entries",
            "The mean of equal bumps is that bump.",
            lambda rng: [(torch.full((3, 4), -900.0).double(),)],
            lambda cases, v: np.allclose(v[0], -900),
        ),
    ),
    tolerance=1e-7,  # of numbers up to 2000; the logarithm of a count may be float32
    forbidden=("logsumexp", "logaddexp", "log_softmax", "softmax", "logcumsumexp"),
    field=_logs_field,
)


# -- kdd.loss ------------------------------------------------------------------------------------------------------------
def loss(r, g, sigma):
    """D's hinge loss on the leave-one-out log-ratio with Gaussian bumps: sums over single kernels."""

    def density(x, anchors, skip=None):
        bumps = [
            torch.exp(-((x - a) ** 2).sum() / (2 * sigma**2))
            for j, a in enumerate(anchors)
            if j != skip
        ]
        return sum(bumps) / len(bumps)

    on_r = [torch.log(density(x, r, i) / density(x, g)) for i, x in enumerate(r)]
    on_g = [torch.log(density(x, r) / density(x, g, i)) for i, x in enumerate(g)]
    return sum((1 - l).clamp(min=0) for l in on_r) / len(r) + sum(
        (1 + l).clamp(min=0) for l in on_g
    ) / len(g)


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
    """L of the reals and of the fakes; the switches are mistakes."""
    x, m = torch.cat([r, g]), len(r)
    mine = torch.eye(len(x), dtype=torch.bool) & (own != "in")
    s = kernel(anchors(x), x, sigma).masked_fill(mine, -torch.inf)
    count = [
        (~side).sum(-1) if own != "out, all counted" else torch.tensor(side.shape[1])
        for side in (mine[:, :m], mine[:, m:])
    ]
    l = (s[:, :m].logsumexp(-1) - count[0].log()) - (s[:, m:].logsumexp(-1) - count[1].log())
    return l[:m], l[m:]


def _hinge(ratios):
    return relu(1 - ratios[0]).mean() + relu(1 + ratios[1]).mean()


def _loss_field(f):
    """The loss, by where one fake of the batch stands on the plane."""
    r = torch.tensor([[0.5, 0.5], [0.7, 0.2], [0.4, -0.6], [0.1, 0.3]]).double()
    g = torch.tensor([[-0.5, -0.3], [-0.2, -0.6], [-0.6, 0.3]]).double()
    values = [f(r, torch.cat([g, x[None]]), 0.3) for x in plane(1.0, 19).double()]
    return np.array([float(v) for v in values]).reshape(19, 19)


def _circle_cases(rng: Rng):
    unit = [torch.nn.functional.normalize(rng.randn(n, 3).double(), dim=-1) for n in (5, 4)]
    return [(*unit, 0.7), (unit[1], unit[0], 0.7)]


def _same_on_the_sphere(cases, values):
    """On features of length 1 the Gaussian of width sigma gives the loss of the paper's kernel with tau = sigma^2."""
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
            "Every point counts its own bump, e^0 = 1, and is a witness in its own case. Leave it out of the density of its own side.",
            lambda r, g, sigma: _hinge(_ratios(r, g, sigma, own="in")),
        ),
        Symptom(
            "divided by all",
            "The own bump is left out of the sum and still counted: on its own side a point sees m - 1 reals, or n - 1 fakes.",
            lambda r, g, sigma: _hinge(_ratios(r, g, sigma, own="out, all counted")),
        ),
        Symptom(
            "sigma not squared",
            "The exponent divides by 2 sigma, the Gaussian by 2 sigma^2: sigma is a width, its square a variance.",
            lambda r, g, sigma: _hinge(
                _ratios(r, g, sigma, kernel=lambda a, x, s: -torch.cdist(x, a).square() / (2 * s))
            ),
        ),
        Symptom(
            "2 missing",
            "The exponent is -|a - x|^2 / (2 sigma^2), yours has no 2: your bumps are narrower.",
            lambda r, g, sigma: _hinge(
                _ratios(r, g, sigma, kernel=lambda a, x, s: -torch.cdist(x, a).square() / s**2)
            ),
        ),
        Symptom(
            "distance not squared",
            "The exponent holds the distance where the Gaussian has its square: your bumps have a sharp tip.",
            lambda r, g, sigma: _hinge(
                _ratios(r, g, sigma, kernel=lambda a, x, s: -torch.cdist(x, a) / (2 * s**2))
            ),
        ),
        Symptom(
            "no hinge",
            "There is no max(0, ...): a point that is already beyond its margin must cost 0, yours earns something.",
            lambda r, g, sigma: (
                (1 - _ratios(r, g, sigma)[0]).mean() + (1 + _ratios(r, g, sigma)[1]).mean()
            ),
        ),
        Symptom(
            "hinge after the mean",
            "max(0, ...) acts on the mean. It belongs to each point, before the mean: a good point must not pay for a bad one.",
            lambda r, g, sigma: (
                relu(1 - _ratios(r, g, sigma)[0].mean()) + relu(1 + _ratios(r, g, sigma)[1].mean())
            ),
        ),
        Symptom(
            "margins swapped",
            "The reals are asked for a low l and the fakes for a high one. D wants l(r) above +1 and l(g) below -1.",
            lambda r, g, sigma: (
                relu(1 + _ratios(r, g, sigma)[0]).mean() + relu(1 - _ratios(r, g, sigma)[1]).mean()
            ),
        ),
        Symptom(
            "anchors detached",
            "The value is right, the gradient is not: the anchors are constants in yours. In the loss as written a feature moves both "
            "as a point and as an anchor.",
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
            "Swapping reals and fakes turns l into -l, so D's loss must stay.",
            _circle_cases,
            lambda cases, v: np.isclose(v[0], v[1]),
        ),
    ),
    forbidden=("kdd", "KDD", "log_ratio", "own_kernels", "log_kernels"),
    field=_loss_field,
)


# -- kdd.turn ------------------------------------------------------------------------------------------------------------
def turn(u, push):
    """The push that reaches a feature u when `push` acts on u / |u|: one Jacobian matrix a feature."""
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
    """What arrives of one and the same push, by where the feature lies on the plane."""
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
            "The direction is right, the factor 1/|u| is not there: a long feature must turn more slowly than a short one.",
            lambda u, push: _turned(u, push, power=0),
        ),
        Symptom(
            "length twice",
            "The factor 1/|u| is in there twice: it comes from phi = u/|u| once.",
            lambda u, push: _turned(u, push, power=2),
        ),
        Symptom(
            "radial part kept",
            "Your push still has a part along u. It only makes u longer, and phi does not see length: take phi <phi, push> off.",
            lambda u, push: _turned(u, push, part="all"),
        ),
        Symptom(
            "not unit",
            "The part along u is taken off with u where phi belongs: u <u, push> is too large by |u|^2.",
            lambda u, push: _turned(u, push, unit=False),
        ),
        Symptom(
            "radial part alone",
            "You return the part along u, which is what must go. What is left is the push minus it.",
            lambda u, push: _turned(u, push, part="radial"),
        ),
        Symptom(
            "batch leak",
            "One number serves the whole batch: the length, or the product of phi and push. Each feature has its own, so sum over "
            "the last axis and keep it (dim=-1, keepdim=True).",
            lambda u, push: (push - u / u.norm() * (u / u.norm() * push).sum()) / u.norm(),
        ),
    ),
    properties=(
        Property(
            "tangent",
            "What comes out must be at right angles to u.",
            lambda rng: [_turn_cases(rng)],
            lambda cases, v: np.allclose((cases[0][0].numpy() * v[0]).sum(-1), 0),
        ),
        Property(
            "scale",
            "Twice as long a feature must turn half as fast.",
            lambda rng: [(c * u, p) for u, p in [_turn_cases(rng)] for c in (1, 2)],
            lambda cases, v: np.allclose(v[0], 2 * v[1]),
        ),
    ),
    field=_turn_field,
)


# -- kdd.floor -----------------------------------------------------------------------------------------------------------
def _is(*values):
    return lambda v: any(abs(v - value) < 2e-3 for value in values)


FLOOR = Exercise(
    name="kdd.floor",
    title="The lowest loss that D can reach after a ReLU",
    points=1,
    minutes=5,
    reference=2 * (1 - 1 / 5),
    tolerance=1e-3,
    symptoms=(
        Symptom(
            "signed features",
            "1.2 is the floor for features of either sign, with the bound 2/tau. After a ReLU no feature entry is negative: how small can "
            "<a, xi> be then?",
            _is(1.2),
        ),
        Symptom(
            "margin out of reach",
            "0 needs l(r) = 1 and l(g) = -1. Compare the bound of |l| at tau = 5 with that.",
            _is(0.0),
        ),
        Symptom(
            "one side",
            "That is what one side costs at the bound. L_D adds the reals' part and the fakes' part.",
            _is(0.8, 0.6),
        ),
        Symptom(
            "nothing learnt",
            "2 is what D pays when l = 0 everywhere. It can do better: put the reals and the fakes where they see each other least.",
            _is(2.0),
        ),
        Symptom(
            "the bound itself",
            "This is the bound of |l|. Put it into the two hinges, 1 - l(r) and 1 + l(g).",
            _is(0.2, 0.4),
        ),
        Symptom(
            "the worst loss",
            "This is above 2, what D pays for knowing nothing: you have put in the worst l. The lowest loss has l(r) > 0 and l(g) < 0.",
            _is(2.4, 2.8),
        ),
    ),
)

EXERCISES = (LOG_MEAN_EXP, LOSS, TURN, FLOOR)
