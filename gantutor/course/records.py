"""The record that a notebook writes: what was run, where, and every number and figure that came out."""

import json
import math
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from gantutor import __version__
from gantutor.course.lessons import minutes as minutes_promised
from gantutor.files import claim, replacing
from gantutor.sources import PACKAGE, digest
from gantutor.sources import module as _module  # noqa: F401
from gantutor.sources import reached as _reached

SCHEMA = 1
STATUSES = ("ok", "diverged")
COLUMNS = ["notebook", "variant", "metric", "seed", "value", "se", "unit", "n"]
NEEDED = {
    "schema",
    "notebook",
    "parameters",
    "source_hash",
    "versions",
    "status",
    "rows",
    "figures",
    "data",
}


def parameter_hash(parameters: Mapping[str, Any]) -> str:
    """Names a run; where its record goes does not matter."""
    return digest({k: v for k, v in parameters.items() if k != "out"})


def source_hash(notebook: str | Path) -> str:
    """Of a notebook's cells; outputs and metadata do not count, so opening it in Jupyter changes nothing."""
    cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    return digest([[c["cell_type"], "".join(c["source"])] for c in cells])


def code_hash(notebook: str | Path) -> str:
    """Of what can change a notebook's numbers beside its own cells: the modules of the package that its imports reach, to the
    last one, and the tables that these read. A notebook whose cells cannot be parsed is held to reach all.
    """
    cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    return _reached(code, PACKAGE)


