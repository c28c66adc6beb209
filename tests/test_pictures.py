"""One picture: depth, colours, orientation, animations, bombs, and damage of any kind."""

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from imagefiles import encoded, opened, own_places, png
from PIL import Image, ImageFile

from gantutor.images import DataError, folders


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    own_places(tmp_path, monkeypatch)


def test_a_damaged_picture_of_any_format_is_named_and_never_ends_the_process():
    script = Path(__file__).with_name("fuzz_pictures.py")
    command = [sys.executable, "-W", "error", str(script)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, (ran.returncode, ran.stdout[-2000:], ran.stderr[-2000:])
    assert ran.stdout.count(" decoded, ") >= 25
    assert "rgb.png: " in ran.stdout and "lossy.webp: " in ran.stdout


DEEP = np.array(
    [
        [0, 128, 129, 257],
        [255, 256, 511, 32767],
        [32768, 40000, 65406, 65407],
        [65535, 3, 700, 5000],
    ],
    np.uint16,
)


def deep_png(colour, values):
    """A PNG of 16 bits a value, (H, W, channels), by hand: Pillow writes grey ones alone."""

    def chunk(kind, content):
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">2I5B", width, height, 16, colour, 0, 0, 0)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def deep_tiff(values, order):
    """A TIFF of 16 bits a colour, uncompressed, by hand."""
    height, width, channels = values.shape
    data = values.astype(f"{order}u2").tobytes()
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 14),
        (277, 3, 1, channels),
        (278, 4, 1, height),
        (279, 4, 1, len(data)),
        (284, 3, 1, 1),
    ]
    entries = b""
    for tag, kind, count, value in tags:
        entries += struct.pack(f"{order}HHI", tag, kind, count)
        if kind == 3 and count == 1:
            entries += struct.pack(f"{order}HH", value, 0)
        else:
            entries += struct.pack(f"{order}I", value)
    head = b"II" if order == "<" else b"MM"
    head += struct.pack(f"{order}HI", 42, 14 + len(data)) + struct.pack(f"{order}3H", 16, 16, 16)
    return head + data + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


def negative(tiff: bytes) -> bytes:
    """The same file with a zero that is white."""
    black, white = (struct.pack("<HHIHH", 262, 3, 1, zero, 0) for zero in (1, 0))
    assert tiff.count(black) == 1
    return tiff.replace(black, white)


def test_sixteen_bits_become_the_nearest_eight(tmp_path):
    want = np.rint(DEEP / 257).astype(np.uint8)
    grey = Image.fromarray(DEEP)
    colours = np.stack([DEEP, DEEP[::-1], DEEP.T], 2)
    wanted = np.rint(colours / 257).astype(np.uint8)
    alpha = np.full((4, 4, 1), 65535, np.uint16)
    integers, shares = DEEP.astype(np.int32), (DEEP / 65535).astype(np.float32)
    same = {
        "a/grey.png": (encoded(grey, "PNG"), want),
        "b/grey.tiff": (encoded(grey, "TIFF"), want),
        "c/packed.tiff": (encoded(grey, "TIFF", compression="tiff_lzw"), want),
        "d/grey.pgm": (encoded(grey, "PPM"), want),
        "e/integers.tiff": (encoded(Image.fromarray(integers), "TIFF"), want),
        "f/rgb.png": (deep_png(2, colours), wanted),
        "g/rgba.png": (deep_png(6, np.concatenate([colours, alpha], 2)), wanted),
        "h/la.png": (deep_png(4, np.stack([DEEP, DEEP], 2)), want),
        "i/intel.tif": (deep_tiff(colours, "<"), wanted),
        "j/motorola.tif": (deep_tiff(colours, ">"), wanted),
        "k/floats.tiff": (encoded(Image.fromarray(shares), "TIFF"), want),
        "l/negative.tiff": (negative(encoded(Image.fromarray(65535 - DEEP), "TIFF")), want),
        "m/float.tiff": (negative(encoded(Image.fromarray(1 - shares), "TIFF")), want),
    }
    images, _ = opened(tmp_path, {name: data for name, (data, _) in same.items()}, size=4)
    for image, (name, (_, right)) in zip(images, same.items(), strict=True):
        right = right if right.ndim == 3 else np.repeat(right[:, :, None], 3, 2)
        assert np.array_equal(image, right), name
    white = Image.fromarray(np.full((40, 40), 65535, np.uint16))
    half = Image.fromarray(np.full((40, 40), 32896, np.uint16))  # 128 * 257
    tree = {"a/1.png": encoded(white, "PNG"), "a/2.png": encoded(half, "PNG")}
    images, _ = opened(tmp_path, tree, name="large")
    assert (images[0] == 255).all() and (images[1] == 128).all()  # resized after scaling


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (500, 1), (3, 2)])
def test_pictures_of_one_row_or_column_are_enlarged_as_any_other(shape, tmp_path):
    images, _ = opened(tmp_path, {"a/x.png": encoded(Image.new("RGB", shape, (9, 8, 7)), "PNG")})
    assert images.shape == (1, 8, 8, 3) and (images == (9, 8, 7)).all()


