"""One run of one notebook: checked before it starts, executed by papermill in this process, judged by what it wrote.

papermill's own metadata is never asked: after a kernel's death it calls every cell "completed". A run is done when its
folder holds a valid `result.json` for exactly these parameters, this notebook source and this version of the package.
A run holds the lock of its folder, so two commands never write one; the operating system drops it when the run dies.
"""

import argparse
import ast
import hashlib
import json
import math
import os
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

import gantutor
from gantutor import files
from gantutor.course.config import BadParameters, Config, did_you_mean, literal
from gantutor.course.lessons import LESSONS, find_notebook
from gantutor.course.records import code_hash, read, source_hash, write_json

# seconds that a whole run may take, where the caller does not say; a cell may take all of it
LIMITS = {"smoke": 600, "class": 3600, "colab": 4 * 3600, "paper": 14 * 24 * 3600}
# glibc: what a training step frees stays with the process for the next one, instead of going back to the system and being zeroed anew
KEEP_FREED = {"MALLOC_TRIM_THRESHOLD_": "1000000000", "MALLOC_MMAP_THRESHOLD_": "33554432"}
EXIT = {"ok": 0, "bad_input": 2, "diverged": 3}  # everything else: 1


@dataclass(frozen=True)
class Outcome:
    """How a run ended: "ok", "diverged", "error", "timeout", "memory", "kernel_died", "bad_input" or "interrupted"; "busy": not
    begun, another command is at it.
    """

    status: str
    message: str = ""
    wall_s: float = 0.0
    step: int | None = None
    reused: bool = False


# -- the notebook and its parameters ------------------------------------------------------------------------------------
def config_of(notebook: Path) -> type[Config] | None:
    """The parameters that a lesson's file takes; None for a notebook of your own."""
    lesson = LESSONS.get(notebook.stem)
    return None if lesson is None else lesson.config


def parameters_cell(notebook: Path) -> dict[str, Any]:
    """Names and literals of the cell tagged "parameters", read without running anything; {} where there is none."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        # what its hash, and the run, will ask for
        [(c["cell_type"], "".join(c["source"])) for c in cells]
        cell = next(
            (c for c in cells if "parameters" in c.get("metadata", {}).get("tags", [])), None
        )
        tree = ast.parse("".join(cell["source"]) if cell else "")
    except OSError as error:
        raise BadParameters(
            f"notebook {notebook} cannot be read ({error.strerror}): check the path"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, SyntaxError):
        raise BadParameters(
            f"{notebook} is no intact notebook: open and save it in Jupyter, or get it anew"
        ) from None
    found = {}
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        try:
            found[target.id] = ast.literal_eval(node.value)
        except (AttributeError, ValueError, TypeError):
            where = f"line {node.lineno} of the parameters cell of {notebook.name}, {ast.unparse(node)!r}"
            raise BadParameters(f"{where}: expected `name = literal` and nothing else") from None
    return found


def typed(notebook: Path, texts: Mapping[str, str]) -> dict[str, Any]:
    """`name=value` texts of a command line as values; where the notebook holds a text, the text stays as it is."""
    cell = parameters_cell(notebook)
    config = config_of(notebook)
    if config is not None:
        return {k: config.typed(k, v) for k, v in texts.items()}
    return {k: v if isinstance(cell.get(k), str) else literal(v) for k, v in texts.items()}


def check(notebook: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a run, or BadParameters: by the course's Config, or by the literals of a user's own notebook."""
    cell, config = parameters_cell(notebook), config_of(notebook)
    known = list(config.model_fields if config else cell)
    for name in given:
        if name not in known:
            raise BadParameters(
                f"unknown parameter {name!r} of {notebook.stem}: {did_you_mean(name, known)}"
            )
    if config is not None:
        if set(cell) != set(known):
            odd = ", ".join(sorted(set(cell) ^ set(known)))
            raise BadParameters(
                f"the parameters cell of {notebook.name} and its Config differ in {odd}: bring config.py in line"
            )
        return config(**{**cell, **given}).parameters()
    for name, value in given.items():
        default = cell[name]
        if (
            default is None
            or value is None
            or type(value) is type(default)
            or (type(default) is float and type(value) is int)
        ):
            continue
        raise BadParameters(
            f"{name}={value!r}: expected {type(default).__name__}, as in {name} = {default!r} of {notebook.name}"
        )
    return {**cell, **given}


