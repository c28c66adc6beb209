"""The course under nbgrader itself: its release is our student version, its marks are ours.

Needs nbgrader (the extra `teaching`) in this environment, or in GANTUTOR_NBGRADER the path of a
Python that has both nbgrader and gantutor.
"""

import copy
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from gantutor.course import versions
from gantutor.course.exercises import exercises

ROOT = Path(__file__).parent.parent
STEM, TOPIC = "00_start_here", "start"
PYTHON = os.environ.get("GANTUTOR_NBGRADER", sys.executable)
there = (
    subprocess.run([PYTHON, "-c", "import nbgrader, gantutor"], capture_output=True).returncode == 0
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not there, reason="nbgrader is not installed: pip install 'gantutor[teaching]'"
    ),
]


def nbgrader(course: Path, *arguments: str) -> None:
    # nbgrader calls `alembic` by name, so it must be on the path; and the kernel must be that of
    # this Python, whichever kernels the machine's user has installed
    path = f"{Path(PYTHON).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {
        **os.environ,
        "PATH": path,
        "JUPYTER_PREFER_ENV_PATH": "1",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "HOME": str(course),
    }
    done = subprocess.run(
        [PYTHON, "-m", "nbgrader", *arguments],
        cwd=course,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A course with notebook 00's imports and exercises, released and graded for three students."""
    root = tmp_path_factory.mktemp("course")
    source = nbformat.read(ROOT / "notebooks" / f"{STEM}.ipynb", as_version=4)
    code = [c for c in source.cells if c.cell_type == "code"]
    # without the lesson's training: keep the cells around the exercises and the imports
    kept = {
        id(c)
        for c in code
        if "from gantutor.course.exercises import check" in c.source
        or "parameters" in c.metadata.get("tags", ())
    }
    source.cells = [
        c
        for c in source.cells
        if id(c) in kept or "nbgrader" in c.metadata or c.id.startswith("ex-")
    ]
    # on a busy machine, torch takes longer to import than the 4 s that nbgrader waits for output
    config = "\n".join(
        [
            "c = get_config()",
            f"c.CourseDirectory.root = {str(root)!r}",
            "c.Execute.iopub_timeout = c.Execute.timeout = 600",
        ]
    )
    (root / "nbgrader_config.py").write_text(config)
    (root / "source" / "week1").mkdir(parents=True)
    nbformat.write(source, root / "source" / "week1" / f"{STEM}.ipynb")
    nbgrader(root, "generate_assignment", "week1")
    blank = nbformat.read(root / "release" / "week1" / f"{STEM}.ipynb", as_version=4)
    hand_in(root, "blank", blank)
    hand_in(root, "solved", answered(blank, versions.solution(source, STEM)))
    wrong = answered(blank, versions.solution(source, STEM))
    mine = next(
        c for c in wrong.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "critic_loss"
    )
    mine.source = "def critic_loss(real, fake):\n    return real.mean() - fake.mean()"
    hand_in(root, "wrong", wrong)
    nbgrader(root, "autograde", "week1")
    return root


def answered(blank, solution):
    answers = {
        c.metadata.nbgrader.grade_id: c.source
        for c in solution.cells
        if c.metadata.get("nbgrader", {}).get("solution")
    }
    done = copy.deepcopy(blank)
    for c in done.cells:
        if c.metadata.get("nbgrader", {}).get("solution"):
            c.source = answers[c.metadata.nbgrader.grade_id]
    return done


def hand_in(root: Path, student: str, nb) -> None:
    folder = root / "submitted" / student / "week1"
    folder.mkdir(parents=True)
    nbformat.write(nb, folder / f"{STEM}.ipynb")


def scores(root: Path, student: str) -> dict[str, float]:
    """Points by exercise, from nbgrader's own database."""
    query = """
        select base_cell.name, grade.auto_score from grade
        join base_cell on grade.cell_id = base_cell.id
        join submitted_notebook on grade.notebook_id = submitted_notebook.id
        join submitted_assignment
            on submitted_notebook.assignment_id = submitted_assignment.id
        where submitted_assignment.student_id = ?
    """
    with sqlite3.connect(root / "gradebook.db") as book:
        return {
            f"{TOPIC}.{name.removesuffix('-check')}": score
            for name, score in book.execute(query, (student,))
            if score is not None
        }


def test_the_release_is_our_student_version(course):
    source = nbformat.read(course / "source" / "week1" / f"{STEM}.ipynb", as_version=4)
    release = nbformat.read(course / "release" / "week1" / f"{STEM}.ipynb", as_version=4)
    ours = versions.student(source, STEM)
    assert [(c.cell_type, c.source) for c in release.cells] == [
        (c.cell_type, c.source) for c in ours.cells
    ]
    for theirs, mine in zip(release.cells, ours.cells, strict=True):
        added = {"checksum", "cell_type"}  # nbgrader writes these into its releases
        assert {
            k: v for k, v in theirs.metadata.get("nbgrader", {}).items() if k not in added
        } == dict(mine.metadata.get("nbgrader", {}))
        assert [theirs.metadata.get(k) for k in ("editable", "deletable")] == [
            mine.metadata.get(k) for k in ("editable", "deletable")
        ]


def test_marks_of_nothing_of_all_and_of_one_wrong_answer(course):
    full = {name: float(e.points) for name, e in exercises(TOPIC).items()}
    assert scores(course, "blank") == dict.fromkeys(full, 0.0)
    assert scores(course, "solved") == full
    assert scores(course, "wrong") == full | {"start.critic_loss": 0.0}


def test_our_grader_reads_nbgrader_s_folders_and_agrees(course):
    from gantutor.course.grader import grade

    marks = {g.submission.student: g for g in grade.grade(grade.notebooks([course / "submitted"]))}
    for student in ("blank", "solved", "wrong"):
        assert {
            m.report.exercise.name: float(m.report.points) for m in marks[student].marks
        } == scores(course, student)
    assert json.dumps(marks["wrong"].as_json())
