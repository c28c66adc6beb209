"""A wrong answer drawn: mine, the reference, and their difference, over the plane or over the numbers of one case."""

import contextlib

import numpy as np

from gantutor import plot
from gantutor.course.exercises.judge import SEEDS, Report, Seen, _call
from gantutor.fields import Arrows, plane
from gantutor.rng import Rng

TITLES = ("yours", "the reference", "yours - reference")


def compared(report: Report, answer) -> plot.Plate | None:
    """The picture of a report; None where there is nothing to draw (an error, another shape, a text)."""
    exercise = report.exercise
    if not exercise.is_function or report.key in ("open", "raises", "nothing", "kind", "borrowed"):
        return None
    if exercise.field is not None:
        with contextlib.suppress(
            Exception
        ):  # an answer that fails on the plane is drawn at its case
            mine, reference = (
                np.asarray(exercise.field(f), float) for f in (answer, exercise.reference)
            )
            if not np.allclose(
                mine, reference, rtol=exercise.tolerance, equal_nan=True
            ):  # what differs elsewhere, as a gradient does, is drawn at its case
                return _fields(
                    mine, reference, exercise.field.__doc__ or "The same over the plane."
                )
    mine, reference = (
        [_call(exercise, f, exercise.cases(Rng(s))) for s in SEEDS]
        for f in (answer, exercise.reference)
    )
    return _numbers(mine, reference, report.case)


def _fields(mine: np.ndarray, reference: np.ndarray, words: str) -> plot.Plate:
    with np.errstate(invalid="ignore"):
        gap = mine - reference
    finite = [v[np.isfinite(v)] for v in (mine, reference, gap)]
    size = np.abs(np.concatenate(finite[:2])).max(initial=0.0) or 1.0
    caption = f"{words} Largest difference {np.abs(finite[2]).max(initial=0.0):.2g}" + (
        "." if len(finite[2]) == gap.size else ", blank where there is no number."
    )
    figure, axes = plot.plate(3, size=2.7, titles=TITLES, caption=caption)
    if mine.ndim == 2 and mine.shape[1] == 2:
        points = plane(1.0, round(len(mine) ** 0.5)).numpy()
        vectors = [np.where(np.isfinite(v), v, 0.0) for v in (mine, reference, gap)]
        longest = [np.linalg.norm(v, axis=-1).max() for v in vectors]
        for ax, v, length in zip(axes[0], vectors, longest, strict=True):
            plot.square(ax, 1.15)
            if length:  # one scale for the three: a small difference has short arrows
                plot.arrows(
                    ax,
                    Arrows(points, v),
                    length=2.2 / len(points) ** 0.5 * length / max(longest[:2]),
                )
        return figure
    for ax, v in zip(axes[0], (mine, reference, gap), strict=True):
        ax.imshow(
            np.where(np.isfinite(v), v, np.nan),
            origin="lower",
            cmap=plot.CONFIDENCE,
            vmin=-size,
            vmax=size,
        )
        ax.set(xticks=[], yticks=[])
    return figure


def _numbers(mine: list[Seen], reference: list[Seen], case: int) -> plot.Plate | None:
    """The first place at which the case's numbers differ, else its gradients; a single number is drawn for all cases."""
    if not all(
        isinstance(v, str) or _comparable(mine[case].value.get(k), v)
        for k, v in reference[case].value.items()
    ):
        return None
    place = next(
        (
            k
            for k, v in reference[case].value.items()
            if _comparable(mine[case].value.get(k), v)
            and not np.allclose(v, mine[case].value[k], equal_nan=True)
        ),
        None,
    )
    if place is None:
        return _gradients(mine[case], reference[case], case)
    at = f" at {place}" if place else ""
    if all(
        _comparable(a.value.get(place), b.value.get(place)) and b.value[place].size == 1
        for a, b in zip(mine, reference, strict=True)
    ):
        rows = (np.array([s.value[place].item() for s in seen]) for seen in (mine, reference))
        return _panels(*rows, f"The number that comes out{at}, for {len(SEEDS)} inputs.", "input")
    return _panels(
        mine[case].value[place],
        reference[case].value[place],
        f"Case {case}, the numbers that come out{at}.",
    )


def _comparable(x: object, y: object) -> bool:
    return isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x.shape == y.shape


def _gradients(mine: Seen, reference: Seen, case: int) -> plot.Plate | None:
    for i, g in reference.grads.items():
        a, b = (np.zeros(1) if v is None else v for v in (mine.grads.get(i), g))
        if not (a.size == b.size == 1) and not (np.shape(a) == np.shape(b) and np.allclose(a, b)):
            shape = np.broadcast_shapes(a.shape, b.shape)
            return _panels(
                np.broadcast_to(a, shape),
                np.broadcast_to(b, shape),
                f"Case {case}, the gradient: the values agree.",
            )
    return None


def _panels(
    mine: np.ndarray, reference: np.ndarray, caption: str, across: str = "sample"
) -> plot.Plate:
    with np.errstate(invalid="ignore"):
        parts = [
            v.reshape(-1) if v.ndim < 2 else v.reshape(-1, v.shape[-1])
            for v in (mine, reference, mine - reference)
        ]
    finite = np.concatenate([v[np.isfinite(v)].reshape(-1) for v in parts])
    size = np.abs(finite).max(initial=0.0) or 1.0
    gap = np.abs(parts[2][np.isfinite(parts[2])])
    caption += f" Largest difference {gap.max():.2g}." if gap.size else ""
    caption += " Blank where there is no number." if gap.size < parts[2].size else ""
    caption += "" if parts[0].ndim == 1 else " Green is above 0, purple below."
    figure, axes = plot.plate(3, size=2.7, aspect=0.8, titles=TITLES, caption=caption)
    for ax, v, colour in zip(axes[0], parts, (plot.LATENT, plot.REAL, plot.PUSH), strict=True):
        if v.ndim == 1:
            ax.axhline(0, color=plot.PALE, linewidth=1)
            ax.vlines(
                np.arange(len(v)), 0, v, color=colour, linewidth=min(12.0, 90 / max(len(v), 1))
            )
            ax.set(
                xlim=(-0.7, len(v) - 0.3),
                ylim=(
                    min(1.1 * finite.min(initial=0.0), -0.05 * size),
                    max(1.1 * finite.max(initial=0.0), 0.05 * size),
                ),
                xlabel=across,
                xticks=[],
            )
        else:
            ax.imshow(
                v,
                cmap=plot.CONFIDENCE,
                vmin=-size,
                vmax=size,
                aspect="auto",
                interpolation="nearest",
            )
            ax.set(xticks=[], yticks=[], xlabel="entry", ylabel="sample")
    return figure
