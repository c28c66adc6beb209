"""Exercises of notebook 10: a budget in epochs, a run that goes on, three ways to report a curve, G's moving average."""

import math

import numpy as np
import torch

from gantutor.course.exercises.judge import Exercise, Property, Symptom
from gantutor.fields import plane

# -- a budget -------------------------------------------------------------------------------------------------------------
EPOCHS = Exercise(
    "full_run.epochs",
    "The same budget, told in epochs",
    points=1,
    minutes=4,
    reference=800,
    tolerance=3e-3,
    symptoms=(
        Symptom(
            "turns of D",
            "160 counts one batch of reals a step. How many batches does D see before G moves once?",
            160,
        ),
        Symptom(
            "divided",
            "You divided by D's five updates. Each of them sees a batch of reals of its own.",
            32,
        ),
        Symptom(
            "the other row",
            "80 is what a row with batches of 32 and one update of D a step sees. Read batch and n_dis of this row.",
            80,
        ),
        Symptom(
            "fakes too",
            "You counted the fakes as well. An epoch is one look at every real picture.",
            1600,
        ),
        Symptom(
            "all of CIFAR",
            "60,000 counts the test images, and D never trains on those.",
            125_000 * 5 * 64 / 60_000,
        ),
        Symptom(
            "pictures",
            "This is a number of pictures. How often is the whole training set in it?",
            lambda x: x in (8e6, 4e7, 1.6e7),
        ),
        Symptom(
            "upside down",
            "You divided the images by the pictures seen: this is the part of the run that one epoch takes.",
            1 / 800,
        ),
    ),
)


# -- to go on -------------------------------------------------------------------------------------------------------------
def _closed_adam(w, grads, m, v, t, lr=0.1, betas=(0.5, 0.9)):
    """The moments after k updates as sums over all gradients so far; without torch.optim, whose first use takes seconds to import."""
    out = w.detach().double().numpy().copy()
    rows = [g.detach().double().numpy() for g in grads]
    for k in range(1, len(rows) + 1):
        mean, square = (
            (
                b**k * old.detach().double().numpy()
                + sum((1 - b) * b ** (k - i) * rows[i - 1] ** p for i in range(1, k + 1))
            )
            / (1 - b ** (t + k))
            for b, old, p in zip(betas, (m, v), (1, 2), strict=True)
        )
        out -= lr * mean / (np.sqrt(square) + 1e-8)
    return torch.from_numpy(out)


def _checkpoint(rng):
    n, d = (1 + int(k) for k in rng.randint(6, 2))
    return (
        rng.randn(d).double(),
        rng.randn(n, d).double(),
        0.5 * rng.randn(d).double(),
        0.05 + rng.rand(d).double(),
        1 + int(rng.randint(8, 1)),
        0.05 + 0.1 * float(rng.rand(1)),
        (0.5, 0.9),
    )


def _adam(ticks=1, bias=True, first=True, second=True, sign=-1.0, root=True, blend=False):
    """Adam written out, with one of its parts missing."""

    def go_on(w, grads, m, v, t, lr=0.1, betas=(0.5, 0.9)):
        (b1, b2), t = betas, 0 if ticks == "anew" else t
        m, v = m if first else torch.zeros_like(m), v if second else torch.zeros_like(v)
        for g in grads:
            t += ticks if ticks in (0, 1) else 1
            m, v = (
                ((1 - b1) * m + b1 * g, (1 - b2) * v + b2 * g * g)
                if blend
                else (b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g)
            )
            mean, square = (m / (1 - b1**t), v / (1 - b2**t)) if bias else (m, v)
            w = w + sign * lr * mean / ((square.sqrt() if root else square) + 1e-8)
        return w

    return go_on


