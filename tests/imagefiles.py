"""Pictures, folders and archives for the tests of image sets."""

import io
import tarfile
import zipfile

import torch
from torchvision.io import encode_png

from gantutor.images import ImageSet, open_images
from gantutor.rng import Rng


def own_places(tmp_path, monkeypatch):
    """A cache and a data folder of the test's own, which becomes the working directory."""
    monkeypatch.setenv("GANTUTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANTUTOR_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()


def grey(value, height=8, width=8):
    return torch.full((3, height, width), value, dtype=torch.uint8)


def png(value, *shape):
    return encode_png(grey(value, *shape)).numpy().tobytes()


TREE = {f"{c}/{i}.png": 10 * i + add for c, add in (("cat", 0), ("dog", 100)) for i in range(4)}


LAYOUTS = {
    "classes": {name: v for name, v in TREE.items()},
    "wrapped": {f"animals/{name}": v for name, v in TREE.items()},
    "splits": {f"animals/{s}/{name}": v for s in ("train", "test") for name, v in TREE.items()},
    "images": {f"tiny/train/{n.replace('/', '/images/')}": v for n, v in TREE.items()}
    | {"tiny/val/images/x.png": 1, "words.txt": 1},
}


PACKERS = ("folder", "tar", "tar.gz", "tar.xz", "zip")


def pack(root, tree, kind, name="set"):
    """Write a tree {path: grey value or bytes} as a folder, or an archive in the order given."""
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


def tar_of(place, members):
    """Write a tar of (name, bytes) and (name, "hard" or "soft", target), in this order."""
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


def encoded(picture, kind, **how):
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def opened(tmp_path, tree, size=8, kind="folder", name="set", **kwargs):
    """Return the images of a tree, (n, size, size, 3), and the line that was printed."""
    said = []
    place = pack(tmp_path, tree, kind, name)
    found = open_images("folder", place, size=size, say=said.append, **kwargs)
    assert found.note == said[0] and len(said) == 1
    return found.images.transpose(0, 2, 3, 1), said[0]


def some(n=10, classes=3, seed=0):
    images = Rng(seed).randint(256, n, 3, 4, 4).to(torch.uint8)
    return ImageSet("some", images, torch.arange(n) % classes, tuple("abc"[:classes]))
