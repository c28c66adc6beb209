"""Opening an image set by its name, and comparing a published set with its catalogue."""

from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from operator import index
from pathlib import Path

import torch

from gantutor.datasets import SOURCES, DataError, checked, locate, place_of
from gantutor.images import folders, layouts
from gantutor.images.account import Decoded
from gantutor.images.cache import Request, cached
from gantutor.images.pictures import resized
from gantutor.images.sets import ImageSet

FITS = ("crop", "squash")
FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
READERS: dict[str, Callable[..., Decoded]] = {
    "cifar10": layouts.cifar,
    "cifar100": layouts.cifar,
    "stl10": layouts.stl10,
    "mnist": layouts.idx,
    "fashion-mnist": partial(layouts.idx, classes=FASHION),
    "celeba": partial(folders.tree, one_class="face"),
    "lsun-church": partial(folders.tree, one_class="church"),
    "tiny-imagenet": folders.tree,
    "imagenet64": layouts.imagenet64,
    "cifar10-jpeg": folders.tree,
}
NAMES = ("digits", "folder", *READERS)
Say = Callable[[str], None]


def open_images(
    name: str = "digits",
    path: str | Path | None = None,
    size: int = 32,
    split: str = "train",
    limit: int | None = None,
    fit: str = "crop",
    fresh: bool = False,
    say: Say = print,
) -> ImageSet:
    """Open the image set of that name, with `size` x `size` pixels.

    "digits": scikit-learn's bundled 8x8 digits, enlarged, one channel; it needs no file, and every
    sixth image is "test". "folder": a folder of pictures, or a .tar, .tar.gz, .tar.bz2, .tar.xz or
    .zip of one. `gantutor data list` lists the others and tells how to get them: "cifar10",
    "cifar100", "stl10" (with a split "unlabeled"), "mnist", "fashion-mnist" (one channel),
    "celeba", "lsun-church" (one class), "tiny-imagenet", "imagenet64", "cifar10-jpeg".

    A picture's class is the folder that it is in, however deep. A folder `images` at the end,
    folders of splits and folders around everything do not count. Splits are folders called train,
    val (valid, validation) or test, above the class folders or below them; pictures outside of them
    are left out. If no picture has a class folder, all are of one class, named after the whole; if
    only some have one, the others are left out.

    Every format that Pillow reads is read, chosen by suffix, as RGB. Pictures are turned as EXIF
    tells, 16 bits are scaled to 8, of an animation the first frame is used, and transparency is
    dropped (a colour is what the file contains, even where it is invisible). Links are followed,
    each real folder once; of two files of one name in an archive the last counts. A damaged picture
    is an error, as far as its format shows it: a JPEG has no checksum, and one that still has its
    end decodes to something.

    `path`: where the data are; None, or a name that does not exist as given, is looked for in the
    folder that the environment variable GANTUTOR_DATA names, then in ./data. `limit`: at most so
    many images, balanced over the classes. `fit`: pictures that are not square are cropped to the
    middle square ("crop", as in KDD GAN) or squeezed ("squash", as in AdvLatGAN for CelebA and
    LSUN). `say` gets one line when a set is decoded, and again whenever something was left out:
    files, pictures, classes, what was left out and why. This line is the set's `note`.

    Files with a published checksum are compared with it and then decoded once into `cache_dir()`,
    whose bytes are verified each time; `fresh` decodes again. Raises DataError.

    >>> open_images("digits", size=16)
    ImageSet(digits: 1498 images 1x16x16, 10 classes, 8b3723185117)
    """
    if name not in NAMES:
        raise DataError(_unknown(name))
    splits = SOURCES[name].splits if name in SOURCES else folders.SPLITS
    if split not in splits:
        raise DataError(f"split={split!r}: {name} has {', '.join(splits)}")
    if path is not None and not str(path):
        raise DataError("path='': pass the path of the data, or None to search for them")
    try:
        size, limit = index(size), None if limit is None else index(limit)
    except TypeError:
        raise DataError(f"size={size!r}, limit={limit!r}: expected whole numbers") from None
    if size < 4 or (limit is not None and limit < 1) or fit not in FITS:
        raise DataError(
            f"size={size}, limit={limit}, fit={fit!r}: "
            f"expected size >= 4, limit >= 1 or None, fit in {', '.join(FITS)}"
        )
    if name == "digits":
        images = _digits(size, split)
    elif name == "folder":
        source = _own(path)
        label = folders.label(source)
        images = cached(Request(label, source, folders.tree, split, size, fit, False), fresh, say)
    else:
        source = locate(name, split, path)
        images = cached(Request(name, source, READERS[name], split, size, fit, True), fresh, say)
    if limit is None or limit >= len(images):
        return images
    return replace(images.subset(limit), note=images.note)


def _unknown(name: str) -> str:
    close = get_close_matches(name, NAMES, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(NAMES)}"
    if not close and Path(name).exists():
        hint = f"for a folder or archive of your own, open_images('folder', path={name!r})"
    return f"image set {name!r} is unknown; {hint}"


def _own(path: str | Path | None) -> Path:
    """Return the real path of a user's folder or archive."""
    if path is None:
        raise DataError(
            "path=None: 'folder' needs the path of a class folder or of an archive of one"
        )
    return place_of(path).resolve()


def _digits(size: int, split: str) -> ImageSet:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    # the images are sorted by writer, so test and train share their writers
    test = torch.arange(len(bunch.target)) % 6 == 5
    mine = test if split == "test" else ~test
    images = torch.from_numpy(bunch.images)[mine, None].float() * (255 / 16)
    labels = torch.from_numpy(bunch.target).long()[mine]
    return ImageSet("digits", resized(images, size), labels, layouts.DIGITS)


def verify(name: str, say: Say = print) -> None:
    """Compare a set's files with their checksums, and decode all its splits into the cache again.

    The images keep their own size. `say` gets lines for each split: files, images, digest. Raises
    DataError, which names what is corrupt or incomplete.
    """
    if name not in SOURCES:
        raise DataError(f"image set {name!r} is unknown; known: {', '.join(SOURCES)}")
    source, missing, done = SOURCES[name], None, 0
    for split, count in source.splits.items():
        if name != "digits":
            try:
                place = locate(name, split)
            except DataError as error:  # LSUN's splits are separate files
                missing = error
                say(f"{split}: not here")
                continue
            right = checked(name, place)
            known = f"{len(right)} file(s) have the published checksum"
            say(f"{split}: {place}, {known if right else 'no checksum is known'}")
        images = open_images(name, None, source.pixels or 64, split, fresh=True, say=say)
        if len(images) != count:
            raise DataError(
                f"{name}'s split {split} has {len(images)} images where {count} are published: "
                "download its files again"
            )
        shape, classes = "x".join(map(str, images.shape)), len(images.classes)
        say(f"{split}: {len(images)} images {shape}, {classes} classes, digest {images.digest}")
        done += 1
    if not done:
        raise missing
