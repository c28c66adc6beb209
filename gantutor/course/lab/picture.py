"""The lab's pictures: layers of `plot` whose artists stay and move; small figures for the screen, one large one for a page."""

import io
import time

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from gantutor import plot
from gantutor.course.lab.look import LAYERS, Seen, View, see
from gantutor.course.lab.timeline import Row, Timeline

SIDE, DPI = 256, 96  # pixels of a row's square on the screen: four stand side by side
HASTE = 1.0  # seconds between two pictures of the curves while something moves: text is what takes long to draw
CURVES = {"modes": "modes covered", "quality": "share near a centre", "distance": "energy distance"}
LOWEST = 2e-3  # of the energy distance's axis: 600 fakes cannot tell less from 0


class Plane:
    """A row on the plane: every layer's artist is made once and moved then."""

    def __init__(self, ax, limit: float):
        self.ax, self.artists = ax, {}
        plot.square(ax, limit)
        self.limit = limit

    def update(self, seen: Seen) -> None:
        """Show what is seen; layers that are off are hidden."""
        ax, l = self.ax, self.limit  # noqa: E741
        self._put("map", seen.map, lambda d, into: plot.confidence(ax, d, into=into))
        self._put(
            "real", seen.real, lambda d, into: plot.points(ax, d, "real", 4, alpha=0.5, into=into)
        )
        self._put("warp", seen.warp, lambda d, into: plot.warp(ax, d, into=into))
        self._put("fake", seen.fake, lambda d, into: plot.points(ax, d, "fake", 6, into=into))
        self._put("field", seen.field, lambda d, into: plot.arrows(ax, d, zorder=5, into=into))
        k = seen.kernels
        sides = (
            [(None, None)] * 2
            if k is None
            else [(k.reals, k.real_shares), (k.fakes, k.fake_shares)]
        )
        for kind, (x, share) in zip(("real", "fake"), sides, strict=True):
            size = None if x is None else 1500 * share
            self._put(
                f"{kind} kernels",
                x,
                lambda d, into, size=size, kind=kind: plot.points(
                    ax, d, kind, size, alpha=0.9, into=into
                ),
            )
            if x is not None:
                self.artists[f"{kind} kernels"].set(
                    edgecolor="white", linewidth=np.sqrt(size).clip(max=9) / 9, zorder=6
                )  # rims: the map below has their colours
        p = seen.path
        self._put(
            "path", p, lambda d, into: plot.segments(ax, d[:-1], d[1:], plot.LATENT, 2.2, into=into)
        )
        self._put(
            "end",
            None if p is None else p[-1:],
            lambda d, into: plot.points(ax, d, "latent", 36, alpha=1, into=into),
        )
        cross = (
            None
            if seen.point is None
            else np.array(seen.point) + 0.05 * l * np.array([[[-1, 0], [0, -1]], [[1, 0], [0, 1]]])
        )
        self._put("point", cross, lambda d, into: plot.segments(ax, *d, plot.INK, 1.2, into=into))

    def _put(self, name: str, data, layer) -> None:
        artist = self.artists.get(name)
        if data is None:
            if artist is not None:
                artist.set_visible(False)
            return
        self.artists[name] = layer(data, artist)
        self.artists[name].set_visible(True)


class FeatureSpace(Plane):
    """A row's features on two fixed axes: reals, fakes, and pairs with what AdaptiveMix pulls together."""

    def __init__(self, ax):
        super().__init__(ax, 1.0)
        self.label = ax.text(
            0.03, 0.97, "", transform=ax.transAxes, va="top", fontsize=8, color="#555555"
        )

    def update(self, seen: Seen) -> None:
        ax = self.ax
        if seen.features is None:
            return
        real, fake, mix, step = seen.features
        self._put("parents", (mix.a, mix.b), lambda d, into: plot.segments(ax, *d, into=into))
        self._put("real", real, lambda d, into: plot.points(ax, d, "real", 5, alpha=0.5, into=into))
        self._put("fake", fake, lambda d, into: plot.points(ax, d, "fake", 5, alpha=0.5, into=into))
        self._put(
            "gap",
            (mix.target, mix.mixed),
            lambda d, into: plot.segments(ax, *d, plot.MIXED, 1.6, into=into),
        )
        self._put(
            "mixed", mix.mixed, lambda d, into: plot.points(ax, d, "mixed", 22, alpha=1, into=into)
        )
        self._put(
            "target",
            mix.target,
            lambda d, into: plot.points(ax, d, "latent", 9, alpha=1, into=into),
        )
        reach = float(np.quantile(np.abs(np.concatenate([real, fake])), 0.99))
        limit = 2.0 ** (
            np.ceil(2 * np.log2(max(reach, 1e-6) * 1.05)) / 2
        )  # in few sizes, so that the frame does not breathe
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
        self.label.set_text(f"axes of step {step}, side {2 * limit:.2g}\ngap {mix.gap:.2f}")


class Curves:
    """Three measures in time, one line a row, the truth dashed."""

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
        """The figure as PNG; while it moves as JPEG, which takes a sixth of the time and half the bytes."""
        self.canvas.draw()
        size, buffer = self.canvas.get_width_height(), io.BytesIO()
        image = Image.frombuffer(
            "RGBA", size, self.canvas.buffer_rgba(), "raw", "RGBA", 0, 1
        ).convert("RGB")
        image.save(buffer, "jpeg", quality=90, subsampling=0) if moving else image.save(
            buffer, "png", compress_level=1
        )
        return buffer.getvalue()


