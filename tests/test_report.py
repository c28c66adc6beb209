"""The status of a claim is computed, and the page says what is missing."""

import base64
import csv
import io
import json
import math
import re
import shutil
from html import escape
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from scipy import stats
from tiny import course

from gantutor.course.lessons import LESSONS
from gantutor.course.records import Record
from gantutor.reproduce import ledger, papers, records, report, sections
from gantutor.reproduce.claims import (
    STATUSES,
    Direction,
    Printed,
    Ratio,
    Spread,
    TableRow,
    Verdict,
    Within,
    kernel_distance,
    number,
    worst,
)
from gantutor.reproduce.plan import make_plan
from gantutor.reproduce.targets import ALL, LESSON_TARGETS, TARGETS, absent, choose, expected

ROOT = Path(__file__).parent.parent


def frame(**variants):
    rows = [
        {"metric": "m", "variant": v, "seed": s, "value": x}
        for v, xs in variants.items()
        for s, x in enumerate(xs)
    ]
    return pd.DataFrame(rows).astype({"seed": "Int64"})


def judge(claim, **variants) -> str:
    return claim.judge(frame(**variants)).status


# -- the statistics ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("xs", [[1.0, 2.5], [3.0, 1.0, 4.0, 1.5, 9.2], [2.0, 2.0, 2.0 + 1e-9]])
def test_the_spread_is_scipys_t_interval(xs):
    s = Spread.of(xs)
    low, high = stats.t.interval(0.95, len(xs) - 1, loc=pd.Series(xs).mean(), scale=stats.sem(xs))
    assert (s.low, s.high) == (pytest.approx(low, rel=1e-12), pytest.approx(high, rel=1e-12))


def test_directions_are_paired_over_seeds():
    higher = Direction("m", "a", "", "b", "higher")
    # the seeds differ by far more than the variants do: only the pairs show it
    assert judge(higher, a=[11, 101, 1001.2], b=[10, 100, 1000]) == "direction only"
    assert judge(higher, a=[10, 100, 1000], b=[11, 101, 1001.2]) == "contradicts"
    assert judge(higher, a=[10, 102, 1000], b=[11, 101, 1001]) == "not reached"
    assert (
        judge(Direction("m", "a", "", "b", "lower"), a=[1, 2, 3], b=[3, 4, 5.5]) == "direction only"
    )
    d = higher.judge(frame(a=[3, 4, 5.5], b=[1, 2, 3])).spread
    assert (d.low, d.high) == pytest.approx(
        stats.t.interval(0.95, 2, loc=13 / 6, scale=stats.sem([2, 2, 2.5]))
    )


def test_equal_values_and_single_seeds_reach_nothing():
    higher = Direction("m", "a", "", "b", "higher")
    assert judge(higher, a=[9, 9, 9], b=[9, 9, 9]) == "not reached"
    one = higher.judge(frame(a=[9], b=[1]))
    assert one.status == "not reached" and "1 seed: 3 are needed" in one.note
    assert higher.judge(frame(a=[9.0, math.nan], b=[1, 2])).note == "some values are not finite"
    assert higher.judge(frame(a=[9.0])).status == "not run"


def test_only_printed_numbers_and_exact_statements_are_reproduced_and_only_by_three_seeds():
    assert judge(Printed("m", "a", "", 2.0), a=[1, 2, 3]) == "reproduced"
    assert judge(Printed("m", "a", "", 2.0), a=[1, 3]) == "direction only"
    assert judge(Printed("m", "a", "", 9.0), a=[1, 2, 3]) == "not reached"
    exact, bar = Within("m", "a", "", 0, 1e-6), Within("m", "a", "", 0, 1e-6, ours=True)
    assert (
        judge(exact, a=[0, 1e-7, 0]) == "reproduced" and judge(exact, a=[0, 0]) == "direction only"
    )
    assert judge(bar, a=[0, 0, 0]) == "direction only"
    assert (
        judge(Within("m", "a", "", 0.95, 1), a=[0.949999988079071, 1, 1]) == "reproduced"
    )  # 0.95 in float32
    assert judge(exact, a=[0, 1, 0]) == "not reached" and judge(exact, a=[1, 1, 1]) == "contradicts"


