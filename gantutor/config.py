"""A notebook's parameters: checked before anything starts, and filled in from a profile here and nowhere else.

The parameters cell holds plain literals, None meaning "what the profile says"; the next cell is `cfg = Plane.read(globals())`.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gantutor.plain import MAX_SEED, MAX_SEEDS

Whole = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Amount = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Beta = Annotated[float, Field(ge=0, lt=1)]  # Adam's decay rates, and a moving average's
Device = Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]
Profile = Literal["smoke", "class", "colab", "paper"]
ImageName = Literal["digits", "folder", "cifar10", "cifar100", "stl10", "mnist", "fashion-mnist", "celeba", "lsun-church", "tiny-imagenet", "imagenet64", "cifar10-jpeg"]
PROFILE_NAMES: tuple[str, ...] = get_args(Profile)


class BadParameters(ValueError):
    """Parameters that a notebook does not take; one sentence a problem."""


def did_you_mean(name: str, known) -> str:
    """The remedy for a mistyped name: "did you mean 'steps'? known: steps, batch"."""
    close = difflib.get_close_matches(name, known, 1)
    return (f"did you mean {close[0]!r}? " if close else "") + f"known: {', '.join(known)}"


def literal(text: str) -> Any:
    """A value typed on the command line: a decimal number, true or false, null, or the text itself.

    True, False and None are words for the same. What begins with a bracket, a brace or a
    quotation mark is YAML, with these rules inside: a list, a mapping, a text that looks like a
    number. What YAML 1.1 makes of 0500 (320), 24:00:00 (86400), 1_000, yes, off or a date stays
    text, which a field that wants a number or a truth value refuses.
    """
    if not text.lstrip().startswith(("[", "{", '"', "'")):
        return _Plain.scalar(text.strip())
    try:
        return yaml.load(text, _Plain)  # a SafeLoader
    except (yaml.YAMLError, ValueError, TypeError):  # a mapping's key may be none
        return text


class _Plain(yaml.SafeLoader):
    """YAML whose plain scalars are what `literal` says, and nothing else."""

    yaml_implicit_resolvers: ClassVar[dict] = {}
    WORDS: ClassVar[dict[str, Any]] = {
        "true": True,
        "True": True,
        "false": False,
        "False": False,
        "null": None,
        "None": None,
    }

    @classmethod
    def scalar(cls, text: str) -> Any:
        if text in cls.WORDS:
            return cls.WORDS[text]
        if re.fullmatch(r"[-+]?(0|[1-9][0-9]{0,99})", text):
            return int(text)
        if re.fullmatch(
            r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+", text
        ):
            return float(text)
        return text

    def plain(self, node: yaml.ScalarNode) -> Any:
        return self.scalar(node.value) if node.style is None else node.value


_Plain.add_constructor("tag:yaml.org,2002:str", _Plain.plain)


def no_gpu(device: str, there: int) -> str:
    """What is said where a GPU is asked for and this machine has `there` of them, numbered from 0."""
    seen = f"{there} GPU{'s' * (there != 1)}" if there else "no GPU"
    return f"device={device!r}: {seen} can be used here; take 'auto' or 'cpu'"


class Config(BaseModel):
    """What every notebook takes. A field that is None takes its value from PROFILES[profile]; a Config holds final values.

    `seed` is the first of `seeds` many; `out`: the folder for the record, None to write nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    notebook: ClassVar[str] = ""
    PROFILES: ClassVar[dict[str, dict[str, Any]]] = {}
    TAKES: ClassVar[tuple[str, Sequence[int]] | None] = None  # whose nets take which sides

    profile: Profile = "class"
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = 0
    seeds: Annotated[int, Field(ge=1, le=MAX_SEEDS)] = None
    out: str | None = None

    def __init__(self, **values):
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise BadParameters("; ".join(self._sentence(e) for e in error.errors())) from None

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: dict) -> dict:
        profile = values.get("profile", "class")
        # an unknown profile is one problem, not one for each value that it leaves open
        table = cls.PROFILES.get(profile if profile in PROFILE_NAMES else "class", {})
        return {**values, **{k: v for k, v in table.items() if values.get(k) is None}}

    @model_validator(mode="after")
    def _pictures(self):
        """The images of a notebook that has some: where they are, and how large."""
        path, dataset = getattr(self, "path", None), getattr(self, "dataset", None)
        if dataset is None and getattr(self, "row", None) is None:
            dataset = "digits"
        if path is not None and dataset == "digits":
            raise ValueError(f"path={path!r}: the bundled digits need none; for pictures of your "
                             "own say dataset='folder' too")
        if self.TAKES is not None:
            what, sides = self.TAKES
            fitting(what, self.size, sides)
        return self

    @classmethod
    def _sentence(cls, error: Mapping) -> str:
        name, given, kind, limits = error["loc"][0] if error["loc"] else "", error["input"], error["type"], error.get("ctx", {})
        if kind == "extra_forbidden":
            return f"unknown parameter {name!r} of {cls.notebook or cls.__name__}: {did_you_mean(str(name), cls.model_fields)}"
        expected = {
            "int_type": "an integer", "float_type": "a number", "string_type": "a text", "bool_type": "True or False",
            "finite_number": "a finite number", "literal_error": limits.get("expected"),
            "greater_than": f"a number above {limits.get('gt', 0):g}",
            "greater_than_equal": f"at least {limits.get('ge', 0):g}",
            "less_than_equal": f"at most {limits.get('le', 0):,}",
            "less_than": f"a number of at least 0 and below {limits.get('lt', 0):g}",
            "string_pattern_mismatch": "auto, cpu, cuda or cuda:1 and the like",
        }.get(kind)  # fmt: skip
        if kind == "value_error":  # a validator's own sentence
            return str(limits["error"])
        return f"{name}={given!r}: " + (f"expected {expected}" if expected else error["msg"])

    @classmethod
    def read(cls, names: Mapping[str, Any]):
        """The config in a notebook's `globals()`: all fields that are names there."""
        return cls(**{k: names[k] for k in cls.model_fields if k in names})

    @classmethod
    def typed(cls, name: str, text: str) -> Any:
        """A value typed on the command line, as the field takes it: what a text field gets stays text."""
        takes_text = name in cls.model_fields and cls.model_fields[name].annotation in (str, str | None)
        return None if text in ("None", "null") else text if takes_text else literal(text)

    def parameters(self) -> dict[str, Any]:
        """All values, final, as plain JSON: what papermill injects and what a record holds."""
        return self.model_dump(mode="json")

    @property
    def place(self) -> str:
        """The device that `device` means here; BadParameters where it is a GPU and there is none, or too few."""
        import torch  # only a notebook asks, which has loaded it

        asked, there = getattr(self, "device", "auto"), torch.cuda.is_available()
        if asked == "auto":
            asked = "cuda" if there else "cpu"
        if asked != "cpu" and (not there or int(asked[5:] or 0) >= torch.cuda.device_count()):
            raise BadParameters(no_gpu(asked, torch.cuda.device_count() if there else 0))
        if asked == "cpu" and getattr(self, "graph", False):
            raise BadParameters("graph=True on cpu: a CUDA graph needs a GPU; leave graph=False")
        return asked

    @property
    def seed_list(self) -> list[int]:
        return list(range(self.seed, self.seed + self.seeds))

    @property
    def plain(self) -> bool:
        """Whether only profile, first seed and folder were chosen, so that MINUTES speaks of this run."""
        own, mine = type(self)(profile=self.profile).parameters(), self.parameters()
        return all(mine[k] == own[k] for k in mine if k not in ("seed", "out"))


