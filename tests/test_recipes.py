"""What a recipe accepts, how it is described, and how two of them differ."""

import json

import pytest
import torch
from small_runs import MIXED, NAMED

from gantutor import toy
from gantutor.augment import DiffAugment, Flip
from gantutor.descriptions import describe
from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.methods.advlat import IFGSM
from gantutor.methods.kdd import KDD
from gantutor.methods.pairs import HardPairs, ModeSeeking
from gantutor.methods.samplers import DDLS, DOT
from gantutor.methods.samplers.base import Sampler
from gantutor.nets import Discriminator
from gantutor.nets.mlp import Mlp
from gantutor.nets.specs import ImageNets
from gantutor.objectives import Hinge, Objective
from gantutor.penalties import R1
from gantutor.recipes import METHODS, OBJECTIVES, TOY, Adam, Ema, Recipe, RmsProp, Sgd
from gantutor.reproduce.claims import Claim
from gantutor.train import Run
from gantutor.turn import LatentMap


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
    "bad",
    [
        {"nets": Mlp},
        {"objective": Hinge},
        {"terms": (AdaptiveMix,)},
        {"terms": AdaptiveMix},
        {"terms": (R1(), AdaptiveMix)},
        {"latent": IFGSM},
        {"g_opt": Adam},
        {"d_opt": Sgd},
        {"inputs": (Flip,)},
        {"augment": DiffAugment},
        {"ema": Ema},
    ],
    ids=lambda bad: next(iter(bad)),
)
def test_a_class_where_an_object_belongs_is_named(bad):
    with pytest.raises(ValueError) as refused:
        TOY.but(**bad)
    name, value = next(iter(bad.items()))
    kind = (value[-1] if isinstance(value, tuple) else value).__name__
    assert str(refused.value) == f"{name}={kind}: this is a class; write an object of it: {kind}()"


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
    ((large, small),) = METHODS["KDD"].diff(TOY.but(objective=KDD(tau=0.05))).values()
    assert (large["tau"], small["tau"]) == (1.0, 0.05)


def test_recipes_are_values():
    assert TOY.but() == TOY and TOY.but(batch=64) != TOY and TOY.batch == 128
    assert TOY.but(terms=[AdaptiveMix()]) == METHODS["AdaptiveMix"]
    with pytest.raises(AttributeError):
        TOY.batch = 3


class NoGenerator(Objective):
    """A loss of the user's own that forgets G."""

    def real(self, a):
        return -a

    def fake(self, b):
        return b


class Forgets(NoGenerator):
    """A loss of the user's own whose method does not return."""

    def g_loss(self, turn):
        turn.fake.score.mean()


def test_an_objective_without_a_loss_of_g_says_so():
    run = Run(TOY.but(objective=NoGenerator(), batch=4), toy.nine(), 0)
    told = r"NoGenerator has no method gen\(b\), G's loss of each fake score: add it"
    with pytest.raises(NotImplementedError, match=told):
        list(run.steps(1))
    run = Run(TOY.but(objective=Forgets(), batch=4), toy.nine(), 0)
    with pytest.raises(TypeError, match="Forgets.g_loss returned None: is `return` missing"):
        list(run.steps(1))


class Fewer(LatentMap):
    """A map of the user's own that loses latents."""

    def __call__(self, z, G, D, rng=None):
        return z[..., :3, :]


ON_RING = Run(TOY, toy.ring())


@pytest.mark.parametrize(
    "slip, told",
    [
        (lambda: TOY.but(terms=None), r"terms=None: for no part write terms=\(\)"),
        (lambda: TOY.but(terms=AdaptiveMix()), r"with a comma: \(AdaptiveMix\(...\),\)"),
        (lambda: TOY.but(g_opt=torch.optim.Adam), r"expected an optimiser, for example Adam\(2e-4"),
        (lambda: Hinge() + KDD, r"KDD is a class; write an object of it: KDD\(\)"),
        (lambda: ModeSeeking(pairs=HardPairs), r"expected pairs, for example HardPairs\(\)"),
        (lambda: TOY.diff(Mlp()), "expected another Recipe"),
        (lambda: Run(TOY, toy.ring), r"data=ring: this is a function; call it: ring\(\)"),
        (lambda: Run(TOY, None), r"data=None: expected data with sample\(n, rng\)"),
        (lambda: DOT(lr="a"), "lr='a': expected a number"),
        (lambda: DOT(steps=2.5), "steps=2.5: expected a whole number"),
        (lambda: DDLS(noise="x"), "noise='x': expected a number"),
        (lambda: Run(TOY, toy.ring()).sample(4, latent=IFGSM), "latent=IFGSM: this is a class"),
        (
            lambda: Run(TOY, toy.ring()).sample(4, latent=Fewer()),
            r"Fewer gave \(3, 8\) for latents",
        ),
        (
            lambda: Run(TOY.but(latent=Fewer()), toy.ring()).d_turn(),
            "expected as many moved latents",
        ),
    ],
)
def test_slips_are_answered_with_what_to_write(slip, told):
    with pytest.raises(ValueError, match=told):
        slip()


def test_half_of_an_objective_may_stand_on_either_side():
    assert Hinge() * 0.5 == 0.5 * Hinge()


@pytest.mark.parametrize(
    "unwritten, named",
    [
        (lambda: Discriminator().features(None), r"Discriminator has no method features\(x\)"),
        (lambda: Discriminator().head(None), r"Discriminator has no method head\(v\)"),
        (lambda: ImageNets().blank(), r"ImageNets has no method blank\(\)"),
        (
            lambda: LatentMap()(None, None, None),
            r"LatentMap has no method __call__\(",
        ),
        (lambda: Sampler().move(None, None, None, None), r"Sampler has no method move\("),
        (
            lambda: Claim("fid", "KDD", "better").verdict([[1.0]], ([1], [1])),
            r"Claim has no method verdict\(",
        ),
    ],
)
def test_what_a_subclass_has_to_write_is_named(unwritten, named):
    with pytest.raises(NotImplementedError, match=named + ".*: add it"):
        unwritten()
