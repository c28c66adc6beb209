"""The table of what a lesson's seeds decide, against numbers worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gantutor.reproduce.claims import Direction
from gantutor.reproduce.decisions import decisions

PRINTED = (8.375, 8.859)


def record(mine, theirs, metric="kd_small") -> pd.DataFrame:
    rows = [("a", s, v) for s, v in enumerate(mine)] + [("b", s, v) for s, v in enumerate(theirs)]
    return pd.DataFrame(rows, columns=["variant", "seed", "value"]).assign(metric=metric)


def test_the_row_of_an_undecided_claim_has_what_would_decide_it():
    logs = np.array([0.3, -0.5, 0.1, 0.4, -0.2])
    claim = Direction("kd_small", "a", "closer", "b", "lower", printed=PRINTED)
    row = decisions(record(np.exp(logs), np.ones(5)), [claim], minutes=2.0).iloc[0]
    half = stats.t.ppf(0.975, 4) * logs.std(ddof=1) / 5**0.5
    low, high = math.exp(logs.mean() - half), math.exp(logs.mean() + half)
    assert row["here"] == f"{math.exp(logs.mean()):.3g} [{low:.3g}, {high:.3g}]"
    assert row["paper"] == f"{8.375 / 8.859:.2f}" and row["verdict"] == "undecided"
    # evidence.md: five pairs see 1.70 standard deviations of the difference
    assert float(row["seen"]) == pytest.approx(math.exp(-1.70 * logs.std(ddof=1)), abs=0.01)
    needed = int(row["seeds"].replace(",", ""))
    noncentral = (math.log(PRINTED[1] / PRINTED[0]) / logs.std(ddof=1)) * needed**0.5
    critical = stats.t.ppf(0.975, needed - 1)
    assert stats.nct.sf(critical, needed - 1, noncentral) == pytest.approx(0.8, abs=0.001)
    assert int(row["minutes"].replace(",", "")) == 2 * needed


def test_a_decided_claim_needs_nothing_and_one_seed_has_no_spread():
    claim = Direction("kd_small", "a", "closer", "b", "lower", printed=PRINTED)
    clear = decisions(record([0.5, 0.55, 0.45, 0.5, 0.52], np.ones(5)), [claim], 1.0).iloc[0]
    assert clear[["verdict", "seeds", "minutes"]].tolist() == ["holds", "-", "-"]
    alone = decisions(record([0.5], [1.0]), [claim], 1.0).iloc[0]
    assert alone["seen"] == "-" and alone["verdict"] == "undecided"


def test_a_training_that_diverged_stays_in_the_table():
    claim = Direction("kd_small", "a", "closer", "b", "lower", printed=PRINTED)
    values = [0.5, math.nan, 0.6, 0.4, 0.5]
    row = decisions(record(values, np.ones(5)), [claim], 1.0).iloc[0]
    assert row["verdict"] == "undecided" and len(row) == 6


def test_claims_without_values_are_not_run():
    claim = Direction("kd_small", "a", "closer", "c", "lower")
    row = decisions(record([1.0], [1.0]), [claim], 1.0).iloc[0]
    assert row["verdict"] == "not run" and row["seen"] == row["seeds"] == "-"
