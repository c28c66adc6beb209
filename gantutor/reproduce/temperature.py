"""The kept grid over KDD's temperature on the plane, and the choice that METHODS["KDD"] follows.

`benchmarks/temperature.py` trains the grid and writes both files. The rule of the choice was
written down before any of it had run: `chosen` below.
"""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RECORD = Path(__file__).parents[2] / "data" / "records" / "kdd_temperature.csv"
METRICS = ("energy_distance", "modes", "high_quality", "mode_kl")


def rows(record: Path = RECORD) -> list[dict[str, Any]]:
    """The lines of the record: one for each world, method, temperature, seed and look.

    world, method: names
    tau: the temperature, NaN for a method without one
    step: after how many training steps the fakes were measured
    seed: of the training
    energy_distance, modes, high_quality, mode_kl: see `gantutor.metrics.toy`; NaN after a training
        has diverged
    """
    with record.open(encoding="utf-8", newline="") as file:
        return [_read(row) for row in csv.DictReader(file)]


def _read(row: dict[str, str]) -> dict[str, Any]:
    """A line with its numbers as numbers."""
    numbers = {name: float(row[name] or "nan") for name in ("tau", *METRICS)}
    return row | numbers | {name: int(row[name]) for name in ("seed", "step")}


def conditions(record: Path = RECORD) -> dict[str, Any]:
    """What the record was measured under: recipes, seeds, steps, code, versions, machine."""
    return json.loads(record.with_suffix(".json").read_text(encoding="utf-8"))


def load(record: Path = RECORD):
    """The record as a tidy pandas frame, columns as in `rows`."""
    import pandas as pd

    return pd.DataFrame(rows(record))


def mean_ranks(table: Sequence[dict[str, Any]]) -> dict[float, float]:
    """Each temperature's rank among those of KDD alone, averaged over the worlds; 1 is best.

    In a world, temperatures are ranked by the energy distance, averaged over the seeds, after the
    largest number of steps that all of them have taken in all worlds. A training that diverged
    counts as infinitely far. Equal means share their rank.

    >>> line = {"world": "ring", "method": "KDD", "seed": 0, "step": 9}
    >>> mean_ranks([line | {"tau": t, "energy_distance": t**2} for t in (0.5, 2.0, 1.0)])
    {0.5: 1.0, 1.0: 2.0, 2.0: 3.0}
    """
    last = last_look(table)
    ends = [row for row in table if row["method"] == "KDD" and row["step"] == last]
    taus, worlds = (sorted({row[name] for row in ends}) for name in ("tau", "world"))
    ranks: dict[float, list[float]] = {tau: [] for tau in taus}
    for world in worlds:
        means = {tau: _distance(ends, world, tau) for tau in taus}
        for tau, mean in means.items():
            better = sum(other < mean for other in means.values())
            equal = sum(other == mean for other in means.values())
            ranks[tau].append(better + (equal + 1) / 2)
    return {tau: math.fsum(found) / len(worlds) for tau, found in ranks.items()}


def last_look(table: Sequence[dict[str, Any]]) -> int:
    """The largest number of steps that KDD has taken at all temperatures in all worlds."""
    reached: dict[tuple, set[int]] = {}
    for row in table:
        if row["method"] == "KDD":
            reached.setdefault((row["world"], row["tau"]), set()).add(row["step"])
    return max(set.intersection(*reached.values()))


def _distance(ends: Sequence[dict[str, Any]], world: str, tau: float) -> float:
    """The mean energy distance over the seeds; infinite if one of them diverged."""
    found = [r["energy_distance"] for r in ends if (r["world"], r["tau"]) == (world, tau)]
    return math.fsum(found) / len(found) if all(map(math.isfinite, found)) else math.inf


def chosen(table: Sequence[dict[str, Any]]) -> float:
    """The temperature with the least mean rank over the worlds (see `mean_ranks`).

    Of several such temperatures the one whose logarithm is nearest 0, the paper's default of 1.
    """
    ranks = mean_ranks(table)
    least = min(ranks.values())
    return min((t for t, rank in ranks.items() if rank == least), key=lambda t: abs(math.log(t)))
