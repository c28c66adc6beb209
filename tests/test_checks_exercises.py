"""Every exercise of the course: the reference passes, and each of six or more mistakes gets a hint.

The wrong answers are in tests/wrong/<topic>.py, written as students write them:
WRONG = {exercise: [(key of the hint, answer), ...]}.
"""

import ast
import contextlib
import re
from importlib import util
from pathlib import Path

import nbformat
import pytest

from gantutor.course.exercises import TOPICS, NotYet, check, exercises, find
from gantutor.course.exercises.judge import judge
from gantutor.course.exercises.symptoms import BUILTIN
from gantutor.course.versions import solved, stub

ROOT = Path(__file__).parent.parent
ALL = {name: e for topic in TOPICS.values() for name, e in exercises(topic).items()}
NUMBERS = {
    stem: topic for stem, topic in TOPICS.items() if (ROOT / "notebooks" / f"{stem}.ipynb").exists()
}


def wrong(topic: str) -> dict[str, list[tuple[str, object]]]:
    path = ROOT / "tests" / "wrong" / f"{topic}.py"
    spec = util.spec_from_file_location(f"wrong_{topic}", path)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WRONG


def cells(stem: str) -> list:
    return nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4).cells


def answers(stem: str, change) -> dict[str, object]:
    """The checked answers when only imports, definitions and exercise cells run.

    That is what a grader runs.
    """
    space, found = {}, {}
    for c in cells(stem):
        if c.cell_type != "code":
            continue
        grading = c.metadata.get("nbgrader", {})
        call = re.fullmatch(r'check\("([\w.]+)", (\w+)\)', c.source.strip())
        if call:
            found[call[1]] = space.get(call[2], ...)
        elif grading.get("solution"):
            with contextlib.suppress(NotImplementedError):  # the stub of a value
                exec(change(c.source), space)
        else:
            for node in ast.parse(c.source).body:
                if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
                    # a grader does not have the lesson's values, as in `def f(sigma=cfg.sigma)`
                    with contextlib.suppress(NameError):
                        exec(ast.unparse(node), space)
    return found


@pytest.mark.parametrize("name", ALL)
class TestExercise:
    def test_the_reference_passes_and_no_twin_does(self, name):
        exercise = ALL[name]
        assert judge(exercise, exercise.reference).right
        keys = [s.key for s in exercise.symptoms]
        assert len(keys) == len(set(keys)) and not set(keys) & set(BUILTIN)
        for s in exercise.symptoms:
            if exercise.is_function:
                report = judge(exercise, s.twin)
                assert not report.right and report.key == s.key, (
                    f"{s.key} is taken for {report.key or 'right'}"
                )

    def test_each_wrong_answer_gets_its_own_hint(self, name):
        exercise, given = ALL[name], wrong(name.split(".")[0])[name]
        for key, answer in given:
            report = judge(exercise, answer)
            assert not report.right and report.key == key, (
                f"expected {key!r}, got {report.key!r}: {report.hint}"
            )
            assert len(report.hint.split()) >= 5
        assert len({key for key, _ in given}) >= 6 and "open" not in {key for key, _ in given}
        assert {s.key for s in exercise.symptoms} <= {key for key, _ in given}, (
            "each symptom has a wrong answer of its own"
        )

    def test_check_raises_where_wrong_and_draws(self, name):
        exercise = ALL[name]
        for key, answer in wrong(name.split(".")[0])[name][:2]:
            with pytest.raises(NotYet) as caught:
                check(name, answer)
            assert caught.value.report.key == key
        assert repr(check(name, exercise.reference)).startswith("✓")


@pytest.mark.parametrize("stem", NUMBERS)
class TestInTheNotebook:
    def test_two_to_five_exercises_stand_as_three_cells_each(self, stem):
        known = exercises(NUMBERS[stem])
        all_cells = cells(stem)
        checks = [
            (i, c)
            for i, c in enumerate(all_cells)
            if c.cell_type == "code" and c.source.startswith('check("')
        ]
        names = [re.match(r'check\("([\w.]+)"', c.source)[1] for _, c in checks]
        assert names == list(known) and 2 <= len(names) <= 5
        for n, (i, c) in enumerate(checks, 1):
            words, answer, exercise = all_cells[i - 2], all_cells[i - 1], known[names[n - 1]]
            what = exercise.name.split(".")[1]
            assert (
                words.source.startswith(f"### Exercise {n} · ")
                and exercise.title in words.source.splitlines()[0]
            )
            dots = "●" * exercise.points + "○" * (5 - exercise.points)
            assert f"**Difficulty** {dots} · **about {exercise.minutes} minutes**" in words.source
            slug = what.replace("_", "-")
            assert (words.id, answer.id, c.id) == (
                f"ex-{slug}",
                f"ex-{slug}-answer",
                f"ex-{slug}-check",
            )
            common = {"schema_version": 3, "task": False}
            assert answer.metadata.nbgrader == common | {
                "grade": False,
                "grade_id": what,
                "locked": False,
                "solution": True,
            }
            assert c.metadata.nbgrader == common | {
                "grade": True,
                "grade_id": f"{what}-check",
                "locked": True,
                "points": exercise.points,
                "solution": False,
            }
            assert (
                answer.source.count("### BEGIN SOLUTION")
                == answer.source.count("### END SOLUTION")
                == 1
            )

    def test_the_solutions_pass_and_the_stubs_say_that_they_are_open(self, stem):
        known = exercises(NUMBERS[stem])
        solutions, stubs = answers(stem, solved), answers(stem, stub)
        assert set(solutions) == set(stubs) == set(known)
        for name, answer in solutions.items():
            assert judge(find(name), answer).right, name
        for name, answer in stubs.items():
            assert judge(find(name), answer).key == "open", name
