"""What a long run prints and stores as it goes: progress lines, a log of numbers, sample grids."""

import json
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from gantutor.files import GRID, replacing, set_aside
from gantutor.plain import whole
from gantutor.plot import images, plate, png
from gantutor.train import Step


def _span(seconds: float) -> str:
    """A duration for people: 12 s, 3 min, 2 h 05 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def progress(
    steps: Iterator[Step], total: int, every_s: float = 10.0, say: Callable[[str], None] = print
) -> Iterator[Step]:
    """Pass training steps through, and print a line about every `every_s` seconds.

    The line has the step, steps per second, the time left and both losses. Losses are read from
    the device only for this line, so that the device keeps working in between. `train` must yield
    often enough: the line is printed when a step arrives.
    """
    begun = told = time.monotonic()
    first = last = None
    for step in steps:
        now = time.monotonic()
        if first is None:
            # the time before the first step was set-up, and earlier steps are another session's
            first, begun = step.index, now
        elif now - told >= every_s and step.index != last:
            rate = (step.index - first) / (now - begun)
            left = _span((total - step.index) / max(rate, 1e-9))
            d_loss, g_loss = float(step.d_loss.mean()), float(step.g_loss.mean())
            say(
                f"{step.index}/{total} steps, {rate:.3g} it/s, {left} left, "
                f"D {d_loss:.3g}, G {g_loss:.3g}"
            )
            told, last = now, step.index
        yield step


def _row(line: str) -> dict | None:
    """Parse a journal's line, a step and named numbers; None if it is anything else."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or type(row.get("step")) is not int or row["step"] < 0:
        return None
    return row if all(type(v) in (int, float) for v in row.values()) else None


class Journal:
    """The numbers and sample grids of one run, stored in a folder.

    Numbers go to `history.jsonl`, one line per call, and grids to `grids/<step>.png`. A run that
    continues from a checkpoint at `step` drops what it had written after that step, because it
    will write it again. Damaged lines are left out with a warning, and the original file is moved
    aside. With `folder` None everything stays in memory.

    >>> journal = Journal(None)
    >>> journal.numbers(100, fid=31.5)
    >>> journal.rows
    [{'step': 100, 'fid': 31.5}]
    """

    def __init__(self, folder: str | Path | None, step: int = 0):
        self.folder = None if folder is None else Path(folder)
        self.rows: list[dict] = []
        if self.folder is None:
            return
        (self.folder / "grids").mkdir(parents=True, exist_ok=True)
        step = whole("step", step, 0)
        self.rows = [row for row in self._read() if row["step"] <= step]
        with replacing(self._file) as partial:
            lines = [json.dumps(row) + "\n" for row in self.rows]
            partial.write_text("".join(lines), encoding="utf-8")
        for path in (self.folder / "grids").iterdir():
            if GRID.fullmatch(path.name) and int(path.stem) > step and path.is_file():
                path.unlink()

    @property
    def _file(self) -> Path:
        return self.folder / "history.jsonl"

    def _read(self) -> list[dict]:
        """The rows of the file, without damaged lines.

        A last line without its end was cut off by a kill, which needs no warning.
        """
        try:
            *lines, cut = self._file.read_text(encoding="utf-8", errors="replace").split("\n")
        except FileNotFoundError:
            return []
        except OSError:  # for example a folder of that name
            lines, cut = [""], ""
        rows = [_row(line) for line in lines]
        last = _row(cut)  # only the line feed may be missing
        bad = [i for i, row in enumerate(rows, 1) if row is None]
        if bad:
            aside = set_aside(self._file)
            numbers = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
            warnings.warn(
                f"{self._file}: line {numbers} is not a journal's and is left out; "
                f"the original file is now {aside.name}",
                stacklevel=3,
            )
        return [row for row in (*rows, last) if row is not None]

    def numbers(self, step: int, **values: float) -> None:
        """Write numbers at once, so that a crash does not lose them."""
        row = {"step": whole("step", step, 0), **{k: float(v) for k, v in values.items()}}
        self.rows.append(row)
        if self.folder is not None:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    def grid(self, step: int, batch, columns: int = 8) -> None:
        """Save images (n, C, H, W) with values in [-1, 1] as one picture."""
        if self.folder is None:
            return
        step = whole("step", step, 0)
        figure, axes = plate(1, size=6, aspect=-(-len(batch) // columns) / columns)
        images(axes[0, 0], batch, columns=columns)
        with replacing(self.folder / "grids" / f"{step:07d}.png") as partial:
            partial.write_bytes(png(figure))

    def frame(self):
        """The numbers as a tidy pandas frame with columns step, metric and value."""
        import pandas as pd

        wide = pd.DataFrame(self.rows, columns=None if self.rows else ["step"])
        return wide.melt("step", var_name="metric").dropna()
