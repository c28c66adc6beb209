"""The papers' tables as data: as transcribed, complete, numeric, and tied to the recipes."""

import hashlib
import math
import re
from collections import Counter

import pytest

from gantutor.reproduce import papers
from gantutor.reproduce.tables import ROWS

# of the files as they were checked against the papers' numbers, digit for digit
HASHES = {
    "adaptivemix.csv": "8c4d8f53cb630c097862947e12fb637d81d28c5e146fb13972a4933c21564014",
    "advlatgan.csv": "b68f78f76a9f33fbcade093ba039d0f34289baf676819a8c787934ef6ee2413e",
    "kddgan.csv": "f0c8380734cde4f5dea7c0063992eabbd49474ec0638ca7e1eac52d80df8fac4",
    "tables.csv": "13c33001f5e79751371513a13bfeedef0bb16a4a469b7b0d5201453674fd60a5",
}
COUNTS = {
    "adaptivemix": {2: 4, 3: 6, 4: 17, 5: 40, 6: 18, 7: 30, 8: 40, 9: 25, 10: 10, 11: 8, 12: 36},
    "advlatgan": {1: 4, 3: 30, 4: 78, 5: 90, 6: 198},
    "kddgan": {1: 52, 2: 36, 3: 44, 4: 50, 5: 66, 6: 60},
}
UNPRINTED = {
    f"advlatgan/table6/{data}/{row}"
    for data in ("cifar10", "stl10")
    for row in ("neighbours", "inverse")
}  # our controls


def found(paper, table, row, column):
    (cell,) = [
        c
        for c in papers.cells(paper)
        if (c["table"], c["row"], c["column"]) == (f"table{table}", row, column)
    ]
    return cell


@pytest.mark.parametrize("name", HASHES)
def test_no_digit_has_changed(name):
    text = (papers.FOLDER / name).read_text(encoding="utf-8")  # line ends do not count
    assert hashlib.sha256(text.encode()).hexdigest() == HASHES[name]


def test_every_table_is_there_with_all_its_cells():
    counts = Counter((c["paper"], c["table"]) for c in papers.cells())
    assert counts == {
        (paper, f"table{t}"): n for paper, of in COUNTS.items() for t, n in of.items()
    }
    assert [(t["paper"], t["table"]) for t in papers.tables()] == list(counts)
    assert {t["kind"] for t in papers.tables()} <= {"image", "toy", "stylegan2", "recognition"}
    assert all(t["title"] and t["note"] for t in papers.tables())


def test_cells_are_unique_numeric_and_in_order():
    cells = papers.cells()
    keys = [(c["paper"], c["table"], c["row"], c["column"]) for c in cells]
    assert len(set(keys)) == len(keys)
    assert all(
        re.fullmatch(r"\d+\.\d+", c["value"]) and re.fullmatch(r"(\d+\.\d+)?", c["spread"])
        for c in cells
    )
    assert all(re.fullmatch(r"\d*", c[k]) for c in cells for k in ("n_real", "n_fake"))
    assert {c["better"] for c in cells} == {"higher", "lower"} and {
        c["starred"] for c in cells
    } == {"", "yes"}
    for table in (
        papers.tables()
    ):  # a row's cells stand together, and all rows have their columns in one order
        mine = [c for c in cells if (c["paper"], c["table"]) == (table["paper"], table["table"])]
        columns = list(dict.fromkeys(c["column"] for c in mine))
        at = [
            (
                list(dict.fromkeys(c["row"] for c in mine)).index(c["row"]),
                columns.index(c["column"]),
            )
            for c in mine
        ]
        assert at == sorted(at), table


