"""The parameters of the lessons on images."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gantutor.course.config import Amount, Config, Count, Device, ImageName, Rate, Whole

POWERS = tuple(2**i for i in range(3, 11))
LADDER = (32, 48, 64, 128)
# the sides of pictures, in pixels, that nets take; a test builds them all
SIDES: dict[str, Sequence[int]] = {
    "dcgan": POWERS,
    "dcgan-mean": POWERS,
    "dcgan-plain": POWERS,
    "msgan": POWERS,
    "dcgan-bn": range(16, 1025, 16),
    "acgan": range(16, 1025, 16),
    "cnn": range(8, 1025, 8),
    "cnn-plain": range(8, 1025, 8),
    "sngan-resnet": LADDER,
    "wgangp-resnet": LADDER,
    "biggan": (32,),
    "biggan-uncond": (32,),
    "sagan64": (64,),
}

FROM_FILE = ("inception", "fidelity")  # features whose net comes from a file


class ImageConfig(Config):
    """What all lessons on images share: which images, where they are, and how large.

    dataset: a name that `gantutor data list` prints, or "folder" for pictures of your own
    path: a tree of class folders, or an archive of one; None looks in GANTUTOR_DATA, then ./data
    size: pixels a side
    """

    dataset: ImageName = "digits"
    path: str | None = None
    size: Count = 32

    @property
    def feature_steps(self) -> int:
        """Training steps of the small classifier whose features judge the samples."""
        return 40 if self.profile == "smoke" else 400


class ImagesConfig(ImageConfig):
    """05: the first real images.

    method: which of the papers' methods, or "baseline" or "hinge"
    norm: how the critic is normalised
    steps: training steps, each one update of D and one of G
    batch: reals, and fakes, in each step
    lr: Adam's learning rate of both players
    width: channels of the layer nearest to the pixels
    n_images: the largest number of training images
    n_eval: images behind each measured number
    latent_steps: steps of AdvLatGAN-z after training
    """

    notebook = "05_images"
    TAKES = ("the DCGAN of this notebook", SIDES["dcgan"])
    PROFILES = {
        "smoke": dict(
            seeds=1,
            size=16,
            steps=6,
            batch=16,
            width=8,
            n_images=400,
            n_eval=100,
            latent_steps=2,
            lr=1e-3,
        ),
        "class": dict(
            seeds=6,
            size=16,
            steps=600,
            batch=32,
            width=16,
            n_images=20000,
            n_eval=1000,
            latent_steps=10,
            lr=2e-3,
        ),
        "colab": dict(
            seeds=3,
            size=32,
            steps=10000,
            batch=64,
            width=64,
            n_images=50000,
            n_eval=5000,
            latent_steps=20,
            lr=2e-4,
        ),
        "paper": dict(
            seeds=3,
            size=32,
            steps=100000,
            batch=128,
            width=64,
            n_images=50000,
            n_eval=10000,
            latent_steps=20,
            lr=2e-4,
        ),
    }
    method: Literal["baseline", "adaptivemix", "advlat", "kdd", "hinge"] = "baseline"
    size: Count = None
    norm: Literal["spectral", "batch", "none"] = "spectral"
    steps: Count = None
    batch: Annotated[int, Field(ge=2)] = None
    lr: Rate = None
    width: Count = None
    n_images: Count = None
    n_eval: Annotated[int, Field(ge=20)] = None
    latent_steps: Whole = None


class MeasuringConfig(ImageConfig):
    """06: measuring generators.

    n: images in each set
    repeats: draws behind each point, for each seed
    n_real: images of each split behind the yardstick, train against test
    features: the net whose features are compared
    weights: its file; "" looks in GANTUTOR_WEIGHTS, GANTUTOR_DATA and ./data
    reference: the split with which the training images are compared
    device: auto, cpu or cuda; auto takes a GPU where there is one
    """

    notebook = "06_measuring"
    PROFILES = {
        "smoke": dict(seeds=1, n=200, repeats=2, n_real=400),
        "class": dict(seeds=5, n=1500, repeats=5, n_real=2000),
        "colab": dict(seeds=3, n=5000, repeats=5, n_real=10000),
        "paper": dict(seeds=3, n=10000, repeats=10, n_real=50000),
    }
    n: Annotated[int, Field(ge=100)] = None
    repeats: Annotated[int, Field(ge=2)] = None
    n_real: Annotated[int, Field(ge=20)] = None
    features: Literal["small", "inception", "efflite0"] = "small"
    weights: str = ""
    reference: Literal["train", "val", "test", "unlabeled"] = "test"
    device: Device = "auto"

    @model_validator(mode="after")
    def _read(self):
        if self.weights and self.features not in FROM_FILE:
            raise ValueError(
                f"weights={self.weights!r}: features={self.features!r} reads no file; "
                "give features='inception', or leave weights"
            )
        return self


class AdaptiveMixImagesConfig(ImageConfig):
    """07: AdaptiveMix at image scale.

    steps: updates of G in each row of Table 4
    evals: measurements of the samples during each run
    batch: reals, and fakes, in each update
    width: channels of the layer nearest to the pixels; the rows have 64
    n_eval: images behind each measured number
    lr: Adam's learning rate in the rows that have 2e-4; a larger one speeds up other rows too
    pairs: pairs of images behind each ratio of Table 3
    device: auto, cpu or cuda; auto takes a GPU where there is one
    """

    notebook = "07_adaptivemix_images"
    TAKES = ("the DCGAN of this notebook", SIDES["dcgan"])
    PROFILES = {
        "smoke": dict(
            seeds=1, size=16, steps=4, evals=2, batch=8, width=8, n_eval=60, lr=2e-3, pairs=60
        ),
        "class": dict(
            seeds=5, size=16, steps=152, evals=4, batch=16, width=16, n_eval=500, lr=2e-3, pairs=500
        ),
        "colab": dict(
            seeds=3,
            size=32,
            steps=4000,
            evals=5,
            batch=64,
            width=64,
            n_eval=5000,
            lr=2e-4,
            pairs=5000,
        ),
        "paper": dict(
            seeds=3,
            size=32,
            steps=125000,
            evals=8,
            batch=64,
            width=64,
            n_eval=10000,
            lr=2e-4,
            pairs=5000,
        ),
    }
    size: Count = None
    steps: Count = None
    evals: Annotated[int, Field(ge=2)] = None
    batch: Annotated[int, Field(ge=4)] = None
    width: Count = None
    n_eval: Annotated[int, Field(ge=20)] = None
    lr: Rate = None
    pairs: Annotated[int, Field(ge=20)] = None
    device: Device = "auto"


class KddImagesConfig(ImageConfig):
    """08: KDD GAN at image scale; the bundled digits are trained on at their own 8 x 8 pixels.

    steps: updates of G in each row
    batch: reals, and fakes, in each turn
    width: BigGAN's ch; all maps have 4 * width channels
    n_dis: updates of D for each update of G
    n_eval: images behind each measured number
    copies: augmented images for each anchor in the row with DA
    rows: "few", or "all" with the rows of Joint and JacD
    lr: Adam's learning rate of both players
    device: auto, cpu or cuda; auto takes a GPU where there is one
    """

    notebook = "08_kdd_images"
    TAKES = ("the thin BigGAN of this notebook", range(8, 1025, 8))
    PROFILES = {
        "smoke": dict(
            seeds=1,
            size=8,
            steps=3,
            batch=8,
            width=4,
            n_dis=1,
            n_eval=60,
            copies=3,
            rows="few",
            lr=1e-3,
        ),
        "class": dict(
            seeds=5,
            size=8,
            steps=92,
            batch=24,
            width=8,
            n_dis=1,
            n_eval=500,
            copies=3,
            rows="few",
            lr=1e-3,
        ),
        "colab": dict(
            seeds=3,
            size=32,
            steps=5000,
            batch=64,
            width=32,
            n_dis=4,
            n_eval=5000,
            copies=7,
            rows="all",
            lr=2e-4,
        ),
        "paper": dict(
            seeds=3,
            size=32,
            steps=100000,
            batch=64,
            width=64,
            n_dis=4,
            n_eval=10000,
            copies=7,
            rows="all",
            lr=2e-4,
        ),
    }
    size: Count = None
    steps: Count = None
    batch: Annotated[int, Field(ge=4)] = None
    width: Count = None
    n_dis: Count = None
    n_eval: Annotated[int, Field(ge=20)] = None
    copies: Count = None
    rows: Literal["few", "all"] = None
    lr: Rate = None
    device: Device = "auto"


class AdvLatImagesConfig(ImageConfig):
    """09: AdvLatGAN at image scale.

    nets: "small", the course's DCGAN with a spectral critic, or "paper", each row's own
    steps: training steps of the unconditional nets
    batch: reals, and fakes, in each step
    width: channels of the layer nearest to the pixels
    lr: Adam's learning rate of both players
    n_eval: images behind each measured number
    latent_steps: steps of AdvLatGAN-z; its rivals get twice as many evaluations
    ddls_steps: steps of DDLS, the longest of the rivals, at its own setting
    pair_steps: steps of the search for hard pairs
    div_steps: training steps of the conditional nets
    div_weight: weight of their mode-seeking term
    plane_steps: training steps of the nets with two latent coordinates
    latents: how many latents move on that plane
    """

    notebook = "09_advlat_images"
    TAKES = ("this notebook, with a DCGAN and a CNN in it,", POWERS[1:])
    PROFILES = {
        "smoke": dict(
            seeds=1,
            size=16,
            nets="small",
            steps=4,
            batch=8,
            width=4,
            lr=2e-3,
            n_eval=60,
            latent_steps=4,
            ddls_steps=3,
            pair_steps=3,
            div_steps=3,
            div_weight=0.1,
            plane_steps=4,
            latents=300,
        ),
        "class": dict(
            seeds=5,
            size=16,
            nets="small",
            steps=240,
            batch=32,
            width=16,
            lr=2e-3,
            n_eval=300,
            latent_steps=20,
            ddls_steps=40,
            pair_steps=40,
            div_steps=110,
            div_weight=0.1,
            plane_steps=240,
            latents=4000,
        ),
        "colab": dict(
            seeds=3,
            size=32,
            nets="paper",
            steps=5000,
            batch=64,
            width=64,
            lr=2e-4,
            n_eval=5000,
            latent_steps=20,
            ddls_steps=1000,
            pair_steps=300,
            div_steps=5000,
            div_weight=1.0,
            plane_steps=20000,
            latents=8000,
        ),
        "paper": dict(
            seeds=3,
            size=32,
            nets="paper",
            steps=100000,
            batch=128,
            width=64,
            lr=2e-4,
            n_eval=10000,
            latent_steps=20,
            ddls_steps=1000,
            pair_steps=300,
            div_steps=312400,
            div_weight=1.0,
            plane_steps=20000,
            latents=8000,
        ),
    }
    size: Count = None
    nets: Literal["small", "paper"] = None
    steps: Count = None
    batch: Annotated[int, Field(ge=4)] = None
    width: Count = None
    lr: Rate = None
    n_eval: Annotated[int, Field(ge=60)] = None
    latent_steps: Count = None
    ddls_steps: Count = None
    pair_steps: Count = None
    div_steps: Count = None
    div_weight: Amount = None
    plane_steps: Count = None
    latents: Annotated[int, Field(ge=100)] = None
