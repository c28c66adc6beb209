"""The lessons, one record each: what README, notebook 00, the command line and the site say of them."""

from dataclasses import dataclass
from pathlib import Path

import gantutor
from gantutor.course.config import Config, did_you_mean
from gantutor.course.lessons.full_run import FullRunConfig
from gantutor.course.lessons.images import (
    AdaptiveMixImagesConfig,
    AdvLatImagesConfig,
    ImagesConfig,
    KddImagesConfig,
    MeasuringConfig,
)
from gantutor.course.lessons.plane import (
    AdaptiveMixConfig,
    AdvLatConfig,
    KddConfig,
    LabConfig,
    PapersConfig,
    PlaneConfig,
    StartConfig,
)


@dataclass(frozen=True)
class Lesson:
    """One notebook of the course.

    `notebook` is its file's name without suffix, `topic` the module of its exercises, `question`
    what a student finds out, `needs` the hardware. `minutes`: of one run with a profile's own
    parameters on 2 cores, measured where a record is at hand, else a guess.
    """

    notebook: str
    title: str
    question: str
    needs: str
    topic: str
    config: type[Config]
    minutes: dict[str, float]


LESSONS: dict[str, Lesson] = {
    lesson.notebook: lesson
    for lesson in (
        Lesson(
            "00_start_here",
            "Start here",
            "what a GAN is, in one picture, and what each paper changes",
            "CPU",
            "start",
            StartConfig,
            {"smoke": 0.4, "class": 0.8, "colab": 3, "paper": 3},
        ),
        Lesson(
            "01_plane",
            "A GAN on the plane",
            "confidence maps, gradient fields, mode collapse, six objectives against a known truth",
            "CPU",
            "plane",
            PlaneConfig,
            {"smoke": 0.6, "class": 2, "colab": 22, "paper": 100},
        ),
        Lesson(
            "02_adaptivemix",
            "Feature-space shrinkage",
            "AdaptiveMix: Fig. 3, the lambda path, the undisclosed logit sum, the theorem's counter-example",
            "CPU",
            "adaptivemix",
            AdaptiveMixConfig,
            {"smoke": 0.5, "class": 2.3, "colab": 6, "paper": 10},
        ),
        Lesson(
            "03_kdd",
            "Forces",
            "KDD GAN: Fig. 1 and 3, attraction and repulsion, temperature",
            "CPU",
            "kdd",
            KddConfig,
            {"smoke": 0.5, "class": 1.7, "colab": 6, "paper": 15},
        ),
        Lesson(
            "04_advlat",
            "Moving the latent",
            "AdvLatGAN-z, -qua, -div on grid and ring, with a held-out critic",
            "CPU",
            "advlat",
            AdvLatConfig,
            {"smoke": 0.6, "class": 3, "colab": 15, "paper": 70},
        ),
        Lesson(
            "05_images",
            "The first real images",
            "a DCGAN on 32x32 images, each method switched by a parameter",
            "CPU, better with a GPU",
            "images",
            ImagesConfig,
            {"smoke": 0.4, "class": 2.3, "colab": 120, "paper": 1500},
        ),
        Lesson(
            "06_measuring",
            "Measuring generators",
            "FID, KID, precision, density, coverage: what each one sees, its bias, its traps",
            "CPU",
            "measuring",
            MeasuringConfig,
            {"smoke": 0.6, "class": 1.5, "colab": 10, "paper": 60},
        ),
        Lesson(
            "07_adaptivemix_images",
            "AdaptiveMix on images",
            "Tables 2 and 4 in small; is the critic flatter, or only smaller (Table 3)?",
            "CPU, better with a GPU",
            "adaptivemix_images",
            AdaptiveMixImagesConfig,
            {"smoke": 0.4, "class": 4.5, "colab": 240, "paper": 6000},
        ),
        Lesson(
            "08_kdd_images",
            "KDD GAN on images",
            "Tables 1 and 2 in small; augmented anchors; what TF32 does to the Jacobian term",
            "CPU, better with a GPU",
            "kdd_images",
            KddImagesConfig,
            {"smoke": 0.6, "class": 5, "colab": 240, "paper": 20000},
        ),
        Lesson(
            "09_advlat_images",
            "AdvLatGAN on images",
            "rival samplers at equal cost, step size and steps, hard pairs and their missing control",
            "CPU, better with a GPU",
            "advlat_images",
            AdvLatImagesConfig,
            {"smoke": 0.6, "class": 6.6, "colab": 240, "paper": 6000},
        ),
        Lesson(
            "10_full_run",
            "A full run",
            "any row of the papers' tables, or any mixture of parts, from parameters to a number with its protocol",
            "CPU for small, GPU for the papers' budgets",
            "full_run",
            FullRunConfig,
            {
                "smoke": 0.4,
                "class": 3,
                "colab": 30,
                "paper": 400,
            },  # without a row; a row costs what targets.budget says
        ),
        Lesson(
            "11_papers",
            "The papers' own tables",
            "which claims of the texts their own tables hold, contradict, or leave inside the printed spread",
            "CPU",
            "papers",
            PapersConfig,
            {"smoke": 0.4, "class": 0.4, "colab": 0.5, "paper": 0.5},
        ),
        Lesson(
            "12_lab",
            "The lab",
            "up to five GANs side by side that you play, change, draw data for and wind back; your own loss among them; missions and named failures",
            "CPU",
            "lab",
            LabConfig,
            {"smoke": 0.5, "class": 2.5, "colab": 9, "paper": 35},
        ),
    )
}


def minutes(notebook: str, profile: str) -> float | None:
    """Minutes that a run of a lesson takes in a profile; None for a notebook of your own.

    >>> minutes("01_plane", "class")
    2
    """
    lesson = LESSONS.get(notebook)
    return None if lesson is None else lesson.minutes.get(profile)


def find_notebook(name: str) -> Path:
    """The file of a stem ("01_plane"), a number ("01") or a path; FileNotFoundError names what there is."""
    if Path(name).is_file():
        return Path(name).resolve()
    folders = [
        Path.cwd() / "notebooks",
        Path.cwd(),
        Path(gantutor.__file__).resolve().parent.parent / "notebooks",
    ]
    stems = [s for s in LESSONS if name in (s, f"{s}.ipynb", s.split("_")[0])]
    for stem in stems:
        for folder in folders:
            if (folder / f"{stem}.ipynb").is_file():
                return (folder / f"{stem}.ipynb").resolve()
    if stems:
        raise FileNotFoundError(
            f"{stems[0]}.ipynb is in none of {', '.join(map(str, folders))}: run this in the course's folder"
        )
    raise FileNotFoundError(
        f"no notebook {name!r}: {did_you_mean(name, list(LESSONS))}, or the path of an .ipynb file"
    )
