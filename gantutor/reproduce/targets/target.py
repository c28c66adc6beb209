"""A target: a figure or table row of a paper, the runs that answer it, and what it claims."""

from dataclasses import dataclass, field
from typing import Any

from gantutor.course.lessons import LESSONS
from gantutor.reproduce.claims import Claim, Direction
from gantutor.reproduce.targets.budgets import budget

ADAPTIVEMIX = "AdaptiveMix (Liu et al., CVPR 2023)"
KDDGAN = "KDD GAN (Lemkhenter et al., 2021)"
ADVLATGAN = "AdvLatGAN (Li et al., NeurIPS 2022)"
COURSE = "The course"
PAPERS = {"adaptivemix": ADAPTIVEMIX, "advlatgan": ADVLATGAN, "kddgan": KDDGAN}


@dataclass(frozen=True, eq=False)
class Target:
    """A figure or table row of a paper, or a lesson.

    runs: for each run, the parameters of the notebook that it changes
    sized: further changes by profile
    needs: a data set that must be at hand, "" for none
    pixels: side of its images, by which a GPU may be required; 0 if it never is
    note: what to know when comparing with the paper
    not_yet: why the package cannot run it, "" if it can
    """

    name: str
    paper: str
    where: str
    title: str
    notebook: str = ""
    claims: tuple[Claim, ...] = ()
    runs: tuple[dict[str, Any], ...] = ({},)
    sized: dict[str, dict[str, Any]] = field(default_factory=dict)
    needs: str = ""
    pixels: int = 0
    note: str = ""
    not_yet: str = ""

    @property
    def row(self) -> str:
        """Its name in `tables.ROWS`; "" if it is not a row of a table."""
        return self.runs[-1].get("row", "") if self.runs else ""

    def seeds(self, profile: str) -> int:
        """How many seeds a profile gives each of its runs."""
        return LESSONS[self.notebook].config.PROFILES[profile]["seeds"]

    def minutes(self, profile: str) -> float:
        """Minutes that all its runs take together, with the profile's seeds; 0 if it has none."""
        if not self.notebook:
            return 0.0
        return sum(self.cost(changes, profile, self.seeds(profile)) for changes in self.runs)

    def cost(self, changes: dict[str, Any], profile: str, seeds: int) -> float:
        """Minutes that one of its runs takes; as if each seed took as long as another."""
        if "row" in changes:
            return budget(changes["row"]).cost(changes["row"], profile) * seeds
        return LESSONS[self.notebook].minutes.get(profile, 0.0) * seeds / self.seeds(profile)


def image_targets(
    paper: str,
    short: str,
    where: str,
    method: str,
    words: str,
    printed: tuple[float, float],
    against: str = "baseline",
) -> tuple[Target, Target]:
    """Two targets of notebook 05, a method against its baseline: on digits and on CIFAR-10.

    They are judged by a stand-in for the paper's FID; `words` say what the paper found,
    `printed` its FIDs of the method and of its baseline.
    """
    found = []
    for name, data, data_name in (
        ("image", "digits", "handwritten digits"),
        ("cifar10-jpeg", "cifar10-jpeg", "CIFAR-10 (JPEG copy)"),
    ):
        claim = Direction(
            "kd_small",
            method,
            f"{words}. Here: {data_name}, kernel distance on small features",
            against=against,
            better="lower",
            printed=printed,
        )
        target = Target(
            f"{short}/{name}",
            paper,
            where,
            f"{paper.split(' (')[0]} against its baseline on {data_name}",
            "05_images",
            (claim,),
            runs=({"method": against, "dataset": data}, {"method": method, "dataset": data}),
            needs="" if data == "digits" else data,
            note="kd_small is a kernel distance on the features of a small classifier. It is a "
            "stand-in that cannot be compared with the paper's FID.",
        )
        found.append(target)
    return tuple(found)
