"""The published layouts, written here by hand, come back pixel for pixel; what is corrupt is named and never used; downloads resume."""

import gzip
import hashlib
import http.server
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from torchvision.io import encode_png

from gantutor import datasets
from gantutor.datasets import SOURCES, DataError, File, fetch
from gantutor.images import READERS, open_images, verify
from gantutor.rng import Rng


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """A data folder and cache of the test's own, and a catalogue that knows no checksums: fixtures cannot have the published ones."""
    monkeypatch.setenv("GANTUTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANTUTOR_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets, "PAUSE", 0.0)
    for name, source in list(SOURCES.items()):
        bare = tuple(replace(f, sums=(), bytes=None, urls=()) for f in source.files)
        places = tuple(p for p in source.places if not p.startswith("/"))
        monkeypatch.setitem(SOURCES, name, replace(source, files=bare, inside=(), places=places))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def pixels(n, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def tar(place, files):
    with tarfile.open(place, f"w:{place.suffix[1:] if place.suffix != '.tar' else ''}") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def unpacked(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


class TwoPickle(pickle._Pickler):  # the pure Python one, which can be overridden
    """Writes strings as Python 2 did, like the published CIFAR files: opcode U, no Unicode."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_bytes(self, value):
        self.write(pickle.BINSTRING + struct.pack("<i", len(value)) + value)
        self.memoize(value)

    dispatch[bytes] = save_bytes


def two(value):
    out = io.BytesIO()
    TwoPickle(out, 2).dump(value)
    # where Python 2's NumPy found it; the text is a line of the pickle, so the lengths elsewhere stay right
    return out.getvalue().replace(b"numpy._core.multiarray\n", b"numpy.core.multiarray\n")


# -- binary layouts --------------------------------------------------------------------------------------------------
NAMES = [b"airplane", b"bird", b"cat"]


def cifar10_files(dump=two):
    x, y = pixels(12, 32, 32, 3), [0, 1, 2] * 4
    flat = x.transpose(0, 3, 1, 2).reshape(12, 3072)  # 1024 reds, 1024 greens, 1024 blues
    batch = lambda a, b: dump(
        {
            b"batch_label": b"x",
            b"labels": y[a:b],
            b"data": np.ascontiguousarray(flat[a:b]),
            b"filenames": [b"f"] * (b - a),
        }
    )  # noqa: E731, E501
    files = {f"data_batch_{i + 1}": batch(2 * i, 2 * i + 2) for i in range(5)} | {
        "test_batch": batch(10, 12)
    }
    return (
        x,
        y,
        {
            f"cifar-10-batches-py/{k}": v
            for k, v in (files | {"batches.meta": dump({b"label_names": NAMES})}).items()
        },
    )


@pytest.mark.parametrize("dump", [two, pickle.dumps], ids=["python2", "python3"])
def test_cifar10(data, dump):
    x, y, files = cifar10_files(dump)
    unpacked(data, files)
    train, test = (open_images("cifar10", split=s) for s in ("train", "test"))
    assert (
        np.array_equal(train.images.transpose(0, 2, 3, 1), x[:10])
        and train.labels.tolist() == y[:10]
    )
    assert np.array_equal(test.images.transpose(0, 2, 3, 1), x[10:]) and test.classes == (
        "airplane",
        "bird",
        "cat",
    )
    tar(data / "packed.tar.gz", files)
    packed = open_images("cifar10", data / "packed.tar.gz")
    assert packed.digest == train.digest and isinstance(packed.images, np.memmap)
    assert open_images("cifar10", size=16).shape == (3, 16, 16)


def test_cifar100(data):
    x = pixels(5, 32, 32, 3)
    flat = np.ascontiguousarray(x.transpose(0, 3, 1, 2).reshape(5, 3072))
    batch = two({b"fine_labels": [2, 0, 1, 2, 0], b"coarse_labels": [0] * 5, b"data": flat})
    meta = two(
        {b"fine_label_names": [b"apple", b"bear", b"cup"], b"coarse_label_names": [b"things"]}
    )
    tar(
        data / "cifar-100-python.tar.gz",
        {
            f"cifar-100-python/{k}": v
            for k, v in {"train": batch, "test": batch, "meta": meta}.items()
        },
    )
    found = open_images("cifar100")
    assert np.array_equal(found.images.transpose(0, 2, 3, 1), x)
    assert found.labels.tolist() == [2, 0, 1, 2, 0] and found.classes == ("apple", "bear", "cup")


def stl10_files(n=3):
    x = {s: pixels(n, 96, 96, 3, seed=i) for i, s in enumerate(("train", "test", "unlabeled"))}
    # each channel column by column: the row runs fastest
    files = {
        f"{s}_X.bin": b"".join(a[i, :, :, c].tobytes(order="F") for i in range(n) for c in range(3))
        for s, a in x.items()
    }
    files |= {"train_y.bin": bytes([10, 1, 2]), "test_y.bin": bytes([3, 3, 4])}
    files["class_names.txt"] = b"airplane\nbird\ncar\ncat\ndeer\ndog\nhorse\nmonkey\nship\ntruck\n"
    return x, {f"stl10_binary/{k}": v for k, v in files.items()}


def test_stl10(data):
    x, files = stl10_files()
    tar(data / "stl10_binary.tar.gz", files)
    for split, labels in (("train", [9, 0, 1]), ("test", [2, 2, 3]), ("unlabeled", [0, 0, 0])):
        found = open_images("stl10", split=split, size=96)
        assert (
            np.array_equal(found.images.transpose(0, 2, 3, 1), x[split])
            and found.labels.tolist() == labels
        )
        assert len(found.classes) == (1 if split == "unlabeled" else 10)
    small = open_images("stl10", split="unlabeled", size=48).images
    means = (
        x["unlabeled"].transpose(0, 3, 1, 2).reshape(3, 3, 24, 4, 24, 4).mean((3, 5))
    )  # halving keeps the local mean
    assert abs(
        small.reshape(3, 3, 24, 2, 24, 2).mean((3, 5)) - means
    ).max() < 40 and small.shape == (3, 3, 48, 48)
    with pytest.raises(DataError, match="stl10 has train, test, unlabeled"):
        open_images("stl10", split="val")


def idx_files(n=6, zipped=True):
    x, y = pixels(n, 28, 28), np.arange(n, dtype=np.uint8) % 10
    pack = gzip.compress if zipped else bytes
    end = ".gz" if zipped else ""
    files = {}
    for stem, part in (("train", slice(0, n - 2)), ("t10k", slice(n - 2, n))):
        files[f"{stem}-images-idx3-ubyte{end}"] = pack(
            struct.pack(">4i", 2051, len(x[part]), 28, 28) + x[part].tobytes()
        )
        files[f"{stem}-labels-idx1-ubyte{end}"] = pack(
            struct.pack(">2i", 2049, len(y[part])) + y[part].tobytes()
        )
    return x, y, files


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize("zipped", [True, False])
def test_mnist_and_fashion_mnist(data, name, zipped):
    x, y, files = idx_files(zipped=zipped)
    unpacked(data / name, files)
    train, test = (open_images(name, split=s, size=28) for s in ("train", "test"))
    assert np.array_equal(train.images[:, 0], x[:4]) and train.labels.tolist() == [0, 1, 2, 3]
    assert (
        np.array_equal(test.images[:, 0], x[4:])
        and test.labels.tolist() == [4, 5]
        and len(train.classes) == 10
    )
    assert open_images(name, data / name, size=28).digest == train.digest


def test_imagenet64_in_the_official_batches(data):
    x = pixels(7, 64, 64, 3)
    flat = x.transpose(0, 3, 1, 2).reshape(7, 12288)
    (data / "imagenet64").mkdir()
    for i, part in ((10, slice(5, 7)), (2, slice(3, 5)), (1, slice(0, 3))):  # number 10 comes last
        np.savez(
            data / f"imagenet64/train_data_batch_{i}.npz",
            data=flat[part],
            labels=np.arange(7)[part] + 1,
            mean=np.zeros(12288),
        )
    np.savez_compressed(data / "imagenet64/val_data.npz", data=flat[:2], labels=np.array([1, 7]))
    found = open_images("imagenet64", size=64)
    assert np.array_equal(found.images.transpose(0, 2, 3, 1), x) and found.labels.tolist() == list(
        range(7)
    )
    assert (
        open_images("imagenet64", size=64, split="val").labels.tolist() == [0, 6]
        and found.classes[0] == "1"
    )
    np.savez(
        data / "imagenet64/train_data_batch_2.npz",
        data=flat.astype(object),
        labels=np.arange(7) + 1,
    )
    with pytest.raises(DataError, match="train_data_batch_2.npz cannot be read .*as objects"):
        open_images("imagenet64", size=64)
    np.savez(data / "imagenet64/train_data_batch_2.npz", data=flat[:, :-1], labels=np.arange(7) + 1)
    with pytest.raises(
        DataError, match=r"train_data_batch_2.npz holds data uint8 \(7, 12287\) for 7 labels"
    ):
        open_images("imagenet64", size=64)


def test_imagenet64_in_class_folders_and_sets_of_one_class(data):
    png = {v: encode_png(Rng(v).randint(256, 3, 20, 16).byte()).numpy().tobytes() for v in range(3)}
    unpacked(
        data / "imagenet64",
        {"train/n01/a.png": png[0], "train/n02/b.png": png[1], "val/n02/c.png": png[2]},
    )
    assert (
        open_images("imagenet64").labels.tolist() == [0, 1]
        and len(open_images("imagenet64", split="val")) == 1
    )
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


def test_lsuns_database_is_read_where_lmdb_is_there(data, monkeypatch):
    base = data / "church_outdoor_train_lmdb"
    unpacked(base, {"data.mdb": b"x"})
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(DataError, match="is an LMDB: pip install lmdb, or export"):
        open_images("lsun-church")
    pictures = [
        (f"{i:040x}".encode(), encode_png(Rng(i).randint(256, 3, 20, 16).byte()).numpy().tobytes())
        for i in range(3)
    ]

    class Base:  # what the package's Environment and Transaction do here
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
    with pytest.raises(DataError, match="holds an LMDB.*unpack it"):
        open_images("lsun-church", split="val")


# -- what is corrupt -------------------------------------------------------------------------------------------------
class Evil:
    def __reduce__(self):
        return os.system, ("touch broken-in",)


@pytest.mark.parametrize(
    "poison", [Evil(), {b"data": np.array([Evil()], dtype=object)}, open, np.load]
)
def test_a_pickle_cannot_run_code(data, tmp_path, poison):
    _, _, files = cifar10_files()
    unpacked(data, files | {"cifar-10-batches-py/data_batch_3": pickle.dumps(poison)})
    with pytest.raises(
        DataError,
        match="data_batch_3 in .* is no pickle of plain data .asks for (posix.system|.*open|.*load)",
    ):
        open_images("cifar10")
    assert not (tmp_path / "broken-in").exists()


def test_each_corrupt_file_is_named_and_nothing_is_kept(data, tmp_path):
    cifar, stl, idx = (
        cifar10_files()[2],
        stl10_files()[1],
        {f"mnist/{k}": v for k, v in idx_files()[2].items()},
    )

    def says(words, name, files, change, **kwargs):
        for old in sorted(data.rglob("*"), reverse=True):
            old.rmdir() if old.is_dir() else old.unlink()
        unpacked(data, {k: v for k, v in (files | change).items() if v is not None})
        with pytest.raises(DataError, match=words) as caught:
            open_images(name, **kwargs)
        assert "\n" not in str(caught.value) and str(data) in str(caught.value)
        assert not list((tmp_path / "cache").glob("*"))

    def batch(**change):
        good = {"data": np.zeros((2, 3072), np.uint8), "labels": [0, 1]}
        return {"cifar-10-batches-py/data_batch_2": pickle.dumps(good | change)}

    second = cifar["cifar-10-batches-py/data_batch_2"]
    for part in (0, 10, len(second) // 2, len(second) - 1):
        says(
            "data_batch_2 in .* is no pickle",
            "cifar10",
            cifar,
            {"cifar-10-batches-py/data_batch_2": second[:part]},
        )
    says(
        "has no data_batch_2: unpack", "cifar10", cifar, {"cifar-10-batches-py/data_batch_2": None}
    )
    says("has no batches.meta", "cifar10", cifar, {"cifar-10-batches-py/batches.meta": None})
    for bad in (
        {"data": np.zeros((2, 3071), np.uint8)},
        {"data": np.zeros((2, 3072))},
        {"labels": [0]},
        {"labels": [0, 3]},
        {"labels": [0, "x"]},
        {"data": [1, 2]},
    ):
        says("no CIFAR batches", "cifar10", cifar, batch(**bad))
    says("has no train_X.bin", "stl10", stl, {"stl10_binary/train_X.bin": None})
    says("has no train_y.bin", "stl10", stl, {"stl10_binary/train_y.bin": None})
    says(
        "train_X.bin in .* no multiple of 27648",
        "stl10",
        stl,
        {"stl10_binary/train_X.bin": stl["stl10_binary/train_X.bin"][:-1]},
    )
    says(
        "train_y.bin in .* do not fit: 2 for 3 images",
        "stl10",
        stl,
        {"stl10_binary/train_y.bin": b"\1\2"},
    )
    says("train_y.bin in .* do not fit", "stl10", stl, {"stl10_binary/train_y.bin": b"\0\1\2"})
    images, labels = "mnist/train-images-idx3-ubyte.gz", "mnist/train-labels-idx1-ubyte.gz"
    raw = gzip.decompress(idx[images])
    for bad in (
        idx[images][:-1],
        idx[images][:100],
        b"",
        raw[:-1],
        raw[:10],
        b"\0\0\x0d" + raw[3:],
    ):
        says(
            "train-images-idx3-ubyte.gz in .* is no whole idx file of 3 dimensions",
            "mnist",
            idx,
            {images: bad},
        )
    says("has no train-labels-idx1-ubyte nor", "mnist", idx, {labels: None})
    says(
        "train-labels in .* do not fit: 1 for 4",
        "mnist",
        idx,
        {labels: struct.pack(">2i", 2049, 1) + b"\0"},
    )
    npz = io.BytesIO()
    np.savez(npz, data=pixels(4, 12288), labels=np.array([1, 2, 3, 4]))
    place = "imagenet64/train_data_batch_1.npz"
    flipped = bytearray(npz.getvalue())
    flipped[5000] ^= 1  # in the pixels: only the checksum in the archive can tell
    for bad in (npz.getvalue()[:-30], npz.getvalue()[:3000], bytes(flipped)):
        says("train_data_batch_1.npz cannot be read to its end", "imagenet64", {place: bad}, {})


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
    with pytest.raises(
        DataError,
        match=f"{place} is not the published file .md5 .*, expected {good}.*delete it and get it anew",
    ):
        open_images("stl10")
    place.unlink()
    unpacked(data, files)
    with pytest.raises(DataError, match="train_X.bin is not the published file"):
        open_images("stl10")


def test_the_real_catalogue_makes_sense():
    again = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json; from gantutor.datasets import SOURCES; from dataclasses import asdict;"
            "print(json.dumps([asdict(s) for s in SOURCES.values()]))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    for source in json.loads(again.stdout):
        assert source["name"] == "digits" or source["name"] in READERS
        assert (
            source["terms"]
            and source["by_hand"]
            and source["splits"]
            and (source["places"] or source["name"] == "digits")
        )
        sums = [s for f in source["files"] for s in f["sums"]] + [s for _, s in source["inside"]]
        assert all(len(s) in (32, 64) and int(s, 16) for s in sums) and len(set(sums)) == len(sums)
        assert all(
            u.startswith(("http://", "https://")) and u.endswith((".gz", ".zip"))
            for f in source["files"]
            for u in f["urls"]
        )
        # plain http is fine where a checksum follows, and where the publisher offers nothing else
        assert all(
            f["sums"] or source["name"] in ("lsun-church", "cifar10-jpeg") for f in source["files"]
        )


def test_torchvision_knows_the_same_checksums():
    from torchvision.datasets import CIFAR10, CIFAR100, MNIST, STL10, FashionMNIST

    before = {s.name: s for s in datasets._SOURCES}
    for theirs, name in ((CIFAR10, "cifar10"), (CIFAR100, "cifar100"), (STL10, "stl10")):
        assert set(dict(before[name].inside).items()) <= {
            tuple(f) for f in theirs.train_list + theirs.test_list
        }
        assert theirs.filename == before[name].files[0].name
    for theirs, name in ((MNIST, "mnist"), (FashionMNIST, "fashion-mnist")):
        assert [(f.name.split("/")[1], f.sums[0]) for f in before[name].files] == [
            tuple(r) for r in theirs.resources
        ]


# -- downloads -------------------------------------------------------------------------------------------------------
CONTENT = np.random.default_rng(0).bytes(300_000)


class Server(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT; `cuts`: how many bytes each of the next answers sends before the line breaks."""

    cuts: list[int] = []
    ranges = True
    content = CONTENT
    asked: list[str | None] = []
    slow = 0.0

    def do_GET(self):
        asked = self.headers.get("Range")
        type(self).asked.append(asked)
        time.sleep(self.slow)
        start = int(asked[6:-1]) if asked and self.ranges else 0
        if self.path == "/missing":
            return self.send_error(404)
        if start >= len(self.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(self.content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if start else 200)
        if start:
            self.send_header(
                "Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
            )
        self.send_header("Content-Length", str(len(self.content) - start))
        self.end_headers()
        body = self.content[start:]
        self.wfile.write(body[: self.cuts.pop(0)] if self.cuts else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def site(monkeypatch):
    """A handler class to set up and a catalogue whose mnist is one file on a server on this machine."""
    handler = type("Site", (Server,), {"cuts": [], "asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    handler.root = f"http://127.0.0.1:{server.server_address[1]}"

    def offer(*paths, sums=(hashlib.sha256(CONTENT).hexdigest(),), size=None):
        file = File(
            "mnist/x.gz", tuple(p if "//" in p else handler.root + p for p in paths), sums, size
        )
        monkeypatch.setitem(SOURCES, "mnist", replace(SOURCES["mnist"], files=(file,)))

    handler.offer = staticmethod(offer)
    yield handler
    server.shutdown()
    server.server_close()


def test_a_download_is_whole_and_then_kept(data, site):
    said = []
    site.offer("/x")
    assert fetch("mnist", say=said.append) == [data / "mnist/x.gz"]
    assert (data / "mnist/x.gz").read_bytes() == CONTENT and [
        p.name for p in (data / "mnist").iterdir()
    ] == ["x.gz"]
    fetch("mnist", say=said.append)
    assert (
        said == [f"done: {data / 'mnist/x.gz'}", f"kept: {data / 'mnist/x.gz'}"]
        and len(site.asked) == 1
    )
    fetch("mnist", data / "elsewhere", said.append)
    assert (data / "elsewhere/mnist/x.gz").read_bytes() == CONTENT
    (data / "mnist/x.gz").write_bytes(b"changed")
    with pytest.raises(DataError, match="x.gz is not the published file"):
        fetch("mnist")


def test_a_cut_line_is_taken_up_where_it_broke(data, site):
    site.offer("/x")
    site.cuts = [100_000, 50_000]
    fetch("mnist", say=str)
    assert (
        site.asked == [None, "bytes=100000-", "bytes=150000-"]
        and (data / "mnist/x.gz").read_bytes() == CONTENT
    )


def test_a_killed_download_goes_on_another_day(data, site):
    site.offer("/x")
    site.cuts = [200_000] + [0] * 100
    with pytest.raises(
        DataError,
        match=r"x.gz could not be downloaded \(http.*; 200000 bytes are kept in .*x.gz.part.*goes on.*by hand: put",
    ):
        fetch("mnist", say=str)
    assert not (data / "mnist/x.gz").exists()
    site.cuts, site.asked = [], []
    fetch("mnist", say=str)
    assert (data / "mnist/x.gz").read_bytes() == CONTENT
    # all bytes there already, only the name not
    (data / "mnist/x.gz").rename(data / "mnist/x.gz.part")
    fetch("mnist", say=str)
    assert (data / "mnist/x.gz").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_all_again(data, site):
    site.offer("/x")
    site.ranges, site.cuts = False, [100_000]
    fetch("mnist", say=str)
    assert len(site.asked) == 2 and (data / "mnist/x.gz").read_bytes() == CONTENT


def test_a_wrong_checksum_is_kept_aside_and_the_next_mirror_is_asked(data, site):
    wrong = "0" * 64
    site.offer("/x", sums=(wrong,))
    with pytest.raises(
        DataError,
        match="checksum [0-9a-f]{64} is not the published one, kept aside as .*x.gz.wrong",
    ):
        fetch("mnist", say=str)
    assert [p.name for p in (data / "mnist").iterdir()] == ["x.gz.wrong"]
    site.offer("/missing", "http://127.0.0.1:9/x", "/x")
    fetch("mnist", say=str)
    assert (data / "mnist/x.gz").read_bytes() == CONTENT


def test_what_an_early_try_kept_aside_goes_when_the_file_is_right(data, site):
    site.offer("/x", sums=("0" * 64,))
    with pytest.raises(DataError, match="kept aside as .*x.gz.wrong"):
        fetch("mnist", say=str)
    (data / "mnist/notes.txt").write_text("the user's own")
    site.offer("/x")
    fetch("mnist", say=str)
    assert sorted(p.name for p in (data / "mnist").iterdir()) == ["notes.txt", "x.gz"]


def test_two_halves_of_different_zips_are_not_pinned_as_one(data, site, monkeypatch):
    # where no checksum is published, a download may go on another day with another file
    first, second = (io.BytesIO() for _ in range(2))
    for out, seed in ((first, 1), (second, 2)):
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("a.bin", np.random.default_rng(seed).bytes(100_000))
    file = File("set.zip", (f"{site.root}/set.zip",))
    monkeypatch.setitem(SOURCES, "mnist", replace(SOURCES["mnist"], files=(file,)))
    site.content = second.getvalue()
    (data / "set.zip.part").write_bytes(first.getvalue()[:50_000])
    with pytest.raises(DataError, match="what came is no whole zip, kept aside as .*set.zip.wrong"):
        fetch("mnist", say=str)
    assert not (data / "set.zip").exists() and not (data / "set.zip.sha256").exists()
    fetch("mnist", say=str)
    assert (data / "set.zip").read_bytes() == second.getvalue()
    assert (data / "set.zip.sha256").exists()


def test_a_pinned_checksum_that_is_none_is_named(data, site):
    site.offer("/x", sums=())
    fetch("mnist", say=str)
    for content in (b"", b"\xff\xfe", b"hello", b"abc123  x.gz\n"):
        (data / "mnist/x.gz.sha256").write_bytes(content)
        with pytest.raises(DataError, match="x.gz.sha256 holds no sha256, so .* delete x.gz"):
            fetch("mnist", say=str)


def test_an_empty_folder_does_not_hide_the_archive_beside_it(data):
    _, files = stl10_files()
    (data / "stl10_binary").mkdir()
    with pytest.raises(DataError, match="stl10_binary has no train_X.bin: unpack the archive anew"):
        open_images("stl10")
    tar(data / "stl10_binary.tar.gz", files)
    assert len(open_images("stl10")) == 3


def test_places_that_make_no_sense_are_not_here(data, monkeypatch):
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


def test_a_published_file_that_cannot_be_read_is_one_sentence(data, monkeypatch):
    _, files = stl10_files()
    tar(data / "stl10_binary.tar.gz", files)
    source = replace(SOURCES["stl10"], files=(File("stl10_binary.tar.gz", (), ("0" * 32,)),))
    monkeypatch.setitem(SOURCES, "stl10", source)

    def refused(path, algorithm):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(datasets, "digest", refused)
    with pytest.raises(DataError, match="stl10_binary.tar.gz cannot be read .Permission denied."):
        open_images("stl10")


def test_a_stale_part_is_no_trap(data, site):
    site.offer("/x")
    (data / "mnist").mkdir()
    (data / "mnist/x.gz.part").write_bytes(b"x" * 400_000)  # longer than the file
    fetch("mnist", say=str)
    assert (data / "mnist/x.gz").read_bytes() == CONTENT


def test_another_length_is_refused_before_it_is_downloaded(data, site):
    site.offer("/x", size=7)
    with pytest.raises(DataError, match="offers 300000 bytes, the published file has 7"):
        fetch("mnist", say=str)
    assert not list((data / "mnist").iterdir())


def test_offline_is_a_sentence_with_the_way_by_hand(data, site):
    site.offer("http://127.0.0.1:9/x", "/missing")
    with pytest.raises(
        DataError, match="127.0.0.1:9/x: .*refused.*missing: HTTP 404.*by hand: put the four idx"
    ) as caught:
        fetch("mnist", say=str)
    assert "\n" not in str(caught.value)
    with pytest.raises(
        DataError, match="celeba cannot be fetched by a program: download img_align"
    ):
        fetch("celeba")
    with pytest.raises(DataError, match="'mnits' is unknown"):
        fetch("mnits")
    site.offer("/x")
    (data / "mnist").rmdir()
    (data / "mnist").write_text("in the way")
    with pytest.raises(DataError, match="mnist/x.gz cannot be written"):
        fetch("mnist", say=str)


def test_without_a_published_checksum_the_first_download_pins_it(data, site):
    site.offer("/x", sums=())
    fetch("mnist", say=str)
    assert (
        data / "mnist/x.gz.sha256"
    ).read_text() == f"{hashlib.sha256(CONTENT).hexdigest()}  x.gz\n"
    fetch("mnist", say=str)
    (data / "mnist/x.gz").write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match="x.gz is not the published file"):
        fetch("mnist")


def test_the_second_of_two_waits_for_the_first(data, site):
    site.offer("/x")
    site.slow = 0.3
    said: list[str] = []
    both = [threading.Thread(target=fetch, args=("mnist", None, said.append)) for _ in range(2)]
    for t in both:
        t.start()
    for t in both:
        t.join()
    place = data / "mnist"
    assert sorted(said) == [
        f"done: {place / 'x.gz'}",
        f"kept: {place / 'x.gz'}",
        f"waiting: another process downloads into {place}",
    ]
    assert len(site.asked) == 1


def test_progress_is_told_once_a_second(data, site, monkeypatch):
    said, now = [], iter(np.arange(0, 1000, 0.6))
    site.offer("/x")
    site.content = CONTENT * 4
    site.offer("/x", sums=())
    monkeypatch.setattr(datasets.time, "monotonic", lambda: float(next(now)))
    fetch("mnist", say=said.append)
    assert (
        said[0].startswith("x.gz: ")
        and " of 1.2 MB, " in said[0]
        and said[0].endswith(" MB/s")
        and len(said) >= 2
    )


# -- verify ----------------------------------------------------------------------------------------------------------
def test_verify_checks_and_decodes_all_splits(data, monkeypatch):
    x, y, files = idx_files()
    unpacked(data / "mnist", files)
    sums = tuple(File(f"mnist/{k}", (), (hashlib.md5(v).hexdigest(),)) for k, v in files.items())
    monkeypatch.setitem(
        SOURCES, "mnist", replace(SOURCES["mnist"], files=sums, splits={"train": 4, "test": 2})
    )
    said: list[str] = []
    verify("mnist", said.append)
    digests = [open_images("mnist", split=s, size=28).digest for s in ("train", "test")]
    assert (
        f"train: 4 images 1x28x28, 10 classes, digest {digests[0]}" in said
        and "4 file(s) have the published" in said[0]
        and digests[1] in said[-1]
    )
    monkeypatch.setitem(SOURCES, "mnist", replace(SOURCES["mnist"], splits={"train": 60000}))
    with pytest.raises(
        DataError, match="mnist's split train holds 4 images where 60000 are published"
    ):
        verify("mnist", said.append)
    (data / "mnist/t10k-labels-idx1-ubyte.gz").write_bytes(b"x")
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte.gz is not the published file"):
        verify("mnist", said.append)
    with pytest.raises(DataError, match="stl10 is not here"):
        verify("stl10", said.append)
    verify("digits", said.append)
    assert said[-1].startswith("test: 299 images 1x8x8")