def write_text(path: Path, text: str) -> None:
    """Write beside `path` and move it there in one go: a kill leaves the old file or the new one.

    What UTF-8 has no bytes for, half a pair of surrogates from a file's name or from somebody's
    JSON, is written as JSON writes it, "\\udcff".
    """
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, value: Any) -> None:
    """A JSON value, written as `write_text` does."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


class Record:
    """Collects a notebook's results; `save()` writes them as `result.json` into `cfg.out`, or nothing where that is None.

    >>> record = Record(cfg, "01_plane")
    >>> record.add("modes", [9, 8, 9], variant="hinge")         # one number for each seed of cfg.seed_list
    >>> record.figure("samples", fig, "Nine modes, three seeds.")
    >>> record.save(); record.frame()
    """

    def __init__(self, cfg, notebook: str):
        self.cfg, self.notebook = cfg, notebook
        if self.out is not None:
            claim(cfg.out, notebook)  # NotOurs, before anything is trained
        self.rows: list[dict] = []
        self.figures: list[dict] = []
        self.data: dict[str, Any] = {}
        self.recipes: dict[str, dict[str, Any]] = {}
        self._started, self._clock = datetime.now(UTC), time.perf_counter()

    @property
    def out(self) -> Path | None:
        return None if self.cfg.out is None else Path(self.cfg.out)

    def add(
        self, metric: str, values, variant: str = "", se=None, unit: str = "", n: int | None = None
    ) -> "Record":
        """Numbers of one metric: one for each seed, or a single one. `se`: standard error of each; `n`: samples behind each."""
        values, errors = _numbers(values), [None] if se is None else _numbers(se)
        seeds = list(self.cfg.seed_list)
        if len(values) not in (1, len(seeds)) or len(errors) not in (1, len(values)):
            what = f"{len(values)} values and {len(errors)} standard errors"
            raise ValueError(
                f"{metric!r} of {variant!r} has {what}: expected one for each of the seeds {seeds}, or a single one"
            )
        if any(r["metric"] == metric and r["variant"] == variant for r in self.rows):
            raise ValueError(
                f"{metric!r} of {variant!r} is in this record already: give it another variant, or start a new Record"
            )
        at = seeds if len(values) == len(seeds) else [None]
        errors = errors * len(values) if len(errors) == 1 else errors
        for seed, value, error in zip(at, values, errors, strict=True):
            row = {
                "variant": variant,
                "metric": metric,
                "seed": seed,
                **_honest("value", value),
                **_honest("se", error),
            }
            self.rows.append({**row, "unit": unit, "n": n})
        return self

    def figure(self, name: str, fig, caption: str):
        """Keep a matplotlib Figure as `name`.png with its caption; returns the figure, so that it can end a cell.

        Where targets share a run, the report puts a figure to the target that its name begins with: "fig3_map" to kddgan/fig3.
        """
        if not re.fullmatch(r"[\w.-]+", name):
            raise ValueError(
                f"figure name {name!r}: expected letters, digits, '-', '_' and '.' only, it becomes a file name"
            )
        if self.out is not None:
            words = getattr(fig, "caption_text", None)
            if words is not None:  # the report sets the caption itself
                words.set_visible(False)
            with replacing(self.out / f"{name}.png") as partial:
                fig.savefig(partial, dpi=120, bbox_inches="tight")
            if words is not None:
                words.set_visible(True)
        self.figures = [f for f in self.figures if f["name"] != name] + [
            {"name": name, "file": f"{name}.png", "caption": caption}
        ]
        return fig

    def note(self, key: str, value) -> "Record":
        """A fact about the data or the protocol, such as a data set's digest: any plain JSON value."""
        json.dumps(value, allow_nan=False)
        self.data[key] = value
        return self

    def trained(self, variant: str, recipe, steps: int, **how) -> "Record":
        """What was trained under a variant's name: the recipe with all its values, its steps, and what else decided it.

        A parameter says what was asked for, this says what ran: the report prints it. `how` holds plain JSON values and
        parts such as a sampler. Raises TypeError where a part cannot be written as JSON.

        >>> record.trained("KDD", recipe, cfg.steps, device="cpu")
        """
        from gantutor.descriptions import (
            describe,  # it loads torch, which has been loaded by whoever trained
        )

        how = {name: describe(value) for name, value in how.items()}
        entry = {"steps": int(steps), **how, "recipe": describe(recipe)}
        known = self.recipes.setdefault(variant, entry)
        if known != entry:
            raise ValueError(
                f"{variant!r} was trained in two ways within one record: name them apart"
            )
        return self

    def frame(self):
        """The numbers as a tidy pandas frame: notebook, variant, metric, seed, value, se, unit, n."""
        return frame_of([{"notebook": self.notebook, "rows": self.rows}])

    def result(self, status: str, step: int | None = None, message: str = "") -> dict[str, Any]:
        """What `save` writes."""
        if status not in STATUSES:
            raise ValueError(f"status={status!r}: expected one of {', '.join(STATUSES)}")
        parameters, source = self.cfg.parameters(), _source(self.notebook)
        return {
            "schema": SCHEMA,
            "notebook": self.notebook,
            "parameters": parameters,
            "parameter_hash": parameter_hash(parameters),
            "source_hash": source_hash(source) if source else None,
            "code_hash": code_hash(source) if source else None,
            "status": status,
            "step": step,
            "message": message,
            "seeds": list(self.cfg.seed_list),
            "rows": self.rows,
            "figures": self.figures,
            "data": self.data,
            "trained": self.recipes,
            "versions": _versions(),
            "commit": _commit(),
            "hardware": hardware(),
            "started": self._started.isoformat(timespec="seconds"),
            "wall_s": round(time.perf_counter() - self._clock, 2),
        }

    def save(self, status: str = "ok", step: int | None = None, message: str = ""):
        """Write the record in one go; says what the run took, and returns the frame. A run that diverged says so: save(status="diverged", step=...)."""
        if self.out is not None:
            self.out.mkdir(parents=True, exist_ok=True)
            write_json(self.out / "result.json", self.result(status, step, message))
        print(self.took())
        return self.frame()

    def took(self) -> str:
        """Minutes since the record was opened, reading included, beside those that the notebook promises."""
        minutes = (
            f"{(time.perf_counter() - self._clock) / 60:.1f} minutes since this record was opened"
        )
        promised = minutes_promised(self.notebook, self.cfg.profile)
        if promised is None:
            return minutes
        return f"{minutes}; profile {self.cfg.profile}{' with its own parameters' * (not self.cfg.plain)} promises {promised:g}"


BITS_64 = Field(ge=-(2**63), lt=2**63)  # what a table's column of whole numbers holds


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
        if not isinstance(self.recipe.get("kind"), str) or not isinstance(
            self.recipe.get("nets"), dict
        ):
            raise ValueError("a recipe as `parts.describe` writes it")
        return self


class _Figure(BaseModel):
    """A picture in a record; its file lies in the record's folder."""

    model_config = ConfigDict(strict=True, extra="allow")

    name: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    file: Annotated[str, Field(pattern=r"^[\w-][\w.-]*$")]
    caption: str


