"""The report finds records wherever they came from, and leaves out only what is damaged."""

import json
import math
import os
import shutil

import pytest
from commands import gantutor
from matplotlib.figure import Figure
from tiny import course
from typer.testing import CliRunner

from gantutor.cli import app
from gantutor.course.lessons import LESSONS, FullRunConfig
from gantutor.course.records import Record, read
from gantutor.descriptions import describe
from gantutor.reproduce import report
from gantutor.reproduce.ledger import read_ledger
from gantutor.reproduce.plan import load_plan, make_plan
from gantutor.reproduce.report import page
from gantutor.reproduce.tables import ROWS
from gantutor.reproduce.targets import choose

BARE, QUA = (f"advlatgan/table4/cifar10/dcgan/{name}" for name in ("bare", "qua"))


# made up, more than any run of a profile's seeds takes
VALUES = (0.5, 0.6, 0.7, 0.55, 0.65, 0.6, 0.52, 0.68)


def recorded(folder, stem, values=VALUES, status="ok", **parameters):
    """Write a record as `gantutor run` does, with made-up numbers."""
    cfg = LESSONS[stem].config(out=str(folder), **parameters)
    record = Record(cfg, stem)
    fig = Figure(figsize=(2, 1))
    record.figure("samples", fig, "Made up.")
    if row := parameters.get("row"):
        record.note("data", {"name": "cifar10-jpeg", "images": 50000, "digest": "abc123"})
        record.note(
            "protocol", {"features": "small", "split": "train", "n_real": 50000, "n_fake": 500}
        )
        recipe = ROWS[row].recipe
        record.trained(row, recipe, 30, device="cpu", sampler=ROWS[row].sampler)
    record.add("kd_small", values[: cfg.seeds], variant=row or "mine")
    record.save(status=status)
    return folder


def found(out):
    """The sections of a folder's report, by their targets."""
    return {s.target.name: s for s in report.collect(out)}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with some of the course's notebooks, and no data."""
    for stem in ("02_adaptivemix", "03_kdd", "10_full_run"):
        course(tmp_path / "notebooks", stem)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANTUTOR_DATA", raising=False)
    return tmp_path


# -- records are found -----------------------------------------------------------------------------
def test_a_row_that_was_run_alone_is_in_the_report(here):
    recorded(here / "out/mine", "10_full_run", row=QUA, profile="class")
    qua = found(here / "out")["advlatgan/table4:cifar10/dcgan/qua"]
    assert qua.status == "not run" or qua.own[0] == "mine"
    assert [run for run, _ in qua.results] == ["mine"]
    assert "no record of it under these parameters" in " ".join(qua.problems)
    recorded(here / "out/plain", "10_full_run", [1 + x for x in VALUES], row=BARE, profile="class")
    qua = found(here / "out")["advlatgan/table4:cifar10/dcgan/qua"]
    assert (qua.status, [run for run, _ in qua.results]) == ("holds", ["plain", "mine"])


def test_a_row_whose_trainings_all_diverged_is_judged_by_that(here):
    same = {"profile": "class", "seeds": 8}
    recorded(here / "out/plain", "10_full_run", row=BARE, **same)
    recorded(here / "out/mine", "10_full_run", [math.nan] * 8, "diverged", row=QUA, **same)
    qua = found(here / "out")["advlatgan/table4:cifar10/dcgan/qua"]
    (verdict,) = qua.verdicts
    assert (qua.status, verdict.failed) == ("contradicts", 8) and "0 to 8" in verdict.note
    # values beside which nothing says what failed are no result
    recorded(here / "out/mine", "10_full_run", VALUES, "diverged", row=QUA, **same)
    assert found(here / "out")["advlatgan/table4:cifar10/dcgan/qua"].status == "undecided"


def test_a_row_is_compared_only_with_a_baseline_of_the_same_parameters(here):
    recorded(here / "out/mine", "10_full_run", row=QUA, profile="class", width=8)
    recorded(here / "out/plain", "10_full_run", row=BARE, profile="class", width=4)
    qua = found(here / "out")["advlatgan/table4:cifar10/dcgan/qua"]
    assert [run for run, _ in qua.results] == ["mine"]


def test_a_record_that_no_target_asks_for_has_a_section_of_its_own(here):
    recorded(here / "out/mine", "10_full_run", profile="class", objective="kdd")
    page = report.build(here / "out").page.read_text()
    for words in ("Other records in this folder", "<code>mine</code>", "objective = kdd"):
        assert words in page, words