def test_ratios():
    ratio = Ratio("m", "a", "", "b", 2.0)
    assert judge(ratio, a=[2, 4.2, 7.8], b=[1, 2, 4]) == "reproduced"
    assert judge(ratio, a=[5, 10, 21], b=[1, 2, 4]) == "direction only"
    assert judge(ratio, a=[1, 2, 4], b=[5, 10, 21]) == "contradicts"
    assert judge(ratio, a=[1, -2, 4], b=[5, 10, 21]) == "not reached"


def test_a_row_is_held_against_its_number_then_its_baseline_and_else_is_measured():
    row, alone = TableRow("m", "a", "", "b", "lower", 2.0), TableRow("m", "b", "", "", "lower", 2.0)
    small = frame(a=[1, 2, 3], b=[4, 5, 6.5]).assign(metric="kd_small")
    assert (
        judge(row, a=[1, 2, 3], b=[9, 9, 9]) == "reproduced"
    )  # 2 is inside, whatever the baseline does
    assert judge(row, a=[5, 6, 7.5], b=[1, 2, 3]) == "contradicts"
    assert (
        row.judge(small).status == "direction only"
    )  # 2 is inside here too, but it is not on this scale
    assert alone.judge(small).status == "measured" and judge(alone, b=[5, 6, 7]) == "not reached"
    assert alone.judge(frame(a=[1.0])).status == "not run"
    # measured on other data, say: 2 may be inside, but only the direction is told
    ours, plain = frame(a=[1, 2, 3], b=[4, 5, 6.5]), frame(b=[1, 2, 3])
    assert (row.judge(ours, "on a copy").status, row.judge(ours, "on a copy").note) == (
        "direction only",
        "on a copy",
    )
    assert (alone.judge(plain, "on a copy").status, alone.judge(plain).status) == (
        "measured",
        "reproduced",
    )


def test_the_kernel_distance_has_the_name_that_both_rows_know():
    def named(**metrics):
        return pd.concat(
            [frame(**{v: [1.0, 2.0]}).assign(metric=m) for v, ms in metrics.items() for m in ms]
        )

    known = named(
        a=["fd_inception_2k", "kd_inception_2k_std", "kd_inception_2k"],
        b=["kd_small", "kd_inception_2k"],
    )
    assert (
        kernel_distance(known, "a", "b") == "kd_inception_2k"
        and kernel_distance(known, "b") == "kd_small"
    )
    assert (
        kernel_distance(named(a=["fid", "kid_std", "kid"]), "a") == "kid"
        and kernel_distance(known, "c") == "kd_small"
    )


def test_a_target_is_as_good_as_its_worst_claim():
    assert worst([Verdict("reproduced"), Verdict("direction only")]) == "direction only"
    assert worst([Verdict(s) for s in STATUSES]) == "contradicts"
    assert [number(x) for x in (0, 0.0001, 12345, 0.25, 9)] == [
        "0",
        "1.0e-04",
        "1.2e+04",
        "0.25",
        "9",
    ]


# -- the targets -----------------------------------------------------------------------------------------------------------
def test_targets_name_notebooks_parameters_and_times_that_exist():
    assert list(TARGETS) == [t.name for t in ALL]
    for target in (t for t in ALL if not t.not_yet):
        assert target.minutes("class") > 0
        for changes in target.runs:
            LESSONS[target.notebook].config(**changes)
    assert all(
        set(LESSONS[t.notebook].minutes) == {"smoke", "class", "colab", "paper"}
        for t in LESSON_TARGETS
    )
    assert ("AdaptiveMix", "modes") in expected("02_adaptivemix")
    assert {t.name for t in choose(["kddgan"])} == {n for n in TARGETS if n.startswith("kddgan/")}
    with pytest.raises(ValueError, match="unknown target 'kddgan/fig2': did you mean 'kddgan/fig"):
        choose(["kddgan/fig2"])


def test_absent_data_is_said_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANTUTOR_DATA", raising=False)
    target = TARGETS["kddgan/cifar10-jpeg"]
    assert "needs cifar10-jpeg" in absent(
        target
    ) and "`gantutor data list` says how to get it" in absent(target)
    monkeypatch.setenv("GANTUTOR_DATA", str(tmp_path / "nowhere"))
    assert "needs cifar10-jpeg" in absent(target)
    (tmp_path / "data/cifar10-jpeg").mkdir(parents=True)
    assert absent(target) is None and absent(TARGETS["kddgan/fig1"]) is None


