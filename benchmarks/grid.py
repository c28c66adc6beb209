"""What the grid itself costs: empty runs compared with a bare kernel, and reading many records.

    python benchmarks/grid.py [--runs 40] [--slots 2] [--records 3000]

An empty run is a notebook that only writes its record. A bare kernel starts, runs the same cells
and stops, without anything of this package around it.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from gantutor.course.records import parameter_hash
from gantutor.reproduce import cluster, grid
from gantutor.reproduce.execute import sockets
from gantutor.reproduce.notebook import check_parameters
from gantutor.reproduce.plan import Job, Plan
from gantutor.reproduce.records import load

PARAMETERS = 'seed = 0\nseeds = 1\nprofile = "smoke"\nout = None'
CELL = """
from gantutor.course.config import Config
from gantutor.course.records import Record
cfg = Config.read(globals())
record = Record(cfg, "empty")
record.add("score", 1.0)
record.save()
"""


def notebook(folder: Path) -> Path:
    """Write the empty notebook."""
    cells = [
        nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(CELL.strip()),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "empty.ipynb")
    return folder / "empty.ipynb"


def bare_kernel(_=None) -> float:
    """Seconds from the start of a kernel to its end, with the empty notebook's cells."""
    from jupyter_client.manager import KernelManager

    begun = time.perf_counter()
    with sockets() as where:
        manager = KernelManager(kernel_name="python3", **where)
        manager.start_kernel()
        client = manager.client()
        client.start_channels()
        client.wait_for_ready(60)
        for code in (PARAMETERS, CELL):
            client.execute_interactive(code, timeout=60, output_hook=lambda message: None)
        client.stop_channels()
        manager.shutdown_kernel()
    return time.perf_counter() - begun


def jobs_of(folder: Path, runs: int) -> list[Job]:
    """Runs of the empty notebook, one for each seed."""
    path, jobs = notebook(folder), []
    for seed in range(runs):
        values = check_parameters(path, {"seed": seed})
        home = folder / "out/runs" / f"empty-{parameter_hash(values)}"
        jobs.append(Job(path, {**values, "out": str(home)}, home, f"empty seed={seed}", 0.1))
    return jobs


def time_grid(folder: Path, runs: int, slots: int) -> Path:
    """Print the time of empty runs on a local cluster; returns the folder of one of them."""
    jobs = jobs_of(folder, runs)
    (folder / "out").mkdir()
    plan = Plan(folder / "out", "smoke", 0, None, jobs)
    begun = time.perf_counter()
    with cluster.local(slots) as client:
        up = time.perf_counter() - begun
        kernels = client.gather(client.map(bare_kernel, range(2 * slots), pure=False))
        begun = time.perf_counter()
        outcomes = grid.run_plan(plan, client, say=lambda line: None)
        wall = time.perf_counter() - begun
    failed = [o for o in outcomes.values() if o.status != "ok"]
    assert not failed, failed[0]
    slot, kernel = wall * slots / runs, statistics.median(kernels)
    print(f"cluster of {slots} up in {up:.1f} s")
    heads = ["runs", "slots", "wall, s", "slot time per run, s", "bare kernel, s", "grid's part, s"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    times = f"{wall:.1f} | {slot:.2f} | {kernel:.2f} | {slot - kernel:.2f}"
    print(f"| {runs} | {slots} | {times} |")
    return jobs[0].folder


def time_records(folder: Path, run: Path, records: int) -> None:
    """Print the time that it takes to read many copies of a run's record."""
    result = json.loads((run / "result.json").read_text())
    for i in range(records):
        home = folder / f"many/{i}"
        home.mkdir(parents=True)
        (home / "result.json").write_text(json.dumps({**result, "seeds": [i]}))
    load(folder / "out")  # imports pandas, which is not part of the measurement
    begun = time.perf_counter()
    frame = load(folder / "many")
    print(f"{len(frame)} records read in {time.perf_counter() - begun:.2f} s")


def main() -> None:
    """Measure, and print."""
    args = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    args.add_argument("--runs", type=int, default=40)
    args.add_argument("--slots", type=int, default=2)
    args.add_argument("--records", type=int, default=3000)
    args = args.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        run = time_grid(folder, args.runs, args.slots)
        time_records(folder, run, args.records)


if __name__ == "__main__":
    sys.exit(main())
