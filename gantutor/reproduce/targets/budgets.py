"""What a row of the papers' tables costs to run, and which plain row it is compared with."""

from dataclasses import dataclass, field
from typing import Any

SEEDS = 3  # of the runs whose minutes budgets have


@dataclass(frozen=True)
class Budget:
    """The budget of all rows whose names begin with `start`.

    data, pixels: the paper's data set, and the side of its images
    against: the last part of the plain row's name, with which each is compared
    minutes: of a run with 3 seeds, for class (2 CPU cores), colab and paper (one GPU); the last
        two are guesses
    small: parameters of profile class, which a CPU can afford
    dear: endings of names, and how many times as many minutes such rows take
    """

    start: str
    data: str
    pixels: int
    against: str
    minutes: tuple[float, float, float]
    small: dict[str, Any]
    dear: dict[str, float] = field(default_factory=dict)

    def cost(self, row: str, profile: str) -> float:
        """Minutes of a run of the row, for each seed."""
        if profile == "smoke":
            return 0.5 / SEEDS
        factor = next((f for ending, f in self.dear.items() if row.endswith(ending)), 1.0)
        return factor * self.minutes[("class", "colab", "paper").index(profile)] / SEEDS


THIN = {"n_fake": 500, "n_manifold": 500, "evals": 2, "lr": 5e-4}
THIN_50, THIN_80 = {**THIN, "steps": 50}, {**THIN, "steps": 80}
BIG = {**THIN, "steps": 30, "width": 4, "batch": 16}  # BigGAN and SA-GAN, a sixteenth as wide
COPIES = {"-jacd-da7": 6.0, "-da7": 5.0, "-jacd-da1": 3.0, "-da3": 3.0, "-da1": 1.8, "-jacd": 2.0}
BUDGETS = (
    Budget("adaptivemix/table2/", "cifar10", 32, "wgan", (1.0, 60, 400), THIN_80),
    Budget("adaptivemix/table4/cifar10/", "cifar10", 32, "wgan", (0.8, 60, 400), THIN_80),
    Budget("adaptivemix/table4/celeba/", "celeba", 256, "dcgan", (30, 300, 20000), THIN_80),
    Budget("advlatgan/table3/", "stl10", 48, "bare", (2, 60, 400), THIN_50),
    Budget("advlatgan/table4/cifar10/", "cifar10", 32, "bare", (1.1, 60, 300), THIN_50),
    Budget("advlatgan/table4/stl10/", "stl10", 48, "bare", (2, 60, 400), THIN_50),
    Budget("advlatgan/table5/lsun64/", "lsun-church", 64, "bare", (4, 120, 800), THIN_50),
    Budget("advlatgan/table5/lsun128/", "lsun-church", 128, "bare", (16, 240, 3000), THIN_50),
    Budget("advlatgan/table5/celeba64/", "celeba", 64, "bare", (4, 120, 800), THIN_50),
    Budget("advlatgan/table5/celeba128/", "celeba", 128, "bare", (16, 240, 3000), THIN_50),
    Budget("advlatgan/table5/imagenet/", "imagenet64", 64, "bare", (4, 120, 800), THIN_50),
    Budget("advlatgan/table6/cifar10/", "cifar10", 32, "msgan", (1.0, 60, 600), THIN_50),
    Budget("advlatgan/table6/stl10/", "stl10", 32, "msgan", (1.2, 60, 150), THIN_50),
    Budget("kddgan/table1/", "cifar10", 32, "hinge", (0.8, 240, 4000), BIG, COPIES),
    Budget("kddgan/table2/", "cifar10", 32, "hinge", (0.8, 240, 2000), BIG, COPIES),
    Budget("kddgan/table3/", "tiny-imagenet", 64, "hinge", (3, 300, 3000), BIG, COPIES),
    Budget("kddgan/table4/", "imagenet64", 64, "hinge", (3, 300, 20000), BIG, COPIES),
    Budget("kddgan/table5/", "imagenet64", 64, "hinge", (3, 300, 20000), BIG, COPIES),
    Budget("kddgan/table6/", "tiny-imagenet", 64, "hinge", (3, 300, 3000), BIG, COPIES),
)
# tables of the appendix that repeat others with more rows
PRINTED_AGAIN = {"kddgan/table5": "kddgan/table4", "kddgan/table6": "kddgan/table3"}


def budget(row: str) -> Budget:
    """The budget of a row.

    >>> budget("kddgan/table1/kdd-tau1").data
    'cifar10'
    """
    return next(b for b in BUDGETS if row.startswith(b.start))


def baseline(row: str) -> str:
    """The plain row of the same table, data and model, with which a row is compared.

    A plain row is its own baseline.

    >>> baseline("kddgan/table1/kdd-tau1")
    'kddgan/table1/hinge'
    """
    home = row.rsplit("/", 1)[0]
    plain = "hinge-uncond" if row.endswith("-uncond") else budget(row).against
    return f"{PRINTED_AGAIN.get(home, home)}/{plain}"
