"""A run is judged by what its notebook wrote; every way to fail has a status and a sentence."""

import json
import math
from pathlib import Path

import nbformat
import pytest
from papermill import PapermillExecutionError
from tiny import SAVE, SETUP, course, write

from gantutor import sources
from gantutor.course.config import BadParameters
from gantutor.course.lessons import PlaneConfig, find_notebook
from gantutor.course.records import Record, code_hash, read, source_hash
from gantutor.reproduce import execute
from gantutor.reproduce.notebook import check_parameters, parameters_cell, typed
from gantutor.reproduce.outcome import Outcome
from gantutor.reproduce.records import load
from gantutor.reproduce.run import run_one


def run(notebook: Path, out: Path, **parameters) -> Outcome:
    """Run a notebook, and check that its status file says the same as the outcome."""
    lines = []
    outcome = run_one(notebook, parameters, out, say=lines.append, heartbeat=0.5)
    written = json.loads((out / "status.json").read_text())
    assert written["status"] == outcome.status or outcome.reused
    return outcome


def test_a_good_run_is_recorded_kept_and_run_again_only_when_the_notebook_changes(tmp_path):
    notebook = write(tmp_path, SETUP, SAVE)
    out = tmp_path / "out {x}"  # papermill would format the braces
    first = run(notebook, out, steps=5)
    assert (first.status, first.reused) == ("ok", False)
    result = read(out)
    assert [r["value"] for r in result["rows"]] == [5, 6] and result["parameters"]["steps"] == 5
    assert result["source_hash"] == source_hash(notebook) and (out / "executed.ipynb").exists()
    assert run(notebook, out, steps=5).reused
    # outputs do not count as a change, cells do
    book = nbformat.read(notebook, 4)
    book.cells[1].outputs = [nbformat.v4.new_output("stream", text="hello")]
    nbformat.write(book, notebook)
    assert run(notebook, out, steps=5).reused
    write(tmp_path, SETUP, SAVE + "\n# changed")
    assert not run(notebook, out, steps=5).reused


def test_a_cell_that_raises(tmp_path):
    outcome = run(write(tmp_path, SETUP, "1 / 0", SAVE), tmp_path / "out")
    assert outcome.status == "error"
    assert outcome.message == "cell 4 of 5 raised ZeroDivisionError: division by zero"


def test_a_killed_kernel(tmp_path):
    dies = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    outcome = run(write(tmp_path, SETUP, SAVE, dies), tmp_path / "out")
    assert outcome.status == "kernel_died"
    assert "cell 5 of 5" in outcome.message and "smaller batch" in outcome.message


@pytest.mark.parametrize("limits", [{"cell_timeout": 1.0}, {"limit": 3.0}], ids=["cell", "run"])
def test_out_of_time(tmp_path, limits):
    beats = []
    notebook = write(tmp_path, "import time; time.sleep(99)", SAVE)
    outcome = run_one(notebook, {}, tmp_path / "out", say=beats.append, heartbeat=0.3, **limits)
    assert outcome.status == "timeout" and "cell 3 of 4" in outcome.message and outcome.wall_s < 99
    assert any("cell 3 of 4" in b for b in beats)


@pytest.mark.parametrize(
    ("limit", "status", "said"),
    [
        (0.0, "timeout", "a cell took longer than 1e-09 s"),
        (60.0, "error", "its error message was lost"),
    ],
)
def test_a_lost_error_message_is_distinguished_from_a_cell_out_of_time(limit, status, said):
    """On a busy machine the message of an interrupted cell may arrive too late for papermill."""
    error = PapermillExecutionError(2, 3, "import time", "CellExecutionError", "", [])
    clock = execute.Clock(600.0, limit or 1e-9, 15.0, "tiny", print)
    clock(None)
    outcome = execute.raised(error, clock)
    assert outcome.status == status and said in outcome.message


def test_no_result_and_a_result_of_other_parameters(tmp_path):
    outcome = run(write(tmp_path, SETUP), tmp_path / "out")
    assert outcome.status == "error" and "the notebook wrote no result" in outcome.message
    ignores = SETUP.replace("globals()", "{'out': out}")
    assert run(write(tmp_path, ignores, SAVE), tmp_path / "out", steps=9).status == "error"


