"""What an earlier run left: moved aside or removed, while everything else is kept."""

import json

import pytest
from folders import STOPS, TRAINS, left_by_a_run, run, tree
from tiny import SAVE, SETUP, write

from gantutor import files
from gantutor.course.records import read
from gantutor.files import run_folder
from gantutor.reproduce.run import _continues, run_one


def test_a_run_of_other_parameters_starts_over_and_nobody_s_files_are_lost(tmp_path):
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
    (out / "executed.ipynb").write_text(book + " ")  # edited by hand
    away.mkdir()
    (away / "theirs.txt").write_text("theirs")
    (out / "notes.txt").write_text("mine")
    (out / "own" / "mine.txt").write_text("mine")
    (out / "door").symlink_to(away)
    (out / "kept").mkdir()

    # other parameters: its files are moved aside with the record, and training starts over
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
    assert any(f"an earlier run are now in {out / 'previous'}" in line for line in said)

    # another version; what was moved aside before stays
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


def test_an_executed_notebook_of_a_killed_run_is_kept_too(tmp_path):
    notebook, out = write(tmp_path, SETUP, TRAINS, SAVE), tmp_path / "out"
    run(notebook, out, steps=3)
    (out / "result.json").unlink()
    status = json.loads((out / "status.json").read_text())
    del status["executed"]
    (out / "status.json").write_text(json.dumps({**status, "status": "running"}))
    (out / "executed.ipynb").write_text("edited after a SIGKILL")
    _, said = run(notebook, out, steps=3)
    assert (out / "executed-edited.ipynb").read_text() == "edited after a SIGKILL"
    assert any("executed.ipynb may have been edited" in line for line in said)


def test_a_stopped_run_is_continued_and_one_of_other_inputs_starts_over(tmp_path, monkeypatch):
    notebook, out = write(tmp_path, SETUP, TRAINS, STOPS, SAVE), tmp_path / "out"
    monkeypatch.setenv("STOPS", "1")
    assert run_one(notebook, {"steps": 3}, out).status == "error"
    # bad input does not count as an attempt, and changes nothing
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
        assert _continues(out, of)
        (out / "status.json").write_text(json.dumps({**status, "status": "running", **change}))
        assert not _continues(out, of), change
    (out / "status.json").write_text("{")
    run(notebook, out, steps=3)
    assert read(out)["data"]["begun"] == 0 and tree(out)["previous/seed0/checkpoint.pt"] == "3"


def test_a_file_that_somebody_adds_during_a_run_is_not_the_run_s(tmp_path):
    """Not even if a cell appends to it, or fails to create it because it exists."""
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
def test_a_tampered_list_does_not_lead_outside_the_folder(tmp_path, name):
    (tmp_path / "theirs.txt").write_text("theirs")
    out = left_by_a_run(tmp_path / "out", files=[name.replace("{tmp}", str(tmp_path)), 3, None])
    (out / "door").symlink_to(tmp_path)
    (out / "link.txt").symlink_to(tmp_path / "theirs.txt")
    (out / "notes.txt").write_text("mine")
    (out / ".written").write_text('"../theirs.txt"\n{"half\n3\n')
    files.clear(out, aside=False)
    assert (tmp_path / "theirs.txt").exists()
    assert (out / "notes.txt").exists()
    assert (out / "link.txt").is_symlink()


def test_a_seed_s_folder_that_is_a_link_is_not_continued(tmp_path):
    out, scratch = left_by_a_run(tmp_path / "out"), tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "checkpoint.pt").write_text("3")
    (out / "seed0").symlink_to(scratch)
    outcome = run_one(write(tmp_path, SETUP, SAVE), {}, out)
    assert outcome.status == "bad_input"
    assert "seed0 is or holds a link" in outcome.message
    assert (scratch / "checkpoint.pt").exists()


def test_files_of_a_killed_run_of_an_earlier_version_are_recognised_by_their_names(tmp_path):
    out = left_by_a_run(tmp_path / "out")
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
