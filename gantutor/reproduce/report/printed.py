"""The papers' tables, row by row, with the sections of the rows that the package can train."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from gantutor.reproduce import papers
from gantutor.reproduce.claims import Spread
from gantutor.reproduce.ledger import STALE
from gantutor.reproduce.records import SAME
from gantutor.reproduce.report.sections import Section, afresh, unlike
from gantutor.reproduce.targets import CONTROLS, LESSON_TARGETS

NO_RECIPE = "the package has no recipe for it"


@dataclass(eq=False)
class Line:
    """One variant of a printed row.

    label: tells the variants of a row apart
    section: None where nothing can be trained: then `reason` says why
    again: the row above that already shows this section; "" for none
    """

    status: str
    label: str = ""
    section: Section | None = None
    reason: str = ""
    again: str = ""


@dataclass(eq=False)
class PrintedRow:
    """A printed row, {column: cell}, and its lines; one without cells is a control of ours."""

    name: str
    starred: bool
    cells: dict[str, dict[str, str]]
    lines: list[Line]


@dataclass(eq=False)
class Table:
    """A paper's table, laid out as there.

    lessons: sections of the figures and lessons that are about it
    """

    name: str
    paper: str
    where: str
    title: str
    note: str
    columns: list[str]
    rows: list[PrintedRow]
    lessons: list[Section]

    @property
    def anchor(self) -> str:
        return "table-" + self.name.replace("/", "-")

    @property
    def lines(self) -> list[Line]:
        """Each variant once."""
        return [line for row in self.rows for line in row.lines if not line.again]

    @property
    def sections(self) -> list[Section]:
        """Of the variants that the package can train."""
        return [line.section for line in self.lines if line.section]

    @property
    def ran(self) -> list[Section]:
        """Those with a record of their own."""
        return [s for s in self.sections if s.own]

    @property
    def counts(self) -> Counter:
        return Counter(line.status for line in self.lines)

    @property
    def command(self) -> str:
        """What runs its missing rows or, where none is missing, its outdated ones; "" for none."""
        missing = [s for s in self.sections if s.status == "not run"]
        wanted = missing or [s for s in self.sections if STALE in s.problems]
        if not wanted:
            return ""
        names = " ".join(dict.fromkeys(s.target.name.split(":")[0] for s in wanted))
        first = next((s for s in self.sections if s.results), self.sections[0])
        command = re.sub(r"(?<=reproduce )\S+", names, first.command)
        return command if missing else afresh(command)


def tables(sections: Iterable[Section]) -> list[Table]:
    """Every table of the papers, in their order, with the sections of its rows."""
    sections = list(sections)
    by_row = {s.row: s for s in sections if s.row}
    by_name = {s.target.name: s for s in sections}
    lessons = [s for s in sections if s.target in LESSON_TARGETS]
    found = []
    for about in papers.tables():
        whole = by_name.get(f"{about['paper']}/{about['table']}")
        not_yet = whole.target.not_yet if whole else ""
        found.append(_table(about, by_row, lessons, not_yet))
    return found


def _table(
    about: dict[str, str], by_row: dict[str, Section], lessons: list[Section], not_yet: str
) -> Table:
    name, number = f"{about['paper']}/{about['table']}", about["table"].removeprefix("table")
    cells = [c for c in papers.cells(about["paper"]) if c["table"] == about["table"]]
    paper = next(s.target.paper for s in lessons if s.target.name.startswith(about["paper"]))
    about_it = [
        s
        for s in lessons
        if s.target.paper == paper and number in re.findall(r"\d+", s.target.where.split("Fig")[0])
    ]
    taught = bool(about_it) and not any(c["recipe"] for c in cells)
    rows, seen = [], {}
    for row in dict.fromkeys(c["row"] for c in cells):
        mine = {c["column"]: c for c in cells if c["row"] == row}
        recipes = list(dict.fromkeys(c["recipe"] for c in mine.values() if c["recipe"]))
        lines = [
            Line(by_row[r].status, label, by_row[r], again=seen.get(r, ""))
            for r, label in zip(recipes, labels(recipes), strict=True)
        ]
        seen |= {r: seen.get(r, row) for r in recipes}
        lines = lines or [Line("not yet", reason=not_yet or _reason(mine, taught))]
        rows.append(PrintedRow(row, any(c["starred"] for c in mine.values()), mine, lines))
    for r in (r for r in CONTROLS if r.startswith(f"{name}/")):
        rows.append(
            PrintedRow(
                r.removeprefix(f"{name}/"), False, {}, [Line(by_row[r].status, "", by_row[r])]
            )
        )
    columns = list(dict.fromkeys(c["column"] for c in cells))
    title, note = about["title"], about["note"]
    return Table(name, paper, f"Table {number}", title, note, columns, rows, about_it)


def _reason(cells: dict[str, dict[str, str]], taught: bool) -> str:
    """Why there is nothing to train for a row; `taught`: lessons are about its table."""
    notes = list(dict.fromkeys(c["note"] for c in cells.values() if c["note"]))
    starred = any(c["starred"] for c in cells.values())
    copied = notes[:1] if starred or any("copied" in note for note in notes) else []
    return "; ".join([NO_RECIPE, *copied, *(["only the lessons cover it"] if taught else [])])


def labels(recipes: list[str]) -> list[str]:
    """What tells the recipes of one row apart; a single one needs no label.

    >>> labels(["a/dcgan/bare", "a/dcgan/qua"])
    ['bare', 'qua']
    """
    parts = list(zip(*(r.split("/") for r in recipes), strict=True)) if recipes else []
    return [" ".join(p[i] for p in parts if len(set(p)) > 1) for i in range(len(recipes))]


def own_value(line: Line, cell: dict[str, str]) -> Spread | None:
    """Our value in the paper's measure for a printed cell of this line's recipe.

    None where only stand-ins were measured, or under a protocol that is not the cell's.
    """
    same, s = SAME.get(cell["metric"]), line.section
    if not same or s is None or s.row != cell["recipe"] or s.own is None or unlike(cell, s.own[1]):
        return None
    return s.spread(same)
