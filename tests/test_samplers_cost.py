"""What samplers cost: evaluations counted, budgets, Table 3."""

import dataclasses

import pytest
import torch
from scored import Critic, Fixed, latents, linear, normed
from torch import nn

from gantutor import toy
from gantutor.methods.advlat import IFGSM, MIFGSM, PGD, GradientStep
from gantutor.methods.samplers import (
    DDLS,
    DOT,
    DRS,
    SAMPLERS,
    Calibration,
    DGflow,
    EvolGAN,
    MetropolisHastings,
    nfe,
    table3,
    with_budget,
)
from gantutor.nets import Labelled
from gantutor.recipes import TOY
from gantutor.rng import Rng
from gantutor.train import Run

BUDGETED = [
    IFGSM(0.01),
    PGD(0.01, radius=0.1),
    MIFGSM(0.01),
    GradientStep(0.01),
    DOT(k_eff=1.0),
    DDLS(),
    DGflow(),
    EvolGAN(),
    MetropolisHastings(),
]


@pytest.mark.parametrize("sampler", BUDGETED, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("n", [2, 8])
def test_equal_budgets_are_equal(sampler, n):
    G, D = normed()
    with nfe(G, D) as count:
        with_budget(sampler, n)(latents(12), G, D, Rng(0))
    backward = n // 2 if not isinstance(sampler, EvolGAN | MetropolisHastings) else 0
    assert count.per_sample(12) == {
        "G": n - backward,
        "D": n - backward,
        "backward": backward,
        "total": n,
    }
    forward = 12 * (n - backward)
    assert str(count) == f"G {forward}, D {forward}, backward {12 * backward}, total {12 * n}"
    G(latents()), D(G(latents()))
    assert forward == count.G  # the block is over


def test_preparations_are_counted_too():
    G, D, _ = linear()
    with nfe(G, D) as count:
        DOT(steps=3)(latents(50), G, D, Rng(0))
    assert (count.G, count.D, count.backward) == (
        200 + 150,
        200 + 150,
        150,
    )  # two times a hundred for the sharpness
    with nfe(G, D) as count:
        DRS(burn_in=100).prepared(latents(50), G, D, Rng(0))
    assert (count.G, count.D, count.backward) == (100, 100, 0)


def test_seeds_and_filled_in_labels_are_counted():
    run = Run(TOY, toy.ring(), [0, 1])
    with nfe(run.G, run.D) as count:
        x = run.sample(10, [5, 6], latent=IFGSM(0.01, 3))
    assert x.shape == (2, 10, 2) and (count.G, count.D, count.backward) == (
        20 * 4,
        20 * 3,
        20 * 3,
    )  # one G for the images
    assert count.total == 20 * 7
    net = Fixed(lambda z, y: z + y[:, None])
    critic = Critic(nn.Identity(), Fixed(lambda x: x.sum(-1)))
    with nfe(net, critic) as count:
        IFGSM(0.01, 3)(latents(5), Labelled(net, torch.arange(5)), critic)
    assert (count.G, count.D, count.backward) == (15, 15, 15)


def test_budgets_that_do_not_come_out_are_refused():
    for sampler, n, quoted in (
        (IFGSM(), 7, "n=7"),
        (DDLS(), -2, "n=-2"),
        (EvolGAN(), 0, "n=0"),
        (DRS(), 0, "n=0"),
    ):
        with pytest.raises(ValueError, match=quoted):
            with_budget(sampler, n)
    with pytest.raises(TypeError, match="object has no known cost"):
        with_budget(object(), 4)


def test_table_3():
    assert (
        list(SAMPLERS)
        == ["bare", "EvolGAN", "DOT", "DDLS", "DRS", "AdvLatGAN-z"]
        == list(table3(40))
    )
    assert (
        SAMPLERS["bare"] is None
        and SAMPLERS["AdvLatGAN-z"] == IFGSM(0.05, 20) == table3(40)["AdvLatGAN-z"]
    )
    rows = table3(8, Calibration(2.0, 1.0))
    assert (
        rows["DOT"].steps,
        rows["DDLS"].steps,
        rows["EvolGAN"].budget,
        rows["DRS"].acceptance,
    ) == (4, 4, 8, 1 / 8)
    assert (
        rows["DDLS"].calibration == rows["DRS"].calibration == Calibration(2.0, 1.0)
        and rows["bare"] is None
    )
    assert all(dataclasses.is_dataclass(s) for s in rows.values() if s is not None)
