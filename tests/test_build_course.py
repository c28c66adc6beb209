"""The course's notebooks: their student versions, links and minutes, and README's table of them."""

import ast
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from conftest import pytest_terminal_summary

from gantutor.course import versions
from gantutor.course.lessons import LESSONS, find_notebook, table
from gantutor.reproduce.notebook import check_parameters
from gantutor.reproduce.targets import LESSON_TARGETS

ROOT = Path(__file__).parent.parent
SOURCES = [ROOT / "notebooks" / f"{stem}.ipynb" for stem in LESSONS]


def test_the_committed_student_versions_are_those_of_the_sources(tmp_path):
    made = versions.build(SOURCES, tmp_path / "notebooks", ["student"])["student"]
    committed = sorted((ROOT / "notebooks" / "student").glob("*.ipynb"))
    assert [p.name for p in committed] == [p.name for p in made], (
        "`make student` builds those that are missing; delete what has no source"
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
    assert check_parameters(path, {"profile": "smoke"}) == check_parameters(
        source, {"profile": "smoke"}
    )
    with pytest.raises(ValueError, match="did you mean 'profile'"):
        check_parameters(path, {"profil": "smoke"})


@pytest.mark.parametrize("stem", LESSONS)
def test_a_notebooks_title_promises_the_minutes_of_its_class_profile(stem):
    title = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4).cells[0].source
    promised = LESSONS[stem].minutes["class"]
    n = int(promised + 0.5)
    words = f"about {n} minute{'s' * (n > 1)}" if promised >= 0.75 else "half a minute"
    assert f"**Time**: class profile {words} " in title


def test_readmes_table_of_notebooks_is_made_from_the_list_of_lessons():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    inside = readme.split("<!-- lessons -->\n")[1].split("\n<!-- /lessons -->")[0]
    assert inside == table(), "put what `gantutor.course.lessons.table()` returns there"


@pytest.mark.parametrize(
    ("minutes", "each", "words"),
    [
        (0.4, "", "half a minute"),
        (0.8, "", "1 min"),
        (2.3, "per method", "2 min per method"),
        (4.5, "", "5 min"),
    ],
)
def test_minutes_are_rounded_to_whole_ones(minutes, each, words):
    lesson = replace(LESSONS["01_plane"], minutes={"class": minutes}, each=each)
    assert lesson.time == words


def test_every_lessons_minutes_were_measured():
    """The committed records of class runs hold minutes of every lesson.

    How many decides nothing, since the machine that made them may have been busy.
    """
    measured = {stem: versions.measured_minutes(stem).get("class") for stem in LESSONS}
    run = {target.notebook for target in LESSON_TARGETS}
    lessons = [stem for stem in LESSONS if stem in run]
    assert [stem for stem, minutes in measured.items() if minutes] == lessons
    for stem in lessons:
        minutes = re.match(r"(\d+\.\d) \(\d+ cores\)", measured[stem])
        assert minutes and float(minutes[1]) > 0, measured[stem]


def test_the_tests_end_with_measured_and_promised_minutes():
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
    """Only its own check, and other exercises, use a name that an open answer would have given."""
    for source in SOURCES:
        nb = nbformat.read(source, as_version=4)
        for place in versions.places(nb, source.name):
            answer = versions.CHECK.search(nb.cells[place.check].source)[2]
            for i, cell in enumerate(nb.cells):
                part_of_it = i in (place.answer, place.check)
                if cell.cell_type != "code" or part_of_it or cell.metadata.get("nbgrader", {}):
                    continue
                names = [n for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.Name)]
                own = {n.id for n in names if isinstance(n.ctx, ast.Store)}
                assert answer not in {n.id for n in names} - own, (
                    f"{source.name}, cell {cell.id!r} needs the answer of {place.name}"
                )