def test_the_newer_of_two_records_of_a_row_is_judged_and_the_other_shown(here):
    for i, name in enumerate(("old", "new")):
        place = here / "out" / name
        folder = recorded(place, "10_full_run", row=BARE, profile="class", width=4 + i)
        put("started", f"2026-01-0{i + 1}T00:00:00+00:00")(folder)
    bare = found(here / "out")["advlatgan/table4:cifar10/dcgan/bare"]
    assert [run for run, _ in bare.results] == ["new"]
    assert [run for run, _ in bare.others] == ["old"]
    page = report.build(here / "out").page.read_text()
    assert "1 more record in this folder, with other parameters" in page and "width = 4" in page


def test_a_plan_whose_data_are_no_longer_found_keeps_what_ran(here):
    """Finished rows stay finished if the command is repeated without GANTUTOR_DATA."""
    (here / "data/cifar10-jpeg").mkdir(parents=True)
    targets = choose(["advlatgan/table4:cifar10/dcgan/bare", "kddgan/fig1"])
    plan = make_plan(targets, here / "out", "class", 0, 3)
    plan.save()
    for job in plan.jobs:
        parameters = {k: v for k, v in job.parameters.items() if k != "out"}
        recorded(job.folder, job.notebook.stem, **parameters)
    before = found(here / "out")["advlatgan/table4:cifar10/dcgan/bare"]
    shutil.rmtree(here / "data")
    again = make_plan(targets, here / "out", "class", 0, 3)
    assert again.missing
    again.save()
    after = found(here / "out")["advlatgan/table4:cifar10/dcgan/bare"]
    assert after.status == before.status == "measured" and after.results == before.results
    assert any("needs cifar10" in words for words in after.problems)
    (here / "out/plan.json").unlink()  # nor is the plan needed
    assert found(here / "out")["advlatgan/table4:cifar10/dcgan/bare"].status == "measured"


# -- the page says what ran ------------------------------------------------------------------------
def test_a_record_says_what_ran_and_not_which_defaults_a_row_replaced(here):
    row = "kddgan/table1/kdd-tau1"
    recorded(here / "out/mine", "10_full_run", row=row, profile="class")
    result = read(here / "out/mine")
    asked = result["parameters"]
    own = ("nets", "objective", "terms", "n_dis", "beta1", "ema")
    assert {asked[k] for k in own} == {None}
    assert result["trained"][row]["recipe"] == describe(ROWS[row].recipe)
    assert result["trained"][row]["steps"] == 30
    page = report.build(here / "out").page.read_text()
    for words in (
        "Trained: objective",
        "KDD(tau=1.0, kernel=vmf",
        "Ema(decay=0.9999, start=1000): a copy of G here",
        "Trained: n_dis",
    ):
        assert words in page, words
    assert "nets = dcgan" not in page
    assert "non-saturating" not in page.split("Other records")[0].split("<h2>")[0]


def test_an_old_record_does_not_show_the_parameters_that_its_row_ignored(here):
    """The first records of 0.1.0 hold the notebook's defaults, although the row had its own."""
    folder = recorded(here / "out/mine", "10_full_run", row=BARE, profile="class")
    record = json.loads((folder / "result.json").read_text())
    record["parameters"] |= {
        "nets": "dcgan",
        "objective": "non-saturating",
        "n_dis": 1,
        "beta1": 0.5,
        "ema": 0.0,
    }
    del record["trained"]
    (folder / "result.json").write_text(json.dumps(record))
    page = report.build(here / "out").page.read_text()
    assert "nets = dcgan" not in page and "n_dis = 1" not in page
    assert "not in this record, which an earlier version made" in page


def test_a_variant_of_a_record_is_trained_in_one_way_only():
    record = Record(FullRunConfig(), "10_full_run")
    recipe = ROWS[BARE].recipe
    record.trained("a", recipe, 3).trained("a", recipe, 3)
    with pytest.raises(ValueError, match="'a' was trained in two ways"):
        record.trained("a", recipe, 4)


# -- damaged files ---------------------------------------------------------------------------------
def spoiled(change):
    """A function that changes the record in a folder."""

    def spoil(folder):
        record = json.loads((folder / "result.json").read_text())
        change(record)
        (folder / "result.json").write_text(json.dumps(record))

    return spoil


def put(name, value):
    """A function that sets a field of the record in a folder."""
    return spoiled(lambda record: record.__setitem__(name, value))


def in_row(**values):
    """A function that sets values in the first row of the record in a folder."""
    return spoiled(lambda record: record["rows"][0].update(values))


