"""Forest plots: what is drawn where, against the numbers themselves."""

import math
import re

import pytest

from gantutor.reproduce.claims import Direction, Printed, Verdict, Within
from gantutor.reproduce.report import claimed
from gantutor.reproduce.report.axes import axis_of
from gantutor.reproduce.report.estimates import Estimate, columns_of, estimate_in, estimate_of
from gantutor.reproduce.report.fixed import fixed, outcomes
from gantutor.reproduce.report.forest import EDGE, WIDTH, marks, picture, plots

FACTORS = tuple(
    Estimate("direction", "fid", "log", mean, mean - 0.2, mean + 0.3, paper, 0.25, -1, "holds")
    for mean, paper in ((-0.7, -0.5), (0.1, -1.2), (-0.1, None))
)


def frame(**columns):
    import pandas as pd

    rows = [
        {"variant": variant, "metric": "kd_small", "seed": seed, "value": value}
        for variant, values in columns.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows).astype({"seed": "Int64"})


def judged():
    """Claims of every kind with their verdicts, and one whose runs left nothing."""
    near, far = [1.0, 1.1, 0.9, 1.05, 0.98], [2.0, 2.2, 1.9, 2.1, 2.0]
    table = frame(a=near, b=far, none=[math.inf] * 5)
    claims = (
        Direction("kd_small", "a", "a is better", "b", "lower", printed=(10.0, 16.0)),
        Direction("kd_small", "b", "b is better", "a", "lower"),
        Printed("kd_small", "a", "about 1", 1.0),
        Within("kd_small", "a", "near 1", 0.5, 1.5, ours=True),
    )
    found = [(claim, claim.judge(table)) for claim in claims]
    lost = Printed("kd_small", "none", "nothing", 1.0)
    return found, (lost, lost.judge(table))


def test_places_on_the_axis_are_those_of_the_numbers():
    """A straight line leads from logarithms to places; the claimed side ends at its edge."""
    axis = axis_of(FACTORS)
    for e in FACTORS:
        m = marks(e, axis)

        def at(x):
            share = (x - axis.low) / (axis.high - axis.low)
            return pytest.approx(EDGE + share * (WIDTH - 2 * EDGE), abs=0.06)

        assert (m.mean, m.zero, m.bar) == (at(e.mean), at(0.0), (at(e.low), at(e.high)))
        assert m.band == (at(-0.25), at(0.25)) and m.cut == (False, False)
        assert m.claimed == (EDGE, at(0.0))
        assert m.paper is None if e.paper is None else m.paper == at(e.paper)
        for x, label in m.ticks:
            assert at(math.log(float(label.removeprefix("×")))) == x
    assert "×1" in dict(map(reversed, axis.ticks)) and 3 <= len(axis.ticks) <= 6


def test_a_wide_interval_is_cut_and_does_not_squeeze_the_others():
    wide = Estimate("direction", "fid", "log", 0.0, -40.0, 0.5, -0.3, 0.15, -1, "undecided")
    axis = axis_of([*FACTORS, wide])
    assert marks(wide, axis).cut == (True, False)
    assert axis.high - axis.low < 2.5 * (axis_of(FACTORS).high - axis_of(FACTORS).low)


@pytest.mark.parametrize("way", [-1, 1])
def test_an_extreme_factor_is_a_number_at_the_end_and_does_not_squeeze_the_others(way):
    mean = way * math.log(700)
    ends = (mean - 0.2, mean + 0.2)
    extreme = Estimate("direction", "fid", "log", mean, *ends, mean / 2, 0.2, -1, "holds")
    axis = axis_of([*FACTORS, extreme])
    assert axis == axis_of(FACTORS)
    drawn = marks(extreme, axis)
    assert drawn.beyond == extreme.text(mean) and drawn.bar is drawn.paper is None
    assert drawn.mean == (EDGE if way < 0 else WIDTH - EDGE)
    svg = plots([*FACTORS, extreme])[-1]
    assert f">{drawn.beyond}</text>" in svg and 'class="cut"' in svg and 'class="dot"' not in svg
    assert all(marks(e, axis).beyond == "" for e in FACTORS)
    # alone, or with others that need as much room, it has its place
    assert marks(extreme, axis_of([extreme])).beyond == ""
    near = Estimate("direction", "fid", "log", mean / 1.5, *ends, None, 0.2, -1, "holds")
    assert marks(extreme, axis_of([*FACTORS, near, extreme])).beyond == ""


