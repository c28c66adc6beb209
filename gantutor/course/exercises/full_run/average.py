"""Exercise full_run.average: the moving average of a net's weights."""

import numpy as np
import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom


def _average(weights, decay, start=0):
    """The sum written out: (1 - decay) decay^(last - t) for row t, the rest for the first copy."""
    last = len(weights) - 1
    share = [
        decay ** (last - start) if t == start else (1 - decay) * decay ** (last - t)
        for t in range(start, last + 1)
    ]
    rows = weights.detach().double().numpy()[start:]
    return torch.from_numpy((np.array(share)[:, None] * rows).sum(0))


def _path(rng):
    steps, d = 2 + int(rng.randint(9, 1)), 1 + int(rng.randint(5, 1))
    return (
        rng.randn(steps, d).double().cumsum(0) + 2,
        0.3 + 0.6 * float(rng.rand(1)),
        int(rng.randint(steps - 1, 1)),
    )


def _smooth(begin, rows, keep=lambda decay: decay):
    def ema(weights, decay, start=0):
        a = begin(weights, start)
        for w in rows(weights, start):
            a = keep(decay) * a + (1 - keep(decay)) * w
        return a

    return ema


def _copy(weights, start):
    return weights[start]


def _after(weights, start):
    return weights[start + 1 :]


def _debiased(weights, decay, start=0):
    share = (1 - decay) * decay ** torch.arange(len(weights) - start - 1, -1, -1).double()
    return (share[:, None] * weights[start:]).sum(0) / share.sum()


AVERAGE = Exercise(
    "full_run.average",
    "The generator that is shown was never trained",
    points=2,
    minutes=8,
    reference=_average,
    cases=_path,
    forbidden=("MovingAverage",),
    symptoms=(
        Symptom(
            "shares swapped",
            "decay is the part of the average that is kept, near 1. You give it to the new "
            "weights, so almost nothing is averaged.",
            _smooth(_copy, _after, lambda decay: 1 - decay),
        ),
        Symptom(
            "from zero",
            "Your average begins at zero and drags that zero along. It must begin as a copy of "
            "the net.",
            _smooth(lambda w, s: torch.zeros_like(w[0]), lambda w, s: w[s:]),
        ),
        Symptom(
            "corrected",
            "You divide by the sum of the weights, as Adam does. This average begins as a copy, "
            "so nothing needs to be corrected.",
            _debiased,
        ),
        Symptom(
            "no start",
            "Your average runs from the first row. Until `start` it is a plain copy, so that the "
            "wild first steps leave no trace.",
            _smooth(lambda w, s: w[0], lambda w, s: w[1:]),
        ),
        Symptom(
            "plain mean",
            "All your steps have the same weight. In a moving average the weight of a step falls "
            "by the factor decay with each later step.",
            lambda weights, decay, start=0: weights[start:].mean(0),
        ),
        Symptom(
            "last step missing",
            "Your average leaves out the last row.",
            _smooth(_copy, lambda w, s: w[s + 1 : -1]),
        ),
        Symptom(
            "a step late",
            "Your copy is one row too late: row `start` is the copy, and the next row is the "
            "first to be mixed in.",
            _smooth(lambda w, s: w[s + 1], lambda w, s: w[s + 2 :]),
        ),
        Symptom(
            "not averaged",
            "This is the trained net itself, not its average.",
            lambda weights, decay, start=0: weights[-1],
        ),
    ),
    properties=(
        Property(
            "a net that stands",
            "If the net no longer moves, its average is the net.",
            lambda rng: [(torch.full((5, 2), 3.0).double(), 0.9, 1)],
            lambda cases, values: np.allclose(values[0], 3.0),
        ),
    ),
)
