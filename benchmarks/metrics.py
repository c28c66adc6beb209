"""Time and memory of the measures on features, compared with the usual packages.

    python benchmarks/metrics.py [--n 10000] [--dims 2048] [--rounds 3] [--only prdc]

Precision, recall, density, coverage: the package prdc and ours in turns, each in a process of its
own. Memory is the peak above what the process holds once its features are loaded and a small call
is done. Frechet distance: the trace of the root by SciPy's sqrtm, by NumPy's eigvals and by ours,
in turns in one process. Everything on the same cores; printed: medians and ratios.
"""

import argparse
import contextlib
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch


def features(n: int, dims: int, seed: int, scale: float = 1.0) -> np.ndarray:
    """Features like those of a net, (n, dims) float32.

    They are not negative, and vary mostly along 40 directions.
    """
    g = torch.Generator().manual_seed(1)
    mix = torch.randn(40, dims, generator=g) * torch.logspace(0, -1, 40)[:, None]
    g = torch.Generator().manual_seed(seed)
    out = np.empty((n, dims), np.float32)
    for i in range(0, n, 1000):
        z = scale * torch.randn(min(1000, n - i), 40, generator=g)
        out[i : i + 1000] = (
            (z @ mix / 4 + 0.2 * torch.randn(len(z), dims, generator=g) + 0.5).relu().numpy()
        )
    return out


def spread(ratios: np.ndarray) -> str:
    """Median, least and greatest, as cells of a table."""
    return f"{np.median(ratios):.3f} | {ratios.min():.3f} | {ratios.max():.3f}"


# -- precision to coverage ------------------------------------------------------------------------
def child(which: str, folder: str) -> None:
    """Measure once in this process, and print the result as JSON.

    wall, cpu: seconds of wall and of processor time
    memory: MiB above the features
    values: the four measures
    """
    real, fake = (np.load(Path(folder, f"{kind}.npy")) for kind in ("real", "fake"))
    if which == "prdc":
        from prdc import compute_prdc as run
    else:
        from gantutor.metrics.features import prdc

        def run(a, b, k):
            return prdc(torch.from_numpy(a), torch.from_numpy(b), k)

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run(real[:200], fake[:200], 5)
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        wall, cpu = time.perf_counter(), time.process_time()
        found = run(real, fake, 5)
    spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) / 1024
    print(json.dumps({**spent, "memory": peak, "values": {k: float(v) for k, v in found.items()}}))


def manifolds(n: int, dims: int, rounds: int) -> None:
    """Compare prdc with ours, in turns, and print a table."""
    results = {"prdc": [], "ours": []}
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "real.npy"), features(n, dims, 2))
        np.save(Path(folder, "fake.npy"), features(n, dims, 3, 0.9))
        for _ in range(rounds):
            for which, found in results.items():
                command = [sys.executable, __file__, "--child", which, folder]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found.append(json.loads(done.stdout))
    print(f"\nprecision, recall, density, coverage, {n} x {n} x {dims} float32, {rounds} rounds")
    print("| | prdc | ours | ours / prdc: median | least | greatest |\n|---|---|---|---|---|---|")
    for key, unit in (("wall", "s"), ("cpu", "s"), ("memory", "MiB")):
        a, b = ([r[key] for r in results[w]] for w in ("prdc", "ours"))
        medians = f"{np.median(a):.1f} | {np.median(b):.1f}"
        print(f"| {key}, {unit} | {medians} | {spread(np.divide(b, a))} |")
    a, b = (results[w][0]["values"] for w in ("prdc", "ours"))
    print(f"values: {b}; greatest difference {max(abs(a[k] - b[k]) for k in a):.1e}", flush=True)


# -- Frechet distance -----------------------------------------------------------------------------
def frechets(n: int, dims: int, rounds: int) -> None:
    """Compare sqrtm, eigvals and ours, in turns, and print a table.

    Once more, a single time, with fewer images than features.
    """
    from scipy.linalg import sqrtm

    from gantutor.metrics.features import Moments, frechet

    def formula(trace):
        def run(a, b):
            s, t = a.covariance.numpy(), b.covariance.numpy()
            means = float(((a.mean - b.mean) ** 2).sum())
            return means + np.trace(s) + np.trace(t) - 2 * trace(s @ t)

        return run

    routes = {
        "SciPy sqrtm": formula(lambda m: np.trace(sqrtm(m).real)),
        "ours": frechet,
        "NumPy eigvals": formula(
            lambda m: np.sqrt(np.linalg.eigvals(m).astype(complex)).real.sum()
        ),
    }
    for size, repeats in ((n, rounds), (dims * 3 // 4, 1)):
        a, b = (
            Moments.of(torch.from_numpy(features(size, dims, seed, scale)))
            for seed, scale in ((2, 1), (3, 0.9))
        )
        times, values = {r: [] for r in routes}, {}
        for _ in range(repeats):
            for route, run in routes.items():
                start = time.perf_counter()
                values[route] = run(a, b)
                times[route].append(time.perf_counter() - start)
        print(f"\nFrechet distance, {size} images, {dims} features, {repeats} rounds")
        heads = ["route", "s: median", "ours / it: median", "least", "greatest", "rel. difference"]
        print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
        for route, t in times.items():
            gap = abs(values[route] / values["ours"] - 1)
            ratios = spread(np.divide(times["ours"], t))
            print(f"| {route} | {np.median(t):.2f} | {ratios} | {gap:.1e} |", flush=True)


def main() -> None:
    """Measure, and print."""
    args = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    args.add_argument("--n", type=int, default=10_000, help="images on either side")
    args.add_argument("--dims", type=int, default=2048)
    args.add_argument("--rounds", type=int, default=3)
    args.add_argument("--only", choices=["prdc", "frechet"])
    args.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = args.parse_args()
    if args.child:
        child(*args.child)
        return
    print(f"torch {torch.__version__}, numpy {np.__version__}, {torch.get_num_threads()} threads")
    if args.only != "frechet":
        manifolds(args.n, args.dims, args.rounds)
    if args.only != "prdc":
        frechets(args.n, args.dims, args.rounds)


if __name__ == "__main__":
    main()
