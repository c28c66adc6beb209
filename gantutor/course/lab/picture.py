"""The lab's pictures: small figures for the screen, one large one for a page.

On the screen the artists of `gantutor.plot` stay and only move.
"""

import io
import textwrap
import time

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from gantutor import plot
from gantutor.course.lab.look import LAYERS, Seen, View, see
from gantutor.course.lab.rows import LabRow
from gantutor.course.lab.timeline import Timeline

SIDE, DPI = 256, 96  # pixels of a row's square on the screen: four fit side by side
HASTE = 1.0  # seconds between two pictures of moving curves: their text takes long to draw
CURVES = {"modes": "modes covered", "quality": "share near a centre", "distance": "energy distance"}
LOWEST = 2e-3  # the bottom of the energy distance's axis: 600 fakes cannot tell less from 0


class Plane:
    """A row on the plane; every layer's artist is made once, and then moved."""

    def __init__(self, ax, limit: float):
        self.ax, self.limit, self.artists = ax, limit, {}
        plot.square(ax, limit)

    def update(self, seen: Seen) -> None:
        """Show what is seen; layers that are off are hidden."""
        ax = self.ax
        self._put("map", seen.map, lambda d, into: plot.confidence(ax, d, into=into))
        self._points("real", seen.real, "real", 4, alpha=0.5)
        self._put("warp", seen.warp, lambda d, into: plot.warp(ax, d, into=into))
        self._points("fake", seen.fake, "fake", 6)
        self._put("field", seen.field, lambda d, into: plot.arrows(ax, d, zorder=5, into=into))
        self._kernels(seen)
        path = seen.path
        steps = None if path is None else (path[:-1], path[1:])
        self._segments("path", steps, plot.LATENT, 2.2)
        self._points("end", None if path is None else path[-1:], "latent", 36, alpha=1)
        self._cross(seen.point)

    def _kernels(self, seen: Seen) -> None:
        """Anchors with areas that follow their shares, above all else."""
        k = seen.kernels
        places = (None, None) if k is None else (k.reals, k.fakes)
        shares = (None, None) if k is None else (k.real_shares, k.fake_shares)
        for kind, x, share in zip(("real", "fake"), places, shares, strict=True):
            name = f"{kind} kernels"
            size = None if x is None else 1500 * share
            self._points(name, x, kind, size, alpha=0.9)
            if x is not None:  # white rims, because the map below has the same colours
                rims = np.sqrt(size).clip(max=9) / 9
                self.artists[name].set(edgecolor="white", linewidth=rims, zorder=6)

    def _cross(self, point: tuple[float, float] | None) -> None:
        ends = None
        if point is not None:
            arms = np.array([[[-1, 0], [0, -1]], [[1, 0], [0, 1]]])
            ends = np.array(point) + 0.05 * self.limit * arms
        self._segments("point", ends, plot.INK, 1.2)

    def _points(self, name: str, data, kind: str, size, **how) -> None:
        self._put(name, data, lambda d, into: plot.points(self.ax, d, kind, size, into=into, **how))

    def _segments(self, name: str, ends, *how) -> None:
        """Segments from ends[0] to ends[1]."""
        self._put(name, ends, lambda d, into: plot.segments(self.ax, *d, *how, into=into))

    def _put(self, name: str, data, layer) -> None:
        """Draw a layer into its artist, or hide it if there are no data."""
        artist = self.artists.get(name)
        if data is None:
            if artist is not None:
                artist.set_visible(False)
            return
        self.artists[name] = layer(data, artist)
        self.artists[name].set_visible(True)


class FeatureSpace(Plane):
    """A row's features on two fixed axes, with pairs of points that AdaptiveMix pulls together."""

    def __init__(self, ax, limit: float = 1.0):
        super().__init__(ax, limit)
        self.label = ax.text(
            0.03, 0.97, "", transform=ax.transAxes, va="top", fontsize=8, color="#555555"
        )

    def update(self, seen: Seen) -> None:
        """Show the features that are seen."""
        if seen.features is None:
            return
        real, fake, mix, step = seen.features
        self._segments("parents", (mix.a, mix.b))
        self._points("real", real, "real", 5, alpha=0.5)
        self._points("fake", fake, "fake", 5, alpha=0.5)
        self._segments("gap", (mix.target, mix.mixed), plot.MIXED, 1.6)
        self._points("mixed", mix.mixed, "mixed", 22, alpha=1)
        self._points("target", mix.target, "latent", 9, alpha=1)
        reach = float(np.quantile(np.abs(np.concatenate([real, fake])), 0.99))
        # powers of sqrt(2), so that the frame does not change all the time
        limit = 2.0 ** (np.ceil(2 * np.log2(max(reach, 1e-6) * 1.05)) / 2)
        self.ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
        self.label.set_text(f"axes of step {step}, side {2 * limit:.2g}\ngap {mix.gap:.2f}")


