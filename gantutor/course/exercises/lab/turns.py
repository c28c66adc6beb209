"""Exercise lab.turns: the two players' alternating updates on the loss psi theta."""

import numpy as np
import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.fields import plane


def _turns(theta, psi, lr, steps):
    """The result of all steps at once: a step is linear in (theta, psi), so take a matrix power."""
    step = np.linalg.matrix_power(np.array([[1 - lr * lr, lr], [-lr, 1.0]]), steps)
    start = torch.stack([theta, psi], -1).detach().double().numpy()
    return torch.from_numpy(start @ step.T)


def _starts(rng):
    n = 1 + int(rng.randint(6, 1))
    return (
        rng.randn(n).double(),
        rng.randn(n).double(),
        0.1 + 0.4 * float(rng.rand(1)),
        2 + int(rng.randint(6, 1)),
    )


def _loop(turn, most=None, order=(0, 1)):
    def answer(theta, psi, lr, steps):
        for _ in range(steps if most is None else most):
            theta, psi = turn(theta, psi, lr)
        return torch.stack([(theta, psi)[i] for i in order], -1)

    return answer


def _right(theta, psi, lr):
    psi = psi - lr * theta
    return theta + lr * psi, psi


def _g_first(theta, psi, lr):
    theta = theta + lr * psi
    return theta, psi - lr * theta


def _both_fall(theta, psi, lr):
    psi = psi - lr * theta
    return theta - lr * psi, psi


def _both_climb(theta, psi, lr):
    psi = psi + lr * theta
    return theta + lr * psi, psi


def _alone(theta, psi, lr):
    return theta + lr * theta, psi - lr * psi


def _orbit(f):
    """Where two steps of 0.5 take the fake (right) and the critic's slope (up)."""
    p = plane(1.0, 12).double()
    return (f(p[:, 0], p[:, 1], 0.5, 2) - p).numpy()


TURNS = Exercise(
    "lab.turns",
    "Taking turns is not moving at once",
    points=2,
    minutes=8,
    reference=_turns,
    cases=_starts,
    field=_orbit,
    symptoms=(
        Symptom(
            "both at once",
            "Your G moves by the slope that the critic had before its turn. In the lab D's turn "
            "is over when G's begins: G sees the new psi.",
            _loop(lambda theta, psi, lr: (theta + lr * psi, psi - lr * theta)),
        ),
        Symptom(
            "G first",
            "Your G takes the first turn. In a step of the lab D begins.",
            _loop(_g_first),
        ),
        Symptom(
            "one way for both",
            "Both players walk down the same loss, psi theta. G's loss is its negative: the fake "
            "moves where the critic rises.",
            _loop(_both_fall),
        ),
        Symptom(
            "D climbs",
            "Your critic makes its own loss larger. It must subtract its gradient, as every "
            "player does with its own loss.",
            _loop(_both_climb),
        ),
        Symptom(
            "own number",
            "Each player moves by its own number. The gradient of psi theta with respect to psi "
            "is theta, and vice versa.",
            _loop(_alone),
        ),
        Symptom(
            "places swapped",
            "The two numbers are swapped: first theta, then psi.",
            _loop(_right, order=(1, 0)),
        ),
        Symptom("one step", "You took only one step.", _loop(_right, most=1)),
    ),
    properties=(
        Property(
            "area",
            "Alternating turns leave theta^2 + psi^2 - lr theta psi unchanged, for any number of "
            "steps.",
            lambda rng: [
                (torch.tensor([1.0]).double(), torch.tensor([0.5]).double(), 0.3, n)
                for n in (0, 1, 50)
            ],
            lambda cases, values: np.allclose(
                [a * a + b * b - 0.3 * a * b for a, b in (v[0] for v in values)], 1.1
            ),
        ),
    ),
)
