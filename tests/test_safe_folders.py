"""A run's folder is safe: only what a run wrote is ever removed, anything else is refused, and what
is done again begins anew.
"""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import SAVE, SETUP, write
from typer.testing import CliRunner

import gantutor
from gantutor import files
from gantutor.cli import app
from gantutor.course.lessons import PlaneConfig
from gantutor.course.records import Record, read
from gantutor.files import NotOurs, run_folder
from gantutor.reproduce import cluster
from gantutor.reproduce.run import _goes_on, kept, run_one

# trains as notebook 10 does: goes on from a checkpoint where there is one, and keeps a history,
# a grid and things of its own
TRAINS = """
from pathlib import Path
home = Path(cfg.out) / "seed0"
(home / "grids").mkdir(parents=True, exist_ok=True)
begun = int((home / "checkpoint.pt").read_text()) if (home / "checkpoint.pt").exists() else 0
for step in range(begun, cfg.steps):
    with open(home / "history.jsonl", "a") as file:
        file.write(f'{{"step": {step}}}\\n')
(home / "checkpoint.pt").write_text(str(max(begun, cfg.steps)))
(home / "grids" / "0000003.png").write_bytes(b"a picture")
(Path(cfg.out) / "own" / "deep").mkdir(parents=True, exist_ok=True)
(Path(cfg.out) / "own" / "deep" / "values.npy").write_bytes(b"numbers")
record.note("begun", begun).note("trained", max(begun, cfg.steps))
"""
STOPS = "import os\nif os.environ.get('STOPS'): raise ValueError('stopped here')"


def run(notebook, out, fresh=False, **parameters):
    said = []
    outcome = run_one(notebook, parameters, out, say=said.append, fresh=fresh)
    assert outcome.status == "ok", outcome.message
    return outcome, said


def tree(folder: Path) -> dict[str, str]:
    """The files below a folder with their text, beside the books of its runs."""
    paths = (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink())
    mine = [p for p in paths if p.name not in (*files.BOOKS, *files.WRITTEN)]
    return {p.relative_to(folder).as_posix(): p.read_text(errors="replace") for p in mine}


def a_run(folder: Path, notebook: str = "tiny", **status) -> Path:
    """A folder that a run of a notebook has left."""
    folder.mkdir(parents=True)
    (folder / "status.json").write_text(
        json.dumps({"status": "error", "notebook": notebook, **status}),
    )
    return folder


# -- which folders are refused --------------------------------------------------------------------
@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a notebook in it, in a home folder that lies in a larger one."""
    here = tmp_path / "all" / "home" / "work"
    here.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(here.parent))
    monkeypatch.chdir(here)
    write(here / "books", SETUP, SAVE)
    (here / "mine").mkdir()
    (here / "mine" / "notes.txt").write_text("mine")
    (here / "file").write_text("mine")
    a_run(here / "other", "02_adaptivemix")
    a_run(here / "grid" / "runs" / "tiny-1")
    a_run(here / "some" / "tiny-1")
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
    ("books", "is the notebook"),
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
    """By the runner, by the command and by a record that a notebook makes by hand: one sentence,
    and nothing is touched.
    """
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
    if out != "books":  # by hand, no notebook's place is known but the working folder
        with pytest.raises(NotOurs):
            Record(PlaneConfig(out=out), "tiny")
    assert {p: p.lstat().st_mtime_ns for p in place.parent.rglob("*")} == before


def test_the_issue_s_own_command_keeps_every_file(place):
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
    (place / "empty" / ".lock").touch()  # what a start that was killed leaves
    (place / "empty" / ".result.1-0123abcd.partial.json").touch()
    assert run_folder("empty", "tiny")
    for damage in ("", "{", "null", "[]", '{"status": 3}'):  # its attempts still tell whose it is
        (place / "mine" / "status.json").write_text(damage)
        with pytest.raises(NotOurs):
            run_folder("mine", "tiny")
    files.note(place / "mine", "start", "tiny")
    assert run_folder("mine", "tiny") == place / "mine"
    (place / "mine" / "attempts.jsonl").write_bytes(
        b'\xff\n{"what": 3\n' + (place / "mine" / "attempts.jsonl").read_bytes(),
    )
    assert run_folder("mine", "tiny") == place / "mine"


def test_books_that_an_earlier_version_left_where_people_live_are_in_no_run_s_way(place):
    for folder in (place, place.parent):
        (folder / "status.json").write_text(json.dumps({"status": "ok", "notebook": "tiny"}))
    assert run_folder("new", "tiny") == place / "new"
    with pytest.raises(NotOurs, match="is the working folder"):
        run_folder(".", "tiny")


def test_the_folder_is_no_parameter_of_the_command(place):
    done = CliRunner().invoke(app, ["run", "books/tiny.ipynb", "-p", "out=mine"])
    assert done.exit_code == 2 and done.stderr == "gantutor: -p out: say it with --out\n"


def test_a_record_by_hand_knows_its_folder_again(place):
    """Figures alone would not tell tomorrow that the folder was this notebook's."""
    Record(PlaneConfig(out="by hand"), "01_plane")
    (place / "by hand" / "samples.png").write_text("a picture")
    Record(PlaneConfig(out="by hand"), "01_plane").add("loss", 1.0).save()
    with pytest.raises(
        NotOurs,
        match="holds a run of 01_plane: choose another folder for 02_adaptivemix",
    ):
        Record(PlaneConfig(out="by hand"), "02_adaptivemix")


