"""A target together with what its runs left behind, and how it compares with the printed table."""

import math
import os
import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from gantutor.course.records import digest, frame_of
from gantutor.reproduce import papers, targets
from gantutor.reproduce.claims import Spread, Verdict, kernel_distance, values
from gantutor.reproduce.ledger import STALE
from gantutor.reproduce.targets import Target

BASELINE = "its baseline: "  # begins a problem that is the baseline's
OURS = {"imagenet": "imagenet64"}  # the package's name of a data set, where the tables have another


@dataclass(eq=False)
class Section:
    """A target with what its runs left behind.

    verdicts: on its claims, in their order
    command: runs it
    results: a folder and a record for each run
    problems: sentences on what is missing or out of date
    starts: how often the run of each folder was started
    others: further folders and records of it, made under other parameters
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
    def by_run(self) -> list[list[tuple[str, dict[str, Any]]]]:
        """Its results, those of one run together: they differ in their seeds alone."""
        found: dict[str, list] = {}
        for run, result in self.results:
            found.setdefault(but_for_seeds(result), []).append((run, result))
        return list(found.values())

    @property
    def shown(self) -> list[tuple[str, dict[str, Any]]]:
        """The first result of each run, whose pictures stand for those of its further seeds."""
        return [results[0] for results in self.by_run]

    @property
    def seeds(self) -> int:
        """How many seeds each of its runs has at least."""
        each = [{seed for _, r in results for seed in r["seeds"]} for results in self.by_run]
        return min(map(len, each), default=0)

    @property
    def minutes_a_seed(self) -> float:
        """Minutes that one more seed of all its runs takes, by those that ran."""
        return sum(
            sum(r["wall_s"] for _, r in results)
            / 60
            / max(1, sum(len(r["seeds"]) for _, r in results))
            for results in self.by_run
        )

    @cached_property
    def frame(self):
        """The records as a tidy frame."""
        return frame_of([result for _, result in self.results])

    @property
    def runs(self) -> list[str]:
        """The folders of its runs."""
        return [run for run, _ in self.results]

    @property
    def lacks(self) -> str:
        """The first problem that keeps it from a result, in a few words."""
        found = next((p for p in self.problems if not p.endswith(STALE)), "")
        whose = BASELINE * found.startswith(BASELINE)
        return whose + re.split("[:(;,]", found.removeprefix(whose))[0].strip()

    # -- of a row of a table
    @property
    def row(self) -> str:
        """Its name in `tables.ROWS`; "" for a lesson."""
        return self.target.row

    @property
    def row_name(self) -> str:
        """Its name within its table."""
        return self.target.name.split(":")[1]

    @property
    def baseline(self) -> str:
        """The row that it is compared with; "" where it is a baseline itself."""
        found = targets.baseline(self.row)
        return "" if found == self.row else found

    @property
    def own(self) -> tuple[str, dict[str, Any]] | None:
        """The folder and the record of the row itself, not of its baseline."""
        mine = (x for x in self.results if x[1]["parameters"].get("row") == self.row)
        return next(mine, None)

    @property
    def metric(self) -> str:
        """What it is judged by: FID where that was measured, otherwise a kernel distance."""
        if not self.results:
            return "kd_small"
        return "fid" if values(self.frame, "fid", self.row) else self.scale

    @property
    def unlike(self) -> str:
        """Why its FID cannot be compared with the printed one; "" where it can, or has none."""
        return unlike(printed_fid(self.row), self.own[1]) if self.own else ""

    @property
    def scale(self) -> str:
        """The measure shown apart from the paper's numbers: an incomparable FID, or a stand-in."""
        if self.unlike and values(self.frame, "fid", self.row):
            return "fid"
        return kernel_distance(self.frame, self.row)

    def spread(self, metric: str, against: str = "") -> Spread | None:
        """A measure of the row over seeds, or its paired difference to another row.

        None where a value is missing or not finite.
        """
        mine = values(self.frame, metric, self.row)
        if against:
            theirs = values(self.frame, metric, against)
            mine = {seed: mine[seed] - theirs[seed] for seed in mine if seed in theirs}
        if not mine or not all(map(math.isfinite, mine.values())):
            return None
        return Spread.of(list(mine.values()))


def afresh(command: str) -> str:
    """The command that runs again, by the present code, what a command ran.

    Seeds that were judged at planned looks are not drawn again in their own folder.

    >>> afresh("gantutor reproduce kddgan --until-decided --max-seeds 30 --out runs/a")
    'gantutor reproduce kddgan --until-decided --max-seeds 30 --out runs/a-again'
    """
    return f"{command}-again" if "--until-decided" in command else f"{command} --fresh"


def but_for_seeds(result: dict[str, Any]) -> str:
    """What tells a record from others, but for the seeds that it has."""
    own = {k: v for k, v in result["parameters"].items() if k not in ("seed", "seeds", "out")}
    return digest([result["notebook"], own])


def noted(result: dict[str, Any], key: str) -> dict[str, Any]:
    """What a record notes under a key; {} where that is not a dictionary.

    A user's own notebook may note anything.
    """
    value = result["data"].get(key)
    return value if isinstance(value, dict) else {}


def unlike(cell: dict[str, str], result: dict[str, Any]) -> str:
    """Why a run's value cannot be compared with a printed cell; "" where it can.

    Data, features, split and numbers of images must be the paper's, as far as it states them.
    """
    if not cell:
        return ""
    name, p = noted(result, "data").get("name", "unnamed data"), noted(result, "protocol")
    wanted = OURS.get(cell["dataset"], cell["dataset"])
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
    # reversed, since the first of several printed FIDs is that of all images
    cells = (c for c in reversed(papers.cells()) if c["recipe"] and c["metric"] == "FID")
    return {cell["recipe"]: cell for cell in cells}


def printed_fid(row: str) -> dict[str, str]:
    """The cell with the FID that the papers print for a row; {} where they print none."""
    return _printed().get(row, {})


def printed_difference(section: Section) -> str:
    """A row's printed FID less its baseline's, with the printed digits; "" where one is missing."""
    mine, plain = printed_fid(section.row), printed_fid(section.baseline)
    if not mine or not plain:
        return ""
    difference = Decimal(mine["value"]) - Decimal(plain["value"])
    return f"{difference:+}".replace("-", "\N{MINUS SIGN}")


def short(path: Path) -> str:
    """A path relative to the working folder where it is below it: a page may travel."""
    relative = os.path.relpath(path)
    return path.as_posix() if relative.startswith("..") else Path(relative).as_posix()
