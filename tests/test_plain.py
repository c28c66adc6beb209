"""Which numbers a part of a recipe accepts, and that it refuses others when it is made."""

import json

import numpy as np
import pytest
import torch
from test_engine import IMAGES, pictures

from gantutor import toy
from gantutor.augment import DiffAugment, Flip, InstanceNoise, Jitter
from gantutor.descriptions import describe
from gantutor.images import Epochs, ImageSet
from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.methods.advlat import IFGSM
from gantutor.methods.kdd import KDD
from gantutor.methods.pairs import HardPairs, ModeSeeking
from gantutor.nets.cnn import Cnn
from gantutor.nets.dcgan import BnDcgan, ConditionalDcgan, Dcgan
from gantutor.nets.mlp import Mlp
from gantutor.nets.resnet import Resnet, biggan_cifar, ladder, sagan64, sngan_resnet
from gantutor.objectives import WGAN, Hinge, NonSaturating, Realness, Sum
from gantutor.penalties import R1, AuxClassifier, DivPenalty, GradientPenalty, LeCam
from gantutor.plain import number, whole
from gantutor.recipes import TOY, Adam, Ema, Recipe, RmsProp, Sgd
from gantutor.rng import ASIDE, SEED_LIMIT, Rng
from gantutor.train import Run

WRONG = {
    "beta1 of 2": (lambda: Adam(2e-4, (2, 0.9)), r"betas=\(2, 0.9\)"),
    "beta2 of 1": (lambda: Adam(2e-4, (0.5, 1.0)), r"betas=\(0.5, 1.0\)"),
    "a beta below 0": (lambda: Adam(2e-4, (-0.1, 0.9)), "betas="),
    "one beta": (lambda: Adam(2e-4, (0.5,)), "betas="),
    "a beta for two": (lambda: Adam(2e-4, 0.5), "betas=0.5"),
    "nan as beta": (lambda: Adam(2e-4, (float("nan"), 0.9)), "betas="),
    "decay of weights": (lambda: Adam(weight_decay=-1.0), "weight_decay=-1.0"),
    "a text as rate": (lambda: Adam("fast"), "lr='fast'"),
    "nothing as rate": (lambda: Sgd(None), "lr=None"),
    "truth as rate": (lambda: RmsProp(True), "lr=True"),
    "an endless rate": (lambda: TOY.but(g_opt=Sgd(float("inf"))), "g_opt=.*inf"),
    "decay of an average": (lambda: Ema(1.0), "decay=1.0"),
    "half a start": (lambda: Ema(0.9, 0.5), "start=0.5"),
    "half a batch": (lambda: TOY.but(batch=2.5), "batch=2.5"),
    "a batch of truth": (lambda: TOY.but(batch=True), "batch=True"),
    "a batch in words": (lambda: TOY.but(batch="64"), "batch='64'"),
    "half a D step": (lambda: TOY.but(n_dis=1.5), "n_dis=1.5"),
    "decay in words": (lambda: TOY.but(decay="all"), "decay='all'"),
    "nan as bound": (lambda: TOY.but(diverges_at=float("nan")), "diverges_at=nan"),
    "a word for joint": (lambda: TOY.but(joint="no"), "joint='no'"),
    "a number for an average": (lambda: TOY.but(ema=0.999), "ema=0.999"),
    "a number for an optimiser": (lambda: TOY.but(d_opt=1e-3), "d_opt=0.001"),
    "a word for nets": (lambda: TOY.but(nets="dcgan"), "nets='dcgan'"),
    "a word for an objective": (lambda: TOY.but(objective="hinge"), "objective='hinge'"),
    "a word for an augmentation": (lambda: TOY.but(augment="flip"), "augment='flip'"),
    "a class for an augmentation": (lambda: TOY.but(augment=Flip), "augment=.*Flip"),
    "one input alone": (lambda: TOY.but(inputs=Flip()), r"inputs=Flip\(\)"),
    "one term alone": (lambda: TOY.but(terms=R1()), r"terms=R1"),
    "half a pixel": (lambda: Dcgan(size=32.0), "size=32.0"),
    "no widths": (lambda: Resnet(g_widths=256), "g_widths=256"),
    "half a width": (lambda: Resnet(d_widths=(8, 8.5)), r"d_widths\[1\]=8.5"),
    "no pixels": (lambda: Resnet(size=0), "size=0"),
    "fewer than none": (lambda: Resnet(size=-32), "size=-32"),
    "half a layer": (lambda: Mlp(8, (16.5,)), r"g_hidden\[0\]=16.5"),
    "a penalty in words": (lambda: GradientPenalty("ten"), "weight='ten'"),
    "a penalty below nothing": (lambda: R1(-1.0), "weight=-1.0"),
    "nan as a penalty": (lambda: AuxClassifier(float("nan")), "weight=nan"),
    "half a class": (lambda: Realness(2.5), "outcomes=2.5"),
    "a clip in words": (lambda: WGAN("little"), "clip='little'"),
    "an objective without weight": (lambda: Sum((("a", Hinge()),)), "weight='a'"),
    "no objectives": (lambda: Sum(()), "parts="),
    "noise in words": (lambda: Jitter("some"), "std='some'"),
    "half a step": (lambda: InstanceNoise(0.1, 2.5), "steps=2.5"),
    "one policy": (lambda: DiffAugment("cutout"), "policy='cutout'.*parentheses"),
    "a mix in words": (lambda: AdaptiveMix("much"), "weight='much'"),
    "half a search": (lambda: IFGSM(steps=1.5), "steps=1.5"),
    "a temperature in words": (lambda: KDD("warm"), "tau='warm'"),
}