# -- what is removed ------------------------------------------------------------------------------
def test_done_again_a_run_trains_again_and_nothing_of_a_person_s_is_lost(tmp_path):
    notebook, out, away = write(tmp_path, SETUP, TRAINS, SAVE), tmp_path / "out", tmp_path / "away"
    run(notebook, out, steps=3)
    status = json.loads((out / "status.json").read_text())
    made = {
        "own/deep/values.npy",
        "seed0/checkpoint.pt",
        "seed0/grids/0000003.png",
        "seed0/history.jsonl",
    }
    assert {name for name in status["files"] if not name.endswith("/")} == made | set(files.WRITTEN)
    assert {"own/", "own/deep/", "seed0/", "seed0/grids/"} <= set(status["files"])
    assert not (out / ".written").exists()
    book = (out / "executed.ipynb").read_text()
    (out / "executed.ipynb").write_text(book + " ")  # worked in
    away.mkdir()
    (away / "theirs.txt").write_text("theirs")
    (out / "notes.txt").write_text("mine")
    (out / "own" / "mine.txt").write_text("mine")
    (out / "door").symlink_to(away)
    (out / "kept").mkdir()

    # other parameters: set aside with the record, and trained from the first step
    outcome, said = run(notebook, out, steps=2)
    assert read(out)["data"] == {"begun": 0, "trained": 2} and not outcome.reused
    assert json.loads((out / "previous.json").read_text())["data"]["trained"] == 3
    found = tree(out)
    assert found.pop("executed-edited.ipynb") == book + " "
    assert not (out / "previous" / "executed.ipynb").exists()
    assert found.keys() == {
        *made,
        *(f"previous/{name}" for name in made),
        "notes.txt",
        "own/mine.txt",
    }
    assert found["previous/seed0/checkpoint.pt"] == "3"
    assert found["seed0/history.jsonl"].count("\n") == 2
    assert any(f"is set aside in {out / 'previous'}" in line for line in said)

    # another version; what was set aside before stays
    result = read(out)
    (out / "result.json").write_text(
        json.dumps({**result, "versions": {**result["versions"], "gantutor": "0.0.8"}}),
    )
    run(notebook, out, steps=2)
    aside = {k: v for k, v in tree(out).items() if k.startswith("previous")}
    assert read(out)["data"]["begun"] == 0
    assert aside["previous/seed0/checkpoint.pt"] == "3"
    assert aside["previous-2/seed0/checkpoint.pt"] == "2"
    assert json.loads(aside["previous-2.json"])["data"]["trained"] == 3

    # --fresh: what the last run wrote is removed, and nothing else
    run(notebook, out, fresh=True, steps=2)
    assert read(out)["data"]["begun"] == 0
    found = tree(out)
    assert aside.items() <= found.items()
    mine = {"notes.txt", "own/mine.txt", "executed-edited.ipynb", "previous-3.json"}
    assert found.keys() == {*made, *mine, *aside}
    assert (out / "kept").is_dir()
    assert (out / "door").is_symlink() and (away / "theirs.txt").read_text() == "theirs"


def test_an_executed_notebook_whose_run_was_killed_is_kept_too(tmp_path):
    notebook, out = write(tmp_path, SETUP, TRAINS, SAVE), tmp_path / "out"
    run(notebook, out, steps=3)
    (out / "result.json").unlink()
    status = json.loads((out / "status.json").read_text())
    del status["executed"]
    (out / "status.json").write_text(json.dumps({**status, "status": "running"}))
    (out / "executed.ipynb").write_text("worked in after a SIGKILL")
    _, said = run(notebook, out, steps=3)
    assert (out / "executed-edited.ipynb").read_text() == "worked in after a SIGKILL"
    assert any("somebody may have worked in executed.ipynb" in line for line in said)


