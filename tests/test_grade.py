"""Grading: accidents and pranks get a mark and a sentence; everything else is graded as usual."""

import csv
import json
import re
import subprocess
import sys

import nbformat
import psutil
import pytest
from handed_in import NAMES, notebook
from pranks import ENDINGS, HARMLESS
from typer.testing import CliRunner

from gantutor.cli import app
from gantutor.course.exercises import exercises
from gantutor.course.grader import grade

LIMITS = grade.Limits(seconds=12, memory=1.0)


@pytest.fixture(scope="module")
def graded(tmp_path_factory) -> dict[str, grade.Graded]:
    """All of ENDINGS and HARMLESS, graded in one go as a teacher does."""
    folder = tmp_path_factory.mktemp("handed_in")
    changes, paths = {**{k: v[0] for k, v in ENDINGS.items()}, **HARMLESS}, {}
    for i, (name, change) in enumerate(changes.items()):
        paths[name], nb = folder / f"student{i:02d}.ipynb", notebook(change)
        if name in ENDINGS:  # one other exercise is enough
            nb.cells = [c for c in nb.cells if not c.id.startswith(("ex-cannot-tell", "ex-arrows"))]
        nbformat.write(nb, paths[name])
    done = list(grade.grade(list(paths.values()), LIMITS))
    return dict(zip(paths, done, strict=True))


def test_the_course_source_is_as_these_tests_think():
    assert list(exercises("start")) == NAMES


@pytest.mark.parametrize("name", ENDINGS)
def test_it_ends_in_no_points_and_a_sentence_and_the_others_are_graded(graded, name):
    _, keys, words = ENDINGS[name]
    marks = {m.report.exercise.name: m for m in graded[name].marks}
    assert list(marks) == NAMES
    row = marks.pop("start.critic_loss").row()
    assert row["points"] == 0 and not row["right"] and row["of"] == 2
    assert row["key"] in ((keys,) if isinstance(keys, str) else keys), row
    assert words in row["sentence"] + row["hint"] and row["sentence"].startswith(
        "start.critic_loss: "
    )
    assert len((row["sentence"] + row["hint"]).split()) >= 6
    assert {name: m.report.key for name, m in marks.items()} == {
        NAMES[0]: "no check",
        NAMES[2]: "no check",
        NAMES[3]: "",
    }


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_right_gets_its_points(graded, name):
    assert graded[name].points == graded[name].of == 7, graded[name].as_text()


def test_nothing_is_left_behind(graded):
    assert graded and not [
        p
        for p in psutil.Process().children(recursive=True)
        if "gantutor.course.grader.worker" in " ".join(p.cmdline())
    ]
    here = psutil.Process().children()
    assert not [
        p
        for p in psutil.process_iter(["cmdline"])
        if "gantutor.course.grader.worker" in " ".join(p.info["cmdline"] or ()) and p.ppid() == 1
    ], here


class TestCommand:
    def run(self, *arguments):
        return CliRunner().invoke(app, ["check", *map(str, arguments)])

    def test_marks_of_a_folder_as_table_as_json_and_as_csv(self, tmp_path):
        def stub(nb):
            solution = re.compile(r"( *)### BEGIN.*### END SOLUTION", re.DOTALL)
            for c in nb.cells:
                c.source = solution.sub(r"\1raise NotImplementedError()", c.source)

        for student, change in {"ada": None, "bob": stub}.items():
            (tmp_path / student).mkdir()
            nbformat.write(notebook(change), tmp_path / student / "00_start_here.ipynb")
        command = [sys.executable, "-m", "gantutor.cli", "check", str(tmp_path), "--json"]
        command += ["--out", str(tmp_path / "marks.csv")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == ""
        ada, bob = map(json.loads, done.stdout.splitlines())
        assert (ada["student"], ada["points"], ada["of"]) == ("ada", 7, 7)
        assert (bob["student"], bob["points"], bob["of"]) == ("bob", 0, 7)
        assert [e["key"] for e in bob["exercises"]] == ["open"] * 4
        assert set(ada) == {"notebook", "student", "points", "of", "exercises"}
        assert list(ada["exercises"][0]) == [
            "name",
            "points",
            "of",
            "right",
            "key",
            "sentence",
            "hint",
            "seconds",
        ]
        rows = list(
            csv.DictReader((tmp_path / "marks.csv").read_text(encoding="utf-8").splitlines())
        )
        assert [(r["student"], r["exercise"], r["points"], r["of"]) for r in rows[:2]] == [
            ("ada", NAMES[0], "1", "1"),
            ("ada", NAMES[1], "2", "2"),
        ]
        assert len(rows) == 8 and all("still open" in r["sentence"] for r in rows[4:])

    def test_bad_input_is_told_in_a_sentence(self, tmp_path):
        (tmp_path / "empty").mkdir()
        (tmp_path / "notes.ipynb").write_text("{}")
        for arguments, words in [
            ((tmp_path / "none.ipynb",), "no notebook"),
            ((tmp_path / "empty",), "contains no .ipynb"),
            ((tmp_path / "notes.ipynb",), "is not a readable notebook"),
            ((tmp_path / "notes.ipynb", "--seconds", 0), "--seconds 0"),
            ((tmp_path / "notes.ipynb", "--out", "marks.xls"), "ends in .csv"),
            ((tmp_path / "notes.ipynb", "--out", "/proc/nowhere/marks.csv"), "cannot be written"),
        ]:
            done = self.run(*arguments)
            assert (
                done.exit_code == 2 and words in done.output and "Traceback" not in done.output
            ), done.output
