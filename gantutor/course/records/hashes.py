"""What tells one run from another: its parameters, its notebook, the code that it reaches."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gantutor.sources import PACKAGE, digest, reached


def parameter_hash(parameters: Mapping[str, Any]) -> str:
    """Names a run by its parameters; the folder of its record does not count.

    >>> parameter_hash({"steps": 3, "out": "a"}) == parameter_hash({"steps": 3, "out": "b"})
    True
    """
    return digest({k: v for k, v in parameters.items() if k != "out"})


def source_hash(notebook: str | Path) -> str:
    """Hash of a notebook's cells.

    Outputs and metadata do not count, so opening the notebook in Jupyter changes nothing.
    """
    return digest([[c["cell_type"], "".join(c["source"])] for c in _cells(notebook)])


def code_hash(notebook: str | Path) -> str:
    """Hash of the code, besides its own cells, that can change a notebook's numbers.

    That is every module of the package that its imports reach, directly or not, and the tables that
    these read. A notebook whose cells cannot be parsed is taken to reach all of the package.
    """
    cells = (c for c in _cells(notebook) if c["cell_type"] == "code")
    return reached("\n".join("".join(c["source"]) for c in cells), PACKAGE)


def _cells(notebook: str | Path) -> list[dict]:
    return json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]


def file_of(notebook: str) -> Path | None:
    """The notebook's own file, or None where it cannot be found.

    Where `gantutor run` runs it, GANTUTOR_NOTEBOOK names the file; by hand it is looked for in the
    working folder and in notebooks/.
    """
    named = os.environ.get("GANTUTOR_NOTEBOOK")
    places = [named] if named else [f"{notebook}.ipynb", f"notebooks/{notebook}.ipynb"]
    return next((Path(p) for p in places if Path(p).is_file()), None)
