"""Forest plots: our mean and interval, the paper's effect and the margin on one small axis.

The places are computed here and drawn by templates, as SVG: a plot for each line of the report's
tables, and pictures of many claims for docs/status.md.
"""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gantutor.reproduce import html as templates
from gantutor.reproduce.report.axes import Axis, axis_of
from gantutor.reproduce.report.estimates import Estimate, effect_in_words
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
    paper, mean: the paper's effect and ours; no paper's where it is beyond the axis
    beyond: our mean as a number, in place of dot and interval, where it is beyond the axis
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
    beyond: str
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
    beyond = not axis.holds(e.place(e.mean))
    several = math.isfinite(e.low) and math.isfinite(e.high) and not beyond
    paper = None if e.paper is None or e.kind == "range" else e.place(e.paper)
    ends = (e.place(e.low), e.place(e.high))
    return Marks(
        STATUSES[e.status].css,
        e.words,
        left,
        right,
        (at(e.place(e.centre - e.margin)), at(e.place(e.centre + e.margin))),
        zero,
        None if end is None else (min(zero, end), max(zero, end)),
        at(paper) if paper is not None and axis.holds(paper) else None,
        at(e.place(e.mean)),
        e.text(e.mean) if beyond else "",
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
    """A line of a picture: its number in the text, what it is about, its marks and its words.

    name: in as many lines as it needs beside the plot
    """

    number: str
    name: list[str]
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


NAMES, PLOT, WORDS, STEP, HEAD, FOOT = 460, 330, 150, 26, 30, 30  # units of SVG
LEADING = 14  # from a line of a long name to its next
LONGEST = 60  # characters of a name in one line, which take 6.9 units each in a wide font


def picture(title: str, named: Sequence[tuple[str, str, Estimate]]) -> str:
    """An SVG of many claims, each given as its number, its name and its estimate."""
    groups: dict[tuple[str, str, str], list[tuple[str, str, Estimate]]] = {}
    for line in named:
        groups.setdefault(line[2].group, []).append(line)
    y, found = 12.0, []
    for group, lines in groups.items():
        axis, top, drawn = axis_of([e for _, _, e in lines]), y + HEAD, []
        y = top
        for number, name, e in lines:
            # "-qua" is a name, no place to break a line
            words = textwrap.wrap(name, LONGEST, break_on_hyphens=False)
            drawn.append(PictureLine(number, words, marks(e, axis, PLOT), e.status, y))
            y += STEP + LEADING * (len(words) - 1)
        found.append(PictureGroup(title_of(group), drawn, top, y))
        y += FOOT
    svg = templates.render(
        "report",
        "picture",
        title=title,
        groups=found,
        names=NAMES,
        leading=LEADING,
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
    >>> title_of(("direction", "linear", "effect_on_log_energy_distance"))
    'effect on log energy distance, at equal steps'
    """
    kind, scale, metric = group
    if effect := effect_in_words(metric):
        return effect
    what = AXES.get((kind, scale), "difference to the control")
    return f"{metric}: {what}" if metric else what


def style() -> Markup:
    """The style of plots."""
    return Markup((templates.HERE / "report" / "forest.css").read_text(encoding="utf-8"))
