"""`gantutor build`: versions of the notebooks, and the static site."""

from pathlib import Path
from typing import Annotated

import typer

from gantutor.cli.base import fail, not_empty


def build(
    notebook: Annotated[
        list[str] | None,
        typer.Argument(help="stems, numbers or paths, as for `run`; default: the whole course"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="output folder; default: build, or site with --site",
            **not_empty("--out", Path),
        ),
    ] = None,
    student: Annotated[
        bool, typer.Option("--student", help="the version with exercises to solve")
    ] = False,
    solution: Annotated[
        bool, typer.Option("--solution", help="the version with solved exercises")
    ] = False,
    instructor: Annotated[
        bool,
        typer.Option(
            "--instructor", help="solved, with the expected answers, common mistakes and minutes"
        ),
    ] = False,
    clean: Annotated[
        bool, typer.Option("--clean", help="only headings and code, for revising a lesson")
    ] = False,
    site: Annotated[
        bool,
        typer.Option("--site", help="build a static site of the executed notebooks instead"),
    ] = False,
    profile: Annotated[str, typer.Option(help="with --site: the profile of its runs")] = "class",
    runs: Annotated[
        Path,
        typer.Option(
            help="with --site: the folder of the runs; notebooks without one are run first"
        ),
    ] = Path("runs"),
) -> None:
    """Build versions of notebooks, or a site.

    Without an option for a version, all four are built. The site is static, for reading the
    course without installing it.
    """
    from gantutor.course import versions
    from gantutor.course.lessons import find_notebook

    asked = {"student": student, "solution": solution, "instructor": instructor, "clean": clean}
    chosen = [name for name, wanted in asked.items() if wanted]
    out, failed = out or Path("site" if site else "build"), ""
    try:
        if site and chosen:
            raise ValueError(f"--site and --{chosen[0]} exclude each other: use two commands")
        sources = [find_notebook(name) for name in notebook] if notebook else versions.course()
        if site:
            failed = _site(sources, out, profile, runs)
        else:
            built = versions.build(sources, out, chosen or list(asked))
            for version, files in built.items():
                s = "s" * (len(files) > 1)
                print(f"{version:10s} {len(files)} notebook{s} in {out / version}")
    except ValueError as error:
        fail(error)
    except ModuleNotFoundError as error:
        package = (error.name or "a package").split(".")[0]
        fail(f"{package} is not installed: pip install 'gantutor[site]'")
    except OSError as error:
        if error.errno is None:  # our own message: there is no notebook of that name
            fail(error)
        what = f"{error.filename or out} cannot be written ({error.strerror})"
        fail(f"{what}: choose another folder with --out")
    if failed:
        fail(failed, 1)
    if site:
        print(f"site: {out / 'index.html'}")


def _site(sources: list[Path], out: Path, profile: str, runs: Path) -> str:
    """Build the site; returns which notebooks failed, as a sentence, or ""."""
    from gantutor.reproduce.notebook import writable
    from gantutor.reproduce.site import pages

    # before notebooks run for minutes, not after
    pages.check_place(out, sources)
    writable(out)
    return pages.build(sources, out, profile, runs, lambda line: print(line, flush=True))