# -- the page ----------------------------------------------------------------------------------------------------------------
# {notebook: {(variant, metric): one value for each of 3 seeds}}: made up, to see every status
MADE_UP = {
    "02_adaptivemix": {
        ("AdaptiveMix", "modes"): [9, 9, 8],
        ("Std-GAN", "modes"): [6, 5, 5],
        ("WGAN", "modes"): [7, 6, 6],
        ("AdaptiveMix", "mean_slope"): [4.1, 4.4, 5.0],
        ("Std-GAN", "mean_slope"): [8.2, 8.8, 9.1],
        ("AdaptiveMix", "energy_distance"): [0.02, 0.06, 0.03],
        ("Std-GAN", "energy_distance"): [0.05, 0.04, 0.09],
        ("logit sum only", "modes"): [8, 8, 9],
    },
    "03_kdd": {
        ("hinge", "hinge_arrow_spread"): [0, 2e-8, 1e-8],
        ("KDD", "angle_median_deg"): [12.1, 14.0, 11.2],
        ("hinge", "angle_median_deg"): [0, 0, 0],
        ("KDD", "energy_distance"): [0.32, 0.35, 0.3],
        ("hinge", "energy_distance"): [1.54, 1.5, 1.6],
        ("initial", "energy_distance"): [5.5, 5.4, 5.6],
        ("KDD", "nearest_kept"): [0.99, 0.98, 0.99],
        ("KDD", "mode_share"): [0.5, 0.49, 0.5],
    },
    "05_images baseline": {("baseline", "kd_small"): [0.21, 0.2, 0.22]},
    "05_images hinge": {("hinge", "kd_small"): [0.21, 0.2, 0.22]},
    "05_images kdd": {("kdd", "kd_small"): [0.31, 0.32, 0.33]},
    "05_images adaptivemix": {("adaptivemix", "kd_small"): [0.11, math.nan, 0.13]},
}


# {row: (name of its data, {metric: one value for each seed})}: AdvLatGAN's Table 4 prints three variants in a row, KDD GAN's one
ROWS = {
    "kddgan/table2/hinge": ("cifar10", {"kd_small": [0.5, 0.6, 0.55], "fid": [8.5, 8.6, 8.7]}),
    "kddgan/table2/kdd": ("cifar10", {"kd_small": [0.4, 0.5, 0.46], "fid": [8.3, 8.4, 8.5]}),
    "kddgan/table2/kdd-da1": ("cifar10-jpeg", {"fid": [7.0, 7.1, 7.2]}),
    "kddgan/table2/kdd-da3": ("cifar10-jpeg", {"kd_small": [0.9, 0.99, 0.94]}),
    "advlatgan/table4/cifar10/dcgan/bare": ("cifar10-jpeg", {"kd_small": [1.5, 1.6, 1.7]}),
    "advlatgan/table4/cifar10/dcgan/qua": ("cifar10-jpeg", {"kd_small": [1.4, 1.52, 1.6]}),
    "advlatgan/table4/cifar10/dcgan/qua+": ("cifar10-jpeg", {"kd_small": [1.0, 1.01, 1.2]}),
}