class Curves:
    """Three measures in time, one line per row, the truth dashed."""

    def __init__(self, axes, truth: dict[str, float]):
        self.axes, self.lines = dict(zip(CURVES, axes, strict=True)), {}
        for name, ax in self.axes.items():
            ax.set_title(CURVES[name], fontsize=9)
            ax.tick_params(labelsize=8)
            ax.set_axisbelow(True)
            ax.grid(axis="y", color="#eeeeee", linewidth=0.8)
            if truth[name]:
                ax.axhline(truth[name], color=plot.REAL, linestyle="--", linewidth=1.2, zorder=1)
        self.axes["modes"].set_ylim(-0.03 * truth["modes"], 1.08 * truth["modes"])
        self.axes["quality"].set_ylim(-0.03, 1.05)
        self.axes["distance"].set(yscale="log", ylim=(LOWEST * 0.85, 4))

    def update(self, timeline: Timeline) -> None:
        """Draw the lines up to this step."""
        for line in self.lines.values():
            line.set_data([], [])
        for i, row in enumerate(timeline.rows):
            seen = timeline.curve(row.name)
            for name, ax in self.axes.items():
                values = [getattr(m, name) for m in seen]
                values = np.maximum(values, LOWEST) if name == "distance" and values else values
                if (name, i) not in self.lines:
                    (self.lines[name, i],) = ax.plot(
                        [],
                        [],
                        color=colour(i),
                        linewidth=1.6,
                        marker="o",
                        markersize=3,
                        markevery=[-1],
                    )
                self.lines[name, i].set_data([m.step for m in seen], values)
        right = round_up(timeline.step)
        for ax in self.axes.values():
            ax.set(xlim=(-0.01 * right, 1.01 * right), xticks=[0, right / 2, right])


class Sheet:
    """A small figure for the screen that is drawn again and again."""

    def __init__(self, width: int, height: int, axes: int = 1, filled: bool = True):
        with rc_context(plot.STYLE):
            self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
            self.canvas = FigureCanvasAgg(self.figure)
            if filled:
                self.axes = [self.figure.add_axes((0.004, 0.004, 0.992, 0.992))]
            else:
                self.axes = list(
                    self.figure.subplots(
                        1,
                        axes,
                        gridspec_kw={
                            "left": 0.035,
                            "right": 0.99,
                            "top": 0.86,
                            "bottom": 0.13,
                            "wspace": 0.16,
                        },
                    )
                )

    def packed(self, moving: bool = False) -> bytes:
        """The figure as PNG; while it moves as JPEG, in a sixth of the time and half the bytes."""
        self.canvas.draw()
        size, pixels = self.canvas.get_width_height(), self.canvas.buffer_rgba()
        image = Image.frombuffer("RGBA", size, pixels, "raw", "RGBA", 0, 1).convert("RGB")
        buffer = io.BytesIO()
        if moving:
            image.save(buffer, "jpeg", quality=90, subsampling=0)
        else:
            image.save(buffer, "png", compress_level=1)
        return buffer.getvalue()


class Screen:
    """The sheets of a lab, by name: "0" and so on for rows, "f0" for features, "curves"."""

    def __init__(self):
        self.sheets: dict[str, tuple[Sheet, object]] = {}
        self.world = None
        self.drawn_curves: tuple | None = None
        self.curves_due = 0.0

    def frame(
        self, timeline: Timeline, view: View, push: bool = False, moving: bool = False
    ) -> tuple[dict[str, bytes], list[Seen]]:
        """Draw all rows, and the curves where these have changed.

        Returns the pictures by name (PNG, or JPEG while the lab is `moving`) and what is seen of
        each row. While it is moving, the curves are drawn once a second.
        """
        if timeline.world is not self.world:  # another world has another frame
            self.sheets, self.world, self.drawn_curves = {}, timeline.world, None
        found, looks, seed = {}, [], timeline.start["seed"]
        for i, row in enumerate(timeline.rows):
            seen = see(row, view, seed, push)
            looks.append(seen)
            found[str(i)] = self._draw(str(i), Plane, timeline.world.limit, seen, moving)
            if seen.features is not None:
                found[f"f{i}"] = self._draw(f"f{i}", FeatureSpace, 1.0, seen, moving)
        curves = self._curves(timeline, moving)
        if curves is not None:
            found["curves"] = curves
        return found, looks

    def _draw(self, name: str, kind: type[Plane], limit: float, seen: Seen, moving: bool) -> bytes:
        """A square sheet, made when it is first needed."""
        if name not in self.sheets:
            sheet = Sheet(SIDE, SIDE)
            self.sheets[name] = sheet, kind(sheet.axes[0], limit)
        sheet, picture = self.sheets[name]
        picture.update(seen)
        return sheet.packed(moving)

    def _curves(self, timeline: Timeline, moving: bool) -> bytes | None:
        """The curves, or None where they have not changed or were drawn a moment ago."""
        state = (round_up(timeline.step), [(r.name, timeline.curve(r.name)) for r in timeline.rows])
        if state == self.drawn_curves or (moving and time.monotonic() < self.curves_due):
            return None
        self.curves_due, self.drawn_curves = time.monotonic() + HASTE, state
        if "curves" not in self.sheets:
            sheet = Sheet(1150, 170, 3, filled=False)
            self.sheets["curves"] = sheet, Curves(sheet.axes, timeline.truth)
        sheet, curves = self.sheets["curves"]
        curves.update(timeline)
        return sheet.packed()


