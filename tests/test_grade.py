"""The grader: what a course hands in, and what pranks and accidents do, ends in a mark and a sentence; the other exercises are graded all the same."""

import csv
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import numpy as np
import psutil
import pytest
from typer.testing import CliRunner

from gantutor.cli import app
from gantutor.course.exercises import exercises, find
from gantutor.course.exercises.judge import Exercise, Seen, observe
from gantutor.course.grader import grade, submission
from gantutor.course.grader.submission import read, student_of
from gantutor.course.grader.worker import encoded

ROOT = Path(__file__).parent.parent
LIMITS = grade.Limits(seconds=12, memory=1.0)
NAMES = ["start.cannot_tell", "start.critic_loss", "start.arrows", "start.near_a_cloud"]


def notebook(change=None, stem: str = "00_start_here") -> nbformat.NotebookNode:
    """The course's notebook with solutions, its import cell and exercise cells alone; `change` rewrites its cells in place."""
    nb = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4)
    code = [c for c in nb.cells if c.cell_type == "code"]
    nb.cells = [
        code[0] if "import" in code[0].source else code[1],
        *(c for c in code if "nbgrader" in c.metadata),
    ]
    if change:
        change(nb)
    return nb


def cell(nb, id: str):
    return next(c for c in nb.cells if c.id == id)


def body(lines: str):
    """critic_loss with these lines for its body."""

    def change(nb):
        cell(nb, "ex-critic-loss-answer").source = (
            "def critic_loss(real, fake):\n"
            + textwrap.indent(textwrap.dedent(lines).strip(), "    ")
        )

    return change


def before(lines: str):
    """These lines above the right critic_loss, in its cell."""

    def change(nb):
        mine = cell(nb, "ex-critic-loss-answer")
        mine.source = f"{textwrap.dedent(lines).strip()}\n{mine.source}"

    return change


def without(id: str):
    def change(nb):
        nb.cells = [c for c in nb.cells if c.id != id]

    return change


