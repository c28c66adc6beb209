"""One picture, from the bytes of its file to a square uint8 array, decoded by Pillow."""

import io
import posixpath
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gantutor.datasets import DataError
from gantutor.images.account import first_line, shown

PIXELS = 2**27  # of a picture: 11585 x 11585
PHOTOMETRIC = 262  # the TIFF tag for what zero means; its value 0 means white
ORIENTATION = 0x0112  # the EXIF tag for how the camera was held
# Pillow's formats that are not read. EPS needs Ghostscript, a program that runs what the file
# contains; WMF is drawn on Windows only; of BUFR to MPEG Pillow knows only the name; FITS holds
# measurements without a white, and IPTC notes to a picture.
NO_PICTURES = ("EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "FITS", "IPTC")
# formats recognised by how the file begins, whatever its suffix is
KNOWN_BY_CONTENT = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")

_pillow = threading.Lock()


def readable() -> dict[str, str]:
    """Return the suffixes of the pictures that are read, with Pillow's names of their formats."""
    from PIL import Image

    known = Image.registered_extensions().items()
    found = {end: kind for end, kind in known if kind in Image.OPEN and kind not in NO_PICTURES}
    return found | {".mpo": "JPEG"}  # two photos in one file, of which the first is a plain JPEG


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Set Pillow's switches as needed here, whatever the program has set, without its warnings."""
    from PIL import Image, ImageFile

    with _pillow:  # switches and filters belong to the whole process
        kept = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
        # otherwise missing parts of a picture would be filled with grey
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = False, PIXELS
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = kept


def pixels(
    data: bytes, size: int, fit: str, name: str, source: Path, formats: dict[str, str]
) -> tuple[np.ndarray, list[str]]:
    """Decode a picture, turn it upright, crop the middle square or squash it, and resize it.

    `formats` is `readable()`. Returns uint8 (3, size, size) and what was not used of the picture.
    Raises DataError with the picture's name. Call it within `strict_pillow`.
    """
    try:
        known = [kind for kind in KNOWN_BY_CONTENT if kind in formats.values()]
        kind = formats[posixpath.splitext(name)[1].lower()]
        image, changes = _picture(data, tuple(dict.fromkeys([*known, kind])))
    except Exception as error:  # a decoder may raise anything for wrong bytes
        # the message of this error contains an address in memory
        unknown = type(error).__name__ == "UnidentifiedImageError"
        why = "unknown format" if unknown else shown(first_line(error))
        raise DataError(
            f"image {shown(name)} in {source} cannot be read: replace or delete it ({why})"
        ) from error
    if fit == "crop":
        height, width = image.shape[1:]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        image = image[:, top : top + side, left : left + side]
    upright = torch.from_numpy(np.array(image, order="C"))[None]  # a copy: Pillow's is read-only
    return resized(upright, size)[0].numpy(), changes


def resized(images: Tensor, size: int) -> Tensor:
    """Return images as uint8 (N, C, size, size), resized bilinearly with antialiasing."""
    if images.shape[-2:] != (size, size):
        images = torch.nn.functional.interpolate(
            images.float(), (size, size), mode="bilinear", antialias=True
        )
    return images.round().clamp(0, 255).to(torch.uint8) if images.is_floating_point() else images


def _picture(data: bytes, formats: tuple[str, ...]) -> tuple[np.ndarray, list[str]]:
    """Return a picture as a viewer shows it, uint8 (3, H, W), and what was dropped of it."""
    from PIL import Image

    # libjpeg fills missing parts with grey; a complete file has its end mark after the last scan
    if data[:2] == b"\xff\xd8" and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise ValueError("half a JPEG")
    changes = []
    with Image.open(io.BytesIO(data), formats=formats) as image:
        if image.format == "PNG":
            # decoding compares no checksums and stops at the last row
            with Image.open(io.BytesIO(data), formats=("PNG",)) as chunks:
                chunks.verify()
        if image.format not in ("JPEG", "MPO", "PSD") and getattr(image, "is_animated", False):
            changes.append("by its first frame")
        raw = _raw_mode(image)
        image.load()  # from here on the mode does not change
        if image.has_transparency_data and not image.mode.startswith(("I", "F")):
            changes += _transparency(image)
        array = _bytes(image, raw, data, formats)
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, 2)
    return array.transpose(2, 0, 1), changes