def test_divergence_raised_or_recorded(tmp_path):
    raised = """
    class Diverged(RuntimeError): pass
    raise Diverged("diverged at step 12 in D's turn (seed 0): lower the learning rate")
    """
    outcome = run(write(tmp_path, SETUP, raised), tmp_path / "a")
    assert (outcome.status, outcome.step) == ("diverged", 12)
    assert outcome.message.startswith("diverged at step 12")
    outcome = run(write(tmp_path, SETUP, 'record.save(status="diverged", step=7)'), tmp_path / "b")
    assert (outcome.status, outcome.step) == ("diverged", 7)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"stepz": 1}, "unknown parameter 'stepz' of tiny: did you mean 'steps'?"),
        ({"steps": "abc"}, "steps='abc': expected int, as in steps = 3"),
        ({"steps": True}, "steps=True: expected int"),
        ({"rate": "x"}, "rate='x': expected float"),
    ],
)
def test_a_users_own_notebook_is_checked_by_its_own_literals(tmp_path, given, sentence):
    outcome = run(write(tmp_path, SETUP, SAVE), tmp_path / "out", **given)
    assert outcome.status == "bad_input" and sentence in outcome.message
    assert not (tmp_path / "out/executed.ipynb").exists()


def test_the_courses_notebooks_are_checked_by_their_config(tmp_path):
    notebook = course(tmp_path, "05_images")
    assert check_parameters(notebook, {"profile": "smoke", "lr": 1})["lr"] == 1.0
    with pytest.raises(BadParameters, match="lr=-0.1: expected a number above 0"):
        check_parameters(notebook, {"lr": -0.1})
    assert typed(notebook, {"lr": "1e-3", "path": "012"}) == {"lr": 1e-3, "path": "012"}
    write(tmp_path, parameters="steps = 3\nlr = 1.0", stem="05_images")
    with pytest.raises(BadParameters, match="and its Config differ in batch, "):
        check_parameters(notebook, {})


def test_a_parameters_cell_holds_literals_and_nothing_else(tmp_path):
    literals = 'a: int | None = 1  # "x"\nb = (1, [2])\nc = -1e-3'
    assert parameters_cell(write(tmp_path, parameters=literals)) == {
        "a": 1,
        "b": (1, [2]),
        "c": -1e-3,
    }
    for wrong in ("a = 1\nb = a * 2", "import os", "a.b = 1"):
        with pytest.raises(BadParameters, match="expected `name = literal` and nothing else"):
            parameters_cell(write(tmp_path, parameters=wrong))
    (tmp_path / "tiny.ipynb").write_text('{"cells": [')
    with pytest.raises(BadParameters, match="not an intact notebook"):
        parameters_cell(tmp_path / "tiny.ipynb")
    assert run(tmp_path / "tiny.ipynb", tmp_path / "out").status == "bad_input"


def test_an_output_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    outcome = run_one(write(tmp_path, SETUP, SAVE), {}, tmp_path / "file" / "out")
    assert outcome.status == "bad_input"
    assert "cannot be written" in outcome.message and "--out" in outcome.message


def test_notebooks_are_found_by_stem_number_and_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = course(tmp_path / "notebooks", "01_plane").resolve()
    assert {
        find_notebook(n) for n in ("01", "01_plane", "01_plane.ipynb", "notebooks/01_plane.ipynb")
    } == {made}
    monkeypatch.setattr("gantutor.__file__", str(tmp_path / "elsewhere/gantutor/__init__.py"))
    with pytest.raises(
        FileNotFoundError,
        match="02_adaptivemix.ipynb is in none of .* run this in the course's folder",
    ):
        find_notebook("02")
    with pytest.raises(FileNotFoundError, match="no notebook '01_plan': did you mean '01_plane'?"):
        find_notebook("01_plan")


