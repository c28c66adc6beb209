"""Named layers on a matplotlib Figure, one palette with one meaning in the whole course. Never touches pyplot's global state."""

import io
import textwrap

import matplotlib as mpl
import matplotlib.patches
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from gantutor.statistics import t_interval

# Green is real, purple is fake, in points as in maps (PRGn: safe for colour-blind readers); orange pushes, blue is latent.
REAL, FAKE, PUSH, LATENT, MIXED, INK, PALE = (
    "#1b7837",
    "#762a83",
    "#e08214",
    "#2166ac",
    "#b2182b",
    "#222222",
    "#bbbbbb",
)
CONFIDENCE = "PRGn"
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
    """A Figure that shows itself at the end of a cell and carries its caption."""

    caption = ""
    caption_text = None  # its artist; a page that sets the caption in type of its own hides it

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: Figure, dpi: int = 110) -> bytes:
    """The figure as PNG bytes."""
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
    """A Plate and its axes (rows, columns). `size`: inches of a panel's width, `aspect` its height over its width."""
    lines = textwrap.wrap(caption, int(columns * size * 13)) if caption else []
    height = rows * (size * aspect + 0.35) + 0.19 * len(lines) + 0.1
    with mpl.rc_context(STYLE):
        figure = Plate(figsize=(columns * size + 0.3, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share)
        for ax, title in zip(axes.flat, titles, strict=False):
            ax.set_title(title)
        if lines:
            below = 0.19 * len(lines) + 0.08
            figure.caption_text = figure.text(
                0.012,
                0.06 / height,
                "\n".join(lines),
                fontsize=9.5,
                color="#444444",
                va="bottom",
                linespacing=1.25,
            )
            figure.get_layout_engine().set(rect=(0, below / height, 1, 1 - below / height))
    figure.caption = caption
    return figure, axes


def square(ax, limit: float) -> None:
    """The plane: equal aspect, no ticks, same limits in all panels."""
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[], aspect="equal")
    for side in ax.spines.values():
        side.set_visible(True)
        side.set_color("#cccccc")


def confidence(ax, field, low: float = 0.0, high: float = 1.0, into=None):
    """Layer: a Map in PRGn; green where D says real. For raw scores give the colour limits `low` and `high`.

    This layer and the others return their artist; handed back as `into` it is updated in place, for pictures that move:
    building a figure costs more than a training step.
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
    """Layer: a map on a triangle (`fields.image_slice`) with its corners named; green is the higher score."""
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
        ax.text(
            x,
            y + (0.08 if y > 0 else -0.08),
            name,
            ha="center",
            va="bottom" if y > 0 else "top",
            fontsize=9,
            color=INK,
        )
    ax.set(xlim=(-1.25, 1.25), ylim=(-1.2, 1.2), aspect="equal")
    ax.set_axis_off()
    return image


def points(
    ax, x, kind: str = "fake", size=5.0, label: str | None = None, alpha: float = 0.75, into=None
):
    """Layer: points (N, 2); `kind` is "real", "fake", "latent" or "mixed" and gives the colour; `size` of all, or (N,) of each."""
    if into is not None:
        into.set_offsets(np.asarray(x))
        if np.ndim(size):
            into.set_sizes(size)
        return into
    colour = {"real": REAL, "fake": FAKE, "latent": LATENT, "mixed": MIXED}[kind]
    x = np.asarray(x)
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
    """Layer: arrows; `length` (in data units) of the longest, by default 1.1 spacings of their grid. Lengths are true to scale."""
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
    """Layers of a Look: map, real points (N, 2) if given, fakes and their arrows. Raw scores get colour limits of their own."""
    low, high = 0.0, 1.0
    if look.raw:  # white is the middle of what D says here: a raw score has no fixed zero
        low, high = np.quantile(look.map.values, [0.02, 0.98])
    image = confidence(ax, look.map, low, high)
    if real is not None:
        points(ax, real, "real", alpha=0.45)
    points(ax, look.fakes, "fake")
    if push:
        arrows(ax, look.arrows, zorder=5)
    return image


def warp(ax, grid, colour: str = LATENT, into=None):
    """Layer: the image of a latent grid (n, n, 2) as a net of lines."""
    lines = [*grid, *np.swapaxes(grid, 0, 1)]
    if into is not None:
        into.set_segments(lines)
        return into
    return ax.add_collection(
        LineCollection(lines, colors=colour, linewidths=0.7, alpha=0.8, zorder=2)
    )


def segments(ax, start, end, colour: str = PALE, width: float = 0.8, into=None):
    """Layer: a line from each start to each end, both (N, 2)."""
    if into is not None:
        into.set_segments(np.stack([start, end], 1))
        return into
    return ax.add_collection(
        LineCollection(np.stack([start, end], 1), colors=colour, linewidths=width, zorder=2)
    )


def images(ax, batch, columns: int = 8, into=None):
    """Layer: a sheet of images (N, C, H, W) in [-1, 1]."""
    x = ((np.asarray(batch) + 1) / 2).clip(0, 1).transpose(0, 2, 3, 1)
    rows = -(-len(x) // columns)
    x = np.concatenate([x, np.ones((rows * columns - len(x), *x.shape[1:]), x.dtype)])
    sheet = (
        x.reshape(rows, columns, *x.shape[1:])
        .swapaxes(1, 2)
        .reshape(rows * x.shape[1], columns * x.shape[2], -1)
    )
    sheet = sheet if sheet.shape[-1] == 3 else sheet[..., 0]
    if into is not None:
        into.set_data(sheet)
        return into
    ax.set_axis_off()
    return ax.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")


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
    """Layer by seaborn: every seed a dot, the mean with its 95 % t interval beside it; `truth` a dashed line."""
    import seaborn as sns

    order = order or list(dict.fromkeys(frame[x]))
    colours = dict(zip(order, palette or VARIANTS, strict=False))
    with mpl.rc_context(STYLE):
        if truth is not None:
            ax.axhline(truth, color=REAL, linestyle="--", linewidth=1.2, zorder=1)
        sns.stripplot(
            frame,
            x=x,
            y=y,
            hue=x,
            order=order,
            hue_order=order,
            palette=colours,
            ax=ax,
            size=4.5,
            alpha=0.45,
            jitter=0.12,
            legend=False,
        )
        sns.pointplot(
            frame,
            x=x,
            y=y,
            hue=x,
            order=order,
            hue_order=order,
            palette=colours,
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
    """Layer by seaborn: the mean over seeds with its 95 % t interval as a band, one line a variant; `truth` a dashed line."""
    import seaborn as sns

    order = order or list(dict.fromkeys(frame[hue]))
    with mpl.rc_context(STYLE):
        if truth is not None:
            ax.axhline(truth, color=REAL, linestyle="--", linewidth=1.2, zorder=1)
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
