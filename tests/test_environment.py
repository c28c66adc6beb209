"""pyproject.toml, constraints.txt and environment.yml say the same thing."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import gantutor

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIRED = {
    "torch",
    "torchvision",
    "jupyterlab",
    "ipywidgets",
    "matplotlib",
    "seaborn",
    "papermill",
    "nbval",
}


def name(requirement: Requirement) -> str:
    """The normalised name of a package."""
    return re.sub(r"[-_.]+", "-", requirement.name).lower()


def requirements(lines) -> list[Requirement]:
    return [Requirement(line) for line in lines]


# an extra may include other extras of gantutor, which need no pin
ALL = [
    r
    for r in requirements(PROJECT["dependencies"] + sum(EXTRAS.values(), []))
    if name(r) != "gantutor"
]
PINS = requirements(
    line
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
)


def test_the_extras_and_the_required_packages_are_declared():
    assert set(EXTRAS) == {"test", "lab", "site", "slurm", "parquet", "lmdb", "metrics", "teaching"}
    assert {name(r) for r in ALL} >= REQUIRED
    assert PROJECT["version"] == gantutor.__version__


@pytest.mark.parametrize("requirement", ALL, ids=str)
def test_every_requirement_is_pinned_to_a_version_in_its_range(requirement):
    pins = [p for p in PINS if name(p) == name(requirement)]
    assert pins, (
        f"{requirement} is not in constraints.txt: compile it again, "
        "with the command in pyproject.toml"
    )
    for pin in pins:
        version = str(pin.specifier).removeprefix("==")
        assert requirement.specifier.contains(version, prereleases=True), (
            f"{pin} is outside {requirement}"
        )


def test_constraints_are_exact_versions_without_any_address():
    text = (ROOT / "constraints.txt").read_text()
    assert not re.search(r"://|--|@|index|\.com|\.org", text)
    for pin in PINS:
        assert re.fullmatch(r"==[^*,]+", str(pin.specifier)), pin


def test_conda_provides_python_and_pip_and_the_project_the_rest():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, section = environment["dependencies"]
    assert SpecifierSet(python.removeprefix("python")) == SpecifierSet(PROJECT["requires-python"])
    assert pip == "pip"
    constraints, project = section["pip"]
    assert constraints == "-c constraints.txt"
    extras = Requirement("gantutor" + project.removeprefix("-e .")).extras
    installed = requirements(PROJECT["dependencies"] + sum((EXTRAS[e] for e in extras), []))
    assert {name(r) for r in installed} >= REQUIRED
