"""Checkpoint files: complete or absent, verified to the last bit when read, of known origin."""

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

KNOWN = {"recipe", "data", "step", "rng", "G", "D", "memory"}  # written by all versions


def digest(state: Any) -> str:
    """SHA-256 of a nested state: names, numbers, and the type, shape and bytes of each tensor.

    >>> digest({"step": 1})[:8] == digest({"step": 2})[:8]
    False
    """
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
    """Write a state to `path`, with the version, the hash `code` and a digest.

    A kill or a power cut leaves either the old file or the new one. Raises OSError, with the name
    of the file, if the disk refuses; the old file is then still there.
    """
    state = {"gantutor": __version__, "code": code, **state}
    checked = torch.serialization.get_crc32_options()
    # `read` needs the checksums, which the user may have switched off
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
            f"checkpoint {path} cannot be written ({why}): free some space there, or choose "
            "another folder; the previous checkpoint is kept"
        ) from error
    finally:
        torch.serialization.set_crc32_options(checked)


def read(path: str | Path, device: torch.device) -> dict:
    """Read the state in a file; its "gantutor" and "code" are None if the file is older than these.

    Raises FileNotFoundError, and ValueError, with the file and the remedy, if the file is
    truncated, damaged in even a single bit, or not a checkpoint.
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
            f"{path} is not a checkpoint of this version of gantutor: delete it to start over"
        )
    if "gantutor" in state and state.pop("digest", None) != digest(state):
        raise ValueError(
            f"checkpoint {path} has changed since it was written: delete it to start over"
        )
    return {"gantutor": None, "code": None} | state


def foreign(state: dict, code: str) -> str | None:
    """Why this `code` must not continue from a state that was read; None if it may."""
    if state["gantutor"] is None:
        return "was made by an older version of gantutor"
    if state["gantutor"] != __version__:
        return f"was made by gantutor {state['gantutor']}, and this is {__version__}"
    if state["code"] != code:
        return "was made by other code: gantutor, or a class of yours, has changed since"
    return None


def differs(mine: Any, saved: Any, at: str) -> str | None:
    """Where a saved state differs from `mine` in names, kinds of values or shapes; None if nowhere.

    `at` is the path of the state so far, such as "G.weights".
    """
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
