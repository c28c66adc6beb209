"""Notebook 00 as a student hands it in, with changes to the cell of start.critic_loss."""

import textwrap
from pathlib import Path

import nbformat

ROOT = Path(__file__).parent.parent
# the exercises of the notebook
NAMES = ["start.cannot_tell", "start.critic_loss", "start.arrows", "start.near_a_cloud"]


def notebook(change=None, stem: str = "00_start_here") -> nbformat.NotebookNode:
    """The solved notebook of the course, reduced to its import cell and exercise cells.

    `change(nb)` rewrites its cells in place.
    """
    nb = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4)
    code = [c for c in nb.cells if c.cell_type == "code"]
    nb.cells = [
        code[0] if "import" in code[0].source else code[1],
        *(c for c in code if "nbgrader" in c.metadata),
    ]
    if change:
        change(nb)
    return nb


def cell(nb, id: str):
    return next(c for c in nb.cells if c.id == id)


def body(lines: str):
    """A change that gives critic_loss these lines as its body."""

    def change(nb):
        cell(nb, "ex-critic-loss-answer").source = (
            "def critic_loss(real, fake):\n"
            + textwrap.indent(textwrap.dedent(lines).strip(), "    ")
        )

    return change


def before(lines: str):
    """A change that puts these lines above the right critic_loss, in its cell."""

    def change(nb):
        mine = cell(nb, "ex-critic-loss-answer")
        mine.source = f"{textwrap.dedent(lines).strip()}\n{mine.source}"

    return change


def without(id: str):
    """A change that removes the cell of this id."""

    def change(nb):
        nb.cells = [c for c in nb.cells if c.id != id]

    return change
