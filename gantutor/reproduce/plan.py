"""From targets to jobs: which runs are needed, checked before any of them starts.

The folder is the ledger: `runs/<notebook>-<hash>/` holds a run, and `plan.json` says which runs
answer which target.
"""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from gantutor.course.config import MAX_SEED, MAX_SEEDS, PROFILE_NAMES, BadParameters, did_you_mean
from gantutor.course.lessons import LESSONS, find_notebook
from gantutor.course.lessons.full_run import ROW_HAS
from gantutor.course.lessons.images import FROM_FILE
from gantutor.course.records import digest, parameter_hash, write_json
from gantutor.files import free
from gantutor.reproduce.notebook import check_parameters, kept, writable
from gantutor.reproduce.planfile import load_plan, merged
from gantutor.reproduce.ready import ready
from gantutor.reproduce.targets import Target, absent, at_hand
from gantutor.weights import find_weights

COMMON = ("profile", "seed", "seeds", "out")  # parameters that all runs of a plan share
FID_FROM = 10_000  # images on both sides; with fewer, a Frechet distance is not called fid


@dataclass(frozen=True, eq=False)
class Job:
    """A run to do: a notebook with all its parameters, and the folder for its record.

    `minutes` is a guess of its duration.
    """

    notebook: Path
    parameters: dict[str, Any]
    folder: Path
    label: str
    minutes: float

    @cached_property
    def kind(self) -> str:
        """What it has in common with the runs that differ from it in their seeds alone."""
        own = {k: v for k, v in self.parameters.items() if k not in ("seed", "seeds", "out")}
        return digest([self.notebook.stem, own])

    @property
    def seeds(self) -> int:
        """How many seeds it has; 1 for a notebook without this parameter."""
        return self.parameters.get("seeds") or 1

    def busy(self) -> bool:
        """Whether a command is running it at this moment."""
        try:
            with FileLock(self.folder / ".lock", timeout=0):
                return False
        except Timeout:
            return True
        except OSError:  # the folder does not exist yet
            return False

    def kept(self) -> tuple[dict[str, Any] | None, str]:
        """The record that already exists, or None, and a remark on it; see `notebook.kept`."""
        return kept(self.folder, self.notebook, self.parameters)


