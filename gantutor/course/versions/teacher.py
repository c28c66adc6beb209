"""Notes for the teacher, as Markdown."""

import inspect
import json
import statistics
import textwrap
from collections.abc import Iterator
from pathlib import Path

import gantutor
from gantutor.course.config import PROFILE_NAMES, BadParameters
from gantutor.course.exercises import Exercise
from gantutor.course.lessons import LESSONS


def expected(n: int, exercise: Exercise) -> str:
    """Exercise number n: points, minutes, the reference, and the mistakes with their hints."""
    points = f"{exercise.points} point{'s' * (exercise.points > 1)}"
    about = f"`{exercise.name}` · {points} · about {exercise.minutes} minutes"
    lines = [f"**For the teacher: exercise {n}**, {about}", ""]
    if exercise.is_function:
        lines += [
            "**Expected**: what the cell above holds, in any form, to "
            f"{exercise.tolerance:g} of the largest number{_gradients(exercise)}. It is compared "
            "with",
            "",
            f"```python\n{_source(exercise.reference)}\n```",
        ]
    else:
        lines += ["**Expected**", "", f"`{exercise.reference!r}`"]
    hints = [(s.key, s.hint) for s in (*exercise.symptoms, *exercise.properties)]
    if hints:
        lines += ["", "| what a student did | what the check says |", "|---|---|"]
        lines += [f"| {_cell(key)} | {_cell(hint)} |" for key, hint in hints]
    if exercise.forbidden:
        lines += ["", f"Not to be called: {', '.join(f'`{name}`' for name in exercise.forbidden)}."]
    return "\n".join(lines)


def _gradients(exercise: Exercise) -> str:
    """Which gradients are compared, too."""
    names = [f"`{exercise.args(i)}`" for i in exercise.gradients]
    return f", with its gradient in {', '.join(names)}" if names else ""


def _source(function) -> str:
    """The source of a reference, or its name where there is none."""
    try:
        return textwrap.dedent(inspect.getsource(function)).strip()
    except (OSError, TypeError):
        return f"# {getattr(function, '__name__', function)}, of gantutor.course.exercises"


def _cell(text: str) -> str:
    """Text in a cell of a Markdown table."""
    return " ".join(text.replace("|", "\\|").split())


def minutes(stem: str, exercises: list[Exercise]) -> str:
    """Promised and measured minutes by profile, as a table; "" for a notebook of your own."""
    if stem not in LESSONS:
        return ""
    promised, measured = LESSONS[stem].minutes, measured_minutes(stem)
    rows = [f"| {p} | {promised[p]:g} | {measured.get(p, 'not measured')} |" for p in PROFILE_NAMES]
    said = "Measured: the runs of `data/records`."
    if exercises:
        work, points = sum(e.minutes for e in exercises), sum(e.points for e in exercises)
        said += f" The exercises take about {work} minutes and give {points} points."
    return "\n".join(
        [
            "**For the teacher: minutes of one run** with the profile's own parameters and seeds.",
            "",
            "| profile | promised | measured |",
            "|---|---|---|",
            *rows,
            "",
            said,
        ]
    )


def measured_minutes(stem: str) -> dict[str, str]:
    """By profile: the median minutes of the recorded runs with the profile's own parameters.

    Each comes with the machine that it was measured on.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for run in _recorded():
        if run["notebook"] != stem or run["status"] != "ok" or not _plain(stem, run["parameters"]):
            continue
        machine = run["hardware"]["gpu"] or f"{run['hardware']['cores']} cores"
        profile = found.setdefault(run["parameters"]["profile"], {})
        profile.setdefault(machine, []).append(run["wall_s"] / 60)
    return {
        profile: "; ".join(f"{statistics.median(m):.1f} ({where})" for where, m in machines.items())
        for profile, machines in found.items()
    }


def _recorded() -> Iterator[dict]:
    """The conditions of all runs that are kept in data/records."""
    folder = Path(gantutor.__file__).resolve().parent.parent / "data" / "records"
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, list):  # a grid's conditions are an object
            yield from found


def _plain(stem: str, parameters: dict) -> bool:
    """Whether a run had the profile's own parameters."""
    try:
        return LESSONS[stem].config(**parameters).plain
    except BadParameters:  # of an earlier version
        return False
