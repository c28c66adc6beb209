"""The training loop: what it yields, whom each turn moves, and what leaves a run unchanged."""

import pytest
import torch
from small_runs import EVERY, SMALLER, last, same, weights

from gantutor import toy
from gantutor.methods.advlat import IFGSM
from gantutor.recipes import Adam
from gantutor.rng import Rng
from gantutor.train import Run, train


# -- what train yields -----------------------------------------------------------------------------
@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize(
    "every, want", [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6, 7]), (7, [7]), (100, [7])]
)
def test_train_yields_as_asked(every, want, saved, tmp_path):
    how = {"checkpoint": tmp_path / "run.pt", "save_every": 2} if saved else {}
    steps = list(train(SMALLER["baseline"], toy.ring(), 0, 7, every, **how))
    assert [s.index for s in steps] == want
    assert {s.phase for s in steps} == {"g"}
    assert steps[-1].run.step == 7


@pytest.mark.parametrize("saved", [False, True])
def test_train_yields_each_turn(saved, tmp_path):
    how = {"checkpoint": tmp_path / "run.pt", "save_every": 2} if saved else {}
    steps = train(SMALLER["pairs"], toy.ring(), 0, 3, "turn", **how)
    seen = [(s.index, s.phase, s.d_loss.item(), s.g_loss.item()) for s in steps]
    # two turns of D, then one of G, which ends a step
    turns = [(i + (player == "g"), player) for i in range(3) for player in "ddg"]
    assert [s[:2] for s in seen] == turns
    d_losses, g_losses = [s[2] for s in seen], [s[3] for s in seen]
    assert d_losses[0] != d_losses[1] == d_losses[2]
    assert g_losses[1] == 0 != g_losses[2]


def test_a_finished_run_is_handed_back(tmp_path):
    file = tmp_path / "run.pt"
    done = last(train(SMALLER["baseline"], toy.ring(), 0, 3, checkpoint=file)).run
    (step,) = train(SMALLER["baseline"], toy.ring(), 0, 3, checkpoint=file)
    assert step.index == 3 and same(step.run.state_dict(), done.state_dict())


@EVERY
def test_losses_fall_into_one_number_a_seed(recipe):
    many, one = (last(Run(recipe, toy.ring(), seed).steps(1)) for seed in ([0, 1, 2], 0))
    assert many.d_loss.shape == many.g_loss.shape == (3,)
    assert one.d_loss.shape == one.g_loss.shape == ()
    assert not many.d_loss.requires_grad and not one.g_loss.requires_grad


# -- what a turn moves -----------------------------------------------------------------------------
@EVERY
def test_each_turn_moves_its_own_player(recipe):
    run, before, kept = Run(recipe, toy.ring(), [0, 1]), None, None
    for _ in range(2):
        for player in run.take_step():
            nets = {"g": run.g_weights, "d": run.d_weights}
            now = {name: [p.detach().clone() for p in net.params] for name, net in nets.items()}
            grads = {name: [p.grad for p in net.params] for name, net in nets.items()}
            if before is not None:
                other = "g" if player == "d" else "d"
                assert same(now[other], before[other])
                assert not same(now[player], before[player])
                # no net collects gradients of the other's turn
                assert all(a is b for a, b in zip(grads[other], kept[other], strict=True))
            if player == "d":
                assert not run.turn.x_fake.requires_grad
            before, kept = now, grads


def test_the_baseline_learns_something():
    """Fakes come nearer to the modes.

    Measured over 24 seeds: to 3 to 64 % of the distance, in 150 steps at a high rate.
    """
    world, quick = toy.two_modes(), Adam(2e-3, (0.5, 0.99))
    run = Run(SMALLER["baseline"].but(batch=64, g_opt=quick, d_opt=quick), world, [0, 1, 2])
    before = world.distance(run.sample(400)).mean(-1)
    list(run.steps(150))
    assert (world.distance(run.sample(400)).mean(-1) < 0.85 * before).all()


# -- random numbers --------------------------------------------------------------------------------
@EVERY
def test_the_global_random_state_is_neither_read_nor_moved(recipe):
    runs = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        before = torch.random.get_rng_state()
        run = Run(recipe, toy.ring(), 0)
        list(run.steps(2))
        run.sample(4), run.fresh_turn(4)
        assert torch.equal(torch.random.get_rng_state(), before)
        runs.append(run.state_dict())
    assert same(*runs)


def test_training_is_deterministic_and_seeds_differ():
    a, b, c = (
        last(Run(SMALLER["AdaptiveMix"], toy.ring(), seed).steps(3)).run for seed in (0, 0, 1)
    )
    assert same(weights(a), weights(b)) and not same(weights(a), weights(c))


@pytest.mark.parametrize("seed", [0, [0, 1]])
def test_asking_a_run_does_not_move_it(seed):
    asked, left_alone = runs = [Run(SMALLER["AdaptiveMix"], toy.ring(), seed) for _ in range(2)]
    for run in runs:
        list(run.steps(2))
    x, again = asked.sample(7), asked.sample(7)
    assert torch.equal(x, again) and not x.requires_grad
    assert x.shape == ((7, 2) if seed == 0 else (2, 7, 2))
    assert not torch.equal(asked.sample(7, latent=IFGSM(0.1, 3)), x)
    assert asked.G.training and asked.D.training
    assert torch.equal(asked.sample(7, Rng(seed).aside()), x)
    asked.fresh_turn(5)
    for run in runs:
        list(run.steps(4))
    assert same(asked.state_dict(), left_alone.state_dict())