def test_recipes_are_the_package_s_rows_and_none_is_left_out():
    used = {c["recipe"] for c in papers.cells()} - {""}
    assert used <= set(ROWS)
    assert set(ROWS) - used == UNPRINTED
    assert not any(c["recipe"] for c in papers.cells() if c["starred"]), (
        "a starred row is another paper's run"
    )
    once = Counter(
        (c["table"], c["recipe"], c["metric"])
        for c in papers.cells()
        if c["recipe"] and not c["metric"].startswith("class")
    )
    assert set(once.values()) == {1}, "a run has one value of a metric in a table"


def test_a_recipe_s_data_and_number_of_fakes_are_the_cell_s():
    for c in papers.cells():
        if c["recipe"]:
            row = ROWS[c["recipe"]]
            assert row.data == {"imagenet": "imagenet64"}.get(c["dataset"], c["dataset"]), c
            assert c["metric"] != "FID" or c["n_fake"] in ("", str(row.n_fake)), c
            assert c["metric"] != "FID" or c["split"] in ("", "all", row.reference), c


@pytest.mark.parametrize(("short", "long"), [(4, 5), (3, 6)])
def test_the_appendix_prints_the_same_numbers(short, long):
    """KDD GAN's Tables 3 and 4 are parts of 6 and 5."""
    of = {
        t: {
            (c["row"], c["column"]): (c["value"], c["recipe"])
            for c in papers.cells("kddgan")
            if c["table"] == f"table{t}"
        }
        for t in (short, long)
    }
    assert of[short].items() <= of[long].items() and len(of[long]) > len(of[short])


def test_the_same_model_has_the_same_numbers_in_every_table():
    assert (
        found("adaptivemix", 2, "WGAN", "min FID")["value"]
        == found("adaptivemix", 4, "WGAN", "CIFAR-10")["value"]
        == "55.96"
    )
    ours = papers.layout("adaptivemix", "table7").loc["Ours"]
    assert (ours == papers.layout("adaptivemix", "table9").loc["sigma 0.05"]).all()
    assert (ours == papers.layout("adaptivemix", "table10").loc["alpha 1"]).all()


@pytest.mark.parametrize(
    ("paper", "table", "row", "column", "value", "spread", "recipe"),
    [
        (
            "adaptivemix",
            2,
            "WGAN + AdaptiveMix",
            "mean FID",
            "39.52",
            "7.85",
            "adaptivemix/table2/adaptivemix",
        ),
        (
            "adaptivemix",
            4,
            "RealnessGAN, Obj. 2",
            "CelebA",
            "23.51",
            "",
            "adaptivemix/table4/celeba/realness2",
        ),
        ("adaptivemix", 6, "APA + AdaptiveMix", "IS", "4.866", "", ""),
        ("adaptivemix", 8, "Tiny ImageNet, Ours", "PGD-16", "4.98", "", ""),
        ("adaptivemix", 12, "1DS w/o MC + AdaptiveMix", "TIN-R", "0.911", "", ""),
        ("advlatgan", 1, "Facades", "Eq. 8 inverse", "1.3385", "", ""),
        (
            "advlatgan",
            3,
            "EvolGAN",
            "WGAN-GP FID",
            "35.851",
            "0.003",
            "advlatgan/table3/wgangp/evolgan",
        ),
        (
            "advlatgan",
            4,
            "CIFAR-10 DCGAN",
            "bare FID",
            "46.4",
            "0.7",
            "advlatgan/table4/cifar10/dcgan/bare",
        ),
        (
            "advlatgan",
            4,
            "STL-10 WGAN-GP",
            "qua+ FID",
            "25.0",
            "0.0",
            "advlatgan/table4/stl10/wgangp/qua+",
        ),
        (
            "advlatgan",
            5,
            "CelebA-128 WGAN-GP qua",
            "density",
            "0.247",
            "0.007",
            "advlatgan/table5/celeba128/wgangp/qua",
        ),
        (
            "advlatgan",
            6,
            "STL-10 coverage div+",
            "class 9",
            "0.383",
            "",
            "advlatgan/table6/stl10/div+",
        ),
        (
            "kddgan",
            1,
            "KDD tau 0.05, no projection",
            "FID",
            "13.668",
            "",
            "kddgan/table1/kdd-tau0.05-noproj",
        ),
        (
            "kddgan",
            1,
            "Joint tau 0.05 gamma 1.0, unconditional",
            "IS",
            "8.532",
            "",
            "kddgan/table1/joint-uncond",
        ),
        ("kddgan", 2, "BigGAN + CR", "IS", "10.380", "", ""),
        (
            "kddgan",
            4,
            "Joint gamma 0.5, stale reals",
            "density",
            "1.070",
            "",
            "kddgan/table4/joint0.5-stale",
        ),
        (
            "kddgan",
            5,
            "Joint gamma 0.5 + JacD + DA x1",
            "FID",
            "10.010",
            "",
            "kddgan/table5/joint0.5-jacd-da1",
        ),
        ("kddgan", 6, "Joint gamma 1 + DA x1", "coverage", "0.613", "", "kddgan/table3/joint1-da1"),
    ],
)
def test_spot_values(paper, table, row, column, value, spread, recipe):
    cell = found(paper, table, row, column)
    assert (cell["value"], cell["spread"], cell["recipe"]) == (value, spread, recipe)


