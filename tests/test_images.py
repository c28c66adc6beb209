import gc
import io
import os
import stat
import struct
import subprocess
import sys
import tarfile
import threading
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile
from torchvision.io import encode_jpeg, encode_png

from gantutor import images as room
from gantutor.images import (
    DataError,
    Epochs,
    ImageSet,
    cache_dir,
    gaussian_scores,
    instance_selection,
    open_images,
    serve,
)
from gantutor.rng import Rng


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """A cache and a data folder of the test's own."""
    monkeypatch.setenv("GANTUTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANTUTOR_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()


def grey(value, height=8, width=8):
    return torch.full((3, height, width), value, dtype=torch.uint8)


def png(value, *shape):
    return encode_png(grey(value, *shape)).numpy().tobytes()


TREE = {
    f"{c}/{i}.png": 10 * i + (100 if c == "dog" else 0) for c in ("cat", "dog") for i in range(4)
}
LAYOUTS = {
    "classes": {name: v for name, v in TREE.items()},
    "wrapped": {f"animals/{name}": v for name, v in TREE.items()},
    "splits": {f"animals/{s}/{name}": v for s in ("train", "test") for name, v in TREE.items()},
    "images": {f"tiny/train/{n.replace('/', '/images/')}": v for n, v in TREE.items()}
    | {"tiny/val/images/x.png": 1, "words.txt": 1},
}
PACKERS = ("folder", "tar", "tar.gz", "tar.xz", "zip")


def pack(root, tree, kind, name="set"):
    """A tree {path: grey value or bytes} as a folder or an archive; archives hold it in the order given."""
    content = {p: v if isinstance(v, bytes) else png(v) for p, v in tree.items()}
    if kind == "folder":
        for path, data in content.items():
            (root / name / path).parent.mkdir(parents=True, exist_ok=True)
            (root / name / path).write_bytes(data)
        return root / name
    place = root / f"{name}.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(place, "w") as archive:
            for path, data in content.items():
                archive.writestr(path, data)
        return place
    with tarfile.open(place, f"w:{kind.partition('.')[2]}") as archive:
        for path, data in content.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return place


def some(n=10, classes=3, seed=0):
    labels = torch.arange(n) % classes
    return ImageSet(
        "some", Rng(seed).randint(256, n, 3, 4, 4).to(torch.uint8), labels, tuple("abc"[:classes])
    )


# -- the set ---------------------------------------------------------------------------------------------------------
def test_floats_span_minus_one_to_one():
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8)[None, :, None, None]
    x = ImageSet("x", pixels, torch.zeros(1).long(), ("a",)).floats()
    assert x.dtype == torch.float32
    torch.testing.assert_close(x.flatten(), torch.tensor([-1.0, -0.6, 1.0]))


def test_samples_are_rows_drawn_by_the_seed_with_replacement():
    data, state = some(10), torch.get_rng_state()
    x = data.sample(400, Rng(0))
    assert (
        x.shape == (400, 3, 4, 4)
        and torch.equal(x, data.sample(400, 0))
        and not torch.equal(x, data.sample(400, 1))
    )
    same = (x[:, None] == data.floats()).flatten(2).all(2)  # (400, 10): which row each one is
    assert (same.sum(1) == 1).all() and same.sum(0).min() > 10 and same.sum(0).max() < 80
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(ValueError, match=r"\[0, 1\].*one seed"):
        data.sample(2, Rng([0, 1]))


def test_memory_mapped_and_in_memory_sets_are_alike(tmp_path):
    data = some()
    np.save(tmp_path / "x.npy", data.images.numpy())
    mapped = ImageSet("some", np.load(tmp_path / "x.npy", mmap_mode="r"), data.labels, data.classes)
    assert mapped.digest == data.digest and torch.equal(mapped.sample(5, 3), data.sample(5, 3))
    assert torch.equal(mapped.floats(slice(2, 4)), data.floats(torch.tensor([2, 3])))
    assert mapped.subset(4, 1).digest == data.subset(4, 1).digest and torch.equal(
        mapped.to("cpu").images, data.images
    )


def test_digest_is_of_the_content():
    data = some()
    other = data.images.clone()
    other[3, 0, 0, 0] ^= 1
    digests = [
        d.digest
        for d in (
            data,
            ImageSet("x", other, data.labels, data.classes),
            some(classes=2),
            ImageSet("x", data.images, data.labels, ("a", "b", "d")),
        )
    ]
    assert (
        len(set(digests)) == 4
        and ImageSet("other name", data.images, data.labels, data.classes).digest == data.digest
    )


def test_subset_is_balanced_as_far_as_can_be():
    labels = torch.tensor([0] * 20 + [1] * 3 + [2] * 10)
    data = ImageSet(
        "x", torch.arange(33, dtype=torch.uint8)[:, None, None, None], labels, tuple("abc")
    )
    part = data.subset(15, seed=1)
    assert part.labels.bincount().tolist() == [6, 3, 6] and len(part.images.unique()) == 15
    assert part.digest == data.subset(15, seed=1).digest != data.subset(15, seed=2).digest
    assert sorted(data.subset(8).labels.bincount().tolist()) == [2, 3, 3]
    for n in (0, 34):
        with pytest.raises(ValueError, match=f"n={n}: expected 1 to 33"):
            data.subset(n)


def test_sets_that_make_no_sense_are_refused():
    images, labels = some().images, some().labels
    for args, words in (
        ((images.float(), labels), "uint8"),
        ((images[:0], labels[:0]), "N >= 1"),
        ((images, labels[1:]), "10 images"),
        ((images, labels + 1), "below 3"),
        ((images, labels - 1), "below 3"),
    ):
        with pytest.raises(ValueError, match=words):
            ImageSet("x", *args, ("a", "b", "c"))


