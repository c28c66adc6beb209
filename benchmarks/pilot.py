"""Which settings of the image lessons can decide a claim: a pilot on seeds of its own.

    python benchmarks/pilot.py train [--lessons 05 07 08 09] [--seeds 4]
    python benchmarks/pilot.py table

`train` builds the arms of a lesson's claims by the cells of its notebook, trains each with every
one of its SETTINGS on seeds from 100 (the lessons report those from 0), and appends what each run
measures to data/records/pilot.csv: the distance of its samples at four moments, drawn in several
ways (FORMS). A run that is there already is left out, so the command can be stopped and started
again. `table` prints the spread of each claim's difference, and the seeds that the paper's effect
would need.

The rule, written down before the first run. A setting is judged by the standard deviation over
seeds of the difference of two arms' logarithms (kd_small not below 0.01, fd_small not below 0.001),
whatever the sign and size of its mean. It must be stable: no run diverges, and every baseline ends
at most half as far from the data as its untrained net, so that nobody wins by not training. (In the
first wording that was half of the first look; a WGAN has learnt by then.) Of the stable settings
within the lesson's minutes the one with the least root mean square of that deviation over the
lesson's comparisons is taken.
"""

import argparse
import copy
import csv
import time
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import torch

from gantutor.course.lessons import find_notebook
from gantutor.engine import MovingAverage
from gantutor.metrics.features import measure
from gantutor.metrics.images import features, small_cnn
from gantutor.reproduce.claims import Direction
from gantutor.rng import Rng
from gantutor.statistics import detectable, seeds_needed
from gantutor.train import Run

FIRST = 100
N_EVAL = 1000
PLACE = Path(__file__).resolve().parents[1] / "data" / "records" / "pilot.csv"
# the cells of a notebook that build its recipes, and an expression that collects them by name
CELLS = {
    "05": (("imports", "open", "recipes"), "methods"),
    "07": (("setup", "read", "data", "rows", "recipes", "variants", "diff"), "recipes"),
    "08": (("setup", "read", "data", "rows"), "recipes"),
    "09": (
        ("imports", "config", "thin", "div-recipes"),
        "{r: thin(r) for m in ('dcgan', 'sngan') for r in (f'{m}/bare', f'{m}/qua')} | KINDS",
    ),
}
# parameters of a notebook; with a linear decay of the rates to 0, without, or as it has
SETTINGS = {
    "05": {
        "lr 0.001": {"size": 16, "lr": 1e-3, "steps": 600, "decay": False},
        "lr 0.002": {"size": 16, "lr": 2e-3, "steps": 600, "decay": False},
        "lr 0.002, decay": {"size": 16, "lr": 2e-3, "steps": 440, "decay": True},
    },
    "07": {f"batch {n}": {"steps": 160, "batch": n} for n in (32, 16)},
    "08": {
        "lr 1e-3": {"steps": 128, "lr": 1e-3, "decay": False},
        "lr 2e-3": {"steps": 128, "lr": 2e-3, "decay": False},
        "lr 5e-4": {"steps": 96, "lr": 5e-4, "decay": False},
        "lr 5e-4, decay": {"steps": 96, "lr": 5e-4, "decay": True},
    },
    "09": {"lr 2e-3": {"steps": 400, "lr": 2e-3}, "lr 1e-3": {"steps": 400, "lr": 1e-3}},
}
# the comparisons of two trainings that the lessons' claims make: words, with, without, printed
COMPARED = {
    "05": (
        ("AdaptiveMix, Table 2", "adaptivemix", "baseline", (39.52, 106.81)),
        ("AdvLatGAN, Table 4", "advlat", "baseline", (41.7, 46.4)),
        ("KDD, Table 2", "kdd", "hinge", (8.375, 8.859)),
    ),
    "07": (
        ("Table 2", "WGAN + AdaptiveMix", "WGAN", (30.85, 55.96)),
        ("against WGAN-GP", "WGAN + AdaptiveMix", "WGAN-GP", (30.85, 38.63)),
        ("on the DCGAN", "DCGAN + AdaptiveMix", "DCGAN", (30.85, 38.56)),
    ),
    "08": (
        ("KDD, Table 1", "KDD", "hinge", (8.422, 8.751)),
        ("temperature", "KDD", "KDD 0.05", (8.422, 8.753)),
        ("DA x3, Table 2", "KDD + DA", "KDD", (6.063, 8.375)),
    ),
    "09": (
        ("Table 4, DCGAN", "dcgan/qua", "dcgan/bare", (41.7, 46.4)),
        ("Table 4, SNGAN", "sngan/qua", "sngan/bare", (22.3, 25.5)),
        ("Table 6", "div", "MSGAN", (27.1, 30.2)),
    ),
}
# G's weights as they are or averaged over the last tenth of the run; batch norm with its running
# statistics or with those of the batch
FORMS = [("last", "running"), ("last", "batch"), ("average", "batch")]


