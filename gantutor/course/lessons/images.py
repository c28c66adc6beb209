"""The parameters of the lessons on images."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gantutor.course.config import Amount, Config, Count, Device, ImageName, Rate, Whole

POWERS = tuple(2**i for i in range(3, 11))
LADDER = (32, 48, 64, 128)
SIDES: dict[str, Sequence[int]] = {  # the sides of pictures that nets take; tested by building them
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
    """What 06 to 10 share: which images, where they lie, and how large; None for `path`: GANTUTOR_DATA, then ./data."""

    dataset: ImageName = "digits"
    path: str | None = None
    size: Count = 32


class ImagesConfig(Config):
    """05: the first real images; `path` is a class-folder tree or a tar of one, None: GANTUTOR_DATA or what is bundled."""

    notebook = "05_images"
    TAKES = ("the DCGAN of this notebook", SIDES["dcgan"])
    PROFILES = {
        "smoke": dict(
            seeds=1, steps=6, batch=16, width=8, n_images=400, n_eval=100, latent_steps=2, lr=1e-3
        ),
        "class": dict(
            seeds=3,
            steps=500,
            batch=32,
            width=16,
            n_images=20000,
            n_eval=1000,
            latent_steps=10,
            lr=1e-3,
        ),
        "colab": dict(
            seeds=3,
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
    dataset: ImageName = "digits"
    path: str | None = None
    size: Count = 32
    norm: Literal["spectral", "batch", "none"] = "spectral"
    steps: Count = None
    batch: Annotated[int, Field(ge=2)] = None
    lr: Rate = None
    width: Count = None
    n_images: Count = None
    n_eval: Annotated[int, Field(ge=20)] = None
    latent_steps: Whole = None

    @property
    def feature_steps(self) -> int:
        """Training steps of the small classifier whose features judge the samples."""
        return 40 if self.profile == "smoke" else 400


class MeasuringConfig(ImageConfig):
    """06: measuring generators; `n` images a set, `repeats` draws behind each point, `n_real` images of each split for the yardstick.

    `features` by name; `weights`: their file, "" to look in GANTUTOR_WEIGHTS, GANTUTOR_DATA and ./data. `reference`: the split
    that the training images are held against.
    """

    notebook = "06_measuring"
    PROFILES = {
        "smoke": dict(seeds=1, n=200, repeats=2, n_real=400),
        "class": dict(seeds=3, n=1500, repeats=5, n_real=2000),
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

    @property
    def feature_steps(self) -> int:
        """Training steps of the small classifier."""
        return 40 if self.profile == "smoke" else 400


class AdaptiveMixImagesConfig(ImageConfig):
    """07: AdaptiveMix at image scale. Every row of Table 4 gets `steps` updates of G, and `evals` looks at its samples on the way.

    `lr`: Adam's rate in the rows that have 2e-4; above it the other rows hurry too. `pairs` of images a column of Table 3.
    """

    notebook = "07_adaptivemix_images"
    TAKES = ("the DCGAN of this notebook", SIDES["dcgan"])
    PROFILES = {
        "smoke": dict(
            seeds=1, size=16, steps=4, evals=2, batch=8, width=8, n_eval=60, lr=2e-3, pairs=60
        ),
        "class": dict(
            seeds=3, size=16, steps=160, evals=4, batch=32, width=16, n_eval=500, lr=2e-3, pairs=500
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

    @property
    def feature_steps(self) -> int:
        """Training steps of the small classifier whose features judge the samples."""
        return 40 if self.profile == "smoke" else 400


class KddImagesConfig(ImageConfig):
    """08: KDD GAN at image scale; `n_dis` steps of D a step, `copies` augmented images an anchor in the row with DA;
    `rows` "all" adds those of Joint and of JacD.

    The bundled digits are 8 pixels wide, and a lesson trains at that size.
    `device` "auto": a CUDA device where there is one.
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
            seeds=3,
            size=8,
            steps=128,
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

    @property
    def feature_steps(self) -> int:
        """Training steps of the small classifier whose features judge the samples."""
        return 40 if self.profile == "smoke" else 400


class AdvLatImagesConfig(ImageConfig):
    """09: AdvLatGAN at image scale. `nets` "small": the course's DCGAN with a spectral critic, "paper": each row's own nets, `width` wide.

    `latent_steps` of the search after training, `ddls_steps` of its longest rival, `pair_steps` of the search for pairs. `div_steps` train the
    conditional nets with a mode-seeking term of `div_weight`, `plane_steps` those with a latent plane, on which `latents` move.
    """

    notebook = "09_advlat_images"
    TAKES = ("this notebook, with a DCGAN and a CNN in it,", POWERS[1:])
    PROFILES = {
        "smoke": dict(seeds=1, size=16, nets="small", steps=4, batch=8, width=4, lr=2e-3, n_eval=60, latent_steps=4, ddls_steps=3,
                      pair_steps=3, div_steps=3, div_weight=0.1, plane_steps=4, latents=300),
        "class": dict(seeds=3, size=16, nets="small", steps=400, batch=32, width=16, lr=2e-3, n_eval=400, latent_steps=20, ddls_steps=60,
                      pair_steps=40, div_steps=180, div_weight=0.1, plane_steps=400, latents=4000),
        "colab": dict(seeds=3, size=32, nets="paper", steps=5000, batch=64, width=64, lr=2e-4, n_eval=5000, latent_steps=20, ddls_steps=1000,
                      pair_steps=300, div_steps=5000, div_weight=1.0, plane_steps=20000, latents=8000),
        "paper": dict(seeds=3, size=32, nets="paper", steps=100000, batch=128, width=64, lr=2e-4, n_eval=10000, latent_steps=20,
                      ddls_steps=1000, pair_steps=300, div_steps=312400, div_weight=1.0, plane_steps=20000, latents=8000),
    }  # fmt: skip
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

    @property
    def feature_steps(self) -> int:
        """Training steps of the small classifier whose features and confidence judge the samples."""
        return 40 if self.profile == "smoke" else 400
