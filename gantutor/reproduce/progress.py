"""What a grid prints while it runs."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence

from gantutor.reproduce.outcome import Outcome
from gantutor.reproduce.plan import Job

WORDS = {"ok": "done", "bad_input": "bad input", "kernel_died": "kernel died"}


class Progress:
    """Prints a line when a run starts or ends, and regularly how far the grid is.

    On a terminal the latter is one line that is kept up to date; elsewhere it is printed every
    `every` seconds. `at_most`: some of the runs may turn out not to be needed.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        say: Callable[[str], None],
        every: float,
        at_most: bool = False,
    ):
        self.say, self.every = say, every
        self.total = f"at most {len(jobs)}" if at_most else str(len(jobs))
        self.until = " to the next looks" if at_most else ""
        self.outcomes: dict[str, Outcome] = {}
        self.running: dict[Job, float] = {}  # when each started
        self.waited: set[Job] = set()
        self.told = time.monotonic()
        self.expected = self.taken = 0.0  # minutes of the runs that ended
        self.live = say is print and sys.stdout.isatty()

    def began(self, job: Job) -> None:
        """Note that a run was started."""
        self.running[job] = time.monotonic()
        self.line(f"  start    {job.label}")

    def waits(self, job: Job) -> None:
        """Note that another command is running this job."""
        self.running.pop(job, None)
        if job not in self.waited:
            self.waited.add(job)
            self.line(f"  waits    {job.label}: another command is running it")

    def ended(self, job: Job, outcome: Outcome) -> None:
        """Note how a run ended, or that it was kept."""
        self.outcomes[job.label] = outcome
        self.running.pop(job, None)
        took = ""
        if not outcome.reused:
            self.expected += job.minutes
            self.taken += outcome.wall_s / 60
            self.told = 0.0  # print the progress next
            took = f", {outcome.wall_s:.0f} s"
        message = f": {outcome.message}" if outcome.message else ""
        self.line(f"  {_word(outcome):8s} {job.label}{took}{message}")

    def look(self, waiting: Callable[[], Sequence[Job]], slots: int) -> None:
        """Print how far the grid is, if it is time to; `waiting()` are the runs that come next."""
        if time.monotonic() - self.told < (1.0 if self.live else self.every):
            return
        self.told = time.monotonic()
        summary = self.summary(waiting(), slots)
        if self.live:
            print(f"\r\033[K{summary}", end="", flush=True)
        else:
            self.say(summary + "".join(f"\n    {_last_line(job)}" for job in self.running))

    def line(self, text: str) -> None:
        """Print a line, after erasing the one that is kept up to date."""
        if self.live:
            print("\r\033[K", end="")
        self.say(text)

    def summary(self, waiting: Sequence[Job], slots: int) -> str:
        """How many runs are done, running and failed, and about how many minutes are left."""
        failed = sum(o.status not in ("ok", "diverged") for o in self.outcomes.values())
        factor = self.taken / self.expected if self.expected else 1.0
        now = time.monotonic()
        left = sum(job.minutes for job in waiting) * factor
        for job, since in self.running.items():
            left += max(job.minutes * factor - (now - since) / 60, 0)
        left /= max(1, min(slots, len(self.running) + len(waiting)))
        counts = [
            f"{len(self.outcomes)} of {self.total} done",
            f"{len(self.running)} running",
            f"{failed} failed",
            f"about {max(left, 0.1):.1f} min left{self.until}" if slots else "no workers",
        ]
        return "  -- " + ", ".join(counts)

    def stopped(self) -> str:
        """What to say when the grid is stopped before its end."""
        return (
            f"stopped: {len(self.outcomes)} of {self.total} runs are done; run the same command "
            "again to continue; a run that writes checkpoints (notebook 10) goes on from its last"
        )


def tally(outcomes: dict[str, Outcome]) -> str:
    """How many runs ended in which way: "3 done, 1 kept, 1 error"."""
    counts = Counter(map(_word, outcomes.values()))
    return ", ".join(f"{n} {word}" for word, n in counts.items())


def _word(outcome: Outcome) -> str:
    return "kept" if outcome.reused else WORDS.get(outcome.status, outcome.status)


def _last_line(job: Job) -> str:
    """The last line of a run's console.log, without the name of its notebook."""
    log = job.folder / "console.log"
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    last = lines[-1].strip().removeprefix(f"{job.notebook.stem}: ") if lines else "starting"
    return f"{job.label}: {last}"
