"""Mistakes that any exercise may show: recognising them, and what a student is told."""

import inspect

import numpy as np
from torch import Tensor

from gantutor.course.exercises.compare import ROUNDING, close, nonzero
from gantutor.course.exercises.definition import SEEDS, Exercise
from gantutor.course.exercises.observe import Observation, tensors
from gantutor.rng import Rng

# the hint for each general symptom; {arg} is what `general` found
BUILTIN = {
    "open": "This exercise is still open: replace `raise NotImplementedError()` with your lines.",
    "nothing": "The function returns nothing: does it end with `return ...`?",
    "raises": "It stops with an error: {arg}",
    "kind": "The answer is not the kind of value that the exercise asks for. {arg}",
    "shape": "The answer has the wrong shape. {arg}",
    "not finite": "The answer contains NaN or infinity: look for the logarithm of 0, a division "
    "by 0, or exp of a large number.",
    "sign": "Every number has the right size but the wrong sign: in which direction should it "
    "fall, or point?",
    "sum for mean": "The answer is too large by the number of values: you took a sum where a mean "
    "belongs.",
    "mean for sum": "The answer is too small by the number of values: you took a mean where a sum "
    "belongs.",
    "factor": "Every number is off by the same factor. {arg}",
    "offset": "Every number is off by the same constant. {arg}",
    "detached": "The values are right, but no gradient reaches {arg}: something is detached, or "
    "computed without gradients.",
    "not detached": "The values are right, but a gradient reaches {arg}, which is a constant "
    "here: `detach` is missing.",
    "gradient": "The values are right, but the gradient with respect to {arg} is not.",
    "changes its input": "The function changes {arg} in place, but the caller still needs it: "
    "work on a copy.",
    "random": "Two calls with the same input give different results: the function draws random "
    "numbers of its own, or remembers the previous call. Use the `rng` that it is given, or none.",
    "borrowed": "It calls {arg}, which is the answer itself: write it in your own lines.",
    "differs": "It runs, but its numbers differ from the reference. Compare the pictures, then "
    "work out one small case by hand.",
}

# (case, the answer's array, the reference's array)
Numbers = list[tuple[int, np.ndarray, np.ndarray]]


def general(
    exercise: Exercise, mine: list[Observation], truth: list[Observation]
) -> tuple[str, str]:
    """The key in BUILTIN of a wrong answer's symptom, and the {arg} for its hint."""
    broken = next((s for s in mine if s.error), None)
    if broken is not None:
        return _error(exercise, broken)
    if any(_is_none(s) for s in mine):
        return ("nothing", "") if exercise.is_function else ("kind", "Yours is `None`.")
    raised = next((s for s in truth if s.error), None)
    if raised is not None:
        return "kind", f"Yours returns a value where it should raise {raised.kind}."
    for case, (a, b) in enumerate(zip(mine, truth, strict=True)):
        found = _other_form(exercise, case, a, b)
        if found:
            return found
    numbers = [
        (case, a.value[place], y)
        for case, (a, b) in enumerate(zip(mine, truth, strict=True))
        for place, y in b.value.items()
        if not isinstance(y, str)
    ]
    if len(numbers) < sum(len(b.value) for b in truth):  # a text is right or wrong, no more
        return "differs", ""
    if any(not np.isfinite(x).all() and np.isfinite(y).all() for _, x, y in numbers):
        return "not finite", ""
    if all(close(x, y, exercise.tolerance) for _, x, y in numbers):
        return _wrong_gradient(exercise, mine, truth)
    return _scaled_or_shifted(exercise, numbers)


def _error(exercise: Exercise, broken: Observation) -> tuple[str, str]:
    if "inplace operation" not in broken.error:
        return "raises", broken.error
    if broken.changed:
        return "changes its input", f"`{exercise.args(broken.changed[0])}`"
    return "changes its input", "one of its arguments"


def _is_none(seen: Observation) -> bool:
    value = seen.value.get("")
    return isinstance(value, str) and value == "None"