@dataclass
class Plan:
    """The jobs of some targets, each once.

    `targets` maps each target to the folders of its runs. `missing` says why a target has none,
    and `given` which extra parameters (-p) it was given. With `looks`, the numbers of seeds at
    which it is judged, these runs are of the seeds up to the first look, and `further` maps each
    target to the folders of its runs of the further seeds, for each of the other looks.
    """

    out: Path
    profile: str
    seed: int
    seeds: int | None
    jobs: list[Job] = field(default_factory=list)
    targets: dict[str, list[str]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    given: dict[str, dict[str, str]] = field(default_factory=dict)
    looks: list[int] | None = None
    further: dict[str, list[list[str]]] = field(default_factory=dict)

    def reasons(self) -> dict[str, str]:
        """Why targets have no runs: {reason: names}, with rows as "kddgan/table3 (10 rows)"."""
        found: dict[str, list[str]] = {}
        for name, reason in self.missing.items():
            found.setdefault(reason, []).append(name)
        return {reason: _listed(names) for reason, names in found.items()}

    def check_weights(self, weights: Path | None = None, here: bool = True) -> str:
        """Check that the runs will find the file of their feature net, if they run `here`.

        The file is `weights`, or in one of its usual places. Returns a remark on the distances
        that will be measured, or "". Raises BadParameters or WeightsError if no run reads the
        file, or if it is missing or wrong.
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
        for features, path in asked:
            find_weights(features, path or weights)
        few = sorted(
            {n for job in readers if 0 < (n := job.parameters.get("n_fake", 0)) < FID_FROM}
        )
        if not few:
            return ""
        return (
            f"{' or '.join(map(str, few))} generated images per run: a distance on fewer than "
            f"{FID_FROM:,} images is not called fid; -p n_fake={FID_FROM} is enough for fid, "
            "-p n_fake=0 uses the row's own number"
        )

    def check_schedule(self) -> None:
        """Raise BadParameters where the folder has records that were judged at other looks."""
        known, _ = load_plan(self.out)
        for name in self.targets:
            self._entry(name, known)

    def save(self) -> Path | None:
        """Merge the plan into the folder's plan.json, which may hold other targets already.

        What was fixed before a target's first record stays: the terms of its claims, and its looks.
        If plan.json is damaged, it is first copied to plan.damaged.json (or a free name like it),
        and that path is returned. Raises BadParameters as `check_schedule` does.
        """
        copy = None
        with FileLock(self.out / ".plan.lock"):
            known, damage = load_plan(self.out)
            new = {name: self._entry(name, known) for name in self.targets | self.missing}
            if damage:
                copy = free(self.out / "plan.damaged.json")
                shutil.copy2(self.out / "plan.json", copy)
            write_json(self.out / "plan.json", known | new)
        return copy

    def _entry(self, name: str, known: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        """The entry of a target in plan.json, next to those that are known."""
        old, missing = known.get(name), self.missing.get(name)
        if missing and old and old["runs"]:
            return {**old, "missing": missing}  # earlier runs of the target stay in the report
        entry = {
            "profile": self.profile,
            "seed": self.seed,
            "seeds": self.seeds,
            "runs": self.targets.get(name, []),
            "given": self.given.get(name, {}),
            "missing": missing,
            "looks": self.looks,
            "further": self.further.get(name, []),
        }
        return merged(name, entry, old, self.out)


def _listed(names: Sequence[str]) -> str:
    rows = Counter(name.split(":")[0] for name in names)
    return ", ".join(
        f"{place} ({n} rows)" if n > 1 else next(x for x in names if x.split(":")[0] == place)
        for place, n in rows.items()
    )


# -- making a plan --------------------------------------------------------------------------------
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
    """Check every run of every target, and return the plan of what is to be done.

    `gpu` says whether the runs will find a GPU, and `here` whether they will run on this machine.
    `given` holds extra parameters as typed on the command line, {name: text}, for every run that
    leaves them open. Raises BadParameters if profile, seeds or `out` cannot be used, if no run
    takes a parameter, or if a value is wrong.
    """
    if profile not in PROFILE_NAMES:
        raise BadParameters(f"unknown profile {profile!r}: {did_you_mean(profile, PROFILE_NAMES)}")
    if not 0 <= seed <= MAX_SEED or not 1 <= (1 if seeds is None else seeds) <= MAX_SEEDS:
        raise BadParameters(
            f"seed={seed}, seeds={seeds}: expected a seed from 0 to {MAX_SEED:,} and "
            f"1 to {MAX_SEEDS:,} seeds"
        )
    given, plan = given or {}, Plan(Path(out).resolve(), profile, seed, seeds)
    _check_given(given, targets)
    writable(plan.out)
    jobs: dict[Path, Job] = {}
    for target in targets:
        texts = {
            name: text
            for name, text in given.items()
            if any(name in _open(target, changes) for changes in target.runs)
        }
        if texts:
            plan.given[target.name] = texts
        target = _with_data(target, texts)
        reason, found = _jobs(plan, target, texts, gpu)
        if reason:
            plan.missing[target.name] = reason
            continue
        for job in found if here else ():
            # the weights of feature nets are checked separately, by `Plan.check_weights`
            ready({**job.parameters, "features": "small"})
        jobs.update({job.folder: job for job in found})
        plan.targets[target.name] = [job.folder.relative_to(plan.out).as_posix() for job in found]
    plan.jobs = list(jobs.values())
    return plan


def _with_data(target: Target, texts: Mapping[str, str]) -> Target:
    """The target with the data set that was given instead of the paper's, if one was."""
    if "dataset" not in texts:
        return target
    # a set with its own path, and one that needs none, are checked by the run itself
    needs_none = "path" in texts or texts["dataset"] in ("digits", "folder")
    return replace(target, needs="" if needs_none else texts["dataset"])


def _jobs(
    plan: Plan, target: Target, texts: Mapping[str, str], gpu: bool
) -> tuple[str | None, list[Job]]:
    """The jobs of a target; or why it cannot run, and no jobs."""
    # values are checked even if the target cannot run
    runs = () if target.not_yet else target.runs
    asked = [_asked(plan, target, changes, texts) for changes in runs]
    reason = absent(target, plan.profile, gpu)
    if reason:
        return reason, []
    try:
        notebook = find_notebook(target.notebook)
        pairs = zip(runs, asked, strict=True)
        return None, [_job(plan, notebook, target, *pair, texts) for pair in pairs]
    except (FileNotFoundError, BadParameters) as error:
        return str(error), []


def _open(target: Target, changes: Mapping[str, Any]) -> list[str]:
    """The parameters that a run of a target does not set itself."""
    if not target.notebook:
        return []
    fixed = {*COMMON, *changes, *(ROW_HAS if "row" in changes else ())}
    fields = LESSONS[target.notebook].config.model_fields
    return [name for name in fields if name not in fixed]


def _check_given(given: Mapping[str, str], targets: Sequence[Target]) -> None:
    """Raise BadParameters if no run of these targets takes a given parameter."""
    runs = [(target, changes) for target in targets for changes in target.runs]
    known = list(dict.fromkeys(name for target, changes in runs for name in _open(target, changes)))
    for name in given:
        if name in COMMON:
            raise BadParameters(f"-p {name}: use --{name} instead")
        if name not in known:
            if any(name in changes for _, changes in runs):
                why = "the targets set it; `gantutor run` takes it"
            elif name in ROW_HAS and any("row" in changes for _, changes in runs):
                why = "each row of a table has its own"
            else:
                why = did_you_mean(name, known)
            raise BadParameters(f"-p {name}: no planned run takes it: {why}")


def _asked(
    plan: Plan, target: Target, changes: dict[str, Any], texts: Mapping[str, str]
) -> dict[str, Any]:
    """What is asked of a run: the target's parameters, its budget's, its data, and those given.

    Raises BadParameters for a wrong value.
    """
    config = LESSONS[target.notebook].config
    asked = {"profile": plan.profile, "seed": plan.seed}
    if plan.seeds:
        asked["seeds"] = plan.seeds
    asked |= {**changes, **target.sized.get(plan.profile, {})}
    if target.needs and "dataset" not in changes and at_hand(target) != target.needs:
        asked["dataset"] = at_hand(target)
    open_ = _open(target, changes)
    asked |= {k: config.typed(k, v) for k, v in texts.items() if k in open_}
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
    parameters = check_parameters(notebook, asked)
    folder = plan.out / "runs" / f"{notebook.stem}-{parameter_hash(parameters)}"
    own = {k: v for k, v in asked.items() if k in (*changes, "dataset", *texts) and k not in COMMON}
    label = " ".join(
        [notebook.stem, *(str(v) if k == "row" else f"{k}={v}" for k, v in own.items())]
    )
    minutes = target.cost(changes, plan.profile, parameters["seeds"])
    return Job(notebook, {**parameters, "out": str(folder)}, folder, label, minutes)
