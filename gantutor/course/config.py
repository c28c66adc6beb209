"""A notebook's parameters: checked before anything starts, and filled in from a profile.

The parameters cell holds plain literals, and None stands for the profile's value; the next cell
has `cfg = PlaneConfig.read(globals())`. Nothing else fills in parameters.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gantutor.course.bindings import rebound
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
    """Parameters that a notebook does not accept; one sentence per problem."""


def did_you_mean(name: str, known) -> str:
    """The remedy for a mistyped name.

    >>> did_you_mean("stepz", ["steps", "batch"])
    "did you mean 'steps'? known: steps, batch"
    """
    close = difflib.get_close_matches(name, known, 1)
    return (f"did you mean {close[0]!r}? " if close else "") + f"known: {', '.join(known)}"


def literal(text: str) -> Any:
    """A value typed on the command line: a decimal number, true or false, null, or the text itself.

    True, False and None mean the same as true, false and null. Text that begins with a bracket, a
    brace or a quotation mark is read as YAML, with these rules inside: a list, a mapping, or a
    string that looks like a number. What YAML 1.1 would turn into something else (0500 into 320,
    24:00:00 into 86400; 1_000, yes, off, dates) stays text, which a field that expects a number or
    a truth value refuses.

    >>> literal("1e-3"), literal("true"), literal("0500"), literal("'3'"), literal("[1, two]")
    (0.001, True, '0500', '3', [1, 'two'])
    """
    if not text.lstrip().startswith(("[", "{", '"', "'")):
        return _Plain.scalar(text.strip())
    try:
        return yaml.load(text, _Plain)  # a SafeLoader
    except (yaml.YAMLError, ValueError, TypeError):  # TypeError: a key that cannot be hashed
        return text


class _Plain(yaml.SafeLoader):
    """YAML whose unquoted scalars follow the rules of `literal` instead of YAML's own."""

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
    """The message for a GPU that this machine does not have; `there`: how many it has.

    >>> no_gpu("cuda:1", 1)
    "device='cuda:1': 1 GPU can be used here; take 'auto' or 'cpu'"
    """
    found = f"{there} GPU{'s' * (there != 1)}" if there else "no GPU"
    return f"device={device!r}: {found} can be used here; take 'auto' or 'cpu'"


# what to give instead, by the type of pydantic's error and from its context
EXPECTED: dict[str, Callable[[Mapping], str]] = {
    "int_type": lambda _: "an integer",
    "float_type": lambda _: "a number",
    "string_type": lambda _: "a text",
    "bool_type": lambda _: "True or False",
    "finite_number": lambda _: "a finite number",
    "literal_error": lambda limits: limits["expected"],
    "greater_than": lambda limits: f"a number above {limits['gt']:g}",
    "greater_than_equal": lambda limits: f"at least {limits['ge']:g}",
    "less_than_equal": lambda limits: f"at most {limits['le']:,}",
    "less_than": lambda limits: f"a number of at least 0 and below {limits['lt']:g}",
    "string_pattern_mismatch": lambda _: "auto, cpu, cuda or cuda:1 and the like",
}


class Config(BaseModel):
    """The parameters that every notebook has.

    A field that is None takes its value from PROFILES[profile], so that a Config holds final values
    only. Raises BadParameters, one sentence per problem.

    profile: smoke, class, colab or paper
    seed: the first seed
    seeds: how many seeds, from `seed` on
    out: the folder for the record; None writes nothing
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    notebook: ClassVar[str] = ""
    PROFILES: ClassVar[dict[str, dict[str, Any]]] = {}
    # nets with a fixed choice of picture sizes: what to call them, and the sides that they take
    TAKES: ClassVar[tuple[str, Sequence[int]] | None] = None

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
        """Check where a notebook's images are and how large, where it uses any."""
        path, dataset = getattr(self, "path", None), getattr(self, "dataset", None)
        if dataset is None and getattr(self, "row", None) is None:
            dataset = "digits"
        if path is not None and dataset == "digits":
            raise ValueError(
                f"path={path!r}: the bundled digits need none; for pictures of your "
                "own add dataset='folder'"
            )
        if self.TAKES is not None:
            what, sides = self.TAKES
            fitting(what, self.size, sides)
        return self

    @classmethod
    def _sentence(cls, error: Mapping) -> str:
        """One of pydantic's errors as a sentence that quotes the value and says what to give."""
        name = error["loc"][0] if error["loc"] else ""
        if error["type"] == "extra_forbidden":
            known = did_you_mean(str(name), cls.model_fields)
            return f"unknown parameter {name!r} of {cls.notebook or cls.__name__}: {known}"
        if error["type"] == "value_error":  # a validator's own sentence
            return str(error["ctx"]["error"])
        expected = EXPECTED.get(error["type"])
        words = error["msg"] if expected is None else "expected " + expected(error.get("ctx", {}))
        return f"{name}={error['input']!r}: {words}"

    @classmethod
    def read(cls, names: Mapping[str, Any]):
        """The config in a notebook's `globals()`: all fields whose names are bound there.

        Raises BadParameters where IPython's list of the cells that ran shows that a parameter lost
        its value to a later cell, for example to a loop with its name.
        """
        mine = [k for k in cls.model_fields if k in names]
        ran = names.get("In")
        before = ran[:-1] if isinstance(ran, list) else []  # the last one is the cell that asks
        for name, statement in rebound(before, mine).items():
            raise BadParameters(
                f"{name}={names[name]!r} is left over from `{statement}`, which ran after the "
                "parameters cell: run the parameters cell and then this cell again"
            )
        return cls(**{k: names[k] for k in mine})

    @classmethod
    def typed(cls, name: str, text: str) -> Any:
        """A value typed on the command line, as the field takes it: a text field gets the text."""
        if text in ("None", "null"):
            return None
        field = cls.model_fields.get(name)
        takes_text = field is not None and field.annotation in (str, str | None)
        return text if takes_text else literal(text)

    def parameters(self) -> dict[str, Any]:
        """All final values as plain JSON, as papermill injects them and records hold them."""
        return self.model_dump(mode="json")

    @property
    def place(self) -> str:
        """The device that `device` stands for on this machine.

        Raises BadParameters for a GPU that is not there, and for a CUDA graph on a CPU.
        """
        import torch  # only notebooks ask, and they have loaded it

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
        """All seeds, from the first on."""
        return list(range(self.seed, self.seed + self.seeds))

    @property
    def plain(self) -> bool:
        """Whether only profile, first seed and folder were chosen: the lesson's minutes apply."""
        own, mine = type(self)(profile=self.profile).parameters(), self.parameters()
        return all(mine[k] == own[k] for k in mine if k not in ("seed", "out"))


def fitting(what: str, size: int, sides: Sequence[int]) -> None:
    """Raise BadParameters where `what` does not take pictures with `size` pixels a side."""
    if size not in sides:
        first = ", ".join(map(str, sides[:5])) + (" ..." if len(sides) > 5 else "")
        raise BadParameters(f"size={size}: {what} takes pictures with a side of {first}")