DAMAGE = {
    "rows null": put("rows", None),
    "rows a text": put("rows", "many"),
    "a text where a number belongs": in_row(value="0.5"),
    "neither a number nor a reason": in_row(value=None),
    "a seed that is a text": in_row(seed="0"),
    "a number of samples beyond any table": in_row(n=10**30),
    "a variant that is a number": in_row(variant=3),
    "a row that is a list": put("rows", [[1, 2]]),
    "parameters null": put("parameters", None),
    "data a text": put("data", "digits"),
    "seeds a text": put("seeds", "0 1 2"),
    "versions null": put("versions", None),
    "hardware a text": put("hardware", "a laptop"),
    "a wall time that is a text": put("wall_s", "long"),
    "an unknown status": put("status", "fine"),
    "another schema": put("schema", 99),
    "a recipe that is a number": put("trained", {"a": {"steps": 3, "recipe": 3}}),
    "a recipe without nets": put(
        "trained", {"a": {"steps": 3, "recipe": {"kind": "Recipe", "nets": None}}}
    ),
    "a value that is NaN": in_row(value=math.nan),
    "a value beyond all bounds": lambda folder: (folder / "result.json").write_text(
        (folder / "result.json").read_text().replace('"value": 0.5', '"value": 1e999')
    ),
    "a list": lambda folder: (folder / "result.json").write_text("[]"),
    "cut in half": lambda folder: (folder / "result.json").write_bytes(
        (folder / "result.json").read_bytes()[:200]
    ),
    "bytes": lambda folder: (folder / "result.json").write_bytes(bytes(range(256))),
    "empty": lambda folder: (folder / "result.json").write_bytes(b""),
    "brackets without end": lambda folder: (folder / "result.json").write_text("[" * 100_000),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_record_is_named_and_the_rest_is_judged(here, how):
    recorded(here / "out/whole", "10_full_run", row=BARE, profile="class")
    DAMAGE[how](recorded(here / "out/broken", "10_full_run", row=QUA, profile="class"))
    ledger = read_ledger(here / "out")
    assert [words for words in ledger.damage if "broken/result.json" in words] == ledger.damage
    assert found(ledger)["advlatgan/table4:cifar10/dcgan/bare"].status == "measured"


def test_a_damaged_record_is_on_the_page_next_to_the_intact_ones(here):
    recorded(here / "out/whole", "10_full_run", row=BARE, profile="class")
    DAMAGE["rows null"](recorded(here / "out/broken", "10_full_run", row=QUA, profile="class"))
    page = report.build(here / "out").page.read_text()
    assert "<li>broken/result.json is damaged" in page and "<code>whole</code>" in page


@pytest.mark.parametrize(
    "figure",
    [
        {"name": "samples"},
        {"name": "samples", "file": "../../secret.png", "caption": ""},
        "samples.png",
        None,
        {"name": "samples", "file": "/etc/passwd", "caption": ""},
        {"name": 3, "file": "a.png", "caption": ""},
    ],
)
def test_a_damaged_figure_is_left_out_alone(here, figure):
    folder = recorded(here / "out/mine", "10_full_run", row=BARE, profile="class")
    spoiled(lambda record: record["figures"].append(figure))(folder)
    built = report.build(here / "out")
    assert len(built.damage) == 1 and "a figure is damaged" in built.damage[0]
    assert found(here / "out")["advlatgan/table4:cifar10/dcgan/bare"].status == "measured"


@pytest.mark.parametrize(
    "data",
    [
        {"data": "digits"},
        {"data": {"name": 3}},
        {"protocol": "fid"},
        {"protocol": {"n_fake": "many", "split": None}},
    ],
)
def test_a_record_may_note_anything(here, data):
    """Users' own notebooks do."""
    folder = recorded(here / "out/mine", "10_full_run", row=BARE, profile="class")
    spoiled(lambda record: record["data"].update(data))(folder)
    built = report.build(here / "out")
    assert built.damage == [] and "<code>mine</code>" in built.page.read_text()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        '{"kddgan/fig1": {}}',
        '{"kddgan/fig1": {"runs": null}}',
        '{"kddgan/fig1": 3}',
        '{"kddgan/fig1": {"profile": "class", "seed": 0, "seeds": 3, '
        '"runs": ["../x"], "missing": null}}',
        "\x00",
    ],
)
def test_a_damaged_plan_is_named_and_the_records_are_shown(here, text):
    recorded(here / "out/mine", "10_full_run", row=BARE, profile="class")
    (here / "out/plan.json").write_text(text)
    code, out, err = gantutor("report", "--out", "out", cwd=here)
    assert code == 1 and "plan.json" in err and out.strip().endswith("report.html")
    assert "<code>mine</code>" in (here / "out/report.html").read_text()
    plan = make_plan(choose(["kddgan/fig1"]), here / "out", "class", 0, 3)
    plan.save()  # copies what could not be read
    assert (here / "out/plan.damaged.json").read_text() == text and load_plan(here / "out")[1] == []
    (here / "out/plan.json").write_text("again")
    assert plan.save() == here / "out/plan.damaged-2.json"
    assert (here / "out/plan.damaged.json").read_text() == text


