"""What a recipe accepts, how it is described, and how two of them differ."""

import json

import pytest
from small_runs import MIXED, NAMED

from gantutor.descriptions import describe
from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.methods.kdd import KDD
from gantutor.nets.mlp import Mlp
from gantutor.recipes import METHODS, OBJECTIVES, TOY, Adam, Recipe, RmsProp, Sgd


@pytest.mark.parametrize(
    "bad, quoted",
    [
        ({"batch": 1}, "batch=1"),
        ({"g_batch": 1}, "g_batch=1"),
        ({"n_dis": 0}, "n_dis=0"),
        ({"optimizer": Adam()}, "optimizer"),
        ({"g_opt": Adam(0.0)}, r"g_opt=Adam\(lr=0.0"),
        ({"d_opt": Sgd(-1.0)}, r"d_opt=Sgd\(lr=-1.0"),
        ({"d_opt": RmsProp(float("nan"))}, "lr=nan"),
    ],
)
def test_bad_recipes_are_quoted(bad, quoted):
    with pytest.raises(ValueError, match=quoted):
        TOY.but(**bad)


@pytest.mark.parametrize(
    "bad, quoted",
    [({"head": "max"}, "'max'"), ({"z": 0}, "z=0"), ({"g_hidden": (8, 0)}, r"\(8, 0\)")],
)
def test_bad_nets_are_quoted(bad, quoted):
    with pytest.raises(ValueError, match=quoted):
        Mlp(**bad)


@pytest.mark.parametrize("recipe", [*NAMED.values(), *MIXED.values()], ids=[*NAMED, *MIXED])
def test_recipes_are_described_as_json(recipe):
    told = describe(recipe)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["kind"] == "Recipe"
    assert set(told) - {"kind"} == set(Recipe.__dataclass_fields__)


def test_what_cannot_be_described_is_refused():
    with pytest.raises(TypeError, match="lambda"):
        describe((1.0, lambda turn: 0))
    with pytest.raises(ValueError, match="objective=.*lambda"):
        TOY.but(objective=lambda turn: 0)


def test_diff_is_the_difference_of_two_rows():
    assert TOY.diff(TOY) == {} and TOY.diff(METHODS["baseline"]) == {}
    assert TOY.diff(OBJECTIVES["LSGAN"]) == {
        "objective": ({"kind": "NonSaturating", "target": 1.0}, {"kind": "LSGAN"})
    }
    ((mine, theirs),) = TOY.diff(METHODS["AdaptiveMix"]).values()
    assert mine == []
    assert theirs[0]["kind"] == "AdaptiveMix" and theirs[0]["weight"] == 1.0
    assert set(TOY.diff(OBJECTIVES["WGAN"])) == {"objective", "n_dis", "g_opt", "d_opt"}
    ((small, large),) = METHODS["KDD"].diff(TOY.but(objective=KDD(tau=1.0))).values()
    assert (small["tau"], large["tau"]) == (0.05, 1.0)


def test_recipes_are_values():
    assert TOY.but() == TOY and TOY.but(batch=64) != TOY and TOY.batch == 128
    assert TOY.but(terms=[AdaptiveMix()]) == METHODS["AdaptiveMix"]
    with pytest.raises(AttributeError):
        TOY.batch = 3
