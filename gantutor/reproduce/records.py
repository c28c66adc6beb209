"""All records below a folder as one tidy table, beside what the papers print."""

import warnings
from pathlib import Path

from gantutor.course.records import COLUMNS, frame_of, read
from gantutor.files import NotOurs, ours, replacing
from gantutor.reproduce import papers

# a paper's measure -> what a record calls it when it was measured by the paper's own features, on enough images
SAME = {"FID": "fid", "IS": "is", "density": "density", "coverage": "coverage"}


def load(folder: str | Path, damage: list[str] | None = None):
    """A pandas frame with one row for each run, variant, metric and seed.

    Columns: notebook, variant, metric, seed, value, se, unit, n; run, profile, status; where the variant is a row of a paper's
    table, paper_table and paper_fid, the FID printed of it, whatever was measured here; where the metric is the paper's too,
    paper_value, paper_spread, paper_note. Records that cannot be read are left out, and named in `damage` or by a warning.
    """
    import pandas as pd

    results, runs = [], []
    for path in sorted(Path(folder).rglob("result.json")):
        try:
            results.append(read(path.parent))
        except ValueError as error:
            if damage is None:
                warnings.warn(str(error), stacklevel=2)
            else:
                damage.append(str(error))
        else:
            runs.append(path.parent.relative_to(folder).as_posix())
    printed, tables = {}, {}
    for cell in (
        papers.cells()
    ):  # of a measure that is printed for all images and for each class, the first is the whole
        if cell["recipe"]:
            tables.setdefault(cell["recipe"], f"{cell['paper']}/{cell['table']}")
        if cell["recipe"] and cell["metric"] in SAME:
            printed.setdefault((cell["recipe"], SAME[cell["metric"]]), cell)
    fids = {
        variant: _number(cell["value"])
        for (variant, metric), cell in printed.items()
        if metric == "fid"
    }
    rows = [
        {
            "variant": variant,
            "metric": metric,
            "paper_value": _number(cell["value"]),
            "paper_spread": _number(cell["spread"]),
            "paper_note": cell["note"],
        }
        for (variant, metric), cell in printed.items()
    ]
    frame = frame_of(results, runs)
    frame["paper_table"], frame["paper_fid"] = frame.variant.map(tables), frame.variant.map(fids)
    return frame.merge(
        pd.DataFrame(
            rows, columns=["variant", "metric", "paper_value", "paper_spread", "paper_note"]
        ),
        how="left",
        on=["variant", "metric"],
    )


def export(folder: str | Path, path: str | Path) -> Path:
    """Write `load(folder)` as CSV or, by the suffix, Parquet (which needs pyarrow).

    ValueError for another suffix, and where a file stands there that is no earlier export
    (NotOurs).
    """
    path = Path(path)
    if path.suffix not in (".csv", ".parquet"):
        raise ValueError(f"{path}: expected a name that ends in .csv or .parquet")
    if not path.parent.is_dir():
        raise OSError(f"Cannot save file into a non-existent directory: '{path.parent}'")
    try:
        if path.suffix == ".csv":
            ours(path, ",".join(COLUMNS[:4]))
        elif path.is_file():
            _earlier(path)
        frame = load(folder, damage=[])  # the report, which is made beside it, names them
        with replacing(path) as partial:
            if path.suffix == ".csv":
                frame.to_csv(partial, index=False)
            else:
                frame.to_parquet(partial, index=False)
    except ImportError:
        raise ValueError(
            f"{path}: Parquet needs pyarrow: pip install 'gantutor[parquet]', or export to .csv"
        ) from None
    return path


def _earlier(path: Path) -> None:
    """NotOurs where a Parquet file is no export of ours."""
    import pyarrow.parquet

    try:
        columns = pyarrow.parquet.read_schema(path).names
    except (OSError, ValueError):  # pyarrow's own errors are ValueErrors
        columns = []
    if columns[: len(COLUMNS)] != COLUMNS:
        raise NotOurs(f"{path} was not written by gantutor: move it away, or choose another place")


def _number(text: str) -> float:
    return float(text) if text else float("nan")
