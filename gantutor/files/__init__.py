"""Safe file handling: complete or absent, and never over what somebody else wrote.

`writing` puts files in place in one step and names what must be kept; `makers` lets one process
make what several need; `folders` knows which files in a run's folder the package wrote, and so may
remove or replace.
"""

from gantutor.files.folders import (
    BOOKS,
    GRID,
    WRITTEN,
    NotOurs,
    book,
    claim,
    clear,
    lines,
    note,
    ours,
    run_folder,
    written,
)
from gantutor.files.makers import one_maker
from gantutor.files.writing import (
    cache_dir,
    fits,
    free,
    replacing,
    scratch,
    set_aside,
    sweep,
)

__all__ = [
    "BOOKS",
    "GRID",
    "WRITTEN",
    "NotOurs",
    "book",
    "cache_dir",
    "claim",
    "clear",
    "fits",
    "free",
    "lines",
    "note",
    "one_maker",
    "ours",
    "replacing",
    "run_folder",
    "scratch",
    "set_aside",
    "sweep",
    "written",
]
