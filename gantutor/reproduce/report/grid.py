"""A printed table next to our values, as its template draws it."""

from dataclasses import dataclass, field

from gantutor.reproduce.claims import number
from gantutor.reproduce.records import SAME
from gantutor.reproduce.report.footnotes import footnotes, mark
from gantutor.reproduce.report.printed import Line, PrintedRow, Table, own_value
from gantutor.reproduce.report.sections import printed_difference


@dataclass(frozen=True)
class GridCell:
    """A printed value with its footnotes and, where it was measured alike, ours in a few lines."""

    column: str
    text: str = ""
    marks: str = ""
    ours: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ours:
    """What we have for a variant of a row, on another scale than the paper's.

    why: the reason for its status
    measure: what `value` was measured by
    value: "" where there is none
    difference: to the baseline's value; None for a baseline
    notes: on the difference
    """

    label: str
    status: str
    why: str
    measure: str = "kd_small"
    value: str = ""
    difference: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class GridRow:
    """A row of the grid: its printed cells, our variants and the anchors of their sections."""

    name: str
    marks: str
    starred: bool
    control: bool
    anchors: list[str]
    cells: list[GridCell]
    ours: list[Ours]


@dataclass(frozen=True)
class Grid:
    """A table as it is drawn.

    columns: names with their footnotes
    beside: ours is on the same line as the row, otherwise on lines of its own below it
    trained: whether any variant of it can be trained
    measures: of our values
    """

    columns: list[tuple[str, str]]
    rows: list[GridRow]
    legend: list[tuple[str, str]]
    beside: bool
    trained: bool
    measures: list[str] = field(default_factory=list)

    @property
    def wide(self) -> bool:
        return len(self.columns) > 6

    @property
    def starred(self) -> bool:
        return any(row.starred for row in self.rows)

    @property
    def compared(self) -> bool:
        """Whether ours is below a printed value anywhere."""
        return any(cell.ours for row in self.rows for cell in row.cells)


def grid(t: Table) -> Grid:
    """The printed rows and ours."""
    marks, legend = footnotes(t)
    rows = [_grid_row(t, row, marks) for row in t.rows]
    return Grid(
        [(c, mark(marks, "column", c)) for c in t.columns],
        rows,
        legend,
        beside=len(t.columns) < 7 and all(len(row.lines) == 1 for row in t.rows),
        trained=bool(t.sections),
        measures=list(dict.fromkeys(s.scale for s in t.ran)) or ["kd_small"],
    )


def _grid_row(t: Table, row: PrintedRow, marks: dict) -> GridRow:
    mine = [line.section for line in row.lines if line.section and not line.again]
    return GridRow(
        row.name,
        mark(marks, "row", row.name),
        row.starred,
        control=not row.cells,
        # a row that is printed in two tables has its section, and its anchor, in one of them
        anchors=[s.anchor for s in mine if s.target.name.startswith(f"{t.name}:")],
        cells=[_cell(row, column, marks) for column in t.columns],
        ours=_merged([_ours(line) for line in row.lines]),
    )


def _cell(row: PrintedRow, column: str, marks: dict) -> GridCell:
    cell = row.cells.get(column)
    if cell is None:
        return GridCell(column)
    text = f"{cell['value']} ± {cell['spread']}" if cell["spread"] else cell["value"]
    return GridCell(column, text, mark(marks, "cell", row.name, column), _own(row, cell))


def _own(row: PrintedRow, cell: dict[str, str]) -> tuple[str, ...]:
    """Ours in the paper's measure: value, interval, less the paper's, less the baseline's."""
    for line in row.lines:
        own = own_value(line, cell)
        if own is None:
            continue
        s, off = line.section, own.mean - float(cell["value"])
        lines = [f"ours {number(own.mean)}", own.interval, f"{'+' * (off > 0)}{number(off)}"]
        if s.baseline and (held := s.spread(SAME[cell["metric"]], s.baseline)):
            lines.append(f"{held} to {_last(s.baseline)}")
        return tuple(filter(None, lines))
    return ()


def _merged(found: list[Ours]) -> list[Ours]:
    """Variants that have no values and the same status share a line."""
    merged: list[Ours] = []
    for ours in found:
        last = merged[-1] if merged else None
        if (
            last
            and not ours.value
            and (last.status, last.why, last.value)
            == (
                ours.status,
                ours.why,
                "",
            )
        ):
            merged[-1] = Ours(f"{last.label}, {ours.label}", ours.status, ours.why, ours.measure)
        else:
            merged.append(ours)
    return merged


def _ours(line: Line) -> Ours:
    s = line.section
    measure = s.scale if s and s.own else "kd_small"
    value = s.spread(measure) if s and s.own and not line.again else None
    why = _why(line)
    if value is None:
        return Ours(line.label, line.status, why, measure)
    if not s.baseline:
        return Ours(line.label, line.status, why, measure, str(value))
    difference, printed = s.spread(measure, s.baseline), printed_difference(s)
    notes = [f"to {_last(s.baseline)}", *([f"the paper's FID: {printed}"] if printed else [])]
    return Ours(
        line.label, line.status, why, measure, str(value), str(difference or "–"), tuple(notes)
    )


def _why(line: Line) -> str:
    """The reason for a line's status, where it is not given below the table."""
    s = line.section
    if line.again:
        return f"as in row {line.again}"
    if s is None:
        return ""
    note = s.verdicts[0].note if s.verdicts else ""
    if line.status == "not run":
        return s.lacks or note
    if line.status == "measured":
        return s.unlike if s.scale == "fid" else ""
    return note


def _last(row: str) -> str:
    return row.rsplit("/", 1)[1]
