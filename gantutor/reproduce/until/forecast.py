"""What a plan's seeds can decide, before they are run, by the spread of seeds that are there."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from gantutor.reproduce.claims import ALPHA, Claim, number
from gantutor.reproduce.claims.claim import seeds_in_words
from gantutor.reproduce.ledger import Ledger
from gantutor.reproduce.plan import Job, Plan
from gantutor.reproduce.report.evidence import judge
from gantutor.reproduce.report.sections import but_for_seeds
from gantutor.reproduce.targets import TARGETS, Target
from gantutor.reproduce.until import kept
from gantutor.reproduce.until.pilot import POWER, Pilot, aim_of
from gantutor.reproduce.until.words import WIDE, beside, minutes_in_words
from gantutor.reproduce.waiting import Pace
from gantutor.statistics import levels

LEGEND = (
    f"With a chance of {POWER:.0%}: the effect that the planned seeds show, and the seeds and time "
    "that\nthe paper's effect needs. %, x: of a distance or ratio; +-: the margin of a printed "
    "number;\n*: the smallest effect worth naming, where the paper prints none."
)


def forecasts(plan: Plan, ledger: Ledger, targets: Mapping[str, Target] = TARGETS) -> Iterable[str]:
    """A line for each claim of a plan: pilot, detectable effect, paper's effect, seeds, minutes.

    A pilot is the records in the folder that differ from the planned runs in their seeds alone,
    else those that data/records keeps of the same runs.
    """
    yield f"{'claims, by 80 % power':{WIDE + 2}s}{'pilot sd':>13s}{'shown by':>11s}" + (
        f"{'the':>10s}{'seeds':>8s}{'time':>10s}"
    )
    yield f"{'':{WIDE + 2}s}{'(seeds)':>13s}{'the plan':>11s}" + (
        f"{'paper':>10s}{'needed':>8s}{'needed':>10s}"
    )
    by_kind = _by_kind(ledger)
    pace = _pace(plan, by_kind)
    by_folder = {job.folder: job for job in plan.jobs}
    for name, runs in plan.targets.items():
        target, jobs = targets[name], [by_folder[plan.out / run] for run in runs]
        if not target.claims:
            continue
        a_seed = pace.a_seed(jobs)
        n = plan.looks[-1] if plan.looks else min(job.seeds for job in jobs)
        most = "at most " * bool(plan.looks)
        yield f"{name}: {most}{seeds_in_words(n)}, {minutes_in_words(n * a_seed)}"
        alpha = levels(plan.looks)[-1] if plan.looks else ALPHA
        found = _pilots(target, jobs, by_kind) or kept.pilots(target, jobs)
        for i, claim in enumerate(target.claims):
            yield from beside(claim, _line(claim, found.get(i), n, alpha, a_seed))


def _line(claim: Claim, pilot: Pilot | None, n: int, alpha: float, a_seed: float) -> str:
    aim = aim_of(claim)
    if aim is None:
        return f"{'every seed counts':>24s}"
    paper = aim.shown(aim.size) + "*" * (not aim.printed)
    if pilot is None:
        return f"{'no pilot':>13s}{'-':>11s}{paper:>10s}{'-':>8s}{'-':>10s}"
    seen = aim.shown(aim.seen(pilot.sd, n, alpha)) if n > 1 else "-"
    needed = aim.needed(pilot.sd)
    seeds = "-" if needed is None else f"{needed:,}"
    time = "-" if needed is None else minutes_in_words(needed * a_seed)
    spread = f"{number(pilot.sd)} ({pilot.n})"
    return f"{spread:>13s}{seen:>11s}{paper:>10s}{seeds:>8s}{time:>10s}"


# -- pilots ---------------------------------------------------------------------------------------
def _by_kind(ledger: Ledger) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list] = {}
    for result in ledger.records().values():
        found.setdefault(but_for_seeds(result), []).append(result)
    return found


def _pilots(
    target: Target, jobs: list[Job], by_kind: Mapping[str, list[dict[str, Any]]]
) -> dict[int, Pilot]:
    """The pilots of a target's claims, by their places, from records of the same kinds of runs."""
    results = [result for job in jobs for result in by_kind.get(job.kind, ())]
    judged = {i: v.judged for i, v in enumerate(judge(target, results))}
    return {i: Pilot(j.sd, j.spread.n) for i, j in judged.items() if j and math.isfinite(j.sd)}


def _pace(plan: Plan, by_kind: Mapping[str, list[dict[str, Any]]]) -> Pace:
    pace = Pace()
    for job in {job.kind: job for job in plan.jobs}.values():
        for result in by_kind.get(job.kind, ()):
            pace.took(job, result["wall_s"], len(result["seeds"]))
    return pace
