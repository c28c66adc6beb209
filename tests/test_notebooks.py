"""Every notebook of the course: style, parameters, a smoke run, and what its cells print."""

import ast
import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import get_args

import nbformat
import pytest

from gantutor.course.config import PROFILE_NAMES
from gantutor.course.lessons import LESSONS
from gantutor.course.records import read
from gantutor.reproduce.notebook import parameters_cell
from gantutor.reproduce.run import run_one
from gantutor.reproduce.targets import expected

FOLDER = Path(__file__).parent.parent / "notebooks"
PRINTED = Path(__file__).parent / "expected"
STEMS = sorted(LESSONS)


def notebook(stem: str):
    return nbformat.read(FOLDER / f"{stem}.ipynb", as_version=4)


def cells(stem: str, kind: str):
    return [c for c in notebook(stem).cells if c.cell_type == kind]


def lines(cell) -> list[str]:
    return [line for line in cell.source.splitlines() if line.strip()]


def tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def figures(cell) -> bool:
    return bool(re.search(r"record\.figure\(|Explore\(", cell.source))


def test_the_course_is_complete():
    assert sorted(p.stem for p in FOLDER.glob("*.ipynb")) == STEMS


@pytest.mark.parametrize("stem", STEMS)
class TestStyle:
    def test_sources_are_committed_without_outputs(self, stem):
        nbformat.validate(notebook(stem))
        assert all(not c.outputs and c.execution_count is None for c in cells(stem, "code"))
        text = (FOLDER / f"{stem}.ipynb").read_text(encoding="utf-8")
        assert not re.search(r"/(work|home|root|tmp|Users)/|[A-Z]:\\\\", text), (
            "a path of somebody's machine"
        )

    def test_cells_are_short(self, stem):
        for c in cells(stem, "code"):
            if "parameters" in tags(c):  # as long as its Config
                continue
            limit = 35 if "long" in tags(c) else 25
            assert len(lines(c)) <= limit, f"{c.id}: {len(lines(c))} lines"
        assert sum("long" in tags(c) for c in cells(stem, "code")) <= 1

    def test_lines_of_prose_fit_the_width_of_code(self, stem):
        for c in cells(stem, "markdown"):
            text = re.sub(r"\$\$.*?\$\$", "", c.source, flags=re.S)  # a formula is one line
            for line in text.split("\n"):
                if not line.lstrip().startswith(("|", "<details>", "$")):
                    assert len(line) <= 100, f"{c.id}: {line}"

    def test_there_are_at_least_four_words_for_each_line_of_code(self, stem):
        words = sum(len(re.findall(r"\w+", c.source)) for c in cells(stem, "markdown"))
        code = sum(len(lines(c)) for c in cells(stem, "code"))
        assert words >= 4 * code, f"{words} words for {code} lines"

    def test_headings_are_short_and_the_first_is_the_title(self, stem):
        headings = [
            line
            for c in cells(stem, "markdown")
            for line in c.source.splitlines()
            if line.startswith("#")
        ]
        assert headings[0].startswith(f"# {stem[:2]} · ")
        assert all(len(h.lstrip("# ")) <= 70 for h in headings), [
            h for h in headings if len(h.lstrip("# ")) > 70
        ]

    def test_a_cell_ends_in_a_value_a_figure_or_a_definition(self, stem):
        for c in cells(stem, "code"):
            is_answer = c.metadata.get("nbgrader", {}).get("solution")  # it may ask for a value
            if "parameters" in tags(c) or is_answer:
                continue
            last = ast.parse(c.source).body[-1]
            assert isinstance(
                last, ast.Expr | ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
            ), f"{c.id} ends in {ast.unparse(last)[:60]!r}"

    def test_words_about_a_figure_follow_it(self, stem):
        all_cells = notebook(stem).cells
        for c, after in pairwise(all_cells):
            if c.cell_type == "code" and figures(c):
                assert after.cell_type == "markdown", f"no words after the figure of {c.id}"
                assert not after.source.startswith("#"), f"a new section after {c.id}"

    def test_no_pyplot_no_magic_and_no_way_around_the_formatter(self, stem):
        code = "\n".join(c.source for c in cells(stem, "code"))
        assert "pyplot" not in code and not re.search(r"^\s*[%!]", code, re.M)
        assert not re.search(r"fmt: *(skip|off)", code)

    def test_the_parameters_cell_is_the_config(self, stem):
        config = LESSONS[stem].config
        literals = parameters_cell(FOLDER / f"{stem}.ipynb")
        assert literals == {k: f.default for k, f in config.model_fields.items()}
        fields = config.model_fields.items()
        free = {k for k, f in fields if type(None) in get_args(f.annotation)}  # None has a meaning
        for profile in PROFILE_NAMES:  # final values: no profile leaves anything open
            final = config(profile=profile).parameters()
            assert all(v is not None for k, v in final.items() if k not in free), final

    def test_what_its_targets_read_is_written(self, stem):
        metrics = {metric for _, metric in expected(stem)}
        code = "\n".join(c.source for c in cells(stem, "code"))
        assert "record.save()" in code
        assert not metrics or "record.add(" in code


