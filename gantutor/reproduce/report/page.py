"""The page: sections and tables as one HTML file for a screen, a phone and paper.

The templates hold all markup; here is what they are given.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

import gantutor
from gantutor.course.records import frame_of
from gantutor.reproduce import html as templates
from gantutor.reproduce.claims import ENOUGH, Spread, number, values
from gantutor.reproduce.ledger import STALE
from gantutor.reproduce.report import claimed, forest
from gantutor.reproduce.report import conditions as words
from gantutor.reproduce.report.evidence import OTHERS
from gantutor.reproduce.report.fixed import fixed, outcomes
from gantutor.reproduce.report.grid import grid
from gantutor.reproduce.report.pictures import NARROW, Picture, picture
from gantutor.reproduce.report.printed import Table
from gantutor.reproduce.report.sections import BASELINE, Section, afresh, short
from gantutor.reproduce.report.statuses import STATUSES, counted

TITLE = "gantutor: "  # begins the title of every report
ON_PAPER = 2  # pictures of a lesson, where not everything is printed
FOLDER = re.compile(r" \(\w+-[0-9a-f]+\)$")  # at the end of a problem


def html(
    sections: list[Section],
    tables: list[Table],
    out: Path,
    damage: list[str] | None = None,
    unrecorded: Sequence[str] = (),
) -> str:
    """The whole page.

    unrecorded: sentences on runs that no target asks for and that have no record

    A section that cannot be drawn, for a reason that nobody foresaw, costs its own place and is
    added to `damage`.
    """
    damage = [] if damage is None else damage
    lessons = [s for s in sections if not s.row and not s.target.not_yet]
    front, body = [], []
    for paper in dict.fromkeys(s.target.paper for s in lessons):
        mine = [s for s in lessons if s.target.paper == paper]
        printed = [t for t in tables if t.paper == paper]
        front.append((paper, [*map(_front_section, mine), *map(_front_table, printed)]))
        articles = [
            _safely(s.target.name, [s], damage, lambda s=s: _lesson(s, lessons, out)) for s in mine
        ] + [_safely(t.name, t.sections, damage, lambda t=t: _table(t, out)) for t in printed]
        body.append((paper, articles))
    counted_lessons = [s for s in lessons if s.target.paper != OTHERS]
    rows = [s.status for s in sections if s.row]
    rows += [line.status for t in tables for line in t.lines if line.section is None]
    return _render(
        "page",
        title=TITLE,
        style=templates.style("report") + forest.style(),
        judged=sum(v.p is not None for s in sections for v in s.verdicts),
        enough=ENOUGH,
        version=gantutor.__version__,
        now=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        counts=Counter(s.status for s in counted_lessons) + Counter(rows),
        lessons=len(counted_lessons),
        rows=len(rows),
        tables=len(tables),
        effort=words.effort(sections),
        damage=[_inside(sentence, out) for sentence in damage],
        unrecorded=[_inside(sentence, out) for sentence in unrecorded],
        front=front,
        body=body,
        out=short(out),
        narrow=NARROW,
    )


def _render(template: str, **given) -> Markup:
    return templates.render(
        "report", template, statuses=STATUSES, counted=counted, several=words.several, **given
    )


def _safely(
    name: str, sections: Sequence[Section], damage: list[str], draw: Callable[[], Markup]
) -> Markup:
    try:
        return draw()
    except Exception as error:  # a record may hold what no check foresaw: the rest matters more
        runs = ", ".join(run for s in sections for run in s.runs) or "none"
        kind = type(error).__name__
        damage.append(f"{name} cannot be drawn ({kind}: {error}); its runs: {runs}")
        return _render("undrawn", sentence=damage[-1])


def _inside(sentence: str, out: Path) -> str:
    """A sentence on a file, named as it is in the folder: the page may travel, the folder stays."""
    return sentence.replace(f"{out}/", "")


# -- the front table -------------------------------------------------------------------------------
@dataclass(frozen=True)
class Front:
    """A line of the front table; `status` is None for a table, which shows its counts."""

    status: str | None
    counts: Counter
    anchor: str
    name: str
    title: str
    where: str
    what: str
    seeds: str = ""
    profile: str = ""


def _front_section(s: Section) -> Front:
    counts = Counter(v.status for v in s.verdicts) if s.results else Counter()
    what = counted(counts) or s.lacks
    seeds, profile = str(s.seeds or ""), s.profile if s.results else ""
    t = s.target
    return Front(s.status, counts, s.anchor, t.name, t.title, t.where, what, seeds, profile)


def _front_table(t: Table) -> Front:
    ran = [s for s in t.sections if s.results]
    seeds = sorted({s.seeds for s in ran})
    span = " to ".join(dict.fromkeys((str(seeds[0]), str(seeds[-1])))) if seeds else ""
    profiles = ", ".join(dict.fromkeys(s.profile for s in ran))
    rows = words.several(len(t.rows), "row")
    what = counted(t.counts)
    return Front(None, t.counts, t.anchor, t.where, t.title, rows, what, span, profiles)


# -- a figure or a lesson --------------------------------------------------------------------------
def _lesson(s: Section, sections: list[Section], out: Path) -> Markup:
    pictures, elsewhere = _figures(s, sections, out)
    stale = s.problems == [STALE]
    return _render(
        "lesson",
        s=s,
        claims=claimed.of_lesson(s),
        fixed=fixed(s.target.claims),
        outcomes=outcomes(s.target.claims),
        problems=s.problems,
        stale=stale,
        command=afresh(s.command) if stale else s.command,
        pictures=pictures,
        on_paper=ON_PAPER,
        elsewhere=elsewhere,
        measures=_measures(s) if s.results else [],
        conditions=words.conditions([("", *found, s) for found in s.results])
        if s.results
        else None,
        more=_more([s]),
    )


def _figures(
    s: Section, sections: list[Section], out: Path
) -> tuple[list[Picture], dict[str, str]]:
    """A section's pictures, and {anchor: name} of the sections that show others of its runs."""
    pictures, elsewhere = [], {}
    for run, result in s.shown:
        for figure in result["figures"]:
            home = _home(run, figure["name"], sections)
            if home is s:
                pictures.append(picture(out / run, figure))
            else:
                elsewhere[home.anchor] = home.target.name
    return pictures, elsewhere


