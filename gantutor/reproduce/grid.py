"""From targets to records: plan, skip what is done, run the rest side by side on Dask's workers.

The folder is the ledger: `runs/<notebook>-<hash>/` holds a run, `plan.json` says which runs answer which target. Killing
anything at any time loses no finished run; the same command goes on.
"""

import asyncio
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gantutor.course.config import MAX_SEED, MAX_SEEDS, PROFILE_NAMES, BadParameters, did_you_mean
from gantutor.course.lessons import LESSONS, find_notebook
from gantutor.course.lessons.full_run import ROW_HAS
from gantutor.course.lessons.images import FROM_FILE
from gantutor.course.records import fault, parameter_hash, write_json
from gantutor.files import free
from gantutor.reproduce import cluster
from gantutor.reproduce.ready import ready
from gantutor.reproduce.run import LIMITS, Outcome, check, kept, writable
from gantutor.reproduce.targets import Target, absent, at_hand
from gantutor.weights import find_weights

WORDS = {"ok": "done", "bad_input": "bad input", "kernel_died": "kernel died"}
STEADY = ("profile", "seed", "seeds", "out")  # parameters that do not tell runs of one plan apart
FID_FROM = 10_000  # images on both sides: with fewer a Frechet distance is not called fid
QUEUED = (
    7 * 24 * 3600.0
)  # seconds without a worker that a grid stands where a queue decides when one starts


@dataclass(frozen=True, eq=False)
class Job:
    """One run: a notebook with all its parameters, and the folder for its record."""

    notebook: Path
    parameters: dict[str, Any]
    folder: Path
    label: str
    minutes: float

    def busy(self) -> bool:
        """Whether some command is at it just now."""
        try:
            with FileLock(self.folder / ".lock", timeout=0):
                return False
        except Timeout:
            return True
        except OSError:  # no folder yet
            return False

    def kept(self) -> tuple[dict[str, Any] | None, str]:
        """The record that is there already, and what to know of it; or None, and why not."""
        return kept(self.folder, self.notebook, self.parameters)


