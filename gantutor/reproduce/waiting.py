"""Which runs may start next, how long they will take, and whether that is in time."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gantutor.reproduce.outcome import FINISHED, Outcome
from gantutor.reproduce.plan import Job


@dataclass
class Deadline:
    """When a command has to end: `within` seconds after its begin; None: never.

    clock: seconds that only grow
    """

    within: float | None = None
    clock: Callable[[], float] = time.monotonic
    begun: float = field(init=False)

    def __post_init__(self):
        self.begun = self.clock()

    def allows(self, minutes: float) -> bool:
        """Whether something that takes so many minutes, if it begins now, ends in time."""
        if self.within is None:
            return True
        return self.clock() - self.begun + 60 * minutes <= self.within


class Pace:
    """How long runs take: by a run of the same kind, else by how the planned minutes hold here."""

    def __init__(self):
        self.seconds: dict[str, float] = {}  # by the kind of a run, of all that ended
        self.seeds: dict[str, int] = {}
        self.planned = self.taken = 0.0  # minutes of all of these

    def took(self, job: Job, seconds: float, seeds: int | None = None) -> None:
        """Note that a run, with so many seeds where they are not the job's, took these seconds."""
        seeds = seeds or job.seeds
        self.seconds[job.kind] = self.seconds.get(job.kind, 0.0) + seconds
        self.seeds[job.kind] = self.seeds.get(job.kind, 0) + seeds
        self.planned += job.minutes / job.seeds * seeds
        self.taken += seconds / 60

    def minutes(self, job: Job) -> float:
        """The minutes that a run will take, in proportion to its seeds."""
        if job.kind in self.seconds:
            return self.seconds[job.kind] / self.seeds[job.kind] * job.seeds / 60
        return job.minutes * (self.taken / self.planned if self.planned else 1.0)

    def a_seed(self, jobs: Iterable[Job]) -> float:
        """The minutes that one more seed of all these runs takes."""
        return sum(self.minutes(job) / job.seeds for job in jobs)


class Waiting:
    """The runs of a plan that are not done, the longest first: a short one fills the end.

    `run_plan` asks it what may start and tells it what has begun and ended.
    """

    at_most = False  # whether some of the runs may turn out not to be needed

    def __init__(self, jobs: Iterable[Job], deadline: Deadline | None = None):
        self.jobs = sorted(jobs, key=lambda job: -job.minutes)
        self.deadline, self.pace = deadline or Deadline(), Pace()
        self.running: set[Job] = set()
        self.over: set[Job] = set()  # ended, well or not

    def wanted(self) -> list[Job]:
        """The runs that are to be done, the next ones first, those in progress left out."""
        return [job for job in self.jobs if job not in self.running and job not in self.over]

    def ready(self) -> list[Job]:
        """Those of them that would end in time if they began now."""
        return [job for job in self.wanted() if self.deadline.allows(self.pace.minutes(job))]

    def began(self, job: Job) -> None:
        """Note that a run has begun."""
        self.running.add(job)

    def again(self, job: Job) -> None:
        """Note that a run has not begun after all: another command is running it."""
        self.running.discard(job)

    def ended(self, job: Job, outcome: Outcome) -> None:
        """Note how a run ended, or that its record was there already."""
        self.running.discard(job)
        self.over.add(job)
        if outcome.status in FINISHED:
            self.pace.took(job, outcome.wall_s)
