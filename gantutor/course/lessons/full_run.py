"""The parameters of notebook 10: a row of the papers' tables, or a recipe composed of names."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gantutor.course.config import (
    Amount,
    Beta,
    Count,
    Device,
    ImageName,
    Whole,
    did_you_mean,
    fitting,
)
from gantutor.course.lessons.images import FROM_FILE, SIDES, ImageConfig

# The names that notebook 10 accepts. They are here so that a name can be checked without loading
# torch; `reproduce.tables` has the part behind each, and a test compares the two lists.
NETS = (
    "dcgan",
    "dcgan-mean",
    "dcgan-plain",
    "dcgan-bn",
    "acgan",
    "msgan",
    "cnn",
    "cnn-plain",
    "sngan-resnet",
    "wgangp-resnet",
    "biggan",
    "biggan-uncond",
    "sagan64",
)
OBJECTIVES = (
    "non-saturating",
    "hinge",
    "lsgan",
    "wgan",
    "wgan-clip",
    "kdd",
    "kdd-proj",
    "kdd-da1",
    "kdd-da3",
    "joint",
    "label-smoothing",
)
TERMS = (
    "adaptivemix",
    "gp",
    "div",
    "r1",
    "jacobian",
    "lecam",
    "classes",
    "mode-seeking",
    "hard-pairs",
)
AUGMENTS = ("none", "diffaugment", "noise")
SAMPLERS = ("none", "advlatgan-z", "dot", "ddls", "evolgan", "drs")
# the values of a recipe that no row decides
COMPOSED = {
    "nets": "dcgan",
    "objective": "non-saturating",
    "terms": "",
    "qua_eps": 0.0,
    "augment": "none",
    "n_dis": 1,
    "beta1": 0.5,
    "beta2": 0.999,
    "ema": 0.0,
    "decay": False,
}
ROW_HAS = (
    "nets",
    "objective",
    "terms",
    "qua_eps",
    "augment",
)  # a row has its own, not to be changed

# parts that only some nets can have: the name of the part -> these nets, and why
NEEDS_NETS: dict[str, tuple[tuple[str, ...], str]] = {
    "kdd-proj": (("biggan", "sagan64"), "a projection needs class embeddings at D's head"),
    "classes": (("acgan",), "the auxiliary classifier needs class logits"),
    **{
        name: (
            tuple(n for n in NETS if n != "msgan"),
            "mixed and moved images have no labels, which msgan's D reads in its trunk",
        )
        for name in ("kdd-da1", "kdd-da3", "adaptivemix", "jacobian")
    },
}


class RecipeConfig(ImageConfig):
    """What is trained: a row of the papers' tables, or a recipe composed by name.

    A row decides nets, losses, data, budget and sampler; its nets and losses cannot be changed, all
    else can. With a row, None means the row's own value; without one, the value in COMPOSED.

    dataset: None: the row's own, or the digits
    size: pixels a side; 0: the row's own, or 32
    row: a name in `reproduce.tables.ROWS`; None: the names below
    nets: a name in NETS
    objective: a name in OBJECTIVES
    terms: names in TERMS, separated by commas
    qua_eps: the size of the one latent step during training (AdvLatGAN-qua); 0: none
    augment: a name in AUGMENTS
    sampler: a name in SAMPLERS
    """

    dataset: ImageName | None = None
    size: Whole = 0
    row: str | None = None
    nets: str | None = None
    objective: str | None = None
    terms: str | None = None
    qua_eps: Amount | None = None
    augment: str | None = None
    sampler: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _compose(cls, values: dict) -> dict:
        if values.get("row") is not None:
            return values
        return {**values, **{k: v for k, v in COMPOSED.items() if values.get(k) is None}}

    @model_validator(mode="after")
    def _names(self):
        if self.row is not None:
            given = [f"{k}={v!r}" for k in ROW_HAS if (v := getattr(self, k)) is not None]
            if given:
                raise ValueError(
                    f"{', '.join(given)}: row={self.row!r} has nets, losses and maps of "
                    f"its own: leave {', '.join(ROW_HAS)}, or leave row"
                )
        for name, known in (
            ("nets", NETS),
            ("objective", OBJECTIVES),
            ("augment", AUGMENTS),
            ("sampler", SAMPLERS),
        ):
            value = getattr(self, name)
            if value not in (None, *known):
                raise ValueError(f"{name}={value!r}: {did_you_mean(value, known)}")
        for term in self.term_list:
            if term not in TERMS:
                raise ValueError(
                    f"terms={self.terms!r}: {term!r} is not the name of a term; names are "
                    f"separated by commas; {did_you_mean(term, TERMS)}"
                )
        return self

    @model_validator(mode="after")
    def _fitting(self):
        """Whether the parts of a recipe that is composed here go together."""
        if self.row is not None:
            return self
        fitting(f"nets={self.nets!r}", self.size or self.usual_size, SIDES[self.nets])
        for name in (self.objective, *self.term_list):
            able, why = NEEDS_NETS.get(name, (NETS, ""))
            if self.nets not in able:
                raise ValueError(
                    f"{name!r} with nets={self.nets!r}: {why}; use nets among {', '.join(able)}"
                )
        return self

    @property
    def usual_size(self) -> int:
        """Pixels a side where neither a row nor `size` decides: 32, or the nets' smallest side."""
        sides = SIDES[self.nets]
        return 32 if 32 in sides else sides[0]

    @property
    def term_list(self) -> tuple[str, ...]:
        """The names in `terms`."""
        return tuple(t.strip() for t in (self.terms or "").split(",") if t.strip())