def still(timeline: Timeline, view: View, title: str = "") -> plot.Plate:
    """The whole lab as one figure for a page: rows, feature spaces if they are on, and curves."""
    rows = timeline.rows
    looks = [see(row, view, timeline.start["seed"]) for row in rows]
    tall = "features" in view.layers
    width, columns = max(10.6, 2.65 * len(rows)), max(3, len(rows))
    side = width / columns
    height = side * (2 if tall else 1) + 2.9 + 0.3 * any(r.failed for r in rows)
    caption = caption_of(timeline, view, looks)
    with rc_context(plot.STYLE):
        figure = plot.Plate(figsize=(width, height), layout="constrained")
        top, bottom = figure.subfigures(2, 1, height_ratios=[height - 2.5, 2.5])
        axes = top.subplots(2 if tall else 1, columns, squeeze=False)
        for ax in axes[:, len(rows) :].flat:
            ax.set_axis_off()
        for i, (row, seen) in enumerate(zip(rows, looks, strict=True)):
            name = f"{row.name}{' *' if seen.raw else ''}"
            axes[0, i].set_title(name, color=colour(i), fontsize=10.5)
            Plane(axes[0, i], timeline.world.limit).update(seen)
            if tall:
                FeatureSpace(axes[1, i]).update(seen)
            if row.failed:
                reason = _wrapped(row.failed, 42)
                axes[-1, i].set_xlabel(reason, fontsize=7.5, color=plot.MIXED, loc="left")
        Curves(bottom.subplots(1, 3), timeline.truth).update(timeline)
        figure.caption_text = bottom.supxlabel(
            _wrapped(caption, int(width * 12.5)), x=0.012, ha="left", fontsize=9.5, color="#444444"
        )
    figure.caption = caption
    if title:
        figure.suptitle(title, x=0.012, ha="left", fontsize=12, fontweight="bold")
    return figure


def caption_of(timeline: Timeline, view: View, looks: list[Seen]) -> str:
    """What the picture shows, in words; also its alt text."""
    layers = [x for x in view.layers if x not in ("kernels", "path") or view.point]
    data, seed = timeline.start["data"], timeline.start["seed"]
    name = data if isinstance(data, str) else data[0]
    sentences = [
        f"Step {timeline.step} on {name}, seed {seed}; shown: "
        f"{', '.join(LAYERS[x] for x in layers)}."
    ]
    if any(s.raw for s in looks):
        sentences.append("With a star: the raw score from lowest to highest.")
    noted = zip(timeline.rows, looks, strict=True)
    sentences += [f"{r.name}: {s.note}." for r, s in noted if s.note]
    sentences.append(
        "Below: 600 fakes of each row, in its colour, compared with the exact truth (dashed)."
    )
    return " ".join(sentences)


def alt(row: LabRow, timeline: Timeline) -> str:
    """One row's picture in words."""
    curve = timeline.curve(row.name)
    now = "not measured yet"
    if curve:
        last, modes = curve[-1], timeline.truth["modes"]
        now = f"{last.modes:.0f} of {modes:.0f} modes covered, {last.quality:.0%} near a centre"
    stopped = f"; stopped: {row.failed}" if row.failed else ""
    return f"{row.name} at step {timeline.step}: {now}{stopped}"


def colour(i: int) -> str:
    """A row's colour in curves and titles."""
    return plot.VARIANTS[i % len(plot.VARIANTS)]


def round_up(step: int) -> int:
    """The curves' right end: a round number, so that the axis rarely changes.

    >>> round_up(3), round_up(120), round_up(700)
    (50, 200, 1000)
    """
    powers = (10**k for k in range(1, 12))
    return next(n for p in powers for n in (p, 2 * p, 5 * p) if n >= max(step, 50))


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width))
