"""What the kept records show, for people: docs/status.md in full, and six lines in README.md.

`python -m gantutor.reproduce.report [OUT [NAME]]` (`make readme`) keeps the table and the
conditions of the runs below OUT as data/records/NAME.csv and .json, where OUT is given, and
writes both texts from the kept files. NAME is "class" unless it is given.
"""

import csv
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gantutor.course.records import read, write_json, write_text
from gantutor.files import ours
from gantutor.reproduce.report.conditions import machine, several
from gantutor.reproduce.report.forest import PICTURE
from gantutor.reproduce.report.status_page import FIRST, pictures, status_page
from gantutor.reproduce.report.statuses import counted

SHOWN = "class"  # the kept records that README.md and docs/status.md show
RECORDS, README, STATUS = Path("data/records"), Path("README.md"), Path("docs/status.md")
KEPT = (
    "notebook",
    "parameters",
    "source_hash",
    "seeds",
    "status",
    "data",
    "trained",
    "versions",
    "hardware",
    "commit",
    "started",
    "wall_s",
)


def main(arguments: Sequence[str]) -> None:
    """Keep the records of a folder if one is given, then write both texts.

    Raises NotOurs where a docs/status.md is there that was not made by this command.
    """
    if arguments:
        keep(Path(arguments[0]), *arguments[1:2])
    kept = RECORDS / f"{SHOWN}.csv"
    if not kept.exists():
        return
    rows = rows_of(kept.read_text(encoding="utf-8"))
    conditions = RECORDS / f"{SHOWN}.json"
    runs = json.loads(conditions.read_text(encoding="utf-8")) if conditions.exists() else []
    ours(STATUS, FIRST)
    STATUS.parent.mkdir(exist_ok=True)
    write_text(STATUS, status_page(rows, SHOWN, conditions_of(runs)))
    for name, svg in pictures(rows).items():
        ours(STATUS.with_name(name), PICTURE)
        write_text(STATUS.with_name(name), svg)
    text = README.read_text(encoding="utf-8")
    start, end = marks(SHOWN)
    if start in text:
        before, after = text.split(start)[0], text.split(end)[1]
        write_text(README, f"{before}{start}\n{summary(rows, runs)}\n{end}{after}")


def keep(out: Path, name: str = SHOWN) -> None:
    """Copy the report's table and the conditions of the runs below `out` into data/records."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    table = (out / "report.csv").read_text(encoding="utf-8")
    # the folder where somebody's data were is of no use to anybody else
    table = re.sub(r"not in \S+ \(GANTUTOR_DATA\)", "not at hand", table)
    write_text(RECORDS / f"{name}.csv", table)
    write_json(RECORDS / f"{name}.json", conditions_below(out))


def conditions_below(out: Path) -> list[dict[str, Any]]:
    """The conditions of each run below `out`: parameters, seeds, data, versions, hardware, time."""
    runs = []
    for path in sorted(out.rglob("result.json")):
        try:
            result = read(path.parent)
        except ValueError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        asked = {k: v for k, v in result["parameters"].items() if k not in ("out", "path")}
        runs.append({k: result[k] for k in KEPT} | {"parameters": asked})
    return runs


def rows_of(table: str) -> list[dict[str, str]]:
    """The lines of a report.csv."""
    return list(csv.DictReader(io.StringIO(table)))


def marks(name: str) -> tuple[str, str]:
    """The lines of README.md between which the summary of these records is."""
    return (
        f"<!-- {name}: made by `make readme` from data/records/{name}.csv -->",
        f"<!-- end of {name} -->",
    )


# -- README.md -------------------------------------------------------------------------------------
def summary(rows: Sequence[dict[str, str]], runs: Sequence[dict[str, Any]]) -> str:
    """Six lines of Markdown: records, claims, measures, what cannot run, conditions, a link."""
    found = {r["target"]: r for r in rows if not r["target"].endswith(":")}
    lessons = [r for name, r in found.items() if ":" not in name and r["status"] != "not yet"]
    trained = [r for name, r in found.items() if ":" in name]
    ran = sum(bool(r["runs"]) for r in lessons), sum(bool(r["runs"]) for r in trained)
    claims = Counter(r["claim_status"] for r in rows if r["claim"])
    never = sum(r["status"] == "not yet" for r in rows if r["target"].endswith(":"))
    measures = Counter(r["metric"] for r in trained if r["runs"] and r["metric"])
    measured = ", ".join(f"`{metric}` for {n}" for metric, n in measures.items()) or "none"
    return "\n".join(
        [
            f"- **Records**: {sum(ran)} of {len(lessons) + len(trained)} targets have one: {ran[0]}"
            f" of {len(lessons)} figures and lessons, {ran[1]} of {len(trained)} table rows.",
            f"- **Claims** ({claims.total()}): {counted(claims)}. The chance that any *holds*,"
            " *contradicts* or *differs* is false is at most 5 %.",
            f"- **Measures of rows with claims**: {measured}. Only `fid` can be compared with the"
            " papers' FIDs; a kernel distance stands in for it, on a scale of its own.",
            f"- **Cannot be run yet**: {several(never, 'further row')} of the tables (StyleGAN2,"
            " classifiers, rows that were copied from other papers).",
            f"- **Conditions**: {conditions_of(runs)}.",
            f"- Every claim with its interval beside the paper's effect: [{STATUS}]({STATUS}).",
        ]
    )


def conditions_of(runs: Sequence[dict[str, Any]]) -> str:
    """The conditions of runs in words, as part of a sentence."""
    if not runs:
        return "not kept"
    profiles = _each(f"`{r['parameters'].get('profile')}`" for r in runs)
    versions = _each(f"torch {r['versions']['torch']}" for r in runs)
    hours = sum(r["wall_s"] for r in runs) / 3600
    days = sorted({r["started"][:10] for r in runs})
    span = " to ".join(dict.fromkeys((days[0], days[-1])))
    return (
        f"profile {profiles}, {_seeds([r['seeds'] for r in runs])};"
        f" {several(len(runs), 'run')}, {hours:.1f} hours in all"
        f" on {_each(machine(r['hardware']) for r in runs)}; {versions}; {span}"
    )


def _seeds(runs: Sequence[Sequence[int]]) -> str:
    """The seeds of several runs in words.

    >>> _seeds([[0, 1, 2], [0, 1, 2]]), _seeds([[3, 7]])
    ('seeds 0 to 2', 'seeds 3, 7')
    >>> _seeds([[0, 1, 2, 3], [0], [0, 1, 2]])
    '1, 3 or 4 seeds from 0 on'
    """
    firsts, counts = {seeds[0] for seeds in runs}, sorted({len(seeds) for seeds in runs})
    runs_on = all(list(s) == list(range(s[0], s[0] + len(s))) for s in runs)
    if runs_on and len(firsts) == 1 and len(counts) > 1:
        *others, last = map(str, counts)
        return f"{', '.join(others)} or {last} seeds from {firsts.pop()} on"
    return f"seeds {_each(map(_span, runs))}"


def _span(seeds: Sequence[int]) -> str:
    """Seeds without a word, from the first to the last where there are no gaps."""
    whole = len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1))
    return f"{seeds[0]} to {seeds[-1]}" if whole else ", ".join(map(str, seeds))


def _each(words: Iterable[str]) -> str:
    return " or ".join(sorted(set(words)))
