"""What the grader reads in a handed-in notebook, and in what a worker sends."""

import json
import textwrap

import nbformat
import numpy as np
import pytest
from handed_in import NAMES, body, notebook

from gantutor.course.exercises import Exercise, find
from gantutor.course.exercises.observe import observe
from gantutor.course.grader import grade, submission
from gantutor.course.grader.messages import decoded, encoded
from gantutor.course.grader.nursery import Ending
from gantutor.course.grader.submission import read, student_of


class TestWhatIsRead:
    def read(self, tmp_path, change=None, name="ada.ipynb"):
        path = tmp_path / name
        nbformat.write(notebook(change), path)
        return read(path)

    def test_only_what_an_exercise_needs_is_run(self, tmp_path):
        def change(nb):
            lesson = [
                "run = train(METHODS, seed=0)",
                "def helper(x):\n    return 2 * SCALE * x",
                "import os, shutil",
                "SCALE = 0.5",
                "critic_loss = 3",
            ]
            nb.cells[1:1] = [nbformat.v4.new_code_cell(s) for s in lesson]
            body("return helper(real).mean()")(nb)

        source = next(
            t for t in self.read(tmp_path, change).tasks if t.exercise.name == "start.critic_loss"
        ).source
        assert (
            source.index("def helper")
            < source.index("SCALE = 0.5")
            < source.index("def critic_loss")
        )
        assert not [w for w in ("train(", "shutil", "pandas") if w in source]

    def test_a_name_that_the_answer_s_own_cell_gives_is_not_sought_before(self, tmp_path):
        nb = nbformat.v4.new_notebook()
        texts = [
            "import torch",
            "for x in [1 / 0]: n = x",
            "k = 2",
            "x = torch.ones(k)\nfor n in x: n = n + 1\ndef critic_loss(real, fake): return x + n",
            'check("start.critic_loss", critic_loss)',
        ]
        nb.cells = [nbformat.v4.new_code_cell(text) for text in texts]
        nb.cells[-2].metadata["nbgrader"] = {"grade_id": "critic_loss"}
        nbformat.write(nb, tmp_path / "a.ipynb")
        task = next(t for t in read(tmp_path / "a.ipynb").tasks if t.source)
        assert task.source == "\n".join([texts[0], texts[2], texts[3]])
        nb.cells[-2].source = "x = x + 1\n" + texts[3]  # now it reads what the lesson defined
        nbformat.write(nb, tmp_path / "a.ipynb")
        assert "1 / 0" in next(t for t in read(tmp_path / "a.ipynb").tasks if t.source).source

    def test_the_contents_say_which_notebook_it_is(self, tmp_path):
        assert self.read(tmp_path, name="homework final (2).ipynb").topic == "start"

        def checks_gone(nb):
            nb.cells = [c for c in nb.cells if not c.source.startswith("check(")]

        left = self.read(tmp_path, checks_gone, name="x.ipynb")
        assert left.topic == "start" and {t.key for t in left.tasks} == {"no check"}

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            '{"cells": 3}',
            '{"cells": [{"cell_type": "code"}]}',
            "[" * 10**5,
            "\x00\xff",
            '{"cells": [3]}',
        ],
    )
    def test_a_damaged_file_of_the_course_gets_no_points_and_another_is_refused(
        self, tmp_path, text
    ):
        (tmp_path / "00_start_here.ipynb").write_text(text)
        (tmp_path / "notes.ipynb").write_text(text)
        mine, unknown = read(tmp_path / "00_start_here.ipynb"), read(tmp_path / "notes.ipynb")
        assert [t.exercise.name for t in mine.tasks] == NAMES and {t.key for t in mine.tasks} == {
            "damaged"
        }
        assert unknown.tasks == () and "notes.ipynb is not a readable notebook" in unknown.problem

    def test_a_notebook_of_nobody_s(self, tmp_path):
        nbformat.write(
            nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")]),
            tmp_path / "other.ipynb",
        )
        assert "none of the course's exercises" in read(tmp_path / "other.ipynb").problem

    @pytest.mark.parametrize(
        ("path", "student"),
        [
            ("00_start_here_ada.ipynb", "ada"),
            ("ada lovelace - 00_start_here (1).ipynb", "ada lovelace"),
            ("ada/00_start_here.ipynb", "ada"),
            ("ada.ipynb", "ada"),
            ("submitted/ada/week1/00_start_here.ipynb", "ada"),
            ("=HYPERLINK(1).ipynb", "HYPERLINK"),
            ("student/00_start_here.ipynb", "00_start_here"),
        ],
    )
    def test_whose_it_is(self, tmp_path, path, student):
        assert student_of(tmp_path / path) == student

    @pytest.mark.parametrize(
        ("source", "found"),
        [
            ("return log_ratio(x)", ("log_ratio",)),
            (
                "from gantutor.methods.kdd import log_ratio as short\nreturn short(x)",
                ("log_ratio",),
            ),
            ("import gantutor.methods.kdd as kdd\nreturn kdd.log_ratio(x)", ("log_ratio",)),
            ("return imported(x)", ("log_ratio",)),
            ("log_ratio = x + 1\nreturn log_ratio", ()),
            ("return own(x)", ()),
            ("return x.logsumexp(0)", ("logsumexp",)),
        ],
    )
    def test_borrowed_names_in_the_text(self, source, found):
        exercise = Exercise(
            "kdd.try",
            "A try",
            1,
            1,
            lambda x: x,
            lambda rng: (rng.randn(2),),
            forbidden=("log_ratio", "logsumexp", "own"),
        )
        cells = [
            {
                "source": "from gantutor.methods.kdd import KDD, log_ratio, log_ratio as imported\n"
                "def own(x): return x"
            },
            {"source": "def f(x):\n" + textwrap.indent(source, "    "), "id": "ex-try-answer"},
            {"source": 'check("kdd.try", f)'},
        ]
        assert submission._task(exercise, [submission._cell(c) for c in cells]).borrowed == found