def make_up(folder, seeds=3):
    """A folder of runs as the grid leaves it: some done, one diverged, one failed, one table without data, rows not asked for."""
    for stem in LESSONS:
        course(folder / "notebooks", stem)
    (folder / "data/cifar10-jpeg").mkdir(parents=True)  # all that it takes to be at hand
    out = folder / "out"
    asked = [
        t for t in LESSON_TARGETS if not t.name.startswith("course") and t.needs != "cifar10-jpeg"
    ]
    plan = make_plan(
        asked + choose(["kddgan/table2", "kddgan/table3", "advlatgan/table4:cifar10/dcgan/*"]),
        out,
        "class",
        0,
        seeds,
    )
    plan.save()
    for job in plan.jobs:
        row = job.parameters.get("row")
        key = " ".join(
            [job.notebook.stem, *([job.parameters["method"]] if "method" in job.parameters else [])]
        )
        job.folder.mkdir(parents=True)
        if key == "04_advlat":
            text = json.dumps(
                {
                    "status": "kernel_died",
                    "message": "the kernel died in cell 7 of 12: was it out of memory?",
                }
            )
            (job.folder / "status.json").write_text(text)
            continue
        if row and row not in ROWS:
            continue
        record = Record(LESSONS[job.notebook.stem].config(**job.parameters), job.notebook.stem)
        name, measured = ROWS.get(row, ("", {}))
        for (variant, metric), xs in (
            MADE_UP.get(key, {}) | {(row, metric): xs for metric, xs in measured.items()}
        ).items():
            record.add(metric, xs[:seeds], variant)
        fig = Figure(figsize=(7, 3))
        fig.subplots().plot([0, 1, 2], [0, 1, 0])
        lesson = {
            "03_kdd": ("fig1_field", "fig3_flow"),
            "02_adaptivemix": ("samples", "path", "maps"),
        }.get(key, ("samples",))
        for figure in ("curves", "reals", "samples") if row else lesson:
            record.figure(figure, fig, f"Made up: {figure} of {row or key} <&>.")
        record.note("digest", "abc123")
        if row:
            record.note("data", {"name": name, "images": 50000, "digest": "abc123"})
            record.note(
                "protocol",
                {
                    "features": "inception",
                    "split": "train",
                    "n_real": 50000,
                    "n_fake": 50000,
                    "n_manifold": 10000,
                },
            )
            started = json.dumps({"what": "start", "at": "2026-01-01T00:00:00+00:00"})
            (job.folder / "attempts.jsonl").write_text(
                f"{started}\n" * (2 if row.endswith("qua") else 1)
            )
        if key == "05_images advlat":
            record.save(status="diverged", step=41)
        else:
            record.save()
    return out


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made_up")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("GANTUTOR_DATA", raising=False)
        out = make_up(folder)
        report.build(out)
        yield out


@pytest.fixture(scope="module")
def page(made_up):
    return (made_up / "report.html").read_text()


@pytest.fixture
def copy(made_up, tmp_path):
    """To build again in, without a trace in the folder that the others read."""
    return shutil.copytree(made_up, tmp_path / "out")


def without_record():
    """Rows of KDD GAN's Table 2 that were asked for and left nothing."""
    return [t for t in choose(["kddgan/table2"]) if t.runs[-1]["row"] not in ROWS]


def test_every_status_stands_on_the_page_with_what_is_missing(made_up, page):
    status = {s.target.name: s.status for s in report.collect(made_up)}
    assert status == {t.name: "not yet" if t.not_yet else "not run" for t in ALL} | {
        "adaptivemix/fig3": "not reached",
        "adaptivemix/image": "not reached",
        "kddgan/fig1": "direction only",
        "kddgan/fig3": "direction only",
        "kddgan/image": "contradicts",
        "advlatgan/image": "not reached",
        "kddgan/table2:hinge": "not reached",
        "kddgan/table2:kdd": "reproduced",
        "kddgan/table2:kdd-da1": "direction only",
        "kddgan/table2:kdd-da3": "contradicts",
        "advlatgan/table4:cifar10/dcgan/bare": "measured",
        "advlatgan/table4:cifar10/dcgan/qua": "direction only",
        "advlatgan/table4:cifar10/dcgan/qua+": "direction only",
    }
    for said in (
        "needs tiny-imagenet: GANTUTOR_DATA is not set",
        "kernel_died: the kernel died in cell 7 of 12",
        "the run diverged at step 41",
        "not asked for yet",
        "not yet: StyleGAN2 is not in the package yet",
        f"not started yet ({', '.join(t.name.split(':')[1] for t in without_record())})",
        "gantutor reproduce advlatgan/fig9 --profile class --seeds 3 --out out",
        "gantutor reproduce kddgan/table2 --profile class --seeds 3 --out out",
    ):
        assert said in page, said
    assert "reproduced</span>" in page  # the exact statement of Fig. 1, though its target is weaker


def test_a_printed_number_is_not_reproduced_on_a_copy_of_the_data(made_up):
    found = {s.target.name: s.verdicts[0] for s in report.collect(made_up) if s.verdicts}
    da1 = found["kddgan/table2:kdd-da1"]  # 7.1 [6.85, 7.35], and 7.089 is printed
    assert (da1.status, da1.note) == (
        "direction only",
        "on cifar10-jpeg, not on cifar10",
    ) and da1.ours.startswith("7.1 [")
    assert found["kddgan/table2:kdd"].status == "reproduced"


