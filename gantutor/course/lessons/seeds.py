"""The parameters of the lesson on how many seeds a claim needs."""

from typing import Annotated, Literal

from pydantic import Field

from gantutor.course.config import Count, Device, Rate
from gantutor.course.lessons.images import SIDES, ImageConfig


class SeedsConfig(ImageConfig):
    """13: how many seeds a claim needs.

    method: whose claim is asked on the ring, against the baseline
    std: standard deviation of each of the ring's eight Gaussians
    steps: training steps of each GAN on the ring
    crossed: so many initial weights are combined with as many series of draws, on the ring
    image_crossed: the same on images
    image_steps: training steps of each GAN on images
    width: channels of the layer nearest to the pixels
    n_eval: points, or images, behind each measured number
    repeats: measurements of each trained generator, each on new samples
    looks: measurements of each GAN on the ring during its training
    trials: simulated studies behind each rate, for each seed
    device: of the image GANs, auto, cpu or cuda; auto takes a GPU where there is one
    """

    notebook = "13_seeds"
    TAKES = ("the DCGAN of this notebook", SIDES["dcgan"])
    PROFILES = {
        "smoke": dict(
            seeds=3,
            steps=30,
            crossed=3,
            image_crossed=2,
            image_steps=3,
            width=8,
            n_eval=200,
            repeats=2,
            looks=6,
            trials=500,
        ),
        "class": dict(
            seeds=16,
            steps=2000,
            crossed=6,
            image_crossed=5,
            image_steps=250,
            width=8,
            n_eval=1000,
            repeats=4,
            looks=30,
            trials=4000,
        ),
        "colab": dict(
            seeds=30,
            steps=6000,
            crossed=10,
            image_crossed=8,
            image_steps=1500,
            width=16,
            n_eval=2000,
            repeats=5,
            looks=60,
            trials=10000,
        ),
        "paper": dict(
            seeds=30,
            steps=20000,
            crossed=12,
            image_crossed=10,
            image_steps=10000,
            width=32,
            n_eval=10000,
            repeats=5,
            looks=100,
            trials=20000,
        ),
    }
    size: Count = 16
    method: Literal["AdaptiveMix", "AdvLatGAN-qua", "KDD"] = "AdaptiveMix"
    std: Rate = 0.1
    steps: Count = None
    crossed: Annotated[int, Field(ge=2)] = None
    image_crossed: Annotated[int, Field(ge=2)] = None
    image_steps: Count = None
    width: Count = None
    n_eval: Annotated[int, Field(ge=100)] = None
    repeats: Annotated[int, Field(ge=2)] = None
    looks: Annotated[int, Field(ge=6)] = None
    trials: Annotated[int, Field(ge=100)] = None
    device: Device = "auto"
