"""`gantutor build`: versions of notebooks from one source, what is refused, and the committed student versions."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from gantutor.course import versions
from gantutor.course.exercises import Exercise, Property, Symptom
from gantutor.course.lessons import LESSONS, find_notebook
from gantutor.reproduce.notebook import check

ROOT = Path(__file__).parent.parent
SOURCES = [ROOT / "notebooks" / f"{stem}.ipynb" for stem in LESSONS]


def twice(x):
    """X (n,) doubled."""
    return 2 * x


EXERCISE = Exercise(
    "toy.twice",
    "Double it",
    2,
    5,
    twice,
    cases=lambda rng: (rng.randn(3).double(),),
    gradients=(0,),
    forbidden=("torch.mul",),
    symptoms=(Symptom("thrice", "That is three | times.", lambda x: 3 * x),),
    properties=(
        Property("odd", "Turn the sign of x.", lambda rng: [], lambda cases, values: True),
    ),
)
NUMBER = Exercise("toy.number", "Name it", 1, 3, 42)
ANSWER = '''def twice(x):
    """x (n,) doubled."""
    if True:
        ### BEGIN SOLUTION
        y = 2 * x

        return y
        ### END SOLUTION'''
ANSWER_META = {
    "schema_version": 3,
    "grade": False,
    "grade_id": "twice",
    "locked": False,
    "solution": True,
    "task": False,
}
CHECK_META = {
    "schema_version": 3,
    "grade": True,
    "grade_id": "twice-check",
    "locked": True,
    "points": 2,
    "solution": False,
    "task": False,
}


@pytest.fixture(autouse=True)
def exercises(monkeypatch):
    """Two exercises of the tests' own beside the course's."""
    real, own = versions.find, {e.name: e for e in (EXERCISE, NUMBER)}
    monkeypatch.setattr(versions, "find", lambda name: own[name] if name in own else real(name))


def code(source: str, id: str, **nbgrader):
    return nbformat.v4.new_code_cell(
        source, id=id, metadata={"nbgrader": nbgrader} if nbgrader else {}
    )


def lesson(*changes: tuple[int, object]) -> nbformat.NotebookNode:
    """A source with one exercise; `changes` replace cells by number, None takes one away."""
    cells = [
        nbformat.v4.new_markdown_cell(
            "# 99 · A title\n\nWords, a [neighbour](01_plane.ipynb), a [page](../README.md#x) and [abroad](https://example.org/a).",
            id="title",
        ),
        code("import torch", "imports"),
        nbformat.v4.new_markdown_cell(
            "## A heading\n\nprose\n\n```\n# no heading\n```\n\n### Exercise 1 · Double it\n\nSay why.",
            id="ex-twice",
        ),
        code(ANSWER, "ex-twice-answer", **ANSWER_META),
        code('check("toy.twice", twice)', "ex-twice-check", **CHECK_META),
        nbformat.v4.new_markdown_cell("Only prose.", id="after"),
    ]
    cells[1].outputs, cells[1].execution_count = [nbformat.v4.new_output("stream", text="out")], 3
    for i, cell in changes:
        cells[i] = cell
    return nbformat.v4.new_notebook(cells=[c for c in cells if c is not None])


def put(folder: Path, nb, stem: str = "99_own") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(nb, folder / f"{stem}.ipynb")
    return folder / f"{stem}.ipynb"


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
        cell = "a = 1\n### BEGIN SOLUTION\nb = 2\n### END SOLUTION\nc = 3\nif c:\n    ### BEGIN SOLUTION\n    d = 4\n    ### END SOLUTION\nd"
        assert versions.solved(cell) == "a = 1\nb = 2\nc = 3\nif c:\n    d = 4\nd"
        assert versions.stub(cell).count(
            "raise NotImplementedError()"
        ) == 2 and "\n    raise" in versions.stub(cell)

    def test_a_solution_runs_and_shows_no_marker(self):
        made, space = versions.solution(lesson(), "99_own"), {}
        exec(made.cells[3].source, space)  # noqa: S102
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
        made = versions.instructor(lesson(), "01_plane")
        note = made.cells[1]
        recorded = next(
            r
            for r in json.loads((ROOT / "data/records/class.json").read_text())
            if r["notebook"] == "01_plane"
        )
        assert (
            note.id == "teacher-minutes"
            and f"| class | {LESSONS['01_plane'].minutes['class']:g} | {recorded['wall_s'] / 60:.1f} (2 cores) |"
            in note.source
        )
        assert (
            f"| paper | {LESSONS['01_plane'].minutes['paper']:g} | not measured |" in note.source
            and "about 5 minutes and give 2 points" in note.source
        )
        assert "teacher-minutes" not in [
            c.id for c in versions.instructor(lesson(), "99_own").cells
        ]

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


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            (
                [(3, code(ANSWER.replace("### END SOLUTION", ""), "a", **ANSWER_META))],
                "cell 'a': ### BEGIN SOLUTION without ### END",
            ),
            (
                [(3, code(ANSWER.replace("### BEGIN SOLUTION", ""), "a", **ANSWER_META))],
                "cell 'a': ### END SOLUTION without ### BEGIN",
            ),
            (
                [
                    (
                        3,
                        code(
                            ANSWER.replace("y = 2", "### BEGIN SOLUTION\n        y = 2"),
                            "a",
                            **ANSWER_META,
                        ),
                    )
                ],
                "cell 'a': ### BEGIN SOLUTION twice",
            ),
            (
                [(3, code(versions.stub(ANSWER), "a", **ANSWER_META))],
                "cell 'a': an answer cell without a solution",
            ),
            (
                [(3, code(ANSWER, "a"))],
                "cell 'a': ### BEGIN SOLUTION stands in a cell that is no answer cell",
            ),
            (
                [(5, nbformat.v4.new_markdown_cell("Write BEGIN SOLUTION\nEND SOLUTION", id="m"))],
                "cell 'm': ### BEGIN SOLUTION stands in",
            ),
            ([(3, None)], "cell 'ex-twice-check': the answer cell of 'toy.twice' is missing"),
            ([(4, None)], "cell 'ex-twice-answer': nothing checks this answer"),
            (
                [(4, code('check("plane.nonsense", twice)', "c"))],
                "cell 'c': a check without an exercise: exercise 'plane.nonsense' is unknown",
            ),
            (
                [(5, code('check("toy.twice", twice)', "again"))],
                "cell 'again': the answer cell of 'toy.twice' is missing",
            ),
            (
                [(5, code("1", "again", **CHECK_META))],
                "cell 'again': grade_id 'twice-check' is given twice",
            ),
        ],
    )
    def test_one_sentence_names_notebook_and_cell(self, changes, words, tmp_path):
        source = put(tmp_path / "in", lesson(*changes))
        with pytest.raises(ValueError, match="^99_own.ipynb, ") as caught:
            versions.build([source], tmp_path / "out", list(versions.VERSIONS))
        assert words in str(caught.value) and "\n" not in str(caught.value)
        assert not (tmp_path / "out").exists()

    def test_what_is_no_notebook(self, tmp_path):
        (tmp_path / "broken.ipynb").write_text('{"cells": [')
        with pytest.raises(ValueError, match="broken.ipynb is no intact notebook"):
            versions.build([tmp_path / "broken.ipynb"], tmp_path / "out", ["student"])

    def test_a_source_is_never_overwritten(self, tmp_path):
        source = put(tmp_path / "student", lesson())
        before = source.read_bytes()
        with pytest.raises(ValueError, match="among the sources"):
            versions.build([source], tmp_path, ["student"])
        assert source.read_bytes() == before

    def test_among_the_courses_sources_only_the_student_versions_may_stand(self, tmp_path):
        source = put(tmp_path / "notebooks", lesson(), "01_plane")
        with pytest.raises(
            ValueError, match="the solution version of 01_plane.ipynb would lie among the sources"
        ):
            versions.build([source], tmp_path / "notebooks", ["student", "solution"])
        assert not (tmp_path / "notebooks" / "student").exists(), (
            "nothing is written when something is refused"
        )
        assert versions.build([source], tmp_path / "notebooks", ["student"])["student"] == [
            tmp_path / "notebooks" / "student" / "01_plane.ipynb"
        ]

    def test_somebodys_work_is_never_overwritten(self, tmp_path):
        source = put(tmp_path / "in", lesson())
        (made,) = versions.build([source], tmp_path, ["student"])["student"]
        versions.build([source], tmp_path, ["student"])  # what nobody touched is built again
        nb = nbformat.read(made, as_version=4)
        nb.cells[1].execution_count = 1
        nbformat.write(nb, made)
        with pytest.raises(ValueError, match="somebody has worked in it"):
            versions.build([source], tmp_path, ["student"])
        assert nbformat.read(made, as_version=4).cells[1].execution_count == 1

    def test_two_sources_of_one_name(self, tmp_path):
        with pytest.raises(ValueError, match="two notebooks of one name"):
            versions.build(
                [put(tmp_path / "a", lesson()), put(tmp_path / "b", lesson())],
                tmp_path / "out",
                ["student"],
            )


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
    assert (
        done.returncode == 2
        and done.stderr
        == "gantutor: bad.ipynb, cell 'a': ### BEGIN SOLUTION without ### END SOLUTION: close the solution\n"
    )


# -- the course ---------------------------------------------------------------------------------------------------------------
def test_the_committed_student_versions_are_those_of_the_sources(tmp_path):
    made = versions.build(SOURCES, tmp_path / "notebooks", ["student"])["student"]
    committed = sorted((ROOT / "notebooks" / "student").glob("*.ipynb"))
    assert [p.name for p in committed] == [p.name for p in made], (
        "make student builds what lacks; delete what has no source"
    )
    for new, old in zip(made, committed, strict=True):
        expected, there = nbformat.read(new, as_version=4), nbformat.read(old, as_version=4)
        versions.rebase(expected, ROOT / "notebooks", ROOT / "notebooks" / "student")
        assert nbformat.writes(expected) == nbformat.writes(there), (
            f"{old.name} is behind its source: run `make student`"
        )


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_links_of_student_versions_lead_somewhere_and_parameters_are_found_by_stem(source):
    path = ROOT / "notebooks" / "student" / source.name
    words = "\n".join(
        c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"
    )
    for target in re.findall(r"\]\(([^)#\s]+)", words):
        assert "://" in target or (path.parent / target).exists(), target
    assert find_notebook(str(path)) == path and find_notebook(source.stem) == source
    assert check(path, {"profile": "smoke"}) == check(source, {"profile": "smoke"})
    with pytest.raises(ValueError, match="did you mean 'profile'"):
        check(path, {"profil": "smoke"})


@pytest.mark.parametrize("stem", LESSONS)
def test_title_and_readme_promise_the_minutes_of_the_class_profile(stem):
    """LESSONS rounded to whole minutes, and "half a minute" below three quarters of one."""
    title = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4).cells[0].source
    promised = LESSONS[stem].minutes["class"]
    n = int(promised + 0.5) if promised >= 0.75 else 0
    assert (
        f"**Time**: class profile {f'about {n} minute' + 's' * (n > 1) if n else 'half a minute'} "
        in title
    )
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    row = next(line for line in readme if f"(notebooks/{stem}.ipynb) |" in line)
    assert f"{row.split(' | ')[2]} ".startswith(f"{n} min " if n else "half a minute")


def test_what_was_measured_can_stand_beside_what_is_promised():
    """The committed records of class runs hold minutes of every lesson; how many decides nothing,
    since the machine that made them may have been busy.
    """
    measured = {stem: versions.measured_minutes(stem).get("class") for stem in LESSONS}
    lessons = [stem for stem in LESSONS if stem < "10"]
    assert [stem for stem, minutes in measured.items() if minutes] == lessons
    for stem in lessons:
        minutes = re.match(r"(\d+\.\d) \(\d+ cores\)", measured[stem])
        assert minutes and float(minutes[1]) > 0, measured[stem]


def test_the_tests_end_with_measured_beside_promised_minutes():
    from types import SimpleNamespace

    from conftest import pytest_terminal_summary

    lines = []
    ran = SimpleNamespace(
        when="call",
        user_properties=[("notebook", "01_plane"), ("profile", "smoke"), ("minutes", 1.5)],
    )
    other = SimpleNamespace(when="call", user_properties=[])
    reporter = SimpleNamespace(
        getreports=lambda name: [other, ran], section=lines.append, write_line=lines.append
    )
    pytest_terminal_summary(reporter)
    assert lines[-1].split() == [
        "01_plane",
        "smoke",
        "1.50",
        f"{LESSONS['01_plane'].minutes['smoke']:.2f}",
        f"{1.5 / LESSONS['01_plane'].minutes['smoke']:.2f}",
    ]
    lines.clear()
    pytest_terminal_summary(
        SimpleNamespace(
            getreports=lambda name: [other], section=lines.append, write_line=lines.append
        )
    )
    assert not lines


def test_a_student_version_asks_nothing_of_later_cells():
    """Names that an open answer would have given are used by its own check and by other exercises alone."""
    for source in SOURCES:
        nb = nbformat.read(source, as_version=4)
        for place in versions.places(nb, source.name):
            call = versions.CHECK.search(nb.cells[place.check].source)
            for i, cell in enumerate(nb.cells):
                if (
                    cell.cell_type == "code"
                    and i not in (place.answer, place.check)
                    and not cell.metadata.get("nbgrader", {})
                ):
                    names = [n for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.Name)]
                    own = {n.id for n in names if isinstance(n.ctx, ast.Store)}
                    assert call[2] not in {n.id for n in names} - own, (
                        f"{source.name}, cell {cell.id!r} needs the answer of {place.name}"
                    )