def _bowl(f):
    """Where two updates take points of a round bowl that were on their way round it when the checkpoint was taken."""
    w = plane(1.0, 12).double()
    round_it = 0.6 * torch.stack([-w[:, 1], w[:, 0]], -1)
    return (
        f(w, 0.3 * w.expand(2, *w.shape), round_it, 0.08 * torch.ones_like(w), 6, 0.1, (0.5, 0.9))
        - w
    ).numpy()


RESUME = Exercise(
    "full_run.go_on",
    "Go on with Adam where the checkpoint was taken",
    points=3,
    minutes=12,
    reference=_closed_adam,
    cases=_checkpoint,
    field=_bowl,
    forbidden=("Adam", "AdamW"),
    symptoms=(
        Symptom(
            "no first moment",
            "The running mean of the gradients begins at zero again: the first step after the restart forgets which way it "
            "was going. m is in the checkpoint.",
            _adam(first=False),
        ),
        Symptom(
            "no second moment",
            "The running mean of the squares begins at zero again, so the first steps after the restart have another size. v "
            "is in the checkpoint.",
            _adam(second=False),
        ),
        Symptom(
            "no moments",
            "Both running means begin at zero again. That is a new optimiser, and this is the very mistake that a checkpoint is "
            "there to prevent.",
            _adam(first=False, second=False),
        ),
        Symptom(
            "a new clock",
            "You count the updates from 0 again. The correction 1 - beta^t then blows up moments that were warm long ago: t is a "
            "part of the state.",
            _adam(ticks="anew"),
        ),
        Symptom(
            "the clock stands",
            "t stays what it was in the checkpoint. It rises by one with each update, before it is used.",
            _adam(ticks=0),
        ),
        Symptom(
            "no correction",
            "The moments are used as they are. Early in a run they are still too small by 1 - beta^t, and Adam divides by "
            "that.",
            _adam(bias=False),
        ),
        Symptom("uphill", "The weights climb the loss: Adam subtracts its step.", _adam(sign=1.0)),
        Symptom(
            "no root",
            "You divide by the mean square, not by its root; then a gradient twice as large makes a step half as long.",
            _adam(root=False),
        ),
        Symptom(
            "betas swapped",
            "beta is what is kept of the old mean; you give it to the new gradient.",
            _adam(blend=True),
        ),
        Symptom(
            "last gradient",
            "Only the last of the gradients has moved the weights.",
            lambda w, grads, m, v, t, lr, betas: _closed_adam(w, grads[-1:], m, v, t, lr, betas),
        ),
    ),
    properties=(
        Property(
            "first step",
            "From an empty state the first step of Adam has length lr in every weight, whatever the gradient's size.",
            lambda rng: [
                (w, c * g[:1], 0 * m, 0 * v, 0, lr, betas)
                for w, g, m, v, _, lr, betas in [_checkpoint(rng)]
                for c in (1.0, 100.0)
            ],
            lambda cases, values: all(
                np.allclose(abs(x - w.numpy()), lr, rtol=1e-4)
                for (w, *_, lr, _), x in zip(cases, values, strict=True)
            ),
        ),
    ),
)


# -- which checkpoint is reported -----------------------------------------------------------------------------------------
def _reports(curves):
    rows = curves.detach().double().tolist()
    best = [min(row) for row in rows]
    return torch.tensor(
        [math.fsum(row[-1] for row in rows) / len(rows), math.fsum(best) / len(rows), min(best)],
        dtype=torch.float64,
    )


def _curves(rng):
    seeds, looks = (1 + int(k) for k in rng.randint(8, 2))
    fall = 3.0 / (1 + torch.arange(looks).double())
    return (fall + 0.5 * rng.rand(seeds, looks).double() + 0.5 * rng.rand(seeds, 1).double(),)


def _three(last, each, one):
    return lambda c: torch.stack([last(c), each(c), one(c)])


def _last(c):
    return c[:, -1].mean()


def _each(c):
    return c.amin(1).mean()


