"""A plan of growing numbers of seeds: each look adds runs of the seeds since the last one."""

from collections.abc import Sequence
from dataclasses import replace

from gantutor.reproduce.plan import Job, Plan, make_plan
from gantutor.reproduce.targets import Target


def blocks(looks: Sequence[int], first: int = 0) -> list[tuple[int, int]]:
    """The first seed and the number of seeds that each look adds.

    >>> blocks((3, 5, 8))
    [(0, 3), (3, 2), (5, 3)]
    """
    return [(first + a, b - a) for a, b in zip((0, *looks), looks, strict=False)]


def plan_looks(targets: Sequence[Target], looks: Sequence[int], seed: int = 0, **given) -> Plan:
    """The plan of targets at these numbers of seeds, from `seed` on.

    `given` are further arguments of `make_plan`, whose errors it raises, and BadParameters where
    the folder has records that were judged at other looks.
    """
    parts = [make_plan(targets, seed=at, seeds=n, **given) for at, n in blocks(looks, seed)]
    plan, *others = parts
    plan.seeds, plan.looks = None, list(looks)
    plan.further = {name: [part.targets[name] for part in others] for name in plan.targets}
    plan.jobs = [_named(job) for part in parts for job in part.jobs]
    plan.check_schedule()
    return plan


def _named(job: Job) -> Job:
    first, n = job.parameters["seed"], job.seeds
    seeds = f"seed {first}" if n == 1 else f"seeds {first} to {first + n - 1}"
    return replace(job, label=f"{job.label} {seeds}")
