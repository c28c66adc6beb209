"""What `gantutor reproduce` prints before and after its runs."""

from collections.abc import Sequence


def announce(plan, todo: Sequence, note: str, jobs: int, changed: bool, at_once: str) -> None:
    """Print what will run, and which targets cannot."""
    targets, runs = _several(len(plan.targets), "target"), _several(len(plan.jobs), "run")
    if plan.looks:
        looks, first = ", ".join(map(str, plan.looks)), [j for j in todo if j in _of_first(plan)]
        print(f"{targets}, looks at {looks} seeds, at most {runs} -> {plan.out}")
        next_look = _guess(first, jobs, changed)
        print(
            f"the first look: {_several(len(first), 'run')} to do{next_look}{at_once}", flush=True
        )
    else:
        guess = _guess(todo, jobs, changed)
        print(f"{targets}, {runs}, {len(todo)} to do{guess}{at_once} -> {plan.out}", flush=True)
    for reason, names in plan.reasons().items():
        print(f"  not run  {names}: {reason}")
    if note:
        print(f"  note     {note}")


def _guess(todo: Sequence, jobs: int, changed: bool) -> str:
    minutes = sum(job.minutes for job in todo) / min(jobs, max(len(todo), 1))
    return f", about {minutes:.0f} min" + " without -p" * changed if minutes >= 1 else ""


def _of_first(plan) -> list:
    """The runs of the first look."""
    folders = {plan.out / run for runs in plan.targets.values() for run in runs}
    return [job for job in plan.jobs if job.folder in folders]


def _several(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def listed(plan, todo: Sequence) -> None:
    """Print each run of a plan, or of its first look, then what its seeds can decide."""
    from gantutor.reproduce.ledger import read_ledger
    from gantutor.reproduce.until import LEGEND, forecasts

    for job in _of_first(plan):
        if job in todo:
            print(f"  would run {job.label}, about {job.minutes:.1f} min")
        else:
            print(f"  kept      {job.label}")
    lines = list(forecasts(plan, read_ledger(plan.out)))
    if lines:
        print("", *lines, "", LEGEND, sep="\n")


def decided(waiting, out, names: Sequence[str]) -> None:
    """Print what is decided and what is missing, by itself and among the claims of the page."""
    from gantutor.reproduce.report import collect
    from gantutor.reproduce.until import on_the_page, outlook

    print("", "claims, each by itself:", *outlook(waiting), sep="\n")
    among = on_the_page(collect(out), names)
    if among:
        print("", *among, sep="\n")


def out_of_time(waiting) -> None:
    """Print what a plain grid had no time for, if anything."""
    from gantutor.reproduce.until import not_begun

    print(*not_begun(waiting), sep="\n", end="\n" if waiting.wanted() else "")
