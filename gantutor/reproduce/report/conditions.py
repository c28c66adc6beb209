"""The conditions of runs in words: parameters, recipe, data, machine, versions."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gantutor.course.lessons.full_run import ROW_HAS
from gantutor.reproduce.report.sections import Section, noted

FOLDERS = ("row", "out", "path")  # parameters that differ for every run
# a row's own value is taken where these parameters of notebook 10 are 0
ROW_OWN = ("size", "lr", "steps", "batch", "width", "n_fake")
# parameters that earlier versions accepted beside a row, and ignored
ROW_HAD = ("n_dis", "beta1", "beta2", "ema", "decay")
LABELS = {"norm": "batch norm when sampling", "keep": "share of the reals kept"}
TIMES = {2: "twice"}


class RunFacts(NamedTuple):
    """One run of a section: what is its own, next to what all of them have in common."""

    label: str
    folder: str
    started: str
    seconds: str
    starts: str
    own: str


class Conditions(NamedTuple):
    """The conditions that several runs have in common, and each run."""

    common: dict[str, str]
    runs: list[RunFacts]


def several(n: int, what: str) -> str:
    """A number with its noun.

    >>> several(1, "row"), several(2, "row")
    ('1 row', '2 rows')
    """
    return f"{n} {what}{'s' * (n != 1)}"


def conditions(runs: Sequence[tuple[str, str, dict[str, Any], Section]]) -> Conditions:
    """The conditions of runs, each given as its label, folder, record and section."""
    facts = [_facts(result) for _, _, result, _ in runs]
    common = {k: v for k, v in facts[0].items() if all(f.get(k) == v for f in facts)}
    found = []
    for (label, folder, result, section), fact in zip(runs, facts, strict=True):
        n = section.starts.get(folder, 0)
        starts = f"started {TIMES.get(n, f'{n} times')}" if n > 1 else ""
        own = "; ".join(f"{k} {v}" for k, v in fact.items() if k not in common)
        seconds = f"{result['wall_s']:.0f} s"
        found.append(RunFacts(label, folder, moment(result["started"]), seconds, starts, own))
    return Conditions(common, found)


def moment(iso: str) -> str:
    """A time in UTC to the minute; what is not an ISO time is left as it is.

    >>> moment("2026-01-01T00:30:12+01:00")
    '2025-12-31 23:30 UTC'
    """
    try:
        found = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return found.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if found.tzinfo else iso


def _facts(r: dict[str, Any]) -> dict[str, str]:
    """The conditions of one run, one text for each of them."""
    facts = {k: in_words(v) for k, v in r["data"].items() if k != "row"}
    versions = ", ".join(f"{k} {v}" for k, v in r["versions"].items() if v)
    return {
        "Parameters": in_words(_asked(r)),
        **_recipes(r),
        **facts,
        "Hardware": machine(r["hardware"]),
        "Versions": f"{versions}; commit {(r['commit'] or 'unknown')[:12]}",
    }


def _asked(r: dict[str, Any]) -> dict[str, Any]:
    """The parameters that held: without those left to a row, or overruled by its recipe."""
    left = {k: v for k, v in r["parameters"].items() if k not in FOLDERS and v not in (None, "")}
    if r["notebook"] != "10_full_run":
        return left
    # records of earlier versions hold parameters that their row ignored
    old = r["parameters"].get("row") is not None and not r["trained"]
    over = (*ROW_HAS, *ROW_HAD) if old else ()
    return {k: v for k, v in left.items() if k not in over and not (k in ROW_OWN and v == 0)}


def _recipes(r: dict[str, Any]) -> dict[str, str]:
    """What was trained, part by part: what all variants share, then each variant's own parts."""
    entries = {variant: x for variant, x in r["trained"].items() if isinstance(x, dict)}
    trained = {variant: _parts(entry) for variant, entry in entries.items()}
    if not trained:
        row = r["parameters"].get("row") is not None
        return {"Recipe": "not in this record, which an earlier version made"} if row else {}
    first = next(iter(trained.values()))
    shared = {
        k: v for k, v in first.items() if all(parts.get(k) == v for parts in trained.values())
    }
    found = {f"Trained: {k}": v for k, v in shared.items()}
    for variant, parts in trained.items():
        own = {k: v for k, v in parts.items() if k not in shared}
        if own:
            found[f"Trained: {variant}"] = in_words(own)
    return found