class Screen:
    """The sheets of a lab: `frame` draws what has changed and returns {name: PNG or JPEG}; names are row indices, "f" + index, "curves"."""

    def __init__(self):
        self.sheets: dict[str, tuple[Sheet, object]] = {}
        self.world = None
        self.drawn_curves: tuple | None = None
        self.curves_due = 0.0

    def frame(
        self, timeline: Timeline, view: View, push: bool = False, moving: bool = False
    ) -> tuple[dict[str, bytes], list[Seen]]:
        """Pictures of all rows, and of the curves where these have changed; and what is seen of each row. While it is `moving`, the
        curves come once a second.
        """
        if timeline.world is not self.world:  # another world has another frame
            self.sheets, self.world, self.drawn_curves = {}, timeline.world, None
        found, looks, seed = {}, [], timeline.start["seed"]
        for i, row in enumerate(timeline.rows):
            seen = see(row, view, seed, push)
            looks.append(seen)
            found[str(i)] = self._draw(
                str(i), lambda sheet: Plane(sheet.axes[0], timeline.world.limit), seen, moving
            )
            if seen.features is not None:
                found[f"f{i}"] = self._draw(
                    f"f{i}", lambda sheet: FeatureSpace(sheet.axes[0]), seen, moving
                )
        state = (round_up(timeline.step), [(r.name, timeline.curve(r.name)) for r in timeline.rows])
        if state != self.drawn_curves and not (moving and time.monotonic() < self.curves_due):
            self.curves_due = time.monotonic() + HASTE
            if "curves" not in self.sheets:
                sheet = Sheet(1150, 170, 3, filled=False)
                self.sheets["curves"] = sheet, Curves(sheet.axes, timeline.truth)
            sheet, curves = self.sheets["curves"]
            curves.update(timeline)
            found["curves"], self.drawn_curves = sheet.packed(), state
        return found, looks

    def _draw(self, name: str, make, seen: Seen, moving: bool) -> bytes:
        if name not in self.sheets:
            sheet = Sheet(SIDE, SIDE)
            self.sheets[name] = sheet, make(sheet)
        sheet, picture = self.sheets[name]
        picture.update(seen)
        return sheet.packed(moving)


def still(timeline: Timeline, view: View, title: str = "") -> plot.Plate:
    """The whole lab as one figure for a page: rows, feature spaces where they are on, curves, caption."""
    rows = timeline.rows
    looks = [see(row, view, timeline.start["seed"]) for row in rows]
    tall = "features" in view.layers
    width = max(10.6, 2.65 * len(rows))
    columns = max(3, len(rows))
    side = width / columns
    caption = caption_of(timeline, view, looks)
    height = side * (2 if tall else 1) + 2.9 + 0.3 * any(r.failed for r in rows)
    with rc_context(plot.STYLE):
        figure = plot.Plate(figsize=(width, height), layout="constrained")
        top, bottom = figure.subfigures(2, 1, height_ratios=[height - 2.5, 2.5])
        axes = top.subplots(2 if tall else 1, columns, squeeze=False)
        for i in range(columns):
            for ax in axes[:, i]:
                ax.set_axis_off() if i >= len(rows) else None
            if i >= len(rows):
                continue
            axes[0, i].set_title(
                f"{rows[i].name}{' *' if looks[i].raw else ''}", color=colour(i), fontsize=10.5
            )
            Plane(axes[0, i], timeline.world.limit).update(looks[i])
            if tall:
                FeatureSpace(axes[1, i]).update(looks[i])
            if rows[i].failed:
                axes[-1, i].set_xlabel(
                    _wrapped(rows[i].failed, 42), fontsize=7.5, color=plot.MIXED, loc="left"
                )
        curves = Curves(bottom.subplots(1, 3), timeline.truth)
        curves.update(timeline)
        figure.caption_text = bottom.supxlabel(
            _wrapped(caption, int(width * 12.5)), x=0.012, ha="left", fontsize=9.5, color="#444444"
        )
    figure.caption = caption
    if title:
        figure.suptitle(title, x=0.012, ha="left", fontsize=12, fontweight="bold")
    return figure


def caption_of(timeline: Timeline, view: View, looks: list[Seen]) -> str:
    """What the picture shows, in words: also its alt text."""
    shown = ", ".join(LAYERS[x] for x in view.layers if x not in ("kernels", "path") or view.point)
    data = timeline.start["data"]
    words = f"Step {timeline.step} on {data if isinstance(data, str) else data[0]}, seed {timeline.start['seed']}; shown: {shown}. "
    if any(s.raw for s in looks):
        words += "With a star: the raw score from lowest to highest. "
    if any(s.note for s in looks):
        words += (
            " ".join(
                f"{r.name}: {s.note}." for r, s in zip(timeline.rows, looks, strict=True) if s.note
            )
            + " "
        )
    return words + "Below: 600 fakes of each row, in its colour, against the exact truth (dashed)."


def alt(row: Row, timeline: Timeline) -> str:
    """One row's picture in words."""
    seen = timeline.curve(row.name)
    now = (
        f"{seen[-1].modes:.0f} of {timeline.truth['modes']:.0f} modes covered, {seen[-1].quality:.0%} near a centre"
        if seen
        else "not measured yet"
    )
    return f"{row.name} at step {timeline.step}: {now}" + (
        f"; stopped: {row.failed}" if row.failed else ""
    )


def colour(i: int) -> str:
    """A row's colour in curves and titles."""
    return plot.VARIANTS[i % len(plot.VARIANTS)]


def round_up(step: int) -> int:
    """The curves' right end: few sizes, so that the axis stands still."""
    return next(
        n for k in range(1, 12) for n in (10**k, 2 * 10**k, 5 * 10**k) if n >= max(step, 50)
    )


def _wrapped(text: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width))
