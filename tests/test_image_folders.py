"""Folders as people have them: classes, splits, links, and what is left out."""

import os

import pytest
from imagefiles import TREE, encoded, opened, own_places, pack
from PIL import Image

from gantutor.images import DataError, folders, open_images


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    own_places(tmp_path, monkeypatch)


# -- what is left out ------------------------------------------------------------------------------
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


def test_what_was_left_out_is_also_printed_for_a_cached_set(tmp_path, capsys):
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


def test_splits_count_the_pictures_of_the_others(tmp_path):
    tree = {f"{s}/{n}": v for s in ("train", "test") for n, v in TREE.items()}
    tree |= {"train/x.png": 1, "extra/x.png": 1}
    note = opened(tmp_path, tree)[1]
    assert note == (
        "set (train): 18 files, 8 pictures in 2 classes, 8 more in other splits; left out: "
        "1 outside the split folders (extra/x.png), 1 in no class folder (train/x.png)"
    )


# -- classes and splits ----------------------------------------------------------------------------
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


def test_a_split_without_class_folders_next_to_one_with_them_is_refused(tmp_path):
    place = pack(tmp_path, {"train/cat/1.png": 1, "test/2.png": 2}, "folder")
    with pytest.raises(
        DataError, match="no class folders in its split 'test', unlike in its other splits"
    ):
        open_images("folder", place, split="test")
    with pytest.raises(DataError, match="no split 'val': it has test, train"):
        open_images("folder", place, split="val")
    with pytest.raises(DataError, match="has no split folders, so no 'test'"):
        open_images("folder", pack(tmp_path, {"1.png": 1}, "folder", "flat"), split="test")


# -- links and names -------------------------------------------------------------------------------
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
    root, chosen = pack(tmp_path, TREE, "folder"), folders.chosen

    def vanish(*args):
        (root / "dog/2.png").unlink(missing_ok=True)
        return chosen(*args)

    monkeypatch.setattr(folders, "chosen", vanish)
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
