"""The published layouts, written here by hand, come back pixel for pixel."""

import pickle
import sys
import zipfile

import numpy as np
import pytest
from published import cifar10_files, idx_files, own_data, pixels, stl10_files, tar, two, unpacked
from torchvision.io import encode_png

from gantutor.images import DataError, open_images
from gantutor.rng import Rng


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    return own_data(tmp_path, monkeypatch)


@pytest.mark.parametrize("dump", [two, pickle.dumps], ids=["python2", "python3"])
def test_cifar10(data, dump):
    x, y, files = cifar10_files(dump)
    unpacked(data, files)
    train, test = (open_images("cifar10", split=s) for s in ("train", "test"))
    assert np.array_equal(train.images.transpose(0, 2, 3, 1), x[:10])
    assert np.array_equal(test.images.transpose(0, 2, 3, 1), x[10:])
    assert train.labels.tolist() == y[:10] and test.classes == ("airplane", "bird", "cat")
    tar(data / "packed.tar.gz", files)
    packed = open_images("cifar10", data / "packed.tar.gz")
    assert packed.digest == train.digest and isinstance(packed.images, np.memmap)
    assert open_images("cifar10", size=16).shape == (3, 16, 16)


def test_cifar100(data):
    x = pixels(5, 32, 32, 3)
    flat = np.ascontiguousarray(x.transpose(0, 3, 1, 2).reshape(5, 3072))
    batch = two({b"fine_labels": [2, 0, 1, 2, 0], b"coarse_labels": [0] * 5, b"data": flat})
    names = {b"fine_label_names": [b"apple", b"bear", b"cup"], b"coarse_label_names": [b"things"]}
    files = {"train": batch, "test": batch, "meta": two(names)}
    archive = data / "cifar-100-python.tar.gz"
    tar(archive, {f"cifar-100-python/{k}": v for k, v in files.items()})
    found = open_images("cifar100")
    assert np.array_equal(found.images.transpose(0, 2, 3, 1), x)
    assert found.labels.tolist() == [2, 0, 1, 2, 0] and found.classes == ("apple", "bear", "cup")


def test_stl10(data):
    x, files = stl10_files()
    tar(data / "stl10_binary.tar.gz", files)
    for split, labels in (("train", [9, 0, 1]), ("test", [2, 2, 3]), ("unlabeled", [0, 0, 0])):
        found = open_images("stl10", split=split, size=96)
        assert np.array_equal(found.images.transpose(0, 2, 3, 1), x[split])
        assert found.labels.tolist() == labels
        assert len(found.classes) == (1 if split == "unlabeled" else 10)
    small = open_images("stl10", split="unlabeled", size=48).images
    assert small.shape == (3, 3, 48, 48)
    # halving keeps the local mean
    means = x["unlabeled"].transpose(0, 3, 1, 2).reshape(3, 3, 24, 4, 24, 4).mean((3, 5))
    assert abs(small.reshape(3, 3, 24, 2, 24, 2).mean((3, 5)) - means).max() < 40
    with pytest.raises(DataError, match="stl10 has train, test, unlabeled"):
        open_images("stl10", split="val")


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize("zipped", [True, False])
def test_mnist_and_fashion_mnist(data, name, zipped):
    x, y, files = idx_files(zipped=zipped)
    unpacked(data / name, files)
    train, test = (open_images(name, split=s, size=28) for s in ("train", "test"))
    assert np.array_equal(train.images[:, 0], x[:4]) and train.labels.tolist() == [0, 1, 2, 3]
    assert np.array_equal(test.images[:, 0], x[4:]) and test.labels.tolist() == [4, 5]
    assert len(train.classes) == 10
    assert open_images(name, data / name, size=28).digest == train.digest


