"""Small sets in the published layouts, written by hand, and a catalogue without checksums."""

import gzip
import io
import pickle
import struct
import tarfile
from dataclasses import replace

import numpy as np

from gantutor.datasets import SOURCES, download


def own_data(tmp_path, monkeypatch):
    """A data folder and a cache of the test's own, and a catalogue that knows no checksums.

    Sets made for a test cannot have the published checksums.
    """
    monkeypatch.setenv("GANTUTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANTUTOR_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(download, "PAUSE", 0.0)
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
    """Write strings as Python 2 did, like the published CIFAR files: opcode U, no Unicode."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_bytes(self, value):
        self.write(pickle.BINSTRING + struct.pack("<i", len(value)) + value)
        self.memoize(value)

    dispatch[bytes] = save_bytes


def two(value):
    out = io.BytesIO()
    TwoPickle(out, 2).dump(value)
    # the name in Python 2's NumPy; it is a line of the pickle, so that no length changes elsewhere
    return out.getvalue().replace(b"numpy._core.multiarray\n", b"numpy.core.multiarray\n")


NAMES = [b"airplane", b"bird", b"cat"]


def cifar10_files(dump=two):
    x, y = pixels(12, 32, 32, 3), [0, 1, 2] * 4
    flat = x.transpose(0, 3, 1, 2).reshape(12, 3072)  # 1024 reds, 1024 greens, 1024 blues

    def batch(a, b):
        data = np.ascontiguousarray(flat[a:b])
        names = [b"f"] * (b - a)
        about = {b"batch_label": b"x", b"labels": y[a:b], b"data": data, b"filenames": names}
        return dump(about)

    files = {f"data_batch_{i + 1}": batch(2 * i, 2 * i + 2) for i in range(5)}
    files |= {"test_batch": batch(10, 12), "batches.meta": dump({b"label_names": NAMES})}
    return x, y, {f"cifar-10-batches-py/{k}": v for k, v in files.items()}


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


def idx_files(n=6, zipped=True):
    x, y = pixels(n, 28, 28), np.arange(n, dtype=np.uint8) % 10
    pack = gzip.compress if zipped else bytes
    end = ".gz" if zipped else ""
    files = {}
    for stem, part in (("train", slice(0, n - 2)), ("t10k", slice(n - 2, n))):
        images = struct.pack(">4i", 2051, len(x[part]), 28, 28) + x[part].tobytes()
        labels = struct.pack(">2i", 2049, len(y[part])) + y[part].tobytes()
        files[f"{stem}-images-idx3-ubyte{end}"] = pack(images)
        files[f"{stem}-labels-idx1-ubyte{end}"] = pack(labels)
    return x, y, files
