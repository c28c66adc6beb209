"""Decode 200 damaged pictures of every format, in a process that a decoder may end.

Run by test_pictures.py. Prints a line per format with how many were decoded and how many refused;
exits with 1 if one raised anything but a DataError that names it.
"""

import io
import random
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from gantutor.datasets import DataError
from gantutor.images.pictures import pixels, readable, strict_pillow

COUNT = 200
rng = random.Random(0)


def originals() -> dict[str, bytes]:
    """One whole picture by file name; several variants of the common formats."""
    gradient = np.add.outer(np.arange(24), np.arange(30))
    rgb = np.stack([gradient * 4, gradient * 2, 255 - gradient], 2).astype(np.uint8)
    rgb[::5] = np.random.default_rng(0).integers(0, 256, rgb[::5].shape)
    colour = Image.fromarray(rgb)
    deep = Image.fromarray((gradient * 1000).astype(np.uint16))
    # the formats that Pillow writes
    palette, bit, alpha = colour.convert("P"), colour.convert("1"), colour.convert("RGBA")
    frames = {"save_all": True, "append_images": [colour.rotate(90)]}
    ways = {
        "rgb.jpg": (colour, {}),
        "progressive.jpg": (colour, {"progressive": True}),
        "cmyk.jpg": (colour.convert("CMYK"), {}),
        "rgb.png": (colour, {}),
        "palette.png": (palette, {}),
        "alpha.png": (alpha, {}),
        "deep.png": (deep, {}),
        "bit.png": (bit, {}),
        "two.apng": (colour, frames),
        "lossy.webp": (colour, {}),
        "exact.webp": (colour, {"lossless": True}),
        "rgb.bmp": (colour, {}),
        "palette.bmp": (palette, {}),
        "one.gif": (colour, {}),
        "two.gif": (colour, frames),
        "raw.tiff": (colour, {}),
        "lzw.tiff": (colour, {"compression": "tiff_lzw"}),
        "jpeg.tif": (colour, {"compression": "jpeg"}),
        "deep.tif": (deep, {"compression": "tiff_adobe_deflate"}),
        "rgb.ppm": (colour, {}),
        "deep.pgm": (deep, {}),
        "bit.pbm": (bit, {}),
        "rgb.tga": (colour, {"compression": "tga_rle"}),
        "rgb.pcx": (colour, {}),
        "rgb.sgi": (colour, {}),
        "rgb.jp2": (colour, {}),
        "rgb.avif": (colour, {}),
        "rgb.ico": (colour, {}),
        "rgb.icns": (colour, {}),
        "rgb.im": (colour, {}),
        "bit.xbm": (bit, {}),
        "rgb.dds": (colour, {}),
        "rgb.dib": (colour, {}),
        "bit.msp": (bit, {}),
        "rgb.qoi": (colour, {}),
    }
    made, formats = {}, readable()
    for name, (picture, how) in ways.items():
        out = io.BytesIO()
        kind = formats[f".{name.rpartition('.')[2]}"]
        if kind not in Image.SAVE:
            continue
        try:
            picture.save(out, kind, **how)
        except (OSError, KeyError, ValueError):  # a Pillow without that library
            continue
        made[name] = out.getvalue()
    assert len(made) >= 25, sorted(made)
    return made


def chunks(data: bytes) -> list[list]:
    """The chunks of a PNG: length, kind, content, checksum."""
    found, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        found.append([length, data[at + 4 : at + 8], data[at + 8 : end], data[end : end + 4]])
        at += 12 + length
    return found


def damaged_png(data: bytes) -> bytes:
    """A PNG with one chunk of a wrong length or checksum, missing, doubled, or wrong inside."""
    parts = chunks(data)
    chosen = rng.randrange(len(parts))
    length, kind, content, _ = parts[chosen]
    how = rng.randrange(6)
    if how == 0:
        lengths = [0, 1, length + 1, max(length - 1, 0), 2**31 - 1, 2**32 - 1]
        parts[chosen][0] = rng.choice(lengths)
    elif how == 1:
        parts[chosen][3] = rng.randbytes(4)
    elif how == 2:
        del parts[chosen]
    elif how == 3:
        parts.insert(chosen, parts[chosen])
    else:  # the content is wrong, with the right checksum
        if how == 4:
            content = content[: rng.randrange(len(content) + 1)]
        elif content:
            place = rng.randrange(len(content))
            content = content[:place] + rng.randbytes(1) + content[place + 1 :]
        parts[chosen] = [len(content), kind, content, struct.pack(">I", zlib.crc32(kind + content))]
    return data[:8] + b"".join(struct.pack(">I", n) + k + c + s for n, k, c, s in parts)


def damaged(data: bytes, name: str) -> bytes:
    how = rng.randrange(5)
    if how == 0:
        return data[: rng.randrange(len(data))]
    if name.endswith("png") and how in (1, 2):
        return damaged_png(data)
    if how == 3:  # a piece is missing, or replaced by zeros
        a, b = sorted(rng.randrange(len(data)) for _ in range(2))
        return data[:a] + bytes(b - a if rng.random() < 0.5 else 0) + data[b:]
    changed = bytearray(data)
    first = rng.random() < 0.5  # half of them in the header
    for _ in range(rng.choice([1, 1, 2, 8])):
        changed[rng.randrange(min(64, len(data)) if first else len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def main() -> int:
    formats, wrong = readable(), 0
    with strict_pillow():
        for name, whole in originals().items():
            image, _ = pixels(whole, 16, "crop", name, Path("set"), formats)
            assert image.shape == (3, 16, 16) and image.std() > 20, name
            decoded = refused = 0
            for number in range(COUNT):
                data = damaged(whole, name)
                try:
                    image, _ = pixels(data, 16, "crop", name, Path("set"), formats)
                    assert image.shape == (3, 16, 16)
                    decoded += 1
                except DataError as error:
                    refused += 1
                    named = str(error).startswith(f"image {name} in set cannot be read")
                    if not named or "\n" in str(error):
                        print(f"{name} {number}: {error}")
                        wrong += 1
                except BaseException as error:
                    print(f"{name} {number}: {type(error).__name__}: {error}")
                    wrong += 1
            print(f"{name}: {decoded} decoded, {refused} refused", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
