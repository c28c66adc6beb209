"""What the records in a folder say: of every target, and of every row of the papers' tables."""

import math
import os
import re
import shlex
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from gantutor.course.records import frame_of
from gantutor.reproduce import papers
from gantutor.reproduce.claims import Spread, TableRow, Verdict, kernel_distance, values, worst
from gantutor.reproduce.ledger import STALE, Ledger, answers, look
from gantutor.reproduce.records import SAME
from gantutor.reproduce.targets import ALL, CONTROLS, LESSON_TARGETS, Target, baseline

# status -> (mark, css class, what it means); told apart by word and mark, the colours are a help
BADGES = {
    "reproduced": ("●", "good", "a printed number or an exact statement lies inside our spread"),
    "direction only": (
        "◐",
        "some",
        "the direction holds beyond the spread; numbers are not comparable, or seeds too few",
    ),
    "not reached": ("○", "none", "the spread hides it, or the run diverged"),
    "contradicts": ("✕", "bad", "the opposite holds beyond the spread"),
    "measured": ("◆", "plain", "values of a row of which nothing is claimed, such as a baseline"),
    "shown": ("◇", "plain", "a lesson without a claim of a paper"),
    "not run": ("–", "idle", "no record; what lacks is said"),
    "not yet": ("…", "idle", "the package cannot run it; why is said"),
}
BASELINE = "its baseline: "  # whose problem it is
OTHERS = "Other records in this folder"
NO_RECIPE = "the package has no recipe of it"
ROWS_DATA = {"imagenet": "imagenet64"}  # as the package calls it


@dataclass(eq=False)
class Section:
    """A target with what its runs left behind.

    `results`: (folder, record) pairs; `starts`: how often each folder's run was begun; `others`: further records of it in the
    folder, made under other parameters.
    """

    target: Target
    status: str
    verdicts: list[Verdict]
    command: str
    profile: str = ""
    results: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    starts: dict[str, int] = field(default_factory=dict)
    others: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        return re.sub(r"[^\w.]", "-", self.target.name)

    @property
    def seeds(self) -> int:
        return min((len(result["seeds"]) for _, result in self.results), default=0)

    @cached_property
    def frame(self):
        return frame_of([result for _, result in self.results])

    @property
    def lacks(self) -> str:
        """In a few words, the first problem that keeps it from a result."""
        found = next((p for p in self.problems if not p.endswith(STALE)), "")
        whose = BASELINE * found.startswith(BASELINE)
        return whose + re.split("[:(;,]", found.removeprefix(whose))[0].strip()

    # -- of a row of a table
    @property
    def row(self) -> str:
        """Its name in `tables.ROWS`; "" of a lesson."""
        return self.target.row

    @property
    def plain(self) -> str:
        """The row that it is held against; "" where it is one itself."""
        return "" if baseline(self.row) == self.row else baseline(self.row)

    @property
    def own(self) -> tuple[str, dict[str, Any]] | None:
        """The run of the row itself, without its baseline's."""
        return next(
            ((run, r) for run, r in self.results if r["parameters"].get("row") == self.row), None
        )

    @property
    def metric(self) -> str:
        """What it is judged by: FID where that was measured, else a kernel distance."""
        if not self.results:
            return "kd_small"
        return "fid" if values(self.frame, "fid", self.row) else self.scale

    @property
    def other(self) -> str:
        """Why its FID may not stand beside the printed one; "" where it may, or where there is none."""
        return unlike(printed_fid(self.row), self.own[1]) if self.own else ""

    @property
    def scale(self) -> str:
        """What stands on another scale than the paper's: an FID that may not stand beside the printed one, else a kernel distance."""
        return (
            "fid"
            if self.other and values(self.frame, "fid", self.row)
            else kernel_distance(self.frame, self.row)
        )

    def spread(self, metric: str, against: str = "") -> Spread | None:
        """Of a measure of the row over seeds, or of its difference to another row, paired; None without finite values."""
        mine = values(self.frame, metric, self.row)
        if against:
            theirs = values(self.frame, metric, against)
            mine = {seed: mine[seed] - theirs[seed] for seed in mine if seed in theirs}
        finite = [v for v in mine.values() if math.isfinite(v)]
        return Spread.of(finite) if finite and len(finite) == len(mine) else None


