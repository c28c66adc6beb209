"""Kill, and kill again: a grid under random SIGKILLs of workers and drivers (`make soak`, or `python tests/soak.py KILLS SEED`).

A scheduler and two workers run a grid of notebooks; at random moments a worker or the driver is killed and replaced. In the end
every run must hold one valid record, equal to an undisturbed one's, and no run may have finished twice.
"""

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from test_grid import SAVE_STEPS, SETUP, SLOW, attempts, drive, jobs_of, scores, spawn, until, worker, write


def main(kills: int = 20, seed: int = 0) -> None:
    rng, begun = random.Random(seed), time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        folder = Path(place)
        file, steps = folder / "scheduler.json", 30
        jobs = jobs_of(write(folder, SETUP, SLOW, SAVE_STEPS), folder / "out", max(8, 2 * kills), steps=steps)
        scheduler = spawn(sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                          "--scheduler-file", file)  # fmt: skip
        until(file.exists)
        workers = [worker(file, folder) for _ in range(2)]
        driver, killed = drive(folder, jobs, file), Counter()
        try:
            for _ in range(kills):
                time.sleep(rng.uniform(3, 12))
                if driver.poll() is not None:
                    break
                what = rng.choice(["worker", "worker", "driver"])
                killed[what] += 1
                if what == "driver":
                    driver.kill()
                    driver.wait()
                    driver = drive(folder, jobs, file)
                else:
                    i = rng.randrange(2)
                    workers[i].kill()
                    workers[i].wait()
                    workers[i] = worker(file, folder)
            code = driver.wait(1800)
        finally:
            for process in (driver, scheduler, *workers):
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        starts = [Counter(attempts(j)) for j in jobs]
        print(f"{len(jobs)} runs, killed {dict(killed)}, {sum(c['start'] for c in starts)} starts, {time.monotonic() - begun:.0f} s, driver's exit {code}")
        twice = [j.label for j, c in zip(jobs, starts, strict=True) if c["ok"] != 1]
        wrong = [j.label for s, j in enumerate(jobs) if scores(j) != [steps + 10 * s, steps + 10 * (s + 1)]]
        print(f"not finished exactly once: {twice or 'none'}; with another record than an undisturbed one: {wrong or 'none'}")
        sys.exit(bool(code or twice or wrong))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
