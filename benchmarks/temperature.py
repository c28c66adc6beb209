"""KDD's temperature on the plane: the grid by which METHODS["KDD"] is set, kept as a record.

    python benchmarks/temperature.py [--out data/records] [--steps 3000]

Trains TOY with KDD at seven temperatures, with the Joint loss at three, and with two yardsticks
without a temperature, on three worlds, eight seeds side by side. The seeds are none that a lesson
reports. Each training is written to kdd_temperature.csv when it ends; a grid that was stopped goes
on where it was, with the same code only. Conditions are in kdd_temperature.json. The rule of the
choice is `gantutor.reproduce.temperature.chosen`.
"""

import argparse
import csv
import io
import json
import math
import sys
import time
from contextlib import suppress
from pathlib import Path

import torch

from gantutor import TOY, Diverged, Run, toy
from gantutor.course.records.machine import commit, hardware, versions
from gantutor.descriptions import describe
from gantutor.methods.kdd import KDD
from gantutor.metrics.toy import energy_distance, high_quality, mode_kl, modes_covered
from gantutor.objectives import Hinge
from gantutor.sources import reached

WORLDS = ("ring", "grid", "nine")
TAUS, JOINT_TAUS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0), (0.05, 0.3, 1.0)
SEEDS, FAKES = list(range(100, 108)), 2000
METRICS = {
    "energy_distance": energy_distance,
    "modes": modes_covered,
    "high_quality": high_quality,
    "mode_kl": mode_kl,
}
FIELDS = ("world", "method", "tau", "seed", "step", *METRICS)


def recipes() -> dict[tuple[str, float | None], object]:
    """By method and temperature, those that decide the choice first."""
    kdd = {("KDD", tau): TOY.but(objective=KDD(tau=tau)) for tau in TAUS}
    yardsticks = {("hinge", None): TOY.but(objective=Hinge()), ("non-saturating", None): TOY}
    joint = {("Joint", tau): TOY.but(objective=Hinge() + KDD(tau=tau)) for tau in JOINT_TAUS}
    return kdd | yardsticks | joint


def train_and_measure(recipe, world, steps: int) -> list[dict]:
    """A line for each seed after a tenth, a third and all of the steps."""
    run = Run(recipe, world, SEEDS, on_divergence="mark")
    fresh = [10_000 + seed for seed in SEEDS]
    lines = []
    for look in sorted({max(1, steps // 10), max(1, steps // 3), steps}):
        if len(run.diverged) < len(SEEDS):
            with suppress(Diverged):  # all of them have
                for _ in run.steps(look):
                    pass
        x = run.sample(FAKES, fresh)
        found = {name: measure(world, x).value.tolist() for name, measure in METRICS.items()}
        for i, seed in enumerate(SEEDS):
            values = {k: math.nan if seed in run.diverged else v[i] for k, v in found.items()}
            lines.append({"seed": seed, "step": look, **values})
    return lines


def conditions(steps: int) -> dict:
    """What decides the numbers, and where they were computed."""
    return {
        "what": "KDD's temperature on the plane",
        "command": f"python benchmarks/temperature.py --steps {steps}",
        "rule": "chosen: KDD alone, the least mean rank over the worlds of the energy distance "
        "after the last step, averaged over the seeds; see gantutor/reproduce/temperature.py",
        "worlds": list(WORLDS),
        "seeds": SEEDS,
        "steps": steps,
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


def kept(path: Path, new: dict) -> tuple[dict, set[tuple[str, str, str]]]:
    """The conditions and the trainings that are there; ends the program if the code was another."""
    if not path.exists():
        return new, set()
    old = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    for name in ("code", "steps", "seeds", "recipes", "worlds"):
        if old[name] != new[name]:
            sys.exit(f"{path} has other {name}: move it away, or choose another folder by --out")
    with path.open(encoding="utf-8", newline="") as file:
        done = {(row["world"], row["method"], row["tau"]) for row in csv.DictReader(file)}
    return old, done


def append(path: Path, key: tuple[str, str, str], lines: list[dict]) -> None:
    """Add a training's lines in one write, so that a killed program leaves all of them or none."""
    text = io.StringIO()
    table = csv.DictWriter(text, FIELDS, lineterminator="\n")
    for line in lines:
        values = {name: float(f"{line[name]:.6g}") for name in METRICS}
        table.writerow(dict(zip(FIELDS, key, strict=False)) | line | values)
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
    args.add_argument("--steps", type=int, default=3000)
    args = args.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "kdd_temperature.csv"
    told, done = kept(path, conditions(args.steps))
    if not path.exists():
        write_conditions(path, told)
        path.write_text(",".join(FIELDS) + "\n", encoding="utf-8")
    for (method, tau), recipe in recipes().items():
        for world in WORLDS:
            key = (world, method, "" if tau is None else f"{tau:g}")
            if key in done:
                continue
            start = time.process_time()
            lines = train_and_measure(recipe, toy.by_name(world), args.steps)
            told["processor_s"][" ".join(key).strip()] = round(time.process_time() - start, 1)
            append(path, key, lines)
            write_conditions(path, told)
            ends = [line["energy_distance"] for line in lines if line["step"] == args.steps]
            print(*key, f"energy distance {sum(ends) / len(ends):.3f}", flush=True)


if __name__ == "__main__":
    main()
