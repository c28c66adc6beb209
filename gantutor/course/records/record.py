"""What a notebook collects while it runs, and writes at its end."""

import json
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gantutor.course.lessons import minutes
from gantutor.course.records.frame import frame_of, honest, numbers
from gantutor.course.records.hashes import code_hash, file_of, parameter_hash, source_hash
from gantutor.course.records.machine import commit, hardware, versions
from gantutor.course.records.reading import SCHEMA, STATUSES
from gantutor.course.records.writing import write_json
from gantutor.files import claim, replacing
from gantutor.plain import one_of


class Record:
    """Collects a notebook's results; `save()` writes them into `cfg.out`, unless that is None.

    >>> from gantutor.course.lessons import PlaneConfig
    >>> record = Record(PlaneConfig(seeds=3), "01_plane")
    >>> frame = record.add("modes", [9, 8, 9], variant="hinge").frame()
    >>> frame[["variant", "metric", "seed", "value"]]
      variant metric  seed  value
    0   hinge  modes     0    9.0
    1   hinge  modes     1    8.0
    2   hinge  modes     2    9.0
    """

    def __init__(self, cfg, notebook: str):
        self.cfg, self.notebook = cfg, notebook
        if self.out is not None:
            claim(cfg.out, notebook)  # raises NotOurs before anything is trained
        self.rows: list[dict] = []
        self.figures: list[dict] = []
        self.data: dict[str, Any] = {}
        self.recipes: dict[str, dict[str, Any]] = {}
        self._started, self._clock = datetime.now(UTC), time.perf_counter()

    @property
    def out(self) -> Path | None:
        """The folder of the record, or None."""
        return None if self.cfg.out is None else Path(self.cfg.out)

    def add(
        self,
        metric: str,
        values,
        variant: str = "",
        se=None,
        unit: str = "",
        n: int | None = None,
        seeds: Sequence[int] | None = None,
    ) -> "Record":
        """Add numbers of one metric: one for each seed, or a single one.

        se: the standard error of each
        n: how many samples are behind each
        seeds: whose numbers these are; None: all of the run's

        Raises ValueError for a wrong number of values, and for a metric already recorded.
        """
        values, errors = numbers(values), [None] if se is None else numbers(se)
        seeds = list(self.cfg.seed_list if seeds is None else seeds)
        if len(values) not in (1, len(seeds)) or len(errors) not in (1, len(values)):
            raise ValueError(
                f"{metric!r} of {variant!r} has {len(values)} values and {len(errors)} standard "
                f"errors: expected one for each of the seeds {seeds}, or a single one"
            )
        if any(r["metric"] == metric and r["variant"] == variant for r in self.rows):
            raise ValueError(
                f"{metric!r} of {variant!r} is in this record already: give it another variant, "
                "or start a new Record"
            )
        at = seeds if len(values) == len(seeds) else [None]
        errors = errors * len(values) if len(errors) == 1 else errors
        for seed, value, error in zip(at, values, errors, strict=True):
            number = {**honest("value", value), **honest("se", error), "unit": unit, "n": n}
            self.rows.append({"variant": variant, "metric": metric, "seed": seed, **number})
        return self

    def figure(self, name: str, fig, caption: str):
        """Keep a matplotlib Figure as `name`.png with its caption.

        Returns the figure, so that it can end a cell. Where several targets share a run, the report
        gives a figure to the target that its name begins with: "fig3_map" to kddgan/fig3. Raises
        ValueError for a name that cannot be a file's.
        """
        if not re.fullmatch(r"[\w.-]+", name):
            raise ValueError(
                f"figure name {name!r}: a file's name of letters, digits, '-', '_' and '.' only"
            )
        if self.out is not None:
            _save_figure(fig, self.out / f"{name}.png")
        others = [f for f in self.figures if f["name"] != name]
        self.figures = [*others, {"name": name, "file": f"{name}.png", "caption": caption}]
        return fig

    def note(self, key: str, value) -> "Record":
        """Keep a fact about the data or the protocol, such as a digest: any plain JSON value."""
        json.dumps(value, allow_nan=False)
        self.data[key] = value
        return self

    def trained(self, variant: str, recipe, steps: int, **how) -> "Record":
        """Keep what was trained under a variant's name: recipe, steps, and what else determined it.

            record.trained("KDD", recipe, cfg.steps, device="cpu")

        Parameters say what was asked for, this says what ran; the report prints it. `how` has plain
        JSON values and parts such as a sampler. Raises TypeError for a part that cannot be written
        as JSON, and ValueError for a second, different training under the same name.
        """
        from gantutor.descriptions import describe  # loads torch, which a training has loaded

        how = {name: describe(value) for name, value in how.items()}
        entry = {"steps": int(steps), **how, "recipe": describe(recipe)}
        known = self.recipes.setdefault(variant, entry)
        if known != entry:
            raise ValueError(f"{variant!r} was trained in two ways: give each way its own name")
        return self

    def frame(self):
        """The numbers as a tidy pandas frame with the columns `frame.COLUMNS`."""
        return frame_of([{"notebook": self.notebook, "rows": self.rows}])

    def result(self, status: str, step: int | None = None, message: str = "") -> dict[str, Any]:
        """What `save` writes."""
        one_of("status", status, STATUSES)
        parameters, source = self.cfg.parameters(), file_of(self.notebook)
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
            "versions": versions(),
            "commit": commit(),
            "hardware": hardware(),
            "started": self._started.isoformat(timespec="seconds"),
            "wall_s": round(time.perf_counter() - self._clock, 2),
        }

    def save(self, status: str = "ok", step: int | None = None, message: str = ""):
        """Write the record, print the time that the run took, and return the frame.

        A run that diverged says so: save(status="diverged", step=...).
        """
        if self.out is not None:
            self.out.mkdir(parents=True, exist_ok=True)
            write_json(self.out / "result.json", self.result(status, step, message))
        print(self.took())
        return self.frame()

    def took(self) -> str:
        """Minutes since the record was opened, reading time included, and the promised minutes."""
        return _took(self.notebook, self.cfg, (time.perf_counter() - self._clock) / 60)


def _took(notebook: str, cfg, spent: float) -> str:
    words = f"{spent:.1f} minutes since this record was opened"
    promised = minutes(notebook, cfg.profile)
    if promised is None:
        return words
    own = "" if cfg.plain else " with its own parameters"
    return f"{words}; promised for profile {cfg.profile}{own}: {promised:g}"


def _save_figure(fig, path: Path) -> None:
    """Save a figure without its own caption, because the report sets one below it."""
    words = getattr(fig, "caption_text", None)
    if words is not None:
        words.set_visible(False)
    with replacing(path) as partial:
        fig.savefig(partial, dpi=120, bbox_inches="tight")
    if words is not None:
        words.set_visible(True)
