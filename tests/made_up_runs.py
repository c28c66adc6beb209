"""Runs that were never made, as the grid would leave them, for tests of the report."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from tiny import course

from gantutor.course.lessons import LESSONS
from gantutor.course.records import Record
from gantutor.reproduce import report
from gantutor.reproduce.plan import make_plan
from gantutor.reproduce.targets import LESSON_TARGETS, choose

# {notebook: {(variant, metric): one value for each of 8 seeds}}: made up, to see every status
MADE_UP = {
    "02_adaptivemix": {
        ("AdaptiveMix", "modes"): [9, 9, 8, 9, 9, 8, 9, 9],
        ("Std-GAN", "modes"): [5, 5, 4, 5, 6, 4, 5, 5],
        ("WGAN", "modes"): [9, 8, 8, 9, 9, 9, 9, 9],
        ("AdaptiveMix", "mean_slope"): [4.1, 4.4, 5.0, 4.3, 4.6, 4.8, 4.2, 4.5],
        ("Std-GAN", "mean_slope"): [8.2, 8.8, 9.1, 8.0, 8.9, 9.3, 8.4, 8.6],
        ("AdaptiveMix", "energy_distance"): [0.02, 0.06, 0.03, 0.05, 0.04, 0.03, 0.07, 0.02],
        ("Std-GAN", "energy_distance"): [0.05, 0.04, 0.09, 0.03, 0.08, 0.06, 0.05, 0.04],
        ("logit sum only", "modes"): [8, 8, 9, 8, 9, 8, 8, 9],
    },
    "03_kdd": {
        ("hinge", "hinge_arrow_spread"): [0, 2e-8, 1e-8, 0, 0, 1e-8, 0, 2e-8],
        ("KDD", "angle_median_deg"): [12.1, 14.0, 11.2, 12.8, 13.1, 11.9, 12.4, 13.6],
        ("hinge", "angle_median_deg"): [0, 0, 0, 0, 0, 0, 0, 0],
        ("KDD", "energy_distance"): [0.32, 0.35, 0.3, 0.33, 0.31, 0.36, 0.34, 0.3],
        ("hinge", "energy_distance"): [1.54, 1.5, 1.6, 1.58, 1.49, 1.55, 1.61, 1.52],
        ("initial", "energy_distance"): [5.5, 5.4, 5.6, 5.5, 5.7, 5.4, 5.6, 5.5],
        ("KDD", "nearest_kept"): [0.99, 0.98, 0.99, 0.97, 0.99, 0.98, 0.99, 0.98],
        ("KDD", "mode_share"): [0.5, 0.49, 0.5, 0.51, 0.48, 0.5, 0.52, 0.49],
    },
    "05_images baseline": {
        ("baseline", "kd_small"): [0.21, 0.2, 0.22, 0.21, 0.23, 0.2, 0.21, 0.22]
    },
    "05_images hinge": {("hinge", "kd_small"): [0.21, 0.2, 0.22, 0.21, 0.23, 0.2, 0.21, 0.22]},
    "05_images kdd": {("kdd", "kd_small"): [0.31, 0.32, 0.33, 0.32, 0.34, 0.3, 0.31, 0.33]},
    "05_images adaptivemix": {
        ("adaptivemix", "kd_small"): [0.11, math.nan, 0.13, 0.12, 0.14, 0.11, 0.12, 0.13]
    },
}


# {row: (name of its data, {metric: one value for each seed})}; the printed row of AdvLatGAN's
# Table 4 holds three variants, those of KDD GAN's Table 2 one each
HINGE = [0.5, 0.6, 0.55, 0.52, 0.58, 0.54, 0.57, 0.53]
BARE = [1.5, 1.6, 1.7, 1.55, 1.62, 1.58, 1.66, 1.52]
ROWS = {
    "kddgan/table2/hinge": (
        "cifar10",
        {"kd_small": HINGE, "fid": [10.3, 10.5, 10.4, 10.2, 10.6, 10.4, 10.3, 10.5]},
    ),
    "kddgan/table2/kdd": (
        "cifar10",
        {
            "kd_small": [0.4, 0.5, 0.46, 0.43, 0.47, 0.44, 0.48, 0.42],
            "fid": [8.3, 8.4, 8.5, 8.4, 8.3, 8.5, 8.4, 8.4],
        },
    ),
    "kddgan/table2/kdd-da1": (
        "cifar10-jpeg",
        {"fid": [7.0, 7.1, 7.2, 7.1, 7.0, 7.2, 7.1, 7.1]},
    ),
    "kddgan/table2/kdd-da3": (
        "cifar10-jpeg",
        {"kd_small": [0.9, 0.99, 0.94, 0.92, 0.97, 0.95, 0.91, 0.96]},
    ),
    "kddgan/table2/kdd-da7": ("cifar10", {"fid": [4.8, 6.9, 5.2, 6.4, 5.0, 6.6, 5.9, 5.1]}),
    "advlatgan/table4/cifar10/dcgan/bare": ("cifar10-jpeg", {"kd_small": BARE}),
    "advlatgan/table4/cifar10/dcgan/qua": (
        "cifar10-jpeg",
        {"kd_small": [1.52, 1.52, 1.66, 1.45, 1.6, 1.58, 1.58, 1.49]},
    ),
    "advlatgan/table4/cifar10/dcgan/qua+": (
        "cifar10-jpeg",
        {"kd_small": [1.0, 1.01, 1.2, 1.05, 1.12, 1.08, 1.03, 1.1]},
    ),
}
# {run: its figures}, where they are not one of samples; a row's are FIGURES
LESSON_FIGURES = {
    "03_kdd": ("fig1_field", "fig3_flow"),
    "02_adaptivemix": ("samples", "path", "maps"),
}
FIGURES = ("curves", "reals", "samples")
DIED = {
    "status": "kernel_died",
    "message": "the kernel died in cell 7 of 12: was it out of memory?",
}
START = {"what": "start", "at": "2026-01-01T00:00:00+00:00"}
PROTOCOL = {
    "features": "inception",
    "split": "train",
    "n_real": 50000,
    "n_fake": 50000,
    "n_manifold": 10000,
}


@contextmanager
def report_of(folder: Path) -> Iterator[Path]:
    """The runs of `make_up` below a folder, with their report; the working folder meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("GANTUTOR_DATA", raising=False)
        out = make_up(folder)
        report.build(out)
        yield out


