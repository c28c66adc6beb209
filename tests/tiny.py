"""For tests of the runner: tiny notebooks.

They do not import torch, so a run takes little longer than the start of a kernel.
"""

import textwrap
from pathlib import Path

import nbformat

from gantutor.course.lessons import LESSONS

OWN = """
steps = 3
rate = 0.5
word = "a"
seed = 0
seeds = 2
profile = "smoke"
out = None
"""
SETUP = """
from gantutor.course.config import Config, Count, Rate
from gantutor.course.records import Record

class Tiny(Config):
    steps: Count = 3
    rate: Rate = 0.5
    word: str = "a"

cfg = Tiny.read(globals())
record = Record(cfg, "tiny")
"""
SAVE = """
record.add("score", [cfg.steps + s for s in cfg.seed_list])
record.save()
"""


def write(folder: Path, *cells: str, parameters: str | None = OWN, stem: str = "tiny") -> Path:
    """Write a notebook of these code cells."""
    made = [nbformat.v4.new_code_cell(textwrap.dedent(c).strip()) for c in cells]
    if parameters is not None:
        tagged = {"tags": ["parameters"]}
        made.insert(0, nbformat.v4.new_code_cell(parameters.strip(), metadata=tagged))
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=made), folder / f"{stem}.ipynb")
    return folder / f"{stem}.ipynb"


def course(folder: Path, stem: str, *cells: str) -> Path:
    """Write a stand-in for a notebook of the course.

    It has the parameters cell, the Config and the record of the real one, and `cells` in between.
    """
    config = LESSONS[stem].config
    parameters = "\n".join(f"{k} = {f.default!r}" for k, f in config.model_fields.items())
    setup = f"""
from {config.__module__} import {config.__name__} as Own
from gantutor.course.records import Record
cfg = Own.read(globals())
record = Record(cfg, "{stem}")
"""
    return write(folder, setup, *cells, "record.save()", parameters=parameters, stem=stem)
