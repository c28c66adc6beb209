"""A picture of a wrong answer: the answer, the reference, and their difference.

They are drawn over the plane if the exercise has a `field`, otherwise as the numbers of one case.
"""

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from gantutor import plot
from gantutor.course.exercises.definition import SEEDS, Exercise
from gantutor.course.exercises.judge import Report
from gantutor.course.exercises.observe import Observation, call
from gantutor.fields import Arrows, plane
from gantutor.rng import Rng

TITLES = ("yours", "the reference", "yours - reference")
NOT_DRAWN = ("open", "raises", "nothing", "kind", "borrowed")


def compared(report: Report, answer: Any) -> plot.Plate | None:
    """The picture of a report; None if there is nothing to draw (an error, a shape, a text)."""
    exercise = report.exercise
    if not exercise.is_function or report.key in NOT_DRAWN:
        return None
    if exercise.field is not None:
        with contextlib.suppress(Exception):  # an answer may fail on the plane and not at a case
            plate = _over_the_plane(exercise, answer)
            if plate is not None:
                return plate
    mine, reference = (
        [call(exercise, f, exercise.cases(Rng(seed))) for seed in SEEDS]
        for f in (answer, exercise.reference)
    )
    return _numbers(mine, reference, report.case)


# -- over the plane ----------------------------------------------------------------------------
def _over_the_plane(exercise: Exercise, answer: Callable) -> plot.Plate | None:
    """The field of both; None if the fields agree, as they do when only a gradient is wrong."""
    mine = np.asarray(exercise.field(answer), float)
    reference = np.asarray(exercise.field(exercise.reference), float)
    if np.allclose(mine, reference, rtol=exercise.tolerance, equal_nan=True):
        return None
    with np.errstate(invalid="ignore"):
        gap = mine - reference
    caption = _caption(exercise.field, gap)
    figure, axes = plot.plate(3, size=2.7, titles=TITLES, caption=caption)
    if mine.ndim == 2 and mine.shape[1] == 2:
        _draw_arrows(axes[0], (mine, reference, gap))
    else:
        _draw_maps(axes[0], (mine, reference, gap))
    return figure


def _caption(field: Callable, gap: np.ndarray) -> str:
    words = " ".join((inspect.getdoc(field) or "The same over the plane.").split())
    known = np.isfinite(gap)
    blank = "." if known.all() else ", blank where there is no number."
    return f"{words} Largest difference {np.abs(gap[known]).max(initial=0.0):.2g}{blank}"


def _draw_arrows(axes, fields) -> None:
    """Draw three fields (n*n, 2) to one scale: a small difference gets short arrows."""
    points = plane(1.0, round(len(fields[0]) ** 0.5)).numpy()
    vectors = [np.where(np.isfinite(v), v, 0.0) for v in fields]
    longest = [np.linalg.norm(v, axis=-1).max() for v in vectors]
    full = 2.2 / len(points) ** 0.5 / (max(longest[:2]) or 1.0)
    for ax, v, length in zip(axes, vectors, longest, strict=True):
        plot.square(ax, 1.15)
        if length:
            plot.arrows(ax, Arrows(points, v), length=full * length)


def _draw_maps(axes, fields) -> None:
    size = _largest(*fields[:2])
    for ax, v in zip(axes, fields, strict=True):
        shown = np.where(np.isfinite(v), v, np.nan)
        ax.imshow(shown, origin="lower", cmap=plot.CONFIDENCE, vmin=-size, vmax=size)
        ax.set(xticks=[], yticks=[])


def _largest(*arrays: np.ndarray) -> float:
    """The largest finite absolute value, or 1 if all are 0."""
    finite = np.concatenate([v[np.isfinite(v)].reshape(-1) for v in arrays])
    return np.abs(finite).max(initial=0.0) or 1.0


