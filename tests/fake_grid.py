"""For tests of looks at growing numbers of seeds: runs that write made-up records at once."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tiny import course

from gantutor.course.lessons import LESSONS
from gantutor.course.records import Record
from gantutor.reproduce import grid
from gantutor.reproduce.ledger import read_ledger
from gantutor.reproduce.outcome import Outcome
from gantutor.reproduce.report.evidence import section_of
from gantutor.reproduce.targets import TARGETS, choose, expected
from gantutor.reproduce.until import UntilDecided, plan_looks
from gantutor.statistics import looks

BARE, QUA, MORE = (f"advlatgan/table4/cifar10/dcgan/{name}" for name in ("bare", "qua", "qua+"))
ROWS = [f"advlatgan/table4:cifar10/dcgan/{name}" for name in ("bare", "qua", "qua+")]
# the logarithm of each row's distance, and how far its seeds scatter
LOGS = {BARE: (0.0, 0.05), QUA: (-0.15, 0.06), MORE: (-1.0, 0.05)}


class Killed(BaseException):
    """The command was killed: nothing of it runs any more."""


class Done:
    """A future that is done."""

    def __init__(self, outcome: Outcome):
        self.outcome = outcome

    def done(self) -> bool:
        return True

    def result(self) -> dict:
        return asdict(self.outcome)


class Client:
    """A client of one worker that finishes a run, in no time, as soon as it is submitted.

    seconds: what a run is said to take for each of its seeds
    fails: labels' parts, of runs that fail
    kill: the command is killed at this submission, the first being 1; None: never
    finish: whether the run of that submission still ends
    clock: advanced by each run's seconds
    """

    status = "running"

    def __init__(self, seconds=1.0, fails=(), kill=None, finish=False, clock=None):
        self.seconds, self.fails, self.kill, self.finish = seconds, fails, kill, finish
        self.clock = clock
        self.submitted: list[tuple[str, int, int]] = []  # notebook or row, first seed, seeds

    def nthreads(self) -> dict[str, int]:
        return {"worker": 1}

    def submit(self, attempt, notebook, folder, parameters, **how) -> Done:
        name = parameters.get("row") or Path(notebook).stem
        n = parameters["seeds"]
        self.submitted.append((name, parameters["seed"], n))
        last = len(self.submitted) == self.kill
        if last and not self.finish:
            raise Killed
        if self.clock is not None:
            self.clock.now += self.seconds * n
        if any(part == (name, parameters["seed"]) for part in self.fails):
            return Done(Outcome("error", "no luck", self.seconds * n))
        write_record(Path(folder), Path(notebook).stem, parameters, self.seconds * n)
        if last:
            raise Killed
        return Done(Outcome("ok", "", self.seconds * n))


class Clock:
    """A clock that stands still until something moves it."""

    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def write_record(folder: Path, stem: str, parameters: dict, wall: float) -> None:
    """A record with the values that these seeds always have."""
    cfg = LESSONS[stem].config(**{**parameters, "out": str(folder)})
    record = Record(cfg, stem)
    row = parameters.get("row")
    wanted = {(row, "kd_small")} if row else expected(stem)
    for variant, metric in sorted(wanted):
        record.add(metric, [value(stem, variant, metric, s) for s in cfg.seed_list], variant)
    record.save()
    file = folder / "result.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"wall_s": wall}))


def value(stem: str, variant: str, metric: str, seed: int) -> float:
    """The value of a measure at a seed."""
    rng = np.random.default_rng([seed, sum(map(ord, stem + variant + metric))])
    if variant in LOGS:
        mean, sd = LOGS[variant]
        return float(np.exp(mean + sd * rng.standard_normal()))
    if metric == "mode_share":
        return 0.5 if seed != 1 else 0.7  # one seed is not within the bar
    if metric in ("nearest_kept", "hinge_arrow_spread"):
        return 0.97 if metric == "nearest_kept" else 0.0
    if metric == "angle_median_deg":
        return (12.0 if variant == "KDD" else 0.0) + rng.standard_normal()
    means = {"hinge": 0.0, "KDD": -1.2, "initial": 1.0}  # of the logarithm of a distance
    return float(np.exp(means.get(variant, 0.0) + 0.25 * rng.standard_normal()))


def place(folder: Path, monkeypatch) -> Path:
    """A working folder with stand-ins for notebooks and data; the grid does not sleep."""
    for stem in ("02_adaptivemix", "03_kdd", "05_images", "10_full_run"):
        course(folder / "notebooks", stem)
    (folder / "data/cifar10-jpeg").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("GANTUTOR_DATA", raising=False)
    monkeypatch.setattr(grid.time, "sleep", lambda s: None)
    return folder


def planned(out: Path, names, most: int = 30, **given):
    return plan_looks(choose(names), looks(most), out=out, profile="class", **given)


def until_decided(out: Path, names, client=None, most: int = 30, deadline=None, said=None):
    """One command: its queue, after its end."""
    plan, say = planned(out, names, most), (lambda line: said is not None and said.append(line))
    waiting = UntilDecided(plan, deadline, say)
    grid.run_plan(plan, client or Client(), say=say, waiting=waiting)
    return waiting


def words(out: Path, names) -> dict[str, list[tuple[str, int]]]:
    """The words of the report on these targets, each by itself, with their seeds."""
    ledger = read_ledger(out)
    sections = [section_of(TARGETS[name], ledger) for name in names]
    return {s.target.name: [(v.status, v.seeds) for v in s.verdicts] for s in sections}
