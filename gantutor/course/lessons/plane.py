"""The parameters of the lessons on the plane, of the papers' own tables and of the lab."""

from typing import Annotated, Literal

from pydantic import Field

from gantutor.course.config import Amount, Config, Count, Rate


class StartConfig(Config):
    """00: a first GAN.

    steps: training steps of each GAN
    """

    notebook = "00_start_here"
    PROFILES = {
        "smoke": dict(seeds=1, steps=40),
        "class": dict(seeds=8, steps=320),
        "colab": dict(seeds=5, steps=1500),
        "paper": dict(seeds=5, steps=3000),
    }
    steps: Count = None


class PlaneConfig(Config):
    """01: a GAN on the plane.

    steps: training steps of each GAN
    batch: real points, and fakes, in one turn of D
    data: a distribution of `gantutor.toy`, by name
    """

    notebook = "01_plane"
    PROFILES = {
        "smoke": dict(seeds=1, steps=40, batch=32),
        "class": dict(seeds=8, steps=700, batch=64),
        "colab": dict(seeds=8, steps=5000, batch=128),
        "paper": dict(seeds=8, steps=10000, batch=256),
    }
    steps: Count = None
    batch: Count = None
    data: Literal["nine", "ring", "grid", "circles", "two_modes"] = "nine"


class AdaptiveMixConfig(Config):
    """02: feature-space shrinkage.

    steps: training steps of each run
    lr: Adam's learning rate of both players; few steps need a high one
    weight: of AdaptiveMix's loss
    sigma: standard deviation of the noise in Eq. 2
    alpha: lambda ~ Beta(alpha, alpha)
    """

    notebook = "02_adaptivemix"
    PROFILES = {
        "smoke": dict(seeds=2, steps=40, lr=2e-3),
        "class": dict(seeds=16, steps=1000, lr=2e-3),
        "colab": dict(seeds=5, steps=3000, lr=5e-4),
        "paper": dict(seeds=8, steps=3000, lr=5e-4),
    }
    steps: Count = None
    lr: Rate = None
    weight: Amount = 1.0
    sigma: Amount = 0.05
    alpha: Rate = 1.0


class KddConfig(Config):
    """03: the forces that an objective exerts on fakes.

    points: fakes, and reals, in front of the frozen critic of Fig. 3
    iterations: updates of the fakes there
    sigma: standard deviation of the Gaussian kernel
    tau: temperature of the von Mises-Fisher kernel
    steps: training steps of each GAN on the ring
    sweep_steps: training steps at each temperature of the sweep, which has at least 8 seeds
    """

    notebook = "03_kdd"
    PROFILES = {
        "smoke": dict(seeds=2, points=100, iterations=20, steps=20, sweep_steps=5),
        "class": dict(seeds=8, points=1000, iterations=200, steps=800, sweep_steps=300),
        "colab": dict(seeds=5, points=1000, iterations=200, steps=4000, sweep_steps=1000),
        "paper": dict(seeds=5, points=1000, iterations=200, steps=10000, sweep_steps=3000),
    }
    points: Annotated[int, Field(ge=40)] = None
    iterations: Count = None
    sigma: Rate = 1.0
    tau: Rate = 1.0
    steps: Count = None
    sweep_steps: Count = None


class AdvLatConfig(Config):
    """04: moving latents by signed gradient steps.

    steps: training steps on the ring
    grid_steps: training steps on the grid
    div_steps: training steps of each arm in the comparison of pairs
    eps: the size of one latent step after training (-z)
    qua_eps: the size of the one latent step during training (-qua)
    latent_steps: the largest number of latent steps
    points: how many latents are moved and judged
    """

    notebook = "04_advlat"
    PROFILES = {
        "smoke": dict(seeds=2, steps=40, grid_steps=40, div_steps=20, latent_steps=10, points=400),
        "class": dict(
            seeds=8, steps=700, grid_steps=1000, div_steps=500, latent_steps=100, points=1000
        ),
        "colab": dict(
            seeds=5, steps=2000, grid_steps=5000, div_steps=2000, latent_steps=300, points=2000
        ),
        "paper": dict(
            seeds=5, steps=2000, grid_steps=50000, div_steps=5000, latent_steps=1000, points=5000
        ),
    }
    steps: Count = None
    grid_steps: Count = None
    div_steps: Count = None
    eps: Rate = 0.003
    qua_eps: Rate = 0.01
    latent_steps: Count = None
    points: Count = None


class PapersConfig(Config):
    """11: the papers' own tables; nothing is trained.

    papers: whose claims are checked
    trials: simulated comparisons behind each number
    """

    notebook = "11_papers"
    PROFILES = {
        "smoke": dict(seeds=1, trials=2000),
        "class": dict(seeds=1, trials=20000),
        "colab": dict(seeds=1, trials=100000),
        "paper": dict(seeds=1, trials=100000),
    }
    papers: Literal["all", "adaptivemix", "advlatgan", "kddgan"] = "all"
    trials: Annotated[int, Field(ge=100)] = None


class LabConfig(Config):
    """12: the live lab.

    steps: training steps of each lab before it is shown
    data: a distribution of `gantutor.toy`, by name
    """

    notebook = "12_lab"
    PROFILES = {
        "smoke": dict(seeds=1, steps=40),
        "class": dict(seeds=3, steps=600),
        "colab": dict(seeds=5, steps=2000),
        "paper": dict(seeds=8, steps=5000),
    }
    steps: Annotated[int, Field(ge=20)] = None
    data: Literal["nine", "ring", "grid", "circles", "two_modes"] = "nine"
