"""Entries of the log, and what they do to the rows on paper: nothing is computed here.

- (step, "set", name, value): a setting of all rows that have such a part; with a row's name at
  the end, of that row;
- (step, "d"), (step, "g"): one turn of D or of G alone, in all rows;
- (step, "branch", row, method): a new row takes over that row's state and goes on with another
  method;
- (step, "drop", row): the row ends.
"""

from collections.abc import Iterable
from typing import NamedTuple

from gantutor.course.lab.own import Own
from gantutor.course.lab.settings import SETTINGS, is_objective

MOST_ROWS = 5
# the changes, and how many values may follow each
CHANGES = {"set": (2, 3), "d": (0,), "g": (0,), "branch": (2,), "drop": (1,)}


class RowPlan(NamedTuple):
    """A row as the log describes it, before anything is computed."""

    name: str
    method: str | Own
    settings: dict


def check_form(entry: tuple) -> None:
    """Raise ValueError, quoting the entry, where it is not (step, change, ...)."""
    if len(entry) < 2 or not isinstance(entry[0], int) or entry[0] < 0 or entry[1] not in CHANGES:
        known = ", ".join(CHANGES)
        raise ValueError(
            f"log entry {entry!r}: expected (step, change, ...) with a change among {known}"
        )
    allowed = CHANGES[entry[1]]
    if len(entry) - 2 not in allowed:
        counts = " or ".join(map(str, allowed))
        raise ValueError(f"log entry {entry!r}: {entry[1]!r} takes {counts} values after it")
    if entry[1] == "set":
        name, value = entry[2:4]
        if name not in SETTINGS:
            raise ValueError(f"setting {name!r} is unknown; known: {', '.join(SETTINGS)}")
        SETTINGS[name].check(name, value)


def check_rows(entry: tuple, plans: list[RowPlan]) -> None:
    """Raise ValueError where an entry does not go with the rows that exist when it happens."""
    at, change, *rest = entry
    names = [p.name for p in plans]
    about = {"set": rest[2:], "branch": rest[:1], "drop": rest[:1]}.get(change, [])
    if about and about[0] not in names:
        raise ValueError(f"no row {about[0]!r} at step {at}; rows: {', '.join(names)}")
    if change == "branch" and len(names) == MOST_ROWS:
        raise ValueError(f"{MOST_ROWS} rows are the most: drop one of {', '.join(names)} first")
    if change == "drop" and len(names) == 1:
        raise ValueError(f"{names[0]!r} is the only row: a lab has at least one")


def after(plans: list[RowPlan], entry: tuple, own: dict[str, Own]) -> list[RowPlan]:
    """The rows after an entry; `own`: losses from cells, by name."""
    at, change, *rest = entry
    if change == "set":
        name, value, *to = rest
        return [_set(p, name, value) if concerns(p, name, to) else p for p in plans]
    if change == "branch":
        row, method = rest
        made = own.get(method, method)
        settings = dict(next(p.settings for p in plans if p.name == row))
        if is_objective(made):  # it has an objective of its own
            settings.pop("objective", None)
        name = method if method in own else f"{method} from {at}"
        return [*plans, RowPlan(_free(name, plans), made, settings)]
    if change == "drop":
        return [p for p in plans if p.name != rest[0]]
    return plans


def concerns(plan: RowPlan, setting: str, to: list[str]) -> bool:
    """Whether a setting concerns a row; `to`: [the row's name], or [] for all rows."""
    if to:
        return plan.name == to[0]
    return setting != "objective" or not is_objective(plan.method)


def shared(entries: Iterable[tuple], plans: list[RowPlan]) -> list[tuple]:
    """Settings of single rows, with one entry where all rows concerned have the same value."""
    entries = [e for e in entries if e[4] in {p.name for p in plans}]
    found = []
    for entry in entries:
        alike = {e[4] for e in entries if e[2:4] == entry[2:4]}
        concerned = {p.name for p in plans if concerns(p, entry[2], [])}
        found.append(entry[:4] if entry[4] in concerned <= alike else entry)
    return list(dict.fromkeys(found))


def _set(plan: RowPlan, name: str, value) -> RowPlan:
    return plan._replace(settings={**plan.settings, name: value})


def _free(name: str, plans: list[RowPlan]) -> str:
    """The name, with a number where a row has it already."""
    taken = {p.name for p in plans}
    numbered = (f"{name} ({i})" for i in range(2, 99))
    return next(n for n in (name, *numbered) if n not in taken)
