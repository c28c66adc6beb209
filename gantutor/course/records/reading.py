"""Records from files: checked, and filled in where they are old."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

SCHEMA = 1
STATUSES = ("ok", "diverged")
NEEDED = {
    *("schema", "notebook", "parameters", "source_hash", "versions"),
    *("status", "rows", "figures", "data"),
}
BITS_64 = Field(ge=-(2**63), lt=2**63)  # what a column of whole numbers in a table can hold


class _Row(BaseModel):
    """A number in a record."""

    model_config = ConfigDict(strict=True, extra="allow")

    variant: str
    metric: str
    seed: Annotated[int, BITS_64] | None
    value: FiniteFloat | None
    value_flag: Literal["nan", "inf", "-inf"] | None = None
    se: FiniteFloat | None = None
    se_flag: Literal["nan", "inf", "-inf"] | None = None
    unit: str = ""
    n: Annotated[int, BITS_64] | None = None

    @model_validator(mode="after")
    def _whole(self):
        if self.value is None and self.value_flag is None:
            raise ValueError("a number, or a flag that says why there is none")
        return self


class _Trained(BaseModel):
    """What was trained under a variant's name."""

    model_config = ConfigDict(strict=True, extra="allow")

    steps: int
    recipe: dict[str, Any]

    @model_validator(mode="after")
    def _described(self):
        kind, nets = self.recipe.get("kind"), self.recipe.get("nets")
        if not isinstance(kind, str) or not isinstance(nets, dict):
            raise ValueError("a recipe as `descriptions.describe` writes it")
        return self


class _Figure(BaseModel):
    """A picture in a record; its file is in the record's folder."""

    model_config = ConfigDict(strict=True, extra="allow")

    name: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    file: Annotated[str, Field(pattern=r"^[\w-][\w.-]*$")]
    caption: str


class _Hardware(BaseModel):
    """The machine that a record was made on."""

    model_config = ConfigDict(strict=True, extra="allow")

    cpu: str = "unknown"
    cores: int | None = None
    gpu: str | None = None


class _Result(BaseModel):
    """What the report needs of a record; what an old one lacks is filled in."""

    model_config = ConfigDict(strict=True, extra="allow")

    notebook: str
    parameters: dict[str, Any]
    source_hash: str | None
    code_hash: str | None = None
    status: Literal[STATUSES]
    step: int | None = None
    message: str = ""
    seeds: list[int] = []
    rows: list[_Row]
    data: dict[str, Any]
    trained: dict[str, _Trained] = {}
    versions: dict[str, str | None]
    commit: str | None = None
    hardware: _Hardware = _Hardware()
    started: str = ""
    wall_s: float = 0.0


def read(folder: str | Path) -> dict[str, Any]:
    """The record in a run's folder.

    A damaged entry of a figure costs that figure alone: it is left out, and `damage` in the answer
    has a sentence about it. Raises ValueError, naming file and remedy, where the record is missing,
    truncated or not a record.
    """
    path = Path(folder) / "result.json"
    result = _load(path)
    try:
        filled = _Result.model_validate(result)
    except ValidationError as error:
        raise ValueError(
            f"{path} is damaged ({_found(error)}): delete it and run its notebook again"
        ) from None
    for name in _Result.model_fields:
        if name not in result:
            value = getattr(filled, name)
            result[name] = value.model_dump() if isinstance(value, BaseModel) else value
    for row in result["rows"]:
        for name in ("se", "unit", "n"):
            row.setdefault(name, _Row.model_fields[name].default)
    result["hardware"] = filled.hardware.model_dump()
    listed = result["figures"]
    result["figures"], result["damage"] = [], []
    for figure in listed if isinstance(listed, list) else [listed]:
        try:
            _Figure.model_validate(figure)
            result["figures"].append(figure)
        except ValidationError as error:
            damage = f"{path}: a figure is damaged ({_found(error)}) and left out"
            result["damage"].append(damage)
    return result


def _load(path: Path) -> dict[str, Any]:
    """The JSON object of a record; ValueError where there is none."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except OSError:
        raise ValueError(f"no record in {path.parent}: run its notebook") from None
    except (ValueError, RecursionError):
        raise ValueError(
            f"{path} is truncated or not JSON: delete it and run its notebook again"
        ) from None
    if not isinstance(result, dict) or not result.keys() >= NEEDED or result["schema"] != SCHEMA:
        raise ValueError(
            f"{path} is not a record of this version of gantutor: delete it and run its notebook "
            "again"
        )
    return result


def _no_number(word: str) -> None:
    """Refuse NaN and Infinity, which are not JSON; a record flags them instead."""
    raise ValueError(word)


def _found(error: ValidationError) -> str:
    where, shown, wanted = fault(error)
    return f"{where or 'it'} is {shown}: {wanted}"


def fault(error: ValidationError) -> tuple[str, str, str]:
    """The first thing that is wrong with a file: where it is, what is there, what should be."""
    first = error.errors()[0]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    wanted = re.sub(r" or instance of \w+", "", first["msg"]).removeprefix("Value error, ")
    shown = json.dumps(first["input"], default=str)[:60]
    return where.lstrip("."), shown, f"{wanted[0].lower()}{wanted[1:]}"