class Start(Config):
    """00: a first GAN."""

    notebook = "00_start_here"
    PROFILES = {
        "smoke": dict(seeds=1, steps=40),
        "class": dict(seeds=3, steps=320),
        "colab": dict(seeds=5, steps=1500),
        "paper": dict(seeds=5, steps=3000),
    }
    steps: Count = None


class Plane(Config):
    """01: a GAN on the plane; `data` is a name of `gantutor.toy`."""

    notebook = "01_plane"
    PROFILES = {
        "smoke": dict(seeds=1, steps=40, batch=32),
        "class": dict(seeds=3, steps=700, batch=64),
        "colab": dict(seeds=8, steps=5000, batch=128),
        "paper": dict(seeds=8, steps=10000, batch=256),
    }
    steps: Count = None
    batch: Count = None
    data: Literal["nine", "ring", "grid", "circles", "two_modes"] = "nine"


class AdaptiveMix(Config):
    """02: feature-space shrinkage; `weight`, `sigma` and `alpha` as in `methods.AdaptiveMix`; few steps need a high `lr`."""

    notebook = "02_adaptivemix"
    PROFILES = {
        "smoke": dict(seeds=2, steps=40, lr=2e-3),
        "class": dict(seeds=3, steps=1000, lr=2e-3),
        "colab": dict(seeds=5, steps=3000, lr=5e-4),
        "paper": dict(seeds=8, steps=3000, lr=5e-4),
    }
    steps: Count = None
    lr: Rate = None
    weight: Amount = 1.0
    sigma: Amount = 0.05
    alpha: Rate = 1.0