def test_numbers_without_a_white_are_refused(tmp_path):
    cases = (
        (np.full((4, 4), 200.0, np.float32), "float values from 200.0 to 200.0: expected 0 to 1"),
        (np.full((4, 4), np.nan, np.float32), "float values from nan"),
        (np.full((4, 4), 70000, np.int32), "32-bit values from 70000 to 70000"),
        (np.full((4, 4), -1, np.int32), "32-bit values from -1"),
        (np.full((4, 4), 200, np.int32), "32-bit values from 200"),
    )
    for number, (values, words) in enumerate(cases):
        tree = {"a/x.tiff": encoded(Image.fromarray(values), "TIFF")}
        with pytest.raises(DataError, match=f"image a/x.tiff in .* cannot be read: .*{words}"):
            opened(tmp_path, tree, name=f"n{number}")


def test_every_kind_of_picture_keeps_its_colours(tmp_path):
    blocks = np.zeros((16, 16, 3), np.uint8)
    blocks[:8, :8], blocks[:8, 8:], blocks[8:, :8] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    rgb = Image.fromarray(blocks)
    see_through = rgb.copy()
    see_through.putalpha(0)
    palette = rgb.convert("P", palette=Image.Palette.ADAPTIVE)
    exact = {
        "rgb.png": encoded(rgb, "PNG"),
        "palette.png": encoded(palette, "PNG"),
        "clear.png": encoded(see_through, "PNG"),
        "palette.gif": encoded(palette, "GIF"),
        "rgb.bmp": encoded(rgb, "BMP"),
        "rgb.TIF": encoded(rgb, "TIFF"),
        "rgb.ppm": encoded(rgb, "PPM"),
        "rgb.webp": encoded(rgb, "WEBP", lossless=True),
        "rgb.tga": encoded(rgb, "TGA"),
        "cmyk.tiff": encoded(rgb.convert("CMYK"), "TIFF"),
        "clear.tiff": encoded(see_through, "TIFF"),
        "wrong.jpg": encoded(rgb, "PNG"),
        "rgb.JP2": encoded(rgb, "JPEG2000"),
        "rgb.Pcx": encoded(rgb, "PCX"),
    }
    images, note = opened(tmp_path, {f"a/{name}": data for name, data in exact.items()}, size=16)
    for image, name in zip(images, sorted(exact), strict=True):
        assert np.array_equal(image, blocks), name
    assert "14 files, 14 pictures in 1 class; used in part: 2 without transparency" in note
    grey = Image.fromarray(np.uint8([[0, 255] * 8] * 16))
    tree = {f"a/{mode}.png": encoded(grey.convert(mode), "PNG") for mode in ("1", "L", "LA", "P")}
    images, _ = opened(tmp_path, tree, size=16, name="greys")
    assert all(np.array_equal(image, np.asarray(grey.convert("RGB"))) for image in images)


