"""A room imports only from rooms above it, and third-party packages are declared."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import gantutor

PACKAGE = Path(gantutor.__file__).parent
ROOT = PACKAGE.parent
TABLE = (ROOT / "ARCHITECTURE.md").read_text()
# the rooms in ARCHITECTURE.md's order; a row may name several
ROWS = [
    re.findall(r"`([\w/]+?)(?:\.py|/)`", line.split("|")[1])
    for line in TABLE.splitlines()
    if line.startswith("| `")
]
LEVEL = {room: level for level, row in enumerate(ROWS) for room in row}
FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")
CORE = {room for room, level in LEVEL.items() if level <= LEVEL["plot"]}
OUTSIDE = {
    "pydantic": {"course/config", "course/lessons", "course/records", "reproduce"},
    "yaml": {"course/config"},
    "typer": {"cli"},
    "ipywidgets": {"course/lab"},
    "anywidget": {"course/lab"},
    "papermill": {"reproduce"},
}


def room_of(path: Path) -> str:
    """The room of a file: the longest name in the table that its path begins with."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return room("/".join(parts))


def room(name: str) -> str:
    """The room of a module's name with slashes; the name itself if it is in no room."""
    parts = name.split("/")
    shorter = ["/".join(parts[:i]) for i in range(len(parts), 0, -1)]
    return next((s for s in shorter if s in LEVEL), name)


def imports(code: str, where: Path) -> list[str]:
    """All modules that code imports, at its top or inside functions."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{where} imports relatively: write gantutor in full"
            found += (
                [f"{node.module}.{a.name}" for a in node.names]
                if node.module in ("gantutor", "gantutor.course", "gantutor.reproduce")
                else [node.module]
            )
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_a_room_imports_only_from_rooms_above(path):
    here = room_of(path)
    assert here in LEVEL, f"{here} is not in ARCHITECTURE.md's table: add its line where it belongs"
    for module in imports(path.read_text(), path):
        top, _, rest = module.partition(".")
        if top != "gantutor":
            assert here in OUTSIDE.get(top, {here}), (
                f"{here} imports {top}, which belongs to {OUTSIDE[top]}"
            )
            continue
        there = room(rest.replace(".", "/"))
        if there in LEVEL and there != here:
            assert LEVEL[there] <= LEVEL[here], f"{here} imports {there}, which is below it"


# -- third-party packages -------------------------------------------------------------------------
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCES = {
    folder: sorted(p for end in ("py", "ipynb") for p in (ROOT / folder).rglob(f"*.{end}"))
    for folder in ("gantutor", "notebooks", "tests", "benchmarks")
}
OWN = {"gantutor", *(p.stem for p in SOURCES["tests"] + SOURCES["benchmarks"])}


def normal(name: str) -> str:
    """The normalised name of a distribution."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*extras: str) -> set[str]:
    """The distributions that pyproject.toml names in the dependencies and in these extras."""
    optional = PROJECT["optional-dependencies"]
    lists = [PROJECT["dependencies"], *(optional[extra] for extra in extras)]
    requirements = [Requirement(line) for lines in lists for line in lines]
    more = {extra for r in requirements if normal(r.name) == "gantutor" for extra in r.extras}
    more -= set(extras)
    return {normal(r.name) for r in requirements} | (declared(*more) if more else set())


def code_of(path: Path) -> str:
    """The code of a Python file, or of a notebook's code cells without magics."""
    if path.suffix == ".py":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    lines = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    return "\n".join(x for x in "\n".join(lines).split("\n") if not x.startswith(("%", "!")))


def undeclared(folder: str, known: set[str]) -> dict[str, set[str]]:
    """The third-party modules that a folder imports without a declaration, and where."""
    owners = metadata.packages_distributions()
    found: dict[str, set[str]] = {}
    for path in SOURCES[folder]:
        for module in {name.split(".")[0] for name in imports(code_of(path), path)}:
            if module in OWN or module in sys.stdlib_module_names:
                continue
            # a module that is not installed here usually has the name of its distribution
            if known.isdisjoint(map(normal, owners.get(module, [module]))):
                found.setdefault(module, set()).add(path.relative_to(ROOT).as_posix())
    return found


def test_the_package_and_the_notebooks_import_only_declared_packages():
    """The package may also import, where it is needed, what an extra installs."""
    extras = set(PROJECT["optional-dependencies"]) - {"test"}
    assert undeclared("gantutor", declared(*extras)) == {}
    assert undeclared("notebooks", declared()) == {}