def test_what_cannot_be_encoded_and_missing_fields_do_not_stop_the_page(here):
    """Lone surrogates, from JSON or from the name of a folder."""
    odd = os.fsdecode(b"mine\xff")
    folder = recorded(here / "out" / odd, "10_full_run", row=BARE, profile="class")
    in_row(metric="kd\ud800")(folder)
    spoiled(lambda record: [row.pop("se") for row in record["rows"]])(folder)
    entry = {"profile": "class", "seed": 0, "seeds": 3, "runs": [], "missing": "lost \ud800"}
    (here / "out/plan.json").write_text(json.dumps({"kddgan/fig1": entry, "odd \ud800": 3}))
    code, out, err = gantutor("report", "--out", "out", "--export", "all.csv", cwd=here)
    assert code == 1 and "odd \\ud800 is 3" in err and "Traceback" not in err
    assert "mine\\udcff" in (here / "out/report.html").read_text()
    assert "kd\\ud800" in (here / "all.csv").read_text()


def test_an_export_uses_the_records_that_the_report_has_read(here, monkeypatch):
    recorded(here / "out/mine", "10_full_run", row=BARE, profile="class")
    monkeypatch.setattr("gantutor.reproduce.records.read", pytest.fail)
    done = CliRunner().invoke(app, ["report", "--out", "out", "--export", "all.csv"])
    assert done.exit_code == 0, done.stderr
    assert BARE in (here / "all.csv").read_text()


@pytest.mark.parametrize("text", ["{", "[]", '"ok"', '{"status": 3}', '{"message": "x"}'])
def test_a_damaged_status_is_named(here, text):
    (here / "data/cifar10-jpeg").mkdir(parents=True)
    plan = make_plan(choose(["kddgan/fig1"]), here / "out", "class", 0, 3)
    plan.save()
    (job,) = plan.jobs
    job.folder.mkdir(parents=True)
    (job.folder / "status.json").write_text(text)
    (job.folder / "attempts.jsonl").write_text('{"what": "start"}\nhalf a li\n[]\n3\n')
    assert "status.json is damaged" in report.build(here / "out").page.read_text()


@pytest.mark.parametrize("text", ["[1", "[]", '{"status": 3}'])
def test_a_run_with_a_damaged_status_is_named_even_if_no_target_asks_for_it(here, text):
    folder = recorded(here / "out/mine", "10_full_run", row=BARE, profile="class")
    (folder / "status.json").write_text(text)
    built = report.build(here / "out")  # its record is intact
    assert any("mine/status.json is damaged" in words for words in built.damage)
    assert found(here / "out")["advlatgan/table4:cifar10/dcgan/bare"].status == "measured"
    (folder / "result.json").unlink()
    built = report.build(here / "out")
    assert any("mine/status.json is damaged" in words for words in built.damage)
    assert "Runs without a record" in built.page.read_text()


def test_a_run_with_a_lost_record_is_named(here):
    folder = recorded(here / "out/mine", "10_full_run", row=BARE, profile="class")
    (folder / "status.json").write_text(
        '{"status": "ok", "message": "", "notebook": "10_full_run"}'
    )
    (folder / "result.json").unlink()
    built = report.build(here / "out")
    said = "finished, but its record is lost: run it again (mine)"
    assert len(built.damage) == 1 and said in built.damage[0] and said in built.page.read_text()


def test_an_unexpected_error_loses_only_its_own_section(here, monkeypatch):
    recorded(here / "out/mine", "10_full_run", row=BARE, profile="class")
    recorded(here / "out/flow", "03_kdd", profile="class")
    monkeypatch.setattr(page, "_measures", lambda s: 1 / 0)
    built = report.build(here / "out")
    assert any(
        "kddgan/fig1 cannot be drawn (ZeroDivisionError: division by zero); its runs: flow" in words
        for words in built.damage
    )
    assert "advlatgan/table4" in built.page.read_text()


def test_a_damaged_record_is_the_exit_code_of_report_and_export(here):
    recorded(here / "out/whole", "10_full_run", row=BARE, profile="class")
    DAMAGE["rows null"](recorded(here / "out/broken", "10_full_run", row=QUA, profile="class"))
    code, out, err = gantutor("report", "--out", "out", "--export", "all.csv", cwd=here)
    assert code == 1 and "Warning" not in err
    assert "broken/result.json is damaged (rows is null" in err
    assert err.count("broken/result.json") == 1
    assert BARE in (here / "all.csv").read_text()
    assert read_ledger(here / "out").record("whole")
