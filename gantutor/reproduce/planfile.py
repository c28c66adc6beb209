"""plan.json: which runs answer which target, and what was fixed before they ran.

That is the schedule of looks, and the terms of the target's claims: metric, margin, effect and what
each outcome is called. Neither changes any more once a run has a record.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gantutor.course.config import PROFILE_NAMES, BadParameters
from gantutor.course.records import digest, fault
from gantutor.reproduce.targets import TARGETS, Target

Run = Annotated[str, Field(pattern=r"^runs/[\w.-]*\w$")]  # below the plan's own folder
SAME = ("profile", "seed", "given")  # what two plans of the same seeds have in common


class _Fixed(BaseModel):
    """When a target's claims were fixed, and whether that was before its first record."""

    model_config = ConfigDict(strict=True, extra="ignore")

    hash: str
    at: str
    before_runs: bool = True


class _Entry(BaseModel):
    """The entry of a target in plan.json.

    runs: its runs; with looks, those of the seeds up to the first look
    further: the runs of the further seeds, for each of the other looks
    looks: the numbers of seeds at which it is judged; None where that number is fixed
    claims: the terms of its claims
    """

    model_config = ConfigDict(strict=True, extra="ignore")

    profile: Literal[PROFILE_NAMES]
    seed: int
    seeds: int | None
    runs: list[Run]
    missing: str | None
    given: dict[str, str] = {}
    looks: list[int] | None = None
    further: list[list[Run]] = []
    claims: list[dict[str, Any]] | None = None
    fixed: _Fixed | None = None

    @field_validator("looks")
    @classmethod
    def _grow(cls, looks):
        if looks is not None and any(a >= b for a, b in zip((0, *looks), looks, strict=False)):
            raise ValueError("numbers of seeds that grow")
        return looks


def load_plan(out: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Read plan.json: {target: its entry, with the fields of `_Entry`}, and what is damaged.

    The second value has a sentence for each part that had to be left out. A plan of an earlier
    version has neither looks nor claims.
    """
    path = out / "plan.json"
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError, RecursionError):
        return {}, [f"{path} cannot be read or is not JSON: the records are shown without it"]
    if not isinstance(plan, dict):
        return {}, [f"{path} is not a plan: the records are shown without it"]
    found, damage = {}, []
    for name, entry in plan.items():
        try:
            found[name] = _Entry.model_validate(entry).model_dump()
        except ValidationError as error:
            where, shown, wanted = fault(error)
            place = f"{name}.{where}" if where else name
            damage.append(f"{path}: {place} is {shown}, {wanted}; left out")
    return found, damage


# -- what is fixed before the runs ----------------------------------------------------------------
def merged(name: str, new: dict[str, Any], old: dict[str, Any] | None, out: Path) -> dict[str, Any]:
    """The entry of a target that is planned (again): with what was fixed before its first record.

    Raises BadParameters where the schedule of looks would change after that.
    """
    if old is not None and _begun(old, out) and _same_seeds(new, old):
        new = new | _schedule(name, new, old)
    claims = terms(TARGETS[name]) if name in TARGETS else []
    begun = _begun(new, out)
    if old is not None and old["fixed"] and begun and old["runs"] == new["runs"]:
        return new | {"claims": old["claims"], "fixed": old["fixed"]}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    fixed = {"hash": digest(claims), "at": now, "before_runs": not begun}
    return new | {"claims": claims, "fixed": fixed}


def _begun(entry: Mapping[str, Any], out: Path) -> bool:
    """Whether a run of an entry has a record."""
    return any((out / run / "result.json").exists() for run in planned_runs(entry))


def planned_runs(entry: Mapping[str, Any]) -> list[str]:
    """All runs of an entry, those of further seeds included."""
    return [run for block in (entry["runs"], *entry["further"]) for run in block]


def _same_seeds(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    return all(new[field] == old[field] for field in SAME)


def _schedule(name: str, new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """The schedule that holds for a target whose seeds have been looked at under another one.

    A fixed number of seeds may become the first look: fewer than five say little, and the further
    looks spend what the rule allows. Nothing else may change.
    """
    same_runs = new["runs"] == old["runs"]
    if new["looks"] == old["looks"] or (old["looks"] is None and same_runs):
        return {}
    if new["looks"] is None and same_runs:  # a plain `reproduce` of the seeds of the first look
        return {"looks": old["looks"], "further": old["further"]}
    if old["looks"] is None and new["looks"] is None:
        return {}
    if old["looks"] is None:
        was, remedy = "a fixed number of seeds", ""
    else:
        was = f"looks at {_listed(old['looks'])} seeds"
        remedy = f", or --until-decided --max-seeds {old['looks'][-1]} as before"
    now = (
        "a fixed number of seeds"
        if new["looks"] is None
        else f"looks at {_listed(new['looks'])} seeds"
    )
    raise BadParameters(
        f"{name} has records in this folder that were planned with {was}, not with {now}: "
        f"a schedule that changes after a look would decide more often by chance; "
        f"take another --out{remedy}"
    )


def _listed(looks: list[int]) -> str:
    return ", ".join(map(str, looks))


# -- the terms of claims --------------------------------------------------------------------------
def terms(target: Target) -> list[dict[str, Any]]:
    """What is fixed of a target's claims before its runs, as it comes back from JSON."""
    return json.loads(json.dumps([claim.terms() for claim in target.claims]))


def changed(target: Target, entry: Mapping[str, Any]) -> list[str]:
    """Sentences on claims that are not those that were fixed before the runs of an entry."""
    fixed, then, now = entry.get("fixed"), entry.get("claims"), terms(target)
    if fixed is None or then is None:
        return []
    found = []
    if not fixed["before_runs"] and then:
        found.append(f"its claims were fixed only after its first record, at {fixed['at']}")
    if len(then) != len(now):
        found.append(f"it had {len(then)} claims before its runs, and has {len(now)} now")
    for before, after in zip(then, now, strict=False):
        old, new = _flat(before), _flat(after)
        names = [k for k in old | new if old.get(k) != new.get(k)]
        if names:
            parts = [f"{k} {_shown(old.get(k))} then, {_shown(new.get(k))} now" for k in names[:3]]
            more = f" and {len(names) - 3} more" * (len(names) > 3)
            found.append(
                f"a claim has changed since it was fixed at {fixed['at']} "
                f'("{_words(new)}": {"; ".join(parts)}{more})'
            )
    return found


def _flat(value: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """{"number.margin": ...}: the leaves of nested terms."""
    found: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            found |= _flat(inner, f"{above}{key}.")
        else:
            found[f"{above}{key}"] = inner
    return found


def _words(leaves: Mapping[str, Any]) -> str:
    return next((str(v) for k, v in leaves.items() if k.split(".")[-1] == "claim"), "")


def _shown(value: Any) -> str:
    if value is None:
        return "not given"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
