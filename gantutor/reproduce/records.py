"""Records as tidy tables: those below a folder beside the papers' numbers, and judged claims."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gantutor.course.records import COLUMNS, frame_of, read
from gantutor.files import NotOurs, ours, replacing
from gantutor.reproduce import papers

# a paper's measure: its name in a record, if it was measured on the paper's own features and on
# enough images
SAME = {"FID": "fid", "IS": "is", "density": "density", "coverage": "coverage"}
# of report.csv
KEPT = papers.FOLDER.parent / "records" / "class.csv"
CLAIM_TEXTS = (
    "paper",
    "where",
    "target",
    "claim",
    "metric",
    "variant",
    "against",
    "kind",
    "scale",
    "better",
    "claim_status",
)
CLAIM_NUMBERS = ("mean", "low", "high", "effect", "margin", "seeds")
PRINTED = ["variant", "metric", "paper_value", "paper_spread", "paper_note"]


def load(folder: str | Path, damage: list[str] | None = None):
    """A pandas frame with one row for each run, variant, metric and seed.

    notebook, variant, metric, seed, value, se, unit, n: of the record
    run, profile, status: of its run
    paper_table, paper_fid: where the variant is a row of a paper's table; the FID that is printed
        for it, whatever was measured here
    paper_value, paper_spread, paper_note: where the paper has the metric too

    Records that cannot be read are left out, and named in `damage`, or in a warning without it.
    """
    results = {}
    for path in sorted(Path(folder).rglob("result.json")):
        try:
            results[path.parent.relative_to(folder).as_posix()] = read(path.parent)
        except ValueError as error:
            if damage is None:
                warnings.warn(str(error), stacklevel=2)
            else:
                damage.append(str(error))
    return table(results)


def table(results: Mapping[str, dict[str, Any]]):
    """The frame of `load`, for records that are already read, {run: record}."""
    import pandas as pd

    printed, tables = _printed()
    fids = {
        row: _number(cell["value"]) for (row, metric), cell in printed.items() if metric == "fid"
    }
    rows = [
        (row, metric, _number(cell["value"]), _number(cell["spread"]), cell["note"])
        for (row, metric), cell in printed.items()
    ]
    frame = frame_of(list(results.values()), list(results))
    frame["paper_table"], frame["paper_fid"] = frame.variant.map(tables), frame.variant.map(fids)
    return frame.merge(pd.DataFrame(rows, columns=PRINTED), how="left", on=["variant", "metric"])


def judged_claims(path: str | Path = KEPT):
    """The claims that a report.csv has judged by numbers, a pandas frame.

    paper, where, target, claim, metric, variant, against, kind, scale, better, claim_status: text
    mean, low, high: ours, with the 95 % interval; factors where the scale is "log"
    effect, margin: the paper's effect, NaN where it prints none, and what counts as no effect
    seeds: how many were judged

    Raises FileNotFoundError where there is no such file.
    """
    import pandas as pd

    if not Path(path).is_file():
        raise FileNotFoundError(
            f"{path} is missing: it comes with the repository, and `make reproduce`, then "
            "`make readme`, write it anew"
        )
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame = frame.reindex(columns=[*CLAIM_TEXTS, *CLAIM_NUMBERS], fill_value="")
    frame = frame[frame["kind"] != ""].reset_index(drop=True)
    numbers = frame[list(CLAIM_NUMBERS)].apply(pd.to_numeric)
    frame["paper"] = frame["paper"].str.split(" (", regex=False).str[0]
    return frame.assign(**numbers)


def _printed() -> tuple[dict[tuple[str, str], dict[str, str]], dict[str, str]]:
    """{(row, metric): its printed cell} and {row: its table}.

    Where a measure is printed for all images and for each class, the cell for all is taken.
    """
    printed, tables = {}, {}
    for cell in papers.cells():
        if cell["recipe"]:
            tables.setdefault(cell["recipe"], f"{cell['paper']}/{cell['table']}")
            if cell["metric"] in SAME:
                printed.setdefault((cell["recipe"], SAME[cell["metric"]]), cell)
    return printed, tables


def export(
    folder: str | Path, path: str | Path, results: Mapping[str, dict[str, Any]] | None = None
) -> Path:
    """Write `load(folder)` as CSV or, by the suffix, as Parquet (which needs pyarrow).

    results: the folder's records, if they are already read

    Raises ValueError for another suffix, and NotOurs, a ValueError too, where a file is there that
    is not an earlier export.
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
        # damaged records are named by the report, which is made with the export
        frame = load(folder, damage=[]) if results is None else table(results)
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
    """Raise NotOurs where a Parquet file is not an export of ours."""
    import pyarrow.parquet

    try:
        columns = pyarrow.parquet.read_schema(path).names
    except (OSError, ValueError):  # pyarrow's own errors are ValueErrors
        columns = []
    if columns[: len(COLUMNS)] != COLUMNS:
        raise NotOurs(f"{path} was not written by gantutor: move it away, or choose another place")


def _number(text: str) -> float:
    return float(text) if text else float("nan")