def test_a_run_that_was_stopped_goes_on_and_one_of_other_inputs_begins_anew(tmp_path, monkeypatch):
    notebook, out = write(tmp_path, SETUP, TRAINS, STOPS, SAVE), tmp_path / "out"
    monkeypatch.setenv("STOPS", "1")
    assert run_one(notebook, {"steps": 3}, out).status == "error"
    # which is no attempt, and changes nothing
    assert run_one(notebook, {"steps": "three"}, out).status == "bad_input"
    monkeypatch.delenv("STOPS")
    run(notebook, out, steps=3)
    assert read(out)["data"]["begun"] == 3 and not (out / "previous").exists()
    status = json.loads((out / "status.json").read_text())
    for change in (
        {"version": "0.0.9"},
        {"source_hash": "0"},
        {"parameters": {**status["parameters"], "steps": 4}},
        {"status": "ok"},
        {"parameters": None},
    ):
        assert run_folder(out, "tiny")
        (out / "result.json").unlink(missing_ok=True)
        of = {k: status[k] for k in ("notebook", "parameters", "source_hash", "version")}
        (out / "status.json").write_text(json.dumps({**status, "status": "running"}))
        assert _goes_on(out, of)
        (out / "status.json").write_text(json.dumps({**status, "status": "running", **change}))
        assert not _goes_on(out, of), change
    (out / "status.json").write_text("{")
    run(notebook, out, steps=3)
    assert read(out)["data"]["begun"] == 0 and tree(out)["previous/seed0/checkpoint.pt"] == "3"


def test_a_person_s_file_that_arrives_while_a_run_is_under_way_is_not_the_run_s(tmp_path):
    """Nor one that a cell adds to, or fails to make because it is there."""
    out = tmp_path / "out"
    arrives = f"""
    import subprocess, sys
    made = "echo mine > notes.txt; echo mine > log.txt"
    subprocess.run(["sh", "-c", made], cwd={str(out)!r}, check=True)
    open({str(out / "log.txt")!r}, "a").write("added")
    try:
        open({str(out / "notes.txt")!r}, "x")
    except FileExistsError:
        pass
    """
    notebook = write(tmp_path, SETUP, arrives, SAVE)
    run(notebook, out)
    assert {"notes.txt", "log.txt"}.isdisjoint(
        json.loads((out / "status.json").read_text())["files"],
    )


@pytest.mark.parametrize(
    "name",
    [
        "../theirs.txt",
        "{tmp}/theirs.txt",
        "door/theirs.txt",
        "seed0/../../theirs.txt",
        "link.txt",
        "notes.txt/",
        "",
        ".",
        "a\0b",
    ],
)
def test_a_list_that_was_tampered_with_leads_nowhere(tmp_path, name):
    (tmp_path / "theirs.txt").write_text("theirs")
    out = a_run(tmp_path / "out", files=[name.replace("{tmp}", str(tmp_path)), 3, None])
    (out / "door").symlink_to(tmp_path)
    (out / "link.txt").symlink_to(tmp_path / "theirs.txt")
    (out / "notes.txt").write_text("mine")
    (out / ".written").write_text('"../theirs.txt"\n{"half\n3\n')
    files.clear(out, aside=False)
    assert (tmp_path / "theirs.txt").exists()
    assert (out / "notes.txt").exists()
    assert (out / "link.txt").is_symlink()


def test_a_seed_s_folder_that_is_a_link_is_not_gone_on_with(tmp_path):
    out, scratch = a_run(tmp_path / "out"), tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "checkpoint.pt").write_text("3")
    (out / "seed0").symlink_to(scratch)
    outcome = run_one(write(tmp_path, SETUP, SAVE), {}, out)
    assert outcome.status == "bad_input"
    assert "seed0 is or holds a link" in outcome.message
    assert (scratch / "checkpoint.pt").exists()


def test_what_a_killed_run_of_an_earlier_version_left_is_known_by_its_names(tmp_path):
    out = a_run(tmp_path / "out")
    names = [
        "seed0/checkpoint.pt",
        "seed0/history.jsonl",
        "seed0/grids/0000100.png",
        "seed12/checkpoint.pt",
        "executed.ipynb",
        "run.log",
    ]
    kept = [
        "seed0/checkpoint-best.pt",
        "seed0/grids/100.png",
        "seeds/checkpoint.pt",
        "notes.txt",
        "console.log",
        "attempts.jsonl",
        "samples.png",
    ]
    for name in names + kept:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).touch()
    (out / "previous.json").write_text(
        json.dumps({"figures": [{"name": "a", "file": "map.png"}, {"file": 3}, None]}),
    )
    (out / "map.png").touch()
    files.clear(out, aside=False)
    left = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert left == {*kept, "previous.json", "status.json"} and not (out / "seed12").exists()