# -- the numbers of one case -------------------------------------------------------------------
def _numbers(mine: list[Observation], reference: list[Observation], case: int) -> plot.Plate | None:
    """The first place where the case's numbers differ, or else its gradients.

    A single number is drawn for all cases at once.
    """
    values, wanted = mine[case].value, reference[case].value
    arrays = [k for k, v in wanted.items() if not isinstance(v, str)]
    if not all(_comparable(values.get(k), wanted[k]) for k in arrays):
        return None
    differing = (k for k in arrays if not np.allclose(wanted[k], values[k], equal_nan=True))
    place = next(differing, None)
    if place is None:
        return _gradients(mine[case], reference[case], case)
    at = f" at {place}" if place else ""
    if all(_one_number(a, b, place) for a, b in zip(mine, reference, strict=True)):
        rows = (np.array([s.value[place].item() for s in calls]) for calls in (mine, reference))
        return _panels(*rows, f"The number that comes out{at}, for {len(SEEDS)} inputs.", "input")
    caption = f"Case {case}, the numbers that come out{at}."
    return _panels(values[place], wanted[place], caption)


def _comparable(x: object, y: object) -> bool:
    return isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x.shape == y.shape


def _one_number(a: Observation, b: Observation, place: str) -> bool:
    x, y = a.value.get(place), b.value.get(place)
    return _comparable(x, y) and y.size == 1


def _gradients(mine: Observation, reference: Observation, case: int) -> plot.Plate | None:
    for i, g in reference.grads.items():
        a, b = (np.zeros(1) if v is None else v for v in (mine.grads.get(i), g))
        same = np.shape(a) == np.shape(b) and np.allclose(a, b)
        if same or a.size == b.size == 1:
            continue
        shape = np.broadcast_shapes(a.shape, b.shape)
        caption = f"Case {case}, the gradient: the values agree."
        return _panels(np.broadcast_to(a, shape), np.broadcast_to(b, shape), caption)
    return None


def _panels(
    mine: np.ndarray, reference: np.ndarray, caption: str, across: str = "sample"
) -> plot.Plate:
    with np.errstate(invalid="ignore"):
        parts = [_rows(v) for v in (mine, reference, mine - reference)]
    gap = np.abs(parts[2][np.isfinite(parts[2])])
    if gap.size:
        caption += f" Largest difference {gap.max():.2g}."
    if gap.size < parts[2].size:
        caption += " Blank where there is no number."
    if parts[0].ndim > 1:
        caption += " Green is above 0, purple below."
    figure, axes = plot.plate(3, size=2.7, aspect=0.8, titles=TITLES, caption=caption)
    if parts[0].ndim == 1:
        _draw_bars(axes[0], parts, across)
    else:
        _draw_tables(axes[0], parts)
    return figure


def _rows(v: np.ndarray) -> np.ndarray:
    return v.reshape(-1) if v.ndim < 2 else v.reshape(-1, v.shape[-1])


def _draw_bars(axes, parts: list[np.ndarray], across: str) -> None:
    size = _largest(*parts)
    finite = np.concatenate([v[np.isfinite(v)] for v in parts])
    bottom = min(1.1 * finite.min(initial=0.0), -0.05 * size)
    top = max(1.1 * finite.max(initial=0.0), 0.05 * size)
    for ax, v, colour in zip(axes, parts, (plot.LATENT, plot.REAL, plot.PUSH), strict=True):
        width = min(12.0, 90 / max(len(v), 1))
        ax.axhline(0, color=plot.PALE, linewidth=1)
        ax.vlines(np.arange(len(v)), 0, v, color=colour, linewidth=width)
        ax.set(xlim=(-0.7, len(v) - 0.3), ylim=(bottom, top), xlabel=across, xticks=[])


def _draw_tables(axes, parts: list[np.ndarray]) -> None:
    size = _largest(*parts)
    look = {"cmap": plot.CONFIDENCE, "vmin": -size, "vmax": size, "aspect": "auto"}
    for ax, v in zip(axes, parts, strict=True):
        ax.imshow(v, interpolation="nearest", **look)
        ax.set(xticks=[], yticks=[], xlabel="entry", ylabel="sample")