TO_EVERY_FILE = """
import os
for fd in range(3, 200):
    try:
        os.write(fd, {text!r})
    except OSError:
        pass
"""
FORGED = json.dumps(
    {
        "cases": [
            encoded(Seen({"": np.array(0.5)}, {0: np.zeros(3), 1: np.zeros(3)}, kind="Tensor"))
        ]
        * 5,
        "again": [],
        "at zero": [],
    }
)
RIGHT = (
    "return torch.nn.functional.softplus(-real).mean() + torch.nn.functional.softplus(fake).mean()"
)
# what happens in the cell of start.critic_loss: the key of the mark, and words that its sentence or hint holds
ENDINGS = {
    "loop": (body("while True: pass"), "time", "12 s"),
    "loop in the cell": (before("while True: pass"), "time", "loop"),
    "sys.exit": (before("import sys; sys.exit()"), "raises", "SystemExit"),
    "exit in the function": (body("raise SystemExit"), "raises", "SystemExit"),
    "os._exit": (body("import os; os._exit(0)"), "ended", "leave Python"),
    "interrupt": (body("raise KeyboardInterrupt"), "ended", "leave Python"),
    "crash": (body("import ctypes; ctypes.string_at(0)"), "ended", "crash"),
    "kills its parent": (
        body("import os, signal; os.kill(os.getppid(), signal.SIGKILL); return real.mean()"),
        ("ended", "differs"),
        "",
    ),
    "checks patched": (
        body(
            "import gantutor.course.exercises as c\nc.judge = c.check = c.find = lambda *a: True\nreturn real.mean()"
        ),
        "differs",
        "",
    ),
    "judge patched": (
        body(
            "import sys\nfor m in list(sys.modules.values()):\n    if hasattr(m, 'SEEDS'): m.SEEDS = ()\nreturn real.mean()"
        ),
        "differs",
        "",
    ),
    "torch patched": (
        body(
            "torch.equal = torch.allclose = lambda *a, **k: True\ntorch.Tensor.mean = torch.Tensor.sum\nreturn real.mean()"
        ),
        "differs",
        "",
    ),
    "json patched": (
        body(
            "import json\njson.dumps = json.JSONEncoder.encode = lambda *a, **k: '{\"right\": true}'\nreturn real.mean()"
        ),
        ("differs", "unreadable"),
        "",
    ),
    "giant tensor": (body("return torch.zeros(10**12)"), "raises", "RuntimeError"),
    "giant list": (body("return [0.0] * 2**30"), "raises", "MemoryError"),
    "giant view": (
        body("return torch.zeros((), dtype=torch.float64).expand(10**12)"),
        "kind",
        "1000000000000 numbers",
    ),
    "giant answer": (body("return [torch.rand(2**18).double()] * 3"), "kind", "numbers, more than"),
    "flood": (before(TO_EVERY_FILE.replace("{text!r}", "b'x' * 2**25")), "too much", "16 MiB"),
    "giant file": (body("open('big', 'wb').write(bytes(2**28))"), "raises", "OSError"),
    "forks": (
        body(
            "import os, time\nfor i in range(40):\n    if os.fork() == 0: os.setsid(); time.sleep(600)\ntime.sleep(600)"
        ),
        "processes",
        "more than 7",
    ),
    "junk in every file": (
        before(TO_EVERY_FILE.format(text=b"junk\n")),
        "unreadable",
        "not an answer",
    ),
    "half a message": (
        before(TO_EVERY_FILE.format(text=b'{"cases": [') + "\nimport time; time.sleep(600)"),
        "time",
        "12 s",
    ),
    "forged mark": (
        before(
            TO_EVERY_FILE.format(text=b'{"right": true, "points": 2, "cases": [], "again": []}\n')
        ),
        "unreadable",
        "",
    ),
    "forged numbers": (before(TO_EVERY_FILE.format(text=FORGED.encode() + b"\n")), "differs", ""),
    "deep message": (before(TO_EVERY_FILE.format(text=b"[" * 10**6 + b"\n")), "unreadable", ""),
    "reference asked for": (before("from gantutor.course.exercises import find"), "raises", "find"),
    "reference imported": (
        before("from gantutor.course.exercises.start import _critic_loss"),
        "raises",
        "no references",
    ),
    "reference in memory": (
        before(
            "import gc\nnext(f for f in gc.get_objects() if isinstance(f, type(lambda: 0)) and f.__name__ == '_critic_loss')"
        ),
        "raises",
        "StopIteration",
    ),
    "asks the keyboard": (body("input()"), "raises", "EOFError"),
    "syntax error": (before("def ("), "syntax", "line 1"),
    "deep text": (before("x = " + "(" * 10**5), "syntax", "parentheses"),
    "long text": (before("x = 1" + " + 1" * 10**5), "syntax", "cannot be read"),
    "contains itself": (body("x = []; x.append(x); return x"), "kind", "`list`"),
    "no check cell": (without("ex-critic-loss-check"), "no check", "take the notebook anew"),
    "no answer cell": (without("ex-critic-loss-answer"), "no answer", "take the notebook anew"),
    "open": (body("# YOUR CODE HERE\nraise NotImplementedError()"), "open", "still open"),
    "wrong": (body("return -(" + RIGHT.removeprefix("return ") + ")"), "sign", "wrong sign"),
}
# what must not cost a point
HARMLESS = {
    "as it is": None,
    "talkative": body("import os\nprint('x' * 10**6)\nos.write(1, b'{}')\n" + RIGHT),
    "a thread stays behind": body(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n" + RIGHT
    ),
    "magics": before("%matplotlib inline\n!pip list"),
    "a helper of its own": lambda nb: (
        nb.cells.insert(
            1,
            nbformat.v4.new_code_cell(
                "WEIGHT = 1.0\ndef softplus(x): return WEIGHT * torch.nn.functional.softplus(x)"
            ),
        ),
        body("return softplus(-real).mean() + softplus(fake).mean()")(nb),
    ),
    "another name": lambda nb: (
        before("")(nb),
        setattr(
            cell(nb, "ex-critic-loss-check"),
            "source",
            'check("start.critic_loss", lambda a, b: critic_loss(a, b))',
        ),
    ),
    "ids and metadata lost": lambda nb: [
        (c.metadata.clear(), c.__setitem__("id", f"c{i}")) for i, c in enumerate(nb.cells)
    ],
    "another cell fails": lambda nb: nb.cells.insert(
        1, nbformat.v4.new_code_cell("import sys\nwhile True: pass\nsys.exit()")
    ),
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory) -> dict[str, grade.Graded]:
    """All of them, graded in one go as a teacher does."""
    folder = tmp_path_factory.mktemp("handed_in")
    changes, paths = {**{k: v[0] for k, v in ENDINGS.items()}, **HARMLESS}, {}
    for i, (name, change) in enumerate(changes.items()):
        paths[name], nb = folder / f"student{i:02d}.ipynb", notebook(change)
        if name in ENDINGS:  # one neighbour is enough
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
        nb.cells[-2].source = "x = x + 1\n" + texts[3]  # here it reads what the lesson gave
        nbformat.write(nb, tmp_path / "a.ipynb")
        assert "1 / 0" in next(t for t in read(tmp_path / "a.ipynb").tasks if t.source).source

    def test_the_contents_say_which_notebook_it_is(self, tmp_path):
        assert self.read(tmp_path, name="homework final (2).ipynb").topic == "start"
        checks_gone = lambda nb: nb.cells.__setitem__(
            slice(None), [c for c in nb.cells if not c.source.startswith("check(")]
        )  # noqa: E731
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
        assert unknown.tasks == () and "notes.ipynb is no intact notebook" in unknown.problem

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
                "source": "from gantutor.methods.kdd import KDD, log_ratio, log_ratio as imported\ndef own(x): return x"
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
        for key, calls in grade.decoded(exercise, sent).items():
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
        mark = grade._mark(task, json.dumps(message).encode(), "", "", 0.0)
        assert mark.report.key == "unreadable" and mark.report.points == 0

    def test_texts_of_a_student_are_shown_on_one_line(self):
        mark = grade._mark(
            submission.Task(find("start.critic_loss")),
            json.dumps({"stopped": "Error", "error": "a\n\x1b[31mb" + "c" * 9999}).encode(),
            "",
            "",
            0,
        )
        hint = mark.row()["hint"]
        assert hint.isprintable() and len(hint) == 400