def make_up(folder: Path, seeds: int = 8) -> Path:
    """A folder of runs as the grid leaves it.

    Some are done, one diverged, one failed, one table has no data, and some rows were not asked
    for. Returns its path, `folder / "out"`.
    """
    for stem in LESSONS:
        course(folder / "notebooks", stem)
    (folder / "data/cifar10-jpeg").mkdir(parents=True)  # is enough to count as being there
    out = folder / "out"
    asked = [
        t for t in LESSON_TARGETS if not t.name.startswith("course") and t.needs != "cifar10-jpeg"
    ]
    asked += choose(["kddgan/table2", "kddgan/table3", "advlatgan/table4:cifar10/dcgan/*"])
    plan = make_plan(asked, out, "class", 0, seeds)
    plan.save()
    for job in plan.jobs:
        _make_up_run(job, seeds)
    return out


def _make_up_run(job, seeds: int) -> None:
    """One run: its record, its pictures and its log, or what a dead kernel leaves."""
    row, method = job.parameters.get("row"), job.parameters.get("method")
    stem = job.notebook.stem
    key = f"{stem} {method}" if method else stem
    job.folder.mkdir(parents=True)
    if key == "04_advlat":
        (job.folder / "status.json").write_text(json.dumps(DIED))
        return
    if row and row not in ROWS:
        return
    record = Record(LESSONS[stem].config(**job.parameters), stem)
    name, measured = ROWS.get(row, ("", {}))
    values = MADE_UP.get(key, {}) | {(row, metric): xs for metric, xs in measured.items()}
    for (variant, metric), xs in values.items():
        record.add(metric, xs[:seeds], variant)
    fig = Figure(figsize=(7, 3))
    fig.subplots().plot([0, 1, 2], [0, 1, 0])
    for figure in FIGURES if row else LESSON_FIGURES.get(key, ("samples",)):
        record.figure(figure, fig, f"Made up: {figure} of {row or key} <&>.")
    record.note("digest", "abc123")
    if row:
        record.note("data", {"name": name, "images": 50000, "digest": "abc123"})
        record.note("protocol", PROTOCOL)
        starts = 2 if row.endswith("qua") else 1
        (job.folder / "attempts.jsonl").write_text(f"{json.dumps(START)}\n" * starts)
    if key == "05_images advlat":
        record.save(status="diverged", step=41)
    else:
        record.save()


def without_record():
    """Rows of KDD GAN's Table 2 that were asked for and left nothing."""
    return [t for t in choose(["kddgan/table2"]) if t.runs[-1]["row"] not in ROWS]