class _Hardware(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")

    cpu: str = "unknown"
    cores: int | None = None
    gpu: str | None = None


class _Result(BaseModel):
    """What a record must be for the report to be made from it; what is missing in an old one is filled in."""

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
    """The record in a run's folder; ValueError, naming file and remedy, where it is missing, truncated or not one.

    A figure's entry that is damaged costs that figure alone: it is left out, and `damage` in the answer says so.
    """
    path = Path(folder) / "result.json"
    try:
        result = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except OSError:
        raise ValueError(f"no record in {folder}: run its notebook") from None
    except (ValueError, RecursionError):
        raise ValueError(
            f"{path} is truncated or no JSON: delete it and run its notebook again"
        ) from None
    if not isinstance(result, dict) or not result.keys() >= NEEDED or result["schema"] != SCHEMA:
        raise ValueError(
            f"{path} is no record of this version of gantutor: delete it and run its notebook again"
        )
    try:
        filled = _Result.model_validate(result)
    except ValidationError as error:
        where, shown, wanted = fault(error)
        raise ValueError(
            f"{path} is damaged ({where or 'it'} is {shown}: {wanted}): delete it and run its "
            "notebook again"
        ) from None
    for name in _Result.model_fields:
        if name not in result:
            value = getattr(filled, name)
            result[name] = value.model_dump() if isinstance(value, BaseModel) else value
    for row in result["rows"]:
        for name in ("se", "unit", "n"):
            row.setdefault(name, _Row.model_fields[name].default)
    result["hardware"] = filled.hardware.model_dump()
    whole, damage = [], []
    listed = result["figures"] if isinstance(result["figures"], list) else [result["figures"]]
    for figure in listed:
        try:
            _Figure.model_validate(figure)
            whole.append(figure)
        except ValidationError as error:
            where, shown, wanted = fault(error)
            damage.append(
                f"{path}: a figure is damaged ({where or 'it'} is {shown}: {wanted}) and left out"
            )
    result["figures"], result["damage"] = whole, damage
    return result


def _no_number(word: str) -> None:
    """JSON knows no NaN and no infinity; a record flags them."""
    raise ValueError(word)


def fault(error: ValidationError) -> tuple[str, str, str]:
    """The first thing that is wrong with a file: where it is, what is there, what should be."""
    first = error.errors()[0]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    wanted = re.sub(r" or instance of \w+", "", first["msg"]).removeprefix("Value error, ")
    shown = json.dumps(first["input"], default=str)[:60]
    return where.lstrip("."), shown, f"{wanted[0].lower()}{wanted[1:]}"


def hardware() -> dict[str, Any]:
    """CPU model, usable cores, GPU; torch is asked only where it is loaded already."""
    try:
        cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())[1]
    except (OSError, TypeError):
        cpu = platform.processor() or platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch = sys.modules.get("torch")
    gpu = torch.cuda.get_device_name() if torch is not None and torch.cuda.is_available() else None
    return {"cpu": cpu, "cores": cores, "gpu": gpu}


def value_of(row: Mapping[str, Any]) -> float:
    """A row's value with NaN and infinities back in place."""
    return float(row.get("value_flag") or row["value"])


def frame_of(results: Iterable[dict], runs: list[str] | None = None):
    """Records as one tidy pandas frame."""
    import pandas as pd

    rows = []
    for i, result in enumerate(results):
        extra = (
            {}
            if runs is None
            else {
                "run": runs[i],
                "profile": result["parameters"].get("profile"),
                "status": result["status"],
            }
        )
        for row in result["rows"]:
            se = row.get("se_flag") or row["se"]
            numbers = {"value": value_of(row), "se": math.nan if se is None else float(se)}
            cells = {"notebook": result["notebook"], **row, **numbers, **extra}
            rows.append({name: _writable(cell) for name, cell in cells.items()})
    frame = pd.DataFrame(
        rows, columns=COLUMNS + ([] if runs is None else ["run", "profile", "status"])
    )
    return frame.astype({"value": float, "se": float, "seed": "Int64", "n": "Int64"})


def _writable(cell):
    """A text in characters that UTF-8 has bytes for; anything else as it is."""
    if not isinstance(cell, str):
        return cell
    return cell.encode("utf-8", errors="backslashreplace").decode("utf-8")


def _numbers(values) -> list[float]:
    values = values.tolist() if hasattr(values, "tolist") else values
    return [float(v) for v in values] if isinstance(values, Iterable) else [float(values)]


def _honest(name: str, number: float | None) -> dict[str, Any]:
    """JSON has no NaN: a number that is none becomes null beside a flag "nan", "inf" or "-inf"."""
    if number is None or math.isfinite(number):
        return {name: number}
    return {name: None, f"{name}_flag": str(number)}


def _source(notebook: str) -> Path | None:
    """The notebook's own file: the runner names it; by hand it lies in the working folder or in notebooks/."""
    named = os.environ.get("GANTUTOR_NOTEBOOK")
    places = [named] if named else [f"{notebook}.ipynb", f"notebooks/{notebook}.ipynb"]
    return next((Path(p) for p in places if Path(p).is_file()), None)


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {"gantutor": __version__, "python": platform.python_version()}
    for package in ("torch", "torchvision", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _commit() -> str | None:
    """The checkout's commit, with "+" where files differ from it; None outside git."""
    here = Path(__file__).parent
    try:
        ask = {"cwd": here, "capture_output": True, "text": True, "timeout": 5, "check": True}
        commit = subprocess.run(["git", "rev-parse", "HEAD"], **ask).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"], **ask
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changed else "")
