"""A run and its surroundings: other commands, damaged books, read-only and deep folders."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from folders import left_by_a_run, run
from tiny import SAVE, SETUP, write

from gantutor import files
from gantutor.reproduce import worker
from gantutor.reproduce.notebook import kept
from gantutor.reproduce.run import run_one


# -- commands that meet ---------------------------------------------------------------------------
def test_a_second_command_on_the_same_folder_is_told_so(tmp_path):
    from filelock import FileLock

    write(tmp_path, SETUP, SAVE)
    left_by_a_run(tmp_path / "out")
    with FileLock(tmp_path / "out" / ".lock"):
        done = subprocess.run(
            [sys.executable, "-m", "gantutor.cli", "run", "tiny.ipynb", "--out", "out"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == "gantutor: tiny ended with busy: another command is running it\n"
    assert json.loads((tmp_path / "out" / "status.json").read_text())["status"] == "error"


def test_a_folder_in_the_place_of_a_book_is_named(tmp_path):
    for name in ("status.json", ".lock", "attempts.jsonl", "run.log"):
        out = left_by_a_run(tmp_path / name)
        (out / name).unlink(missing_ok=True)
        if name == "status.json":  # so that the folder is still known as the notebook's
            files.note(out, "start", "tiny")
        (out / name).mkdir()
        outcome = run_one(write(tmp_path / "books", SETUP, SAVE), {}, out)
        assert outcome.status == "error" and name.split(".")[-1] in outcome.message, outcome


def test_a_grid_s_worker_touches_nothing_in_somebody_else_s_folder(tmp_path):
    notebook, folder = write(tmp_path, SETUP, SAVE), tmp_path / "mine"
    folder.mkdir()
    for name in ("console.log", "notes.txt"):
        (folder / name).write_text(f"my {name}")
    outcome = worker.attempt(str(notebook), str(folder), {}, limit=60)
    assert outcome["status"] == "bad_input" and "'notes.txt'" in outcome["message"]
    assert {p.name: p.read_text() for p in folder.iterdir()} == {
        "console.log": "my console.log",
        "notes.txt": "my notes.txt",
    }


def test_a_read_only_folder_is_named_before_anything_starts(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("gantutor.reproduce.notebook.tempfile.TemporaryFile", full)
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
    assert (
        outcome.status == "bad_input" and "tiny.ipynb is not an intact notebook" in outcome.message
    )


@pytest.mark.parametrize("damage", ['{"parameters": null}', '{"parameters": {}, "versions": 3}'])
def test_a_record_with_damaged_fields_is_run_again(tmp_path, damage):
    out, notebook = left_by_a_run(tmp_path / "out"), write(tmp_path, SETUP, SAVE)
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


def test_without_a_place_for_sockets_a_run_uses_ports_of_this_machine(tmp_path, monkeypatch):
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
