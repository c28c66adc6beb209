"""From targets to records: plan, skip what is done, run the rest side by side, each in its own process.

The folder is the ledger: `runs/<notebook>-<hash>/` holds a run, `plan.json` says which runs answer which target. Killing
anything at any time loses no finished run; the same command goes on.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gantutor.config import PROFILE_NAMES, BadParameters, did_you_mean
from gantutor.records import parameter_hash, write_json
from gantutor.reproduce.run import LIMITS, Outcome, check, find_notebook, finished, writable
from gantutor.reproduce.targets import MINUTES, Target, absent

GRACE = 20.0  # seconds that a run gets to end by itself
WORDS = {"ok": "done", "bad_input": "bad input", "kernel_died": "kernel died"}
STEADY = ("profile", "seed", "seeds", "out")  # parameters that do not tell runs of one plan apart


@dataclass(frozen=True, eq=False)
class Job:
    """One run: a notebook with all its parameters, and the folder for its record."""

    notebook: Path
    parameters: dict[str, Any]
    folder: Path
    label: str
    minutes: float

    @property
    def done(self) -> dict[str, Any] | None:
        return finished(self.folder, self.notebook, self.parameters)


@dataclass
class Plan:
    """The jobs of some targets, each once; `missing` says why a target has none."""

    out: Path
    profile: str
    seed: int
    seeds: int | None
    jobs: list[Job] = field(default_factory=list)
    targets: dict[str, list[str]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def save(self) -> None:
        """Merge into the folder's plan.json, where earlier commands left other targets."""
        known = load_plan(self.out)
        common = {"profile": self.profile, "seed": self.seed, "seeds": self.seeds}
        for name in self.targets | self.missing:
            known[name] = {**common, "runs": self.targets.get(name, []), "missing": self.missing.get(name)}
        write_json(self.out / "plan.json", known)


