"""Run one notebook into one folder, and judge the run by what the notebook wrote there.

papermill's own status is never used: after a kernel's death it marks every cell as completed. A
run is done when its folder holds a valid `result.json` for exactly these parameters, this notebook
source and this version of the package. A run holds the lock of its folder, so two commands never
write into one folder; the operating system releases the lock when the process ends.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

import gantutor
from gantutor import files
from gantutor.course.config import BadParameters
from gantutor.course.lessons import find_notebook
from gantutor.course.records import source_hash, write_json
from gantutor.reproduce.execute import Clock, execute
from gantutor.reproduce.notebook import check_parameters, finished, writable
from gantutor.reproduce.outcome import EXIT, LIMITS, Outcome


def run_one(
    notebook: str | Path,
    parameters: Mapping[str, Any],
    out: str | Path,
    cell_timeout: float | None = None,
    limit: float | None = None,
    heartbeat: float = 15.0,
    say: Callable[[str], None] = print,
    fresh: bool = False,
) -> Outcome:
    """Run a notebook into the folder `out`, unless the folder already holds this run.

    `fresh` runs it even then. `cell_timeout` and `limit` are the seconds that a cell and the
    whole run may take (None: the profile's), `heartbeat` the seconds between progress lines.

    Writes the result, the status, a log and the executed notebook, and a line of attempts.jsonl
    at the start and the end. A folder that belongs to something else is refused and left as it
    is. Files of an earlier run are moved to a subfolder, or removed if `fresh`; a run of the same
    notebook and parameters that was interrupted is continued instead. Never raises for bad input:
    the outcome's status is then "bad_input".
    """
    begun = time.perf_counter()
    try:
        path = find_notebook(str(notebook))
        folder = files.run_folder(out, path.stem, path)
        writable(folder)
        folder.mkdir(parents=True, exist_ok=True)
    except (files.NotOurs, BadParameters, OSError) as error:
        return Outcome("bad_input", str(error))
    name = path.stem
    try:
        values = check_parameters(path, parameters)
        if "out" in values:
            values["out"] = str(folder)
    except BadParameters as error:
        outcome = Outcome("bad_input", str(error))
        untouched = files.book(folder / "status.json").get("status", "bad_input") == "bad_input"
        # otherwise the status is that of another attempt
        if untouched and not (folder / "result.json").exists():
            _ended(folder, name, dict(parameters), outcome)
        return outcome
    limit = limit or LIMITS.get(str(values.get("profile")), LIMITS["class"])
    clock = Clock(limit, cell_timeout, heartbeat, name, say)
    try:
        with FileLock(folder / ".lock", timeout=0):
            return _locked(path, values, folder, begun, clock, fresh)
    except Timeout:
        return Outcome("busy", "another command is running it")
    except OSError as error:  # a full disk, or a folder that has disappeared
        outcome = Outcome("error", f"{error.strerror or error}: {error.filename or folder}")
        # the run has not started: the status is that of another attempt
        if files.book(folder / "status.json").get("pid") != os.getpid():
            return outcome
        return _ended(folder, name, values, outcome, source_hash(path))


def _locked(
    path: Path, values: dict[str, Any], folder: Path, begun: float, clock: Clock, fresh: bool
) -> Outcome:
    """Do the run while holding the folder's lock."""
    done = None if fresh else finished(folder, path, values)
    if done is not None:
        return Outcome(done["status"], done["message"], done["wall_s"], done["step"], reused=True)
    source = source_hash(path)
    identity = {
        "notebook": path.stem,
        "parameters": values,
        "source_hash": source,
        "version": gantutor.__version__,
    }
    try:
        # checked again under the lock, because another command may have been quicker
        files.run_folder(folder, path.stem, path)
        listed = _prepare(folder, identity, clock, fresh)
    except files.NotOurs as error:
        return Outcome("bad_input", str(error))
    files.note(folder, "start", path.stem)
    status = {"status": "running", **identity, "pid": os.getpid(), "files": listed}
    write_json(folder / "status.json", status)
    outcome = execute(path, values, folder, clock)
    if outcome.status == "ok":
        result = finished(folder, path, values)
        if result is None:
            outcome = Outcome(
                "error",
                f"the notebook wrote no result for these parameters into {folder}: end it with "
                "Record(cfg, ...).save()",
            )
        else:
            outcome = Outcome(result["status"], result["message"], step=result["step"])
    wall = round(time.perf_counter() - begun, 2)
    with suppress(OSError):
        files.note(folder, outcome.status, path.stem)
    outcome = Outcome(outcome.status, outcome.message, wall, outcome.step)
    return _ended(folder, path.stem, values, outcome, source)


# -- the folder before and after ------------------------------------------------------------------
def _prepare(folder: Path, identity: Mapping[str, Any], clock: Clock, fresh: bool) -> list[str]:
    """Make a folder ready for a run that is not done yet.

    What an earlier run wrote is moved away or, if `fresh`, removed, unless it was this very run
    and was interrupted. Returns the names of everything of earlier runs that stays.
    """
    seeds = [place for place in folder.glob("seed*") if not place.is_symlink()]
    for place in (folder, *seeds, files.cache_dir()):
        files.sweep(place)
    _keep_edited(folder, clock)
    if not fresh and _continues(folder, identity):
        for name in files.WRITTEN:
            (folder / name).unlink(missing_ok=True)
        return sorted(files.written(folder))
    # the record goes first: if the command is stopped after this, the folder no longer looks like
    # a run that is done or can be continued
    if (folder / "result.json").exists():
        if (folder / "previous.json").exists():
            os.replace(folder / "previous.json", files.free(folder / "previous.json"))
        os.replace(folder / "result.json", folder / "previous.json")
    kept, place = files.clear(folder, aside=not fresh)
    if place is not None:
        clock.say(f"  {clock.name}: the files of an earlier run are now in {place}")
    return kept


def _keep_edited(folder: Path, clock: Clock) -> None:
    """Rename an executed notebook that was edited by hand, so that no run overwrites it."""
    path, made = folder / "executed.ipynb", files.book(folder / "status.json").get("executed")
    if path.is_file() and not path.is_symlink() and made != _digest(path):
        place = files.free(folder / "executed-edited.ipynb")
        os.replace(path, place)
        # a run that was killed could not note the digest of what it had written
        edited = "was" if isinstance(made, str) else "may have been"
        clock.say(f"  {clock.name}: executed.ipynb {edited} edited and is now {place.name}")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _continues(folder: Path, identity: Mapping[str, Any]) -> bool:
    """Whether the folder holds an unfinished run with this notebook, parameters and version.

    Such a run is continued from its checkpoints.
    """
    if (folder / "result.json").exists():
        return False
    status = files.book(folder / "status.json")
    same = all(status.get(k) == identity[k] for k in ("notebook", "source_hash", "version"))
    before, now = status.get("parameters"), json.loads(json.dumps(identity["parameters"]))
    if not same or not isinstance(before, dict) or status.get("status") == "ok":
        return False
    return {**before, "out": None} == {**now, "out": None}  # the folder may have been moved


def _ended(
    folder: Path, name: str, values: dict[str, Any], outcome: Outcome, source: str | None = None
) -> Outcome:
    """Write the outcome to the folder's status.json, with a list of the files that it made."""
    if folder.is_dir():
        status = {
            **asdict(outcome),
            "notebook": name,
            "parameters": values,
            "version": gantutor.__version__,
        }
        # if this fails, the outcome still reaches the caller
        with suppress(OSError, TypeError, ValueError):
            status |= {"source_hash": source, "files": sorted(files.written(folder))}
            if "executed.ipynb" in status["files"]:
                status["executed"] = _digest(folder / "executed.ipynb")
            write_json(folder / "status.json", status)
            (folder / ".written").unlink(missing_ok=True)
    return outcome


# -- the process ----------------------------------------------------------------------------------
def follow(parent: int, every: float = 0.5) -> None:
    """End this process, as Ctrl-C would, once `parent` is gone.

    A run must not outlive the worker that would report it.
    """

    def watch():
        while os.getppid() == parent:
            time.sleep(every)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(20)
        os._exit(1)  # in case something blocks; the kernel ends with this process

    threading.Thread(target=watch, daemon=True).start()


def _stop(number: int, frame) -> None:
    """Handle SIGTERM like Ctrl-C, so that the kernel is shut down; further ones are ignored."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """`python -m gantutor.reproduce.run NOTEBOOK OUT JSON`: the process of a single run.

    Messages go to standard error. The only line on standard output is the outcome as JSON, which
    therefore arrives even if the disk is full.
    """
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("notebook")
    parser.add_argument("out")
    parser.add_argument("parameters", help="a JSON object")
    parser.add_argument("--cell-timeout", type=float)
    parser.add_argument("--limit", type=float)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--parent", type=int, help="end when this process is no longer the parent")
    a = parser.parse_args(arguments)
    # workers block Ctrl-C, but a kernel is interrupted by it
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGTERM, _stop)
    if a.parent:
        follow(a.parent)
    # next to JupyterLab, jsonschema would import this module and build a grammar of web addresses,
    # which takes two seconds per run
    sys.modules.setdefault("rfc3987_syntax", None)
    talk = os.dup(2)  # while cells run, standard error itself is redirected to the log

    def say(line: str) -> None:
        with suppress(OSError):  # on a full disk the message is lost, not the run
            os.write(talk, f"{line}\n".encode(errors="backslashreplace"))

    try:
        values = json.loads(a.parameters)
        outcome = run_one(
            a.notebook, values, a.out, a.cell_timeout, a.limit, say=say, fresh=a.fresh
        )
    except KeyboardInterrupt:  # before the first cell or after the last
        outcome = Outcome("interrupted", "stopped: run the same command again to continue")
    print(json.dumps(asdict(outcome)), flush=True)
    return EXIT.get(outcome.status, 1)


if __name__ == "__main__":
    sys.exit(main())
