"""For tests: the `gantutor` command in a process of its own."""

import os
import signal
import subprocess
import sys

MODULE = [sys.executable, "-m", "gantutor.cli"]
# as the installed program starts it: after a Ctrl-C inside some library's exec(), `python -m`
# ends itself by SIGINT instead, which a shell reports as 130 too
ENTRY_POINT = [sys.executable, "-c", "from gantutor.cli import main; main()"]


def heed_ctrl_c() -> None:
    """Restore Ctrl-C in a child process: in the background a shell lets it be ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(
    *arguments: str, cwd, own_group: bool = False, command=tuple(MODULE), **env
) -> subprocess.Popen:
    """Start a command in the folder `cwd`, without GANTUTOR_DATA and the like unless in `env`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GANTUTOR_")}
    return subprocess.Popen(
        [*command, *arguments],
        cwd=cwd,
        env=kept | {"OMP_NUM_THREADS": "1"} | env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_ctrl_c,
        start_new_session=own_group,
    )


def gantutor(*arguments: str, cwd, **env) -> tuple[int, str, str]:
    """Run a command to its end: exit code, standard output, standard error."""
    process = start(*arguments, cwd=cwd, **env)
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in err, err
    return process.returncode, out, err
