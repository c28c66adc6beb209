"""What a long run says while it goes: a line with speed and remaining time, a log of numbers and sample grids on disk."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from gantutor.files import ours, replacing
from gantutor.plot import images, plate, png
from gantutor.train import Step


def _span(seconds: float) -> str:
    """12 s, 3 min, 2 h 05 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def progress(steps: Iterator[Step], total: int, every_s: float = 10.0, say: Callable[[str], None] = print) -> Iterator[Step]:
    """Pass steps on and say every `every_s` seconds where training stands: step, it/s, time left, both losses.

    Losses are read only for the line, so that the device runs on in between. Have `train` yield often enough to be asked.
    """
    begun = told = time.monotonic()
    first = last = None
    for step in steps:
        now = time.monotonic()
        if first is None:
            first, begun = step.index, now  # what came before was set-up, or an earlier session's work
        elif now - told >= every_s and step.index != last:
            rate = (step.index - first) / (now - begun)
            losses = ", ".join(f"{name} {float(loss.mean()):.3g}" for name, loss in (("D", step.d_loss), ("G", step.g_loss)))
            say(f"{step.index}/{total} steps, {rate:.3g} it/s, {_span((total - step.index) / max(rate, 1e-9))} left, {losses}")
            told, last = now, step.index
        yield step


class Journal:
    """Numbers and sample grids of one run in a folder: `history.jsonl`, a line a moment, and `grids/<step>.png`.

    A run that goes on from a checkpoint at `step` forgets what it had written after it, and writes it again. `folder` None
    keeps everything in memory.
    """

    def __init__(self, folder: str | Path | None, step: int = 0):
        self.folder = None if folder is None else Path(folder)
        self.rows: list[dict] = []
        if self.folder is None:
            return
        (self.folder / "grids").mkdir(parents=True, exist_ok=True)
        ours(self._file, '{"step"')
        self.rows = [row for row in self._kept() if row["step"] <= step]
        with replacing(self._file) as partial:
            kept = "".join(json.dumps(row) + "\n" for row in self.rows)
            partial.write_text(kept, encoding="utf-8")

    @property
    def _file(self) -> Path:
        return self.folder / "history.jsonl"

    def _kept(self) -> Iterator[dict]:
        """Whole lines; a kill may have cut one, a disk may have spoilt some."""
        if not self._file.exists():
            return
        for line in self._file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                yield row

    def numbers(self, step: int, **values: float) -> None:
        """Write numbers of this moment, at once: a crash keeps them."""
        row = {"step": step, **{k: float(v) for k, v in values.items()}}
        self.rows.append(row)
        if self.folder is not None:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    def grid(self, step: int, batch, columns: int = 8) -> None:
        """Keep images (n, C, H, W) in [-1, 1] as one picture."""
        if self.folder is None:
            return
        figure, axes = plate(1, size=6, aspect=-(-len(batch) // columns) / columns)
        images(axes[0, 0], batch, columns=columns)
        (self.folder / "grids" / f"{step:07d}.png").write_bytes(png(figure))

    def frame(self):
        """The numbers as a tidy pandas frame: step, metric, value."""
        import pandas as pd

        wide = pd.DataFrame(self.rows, columns=None if self.rows else ["step"])
        return wide.melt("step", var_name="metric").dropna()