class Kdd(Config):
    """03: forces; `iterations` of `points` fakes before a frozen critic, kernels `sigma` (Gaussian) and `tau` (vMF) wide; `steps` on the ring."""

    notebook = "03_kdd"
    PROFILES = {
        "smoke": dict(seeds=2, points=100, iterations=20, steps=20),
        "class": dict(seeds=3, points=1000, iterations=200, steps=800),
        "colab": dict(seeds=5, points=1000, iterations=200, steps=4000),
        "paper": dict(seeds=5, points=1000, iterations=200, steps=10000),
    }
    points: Annotated[int, Field(ge=40)] = None
    iterations: Count = None
    sigma: Rate = 1.0
    tau: Rate = 1.0
    steps: Count = None


class AdvLat(Config):
    """04: moving `points` latents by up to `latent_steps` signed steps of `eps`; -qua trains with one step of `qua_eps`.

    `steps` is the ring's training, `grid_steps` the grid's, `div_steps` that of the pairs' comparison.
    """

    notebook = "04_advlat"
    PROFILES = {
        "smoke": dict(seeds=2, steps=40, grid_steps=40, div_steps=20, latent_steps=10, points=400),
        "class": dict(seeds=3, steps=700, grid_steps=1000, div_steps=500, latent_steps=100, points=1000),
        "colab": dict(seeds=5, steps=2000, grid_steps=5000, div_steps=2000, latent_steps=300, points=2000),
        "paper": dict(seeds=5, steps=2000, grid_steps=50000, div_steps=5000, latent_steps=1000, points=5000),
    }
    steps: Count = None
    grid_steps: Count = None
    div_steps: Count = None
    eps: Rate = 0.003
    qua_eps: Rate = 0.01
    latent_steps: Count = None
    points: Count = None


POWERS = tuple(2**i for i in range(3, 11))
LADDER = (32, 48, 64, 128)
SIDES: dict[str, Sequence[int]] = {  # the sides of pictures that nets take; tested by building them
    "dcgan": POWERS, "dcgan-mean": POWERS, "dcgan-plain": POWERS, "msgan": POWERS,
    "dcgan-bn": range(16, 1025, 16), "acgan": range(16, 1025, 16),
    "cnn": range(8, 1025, 8), "cnn-plain": range(8, 1025, 8),
    "sngan-resnet": LADDER, "wgangp-resnet": LADDER,
    "biggan": (32,), "biggan-uncond": (32,), "sagan64": (64,),
}


def fitting(what: str, size: int, sides: Sequence[int]) -> None:
    """BadParameters where `what` takes pictures of other sides (pixels) than `size`."""
    if size not in sides:
        first = ", ".join(map(str, sides[:5])) + (" ..." if len(sides) > 5 else "")
        raise BadParameters(f"size={size}: {what} takes pictures with a side of {first}")


FROM_FILE = ("inception", "fidelity")  # features whose net comes from a file


