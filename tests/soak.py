"""Kill workers and drivers of a grid at random moments (`make soak`).

    python tests/soak.py [KILLS] [SEED]

A scheduler and two workers run a grid of notebooks. At random moments a worker in the middle of a
run, or the driver, is killed and replaced. At the end every run must have one valid record, equal
to that of an undisturbed run; no run may have finished twice, and only runs whose worker was
killed may have started again.
"""

import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from grids import (
    SAVE_STEPS,
    SLOW,
    alive,
    attempts,
    beating,
    children,
    drive,
    jobs_of,
    kill,
    scores,
    spawn_scheduler,
    spawn_worker,
    until,
)
from tiny import SETUP, write

STEPS = 30


class Soak:
    """A grid under attack, in a temporary folder."""

    def __init__(self, folder: Path, runs: int, seed: int):
        self.folder, self.file = folder, folder / "scheduler.json"
        notebook = write(folder, SETUP, SLOW, SAVE_STEPS)
        self.jobs = jobs_of(notebook, folder / "out", runs, steps=STEPS)
        self.rng = random.Random(seed)
        self.killed: Counter[str] = Counter()  # workers and drivers
        self.victims: Counter[str] = Counter()  # runs that were not done when their worker died
        self.scheduler = spawn_scheduler(self.file)
        self.workers = [spawn_worker(self.file, folder) for _ in range(2)]
        self.driver = drive(folder, self.jobs, self.file)

    def attack(self, kills: int) -> int:
        """Kill that many processes, then wait for the driver's end; returns its exit code."""
        while self.killed.total() < kills and self.driver.poll() is None:
            time.sleep(self.rng.uniform(0, 6))
            until(lambda: self.driver.poll() is not None or self.at_work())
            what = self.rng.choice(["worker", "worker", "driver"])
            if what == "driver":
                self.driver.kill()
                self.driver.wait()
                self.driver = drive(self.folder, self.jobs, self.file)
            elif busy := self.at_work():
                self.kill_worker(*self.rng.choice(busy))
            else:
                continue
            self.killed[what] += 1
        return self.driver.wait(1800)

    def at_work(self) -> list[tuple[int, str]]:
        """(worker, run) for each run whose slow cell has started and that is not done."""
        runs = {pid_of(j): j.label for j in self.jobs if beating(j) and not done(j)}
        return [
            (i, runs[pid])
            for i, process in enumerate(self.workers)
            for pid in children(process.pid) & runs.keys()
        ]

    def kill_worker(self, i: int, label: str) -> None:
        """Kill a worker that does a run, and start another."""
        family = children(self.workers[i].pid)
        self.workers[i].kill()
        self.workers[i].wait()
        until(lambda: not any(map(alive, family)))
        job = next(j for j in self.jobs if j.label == label)
        self.victims[label] += not done(job)
        self.workers[i] = spawn_worker(self.file, self.folder)

    def close(self) -> None:
        """Kill everything."""
        for process in (self.driver, self.scheduler, *self.workers):
            kill(process)


def main(kills: int = 20, seed: int = 0) -> None:
    """Run the attack, print what came of it, and exit with 1 if anything was lost."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        soak = Soak(Path(place), max(8, 2 * kills), seed)
        try:
            code = soak.attack(kills)
        finally:
            soak.close()
        starts = {j.label: Counter(attempts(j)) for j in soak.jobs}
        wrong = [
            j.label
            for s, j in enumerate(soak.jobs)
            if scores(j) != [STEPS + 10 * s, STEPS + 10 * (s + 1)]
        ]
    # a kill between a record and the note of it may leave no "ok", but never two
    twice = [label for label, c in starts.items() if c["ok"] > 1]
    again = [label for label, c in starts.items() if c["start"] != 1 + soak.victims[label]]
    total = sum(c["start"] for c in starts.values())
    print(
        f"{len(starts)} runs, killed {dict(soak.killed)}, {total} starts, "
        f"{time.monotonic() - begun:.0f} s, exit code of the driver {code}"
    )
    print(
        f"finished twice: {twice or 'none'}; "
        f"started more often than its worker was killed: {again or 'none'}; "
        f"other record than an undisturbed run: {wrong or 'none'}"
    )
    sys.exit(bool(code or twice or again or wrong or soak.killed.total() < kills))


def done(job) -> bool:
    """Whether a run has a record."""
    return (job.folder / "result.json").exists()


def pid_of(job) -> int:
    """The process of a run, from its status; -1 while the status is being written."""
    try:
        return json.loads((job.folder / "status.json").read_text())["pid"]
    except (OSError, ValueError, KeyError):
        return -1


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
