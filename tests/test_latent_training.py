"""Latent searches inside training: what they leave unchanged in the nets, and whom they move."""

import copy
from dataclasses import replace

import pytest
import torch
from host import NoHostReads
from scored import latents, normed
from searches import SEARCHES
from torch import nn

from gantutor import toy
from gantutor.methods.advlat import IFGSM, PGD, GradientStep
from gantutor.methods.pairs import HardPairs
from gantutor.nets import Critique, Labelled, latent_mode
from gantutor.recipes import TOY
from gantutor.rng import Rng
from gantutor.step import make_fakes
from gantutor.train import Run


def copied(nets):
    return [{k: v.clone() for k, v in net.state_dict().items()} for net in nets]


def unchanged(nets, before):
    """Whether all weights and buffers have the values that `copied` returned."""
    return all(
        torch.equal(value, saved[name])
        for net, saved in zip(nets, before, strict=True)
        for name, value in net.state_dict().items()
    )


def settings(nets):
    """The mode of every module and the `requires_grad` of every parameter."""
    modes = [module.training for net in nets for module in net.modules()]
    return modes, [p.requires_grad for net in nets for p in net.parameters()]


@pytest.mark.parametrize("mode", ["eval", "train_frozen"])
@pytest.mark.parametrize("search", SEARCHES)
def test_nets_are_left_as_found(search, mode):
    G, D = nets = normed()
    D.trunk[1].eval()  # a part in another mode than the rest
    D.last.weight.requires_grad_(False)
    G[0].weight.grad = torch.ones_like(G[0].weight)
    before, set_before = copied(nets), settings(nets)
    z = latents()
    z0 = z.clone()
    moved = replace(search, mode=mode)(z, G, D, Rng(0))
    assert unchanged(nets, before) and settings(nets) == set_before
    assert (G[0].weight.grad == 1).all()
    others = [p for net in nets for p in net.parameters() if p is not G[0].weight]
    assert all(p.grad is None for p in others)
    assert torch.equal(z, z0) and not z.requires_grad
    assert not torch.equal(moved, z) and not moved.requires_grad


def test_train_moves_the_buffers_as_the_authors_code():
    G, D = normed()
    names = [k for net in (G, D) for k, _ in net.named_buffers()]
    before = [v.clone() for net in (G, D) for v in net.buffers()]
    IFGSM(0.01, 1, mode="train")(latents(), G, D)
    after = [v for net in (G, D) for v in net.buffers()]
    moved = {k for k, a, b in zip(names, before, after, strict=True) if not torch.equal(a, b)}
    assert {"1.running_mean", "1.running_var", "1.num_batches_tracked"} <= moved
    assert any(k.endswith("_u") for k in moved)
    assert G.training and D.training


class Conditional(nn.Module):
    """G(z, y) or D(x, y) with batch norm and embedded labels; D has spectral norm too."""

    def __init__(self, k, critic=False):
        super().__init__()
        self.layer, self.bn, self.critic = nn.Linear(k, 6), nn.BatchNorm1d(6), critic
        self.embed = nn.Embedding(3, 6)
        if critic:
            self.layer = nn.utils.parametrizations.spectral_norm(self.layer)

    def forward(self, x, y):
        v = torch.tanh(self.bn(self.layer(x)) + self.embed(y))
        return Critique(v.sum(-1), v) if self.critic else v


@pytest.mark.parametrize("mode", ["eval", "train_frozen"])
def test_labels_filled_in_are_seen_and_the_net_inside_is_left_as_found(mode):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        nets = G, D = Conditional(4).double(), Conditional(6, critic=True).double()
    y, z, before = torch.arange(12) % 3, latents(), copied(nets)
    search = IFGSM(0.05, 3, mode=mode)

    def searched(z, y):
        return search(z, Labelled(G, y), Labelled(D, y))

    moved, other = searched(z, y), searched(z, y.flip(0))
    partners = HardPairs(steps=2)(z, Labelled(G, y), Rng(0))
    assert unchanged(nets, before)
    assert all(net.training and net.bn.training for net in nets)
    assert not torch.equal(moved, other) and torch.isfinite(partners).all()
    if mode == "eval":  # one sample does not see the next: each label by itself gives the same
        for label in range(3):
            mine = y == label
            assert torch.allclose(moved[mine], searched(z[mine], y[mine]), atol=1e-12)


def test_modes_survive_an_error():
    G, D = normed()
    before = {k: v.clone() for k, v in G.named_buffers()}
    with pytest.raises(RuntimeError, match="stop"), latent_mode([G, D], "train_frozen"):
        G(latents())
        raise RuntimeError("stop")
    assert all(torch.equal(v, before[k]) for k, v in G.named_buffers()) and D.training
    with pytest.raises(ValueError, match="'test'"), latent_mode([G], "test"):
        pass


