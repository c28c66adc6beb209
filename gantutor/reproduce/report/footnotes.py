"""The notes of a printed table's cells as footnotes, each marked where it is shortest."""

from collections.abc import Iterable, Mapping

from gantutor.reproduce.report.printed import PrintedRow, Table

LETTERS = "abcdefghijklmnopqrstuvwxyz"
Key = tuple[str, ...]  # ("column", name), ("row", name) or ("cell", row, column)


def footnotes(t: Table) -> tuple[dict[Key, list[str]], list[tuple[str, str]]]:
    """The letters at each place, and each letter with its note.

    A note is marked at a column's head or a row's name where all cells there share it, otherwise
    at the cells. Notes of the same cells share a letter.
    """
    together: dict[frozenset, list[str]] = {}
    for note, cells in _places(t.rows).items():
        together.setdefault(frozenset(cells), []).append(note)
    marks: dict[Key, list[str]] = {}
    for letter, cells in zip(LETTERS, together, strict=False):
        for key in _shortest(t, cells):
            marks.setdefault(key, []).append(letter)
    listed = zip(LETTERS, map("; ".join, together.values()), strict=False)
    return marks, list(listed)


def mark(marks: Mapping[Key, list[str]], *key: str) -> str:
    """The letters at a place, "" for none."""
    return " ".join(marks.get(key, ()))


def _places(rows: Iterable[PrintedRow]) -> dict[str, set[tuple[str, str]]]:
    """{note: the cells that have it, as (row, column)}."""
    where: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        for column, cell in row.cells.items():
            for note in filter(None, cell["note"].split("; ")):
                where.setdefault(note, set()).add((row.name, column))
    return where


def _shortest(t: Table, cells: frozenset[tuple[str, str]]) -> list[Key]:
    """The fewest places that stand for these cells: whole columns, then whole rows, then cells."""
    left, found = set(cells), []
    for column in t.columns:
        # starred rows were copied from elsewhere and have notes of their own
        whole = {(row.name, column) for row in t.rows if column in row.cells and not row.starred}
        if whole and whole <= left:
            found.append(("column", column))
            left = {cell for cell in left if cell[1] != column}
    for row in t.rows:
        whole = {(row.name, column) for column in row.cells}
        if whole and whole <= left:
            found.append(("row", row.name))
            left -= whole
    return found + [("cell", *cell) for cell in sorted(left)]
