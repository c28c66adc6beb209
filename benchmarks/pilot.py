"""Which settings of the image lessons can decide a claim: a pilot on seeds of its own.

    python benchmarks/pilot.py spread [--seeds 5] [--steps 600]

trains the methods of notebook 05 with each of SETTINGS on seeds from 100, apart from those that the
lessons report, and appends what each run measures to data/records/pilot_spread.csv: the distances
of its samples along training, drawn in several ways (FORMS). A run that is there already is left
out, so the command can be stopped and started again.

The rule, written down before the first run. A setting is judged by the standard deviation over
seeds of the difference of two arms' logarithms (kd_small not below 0.01, fd_small not below 0.001),
whatever the sign and size of its mean. A setting is stable if none of its runs diverged, and if the
baselines end below blurred reals. Of the stable settings within the lesson's minutes the one with
the least root mean square of that deviation, over the lesson's comparisons, is taken.
"""

import argparse
import copy
import csv
import time
from pathlib import Path

import torch

from gantutor.course.lessons.image_methods import image_methods
from gantutor.engine import MovingAverage
from gantutor.images import open_images
from gantutor.metrics.features import measure
from gantutor.metrics.images import features, small_cnn
from gantutor.nets.dcgan import Dcgan
from gantutor.rng import Rng
from gantutor.train import Run

FIRST = 100  # seeds of pilots; the lessons report those from 0
RECORDS = Path(__file__).resolve().parents[1] / "data" / "records"
SETTINGS = {
    "lr 1e-3": {"lr": 1e-3},
    "lr 5e-4": {"lr": 5e-4},
    "lr 2e-4": {"lr": 2e-4},
}
BASE = {"size": 16, "width": 16, "batch": 32, "n_eval": 1000}
# G's weights as they are or averaged over the last tenth; batch norm with running statistics or
# with those of the batch
FORMS = [(average, norm) for average in ("last", "ema") for norm in ("running", "batch")]


def samples(run, average: MovingAverage, form: tuple[str, str], n: int, draw: int):
    """n fakes of a run in a form; `draw` 0 and 1 are independent."""
    which, norm = form
    shown = copy.copy(run)
    shown.ema = average if which == "ema" else None
    return shown.sample(n, Rng(2000 + 10_000 * draw + run.rng.seeds[0]), norm=norm)


def one_run(setting: dict, method: str, seed: int, steps: int, looks: int = 4):
    """Train a method and yield its measurements, a row for each look, form and draw."""
    cfg = BASE | setting
    reals = open_images("digits", None, cfg["size"])
    cnn = small_cnn(reals, steps=400)
    held = features(cnn, reals.sample(cfg["n_eval"], 501))
    nets = Dcgan(width=cfg["width"], size=cfg["size"], channels=1)
    run = Run(image_methods(nets, cfg["lr"], cfg["batch"])[method], reals, seed)
    average = MovingAverage(run.G, max(0.0, 1 - 10 / steps), steps // 100)
    spent, clock = 0.0, time.process_time()
    for step in run.steps(steps):
        average.update(run.G, step.index)
        if step.index % (steps // looks):
            continue
        spent += time.process_time() - clock
        for form in FORMS:
            for draw in (0, 1) if step.index == steps else (0,):
                v = features(cnn, samples(run, average, form, cfg["n_eval"], draw))
                found = measure(held, v, "small", ("kid", "fid", "coverage"))
                row = {"step": step.index, "G": form[0], "norm": form[1], "draw": draw}
                yield row | {k: round(x, 5) for k, x in found.items()} | {"seconds": round(spent, 2)}
        clock = time.process_time()


def spread(seeds: int, steps: int) -> None:
    """Run what is missing of the grid, seed by seed, and append it to the record."""
    place = RECORDS / "pilot_spread.csv"
    done = set()
    if place.exists():
        with place.open() as file:
            done = {(r["setting"], r["method"], int(r["seed"])) for r in csv.DictReader(file)}
    for seed in range(FIRST, FIRST + seeds):
        for name, setting in SETTINGS.items():
            for method in ("baseline", "adaptivemix", "advlat", "hinge", "kdd"):
                if (name, method, seed) in done:
                    continue
                rows = [
                    {"setting": name, "method": method, "seed": seed} | row
                    for row in one_run(setting, method, seed, steps)
                ]
                fresh = not place.exists()
                with place.open("a", newline="") as file:
                    writer = csv.DictWriter(file, rows[0])
                    if fresh:
                        writer.writeheader()
                    writer.writerows(rows)
                print(name, method, seed, rows[-1], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["spread"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=600)
    given = parser.parse_args()
    torch.set_num_threads(1)
    spread(given.seeds, given.steps)


if __name__ == "__main__":
    main()