class TestCommand:
    def run(self, *arguments):
        return CliRunner().invoke(app, ["check", *map(str, arguments)])

    def test_marks_of_a_folder_as_table_as_json_and_as_csv(self, tmp_path):
        stub = lambda nb: [
            c.__setitem__(
                "source",
                re.sub(
                    r"( *)### BEGIN.*### END SOLUTION",
                    r"\1raise NotImplementedError()",
                    c.source,
                    flags=re.S,
                ),
            )  # noqa: E731
            for c in nb.cells
        ]
        for student, change in {"ada": None, "bob": stub}.items():
            (tmp_path / student).mkdir()
            nbformat.write(notebook(change), tmp_path / student / "00_start_here.ipynb")
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "gantutor.cli",
                "check",
                str(tmp_path),
                "--json",
                "--out",
                str(tmp_path / "marks.csv"),
            ],
            capture_output=True,
            text=True,
        )
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
            ((tmp_path / "empty",), "holds no .ipynb"),
            ((tmp_path / "notes.ipynb",), "no intact notebook"),
            ((tmp_path / "notes.ipynb", "--seconds", 0), "--seconds 0"),
            ((tmp_path / "notes.ipynb", "--out", "marks.xls"), "ends in .csv"),
            ((tmp_path / "notes.ipynb", "--out", "/proc/nowhere/marks.csv"), "cannot be written"),
        ]:
            done = self.run(*arguments)
            assert (
                done.exit_code == 2 and words in done.output and "Traceback" not in done.output
            ), done.output