def test_mode_decides_which_statistics_are_used():
    G, D = normed()
    in_eval, in_train = (
        IFGSM(0.01, 3, mode=mode)(latents(), copy.deepcopy(G), copy.deepcopy(D))
        for mode in ("eval", "train_frozen")
    )
    assert not torch.equal(in_eval, in_train)
    G.eval(), D.eval()
    assert torch.equal(IFGSM(0.01, 3)(latents(), G, D), in_eval)  # whatever mode the nets were in


def test_a_split_batch_moves_the_same_in_eval_mode_only():
    G, D = normed()
    z = latents()
    for mode, same in (("eval", True), ("train_frozen", False)):
        search = IFGSM(0.05, 5, mode=mode)
        split = torch.cat([search(part, G, D) for part in z.split(4)])
        assert torch.allclose(search(z, G, D), split, atol=1e-12) is same


def test_works_under_no_grad():
    G, D = normed()
    want = IFGSM(0.05, 3)(latents(), G, D), HardPairs()(latents(), G, Rng(0))
    with torch.no_grad():
        got = IFGSM(0.05, 3)(latents(), G, D), HardPairs()(latents(), G, Rng(0))
        assert not torch.is_grad_enabled()
    assert torch.equal(got[0], want[0]) and torch.equal(got[1], want[1])


@pytest.mark.parametrize(
    "search", [*SEARCHES, IFGSM(0.02, 2, mode="train_frozen"), HardPairs(steps=2)]
)
def test_a_search_reads_nothing_back(search):
    G, D = normed()
    args = (latents(), G) if isinstance(search, HardPairs) else (latents(), G, D)
    with NoHostReads():
        search(*args, Rng(0))
        with pytest.raises(AssertionError, match="_local_scalar_dense"):
            float(latents().sum())


def test_the_steps_of_a_path_can_be_kept_and_are_constants():
    G, D = normed()
    search = IFGSM(0.05, 3).path(latents(), G, D)
    for path in (search, HardPairs(steps=3).path(latents(), G, Rng(0))):
        held = list(path)
        assert len(held) == 4 and not any(z.requires_grad for z in held)
        assert all(not torch.equal(a, b) for a, b in zip(held[:-1], held[1:], strict=True))
        held[0].numpy()


def test_several_seeds_are_searched_side_by_side():
    run, ones = Run(TOY, toy.ring(), [3, 4]), [Run(TOY, toy.ring(), s) for s in (3, 4)]
    z = Rng([0, 1]).randn(5, 8)
    for search in (
        IFGSM(0.05, 2),
        PGD(0.05, 2, radius=0.1),
        PGD(0.05, 2, radius=0.1, norm="l2"),
        GradientStep(0.05, 2),
    ):
        moved = search(z, run.G, run.D, Rng([0, 1]))
        for i, one in enumerate(ones):
            # 1e-4 is above rounding and far below a flipped sign (0.1)
            assert torch.allclose(moved[i], search(z[i], one.G, one.D, Rng(i)), atol=1e-4)
    pairs = HardPairs(per_sample=True)
    partners = pairs(z, run.G, Rng([0, 1]))
    for i, one in enumerate(ones):
        assert torch.allclose(partners[i], pairs(z[i], one.G, Rng(i)), atol=1e-4)


def test_the_search_of_d_gives_g_no_gradient():
    for mode in ("eval", "train_frozen", "train"):
        run = Run(TOY.but(latent=IFGSM(0.05, 2, mode=mode), batch=16), toy.ring(), 0)
        before = copied([run.G])
        run.d_turn()
        assert all(p.grad is None for p in run.g_weights.params)
        assert not run.turn.x_fake.requires_grad
        assert unchanged([run.G], before)


def test_qua_moves_the_latents_of_d_alone():
    seen = []

    class Spy(IFGSM):
        def __call__(self, z, G, D, rng=None):
            moved = super().__call__(z, G, D, rng)
            seen.append((z, moved))
            return moved

    recipe = TOY.but(latent=Spy(0.05, 1), batch=16, g_batch=32, n_dis=3)
    run = Run(TOY, toy.ring(), 0)
    object.__setattr__(run, "recipe", recipe)
    for player in run.take_step():
        if player == "d":
            assert torch.equal(run.turn.z, seen[-1][1]) and len(run.turn.z) == 16
    # fresh latents in each D step (the paper)
    assert len(seen) == 3 and not torch.equal(seen[0][0], seen[1][0])
    assert len(make_fakes(run, "g").z) == 32 and len(seen) == 3
    seen.clear()
    object.__setattr__(run, "recipe", recipe.but(fakes="d"))
    used = [run.turn.z for player in run.take_step() if player == "d"]
    # once an iteration (the code)
    assert len(seen) == 1 and all(z is used[0] for z in used)
