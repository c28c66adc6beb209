"""Sets opened by name: digits, folders, archives, published sets, and wrong arguments."""

import numpy as np
import pytest
import torch
from imagefiles import LAYOUTS, PACKERS, TREE, grey, own_places, pack, png
from PIL import Image
from torchvision.io import encode_jpeg, encode_png

from gantutor.images import DataError, open_images
from gantutor.images.opening import READERS
from gantutor.rng import Rng


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    own_places(tmp_path, monkeypatch)


# -- openers ---------------------------------------------------------------------------------------
def test_digits_need_no_file():
    train, test = open_images(), open_images("digits", split="test")
    assert train.shape == (1, 32, 32) and len(train) + len(test) == 1797 and len(test) == 299
    assert train.images.max() == 255 and train.labels.bincount().min() > 120
    assert train.classes == tuple("0123456789")
    small = open_images("digits", size=8)
    from sklearn.datasets import load_digits

    sixteenths = torch.from_numpy(load_digits().images)[torch.arange(1797) % 6 != 5]
    assert torch.equal((small.images[:, 0].double() * 16 / 255).round(), sixteenths)
    assert len(open_images("digits", limit=50)) == 50
    assert len(open_images("digits", limit=10**6)) == len(train)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", PACKERS)
def test_every_layout_in_every_box_is_the_same_set(kind, layout, tmp_path):
    tree = dict(reversed(LAYOUTS[layout].items()))  # an archive's order must not matter
    data = open_images("folder", pack(tmp_path, tree, kind), size=8)
    assert data.name == "set" and data.classes == ("cat", "dog")
    assert data.labels.tolist() == [0] * 4 + [1] * 4
    assert data.images[:, 2, 3, 4].tolist() == [0, 10, 20, 30, 100, 110, 120, 130]
    other = open_images("folder", pack(tmp_path, TREE, "folder", "other"), size=8)
    assert data.digest == other.digest


def test_only_the_split_asked_for_is_decoded(tmp_path):
    tree = {f"train/{n}": v for n, v in TREE.items()} | {"test/cat/a.png": 7, "test/dog/b.png": 8}
    test = open_images("folder", pack(tmp_path, tree, "tar"), split="test")
    assert test.images[:, 0, 0, 0].tolist() == [7, 8]
    broken = tree | {"test/cat/a.png": b"no image"}
    assert len(open_images("folder", pack(tmp_path, broken, "tar", "broken"))) == 8
    with pytest.raises(DataError, match="no split 'val': it has test, train"):
        open_images("folder", tmp_path / "set.tar", split="val")
    with pytest.raises(DataError, match="no split folders"):
        open_images("folder", pack(tmp_path, TREE, "folder"), split="test")


def test_a_class_may_be_called_train(tmp_path):
    place = pack(tmp_path, {"train/a.png": 1, "car/b.png": 2}, "folder")
    assert open_images("folder", place).classes == ("car", "train")


def test_images_are_cropped_square_and_resized(tmp_path):
    wide = torch.zeros(3, 10, 30, dtype=torch.uint8)
    wide[:, :, 10:20] = 200  # the middle square
    files = {"a/wide.png": encode_png(wide), "a/photo.jpg": encode_jpeg(grey(90, 40, 50))}
    root = pack(tmp_path, {name: data.numpy().tobytes() for name, data in files.items()}, "folder")
    data = open_images("folder", root, size=16)
    assert data.shape == (3, 16, 16) and data.images[1].min() == 200
    assert (abs(data.images[0].astype(int) - 90) < 3).all()


def test_squash_keeps_the_whole_picture(tmp_path):
    wide = Rng(0).randint(256, 3, 30, 46).to(torch.uint8)
    root = pack(tmp_path, {"a/wide.png": encode_png(wide).numpy().tobytes()}, "folder")
    squashed, cropped = (
        open_images("folder", root, size=16, fit=fit).images[0].astype(int)
        for fit in ("squash", "crop")
    )
    picture = Image.fromarray(wide.permute(1, 2, 0).numpy())
    for ours, theirs in ((squashed, picture), (cropped, picture.crop((8, 0, 38, 30)))):
        pil = np.asarray(theirs.resize((16, 16), Image.Resampling.BILINEAR))
        # Pillow rounds between the two directions
        assert abs(ours - pil.transpose(2, 0, 1).astype(int)).max() <= 1


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
            place = pack(tmp_path, dict(reversed(tree.items())), kind, where)
            data = open_images("tiny-imagenet", place, split="val")
            assert data.classes == ("n01", "n02") and data.labels.tolist() == [0, 1, 1]
            assert data.images[:, 0, 0, 0].tolist() == [10, 0, 20]
        data = open_images("tiny-imagenet", pack(tmp_path, train | val, kind, "all"), split="train")
        assert data.classes == ("n01", "n02")
        assert data.images[:, 0, 0, 0].tolist() == [110, 111, 120, 121]


def test_cifar10_jpeg_is_found_where_the_variable_points(tmp_path, monkeypatch):
    words = "is not here .*cifar10-jpeg.tar.xz.*gantutor data fetch cifar10-jpeg"
    with pytest.raises(DataError, match=words):
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
    for name in READERS:
        words = f"{name} is not here .*(gantutor data fetch {name}|download|log in).*'digits'"
        with pytest.raises(DataError, match=words) as caught:
            open_images(name)
        assert "\n" not in str(caught.value)
        with pytest.raises(DataError, match="nowhere is not here: check the path"):
            open_images(name, "nowhere")


# -- what can be wrong -----------------------------------------------------------------------------
def test_each_wrong_source_is_one_sentence(tmp_path):
    def refused(words, path, **kwargs):
        with pytest.raises(DataError, match=words) as caught:
            open_images("folder", path, **kwargs)
        assert "\n" not in str(caught.value) and (path is None or str(path) in str(caught.value))

    refused("path=None", None)
    refused("is not here: check the path", "nowhere/at/all")
    (tmp_path / "empty").mkdir()
    refused("is empty: expected <class>/", tmp_path / "empty")
    (tmp_path / "notes.txt").write_text("x")
    refused("neither a folder nor one of .tar", tmp_path / "notes.txt")
    refused("contains no images: expected", pack(tmp_path, {"a/x.txt": b"x"}, "folder", "texts"))
    noise = encode_jpeg(Rng(0).randint(256, 3, 40, 40).to(torch.uint8)).numpy().tobytes()
    for data in (b"", b"no image", png(3)[:40], noise[:-1], noise[: len(noise) // 2]):
        bad = pack(tmp_path, TREE | {"cat/0.png": data}, "folder", f"bad{len(data)}")
        refused("image cat/0.png in .* cannot be read: replace or delete it", bad)
    for unsafe in ("../evil.png", "/etc/evil.png", "a/../../b.png"):
        refused(f"unsafe path '{unsafe}'", pack(tmp_path, TREE | {unsafe: 1}, "tar", "unsafe"))
    for kind in PACKERS[1:]:
        whole = pack(tmp_path, TREE, kind, "whole")
        for part in (0.1, 0.3, 0.9) if kind != "tar" else (0.1, 0.15):
            cut = tmp_path / f"cut.{kind}"
            cut.write_bytes(whole.read_bytes()[: int(part * whole.stat().st_size)])
            refused("cannot be read to its end .archive, truncated or damaged", cut)
    (tmp_path / "text.tar").write_bytes(b"this is text " * 200)
    refused("truncated or damaged", tmp_path / "text.tar")


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
