"""The papers' tables on the page: ours is next to a printed number only where it compares."""

import base64
import io
import re

import pandas as pd
import pytest
from made_up_runs import report_of
from PIL import Image

from gantutor.reproduce import papers, report
from gantutor.reproduce.report import evidence, printed, sections
from gantutor.reproduce.targets import TARGETS


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    with report_of(tmp_path_factory.mktemp("made_up")) as out:
        yield out


@pytest.fixture(scope="module")
def page(made_up):
    return (made_up / "report.html").read_text()


def test_a_printed_number_is_not_reproduced_on_a_copy_of_the_data(made_up):
    found = {s.target.name: s.verdicts[0] for s in report.collect(made_up) if s.verdicts}
    da1 = found["kddgan/table2:kdd-da1"]  # 7.1 [7.04, 7.16], and 7.089 is printed
    assert da1.status == "holds" and da1.note.endswith("on cifar10-jpeg, not on cifar10")
    assert da1.ours.startswith("7.1 [")
    assert found["kddgan/table2:kdd"].status == "reproduced"


def cell(paper, table, metric, recipe=""):
    """The first printed cell of a recipe; of any recipe where none is named."""
    cells = [c for c in papers.cells(paper) if (c["table"], c["metric"]) == (table, metric)]
    return next(c for c in cells if c["recipe"] and recipe in ("", c["recipe"]))


def run(name="cifar10", **protocol):
    """What a record notes of its data and protocol."""
    noted = {"split": "train", "n_real": 50000, "n_fake": 50000, "n_manifold": 10000}
    return {"data": {"data": {"name": name}, "protocol": noted | protocol}}


def test_why_a_value_cannot_be_compared_with_the_printed_one_is_given():
    """Data, features, split and numbers of images are the paper's, or the value is set apart."""
    fid, density = cell("kddgan", "table2", "FID"), cell("kddgan", "table2", "density")
    assert [sections.unlike(c, run()) for c in (fid, density, {})] == ["", "", ""]
    for record, why in (
        (run("cifar10-jpeg"), "on cifar10-jpeg, not on cifar10"),
        (run(split="test"), "against the split test, the paper's is train"),
        (run(n_fake=10000), "10,000 fakes, the paper's 50,000"),
        (
            {"data": {"data": {"name": "cifar10"}}},
            "against the split unnamed, the paper's is train",
        ),
    ):
        assert sections.unlike(fid, record) == why
    assert sections.unlike(density, run(n_fake=10000)) == ""
    assert "5,000 fakes" in sections.unlike(density, run(n_manifold=5000))
    foreign = fid | {"features": "torchvision Inception"}
    assert sections.unlike(foreign, run()) == "the paper's features are torchvision Inception's"


def test_every_printed_cell_and_a_status_are_in_its_table(page):
    for table in papers.tables():
        anchor = f'id="table-{table["paper"]}-{table["table"]}"'
        article = page.split(anchor)[1].split("</article>")[0]
        grid = article.split('<table class="printed')[1].split("</table>")[0]
        cells = [c for c in papers.cells(table["paper"]) if c["table"] == table["table"]]
        for c in cells:
            spread = f" ± {c['spread']}" if c["spread"] else ""
            assert f"<span>{c['value']}{spread}" in grid
        assert grid.count('class="badge') >= len({c["row"] for c in cells})


def test_a_stand_in_shares_no_column_with_the_paper_s_number(page):
    row = page.split('<a id="kddgan-table2-kdd"></a>')[1].split("</tr>")[0]
    printed, ours = row.split('<td class="first ours"', 1)
    # an FID is next to an FID
    assert "8.375" in printed and "ours 8.4<br>[8.34, 8.46]<br>+0.025" in printed
    assert "<code>kd_small</code> <b>0.45 " in ours and 'data-label="kd_small"' in ours
    assert "0.45 " not in printed
    # paired with the hinge's
    assert "\N{MINUS SIGN}0.0988" in ours and "s FID: \N{MINUS SIGN}0.484" in ours
    row = page.split('<a id="kddgan-table2-kdd-da1"></a>')[1].split("</tr>")[0]
    printed, ours = row.split('<td class="first ours"')
    assert "7.089" in printed and "ours" not in printed  # an FID, but of a copy of the data
    assert "<code>fid</code> <b>7.1 [7.04, 7.16]" in ours
    assert "on cifar10-jpeg, not on cifar10" in ours
    lines = page.split('id="table-advlatgan-table4"')[1].split("CIFAR-10 WGAN<")[0]
    for label in ("bare", "qua", "qua+"):
        assert lines.count(f'<tr class="below"><th scope="row">{label}</th>') == 1


def test_a_row_of_foreign_features_has_nothing_next_to_its_fid():
    """Table 6 of AdvLatGAN uses torchvision's Inception, which a TF FID cannot be compared with."""
    name = "advlatgan/table6/cifar10/div"
    printed_cell = cell("advlatgan", "table6", "FID", name)
    columns = {"variant": name, "metric": "fid", "seed": [0, 1, 2], "value": [1.0, 2.0, 3.0]}
    noted = run(split="test", n_real=10000)["data"]
    results = [("", {"parameters": {"row": name}, "data": noted})]
    target = TARGETS["advlatgan/table6:cifar10/div"]
    section = sections.Section(target, "measured", [], "", results=results)
    section.frame = pd.DataFrame(columns).astype({"seed": "Int64"})
    line = printed.Line("measured", section=section)
    assert printed.own_value(line, printed_cell) is None
    assert printed.own_value(line, printed_cell | {"features": "TF Inception"}).mean == 2


def test_a_row_that_ran_as_another_row_s_baseline_is_measured_itself():
    entry = {
        "profile": "smoke",
        "seed": 0,
        "seeds": 2,
        "runs": ["runs/plain", "runs/own"],
        "missing": None,
        "given": {},
        "further": [],
    }
    hinge, tau1 = TARGETS["kddgan/table1:hinge"], "kddgan/table1:kdd-tau1"
    alone = {"runs": ["runs/plain"], "claims": None, "fixed": None}
    assert evidence.shared(hinge, {tau1: entry}) == entry | alone
    assert evidence.shared(TARGETS["kddgan/table1:kdd-tau5"], {tau1: entry}) is None
    later = {**entry, "further": [["runs/plain2", "runs/own2"]]}
    assert evidence.shared(hinge, {tau1: later})["further"] == [["runs/plain2"]]
    lost = {**entry, "runs": [], "missing": "no data"}
    assert evidence.shared(hinge, {tau1: lost}) is None


def test_a_row_s_pictures_are_small_copies_and_shown_once(page):
    found = re.findall(
        r'alt="Made up: (\w+) of kddgan/table2/kdd [^"]*"[^>]*src="data:image/webp;base64,([^"]+)"',
        page,
    )
    assert [name for name, _ in found] == ["curves", "samples"]
    for _, data in found:
        assert Image.open(io.BytesIO(base64.b64decode(data))).width == 700