# -- commands that meet ---------------------------------------------------------------------------
def test_a_second_command_at_the_same_folder_is_told_so(tmp_path):
    from filelock import FileLock

    write(tmp_path, SETUP, SAVE)
    a_run(tmp_path / "out")
    with FileLock(tmp_path / "out" / ".lock"):
        done = subprocess.run(
            [sys.executable, "-m", "gantutor.cli", "run", "tiny.ipynb", "--out", "out"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == "gantutor: tiny ended with busy: another command is at this run\n"
    assert json.loads((tmp_path / "out" / "status.json").read_text())["status"] == "error"


def test_a_book_that_is_a_folder_is_named(tmp_path):
    for name in ("status.json", ".lock", "attempts.jsonl", "run.log"):
        out = a_run(tmp_path / name, **{})
        (out / name).unlink(missing_ok=True)
        files.note(out, "start", "tiny") if name == "status.json" else None
        (out / name).mkdir()
        outcome = run_one(write(tmp_path / "books", SETUP, SAVE), {}, out)
        assert outcome.status == "error" and name.split(".")[-1] in outcome.message, outcome


def test_a_grid_s_worker_touches_nothing_in_a_person_s_folder(tmp_path):
    notebook, folder = write(tmp_path, SETUP, SAVE), tmp_path / "mine"
    folder.mkdir()
    for name in ("console.log", "notes.txt"):
        (folder / name).write_text(f"my {name}")
    outcome = cluster.attempt(str(notebook), str(folder), {}, limit=60)
    assert outcome["status"] == "bad_input" and "'notes.txt'" in outcome["message"]
    assert {p.name: p.read_text() for p in folder.iterdir()} == {
        "console.log": "my console.log",
        "notes.txt": "my notes.txt",
    }


def test_a_folder_that_cannot_be_written_is_said_before_anything_starts(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("gantutor.reproduce.run.tempfile.TemporaryFile", full)
    outcome = run_one(write(tmp_path, SETUP, SAVE), {}, tmp_path / "out")
    assert outcome.status == "bad_input" and not (tmp_path / "out").exists()
    assert "cannot be written (Read-only file system): choose another with --out" in outcome.message


@pytest.mark.parametrize(
    "damage",
    [
        '{"cells": [3]}',
        '{"cells": [{"cell_type": "code"}]}',
        '{"cells": [{"source": "1"}]}',
        '{"cells": 3}',
        "[]",
    ],
)
def test_a_damaged_notebook_is_named(tmp_path, damage):
    (tmp_path / "tiny.ipynb").write_text(damage)
    outcome = run_one(tmp_path / "tiny.ipynb", {}, tmp_path / "out")
    assert outcome.status == "bad_input" and "tiny.ipynb is no intact notebook" in outcome.message


@pytest.mark.parametrize("damage", ['{"parameters": null}', '{"parameters": {}, "versions": 3}'])
def test_a_record_that_only_looks_like_one_is_done_again(tmp_path, damage):
    out, notebook = a_run(tmp_path / "out"), write(tmp_path, SETUP, SAVE)
    whole = {
        "schema": 1,
        "notebook": "tiny",
        "parameters": {},
        "source_hash": "",
        "versions": {},
        "status": "ok",
        "rows": [],
        "figures": [],
        "data": {},
    }
    (out / "result.json").write_text(json.dumps({**whole, **json.loads(damage)}))
    assert kept(out, notebook, {})[1] == "its result.json was damaged"


# -- long paths -----------------------------------------------------------------------------------
def test_a_long_tmpdir_stops_no_run(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.setattr(files.writing.tempfile, "tempdir", str(long))
    run(write(tmp_path, SETUP, SAVE), tmp_path / "out")


def test_without_a_place_for_sockets_a_run_goes_over_a_port_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(files.writing, "SOCKET", 5)
    outcome, _ = run(write(tmp_path, SETUP, SAVE), tmp_path / "out")
    assert outcome.status == "ok"


def test_temporary_folders_are_private_short_and_swept(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr(files.writing.tempfile, "tempdir", str(long))
    with files.scratch() as folder:
        assert folder.parent == long and folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()
    with files.scratch(longest=60) as folder:
        assert len(os.fsencode(folder)) + 61 <= files.writing.SOCKET
    dies = """
import os, signal
from gantutor import files
with files.scratch() as folder:
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    left = subprocess.run(
        [sys.executable, "-c", dies],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(long)},
    )
    assert left.returncode == -signal.SIGKILL and Path(left.stdout.strip()).is_dir()
    (long / "gantutor-mine").mkdir()
    with files.scratch() as folder:
        assert sorted(long.iterdir()) == sorted([folder, long / "gantutor-mine"])
