"""Which records answer a target, and the verdict on them."""

import shlex
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from gantutor.course.records import frame_of
from gantutor.reproduce.claims import TableRow, Verdict, adjusted, worst
from gantutor.reproduce.ledger import Ledger, answers, read_ledger
from gantutor.reproduce.planfile import changed
from gantutor.reproduce.report.sections import BASELINE, Section, printed_fid, short, unlike
from gantutor.reproduce.targets import ALL, Target

OTHERS = "Other records in this folder"


def collect(out: str | Path | Ledger) -> list[Section]:
    """All targets, judged by the records in a folder, then the records that answer no target.

    The verdicts are those of one page: their decisive words survive a correction for its number of
    claims.
    """
    ledger = out if isinstance(out, Ledger) else read_ledger(out)
    sections = [section_of(target, ledger) for target in ALL]
    _adjust(sections)
    used = {run for s in sections for run in s.runs}
    homes: dict[str, Section] = {}
    for s in sections:
        for run in ledger.answering(s.target, s.target.runs[-1]) if s.target.notebook else ():
            if run not in used:
                homes.setdefault(run, s)
    for run, s in homes.items():
        s.others.append((run, ledger.runs[run].result))
    used |= set(homes)
    left = [run for run, kept in ledger.runs.items() if kept.result and run not in used]
    return sections + [_unasked(run, ledger) for run in left]


def _adjust(sections: list[Section]) -> None:
    """Correct the verdicts of all sections for the number of claims that they make together."""
    every = iter(adjusted([v for s in sections for v in s.verdicts]))
    for s in sections:
        s.verdicts = [next(every) for _ in s.verdicts]
        if s.verdicts and s.results:
            s.status = worst(s.verdicts)


def _unasked(run: str, ledger: Ledger) -> Section:
    """A record that answers no target: of a user's own parameters, or of their own notebook."""
    kept = ledger.runs[run]
    notebook, profile = kept.result["notebook"], kept.result["parameters"].get("profile", "")
    title = f"Notebook {notebook} with parameters of its own"
    return Section(
        Target(run, OTHERS, "not in a paper", title, notebook),
        "measured",
        verdicts=[],
        command="",
        profile=str(profile),
        results=[(run, kept.result)],
        problems=kept.problems,
        starts={run: kept.starts},
    )


def section_of(target: Target, ledger: Ledger) -> Section:
    """A target, judged by the records that answer it, as if it were alone on its page."""
    if target.not_yet:
        verdicts = [Verdict("not yet")] * len(target.claims)
        return Section(target, "not yet", verdicts, "", problems=[target.not_yet])
    entry = ledger.plan.get(target.name) or shared(target, ledger.plan)
    runs = _runs_of(target, entry, ledger)
    problems = [entry["missing"]] if entry and entry["missing"] else []
    if not entry and not any(runs):
        problems.append("not asked for yet" + (f" (needs {target.needs})" if target.needs else ""))
    # what a plan fixed holds for its own runs only
    planned = entry if entry and entry["runs"] == runs else None
    results, starts = [], {}
    for i, (run, changes) in enumerate(zip(runs, target.runs, strict=True)):
        whose = "" if changes is target.runs[-1] or "row" not in changes else BASELINE
        if run is None:
            if any(runs):
                problems.append(f"{whose}no record of it under these parameters")
            continue
        further = [block[i] for block in _further(planned)]
        begun = [run, *(other for other in further if other in ledger.runs)]
        for each in begun:
            problems += [whose + words for words in ledger.problems(each)]
            if kept := ledger.runs.get(each):
                starts[each] = kept.starts
        results.append([(each, result) for each in begun if (result := ledger.record(each))])
    found = [pair for of_run in results for pair in of_run]
    looks = planned["looks"] if planned else None
    entry = entry or _entry_of(found)
    if looks:
        results = _without_gaps(results, entry["seed"])
    if planned and found:
        problems += changed(target, planned)
    verdicts = judge(target, [r for of_run in results for _, r in of_run], looks)
    done = sum(map(bool, results)) == len(target.runs)
    return Section(
        target,
        _status(target, verdicts, bool(found), done),
        verdicts,
        _command(target.name, entry, ledger.out),
        str(found[-1][1]["parameters"].get("profile", "")) if found else entry["profile"],
        found,
        list(dict.fromkeys(problems)),
        starts,
    )


def _further(entry: dict[str, Any] | None) -> list[list[str]]:
    """The runs of an entry's further seeds, one list for each look after the first."""
    blocks = entry["further"] if entry else []
    return [block for block in blocks if len(block) == len(entry["runs"])]


def _without_gaps(results: list[list], first: int) -> list[list]:
    """The records of each run up to the first seed that one of the runs lacks.

    A look at n seeds is at the first n: where a run failed, it waits.
    """
    seeds = [{seed for _, r in of_run for seed in r["seeds"]} for of_run in results]
    common = set.intersection(*seeds) if seeds else set()
    end = next(seed for seed in count(first) if seed not in common)
    return [
        [(run, r) for run, r in of_run if max(r["seeds"], default=first) < end]
        for of_run in results
    ]