def test_what_sets_a_value_apart_from_the_printed_one_is_said():
    """Data, features, split and numbers of images are the paper's, or the value stands elsewhere."""

    def cell(table, metric):
        return next(
            c
            for c in papers.cells("kddgan")
            if c["table"] == table and c["metric"] == metric and c["recipe"]
        )

    def run(name="cifar10", **protocol):
        return {
            "data": {
                "data": {"name": name},
                "protocol": {
                    "split": "train",
                    "n_real": 50000,
                    "n_fake": 50000,
                    "n_manifold": 10000,
                }
                | protocol,
            }
        }

    fid, density = cell("table2", "FID"), cell("table2", "density")
    assert (
        sections.unlike(fid, run())
        == sections.unlike(density, run())
        == sections.unlike({}, run())
        == ""
    )
    assert sections.unlike(fid, run("cifar10-jpeg")) == "on cifar10-jpeg, not on cifar10"
    assert sections.unlike(fid, run(split="test")) == "against the split test, the paper's is train"
    assert sections.unlike(fid, run(n_fake=10000)) == "10,000 fakes, the paper's 50,000"
    assert sections.unlike(density, run(n_fake=10000)) == "" and "5,000 fakes" in sections.unlike(
        density, run(n_manifold=5000)
    )
    assert (
        sections.unlike(fid, {"data": {"data": {"name": "cifar10"}}})
        == "against the split unnamed, the paper's is train"
    )
    assert (
        sections.unlike(fid | {"features": "torchvision Inception"}, run())
        == "the paper's features are torchvision Inception's"
    )


def test_every_printed_cell_and_a_status_stand_in_its_table(page):
    for table in papers.tables():
        article = page.split(f'id="table-{table["paper"]}-{table["table"]}"')[1].split(
            "</article>"
        )[0]
        grid = article.split('<table class="printed')[1].split("</table>")[0]
        cells = [c for c in papers.cells(table["paper"]) if c["table"] == table["table"]]
        for cell in cells:
            assert (
                f"<span>{cell['value']}" + (f" ± {cell['spread']}" if cell["spread"] else "")
                in grid
            )
        assert grid.count('class="badge') >= len({c["row"] for c in cells})


def test_a_stand_in_shares_no_column_with_the_paper_s_number(page):
    row = page.split('<a id="kddgan-table2-kdd"></a>')[1].split("</tr>")[0]
    printed, ours = row.split('<td class="first ours"', 1)
    assert "8.375" in printed and "ours 8.4<br>[8.15, 8.65]<br>+0.025" in printed  # FID beside FID
    assert (
        "<code>kd_small</code> <b>0.453" in ours
        and "0.453" not in printed
        and 'data-label="kd_small"' in ours
    )
    assert (
        "\N{MINUS SIGN}0.0967" in ours and "the paper's FID: \N{MINUS SIGN}0.484" in ours
    )  # paired with the hinge's
    printed, ours = (
        page.split('<a id="kddgan-table2-kdd-da1"></a>')[1]
        .split("</tr>")[0]
        .split('<td class="first ours"')
    )
    assert "7.089" in printed and "ours" not in printed  # an FID, but of a copy of the data
    assert (
        "<code>fid</code> <b>7.1 [6.85, 7.35]" in ours and "on cifar10-jpeg, not on cifar10" in ours
    )
    lines = page.split('id="table-advlatgan-table4"')[1].split("CIFAR-10 WGAN<")[0]
    assert [
        lines.count(f'<tr class="below"><th scope="row">{label}</th>')
        for label in ("bare", "qua", "qua+")
    ] == [1, 1, 1]


