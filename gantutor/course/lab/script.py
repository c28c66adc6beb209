"""The lab's script: how it starts and what is changed when; which rows exist follows from it.

**The script is the state.** Whatever a person does, except looking, is an entry of its log and
happens between two steps. Where the rows stand at a step follows from the start and the log alone,
so reset, going back and branching all replay the log up to that step.
"""

import contextlib
from collections.abc import Iterable

from gantutor.course.lab.entries import MOST_ROWS, RowPlan, after, check_form, check_rows, shared
from gantutor.course.lab.own import Own
from gantutor.course.lab.settings import SETTINGS
from gantutor.course.lab.worlds import world_literal
from gantutor.plain import whole
from gantutor.recipes import METHODS, OBJECTIVES

FOUR = tuple(METHODS)
USUAL = {"data": "nine", "seed": 0, "width": 64, "rows": list(FOUR), "log": []}


class Script:
    """Data, seed, width, the rows at the start, and a log of changes.

    start: {"data", "seed", "width", "rows"}, plain literals
    log: entries (step, change, ...), see `entries`, in the order of their steps
    own: losses from cells, by name
    joining: names of those among them that branch off later

    Raises ValueError for anything unknown.
    """

    def __init__(self, data, seed: int, rows: Iterable, width: int, log: Iterable[tuple]):
        self.own: dict[str, Own] = {}
        names = [self.know(row) for row in ([rows] if isinstance(rows, str) else rows)]
        if not 1 <= len(names) <= MOST_ROWS or len(set(names)) < len(names):
            raise ValueError(f"rows={names}: expected 1 to {MOST_ROWS} different rows")
        self.start = {
            "data": world_literal(data),
            "seed": whole("seed", seed, 0),
            "width": whole("width", width, 2),
            "rows": tuple(names),
        }
        entries = sorted(map(tuple, log), key=_step_of)
        branches = [e for e in entries if e[1:2] == ("branch",) and len(e) == 4]
        self.joining = {e[3] for e in branches if e[3] in self.own}
        self.log: list[tuple] = []
        for entry in entries:
            self.check(entry)
            self.log.append(entry)

    def know(self, row) -> str:
        """The name of a row; a loss from a cell is remembered by it."""
        if isinstance(row, str):
            if row not in METHODS | OBJECTIVES and row not in self.own:
                known = ", ".join([*METHODS, *OBJECTIVES, *self.own])
                raise ValueError(f"method {row!r} is unknown; known: {known}")
            return row
        own = row if isinstance(row, Own) else Own(getattr(row, "__name__", "?"), row)
        if not own.name.isidentifier() or own.name in METHODS | OBJECTIVES:
            raise ValueError(
                f"a loss named {own.name!r}: give it a Python name of its own, as `def mine(turn)`"
            )
        self.own[own.name] = own
        return own.name

    # -- reading ----------------------------------------------------------------------------------
    def plans(self, step: int) -> list[RowPlan]:
        """The rows that exist when `step` is reached, before its own entries."""
        names = [n for n in self.start["rows"] if n not in self.joining]
        plans = [RowPlan(n, self.own.get(n, n), {}) for n in names]
        for entry in self.log:
            if entry[0] < step:
                plans = after(plans, entry, self.own)
        return plans

    def at(self, step: int) -> list[tuple]:
        """The entries of a step."""
        return [e for e in self.log if e[0] == step]

    def check(self, entry: tuple) -> None:
        """Raise ValueError where an entry cannot follow the others of its step."""
        check_form(entry)
        check_rows(entry, self.plans(entry[0] + 1))
        if entry[1] == "branch":
            self.know(entry[3])

    def literals(self) -> dict:
        """The arguments that rebuild this script, without defaults; own losses are themselves."""
        rows = [self.own.get(n, n) for n in self.start["rows"]]
        given = {**self.start, "rows": rows, "log": list(self.log)}
        return {k: v for k, v in given.items() if v != USUAL[k]}

    # -- writing ----------------------------------------------------------------------------------
    def write(self, step: int, change: str, *rest) -> tuple:
        """Put an entry at the end of a step, and return it in the form in which the log keeps it.

        Later entries are dropped, except after a branch, whose old future stays next to the new
        one. Raises ValueError, and changes nothing, for an entry that cannot be.
        """
        if change == "set" and len(rest) > 1 and rest[0] in SETTINGS:
            name, value, *to = rest
            rest = (name, SETTINGS[name].check(name, value), *to)
        entry = (step, change, *rest)
        before, later = self.log, [e for e in self.log if e[0] > step]
        self.log = [e for e in self.log if e[0] <= step]
        try:
            self.check(entry)
        except ValueError:
            self.log = before
            raise
        self.log = [*_without_same(self.log, entry), entry]
        if change == "branch":
            self.log += later
        # losses whose branch was among the dropped entries never join
        lost = self.joining - {e[3] for e in self.log if e[1] == "branch"}
        self.joining -= lost
        self.start["rows"] = tuple(n for n in self.start["rows"] if n not in lost)
        return entry

    def admit(self, own: Own, step: int) -> str:
        """Let a loss from a cell join at `step` at the earliest; returns its name.

        A former version of that name goes, with everything in the log that refers to it.
        """
        others = [p.name for p in self.plans(step + 1) if p.name != own.name]
        if not others:
            raise ValueError(f"{own.name} is the only row: begin a lab with another row next to it")
        if len(others) == MOST_ROWS:
            raise ValueError(
                f"{MOST_ROWS} rows are the most: drop one of {', '.join(others)} for {own.name}"
            )
        self.know(own)
        self.joining.add(own.name)
        if own.name not in self.start["rows"]:
            self.start["rows"] = (*self.start["rows"], own.name)
        old, self.log = self.log, []
        for entry in old:
            if own.name not in entry[2:]:
                with contextlib.suppress(ValueError):
                    self.check(entry)
                    self.log.append(entry)
        return own.name

    def restarted(self, now: list[RowPlan], **start) -> "Script":
        """A script from step 0, in which the rows of the start keep their settings.

        now: the rows as they are, with their settings
        start: other data, seed, width or rows
        """
        there = {p.name for p in now}
        rows = start.pop("rows", None)
        if not rows:
            rows = [n for n in self.start["rows"] if n not in self.own or n in there]
        kept = {k: self.start[k] for k in ("data", "seed", "width")}
        named = [self.own.get(r, r) if isinstance(r, str) else r for r in rows]
        new = Script(**{**kept, **start}, rows=named, log=())
        new.own = {**self.own, **new.own}
        single = [
            (0, "set", name, value, plan.name)
            for plan in now
            if plan.name in self.start["rows"]
            for name, value in plan.settings.items()
        ]
        for entry in shared(single, new.plans(0)):
            new.check(entry)
            new.log.append(entry)
        return new


def _without_same(log: list[tuple], entry: tuple) -> list[tuple]:
    """The log without an earlier value of the same setting: a slider's way leaves one entry."""
    for i, old in reversed(list(enumerate(log))):
        if (old[0], old[1], entry[1]) != (entry[0], "set", "set"):
            break  # something else happened in between
        if (old[2], old[4:]) == (entry[2], entry[4:]):
            return log[:i] + log[i + 1 :]
    return log


def _step_of(entry: tuple) -> int:
    """The step of an entry, -1 for one that has none and is refused first."""
    return entry[0] if entry and isinstance(entry[0], int) else -1
