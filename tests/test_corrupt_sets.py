"""Corrupt files of published sets are named and never used, and pickles run no code."""

import gzip
import io
import os
import pickle
import struct

import numpy as np
import pytest
from published import cifar10_files, idx_files, own_data, pixels, stl10_files, unpacked

from gantutor.images import DataError, open_images


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    return own_data(tmp_path, monkeypatch)


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch broken-in",)


@pytest.mark.parametrize(
    "poison", [Evil(), {b"data": np.array([Evil()], dtype=object)}, open, np.load]
)
def test_a_pickle_cannot_run_code(data, tmp_path, poison):
    _, _, files = cifar10_files()
    unpacked(data, files | {"cifar-10-batches-py/data_batch_3": pickle.dumps(poison)})
    asked = "asks for (posix.system|.*open|.*load)"
    with pytest.raises(DataError, match=f"data_batch_3 in .* is not a pickle of plain .*{asked}"):
        open_images("cifar10")
    assert not (tmp_path / "broken-in").exists()


@pytest.fixture
def refused(data, tmp_path):
    """Opens a set of these files with some changed, and expects one sentence and an empty cache."""

    def check(words, name, files, change):
        for old in sorted(data.rglob("*"), reverse=True):
            old.rmdir() if old.is_dir() else old.unlink()
        unpacked(data, {k: v for k, v in (files | change).items() if v is not None})
        with pytest.raises(DataError, match=words) as caught:
            open_images(name)
        assert "\n" not in str(caught.value) and str(data) in str(caught.value)
        assert not list((tmp_path / "cache").glob("*"))

    return check


def test_corrupt_files_of_cifar_are_named_and_nothing_is_kept(refused):
    files = cifar10_files()[2]
    second, meta = "cifar-10-batches-py/data_batch_2", "cifar-10-batches-py/batches.meta"
    whole = files[second]
    for part in (0, 10, len(whole) // 2, len(whole) - 1):
        words = "data_batch_2 in .* is not a pickle"
        refused(words, "cifar10", files, {second: whole[:part]})
    refused("has no data_batch_2: unpack", "cifar10", files, {second: None})
    refused("has no batches.meta", "cifar10", files, {meta: None})
    for bad in (
        {"data": np.zeros((2, 3071), np.uint8)},
        {"data": np.zeros((2, 3072))},
        {"labels": [0]},
        {"labels": [0, 3]},
        {"labels": [0, "x"]},
        {"data": [1, 2]},
    ):
        batch = {"data": np.zeros((2, 3072), np.uint8), "labels": [0, 1]} | bad
        refused("are not CIFAR batches", "cifar10", files, {second: pickle.dumps(batch)})


def test_corrupt_files_of_stl10_are_named_and_nothing_is_kept(refused):
    files = stl10_files()[1]
    x, y = "stl10_binary/train_X.bin", "stl10_binary/train_y.bin"
    cut = {x: files[x][:-1]}
    refused("has no train_X.bin", "stl10", files, {x: None})
    refused("has no train_y.bin", "stl10", files, {y: None})
    refused("train_X.bin in .* not a multiple of 27648", "stl10", files, cut)
    refused("train_y.bin in .* do not fit: 2 for 3 images", "stl10", files, {y: b"\1\2"})
    refused("train_y.bin in .* do not fit", "stl10", files, {y: b"\0\1\2"})


def test_corrupt_files_of_mnist_are_named_and_nothing_is_kept(refused):
    files = {f"mnist/{k}": v for k, v in idx_files()[2].items()}
    images, labels = "mnist/train-images-idx3-ubyte.gz", "mnist/train-labels-idx1-ubyte.gz"
    packed, raw = files[images], gzip.decompress(files[images])
    floats = b"\0\0\x0d" + raw[3:]
    for bad in (packed[:-1], packed[:100], b"", raw[:-1], raw[:10], floats):
        words = "train-images-idx3-ubyte.gz in .* is not a complete idx file of 3 dimensions"
        refused(words, "mnist", files, {images: bad})
    refused("has no train-labels-idx1-ubyte nor", "mnist", files, {labels: None})
    one = struct.pack(">2i", 2049, 1) + b"\0"
    refused("train-labels in .* do not fit: 1 for 4", "mnist", files, {labels: one})


def test_corrupt_files_of_imagenet64_are_named_and_nothing_is_kept(refused):
    npz = io.BytesIO()
    np.savez(npz, data=pixels(4, 12288), labels=np.array([1, 2, 3, 4]))
    place, whole = "imagenet64/train_data_batch_1.npz", npz.getvalue()
    flipped = bytearray(whole)
    flipped[5000] ^= 1  # in the pixels: only the checksum in the archive can tell
    for bad in (whole[:-30], whole[:3000], bytes(flipped)):
        words = "train_data_batch_1.npz cannot be read to its end"
        refused(words, "imagenet64", {place: bad}, {})