def shared(target: Target, plan: dict[str, Any]) -> dict[str, Any] | None:
    """The plan's entry of another target whose runs include all that this target needs.

    One notebook may serve two figures, and a row may have run as another row's baseline.
    """
    more = None
    for other in ALL:
        entry = plan.get(other.name)
        if entry is None or (other.notebook, other.needs) != (target.notebook, target.needs):
            continue
        entry = {**entry, "claims": None, "fixed": None}  # these are the other's own
        if other.runs == target.runs:
            return entry
        whole = len(entry["runs"]) == len(other.runs)
        if more is None and whole and all(changes in other.runs for changes in target.runs):
            at = [other.runs.index(changes) for changes in target.runs]
            runs, *further = ([block[i] for i in at] for block in (entry["runs"], *_further(entry)))
            more = {**entry, "runs": runs, "further": further}
    return more


def _runs_of(target: Target, entry: dict[str, Any] | None, ledger: Ledger) -> list[str | None]:
    """The folder of each of a target's runs: the planned one, else one that the ledger finds."""
    planned: list[str | None] = [None] * len(target.runs)
    if entry and len(entry["runs"]) == len(target.runs):
        planned = entry["runs"]
    for run, changes in zip(planned, target.runs, strict=True):
        result = ledger.record(run) if run else None
        if result and not answers(result, target, {k: v for k, v in changes.items() if k == "row"}):
            # a plan that was edited, or that another version of the package made
            planned = [None] * len(target.runs)
    if entry and entry.get("looks") and planned[-1]:
        return planned  # other records were not made for its looks
    done = [bool(run and ledger.record(run)) for run in planned]
    own = planned[-1]
    if not done[-1]:
        if any(done):  # a plan that is half done is not completed by records made otherwise
            return planned
        own = next(iter(ledger.answering(target, target.runs[-1])), None)
    if own is None:
        return planned
    others = [
        run if is_done else ledger.beside(own, target, changes) or run
        for run, is_done, changes in zip(planned[:-1], done[:-1], target.runs[:-1], strict=True)
    ]
    return [*others, own]


def _entry_of(results: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """What a plan's entry would hold for records that are in no plan."""
    p = results[-1][1]["parameters"] if results else {}
    usual = {"profile": "class", "seed": 0, "seeds": None}  # None: as many as the profile has
    return {"missing": None} | {name: p.get(name, value) for name, value in usual.items()}


def judge(
    target: Target, results: Sequence[dict[str, Any]], looks: Sequence[int] | None = None
) -> list[Verdict]:
    """The verdicts on a target's claims by records of its runs, which may have further seeds.

    looks: the numbers of seeds at which they may be decided; None: those that are there
    """
    if not results:  # most targets of most folders: no frame is needed to know the answer
        return [
            Verdict("not run", note=f"no values of {claim.metric} for {claim.variant}")
            for claim in target.claims
        ]
    row = target.runs[-1].get("row")
    frame = frame_of(results)
    own = next((r for r in results if row and r["parameters"].get("row") == row), None)
    why = unlike(printed_fid(row), own) if own else ""
    verdicts = [
        claim.judge(frame, looks, why) if isinstance(claim, TableRow) else claim.judge(frame, looks)
        for claim in target.claims
    ]
    diverged = next((r for r in results[::-1] if r["status"] == "diverged"), None)
    if diverged is None:
        return verdicts
    of = diverged["parameters"].get("row")
    whose = "its baseline " if of and of != row else ""
    unknown = Verdict("undecided", note=f"{whose}diverged at step {diverged['step']}")
    # a run that says which trainings failed is judged by that; of another one the values may be
    # those of the trainings before the one that ended it
    return [v if v.failed else unknown for v in verdicts]


def _status(target: Target, verdicts: list[Verdict], begun: bool, done: bool) -> str:
    if not begun:
        return "not run"
    if verdicts:
        return worst(verdicts)
    if not done:
        return "not run"
    return "measured" if target.row else "shown"


def _command(name: str, entry: dict[str, Any], out: Path) -> str:
    seed, seeds, looks = entry.get("seed"), entry.get("seeds"), entry.get("looks")
    given = [f"-p {shlex.quote(f'{k}={v}')}" for k, v in entry.get("given", {}).items()]
    words = [
        f"gantutor reproduce {name}",
        f"--profile {entry['profile']}",
        f"--seed {seed}" if seed else "",
        f"--seeds {seeds}" if seeds and not looks else "",
        f"--until-decided --max-seeds {looks[-1]}" if looks else "",
        *given,
        f"--out {short(out)}",
    ]
    return " ".join(filter(None, words))