@pytest.mark.parametrize("make, said", WRONG.values(), ids=WRONG)
def test_what_a_part_cannot_be_is_quoted_when_it_is_made(make, said):
    with pytest.raises(ValueError, match=said):
        make()


PARTS = [
    Adam(np.float32(0.5), np.array([0.0, 0.9])),
    RmsProp(np.float64(0.1)),
    Ema(np.float64(0.5), np.int64(3)),
    Mlp(np.int8(4), np.array([8, 8])),
    Dcgan(size=np.int64(32), width=np.int32(8)),
    BnDcgan(size=np.int64(32)),
    ConditionalDcgan(classes=np.uint8(3)),
    Cnn(z=np.int64(9)),
    Resnet(g_widths=np.full(4, 8)),
    WGAN(np.float64(0.1)),
    np.float64(0.5) * Hinge() + NonSaturating(),
    R1(np.float64(2)),
    DivPenalty(np.int64(2)),
    LeCam(start=np.int64(5)),
    InstanceNoise(steps=np.int64(9)),
    AdaptiveMix(np.float64(2)),
    ModeSeeking(pairs=HardPairs(steps=np.int64(1))),
    IFGSM(np.float32(0.5), np.int64(2)),
    KDD(np.float64(0.1)),
    TOY.but(batch=np.int64(8), g_batch=np.int64(8), decay=np.int64(9), diverges_at=np.float64(9)),
    TOY.but(batch=torch.tensor(8), g_opt=Adam(torch.tensor(0.5))),
]


@pytest.mark.parametrize("part", PARTS, ids=lambda p: type(p).__name__)
def test_numbers_of_numpy_become_plain_in_every_part(part):
    def plain(value):
        if isinstance(value, dict):
            return all(map(plain, value.values()))
        if isinstance(value, list):
            return all(map(plain, value))
        return type(value) in (bool, int, float, str, type(None))

    told = describe(part)
    assert plain(told) and json.loads(json.dumps(told)) == told and hash(part) == hash(part)


def test_whole_numbers_and_numbers():
    assert [whole("n", v) for v in (3, np.int8(3), np.uint64(3), torch.tensor(3))] == [3] * 4
    assert {type(whole("n", v)) for v in (3, np.int8(3), torch.tensor(3))} == {int}
    for bad in (
        True,
        np.bool_(True),
        3.0,
        np.float64(3),
        "3",
        None,
        [3],
        np.array([3]),
        torch.tensor([3]),
        torch.tensor(3.0),
        1j,
    ):
        with pytest.raises(ValueError, match="n=.*expected a whole number"):
            whole("n", bad)
    assert number("x", np.float32(0.5)) == 0.5 and number("x", 2) == 2
    assert type(number("x", np.float32(0.5))) is float
    for bad in (True, "0.5", None, 1j, [0.5], torch.zeros(2)):
        with pytest.raises(ValueError, match="x=.*expected a number"):
            number("x", bad)


