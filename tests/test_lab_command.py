"""`gantutor lab`: what it would start, for this machine alone and with a token; a clear sentence where it cannot."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from gantutor.cli import app


@pytest.fixture
def called(monkeypatch):
    """What would have been started, with the notebook as it was then."""
    calls = []

    class Process:
        def __init__(self, command, env=None):
            notebook = next((c for c in command if c.endswith(".ipynb")), None)
            calls.append((command, env, None if notebook is None else nbformat.read(notebook, as_version=4)))

        def wait(self):
            return 7

    monkeypatch.setattr(subprocess, "Popen", Process)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return calls


def lab(*arguments: str):
    return CliRunner().invoke(app, ["lab", *arguments])


def test_jupyterlab_on_the_notebooks(called):
    done = lab("--no-browser", "--port", "9999", "--", "--allow-root")
    ((command, env, _),) = called
    assert done.exit_code == 7, "the server's own status"
    assert command[:3] == [sys.executable, "-m", "jupyterlab"] and Path(command[3]).name == "notebooks"
    assert command[4:] == ["--ServerApp.ip=127.0.0.1", "--KernelManager.transport=ipc", "--port=9999", "--no-browser", "--allow-root"]
    assert not any("token" in c for c in command), "Jupyter's own token stays"
    assert env["OMP_NUM_THREADS"] == "1"


def test_the_app_is_notebook_12_with_a_token_and_a_quick_profile(called):
    done = lab("--app")
    ((command, _, nb),) = called
    token = next(c for c in command if c.startswith("--Voila.token=")).split("=")[1]
    assert len(token) == 48 and f"http://127.0.0.1:8866/?token={token}" in done.stdout and "--Voila.ip=127.0.0.1" in command
    assert Path(command[3]).name == "12_lab.ipynb"
    at = next(i for i, c in enumerate(nb.cells) if "parameters" in c.metadata.get("tags", []))
    assert nb.cells[at + 1].source == "profile = 'smoke'"
    lab("--app", "--profile", "class")
    assert called[1][2].cells[at + 1].source == "profile = 'class'" and called[0][0] != called[1][0], "another token each time"


@pytest.mark.parametrize(("arguments", "name"), [([], "JupyterLab"), (["--app"], "Voila")])
def test_what_is_not_installed_is_said(arguments, name, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    done = lab(*arguments)
    assert done.exit_code == 2 and done.stderr == f"gantutor: {name} is not installed: pip install 'gantutor[lab]'\n"


def test_a_wrong_profile_starts_nothing(called):
    done = lab("--app", "--profile", "big")
    assert done.exit_code == 2 and "profile='big': expected 'smoke'" in done.stderr and not called
