"""Exercise kdd.log_mean_exp: the logarithm of a mean of exponentials, without overflow."""

import numpy as np
import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.fields import plane
from gantutor.rng import Rng


def log_mean_exp(s):
    """Log of the mean of exp(s) over each row's finite entries, by logaddexp, entry by entry."""
    rows = [row[np.isfinite(row)] for row in s.detach().numpy()]
    return np.array([np.logaddexp.reduce(row) - np.log(len(row)) for row in rows])


def _logs_cases(rng: Rng):
    n, m = (int(rng.randint(5, 1)) + k for k in (2, 2))
    far = 1200 * rng.randn(n, 1).double().sign() * (0.65 + rng.rand(n, 1).double())
    # one row cannot overflow: there the other mistakes of an overflowing answer show
    far[0] = 0
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
    """The log-density of three anchors over the plane; on the right half one is left out."""
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
            "exp(s) overflows before the logarithm can bring it back. The mean of e^s is e^c "
            "times the mean of e^(s - c): which c makes each row harmless?",
            lambda s: _logs(s, top="none"),
        ),
        Symptom(
            "one shift for all rows",
            "You subtracted the same number from every row. A row far below it still becomes log "
            "0: each row needs its own largest entry.",
            lambda s: _logs(s, top="batch"),
        ),
        Symptom(
            "shift not given back",
            "You subtracted the largest entry before exp and did not add it again after the "
            "logarithm: log(e^c x) is c + log x.",
            lambda s: _logs(s, back=False),
        ),
        Symptom(
            "masked entries counted",
            "A kernel that is left out adds e^(-inf) = 0 to the sum, but you still count it in "
            "the mean. Divide by the number of kernels that remain in the row.",
            lambda s: _logs(s, count="all"),
        ),
        Symptom(
            "sum instead of mean",
            "This is the logarithm of the sum. A density is a mean of bumps: subtract the "
            "logarithm of their number in the row.",
            lambda s: _logs(s, count="none"),
        ),
        Symptom(
            "mean of the logs",
            "You averaged the logarithms, but the formula takes the logarithm of the average. "
            "They differ: a single distant anchor would drag the whole density down.",
            lambda s: s.masked_fill(~s.isfinite(), 0).sum(-1) / s.isfinite().sum(-1),
        ),
        Symptom(
            "nearest only",
            "Only the largest entry comes out. That is the limit of a temperature of 0; the other "
            "anchors still contribute.",
            lambda s: s.amax(-1),
        ),
    ),
    properties=(
        Property(
            "shift",
            "Adding a constant to a whole table must add the same constant to the result.",
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
    tolerance=1e-7,  # the numbers reach 2000, but the log of a count may be float32
    forbidden=("logsumexp", "logaddexp", "log_softmax", "softmax", "logcumsumexp"),
    field=_logs_field,
)
