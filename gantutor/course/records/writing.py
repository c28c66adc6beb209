"""Text and JSON files that are there whole, or not at all."""

import json
from pathlib import Path
from typing import Any

from gantutor.files import replacing


def write_text(path: Path, text: str) -> None:
    """Write next to `path` and move the file there: a kill leaves the old file or the new one.

    What UTF-8 has no bytes for, half a pair of surrogates from a file's name or from somebody's
    JSON, is written as JSON writes it, "\\udcff".
    """
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON value, as `write_text` does."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")
