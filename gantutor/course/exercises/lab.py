"""Exercises of notebook 12: turn and turn about, a loss for a row of one's own, a state read from its log."""

import numpy as np
import torch

from gantutor.course.exercises.judge import Exercise, Property, Symptom
from gantutor.fields import plane


# -- turns ----------------------------------------------------------------------------------------------------------------
def _turns(theta, psi, lr, steps):
    """A step is linear in (theta, psi), so many steps are a power of its matrix."""
    step = np.linalg.matrix_power(np.array([[1 - lr * lr, lr], [-lr, 1.0]]), steps)
    return torch.from_numpy(
        np.stack([theta.detach().double().numpy(), psi.detach().double().numpy()], -1) @ step.T
    )


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
    """Where two steps of 0.5 take the fake's place (right) and the critic's slope (up), for starts all over the plane."""
    p = plane(1.0, 12).double()
    return (f(p[:, 0], p[:, 1], 0.5, 2) - p).numpy()


TURNS = Exercise(
    "lab.turns",
    "Turn and turn about is not both at once",
    points=2,
    minutes=8,
    reference=_turns,
    cases=_starts,
    field=_orbit,
    symptoms=(
        Symptom(
            "both at once",
            "G moves by the slope that the critic had before its turn. In the lab D's turn is over when G's begins: G sees the "
            "new psi.",
            _loop(lambda theta, psi, lr: (theta + lr * psi, psi - lr * theta)),
        ),
        Symptom(
            "G first",
            "G takes the first turn in yours. In a step of the lab D begins.",
            _loop(_g_first),
        ),
        Symptom(
            "one way for both",
            "Both players walk down the same loss, psi theta. G's loss is its negative: the fake moves where the critic "
            "rises.",
            _loop(_both_fall),
        ),
        Symptom(
            "D climbs",
            "The critic makes its own loss larger. It subtracts its gradient, as every player does with its own loss.",
            _loop(_both_climb),
        ),
        Symptom(
            "own number",
            "Each player moves by its own number. The gradient of psi theta with respect to psi is theta, and the other way "
            "round.",
            _loop(_alone),
        ),
        Symptom(
            "places swapped",
            "The two numbers have changed places: first theta, then psi.",
            _loop(_right, order=(1, 0)),
        ),
        Symptom("one step", "Only one step was taken.", _loop(_right, most=1)),
    ),
    properties=(
        Property(
            "area",
            "Turns one after the other leave theta^2 + psi^2 - lr theta psi as it was, for any number of steps.",
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


# -- a loss ---------------------------------------------------------------------------------------------------------------
def _squares(player, real, fake):
    """Written out: mean of (s - label)^2 = mean of s^2 - 2 label mean of s + label^2."""

    def half(s, label):
        return ((s * s).mean() - 2 * label * s.mean() + label**2) / 2

    return half(real, 1) + half(fake, -1) if player == "d" else half(fake, 0)


def _scores(rng):
    n, m = (2 + int(k) for k in rng.randint(6, 2))
    return "dg"[int(rng.rand(1) < 0.5)], 2 * rng.randn(n).double(), 2 * rng.randn(m).double()


def _labels(real, fake, gen):
    return lambda player, r, f: (
        ((r - real) ** 2).mean() / 2 + ((f - fake) ** 2).mean() / 2
        if player == "d"
        else ((f - gen) ** 2).mean() / 2
    )


LOSS = Exercise(
    "lab.squares",
    "A loss of your own for a row",
    points=2,
    minutes=8,
    reference=_squares,
    cases=_scores,
    gradients=(1, 2),
    forbidden=("LSGAN",),
    symptoms=(
        Symptom(
            "0 and 1",
            "Your labels are 1 for reals and 0 for fakes, and G wants 1: the better known choice. Here they are 1 and -1, and G wants "
            "0.",
            _labels(1, 0, 1),
        ),
        Symptom(
            "G wants 1",
            "G pulls its fakes to the label of the reals. In this game it pulls them to 0, where D cannot tell.",
            _labels(1, -1, 1),
        ),
        Symptom("labels swapped", "D wants 1 of its fakes and -1 of the reals.", _labels(-1, 1, 0)),
        Symptom(
            "D's loss for both",
            "G gets D's loss. Whose turn is it? `player` says so.",
            lambda player, r, f: _squares("d", r, f),
        ),
        Symptom(
            "G's loss for both",
            "D gets G's loss. Whose turn is it? `player` says so.",
            lambda player, r, f: _squares("g", r, f),
        ),
        Symptom(
            "players swapped",
            "Each player has the other one's loss.",
            lambda player, r, f: _squares("g" if player == "d" else "d", r, f),
        ),
        Symptom(
            "not squared",
            "The distance to the label is not squared, so a score that is far off pulls no harder than one that is nearly right.",
            lambda player, r, f: (
                ((r - 1).abs().mean() + (f + 1).abs().mean()) / 2
                if player == "d"
                else f.abs().mean() / 2
            ),
        ),
        Symptom(
            "the square of the mean",
            "You squared the mean: scores of 5 and -3 would do as well as 1 and 1. Square first, each score by itself.",
            lambda player, r, f: (
                ((r.mean() - 1) ** 2 + (f.mean() + 1) ** 2) / 2
                if player == "d"
                else f.mean() ** 2 / 2
            ),
        ),
        Symptom(
            "fakes missing",
            "D's loss has two parts, and that of the fakes is missing.",
            lambda player, r, f: (
                ((r - 1) ** 2).mean() / 2 if player == "d" else _squares("g", r, f)
            ),
        ),
    ),
)


# -- the log --------------------------------------------------------------------------------------------------------------
def _in_force(start, log, step):
    """Backwards, for each setting: the last entry that counts, else the start."""
    return {
        name: next((v for s, n, v in reversed(log) if n == name and s <= step), value)
        for name, value in start.items()
    }


def _entries(rng):
    start = {
        name: float(v)
        for name, v in zip(("g_lr", "d_lr", "n_dis"), rng.rand(3).double(), strict=True)
    }
    when = sorted(int(s) for s in rng.randint(12, 1 + int(rng.randint(9, 1))))
    log = [
        (s, ("g_lr", "d_lr", "n_dis")[int(rng.randint(2, 1))], float(rng.rand(1).double()))
        for s in when
    ]  # n_dis is never touched
    return start, log, when[int(rng.randint(len(when), 1))]  # a step at which something was changed


def _replay(counts):
    def answer(start, log, step):
        return {**start, **{n: v for s, n, v in log if counts(s, step)}}

    return answer


LOG = Exercise(
    "lab.in_force",
    "The log is the state",
    points=1,
    minutes=6,
    reference=_in_force,
    cases=_entries,
    symptoms=(
        Symptom(
            "the future",
            "Entries of later steps are in force in yours. Going back to a step means to replay the log up to it.",
            _replay(lambda s, step: True),
        ),
        Symptom(
            "a step late",
            "What was changed at this very step is missing: a change happens at the boundary, before the next step is trained.",
            _replay(lambda s, step: s < step),
        ),
        Symptom(
            "only this step",
            "Only the entries of this step are used. What was changed before is still in force.",
            _replay(lambda s, step: s == step),
        ),
        Symptom(
            "first wins",
            "The first entry of a name stays in yours. Who changes a rate twice has the second one.",
            lambda start, log, step: {**start, **{n: v for s, n, v in reversed(log) if s <= step}},
        ),
        Symptom(
            "without the start",
            "Settings that nobody has touched are missing. They are what they were at the start.",
            lambda start, log, step: {n: v for s, n, v in log if s <= step},
        ),
        Symptom(
            "start wins",
            "The start's values overwrite what was changed.",
            lambda start, log, step: {**{n: v for s, n, v in log if s <= step}, **start},
        ),
    ),
    properties=(
        Property(
            "empty log",
            "With an empty log everything is as at the start.",
            lambda rng: [({"g_lr": 0.5}, [], 7)],
            lambda cases, values: values[0]["['g_lr']"] == 0.5,
        ),
    ),
)

EXERCISES = (TURNS, LOSS, LOG)
