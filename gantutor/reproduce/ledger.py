"""What is in a folder of runs: the plan, every record wherever it came from, and what is damaged.

The plan says what was asked for last. Records answer targets by what they contain, so records made
by `gantutor run` or under an earlier plan are found too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from gantutor import files
from gantutor.course.lessons import LESSONS, find_notebook
from gantutor.course.records import code_hash, read, source_hash
from gantutor.reproduce.outcome import FINISHED
from gantutor.reproduce.planfile import load_plan, planned_runs
from gantutor.reproduce.targets import Target

STALE = "the package's code has changed since this run: --fresh runs it again"
# parameters in which a row and its baseline may differ
APART = ("row", "out", "path", "weights", "seed", "seeds")


@dataclass
class Kept:
    """What a run left: its record (None if missing or damaged), remarks, and how many starts."""

    result: dict[str, Any] | None
    problems: list[str]
    starts: int = 0


@dataclass
class Ledger:
    """The contents of a folder.

    plan: see `plan.load_plan`
    runs: what each run left, by its folder relative to `out`
    damage: a sentence on each damaged file
    """

    out: Path
    plan: dict[str, dict[str, Any]]
    runs: dict[str, Kept] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)

    def record(self, run: str) -> dict[str, Any] | None:
        """A run's record; None if it is missing or damaged."""
        kept = self.runs.get(run)
        return kept.result if kept else None

    def records(self) -> dict[str, dict[str, Any]]:
        """All intact records, by their folders."""
        return {run: kept.result for run, kept in self.runs.items() if kept.result}

    def unrecorded(self) -> list[str]:
        """What happened to the runs that have no record and are in no plan."""
        planned = {run for entry in self.plan.values() for run in planned_runs(entry)}
        lost = (kept for run, kept in self.runs.items() if not kept.result and run not in planned)
        return [words for kept in lost for words in kept.problems]

    def problems(self, run: str) -> list[str]:
        """Remarks on a run, or why it has no record."""
        kept = self.runs.get(run)
        if kept is None or (kept.result is None and not kept.problems):
            return [why(self.out / run)]
        return kept.problems

    def answering(self, target: Target, changes: Mapping[str, Any]) -> list[str]:
        """The runs whose records answer one of a target's runs, newest first."""
        found = [run for run, result in self.records().items() if answers(result, target, changes)]
        return sorted(found, key=lambda run: self.runs[run].result["started"], reverse=True)

    def beside(self, run: str, target: Target, changes: Mapping[str, Any]) -> str | None:
        """The newest run that `run` may be compared with, or None.

        For a row of a table it must have the same parameters.
        """
        found = self.answering(target, changes)
        if "row" in changes:
            mine = _common(self.runs[run].result)
            found = [r for r in found if _common(self.runs[r].result) == mine]
        return next(iter(found), None)


def _common(result: dict[str, Any]) -> dict[str, Any]:
    """The parameters that a row shares with its baseline."""
    return {k: v for k, v in result["parameters"].items() if k not in APART}


def answers(result: dict[str, Any], target: Target, changes: Mapping[str, Any]) -> bool:
    """Whether a record is of what one of a target's runs asks for.

    It must be of the target's notebook and have the changed parameters; if these do not name a
    data set, it must be of the notebook's default one.
    """
    parameters = result["parameters"]
    if result["notebook"] != target.notebook:
        return False
    if any(parameters.get(k) != v for k, v in changes.items()):
        return False
    if "row" in changes or "dataset" in changes or "dataset" not in parameters:
        return True
    return parameters["dataset"] == LESSONS[target.notebook].config.model_fields["dataset"].default


# -- reading a folder -----------------------------------------------------------------------------
def read_ledger(out: str | Path) -> Ledger:
    """Read everything in a folder; a damaged file is named in `damage` and does not stop it."""
    out = Path(out)
    plan, damage = load_plan(out)
    ledger, now = Ledger(out, plan, damage=damage), cache(_now)
    for folder in _folders(out):
        kept = _kept(folder, now, ledger.damage)
        if kept is not None:
            ledger.runs[folder.relative_to(out).as_posix()] = kept
    return ledger


def _folders(out: Path) -> list[Path]:
    """Folders with a record or a status, sorted; hidden ones are left out."""
    found = {p.parent for p in out.rglob("*.json") if p.name in ("result.json", "status.json")}
    hidden = {p for p in found if any(x.startswith(".") for x in p.relative_to(out).parts)}
    return sorted(found - hidden)


def _kept(folder: Path, now: Callable, damage: list[str]) -> Kept | None:
    """What a run left in its folder, None if no run did; damaged files are added to `damage`."""
    status = folder / "status.json"
    said = _status(status)
    starts = _starts(folder)
    if (folder / "result.json").exists():
        if said is None and status.exists():
            damage.append(f"{status} is damaged")
        try:
            result = read(folder)
        except ValueError as error:
            damage.append(str(error))
            return Kept(None, [str(error)], starts)
        damage += result["damage"]
        remarks = _remarks(result, *now(result["notebook"]))
        return Kept(result, [*remarks, *result["damage"]], starts)
    if not (folder / "attempts.jsonl").exists():  # a status.json of something else
        return None
    words = why(folder)
    if said is None:
        damage.append(words)
    elif said["status"] in FINISHED:
        damage.append(f"{folder}: {words}")
    return Kept(None, [words], starts)


def _remarks(result: dict[str, Any], source: str | None, code: str | None) -> list[str]:
    """What to know about an intact record: that its run diverged, or that something changed since.

    `source` and `code` are the current hashes of its notebook and code; None if not at hand.
    """
    found = [f"the run diverged at step {result['step']}"] if result["status"] == "diverged" else []
    if result["source_hash"] is not None and source is not None and result["source_hash"] != source:
        found.append("the notebook has changed since this run")
    elif code is not None and result["code_hash"] != code:
        found.append(STALE)
    return found


def _starts(folder: Path) -> int:
    """How often a run was started; 0 without a log, and damaged lines of the log are skipped."""
    noted = files.lines(folder / "attempts.jsonl")
    return sum(isinstance(line, dict) and line.get("what") == "start" for line in noted)


def _status(path: Path) -> dict[str, Any] | None:
    """A run's status; None if it is damaged."""
    status = files.book(path)
    return status if isinstance(status.get("status"), str) else None


def why(folder: Path) -> str:
    """Why a run has no record, from its status if it wrote one."""
    path = folder / "status.json"
    if not path.exists():
        return f"not started yet ({folder.name})"
    status = _status(path)
    if status is None:
        lost = "it is not known what happened to the run: run it again"
        return f"{path} is damaged, so {lost} ({folder.name})"
    if status["status"] == "running":
        return f"running, or killed ({folder.name})"
    if status["status"] in FINISHED:
        return f"finished, but its record is lost: run it again ({folder.name})"
    return f"{status['status']}: {status.get('message', '')} ({folder.name})"


def _now(notebook: str) -> tuple[str | None, str | None]:
    """Current hashes of a notebook and of the code that it reaches; None, None if not at hand."""
    try:
        path = find_notebook(notebook)
        return source_hash(path), code_hash(path)
    except (OSError, ValueError, KeyError, TypeError):
        return None, None