USED = dict.fromkeys(CELLS, ("last", "running")) | {"08": ("average", "batch")}  # by the lessons
ARM = ["lesson", "setting", "variant"]


def arms(lesson: str, setting: dict) -> tuple[dict, dict]:
    """The recipes that a lesson's claims compare, by name, and the names of its notebook."""
    cells, collected = CELLS[lesson]
    sources = {c["id"]: c["source"] for c in nbformat.read(find_notebook(lesson), 4)["cells"]}
    names: dict = {}
    exec(sources["parameters"], names)
    given = {name: value for name, value in setting.items() if name != "decay"}
    names.update(given, profile="class", seed=FIRST)
    for cell in cells:
        exec(sources[cell], names)
    recipes = eval(collected, names)
    if "decay" in setting:
        decay = setting["steps"] if setting["decay"] else None
        recipes = {name: r.but(decay=decay) for name, r in recipes.items()}
    needed = dict.fromkeys(arm for _, *pair, _ in COMPARED[lesson] for arm in pair)
    return {name: recipes[name] for name in needed}, names


def samples(run: Run, average: MovingAverage, form: tuple[str, str], draw: int) -> torch.Tensor:
    """Fakes of a run in a form; `draw` 0 and 1 are independent."""
    which, norm = form
    shown = copy.copy(run)
    shown.ema = average if which == "average" else None
    return shown.sample(N_EVAL, Rng(2000 + 10_000 * draw + run.rng.seeds[0]), norm=norm)


