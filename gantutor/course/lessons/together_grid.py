"""The grid of notebook 14: what was tried, what came out, and the rule by which it chose."""

import csv
import math
from pathlib import Path

from gantutor.course.lessons.together import FACTORS, Setting

FILE = Path(__file__).parents[3] / "data" / "records" / "composition_grid.csv"
COLUMNS = ("data", "method", "value", "seed", "steps", "distance")


def rows(file: Path = FILE) -> list[dict[str, str]]:
    """The lines of the grid's record, one for each seed; none where there is no such file."""
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def means(file: Path = FILE) -> dict[tuple[str, str, str], float]:
    """The geometric mean over seeds, by data set, method ("none" too) and value as text."""
    logs: dict[tuple[str, str, str], list[float]] = {}
    for row in rows(file):
        key = (row["data"], row["method"], row["value"])
        logs.setdefault(key, []).append(math.log(float(row["distance"])))
    return {key: math.exp(math.fsum(x) / len(x)) for key, x in logs.items()}


def chosen(data: str, file: Path = FILE) -> tuple[Setting, str]:
    """Each method's value with the least mean distance, and the method that is best alone.

    Raises ValueError where the record lacks a method on these data.
    """
    mine = {(m, v): d for (name, m, v), d in means(file).items() if name == data}
    best = {}
    for method in FACTORS:
        tried = [(d, v) for (name, v), d in mine.items() if name == method]
        if not tried:
            raise ValueError(f"{file} has no values of {method} on {data}: run the grid first")
        best[method] = min(tried)
    return Setting(*(float(best[m][1]) for m in FACTORS)), min(FACTORS, key=best.__getitem__)
