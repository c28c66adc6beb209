"""`gantutor build`: versions of notebooks from one source."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from one_lesson import ANSWER_META, CHECK_META, code, known, lesson, put

from gantutor.course import versions
from gantutor.course.lessons import LESSONS

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def exercises(monkeypatch):
    """The two exercises of `one_lesson`."""
    known(monkeypatch)


class TestVersions:
    def test_a_student_gets_nbgraders_stub_at_the_markers_place(self):
        made = versions.student(lesson(), "99_own")
        assert (
            made.cells[3].source
            == '''def twice(x):
    """x (n,) doubled."""
    if True:
        # YOUR CODE HERE
        raise NotImplementedError()'''
        )
        assert made.cells[3].metadata == {"nbgrader": ANSWER_META, "deletable": False}
        assert made.cells[4].metadata == {
            "nbgrader": CHECK_META,
            "deletable": False,
            "editable": False,
        }
        assert [c.source for c in made.cells[:3]] == [c.source for c in lesson().cells[:3]]

    def test_a_value_is_stubbed_and_solved_too(self):
        cell = "### BEGIN SOLUTION\nanswer_number = 42\n### END SOLUTION"
        assert versions.stub(cell) == "# YOUR CODE HERE\nraise NotImplementedError()"
        assert versions.solved(cell) == "answer_number = 42"

    def test_a_cell_may_hold_two_regions_and_lines_around_them(self):
        first = "### BEGIN SOLUTION\nb = 2\n### END SOLUTION\n"
        second = "    ### BEGIN SOLUTION\n    d = 4\n    ### END SOLUTION\n"
        cell = f"a = 1\n{first}c = 3\nif c:\n{second}d"
        assert versions.solved(cell) == "a = 1\nb = 2\nc = 3\nif c:\n    d = 4\nd"
        made = versions.stub(cell)
        assert made.count("raise NotImplementedError()") == 2 and "\n    raise" in made

    def test_a_solution_runs_and_shows_no_marker(self):
        made, space = versions.solution(lesson(), "99_own"), {}
        exec(made.cells[3].source, space)
        assert space["twice"](21) == 42 and "SOLUTION" not in json.dumps(made)

    @pytest.mark.parametrize("version", versions.VERSIONS)
    def test_no_version_has_outputs_or_changes_the_source(self, version):
        source, before = lesson(), nbformat.writes(lesson())
        made = versions.VERSIONS[version](source, "99_own")
        assert nbformat.writes(source) == before
        assert all(
            not c.outputs and c.execution_count is None for c in made.cells if c.cell_type == "code"
        )
        nbformat.validate(made)

    def test_a_teacher_reads_what_is_expected_and_what_goes_wrong(self):
        made = versions.instructor(lesson(), "99_own")
        note = made.cells[5]
        assert note.id == "teacher-twice" and made.cells[4].id == "ex-twice-check"
        for words in (
            "`toy.twice` · 2 points · about 5 minutes",
            "return 2 * x",
            "gradient in `x`",
            "| thrice | That is three \\| times. |",
            "| odd | Turn the sign of x. |",
            "Not to be called: `torch.mul`",
        ):
            assert words in note.source
        number = lesson(
            (
                3,
                code(
                    "### BEGIN SOLUTION\nn = 42\n### END SOLUTION",
                    "ex-number-answer",
                    **{**ANSWER_META, "grade_id": "number"},
                ),
            ),
            (4, code('check("toy.number", n)', "ex-number-check")),
        )
        assert "**Expected**\n\n`42`" in versions.instructor(number, "99_own").cells[5].source

    def test_a_teacher_reads_promised_and_measured_minutes(self):
        note = versions.instructor(lesson(), "01_plane").cells[1]
        runs = json.loads((ROOT / "data/records/class.json").read_text())
        took = next(r for r in runs if r["notebook"] == "01_plane")["wall_s"] / 60
        promised = LESSONS["01_plane"].minutes
        assert note.id == "teacher-minutes"
        assert f"| class | {promised['class']:g} | {took:.1f} (2 cores) |" in note.source
        assert f"| paper | {promised['paper']:g} | not measured |" in note.source
        assert "about 5 minutes and give 2 points" in note.source
        own = versions.instructor(lesson(), "99_own")
        assert "teacher-minutes" not in [c.id for c in own.cells]

    def test_only_runs_with_the_profiles_own_parameters_are_measured(self):
        runs = json.loads((ROOT / "data/records/class.json").read_text())
        plain = [
            r["wall_s"] / 60
            for r in runs
            if r["notebook"] == "05_images"
            and r["parameters"]["method"] == "baseline"
            and r["parameters"]["dataset"] == "digits"
        ]
        assert len(plain) == 1 and versions.measured_minutes("05_images") == {
            "class": f"{plain[0]:.1f} (2 cores)"
        }

    def test_clean_holds_headings_and_code_alone_with_exercises_open(self):
        made = versions.clean(lesson(), "99_own")
        assert [c.source for c in made.cells if c.cell_type == "markdown"] == [
            "# 99 · A title",
            "## A heading\n\n### Exercise 1 · Double it",
        ]
        assert "raise NotImplementedError()" in made.cells[3].source and len(made.cells) == 5


class TestWritten:
    def test_the_same_source_gives_the_same_bytes(self, tmp_path):
        source = put(tmp_path / "in", lesson())
        for out in ("one", "two"):
            versions.build([source], tmp_path / out, list(versions.VERSIONS))
        for version in versions.VERSIONS:
            one, two = (
                (tmp_path / out / version / "99_own.ipynb").read_bytes() for out in ("one", "two")
            )
            assert one == two and one.endswith(b"}\n") and b"\xc2\xb7" in one

    def test_links_are_right_from_where_a_version_lies(self, tmp_path):
        source = put(tmp_path / "notebooks", lesson())
        (made,) = versions.build([source], tmp_path / "notebooks", ["student"])["student"]
        words = nbformat.read(made, as_version=4).cells[0].source
        assert (
            "[neighbour](01_plane.ipynb)" in words
            and "[page](../../README.md#x)" in words
            and "[abroad](https://example.org/a)" in words
        )

    def test_far_from_the_course_no_link_tells_where_it_came_from(self, tmp_path):
        source = put(tmp_path / "course" / "notebooks", lesson())
        (made,) = versions.build([source], tmp_path / "far" / "away", ["student"])["student"]
        words = nbformat.read(made, as_version=4).cells[0].source
        assert (
            ", a page and [abroad]" in words
            and "[neighbour](01_plane.ipynb)" in words
            and "course" not in words
        )


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "gantutor.cli", "build", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
    )


def test_the_command_builds_all_four_and_refuses_in_one_sentence(tmp_path):
    done = run("01", "--out", str(tmp_path / "build"), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert sorted(
        p.relative_to(tmp_path / "build").as_posix() for p in tmp_path.rglob("*.ipynb")
    ) == sorted(f"{v}/01_plane.ipynb" for v in versions.VERSIONS)
    bad = put(tmp_path, nbformat.v4.new_notebook(cells=[code("### BEGIN SOLUTION", "a")]), "bad")
    done = run(str(bad), "--student", "--out", str(tmp_path / "none"), cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr == (
        "gantutor: bad.ipynb, cell 'a': ### BEGIN SOLUTION without ### END SOLUTION: "
        "close the solution\n"
    )
