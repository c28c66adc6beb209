"""The catalogue, where sets are looked for, their checksums, and `verify`."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from published import idx_files, own_data, stl10_files, tar, unpacked

from gantutor.datasets import SOURCES, DataError, File, places
from gantutor.datasets.catalogue import PUBLISHED
from gantutor.images import open_images, verify
from gantutor.images.opening import READERS


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    return own_data(tmp_path, monkeypatch)


# -- the catalogue ---------------------------------------------------------------------------------
def test_the_real_catalogue_makes_sense():
    code = (
        "import json; from gantutor.datasets import SOURCES; from dataclasses import asdict;"
        "print(json.dumps([asdict(s) for s in SOURCES.values()]))"
    )
    command = [sys.executable, "-c", code]
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    for source in json.loads(again.stdout):
        name, files = source["name"], source["files"]
        assert name == "digits" or name in READERS
        assert source["terms"] and source["by_hand"] and source["splits"]
        assert source["places"] or name == "digits"
        sums = [s for f in files for s in f["sums"]] + [s for _, s in source["inside"]]
        assert all(len(s) in (32, 64) and int(s, 16) for s in sums) and len(set(sums)) == len(sums)
        for url in (u for f in files for u in f["urls"]):
            assert url.startswith(("http://", "https://")) and url.endswith((".gz", ".zip"))
        # plain http is fine if a checksum follows, or if the publisher offers nothing else
        assert all(f["sums"] for f in files) or name in ("lsun-church", "cifar10-jpeg")


def test_torchvision_knows_the_same_checksums():
    from torchvision.datasets import CIFAR10, CIFAR100, MNIST, STL10, FashionMNIST

    before = {s.name: s for s in PUBLISHED}
    for theirs, name in ((CIFAR10, "cifar10"), (CIFAR100, "cifar100"), (STL10, "stl10")):
        listed = {tuple(f) for f in theirs.train_list + theirs.test_list}
        assert set(before[name].inside) <= listed
        assert theirs.filename == before[name].files[0].name
    for theirs, name in ((MNIST, "mnist"), (FashionMNIST, "fashion-mnist")):
        ours = [(f.name.split("/")[1], f.sums[0]) for f in before[name].files]
        assert ours == [tuple(r) for r in theirs.resources]


# -- places and checksums --------------------------------------------------------------------------
def test_an_empty_folder_does_not_hide_the_archive_next_to_it(data):
    _, files = stl10_files()
    (data / "stl10_binary").mkdir()
    words = "stl10_binary has no train_X.bin: unpack the archive again"
    with pytest.raises(DataError, match=words):
        open_images("stl10")
    tar(data / "stl10_binary.tar.gz", files)
    assert len(open_images("stl10")) == 3


def test_paths_that_make_no_sense_are_not_found(data, monkeypatch):
    for named in ("~nobody-of-this-name/data", "x" * 5000, str(data / "loop")):
        monkeypatch.setenv("GANTUTOR_DATA", named)
        with pytest.raises(DataError, match="mnist is not here"):
            open_images("mnist")
        with pytest.raises(DataError, match="is not here: check the path"):
            open_images("mnist", "x" * 5000)
    (data / "loop").symlink_to("loop")
    monkeypatch.setenv("GANTUTOR_DATA", str(data / "loop"))
    with pytest.raises(DataError, match="mnist is not here"):
        open_images("mnist")
    monkeypatch.setenv("GANTUTOR_DATA", str(data))
    for end in ("", ".tar"):
        (data / f"circle{end}").symlink_to(f"circle{end}")
        with pytest.raises(DataError, match="is not here"):
            open_images("folder", data / f"circle{end}")


def test_a_published_file_with_another_checksum_is_never_used(data, monkeypatch):
    x, files = stl10_files()
    place = data / "stl10_binary.tar.gz"
    tar(place, files)
    good = hashlib.md5(place.read_bytes()).hexdigest()
    source = replace(
        SOURCES["stl10"],
        files=(File(place.name, (), (good,)),),
        inside=(("train_X.bin", hashlib.md5(b"x").hexdigest()),),
    )
    monkeypatch.setitem(SOURCES, "stl10", source)
    assert len(open_images("stl10")) == 3
    tar(place, files | {"stl10_binary/new.txt": b"x"})
    words = f"{place} is not the published file .md5 .*, expected {good}.*delete it and download"
    with pytest.raises(DataError, match=words):
        open_images("stl10")
    place.unlink()
    unpacked(data, files)
    with pytest.raises(DataError, match="train_X.bin is not the published file"):
        open_images("stl10")


def test_a_published_file_that_cannot_be_read_is_one_sentence(data, monkeypatch):
    _, files = stl10_files()
    tar(data / "stl10_binary.tar.gz", files)
    source = replace(SOURCES["stl10"], files=(File("stl10_binary.tar.gz", (), ("0" * 32,)),))
    monkeypatch.setitem(SOURCES, "stl10", source)

    def refused(path, algorithm):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(places, "digest", refused)
    with pytest.raises(DataError, match="stl10_binary.tar.gz cannot be read .Permission denied."):
        open_images("stl10")


# -- verify ----------------------------------------------------------------------------------------
def test_verify_checks_and_decodes_all_splits(data, monkeypatch):
    x, y, files = idx_files()
    unpacked(data / "mnist", files)
    sums = tuple(File(f"mnist/{k}", (), (hashlib.md5(v).hexdigest(),)) for k, v in files.items())
    source = replace(SOURCES["mnist"], files=sums, splits={"train": 4, "test": 2})
    monkeypatch.setitem(SOURCES, "mnist", source)
    said: list[str] = []
    verify("mnist", said.append)
    digests = [open_images("mnist", split=s, size=28).digest for s in ("train", "test")]
    assert f"train: 4 images 1x28x28, 10 classes, digest {digests[0]}" in said
    assert "4 file(s) have the published" in said[0] and digests[1] in said[-1]
    monkeypatch.setitem(SOURCES, "mnist", replace(SOURCES["mnist"], splits={"train": 60000}))
    words = "mnist's split train has 4 images where 60000 are published"
    with pytest.raises(DataError, match=words):
        verify("mnist", said.append)
    (data / "mnist/t10k-labels-idx1-ubyte.gz").write_bytes(b"x")
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte.gz is not the published file"):
        verify("mnist", said.append)
    with pytest.raises(DataError, match="stl10 is not here"):
        verify("stl10", said.append)
    verify("digits", said.append)
    assert said[-1].startswith("test: 299 images 1x8x8")
