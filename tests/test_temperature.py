"""KDD's temperature on the plane: the kept grid, the rule, and that METHODS follow it."""

import csv
import importlib.util
import math
import sys
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import rankdata

from gantutor import METHODS, TOY
from gantutor.descriptions import describe
from gantutor.methods.kdd import KDD
from gantutor.objectives import Hinge
from gantutor.reproduce import temperature

ROOT = Path(__file__).parents[1]
LINE = {"world": "ring", "method": "KDD", "seed": 0, "step": 9}


@pytest.fixture
def grid(monkeypatch):
    """The program that makes the record, on one world with two temperatures."""
    place = ROOT / "benchmarks/temperature.py"
    spec = importlib.util.spec_from_file_location("temperature_grid", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    smaller = {"WORLDS": ("ring",), "TAUS": (0.3, 1.0), "JOINT_TAUS": (1.0,), "FAKES": 100}
    for name, value in smaller.items():
        monkeypatch.setattr(module, name, value)

    def run(out, looks):
        monkeypatch.setattr(sys, "argv", ["temperature.py", "--out", str(out), "--looks", looks])
        module.main()
        return (out / "kdd_temperature.csv").read_text(encoding="utf-8").splitlines()

    return run


def test_the_methods_stand_at_the_temperature_that_the_rule_chooses():
    assert METHODS["KDD"] == TOY.but(objective=KDD(tau=temperature.chosen(temperature.rows())))


def test_ranks_equal_those_of_scipy_on_the_means_of_pandas():
    frame = pd.read_csv(temperature.RECORD)
    kdd = frame[frame.method == "KDD"]
    last = min(part.step.max() for _, part in kdd.groupby(["world", "tau"]))
    ends = kdd[kdd.step == last]
    means = ends.pivot_table("energy_distance", "tau", "world")
    want = pd.Series(rankdata(means, axis=0).mean(1), means.index)
    found = temperature.mean_ranks(temperature.rows())
    assert found == pytest.approx(want.to_dict()) and len(found) == 7
    assert temperature.last_look(temperature.rows()) == last
    assert temperature.chosen(temperature.rows()) in want.index[want == want.min()]


def test_the_record_is_of_todays_recipes_and_of_seeds_that_no_lesson_reports():
    told, table = temperature.conditions(), temperature.load()
    for part in told["recipes"]:
        objective = {
            "KDD": lambda tau: KDD(tau=tau),
            "Joint": lambda tau: Hinge() + KDD(tau=tau),
            "hinge": lambda tau: Hinge(),
            "non-saturating": lambda tau: TOY.objective,
        }[part["method"]](part["tau"])
        assert part["recipe"] == describe(TOY.but(objective=objective)), part["method"]
    assert min(told["seeds"]) >= 100 and len(told["seeds"]) == 8
    kdd = table[
        (table.method == "KDD") & (table.step == temperature.last_look(table.to_dict("records")))
    ]
    assert set(kdd.world) == {"ring", "grid", "nine"}
    each = kdd.groupby(["world", "tau"]).seed.apply(sorted)
    assert all(seeds == told["seeds"] for seeds in each)


def test_equal_ranks_go_to_the_papers_default():
    lines = [LINE | {"tau": tau, "energy_distance": 0.1} for tau in (0.05, 0.5, 3.0)]
    assert set(temperature.mean_ranks(lines).values()) == {2.0}
    assert temperature.chosen(lines) == 0.5


def test_a_diverged_training_is_the_worst():
    lines = [LINE | {"tau": 1.0, "energy_distance": d} for d in (0.0, math.nan)]
    lines += [LINE | {"tau": 0.1, "energy_distance": d} for d in (5.0, 9.0)]
    assert temperature.mean_ranks(lines) == {0.1: 1.0, 1.0: 2.0}


def test_a_look_that_some_have_not_reached_does_not_count():
    lines = [LINE | {"tau": t, "energy_distance": t} for t in (0.1, 1.0)]
    lines.append(LINE | {"tau": 1.0, "energy_distance": 0.0, "step": 20})
    assert temperature.last_look(lines) == 9 and temperature.chosen(lines) == 0.1


def test_a_grid_that_was_stopped_goes_on_where_it_was(grid, tmp_path, capsys):
    first = grid(tmp_path / "a", "1")
    capsys.readouterr()
    assert grid(tmp_path / "a", "1,3")[: len(first)] == first
    assert " 1 energy" not in capsys.readouterr().out  # nothing was measured twice
    unbroken = grid(tmp_path / "b", "1,3")
    assert sorted(grid(tmp_path / "a", "1,3")) == sorted(unbroken)
    lines = list(csv.DictReader(unbroken))
    assert len(lines) == 2 * 5 * 8 and {line["step"] for line in lines} == {"1", "3"}


def test_a_grid_of_other_code_is_not_continued(grid, tmp_path):
    grid(tmp_path, "1")
    told = tmp_path / "kdd_temperature.json"
    told.write_text(told.read_text().replace('"fakes": 100', '"fakes": 101'))
    with pytest.raises(SystemExit, match="has other fakes: move it away"):
        grid(tmp_path, "1,2")
