"""The papers' own tables as data: every printed cell, digit for digit, with its protocol.

`data/papers/README.md` says what each column holds. Nothing here was measured by this package.
"""

import csv
from functools import cache
from pathlib import Path

PAPERS = ("adaptivemix", "advlatgan", "kddgan")
FOLDER = Path(__file__).parents[2] / "data" / "papers"
NUMBERS, COUNTS = ("value", "spread"), ("n_real", "n_fake")


def cells(paper: str | None = None) -> tuple[dict[str, str], ...]:
    """The cells of one paper or of all, in the papers' order; all text as in the files, "" where the paper says nothing."""
    if paper not in (None, *PAPERS):
        raise ValueError(f"paper={paper!r}: expected one of {', '.join(PAPERS)}")
    return tuple(
        dict(cell) for name in PAPERS if paper in (None, name) for cell in _rows(f"{name}.csv")
    )


def tables() -> tuple[dict[str, str], ...]:
    """One entry a table: paper, table, title (ours), kind, baseline, note."""
    return tuple(dict(table) for table in _rows("tables.csv"))


def load(paper: str | None = None):
    """The cells as a tidy pandas frame: `value` and `spread` float64 (NaN: none printed), `n_real` and `n_fake` Int64 (NA:
    not known), `starred` bool, all else text.
    """
    import pandas as pd

    frame = pd.DataFrame(cells(paper))
    for name in NUMBERS:
        frame[name] = pd.to_numeric(frame[name]).astype("float64")
    for name in COUNTS:
        frame[name] = pd.to_numeric(frame[name]).astype("Int64")
    frame["starred"] = frame["starred"] == "yes"
    return frame


def layout(paper: str, table: str):
    """A table as the paper lays it out, a frame of printed text: "46.4 ± 0.7", rows with a star marked, "" for an empty cell."""
    import pandas as pd

    mine = [c for c in cells(paper) if c["table"] == table]
    if not mine:
        known = dict.fromkeys(c["table"] for c in cells(paper))
        raise ValueError(f"table={table!r}: {paper} has {', '.join(known)}")
    rows: dict[str, dict[str, str]] = {}
    for c in mine:
        text = f"{c['value']} ± {c['spread']}" if c["spread"] else c["value"]
        rows.setdefault(c["row"] + (" *" if c["starred"] else ""), {})[c["column"]] = text
    return (
        pd.DataFrame(rows)
        .T.reindex(columns=list(dict.fromkeys(c["column"] for c in mine)))
        .fillna("")
    )


@cache
def _rows(name: str) -> tuple[dict[str, str], ...]:
    path = FOLDER / name
    if not path.is_file():
        where = "the papers' tables lie in data/papers of the repository; clone it and `pip install -e .` there"
        raise FileNotFoundError(f"{path} is missing: {where}")
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))