def test_a_row_of_foreign_features_has_nothing_beside_its_fid():
    """Table 6 of AdvLatGAN takes torchvision's Inception: a TF FID must not stand there."""
    cell = next(
        c
        for c in papers.cells("advlatgan")
        if c["recipe"] == "advlatgan/table6/cifar10/div" and c["metric"] == "FID"
    )
    frame = pd.DataFrame(
        {"variant": cell["recipe"], "metric": "fid", "seed": [0, 1, 2], "value": [1.0, 2.0, 3.0]}
    ).astype({"seed": "Int64"})
    noted = {
        "data": {"name": "cifar10"},
        "protocol": {"split": "test", "n_real": 10000, "n_fake": 50000},
    }
    section = sections.Section(
        TARGETS["advlatgan/table6:cifar10/div"],
        "measured",
        [],
        "",
        results=[("", {"parameters": {"row": cell["recipe"]}, "data": noted})],
    )
    section.frame = frame
    line = sections.Line("measured", section=section)
    assert (
        sections.own_value(line, cell) is None
        and sections.own_value(line, cell | {"features": "TF Inception"}).mean == 2
    )


def test_the_page_stands_alone_and_is_escaped(made_up, page):
    assert (
        not re.search(r'(src|href)="(?!data:image/webp;base64,|#)', page)
        and "url(" not in page
        and "<script" not in page
    )
    assert "&lt;&amp;&gt;" in page and "<&>" not in page
    assert str(made_up.parent) not in page


def test_a_shared_runs_figure_goes_to_the_target_that_its_name_begins_with(page):
    articles = {
        name: page.split(f'<article id="{name}">')[1].split("</article>")[0]
        for name in ("kddgan-fig1", "kddgan-fig3")
    }
    for name, article in articles.items():
        mine, other = (
            ("fig1_field", "fig3_flow") if name.endswith("1") else ("fig3_flow", "fig1_field")
        )
        assert f'alt="Made up: {mine}' in article and f'alt="Made up: {other}' not in article
        assert "more pictures under" in article
    assert page.count('alt="Made up: samples of 05_images baseline') == 1


def test_a_row_s_pictures_are_small_copies_and_shown_once(page):
    found = re.findall(
        r'alt="Made up: (\w+) of kddgan/table2/kdd [^"]*"[^>]*src="data:image/webp;base64,([^"]+)"',
        page,
    )
    assert [name for name, _ in found] == ["curves", "samples"]
    for _, data in found:
        assert Image.open(io.BytesIO(base64.b64decode(data))).width == 700


def test_a_run_that_was_started_twice_says_so(page):
    assert page.count("started twice") == 1