def test_batches_are_samples_with_their_labels():
    data = some(10)
    x, y = data.batch(50, Rng(3))
    assert torch.equal(x, data.sample(50, 3)) and y.dtype == torch.int64
    same = (x[:, None] == data.floats()).flatten(2).all(2)
    assert torch.equal(data.labels[same.int().argmax(1)], y)


def test_classes_and_places_are_chosen_with_their_names_kept():
    data = some(10)
    part = data.where(["c", 0])
    assert part.labels.tolist() == [0, 2, 0, 2, 0, 2, 0] and part.classes == data.classes
    assert (
        torch.equal(part.images, data.images[[0, 2, 3, 5, 6, 8, 9]])
        and len(data.where("b")) == len(data.where(1)) == 3
    )
    assert torch.equal(data.take(torch.tensor([7, 2])).images, data.images[[7, 2]])
    for labels in ("d", [0, 3], 3):
        with pytest.raises(ValueError, match="below 3 or names among a, b, c"):
            data.where(labels)


# -- openers ---------------------------------------------------------------------------------------------------------
def test_digits_need_no_file():
    train, test = open_images(), open_images("digits", split="test")
    assert train.shape == (1, 32, 32) and len(train) + len(test) == 1797 and len(test) == 299
    assert (
        train.images.max() == 255
        and train.classes == tuple("0123456789")
        and train.labels.bincount().min() > 120
    )
    small = open_images("digits", size=8)
    from sklearn.datasets import load_digits

    sixteenths = torch.from_numpy(load_digits().images)[torch.arange(1797) % 6 != 5]
    assert torch.equal((small.images[:, 0].double() * 16 / 255).round(), sixteenths)
    assert len(open_images("digits", limit=50)) == 50 and len(
        open_images("digits", limit=10**6)
    ) == len(train)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", PACKERS)
def test_every_layout_in_every_box_is_the_same_set(kind, layout, tmp_path):
    tree = dict(reversed(LAYOUTS[layout].items()))  # an archive's order must not matter
    data = open_images("folder", pack(tmp_path, tree, kind), size=8)
    assert (
        data.name == "set"
        and data.classes == ("cat", "dog")
        and data.labels.tolist() == [0] * 4 + [1] * 4
    )
    assert data.images[:, 2, 3, 4].tolist() == [0, 10, 20, 30, 100, 110, 120, 130]
    assert (
        data.digest == open_images("folder", pack(tmp_path, TREE, "folder", "other"), size=8).digest
    )


def test_only_the_split_asked_for_is_decoded(tmp_path):
    tree = {f"train/{n}": v for n, v in TREE.items()} | {"test/cat/a.png": 7, "test/dog/b.png": 8}
    assert open_images("folder", pack(tmp_path, tree, "tar"), split="test").images[
        :, 0, 0, 0
    ].tolist() == [7, 8]
    broken = tree | {"test/cat/a.png": b"no image"}
    assert len(open_images("folder", pack(tmp_path, broken, "tar", "broken"))) == 8
    with pytest.raises(DataError, match="no split 'val': it has test, train"):
        open_images("folder", tmp_path / "set.tar", split="val")
    with pytest.raises(DataError, match="no split folders"):
        open_images("folder", pack(tmp_path, TREE, "folder"), split="test")


def test_a_class_may_be_called_train(tmp_path):
    assert open_images(
        "folder", pack(tmp_path, {"train/a.png": 1, "car/b.png": 2}, "folder")
    ).classes == ("car", "train")


def test_images_are_cropped_square_and_resized(tmp_path):
    wide = torch.zeros(3, 10, 30, dtype=torch.uint8)
    wide[:, :, 10:20] = 200  # the middle square
    files = {"a/wide.png": encode_png(wide), "a/photo.jpg": encode_jpeg(grey(90, 40, 50))}
    root = pack(tmp_path, {name: data.numpy().tobytes() for name, data in files.items()}, "folder")
    data = open_images("folder", root, size=16)
    assert (
        data.shape == (3, 16, 16)
        and data.images[1].min() == 200
        and (abs(data.images[0].astype(int) - 90) < 3).all()
    )


def test_squash_keeps_the_whole_picture(tmp_path):
    from PIL import Image

    wide = Rng(0).randint(256, 3, 30, 46).to(torch.uint8)
    root = pack(tmp_path, {"a/wide.png": encode_png(wide).numpy().tobytes()}, "folder")
    squashed, cropped = (
        open_images("folder", root, size=16, fit=fit).images[0].astype(int)
        for fit in ("squash", "crop")
    )
    picture = Image.fromarray(wide.permute(1, 2, 0).numpy())
    for ours, theirs in ((squashed, picture), (cropped, picture.crop((8, 0, 38, 30)))):
        pil = (
            np.asarray(theirs.resize((16, 16), Image.Resampling.BILINEAR))
            .transpose(2, 0, 1)
            .astype(int)
        )
        assert abs(ours - pil).max() <= 1  # Pillow rounds between the two directions


def test_a_note_gives_the_classes_of_tiny_imagenets_val(tmp_path):
    notes = (
        b"val_0.JPEG\tn02\t0\t0\t1\t1\nval_1.JPEG\tn01\t0\t0\t1\t1\nval_2.JPEG\tn02\t0\t0\t1\t1\n"
    )
    val = {
        "t/val/val_annotations.txt": notes,
        **{f"t/val/images/val_{i}.JPEG": 10 * i for i in range(3)},
    }
    train = {
        f"t/train/n0{c}/images/n0{c}_{i}.JPEG": 100 + 10 * c + i for c in (1, 2) for i in range(2)
    }
    for kind in ("folder", "tar", "zip"):
        for where, tree in (
            ("all", train | val | {"t/test/images/test_0.JPEG": 77}),
            ("valonly", val),
        ):
            data = open_images(
                "tiny-imagenet",
                pack(tmp_path, dict(reversed(tree.items())), kind, where),
                split="val",
            )
            assert data.classes == ("n01", "n02") and data.labels.tolist() == [0, 1, 1]
            assert data.images[:, 0, 0, 0].tolist() == [10, 0, 20]
        data = open_images("tiny-imagenet", pack(tmp_path, train | val, kind, "all"), split="train")
        assert data.classes == ("n01", "n02") and data.images[:, 0, 0, 0].tolist() == [
            110,
            111,
            120,
            121,
        ]


