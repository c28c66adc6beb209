"""What the grid itself costs: slot time of empty runs beside a bare kernel's, and reading many records.

    python benchmarks/grid.py [--runs 40] [--slots 2] [--records 3000]

An empty run is a notebook that writes its record and does nothing else; the kernel's own part is a kernel that starts, runs the
same cells and stops, with nothing of this package around it.
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
from gantutor.reproduce.records import load
from gantutor.reproduce.run import check, sockets

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
    """The empty notebook."""
    cells = [
        nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(CELL.strip()),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "empty.ipynb")
    return folder / "empty.ipynb"


def bare_kernel() -> float:
    """Seconds from starting a kernel to its end, with the empty notebook's cells."""
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


def main() -> None:
    args = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    args.add_argument("--runs", type=int, default=40)
    args.add_argument("--slots", type=int, default=2)
    args.add_argument("--records", type=int, default=3000)
    args = args.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path, jobs = notebook(folder), []
        for seed in range(args.runs):
            values = check(path, {"seed": seed})
            home = folder / "out/runs" / f"empty-{parameter_hash(values)}"
            jobs.append(
                grid.Job(path, {**values, "out": str(home)}, home, f"empty seed={seed}", 0.1)
            )
        (folder / "out").mkdir()
        begun = time.perf_counter()
        with cluster.local(args.slots) as client:
            up = time.perf_counter() - begun
            kernels = list(
                client.gather(client.map(_timed_kernel, range(2 * args.slots), pure=False))
            )
            begun = time.perf_counter()
            outcomes = grid.run_plan(
                grid.Plan(folder / "out", "smoke", 0, None, jobs), client, say=lambda line: None
            )
            wall = time.perf_counter() - begun
        assert all(o.status == "ok" for o in outcomes.values()), next(
            o for o in outcomes.values() if o.status != "ok"
        )
        slot, kernel = wall * args.slots / args.runs, statistics.median(kernels)
        print(f"cluster of {args.slots} up in {up:.1f} s")
        print(
            "| runs | slots | wall, s | slot time a run, s | a bare kernel, s | the grid's part, s |\n|---|---|---|---|---|---|"
        )
        print(
            f"| {args.runs} | {args.slots} | {wall:.1f} | {slot:.2f} | {kernel:.2f} | {slot - kernel:.2f} |"
        )
        result = json.loads((jobs[0].folder / "result.json").read_text())
        for i in range(args.records):
            home = folder / f"many/{i}"
            home.mkdir(parents=True)
            (home / "result.json").write_text(json.dumps({**result, "seeds": [i]}))
        load(folder / "out")  # pandas' import is not the records'
        begun = time.perf_counter()
        frame = load(folder / "many")
        print(f"{len(frame)} records read in {time.perf_counter() - begun:.2f} s")


def _timed_kernel(_) -> float:
    return bare_kernel()


if __name__ == "__main__":
    sys.exit(main())