def _other_form(
    exercise: Exercise, case: int, a: Observation, b: Observation
) -> tuple[str, str] | None:
    """Whether the answer `a` has other places, types or shapes than the reference `b`."""
    same_places = a.value.keys() == b.value.keys()
    if not same_places or any(
        isinstance(a.value[k], str) != isinstance(y, str) for k, y in b.value.items()
    ):
        return "kind", f"Yours is {_kind(a)}; it should be {_kind(b)}."
    for place, y in b.value.items():
        if not isinstance(y, str) and a.value[place].shape != y.shape:
            subject = f"yours at {place}" if place else "yours"
            inputs = _inputs(exercise, case)
            sentence = f"{inputs}{subject} is {a.value[place].shape}; it should be {y.shape}."
            return "shape", sentence[0].upper() + sentence[1:]
    return None


def _kind(seen: Observation) -> str:
    """What a value is: `tuple` with [0], [1]."""
    places = [place for place in seen.value if place]
    if not places:
        return f"`{seen.kind}`"
    if len(places) <= 4:
        return f"`{seen.kind}` with {', '.join(places)}"
    return f"`{seen.kind}` with {len(places)} parts"


def _inputs(exercise: Exercise, case: int) -> str:
    """The shapes that an answer was called with: "for `x` (5, 2), `y` (3, 2) "."""
    if not exercise.is_function:
        return ""
    names = inspect.signature(exercise.reference).parameters
    shapes = [
        f"`{name}` {tuple(argument.shape)}"
        for name, argument in zip(names, exercise.cases(Rng(SEEDS[case])), strict=False)
        if isinstance(argument, Tensor)
    ]
    return f"for {', '.join(shapes)} " if shapes else ""


def _wrong_gradient(
    exercise: Exercise, mine: list[Observation], truth: list[Observation]
) -> tuple[str, str]:
    for a, b in zip(mine, truth, strict=True):
        for i, wanted in b.grads.items():
            got = a.grads.get(i)
            if close(got, wanted, exercise.tolerance):
                continue
            name = f"`{exercise.args(i)}`"
            if not nonzero(got):
                return "detached", name
            return ("gradient" if nonzero(wanted) else "not detached"), name
    return "differs", ""


def _scaled_or_shifted(exercise: Exercise, numbers: Numbers) -> tuple[str, str]:
    """A wrong sign, factor or offset that is the same at every number of every case.

    Or a factor that is the number of entries of each case: a sum for a mean.
    """
    tolerance = 10 * exercise.tolerance
    if all(close(-x, y, tolerance) for _, x, y in numbers):
        return "sign", ""
    if sum(x.size for _, x, _ in numbers) < 2:  # any single number is a multiple of another
        return "differs", ""
    factors = _factors(numbers, tolerance)
    every = [c for of_case in factors.values() for c in of_case]
    if every and np.isfinite(every).all():
        if np.allclose(every, every[0], rtol=tolerance):
            return "factor", f"Yours is {every[0]:.4g} times the reference."
        for key, power in (("sum for mean", 1), ("mean for sum", -1)):
            if all(
                _is_count(c**power, exercise, case)
                for case, of_case in factors.items()
                for c in of_case
            ):
                return key, ""
    offsets = [float((x - y).flat[0]) for _, x, y in numbers if x.size]
    constant = np.allclose(offsets, offsets[0], rtol=1e-4, atol=0)
    if constant and all(close(x, y + offsets[0], tolerance) for _, x, y in numbers):
        return "offset", f"Yours minus the reference is {offsets[0]:+.4g}."
    return "differs", ""


def _factors(numbers: Numbers, tolerance: float) -> dict[int, list[float]]:
    """By case, each array's ratio to the reference's; NaN where it is not a multiple of it."""
    factors: dict[int, list[float]] = {}
    for case, x, y in numbers:
        if not y.size or not np.any(np.abs(y) > ROUNDING):
            if not close(x, y, tolerance):  # a multiple of zeros would be zeros
                factors[case] = [np.nan]
            continue
        biggest = np.abs(y).argmax()
        c = x.flat[biggest] / y.flat[biggest]
        multiple = np.isfinite(c) and c != 0 and close(x, c * y, tolerance)
        factors.setdefault(case, []).append(c if multiple else np.nan)
    return factors


def _is_count(c: float, exercise: Exercise, case: int) -> bool:
    """Whether c is the size of an axis of the case's tensors, or the product of two."""
    if not exercise.is_function:
        return False
    arguments = tensors(list(exercise.cases(Rng(SEEDS[case]))))
    sizes = {n for t in arguments.values() for n in (*t.shape, t.numel())}
    products = {a * b for a in sizes for b in sizes}
    return any(abs(c - n) < 1e-3 * n for n in sizes | products)
