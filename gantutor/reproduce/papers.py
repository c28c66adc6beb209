"""The papers' own tables as data: every printed cell, digit for digit, with its protocol.

`data/papers/README.md` describes the columns. Nothing here was measured by this package.
"""

import csv
from functools import cache
from pathlib import Path

from gantutor.plain import one_of

PAPERS = ("adaptivemix", "advlatgan", "kddgan")
FOLDER = Path(__file__).parents[2] / "data" / "papers"
NUMBERS, COUNTS = ("value", "spread"), ("n_real", "n_fake")


def cells(paper: str | None = None) -> tuple[dict[str, str], ...]:
    """The cells of one paper or of all, in the papers' order.

    All is text as in the files, "" where the paper does not say. Raises ValueError for an unknown
    paper.

    >>> cell = cells("kddgan")[0]
    >>> cell["table"], cell["row"], cell["column"], cell["value"]
    ('table1', 'Hinge', 'FID', '8.751')
    """
    if paper is not None:
        one_of("paper", paper, PAPERS)
    names = PAPERS if paper is None else (paper,)
    return tuple(dict(cell) for name in names for cell in _rows(f"{name}.csv"))


def tables() -> tuple[dict[str, str], ...]:
    """One entry for each table: paper, table, title (ours), kind, baseline, note."""
    return tuple(dict(table) for table in _rows("tables.csv"))


def load(paper: str | None = None):
    """The cells as a tidy pandas frame.

    value, spread: float64, NaN where none is printed
    n_real, n_fake: Int64, NA where not known
    starred: bool
    all others: text

    >>> printed = load("kddgan").query("table == 'table2' and metric == 'FID'")
    >>> float(printed.value.min())
    5.713
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
    """A table as the paper lays it out: a frame of printed text, "" for an empty cell.

    A starred row has " *" after its name. Raises ValueError for an unknown paper or table.

    >>> layout("advlatgan", "table4").loc["CIFAR-10 DCGAN", "bare FID"]
    '46.4 ± 0.7'
    """
    import pandas as pd

    mine = [c for c in cells(paper) if c["table"] == table]
    if not mine:
        known = dict.fromkeys(c["table"] for c in cells(paper))
        raise ValueError(f"table={table!r}: {paper} has {', '.join(known)}")
    rows: dict[str, dict[str, str]] = {}
    for c in mine:
        text = f"{c['value']} ± {c['spread']}" if c["spread"] else c["value"]
        rows.setdefault(c["row"] + (" *" if c["starred"] else ""), {})[c["column"]] = text
    columns = list(dict.fromkeys(c["column"] for c in mine))
    return pd.DataFrame(rows).T.reindex(columns=columns).fillna("")


@cache
def _rows(name: str) -> tuple[dict[str, str], ...]:
    path = FOLDER / name
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: the papers' tables are in data/papers of the repository; "
            "clone it and `pip install -e .` there"
        )
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))
