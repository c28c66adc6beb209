"""What lies in a folder of runs: the plan, every record wherever it came from, and what is damaged.

The plan says what was asked for last; records answer targets by what they hold, so that one made
by `gantutor run` or
under an earlier plan is found too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from gantutor import files
from gantutor.course.lessons import LESSONS, find_notebook
from gantutor.course.records import code_hash, read, source_hash
from gantutor.reproduce.grid import load_plan
from gantutor.reproduce.targets import Target

STALE = "the package's code has changed since this run: --fresh runs it again"
# parameters in which a row and the row that it is held against may differ
APART = ("row", "out", "path", "weights", "seed", "seeds")


@dataclass
class Kept:
    """A run's record, or None where it has none or a damaged one; what is to know of it; how often
    it was started.
    """

    result: dict[str, Any] | None
    problems: list[str]
    starts: int = 0


@dataclass
class Ledger:
    """A folder's plan (see `load_plan`), its runs by their folders relative to `out`, and
    sentences on damaged files.
    """

    out: Path
    plan: dict[str, dict[str, Any]]
    runs: dict[str, Kept] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)

    def record(self, run: str) -> dict[str, Any] | None:
        """A run's record, where there is a whole one."""
        kept = self.runs.get(run)
        return kept.result if kept else None

    def unrecorded(self) -> list[str]:
        """What became of the runs that have no record and stand in no plan."""
        planned = {run for entry in self.plan.values() for run in entry["runs"]}
        lost = (kept for run, kept in self.runs.items() if not kept.result and run not in planned)
        return [words for kept in lost for words in kept.problems]

    def problems(self, run: str) -> list[str]:
        """What is to know of a run, or why it has no record."""
        kept = self.runs.get(run)
        if kept is None or (kept.result is None and not kept.problems):
            return [why(self.out / run)]
        return kept.problems

    def answering(self, target: Target, changes: Mapping[str, Any]) -> list[str]:
        """Runs with a record of what a target asks for in one of its runs, the newest first."""
        found = [
            run
            for run, kept in self.runs.items()
            if kept.result and answers(kept.result, target, changes)
        ]
        return sorted(found, key=lambda run: self.runs[run].result["started"], reverse=True)

    def beside(self, run: str, target: Target, changes: Mapping[str, Any]) -> str | None:
        """The newest run that `run` may be held against; for a row, under its very parameters."""
        found = self.answering(target, changes)
        if "row" in changes:
            mine = _common(self.runs[run].result)
            found = [r for r in found if _common(self.runs[r].result) == mine]
        return next(iter(found), None)


def _common(result: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in result["parameters"].items() if k not in APART}


def answers(result: dict[str, Any], target: Target, changes: Mapping[str, Any]) -> bool:
    """Whether a record is of what a target's run asks for: its notebook, its changes, and on data
    that it does not name the usual ones.
    """
    parameters = result["parameters"]
    if result["notebook"] != target.notebook or any(
        parameters.get(k) != v for k, v in changes.items()
    ):
        return False
    if "row" in changes or "dataset" in changes or "dataset" not in parameters:
        return True
    return parameters["dataset"] == LESSONS[target.notebook].config.model_fields["dataset"].default


def look(out: str | Path) -> Ledger:
    """Read everything in a folder; nothing that is damaged stops it."""
    out = Path(out)
    plan, damage = load_plan(out)
    ledger, now = Ledger(out, plan, damage=damage), cache(_now)
    for folder in _folders(out):
        kept = _kept(folder, now, ledger.damage)
        if kept is not None:
            ledger.runs[folder.relative_to(out).as_posix()] = kept
    return ledger


def _folders(out: Path) -> list[Path]:
    """Folders with a record or a status, in order; hidden ones are not looked into."""
    found = {p.parent for p in out.rglob("*.json") if p.name in ("result.json", "status.json")}
    hidden = {p for p in found if any(x.startswith(".") for x in p.relative_to(out).parts)}
    return sorted(found - hidden)


def _kept(folder: Path, now: Callable, damage: list[str]) -> Kept | None:
    """What a run left in its folder, None where it is no run's; adds damaged files to `damage`."""
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
        known = _known(result, *now(result["notebook"]))
        return Kept(result, [*known, *result["damage"]], starts)
    if not (folder / "attempts.jsonl").exists():  # somebody else's status
        return None
    words = why(folder)
    if said is None:
        damage.append(words)
    elif said["status"] in FINISHED:
        damage.append(f"{folder}: {words}")
    return Kept(None, [words], starts)


def _known(result: dict[str, Any], source: str | None, code: str | None) -> list[str]:
    """What is to know of a whole record: that its run diverged, that its notebook or code is of
    another day.
    """
    found = [f"the run diverged at step {result['step']}"] if result["status"] == "diverged" else []
    if result["source_hash"] is not None and source is not None and result["source_hash"] != source:
        found.append("the notebook has changed since this run")
    elif code is not None and result["code_hash"] != code:
        found.append(STALE)
    return found


def _starts(folder: Path) -> int:
    """How often a run was started; 0 where no log was kept, as on a full disk. A damaged line is
    passed over.
    """
    noted = files.lines(folder / "attempts.jsonl")
    return sum(isinstance(line, dict) and line.get("what") == "start" for line in noted)


FINISHED = ("ok", "diverged")  # statuses of runs that leave a record


def _status(path: Path) -> dict[str, Any] | None:
    """A run's status, or None where it is damaged."""
    status = files.book(path)
    return status if isinstance(status.get("status"), str) else None


def why(folder: Path) -> str:
    """Why a run has no record: its own status, if it wrote one."""
    path = folder / "status.json"
    if not path.exists():
        return f"not started yet ({folder.name})"
    status = _status(path)
    if status is None:
        lost = "what became of the run is not known: run it again"
        return f"{path} is damaged, so {lost} ({folder.name})"
    if status["status"] == "running":
        return f"under way, or killed ({folder.name})"
    if status["status"] in FINISHED:
        return f"finished, but its record is lost: run it again ({folder.name})"
    return f"{status['status']}: {status.get('message', '')} ({folder.name})"


def _now(notebook: str) -> tuple[str | None, str | None]:
    """Hashes of a notebook and of the code that it reaches; None where it is not at hand: then
    nothing is said of it.
    """
    try:
        path = find_notebook(notebook)
        return source_hash(path), code_hash(path)
    except (OSError, ValueError, KeyError, TypeError):
        return None, None
