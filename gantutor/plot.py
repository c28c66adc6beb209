"""Named layers on a matplotlib Figure, with one palette that has one meaning in the whole course.

A layer draws on an Axes and returns its artist. Hand that back as `into` and the layer updates it
in place, which is how pictures move: building a new figure costs more than a training step.
Nothing here touches pyplot's global state, which would be shared between threads.

>>> figure, axes = plate(2, titles=["real", "fake"])
>>> axes.shape
(1, 2)
>>> layer = points(axes[0, 0], [[0.0, 1.0]], "real")
>>> points(axes[0, 0], [[1.0, 1.0]], into=layer) is layer
True
"""

import io
import textwrap

import matplotlib as mpl
import matplotlib.patches
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from gantutor.plain import one_of
from gantutor.statistics import t_interval

# Green is real and purple is fake, in points and in maps (PRGn is safe for colour-blind readers).
REAL = "#1b7837"
FAKE = "#762a83"
PUSH = "#e08214"  # gradients and other arrows
LATENT = "#2166ac"
MIXED = "#b2182b"
INK = "#222222"
PALE = "#bbbbbb"
CONFIDENCE = "PRGn"
KINDS = {"real": REAL, "fake": FAKE, "latent": LATENT, "mixed": MIXED}
VARIANTS = [INK, PUSH, LATENT, "#c51b7d", "#35978f", "#8c510a", "#7f7f7f", "#542788"]
STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": INK,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "lines.linewidth": 2.0,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "legend.frameon": False,
}


class Plate(Figure):
    """A Figure that shows itself at the end of a notebook cell and has a caption."""

    caption = ""
    caption_text = None  # the caption's artist; a page that prints the caption as text hides it

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: Figure, dpi: int = 110) -> bytes:
    """Return the figure as PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def plate(
    columns: int = 1,
    rows: int = 1,
    size: float = 3.2,
    titles: list[str] | tuple[str, ...] = (),
    caption: str = "",
    aspect: float = 1.0,
    share: bool = False,
) -> tuple[Plate, np.ndarray]:
    """Return a Plate and its axes, an array (rows, columns).

    `size` is the width of a panel in inches and `aspect` its height divided by its width. `share`:
    all panels have the same axes.
    """
    lines = textwrap.wrap(caption, int(columns * size * 13)) if caption else []
    height = rows * (size * aspect + 0.35) + 0.19 * len(lines) + 0.1
    with mpl.rc_context(STYLE):
        figure = Plate(figsize=(columns * size + 0.3, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share)
        for ax, title in zip(axes.flat, titles, strict=False):
            ax.set_title(title)
        if lines:
            _caption(figure, lines, height)
    figure.caption = caption
    return figure, axes


def _caption(figure: Plate, lines: list[str], height: float) -> None:
    """Write the caption's lines below the panels of a figure of this height in inches."""
    figure.caption_text = figure.text(
        0.012,
        0.06 / height,
        "\n".join(lines),
        fontsize=9.5,
        color="#444444",
        va="bottom",
        linespacing=1.25,
    )
    below = 0.19 * len(lines) + 0.08
    figure.get_layout_engine().set(rect=(0, below / height, 1, 1 - below / height))


def square(ax, limit: float) -> None:
    """Make the panel a square [-limit, limit]^2 of the plane: equal aspect, no ticks."""
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[], aspect="equal")
    for side in ax.spines.values():
        side.set_visible(True)
        side.set_color("#cccccc")


def confidence(ax, field, low: float = 0.0, high: float = 1.0, into=None):
    """Layer: a Map in PRGn, green where D takes points for real.

    `low` and `high` are the colour limits; the defaults are for confidences, not for raw scores.
    """
    if into is not None:
        into.set_data(field.values)
        return into
    side = [-field.limit, field.limit] * 2
    image = ax.imshow(
        field.values,
        origin="lower",
        extent=side,
        cmap=CONFIDENCE,
        vmin=low,
        vmax=high,
        alpha=0.75,
        interpolation="bilinear",
        zorder=0,
    )
    square(ax, field.limit)
    return image


