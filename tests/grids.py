"""For tests of the grid: tiny runs, and the driver, scheduler and workers as processes."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from group import told

from gantutor.course.records import parameter_hash, read
from gantutor.reproduce.notebook import check_parameters
from gantutor.reproduce.plan import Job, Plan

# cells of the notebooks: one that takes a tenth of a second per step, and one that saves
SLOW = """
import time
for beat in range(cfg.steps):
    open(f"{out}/beats", "a").write(".")
    time.sleep(0.1)
"""
SAVE_STEPS = """
record.add("score", [cfg.steps + 10 * s for s in cfg.seed_list])
record.save()
"""


# -- runs -----------------------------------------------------------------------------------------
def jobs_of(notebook: Path, out: Path, n: int, **parameters) -> list[Job]:
    """Make `n` runs of one notebook, with seeds from 0 to n - 1."""
    made = []
    for seed in range(n):
        values = check_parameters(notebook, {**parameters, "seed": seed})
        folder = out / "runs" / f"{notebook.stem}-{parameter_hash(values)}"
        label = f"{notebook.stem} seed={seed}"
        made.append(Job(notebook, {**values, "out": str(folder)}, folder, label, 0.1))
    return made


def plan_of(out: Path, *jobs: Job) -> Plan:
    """A plan of these jobs, for a single target."""
    out.mkdir(exist_ok=True)
    folders = [j.folder.relative_to(out).as_posix() for j in jobs]
    return Plan(out, "smoke", 0, None, list(jobs), {"a/b": folders})


def attempts(job: Job) -> list[str]:
    """What a run's attempts.jsonl notes: "start", then how it ended."""
    lines = (job.folder / "attempts.jsonl").read_text().splitlines()
    return [json.loads(line)["what"] for line in lines]


def scores(job: Job) -> list[float]:
    """The values in a run's record."""
    return [r["value"] for r in read(job.folder)["rows"]]


def beating(job: Job) -> bool:
    """Whether the run's slow cell has started."""
    return (job.folder / "beats").exists()


def until(what, seconds: float = 300.0) -> None:
    """Wait until `what()` is true; the limit allows for a busy machine."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"not true after {seconds:g} s"
        time.sleep(0.05)


# -- processes ------------------------------------------------------------------------------------
DRIVER = """
import json, sys
from pathlib import Path
from gantutor.reproduce import cluster, grid
from gantutor.reproduce.plan import Job, Plan
spec = json.loads(Path(sys.argv[1]).read_text())
out = Path(spec["out"])
jobs = [Job(Path(j[0]), j[1], Path(j[2]), j[3], 0.1) for j in spec["jobs"]]
plan = Plan(out, "smoke", 0, None, jobs, {"a/b": []})
file = spec["scheduler"]
where = cluster.connected(scheduler_file=file) if file else cluster.local(2)
if __name__ == "__main__":
    with where as client:
        outcomes = grid.run_plan(plan, client, say=lambda line: print(line, flush=True))
    sys.exit(any(o.status != "ok" for o in outcomes.values()))
"""


def drive(folder: Path, jobs: list[Job], scheduler: Path | None = None) -> subprocess.Popen:
    """Start the driver of a grid in a process of its own."""
    out = jobs[0].folder.parents[1]
    spec = {
        "out": str(out),
        "jobs": [[str(j.notebook), j.parameters, str(j.folder), j.label] for j in jobs],
        "scheduler": scheduler and str(scheduler),
    }
    out.mkdir(exist_ok=True)
    (folder / "spec.json").write_text(json.dumps(spec))
    (folder / "driver.py").write_text(DRIVER)
    return spawn(sys.executable, folder / "driver.py", folder / "spec.json")


def spawn(*command) -> subprocess.Popen:
    """Start a command in a process group of its own, without its output."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [str(c) for c in command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def spawn_scheduler(file: Path, *more) -> subprocess.Popen:
    """Start a Dask scheduler on loopback, and wait until it has written its address to `file`."""
    options = shlex.split("--host 127.0.0.1 --port 0 --no-dashboard --scheduler-file")
    module = "distributed.cli.dask_scheduler"
    process = spawn(sys.executable, "-m", module, *options, file, *more)
    until(lambda: told(file))
    return process


def spawn_worker(file: Path, folder: Path, *more) -> subprocess.Popen:
    """Start a Dask worker of the scheduler that wrote `file`."""
    options = shlex.split("--host 127.0.0.1 --nthreads 1 --nworkers 1 --no-nanny --memory-limit 0")
    options += ["--no-dashboard", "--scheduler-file", file, "--local-directory", folder]
    return spawn(sys.executable, "-m", "distributed.cli.dask_worker", *options, *more)


def kill(process: subprocess.Popen) -> None:
    """Kill a spawned process and its group."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def alive(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> set[int]:
    """All descendants of a process."""
    return {p.pid for p in psutil.Process(pid).children(recursive=True)}
