"""Pilots out of the records that the repository keeps: data/records/class.csv and .json."""

import csv
import json
import math
from functools import cache
from typing import Any

from gantutor.reproduce.claims import STATUSES
from gantutor.reproduce.plan import Job
from gantutor.reproduce.report.status import RECORDS, SHOWN
from gantutor.reproduce.targets import Target
from gantutor.reproduce.until.pilot import Pilot, aim_of
from gantutor.statistics import half_width

APART = ("seed", "seeds", "out", "path")  # parameters in which a kept run may differ, or lacks


def pilots(target: Target, jobs: list[Job]) -> dict[int, Pilot]:
    """The pilots of a target's claims, by their places; {} where its runs were kept otherwise."""
    runs = {_kind(run["notebook"], run["parameters"]) for run in _runs()}
    if not all(_kind(job.notebook.stem, job.parameters) in runs for job in jobs):
        return {}
    rows = {r["claim"]: r for r in _rows() if r["target"] == target.name}
    found = {}
    for i, claim in enumerate(target.claims):
        row, aim = rows.get(claim.paper), aim_of(claim)
        if row is None or aim is None or row["claim_status"] == "measured":
            continue
        sd = _sd(row, aim.scale)
        if sd is not None:
            found[i] = Pilot(sd, int(row["seeds"]))
    return found


def _kind(notebook: str, parameters: dict[str, Any]) -> str:
    own = {k: v for k, v in parameters.items() if k not in APART}
    return json.dumps([notebook, own], sort_keys=True)


def _sd(row: dict[str, str], scale: str) -> float | None:
    """The standard deviation behind a 95 % interval; None without one, or on another scale."""
    try:
        low, high, n = float(row["low"]), float(row["high"]), int(row["seeds"])
    except (ValueError, TypeError):
        return None
    if scale == "log":
        if not 0 < low <= high < math.inf:
            return None
        low, high = math.log(low), math.log(high)
    if n < 2 or not math.isfinite(high - low):
        return None
    return (high - low) / 2 / half_width(n)


@cache
def _runs() -> list[dict[str, Any]]:
    try:
        return json.loads((RECORDS / f"{SHOWN}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []


@cache
def _rows() -> list[dict[str, str]]:
    """The lines of the kept table, unless it was made when distances were compared by differences.

    It then has words that no claim has any more.
    """
    try:
        with (RECORDS / f"{SHOWN}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError):
        return []
    known = {*STATUSES, "not yet", ""}
    return rows if all(r.get("claim_status") in known for r in rows) else []