class FullRunConfig(RecipeConfig):
    """10: a full run.

    With a row, None and 0 mean the row's own value (where the profile has a value, only 0 does).

    split: the part of the data to train on
    reference: the part of the data to compare with
    steps: updates of G
    batch: reals in each update of D
    width: of the nets
    n_dis: updates of D in each step
    lr: Adam's learning rate of both players
    beta1, beta2: Adam's decay rates
    ema: decay of G's moving average; 0: no average
    ema_start: steps before the average begins
    decay: whether both learning rates fall linearly to 0
    features: the net whose features are compared
    weights: its file, where it has one
    n_fake: fakes behind the final distance
    n_manifold: samples behind the curves, density and coverage
    evals: measurements of the samples during training
    save_every: steps between checkpoints
    precision: of the nets, fp32 or bf16
    device: auto, cpu or cuda; auto takes a GPU where there is one
    graph: whether a step on a GPU is one CUDA graph
    """

    notebook = "10_full_run"
    PROFILES = {
        "smoke": dict(
            seeds=1, steps=4, batch=8, width=8, n_fake=60, n_manifold=60, evals=2, save_every=2
        ),
        "class": dict(
            seeds=5,
            steps=300,
            batch=32,
            width=16,
            n_fake=1000,
            n_manifold=1000,
            evals=4,
            save_every=100,
        ),
        "colab": dict(
            seeds=1,
            steps=20000,
            batch=64,
            width=0,
            n_fake=10000,
            n_manifold=5000,
            evals=5,
            save_every=1000,
        ),
        "paper": dict(
            seeds=1,
            steps=0,
            batch=0,
            width=0,
            n_fake=0,
            n_manifold=10000,
            evals=20,
            save_every=2000,
        ),
    }
    split: Literal["train", "val", "test", "unlabeled"] | None = None
    reference: Literal["train", "val", "test", "unlabeled"] | None = None
    steps: Whole = None
    batch: Whole = None
    width: Whole = None
    n_dis: Count | None = None
    lr: Amount = 0.0
    beta1: Beta | None = None
    beta2: Beta | None = None
    ema: Beta | None = None
    ema_start: Whole | None = None
    decay: bool | None = None
    features: Literal["small", "inception", "fidelity", "efflite0"] = "small"
    weights: str | None = None
    n_fake: Whole = None
    n_manifold: Annotated[int, Field(ge=20)] = None
    evals: Count = None
    save_every: Count = None
    precision: Literal["fp32", "bf16"] = "fp32"
    device: Device = "auto"
    graph: bool = False

    @model_validator(mode="after")
    def _amounts(self):
        for name, least in (("batch", 2), ("n_fake", 20)):
            value = getattr(self, name)
            if 0 < value < least:
                raise ValueError(
                    f"{name}={value}: expected at least {least}, or 0 for the row's own"
                )
        if self.weights is not None and self.features not in FROM_FILE:
            raise ValueError(
                f"weights={self.weights!r}: features={self.features!r} reads no file; "
                f"give features among {', '.join(FROM_FILE)}, or leave weights"
            )
        if self.ema_start is not None and not self.ema and self.row is None:
            raise ValueError(
                f"ema_start={self.ema_start}: there is no moving average: give ema too"
            )
        return self
