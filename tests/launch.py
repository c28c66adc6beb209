"""Programs of one process and of several, started by torchrun, for the tests of both."""

import os
import subprocess
import sys
from pathlib import Path

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def launch(program: str, folder: Path, *starts: list[str]) -> None:
    """Run a program, which gets `folder` as its argument, by each of the commands in `starts`.

    It can import the modules of this folder. Raises AssertionError, with what it printed, where a
    process fails.
    """
    (folder / "go.py").write_text(program)
    here = os.path.dirname(os.path.abspath(__file__))
    env = {**os.environ, "PYTHONPATH": here, "OMP_NUM_THREADS": "1"}
    for start in starts:
        command = [*start, str(folder / "go.py"), str(folder)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-5000:]


def alone_and_in_two(program: str, folder: Path) -> None:
    """Run a program by two processes, then by one."""
    launch(program, folder, TORCHRUN, [sys.executable])
