"""The lab's world and its time, without threads or pictures: rows that train side by side, and a log of what was changed.

**The log is the state.** A lab is (data, seed, width, rows, log); everything a person does except looking is an entry in the log
and happens at the boundary of a step. Where the rows stand at step s follows from these alone, so reset, going back and
branching are all "replay the log up to s". Snapshots only make that quick.
"""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from gantutor.course.lab.rows import (
    MOST_ROWS,
    SETTINGS,
    Own,
    is_objective,
    recipe_of,
    told,
    world,
    world_literal,
)
from gantutor.descriptions import describe
from gantutor.fields import Axes, principal_axes
from gantutor.metrics.toy import energy_distance, high_quality, modes_covered
from gantutor.recipes import METHODS, OBJECTIVES
from gantutor.train import Run

FOUR = tuple(METHODS)
LOOK_EVERY = 20  # steps between two measurements
FAKES = 600  # that are measured; energy_distance wants whole blocks of twenty
FIRST_GAP, MOST_SNAPSHOTS = 10, 48
ROOM = 200e6  # bytes that all snapshots may take together
CHANGES = ("set", "d", "g", "branch", "drop")


class Measured(NamedTuple):
    """600 fakes of a row against the exact truth, at a step: modes covered, share of high quality, energy distance, and how
    often D is right about real and fake (0.5: it cannot tell).
    """

    step: int
    modes: float
    quality: float
    distance: float
    right: float


@dataclass
class Row:
    """One GAN of the lab. `failed`: what went wrong with it, "" as long as it trains."""

    name: str
    method: str | Own
    run: Run
    settings: dict = field(default_factory=dict)
    failed: str = ""
    axes: tuple[int, Axes] | None = (
        None  # a view of its features, and the step at which it was chosen
    )
    at_hand: bool = False  # whether a turn of D alone has just left reals for a turn of G

    @torch.no_grad()
    def choose_axes(self, step: int) -> None:
        """The two directions in which the features of reals and fakes spread most now; they stay until `axes_due`."""
        turn = self.run.fresh_turn(256)
        self.axes = (step, principal_axes(torch.cat([turn.real.features, turn.fake.features])))


class Plan(NamedTuple):
    """A row as the log describes it, before anything is computed."""

    name: str
    method: str | Own
    settings: dict