def one_run(recipe, reals, seed: int, steps: int, looks: int = 4):
    """Train a recipe and yield a row of measurements for each look, form and draw."""
    cnn = small_cnn(reals)
    held = features(cnn, reals.sample(N_EVAL, 501))
    steps = max(1, steps // recipe.n_gen)
    run = Run(recipe.but(ema=None), reals, seed)
    average = MovingAverage(run.G, max(0.0, 1 - 10 / steps), steps // 100)
    spent, clock = 0.0, time.process_time()
    for at in range(steps + 1):
        for _ in run.steps(at):
            average.update(run.G, at)
        if at % (steps // looks):
            continue
        spent += time.process_time() - clock
        for form in FORMS:
            for draw in (0, 1) if at == steps else (0,):
                v = features(cnn, samples(run, average, form, draw))
                found = measure(held, v, "small", ("kid", "fid", "coverage"))
                kept = {"kd": "kd_small", "fd": "fd_small", "coverage": "coverage_small"}
                where = {"step": at, "G": form[0], "norm": form[1], "draw": draw}
                values = {short: round(found[long], 5) for short, long in kept.items()}
                yield where | values | {"seconds": round(spent, 2)}
        clock = time.process_time()


def recorded() -> pd.DataFrame:
    """The rows of the record, none if there is no file."""
    if not PLACE.exists():
        return pd.DataFrame(columns=["lesson", "setting", "variant", "seed"])
    return pd.read_csv(PLACE, dtype={"lesson": str})


def train(lessons: list[str], settings: list[str] | None, first: int, seeds: int) -> None:
    """Do what is missing of the grid, seed by seed, and append it to the record."""
    keys = recorded()[["lesson", "setting", "variant", "seed"]]
    done = set(keys.drop_duplicates().itertuples(index=False, name=None))
    for seed in range(first, first + seeds):
        for lesson, name in ((x, name) for x in lessons for name in SETTINGS[x]):
            if settings is not None and name not in settings:
                continue
            recipes, names = arms(lesson, SETTINGS[lesson][name])
            for variant, recipe in recipes.items():
                where = {"lesson": lesson, "setting": name, "variant": variant, "seed": seed}
                if tuple(where.values()) in done:
                    continue
                # conditional nets take fewer steps
                steps = names["cfg"].div_steps if recipe.nets.classes and lesson == "09" else None
                found = one_run(recipe, names["reals"], seed, steps or names["cfg"].steps)
                rows = [where | row for row in found]
                fresh = not PLACE.exists()
                with PLACE.open("a", newline="") as file:
                    writer = csv.DictWriter(file, rows[0])
                    if fresh:
                        writer.writeheader()
                    writer.writerows(rows)
                print(*where.values(), rows[-1]["kd"], f"{rows[-1]['seconds']} s", flush=True)


def compared(metric: str = "kd") -> pd.DataFrame:
    """The spread of each comparison at the last look, a row for each setting and form."""
    kept, rows = recorded(), []
    last = kept.groupby(ARM).step.transform("max") == kept.step
    by = ["lesson", "setting", "G", "norm"]
    for where, part in kept[last & (kept.draw == 0)].groupby(by, sort=False):
        name = f"{metric}_small"
        frame = part.rename(columns={metric: "value"}).assign(metric=name)
        for words, mine, theirs, printed in COMPARED[where[0]]:
            claim = Direction(name, mine, words, theirs, "lower", printed)
            judged = claim.judge(frame).judged
            if judged is None or judged.spread.n < 2:
                continue
            row = dict(zip(by, where, strict=True)) | {"metric": name, "claim": words}
            row |= {"pairs": judged.spread.n, "mean": judged.spread.mean, "sd": judged.sd}
            row |= {f"seen with {n}": detectable(n) * judged.sd for n in (5, 8)}
            row |= {"paper": judged.paper, "needed": seeds_needed(claim.effect / judged.sd)}
            rows.append(row)
    return pd.DataFrame(rows)


def sources() -> pd.DataFrame:
    """Standard deviations of log kd_small: of new samples of a net, and of new trainings.

    Within an arm of a setting, for each form; root mean squares over the arms.
    """
    kept = recorded()
    both = kept[kept.groupby(ARM + ["seed", "G", "norm", "step"]).draw.transform("max") == 1]
    both = both.assign(log=np.log(both.kd.clip(lower=0.01)))
    wide = both.pivot(index=[*ARM, "G", "norm", "seed"], columns="draw", values="log")
    seeds = wide[0].groupby(level=[*ARM, "G", "norm"]).std()
    samples_of = ((wide[1] - wide[0]) / 2**0.5).groupby(level=[*ARM, "G", "norm"])
    found = pd.DataFrame({"samples": samples_of.apply(rms), "trainings": seeds}).dropna()
    return found.groupby(level=["lesson", "setting", "G", "norm"]).agg(rms)


def stable() -> pd.Series:
    """Whether each setting of a lesson is stable by the rule."""
    kept = recorded()
    kept = kept[(kept.draw == 0) & (kept.G == "last")].sort_values("step")
    runs = kept.groupby([*ARM, "seed", "norm"]).kd.agg(["first", "last"])
    without = {theirs for rows in COMPARED.values() for _, _, theirs, _ in rows}
    learnt = (runs["last"] <= runs["first"] / 2) | ~runs.index.isin(without, level="variant")
    return (learnt & np.isfinite(runs["last"])).groupby(level=["lesson", "setting"]).all()


def choices() -> pd.DataFrame:
    """What the rule weighs, a row for each setting: stable, and the rms of sd over comparisons."""
    found = compared()
    used = [USED[x] == (g, n) for x, g, n in zip(found.lesson, found.G, found.norm, strict=True)]
    weighed = found[used].groupby(["lesson", "setting"]).agg(sd=("sd", rms), pairs=("pairs", "min"))
    kept = recorded()
    cost = kept[kept.draw == 0].groupby([*ARM, "seed"]).seconds.max()
    cost = cost.groupby(level=ARM).mean().groupby(level=["lesson", "setting"]).sum()
    return weighed.join(stable().rename("stable")).join(cost.rename("seconds a seed"))


def rms(values: pd.Series) -> float:
    return float((values**2).mean() ** 0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["train", "table"])
    parser.add_argument("--lessons", nargs="+", default=list(CELLS), choices=list(CELLS))
    parser.add_argument("--settings", nargs="+", help="some of SETTINGS")
    parser.add_argument("--first", type=int, default=FIRST)
    parser.add_argument("--seeds", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.what == "train":
        train(given.lessons, given.settings, given.first, given.seeds)
    else:
        for metric in ("kd", "fd"):
            print(compared(metric).round(3).to_string(index=False))
        print(sources().round(3).to_string())
        print(choices().round(3).to_string())


if __name__ == "__main__":
    main()
