"""The status of a claim is computed, and the page says what is missing."""

import csv
import json
import math
import re
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import stats

from gantutor.config import NOTEBOOKS
from gantutor.records import Record
from gantutor.reproduce import report
from gantutor.reproduce.claims import STATUSES, Direction, Printed, Ratio, Spread, Verdict, Within, number, worst
from gantutor.reproduce.grid import make_plan
from gantutor.reproduce.targets import ALL, MINUTES, TARGETS, absent, choose, expected
from tiny import course

ROOT = Path(__file__).parent.parent


def frame(**variants):
    rows = [{"metric": "m", "variant": v, "seed": s, "value": x} for v, xs in variants.items() for s, x in enumerate(xs)]
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
    assert judge(Direction("m", "a", "", "b", "lower"), a=[1, 2, 3], b=[3, 4, 5.5]) == "direction only"
    d = higher.judge(frame(a=[3, 4, 5.5], b=[1, 2, 3])).spread
    assert (d.low, d.high) == pytest.approx(stats.t.interval(0.95, 2, loc=13 / 6, scale=stats.sem([2, 2, 2.5])))


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
    assert judge(exact, a=[0, 1e-7, 0]) == "reproduced" and judge(exact, a=[0, 0]) == "direction only"
    assert judge(bar, a=[0, 0, 0]) == "direction only"
    assert judge(Within("m", "a", "", 0.95, 1), a=[0.949999988079071, 1, 1]) == "reproduced"  # 0.95 in float32
    assert judge(exact, a=[0, 1, 0]) == "not reached" and judge(exact, a=[1, 1, 1]) == "contradicts"


def test_ratios():
    ratio = Ratio("m", "a", "", "b", 2.0)
    assert judge(ratio, a=[2, 4.2, 7.8], b=[1, 2, 4]) == "reproduced"
    assert judge(ratio, a=[5, 10, 21], b=[1, 2, 4]) == "direction only"
    assert judge(ratio, a=[1, 2, 4], b=[5, 10, 21]) == "contradicts"
    assert judge(ratio, a=[1, -2, 4], b=[5, 10, 21]) == "not reached"


def test_a_target_is_as_good_as_its_worst_claim():
    assert worst([Verdict("reproduced"), Verdict("direction only")]) == "direction only"
    assert worst([Verdict(s) for s in STATUSES]) == "contradicts"
    assert [number(x) for x in (0, 0.0001, 12345, 0.25, 9)] == ["0", "1.0e-04", "1.2e+04", "0.25", "9"]


# -- the targets -----------------------------------------------------------------------------------------------------------
def test_targets_name_notebooks_parameters_and_times_that_exist():
    assert list(TARGETS) == [t.name for t in ALL]
    for target in ALL:
        assert target.minutes("class") > 0 and set(MINUTES[target.notebook]) == {"smoke", "class", "colab", "paper"}
        for changes in target.runs:
            NOTEBOOKS[target.notebook](**changes)
    assert ("AdaptiveMix", "modes") in expected("02_adaptivemix")
    assert {t.name for t in choose(["kddgan"])} == {n for n in TARGETS if n.startswith("kddgan/")}
    with pytest.raises(ValueError, match="unknown target 'kddgan/fig2': did you mean 'kddgan/fig"):
        choose(["kddgan/fig2"])


def test_absent_data_is_said_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANTUTOR_DATA", raising=False)
    target = TARGETS["kddgan/cifar10-jpeg"]
    assert "GANTUTOR_DATA is not set" in absent(target) and "set GANTUTOR_DATA to the folder" in absent(target)
    monkeypatch.setenv("GANTUTOR_DATA", str(tmp_path / "nowhere"))
    assert "holds no cifar10-jpeg.tar.xz" in absent(target)
    (tmp_path / "data/cifar10-jpeg").mkdir(parents=True)
    assert absent(target) is None and absent(TARGETS["kddgan/fig1"]) is None


# -- the page ----------------------------------------------------------------------------------------------------------------
# {notebook: {(variant, metric): one value for each of 3 seeds}}: made up, to see every status
MADE_UP = {
    "02_adaptivemix": {
        ("AdaptiveMix", "modes"): [9, 9, 8], ("Std-GAN", "modes"): [6, 5, 5], ("WGAN", "modes"): [7, 6, 6],
        ("AdaptiveMix", "mean_slope"): [4.1, 4.4, 5.0], ("Std-GAN", "mean_slope"): [8.2, 8.8, 9.1],
        ("AdaptiveMix", "energy_distance"): [0.02, 0.06, 0.03], ("Std-GAN", "energy_distance"): [0.05, 0.04, 0.09],
        ("logit sum only", "modes"): [8, 8, 9],
    },
    "03_kdd": {
        ("hinge", "hinge_arrow_spread"): [0, 2e-8, 1e-8], ("KDD", "angle_median_deg"): [12.1, 14.0, 11.2],
        ("hinge", "angle_median_deg"): [0, 0, 0], ("KDD", "energy_distance"): [0.32, 0.35, 0.3],
        ("hinge", "energy_distance"): [1.54, 1.5, 1.6], ("initial", "energy_distance"): [5.5, 5.4, 5.6],
        ("KDD", "nearest_kept"): [0.99, 0.98, 0.99], ("KDD", "mode_share"): [0.5, 0.49, 0.5],
    },
    "05_images baseline": {("baseline", "kd_small"): [0.21, 0.2, 0.22]},
    "05_images hinge": {("hinge", "kd_small"): [0.21, 0.2, 0.22]},
    "05_images kdd": {("kdd", "kd_small"): [0.31, 0.32, 0.33]},
    "05_images adaptivemix": {("adaptivemix", "kd_small"): [0.11, math.nan, 0.13]},
}  # fmt: skip


