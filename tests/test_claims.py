"""The status of a claim is computed from the values of the seeds; targets name what exists."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gantutor.course.lessons import LESSONS
from gantutor.reproduce.claims import (
    FEW,
    STATUSES,
    Direction,
    Printed,
    Ratio,
    Spread,
    TableRow,
    Verdict,
    Within,
    adjusted,
    kernel_distance,
    number,
    worst,
)
from gantutor.reproduce.targets import ALL, LESSON_TARGETS, TARGETS, absent, choose, expected
from gantutor.statistics import over_looks, seeds_needed


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


PAIR = ("m", "a", "", "b")
HIGHER = Direction(*PAIR, "higher", smallest=1.0)
FIVE = [0.9, 1.1, 1.0, 1.2, 0.8]  # seeds of one variant


def moved(by, xs=FIVE):
    return [x + by for x in xs]


def test_directions_are_paired_over_seeds():
    # the seeds differ by far more than the variants do: only the pairs show it
    b = [10, 100, 1000, 3, 50]
    assert judge(HIGHER, a=[11, 101, 1001.2, 4.1, 51], b=b) == "holds"
    assert judge(HIGHER, a=[7, 97, 997.2, 0.1, 47], b=b) == "contradicts"
    assert judge(HIGHER, a=[12, 98, 1003, 1, 51], b=b) == "undecided"
    assert judge(Direction(*PAIR, "lower"), a=FIVE, b=moved(2, FIVE[::-1])) == "holds"
    d = HIGHER.judge(frame(a=[3, 4, 5.5], b=[1, 2, 3])).spread
    assert (d.low, d.high) == pytest.approx(
        stats.t.interval(0.95, 2, loc=13 / 6, scale=stats.sem([2, 2, 2.5]))
    )


def test_an_effect_within_the_margin_is_absent_and_a_small_one_may_still_hold():
    small = [0.1, -0.1, 0.05, 0.0, -0.05]
    assert judge(HIGHER, a=[1 + x for x in small], b=[1] * 5) == "absent"
    assert judge(HIGHER, a=[0.98, 0.97, 0.99, 0.98, 0.98], b=[1] * 5) == "absent"  # by a hair
    held = HIGHER.judge(frame(a=[1.3, 1.31, 1.29, 1.3, 1.32], b=[1] * 5))
    assert (held.status, held.note) == ("holds", "")
    assert "by more than 1" in HIGHER.judge(frame(a=[4, 4.1, 3.9, 4, 4.2], b=[1] * 5)).note
    assert judge(HIGHER, a=[9] * 5, b=[9] * 5) == "absent"  # no seed shows any difference


def test_fewer_than_five_seeds_only_hold():
    for n in (2, 3, 4):
        up, down = [1 + 0.01 * i for i in range(n)], [-1 - 0.01 * i for i in range(n)]
        held = HIGHER.judge(frame(a=up, b=[0] * n))
        assert held.status == (FEW if n > 2 else "undecided")
        assert f"{n} seeds: 5 are needed" in held.note
        assert judge(HIGHER, a=down, b=[0] * n) == "undecided"
        assert judge(HIGHER, a=[1e-3 * i for i in range(n)], b=[0] * n) == "undecided"
        same = [20.0 + 1e-4 * i for i in range(n)]
        number = "compatible" if n > 2 else "undecided"
        assert judge(Printed("m", "a", "", 20.0), a=same) == number
        assert judge(Printed("m", "a", "", 9.0), a=same) == "undecided"
        assert judge(Within("m", "a", "", 0, 1), a=[0.5] * n) == (FEW if n > 2 else "undecided")
        assert judge(Within("m", "a", "", 0, 1), a=[2.5] * n) == "undecided"
    one = HIGHER.judge(frame(a=[9], b=[1]))
    assert one.status == "undecided" and "1 seed: 5 are needed" in one.note
    assert HIGHER.judge(frame(a=[9.0])).status == "not run"


def test_distances_are_compared_by_factors_with_a_floor():
    claim = Direction("kd_small", "a", "", "b", "lower", printed=(10.0, 40.0))
    assert claim.effect == pytest.approx(math.log(4)) and claim.margin == pytest.approx(math.log(2))
    b = [0.1, 1.0, 10.0, 3.0, 0.5]  # a third of it each time, whatever its size
    f = frame(a=[x / 3 * (1 + 0.01 * i) for i, x in enumerate(b)], b=b).assign(metric="kd_small")
    v = claim.judge(f)
    assert v.status == "holds" and v.note == "at least half of the paper's effect"
    logs = np.log(f[f.variant == "a"].value.to_numpy() / b)
    low, high = stats.t.interval(0.95, 4, loc=logs.mean(), scale=stats.sem(logs))
    assert (v.spread.low, v.spread.high) == pytest.approx((math.exp(low), math.exp(high)))
    # unbiased distances of two good generators: below the floor nothing tells them apart
    none = frame(a=[-0.002, 0.001, 0, 0.003, 0.0001], b=[0.004, -1e-5, 0.002, 0, 0.001])
    assert claim.judge(none.assign(metric="kd_small")).status == "absent"


def test_a_printed_number_is_not_reproduced_by_noise():
    twenty = Printed("m", "a", "", 20.0)
    assert twenty.room == 2.0
    assert judge(twenty, a=[0, 100, 50]) == "compatible"
    assert judge(twenty, a=[0, 100, 50, 20, 70]) != "reproduced"
    close = [20.1, 20.1001, 20.0999, 20.1, 20.1]
    assert judge(twenty, a=close[:3]) == "compatible" and judge(twenty, a=close) == "reproduced"
    assert judge(twenty, a=moved(10, close)) == "differs"
    assert judge(twenty, a=[21, 23.5, 21.5, 22, 22.5]) == "undecided"
    # the margin is the printed spread, or half the gap that the paper claims
    assert Printed("m", "a", "", 20.0, spread=0.7).room == 0.7
    assert Printed("m", "a", "", 20.0, gap=-1.0).room == 0.5
    assert judge(Printed("m", "a", "", 20.0, gap=0.1), a=close) == "differs"


def test_adding_seeds_at_the_truth_reproduces_more_often_never_less():
    rng, claim = np.random.default_rng(0), Printed("m", "a", "", 20.0)
    share = []
    for n in (5, 8, 20):
        words = [judge(claim, a=list(20 + 2.5 * rng.standard_normal(n))) for _ in range(60)]
        share.append(words.count("reproduced") / 60)
    assert share[0] < share[1] < share[2] and share[2] > 0.9


def test_exact_statements_and_our_bars():
    exact, bar = Within("m", "a", "", 0, 1e-6), Within("m", "a", "", 0, 1e-6, ours=True)
    assert judge(exact, a=[0, 1e-7, 0, 0, 0]) == "reproduced" and judge(bar, a=[0] * 5) == "holds"
    float32 = 0.949999988079071
    assert judge(Within("m", "a", "", 0.95, 1), a=[float32, 1, 1, 1, 1]) == "reproduced"
    some = exact.judge(frame(a=[0, 1, 0, 0, 0]))
    assert some.status == "undecided" and "4 of 5 seeds are inside" in some.note
    assert judge(exact, a=[1] * 5) == "contradicts"


def test_ratios():
    ratio = Ratio(*PAIR, 2.0)
    b = [1, 2, 4, 3, 0.5]
    assert judge(ratio, a=[2, 4.02, 7.98, 6.1, 0.99], b=b) == "reproduced"
    assert judge(ratio, a=[5, 10, 21, 15, 2.5], b=b) == "differs"
    assert judge(ratio, a=[1, 9, 8, 4, 1.5], b=b) == "compatible"
    # the third example of the specification: nothing can be said
    assert judge(Ratio(*PAIR, 5.6), a=[0.2, 60, 3], b=[1, 1, 1]) == "compatible"
    failed = ratio.judge(frame(a=[1, -2, 4, 5, 6], b=[5, 10, 21, 7, 8]))
    assert (failed.status, failed.failed) == ("undecided", 1)


def test_failed_trainings_count():
    nan = math.nan
    worse = [2.0, 2.1, 1.9, 2.0, 2.2, 2.1, 2.0, 1.9]
    lower = Direction(*PAIR, "lower")
    # all that ended are far better, but two trainings in eight did not end: 6 to 2
    v = lower.judge(frame(a=[1, 1.1, nan, 1, nan, 1, 1, 1.1], b=worse))
    assert (v.status, v.failed) == ("undecided", 2) and "6 to 2" in v.note
    assert judge(lower, a=[1] * 8, b=[nan, *worse[1:]]) == "holds"
    assert judge(lower, a=[nan] * 8, b=worse) == "contradicts"
    assert judge(lower, a=[nan, 1, 1, 1, 1, 1, 1, 1], b=[nan, *worse[1:]]) == "holds"  # 7 to 0
    v = Printed("m", "a", "", 2.0).judge(frame(a=[2, 2, 2, 2, nan]))
    assert (v.status, v.note) == ("undecided", "1 of 5 trainings failed")
    v = Within("m", "a", "", 0, 3).judge(frame(a=[2, 2, 2, 2, nan]))
    assert (v.status, v.failed) == ("undecided", 1)


def standard(rng, n):
    """Draws with mean 0 and standard deviation 1."""
    x = rng.standard_normal(n)
    return (x - x.mean()) / x.std(ddof=1)


def test_seeds_that_would_decide():
    rng = np.random.default_rng(1)
    claim = Direction(*PAIR, "higher", printed=(1.5, 1.0))  # "m" is linear: an effect of 0.5
    f = frame(a=list(1.5 + rng.standard_normal(5)), b=list(1 + 0.1 * rng.standard_normal(5)))
    v = claim.judge(f)
    assert v.status == "undecided" and v.needed == seeds_needed(0.5 / v.judged.sd)
    # enough seeds for the paper's effect, which is not there: now its absence must be shown
    zero = list(standard(rng, 40))
    v = claim.judge(frame(a=zero, b=[0] * 40))
    assert v.status == "undecided" and v.needed > 40


def test_planned_looks_take_the_first_seeds_and_their_own_level():
    when = (5, 8, 12)
    rng = np.random.default_rng(3)
    d = [*(0.95 + standard(rng, 8)), *(0.95 + standard(rng, 4))]  # p = 0.03 at 8 seeds
    zeros = [0.0] * 12
    for n in range(1, 13):
        v = HIGHER.judge(frame(a=d[:n], b=zeros[:n]), when)
        look = max((k for k in when if k <= n), default=0)
        if not look:
            assert v.status == "undecided" and f"{n} seed" in v.note and "look is at 5" in v.note
            continue
        assert v.seeds == look
        by_hand = [stats.ttest_1samp(d[:k], 0).pvalue for k in when if k <= look]
        assert v.p == pytest.approx(over_looks(by_hand, when))
    # by itself significant at 8 seeds, and not by the spending rule
    f = frame(a=d[:8], b=zeros[:8])
    alone, planned = HIGHER.judge(f), HIGHER.judge(f, when)
    assert alone.status == "holds" and planned.status == "undecided" and planned.p > alone.p


def test_a_page_of_claims_is_corrected_by_holm():
    held = Verdict("holds", p=0.02, seeds=8)
    page = [held, Verdict("undecided", p=0.4), Verdict("reproduced", p=0.9), Verdict("not run")]
    found = adjusted(page)
    assert [v.status for v in found] == ["undecided", "undecided", "reproduced", "not run"]
    assert found[0].alone == "holds" and found[0].adjusted == pytest.approx(0.06)
    assert "holds by itself (p = 0.02), not among 3 claims" in found[0].note
    strong = [Verdict("contradicts", p=1e-6), *page]
    assert [v.status for v in adjusted(strong)][:2] == ["contradicts", "undecided"]


def test_a_row_is_held_against_its_number_then_its_baseline_and_else_is_measured():
    row = TableRow("m", "a", "", "b", "lower", 2.0, 4.0)
    alone = TableRow("m", "b", "", "", "lower", 2.0)
    two = [2.01, 1.99, 2.0, 2.02, 1.98]
    found = row.judge(frame(a=two, b=moved(2, two)))
    assert found.status == "reproduced" and found.note == "its direction: holds"
    assert judge(row, a=moved(3, two), b=two[::-1]) == "differs"
    small = frame(a=two, b=moved(2, two[::-1])).assign(metric="kd_small")
    assert row.judge(small).status == "holds"  # the number is not on this scale
    assert alone.judge(small).status == "measured"
    assert alone.judge(frame(a=[1.0])).status == "not run"
    # measured on other data, say: only the direction is told
    ours, plain = frame(a=two, b=moved(2, two[::-1])), frame(b=two)
    told = row.judge(ours, unlike="on a copy")
    assert (told.status, told.note) == (
        "holds",
        "at least half of the paper's effect; on a copy",
    )
    assert alone.judge(plain, unlike="on a copy").status == "measured"
    assert alone.judge(plain).status == "reproduced"


def test_what_is_fixed_before_a_run_is_plain_json():
    for target in ALL:
        for claim in target.claims:
            terms = json.loads(json.dumps(claim.terms()))
            parts = [terms[k] for k in ("number", "direction") if k in terms] or [terms]
            for part in parts:
                assert {"metric", "variants", "scale", "alpha", "outcomes"} <= part.keys()
                if part["kind"] in ("Direction", "Printed", "Ratio"):
                    assert part["margin"] > 0
            assert set(parts[0]["outcomes"]) <= set(STATUSES)


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
    assert worst([Verdict("reproduced"), Verdict(FEW)]) == FEW
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