def _home(run: str, figure: str, sections: list[Section]) -> Section:
    """Where a run's figure is shown, once.

    Under the target that the figure's name begins with, else under the first that shares the run.
    """
    sharing = [s for s in sections if run in s.runs]
    named = (s for s in sharing if figure.startswith(s.target.name.split("/")[-1]))
    return next(named, sharing[0])


@dataclass(frozen=True)
class MeasureLine:
    """One measure of one variant; `lost`: how many of its values are not finite."""

    metric: str
    variant: str
    mean: str
    unit: str
    lost: int
    each: str


def _measures(s: Section) -> list[MeasureLine]:
    frame, found = frame_of([result for _, result in s.results]), []
    for (variant, metric), part in frame.groupby(["variant", "metric"], sort=False):
        numbers = [v for v in part["value"] if math.isfinite(v)]
        mean = str(Spread.of(numbers)) if numbers else ""
        unit = str(part["unit"].iloc[0] or "")
        each = ", ".join(number(v) for v in part["value"])
        found.append(MeasureLine(metric, variant, mean, unit, len(part) - len(numbers), each))
    return found


@dataclass(frozen=True)
class More:
    """A further record of a section: the parameters in which it differs, and its measures."""

    target: str
    run: str
    started: str
    seeds: str
    status: str
    differs: str
    measures: list[MeasureLine]