def test_the_table_for_machines_has_a_row_a_claim(made_up):
    with open(made_up / "report.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    targets = [r for r in rows if not r["target"].endswith(":")]
    assert len(targets) == sum(max(len(t.claims), 1) for t in ALL)
    row = next(r for r in rows if r["target"] == "kddgan/image")
    assert (row["claim_status"], row["seeds"], row["variant"], row["against"]) == (
        "contradicts",
        "3",
        "kdd",
        "hinge",
    )
    assert float(row["low"]) > 0 and row["profile"] == "class"
    row = next(r for r in rows if r["target"] == "kddgan/table2:kdd")
    assert (row["metric"], row["data"], row["paper_fid"], row["status"]) == (
        "fid",
        "cifar10",
        "8.375",
        "reproduced",
    )
    bare = {
        (r["target"], r["variant"]) for r in rows if r["target"].endswith(":")
    }  # rows that no target stands for
    assert ("kddgan/table2:", "ContraGAN") in bare and ("adaptivemix/table4:", "WGAN-GP") in bare


def test_the_readme_has_lessons_by_claim_and_tables_by_count(made_up):
    claims, tables = report.status_table((made_up / "report.csv").read_text()).split("\n\n")
    assert (
        "| KDD GAN | Fig. 1 | KDD's arrows point in different directions |" in claims
        and "kdd: FID" not in claims
    )
    line = next(x for x in tables.splitlines() if x.startswith("| KDD GAN | Table 2 |"))
    n, left = len(papers.layout("kddgan", "table2")), len(without_record())
    assert (
        line
        == f"| KDD GAN | Table 2 | {n} | 1 reproduced, 1 direction only, 1 not reached, 1 contradicts, {left} not run, 4 not yet |"
    )
    assert len(tables.splitlines()) == 2 + len(papers.tables())


def test_a_report_of_nothing_says_not_run_everywhere(tmp_path):
    page = report.build(tmp_path).page.read_text()
    assert {s.status for s in report.collect(tmp_path)} == {"not run", "not yet"}
    assert page.count('<div class="missing"') == len(LESSON_TARGETS) + len(papers.tables())


def test_a_notebook_that_changed_since_is_said(copy, tmp_path, monkeypatch, page):
    said = "the notebook has changed since this run"
    monkeypatch.chdir(tmp_path)
    course(tmp_path / "notebooks", "03_kdd", "# another cell")
    assert said in report.build(copy).page.read_text() and said not in page


def test_code_that_changed_since_is_said_with_the_remedy(copy, monkeypatch, page):
    stale = escape(ledger.STALE)
    monkeypatch.setattr(ledger, "code_hash", lambda notebook: "another")
    changed = report.build(copy).page.read_text()
    assert f"{stale} (hinge, kdd, kdd-da1, kdd-da3)" in changed and stale not in page
    assert re.search(
        "This runs it again: <code>gantutor reproduce adaptivemix/fig3 [^<]* --fresh<", changed
    )


def test_a_lost_picture_is_said_and_stops_nothing(copy, page):
    for i, path in enumerate(sorted(copy.glob("runs/*/*.png"))):
        path.unlink() if i % 2 else path.write_bytes(path.read_bytes()[:50])
    built = report.build(copy)
    said = "is lost or damaged: run it again with --fresh"
    assert said in built.page.read_text() and "is lost" not in page
    assert len(built.damage) == i + 1 and all(said in words for words in built.damage)


@pytest.mark.parametrize("name", [p.stem for p in sorted((ROOT / "data/records").glob("*.csv"))])
def test_the_readme_s_status_is_that_of_the_committed_records(name):
    start, end = report.marks(name)
    shown = (ROOT / "README.md").read_text(encoding="utf-8").split(start)[1].split(end)[0].strip()
    assert shown == report.status_table(
        (ROOT / f"data/records/{name}.csv").read_text(encoding="utf-8")
    )
    assert shown.count("\n") > 2


def test_a_row_that_ran_as_another_row_s_baseline_is_measured_itself():
    entry = {
        "profile": "smoke",
        "seed": 0,
        "seeds": 2,
        "runs": ["runs/plain", "runs/own"],
        "missing": None,
        "given": {},
    }
    plan = {"kddgan/table1:kdd-tau1": entry}
    assert sections._shared(TARGETS["kddgan/table1:hinge"], plan) == {
        **entry,
        "runs": ["runs/plain"],
    }
    assert sections._shared(TARGETS["kddgan/table1:kdd-tau5"], plan) is None
    assert (
        sections._shared(
            TARGETS["kddgan/table1:hinge"],
            {"kddgan/table1:kdd-tau1": {**entry, "runs": [], "missing": "no data"}},
        )
        is None
    )


def test_records_stand_beside_what_the_papers_print(tmp_path):
    record = Record(
        LESSONS["10_full_run"].config(profile="smoke", out=str(tmp_path / "runs/a")), "10_full_run"
    )
    for metric in ("fid", "kd_small"):
        record.add(metric, [12.5], "kddgan/table2/hinge", n=60)
    record.add("fid", [3.0], "something of ours").save()
    frame = records.load(tmp_path).set_index(["variant", "metric"])
    row = frame.loc["kddgan/table2/hinge"]
    assert list(row.paper_table) == ["kddgan/table2"] * 2 and list(row.paper_fid) == [8.859] * 2
    assert row.paper_value["fid"] == 8.859 and row.paper_value.isna()["kd_small"], (
        "a stand-in is beside no printed value of its own"
    )
    assert (
        frame.loc["something of ours"][["paper_table", "paper_fid", "paper_value"]]
        .isna()
        .all(axis=None)
    )


def test_a_kept_table_does_not_say_where_its_maker_s_data_lie(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "README.md").write_text("none")
    (tmp_path / "out/report.csv").write_text(
        "note\nneeds celeba: not in /home/ada/sets (GANTUTOR_DATA); `gantutor data list` says how to get it\n"
    )
    monkeypatch.chdir(tmp_path)
    report.main(["out", "mine"])
    assert (
        tmp_path / "data/records/mine.csv"
    ).read_text() == "note\nneeds celeba: not at hand; `gantutor data list` says how to get it\n"
