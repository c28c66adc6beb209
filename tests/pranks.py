"""Accidents and pranks in a handed-in notebook, and what must cost no points."""

import json

import nbformat
import numpy as np
from handed_in import before, body, cell, without

from gantutor.course.exercises.observe import Observation
from gantutor.course.grader.messages import encoded

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
            encoded(
                Observation({"": np.array(0.5)}, {0: np.zeros(3), 1: np.zeros(3)}, kind="Tensor")
            )
        ]
        * 5,
        "again": [],
        "at zero": [],
    }
)


RIGHT = (
    "return torch.nn.functional.softplus(-real).mean() + torch.nn.functional.softplus(fake).mean()"
)


# changes to the cell of start.critic_loss, each with the key (or the possible keys) of its mark,
# and with words that its sentence or hint must contain
ENDINGS = {
    "loop": (body("while True: pass"), "time", "12 s"),
    "loop in the cell": (before("while True: pass"), "time", "loop"),
    "sys.exit": (before("import sys; sys.exit()"), "raises", "SystemExit"),
    "exit in the function": (body("raise SystemExit"), "raises", "SystemExit"),
    "os._exit": (body("import os; os._exit(0)"), "ended", "exit or crash"),
    "interrupt": (body("raise KeyboardInterrupt"), "ended", "exit or crash"),
    "crash": (body("import ctypes; ctypes.string_at(0)"), "ended", "crash"),
    "kills its parent": (
        body("import os, signal; os.kill(os.getppid(), signal.SIGKILL); return real.mean()"),
        ("ended", "differs"),
        "",
    ),
    "checks patched": (
        body(
            """
            import gantutor.course.exercises as c
            c.judge = c.check = c.find = lambda *a: True
            return real.mean()
            """
        ),
        "differs",
        "",
    ),
    "judge patched": (
        body(
            """
            import sys
            for m in list(sys.modules.values()):
                if hasattr(m, 'SEEDS'): m.SEEDS = ()
            return real.mean()
            """
        ),
        "differs",
        "",
    ),
    "torch patched": (
        body(
            """
            torch.equal = torch.allclose = lambda *a, **k: True
            torch.Tensor.mean = torch.Tensor.sum
            return real.mean()
            """
        ),
        "differs",
        "",
    ),
    "json patched": (
        body(
            """
            import json
            json.dumps = json.JSONEncoder.encode = lambda *a, **k: '{"right": true}'
            return real.mean()
            """
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
            """
            import os, time
            for i in range(40):
                if os.fork() == 0: os.setsid(); time.sleep(600)
            time.sleep(600)
            """
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
        before("from gantutor.course.exercises.start.critic_loss import _critic_loss"),
        "raises",
        "no references",
    ),
    "reference in memory": (
        before(
            """
            import gc
            functions = (f for f in gc.get_objects() if isinstance(f, type(lambda: 0)))
            next(f for f in functions if f.__name__ == '_critic_loss')
            """
        ),
        "raises",
        "StopIteration",
    ),
    "asks the keyboard": (body("input()"), "raises", "EOFError"),
    "syntax error": (before("def ("), "syntax", "line 1"),
    "deep text": (before("x = " + "(" * 10**5), "syntax", "parentheses"),
    "long text": (before("x = 1" + " + 1" * 10**5), "syntax", "cannot be read"),
    "contains itself": (body("x = []; x.append(x); return x"), "kind", "`list`"),
    "no check cell": (without("ex-critic-loss-check"), "no check", "fresh copy"),
    "no answer cell": (without("ex-critic-loss-answer"), "no answer", "fresh copy"),
    "open": (body("# YOUR CODE HERE\nraise NotImplementedError()"), "open", "still open"),
    "wrong": (body("return -(" + RIGHT.removeprefix("return ") + ")"), "sign", "wrong sign"),
}


def own_helper(nb):
    """A softplus of the student's own, in a cell of its own."""
    helper = "WEIGHT = 1.0\ndef softplus(x): return WEIGHT * torch.nn.functional.softplus(x)"
    nb.cells.insert(1, nbformat.v4.new_code_cell(helper))
    body("return softplus(-real).mean() + softplus(fake).mean()")(nb)


def another_name(nb):
    """The check is given a lambda that calls the answer."""
    check = cell(nb, "ex-critic-loss-check")
    check.source = 'check("start.critic_loss", lambda a, b: critic_loss(a, b))'


def without_metadata(nb):
    """All ids and metadata are lost, as when cells are copied one by one."""
    for i, c in enumerate(nb.cells):
        c.metadata.clear()
        c["id"] = f"c{i}"


def broken_neighbour(nb):
    """A cell that no exercise needs never ends."""
    nb.cells.insert(1, nbformat.v4.new_code_cell("import sys\nwhile True: pass\nsys.exit()"))


# what must not cost a point
HARMLESS = {
    "as it is": None,
    "talkative": body("import os\nprint('x' * 10**6)\nos.write(1, b'{}')\n" + RIGHT),
    "a thread stays behind": body(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n" + RIGHT
    ),
    "magics": before("%matplotlib inline\n!pip list"),
    "a helper of its own": own_helper,
    "another name": another_name,
    "ids and metadata lost": without_metadata,
    "another cell fails": broken_neighbour,
}