def load_plan(out: Path) -> dict[str, dict[str, Any]]:
    """{target: {profile, seed, seeds, runs, missing}} as planned so far; {} where nothing was, or the file is damaged."""
    try:
        plan = json.loads((out / "plan.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return plan if isinstance(plan, dict) else {}


def make_plan(
    targets: Sequence[Target], out: str | Path, profile: str = "class", seed: int = 0, seeds: int | None = None
) -> Plan:
    """Check every run of every target before any starts. BadParameters where profile, seeds or `out` cannot be."""
    if profile not in PROFILE_NAMES:
        raise BadParameters(f"unknown profile {profile!r}: {did_you_mean(profile, PROFILE_NAMES)}")
    if seed < 0 or (seeds is not None and seeds < 1):
        raise BadParameters(f"seed={seed}, seeds={seeds}: expected seed at least 0 and seeds at least 1")
    plan = Plan(Path(out).resolve(), profile, seed, seeds)
    writable(plan.out)
    jobs: dict[Path, Job] = {}
    for target in targets:
        reason = absent(target)
        try:
            notebook = find_notebook(target.notebook)
            found = [] if reason else [_job(plan, notebook, {**changes, **target.sized.get(profile, {})}) for changes in target.runs]
        except (FileNotFoundError, BadParameters) as error:
            reason = str(error)
        if reason:
            plan.missing[target.name] = reason
            continue
        jobs.update({job.folder: job for job in found})
        plan.targets[target.name] = [job.folder.relative_to(plan.out).as_posix() for job in found]
    plan.jobs = list(jobs.values())
    return plan


def _job(plan: Plan, notebook: Path, changes: dict[str, Any]) -> Job:
    given = {"profile": plan.profile, "seed": plan.seed, **({"seeds": plan.seeds} if plan.seeds else {}), **changes}
    parameters = check(notebook, given)
    folder = plan.out / "runs" / f"{notebook.stem}-{parameter_hash(parameters)}"
    label = " ".join([notebook.stem, *(f"{k}={v}" for k, v in changes.items() if k not in STEADY)])
    minutes = MINUTES[notebook.stem][plan.profile] * parameters["seeds"] / 3
    return Job(notebook, {**parameters, "out": str(folder)}, folder, label, minutes)


# -- running ----------------------------------------------------------------------------------------------------------------
def run_plan(
    plan: Plan,
    jobs: int = 2,
    say: Callable[[str], None] = print,
    limit: float | None = None,
    cell_timeout: float | None = None,
    every: float = 20.0,
) -> dict[str, Outcome]:
    """Run what is not done, `jobs` at once; a failure stops nothing else. {label: Outcome}. Ctrl-C stops all and is raised."""
    plan.save()
    outcomes: dict[str, Outcome] = {}
    waiting = []
    for job in plan.jobs:
        done = job.done
        if done is None:
            waiting.append(job)
        else:
            outcomes[job.label] = Outcome(done["status"], done["message"], done["wall_s"], done["step"], reused=True)
            say(f"  kept     {job.label}")
    total, running = len(plan.jobs), {}
    begun = said = time.monotonic()
    pace = [0.0, 0.0]  # minutes guessed, minutes taken
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                job = waiting.pop(0)
                say(f"  start    {job.label}")
                running[job] = (launch(job, jobs, limit, cell_timeout), time.monotonic())
            for job, (process, since) in list(running.items()):
                overdue = time.monotonic() - since > (limit or LIMITS[plan.profile]) + 2 * GRACE
                if overdue:
                    stop([process])
                if process.poll() is None:
                    continue
                del running[job]
                outcome = outcomes[job.label] = ended(job, process, time.monotonic() - since, overdue)
                pace[0] += job.minutes
                pace[1] += outcome.wall_s / 60
                words = WORDS.get(outcome.status, outcome.status)
                say(f"  {words:8s} {job.label}, {outcome.wall_s:.0f} s" + (f": {outcome.message}" if outcome.message else ""))
                say(_count(total, outcomes, running, waiting, pace, jobs))
                said = time.monotonic()
            if time.monotonic() - said > every:
                said = time.monotonic()
                say(
                    _count(total, outcomes, running, waiting, pace, jobs) + "".join(f"\n    {_last_line(job)}" for job in running)
                )
            time.sleep(0.1)
    except KeyboardInterrupt:
        say(f"stopping {len(running)} run{'s' * (len(running) != 1)} ...")
        stop([process for process, _ in running.values()])
        say(
            f"stopped after {time.monotonic() - begun:.0f} s: {len(outcomes)} of {total} runs are kept; "
            "the same command goes on from there"
        )
        raise
    return outcomes


def launch(
    job: Job, jobs: int = 1, limit: float | None = None, cell_timeout: float | None = None, quiet: bool = True
) -> subprocess.Popen:
    """Start a run in its own process and process group; its talk goes to console.log, or, if not `quiet`, to our own output."""
    job.folder.mkdir(parents=True, exist_ok=True)
    (job.folder / "status.json").unlink(missing_ok=True)
    command = [sys.executable, "-m", "gantutor.reproduce.run", str(job.notebook), str(job.folder), json.dumps(job.parameters)]
    command += [f"--limit={limit}"] if limit else []
    command += [f"--cell-timeout={cell_timeout}"] if cell_timeout else []
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, cores() // jobs))
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "PYTHONUNBUFFERED": "1"}
    if not quiet:
        return subprocess.Popen(command, env=environment, start_new_session=True)
    with open(job.folder / "console.log", "w", encoding="utf-8") as log:
        return subprocess.Popen(command, env=environment, start_new_session=True, stdout=log, stderr=subprocess.STDOUT)


def ended(job: Job, process: subprocess.Popen, wall_s: float, overdue: bool = False) -> Outcome:
    """What a run that is over says of itself, or what its silence means."""
    try:
        status = json.loads((job.folder / "status.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        status = {"status": "error"}
    if overdue:
        return Outcome("timeout", "the run did not stop at its limit and was killed: allow more with --limit", wall_s)
    if status["status"] in ("running", "error") and "message" not in status:
        return Outcome(
            "error", f"the run's process ended with exit status {process.returncode}; see {job.folder / 'console.log'}", wall_s
        )
    return Outcome(status["status"], status["message"], wall_s, status.get("step"))


def stop(processes: Sequence[subprocess.Popen]) -> None:
    """Ask runs to end, wait a little, then end them; kernels die with their runs."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE
    for process in processes:
        try:
            process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _count(total: int, outcomes: dict[str, Outcome], running, waiting, pace: list[float], jobs: int) -> str:
    failed = sum(o.status != "ok" for o in outcomes.values())
    factor = pace[1] / pace[0] if pace[0] else 1.0
    now = time.monotonic()
    left = sum(max(job.minutes * factor - (now - since) / 60, 0) for job, (_, since) in running.items())
    left = (left + sum(job.minutes for job in waiting) * factor) / max(1, min(jobs, len(running) + len(waiting)))
    words = [f"{len(outcomes)} of {total} done", f"{failed} failed" if failed else "",
             f"{len(running)} running" if running else "",
             f"about {max(left, 0.1):.1f} min left" if running or waiting else ""]  # fmt: skip
    return "  -- " + ", ".join(filter(None, words))


def _last_line(job: Job) -> str:
    try:
        lines = (job.folder / "console.log").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    return lines[-1].strip() if lines else f"{job.label}: starting"
