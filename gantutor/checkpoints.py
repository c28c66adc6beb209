"""Checkpoint files: whole or not there, verified to the last bit when read, and of known origin."""

import hashlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gantutor import __version__
from gantutor.files import replacing

KNOWN = {"recipe", "data", "step", "rng", "G", "D", "memory"}  # what every version has written


def digest(state: Any) -> str:
    """SHA-256 of a nested state: names, numbers, and each tensor's type, shape and bytes."""
    found = hashlib.sha256()
    _feed(found, state)
    return found.hexdigest()


def _feed(found, part: Any) -> None:
    if isinstance(part, Tensor):
        found.update(f"{part.dtype}{tuple(part.shape)}".encode())
        found.update(part.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    elif isinstance(part, Mapping):
        found.update(f"{{{len(part)}".encode())
        for name, value in part.items():
            found.update(f"{name!r}:".encode())
            _feed(found, value)
    elif isinstance(part, list | tuple):
        found.update(f"[{len(part)}".encode())
        for value in part:
            _feed(found, value)
    else:
        found.update(f"{part!r},".encode())


def write(path: str | Path, code: str, state: dict) -> None:
    """Write a state beside `path`, with version, hash `code` and digest; then move it there.

    A kill leaves the old file or the new one, and so does a power cut. Raises OSError, naming the
    file, where the disk refuses; the old file is then still there.
    """
    state = {"gantutor": __version__, "code": code, **state}
    checked = torch.serialization.get_crc32_options()
    # somebody may have switched off what `read` looks at
    torch.serialization.set_crc32_options(True)
    try:
        with replacing(path) as partial:
            torch.save({**state, "digest": digest(state)}, partial)
            with open(partial, "rb+") as file:
                os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        why = str(error).splitlines()[0]
        raise OSError(
            f"checkpoint {path} cannot be written ({why}): free space there, or give another "
            "folder; the one before it is kept"
        ) from error
    finally:
        torch.serialization.set_crc32_options(checked)


def read(path: str | Path, device: torch.device) -> dict:
    """The state in a file, with "gantutor" and "code", None where the file is too old to say.

    Raises FileNotFoundError, and ValueError, naming the file and the remedy, where it is truncated,
    damaged by a single bit, or no checkpoint.
    """
    try:
        with zipfile.ZipFile(path) as file:
            damaged = file.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(damaged)
        state = torch.load(path, map_location=device, weights_only=True)
    except (FileNotFoundError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise ValueError(
            f"checkpoint {path} cannot be read ({type(error).__name__}): delete it to start over"
        ) from error
    if not isinstance(state, dict) or not state.keys() >= KNOWN:
        raise ValueError(
            f"{path} is no checkpoint of this version of gantutor: delete it to start over"
        )
    if "gantutor" in state and state.pop("digest", None) != digest(state):
        raise ValueError(
            f"checkpoint {path} does not hold what was written: delete it to start over"
        )
    return {"gantutor": None, "code": None} | state


def foreign(state: dict, code: str) -> str | None:
    """Why a state that was read is not to be continued by this `code`, or None."""
    if state["gantutor"] is None:
        return "was made by an older version of gantutor"
    if state["gantutor"] != __version__:
        return f"was made by gantutor {state['gantutor']}, and this is {__version__}"
    if state["code"] != code:
        return "was made by other code: gantutor, or a class of your own, was changed since"
    return None


def differs(mine: Any, saved: Any, at: str) -> str | None:
    """Where a saved state has other names, kinds of values or shapes than `mine`, or None."""
    if isinstance(mine, Tensor):
        fits = isinstance(saved, Tensor) and (saved.shape, saved.dtype) == (mine.shape, mine.dtype)
        return None if fits else at
    if isinstance(mine, Mapping):
        if not isinstance(saved, Mapping) or saved.keys() != mine.keys():
            return at
        pairs = [(mine[k], saved[k], f"{at}.{k}") for k in mine]
    elif isinstance(mine, list | tuple):
        if not isinstance(saved, list | tuple) or len(saved) != len(mine):
            return at
        pairs = [(a, b, f"{at}.{i}") for i, (a, b) in enumerate(zip(mine, saved, strict=True))]
    else:
        return at if isinstance(saved, Tensor | Mapping | list | tuple) else None
    return next((found for found in (differs(*pair) for pair in pairs) if found), None)
