"""README, ARCHITECTURE.md and docs/: examples run, links and commands exist, lines are short."""

import ast
import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from gantutor.cli import app
from gantutor.course.lessons import LESSONS, find_notebook
from gantutor.reproduce.notebook import check_parameters, typed
from gantutor.reproduce.targets import choose

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
# docs/status.md is generated
PAGES = [
    README,
    ROOT / "ARCHITECTURE.md",
    ROOT / "docs/teaching.md",
    ROOT / "docs/reproducing.md",
    ROOT / "data/papers/README.md",
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
NUMBER = re.compile(r"\d+\.\d+")

every_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in this language, "" for those without one."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [code for name, code in found if name == language]


# -- examples -------------------------------------------------------------------------------------
def test_readme_is_short():
    besides = len(README.read_text(encoding="utf-8").splitlines()) - len(LESSONS)
    assert besides <= 97


@pytest.mark.parametrize("code", blocks(README, "python"), ids=["recipe", "your_own_gan"])
def test_readmes_examples_run_and_print_what_they_claim(code):
    """What an example prints follows it in lines that begin with "# ".

    Training magnifies rounding, which differs between machines: numbers with a decimal point agree
    to 0.1 and a tenth of their size.
    """
    claimed = [line[2:] for line in code.splitlines() if line.startswith("# ")]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "README.md", "exec"), {})
    printed = out.getvalue().splitlines()
    assert [NUMBER.sub("x", line) for line in printed] == [NUMBER.sub("x", x) for x in claimed]
    for ours, theirs in zip(printed, claimed, strict=True):
        numbers = (list(map(float, NUMBER.findall(line))) for line in (ours, theirs))
        for number, expected in zip(*numbers, strict=True):
            assert abs(number - expected) <= 0.1001 + 0.1 * expected, f"{ours}, claimed: {theirs}"


# -- links ----------------------------------------------------------------------------------------
def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


@every_page
def test_links_lead_somewhere(page):
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@every_page
def test_the_names_of_a_link_to_code_are_in_that_file(page):
    """A link such as [`adaptive_mix`](gantutor/methods/adaptivemix.py) names what is there."""
    text = page.read_text(encoding="utf-8")
    for words, link in re.findall(r"\[([^\]]+)\]\(([^)\s]+\.py)\)", text):
        code = (page.parent / link).read_text(encoding="utf-8")
        for name in re.findall(r"`([^`]+)`", words):
            if name.endswith(".py"):
                assert link.endswith(name), link
                continue
            last = name.rpartition(".")[2]
            known = re.search(rf"^ *(def|class) {last}\b|^{last}\b.* = ", code, re.M)
            assert known, f"{name} is not defined in {link}"


# -- commands -------------------------------------------------------------------------------------
def commands(page: Path, program: str) -> list[list[str]]:
    """The commands in a page's code blocks that call a program, as their arguments."""
    lines = [x for code in blocks(page, "") for x in code.replace("\\\n", " ").splitlines()]
    split = (shlex.split(line, comments=True) for line in lines if program in line)
    return [words[1:] for words in split if words and words[0].endswith(program)]


def parsed(arguments: list[str]) -> tuple[list[str], dict]:
    """The names of a command of `gantutor` and what its arguments mean; it is not run."""
    command, path = typer.main.get_command(app), []
    context = command.make_context("gantutor", list(arguments))
    while hasattr(command, "resolve_command"):
        name, command, arguments = command.resolve_command(context, arguments)
        path.append(name)
        context = command.make_context(name, list(arguments), parent=context)
    return path, context.params


@every_page
def test_commands_have_names_options_and_parameters_that_exist(page):
    for arguments in commands(page, "gantutor"):
        path, given = parsed(arguments)
        if path == ["run"]:
            notebook = find_notebook(given["notebook"])
            texts = dict(text.split("=", 1) for text in given["parameter"] or [])
            check_parameters(
                notebook, {**typed(notebook, texts), "profile": given["profile"] or "class"}
            )
        if path == ["reproduce"]:
            assert choose(given["target"] or [])


@every_page
def test_make_has_the_targets_that_are_named(page):
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
    text = page.read_text(encoding="utf-8")
    inline = [shlex.split(words)[1:] for words in re.findall(r"`(make [^`]+)`", text)]
    for arguments in commands(page, "make") + inline:
        assert {word for word in arguments if "=" not in word} <= set(phony), arguments


# -- sizes ----------------------------------------------------------------------------------------
@every_page
def test_lines_fit_into_100_columns(page):
    """Rows of tables, pictures and the status that `make readme` writes have one line each."""
    text = re.sub(r"<!-- class: .*?<!-- end of class -->", "", page.read_text("utf-8"), flags=re.S)
    long = [x for x in text.splitlines() if len(x) > 100 and not x.startswith(("|", "!["))]
    assert not long


def test_architecture_gives_a_reason_for_every_class_above_150_lines():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.split("## Classes above 150 lines, and why\n")[1].split("\n## ")[0]
    large = set()
    for folder in ("gantutor", "tests", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and node.end_lineno - node.lineno >= 150:
                    large.add((node.name, path.name))
    assert large == set(re.findall(r"^- `(\w+)` in `([\w.]+)`", section, re.M))
