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
ImageName = Literal[
    "digits",
    "folder",
    "cifar10",
    "cifar100",
    "stl10",
    "mnist",
    "fashion-mnist",
    "celeba",
    "lsun-church",
    "tiny-imagenet",
    "imagenet64",
    "cifar10-jpeg",
]
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
            raise ValueError(
                f"path={path!r}: the bundled digits need none; for pictures of your "
                "own say dataset='folder' too"
            )
        if self.TAKES is not None:
            what, sides = self.TAKES
            fitting(what, self.size, sides)
        return self

    @classmethod
    def _sentence(cls, error: Mapping) -> str:
        name, given, kind, limits = (
            error["loc"][0] if error["loc"] else "",
            error["input"],
            error["type"],
            error.get("ctx", {}),
        )
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
        takes_text = name in cls.model_fields and cls.model_fields[name].annotation in (
            str,
            str | None,
        )
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


def fitting(what: str, size: int, sides: Sequence[int]) -> None:
    """BadParameters where `what` takes pictures of other sides (pixels) than `size`."""
    if size not in sides:
        first = ", ".join(map(str, sides[:5])) + (" ..." if len(sides) > 5 else "")
        raise BadParameters(f"size={size}: {what} takes pictures with a side of {first}")