def test_protocols_of_kdd_s_table_2():
    own, copied = found("kddgan", 2, "KDD", "FID"), found("kddgan", 2, "ContraGAN", "FID")
    assert (own["n_real"], own["n_fake"], own["split"], own["starred"]) == (
        "50000",
        "50000",
        "train",
        "",
    )
    assert (copied["n_real"], copied["n_fake"], copied["split"], copied["starred"]) == (
        "10000",
        "10000",
        "test",
        "yes",
    )


def test_load_is_a_tidy_frame():
    frame = papers.load("advlatgan")
    assert len(frame) == 400 and set(frame.paper) == {"advlatgan"}
    assert {k: str(frame[k].dtype) for k in ("value", "spread", "n_real", "starred")} == {
        "value": "float64",
        "spread": "float64",
        "n_real": "Int64",
        "starred": "bool",
    }
    assert frame.value.notna().all() and (
        frame.loc[frame.table == "table4", "value"].sum()
    ) == pytest.approx(
        math.fsum(float(c["value"]) for c in papers.cells("advlatgan") if c["table"] == "table4")
    )
    assert frame.spread.notna().sum() == 30 + 78 + 90
    assert len(papers.load()) == len(papers.cells())


def test_layout_is_the_paper_s():
    table = papers.layout("advlatgan", "table4")
    assert table.shape == (13, 6) and list(table.index[:2]) == ["CIFAR-10 DCGAN", "CIFAR-10 WGAN"]
    assert list(table.columns) == [
        "bare IS",
        "bare FID",
        "qua IS",
        "qua FID",
        "qua+ IS",
        "qua+ FID",
    ]
    assert table.loc["CIFAR-10 DCGAN", "bare FID"] == "46.4 ± 0.7"
    starred = papers.layout("kddgan", "table4").loc["FQ-BigGAN *"]
    assert list(starred) == ["9.67", "25.96", "", ""]


def test_what_is_wrong_is_said(tmp_path, monkeypatch):
    said = "paper='gan': expected one of 'adaptivemix', 'advlatgan', 'kddgan'"
    with pytest.raises(ValueError, match=said):
        papers.load("gan")
    with pytest.raises(ValueError, match="table='table7': kddgan has table1, table2"):
        papers.layout("kddgan", "table7")
    monkeypatch.setattr(papers, "FOLDER", tmp_path)
    papers._rows.cache_clear()
    with pytest.raises(FileNotFoundError, match="adaptivemix.csv is missing: .*clone it"):
        papers.cells()


def test_what_is_handed_out_can_be_changed_without_harm():
    papers.cells("kddgan")[0]["value"] = "0"
    assert papers.cells("kddgan")[0]["value"] == "8.751"
