"""One target's way to its decision, and which of several targets gets the next seeds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gantutor.reproduce.claims import DECIDED, ENOUGH, Verdict
from gantutor.reproduce.outcome import FINISHED, Outcome
from gantutor.reproduce.plan import Job, Plan
from gantutor.reproduce.report.evidence import judge
from gantutor.reproduce.targets import TARGETS, Target
from gantutor.reproduce.waiting import Deadline, Pace, Waiting

FAR = 100_000  # seeds: nobody runs as many


def settled(verdict: Verdict) -> bool:
    """Whether further seeds cannot or need not change a verdict.

    It is decided; or there is nothing to test, and five seeds are there; or its runs left nothing
    that can be judged.

    >>> settled(Verdict("holds", seeds=8)), settled(Verdict("undecided", seeds=8, p=0.2))
    (True, False)
    """
    if verdict.status in DECIDED or verdict.seeds == 0:
        return True
    return verdict.p is None and verdict.seeds >= ENOUGH


@dataclass(eq=False)
class Pursuit:
    """A target with the runs of each look, judged by the looks that are complete.

    blocks: the runs that each look adds
    complete: how many looks are complete: all runs up to them have records
    failed: runs that ended without a record; their look waits
    """

    target: Target
    looks: list[int]
    blocks: list[list[Job]]
    records: Mapping[Job, dict[str, Any]]
    failed: Mapping[Job, Outcome]
    complete: int = 0
    verdicts: list[Verdict] = field(default_factory=list)

    def update(self) -> bool:
        """Judge the looks that have become complete; whether there are any."""
        before = self.complete
        while self.complete < len(self.blocks) and all(
            job in self.records for job in self.blocks[self.complete]
        ):
            self.complete += 1
        if self.complete == before:
            return False
        self.verdicts = self.judged(self.complete)
        return True

    def judged(self, looks: int) -> list[Verdict]:
        """The verdicts at a look, the first being 1, each claim by itself."""
        # the records of one run together, as in a section of the report
        by_run = zip(*self.blocks[:looks], strict=True)
        results = [self.records[job] for jobs in by_run for job in jobs]
        return judge(self.target, results, self.looks)

    @property
    def seeds(self) -> int:
        """How many seeds are judged."""
        return self.looks[self.complete - 1] if self.complete else 0

    @property
    def is_over(self) -> bool:
        """Whether its claims are settled, or its seeds are used up."""
        if not self.complete:
            return False
        return self.complete == len(self.blocks) or all(map(settled, self.verdicts))

    @property
    def waits(self) -> str:
        """Why it cannot go on: a run of its next look that failed; "" if it can."""
        block = [] if self.is_over else self.blocks[self.complete]
        return next((f"{j.label}: {self.failed[j].message}" for j in block if j in self.failed), "")

    def next(self) -> list[Job]:
        """The runs that its next look lacks."""
        if self.is_over or self.waits:
            return []
        return [job for job in self.blocks[self.complete] if job not in self.records]

    def lacking(self) -> int:
        """How many seeds its nearest open claim lacks, by the spread of those that are there."""
        if not self.complete:
            return ENOUGH
        still_open = [v for v in self.verdicts if not settled(v)]
        return min((lacks(v, self.seeds) for v in still_open), default=FAR)

    def minutes_a_seed(self, pace: Pace) -> float:
        """Minutes that one more seed of all its runs takes."""
        block = self.blocks[min(self.complete, len(self.blocks) - 1)]
        return pace.a_seed(block)

    def distance(self, pace: Pace) -> float:
        """About how many minutes its nearest open claim is away from a decision.

        Runs that another target has had done cost nothing.
        """
        return self.lacking() * pace.a_seed(self.next())

    def decided_at(self) -> list[int | None]:
        """For each claim the look, in seeds, that first gave its word; None where it is open."""
        found: list[int | None] = [None] * len(self.verdicts)
        for k in range(self.complete, 0, -1):
            for i, verdict in enumerate(self.judged(k)):
                same = verdict.status == self.verdicts[i].status
                if same and verdict.status in DECIDED and (found[i] or k == self.complete):
                    found[i] = self.looks[k - 1]
        return found


def lacks(verdict: Verdict, seeds: int) -> int:
    """How many further seeds would decide an open claim; FAR where none would.

    A claim that has too few seeds for most words needs five. Where trainings failed, which says
    nothing about a number, as many again.
    """
    if verdict.needed is not None:
        return max(verdict.needed - seeds, 1)
    if verdict.failed:
        return seeds
    return max(ENOUGH - seeds, 1) if seeds < ENOUGH else FAR


class UntilDecided(Waiting):
    """The runs of the next looks of all targets that are undecided, the nearest decision first.

    What comes next depends on the plan's looks and on the records alone, so a command that was
    stopped continues as if it had not been.
    """

    at_most = True

    def __init__(
        self,
        plan: Plan,
        deadline: Deadline | None = None,
        say: Callable[[str], None] = print,
        targets: Mapping[str, Target] = TARGETS,
    ):
        self.records: dict[Job, dict[str, Any]] = {}
        self.failed: dict[Job, Outcome] = {}
        self.say = say
        by_folder = {job.folder: job for job in plan.jobs}
        self.pursuits = []
        for name, first in plan.targets.items():
            target = targets[name]
            # a target without claims is shown, by the seeds of the first look
            folders = [first, *plan.further[name]] if target.claims else [first]
            found = [[by_folder[plan.out / run] for run in block] for block in folders]
            self.pursuits.append(
                Pursuit(target, plan.looks[: len(found)], found, self.records, self.failed)
            )
        used = {job for p in self.pursuits for block in p.blocks for job in block}
        super().__init__([job for job in plan.jobs if job in used], deadline)

    def wanted(self) -> list[Job]:
        found = {job: None for p in self._by_distance() for job in p.next()}
        return [job for job in found if job not in self.running and job not in self.over]

    def _by_distance(self) -> Iterable[Pursuit]:
        still = [p for p in self.pursuits if p.next()]
        return sorted(still, key=lambda p: p.distance(self.pace))

    def ended(self, job: Job, outcome: Outcome) -> None:
        super().ended(job, outcome)
        record = job.kept()[0] if outcome.status in FINISHED else None
        if record is None:
            self.failed[job] = outcome
            return
        self.records[job] = record
        for p in self.pursuits:
            if any(job in block for block in p.blocks) and p.update() and not outcome.reused:
                self.say(f"  look     {p.target.name} at {p.seeds} seeds: {counted(p.verdicts)}")


def counted(verdicts: Sequence[Verdict]) -> str:
    """Verdicts in words: "2 holds, 1 undecided"; "shown" without any."""
    words = [v.status for v in verdicts]
    return ", ".join(f"{words.count(w)} {w}" for w in dict.fromkeys(words)) or "shown"
