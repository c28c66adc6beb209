"""Pictures as files of the site."""

import io
from pathlib import Path

from PIL import Image

from gantutor.files import replacing


def save_picture(content: bytes, out: Path, folder: str, name: str) -> tuple[str, tuple[int, int]]:
    """Write a picture to out/folder/name.png, and return its address on the site and its size.

    It gets a palette of 256 colours of its own, which takes a third of the bytes.
    """
    with Image.open(io.BytesIO(content)) as opened:
        flat = Image.new("RGB", opened.size, "white")
        picture = opened.convert("RGBA")
        flat.paste(picture, mask=picture)
    small = flat.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    with replacing(out / folder / f"{name}.png") as partial:
        small.save(partial, "PNG", optimize=True)
    return f"{folder}/{name}.png", flat.size


def undamaged(path: Path) -> bytes | None:
    """The bytes of a picture that can be decoded, None where it is missing or damaged."""
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
    # the kinds of error that Pillow raises for a damaged file
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return content
