"""The parameters of notebook 14."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from gantutor.course.config import Amount, Count, Device, Rate, fitting
from gantutor.course.lessons.images import SIDES, ImageConfig


class TogetherConfig(ImageConfig):
    """14: whether the three ideas add up.

    steps: training steps of each GAN on the plane
    batch: reals, and fakes, in each turn on the plane
    hidden: width of the plane's nets
    lr: Adam's learning rate of all players
    points: fakes behind each number on the plane
    nets: of images: "mlp", of all seeds side by side, or "dcgan", seed by seed
    image_seeds: the largest number of seeds with images
    image_steps: training steps of each GAN of images
    image_batch: reals, and fakes, in each turn on images
    width: of the MLP's hidden layers, or channels of the DCGAN's layer nearest to the pixels
    image_lr: Adam's learning rate of all players on images
    n_eval: fakes behind each number on images
    weight: of AdaptiveMix's loss; None: as the grid chose
    qua_eps: size of -qua's latent step; None: as the grid chose
    tau: temperature of KDD; None: as the grid chose
    device: auto, cpu or cuda, for images; auto takes a GPU where there is one
    """

    notebook = "14_together"
    # An effect within this share of the distance, either way, counts as none. Each method costs
    # more than 25 % of a step, so that a smaller gain would not pay for its own computing.
    MARGIN: ClassVar[float] = 0.25
    PROFILES = {
        "smoke": dict(
            seeds=2,
            steps=16,
            batch=16,
            hidden=16,
            lr=2e-3,
            points=200,
            size=8,
            nets="mlp",
            image_seeds=2,
            image_steps=16,
            image_batch=16,
            width=16,
            image_lr=2e-3,
            n_eval=100,
        ),
        "class": dict(
            seeds=16,
            steps=1000,
            batch=64,
            hidden=32,
            lr=2e-3,
            points=2000,
            size=8,
            nets="mlp",
            image_seeds=8,
            image_steps=600,
            image_batch=64,
            width=64,
            image_lr=2e-3,
            n_eval=500,
        ),
        "colab": dict(
            seeds=16,
            steps=5000,
            batch=128,
            hidden=64,
            lr=5e-4,
            points=5000,
            size=32,
            nets="dcgan",
            image_seeds=5,
            image_steps=4000,
            image_batch=64,
            width=64,
            image_lr=2e-4,
            n_eval=5000,
        ),
        "paper": dict(
            seeds=30,
            steps=20000,
            batch=128,
            hidden=64,
            lr=5e-4,
            points=10000,
            size=32,
            nets="dcgan",
            image_seeds=8,
            image_steps=100000,
            image_batch=64,
            width=64,
            image_lr=2e-4,
            n_eval=10000,
        ),
    }
    size: Count = None
    steps: Count = None
    batch: Annotated[int, Field(ge=4)] = None
    hidden: Count = None
    lr: Rate = None
    points: Annotated[int, Field(ge=40)] = None
    nets: Literal["mlp", "dcgan"] = None
    image_seeds: Count = None
    image_steps: Count = None
    image_batch: Annotated[int, Field(ge=4)] = None
    width: Count = None
    image_lr: Rate = None
    n_eval: Annotated[int, Field(ge=20)] = None
    weight: Amount | None = None
    qua_eps: Amount | None = None
    tau: Rate | None = None
    device: Device = "auto"

    @model_validator(mode="after")
    def _sides(self):
        if self.nets == "dcgan":
            fitting("a DCGAN", self.size, SIDES["dcgan"])
        return self

    @property
    def image_seed_list(self) -> list[int]:
        """The seeds with images: the first ones of all."""
        return self.seed_list[: self.image_seeds]
