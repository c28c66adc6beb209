"""The grid of notebook 14: each method alone at a few settings, on seeds that no lesson uses.

    python benchmarks/composition_grid.py [--only ring grid] [--out FILE]

Trains as the class profile does, and appends a line for each seed to the file. What the file has
already is not trained again, so that a killed grid goes on where it was. At the end it prints the
mean of every setting, and what the lesson takes from it. Distances are energy distances on the
plane and Frechet distances on the digits; means are of their logarithms.
"""

import argparse
import csv
from pathlib import Path

import torch

from gantutor import toy
from gantutor.course.lessons.together import TogetherConfig
from gantutor.course.lessons.together_grid import (
    COLUMNS,
    FACTORS,
    FILE,
    GRID_SEEDS,
    WORLDS,
    Setting,
    asked,
    chosen,
    means,
    rows,
)
from gantutor.course.lessons.together_recipes import combined, image_base, plane_base
from gantutor.images import Vectors, open_images
from gantutor.metrics.features import Moments, frechet
from gantutor.metrics.images import features, small_cnn
from gantutor.metrics.toy import energy_distance
from gantutor.train import Run


def recipe_of(base, method: str, value: float):
    """The base with one method at a value."""
    subset = () if method == "none" else (method,)
    values = [value if name == method else 1.0 for name in FACTORS]
    return combined(base, subset, Setting(*values))


def on_plane(cfg: TogetherConfig, world):
    """What trains a recipe on a distribution and returns a distance for each seed."""

    def distances(recipe) -> list[float]:
        run = Run(recipe, world, list(GRID_SEEDS), on_divergence="mark")
        list(run.steps(cfg.steps, every=cfg.steps))
        return energy_distance(world, run.sample(cfg.points, GRID_SEEDS)).value.tolist()

    return plane_base(cfg), cfg.steps, distances


def on_images(cfg: TogetherConfig):
    """The same for the digits."""
    reals = open_images("digits", size=cfg.size)
    data, cnn = Vectors(reals), small_cnn(reals)
    moments = Moments.of(features(cnn, reals))

    def distances(recipe) -> list[float]:
        run = Run(recipe, data, list(GRID_SEEDS), on_divergence="mark")
        list(run.steps(cfg.image_steps, every=cfg.image_steps))
        fakes = data.pictures(run.sample(cfg.n_eval, GRID_SEEDS))
        return [frechet(moments, Moments.of(features(cnn, x))) for x in fakes]

    return image_base(cfg, reals.shape), cfg.image_steps, distances


def fill(file: Path, data: str, cfg: TogetherConfig) -> None:
    """Train what the file lacks of a data set."""
    done = {(r["data"], r["method"], r["value"]) for r in rows(file)}
    base, steps, distances = (
        on_images(cfg) if data == "digits" else on_plane(cfg, toy.by_name(data))
    )
    for method, value in asked():
        if (data, method, f"{value:g}") in done:
            continue
        found = distances(recipe_of(base, method, value))
        new = not file.exists()
        with file.open("a", newline="") as lines:
            out = csv.writer(lines, lineterminator="\n")
            if new:
                out.writerow(COLUMNS)
            for seed, distance in zip(GRID_SEEDS, found, strict=True):
                out.writerow((data, method, f"{value:g}", seed, steps, f"{distance:.5g}"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[*WORLDS, "digits"])
    parser.add_argument("--out", type=Path, default=FILE)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for data in given.only:
        fill(given.out, data, TogetherConfig(profile="class"))
        for (name, method, value), distance in means(given.out).items():
            if name == data:
                print(f"{data:7}{method:12}{value:>6}  {distance:8.4f}")
        print(f"{data:7}{chosen(data, given.out)}", flush=True)


if __name__ == "__main__":
    main()
