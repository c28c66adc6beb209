"""For tests of a run's folder: a notebook that trains, and what its runs leave."""

import json
from pathlib import Path

from gantutor import files
from gantutor.reproduce.outcome import Outcome
from gantutor.reproduce.run import run_one

# trains as notebook 10 does: continues from a checkpoint if there is one, and writes a history, a
# grid of images and files of its own
TRAINS = """
from pathlib import Path
home = Path(cfg.out) / "seed0"
(home / "grids").mkdir(parents=True, exist_ok=True)
begun = int((home / "checkpoint.pt").read_text()) if (home / "checkpoint.pt").exists() else 0
for step in range(begun, cfg.steps):
    with open(home / "history.jsonl", "a") as file:
        file.write(f'{{"step": {step}}}\\n')
(home / "checkpoint.pt").write_text(str(max(begun, cfg.steps)))
(home / "grids" / "0000003.png").write_bytes(b"a picture")
(Path(cfg.out) / "own" / "deep").mkdir(parents=True, exist_ok=True)
(Path(cfg.out) / "own" / "deep" / "values.npy").write_bytes(b"numbers")
record.note("begun", begun).note("trained", max(begun, cfg.steps))
"""
STOPS = "import os\nif os.environ.get('STOPS'): raise ValueError('stopped here')"


def run(notebook: Path, out: Path, fresh: bool = False, **parameters) -> tuple[Outcome, list[str]]:
    """Run a notebook, which must succeed: the outcome, and the lines that the runner printed."""
    said = []
    outcome = run_one(notebook, parameters, out, say=said.append, fresh=fresh)
    assert outcome.status == "ok", outcome.message
    return outcome, said


def tree(folder: Path) -> dict[str, str]:
    """The files below a folder with their text, without the books of its runs."""
    paths = (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink())
    mine = [p for p in paths if p.name not in (*files.BOOKS, *files.WRITTEN)]
    return {p.relative_to(folder).as_posix(): p.read_text(errors="replace") for p in mine}


def left_by_a_run(folder: Path, notebook: str = "tiny", **status) -> Path:
    """A folder as a run of a notebook that failed leaves it."""
    folder.mkdir(parents=True)
    (folder / "status.json").write_text(
        json.dumps({"status": "error", "notebook": notebook, **status}),
    )
    return folder
