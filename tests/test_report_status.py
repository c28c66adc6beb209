"""The report's table for machines, README's status, docs/status.md, and all records as a frame."""

import csv
import json
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from made_up_runs import report_of, without_record

from gantutor.course.lessons import LESSONS
from gantutor.course.records import Record
from gantutor.files import NotOurs
from gantutor.reproduce import papers, records, report
from gantutor.reproduce.report import status, status_page
from gantutor.reproduce.report.forest import NAMES, PICTURE
from gantutor.reproduce.report.statuses import STATUSES
from gantutor.reproduce.targets import ALL

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    with report_of(tmp_path_factory.mktemp("made_up")) as out:
        yield out


@pytest.fixture
def place(made_up, tmp_path, monkeypatch):
    """A working folder with a README and the made-up runs."""
    start, end = status.marks("class")
    (tmp_path / "README.md").write_text(f"before\n{start}\nold\n{end}\nafter\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown(name):
    """The kept table and conditions of these records."""
    kept = ROOT / "data/records"
    rows = status.rows_of((kept / f"{name}.csv").read_text(encoding="utf-8"))
    return rows, json.loads((kept / f"{name}.json").read_text(encoding="utf-8"))


def test_the_table_for_machines_has_a_row_for_each_claim(made_up):
    with open(made_up / "report.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    targets = [r for r in rows if not r["target"].endswith(":")]
    assert len(targets) == sum(max(len(t.claims), 1) for t in ALL)
    row = next(r for r in rows if r["target"] == "kddgan/image")
    assert (row["claim_status"], row["seeds"]) == ("contradicts", "8")
    assert (row["variant"], row["against"]) == ("kdd", "hinge")
    assert (row["kind"], row["scale"], row["better"]) == ("direction", "log", "lower")
    assert float(row["low"]) > 1 and row["profile"] == "class"  # a factor
    assert float(row["effect"]) == pytest.approx(8.375 / 8.859)
    assert float(row["margin"]) == pytest.approx((8.859 / 8.375) ** 0.5)
    assert float(row["p"]) < float(row["p_adjusted"]) < 0.001 and not row["needed_seeds"]
    row = next(r for r in rows if r["target"].endswith("table4:cifar10/dcgan/qua"))
    assert (row["claim_status"], row["alone"], row["failed"]) == ("undecided", "holds", "0")
    assert float(row["p"]) < 0.05 < float(row["p_adjusted"])
    assert int(row["needed_seeds"]) > 8 and float(row["needed_minutes"]) >= 0
    assert next(r for r in rows if r["target"] == "adaptivemix/image")["failed"] == "1"
    row = next(r for r in rows if r["target"] == "kddgan/table2:kdd")
    assert (row["metric"], row["data"]) == ("fid", "cifar10")
    assert (row["paper_fid"], row["status"]) == ("8.375", "reproduced")
    # rows of tables that no target is about
    bare = {(r["target"], r["variant"]) for r in rows if r["target"].endswith(":")}
    assert ("kddgan/table2:", "ContraGAN") in bare and ("adaptivemix/table4:", "WGAN-GP") in bare


def test_the_status_has_lessons_by_claim_and_tables_by_count(made_up):
    rows = status.rows_of((made_up / "report.csv").read_text())
    page = status_page.status_page(rows, "class", "none")
    claims = [x for x in page.splitlines() if x.startswith("| ")]
    line = next(x for x in claims if "KDD's arrows point in different directions" in x)
    effect = "+12.6 [+11.9, +13.4] | – | −5 to +5 | 8 | **holds** |"
    assert line.endswith(f"| 12.6 [11.9, 13.4] against 0 [0, 0] | {effect}")
    line = next(x for x in claims if "kdd-da7: FID" in x)
    assert "| 5.713 | 5.19 to 6.28 | 8 | **compatible**; about " in line
    assert "by itself holds, p = 0.0" in next(x for x in claims if "dcgan/qua: FID" in x)
    row = next(r for r in rows if r["needed_seeds"])
    beyond = status_page.verdict_of(row | {"needed_seeds": "", "needed_minutes": "", "alone": ""})
    assert beyond == f"**{row['claim_status']}**; no number of seeds in reach would decide"
    numbers = [int(x.split("|")[1]) for x in claims if x.split("|")[1].strip().isdigit()]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 15
    counts = status_page.counts_table(rows, "KDD GAN")
    line = next(x for x in counts.splitlines() if x.startswith("| Table 2 |"))
    n, left = len(papers.layout("kddgan", "table2")), len(without_record())
    judged = "1 reproduced, 1 holds, 1 compatible, 1 differs, 1 contradicts"
    assert line == f"| Table 2 | {n} | {judged}, {left} not run, 4 not yet |"
    tables = [status_page.counts_table(rows, p) for p in ("AdaptiveMix", "KDD GAN", "AdvLatGAN")]
    assert sum(len(t.splitlines()) - 2 for t in tables) == len(papers.tables())


def test_each_picture_has_the_numbered_lines_of_its_page(made_up):
    rows = status.rows_of((made_up / "report.csv").read_text())
    page, drawn = status_page.status_page(rows, "class", "none"), status_page.pictures(rows)
    assert set(drawn) == set(re.findall(r"\((status_\w+\.svg)\)", page)) and len(drawn) == 4
    assert drawn == status_page.pictures(rows)
    for name, svg in drawn.items():
        root = ElementTree.fromstring(svg)  # well-formed
        texts = [x.text for x in root.iter("{http://www.w3.org/2000/svg}text")]
        assert svg.startswith(PICTURE) and len(svg) < 60_000
        own = page.split(f"({name})")[1].split("##")[0]
        numbers = re.findall(r"^\| (\d+) \|", own, re.M)
        without = [n for n in numbers if f"| {n} |" in own and n not in texts]
        # what has no number to draw has dashes in the table
        assert all(re.search(rf"^\| {n} \|.*\| – \| – \| – \|", own, re.M) for n in without)


def test_names_and_headings_of_pictures_are_whole_and_have_room():
    rows, _ = shown(status.SHOWN)
    for svg in status_page.pictures(rows).values():
        root = ElementTree.fromstring(svg)
        texts = list(root.iter("{http://www.w3.org/2000/svg}text"))
        names = [x for x in texts if x.get("x") == "44"]
        heads = [x for x in texts if x.get("class") == "head"]
        assert names and heads and not any("\N{HORIZONTAL ELLIPSIS}" in x.text for x in texts)
        # in a wide font; the arrows of claimed sides are 3 units to the right of NAMES
        assert all(44 + 6.9 * len(x.text) <= NAMES for x in names)
        assert all(int(x.get("x")) + 7.5 * len(x.text) <= int(root.get("width")) for x in heads)


def test_an_effect_is_named_by_its_method_under_a_heading_in_words():
    rows, _ = shown(status.SHOWN)
    svg = status_page.pictures(rows)["status_course.svg"]
    lines = {x.number: x for lines in status_page.by_paper(rows).values() for x in lines}
    effects = [x for x in lines.values() if x.row["metric"].startswith("effect_on_log_")]
    assert {"ring: KDD", "ring: AdaptiveMix \N{MULTIPLICATION SIGN} -qua"} < {
        x.name for x in effects
    }
    # one can tell lines under one heading from each other
    assert len({(x.row["metric"], x.name) for x in effects}) == len(effects) > 20
    assert "effect_on" not in svg
    for budget in ("steps", "computing"):
        assert f">effect on log energy distance, at equal {budget}</text>" in svg


def test_both_texts_are_written_and_written_again(made_up, place):
    for _ in range(2):
        status.main([str(made_up)])
    text = (place / "README.md").read_text()
    start, end = status.marks("class")
    before, rest = text.split(start)
    summary, after = rest.split(end)
    assert (before, after) == ("before\n", "\nafter\n")
    lines = summary.strip().splitlines()
    assert len(lines) == 6 and "[docs/status.md](docs/status.md)" in lines[-1]
    ran = [s for s in report.collect(made_up) if s.results]
    rows = sum(bool(s.row) for s in ran)
    assert f"{len(ran)} of " in lines[0] and f"{rows} of " in lines[0]
    claims = Counter(v.status for s in report.collect(made_up) for v in s.verdicts)
    assert f"({claims.total()}): {claims['reproduced']} reproduced, " in lines[1]
    assert "`fid` for 4" in lines[2] and "is at most 5 %" in lines[1]
    assert "profile `class`, seeds 0 to 7; 19 runs" in lines[4]
    page = (place / "docs/status.md").read_text()
    svgs = {path.name: path.read_text() for path in (place / "docs").glob("*.svg")}
    assert svgs == status_page.pictures(status.rows_of((made_up / "report.csv").read_text()))
    assert page.startswith(status.FIRST) and "Generated by `make readme`" in page
    assert all(f"- *{name}*: " in page for name in STATUSES)
    status.main([])  # from what was kept
    assert (place / "README.md").read_text() == text
    assert (place / "docs/status.md").read_text() == page


def test_somebody_s_own_page_is_not_replaced(made_up, place):
    (place / "docs").mkdir()
    (place / "docs/status.md").write_text("# My notes\n")
    with pytest.raises(NotOurs, match="status.md was not written by gantutor"):
        status.main([str(made_up)])
    assert (place / "docs/status.md").read_text() == "# My notes\n"


def test_readme_and_docs_have_the_status_of_the_committed_records():
    rows, runs = shown(status.SHOWN)
    start, end = status.marks(status.SHOWN)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.split(start)[1].split(end)[0].strip() == status.summary(rows, runs)
    page = (ROOT / status.STATUS).read_text(encoding="utf-8")
    assert page == status_page.status_page(rows, status.SHOWN, status.conditions_of(runs))
    assert len(re.findall(r"^\| \d+ \|", page, re.M)) > 40
    for name, svg in status_page.pictures(rows).items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == svg


def test_records_are_next_to_what_the_papers_print(tmp_path):
    cfg = LESSONS["10_full_run"].config(profile="smoke", out=str(tmp_path / "runs/a"))
    record = Record(cfg, "10_full_run")
    for metric in ("fid", "kd_small"):
        record.add(metric, [12.5], "kddgan/table2/hinge", n=60)
    record.add("fid", [3.0], "something of ours").save()
    frame = records.load(tmp_path).set_index(["variant", "metric"])
    row = frame.loc["kddgan/table2/hinge"]
    assert list(row.paper_table) == ["kddgan/table2"] * 2 and list(row.paper_fid) == [8.859] * 2
    # a stand-in has no printed value of its own
    assert row.paper_value["fid"] == 8.859 and row.paper_value.isna()["kd_small"]
    ours = frame.loc["something of ours"][["paper_table", "paper_fid", "paper_value"]]
    assert ours.isna().all(axis=None)


def test_a_kept_table_does_not_say_where_the_data_of_its_maker_were(place):
    said = "needs celeba: not {} (GANTUTOR_DATA); `gantutor data list` says how to get it"
    (place / "out").mkdir()
    (place / "out/report.csv").write_text(f"note\n{said.format('in /home/ada/sets')}\n")
    before = (place / "README.md").read_text()
    status.main(["out", "mine"])
    kept = "note\nneeds celeba: not at hand; `gantutor data list` says how to get it\n"
    assert (place / "data/records/mine.csv").read_text() == kept
    assert (place / "README.md").read_text() == before  # which shows other records
