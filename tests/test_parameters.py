"""No cell after the parameters cell binds a parameter's name again at its top level.

Setup cells read their notebook's global names. Where a later cell had bound one of them, running
the setup cell again would train with that value, and put it into the record.
"""

import json
from pathlib import Path

import pytest

from gantutor.course.bindings import bindings, rebound
from gantutor.course.config import BadParameters
from gantutor.course.lessons import KddConfig

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
FILES = sorted(NOTEBOOKS.glob("*.ipynb")) + sorted(NOTEBOOKS.glob("student/*.ipynb"))
PARAMETERS = "profile = 'class'\nseed = 0\nsigma = 1.0\ntau = 2 * 0.5"
LOOP = "for tau in (0.1, 1, 5):\n    print(tau)"


def cells(path: Path) -> list[dict]:
    """The code cells of a notebook."""
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [c for c in found if c["cell_type"] == "code"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(NOTEBOOKS).as_posix())
def test_no_later_cell_binds_a_parameter_again(path):
    code = cells(path)
    tagged = [i for i, c in enumerate(code) if "parameters" in c["metadata"].get("tags", [])]
    assert len(tagged) == 1
    parameters = {b.name for b in bindings("".join(code[tagged[0]]["source"]))}
    again = [
        f"cell {c['id']}: `{b.text}` binds {b.name!r}, a parameter of this notebook"
        for c in code[tagged[0] + 1 :]
        for b in bindings("".join(c["source"]))
        if b.name in parameters
    ]
    assert {"profile", "seed"} < parameters and not again, "\n".join(again)


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("tau = 1", ["tau"]),
        ("a = b = tau = 1", ["a", "b", "tau"]),
        ("tau: float = 1", ["tau"]),
        ("tau += 1", ["tau"]),
        ("a, (b, *tau) = x", ["a", "b", "tau"]),
        ("for tau in x: pass", ["tau"]),
        ("for i, tau in enumerate(x): pass", ["i", "tau"]),
        ("with open(x) as tau: pass", ["tau"]),
        ("with open(x) as (tau, sigma): pass", ["tau", "sigma"]),
        ("import tau", ["tau"]),
        ("import tau.sigma", ["tau"]),
        ("from x import y as tau", ["tau"]),
        ("def tau(): pass", ["tau"]),
        ("async def tau(): pass", ["tau"]),
        ("class tau: pass", ["tau"]),
        ("print(tau := 1)", ["tau"]),
        ("del tau", ["tau"]),
        ("if x:\n    tau = 1\nelse:\n    sigma = 2", ["tau", "sigma"]),
        ("while x:\n    for tau in y: pass", ["tau"]),
        ("try:\n    x\nexcept ValueError as tau:\n    y", ["tau"]),
        ("match x:\n    case {'a': tau, **sigma}: pass", ["sigma", "tau"]),
        ("match x:\n    case [tau, *sigma]: pass", ["tau", "sigma"]),
        ("[tau := y for y in x]", ["tau"]),
        ("[y for y in (tau := x)]", ["tau"]),
        ("def f(a=(tau := 1)): pass", ["f", "tau"]),
        ("@(tau := x)\ndef f(): pass", ["f", "tau"]),
        ("def f():\n    global tau\n    tau = 1", ["f", "tau"]),
    ],
)
def test_what_binds_a_name(code, names):
    assert [b.name for b in bindings(code)] == names


@pytest.mark.parametrize(
    "code",
    [
        "print(tau, sigma)",
        "tau.sigma = 1",
        "tau['sigma'] = 1",
        "f(tau=1)",
        "[tau for tau in x]",
        "{tau: sigma for tau, sigma in x if tau}",
        "sum(tau for sigma in x for tau in sigma)",
        "lambda tau: tau + 1",
        "lambda: (tau := 1)",
    ],
)
def test_what_binds_none(code):
    assert list(bindings(code)) == []


@pytest.mark.parametrize(
    "code",
    [
        "def f(tau):\n    for sigma in tau:\n        tau = sigma",
        "class f:\n    tau = 1\n    def sigma(self): pass",
        "def f():\n    return [tau := 1]",
    ],
)
def test_what_functions_and_classes_bind_inside_stays_there(code):
    assert [b.name for b in bindings(code)] == ["f"]


@pytest.mark.parametrize(
    ("later", "taken"),
    [
        ([], {}),
        ([LOOP], {"tau": "for tau in (0.1, 1, 5):"}),
        (["if x:\n    " + LOOP.replace("\n", "\n    ")], {"tau": "for tau in (0.1, 1, 5):"}),
        (["tau = sigma / 2"], {"tau": "tau = sigma / 2"}),
        (["tau = 3.0"], {}),  # a value that somebody chose
        (["def f():\n    tau = 5"], {}),
        ([LOOP, PARAMETERS], {}),  # the parameters cell ran again
        ([LOOP, "tau ="], {"tau": "for tau in (0.1, 1, 5):"}),  # the last one never ran
        ([LOOP, "# Parameters\ntau = 0.2"], {}),  # as papermill injects them
    ],
)
def test_a_parameter_that_lost_its_value_is_told_with_the_statement(later, taken):
    assert rebound([PARAMETERS, *later], ["sigma", "tau"]) == taken


def test_a_setup_cell_that_runs_again_refuses_a_loops_last_value():
    setup = "cfg = KddConfig.read(globals())\nseed = cfg.seed + 1"
    names = {"profile": "smoke", "sigma": 1.0, "tau": 5}

    def read(*ran: str) -> KddConfig:
        return KddConfig.read({**names, "In": ["", *ran, setup]})

    with pytest.raises(
        BadParameters, match=r"^tau=5 is left over from `for tau in \(0.1, 1, 5\):`, .* run the"
    ):
        read(PARAMETERS, LOOP)
    assert read(PARAMETERS, LOOP, PARAMETERS).tau == 5
    assert KddConfig.read(names).tau == 5, "outside a notebook nobody keeps what ran"
