"""`gantutor lab`: the notebooks in JupyterLab, or the lab alone as a web page."""

import os
import signal
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated

import typer

from gantutor.cli import signals
from gantutor.cli.base import fail, whole_number


def lab(
    ctx: typer.Context,
    as_app: Annotated[
        bool,
        typer.Option(
            "--app",
            help="show only notebook 12, in Voila: for a lecture screen, without code, "
            "one kernel per visitor",
        ),
    ] = False,
    profile: Annotated[
        str,
        typer.Option(help="with --app: how long the labs train before they are shown"),
    ] = "smoke",
    port: Annotated[
        int | None,
        typer.Option(
            help="default: 8888 or the next free one; with --app 8866",
            **whole_number("--port", 1, 65535),
        ),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="print the address, but open no browser")
    ] = False,
) -> None:
    """Open the notebooks in JupyterLab.

    It can only be reached from this machine, and with a token. Arguments after -- are passed on
    to Jupyter, or with --app to Voila.
    """
    import secrets
    from importlib.util import find_spec

    from gantutor.course.lessons import find_notebook
    from gantutor.files import scratch
    from gantutor.reproduce.notebook import check_parameters

    module, name = ("voila", "Voila") if as_app else ("jupyterlab", "JupyterLab")
    if find_spec(module) is None:
        fail(f"{name} is not installed: pip install 'gantutor[lab]'")
    try:
        notebook = find_notebook("12")
        check_parameters(notebook, {"profile": profile})
    except (ValueError, FileNotFoundError) as error:
        fail(error)
    with ExitStack() as stack:
        if as_app:
            here = _with_profile(notebook, profile, stack.enter_context(scratch()))
            token, port = secrets.token_hex(24), port or 8866
            options = [str(here), "--Voila.ip=127.0.0.1", f"--Voila.token={token}"]
            options += ["--Voila.port_retries=0"]
            # Voila does not print its token
            print(f"http://127.0.0.1:{port}/?token={token}", flush=True)
        else:
            options = [str(notebook.parent), "--ServerApp.ip=127.0.0.1"]
        more, variables = _sockets(as_app, stack)
        options += more
        options += [f"--port={port}"] if port is not None else []
        options += ["--no-browser"] if no_browser else []
        # one thread: the nets of the plane are small, and threads would wait for each other
        environment = {"OMP_NUM_THREADS": "1", **os.environ, **variables}
        _serve([sys.executable, "-m", module, *options, *ctx.args], environment)


def _serve(command: list[str], environment: dict[str, str]) -> None:
    """Run a server until it ends, and exit with its code."""
    import subprocess

    process = subprocess.Popen(command, env=environment)
    while True:
        try:
            raise typer.Exit(process.wait())
        except KeyboardInterrupt:
            # A terminal sends Ctrl-C to the server too, which asks for confirmation and ends at
            # the second one. SIGTERM may have been sent to this process alone, so pass it on.
            if signals.last == signal.SIGTERM:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(1.0)
                process.terminate()


def _sockets(as_app: bool, stack: ExitStack) -> tuple[list[str], dict[str, str]]:
    """Options and environment variables that make a Jupyter server talk to kernels over sockets.

    No other user can open these Unix sockets, whose paths must be short. If Jupyter's own folder
    for them is too deep, as in a long HOME, they are put into a temporary one that is removed
    with `stack`; if no folder is suitable, kernels use ports of this machine.
    """
    import tempfile

    from jupyter_core.paths import jupyter_runtime_dir

    from gantutor.files import fits, scratch

    if os.name != "posix":
        return [], {}
    usual, name = jupyter_runtime_dir(), f"kernel-{'x' * 36}-ipc-99"
    if as_app:  # Voila makes a folder of its own for them
        usual, name = tempfile.gettempdir(), f"voila_12345678/{name}"
    options, variables = ["--KernelManager.transport=ipc"], {}
    if not fits(usual, len(name)):
        try:
            folder = stack.enter_context(scratch(len(name)))
        except OSError:
            return [], {}
        options += [f"--Voila.connection_dir_root={folder}"] if as_app else []
        variables = {} if as_app else {"JUPYTER_RUNTIME_DIR": str(folder)}
    return options, variables


def _with_profile(notebook: Path, profile: str, folder: Path) -> Path:
    """Copy a notebook, with a cell after its parameters that sets another profile."""
    import nbformat

    nb = nbformat.read(notebook, as_version=4)
    at = next(i for i, c in enumerate(nb.cells) if "parameters" in c.metadata.get("tags", []))
    nb.cells.insert(at + 1, nbformat.v4.new_code_cell(f"profile = {profile!r}"))
    nbformat.write(nb, folder / notebook.name)
    return folder / notebook.name
