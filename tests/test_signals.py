"""Ctrl-C and SIGTERM: what they mean to a whole process group, at any moment."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from commands import ENTRY_POINT, heed_ctrl_c, start
from grids import until
from tiny import course

from gantutor.reproduce import slurm
from gantutor.reproduce.signals import held


def test_ctrl_c_waits_for_what_is_half_done_and_is_not_lost():
    done, outside = [], signal.getsignal(signal.SIGINT)
    before = signal.default_int_handler
    signal.signal(signal.SIGINT, before)  # a shell's background ignores Ctrl-C
    with pytest.raises(KeyboardInterrupt):
        with held():
            signal.raise_signal(signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            done.append("first")
            until(lambda: True)
            done.append("second")
        done.append("third")
    assert done == ["first", "second"]
    assert signal.getsignal(signal.SIGINT) is before
    signal.signal(signal.SIGINT, outside)


def test_what_slurm_needs_leaves_ctrl_c_as_it_was():
    """The import of dask-jobqueue would turn it into a silent exit."""
    pytest.importorskip("dask_jobqueue")
    before = signal.getsignal(signal.SIGINT)
    for name in [name for name in sys.modules if name.split(".")[0] == "dask_jobqueue"]:
        del sys.modules[name]
    slurm._slurm_cluster()
    assert signal.getsignal(signal.SIGINT) is before


HEARS = """
import signal
print(signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, []))
"""
RUN_HEARS = f"""
from gantutor.reproduce import run
def run_one(*arguments, **more):
    exec({HEARS!r})
    raise SystemExit
run.run_one = run_one
run.main(["x", "y", "{{}}"])
"""


def test_what_starts_while_signals_are_held_ignores_ctrl_c_but_a_run_does_not():
    with held():
        said = [
            subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
            for code in (HEARS, RUN_HEARS)
        ]
    assert said == ["False\n", "True\n"]


def test_ctrl_c_in_a_destructor_is_not_lost():
    """Python cannot raise an exception there, so the signal is repeated."""
    code = """
import os, signal, time
from gantutor import cli

class Thing:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)

def command():
    thing = Thing()
    del thing
    time.sleep(60)

cli.app = command
cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=50,
        preexec_fn=heed_ctrl_c,
    )
    assert (done.returncode, done.stderr) == (130, "gantutor: stopped\n")


# -- a terminal's Ctrl-C goes to the whole process group ------------------------------------------
BEATS = """
import time
for beat in range({beats}):
    open("{place}/beats", "a").write(".")
    time.sleep(0.1)
metrics = "modes energy_distance nearest_kept mode_share angle_median_deg mean_slope"
for metric in [*metrics.split(), "hinge_arrow_spread"]:
    record.add(metric, [0.0 for s in cfg.seed_list], "KDD")
"""
GRID = ("reproduce", "kddgan/fig1", "--profile", "smoke", "--out", "out")


def command(folder: Path, *arguments: str) -> subprocess.Popen:
    """A command as a terminal starts it: the leader of its own process group."""
    return start(*arguments, cwd=folder, own_group=True, command=ENTRY_POINT)


def stopped(process: subprocess.Popen, *signals: int, pause: float = 0.3) -> str:
    """Send signals to a command's whole group, and return what it wrote to standard output.

    It must end with one sentence, and no process of its may be left.
    """
    family = psutil.Process(process.pid).children(recursive=True)
    for number in signals:
        os.killpg(process.pid, number)
        time.sleep(pause)
    out, err = process.communicate(timeout=120)
    sentence = "gantutor: stopped; run the same command again to continue\n"
    assert (process.returncode, err) == (130, sentence), out + err
    assert not psutil.wait_procs(family, timeout=30)[1]
    return out


@pytest.mark.slow
def test_ctrl_c_of_a_terminal_is_one_sentence_and_the_same_command_continues(tmp_path):
    """Twice in a row in the middle of a run, then the same command to its end."""
    course(tmp_path / "notebooks", "03_kdd", BEATS.format(beats=300, place=tmp_path))
    process = command(tmp_path, *GRID)
    until((tmp_path / "beats").exists)
    out = stopped(process, signal.SIGINT, signal.SIGINT)
    assert "stopping 1 run ..." in out and "stopped: 0 of 1 runs are done" in out
    course(tmp_path / "notebooks", "03_kdd", BEATS.format(beats=1, place=tmp_path))
    process = command(tmp_path, *GRID)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0 and "done     03_kdd" in out, out + err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", [1.0, 1.6, 2.2, 2.8, 3.4, 4.0, 5.0, 6.0])
def test_ctrl_c_at_any_moment_is_one_sentence(tmp_path, moment, number):
    """While it plans, and while the cluster, the kernel and its cells start."""
    course(tmp_path / "notebooks", "03_kdd", BEATS.format(beats=300, place=tmp_path))
    process = command(tmp_path, *GRID)
    time.sleep(moment)
    stopped(process, number, number)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "03", "--profile", "smoke"],
        ["build", "--site", "03", "--profile", "smoke", "--out", "site"],
        ["check", "03_kdd.ipynb"],
    ],
)
def test_ctrl_c_stops_each_command_that_starts_processes(tmp_path, arguments):
    source = Path(__file__).parent.parent / "notebooks/03_kdd.ipynb"
    (tmp_path / "03_kdd.ipynb").write_bytes(source.read_bytes())
    course(tmp_path / "notebooks", "03_kdd", BEATS.format(beats=300, place=tmp_path))
    process = command(tmp_path, *arguments)
    until(lambda: psutil.Process(process.pid).children())
    time.sleep(1.0)
    stopped(process, signal.SIGINT, signal.SIGINT)