def triangle(ax, field, corners, names: tuple[str, ...] = ("real 1", "real 2", "fake")):
    """Layer: a map on a triangle (`fields.image_slice`) with named corners; green is higher."""
    image = ax.imshow(
        field.values,
        origin="lower",
        extent=[-1, 1, -1, 1],
        cmap=CONFIDENCE,
        interpolation="nearest",
    )
    ax.add_patch(
        mpl.patches.Polygon(corners, closed=True, fill=False, edgecolor="#888888", linewidth=1)
    )
    for (x, y), name in zip(corners, names, strict=True):
        place, side = (y + 0.08, "bottom") if y > 0 else (y - 0.08, "top")
        ax.text(x, place, name, ha="center", va=side, fontsize=9, color=INK)
    ax.set(xlim=(-1.25, 1.25), ylim=(-1.2, 1.2), aspect="equal")
    ax.set_axis_off()
    return image


def points(
    ax, x, kind: str = "fake", size=5.0, label: str | None = None, alpha: float = 0.75, into=None
):
    """Layer: points (N, 2).

    `kind` is "real", "fake", "latent" or "mixed" and determines the colour. `size` is one number,
    or (N,) for each point. Raises ValueError for another kind.
    """
    colour = KINDS[one_of("kind", kind, KINDS)]
    if into is not None:
        into.set_offsets(_array(x))
        if np.ndim(size):
            into.set_sizes(size)
        return into
    x = _array(x)
    return ax.scatter(
        x[:, 0],
        x[:, 1],
        s=size,
        c=colour,
        alpha=alpha,
        linewidths=0,
        label=label,
        zorder=3 if kind == "real" else 4,
    )


def arrows(
    ax,
    field,
    colour: str = PUSH,
    length: float | None = None,
    width: float = 0.006,
    zorder: int = 2,
    into=None,
):
    """Layer: arrows whose lengths are true to scale.

    `length` is that of the longest arrow in data units, by default 1.1 spacings of their grid.
    """
    norm = np.linalg.norm(field.vectors, axis=-1)
    n = max(2, int(np.sqrt(len(field.points))))
    length = length or 1.1 * np.ptp(field.points[:, 0]) / n
    scale = (norm.max() or 1.0) / length
    if into is not None:
        into.set_offsets(field.points)
        into.set_UVC(*field.vectors.T)
        into.scale = scale
        return into
    return ax.quiver(
        *field.points.T,
        *field.vectors.T,
        color=colour,
        angles="xy",
        scale_units="xy",
        scale=scale,
        width=width,
        zorder=zorder,
    )


def scene(ax, look, real=None, push: bool = True):
    """Layers of a Look: its map, real points (N, 2) if given, its fakes and their arrows.

    `push`: whether the arrows are drawn.
    """
    low, high = 0.0, 1.0
    if look.raw:  # a raw score has no fixed zero, so white is the middle of the scores shown
        low, high = np.quantile(look.map.values, [0.02, 0.98])
    image = confidence(ax, look.map, low, high)
    if real is not None:
        points(ax, real, "real", alpha=0.45)
    points(ax, look.fakes, "fake")
    if push:
        arrows(ax, look.arrows, zorder=5)
    return image


def warp(ax, grid, colour: str = LATENT, into=None):
    """Layer: the image of a latent grid (n, n, 2) as a mesh of lines."""
    mesh = [*grid, *np.swapaxes(grid, 0, 1)]
    if into is not None:
        into.set_segments(mesh)
        return into
    lines = LineCollection(mesh, colors=colour, linewidths=0.7, alpha=0.8, zorder=2)
    return ax.add_collection(lines)


