"""Exercise full_run.go_on: Adam, resumed from its state in a checkpoint."""

import numpy as np
import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.fields import plane


def _closed_adam(w, grads, m, v, t, lr=0.1, betas=(0.5, 0.9)):
    """Adam's updates from moments that are sums over all gradients so far.

    It avoids torch.optim, whose first use takes seconds to import.
    """
    out = w.detach().double().numpy().copy()
    rows = [g.detach().double().numpy() for g in grads]

    def moment(b, old, power, k):
        """The corrected mean of the gradients' powers after k updates."""
        added = sum((1 - b) * b ** (k - i) * rows[i - 1] ** power for i in range(1, k + 1))
        return (b**k * old.detach().double().numpy() + added) / (1 - b ** (t + k))

    for k in range(1, len(rows) + 1):
        mean, square = moment(betas[0], m, 1, k), moment(betas[1], v, 2, k)
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


def _adam(clock="right", bias=True, first=True, second=True, sign=-1.0, root=True, blend=False):
    """Adam written out; the keyword arguments switch on mistakes."""

    def go_on(w, grads, m, v, t, lr=0.1, betas=(0.5, 0.9)):
        keep1, keep2 = (1 - b for b in betas) if blend else betas
        m, v = m * first, v * second
        t = t if clock != "reset" else 0
        for g in grads:
            t += clock != "stopped"
            m = keep1 * m + (1 - keep1) * g
            v = keep2 * v + (1 - keep2) * g * g
            mean, square = m, v
            if bias:
                mean, square = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
            w = w + sign * lr * mean / ((square.sqrt() if root else square) + 1e-8)
        return w

    return go_on


def _bowl(f):
    """Where two updates take points of a round bowl.

    They were moving round the bowl when the checkpoint was taken.
    """
    w = plane(1.0, 12).double()
    round_it = 0.6 * torch.stack([-w[:, 1], w[:, 0]], -1)
    grads, squares = 0.3 * w.expand(2, *w.shape), 0.08 * torch.ones_like(w)
    return (f(w, grads, round_it, squares, 6, 0.1, (0.5, 0.9)) - w).numpy()


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
            "Your running mean of the gradients starts again at zero: the first step after the "
            "restart forgets which way it was going. m is in the checkpoint.",
            _adam(first=False),
        ),
        Symptom(
            "no second moment",
            "Your running mean of the squares starts again at zero, so the first steps after the "
            "restart have a different size. v is in the checkpoint.",
            _adam(second=False),
        ),
        Symptom(
            "no moments",
            "Both running means start again at zero. That is a new optimiser, which is the very "
            "mistake that a checkpoint should prevent.",
            _adam(first=False, second=False),
        ),
        Symptom(
            "a new clock",
            "You count the updates from 0 again. The correction 1 - beta^t then inflates moments "
            "that warmed up long ago: t is part of the state.",
            _adam(clock="reset"),
        ),
        Symptom(
            "the clock stands",
            "Your t keeps its value from the checkpoint. It must rise by one with each update, "
            "before it is used.",
            _adam(clock="stopped"),
        ),
        Symptom(
            "no correction",
            "You use the moments uncorrected. Early in a run they are still too small by a factor "
            "of 1 - beta^t, and Adam divides by that.",
            _adam(bias=False),
        ),
        Symptom("uphill", "The weights climb the loss: Adam subtracts its step.", _adam(sign=1.0)),
        Symptom(
            "no root",
            "You divide by the mean square instead of its square root, so a gradient twice as "
            "large makes a step half as long.",
            _adam(root=False),
        ),
        Symptom(
            "betas swapped",
            "beta is the share of the old mean that is kept; you give it to the new gradient.",
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
            "From an empty state the first step of Adam has length lr in every weight, whatever "
            "the gradient's size.",
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