def test_tests_and_benchmarks_import_only_declared_packages():
    """Tests that need the extras `metrics` or `teaching` are skipped without them."""
    known = declared("test", "metrics", "teaching")
    assert undeclared("tests", known) == {}
    assert undeclared("benchmarks", known) == {}


@pytest.mark.parametrize("folder", SOURCES)
def test_every_name_that_is_imported_from_the_package_exists(folder):
    """Benchmarks and scripts that no other test runs included."""
    wrong = []
    for path in SOURCES[folder]:
        for node in ast.walk(ast.parse(code_of(path))):
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "gantutor":
                module = importlib.import_module(node.module)
                for name in (a.name for a in node.names):
                    if not hasattr(module, name) and not importlib.util.find_spec(
                        f"{node.module}.{name}"
                    ):
                        wrong.append(f"{path.relative_to(ROOT)}: {node.module}.{name}")
    assert wrong == []


# -- what an import loads -------------------------------------------------------------------------
def python(code: str) -> str:
    """What a Python process of its own prints."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_importing_the_package_loads_nothing():
    heavy = [
        "torch",
        "torchvision",
        "numpy",
        "matplotlib",
        "pandas",
        "seaborn",
        "sklearn",
        "scipy",
        "pydantic",
        "typer",
        "IPython",
    ]
    code = f"""
import sys
before = set(sys.modules)
import gantutor
print((set(sys.modules) - before) & set({heavy!r}))
"""
    assert python(code) == "set()\n"


def closure(*names: str) -> set[str]:
    """Top-level modules of distributions and of all that they depend on, without extras."""
    wanted, done = list(names), set()
    while wanted:
        name = normal(wanted.pop())
        if name in done:
            continue
        done.add(name)
        try:
            needs = metadata.distribution(name).requires or []
        except metadata.PackageNotFoundError:
            continue  # for another platform or Python
        wanted += [re.match(r"[\w.-]+", need)[0] for need in needs if "extra ==" not in need]
    return {
        module
        for module, owners in metadata.packages_distributions().items()
        if any(normal(owner) in done for owner in owners)
    }


def test_the_core_imports_in_a_bare_environment():
    """As if only torch, torchvision, numpy, matplotlib and their dependencies were installed."""
    modules = [
        ".".join(p.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for p in FILES
        if room_of(p) in CORE
    ]
    blocked = (
        set(metadata.packages_distributions())
        - closure("torch", "torchvision", "numpy", "matplotlib")
        - {"gantutor"}
    )
    assert {
        "pandas",
        "seaborn",
        "sklearn",
        "scipy",
        "pydantic",
        "typer",
        "IPython",
        "papermill",
        "yaml",
    } <= blocked
    code = f"""
import importlib, sys
class Bare:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {sorted(blocked)!r}:
            raise ModuleNotFoundError("the core must do without " + name, name=name)
sys.meta_path.insert(0, Bare())
for module in {modules!r}:
    importlib.import_module(module)
assert "torchvision" not in sys.modules, "torchvision is imported only where images are read"
"""
    python(code)


def test_the_names_of_the_package_are_loaded_when_asked_for():
    assert gantutor.Recipe is gantutor.recipes.Recipe and "toy" in dir(gantutor)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        gantutor.nonsense


def test_training_sampling_and_checkpoints_do_not_load_torch_s_compiler(tmp_path):
    """It would take two seconds of every process that trains."""
    code = f"""
import os, sys
os.environ["GANTUTOR_CACHE"] = {str(tmp_path)!r}
from gantutor import TOY, Run, toy
from gantutor.images import open_images
from gantutor.metrics.images import small_cnn
from gantutor.recipes import METHODS, RmsProp, Sgd
for recipe in (*METHODS.values(), TOY.but(g_opt=Sgd(), d_opt=RmsProp())):
    run = Run(recipe, toy.nine(), 0)
    list(run.steps(2))
    run.save({str(tmp_path / "run.pt")!r})
    run.load({str(tmp_path / "run.pt")!r})
    list(run.steps(4))
    run.sample(10)
small_cnn(open_images("digits"), steps=2)
print("torch._dynamo" in sys.modules)
"""
    assert python(code).strip() == "False"
