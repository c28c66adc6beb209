"""The examples in docstrings print what they claim to print."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import gantutor

PACKAGE = Path(gantutor.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py") if ">>> " in path.read_text())


def name_of(path):
    parts = ("gantutor", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_examples(path):
    found = doctest.testmod(import_module(name_of(path)))
    assert found.attempted > 0 and found.failed == 0
