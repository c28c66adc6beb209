"""Kill, and kill again: a grid under random SIGKILLs of workers and drivers (`make soak`, or `python tests/soak.py KILLS SEED`).

A scheduler and two workers run a grid of notebooks; at random moments a worker in the midst of a run, or the driver, is killed and
replaced. In the end every run must hold one valid record, equal to an undisturbed one's, no run may have finished twice, and none
may have started again but those whose worker was killed.
"""

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from test_grid import (
    SAVE_STEPS,
    SETUP,
    SLOW,
    alive,
    attempts,
    beating,
    children,
    drive,
    jobs_of,
    scores,
    spawn,
    until,
    worker,
    write,
)


def main(kills: int = 20, seed: int = 0) -> None:
    rng, begun = random.Random(seed), time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        folder = Path(place)
        file, steps = folder / "scheduler.json", 30
        jobs = jobs_of(
            write(folder, SETUP, SLOW, SAVE_STEPS), folder / "out", max(8, 2 * kills), steps=steps
        )
        scheduler = spawn(
            sys.executable,
            "-m",
            "distributed.cli.dask_scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--no-dashboard",
            "--scheduler-file",
            file,
        )
        until(file.exists)
        workers = [worker(file, folder) for _ in range(2)]
        driver, killed, victims = drive(folder, jobs, file), Counter(), Counter()

        def at_work() -> list[tuple[int, str]]:
            """(worker, run) where a cell is under way."""
            runs = {
                pid_of(j): j.label
                for j in jobs
                if beating(j) and not (j.folder / "result.json").exists()
            }
            return [
                (i, runs[pid])
                for i, w in enumerate(workers)
                for pid in children(w.pid) & runs.keys()
            ]

        try:
            while killed.total() < kills and driver.poll() is None:
                time.sleep(rng.uniform(0, 6))
                until(lambda: driver.poll() is not None or at_work())
                what = rng.choice(["worker", "worker", "driver"])
                if what == "driver":
                    driver.kill()
                    driver.wait()
                    driver = drive(folder, jobs, file)
                elif busy := at_work():
                    i, label = rng.choice(busy)
                    family = children(workers[i].pid)
                    workers[i].kill()
                    workers[i].wait()
                    until(lambda: not any(map(alive, family)))
                    victims[label] += not (
                        next(j for j in jobs if j.label == label).folder / "result.json"
                    ).exists()
                    workers[i] = worker(file, folder)
                else:
                    continue
                killed[what] += 1
            code = driver.wait(1800)
        finally:
            for process in (driver, scheduler, *workers):
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        starts = {j.label: Counter(attempts(j)) for j in jobs}
        print(
            f"{len(jobs)} runs, killed {dict(killed)}, {sum(c['start'] for c in starts.values())} starts, {time.monotonic() - begun:.0f} s, "
            f"driver's exit {code}"
        )
        twice = [
            label for label, c in starts.items() if c["ok"] > 1
        ]  # a kill may fall between a record and the note of it
        again = [label for label, c in starts.items() if c["start"] != 1 + victims[label]]
        wrong = [
            j.label
            for s, j in enumerate(jobs)
            if scores(j) != [steps + 10 * s, steps + 10 * (s + 1)]
        ]
        print(
            f"finished twice: {twice or 'none'}; started more often than its worker was killed: {again or 'none'}; "
            f"without an undisturbed one's record: {wrong or 'none'}"
        )
        sys.exit(bool(code or twice or again or wrong or killed.total() < kills))


def pid_of(job) -> int:
    """The process of a run, as it noted it; -1 where it just writes that."""
    try:
        return json.loads((job.folder / "status.json").read_text())["pid"]
    except (OSError, ValueError, KeyError):
        return -1


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