def test_cifar10_jpeg_is_found_where_the_variable_points(tmp_path, monkeypatch):
    with pytest.raises(
        DataError, match="is not here .*cifar10-jpeg.tar.xz.*gantutor data fetch cifar10-jpeg"
    ):
        open_images("cifar10-jpeg")
    tree = {f"{s}/{n}": v for s in ("train", "test") for n, v in TREE.items()}
    pack(tmp_path / "data", tree, "tar.xz", "cifar10-jpeg")
    packed = open_images("cifar10-jpeg")
    (tmp_path / "data" / "cifar10-jpeg.tar.xz").unlink()
    assert packed.name == "cifar10-jpeg"
    assert packed.digest == open_images("cifar10-jpeg", pack(tmp_path, tree, "folder")).digest
    monkeypatch.delenv("GANTUTOR_DATA")
    (tmp_path / "data").rmdir()
    pack(tmp_path, tree, "folder", "data/cifar10-jpeg")
    assert open_images("cifar10-jpeg").digest == packed.digest  # ./data
    assert open_images("folder", "cifar10-jpeg").digest == packed.digest


def test_each_named_set_that_is_not_here_says_how_to_get_it():
    for name in room.READERS:
        with pytest.raises(
            DataError,
            match=f"{name} is not here .*(gantutor data fetch {name}|download|log in).*'digits'",
        ) as caught:
            open_images(name)
        assert "\n" not in str(caught.value)
        with pytest.raises(DataError, match="nowhere is not here: check the path"):
            open_images(name, "nowhere")


# -- the cache -------------------------------------------------------------------------------------------------------
def test_decoded_once_then_mapped(tmp_path, monkeypatch):
    place = pack(tmp_path, TREE, "tar")
    first = open_images("folder", place)
    assert isinstance(first.images, np.memmap) and not first.images.flags.writeable
    monkeypatch.setattr(room.decode, "tree", lambda *a: pytest.fail("decoded again"))
    assert open_images("folder", place).digest == first.digest


def test_a_changed_source_size_or_split_is_another_entry(tmp_path):
    place = pack(tmp_path, TREE, "tar")
    before = open_images("folder", place)
    assert open_images("folder", place, size=16).shape == (3, 16, 16)
    pack(tmp_path, TREE | {"cat/0.png": 55}, "tar")
    os.utime(place, (1, 1))
    assert (
        open_images("folder", place).images[0, 0, 0, 0] == 55
        and open_images("folder", place).digest != before.digest
    )
    root = pack(tmp_path, TREE, "folder")
    assert len(open_images("folder", root)) == 8
    (root / "cat" / "9.png").write_bytes(png(9))
    assert len(open_images("folder", root)) == 9


