"""Parameters are checked before anything starts, with a sentence for each problem."""

from typing import get_args

import pytest
from pydantic import ValidationError

from gantutor import toy
from gantutor.course.config import PROFILE_NAMES, BadParameters, literal
from gantutor.course.lessons import LESSONS, AdaptiveMixConfig, ImagesConfig, PlaneConfig
from gantutor.images import opening


def test_none_takes_the_profiles_value_and_a_given_value_stays():
    smoke, mine = PlaneConfig(profile="smoke"), PlaneConfig(profile="smoke", steps=7)
    assert (
        smoke.steps == PlaneConfig.PROFILES["smoke"]["steps"]
        and mine.steps == 7
        and mine.batch == smoke.batch
    )
    assert PlaneConfig(steps=None) == PlaneConfig() == PlaneConfig(profile="class")
    assert PlaneConfig(seed=4, seeds=3).seed_list == [4, 5, 6]


@pytest.mark.parametrize("config", [lesson.config for lesson in LESSONS.values()], ids=LESSONS)
@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_every_profile_of_every_notebook_is_whole_and_comes_back_from_json(config, profile):
    cfg = config(profile=profile)
    assert set(config.PROFILES) == set(PROFILE_NAMES)
    assert set(config.PROFILES[profile]) <= set(config.model_fields)
    # where the field may be None, that has a meaning
    may_be_none = {
        k for k, f in config.model_fields.items() if type(None) in get_args(f.annotation)
    }
    assert all(v is not None for k, v in cfg.parameters().items() if k not in may_be_none)
    assert config(**cfg.parameters()) == cfg


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"stepz": 3},
            "unknown parameter 'stepz' of 01_plane: did you mean 'steps'? "
            "known: profile, seed, seeds, out, steps, batch, data",
        ),
        ({"steps": "abc"}, "steps='abc': expected an integer"),
        ({"steps": "3"}, "steps='3': expected an integer"),
        ({"steps": True}, "steps=True: expected an integer"),
        ({"steps": 2.5}, "steps=2.5: expected an integer"),
        ({"steps": 0}, "steps=0: expected at least 1"),
        ({"seed": -1}, "seed=-1: expected at least 0"),
        ({"data": 3}, "data=3: expected 'nine', 'ring', 'grid', 'circles' or 'two_modes'"),
        ({"profile": "big"}, "profile='big': expected 'smoke', 'class', 'colab' or 'paper'"),
    ],
)
def test_a_bad_value_is_quoted_with_the_remedy(given, sentence):
    with pytest.raises(BadParameters) as error:
        PlaneConfig(**given)
    assert str(error.value) == sentence


def test_rates_and_several_problems_at_once():
    with pytest.raises(
        BadParameters, match=r"^size=0: expected at least 1; lr=-1: expected a number above 0$"
    ):
        ImagesConfig(lr=-1, size=0)
    with pytest.raises(BadParameters, match="expected a finite number"):
        AdaptiveMixConfig(sigma=float("nan"))
    with pytest.raises(
        BadParameters,
        match="method='gan': expected 'baseline', 'adaptivemix', 'advlat', 'kdd' or 'hinge'",
    ):
        ImagesConfig(method="gan")


def test_a_config_is_frozen_and_reads_only_its_own_names():
    cfg = PlaneConfig.read({"steps": 5, "profile": "smoke", "unrelated": object(), "np": None})
    assert cfg.steps == 5
    with pytest.raises(ValidationError):
        cfg.steps = 6


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-3", 1e-3),
        ("-2E4", -2e4),
        (".5", 0.5),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ("abc", "abc"),
        ("null", None),
        ("2026-01-02", "2026-01-02"),
        ("[1", "[1"),
        ("nan", "nan"),
    ],
)
def test_texts_of_the_command_line(text, value):
    assert literal(text) == value


def test_a_text_field_keeps_its_text():
    assert ImagesConfig.typed("path", "012") == "012" and ImagesConfig.typed("path", "no") == "no"
    assert (
        ImagesConfig.typed("steps", "012") == "012" and ImagesConfig.typed("path", "None") is None
    )


def test_choices_are_the_packages_own():
    data = PlaneConfig.model_fields["data"].annotation
    dataset = ImagesConfig.model_fields["dataset"].annotation
    assert set(get_args(data)) == set(toy.BY_NAME)
    assert set(get_args(dataset)) == set(opening.NAMES)
    with pytest.raises(BadParameters, match="dataset='digit': expected 'digits'"):
        ImagesConfig(dataset="digit")


def test_an_unknown_profile_is_one_problem():
    with pytest.raises(
        BadParameters, match="^profile='clas': expected 'smoke', 'class', 'colab' or 'paper'$"
    ):
        PlaneConfig(profile="clas")
