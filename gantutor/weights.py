"""Where the weights of the papers' feature net are, and whether they are the right ones.

This module does not load torch, so the command can use it before a run starts.
"""

import hashlib
import os
from pathlib import Path

from gantutor.datasets import data_dirs

INCEPTION = "inception-2015-12-05-features.pt"
INCEPTION_SHA256 = "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34"
FIDELITY = "weights-inception-2015-12-05-6726825d.pth"
# sha256 of the TorchScript file and of torch-fidelity's: one net, converted twice
TF_INCEPTION = ("7ff4a85c3a63", "6726825d")


class WeightsError(ValueError):
    """Weights are missing or wrong; the message names the file and the remedy."""


def find_weights(features: str, path: str | Path | None = None) -> Path:
    """Return the file that the net "inception" or "fidelity" would be opened from.

    It is looked for and checked as when the net is opened. Raises WeightsError.
    """
    known = {"inception": (INCEPTION, INCEPTION_SHA256), "fidelity": (FIDELITY, TF_INCEPTION[1])}
    file, expected = known[features]
    return weights_file(file, path, expected)[0]


def weights_file(file: str, path: str | Path | None, expected: str) -> tuple[Path, str]:
    """Return the path of a file of weights and its sha256, which must begin with `expected`.

    `path` is that file or its folder. Without it the file is looked for in $GANTUTOR_WEIGHTS,
    $GANTUTOR_DATA and ./data. Raises WeightsError.
    """
    named = os.environ.get("GANTUTOR_WEIGHTS")
    given = [path] if path is not None else [named] if named else []
    roots = [Path(os.path.expanduser(p)) for p in given]  # Path.expanduser raises for ~nobody
    roots += data_dirs() if path is None else []
    if path is not None and not os.path.exists(roots[0]):
        raise WeightsError(f"weights {str(path)!r} do not exist: pass {file} or its folder")
    place = next((p for r in roots for p in (r, r / file) if os.path.isfile(p)), None)
    if place is None:
        where = ", ".join(map(str, roots))
        raise WeightsError(
            f"{file} is not in {where}: pass its path, or set GANTUTOR_WEIGHTS to the file"
        )
    try:
        digest = sha256(place)
    except OSError as error:
        raise WeightsError(
            f"{place} cannot be read ({error.strerror}): check its permissions"
        ) from None
    if not digest.startswith(expected.lower()):
        found = f"sha256 {digest}, expected {expected}"
        raise WeightsError(
            f"{place} is damaged or another net ({found}), so it is not opened: download it again, "
            "or pass sha256= to accept it under another name"
        )
    return place, digest


def sha256(path: Path) -> str:
    """Return the checksum of a file in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