def _parts(entry: dict[str, Any]) -> dict[str, str]:
    """A `trained` entry of a record in words; parts that are off are left out."""
    recipe = entry.get("recipe")
    recipe = recipe if isinstance(recipe, dict) else {}
    rest = {k: v for k, v in entry.items() if k != "recipe"}
    listed = {LABELS.get(k, k): v for k, v in rest.items()} | recipe
    parts = {k: _spelled(v) for k, v in listed.items() if k != "kind" and v not in (None, [], "")}
    ema, steps = recipe.get("ema"), entry.get("steps")
    if isinstance(ema, dict) and isinstance(steps, int) and ema.get("start", 0) >= steps:
        parts["ema"] += f": a copy of G here, since the run ends after {steps} steps"
    return parts


def _spelled(value: Any) -> str:
    """What `describe` gave, as one would write it.

    >>> _spelled({"kind": "Adam", "lr": 0.0002, "betas": [0.5, 0.9]})
    'Adam(lr=0.0002, betas=(0.5, 0.9))'
    """
    if isinstance(value, dict):
        words = ", ".join(f"{k}={_spelled(v)}" for k, v in value.items() if k != "kind")
        return f"{value.get('kind', '')}({words})"
    if isinstance(value, list):
        return f"({', '.join(map(_spelled, value))})"
    return str(value)


def in_words(value: Any) -> str:
    """A value in words; a dictionary as "name = value, ..."."""
    if isinstance(value, dict):
        return ", ".join(f"{k} = {in_words(v)}" for k, v in value.items())
    return str(value)


def machine(hardware: dict[str, Any]) -> str:
    """The machine of a record in words."""
    cores = [] if hardware["cores"] is None else [several(hardware["cores"], "core")]
    return ", ".join([hardware["cpu"], *cores, hardware["gpu"] or "no GPU"])


def effort(sections: Sequence[Section]) -> str:
    """A sentence on the runs behind some sections; "" where there are none."""
    unique = {run: result for s in sections for run, result in s.results}
    if not unique:
        return ""
    minutes = sum(r["wall_s"] for r in unique.values()) / 60
    machines = sorted({machine(r["hardware"]) for r in unique.values()})
    return f"{several(len(unique), 'run')}, {minutes:.1f} minutes in all, on {'; '.join(machines)}."


def of_paper(cell: dict[str, str]) -> str:
    """How the paper measured a printed cell, as far as it says: to follow the measure's name."""
    counts = [
        f"{int(cell[n]):,} {what}"
        for n, what in (("n_fake", "fakes"), ("n_real", "reals"))
        if cell[n]
    ]
    split = f"split {cell['split']}" * bool(cell["split"])
    said = ", ".join(filter(None, [*counts, split, cell["features"]]))
    said = said or "numbers of images not stated"
    return f" on {cell['dataset']}: {said}" if cell["dataset"] else f": {said}"


def of_run(s: Section) -> str:
    """How a row's own run was measured."""
    result = s.own[1]
    p, asked = noted(result, "protocol"), result["parameters"]
    numbers = [
        f"{p[n]:,} {what}"
        for n, what in (("n_fake", "fakes"), ("n_real", "reals"))
        if isinstance(p.get(n), int)
    ]
    named = [f"{what} {p[what]}" for what in ("split", "features") if what in p]
    reals = ", ".join([*numbers, *named]) or "no protocol noted"
    entry = result["trained"].get(s.row, {})
    recipe = entry.get("recipe") if isinstance(entry.get("recipe"), dict) else {}
    ran = {"steps": entry.get("steps"), "batch": recipe.get("batch")}
    found = {k: ran.get(k) or asked.get(k) for k in ("steps", "batch", "width")}
    budget = ", ".join(f"{k} {v}" for k, v in found.items() if v)
    data = noted(result, "data").get("name", "unnamed data")
    words = f"{s.metric} on {data}: {reals}; measured after the last step; profile {s.profile}"
    return f"{words} ({budget})" if budget else words