class TestWhatWorkersSay:
    @pytest.mark.parametrize("name", NAMES)
    def test_what_was_seen_survives_the_message(self, name):
        exercise = find(name)
        seen = observe(exercise, exercise.reference)
        sent = json.loads(json.dumps({k: [encoded(s) for s in v] for k, v in seen.items()}))
        for key, calls in decoded(exercise, sent).items():
            for a, b in zip(calls, seen[key], strict=True):
                assert (a.error, a.kind, a.changed) == (b.error, b.kind, b.changed)
                np.testing.assert_equal(a.value, b.value)
                np.testing.assert_equal(a.grads, b.grads)

    @pytest.mark.parametrize(
        "change",
        [
            lambda m: m["cases"].pop(),
            lambda m: m.update(more=[]),
            lambda m: m["cases"][0].pop("value"),
            lambda m: m["cases"][0]["value"].update({"": 3}),
            lambda m: m["cases"][0]["value"][""].update(shape=[-1]),
            lambda m: m["cases"][0]["value"][""].update(shape=[10**9]),
            lambda m: m.pop("again"),
            lambda m: m["cases"][0]["value"][""].update(numbers=[[1]]),
            lambda m: m["cases"][0].update(error=3),
            lambda m: m["cases"][0].update(changed=["x"]),
            lambda m: m["cases"][0].update(grads={"0": "text"}),
            lambda m: m["cases"][0]["value"][""].update(numbers=["a"]),
        ],
    )
    def test_a_message_of_another_form_is_refused(self, change):
        exercise = find("start.critic_loss")
        message = {
            k: [encoded(s) for s in v] for k, v in observe(exercise, exercise.reference).items()
        }
        change(message)
        task = submission.Task(exercise)
        mark = grade._mark(task, Ending(json.dumps(message).encode()))
        assert mark.report.key == "unreadable" and mark.report.points == 0

    def test_texts_of_a_student_are_shown_on_one_line(self):
        message = {"stopped": "Error", "error": "a\n\x1b[31mb" + "c" * 9999}
        task = submission.Task(find("start.critic_loss"))
        mark = grade._mark(task, Ending(json.dumps(message).encode()))
        hint = mark.row()["hint"]
        assert hint.isprintable() and len(hint) == 400
