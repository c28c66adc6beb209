"""`gantutor lab`: what it starts, for this machine alone and with a token, and what it refuses."""

import asyncio
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import Request, urlopen

import nbformat
import pytest
from group import running
from tornado.websocket import websocket_connect
from typer.testing import CliRunner

import gantutor
from gantutor import files
from gantutor.cli import app


@pytest.fixture
def called(monkeypatch):
    """What would have been started, with the notebook at that moment."""
    calls = []

    class Process:
        def __init__(self, command, env=None):
            notebook = next((c for c in command if c.endswith(".ipynb")), None)
            calls.append(
                (command, env, None if notebook is None else nbformat.read(notebook, as_version=4))
            )

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
    assert (
        command[:3] == [sys.executable, "-m", "jupyterlab"] and Path(command[3]).name == "notebooks"
    )
    assert command[4:] == [
        "--ServerApp.ip=127.0.0.1",
        "--KernelManager.transport=ipc",
        "--port=9999",
        "--no-browser",
        "--allow-root",
    ]
    assert not any("token" in c for c in command), "Jupyter's own token stays"
    assert env["OMP_NUM_THREADS"] == "1"


def test_the_app_is_notebook_12_with_a_token_and_a_quick_profile(called):
    done = lab("--app")
    ((command, _, nb),) = called
    token = next(c for c in command if c.startswith("--Voila.token=")).split("=")[1]
    assert (
        len(token) == 48
        and f"http://127.0.0.1:8866/?token={token}" in done.stdout
        and "--Voila.ip=127.0.0.1" in command
    )
    assert Path(command[3]).name == "12_lab.ipynb"
    at = next(i for i, c in enumerate(nb.cells) if "parameters" in c.metadata.get("tags", []))
    assert nb.cells[at + 1].source == "profile = 'smoke'"
    lab("--app", "--profile", "class")
    assert (
        called[1][2].cells[at + 1].source == "profile = 'class'" and called[0][0] != called[1][0]
    ), "another token each time"


@pytest.mark.parametrize(("arguments", "name"), [([], "JupyterLab"), (["--app"], "Voila")])
def test_what_is_not_installed_is_said(arguments, name, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    done = lab(*arguments)
    assert (
        done.exit_code == 2
        and done.stderr == f"gantutor: {name} is not installed: pip install 'gantutor[lab]'\n"
    )


def test_a_wrong_profile_starts_nothing(called):
    done = lab("--app", "--profile", "big")
    assert done.exit_code == 2 and "profile='big': expected 'smoke'" in done.stderr and not called


def test_sockets_lie_where_their_paths_are_short_or_kernels_use_ports(
    called,
    tmp_path,
    monkeypatch,
):
    """Voila has its own folder for them, below TMPDIR."""
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(long))
    monkeypatch.setattr(files.writing.tempfile, "tempdir", str(long))
    lab()
    lab("--app")
    (plain, its, _), (app, others, _) = called
    place = next(Path(c.split("=")[1]) for c in app if c.startswith("--Voila.connection_dir_root="))
    assert "--KernelManager.transport=ipc" in plain
    assert "--KernelManager.transport=ipc" in app
    assert others["JUPYTER_RUNTIME_DIR"] == str(long)
    for folder in (place, Path(its["JUPYTER_RUNTIME_DIR"])):
        assert len(str(folder)) < 50 and not folder.exists(), "it goes with the server"
    monkeypatch.setattr(files.writing, "SOCKET", 5)
    lab()
    assert "--KernelManager.transport=ipc" not in called[2][0]


# -- a real server --------------------------------------------------------------------------------
@contextmanager
def serving(*arguments: str, home: Path, **environment: str):
    """Run `gantutor lab` in a home folder; yields the address of its server, and its log.

    The folder's name may be too long for sockets.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "gantutor.cli",
        "lab",
        *arguments,
        "--no-browser",
        f"--port={port}",
        "--",
        "--allow-root",
    ]
    own = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "XDG"))}
    own |= {
        "HOME": str(home),
        "JUPYTER_TOKEN": "secret",
        "PYTHONPATH": str(Path(gantutor.__file__).parent.parent),
        **environment,
    }
    with running(command, home / "log", env=own, cwd=home):
        yield f"http://127.0.0.1:{port}", home / "log"


def patiently(what, log: Path, seconds: float = 60.0):
    """What `what()` returns as soon as it is true, whatever it raises before."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(OSError):
            if found := what():
                return found
        time.sleep(0.2)
    pytest.fail(f"nothing within {seconds} s; the server said: {log.read_text()[-2000:]}")


def test_kernels_start_where_the_home_folder_has_a_long_name(tmp_path):
    pytest.importorskip(
        "jupyterlab",
        reason="JupyterLab is not installed: pip install 'gantutor[lab]'",
    )
    home = tmp_path / ("h" * 60)
    home.mkdir()

    def ask(method: str, path: str):
        request = Request(
            f"{address}/api/{path}?token=secret",
            method=method,
            data=b"{}" if method == "POST" else None,
        )
        with urlopen(request, timeout=60) as answer:
            return json.load(answer)

    with serving(home=home) as (address, log):
        patiently(lambda: ask("GET", "status"), log)
        kernel = ask("POST", "kernels")["id"]
        place = f"{address.replace('http', 'ws')}/api/kernels/{kernel}/channels?token=secret"
        assert asyncio.run(asyncio.wait_for(first_state(place), 60)) in ("starting", "busy", "idle")


async def first_state(place: str) -> str:
    """The state that a kernel tells first to whoever opens its channels."""
    channels = await websocket_connect(place)
    try:
        while (said := await channels.read_message()) is not None:
            content = json.loads(said)["content"]
            if "execution_state" in content:
                return content["execution_state"]
        pytest.fail("the server closed the kernel's channels")
    finally:
        channels.close()
        # the server answers the close, and only then is the socket closed
        while await channels.read_message() is not None:
            pass
