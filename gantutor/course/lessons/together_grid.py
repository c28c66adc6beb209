"""The grid of notebook 14: what was tried, what came out, and the rule by which it chose."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

FACTORS = ("AdaptiveMix", "-qua", "KDD")
WORLDS = ("ring", "grid", "nine")
# each method alone is tried at each of these values, on seeds of its own
GRID: dict[str, tuple[float, ...]] = {
    "AdaptiveMix": (0.1, 1.0, 10.0),
    "-qua": (0.01, 0.03, 0.1),
    "KDD": (0.3, 1.0, 3.0),
}
GRID_SEEDS = tuple(range(100, 108))
FILE = Path(__file__).parents[3] / "data" / "records" / "composition_grid.csv"
COLUMNS = ("data", "method", "value", "seed", "steps", "distance")


@dataclass(frozen=True)
class Setting:
    """One value for each method.

    weight: of AdaptiveMix's loss
    eps: size of -qua's latent step
    tau: temperature of KDD's kernel
    """

    weight: float
    eps: float
    tau: float


# for sets without a grid: the papers' own weight and temperature, the course's step for images
PAPERS = Setting(1.0, 0.03, 1.0)


def asked() -> list[tuple[str, float]]:
    """The methods with the values to try; the baseline has none.

    >>> asked()[:2]
    [('none', nan), ('AdaptiveMix', 0.1)]
    """
    return [("none", math.nan), *((name, v) for name in FACTORS for v in GRID[name])]


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


def complete(file: Path = FILE) -> list[str]:
    """The data sets on which every method was tried at every value."""
    tried: dict[str, set] = {}
    for data, method, value in means(file):
        tried.setdefault(data, set()).add((method, value))
    every = {(method, f"{value:g}") for method, value in asked()}
    return [data for data, found in tried.items() if found >= every]


def chosen(data: str, file: Path = FILE) -> tuple[Setting, str] | None:
    """Each method's value with the least mean distance, and the method that is best alone.

    None for a data set whose grid is not complete.
    """
    if data not in complete(file):
        return None
    mine = {(m, v): d for (name, m, v), d in means(file).items() if name == data}
    best = {m: min((d, v) for (name, v), d in mine.items() if name == m) for m in FACTORS}
    return Setting(*(float(best[m][1]) for m in FACTORS)), min(FACTORS, key=best.__getitem__)