def test_the_code_of_a_run_is_what_its_notebook_reaches(tmp_path, monkeypatch):
    """A change counts where it can change a number, also through imports and the papers' tables."""
    monkeypatch.setattr("gantutor.course.records.hashes.PACKAGE", tmp_path / "gantutor")
    files = {
        "gantutor/train.py": "def loop():\n    from gantutor.nets.mlp import G",
        "gantutor/nets/__init__.py": "",
        "gantutor/nets/mlp.py": "1",
        "gantutor/toy.py": "1",
        "gantutor/course/exercises/__init__.py": "import gantutor.toy",
        "gantutor/reproduce/__init__.py": "",
        "gantutor/reproduce/papers.py": "1",
        "gantutor/reproduce/grid.py": "1",
        "gantutor/cli.py": "1",
        "data/papers/a.csv": "1",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    books = {
        "trains": "from gantutor import Run\nfrom gantutor.course.exercises import check",
        "reads": "from gantutor.reproduce import papers",
        "all": "import gantutor.toy, gantutor",
        "magic": "%time 1",
        "none": "import math",
    }
    books = {
        stem: write(tmp_path, code, parameters=None, stem=stem) for stem, code in books.items()
    }

    def hashes():
        sources.reached.cache_clear()
        sources.module.cache_clear()
        return {stem: code_hash(path) for stem, path in books.items()}

    def changed(name):
        before = hashes()
        (tmp_path / name).write_text(files[name] + "\n# changed")
        after = hashes()
        (tmp_path / name).write_text(files[name])
        return (
            {stem for stem in books if after[stem] != before[stem]} - {"all", "magic"},
            after["all"] != before["all"],
            after["magic"] != before["magic"],
        )

    for name in ("train.py", "nets/mlp.py", "nets/__init__.py"):
        assert changed(f"gantutor/{name}") == ({"trains"}, True, True), name
    for name in ("gantutor/reproduce/papers.py", "data/papers/a.csv"):
        assert changed(name) == ({"reads"}, True, True), name
    assert (
        changed("gantutor/toy.py") == changed("gantutor/reproduce/grid.py") == (set(), True, True)
    )
    assert changed("gantutor/course/exercises/__init__.py") == (set(), False, False)


# -- records --------------------------------------------------------------------------------------
def test_a_record_survives_json_with_nan_and_infinities(tmp_path):
    record = Record(PlaneConfig(out=str(tmp_path / "a"), seeds=3), "01_plane")
    record.add("loss", [1.0, math.nan, -math.inf], "hinge", se=0.1, unit="nat", n=50).add(
        "speed", 3
    )
    record.note("digest", "abc").save()
    json.loads((tmp_path / "a/result.json").read_text(), parse_constant=pytest.fail)
    frame = load(tmp_path)
    assert (
        frame["value"].isna().tolist() == [False, True, False, False]
        and frame["value"][2] == -math.inf
    )
    assert frame["seed"].isna().tolist() == [False, False, False, True] and frame["se"][0] == 0.1
    assert list(record.frame().columns) == [
        "notebook",
        "variant",
        "metric",
        "seed",
        "value",
        "se",
        "unit",
        "n",
    ]
    assert not list(tmp_path.rglob("*.partial"))


def test_a_record_refuses_meaningless_values(tmp_path):
    record = Record(PlaneConfig(seeds=3), "01_plane").add("loss", 1.0)
    with pytest.raises(
        ValueError,
        match=r"'modes' of 'x' has 2 values .* expected one for each of the seeds \[0, 1, 2\]",
    ):
        record.add("modes", [1, 2], "x")
    with pytest.raises(ValueError, match="in this record already"):
        record.add("loss", 2.0)
    with pytest.raises(ValueError, match="a file.s name of letters"):
        record.figure("a/b", None, "")
    record.save()  # no folder: nothing is written
    assert not list(tmp_path.iterdir())


def test_a_truncated_record_is_named_and_does_not_hide_the_others(tmp_path):
    for name in "ab":
        Record(PlaneConfig(out=str(tmp_path / name), seeds=1), "01_plane").add("loss", 1.0).save()
    path = tmp_path / "b/result.json"
    path.write_text(path.read_text()[:100])
    with pytest.raises(
        ValueError, match="truncated or not JSON: delete it and run its notebook again"
    ):
        read(tmp_path / "b")
    with pytest.warns(UserWarning, match="truncated"):
        assert load(tmp_path)["run"].tolist() == ["a"]