def make_up(folder, seeds=3):
    """A folder of runs as the grid leaves it: some done, one diverged, one failed, one target without data."""
    for stem in NOTEBOOKS:
        course(folder / "notebooks", stem)
    out = folder / "out"
    plan = make_plan([t for t in ALL if not t.name.startswith("course")], out, "class", 0, seeds)
    plan.save()
    for job in plan.jobs:
        key = " ".join([job.notebook.stem, *([job.parameters["method"]] if "method" in job.parameters else [])])
        job.folder.mkdir(parents=True)
        if key == "04_advlat":
            text = json.dumps({"status": "kernel_died", "message": "the kernel died in cell 7 of 12: was it out of memory?"})
            (job.folder / "status.json").write_text(text)
            continue
        record = Record(NOTEBOOKS[job.notebook.stem](**job.parameters), job.notebook.stem)
        for (variant, metric), xs in MADE_UP.get(key, {}).items():
            record.add(metric, xs[:seeds], variant)
        fig = Figure(figsize=(7, 3))
        fig.subplots().plot([0, 1, 2], [0, 1, 0])
        for name in ("fig1_field", "fig3_flow") if key == "03_kdd" else ("samples",):
            record.figure(name, fig, f"Made up: {name} of {key} <&>.")
        record.note("digest", "abc123")
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
        yield make_up(folder)


def test_every_status_stands_on_the_page_with_what_is_missing(made_up):
    page = report.build(made_up).read_text()
    status = {s.target.name: s.status for s in report.collect(made_up)}
    assert status == {t.name: "not run" for t in ALL} | {
        "adaptivemix/fig3": "not reached", "adaptivemix/image": "not reached", "kddgan/fig1": "direction only",
        "kddgan/fig3": "direction only", "kddgan/image": "contradicts", "advlatgan/image": "not reached",
    }  # fmt: skip
    for said in ("GANTUTOR_DATA is not set", "kernel_died, the kernel died in cell 7 of 12", "the run diverged at step 41",
                 "not asked for yet", "gantutor reproduce advlatgan/fig9 --profile class --seeds 3 --out out"):  # fmt: skip
        assert said in page
    assert "reproduced</span>" in page  # the exact statement of Fig. 1, though its target is weaker


def test_the_page_stands_alone_and_is_escaped(made_up):
    page = report.build(made_up).read_text()
    assert not re.search(r'(src|href)="(?!data:image/png;base64,|#)', page) and "url(" not in page and "<script" not in page
    assert "&lt;&amp;&gt;" in page and "<&>" not in page
    assert str(made_up.parent) not in page


def test_a_shared_runs_figure_goes_to_the_target_that_its_name_begins_with(made_up):
    page = report.build(made_up).read_text()
    articles = {name: page.split(f'<article id="{name}">')[1].split("</article>")[0] for name in ("kddgan-fig1", "kddgan-fig3")}
    for name, article in articles.items():
        mine, other = ("fig1_field", "fig3_flow") if name.endswith("1") else ("fig3_flow", "fig1_field")
        assert f'alt="Made up: {mine}' in article and f'alt="Made up: {other}' not in article
        assert "more pictures under" in article
    assert page.count('alt="Made up: samples of 05_images baseline') == 1


def test_the_table_for_machines_has_a_row_a_claim(made_up):
    report.build(made_up)
    with open(made_up / "report.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(max(len(t.claims), 1) for t in ALL)
    row = next(r for r in rows if r["target"] == "kddgan/image")
    assert (row["claim_status"], row["seeds"], row["variant"], row["against"]) == ("contradicts", "3", "kdd", "hinge")
    assert float(row["low"]) > 0 and row["profile"] == "class"


def test_a_report_of_nothing_says_not_run_everywhere(tmp_path):
    page = report.build(tmp_path).read_text()
    assert {s.status for s in report.collect(tmp_path)} == {"not run"} and page.count("not asked for yet") == len(ALL)


def test_a_notebook_that_changed_since_is_said(made_up, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    course(tmp_path / "notebooks", "03_kdd", "# another cell")
    assert "the notebook has changed since this run" in report.build(made_up).read_text()


@pytest.mark.parametrize("name", [p.stem for p in sorted((ROOT / "data/records").glob("*.csv"))])
def test_the_readme_s_status_is_that_of_the_committed_records(name):
    start, end = report.marks(name)
    shown = (ROOT / "README.md").read_text(encoding="utf-8").split(start)[1].split(end)[0].strip()
    assert shown == report.status_table((ROOT / f"data/records/{name}.csv").read_text(encoding="utf-8"))
    assert shown.count("\n") > 2
