"""Numbers of records as tables; NaN and infinities are kept, though JSON has none."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = ["notebook", "variant", "metric", "seed", "value", "se", "unit", "n"]
ABOUT = ["run", "profile", "status"]


def numbers(values) -> list[float]:
    """One number, or several, of Python, NumPy or torch, as floats."""
    values = values.tolist() if hasattr(values, "tolist") else values
    return [float(v) for v in values] if isinstance(values, Iterable) else [float(values)]


def honest(name: str, number: float | None) -> dict[str, Any]:
    """A number for JSON: NaN or an infinity becomes null, with a flag.

    >>> honest("value", float("-inf"))
    {'value': None, 'value_flag': '-inf'}
    """
    if number is None or math.isfinite(number):
        return {name: number}
    return {name: None, f"{name}_flag": str(number)}


def value_of(row: Mapping[str, Any]) -> float:
    """A row's value, with NaN and infinities back in place."""
    return float(row.get("value_flag") or row["value"])


def frame_of(results: Iterable[dict], runs: list[str] | None = None):
    """Records as one tidy pandas frame, one number a row.

    runs: the records' names, which adds the columns run, profile and status
    """
    import pandas as pd

    rows = []
    for i, result in enumerate(results):
        about = {}
        if runs is not None:
            profile = result["parameters"].get("profile")
            about = {"run": runs[i], "profile": profile, "status": result["status"]}
        for row in result["rows"]:
            se = row.get("se_flag") or row["se"]
            values = {"value": value_of(row), "se": math.nan if se is None else float(se)}
            cells = {"notebook": result["notebook"], **row, **values, **about}
            rows.append({name: _writable(cell) for name, cell in cells.items()})
    frame = pd.DataFrame(rows, columns=COLUMNS + ([] if runs is None else ABOUT))
    return frame.astype({"value": float, "se": float, "seed": "Int64", "n": "Int64"})


def _writable(cell):
    """A text in characters that UTF-8 has bytes for; anything else as it is."""
    if not isinstance(cell, str):
        return cell
    return cell.encode("utf-8", errors="backslashreplace").decode("utf-8")
