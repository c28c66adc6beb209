"""KDD's temperature on the plane: the grid by which METHODS["KDD"] is set, kept as a record.

    python benchmarks/temperature.py [--out data/records] [--looks 300,1000,3000]

Trains TOY with KDD at seven temperatures, with the Joint loss at three, and with two yardsticks
without a temperature, on three worlds, eight seeds side by side. The seeds are none that a lesson
reports. First come KDD alone, which decides, and the yardsticks: all of them go on to the next look
only when all have reached the last one, so that a grid that is stopped can be read up to there.
Then comes Joint. Each is written to kdd_temperature.csv as soon as it was measured,
with the conditions in kdd_temperature.json. Started again, the grid goes on where it was, from the
checkpoints in kdd_temperature.runs, with the same code only. The rule of the choice is
`gantutor.reproduce.temperature.chosen`.
"""

import argparse
import csv
import io
import itertools
import json
import math
import sys
import time
from pathlib import Path

import torch

from gantutor import TOY, toy
from gantutor.course.records.machine import commit, hardware, versions
from gantutor.descriptions import describe
from gantutor.methods.kdd import KDD
from gantutor.metrics.toy import energy_distance, high_quality, mode_kl, modes_covered
from gantutor.objectives import Hinge
from gantutor.recipes import Recipe
from gantutor.sources import reached
from gantutor.train import Diverged, train

WORLDS = ("ring", "grid", "nine")
TAUS, JOINT_TAUS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0), (0.05, 0.3, 1.0)
SEEDS, FAKES = list(range(100, 108)), 2000
METRICS = {
    "energy_distance": energy_distance,
    "modes": modes_covered,
    "high_quality": high_quality,
    "mode_kl": mode_kl,
}
KEY = ("world", "method", "tau", "step")
FIELDS = (*KEY, "seed", *METRICS)


def recipes() -> dict[tuple[str, float | None], Recipe]:
    """By method and temperature."""
    kdd = {("KDD", tau): TOY.but(objective=KDD(tau=tau)) for tau in TAUS}
    yardsticks = {("hinge", None): TOY.but(objective=Hinge()), ("non-saturating", None): TOY}
    joint = {("Joint", tau): TOY.but(objective=Hinge() + KDD(tau=tau)) for tau in JOINT_TAUS}
    return kdd | yardsticks | joint


def measured(recipe, world, look: int, checkpoint: Path) -> list[dict]:
    """A line for each seed after `look` steps, trained on from the checkpoint."""
    how = {"every": look, "checkpoint": checkpoint, "save_every": look, "on_divergence": "mark"}
    try:
        for step in train(recipe, world, SEEDS, look, **how):
            run = step.run
        x = run.sample(FAKES, [10_000 + seed for seed in SEEDS])
        found = {name: measure(world, x).value.tolist() for name, measure in METRICS.items()}
        lost = run.diverged
    except Diverged:  # all of them
        found, lost = {}, SEEDS
    return [
        {"seed": seed} | {k: math.nan if seed in lost else found[k][i] for k in METRICS}
        for i, seed in enumerate(SEEDS)
    ]


def conditions() -> dict:
    """What decides the numbers, and where they were computed."""
    return {
        "what": "KDD's temperature on the plane",
        "command": "python benchmarks/temperature.py",
        "rule": "KDD alone, the least mean rank over the worlds of the energy distance at the last "
        "look, averaged over the seeds; see `chosen` in gantutor/reproduce/temperature.py",
        "worlds": list(WORLDS),
        "seeds": SEEDS,
        "fakes": FAKES,
        "recipes": [
            {"method": method, "tau": tau, "recipe": describe(recipe)}
            for (method, tau), recipe in recipes().items()
        ],
        "code": reached(Path(__file__).read_text(encoding="utf-8")),
        "commit": commit(),
        "versions": versions(),
        "hardware": hardware() | {"threads": torch.get_num_threads()},
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "processor_s": {},
    }


def kept(path: Path, new: dict) -> tuple[dict, set[tuple[str, ...]]]:
    """The conditions and measurements that are there; the program ends if the code was another."""
    if not path.exists():
        return new, set()
    old = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    for name in ("code", "seeds", "fakes", "recipes"):
        if old[name] != new[name]:
            sys.exit(f"{path} has other {name}: move it away, or choose another folder by --out")
    with path.open(encoding="utf-8", newline="") as file:
        done = {tuple(row[name] for name in KEY) for row in csv.DictReader(file)}
    return old, done


def append(path: Path, key: tuple[str, ...], lines: list[dict]) -> None:
    """Add a measurement's lines in one write: a killed program leaves all of them or none."""
    text = io.StringIO()
    table = csv.DictWriter(text, FIELDS, lineterminator="\n")
    for line in lines:
        values = {name: float(f"{line[name]:.6g}") for name in METRICS}
        table.writerow(dict(zip(KEY, key, strict=True)) | line | values)
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text.getvalue())


def write_conditions(path: Path, told: dict) -> None:
    """Write the conditions next to the record."""
    text = json.dumps(told, indent=1) + "\n"
    path.with_suffix(".json").write_text(text, encoding="utf-8")


def main() -> None:
    """Train what is missing, and write it line by line."""
    args = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    args.add_argument("--out", type=Path, default=Path("data/records"))
    args.add_argument("--looks", default="300,1000,3000", help="numbers of steps, ascending")
    args = args.parse_args()
    torch.set_num_threads(1)
    path = args.out / "kdd_temperature.csv"
    path.with_suffix(".runs").mkdir(parents=True, exist_ok=True)
    told, done = kept(path, conditions())
    if not path.exists():
        write_conditions(path, told)
        path.write_text(",".join(FIELDS) + "\n", encoding="utf-8")
    looks, every = [int(look) for look in args.looks.split(",")], recipes()
    joint = {key: recipe for key, recipe in every.items() if key[0] == "Joint"}
    halves = [{key: every[key] for key in every if key not in joint}, joint]
    for half in halves:
        for look, (key, recipe), world in itertools.product(looks, half.items(), WORLDS):
            go_on(path, told, done, (world, *key), recipe, look)


def go_on(
    path: Path, told: dict, done: set, place: tuple[str, str, float | None], recipe, look: int
) -> None:
    """Train one of the grid up to a look, measure and write it, unless that is done."""
    world, method, tau = place
    shown = "" if tau is None else f"{tau:g}"
    key = (world, method, shown, str(look))
    if key in done:
        return
    name = "-".join(filter(None, key[:3]))
    start = time.process_time()
    lines = measured(recipe, toy.by_name(world), look, path.with_suffix(".runs") / f"{name}.pt")
    spent = time.process_time() - start
    told["processor_s"][f"{name}-{look}"] = round(spent, 1)
    append(path, key, lines)
    write_conditions(path, told)
    mean = sum(line["energy_distance"] for line in lines) / len(lines)
    print(f"{name} {look} energy distance {mean:.3f} {spent:.0f} s", flush=True)


if __name__ == "__main__":
    main()