def segments(ax, start, end, colour: str = PALE, width: float = 0.8, into=None):
    """Layer: a line from each start to each end, both (N, 2)."""
    pairs = np.stack([start, end], 1)
    if into is not None:
        into.set_segments(pairs)
        return into
    return ax.add_collection(LineCollection(pairs, colors=colour, linewidths=width, zorder=2))


def images(ax, batch, columns: int = 8, into=None):
    """Layer: a sheet of images (N, C, H, W) in [-1, 1], row by row."""
    sheet = _sheet(_array(batch), columns)
    if into is not None:
        into.set_data(sheet)
        return into
    ax.set_axis_off()
    return ax.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def _array(values) -> np.ndarray:
    """Values as a NumPy array; a tensor may be on any device."""
    return np.asarray(values.cpu() if hasattr(values, "cpu") else values)


def _sheet(batch: np.ndarray, columns: int) -> np.ndarray:
    """Return images (N, C, H, W) side by side in [0, 1]: (H, W, 3), or (H, W) if they are grey."""
    x = ((batch + 1) / 2).clip(0, 1).transpose(0, 2, 3, 1)
    rows = -(-len(x) // columns)
    white = np.ones((rows * columns - len(x), *x.shape[1:]), x.dtype)
    cells = np.concatenate([x, white]).reshape(rows, columns, *x.shape[1:])
    _, height, width, channels = x.shape
    sheet = cells.swapaxes(1, 2).reshape(rows * height, columns * width, channels)
    return sheet if channels == 3 else sheet[..., 0]


def spread(
    ax,
    frame,
    x: str = "variant",
    y: str = "value",
    order: list[str] | None = None,
    truth: float | None = None,
    label: str = "",
    palette: list[str] | None = None,
):
    """Layer by seaborn: a dot per seed, and the mean with its 95 % t interval.

    `frame` is a pandas table with the columns `x` (the variant) and `y`; `order` and `palette` are
    of the variants. `truth` is a dashed line.
    """
    import seaborn as sns

    order = order or list(dict.fromkeys(frame[x]))
    colours = dict(zip(order, palette or VARIANTS, strict=False))
    shared = {"x": x, "y": y, "hue": x, "order": order, "hue_order": order, "palette": colours}
    with mpl.rc_context(STYLE):
        _truth(ax, truth)
        sns.stripplot(frame, **shared, ax=ax, size=4.5, alpha=0.45, jitter=0.12, legend=False)
        sns.pointplot(
            frame,
            **shared,
            ax=ax,
            errorbar=t_interval,
            linestyle="none",
            markers="_",
            markersize=14,
            err_kws={"linewidth": 2},
            legend=False,
        )
    ax.set(xlabel="", ylabel=label or y)
    ax.tick_params(axis="x", labelrotation=20 if len(order) > 3 else 0, length=0)
    return ax


def curves(
    ax,
    frame,
    x: str = "step",
    y: str = "value",
    hue: str = "variant",
    order: list[str] | None = None,
    truth: float | None = None,
    label: str = "",
    palette: list[str] | None = None,
    legend: bool = True,
):
    """Layer by seaborn: each variant's mean over seeds, with its 95 % t interval as a band.

    `frame` is a pandas table with the columns `x`, `y` and `hue` (the variant); `order` and
    `palette` are of the variants. `truth` is a dashed line.
    """
    import seaborn as sns

    order = order or list(dict.fromkeys(frame[hue]))
    with mpl.rc_context(STYLE):
        _truth(ax, truth)
        sns.lineplot(
            frame,
            x=x,
            y=y,
            hue=hue,
            hue_order=order,
            palette=dict(zip(order, palette or VARIANTS, strict=False)),
            ax=ax,
            errorbar=t_interval,
            legend="auto" if legend else False,
        )
    ax.set(ylabel=label or y)
    if legend and ax.get_legend() is not None:
        ax.get_legend().set_title(None)
    return ax


def _truth(ax, truth: float | None) -> None:
    if truth is not None:
        ax.axhline(truth, color=REAL, linestyle="--", linewidth=1.2, zorder=1)