@pytest.mark.parametrize("kind", ["folder", "tar", "zip"])
def test_pictures_are_turned_as_the_camera_was_held_and_then_cropped(kind, tmp_path):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:, :16], upright[:8, 16:] = (200, 0, 0), (0, 0, 200)  # left red, right blue above
    shot = Image.fromarray(upright)
    way = Image.Transpose
    undo = {
        2: way.FLIP_LEFT_RIGHT,
        3: way.ROTATE_180,
        4: way.FLIP_TOP_BOTTOM,
        5: way.TRANSPOSE,
        6: way.ROTATE_90,
        7: way.TRANSVERSE,
        8: way.ROTATE_270,
    }
    tree = {"a/1.png": encoded(shot, "PNG")}
    for code, turn in undo.items():
        exif = Image.Exif()
        exif[0x0112] = code
        for end, name in (("png", "PNG"), ("tif", "TIFF"), ("jpg", "JPEG")):
            how = {"quality": 100, "subsampling": 0} if end == "jpg" else {}
            tree[f"a/{code}.{end}"] = encoded(shot.transpose(turn), name, exif=exif, **how)
    images, _ = opened(tmp_path, tree, size=16, kind=kind)
    for image, name in zip(images, sorted(tree), strict=True):
        error = abs(image.astype(int) - upright[:, 8:24]).max()
        assert error <= (8 if name.endswith("jpg") else 0), name


def test_the_first_frame_of_an_animation_is_used_and_the_note_tells_it(tmp_path):
    frames = [Image.fromarray(np.full((8, 8, 3), v, np.uint8)) for v in (60, 120, 180)]
    film = {"save_all": True, "append_images": frames[1:]}
    tree = {f"a/{k}.{k}": encoded(frames[0], k.upper(), **film) for k in ("gif", "tiff")}
    tree["a/webp.webp"] = encoded(frames[0], "WEBP", lossless=True, **film)
    tree["a/still.gif"] = encoded(frames[1], "GIF")
    images, note = opened(tmp_path, tree)
    assert images[:, 0, 0, 0].tolist() == [60, 120, 60, 60]
    assert note.endswith("4 pictures in 1 class; used in part: 3 by its first frame (a/gif.gif)")


def test_pillows_switches_in_the_program_do_not_matter(tmp_path, monkeypatch):
    # so a program asks Pillow to fill in grey
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    for kind in ("PNG", "BMP", "GIF", "TIFF", "JPEG", "PPM"):
        data = encoded(noise, kind)
        cut = data[: len(data) // 2]
        with pytest.raises(DataError, match="image a/x.* cannot be read"):
            opened(tmp_path, {f"a/x.{kind.lower()}": cut}, name=kind)
    assert ImageFile.LOAD_TRUNCATED_IMAGES
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert len(opened(tmp_path, {"a/x.png": png(1)})[0]) == 1


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    bomb = encoded(Image.new("1", (12000, 12000)), "PNG")
    assert len(bomb) < 30000
    with pytest.raises(DataError, match="image a/bomb.png in .*: .*144000000 pixels"):
        opened(tmp_path, {"a/bomb.png": bomb})
    monkeypatch.setattr(folders, "LARGEST", 100)
    with pytest.raises(DataError, match="image a/long.png in .* too much for a picture: delete it"):
        opened(tmp_path, {"a/long.png": png(1) + bytes(100)}, name="long")


def test_pillows_warnings_stay_inside(tmp_path, recwarn):
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01"  # cut off
    broken = encoded(Image.new("RGB", (8, 8)), "JPEG", exif=exif)
    palette = Image.new("P", (8, 8))
    palette.info["transparency"] = bytes(range(16))
    assert len(opened(tmp_path, {"a/exif.jpg": broken, "a/p.png": encoded(palette, "PNG")})[0]) == 2
    assert not recwarn.list
