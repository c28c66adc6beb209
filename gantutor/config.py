"""A notebook's parameters: checked before anything starts, and filled in from a profile here and nowhere else.

The parameters cell holds plain literals, None meaning "what the profile says"; the next cell is `cfg = Plane.read(globals())`.
"""

import difflib
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Whole = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Amount = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Profile = Literal["smoke", "class", "colab", "paper"]
PROFILE_NAMES: tuple[str, ...] = get_args(Profile)


class BadParameters(ValueError):
    """Parameters that a notebook does not take; one sentence a problem."""


def did_you_mean(name: str, known) -> str:
    """The remedy for a mistyped name: "did you mean 'steps'? known: steps, batch"."""
    close = difflib.get_close_matches(name, known, 1)
    return (f"did you mean {close[0]!r}? " if close else "") + f"known: {', '.join(known)}"


def literal(text: str) -> Any:
    """A value typed on the command line: YAML, and "1e-3" is a number (to YAML 1.1 it is a string); dates stay text."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    if isinstance(value, str) and re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+", value):
        return float(value)
    return text if isinstance(value, date) else value


class Config(BaseModel):
    """What every notebook takes. A field that is None takes its value from PROFILES[profile]; a Config holds final values.

    `seed` is the first of `seeds` many; `out`: the folder for the record, None to write nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    notebook: ClassVar[str] = ""
    PROFILES: ClassVar[dict[str, dict[str, Any]]] = {}

    profile: Profile = "class"
    seed: Whole = 0
    seeds: Count = None
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

    @classmethod
    def _sentence(cls, error: Mapping) -> str:
        name, given, kind, limits = error["loc"][0] if error["loc"] else "", error["input"], error["type"], error.get("ctx", {})
        if kind == "extra_forbidden":
            return f"unknown parameter {name!r} of {cls.notebook or cls.__name__}: {did_you_mean(str(name), cls.model_fields)}"
        expected = {
            "int_type": "an integer", "float_type": "a number", "string_type": "a text", "bool_type": "True or False",
            "finite_number": "a finite number", "literal_error": limits.get("expected"),
            "greater_than": f"a number above {limits.get('gt', 0):g}",
            "greater_than_equal": f"at least {limits.get('ge', 0):g}", "less_than_equal": f"at most {limits.get('le', 0):g}",
        }.get(kind)  # fmt: skip
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
    def seed_list(self) -> list[int]:
        return list(range(self.seed, self.seed + self.seeds))


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


class Images(Config):
    """05: the first real images; `path` is a class-folder tree or a tar of one, None: GANTUTOR_DATA or what is bundled."""

    notebook = "05_images"
    PROFILES = {
        "smoke": dict(seeds=1, steps=6, batch=16, width=8, n_images=400, n_eval=100, latent_steps=2, lr=1e-3),
        "class": dict(seeds=3, steps=500, batch=32, width=16, n_images=20000, n_eval=1000, latent_steps=10, lr=1e-3),
        "colab": dict(seeds=3, steps=10000, batch=64, width=64, n_images=50000, n_eval=5000, latent_steps=20, lr=2e-4),
        "paper": dict(seeds=3, steps=100000, batch=128, width=64, n_images=50000, n_eval=10000, latent_steps=20, lr=2e-4),
    }
    method: Literal["baseline", "adaptivemix", "advlat", "kdd", "hinge"] = "baseline"
    dataset: Literal["digits", "cifar10", "cifar10-jpeg", "folder"] = "digits"
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


NOTEBOOKS: dict[str, type[Config]] = {c.notebook: c for c in (Start, Plane, AdaptiveMix, Kdd, AdvLat, Images)}