@pytest.mark.parametrize("stem", STEMS)
def test_smoke_profile_by_papermill(stem, tmp_path, record_property):
    outcome = run_one(stem, {"profile": "smoke"}, tmp_path, limit=300, say=lambda line: None)
    for name, value in (("notebook", stem), ("profile", "smoke"), ("minutes", outcome.wall_s / 60)):
        record_property(name, value)  # conftest.py prints them beside the promise
    assert outcome.status == "ok", outcome.message
    result = read(tmp_path)
    assert result["rows"] and result["figures"]
    assert all(
        (tmp_path / f["file"]).stat().st_size > 2000 and len(f["caption"].split()) >= 6
        for f in result["figures"]
    )
    written = {(row["variant"], row["metric"]) for row in result["rows"]}
    needed = expected(stem)
    if stem in ("05_images", "10_full_run"):  # one run is one method
        needed = {(v, m) for v, m in needed if v == result["parameters"].get("method")}
    assert needed <= written, needed - written
    executed = nbformat.read(tmp_path / "executed.ipynb", as_version=4)
    texts = json.loads((PRINTED / f"{stem}.json").read_text(encoding="utf-8"))
    for c in executed.cells:
        if c.id in texts:
            shown = "".join(
                o.get("text") or o.get("data", {}).get("text/plain", "") for o in c.outputs
            )
            assert shown.strip() == texts[c.id].strip(), c.id
    assert re.search(
        r"[\d.]+ minutes since this record was opened; promised for profile smoke: [\d.]+",
        executed.cells[-1].outputs[0].text,
    )
    printed = [
        o
        for c in executed.cells
        if c.cell_type == "code"
        for o in c.outputs
        if o.output_type == "stream" and o.name == "stderr"
    ]
    assert not printed, "".join(o.text for o in printed)[:500]


def with_expectations(nb, texts: dict[str, str]):
    """The notebook as nbval wants it: tagged cells hold the text that they must print."""
    for c in nb.cells:
        if "parameters" in c.get("metadata", {}).get("tags", []):
            c.source = c.source.replace('profile = "class"', 'profile = "smoke"')
            assert '"smoke"' in c.source
    for name, text in texts.items():
        cell = next(c for c in nb.cells if c.id == name)
        assert "nbval-check-output" in cell.metadata.tags
        last = ast.parse(cell.source).body[-1]
        shows_value = isinstance(last, ast.Expr) and not ast.unparse(last).startswith("print(")
        cell.execution_count = 1
        cell.outputs = [
            nbformat.v4.new_output("execute_result", {"text/plain": text}, execution_count=1)
            if shows_value
            else nbformat.v4.new_output("stream", name="stdout", text=text)
        ]
    return nb


def nbval(nb, folder: Path) -> subprocess.CompletedProcess:
    nbformat.write(nb, folder / "checked.ipynb")
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "--nbval-lax",
            "--nbval-current-env",
            "--nbval-cell-timeout",
            "300",
            "--nbval-kernel-startup-timeout",
            "120",
            "-q",
            "-W",
            "ignore",
            "--rootdir",
            str(folder),
            "-c",
            os.devnull,
            "checked.ipynb",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "MPLBACKEND": "Agg"},
        timeout=600,
    )


# half a minute each, and what they print was compared above
@pytest.mark.parametrize(
    "stem", [pytest.param(s, marks=pytest.mark.slow) if s >= "01" else s for s in STEMS]
)
def test_what_it_prints_by_nbval(stem, tmp_path):
    texts = json.loads((PRINTED / f"{stem}.json").read_text(encoding="utf-8"))
    tagged = {c.id for c in cells(stem, "code") if "nbval-check-output" in tags(c)}
    assert tagged == set(texts) and tagged, (
        "each tagged cell has its text in tests/expected, and each notebook some"
    )
    done = nbval(with_expectations(notebook(stem), texts), tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]


def test_nbval_would_notice_another_text(tmp_path):
    nb = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(
                "print(6 * 7)", id="a", metadata={"tags": ["nbval-check-output"]}
            )
        ]
    )
    assert nbval(with_expectations(nb, {"a": "42\n"}), tmp_path).returncode == 0
    assert nbval(with_expectations(nb, {"a": "43\n"}), tmp_path).returncode == 1


# -- sets of one class ------------------------------------------------------------------------
JUDGED = (
    "05_images",
    "06_measuring",
    "07_adaptivemix_images",
    "08_kdd_images",
    "09_advlat_images",
    "14_together",
)


@pytest.mark.parametrize("stem", JUDGED)
def test_no_code_types_the_name_of_the_features(stem):
    code = "\n".join(c.source for c in cells(stem, "code"))
    assert not re.findall(r"""["'\[. ]\w+_small\b""", code), "a set of one class has other features"


def test_the_features_are_ready_before_the_training():
    for stem in JUDGED:
        code = "\n".join(c.source for c in cells(stem, "code") if "import" not in c.source)
        first = min(code.find(word) for word in ("small_cnn(", "inception.small(") if word in code)
        training = [at for word in ("in train(", "trained(thin") if (at := code.find(word)) >= 0]
        assert all(first < at for at in training), stem


@pytest.mark.slow
@pytest.mark.parametrize("stem", JUDGED)
def test_a_set_of_one_class_runs_under_names_of_its_own(stem, tmp_path):
    from PIL import Image

    from gantutor.images import open_images

    folder = tmp_path / "pictures" / "digits"
    folder.mkdir(parents=True)
    for i, picture in enumerate(open_images("digits", size=32, limit=300).bytes()[:, 0].numpy()):
        Image.fromarray(picture).convert("RGB").save(folder / f"{i}.png")
    parameters = {"profile": "smoke", "dataset": "folder", "path": str(folder.parent)}
    parameters |= {"reference": "train"} if stem == "06_measuring" else {}
    outcome = run_one(stem, parameters, tmp_path / "run", limit=300, say=lambda line: None)
    assert outcome.status == "ok", outcome.message
    found = {row["metric"] for row in read(tmp_path / "run")["rows"]}
    assert "kd_rotations" in found and not any(name.endswith("_small") for name in found)
    assert not found & {
        "coverage",
        "density",
        "recognised",
        "certainty",
        "kd_mean",
        "kd_sd",
        "kd_min",
    }