# -- seeds -----------------------------------------------------------------------------------------
def test_every_seed_draws_its_own_numbers_and_others_aside():
    """Torch's CPU generator uses only 32 bits of a seed, so larger seeds would repeat others."""
    seeds = (0, 1, SEED_LIMIT - 1, SEED_LIMIT - 2, np.int64(7), np.uint32(8))
    assert len({tuple(Rng(s).randn(3).tolist()) for s in seeds}) == len(seeds)
    larger = torch.Generator().manual_seed(SEED_LIMIT)
    assert torch.equal(torch.randn(3, generator=larger), Rng(0).randn(3))
    for seed in (0, 5, SEED_LIMIT - 1, SEED_LIMIT - ASIDE):
        aside = Rng(seed).aside()
        assert not torch.equal(aside.randn(3), Rng(seed).randn(3))
        assert 0 <= aside.seeds[0] < SEED_LIMIT
    assert torch.equal(Rng(5).aside().randn(3), Rng(5 + ASIDE).randn(3))
    assert Rng(np.arange(3)).seeds == Rng(range(3)).seeds == Rng(torch.arange(3)).seeds == (0, 1, 2)
    assert not Rng(np.array(4)).stacked and Rng([4]).stacked
    generator = torch.Generator().manual_seed(2**63)
    assert Rng(generator).seeds == (2**63,) and Rng(generator).aside().randn(1).shape == (1,)


@pytest.mark.parametrize(
    "seed",
    [-1, SEED_LIMIT, 2**63, 2**64, 2**70, True, 1.0, "1", None, [0, -1], [0.5], np.array([1.5])],
)
def test_other_seeds_are_refused(seed):
    with pytest.raises(ValueError, match="seed="):
        Rng(seed)


@pytest.mark.parametrize(
    "how",
    [{"seed": -1}, {"seed": 2**64}, {"seed": 0.5}, {"batch": 2.5}, {"batch": True}, {"ahead": "2"}],
)
def test_epochs_refuse_what_they_cannot_count(how):
    with pytest.raises(ValueError, match=f"{next(iter(how))}="):
        Epochs(pictures(), **{"batch": 4} | how)


def test_epochs_take_numbers_of_numpy():
    a, b = Epochs(pictures(), np.int64(4), np.int64(3)), Epochs(pictures(), 4, 3)
    a.position = b.position = np.int64(7)
    assert type(a.position) is int and torch.equal(a()[0], b()[0])


# -- nets and data ---------------------------------------------------------------------------------
def photos(size, channels=3):
    images = torch.zeros(20, channels, size, size, dtype=torch.uint8)
    return ImageSet("photos", images, torch.arange(20) % 10, tuple("abcdefghij"))


@pytest.mark.parametrize(
    "nets, data, said",
    [
        (
            Dcgan(size=32),
            photos(64),
            "nets for 32x32 images of 3 channel.*photos.* has 64x64 images of 3",
        ),
        (
            Dcgan(size=32),
            photos(32, 1),
            "nets for 32x32 images of 3 channel.*photos.* has 32x32 images of 1",
        ),
        (biggan_cifar(), photos(64), "nets for 32x32.*64x64"),
        (sagan64(), photos(32), "nets for 64x64.*32x32"),
        (Mlp(), photos(32), "nets for points of the plane.*32x32"),
        (Cnn(), toy.ring(), "nets for 32x32.*ring has points of the plane"),
        (Cnn(), toy.circles(), "circles has points of the plane"),
    ],
)
def test_nets_that_do_not_fit_the_data_are_told_before_a_weight_is_drawn(
    nets, data, said, monkeypatch
):
    monkeypatch.setattr(type(nets), "build", lambda self, rng: pytest.fail("the nets were built"))
    with pytest.raises(ValueError, match=said):
        Run(Recipe(nets, batch=4), data, 0)


SPECS = {
    "cnn": Cnn,
    "dcgan": Dcgan,
    "msgan": ConditionalDcgan,
    "dcgan-bn": BnDcgan,
    "acgan": lambda **k: BnDcgan(classes=3, **k),
    "resnet": lambda **k: Resnet(**k),
    "sngan": sngan_resnet,
    "studio": lambda **k: biggan_cifar("studio", **k),
    "sagan": sagan64,
}


@pytest.mark.parametrize("name", SPECS)
def test_every_size_is_refused_when_the_spec_is_made_or_works(name):
    taken = []
    for size in (0, 1, 4, 8, 12, 16, 24, 32, 40, 48, 64, 96, 128):
        try:
            spec = SPECS[name](size=size)
        except ValueError as error:
            assert f"size={size}" in str(error) or "attention=" in str(error)
            continue
        with torch.device("meta"):
            G, D = spec.blank()
            labels = (torch.zeros(2, dtype=torch.long),) if spec.classes else ()
            x = G(torch.zeros(2, spec.z), *labels)
            assert tuple(x.shape[1:]) == spec.shape and D(x, *labels).score.shape == (2,)
        taken.append(size)
    assert (64 if name == "sagan" else 32) in taken


def test_nets_of_ones_own_that_do_not_tell_their_shape_are_not_asked():
    assert not hasattr(IMAGES.nets, "shape")
    Run(IMAGES, pictures(), 0)
    assert ladder(48, 1.0)["size"] == 48