def _transparency(image) -> list[str]:
    bands = image.getbands()
    if bands[-1] not in ("A", "a"):  # for example one colour of a palette
        image = image.convert("RGBA")
    alpha = image.getchannel(image.getbands()[-1])
    return ["without transparency"] if alpha.getextrema()[0] < 255 else []


def _bytes(image, raw: str, data: bytes, formats: tuple[str, ...]) -> np.ndarray:
    """Return a loaded picture, upright, as uint8 (H, W, 3) or (H, W); deeper values are scaled."""
    # Pillow inverts a TIFF whose zero is white if it has 8 bits, and leaves deeper ones as they are
    negative = image.format == "TIFF" and image.tag_v2.get(PHOTOMETRIC) == 0
    if image.mode.startswith("I;16"):
        white = 4095 if raw == "I;12" else 65535
        values = np.asarray(_upright(image))
        return _scaled(white - values if negative else values, white)
    if image.mode == "I":
        return _integers(np.asarray(_upright(image)), image.format)
    if image.mode == "F":
        values = np.asarray(_upright(image))
        if not (values.min() >= 0 and values.max() <= 1):
            raise ValueError(f"float values from {values.min()} to {values.max()}: expected 0 to 1")
        return np.rint((1 - values if negative else values) * 255).astype(np.uint8)
    if image.mode in ("RGBa", "La"):  # the only way in which Pillow turns these into RGB
        image = image.convert(image.mode.upper())
    high = np.asarray(_upright(image if image.mode == "RGB" else image.convert("RGB")))
    low_raw = _low_bytes(raw)
    return high if low_raw is None else _deep_colours(high, low_raw, data, formats)


def _integers(values: np.ndarray, kind: str) -> np.ndarray:
    """Scale 32-bit integers if their white is known to be 65535, as in PNG and PPM."""
    low, high = int(values.min()), int(values.max())
    # in other formats, values above 255 show that there are 16 bits
    known = kind in ("PNG", "PPM") or high == 0 or high > 255
    if low < 0 or high > 65535 or not known:
        raise ValueError(f"32-bit values from {low} to {high}: save it with 8 or 16 bits")
    return _scaled(values, 65535)


def _deep_colours(
    high: np.ndarray, low_raw: str, data: bytes, formats: tuple[str, ...]
) -> np.ndarray:
    """Scale 16-bit colours, of which Pillow decodes only the high bytes.

    Decoding the file a second time with the other byte order gives the low bytes.
    """
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=formats) as again:
        again.tile = [t._replace(args=_replaced(t.args, low_raw)) for t in again.tile]
        again.load()
        again.info.pop("transparency", None)
        low = np.asarray(_upright(again if low_raw == "RGBA" else again.convert("RGB")))
    if low_raw == "RGBA":  # grey with alpha, decoded as its four bytes
        return _scaled(low[:, :, 0] * np.uint16(256) + low[:, :, 1], 65535)
    return _scaled(high * np.uint16(256) + low, 65535)


def _raw_mode(image) -> str:
    """Return Pillow's name for the layout of the pixels in an opened file, "" if unknown."""
    found = set()
    for tile in image.tile:
        args = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        found.add(args[0] if args and isinstance(args[0], str) else "")
    return found.pop() if len(found) == 1 else ""


def _low_bytes(raw: str) -> str | None:
    """Return the raw mode that reads the low bytes of 16-bit colours, None for other pictures."""
    if raw == "LA;16B":
        return "RGBA"
    if not re.fullmatch(r"RGB[AX]?;16[BLN]", raw):
        return None
    little = raw[-1] == "L" or (raw[-1] == "N" and sys.byteorder == "little")
    return raw[:-1] + ("B" if little else "L")


def _replaced(args, raw: str):
    return raw if isinstance(args, str) else (raw, *args[1:])


def _scaled(values: np.ndarray, white: int) -> np.ndarray:
    """Return the nearest bytes when white becomes 255."""
    return ((values.astype(np.int64) * 255 * 2 + white) // (2 * white)).astype(np.uint8)


def _upright(image):
    """Return the picture as the camera was held, according to EXIF."""
    from PIL import ImageOps

    try:
        turn = image.getexif().get(ORIENTATION)
    except Exception:  # unreadable EXIF does not damage the picture
        return image
    return ImageOps.exif_transpose(image) if turn in (2, 3, 4, 5, 6, 7, 8) else image
