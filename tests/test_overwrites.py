"""Commands overwrite only what earlier commands wrote; other files of that name stay."""

import json

import nbformat
import pandas as pd
import pytest
from made_up_site import executed, make_up, png
from tiny import write
from typer.testing import CliRunner

from gantutor.cli import app
from gantutor.course import versions
from gantutor.course.grader import grade
from gantutor.course.lessons import PlaneConfig
from gantutor.course.records import Record
from gantutor.datasets import download
from gantutor.files import NotOurs
from gantutor.journal import Journal
from gantutor.reproduce import records
from gantutor.reproduce.site import pages as site


def gantutor(*arguments):
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize("name", ["report.html", "report.csv"])
def test_a_report_that_somebody_else_wrote_stays(tmp_path, name):
    Record(PlaneConfig(out=str(tmp_path / "runs" / "a"), seeds=1), "01_plane").add(
        "loss", 1.0
    ).save()
    (tmp_path / name).write_text("<title>My thesis</title>")
    done = gantutor("report", "--out", tmp_path)
    assert done.exit_code == 1
    said = f"gantutor: {tmp_path / name} was not written by gantutor: "
    assert done.stderr == f"{said}move it away, or choose another place\n"
    assert (tmp_path / name).read_text() == "<title>My thesis</title>"
    assert len(list(tmp_path.glob("report.*"))) == 1
    (tmp_path / name).unlink()
    for _ in range(2):  # its own are replaced
        assert gantutor("report", "--out", tmp_path).exit_code == 0


def test_an_export_replaces_no_other_table(tmp_path):
    Record(PlaneConfig(out=str(tmp_path / "runs" / "a"), seeds=1), "01_plane").add(
        "loss", 1.0
    ).save()
    for _ in range(2):
        records.export(tmp_path / "runs", tmp_path / "ours.csv")
    (tmp_path / "values.csv").write_text("day,temperature\n1,20\n")
    done = gantutor("report", "--out", tmp_path / "runs", "--export", tmp_path / "values.csv")
    assert done.exit_code == 2 and "values.csv was not written by gantutor" in done.stderr
    assert (tmp_path / "values.csv").read_text().startswith("day,")
    pytest.importorskip(
        "pyarrow",
        reason="pyarrow is not installed: pip install 'gantutor[parquet]'",
    )
    for _ in range(2):
        records.export(tmp_path / "runs", tmp_path / "ours.parquet")
    pd.DataFrame({"day": [1]}).to_parquet(tmp_path / "values.parquet")
    (tmp_path / "text.parquet").write_text("text")
    for name in ("values.parquet", "text.parquet"):
        with pytest.raises(NotOurs, match=f"{name} was not written by gantutor"):
            records.export(tmp_path / "runs", tmp_path / name)


def test_marks_replace_no_other_table(tmp_path):
    write(tmp_path / "in", "1")
    (tmp_path / "marks.csv").write_text("name,mark\nAda,1\n")
    done = gantutor("check", tmp_path / "in", "--out", tmp_path / "marks.csv")
    assert done.exit_code == 2
    assert "marks.csv was not written by gantutor" in done.stderr
    assert (tmp_path / "marks.csv").read_text().startswith("name,")
    for _ in range(2):
        grade.write_marks(tmp_path / "ours.csv", [])


def test_a_site_is_not_built_among_other_files_or_over_other_pages(tmp_path):
    place, (source,) = tmp_path / "place", versions.course()[1:2]
    place.mkdir()
    (place / "thesis.tex").write_text("mine")
    done = gantutor(
        "build",
        source,
        "--site",
        "--profile",
        "smoke",
        "--out",
        place,
        "--runs",
        tmp_path / "none",
    )
    assert done.exit_code == 2
    assert "place holds 'thesis.tex' and no site of gantutor" in done.stderr
    assert not (tmp_path / "none").exists()
    for name in ("index.html", "01_plane.html", "style.css"):
        other = tmp_path / f"of {name}"
        other.mkdir()
        (other / name).write_text("mine")
        with pytest.raises(NotOurs, match=f"{name} was not written by gantutor"):
            site.check_place(other, [source])
    made = make_up(tmp_path / "made", ("01_plane",))
    (made / "notes.txt").write_text("mine")
    site.check_place(made, [source])  # ours, with somebody's file next to it
    assert site.STYLE_MARK in (make_up(tmp_path / "again", ("01_plane",)) / "style.css").read_text()


def test_a_damaged_picture_of_a_run_is_replaced_by_the_notebook_s_own(tmp_path):
    (source,) = versions.course()[1:2]
    executed(source, tmp_path / "runs" / "a")
    for picture in (tmp_path / "runs" / "a").glob("*.png"):
        picture.write_bytes(png()[:300])
    assert site.build([source], tmp_path / "site", "smoke", tmp_path / "runs", pytest.fail) == ""
    assert list((tmp_path / "site" / "01_plane").glob("*.png"))


def test_a_notebook_that_somebody_edited_is_not_overwritten(tmp_path):
    (source,) = versions.course()[1:2]
    versions.build([source], tmp_path, ["student", "solution"])
    built = tmp_path / "student" / source.name
    versions.build([source], tmp_path, ["student", "solution"])
    nb = nbformat.read(built, as_version=4)
    answer = next(c for c in nb.cells if versions.STUB[1] in c.source)
    answer.source = answer.source.replace(versions.STUB[1], "return 3")
    nbformat.write(nb, built)
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("mine = 1")])
    with pytest.raises(ValueError, match="so somebody has worked in it"):
        versions.build([source], tmp_path, ["student"])
    nbformat.write(other, tmp_path / "solution" / source.name)
    with pytest.raises(ValueError, match="so somebody has worked in it"):
        versions.build([source], tmp_path, ["solution"])
    assert "return 3" in built.read_text()
    assert json.loads(
        (tmp_path / "solution" / source.name).read_text(),
    )["cells"][0]["source"] == ["mine = 1"]


def test_a_foreign_history_is_moved_aside(tmp_path):
    (tmp_path / "history.jsonl").write_text('{"day": 1}\n')
    with pytest.warns(UserWarning, match="the original file is now history.aside.jsonl"):
        assert Journal(tmp_path).rows == []
    assert (tmp_path / "history.aside.jsonl").read_text() == '{"day": 1}\n'


def test_a_checksum_that_a_person_laid_beside_a_download_is_held_to_and_stays(
    tmp_path,
    monkeypatch,
):
    monkeypatch.setattr(
        download,
        "_transfer",
        lambda url, part, size, say: part.write_bytes(b"other"),
    )
    file, target = download.File("x.gz", ("http://127.0.0.1/x.gz",)), tmp_path / "x.gz"
    (tmp_path / "x.gz.sha256").write_text(f"{'0' * 64}  x.gz\n")
    with pytest.raises(download.DataError, match="is not the one in x.gz.sha256"):
        download._download(file, target, download.SOURCES["mnist"], str)
    assert (tmp_path / "x.gz.sha256").read_text().startswith("000") and not target.exists()