REPORTS = Exercise(
    "full_run.reports",
    "One curve gives three numbers",
    points=2,
    minutes=8,
    reference=_reports,
    cases=_curves,
    symptoms=(
        Symptom(
            "seeds and looks",
            "You took the best seed of each look. A checkpoint is chosen within one training: the minimum runs along the "
            "looks.",
            _three(_last, lambda c: c.amin(0).mean(), lambda c: c.min()),
        ),
        Symptom(
            "best of the mean",
            "You chose one look for all seeds, by their mean curve. Who saves the best checkpoint chooses it for each "
            "training on its own.",
            _three(_last, lambda c: c.mean(0).min(), lambda c: c.min()),
        ),
        Symptom(
            "highest",
            "You took the largest values. A distance is better when it is low.",
            _three(_last, lambda c: c.amax(1).mean(), lambda c: c.max()),
        ),
        Symptom(
            "first look",
            "The first number is of the first look; the run's end is asked for.",
            _three(lambda c: c[:, 0].mean(), _each, lambda c: c.min()),
        ),
        Symptom(
            "where, not what",
            "You give the place of the minimum; its value is asked for.",
            _three(_last, lambda c: c.argmin(1).double().mean(), lambda c: c.min()),
        ),
        Symptom(
            "last of the best seed",
            "The third number is the best seed's last look. Whoever picks the seed picks the checkpoint as well: the "
            "lowest value of all.",
            _three(_last, _each, lambda c: c[:, -1].min()),
        ),
        Symptom(
            "other order",
            "Right numbers in another order: last, best of each, best of all.",
            _three(lambda c: c.min(), _each, _last),
        ),
        Symptom(
            "summed over seeds",
            "The seeds are added up. A report is their mean, or it would grow with the number of runs.",
            _three(lambda c: c[:, -1].sum(), lambda c: c.amin(1).sum(), lambda c: c.min()),
        ),
    ),
    properties=(
        Property(
            "falling",
            "For curves that only fall, the first two numbers must be equal.",
            lambda rng: [(rng.rand(3, 6).double().cumsum(1).flip(1),)],
            lambda cases, values: math.isclose(values[0][0], values[0][1]),
        ),
    ),
)


# -- a moving average -----------------------------------------------------------------------------------------------------
def _average(weights, decay, start=0):
    """The sum written out: decay^k (1 - decay) for the row that lies k before the last, and the rest for the copy."""
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
            "decay is what is kept of the average, near 1; you give it to the new weights, so nearly nothing is averaged.",
            _smooth(_copy, _after, lambda decay: 1 - decay),
        ),
        Symptom(
            "from zero",
            "Your average begins at zero and drags that zero along. It begins as a copy of the net.",
            _smooth(lambda w, s: torch.zeros_like(w[0]), lambda w, s: w[s:]),
        ),
        Symptom(
            "corrected",
            "You divide by the sum of the shares, as Adam does. This average begins as a copy, and nothing needs to be corrected.",
            _debiased,
        ),
        Symptom(
            "no start",
            "The average runs from the first row. Until `start` it is a plain copy, so that the wild first steps leave no trace.",
            _smooth(lambda w, s: w[0], lambda w, s: w[1:]),
        ),
        Symptom(
            "plain mean",
            "All steps weigh the same here. In a moving average the weight of a step falls by the factor decay with each later "
            "one.",
            lambda weights, decay, start=0: weights[start:].mean(0),
        ),
        Symptom(
            "last step missing",
            "The last row is not taken in.",
            _smooth(_copy, lambda w, s: w[s + 1 : -1]),
        ),
        Symptom(
            "a step late",
            "The copy is one row too late: row `start` is the copy, and the next row is the first that is mixed in.",
            _smooth(lambda w, s: w[s + 1], lambda w, s: w[s + 2 :]),
        ),
        Symptom(
            "not averaged",
            "This is the trained net itself.",
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

EXERCISES = (EPOCHS, RESUME, REPORTS, AVERAGE)
