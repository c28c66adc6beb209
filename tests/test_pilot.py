"""The image lessons' class profile is what the pilot's rule takes from its record."""

import importlib.util
from pathlib import Path

import pytest

from gantutor.course.lessons import LESSONS

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def pilot():
    spec = importlib.util.spec_from_file_location("pilot", ROOT / "benchmarks" / "pilot.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def weighed(pilot):
    return pilot.choices()


@pytest.mark.parametrize("lesson", ["05", "07", "09"])
def test_class_has_the_stable_setting_that_scatters_least(pilot, weighed, lesson):
    stable = weighed.loc[lesson].query("stable")
    taken = pilot.SETTINGS[lesson][stable["sd"].idxmin()]
    config = next(x.config for stem, x in LESSONS.items() if stem.startswith(lesson))
    profile = config.PROFILES["class"]
    chosen = {name: value for name, value in taken.items() if name not in ("steps", "decay")}
    assert {name: profile[name] for name in chosen} == chosen
    assert not taken.get("decay") and profile["seeds"] >= 5


def test_no_setting_of_notebook_08_beats_its_untrained_nets_reliably(weighed):
    assert not weighed.loc["08", "stable"].any()


def test_the_spread_is_the_trainings_and_not_the_measures(pilot):
    found = pilot.sources()
    assert (found["samples"] < 0.05).all() and (found["trainings"] > 2 * found["samples"]).all()


def test_the_pilots_seeds_are_not_those_of_the_lessons(pilot):
    assert pilot.recorded().seed.min() >= pilot.FIRST > 30