def collect(out: str | Path | Ledger) -> list[Section]:
    """All targets, judged by the records in a folder; then, each a section of its own, records that no target asks for."""
    ledger = out if isinstance(out, Ledger) else look(out)
    sections = [_section(target, ledger) for target in ALL]
    used = {run for s in sections for run, _ in s.results}
    homes: dict[str, Section] = {}
    for s in sections:
        for run in ledger.answering(s.target, s.target.runs[-1]) if s.target.notebook else ():
            if run not in used:
                homes.setdefault(run, s)
    for run, s in homes.items():
        s.others.append((run, ledger.runs[run].result))
    left = [
        run
        for run, kept in ledger.runs.items()
        if kept.result and run not in used and run not in homes
    ]
    return sections + [_foreign(run, ledger) for run in left]


def _foreign(run: str, ledger: Ledger) -> Section:
    """A record that answers no target: of parameters of somebody's own, or of a notebook of theirs."""
    result = ledger.runs[run].result
    title = f"Notebook {result['notebook']} with parameters of its own"
    target = Target(run, OTHERS, "not in a paper", title, result["notebook"])
    kept = ledger.runs[run]
    profile = str(result["parameters"].get("profile", ""))
    return Section(
        target, "measured", [], "", profile, [(run, result)], kept.problems, {run: kept.starts}
    )


def _shared(target: Target, plan: dict[str, Any]) -> dict[str, Any] | None:
    """The plan of another target that ran just what this one needs, or that and more: one notebook may serve two figures, and a row was
    another row's baseline.
    """
    others = [
        (t, plan[t.name])
        for t in ALL
        if t.name in plan and (t.notebook, t.needs) == (target.notebook, target.needs)
    ]
    same = next((entry for t, entry in others if t.runs == target.runs), None)
    more = (
        (t, entry)
        for t, entry in others
        if len(entry["runs"]) == len(t.runs) and all(changes in t.runs for changes in target.runs)
    )
    return same or next(
        (
            {**entry, "runs": [entry["runs"][t.runs.index(changes)] for changes in target.runs]}
            for t, entry in more
        ),
        None,
    )


def _section(target: Target, ledger: Ledger) -> Section:
    if target.not_yet:
        return Section(
            target,
            "not yet",
            [Verdict("not yet")] * len(target.claims),
            "",
            problems=[target.not_yet],
        )
    asked = "not asked for yet" + (f" (needs {target.needs})" if target.needs else "")
    entry = ledger.plan.get(target.name) or _shared(target, ledger.plan)
    runs = _runs_of(target, entry, ledger)
    problems = [entry["missing"]] if entry and entry["missing"] else []
    if not entry and not any(runs):
        problems.append(asked)
    results, starts = [], {}
    for run, changes in zip(runs, target.runs, strict=True):
        whose = "" if changes is target.runs[-1] or "row" not in changes else BASELINE
        if run is None:
            if any(runs):
                problems.append(f"{whose}no record of it under these parameters")
            continue
        problems += [whose + words for words in ledger.problems(run)]
        if kept := ledger.runs.get(run):
            starts[run] = kept.starts
        if result := ledger.record(run):
            results.append((run, result))
    entry = entry or _entry_of(results)
    verdicts = _judge(target, [result for _, result in results])
    whole = len(results) == len(target.runs)
    status = (
        worst(verdicts)
        if verdicts
        else "not run"
        if not whole
        else "measured"
        if target.row
        else "shown"
    )
    if not results:
        status = "not run"
    command = _command([target.name], entry, ledger.out)
    profile = str(results[-1][1]["parameters"].get("profile", "")) if results else entry["profile"]
    return Section(
        target, status, verdicts, command, profile, results, list(dict.fromkeys(problems)), starts
    )


def _runs_of(target: Target, entry: dict[str, Any] | None, ledger: Ledger) -> list[str | None]:
    """The run behind each of a target's runs: the planned one; where that has no record, one that the folder holds of it."""
    planned = (
        entry["runs"]
        if entry and len(entry["runs"]) == len(target.runs)
        else [None] * len(target.runs)
    )
    for run, changes in zip(planned, target.runs, strict=True):
        result = ledger.record(run) if run else None
        if result and not answers(result, target, {k: v for k, v in changes.items() if k == "row"}):
            planned = [None] * len(target.runs)  # a plan that was edited, or is of another package
    done = [bool(run and ledger.record(run)) for run in planned]
    own = planned[-1]
    if not done[-1]:
        if any(done):  # half of a plan is not completed by what was made otherwise
            return planned
        own = next(iter(ledger.answering(target, target.runs[-1])), None)
    if own is None:
        return planned
    beside = []
    for run, is_done, changes in zip(planned[:-1], done[:-1], target.runs[:-1], strict=True):
        beside.append(run if is_done else ledger.beside(own, target, changes) or run)
    return [*beside, own]