def axes_due(step: int) -> bool:
    """Feature axes are chosen anew at 0, 50, 100, 200, 400, ... steps, so that they stand still most of the time."""
    return step == 0 or step % 50 == 0 and (step // 50) & (step // 50 - 1) == 0


class Timeline:
    """Rows with the same data, seed, noise and first weights under one clock; `step` whole steps are done.

    `rows`: names of `recipes.METHODS` and `OBJECTIVES`, and own losses (functions or classes, see `rows.Own`), at most five at
    a time. An own loss that the log lets branch off joins there, not at the start. `log`: entries (step, change, ...):

    - (step, "set", name, value) for all rows that have such a part, (step, "set", name, value, row) for one;
    - (step, "d"), (step, "g"): one turn of D or G alone, in all rows;
    - (step, "branch", row, method): a new row takes over that row's state and goes on with another method;
    - (step, "drop", row).

    Raises ValueError for what it does not know; then nothing has changed.
    """

    def __init__(
        self,
        data="nine",
        seed: int = 0,
        rows: Iterable = FOUR,
        width: int = 64,
        log: Iterable[tuple] = (),
    ):
        self.own: dict[str, Own] = {}
        names = [self._known(row) for row in ([rows] if isinstance(rows, str) else rows)]
        if not 1 <= len(names) <= MOST_ROWS or len(set(names)) < len(names):
            raise ValueError(f"rows={names}: expected 1 to {MOST_ROWS} different rows")
        self.start = {
            "data": world_literal(data),
            "seed": _whole("seed", seed, 0),
            "width": _whole("width", width, 2),
            "rows": tuple(names),
        }
        self.log: list[tuple] = []
        entries = sorted(
            (tuple(e) for e in log), key=lambda e: e[0] if e and isinstance(e[0], int) else -1
        )
        self.joining = {
            e[3] for e in entries if e[1:2] == ("branch",) and len(e) == 4 and e[3] in self.own
        }  # own losses that come later
        for entry in entries:
            self._check(entry)
            self.log.append(entry)
        self._begin()

    def _known(self, row) -> str:
        """A row's name; an own loss is remembered by it."""
        if isinstance(row, str):
            if row not in METHODS | OBJECTIVES and row not in self.own:
                raise ValueError(
                    f"method {row!r} is unknown; known: {', '.join([*METHODS, *OBJECTIVES, *self.own])}"
                )
            return row
        own = row if isinstance(row, Own) else Own(getattr(row, "__name__", "?"), row)
        if not own.name.isidentifier() or own.name in METHODS | OBJECTIVES:
            raise ValueError(
                f"a loss of the name {own.name!r}: give it a Python name of its own, as `def mine(turn)`"
            )
        self.own[own.name] = own
        return own.name

    def _method(self, name: str) -> str | Own:
        return self.own.get(name, name)

    # -- beginning --------------------------------------------------------------------------------------------------------
    def _begin(self) -> None:
        """Everything as at step 0, the log in place."""
        self.world = world(self.start["data"])
        self.truth = {
            "modes": float(len(self.world.modes)),
            "quality": high_quality(self.world, self.world.sample(40, 0)).truth,
            "distance": 0.0,
        }
        self.step, self.furthest, self.gap = 0, 0, FIRST_GAP
        self.half: list | None = None  # rows in the middle of a step, for slow motion
        self.snapshots: dict[int, dict] = {}
        self.measured: dict[str, dict[int, Measured]] = {}
        self.rows = [self._row(plan) for plan in self._plans(0)]
        self._arrive()

    def _plans(self, step: int) -> list[Plan]:
        """The rows that exist when `step` is reached, before its own entries: the log read, nothing computed."""
        plans = [Plan(n, self._method(n), {}) for n in self.start["rows"] if n not in self.joining]
        for entry in self.log:
            if entry[0] < step:
                plans = self._after(plans, entry)
        return plans

    def _after(self, plans: list[Plan], entry: tuple) -> list[Plan]:
        """The rows after an entry."""
        at, change, *rest = entry
        if change == "set":
            name, value, *to = rest
            return [
                p._replace(settings={**p.settings, name: value}) if _concerns(p, name, to) else p
                for p in plans
            ]
        if change == "branch":
            source = next(p for p in plans if p.name == rest[0])
            method = self._method(rest[1])
            settings = {
                k: v
                for k, v in source.settings.items()
                if k != "objective" or not is_objective(method)
            }
            return [*plans, Plan(self._branch_name(at, rest[1], plans), method, settings)]
        if change == "drop":
            return [p for p in plans if p.name != rest[0]]
        return plans

    def _branch_name(self, step: int, method: str, plans: list[Plan]) -> str:
        name, taken = (
            method if method in self.own else f"{method} from {step}",
            {p.name for p in plans},
        )
        return next(n for n in [name, *(f"{name} ({i})" for i in range(2, 99))] if n not in taken)

    def _row(self, plan: Plan) -> Row:
        recipe = recipe_of(plan.method, plan.settings, self.start["width"], self.world.limit)
        return Row(
            plan.name, plan.method, Run(recipe, self.world, self.start["seed"]), dict(plan.settings)
        )

    def row(self, name: str) -> Row:
        """The row of that name; raises ValueError naming those that are there."""
        found = [r for r in self.rows if r.name == name]
        if not found:
            raise ValueError(
                f"no row {name!r} at step {self.step}; rows: {', '.join(r.name for r in self.rows)}"
            )
        return found[0]

    # -- entries ----------------------------------------------------------------------------------------------------------
    def _check(self, entry: tuple) -> None:
        """Whether an entry can stand at the end of the log; raises ValueError."""
        if (
            len(entry) < 2
            or not isinstance(entry[0], int)
            or entry[0] < 0
            or entry[1] not in CHANGES
        ):
            raise ValueError(
                f"log entry {entry!r}: expected (step, change, ...) with a change among {', '.join(CHANGES)}"
            )
        at, change, *rest = entry
        plans = self._plans(at + 1)
        names = [p.name for p in plans]
        wanted = {"set": (2, 3), "d": (0,), "g": (0,), "branch": (2,), "drop": (1,)}[change]
        if len(rest) not in wanted:
            raise ValueError(
                f"log entry {entry!r}: {change!r} takes {' or '.join(map(str, wanted))} values after it"
            )
        if change == "set":
            if rest[0] not in SETTINGS:
                raise ValueError(f"setting {rest[0]!r} is unknown; known: {', '.join(SETTINGS)}")
            SETTINGS[rest[0]].check(rest[0], rest[1])
        about = rest[2:] if change == "set" else rest[:1] if change in ("branch", "drop") else []
        if about and about[0] not in names:
            raise ValueError(f"no row {about[0]!r} at step {at}; rows: {', '.join(names)}")
        if change == "branch":
            self._known(rest[1])
            if len(names) == MOST_ROWS:
                raise ValueError(
                    f"{MOST_ROWS} rows are the most: drop one of {', '.join(names)} first"
                )
        if change == "drop" and len(names) == 1:
            raise ValueError(f"{names[0]!r} is the only row: it stays")

    def change(self, change: str, *rest) -> None:
        """Something happens at this step: it goes into the log and into the rows. What the log held for later is gone, except
        after a branch, whose old future stays beside the new one.
        """
        self.finish()
        entry = (self.step, change, *rest)
        if change == "set" and rest[0] in SETTINGS:
            entry = (self.step, change, rest[0], SETTINGS[rest[0]].check(*rest[:2]), *rest[2:])
        later = [e for e in self.log if e[0] > self.step]
        self.log, before = [e for e in self.log if e[0] <= self.step], self.log
        try:
            self._check(entry)
        except ValueError:
            self.log = before
            raise
        for old in reversed(
            [e for e in self.log if e[0] == self.step]
        ):  # a slider on its way leaves one entry, not fifty
            if old[1] != "set":
                break
            if change == "set" and (old[2], old[4:]) == (entry[2], entry[4:]):
                self.log.remove(old)
                break
        self.log.append(entry)
        if change == "branch":
            self.log += later
        lost = self.joining - {
            e[3] for e in self.log if e[1] == "branch"
        }  # their joining lay in what was just written over
        self.joining -= lost
        self.start["rows"] = tuple(n for n in self.start["rows"] if n not in lost)
        self._forget_later(measured=change != "branch")
        self._apply(entry)

    def _forget_later(self, measured: bool) -> None:
        self.snapshots = {s: v for s, v in self.snapshots.items() if s <= self.step}
        if measured:
            self.measured = {
                n: {s: m for s, m in v.items() if s <= self.step} for n, v in self.measured.items()
            }
            self.furthest = self.step

    def _apply(self, entry: tuple) -> None:
        """What an entry does to the rows."""
        at, change, *rest = entry
        if change in ("d", "g"):
            for row in self.rows:
                self._guarded(row, lambda row=row: self._turn(row, change))
            return
        plans = self._after([Plan(r.name, r.method, r.settings) for r in self.rows], entry)
        known = {r.name: r for r in self.rows}
        if change == "branch":
            source = known[rest[0]]
            row = self._row(plans[-1])
            _take_over(row.run, source.run.state_dict())
            row.axes = source.axes
            self.rows.append(row)
            self._measure(row)
            return
        self.rows = [known[p.name] for p in plans]
        for row, plan in zip(self.rows, plans, strict=True):
            if plan.settings != row.settings:
                row.settings = dict(plan.settings)
                _become(
                    row.run,
                    recipe_of(row.method, row.settings, self.start["width"], self.world.limit),
                )

    def _turn(self, row: Row, player: str) -> None:
        """One player's turn alone. G needs reals at hand: those of a turn of D just before, or fresh ones from the row's own numbers."""
        if player == "d":
            row.run.d_turn()
            row.at_hand = True
            return
        if not row.at_hand:
            row.run.turns = [row.run.fresh_turn(row.run.batch, row.run.rng)]
        row.run.g_turn()

    def _guarded(self, row: Row, act: Callable[[], None]) -> None:
        """A row that fails stops with its reason; the others go on."""
        if row.failed:
            return
        try:
            act()
        except Exception as error:  # whatever a student's loss may raise
            row.failed = told(error)

    # -- time -------------------------------------------------------------------------------------------------------------
    def advance(self, spread: Callable = map) -> None:
        """One whole step of every row, and what the log says for the step that is reached. `spread` as the builtin `map`: an executor's lets
        rows train side by side; each has its own nets and numbers, so that nothing else changes.
        """
        self.finish() if self.half else self._whole(spread)

    def _whole(self, spread: Callable) -> None:
        list(
            spread(
                lambda row: self._guarded(row, lambda: [None for _ in row.run.take_step()]),
                self.rows,
            )
        )
        self._tick()

    def half_step(self) -> str:
        """Slow motion: D's turns of a step, then at the next call G's; returns the player that moved."""
        if self.half is None:
            self.half = [(row, row.run.take_step()) for row in self.rows]
            for row, steps in self.half:
                self._guarded(
                    row,
                    lambda row=row, steps=steps: [next(steps) for _ in range(row.run.recipe.n_dis)],
                )
            return "d"
        self.finish()
        return "g"

    def finish(self) -> None:
        """Complete a step that slow motion has begun."""
        if self.half is None:
            return
        for row, steps in self.half:
            self._guarded(row, lambda steps=steps: [None for _ in steps])
        self.half = None
        self._tick()

    def _tick(self) -> None:
        self.step += 1
        self._arrive()

    def _arrive(self) -> None:
        """At the boundary of a step: keep a snapshot, measure, choose axes; then the log's entries."""
        self.furthest = max(self.furthest, self.step)
        for row in self.rows:
            row.at_hand = False
            if axes_due(self.step):
                row.choose_axes(self.step)
        if self.step % self.gap == 0 and self.step not in self.snapshots:
            self._keep()
        if self.step % LOOK_EVERY == 0:
            for row in self.rows:
                self._measure(row)
        for entry in [e for e in self.log if e[0] == self.step]:
            self._apply(entry)

    def goto(
        self, step: int, halt: Callable[[], bool] = lambda: False, spread: Callable = map
    ) -> None:
        """Stand at `step`, exactly as it was or will be; `halt()` may stop a long way there between two steps. `spread`: see `advance`."""
        _whole("step", step, 0)
        self.finish()
        near = max(s for s in self.snapshots if s <= step)
        if not near <= self.step <= step:
            self._restore(near)
        while self.step < step and not halt():
            self.advance(spread)

    def restart(self, **start) -> None:
        """Back to the very same first weights, or with another `data`, `seed`, `width` or `rows`. Settings stay as they are now;
        what else is in the log, and the branches, are gone.
        """
        kept = [
            (0, "set", name, value, row.name)
            for row in self.rows
            if row.name in self.start["rows"]
            for name, value in row.settings.items()
        ]
        joined = [row.name for row in self.rows if row.name in self.own]
        rows = start.pop("rows", None) or [
            n for n in self.start["rows"] if n not in self.own or n in joined
        ]
        new = Timeline(
            **{**{k: self.start[k] for k in ("data", "seed", "width")}, **start},
            rows=[self._method(r) if isinstance(r, str) else r for r in rows],
        )
        new.own = {**self.own, **new.own}
        for entry in _summed(kept, new.rows):
            new._check(entry)
            new.log.append(entry)
            new._apply(entry)
        self.__dict__.update(new.__dict__)

    def method(self, own: Own) -> str:
        """A loss from a cell joins at this step, as a branch of the first row; its former version of that name goes. Returns
        the row's name.
        """
        self.finish()
        others = [r.name for r in self.rows if r.name != own.name]
        if not others:
            raise ValueError(
                f"{own.name} is the only row, and its new version goes on from another: begin a lab with two rows"
            )
        if len(others) == MOST_ROWS:
            raise ValueError(
                f"{MOST_ROWS} rows are the most: drop one of {', '.join(others)} before {own.name} can join"
            )
        self._known(own)
        self.joining.add(own.name)
        if own.name not in self.start["rows"]:
            self.start["rows"] = (*self.start["rows"], own.name)
        old, self.log = self.log, []
        for entry in old:  # without the former version, and without what hung on it
            if own.name not in entry[2:]:
                with contextlib.suppress(ValueError):
                    self._check(entry)
                    self.log.append(entry)
        left = {p.name for p in self._plans(self.step + 1)} - {own.name}
        self.rows = [r for r in self.rows if r.name in left]
        self.measured.pop(own.name, None)
        self.change("branch", self.rows[0].name, own.name)
        return own.name

    # -- snapshots --------------------------------------------------------------------------------------------------------
    def _keep(self) -> None:
        """Snapshots lie at multiples of a gap; where they become too many, the gap doubles and every second one goes."""
        self.snapshots[self.step] = {
            r.name: (r.run.state_dict(), r.failed, r.axes) for r in self.rows
        }
        size = sum(_bytes(state) for state, *_ in self.snapshots[self.step].values())
        if len(self.snapshots) > max(8, min(MOST_SNAPSHOTS, int(ROOM / max(size, 1)))):
            self.gap *= 2
            self.snapshots = {s: v for s, v in self.snapshots.items() if s % self.gap == 0}

    def _restore(self, step: int) -> None:
        kept, known, rows = self.snapshots[step], {r.name: r for r in self.rows}, []
        for plan in self._plans(step):
            row = known.get(plan.name)
            if row is None or row.method is not plan.method and row.method != plan.method:
                row = self._row(plan)
            state, row.failed, row.axes = kept[plan.name]
            row.settings = dict(plan.settings)
            row.run.recipe = recipe_of(
                plan.method, plan.settings, self.start["width"], self.world.limit
            )
            row.run.load_state_dict(state)
            row.run.turn, row.run.turns = None, []
            rows.append(row)
        self.rows, self.step = rows, step
        self._arrive()

    @property
    def film(self) -> list[int]:
        """Steps to which the way back is short: those of the snapshots, and the furthest one reached."""
        return sorted({*self.snapshots, self.furthest})

    # -- measuring --------------------------------------------------------------------------------------------------------
    def _measure(self, row: Row) -> None:
        kept = self.measured.setdefault(row.name, {})
        if self.step not in kept:
            kept[self.step] = measure(row.run, self.world, self.step, 10_000 + self.start["seed"])

    def curve(self, name: str) -> list[Measured]:
        """What was measured of a row up to this step."""
        return [m for s, m in sorted(self.measured.get(name, {}).items()) if s <= self.step]

    # -- state as text ----------------------------------------------------------------------------------------------------
    def literals(self) -> dict:
        """The arguments that rebuild this state, those with their defaults left out; own losses stand for themselves."""
        self.finish()
        own = {n for n in self.own if n in self.start["rows"]}
        given = {
            "data": self.start["data"],
            "seed": self.start["seed"],
            "width": self.start["width"],
            "rows": [self.own[n] if n in own else n for n in self.start["rows"]],
            "log": list(self.log),
            "step": self.step,
        }
        usual = {"data": "nine", "seed": 0, "width": 64, "rows": list(FOUR), "log": [], "step": 0}
        return {k: v for k, v in given.items() if v != usual[k]}


@torch.no_grad()
def measure(run: Run, dist, step: int, seed: int) -> Measured:
    """A cheap look: always the same latents, 600 of them, and 600 reals."""
    x = run.sample(FAKES, seed)
    good = (dist.distance(x) <= 3).double().mean()
    turn = run.fresh_turn(FAKES // 2)
    real, fake = (run.recipe.objective.logit_at(c, turn) for c in (turn.real, turn.fake))
    right = ((real > 0).double().mean() + (fake < 0).double().mean()) / 2
    return Measured(
        step,
        float(modes_covered(dist, x).value),
        float(good),
        float(energy_distance(dist, x).value),
        float(right),
    )


def _take_over(run: Run, state: dict) -> None:
    """A fresh run goes on from another's state, with its own recipe: rates and losses are its own, an optimiser of another kind too."""
    state["recipe"] = describe(run.recipe)
    for name in ("g_opt", "d_opt"):
        mine = getattr(run, name).state_dict()
        if mine["param_groups"][0].keys() != state[name]["param_groups"][0].keys():
            state[name] = mine
    state["memory"] = {}
    run.load_state_dict(state)
    _become(run, run.recipe)


def _become(run: Run, recipe) -> None:
    """From the next turn on, another recipe with the same nets and kinds of optimisers."""
    run.recipe = recipe
    for opt, rule in ((run.g_opt, recipe.g_opt), (run.d_opt, recipe.d_opt)):
        for group in opt.param_groups:
            group["lr"] = rule.lr


def _concerns(plan: Plan, setting: str, to: list[str]) -> bool:
    return plan.name == to[0] if to else not (setting == "objective" and is_objective(plan.method))


def _summed(entries: list[tuple], rows: list[Row]) -> list[tuple]:
    """Settings that all rows share, said once."""
    entries = [e for e in entries if e[4] in {r.name for r in rows}]
    shared = []
    for e in entries:
        alike = [x for x in entries if x[2:4] == e[2:4]]
        concerned = [r for r in rows if _concerns(Plan(r.name, r.method, {}), e[2], [])]
        if len(alike) >= len(concerned) and {r.name for r in concerned} <= {x[4] for x in alike}:
            shared.append(e[:4])
        else:
            shared.append(e)
    return list(dict.fromkeys(shared))


def _bytes(thing) -> int:
    if isinstance(thing, torch.Tensor):
        return thing.numel() * thing.element_size()
    parts = (
        thing.values()
        if isinstance(thing, dict)
        else thing
        if isinstance(thing, list | tuple)
        else ()
    )
    return sum(map(_bytes, parts))


def _whole(name: str, value, low: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ValueError(f"{name}={value!r}: expected a whole number of at least {low}")
    return value
