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
WISHED = {
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
    return re.sub(r"[-_.]+", "-", requirement.name).lower()


def requirements(lines) -> list[Requirement]:
    return [Requirement(line) for line in lines]


ALL = [
    r
    for r in requirements(PROJECT["dependencies"] + sum(EXTRAS.values(), []))
    if name(r) != "gantutor"
]  # an extra may name others
PINS = requirements(
    line
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
)


def test_the_extras_and_the_wished_packages_are_there():
    assert set(EXTRAS) == {"test", "lab", "site", "slurm", "parquet", "metrics", "teaching"}
    assert {name(r) for r in ALL} >= WISHED
    assert PROJECT["version"] == gantutor.__version__


@pytest.mark.parametrize("requirement", ALL, ids=str)
def test_every_requirement_is_pinned_to_a_version_in_its_range(requirement):
    pins = [p for p in PINS if name(p) == name(requirement)]
    assert pins, (
        f"{requirement} is not in constraints.txt: compile it anew, the command is in pyproject.toml"
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


def test_conda_gives_python_and_pip_and_the_project_the_rest():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, section = environment["dependencies"]
    assert (
        SpecifierSet(python.removeprefix("python")) == SpecifierSet(PROJECT["requires-python"])
        and pip == "pip"
    )
    constraints, project = section["pip"]
    assert constraints == "-c constraints.txt"
    extras = Requirement("gantutor" + project.removeprefix("-e .")).extras
    assert {
        name(r)
        for r in requirements(PROJECT["dependencies"] + sum((EXTRAS[e] for e in extras), []))
    } >= WISHED
