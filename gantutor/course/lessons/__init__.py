"""The one list of lessons, from which README, notebook 00, the command and the site take theirs."""

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
from gantutor.course.lessons.seeds import SeedsConfig
from gantutor.course.lessons.together import TogetherConfig


@dataclass(frozen=True)
class Lesson:
    """One notebook of the course.

    notebook: the name of its file, without ".ipynb"
    title: a short name
    question: what a student finds out, for a table of contents
    needs: the hardware
    topic: the module of `course.exercises` that holds its exercises
    config: its parameters
    minutes: of one run with a profile's own parameters on 2 cores, by profile; measured where
        `data/records` has such a run, otherwise estimated
    each: what the minutes are for, where they are not for the whole notebook
    """

    notebook: str
    title: str
    question: str
    needs: str
    topic: str
    config: type[Config]
    minutes: dict[str, float]
    each: str = ""

    @property
    def label(self) -> str:
        """The number and the title, as in a table of contents.

        >>> LESSONS["01_plane"].label
        '01 A GAN on the plane'
        """
        return f"{self.notebook.split('_')[0]} {self.title}"

    @property
    def time(self) -> str:
        """The minutes of the class profile in words, rounded to whole minutes.

        >>> LESSONS["05_images"].time, LESSONS["11_papers"].time
        ('2 min per method', 'half a minute')
        """
        promised = self.minutes["class"]
        words = f"{int(promised + 0.5)} min" if promised >= 0.75 else "half a minute"
        return f"{words} {self.each}".strip()


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
            {"smoke": 0.6, "class": 2.1, "colab": 22, "paper": 100},
        ),
        Lesson(
            "02_adaptivemix",
            "Feature-space shrinkage",
            "AdaptiveMix: Fig. 3, the lambda path, the undisclosed logit sum, "
            "a counter-example to the theorem",
            "CPU",
            "adaptivemix",
            AdaptiveMixConfig,
            {"smoke": 0.5, "class": 4.7, "colab": 6, "paper": 10},
        ),
        Lesson(
            "03_kdd",
            "Forces",
            "KDD GAN: Figs. 1 and 3, attraction and repulsion, temperature",
            "CPU",
            "kdd",
            KddConfig,
            {"smoke": 0.5, "class": 2.1, "colab": 6, "paper": 15},
        ),
        Lesson(
            "04_advlat",
            "Moving the latent",
            "AdvLatGAN-z, -qua, -div on grid and ring, with a held-out critic",
            "CPU",
            "advlat",
            AdvLatConfig,
            {"smoke": 0.6, "class": 3.4, "colab": 15, "paper": 70},
        ),
        Lesson(
            "05_images",
            "The first real images",
            "a DCGAN on 32x32 images, with a parameter that selects the method",
            "CPU",
            "images",
            ImagesConfig,
            {"smoke": 0.4, "class": 1.5, "colab": 120, "paper": 1500},
            "per method",
        ),
        Lesson(
            "06_measuring",
            "Measuring generators",
            "FID, KID, precision, density, coverage: what each one sees, its bias, its traps",
            "CPU",
            "measuring",
            MeasuringConfig,
            {"smoke": 0.6, "class": 0.8, "colab": 10, "paper": 60},
        ),
        Lesson(
            "07_adaptivemix_images",
            "AdaptiveMix on images",
            "Tables 2 and 4 in small; is the critic flatter, or only smaller (Table 3)?",
            "CPU, better with a GPU",
            "adaptivemix_images",
            AdaptiveMixImagesConfig,
            {"smoke": 0.4, "class": 4, "colab": 240, "paper": 6000},
        ),
        Lesson(
            "08_kdd_images",
            "KDD GAN on images",
            "Tables 1 and 2 in small; augmented anchors; what TF32 does to the Jacobian term",
            "CPU, better with a GPU",
            "kdd_images",
            KddImagesConfig,
            {"smoke": 0.6, "class": 5.4, "colab": 240, "paper": 20000},
        ),
        Lesson(
            "09_advlat_images",
            "AdvLatGAN on images",
            "rival samplers at equal cost, step size and number of steps, "
            "hard pairs and their missing control",
            "CPU",
            "advlat_images",
            AdvLatImagesConfig,
            {"smoke": 0.6, "class": 7.2, "colab": 240, "paper": 6000},
        ),
        Lesson(
            "10_full_run",
            "A full run",
            "any row of the papers' tables, or any combination of parts, "
            "from parameters to a number with its protocol",
            "CPU for small runs, GPU for the papers' budgets",
            "full_run",
            FullRunConfig,
            # without a row; a row costs what `reproduce.targets.budget` estimates
            {"smoke": 0.4, "class": 3, "colab": 30, "paper": 400},
            "or more per run",
        ),
        Lesson(
            "11_papers",
            "The papers' own tables",
            "which claims of the papers' texts their own tables support, contradict, "
            "or leave within the printed spread",
            "CPU",
            "papers",
            PapersConfig,
            {"smoke": 0.4, "class": 0.4, "colab": 0.5, "paper": 0.5},
        ),
        Lesson(
            "12_lab",
            "The lab",
            "up to five GANs side by side, to play, change, rewind and draw data for; "
            "your own loss among them; missions and named failures",
            "CPU",
            "lab",
            LabConfig,
            {"smoke": 0.5, "class": 2.5, "colab": 9, "paper": 35},
        ),
        Lesson(
            "13_seeds",
            "How many seeds does a claim need?",
            "what retraining, new samples and a lucky look each move; intervals, power, "
            "equivalence; a calculator for a claim of your own",
            "CPU",
            "seeds",
            SeedsConfig,
            {"smoke": 0.5, "class": 2.6, "colab": 45, "paper": 700},
        ),
        Lesson(
            "14_together",
            "Do the three ideas add up?",
            "all eight subsets of the three methods at equal steps and at equal computing: "
            "main effects, interactions, and what stays undecided",
            "CPU; a GPU for CIFAR-10",
            "together",
            TogetherConfig,
            {"smoke": 0.6, "class": 6.6, "colab": 240, "paper": 6000},
        ),
    )
}


