"""What a long run says while it goes: a line with speed and remaining time, a log of numbers and sample grids on disk."""

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
    """12 s, 3 min, 2 h 05 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def progress(
    steps: Iterator[Step], total: int, every_s: float = 10.0, say: Callable[[str], None] = print
) -> Iterator[Step]:
    """Pass steps on and say every `every_s` seconds where training stands: step, it/s, time left, both losses.

    Losses are read only for the line, so that the device runs on in between. Have `train` yield often enough to be asked.
    """
    begun = told = time.monotonic()
    first = last = None
    for step in steps:
        now = time.monotonic()
        if first is None:
            first, begun = (
                step.index,
                now,
            )  # what came before was set-up, or an earlier session's work
        elif now - told >= every_s and step.index != last:
            rate = (step.index - first) / (now - begun)
            losses = ", ".join(
                f"{name} {float(loss.mean()):.3g}"
                for name, loss in (("D", step.d_loss), ("G", step.g_loss))
            )
            say(
                f"{step.index}/{total} steps, {rate:.3g} it/s, {_span((total - step.index) / max(rate, 1e-9))} left, {losses}"
            )
            told, last = now, step.index
        yield step


def _row(line: str) -> dict | None:
    """A journal's line: a step and numbers by name; None where it is anything else."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or type(row.get("step")) is not int or row["step"] < 0:
        return None
    return row if all(type(v) in (int, float) for v in row.values()) else None


class Journal:
    """Numbers and sample grids of one run in a folder: `history.jsonl`, a line a moment, and `grids/<step>.png`.

    A run that goes on from a checkpoint at `step` forgets what it had written after it, lines and
    grids, and writes it again. A line that is none of a journal's is left out with a warning, and
    the file that it stood in is set aside. `folder` None keeps everything in memory.
    """

    def __init__(self, folder: str | Path | None, step: int = 0):
        self.folder = None if folder is None else Path(folder)
        self.rows: list[dict] = []
        if self.folder is None:
            return
        (self.folder / "grids").mkdir(parents=True, exist_ok=True)
        step = whole("step", step, 0)
        self.rows = [row for row in self._kept() if row["step"] <= step]
        with replacing(self._file) as partial:
            lines = [json.dumps(row) + "\n" for row in self.rows]
            partial.write_text("".join(lines), encoding="utf-8")
        for path in (self.folder / "grids").iterdir():
            if GRID.fullmatch(path.name) and int(path.stem) > step and path.is_file():
                path.unlink()

    @property
    def _file(self) -> Path:
        return self.folder / "history.jsonl"

    def _kept(self) -> list[dict]:
        """The whole lines; a kill may have cut the last one, which is nothing to speak of."""
        try:
            *lines, cut = self._file.read_text(encoding="utf-8", errors="replace").split("\n")
        except FileNotFoundError:
            return []
        except OSError:  # a folder of that name, say
            lines, cut = [""], ""
        rows = [_row(line) for line in lines]
        last = _row(cut)  # whole but for its end
        bad = [i for i, row in enumerate(rows, 1) if row is None]
        if bad:
            aside = set_aside(self._file)
            numbers = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
            warnings.warn(
                f"{self._file}: line {numbers} is no line of a journal, the others are used; the "
                f"file as it was is {aside.name}",
                stacklevel=3,
            )
        return [row for row in (*rows, last) if row is not None]

    def numbers(self, step: int, **values: float) -> None:
        """Write numbers of this moment, at once: a crash keeps them."""
        row = {"step": whole("step", step, 0), **{k: float(v) for k, v in values.items()}}
        self.rows.append(row)
        if self.folder is not None:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    def grid(self, step: int, batch, columns: int = 8) -> None:
        """Keep images (n, C, H, W) in [-1, 1] as one picture."""
        if self.folder is None:
            return
        step = whole("step", step, 0)
        figure, axes = plate(1, size=6, aspect=-(-len(batch) // columns) / columns)
        images(axes[0, 0], batch, columns=columns)
        with replacing(self.folder / "grids" / f"{step:07d}.png") as partial:
            partial.write_bytes(png(figure))

    def frame(self):
        """The numbers as a tidy pandas frame: step, metric, value."""
        import pandas as pd

        wide = pd.DataFrame(self.rows, columns=None if self.rows else ["step"])
        return wide.melt("step", var_name="metric").dropna()