def _entry_of(results: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """What a plan would say of records that none holds."""
    p = results[-1][1]["parameters"] if results else {}
    return {
        "missing": None,
        "profile": p.get("profile", "class"),
        "seed": p.get("seed", 0),
        "seeds": p.get("seeds", 3),
    }


def _judge(target: Target, results: list[dict]) -> list[Verdict]:
    if not results:  # most targets of most folders: nothing is asked of an empty frame
        return [
            Verdict("not run", note=f"no values of {claim.metric} for {claim.variant}")
            for claim in target.claims
        ]
    diverged = next((r for r in results[::-1] if r["status"] == "diverged"), None)
    if diverged:
        of = diverged["parameters"].get("row")
        whose = "its baseline " if of and of != target.runs[-1].get("row") else ""
        return [
            Verdict("not reached", note=f"{whose}diverged at step {diverged['step']}")
            for _ in target.claims
        ]
    frame = frame_of(results)
    own = next(
        (
            r
            for r in results
            if "row" in target.runs[-1] and r["parameters"].get("row") == target.runs[-1]["row"]
        ),
        None,
    )
    other = unlike(printed_fid(target.runs[-1]["row"]), own) if own else ""
    return [
        claim.judge(frame, other) if isinstance(claim, TableRow) else claim.judge(frame)
        for claim in target.claims
    ]


def noted(result: dict[str, Any], key: str) -> dict[str, Any]:
    """What a record notes under a key, where that is a dictionary; a notebook may note anything."""
    value = result["data"].get(key)
    return value if isinstance(value, dict) else {}


def unlike(cell: dict[str, str], result: dict[str, Any]) -> str:
    """Why a run's value may not stand beside a printed cell: other data, features, split or numbers of images; "" where it may."""
    if not cell:
        return ""
    name, p = noted(result, "data").get("name", "unnamed data"), noted(result, "protocol")
    wanted = ROWS_DATA.get(cell["dataset"], cell["dataset"])
    if name != wanted:
        return f"on {name}, not on {wanted}"
    if cell["features"] not in ("", "TF Inception"):
        return f"the paper's features are {cell['features']}'s"
    if cell["split"] not in ("", "all", p.get("split")):
        return f"against the split {p.get('split', 'unnamed')}, the paper's is {cell['split']}"
    balls = cell["metric"] in ("density", "coverage")
    for count, what in (("n_fake", "fakes"), ("n_real", "reals")):
        mine = p.get("n_manifold" if balls else count, 0)
        mine = mine if isinstance(mine, int) else 0
        if cell[count] and int(cell[count]) != mine:
            return f"{mine:,} {what}, the paper's {int(cell[count]):,}"
    return ""


@cache
def _printed() -> dict[str, dict[str, str]]:
    return {
        c["recipe"]: c for c in reversed(papers.cells()) if c["recipe"] and c["metric"] == "FID"
    }


def printed_fid(row: str) -> dict[str, str]:
    """The cell with the FID that the papers print for a row; {} where they print none."""
    return _printed().get(row, {})


def printed_difference(section: Section) -> str:
    """A row's printed FID less its baseline's, in the digits that are printed; "" where one is missing."""
    mine, plain = printed_fid(section.row), printed_fid(section.plain)
    return (
        f"{Decimal(mine['value']) - Decimal(plain['value']):+}".replace("-", "\N{MINUS SIGN}")
        if mine and plain
        else ""
    )


def short(path: Path) -> str:
    """Relative where that is shorter: pages travel, machine paths do not."""
    relative = os.path.relpath(path)
    return path.as_posix() if relative.startswith("..") else Path(relative).as_posix()


def _command(names: list[str], entry: dict[str, Any], out: Path) -> str:
    given = [f"-p {shlex.quote(f'{k}={v}')}" for k, v in entry.get("given", {}).items()]
    seed, seeds = entry.get("seed"), entry.get("seeds")
    words = [
        f"--profile {entry['profile']}",
        f"--seed {seed}" if seed else "",
        f"--seeds {seeds}" if seeds else "",
        *given,
        f"--out {short(out)}",
    ]
    return " ".join(["gantutor reproduce", *names, *filter(None, words)])


# -- the papers' tables ---------------------------------------------------------------------------------------------------
@dataclass(eq=False)
class Line:
    """What stands beside a printed row: a trained variant's section, or the reason why there is none; `again`: it stood above."""

    status: str
    label: str = ""
    section: Section | None = None
    reason: str = ""
    again: str = ""


@dataclass(eq=False)
class Row:
    """A printed row, {column: cell}, and its lines; without cells a control of ours."""

    name: str
    starred: bool
    cells: dict[str, dict[str, str]]
    lines: list[Line]


@dataclass(eq=False)
class Table:
    """A paper's table in its own layout."""

    name: str
    paper: str
    where: str
    title: str
    note: str
    columns: list[str]
    rows: list[Row]
    lessons: list[Section]
    not_yet: str = ""
    command: str = ""

    @property
    def anchor(self) -> str:
        return "table-" + self.name.replace("/", "-")

    @property
    def lines(self) -> list[Line]:
        """Each variant once."""
        return [line for row in self.rows for line in row.lines if not line.again]

    @property
    def sections(self) -> list[Section]:
        return [line.section for line in self.lines if line.section]

    @property
    def counts(self) -> Counter:
        return Counter(line.status for line in self.lines)


def tables(sections: list[Section], out: str | Path) -> list[Table]:
    """Every table of the papers, in their order, beside the sections of its rows."""
    by_row = {s.row: s for s in sections if s.row}
    by_name = {s.target.name: s for s in sections}
    lessons = [s for s in sections if s.target in LESSON_TARGETS]
    return [
        _table(t, by_row, by_name.get(f"{t['paper']}/{t['table']}"), lessons, Path(out))
        for t in papers.tables()
    ]


def _table(
    about: dict[str, str],
    by_row: dict[str, Section],
    whole: Section | None,
    lessons: list[Section],
    out: Path,
) -> Table:
    name, number = f"{about['paper']}/{about['table']}", about["table"].removeprefix("table")
    cells = [c for c in papers.cells(about["paper"]) if c["table"] == about["table"]]
    not_yet = whole.target.not_yet if whole else ""
    paper = next(s.target.paper for s in lessons if s.target.name.startswith(about["paper"]))
    here = [
        s
        for s in lessons
        if s.target.paper == paper and number in re.findall(r"\d+", s.target.where.split("Fig")[0])
    ]
    rows, seen = [], {}
    for row in dict.fromkeys(c["row"] for c in cells):
        mine = {c["column"]: c for c in cells if c["row"] == row}
        recipes = list(dict.fromkeys(c["recipe"] for c in mine.values() if c["recipe"]))
        notes = list(dict.fromkeys(c["note"] for c in mine.values() if c["note"]))
        lines = [
            Line(by_row[r].status, label, by_row[r], again=seen.get(r, ""))
            for r, label in zip(recipes, labels(recipes), strict=True)
        ]
        seen |= {r: seen.get(r, row) for r in recipes}
        starred = any(c["starred"] for c in mine.values())
        copied = notes[:1] if starred or any("copied" in n for n in notes) else []
        taught = (
            ["the lessons on it are all there is"]
            if here and not any(c["recipe"] for c in cells)
            else []
        )
        rows.append(
            Row(
                row,
                starred,
                mine,
                lines
                or [Line("not yet", reason=not_yet or "; ".join([NO_RECIPE, *copied, *taught]))],
            )
        )
    for r in (r for r in CONTROLS if r.startswith(f"{name}/")):
        rows.append(
            Row(r.removeprefix(f"{name}/"), False, {}, [Line(by_row[r].status, "", by_row[r])])
        )
    table = Table(
        name,
        paper,
        f"Table {number}",
        about["title"],
        about["note"],
        list(dict.fromkeys(c["column"] for c in cells)),
        rows,
        here,
        not_yet,
    )
    lacking = [s for s in table.sections if s.status == "not run"]
    stale = [s for s in table.sections if STALE in s.problems]
    if lacking or stale:
        places = list(dict.fromkeys(s.target.name.split(":")[0] for s in lacking or stale))
        first = next((s for s in table.sections if s.results), table.sections[0])
        table.command = re.sub(r"(?<=reproduce )\S+", " ".join(places), first.command)
        table.command += " --fresh" * (not lacking)
    return table


def labels(recipes: list[str]) -> list[str]:
    """What tells recipes of one row apart: ["a/dcgan/bare", "a/dcgan/qua"] are bare and qua; a single one needs no label."""
    parts = list(zip(*(r.split("/") for r in recipes), strict=True)) if recipes else []
    return [" ".join(p[i] for p in parts if len(set(p)) > 1) for i in range(len(recipes))]


def own_value(line: Line, cell: dict[str, str]) -> Spread | None:
    """Ours in the paper's own measure for a printed cell of this line's recipe; None where only stand-ins were measured."""
    same, s = SAME.get(cell["metric"]), line.section
    if not same or s is None or s.row != cell["recipe"] or s.own is None or unlike(cell, s.own[1]):
        return None
    return s.spread(same)
