"""Where the files of a set are on this machine, and whether they are the published ones."""

import hashlib
import os
import re
from pathlib import Path

from gantutor.datasets.catalogue import ARCHIVES, SOURCES, Source


class DataError(ValueError):
    """Images that cannot be used; the message names the path and the remedy."""


def data_dirs() -> list[Path]:
    """Return the folders that are searched for data: $GANTUTOR_DATA, then ./data.

    `fetch` writes into the first.
    """
    named = os.environ.get("GANTUTOR_DATA")
    return [*([Path(os.path.expanduser(named))] if named else []), Path("data")]


def place_of(path: str | Path) -> Path:
    """Find a path as given or in a data folder; raises DataError if it is in neither."""
    places = (Path(path), *(d / path for d in data_dirs()))
    found = next((p for p in places if os.path.exists(p)), None)
    if found is None:
        raise _not_here(path)
    return found


def _not_here(path: str | Path) -> DataError:
    return DataError(
        f"{path} is not here: check the path, or set GANTUTOR_DATA to the folder that contains it"
    )


def openable(place: Path) -> None:
    """Raise DataError if this path is neither a folder nor an archive."""
    if not place.is_dir() and not place.name.lower().endswith(ARCHIVES):
        known = ", ".join(ARCHIVES)
        raise DataError(f"{place} is neither a folder nor one of {known}: pass one of these")


def locate(name: str, split: str = "train", path: str | Path | None = None) -> Path:
    """Return the folder or archive of a set.

    `path` is that folder or archive, or a folder that contains it; by default the data folders are
    searched. Raises DataError with the remedy.
    """
    source = SOURCES[name]
    places = [p.format(split=split) for p in source.places]
    roots = data_dirs() if path is None else [Path(path), *(d / path for d in data_dirs())]
    for root in roots:
        here = [root / p for p in places if os.path.exists(root / p)]
        if here:  # an empty folder must not hide an archive next to it
            return next((p for p in here if not _empty(p)), here[0]).resolve()
        if path is not None and os.path.exists(root):
            return root.resolve()
    if path is not None:
        raise _not_here(path)
    raise DataError(
        f"{name} is not here ({' or '.join(places)} in {' or '.join(map(str, roots))}): "
        f"{remedy(source)}; 'digits' needs no file"
    )


def _empty(path: Path) -> bool:
    try:
        return path.is_dir() and not os.listdir(path)
    except OSError:  # opening it will report what is wrong
        return False


def remedy(source: Source) -> str:
    """Return how to get a set, in half a sentence."""
    if source.fetchable:
        return f"`gantutor data fetch {source.name}`, or {source.by_hand}"
    return source.by_hand


def checked(name: str, place: Path) -> list[Path]:
    """Compare the files of a set at `place` with their checksums, where these are known.

    Returns the files that were compared; raises DataError for the first that differs.
    """
    source, right = SOURCES[name], []
    known = {}
    for file in source.files:
        base = Path(file.name).name
        known[base] = file.sums or pinned(place.with_name(base))
    known |= {file: (md5,) for file, md5 in source.inside}
    for path in [place / n for n in known] if place.is_dir() else [place]:
        if path.is_file() and known.get(path.name):
            compare(path, known[path.name])
            right.append(path)
    return right


def compare(path: Path, sums: tuple[str, ...]) -> None:
    """Raise DataError unless the file has one of these checksums, all md5 or all sha256."""
    algorithm = "md5" if len(sums[0]) == 32 else "sha256"
    try:
        found = digest(path, algorithm)
    except OSError as error:
        why = error.strerror or error
        raise DataError(f"{path} cannot be read ({why}): copy or download it again") from error
    if found not in sums:
        raise DataError(
            f"{path} is not the published file ({algorithm} {found}, "
            f"expected {' or '.join(sums)}), so it is not used: delete it and download it again"
        )


def digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the checksum of a file in hexadecimal."""
    with open(path, "rb") as file:
        state = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return state.hexdigest()


def pinned(path: Path) -> tuple[str, ...]:
    """Return the sha256 stored next to a file at its first download; none if nothing is stored.

    Raises DataError if what is stored is not a checksum.
    """
    sidecar = path.with_name(f"{path.name}.sha256")
    if not os.path.isfile(sidecar):
        return ()
    try:
        words = sidecar.read_text().split()
    except (OSError, ValueError):
        words = []
    if not words or re.fullmatch("[0-9a-f]{64}", words[0]) is None:
        raise DataError(
            f"{sidecar} contains no sha256, so {path.name} cannot be checked: "
            f"delete {sidecar.name} to trust that file"
        )
    return (words[0],)
