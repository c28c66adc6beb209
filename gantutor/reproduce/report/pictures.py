"""Pictures of runs as data URIs, so that the page is one file."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

NARROW = 700  # pixels: the copies of the pictures of a table's rows are no wider


@dataclass(frozen=True)
class Picture:
    """A picture on the page; `data` is None where its file is missing or damaged."""

    name: str
    caption: str
    data: str | None


def picture(folder: Path, figure: dict[str, str], width: int | None = None) -> Picture:
    """A figure that a record names, from the run's folder, no wider than `width` pixels."""
    path = folder / figure["file"]
    return Picture(path.name, figure["caption"], _data(path, width))


def readable(path: Path) -> bool:
    """Whether a picture is there and complete."""
    try:
        with Image.open(path) as opened:
            opened.load()
    except Exception:  # for a damaged file Pillow raises errors of many kinds
        return False
    return True


def _data(path: Path, width: int | None) -> str | None:
    """A picture in WebP on white, as a data URI."""
    try:
        with Image.open(path) as opened:
            found = opened.convert("RGBA")
    except Exception:  # as above
        return None
    flat = Image.new("RGB", found.size, "white")
    flat.paste(found, mask=found)
    if width and flat.width > width:
        size = (width, round(flat.height * width / flat.width))
        flat = flat.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    flat.save(buffer, "WEBP", quality=85, method=2)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
