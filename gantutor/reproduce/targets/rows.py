"""A target for each row of the papers' tables, and for each table that cannot be run yet."""

from collections.abc import Iterable

from gantutor.reproduce import papers
from gantutor.reproduce.claims import TableRow
from gantutor.reproduce.targets.budgets import baseline, budget
from gantutor.reproduce.targets.target import PAPERS, Target

# our own controls, which no paper prints
CONTROLS = tuple(
    f"advlatgan/table6/{data}/{row}"
    for data in ("cifar10", "stl10")
    for row in ("neighbours", "inverse")
)
Cell = dict[str, str]  # of a printed table
NOT_YET = {
    "stylegan2": "StyleGAN2 is not in the package yet",
    "recognition": "classification, attacks and detection are not in the package yet",
    "image": "no row of it was trained by its authors alone",
}


def row_targets() -> list[Target]:
    """One target for each row that the package has a recipe for."""
    fids: dict[str, Cell | None] = {}
    for cell in papers.cells():
        if cell["recipe"]:
            fids.setdefault(cell["recipe"], None)
            if cell["metric"] == "FID" and fids[cell["recipe"]] is None:
                fids[cell["recipe"]] = cell  # the first is that of all images
    rows = (*fids, *CONTROLS)
    return [_row_target(row, fids.get(row), fids.get(baseline(row))) for row in rows]


def _row_target(row: str, printed: Cell | None, plain_printed: Cell | None) -> Target:
    """The target of a row; the cells hold the FIDs of it and of its baseline."""
    fid = printed and printed["value"]
    plain_fid = plain_printed and plain_printed["value"]
    paper, table, rest = row.split("/", 2)
    plain, b = baseline(row), budget(row)
    alone = plain == row
    claims, words = (), "a control of ours, not printed" if row in CONTROLS else "no FID is printed"
    if fid:
        against = "" if alone or not plain_fid else plain
        words = f"FID {fid}" + (f", {plain.rsplit('/', 1)[1]} {plain_fid}" if against else "")
        better = "lower" if not against or float(fid) < float(plain_fid) else "higher"
        theirs = float(plain_fid) if against else None
        spread = float(printed["spread"]) if printed["spread"] else None
        claim = f"{rest}: {words}"
        claims = (TableRow("fid", row, claim, against, better, float(fid), theirs, spread),)
    return Target(
        f"{paper}/{table}:{rest}",
        PAPERS[paper],
        f"Table {table.removeprefix('table')}",
        f"{rest}: {words}",
        "10_full_run",
        claims,
        runs=({"row": row},) if alone else ({"row": plain}, {"row": row}),
        sized={"class": b.small},
        needs=b.data,
        pixels=b.pixels,
    )


def tables_without_recipes(known: Iterable[str]) -> list[Target]:
    """One target for each table of which no row can be run, unless a lesson answers it.

    `known` holds the names of the lessons' targets.
    """
    with_recipe = {(c["paper"], c["table"]) for c in papers.cells() if c["recipe"]}
    found = []
    for table in papers.tables():
        paper, name = table["paper"], f"{table['paper']}/{table['table']}"
        if (paper, table["table"]) in with_recipe or name in known:
            continue
        if table["kind"] in NOT_YET:
            where = f"Table {table['table'].removeprefix('table')}"
            reason = NOT_YET[table["kind"]]
            found.append(Target(name, PAPERS[paper], where, table["title"], not_yet=reason))
    return found