def kept(
    folder: Path, notebook: Path, parameters: Mapping[str, Any]
) -> tuple[dict[str, Any] | None, str]:
    """The record in `folder` if it is of exactly this run, else None; and why it is not, or what to know of it ("": nothing)."""
    if not (folder / "result.json").exists():
        return None, ""
    try:
        result = read(folder)
    except ValueError:
        return None, "its result.json was damaged"
    # a user's own notebook may leave None to its Config to fill in; the course's parameters are all final
    if any(
        result["parameters"].get(k) != v
        for k, v in parameters.items()
        if k != "out" and v is not None
    ):
        return None, "its record was of other parameters"
    if result["source_hash"] != source_hash(notebook):
        return None, f"{notebook.name} has changed since"
    made = result["versions"].get("gantutor")
    if made != gantutor.__version__:
        return None, f"it was made by gantutor {made}, this is {gantutor.__version__}"
    old = result.get("code_hash") != code_hash(notebook)
    return result, "the package's code has changed since: --fresh runs it again" if old else ""


def finished(folder: Path, notebook: Path, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record in `folder` if it is of exactly this run, else None."""
    return kept(folder, notebook, parameters)[0]


def writable(folder: Path) -> None:
    """BadParameters where nothing can be written in `folder`, or in the nearest folder above it
    that is there; none is made.
    """
    try:
        place = next(p for p in (folder, *folder.parents) if p.exists())
        with tempfile.TemporaryFile(dir=place):  # it has no name, or loses it at once
            pass
    except OSError as error:
        what = f"output folder {folder} cannot be written ({error.strerror})"
        raise BadParameters(f"{what}: choose another with --out") from None


# -- the run --------------------------------------------------------------------------------------------------------------
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
    """Run a notebook into the folder `out`, unless that holds this very run and `fresh` is not
    asked for.

    Writes result, status, log and executed notebook there, and a line of attempts.jsonl at the
    start and at the end. A folder that is not this notebook's is refused and left as it is; what an
    earlier run wrote into this one is set aside, or with `fresh` removed, unless that run was
    stopped and goes on.
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
        values = check(path, parameters)
        if "out" in values:
            values["out"] = str(folder)
    except BadParameters as error:
        outcome = Outcome("bad_input", str(error))
        untouched = files.book(folder / "status.json").get("status", "bad_input") == "bad_input"
        # else it is another attempt's status
        if untouched and not (folder / "result.json").exists():
            _ended(folder, name, dict(parameters), outcome)
        return outcome
    limit = limit or LIMITS.get(str(values.get("profile")), LIMITS["class"])
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        with lock:
            return _locked(
                path,
                values,
                folder,
                begun,
                _Clock(limit, cell_timeout, heartbeat, name, say),
                fresh,
            )
    except Timeout:
        return Outcome("busy", "another command is at this run")
    except OSError as error:  # a full disk, a folder that vanished
        outcome = Outcome("error", f"{error.strerror or error}: {error.filename or folder}")
        # not begun: the status is another attempt's
        if files.book(folder / "status.json").get("pid") != os.getpid():
            return outcome
        return _ended(folder, name, values, outcome, source_hash(path))


def _locked(
    path: Path, values: dict[str, Any], folder: Path, begun: float, clock: "_Clock", fresh: bool
) -> Outcome:
    done = None if fresh else finished(folder, path, values)
    if done is not None:
        return Outcome(done["status"], done["message"], done["wall_s"], done["step"], reused=True)
    source = source_hash(path)
    of = {"notebook": path.stem, "parameters": values, "source_hash": source}
    of["version"] = gantutor.__version__
    try:
        files.run_folder(folder, path.stem, path)  # again: another command may have been quicker
        listed = _prepared(folder, of, clock, fresh)
    except files.NotOurs as error:
        return Outcome("bad_input", str(error))
    files.note(folder, "start", path.stem)
    begun_as = {"status": "running", **of, "pid": os.getpid(), "files": listed}
    write_json(folder / "status.json", begun_as)
    outcome = _execute(path, values, folder, clock)
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


def _prepared(folder: Path, of: Mapping[str, Any], clock: "_Clock", fresh: bool) -> list[str]:
    """Ready a folder for a run that is not done: what an earlier one wrote goes, unless it was this
    very run and was stopped.

    Returns the names of all that earlier runs wrote and that stays.
    """
    seeds = [place for place in folder.glob("seed*") if not place.is_symlink()]
    for place in (folder, *seeds, files.cache_dir()):
        files.sweep(place)
    _keep_edited(folder, clock)
    if not fresh and _goes_on(folder, of):
        for name in files.WRITTEN:
            (folder / name).unlink(missing_ok=True)
        return sorted(files.written(folder))
    # first: a command that is stopped from here on leaves no run that is done or could go on
    if (folder / "result.json").exists():
        if (folder / "previous.json").exists():
            os.replace(folder / "previous.json", files.free(folder / "previous.json"))
        os.replace(folder / "result.json", folder / "previous.json")
    kept, place = files.clear(folder, aside=not fresh)
    if place is not None:
        clock.say(f"  {clock.name}: what another run wrote there is set aside in {place}")
    return kept


def _keep_edited(folder: Path, clock: "_Clock") -> None:
    """Give an executed notebook that a person has worked in since another name, under which no run
    will touch it.
    """
    path, made = folder / "executed.ipynb", files.book(folder / "status.json").get("executed")
    if path.is_file() and not path.is_symlink() and made != _digest(path):
        place = files.free(folder / "executed-edited.ipynb")
        os.replace(path, place)
        # a run that was killed could not note what it had written
        who = "somebody has" if isinstance(made, str) else "somebody may have"
        said = f"{who} worked in executed.ipynb, which is now {place.name}"
        clock.say(f"  {clock.name}: {said}")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _goes_on(folder: Path, of: Mapping[str, Any]) -> bool:
    """Whether a run that has ended before its record was of this notebook, these parameters and
    this version: its checkpoints serve.
    """
    if (folder / "result.json").exists():
        return False
    status = files.book(folder / "status.json")
    same = all(status.get(k) == of[k] for k in ("notebook", "source_hash", "version"))
    before, now = status.get("parameters"), json.loads(json.dumps(of["parameters"]))
    if not same or not isinstance(before, dict) or status.get("status") == "ok":
        return False
    return {**before, "out": None} == {**now, "out": None}  # a folder may have been moved


class _Clock:
    """Gives each cell its time, knows which cell runs, and says so every now and then."""

    def __init__(
        self,
        limit: float,
        cell_timeout: float | None,
        heartbeat: float,
        name: str,
        say: Callable[[str], None],
    ):
        self.begun, self.limit, self.cell_timeout, self.heartbeat = (
            time.monotonic(),
            limit,
            cell_timeout,
            heartbeat,
        )
        self.name, self.say, self.cell, self.cells, self.stop = name, say, 0, 0, threading.Event()
        self.deadline = math.inf  # of the cell that runs

    def __call__(self, _cell) -> float:
        """Nbclient asks before each cell: how many seconds may it take?"""
        self.cell += 1
        left = max(self.limit - (time.monotonic() - self.begun), 1.0)
        seconds = min(left, self.cell_timeout or left)
        self.deadline = time.monotonic() + seconds
        return seconds

    def over(self) -> bool:
        """Whether the cell that ran last had no time left."""
        return time.monotonic() >= self.deadline

    def where(self) -> str:
        return f"cell {self.cell} of {self.cells}"

    def timeout(self) -> Outcome:
        spent = time.monotonic() - self.begun
        what = (
            f"the run took longer than {self.limit:g} s"
            if spent >= self.limit
            else f"a cell took longer than {self.cell_timeout:g} s"
        )
        return Outcome(
            "timeout",
            f"{what} ({self.where()}): allow more with --limit or --cell-timeout, or do less with --profile smoke",
        )

    def beat(self) -> None:
        while not self.stop.wait(self.heartbeat):
            self.say(f"  {self.name}: {self.where()}, {time.monotonic() - self.begun:.0f} s")


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {k: os.environ.get(k) for k in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for k, v in before.items():
            os.environ.pop(k) if v is None else os.environ.update({k: v})


@contextmanager
def _errors_into(log) -> Iterator[None]:
    """The kernel inherits our standard error: what it grumbles at shutdown belongs into the log, not between our lines."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        os.dup2(log.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def sockets() -> Iterator[dict[str, str]]:
    """What a KernelManager is to be told: sockets instead of ports, where they are to be had. No
    races, and nobody listens in.

    Left alone they would lie in the working folder, under the same names for every run.
    """
    with ExitStack() as stack:
        where = {}
        if os.name == "posix":
            with suppress(OSError):  # no place for a socket: then ports of this machine
                folder = stack.enter_context(files.scratch(len("k-99")))
                where = {"transport": "ipc", "ip": f"{folder}/k"}
        yield where


def _execute(path: Path, values: dict[str, Any], folder: Path, clock: _Clock) -> Outcome:
    """Run all cells; what papermill says of them is used only where it raises."""
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from traitlets.config import Config

    clock.cells = sum(
        c["cell_type"] == "code" for c in json.loads(path.read_text(encoding="utf-8"))["cells"]
    )
    clock.cells += bool(values)  # papermill adds a cell of its own
    source, target = (
        str(p).replace("{", "{{").replace("}", "}}") for p in (path, folder / "executed.ipynb")
    )
    environment = {
        "MPLBACKEND": "Agg",
        "GANTUTOR_NOTEBOOK": str(path),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        **KEEP_FREED,
    }
    environment["GANTUTOR_RUN"] = str(folder)
    threading.Thread(target=clock.beat, daemon=True).start()
    try:
        with ExitStack() as stack:
            stack.enter_context(_environment(**environment))
            log = stack.enter_context(open(folder / "run.log", "w", encoding="utf-8"))
            stack.enter_context(_errors_into(log))
            config = Config({"KernelManager": stack.enter_context(sockets())})
            papermill.execute_notebook(
                source,
                target,
                parameters=values,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                stdout_file=log,
                stderr_file=log,
                config=config,
                timeout_func=clock,
                interrupt_on_timeout=True,
                extra_arguments=["--IPKernelApp.extra_extensions=gantutor.reproduce.watch"],
            )
    except papermill.PapermillExecutionError as error:
        return _raised(error, clock)
    except CellTimeoutError:
        return clock.timeout()
    except DeadKernelError:
        remedy = "was it out of memory? Try a smaller batch or fewer seeds"
        return Outcome(
            "kernel_died",
            f"the kernel died in {clock.where()}: {remedy}; its last words are in {folder / 'run.log'}",
        )
    except KeyboardInterrupt:
        return Outcome("interrupted", f"stopped in {clock.where()}: the same command goes on")
    except Exception as error:  # papermill, nbclient and the file system have many ways to fail
        return Outcome("error", f"{type(error).__name__}: {_line(error)}")
    finally:
        clock.stop.set()
    return Outcome("ok")


def _raised(error, clock: _Clock) -> Outcome:
    """What an exception in a cell means for the run."""
    lost = (
        error.ename == "CellExecutionError"
    )  # papermill's word for a cell whose error never arrived, as on a machine that is too busy
    if error.ename == "KeyboardInterrupt" or (
        lost and clock.over()
    ):  # nbclient interrupts a cell that is out of time
        return clock.timeout()
    if lost:
        return Outcome(
            "error",
            f"{clock.where()} failed, and its error message was lost on the way: run it again, or see run.log",
        )
    if error.ename == "Diverged":
        step = re.search(r"step (\d+)", error.evalue)
        return Outcome("diverged", _line(error.evalue), step=int(step[1]) if step else None)
    # sentences of ours, complete by themselves
    if error.ename in ("DataError", "WeightsError", "BadParameters", "NotOurs"):
        return Outcome("error", _line(error.evalue))
    return Outcome("error", f"{clock.where()} raised {error.ename}: {_line(error.evalue)}")


def _line(text: object) -> str:
    """The first line that says something."""
    return next((line.strip() for line in str(text).splitlines() if line.strip()), "no message")


def _ended(
    folder: Path, name: str, values: dict[str, Any], outcome: Outcome, source: str | None = None
) -> Outcome:
    """Write how it ended into the folder, with the list of what the run made there."""
    if folder.is_dir():
        status = {
            **asdict(outcome),
            "notebook": name,
            "parameters": values,
            "version": gantutor.__version__,
        }
        # the outcome itself still reaches the caller
        with suppress(OSError, TypeError, ValueError):
            status |= {"source_hash": source, "files": sorted(files.written(folder))}
            if "executed.ipynb" in status["files"]:
                status["executed"] = _digest(folder / "executed.ipynb")
            write_json(folder / "status.json", status)
            (folder / ".written").unlink(missing_ok=True)
    return outcome


def follow(parent: int, every: float = 0.5) -> None:
    """End this process, as Ctrl-C would, when `parent` is gone: a run must not outlive the worker that would report it."""

    def watch():
        while os.getppid() == parent:
            time.sleep(every)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(20)
        os._exit(1)  # whatever holds it; its kernel ends with it

    threading.Thread(target=watch, daemon=True).start()


def _stop(number: int, frame) -> None:
    """A stop from outside ends like Ctrl-C, so that the kernel is shut down; once is enough."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """`python -m gantutor.reproduce.run NOTEBOOK OUT JSON`: what the grid starts for each run.

    Talks on standard error; the outcome, as JSON, is all that comes on standard output: it needs no disk.
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
    # workers hold Ctrl-C back, and a kernel is interrupted by it
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGTERM, _stop)
    if a.parent:
        follow(a.parent)
    # where JupyterLab is installed, jsonschema would import this one and so build a grammar of web addresses: two seconds a run
    sys.modules.setdefault("rfc3987_syntax", None)
    talk = open(
        os.dup(2), "w", encoding="utf-8"
    )  # while cells run, standard error itself goes to the log

    def say(line: str) -> None:
        with suppress(OSError):  # on a full disk the talk is lost, not the run
            print(line, file=talk, flush=True)

    try:
        outcome = run_one(
            a.notebook,
            json.loads(a.parameters),
            a.out,
            a.cell_timeout,
            a.limit,
            say=say,
            fresh=a.fresh,
        )
    except KeyboardInterrupt:  # while it began or ended
        outcome = Outcome("interrupted", "stopped: the same command goes on")
    print(json.dumps(asdict(outcome)), flush=True)
    return EXIT.get(outcome.status, 1)


if __name__ == "__main__":
    sys.exit(main())