def table() -> str:
    """The lessons as the Markdown table that README.md has between its `lessons` marks.

    >>> print(table().splitlines()[2])
    | [00 Start here](notebooks/00_start_here.ipynb) | what a GAN is, in one picture, and what \
each paper changes | 1 min, 8 seeds | CPU |
    """
    lines = ["| notebook | what you find out | class profile | hardware |"]
    lines.append("|---|---|---|---|")
    for x in LESSONS.values():
        link = f"[{x.label}](notebooks/{x.notebook}.ipynb)"
        seeds = x.config.PROFILES["class"]["seeds"]
        time = x.time + f", {seeds} seeds" * (seeds > 1)
        lines.append(f"| {link} | {x.question} | {time} | {x.needs} |")
    return "\n".join(lines)


def minutes(notebook: str, profile: str) -> float | None:
    """Minutes that a run of a lesson takes in a profile; None for a notebook of your own.

    >>> minutes("01_plane", "class")
    2.1
    """
    lesson = LESSONS.get(notebook)
    return None if lesson is None else lesson.minutes.get(profile)


def find_notebook(name: str) -> Path:
    """The file of a name ("01_plane"), a number ("01") or a path.

    Names and numbers are looked up in ./notebooks, in the working folder and next to the package.
    Raises FileNotFoundError, naming the notebooks that exist.
    """
    if Path(name).is_file():
        return Path(name).resolve()
    package = Path(gantutor.__file__).resolve().parent
    folders = [Path.cwd() / "notebooks", Path.cwd(), package.parent / "notebooks"]
    stems = [s for s in LESSONS if name in (s, f"{s}.ipynb", s.split("_")[0])]
    for stem in stems:
        for folder in folders:
            if (folder / f"{stem}.ipynb").is_file():
                return (folder / f"{stem}.ipynb").resolve()
    if stems:
        places = ", ".join(map(str, folders))
        raise FileNotFoundError(
            f"{stems[0]}.ipynb is in none of {places}: run this in the course's folder"
        )
    known = did_you_mean(name, list(LESSONS))
    raise FileNotFoundError(f"no notebook {name!r}: {known}, or give the path of an .ipynb file")
