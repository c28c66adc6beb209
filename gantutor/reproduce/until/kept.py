"""Pilots out of the records that the repository keeps: data/records/class.csv and .json."""

import csv
import json
import math
from functools import cache
from typing import Any

from gantutor.reproduce.plan import Job
from gantutor.reproduce.report.status import RECORDS, SHOWN
from gantutor.reproduce.targets import Target
from gantutor.reproduce.until.pilot import Pilot, aim_of

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
        if row is None or aim is None:
            continue
        sd = _sd(row, aim.scale)
        if sd is not None:
            found[i] = Pilot(sd, int(row["seeds"]))
    return found


def _kind(notebook: str, parameters: dict[str, Any]) -> str:
    own = {k: v for k, v in parameters.items() if k not in APART}
    return json.dumps([notebook, own], sort_keys=True)


def _sd(row: dict[str, str], scale: str) -> float | None:
    """The standard deviation in a line of the kept table; None without one, or on another scale.

    Tables of earlier versions have none.
    """
    try:
        sd = float(row["sd"])
    except (KeyError, ValueError, TypeError):
        return None
    return sd if math.isfinite(sd) and row["scale"] == scale else None


@cache
def _runs() -> list[dict[str, Any]]:
    try:
        return json.loads((RECORDS / f"{SHOWN}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []


@cache
def _rows() -> list[dict[str, str]]:
    try:
        with (RECORDS / f"{SHOWN}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, ValueError):
        return []
