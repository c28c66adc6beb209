"""Which folders a run may write into: anything that is not its own is refused and left as it is."""

import json
from pathlib import Path

import pytest
from folders import left_by_a_run
from tiny import SAVE, SETUP, write
from typer.testing import CliRunner

import gantutor
from gantutor import files
from gantutor.cli import app
from gantutor.course.lessons import PlaneConfig
from gantutor.course.records import Record
from gantutor.files import NotOurs, run_folder
from gantutor.reproduce.run import run_one


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a notebook in it, inside a home folder that is inside a larger one."""
    here = tmp_path / "all" / "home" / "work"
    here.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(here.parent))
    monkeypatch.chdir(here)
    write(here / "books", SETUP, SAVE)
    (here / "mine").mkdir()
    (here / "mine" / "notes.txt").write_text("mine")
    (here / "file").write_text("mine")
    left_by_a_run(here / "other", "02_adaptivemix")
    left_by_a_run(here / "grid" / "runs" / "tiny-1")
    left_by_a_run(here / "some" / "tiny-1")
    (here / "planned").mkdir()
    (here / "planned" / "plan.json").write_text("{}")
    (here / "link").symlink_to("mine")
    (here / "up").symlink_to("..")
    (here / "round").symlink_to("round")
    return here


REFUSED = [
    ("", "'' is the working folder: name a folder for this run alone, such as runs/tiny"),
    (".", "is the working folder"),
    ("../work", "is the working folder"),
    ("mine/..", "is the working folder"),
    ("~", "is your home folder"),
    ("up", "is your home folder"),
    ("/", "contains the working folder"),
    ("../..", "contains the working folder"),
    ("books", "is the notebook's folder"),
    (str(Path(gantutor.__file__).parent), "is the package"),
    (str(Path(gantutor.__file__).parent.parent), "contains the package"),
    ("mine", "holds 'notes.txt' and no run of gantutor: choose an empty or a new folder"),
    ("link", "holds 'notes.txt'"),
    ("file", "is a file"),
    ("other", "holds a run of 02_adaptivemix: choose another folder for tiny"),
    ("grid", "holds other runs"),
    ("grid/runs", "holds other runs"),
    ("some", "holds other runs: name a folder for this run alone, such as some/tiny"),
    ("planned", "holds other runs"),
    ("some/tiny-1/seed0", "the folder of another run: choose one outside it"),
    ("link/../some/tiny-1/new", "the folder of another run"),
    ("round", "cannot be used"),
    ("x" * 300, "cannot be used (File name too long)"),
]


@pytest.mark.parametrize(("out", "sentence"), REFUSED, ids=[out[:20] for out, _ in REFUSED])
def test_a_folder_that_is_not_a_run_s_own_is_refused_and_left_as_it_is(place, out, sentence):
    """The runner, the command and a record made by hand each refuse it with one sentence."""
    out = str(Path.home()) if out == "~" else out
    before = {p: p.lstat().st_mtime_ns for p in place.parent.rglob("*")}
    for fresh in (False, True):
        outcome = run_one("books/tiny.ipynb", {}, out, fresh=fresh)
        assert outcome.status == "bad_input" and sentence in outcome.message
    done = CliRunner().invoke(app, ["run", "books/tiny.ipynb", "--out", out, "--fresh"])
    assert done.exit_code == 2
    said = "gantutor: output folder" if out else "gantutor: --out '' is empty"
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1
    if out != "books":  # the place of a notebook that is run by hand is not known
        with pytest.raises(NotOurs):
            Record(PlaneConfig(out=out), "tiny")
    assert {p: p.lstat().st_mtime_ns for p in place.parent.rglob("*")} == before


def test_a_command_with_fresh_keeps_every_file_of_a_folder_that_is_not_a_run_s(place):
    notebook = Path(gantutor.__file__).parent.parent / "notebooks" / "11_papers.ipynb"
    done = CliRunner().invoke(
        app,
        ["run", str(notebook), "--profile", "smoke", "--out", "mine", "--fresh"],
    )
    assert done.exit_code == 2
    assert "holds 'notes.txt'" in done.stderr
    assert (place / "mine" / "notes.txt").read_text() == "mine"


def test_a_folder_that_is_empty_new_or_the_run_s_own_is_taken(place):
    for name in ("new", "new/deep", "empty"):
        (place / "empty").mkdir(exist_ok=True)
        assert run_folder(name, "tiny") == place / name
    (place / "empty" / ".lock").touch()  # left by a start that was killed
    (place / "empty" / ".result.1-0123abcd.partial.json").touch()
    assert run_folder("empty", "tiny")
    for damage in ("", "{", "null", "[]", '{"status": 3}'):
        (place / "mine" / "status.json").write_text(damage)
        with pytest.raises(NotOurs):
            run_folder("mine", "tiny")
    # its attempts say whose it is, even if its status is damaged
    files.note(place / "mine", "start", "tiny")
    assert run_folder("mine", "tiny") == place / "mine"
    (place / "mine" / "attempts.jsonl").write_bytes(
        b'\xff\n{"what": 3\n' + (place / "mine" / "attempts.jsonl").read_bytes(),
    )
    assert run_folder("mine", "tiny") == place / "mine"


def test_books_that_an_earlier_version_left_in_the_home_folder_do_not_matter(place):
    for folder in (place, place.parent):
        (folder / "status.json").write_text(json.dumps({"status": "ok", "notebook": "tiny"}))
    assert run_folder("new", "tiny") == place / "new"
    with pytest.raises(NotOurs, match="is the working folder"):
        run_folder(".", "tiny")


def test_the_folder_is_not_a_parameter_of_the_command(place):
    done = CliRunner().invoke(app, ["run", "books/tiny.ipynb", "-p", "out=mine"])
    assert done.exit_code == 2 and done.stderr == "gantutor: -p out: use --out instead\n"


def test_a_record_by_hand_recognises_its_folder(place):
    """A line in attempts.jsonl says whose it is; figures alone would not."""
    Record(PlaneConfig(out="by hand"), "01_plane")
    (place / "by hand" / "samples.png").write_text("a picture")
    Record(PlaneConfig(out="by hand"), "01_plane").add("loss", 1.0).save()
    with pytest.raises(
        NotOurs,
        match="holds a run of 01_plane: choose another folder for 02_adaptivemix",
    ):
        Record(PlaneConfig(out="by hand"), "02_adaptivemix")