def _more(sections: Sequence[Section]) -> list[More]:
    found = []
    for s in sections:
        shown = s.results[-1][1]["parameters"] if s.results else {}
        for run, result in s.others:
            own: dict[str, Any] = {
                k: v
                for k, v in result["parameters"].items()
                if k not in words.FOLDERS and shown.get(k) != v
            }
            alone = Section(s.target, s.status, [], "", results=[(run, result)])
            found.append(
                More(
                    s.target.name,
                    run,
                    words.moment(result["started"]),
                    words.several(len(result["seeds"]), "seed"),
                    result["status"],
                    words.in_words(own) if own else "",
                    _measures(alone),
                )
            )
    return found


# -- a table of a paper ----------------------------------------------------------------------------
@dataclass(frozen=True)
class PictureCard:
    """The pictures of a row's run."""

    name: str
    run: str
    pictures: list[Picture]


def _table(t: Table, out: Path) -> Markup:
    ran = t.ran
    runs = [(s.row_name, *s.own, s) for s in ran]
    claims = [claim for s in t.sections for claim in s.target.claims]
    return _render(
        "table",
        t=t,
        grid=grid(t),
        claims=claimed.of_table(t),
        fixed=fixed(claims),
        outcomes=outcomes(claims),
        theirs=_theirs(t),
        ours=list(dict.fromkeys(words.of_run(s) for s in ran)),
        problems=_problems(t),
        stale=bool(t.command) and all(s.status != "not run" for s in t.sections),
        command=t.command,
        cards=[_card(s, out) for s in ran],
        matrix=_matrix(ran) if ran else None,
        conditions=words.conditions(runs) if ran else None,
        more=_more(t.sections),
    )


def _theirs(t: Table) -> dict[str, list[str]]:
    """{how the paper measured: what it measured so}; rows copied from elsewhere are left out."""
    found: dict[str, dict[str, None]] = {}
    for cell in (c for row in t.rows for c in row.cells.values() if not row.starred):
        found.setdefault(words.of_paper(cell), {})[cell["metric"]] = None
    return {how: list(metrics) for how, metrics in found.items()}


def _problems(t: Table) -> list[str]:
    """What is missing in a table, each reason once, with the rows that it concerns."""
    found: dict[str, list[str]] = {}
    for s in t.sections:
        for problem in (p for p in s.problems if not p.startswith(BASELINE)):
            found.setdefault(FOLDER.sub("", problem), []).append(s.row_name)
    for row in t.rows:
        for line in (x for x in row.lines if x.section is None):
            found.setdefault(f"not yet: {line.reason}", []).append(row.name)
    listed = []
    for reason, names in found.items():
        which = ", ".join(names) if len(names) < 5 else f"{len(names)} rows"
        listed.append(reason if len(names) == len(t.lines) else f"{reason} ({which})")
    if t.ran and all(s.metric == s.scale for s in t.ran):
        listed.append(
            "the paper's own measures: they need its data, its budget and the TF Inception net "
            "(--features inception)"
        )
    return listed


def _card(s: Section, out: Path) -> PictureCard:
    run, result = s.own
    shown = [f for f in result["figures"] if f["name"] in ("samples", "curves")]
    return PictureCard(s.row_name, run, [picture(out / run, f, NARROW) for f in shown])


@dataclass(frozen=True)
class Matrix:
    """All measures of a table's runs: one row for each, with its values in the metrics' order."""

    metrics: list[str]
    rows: list[tuple[str, list[str]]]


def _matrix(ran: list[Section]) -> Matrix:
    names = dict.fromkeys(m for s in ran for m in s.frame["metric"] if not m.endswith("_std"))
    rows = [(s.row_name, [str(s.spread(m) or "–") for m in names]) for s in ran]
    reals = [list(values(ran[0].frame, m, "reals").values()) for m in names]
    if any(reals):
        spreads = [str(Spread.of(v)) if v else "–" for v in reals]
        rows.append(("reals among themselves", spreads))
    return Matrix(list(names), rows)
