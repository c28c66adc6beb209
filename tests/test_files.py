"""A file or folder appears complete or not at all."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gantutor import files
from gantutor.files import NotOurs, one_maker, ours, replacing


def test_a_file_appears_when_it_is_complete(tmp_path):
    place = tmp_path / "deep" / "x.npy"
    with replacing(place) as partial:
        assert partial.suffix == ".npy" and partial.parent == place.parent and not place.exists()
        partial.write_text("new")
    assert place.read_text() == "new" and list(place.parent.iterdir()) == [place]


def test_a_failure_leaves_the_old_file_and_no_trace(tmp_path):
    place = tmp_path / "x.json"
    place.write_text("old")
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), replacing(place) as partial:
            partial.write_text("half")
            raise error
        assert place.read_text() == "old" and list(tmp_path.iterdir()) == [place]
    with pytest.raises(FileNotFoundError), replacing(place):
        pass


def test_folders_too_and_the_first_writer_wins(tmp_path):
    place = tmp_path / "entry"
    for _ in range(2):
        try:
            with replacing(place) as mine, replacing(place) as other:
                assert mine != other
                for p in (mine, other):
                    p.mkdir()
                    (p / "a").write_text(p.name)
        except OSError:
            pass
        assert [p.name for p in tmp_path.iterdir()] == ["entry"] and len(list(place.iterdir())) == 1


# -- what a crash leaves --------------------------------------------------------------------------
WRITES = """
import os, signal, sys, time
from gantutor.files import replacing
with replacing(sys.argv[1]) as partial:
    partial.mkdir() if sys.argv[2] == "folder" else partial.write_text("half")
    if sys.argv[2] == "folder":
        (partial / "a").write_text("half")
    print(partial, flush=True)
    if sys.argv[3] == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.read()
"""


def writer(place: Path, kind: str, fate: str) -> tuple[subprocess.Popen, Path]:
    """A process that writes half of a file or folder, and the path that it writes to."""
    command = [sys.executable, "-c", WRITES, str(place), kind, fate]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, Path(process.stdout.readline().strip())


def test_the_next_write_sweeps_what_a_killed_process_left_but_not_a_live_one_s(tmp_path):
    names = [
        ".x.partial",
        ".x.12-ab.partial.json",
        "x.99999999-0123abcd.partial",
        ".x.99999999-0123abcg.partial",
        ".x.99999999-0123abcd.partial.tar.gz",
    ]
    for name in names:  # not quite our names
        (tmp_path / name).write_text("mine")
    live, living = writer(tmp_path / "entry.json", "file", "lives")
    for kind in ("file", "folder"):
        process, dead = writer(tmp_path / "entry.json", kind, "dies")
        process.communicate()
        assert process.returncode == -signal.SIGKILL and dead.exists()
        with replacing(tmp_path / "other.json") as partial:
            partial.write_text("new")
        assert not dead.exists() and living.exists()
    live.communicate()
    assert live.returncode == 0 and (tmp_path / "entry.json").read_text() == "half"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [*names, "entry.json", "other.json"],
    )


def test_writers_on_other_machines_are_presumed_dead_after_a_day(tmp_path):
    """So are those of earlier versions, whose names did not contain the machine."""
    old = time.time() - 2 * files.writing.DAY
    mine = os.getpid()
    for name, age, stays in [
        (".a.00000000-1-0123abcd.partial", old, False),
        (".b.00000000-1-0123abcd.partial", None, True),
        (".c.99999999-0123abcd.partial.pt", old, False),
        (f".d.{mine}-0123abcd.partial.pt", old, True),
    ]:
        (tmp_path / name).touch()
        if age:
            os.utime(tmp_path / name, (age, age))
        files.sweep(tmp_path)
        assert (tmp_path / name).exists() == stays, name
    # a folder into which something was written lately
    young = tmp_path / ".e.00000000-1-0123abcd.partial"
    young.mkdir()
    (young / "images.npy").touch()
    os.utime(young, (old, old))
    files.sweep(tmp_path)
    assert young.exists()
    os.utime(young / "images.npy", (old, old))
    os.utime(young, (old, old))
    files.sweep(tmp_path)
    assert not young.exists()


def test_a_partial_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a").touch()
    link = tmp_path / f".x.{files.writing._machine()}-99999999-0123abcd.partial"
    link.symlink_to("mine")
    files.sweep(tmp_path)
    assert not os.path.lexists(link) and (tmp_path / "mine" / "a").exists()


# -- one makes it, the others wait ----------------------------------------------------------------
MAKES = """
import os, signal, sys, time
from pathlib import Path
from gantutor.files import one_maker
place, fate = Path(sys.argv[1]), sys.argv[2]
with one_maker(place):
    if not place.exists():
        print("makes", flush=True)
        if fate == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(1)
        place.write_text("made")
assert place.read_text() == "made"
"""


def maker(place: Path, fate: str) -> subprocess.Popen:
    command = [sys.executable, "-c", MAKES, str(place), fate]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_of_several_processes_one_makes_what_all_need(tmp_path):
    makers = [maker(tmp_path / "deep" / "x.npz", "lives") for _ in range(4)]
    said = [p.communicate()[0] for p in makers]
    assert sorted(said) == ["", "", "", "makes\n"] and not any(p.returncode for p in makers)
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["x.npz"]


def test_nobody_waits_for_a_process_that_died_or_failed(tmp_path):
    place = tmp_path / "x.npz"
    dead = maker(place, "dies")
    dead.communicate()
    assert dead.returncode == -signal.SIGKILL
    with pytest.raises(KeyError), one_maker(place):
        raise KeyError
    live = maker(place, "lives")
    assert live.communicate(timeout=60)[0] == "makes\n" and live.returncode == 0
    assert list(tmp_path.iterdir()) == [place]


def test_where_there_can_be_no_lock_nobody_waits(tmp_path):
    (tmp_path / "file").touch()
    with one_maker(tmp_path / "file" / "x"), one_maker(tmp_path / "file" / "x"):
        pass


# -- whose a file is ------------------------------------------------------------------------------
def test_a_file_without_our_mark_is_not_replaced(tmp_path):
    place = tmp_path / "report.csv"
    ours(place, "target,paper")
    place.touch()
    ours(place, "target,paper")
    place.write_text("target,paper,where\n")
    ours(place, "target,paper")
    place.write_bytes(b"\xff\x00my numbers")
    with pytest.raises(
        NotOurs,
        match="report.csv was not written by gantutor: move it away, or choose another place",
    ):
        ours(place, "target,paper")