def test_no_flipped_bit_of_the_cache_is_believed(tmp_path):
    place = pack(tmp_path, TREE | {"cat/x.txt": b"x"}, "tar")
    first, said = open_images("folder", place, size=8, say=str), []
    (entry,) = cache_dir().iterdir()
    for file in ("images.npy", "labels.npy", "about.json"):
        whole = (entry / file).read_bytes()
        places = {0, 5, 9, len(whole) // 2, len(whole) - 1}
        places |= {whole.find(word) for word in (b"cat", b"shape", b"fortran", b"descr")}
        for at in sorted(p for p in places if p >= 0):
            (entry / file).write_bytes(whole[:at] + bytes([whole[at] ^ 2]) + whole[at + 1 :])
            again = open_images("folder", place, size=8, say=said.append)
            assert again.digest == first.digest and np.array_equal(again.images, first.images)
            assert torch.equal(again.labels, first.labels) and again.classes == first.classes
    assert f"{entry} is damaged: decoded anew" in said


def test_a_cache_with_other_contents_is_not_believed(tmp_path):
    place = pack(tmp_path, TREE, "tar")
    first = open_images("folder", place, size=8, say=str)
    (entry,) = cache_dir().iterdir()
    labels, about = np.load(entry / "labels.npy"), (entry / "about.json").read_text()
    np.save(entry / "labels.npy", labels[::-1].copy())
    assert torch.equal(open_images("folder", place, size=8, say=str).labels, first.labels)
    np.save(entry / "labels.npy", labels.astype(np.float64))
    assert open_images("folder", place, size=8, say=str).labels.dtype == torch.int64
    (entry / "about.json").write_text(about.replace('["cat", "dog"]', '["dog", "cat"]'))
    assert open_images("folder", place, size=8, say=str).classes == ("cat", "dog")
    for rest in ("null", "[]", "{}", "[1]", about.replace('["cat", "dog"]', "null")):
        (entry / "about.json").write_text(rest)
        assert open_images("folder", place, size=8, say=str).digest == first.digest
    open_images("folder", place, size=16, say=str)  # an entry under another one's name
    (other,) = (p for p in cache_dir().iterdir() if p != entry)
    for file in other.iterdir():
        (entry / file.name).write_bytes(file.read_bytes())
    assert open_images("folder", place, size=8, say=str).digest == first.digest


@pytest.mark.parametrize("file", ["images.npy", "labels.npy", "about.json"])
def test_a_broken_cache_is_decoded_anew(file, tmp_path):
    place = pack(tmp_path, TREE, "tar")
    digest = open_images("folder", place).digest
    (broken,) = cache_dir().glob(f"*/{file}")
    broken.write_bytes(broken.read_bytes()[:20])
    assert open_images("folder", place).digest == digest
    assert isinstance(open_images("folder", place).images, np.memmap)


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GANTUTOR_CACHE", str(tmp_path / "file"))
    assert len(open_images("folder", pack(tmp_path, TREE, "tar"))) == 8


def test_two_at_once_end_with_one_whole_entry(tmp_path):
    place = pack(tmp_path, TREE, "tar.xz")
    with ThreadPoolExecutor(4) as pool:
        digests = set(pool.map(lambda _: open_images("folder", place).digest, range(8)))
    assert len(digests) == 1 and [p.suffix for p in cache_dir().iterdir()] == [""]


def test_two_processes_at_once_end_with_one_whole_entry(tmp_path):
    pack(tmp_path, TREE, "tar")
    code = (
        "from gantutor.images import open_images; "
        "print(open_images('folder', 'set.tar', say=str).digest)"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = {p.communicate(timeout=60)[0] for p in both}
    assert (
        said == {open_images("folder", tmp_path / "set.tar").digest + "\n"}
        and len(list(cache_dir().iterdir())) == 1
    )


def test_fresh_decodes_what_is_cached(tmp_path):
    root = pack(tmp_path, TREE, "folder")
    old = open_images("folder", root)
    stat = (root / "cat/1.png").stat()
    (root / "cat/1.png").write_bytes(png(11))  # the same length and times: the cache cannot know
    os.utime(root / "cat/1.png", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (root / "cat/1.png").stat().st_size == stat.st_size
    assert open_images("folder", root).digest == old.digest
    new = open_images("folder", root, fresh=True)
    assert (
        new.digest != old.digest
        and open_images("folder", root).digest == new.digest
        and len(list(cache_dir().iterdir())) == 1
    )


# -- what can be wrong -----------------------------------------------------------------------------------------------
def test_each_wrong_source_is_one_sentence(tmp_path):
    def says(words, path, **kwargs):
        with pytest.raises(DataError, match=words) as caught:
            open_images("folder", path, **kwargs)
        assert "\n" not in str(caught.value) and (path is None or str(path) in str(caught.value))

    says("path=None", None)
    says("is not here: check the path", "nowhere/at/all")
    (tmp_path / "empty").mkdir()
    says("is empty: expected <class>/", tmp_path / "empty")
    (tmp_path / "notes.txt").write_text("x")
    says("neither a folder nor one of .tar", tmp_path / "notes.txt")
    says("holds no images: expected", pack(tmp_path, {"a/x.txt": b"x"}, "folder", "texts"))
    noise = encode_jpeg(Rng(0).randint(256, 3, 40, 40).to(torch.uint8)).numpy().tobytes()
    for data in (b"", b"no image", png(3)[:40], noise[:-1], noise[: len(noise) // 2]):
        bad = pack(tmp_path, TREE | {"cat/0.png": data}, "folder", f"bad{len(data)}")
        says("image cat/0.png in .* is no readable picture: replace or delete", bad)
    for unsafe in ("../evil.png", "/etc/evil.png", "a/../../b.png"):
        says(f"unsafe path '{unsafe}'", pack(tmp_path, TREE | {unsafe: 1}, "tar", "unsafe"))
    for kind in PACKERS[1:]:
        whole = pack(tmp_path, TREE, kind, "whole")
        for part in (0.1, 0.3, 0.9) if kind != "tar" else (0.1, 0.15):
            cut = tmp_path / f"cut.{kind}"
            cut.write_bytes(whole.read_bytes()[: int(part * whole.stat().st_size)])
            says("cannot be read to its end .archive, truncated or damaged", cut)
    (tmp_path / "text.tar").write_bytes(b"this is text " * 200)
    says("truncated or damaged", tmp_path / "text.tar")


def test_wrong_arguments_are_one_sentence(tmp_path):
    for args, words in (
        ({"name": "cifar-10-jpeg"}, "'cifar-10-jpeg' is unknown; did you mean 'cifar10-jpeg'"),
        ({"name": "xyz"}, "known: digits, folder, cifar10"),
        ({"name": str(tmp_path)}, r"open_images\('folder', path="),
        ({"split": "trian"}, "'trian': digits has train, test"),
        (
            {"name": "folder", "path": "x", "split": "unlabeled"},
            "'unlabeled': folder has train, val, test",
        ),
        ({"size": 2}, "size=2"),
        ({"limit": 0}, "limit=0"),
        ({"split": "val"}, "digits has train, test"),
        ({"fit": "stretch"}, "fit='stretch'.*crop, squash"),
        ({"size": 32.5}, "size=32.5, limit=None: expected whole numbers"),
        ({"size": "32"}, "size='32'"),
        ({"limit": 2.0}, "limit=2.0"),
        ({"name": "folder", "path": ""}, "path=''"),
        ({"name": "folder", "path": "x" * 5000}, "is not here"),
    ):
        with pytest.raises(DataError, match=words):
            open_images(**args)


# -- one picture ---------------------------------------------------------------------------------
def encoded(picture, kind, **how):
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def opened(tmp_path, tree, size=8, kind="folder", name="set", **kwargs):
    """The images of a tree, (n, size, size, 3), and the lines that were said."""
    said = []
    place = pack(tmp_path, tree, kind, name)
    found = open_images("folder", place, size=size, say=said.append, **kwargs)
    assert found.note == said[0] and len(said) == 1
    return found.images.transpose(0, 2, 3, 1), said[0]


def test_a_damaged_picture_of_any_format_is_named_and_never_ends_the_process():
    script = Path(__file__).with_name("fuzz_pictures.py")
    command = [sys.executable, "-W", "error", str(script)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, (ran.returncode, ran.stdout[-2000:], ran.stderr[-2000:])
    assert ran.stdout.count(" decoded, ") >= 25
    assert "rgb.png: " in ran.stdout and "lossy.webp: " in ran.stdout


@pytest.mark.parametrize("kind", PACKERS[1:])
def test_a_flipped_bit_of_an_archive_is_a_sentence_or_changes_no_picture(kind, tmp_path):
    place = pack(tmp_path, {f"{c}/{i}.png": 10 * i for c in "ab" for i in range(2)}, kind)
    whole, digest = place.read_bytes(), open_images("folder", place, say=str).digest
    told = 0
    for number in range(120):
        at = number * len(whole) // 120
        place.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << number % 8]) + whole[at + 1 :])
        os.utime(place, (number, number))
        try:
            found = open_images("folder", place, say=str)
        except DataError as error:
            assert "set." in str(error) and "\n" not in str(error)
            told += 1
            continue
        # a zip's checksums leave its names unprotected: what seems no picture now is said
        if found.digest != digest:
            assert len(found) == 4 or "left out" in found.note
    assert told > 10


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
        with pytest.raises(DataError, match=f"image a/x.tiff in .* no readable picture: .*{words}"):
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
    assert "14 files, 14 pictures in 1 class; taken in part: 2 without transparency" in note
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


def test_of_an_animation_the_first_frame_is_taken_and_said(tmp_path):
    frames = [Image.fromarray(np.full((8, 8, 3), v, np.uint8)) for v in (60, 120, 180)]
    film = {"save_all": True, "append_images": frames[1:]}
    tree = {f"a/{k}.{k}": encoded(frames[0], k.upper(), **film) for k in ("gif", "tiff")}
    tree["a/webp.webp"] = encoded(frames[0], "WEBP", lossless=True, **film)
    tree["a/still.gif"] = encoded(frames[1], "GIF")
    images, note = opened(tmp_path, tree)
    assert images[:, 0, 0, 0].tolist() == [60, 120, 60, 60]
    assert note.endswith("4 pictures in 1 class; taken in part: 3 by its first frame (a/gif.gif)")


def test_what_the_program_has_told_pillow_does_not_count(tmp_path, monkeypatch):
    # so a program asks Pillow to fill in grey
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    for kind in ("PNG", "BMP", "GIF", "TIFF", "JPEG", "PPM"):
        data = encoded(noise, kind)
        cut = data[: len(data) // 2]
        with pytest.raises(DataError, match="image a/x.* is no readable picture"):
            opened(tmp_path, {f"a/x.{kind.lower()}": cut}, name=kind)
    assert ImageFile.LOAD_TRUNCATED_IMAGES
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert len(opened(tmp_path, {"a/x.png": png(1)})[0]) == 1


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    bomb = encoded(Image.new("1", (12000, 12000)), "PNG")
    assert len(bomb) < 30000
    with pytest.raises(DataError, match="image a/bomb.png in .*: .*144000000 pixels"):
        opened(tmp_path, {"a/bomb.png": bomb})
    monkeypatch.setattr(room.decode, "LARGEST", 100)
    with pytest.raises(DataError, match="image a/long.png in .* too much for a picture: delete it"):
        opened(tmp_path, {"a/long.png": png(1) + bytes(100)}, name="long")


def test_pillows_warnings_stay_inside(tmp_path, recwarn):
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01"  # cut off
    broken = encoded(Image.new("RGB", (8, 8)), "JPEG", exif=exif)
    palette = Image.new("P", (8, 8))
    palette.info["transparency"] = bytes(range(16))
    assert len(opened(tmp_path, {"a/exif.jpg": broken, "a/p.png": encoded(palette, "PNG")})[0]) == 2
    assert not recwarn.list


# -- what is left out ----------------------------------------------------------------------------
def test_every_file_is_a_picture_or_left_out_for_a_reason(tmp_path):
    tree = TREE | {
        "cat/x.bmp": encoded(Image.new("RGB", (8, 8)), "BMP"),
        "cover.png": 1,
        "dog/a.txt": b"",
        "dog/b.TXT": b"",
        "dog/c.eps": b"%!PS-Adobe",
        "LICENSE": b"x",
        "cat/.DS_Store": b"x",
        "__MACOSX/cat/0.png": b"x",
    }
    want = {"2 hidden", "1 without a suffix", "2 .txt", "1 .eps", "1 in no class folder"}
    for kind in ("folder", "tar", "zip"):
        head, _, reasons = opened(tmp_path, tree, kind=kind)[1].partition("; left out: ")
        assert head.endswith("(train): 16 files, 9 pictures in 2 classes")
        assert {reason.split(" (")[0] for reason in reasons.split("), ")} == want


def test_what_was_left_out_is_said_out_of_the_cache_too(tmp_path, capsys):
    whole = pack(tmp_path, TREE, "tar")
    part = pack(tmp_path, TREE | {"cat/x.txt": b"x"}, "tar", "part")
    first = open_images("folder", whole)
    assert first.note == "set.tar (train): 8 files, 8 pictures in 2 classes"
    assert capsys.readouterr().out == f"{first.note}\n"
    second = open_images("folder", whole)
    assert capsys.readouterr().out == "" and second.note == first.note
    for _ in range(2):
        note = open_images("folder", part, limit=4).note
        assert capsys.readouterr().out == f"{note}\n"
        assert note.endswith("; left out: 1 .txt (cat/x.txt)")


def test_splits_count_what_lies_in_the_others(tmp_path):
    tree = {f"{s}/{n}": v for s in ("train", "test") for n, v in TREE.items()}
    tree |= {"train/x.png": 1, "extra/x.png": 1}
    note = opened(tmp_path, tree)[1]
    assert note == (
        "set (train): 18 files, 8 pictures in 2 classes, 8 more in other splits; left out: "
        "1 outside the split folders (extra/x.png), 1 in no class folder (train/x.png)"
    )


# -- folders as people have them -----------------------------------------------------------------
@pytest.mark.parametrize("kind", ["folder", "tar", "zip"])
@pytest.mark.parametrize(
    ("tree", "split", "classes", "greys"),
    [
        ({"1.png": 1, "2.JPEG": 2, "3.Png": 3}, "train", "set", [1, 2, 3]),  # flat
        ({"photos/1.png": 1, "photos/2.png": 2}, "train", "photos", [1, 2]),
        ({"images/1.png": 1, "images/2.png": 2}, "train", "set", [1, 2]),
        ({"cat/1.png": 1}, "train", "cat", [1]),  # one class
        ({"train/1.png": 1, "test/2.png": 2}, "train", "set", [1]),  # splits without classes
        ({"train/1.png": 1, "test/2.png": 2}, "test", "set", [2]),
        ({"faces/Train/1.png": 1, "faces/valid/2.png": 2}, "val", "faces", [2]),
        ({"train/images/1.png": 1, "val/images/2.png": 2}, "val", "set", [2]),
        ({"train/1.png": 1}, "train", "set", [1]),
        ({"train/cat/1.png": 1, "validation/cat/2.png": 2}, "val", "cat", [2]),
        # the other way round
        (
            {"cat/train/1.png": 1, "dog/train/2.png": 2, "cat/test/3.png": 3},
            "train",
            "cat dog",
            [1, 2],
        ),
        (
            {"training/a/1.png": 1, "testing/a/2.png": 2, "testing/b/3.png": 3},
            "test",
            "a b",
            [2, 3],
        ),
        ({"x/y/cat/1.png": 1, "x/y/dog/2.png": 2}, "train", "cat dog", [1, 2]),  # deep
        (
            {"wild/cat/1.png": 1, "tame/dog/2.png": 2, "tame/3.png": 3},
            "train",
            "cat dog tame",
            [1, 2, 3],
        ),
        # the top's are left out
        ({"a/0.png": 9, "cover.png": 1, "b/1.png": 2}, "train", "a b", [9, 2]),
        ({"w/a/0.png": 9, "w/cover.png": 1, "w/b/1.png": 2}, "train", "a b", [9, 2]),
        ({"train/a/0.png": 9, "val/b/1.png": 2, "z.png": 1}, "train", "a", [9]),
        # a class called train
        ({"train/train/0.png": 9, "train/car/1.png": 2}, "train", "car train", [2, 9]),
    ],
)
def test_folders_as_people_have_them(tree, split, classes, greys, kind, tmp_path):
    found = open_images("folder", pack(tmp_path, tree, kind), size=8, split=split, say=str)
    assert found.classes == tuple(classes.split()) and found.images[:, 0, 0, 0].tolist() == greys


def test_a_split_without_class_folders_beside_one_with_them_is_said(tmp_path):
    place = pack(tmp_path, {"train/cat/1.png": 1, "test/2.png": 2}, "folder")
    with pytest.raises(DataError, match="no class folders in its split 'test', where others have"):
        open_images("folder", place, split="test")
    with pytest.raises(DataError, match="no split 'val': it has test, train"):
        open_images("folder", place, split="val")
    with pytest.raises(DataError, match="has no split folders, so no 'test'"):
        open_images("folder", pack(tmp_path, {"1.png": 1}, "folder", "flat"), split="test")


# -- archives and links as they are meant --------------------------------------------------------
def tar_of(place, members):
    """A tar of (name, bytes) and (name, "hard" or "soft", target), in this order."""
    with tarfile.open(place, f"w:{place.suffix[1:] if place.suffix != '.tar' else ''}") as archive:
        for name, what, *target in members:
            info = tarfile.TarInfo(name)
            if target:
                info.type = tarfile.LNKTYPE if what == "hard" else tarfile.SYMTYPE
                info.linkname = target[0]
                archive.addfile(info)
            else:
                info.size = len(what)
                archive.addfile(info, io.BytesIO(what))
    return place


@pytest.mark.parametrize("end", ["tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_links_in_a_tar_are_followed(end, tmp_path):
    place = tar_of(
        tmp_path / f"set.{end}",
        [
            ("pool/1.png", png(1)),
            ("pool/2.png", png(2)),
            ("cat/a.png", "hard", "pool/1.png"),
            ("dog/b.png", "soft", "../pool/2.png"),
            ("dog/c.png", "soft", "b.png"),
            ("dog/d.png", "hard", "cat/a.png"),
            ("owl", "soft", "pool"),
            ("read.me", "soft", "gone"),
            ("dog/e.png", "soft", "../owl/1.png"),
        ],
    )
    found = open_images("folder", place, size=8, say=str)
    assert found.classes == ("cat", "dog", "pool")
    assert found.images[:, 0, 0, 0].tolist() == [1, 2, 2, 1, 1, 1, 2]
    assert found.note == (
        f"set.{end} (train): 9 files, 7 pictures in 3 classes; left out: 1 link to a folder "
        "that is read already (owl), 1 link that leads nowhere (read.me)"
    )


@pytest.mark.parametrize("target", ["gone.png", "/etc/passwd", "../../x.png", "self.png"])
def test_a_picture_that_is_a_link_to_nowhere_is_named(target, tmp_path):
    for kind in ("soft", "hard"):
        members = [("cat/1.png", png(1)), ("cat/self.png", kind, target)]
        place = tar_of(tmp_path / f"{kind}.tar", members)
        words = f"image cat/self.png in {place} is a link to /?{target}, which is not there"
        with pytest.raises(DataError, match=words):
            open_images("folder", place)


def test_of_one_name_in_an_archive_the_last_counts(tmp_path):
    first, last = {"cat/1.png": png(1), "cat/2.png": png(2)}, png(77)
    tar_of(tmp_path / "set.tar", [*first.items(), ("./cat/1.png", last)])
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        with pytest.warns(UserWarning, match="Duplicate name"):
            for name, data in [*first.items(), ("cat/1.png", last)]:
                archive.writestr(name, data)
    for end in ("tar", "zip"):
        found = open_images("folder", tmp_path / f"set.{end}", size=8, say=str)
        assert found.images[:, 0, 0, 0].tolist() == [77, 2]
        assert "3 files, 2 pictures in 1 class; left out: 1 replaced by a later file" in found.note
    # as tar itself writes a file for the second time
    members = [("cat/1.png", png(5)), ("cat/1.png", "hard", "cat/1.png")]
    found = open_images("folder", tar_of(tmp_path / "again.tar", members), size=8, say=str)
    assert found.images[:, 0, 0, 0].tolist() == [5]


def test_zips_of_other_systems_are_read(tmp_path):
    link = zipfile.ZipInfo("dog/2.png")
    link.external_attr, link.create_system = (stat.S_IFLNK | 0o777) << 16, 3
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        windows = zipfile.ZipInfo("cat/1.png")
        archive.writestr(windows, png(1))
        archive.writestr(link, "../cat/1.png")
    raw = (tmp_path / "set.zip").read_bytes()
    start = raw.index(b"PK\1\2")  # the name stands in the local header and in the directory
    local = raw[:start].replace(b"cat/1.png", b"cat\\1.png", 1)
    (tmp_path / "set.zip").write_bytes(local + raw[start:].replace(b"cat/1.png", b"cat\\1.png"))
    found = open_images("folder", tmp_path / "set.zip", size=8, say=str)
    assert found.classes == ("cat", "dog") and found.images[:, 0, 0, 0].tolist() == [1, 1]


def test_zips_that_python_cannot_open_are_one_sentence(tmp_path):
    place = pack(tmp_path, TREE, "zip")
    whole = place.read_bytes()
    start = whole.index(b"PK\1\2")
    cases = (
        (8, 1, "cat/0.png in .*set.zip is encrypted: unpack it with its password"),
        (10, 9, "cat/0.png in .* is packed by deflate64, which Python cannot read: unpack it"),
        (10, 20, "cat/0.png in .* is packed by"),
        (10, 99, "is packed by method 99"),
    )
    for offset, value, words in cases:
        changed = bytearray(whole)
        changed[start + offset] = changed[offset - 2] = value  # in the directory, in the header
        place.write_bytes(changed)
        with pytest.raises(DataError, match=words) as caught:
            open_images("folder", place)
        assert "\n" not in str(caught.value) and str(place) in str(caught.value)


def test_links_in_a_folder_are_followed_and_each_real_folder_is_read_once(tmp_path):
    root, outside = pack(tmp_path, {"zoo/1.png": 1, "cat/2.png": 2}, "folder"), tmp_path / "outside"
    pack(tmp_path, {"3.png": 3, "in/4.png": 4}, "folder", "outside")
    (root / "ape").symlink_to(root / "zoo")  # before the real one by its name
    (root / "loop").symlink_to(root)
    (root / "up").symlink_to(tmp_path)
    (root / "far").symlink_to(outside)
    (root / "far2").symlink_to(outside)
    (root / "cat/loop").symlink_to("..")
    (root / "cat/9.png").symlink_to("../zoo/1.png")
    (root / "notes").symlink_to("nowhere")
    os.mkfifo(root / "pipe.png")
    found = open_images("folder", root, size=8, say=str)
    assert found.classes == ("cat", "far", "in", "zoo")
    assert found.images[:, 0, 0, 0].tolist() == [2, 1, 3, 4, 1]
    assert "12 files, 5 pictures" in found.note
    assert "5 links to folders that are read already (ape)" in found.note
    assert "1 link that leads nowhere (notes)" in found.note
    assert "1 special file (pipe.png)" in found.note
    (root / "cat/8.png").symlink_to("gone.png")
    with pytest.raises(DataError, match="image cat/8.png in .* is a link to gone.png"):
        open_images("folder", root)
    (root / "cat/8.png").unlink()
    (root / "cat/7.png").symlink_to("7.png")  # to itself
    with pytest.raises(DataError, match="image cat/7.png in .* is a link to 7.png"):
        open_images("folder", root)


def test_folders_that_cannot_be_read_are_one_sentence(tmp_path, monkeypatch):
    root, scan = pack(tmp_path, TREE, "folder"), os.scandir

    def refused(path="."):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refused)  # not by its mode: tests may run as root
    with pytest.raises(DataError, match="set cannot be read .*Permission denied.*dog"):
        open_images("folder", root)
    monkeypatch.undo()


def test_a_picture_that_vanishes_while_it_is_read_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("GANTUTOR_CACHE", str(tmp_path / "cache"))
    root, chosen = pack(tmp_path, TREE, "folder"), room.decode._chosen

    def vanish(*args):
        (root / "dog/2.png").unlink(missing_ok=True)
        return chosen(*args)

    monkeypatch.setattr(room.decode, "_chosen", vanish)
    with pytest.raises(DataError, match="set cannot be read .* .folder: .*No such file.*dog/2.png"):
        open_images("folder", root)


def test_names_of_any_bytes_can_be_printed(tmp_path, capsys):
    root = pack(tmp_path, TREE, "folder")
    odd = os.fsencode(root) + b"/cat/\xff\n.txt"
    with open(odd, "wb"):
        pass
    note = open_images("folder", root).note
    assert capsys.readouterr().out == note + "\n" and "\\n" in note and note.isprintable()
    os.rename(odd, odd.replace(b".txt", b".png"))
    with pytest.raises(DataError) as caught:
        open_images("folder", root)
    assert str(caught.value).isprintable()


# -- serving ---------------------------------------------------------------------------------------------------------
def test_serving_leaves_a_cpu_run_its_memory_map_and_asks_a_gpu_for_half_its_free_memory(
    monkeypatch,
):
    data, moved = some(), []
    assert serve(data, "cpu") is data
    monkeypatch.setattr(ImageSet, "to", lambda self, device: moved.append(device) or "there")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2 * data.images.numel(), 10**9))
    assert serve(data, "cuda") == "there" and moved == ["cuda"]
    monkeypatch.setattr(
        torch.cuda, "mem_get_info", lambda device: (2 * data.images.numel() - 1, 10**9)
    )
    assert serve(data, "cuda") is data


@pytest.fixture
def begun():
    """The threads begun since, and still alive: libraries keep some of their own (tqdm's monitor)."""
    others = set(threading.enumerate())
    return lambda: set(threading.enumerate()) - others


def rows_of(data, x):
    return (x[:, None] == data.floats()).flatten(2).all(2).int().argmax(1)


@pytest.mark.parametrize("thread", [False, True])
def test_an_epoch_shows_each_image_at_most_once_and_drops_the_rest(thread):
    data = some(23)
    feed = Epochs(data, 5, seed=1, thread=thread)
    assert feed.per_epoch == 4
    epochs = []
    for _ in range(3):
        batches = [feed() for _ in range(4)]
        rows = torch.cat([rows_of(data, x) for x, _ in batches])
        assert len(rows.unique()) == 20 and torch.equal(
            torch.cat([y for _, y in batches]), data.labels[rows]
        )
        epochs.append(rows.tolist())
    assert epochs[0] != epochs[1] != epochs[2] and feed.position == 12
    other = Epochs(data, 5, seed=2)
    assert torch.cat([rows_of(data, other()[0]) for _ in range(4)]).tolist() not in epochs
    feed.close()


def test_position_is_all_that_a_checkpoint_needs(begun):
    data = some(23)
    feed, late = Epochs(data, 4, seed=7), Epochs(data, 4, seed=7, thread=True)
    batches = [feed() for _ in range(12)]
    for position in (9, 3, 3, 11):
        late.position = position
        x, y = late()
        assert (
            torch.equal(x, batches[position][0])
            and torch.equal(y, batches[position][1])
            and late.position == position + 1
        )
    assert len(begun()) == 1
    late.close()
    assert not begun()
    with pytest.raises(ValueError, match="position=-1"):
        feed.position = -1


def test_ranks_share_out_the_batch_of_one_process():
    data = some(23)
    whole, ranks = (
        Epochs(data, 6, seed=3),
        [Epochs(data, 2, seed=3, rank=r, world=3) for r in range(3)],
    )
    for _ in range(8):
        x, y = whole()
        parts = [feed() for feed in ranks]
        assert torch.equal(x, torch.cat([p[0] for p in parts])) and torch.equal(
            y, torch.cat([p[1] for p in parts])
        )


def test_no_thread_is_left_behind(begun):
    feed = Epochs(some(), 2, thread=True)
    feed()
    (worker,) = begun()
    del feed
    gc.collect()
    worker.join(5)
    assert not worker.is_alive()


def test_the_threads_error_is_raised_where_the_batch_is_asked_for(begun):
    class Broken(ImageSet):
        def bytes(self, index):
            raise OSError("the disk is gone")

    feed = Epochs(Broken("b", some().images, some().labels, ("a", "b", "c")), 2, thread=True)
    with pytest.raises(OSError, match="the disk is gone"):
        feed()
    assert not begun()


def test_what_cannot_be_fed_is_refused():
    with pytest.raises(
        ValueError, match=r"10 images in some: fewer than one batch of 6 on 2 rank\(s\)"
    ):
        Epochs(some(10), 6, world=2)
    for wrong in ({"batch": 0}, {"batch": 1, "rank": 1}, {"batch": 1, "ahead": -1}):
        with pytest.raises(ValueError, match="expected batch >= 1"):
            Epochs(some(10), **wrong)


# -- instance selection ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("n, d", [(200, 5), (20, 50)])
def test_scores_are_scikit_learns(n, d):
    from sklearn.mixture import GaussianMixture

    features = Rng(0).randn(n, d) @ Rng(1).randn(d, d) + 3
    theirs = (
        GaussianMixture(1, reg_covar=1e-5)
        .fit(features.double().numpy())
        .score_samples(features.double().numpy())
    )
    np.testing.assert_allclose(gaussian_scores(features).numpy(), theirs, rtol=1e-7)


def test_outliers_go_first_and_each_class_keeps_its_share():
    labels = torch.tensor([0, 1, 1]).repeat(40)
    features = (
        Rng(0).randn(120, 8) + 100 * labels[:, None]
    )  # classes far apart: one Gaussian for all would not do
    far = torch.tensor([3, 4, 50, 100])
    features[far] += 10
    for keep, counts in ((0.9, [36, 72]), (0.5, [20, 40]), (0.1, [4, 8])):
        index = instance_selection(features, labels, keep)
        assert labels[index].bincount().tolist() == counts and not torch.isin(far, index).any()
        scores = [gaussian_scores(features[labels == c]).numpy() for c in (0, 1)]
        kept = [(s > np.percentile(s, 100 - 100 * keep)).nonzero()[0] for s in scores]
        mine = [(labels == c).nonzero()[:, 0][k] for c, k in zip((0, 1), kept, strict=True)]
        assert torch.equal(index, torch.cat(mine).sort().values)
    assert torch.equal(instance_selection(features, labels, 1.0), torch.arange(120))


def test_selection_says_what_is_wrong():
    for keep, labels in ((0.0, 4), (1.5, 4), (0.5, 3)):
        with pytest.raises(ValueError, match=f"keep={keep}, 4 features, {labels} labels"):
            instance_selection(torch.zeros(4, 2), torch.zeros(labels), keep)
    with pytest.raises(ValueError, match="are they finite"):
        instance_selection(torch.full((4, 2), torch.nan), torch.zeros(4))
