"""All rows by name."""

import difflib

from gantutor.reproduce.tables import adaptivemix, advlatgan, kddgan
from gantutor.reproduce.tables.row import Row

ROWS: dict[str, Row] = {
    row.name: row for paper in (adaptivemix, advlatgan, kddgan) for row in paper.rows()
}


def find(name: str) -> Row:
    """The row of that name; raises ValueError, with the nearest names.

    >>> find("kddgan/table2/kdd").steps
    100000
    """
    if name not in ROWS:
        close = difflib.get_close_matches(name, ROWS, 3, 0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else "see tables.ROWS"
        raise ValueError(f"unknown row {name!r}: {hint}")
    return ROWS[name]