def test_a_long_name_takes_two_lines_and_moves_what_is_below_it():
    long = "energy_distance_equal_computing: ring: AdaptiveMix + -qua + KDD against none"
    named = [(str(i), name, FACTORS[0]) for i, name in enumerate([long, "short"])]
    texts = re.findall(r'<text x="44" y="([\d.]+)">(.*?)</text>', picture("title", named))
    assert " ".join(words for _, words in texts) == f"{long} short"
    heights = [float(y) for y, _ in texts]
    assert len(heights) == 3 and all(b - a > 12 for a, b in zip(heights, heights[1:], strict=False))


@pytest.mark.parametrize("reach", [1e-3, 0.05, 0.3, 1, 3, 10, 40, 300])
def test_ticks_are_few_round_and_inside_at_every_size(reach):
    for kind, scale in (("direction", "log"), ("direction", "linear"), ("number", "linear")):
        e = Estimate(kind, "m", scale, reach, -reach, 2 * reach, reach / 2, reach / 4, 1, "holds")
        axis = axis_of([e])
        labels = [label for _, label in axis.ticks]
        assert 2 <= len(labels) == len(set(labels)) <= 9
        assert all(axis.low - 1e-9 <= x <= axis.high + 1e-9 for x, _ in axis.ticks)


def test_estimates_of_one_point_have_an_axis_too():
    e = Estimate("direction", "m", "linear", 0.0, math.nan, math.nan, 0.0, 0.0, 1, "undecided")
    drawn = marks(e, axis_of([e]))
    assert drawn.bar is None and EDGE < drawn.mean < WIDTH - EDGE


def test_only_alike_scales_share_an_axis():
    found, _ = judged()
    estimates = [estimate_of(*pair) for pair in found]
    assert [e.kind for e in estimates] == ["direction", "direction", "number", "range"]
    assert len({e.group for e in estimates}) == 3
    drawn = plots([*estimates, None])
    assert drawn[-1] is None and all('role="img" aria-label="ours ' in svg for svg in drawn[:-1])
    assert all(svg.count("<title>") == 1 for svg in drawn[:-1])


def test_a_line_of_the_csv_is_the_same_estimate():
    found, lost = judged()
    for claim, v in (*found, lost):
        e = estimate_of(claim, v)
        empty = dict.fromkeys(("kind", "scale", "better", "mean", "low", "high", "effect"), "")
        row = empty | {"margin": "", "metric": claim.metric, "claim_status": v.status}
        row |= {k: "" if x is None else str(x) for k, x in columns_of(e).items()}
        again = estimate_in(row)
        if e is None:
            assert again is None
            continue
        for name in ("mean", "low", "high", "paper", "margin"):
            x, y = getattr(again, name), getattr(e, name)
            assert x is y is None or x == pytest.approx(y, rel=1e-12, abs=1e-12)
        assert (again.words, again.group, again.side) == (e.words, e.group, e.side)


def test_what_was_fixed_is_in_words():
    found, _ = judged()
    claims = [claim for claim, _ in found]
    lines = fixed(claims)
    assert lines[0].effect == "×0.625, the paper's" and lines[0].margin == "×0.791 to ×1.26"
    assert lines[1].effect == "×0.8, the smallest worth naming"
    assert (lines[2].effect, lines[2].margin) == ("1", "0.9 to 1.1")
    assert (lines[3].effect, lines[3].margin) == ("our bar", "each seed in 0.5 to 1.5")
    assert list(outcomes(claims)) == ["A direction", "A printed number", "A range"]
    assert all("undecided" in words for words in outcomes(claims).values())


def test_what_is_missing_is_said_in_seeds_and_minutes():
    undecided = Verdict("undecided", seeds=8, needed=31, p=0.2, adjusted=0.9)
    assert claimed.lacking(undecided, 0.2) == "about 23 more seeds, 5 min"
    assert claimed.lacking(undecided, 0.0) == "about 23 more seeds"
    withdrawn = Verdict(
        "undecided", seeds=8, alone="holds", p=0.01, adjusted=0.3, note="holds by itself (p = 1; b"
    )
    assert claimed.said_of(withdrawn, 1.0) == ["8 seeds", "by itself: holds, p = 0.01"]
    assert claimed.note_of(withdrawn) == "b"
    three = Verdict("undecided", seeds=3, note="3 seeds: 5 are needed to say more; on a copy")
    assert claimed.said_of(three, 1.0) == ["3 seeds: 5 are needed to say more"]
    assert claimed.note_of(three) == "on a copy"
    failed = Verdict("contradicts", seeds=8, failed=2, p=1e-5, adjusted=0.02)
    said = ["8 seeds, 2 trainings failed", "p < 0.001; over the page p = 0.02"]
    assert claimed.said_of(failed, 1.0) == said
    assert claimed.said_of(Verdict("not run"), 1.0) == []
