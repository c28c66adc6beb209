"""Pickles that cannot run code: numbers, strings, lists, dictionaries and arrays."""

import io
import pickle
from pathlib import Path

import numpy as np

from gantutor.datasets import DataError
from gantutor.images.account import first_line


class PlainUnpickler(pickle.Unpickler):
    """Loads plain data; raises UnpicklingError if the pickle asks for any other class."""

    ALLOWED = {(f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")} | {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    }

    def find_class(self, module: str, name: str):
        """Return one of the few classes and functions that arrays and bytes need."""
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"asks for {module}.{name}, which is not plain data")
        if name == "_reconstruct":
            # the function moved within NumPy: use the one that this NumPy's own pickles name
            return np.zeros(1).__reduce__()[0]
        return super().find_class(module, name)


def plain_dictionary(source: Path, name: str, files: dict[str, bytes]) -> dict:
    """Return the dictionary pickled in one of the files, with string keys. Raises DataError."""
    if name not in files:
        raise DataError(f"{source} has no {name}: unpack the archive again")
    try:
        value = PlainUnpickler(io.BytesIO(files[name]), encoding="bytes").load()
        return {k.decode() if isinstance(k, bytes) else k: v for k, v in value.items()}
    except Exception as error:  # a damaged pickle may raise anything
        raise DataError(
            f"{name} in {source} is not a pickle of plain data ({first_line(error)}), "
            "so it is not used: download it again"
        ) from error