@dataclass
class Plan:
    """The jobs of some targets, each once; `missing` says why a target has none, `given` which parameters it was given besides."""

    out: Path
    profile: str
    seed: int
    seeds: int | None
    jobs: list[Job] = field(default_factory=list)
    targets: dict[str, list[str]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    given: dict[str, dict[str, str]] = field(default_factory=dict)

    def reasons(self) -> dict[str, str]:
        """Why targets have no runs: {reason: names}, many rows of one table as "kddgan/table3 (10 rows)"."""
        found: dict[str, list[str]] = {}
        for name, reason in self.missing.items():
            found.setdefault(reason, []).append(name)
        return {reason: _listed(names) for reason, names in found.items()}

    def check_weights(self, weights: Path | None = None, here: bool = True) -> str:
        """Check that the runs will find their feature net's file, `weights` or one in its usual places, if they run `here`.

        Returns what to know of their distances, or "". BadParameters (WeightsError) where no run reads it, or it is not there or wrong.
        """
        readers = [job for job in self.jobs if job.parameters.get("features") in FROM_FILE]
        if weights is not None and not readers:
            raise BadParameters(
                f"--weights {weights}: no planned run reads them: add --features inception"
            )
        asked = {
            (job.parameters["features"], job.parameters["weights"])
            for job in readers
            if here and job.kept()[0] is None
        }
        if asked:
            for features, path in asked:
                find_weights(features, path or weights)
        few = sorted(
            {n for job in readers if 0 < (n := job.parameters.get("n_fake", 0)) < FID_FROM}
        )
        return (
            (
                f"{' or '.join(map(str, few))} fakes a run: a distance of fewer than {FID_FROM:,} images is not called fid; "
                f"-p n_fake={FID_FROM} makes it one, -p n_fake=0 takes the row's own number"
            )
            if few
            else ""
        )

    def save(self) -> Path | None:
        """Merge into the folder's plan.json, where earlier commands left other targets.

        What cannot be read there is copied to plan.damaged.json, or a free name like it, which is
        returned.
        """
        kept = None
        common = {"profile": self.profile, "seed": self.seed, "seeds": self.seeds}
        with FileLock(self.out / ".plan.lock"):
            known, damage = load_plan(self.out)
            if damage:
                kept = free(self.out / "plan.damaged.json")
                shutil.copy2(self.out / "plan.json", kept)
            for name in self.targets | self.missing:
                entry = {
                    **common,
                    "runs": self.targets.get(name, []),
                    "given": self.given.get(name, {}),
                }
                missing = self.missing.get(name)
                if missing and known.get(name, {}).get(
                    "runs"
                ):  # what ran before stays in the report
                    entry = known[name]
                known[name] = {**entry, "missing": missing}
            write_json(self.out / "plan.json", known)
        return kept


def _listed(names: Sequence[str]) -> str:
    rows = Counter(name.split(":")[0] for name in names)
    return ", ".join(
        f"{place} ({n} rows)" if n > 1 else next(x for x in names if x.split(":")[0] == place)
        for place, n in rows.items()
    )


class _Entry(BaseModel):
    """What plan.json says of a target."""

    model_config = ConfigDict(strict=True, extra="ignore")

    profile: Literal[PROFILE_NAMES]
    seed: int
    seeds: int | None
    runs: list[Annotated[str, Field(pattern=r"^runs/[\w.-]*\w$")]]  # below the plan's own folder
    missing: str | None
    given: dict[str, str] = {}


def load_plan(out: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """{target: {profile, seed, seeds, runs, missing, given}} as planned so far, and what of plan.json is damaged."""
    path = out / "plan.json"
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError, RecursionError):
        return {}, [f"{path} cannot be read or is no JSON: the records are shown without it"]
    if not isinstance(plan, dict):
        return {}, [f"{path} is no plan: the records are shown without it"]
    found, damage = {}, []
    for name, entry in plan.items():
        try:
            found[name] = _Entry.model_validate(entry).model_dump()
        except ValidationError as error:
            where, shown, wanted = fault(error)
            place = f"{name}.{where}" if where else name
            damage.append(f"{path}: {place} is {shown}, {wanted}; left out")
    return found, damage


def make_plan(
    targets: Sequence[Target],
    out: str | Path,
    profile: str = "class",
    seed: int = 0,
    seeds: int | None = None,
    gpu: bool = True,
    given: Mapping[str, str] | None = None,
    here: bool = True,
) -> Plan:
    """Check every run of every target before any starts; `gpu`: whether the runs will find one, `here`: whether they run here.

    `given`: {name: value as typed}, further parameters for every run that leaves them open. BadParameters where profile, seeds or
    `out` cannot be, where no run takes a parameter, or where a value is wrong.
    """
    if profile not in PROFILE_NAMES:
        raise BadParameters(f"unknown profile {profile!r}: {did_you_mean(profile, PROFILE_NAMES)}")
    if not 0 <= seed <= MAX_SEED or not 1 <= (1 if seeds is None else seeds) <= MAX_SEEDS:
        raise BadParameters(
            f"seed={seed}, seeds={seeds}: expected a seed from 0 to {MAX_SEED:,} and 1 to {MAX_SEEDS:,} seeds"
        )
    given, plan = given or {}, Plan(Path(out).resolve(), profile, seed, seeds)
    _taken(given, targets)
    writable(plan.out)
    jobs: dict[Path, Job] = {}
    for target in targets:
        texts = {
            name: text
            for name, text in given.items()
            if any(name in _open(target, changes) for changes in target.runs)
        }
        plan.given |= {target.name: texts} if texts else {}
        if (
            "dataset" in texts
        ):  # not the paper's; one with a path of its own, and one that needs none, is the run's to find
            target = replace(
                target,
                needs=""
                if "path" in texts or texts["dataset"] in ("digits", "folder")
                else texts["dataset"],
            )
        reason = absent(target, profile, gpu)
        asked = (
            []
            if target.not_yet
            else [_asked(plan, target, changes, texts) for changes in target.runs]
        )
        try:
            notebook = None if reason else find_notebook(target.notebook)
            found = (
                []
                if reason
                else [
                    _job(plan, notebook, target, *run, texts)
                    for run in zip(target.runs, asked, strict=True)
                ]
            )
        except (FileNotFoundError, BadParameters) as error:
            reason = str(error)
        if reason:
            plan.missing[target.name] = reason
            continue
        for job in found if here else ():
            ready({**job.parameters, "features": "small"})  # weights have a check of their own
        jobs.update({job.folder: job for job in found})
        plan.targets[target.name] = [job.folder.relative_to(plan.out).as_posix() for job in found]
    plan.jobs = list(jobs.values())
    return plan


def _open(target: Target, changes: Mapping[str, Any]) -> list[str]:
    """The parameters that a run of a target leaves open."""
    said = {*STEADY, *changes, *(ROW_HAS if "row" in changes else ())}
    return (
        [name for name in LESSONS[target.notebook].config.model_fields if name not in said]
        if target.notebook
        else []
    )


def _taken(given: Mapping[str, str], targets: Sequence[Target]) -> None:
    """BadParameters where no run of these targets takes a parameter."""
    runs = [(target, changes) for target in targets for changes in target.runs]
    known = list(dict.fromkeys(name for target, changes in runs for name in _open(target, changes)))
    for name in given:
        if name in STEADY:
            raise BadParameters(f"-p {name}: say it with --{name}")
        if name not in known:
            if any(name in changes for _, changes in runs):
                why = "the targets decide it; `gantutor run` takes it"
            elif name in ROW_HAS and any("row" in changes for _, changes in runs):
                why = "a row has its own"
            else:
                why = did_you_mean(name, known)
            raise BadParameters(f"-p {name}: no planned run takes it: {why}")


def _asked(
    plan: Plan, target: Target, changes: dict[str, Any], texts: Mapping[str, str]
) -> dict[str, Any]:
    """What a run is asked for: the target's parameters, its budget's, its data, those given. BadParameters for a wrong value."""
    config = LESSONS[target.notebook].config
    mine = {k: config.typed(k, v) for k, v in texts.items() if k in _open(target, changes)}
    data = (
        {"dataset": at_hand(target)}
        if target.needs and "dataset" not in changes and at_hand(target) != target.needs
        else {}
    )
    steady = {
        "profile": plan.profile,
        "seed": plan.seed,
        **({"seeds": plan.seeds} if plan.seeds else {}),
    }
    asked = {**steady, **changes, **target.sized.get(plan.profile, {}), **data, **mine}
    config(**asked)
    return asked


def _job(
    plan: Plan,
    notebook: Path,
    target: Target,
    changes: dict[str, Any],
    asked: dict[str, Any],
    texts: Mapping[str, str],
) -> Job:
    parameters = check(notebook, asked)
    folder = plan.out / "runs" / f"{notebook.stem}-{parameter_hash(parameters)}"
    own = {k: v for k, v in asked.items() if k in (*changes, "dataset", *texts) and k not in STEADY}
    label = " ".join(
        [notebook.stem, *(str(v) if k == "row" else f"{k}={v}" for k, v in own.items())]
    )
    minutes = target.cost(changes, plan.profile) * parameters["seeds"] / 3
    return Job(notebook, {**parameters, "out": str(folder)}, folder, label, minutes)


# -- running ----------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class How:
    """How runs are run. Seconds for a whole run (None: the profile's) and for a cell, GiB and threads for each run, the GPUs that
    the slots of one machine share; `fresh`: run what is done, too; `weights`: where the feature
    net's file lies; `jobs`: how many at once at most (None: as many as there are workers);
    `patience`: seconds without any worker before the grid gives up.
    """

    limit: float | None = None
    cell_timeout: float | None = None
    memory: float | None = None
    threads: int | None = None
    gpus: int = 0
    fresh: bool = False
    weights: str | None = None
    jobs: int | None = None
    patience: float = 600.0


def run_plan(
    plan: Plan, client, how: How = How(), say: Callable[[str], None] = print, every: float = 20.0
) -> dict[str, Outcome]:
    """Run what is not done on the workers of a Dask client; a failure stops nothing else. {label: Outcome}.

    Ctrl-C ends the runs that are under way and is raised. A run that another command is at is waited for.
    `cluster.NoWorkers` where the scheduler goes, or all workers stay away longer than
    `how.patience`; nothing finished is lost.
    """
    try:
        kept = plan.save()
        if kept is not None:
            say(f"  plan.json was damaged or no plan: it is kept as {kept.name}")
    except OSError as error:  # a full disk: what is done can still be told
        say(
            f"  plan.json cannot be written ({error.strerror}): the report will not know what was asked for"
        )
    progress = Progress(plan.jobs, say, every)
    waiting = []
    for job in plan.jobs:
        done, why = (None, "") if how.fresh else job.kept()
        if done is None:
            waiting.append(job)
            if why:
                say(f"  again    {job.label}: {why}")
        else:
            outcome = Outcome(
                done["status"], done["message"], done["wall_s"], done["step"], reused=True
            )
            progress.ended(
                job, replace(outcome, message="; ".join(filter(None, [outcome.message, why])))
            )
    futures: dict[Any, Job] = {}
    slots, asked, manned = 0, 0.0, time.monotonic()
    try:
        while waiting or futures:
            if time.monotonic() - asked > 1.0:  # workers come and go
                slots, asked = _slots(client), time.monotonic()
                manned = asked if slots else manned
                if asked - manned > how.patience:
                    raise cluster.NoWorkers(
                        f"no worker for {how.patience:.0f} s: start some; {progress.stopped()}"
                    )
            for job in list(waiting):
                if len(futures) >= min(slots, how.jobs or slots):
                    break
                if job.busy():
                    progress.waits(job)
                    continue
                waiting.remove(job)
                futures[_submit(client, job, plan, how)] = job
                progress.began(job)
            for future in [f for f in futures if f.done()]:
                job = futures.pop(future)
                outcome = _outcome(future)
                _slots(client)  # a run that was lost with its scheduler has not failed
                if outcome.status == "busy":
                    waiting.append(job)
                    progress.waits(job)
                else:
                    progress.ended(job, outcome)
            progress.look(waiting, slots)
            time.sleep(0.1)
    except KeyboardInterrupt:
        running = len(futures)
        say(f"stopping {running} run{'s' * (running != 1)} ...")
        _halt(client, futures)
        _patient(futures.values())
        say(progress.stopped())
        raise
    except cluster.NoWorkers:
        _halt(client, futures)
        raise
    return progress.outcomes


def _submit(client, job: Job, plan: Plan, how: How):
    given = {
        "limit": how.limit or LIMITS[plan.profile],
        "cell_timeout": how.cell_timeout,
        "memory": how.memory,
        "threads": how.threads,
        "gpus": how.gpus,
        "fresh": how.fresh,
        "weights": how.weights,
    }
    return client.submit(
        cluster.attempt,
        str(job.notebook),
        str(job.folder),
        job.parameters,
        **given,
        pure=False,
        retries=1,
    )


def _slots(client) -> int:
    """How many runs the workers take at once; NoWorkers where the scheduler is gone."""
    try:
        if client.status == "running":
            return sum(client.nthreads().values())
    except (OSError, TimeoutError):
        pass
    raise cluster.NoWorkers(
        "the Dask scheduler is gone: start it again; "
        "no finished run is lost, and the same command goes on"
    )


def _halt(client, futures: Mapping[Any, Job]) -> None:
    """Tell the workers to end these runs, as far as somebody still listens."""

    async def tell() -> None:
        words = client.run(
            cluster.halt, [str(job.folder) for job in futures.values()], on_error="ignore"
        )
        await asyncio.wait_for(words, 5.0)

    with suppress(Exception):
        client.cancel(list(futures))
        client.sync(tell)


def _outcome(future) -> Outcome:
    try:
        return Outcome(**future.result())
    except (
        Exception,
        asyncio.CancelledError,
    ) as error:  # lost workers, unpicklable answers: Dask's own words
        return Outcome(
            "error", f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
        )


def _patient(jobs, seconds: float = cluster.GRACE + 5) -> None:
    """Wait until these runs have let go of their folders."""
    deadline = time.monotonic() + seconds
    while any(job.busy() for job in jobs) and time.monotonic() < deadline:
        time.sleep(0.1)


class Progress:
    """What a grid says while it runs: a line for each start and end, and one line that is kept up to date, or said now and then."""

    def __init__(self, jobs: Sequence[Job], say: Callable[[str], None], every: float):
        self.total, self.say, self.every, self.outcomes = len(jobs), say, every, {}
        self.running: dict[Job, float] = {}
        self.waited: set[Job] = set()
        self.begun = self.told = time.monotonic()
        self.pace = [0.0, 0.0]  # minutes guessed, minutes taken
        self.live = say is print and sys.stdout.isatty()

    def began(self, job: Job) -> None:
        self.running[job] = time.monotonic()
        self.line(f"  start    {job.label}")

    def waits(self, job: Job) -> None:
        self.running.pop(job, None)
        if job not in self.waited:
            self.waited.add(job)
            self.line(f"  waits    {job.label}: another command is at this run")

    def ended(self, job: Job, outcome: Outcome) -> None:
        self.outcomes[job.label] = outcome
        if not outcome.reused:
            self.pace[0] += job.minutes
            self.pace[1] += outcome.wall_s / 60
        self.running.pop(job, None)
        word = "kept" if outcome.reused else WORDS.get(outcome.status, outcome.status)
        time_taken = "" if outcome.reused else f", {outcome.wall_s:.0f} s"
        self.line(
            f"  {word:8s} {job.label}{time_taken}"
            + (f": {outcome.message}" if outcome.message else "")
        )
        self.told = 0.0 if not outcome.reused else self.told

    def look(self, waiting: Sequence[Job], slots: int) -> None:
        """Now and then: how far it is."""
        if time.monotonic() - self.told < (1.0 if self.live else self.every):
            return
        self.told = time.monotonic()
        words = self.words(waiting, slots)
        if self.live:
            print(f"\r\033[K{words}", end="", flush=True)
        else:
            self.say(words + "".join(f"\n    {_last_line(job)}" for job in self.running))

    def line(self, text: str) -> None:
        if self.live:
            print("\r\033[K", end="")
        self.say(text)

    def words(self, waiting: Sequence[Job], slots: int) -> str:
        failed = sum(o.status not in ("ok", "diverged") for o in self.outcomes.values())
        factor = self.pace[1] / self.pace[0] if self.pace[0] else 1.0
        now = time.monotonic()
        left = sum(
            max(job.minutes * factor - (now - since) / 60, 0) for job, since in self.running.items()
        )
        left = (left + sum(job.minutes for job in waiting) * factor) / max(
            1, min(slots, len(self.running) + len(waiting))
        )
        last = f"about {max(left, 0.1):.1f} min left" if slots else "no workers"
        return "  -- " + ", ".join(
            [
                f"{len(self.outcomes)} of {self.total} done",
                f"{len(self.running)} running",
                f"{failed} failed",
                last,
            ]
        )

    def stopped(self) -> str:
        return f"stopped: {len(self.outcomes)} of {self.total} runs are done; the same command goes on from there, and inside a run from its checkpoint"


def tally(outcomes: dict[str, Outcome]) -> str:
    """How many runs ended how."""
    counts = Counter(
        "kept" if o.reused else WORDS.get(o.status, o.status) for o in outcomes.values()
    )
    return ", ".join(f"{n} {word}" for word, n in counts.items())


def _last_line(job: Job) -> str:
    try:
        lines = (
            (job.folder / "console.log").read_text(encoding="utf-8", errors="replace").splitlines()
        )
    except OSError:
        lines = []
    return f"{job.label}: {lines[-1].strip().removeprefix(f'{job.notebook.stem}: ') if lines else 'starting'}"
