"""Forest plots: our mean and interval, the paper's effect and the margin on one small axis.

The places are computed here and drawn by templates, as SVG: a plot for each line of the report's
tables, and pictures of many claims for docs/status.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gantutor.reproduce import html as templates
from gantutor.reproduce.report.axes import Axis, axis_of
from gantutor.reproduce.report.estimates import Estimate
from gantutor.reproduce.report.statuses import STATUSES

WIDTH, EDGE = 240, 17  # of a line's plot, in units of SVG; the axis leaves room for its labels
AXES = {
    ("direction", "log"): "factor to the control",
    ("number", "log"): "factor to the printed number",
    ("number", "linear"): "value",
    ("range", "linear"): "value",
}


@dataclass(frozen=True)
class Marks:
    """An estimate as it is drawn: places from the left, in units of SVG.

    band: the margin's ends
    zero: no effect, or the printed number; None for a range
    claimed: from there to the end of the axis on the claimed side; None where no side is claimed
    paper, mean: the paper's effect and ours
    bar: our interval, None for a single value; cut: whether it goes on to the left, to the right
    ticks: (place, label)
    """

    css: str
    words: str
    left: float
    right: float
    band: tuple[float, float]
    zero: float | None
    claimed: tuple[float, float] | None
    paper: float | None
    mean: float
    bar: tuple[float, float] | None
    cut: tuple[bool, bool]
    ticks: tuple[tuple[float, str], ...]


def marks(e: Estimate, axis: Axis, width: float = WIDTH) -> Marks:
    """Place an estimate on an axis that is `width` wide, its edges included."""
    left, right = float(EDGE), width - EDGE

    def at(x: float) -> float:
        return round(left + (right - left) * axis.share(x), 1)

    zero = None if e.kind == "range" else at(e.place(e.centre))
    end = {1: right, -1: left}.get(e.side)
    several = math.isfinite(e.low) and math.isfinite(e.high)
    ends = (e.place(e.low), e.place(e.high))
    return Marks(
        STATUSES[e.status].css,
        e.words,
        left,
        right,
        (at(e.place(e.centre - e.margin)), at(e.place(e.centre + e.margin))),
        zero,
        None if end is None else (min(zero, end), max(zero, end)),
        None if e.paper is None or e.kind == "range" else at(e.place(e.paper)),
        at(e.place(e.mean)),
        (at(ends[0]), at(ends[1])) if several else None,
        (several and ends[0] < axis.low, several and ends[1] > axis.high),
        tuple((at(x), label) for x, label in axis.ticks),
    )


def plots(estimates: Sequence[Estimate | None]) -> list[Markup | None]:
    """A small plot for each line of a table; lines of one scale have the same axis."""
    axes = {
        group: axis_of([e for e in estimates if e and e.group == group])
        for group in dict.fromkeys(e.group for e in estimates if e)
    }
    return [
        templates.render("report", "plot", m=marks(e, axes[e.group]), width=WIDTH) if e else None
        for e in estimates
    ]


# -- a picture of many claims ----------------------------------------------------------------------
@dataclass(frozen=True)
class PictureLine:
    """A line of a picture: its number in the text, what it is about, its marks and its words."""

    number: str
    name: str
    marks: Marks
    status: str
    y: float


@dataclass(frozen=True)
class PictureGroup:
    """Lines with one axis: what the axis shows, its ticks, and from where to where it goes down."""

    title: str
    lines: list[PictureLine]
    top: float
    bottom: float


NAMES, PLOT, WORDS, STEP, HEAD, FOOT = 400, 330, 150, 26, 30, 30  # units of SVG


def picture(title: str, named: Sequence[tuple[str, str, Estimate]]) -> str:
    """An SVG of many claims, each given as its number, its name and its estimate."""
    groups: dict[tuple[str, str, str], list[tuple[str, str, Estimate]]] = {}
    for line in named:
        groups.setdefault(line[2].group, []).append(line)
    y, found = 12.0, []
    for group, lines in groups.items():
        axis, top, drawn = axis_of([e for _, _, e in lines]), y + HEAD, []
        for i, (number, name, e) in enumerate(lines):
            drawn.append(PictureLine(number, name, marks(e, axis, PLOT), e.status, top + i * STEP))
        y = top + len(lines) * STEP
        found.append(PictureGroup(title_of(group), drawn, top, y))
        y += FOOT
    svg = templates.render(
        "report",
        "picture",
        title=title,
        groups=found,
        names=NAMES,
        plot=PLOT,
        width=NAMES + PLOT + WORDS,
        height=y + 6,
        statuses=STATUSES,
        style=style(),
    )
    return f"{svg}\n"


PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" class="forest picture"'  # begins every picture


def title_of(group: tuple[str, str, str]) -> str:
    """What the axis of a group shows.

    >>> title_of(("direction", "log", "")), title_of(("direction", "linear", "modes"))
    ('factor to the control', 'modes: difference to the control')
    """
    kind, scale, metric = group
    what = AXES.get((kind, scale), "difference to the control")
    return f"{metric}: {what}" if metric else what


def style() -> Markup:
    """The style of plots."""
    return Markup((templates.HERE / "report" / "forest.css").read_text(encoding="utf-8"))