def test_imagenet64_in_the_official_batches(data):
    x = pixels(7, 64, 64, 3)
    flat = x.transpose(0, 3, 1, 2).reshape(7, 12288)
    (data / "imagenet64").mkdir()
    for i, part in ((10, slice(5, 7)), (2, slice(3, 5)), (1, slice(0, 3))):  # number 10 comes last
        place, labels = data / f"imagenet64/train_data_batch_{i}.npz", np.arange(7)[part] + 1
        np.savez(place, data=flat[part], labels=labels, mean=np.zeros(12288))
    np.savez_compressed(data / "imagenet64/val_data.npz", data=flat[:2], labels=np.array([1, 7]))
    found = open_images("imagenet64", size=64)
    assert np.array_equal(found.images.transpose(0, 2, 3, 1), x)
    assert found.labels.tolist() == list(range(7)) and found.classes[0] == "1"
    assert open_images("imagenet64", size=64, split="val").labels.tolist() == [0, 6]
    second = data / "imagenet64/train_data_batch_2.npz"
    np.savez(second, data=flat.astype(object), labels=np.arange(7) + 1)
    with pytest.raises(DataError, match="train_data_batch_2.npz cannot be read .*as objects"):
        open_images("imagenet64", size=64)
    np.savez(second, data=flat[:, :-1], labels=np.arange(7) + 1)
    words = r"train_data_batch_2.npz contains data uint8 \(7, 12287\) for 7 labels"
    with pytest.raises(DataError, match=words):
        open_images("imagenet64", size=64)


def noise(seed):
    return encode_png(Rng(seed).randint(256, 3, 20, 16).byte()).numpy().tobytes()


def test_imagenet64_in_class_folders_and_sets_of_one_class(data):
    png = [noise(seed) for seed in range(3)]
    tree = {"train/n01/a.png": png[0], "train/n02/b.png": png[1], "val/n02/c.png": png[2]}
    unpacked(data / "imagenet64", tree)
    assert open_images("imagenet64").labels.tolist() == [0, 1]
    assert len(open_images("imagenet64", split="val")) == 1
    unpacked(data / "img_align_celeba", {f"{i:06d}.png": png[i] for i in range(3)})
    faces = open_images("celeba", size=16)
    assert faces.classes == ("face",) and len(faces) == 3
    assert faces.digest != open_images("celeba", size=16, fit="squash").digest
    with zipfile.ZipFile(data / "img_align_celeba.zip", "w") as archive:
        for i in range(3):
            archive.writestr(f"img_align_celeba/{i:06d}.png", png[i])
    assert open_images("celeba", data / "img_align_celeba.zip", size=16).digest == faces.digest
    tar(data / "church_outdoor_train.tar", {f"0/a/{i}.png": png[i] for i in range(3)})
    assert open_images("lsun-church", size=16).images.tolist() == faces.images.tolist()
    with pytest.raises(DataError, match="church_outdoor_val_lmdb"):
        open_images("lsun-church", split="val")


def test_lsuns_database_is_read_if_lmdb_is_installed(data, monkeypatch):
    base = data / "church_outdoor_train_lmdb"
    unpacked(base, {"data.mdb": b"x"})
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(DataError, match="is an LMDB: pip install lmdb, or export"):
        open_images("lsun-church")
    pictures = [(f"{i:040x}".encode(), noise(i)) for i in range(3)]

    class Base:
        """What lmdb's Environment and Transaction do here."""

        def __enter__(self):
            return self

        def __exit__(self, *args):
            pass

        def begin(self):
            return self

        def cursor(self):
            return iter(pictures)

        def get(self, key):
            return dict(pictures)[key]

    fake = type(sys)("lmdb")
    fake.open, fake.Error = lambda path, **kwargs: Base(), RuntimeError
    monkeypatch.setitem(sys.modules, "lmdb", fake)
    found = open_images("lsun-church", size=16)
    assert len(found) == 3 and found.classes == ("church",)
    with zipfile.ZipFile(data / "church_outdoor_val_lmdb.zip", "w") as archive:
        archive.writestr("church_outdoor_val_lmdb/data.mdb", b"x")
    with pytest.raises(DataError, match="contains an LMDB.*unpack it"):
        open_images("lsun-church", split="val")
