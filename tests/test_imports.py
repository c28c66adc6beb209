"""A room imports only from rooms above it; the core needs four packages alone; importing the package costs nothing."""

import ast
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import gantutor

PACKAGE = Path(gantutor.__file__).parent
TABLE = (PACKAGE.parent / "ARCHITECTURE.md").read_text()
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
    """The room of a module's name with slashes; the name itself where the table has none."""
    parts = name.split("/")
    shorter = ["/".join(parts[:i]) for i in range(len(parts), 0, -1)]
    return next((s for s in shorter if s in LEVEL), name)


def imports(path: Path) -> list[str]:
    """All modules that a file imports, at its top or inside its functions."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively: write gantutor in full"
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
    for module in imports(path):
        top, _, rest = module.partition(".")
        if top != "gantutor":
            assert here in OUTSIDE.get(top, {here}), (
                f"{here} imports {top}, which belongs to {OUTSIDE[top]}"
            )
            continue
        there = room(rest.replace(".", "/"))
        if there in LEVEL and there != here:
            assert LEVEL[there] <= LEVEL[here], f"{here} imports {there}, which stands below it"


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


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
    code = f"import sys; before = set(sys.modules); import gantutor; print((set(sys.modules) - before) & set({heavy!r}))"
    assert python(code) == "set()\n"


def closure(*names: str) -> set[str]:
    """Top-level modules of distributions and of all that they require, without extras."""
    wanted, done = list(names), set()
    while wanted:
        name = re.sub(r"[-_.]+", "-", wanted.pop()).lower()
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
        if any(re.sub(r"[-_.]+", "-", o).lower() in done for o in owners)
    }


def test_the_core_imports_in_a_bare_environment():
    """As if nothing were installed but torch, torchvision, numpy, matplotlib and what these require."""
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
        gantutor.nonsense  # noqa: B018
