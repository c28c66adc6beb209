"""The status of a claim is computed from the values of the seeds; targets name what exists."""

import math

import pandas as pd
import pytest
from scipy import stats

from gantutor.course.lessons import LESSONS
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
from gantutor.reproduce.targets import ALL, LESSON_TARGETS, TARGETS, absent, choose, expected


def frame(**variants):
    rows = [
        {"metric": "m", "variant": v, "seed": s, "value": x}
        for v, xs in variants.items()
        for s, x in enumerate(xs)
    ]
    return pd.DataFrame(rows).astype({"seed": "Int64"})


def judge(claim, **variants) -> str:
    return claim.judge(frame(**variants)).status


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