class Images(Config):
    """05: the first real images; `path` is a class-folder tree or a tar of one, None: GANTUTOR_DATA or what is bundled."""

    notebook = "05_images"
    TAKES = ("the DCGAN of this notebook", SIDES["dcgan"])
    PROFILES = {
        "smoke": dict(seeds=1, steps=6, batch=16, width=8, n_images=400, n_eval=100, latent_steps=2, lr=1e-3),
        "class": dict(seeds=3, steps=500, batch=32, width=16, n_images=20000, n_eval=1000, latent_steps=10, lr=1e-3),
        "colab": dict(seeds=3, steps=10000, batch=64, width=64, n_images=50000, n_eval=5000, latent_steps=20, lr=2e-4),
        "paper": dict(seeds=3, steps=100000, batch=128, width=64, n_images=50000, n_eval=10000, latent_steps=20, lr=2e-4),
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


class OnImages(Config):
    """What 06 to 10 share: which images, where they lie, and how large; None for `path`: GANTUTOR_DATA, then ./data."""

    dataset: ImageName = "digits"
    path: str | None = None
    size: Count = 32


class Measuring(OnImages):
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
            raise ValueError(f"weights={self.weights!r}: features={self.features!r} reads no file; "
                             "give features='inception', or leave weights")
        return self

    @property
    def feature_steps(self) -> int:
        """Training steps of the small classifier."""
        return 40 if self.profile == "smoke" else 400


class AdaptiveMixImages(OnImages):
    """07: AdaptiveMix at image scale. Every row of Table 4 gets `steps` updates of G, and `evals` looks at its samples on the way.

    `lr`: Adam's rate in the rows that have 2e-4; above it the other rows hurry too. `pairs` of images a column of Table 3.
    """

    notebook = "07_adaptivemix_images"
    TAKES = ("the DCGAN of this notebook", SIDES["dcgan"])
    PROFILES = {
        "smoke": dict(seeds=1, size=16, steps=4, evals=2, batch=8, width=8, n_eval=60, lr=2e-3, pairs=60),
        "class": dict(seeds=3, size=16, steps=160, evals=4, batch=32, width=16, n_eval=500, lr=2e-3, pairs=500),
        "colab": dict(seeds=3, size=32, steps=4000, evals=5, batch=64, width=64, n_eval=5000, lr=2e-4, pairs=5000),
        "paper": dict(seeds=3, size=32, steps=125000, evals=8, batch=64, width=64, n_eval=10000, lr=2e-4, pairs=5000),
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


class KddImages(OnImages):
    """08: KDD GAN at image scale; `n_dis` steps of D a step, `copies` augmented images an anchor in the row with DA;
    `rows` "all" adds those of Joint and of JacD.

    The bundled digits are 8 pixels wide, and a lesson trains at that size.
    `device` "auto": a CUDA device where there is one.
    """

    notebook = "08_kdd_images"
    TAKES = ("the thin BigGAN of this notebook", range(8, 1025, 8))
    PROFILES = {
        "smoke": dict(seeds=1, size=8, steps=3, batch=8, width=4, n_dis=1, n_eval=60, copies=3, rows="few", lr=1e-3),
        "class": dict(seeds=3, size=8, steps=128, batch=24, width=8, n_dis=1, n_eval=500, copies=3, rows="few", lr=1e-3),
        "colab": dict(seeds=3, size=32, steps=5000, batch=64, width=32, n_dis=4, n_eval=5000, copies=7, rows="all", lr=2e-4),
        "paper": dict(seeds=3, size=32, steps=100000, batch=64, width=64, n_dis=4, n_eval=10000, copies=7, rows="all", lr=2e-4),
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


class AdvLatImages(OnImages):
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


# the names that notebook 10 takes; `gantutor.tables` gives each its part, and a test holds the two together
NETS = ("dcgan", "dcgan-mean", "dcgan-plain", "dcgan-bn", "acgan", "msgan", "cnn", "cnn-plain",
        "sngan-resnet", "wgangp-resnet", "biggan", "biggan-uncond", "sagan64")
OBJECTIVES = ("non-saturating", "hinge", "lsgan", "wgan", "wgan-clip", "kdd", "kdd-proj", "kdd-da1",
              "kdd-da3", "joint", "label-smoothing")
TERMS = ("adaptivemix", "gp", "div", "r1", "jacobian", "lecam", "classes", "mode-seeking",
         "hard-pairs")
AUGMENTS = ("none", "diffaugment", "noise")
SAMPLERS = ("none", "advlatgan-z", "dot", "ddls", "evolgan", "drs")
COMPOSED = {"nets": "dcgan", "objective": "non-saturating", "terms": "", "qua_eps": 0.0,
            "augment": "none", "n_dis": 1, "beta1": 0.5, "beta2": 0.999, "ema": 0.0,
            "decay": False}  # where no row decides
ROW_HAS = ("nets", "objective", "terms", "qua_eps", "augment")  # what makes a row that row


# what only some nets can do: the name of a part -> the nets that have what it needs
NEEDS_NETS: dict[str, tuple[tuple[str, ...], str]] = {
    "kdd-proj": (("biggan", "sagan64"), "a projection needs class embeddings at D's head"),
    "classes": (("acgan",), "the auxiliary classifier needs class logits"),
    **{name: (tuple(n for n in NETS if n != "msgan"), "mixed and moved images have no labels, which "
              "msgan's D reads in its trunk")
       for name in ("kdd-da1", "kdd-da3", "adaptivemix", "jacobian")},
}


class FullRun(OnImages):
    """10: a full run. `row`, a name in `tables.ROWS`, decides nets, losses, data, budget and sampler; None: the names below do.

    None is the row's own value, and so is a 0 where a profile fills in; without a row None takes its value from COMPOSED.
    A row's nets and losses cannot be changed, all other values can. `ema_start`: steps before G's moving average begins.
    `device` "auto": a CUDA device where there is one; `graph` makes a step there one CUDA graph.
    """

    notebook = "10_full_run"
    PROFILES = {
        "smoke": dict(seeds=1, steps=4, batch=8, width=8, n_fake=60, n_manifold=60, evals=2, save_every=2),
        "class": dict(seeds=3, steps=300, batch=32, width=16, n_fake=1000, n_manifold=1000, evals=4, save_every=100),
        "colab": dict(seeds=1, steps=20000, batch=64, width=0, n_fake=10000, n_manifold=5000, evals=5, save_every=1000),
        "paper": dict(seeds=1, steps=0, batch=0, width=0, n_fake=0, n_manifold=10000, evals=20, save_every=2000),
    }
    row: str | None = None
    dataset: ImageName | None = None
    size: Whole = 0
    split: Literal["train", "val", "test", "unlabeled"] | None = None
    reference: Literal["train", "val", "test", "unlabeled"] | None = None
    nets: str | None = None
    objective: str | None = None
    terms: str | None = None
    qua_eps: Amount | None = None
    augment: str | None = None
    sampler: str | None = None
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

    @model_validator(mode="before")
    @classmethod
    def _compose(cls, values: dict) -> dict:
        if values.get("row") is not None:
            return values
        return {**values, **{k: v for k, v in COMPOSED.items() if values.get(k) is None}}

    @model_validator(mode="after")
    def _known(self):
        for name, least in (("batch", 2), ("n_fake", 20)):
            if 0 < getattr(self, name) < least:
                raise ValueError(f"{name}={getattr(self, name)}: expected at least {least}, or 0 "
                                 "for the row's own")
        if self.weights is not None and self.features not in FROM_FILE:
            raise ValueError(f"weights={self.weights!r}: features={self.features!r} reads no file; "
                             f"give features among {', '.join(FROM_FILE)}, or leave weights")
        if self.row is not None:
            given = [f"{k}={v!r}" for k in ROW_HAS if (v := getattr(self, k)) is not None]
            if given:
                raise ValueError(f"{', '.join(given)}: row={self.row!r} has nets, losses and maps of "
                                 f"its own: leave {', '.join(ROW_HAS)}, or leave row")
        for name, known in (("nets", NETS), ("objective", OBJECTIVES), ("augment", AUGMENTS),
                            ("sampler", SAMPLERS)):
            value = getattr(self, name)
            if value not in (None, *known):
                raise ValueError(f"{name}={value!r}: {did_you_mean(value, known)}")
        for term in self.term_list:
            if term not in TERMS:
                raise ValueError(f"terms={self.terms!r}: {term!r} is no name of a term, which commas "
                                 f"set apart; {did_you_mean(term, TERMS)}")
        if self.row is not None:
            return self
        fitting(f"nets={self.nets!r}", self.size or self.usual_size, SIDES[self.nets])
        for name in (self.objective, *self.term_list):
            able, why = NEEDS_NETS.get(name, (NETS, ""))
            if self.nets not in able:
                raise ValueError(f"{name!r} with nets={self.nets!r}: {why}; use nets among "
                                 f"{', '.join(able)}")
        if self.ema_start is not None and not self.ema:
            raise ValueError(f"ema_start={self.ema_start}: there is no moving average: give ema too")
        return self

    @property
    def usual_size(self) -> int:
        """Pixels a side where neither a row nor `size` says it: 32, or the only side that the nets take."""
        sides = SIDES[self.nets]
        return 32 if 32 in sides else sides[0]

    @property
    def term_list(self) -> tuple[str, ...]:
        """The names in `terms`."""
        return tuple(t.strip() for t in (self.terms or "").split(",") if t.strip())


class Papers(Config):
    """11: the papers' own tables, no training. `papers`: whose sentences are asked; `trials`: simulated comparisons behind each number."""

    notebook = "11_papers"
    PROFILES = {
        "smoke": dict(seeds=1, trials=2000),
        "class": dict(seeds=1, trials=20000),
        "colab": dict(seeds=1, trials=100000),
        "paper": dict(seeds=1, trials=100000),
    }
    papers: Literal["all", "adaptivemix", "advlatgan", "kddgan"] = "all"
    trials: Annotated[int, Field(ge=100)] = None


class Lab(Config):
    """12: the live lab. Each lab trains `steps` steps before it is shown; `data` is a name of `gantutor.toy`."""

    notebook = "12_lab"
    PROFILES = {
        "smoke": dict(seeds=1, steps=40),
        "class": dict(seeds=3, steps=600),
        "colab": dict(seeds=5, steps=2000),
        "paper": dict(seeds=8, steps=5000),
    }
    steps: Annotated[int, Field(ge=20)] = None
    data: Literal["nine", "ring", "grid", "circles", "two_modes"] = "nine"


NOTEBOOKS: dict[str, type[Config]] = {
    c.notebook: c
    for c in (Start, Plane, AdaptiveMix, Kdd, AdvLat, Images, Measuring, AdaptiveMixImages, KddImages, AdvLatImages, FullRun, Papers, Lab)
}

# what a notebook promises: minutes of one run with the profile's own parameters on 2 cores; measured where a record is at hand, else a guess
MINUTES: dict[str, dict[str, float]] = {
    "00_start_here": {"smoke": 0.4, "class": 0.8, "colab": 3, "paper": 3},
    "01_plane": {"smoke": 0.6, "class": 2, "colab": 22, "paper": 100},
    "02_adaptivemix": {"smoke": 0.5, "class": 2.3, "colab": 6, "paper": 10},
    "03_kdd": {"smoke": 0.5, "class": 1.7, "colab": 6, "paper": 15},
    "04_advlat": {"smoke": 0.6, "class": 3, "colab": 15, "paper": 70},
    "05_images": {"smoke": 0.4, "class": 2.3, "colab": 120, "paper": 1500},
    "06_measuring": {"smoke": 0.6, "class": 1.5, "colab": 10, "paper": 60},
    "07_adaptivemix_images": {"smoke": 0.4, "class": 4.5, "colab": 240, "paper": 6000},
    "08_kdd_images": {"smoke": 0.6, "class": 5, "colab": 240, "paper": 20000},
    "09_advlat_images": {"smoke": 0.6, "class": 6.6, "colab": 240, "paper": 6000},
    "10_full_run": {"smoke": 0.4, "class": 3, "colab": 30, "paper": 400},  # without a row; a row costs what targets.budget says
    "11_papers": {"smoke": 0.4, "class": 0.4, "colab": 0.5, "paper": 0.5},
    "12_lab": {"smoke": 0.5, "class": 2.5, "colab": 9, "paper": 35},
}
