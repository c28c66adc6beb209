"""What all samplers share: nets left as found, seeds side by side, settings that are refused."""

import pytest
import torch
from scored import F64, latents, linear, normed
from torch import nn

from gantutor import toy
from gantutor.methods.samplers import DDLS, DOT, DRS, DGflow, EvolGAN, MetropolisHastings
from gantutor.recipes import TOY
from gantutor.rng import Rng
from gantutor.train import Run

SEARCHES = [
    DOT(steps=4),
    DDLS(steps=4),
    DGflow(steps=4),
    EvolGAN(budget=5),
    MetropolisHastings(steps=5),
    DRS(burn_in=100, gamma_percentile=80.0),
]
NAMES = [type(s).__name__ for s in SEARCHES]


@pytest.mark.parametrize("sampler", SEARCHES, ids=NAMES)
def test_nets_are_left_as_found(sampler):
    G, D = normed()
    D.trunk[1].eval()  # a part in another mode than the rest
    D.last.weight.requires_grad_(False)
    before = [{k: v.clone() for k, v in m.state_dict().items()} for m in (G, D)]
    modes, flags = (
        [f(p) for m in (G, D) for p in i(m)]
        for f, i in (
            (lambda p: p.training, nn.Module.modules),
            (lambda p: p.requires_grad, nn.Module.parameters),
        )
    )
    z = latents()
    z0 = z.clone()
    moved = sampler(z, G, D, Rng(0))
    sampler.prepared(z, G, D, Rng(0))
    for m, saved in zip((G, D), before, strict=True):
        assert all(torch.equal(v, saved[k]) for k, v in m.state_dict().items())
    assert modes == [p.training for m in (G, D) for p in m.modules()]
    assert flags == [p.requires_grad for m in (G, D) for p in m.parameters()]
    assert all(p.grad is None for m in (G, D) for p in m.parameters())
    assert (
        torch.equal(z, z0)
        and not moved.requires_grad
        and not torch.equal(moved, z)
        and moved.dtype == F64
    )
    # eval mode whatever the nets were in; a seed decides the latents; no_grad makes no difference
    G.eval(), D.eval()
    with torch.no_grad():
        assert torch.equal(sampler(z, G, D, Rng(0)), moved)
    assert not torch.equal(sampler(z, G, D, Rng(1)), moved)


@pytest.mark.parametrize(
    "sampler",
    [
        DOT(steps=0),
        DDLS(steps=0),
        DGflow(steps=0),
        EvolGAN(budget=1),
        MetropolisHastings(0),
        DOT(0.0, k_eff=1.0),
        DDLS(0.0),
    ],
)
def test_no_step_is_the_identity(sampler):
    G, D, _ = linear()
    z = latents()
    moved = sampler(z, G, D, Rng(0))
    assert torch.equal(moved, z) and moved is not z


@pytest.mark.parametrize("sampler", SEARCHES, ids=NAMES)
def test_several_seeds_are_moved_side_by_side(sampler):
    run, ones = Run(TOY, toy.ring(), [3, 4]), [Run(TOY, toy.ring(), s) for s in (3, 4)]
    z = Rng([0, 1]).randn(25, 8)
    moved = sampler(z, run.G, run.D, Rng([0, 1]))
    for i in range(2):
        assert torch.allclose(moved[i], sampler(z[i], ones[i].G, ones[i].D, Rng(i)), atol=1e-4)


@pytest.mark.parametrize("sampler", SEARCHES, ids=NAMES)
def test_a_run_samples_with_each(sampler):
    run = Run(TOY, toy.ring(), 0)
    x = run.sample(30, 5, latent=sampler)
    assert x.shape == (30, 2) and not torch.equal(x, run.sample(30, 5)) and torch.isfinite(x).all()


@pytest.mark.parametrize("sampler", SEARCHES, ids=NAMES)
def test_random_numbers_need_an_rng(sampler):
    G, D, _ = linear()
    with pytest.raises(ValueError, match="rng=None"):
        sampler(latents(), G, D)


@pytest.mark.parametrize(
    "kind, bad, quoted",
    [
        (DOT, {"steps": -1}, "steps=-1"),
        (DOT, {"projection": "sphere"}, "'sphere'"),
        (DOT, {"optimiser": "lion"}, "'lion'"),
        (DDLS, {"eta": -0.1}, "eta=-0.1"),
        (DDLS, {"temperature": 0.0}, "temperature=0.0"),
        (DGflow, {"divergence": "w"}, "'w'"),
        (EvolGAN, {"budget": 0}, "budget=0"),
        (EvolGAN, {"alpha": 1.5}, "alpha=1.5"),
        (MetropolisHastings, {"steps": -1}, "steps=-1"),
        (DRS, {"gamma_percentile": 101.0}, "101.0"),
        (DRS, {"burn_in": 0}, "burn_in=0"),
        (DRS, {"acceptance": 0.0}, "acceptance=0.0"),
    ],
)
def test_bad_settings_are_quoted(kind, bad, quoted):
    with pytest.raises(ValueError, match=quoted):
        kind(**bad)
