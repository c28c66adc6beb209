"""Divergence: when it is noticed, what it says, and what becomes of the other seeds."""

from dataclasses import dataclass

import pytest
import torch
from small_runs import SMALL, last, weights

from gantutor import toy
from gantutor.divergence import each_seed
from gantutor.objectives import LSGAN, WGAN
from gantutor.recipes import TOY, Sgd
from gantutor.train import Diverged, Run, train

WILD = TOY.but(**SMALL, objective=WGAN(clip=None), g_opt=Sgd(1e4), d_opt=Sgd(1e4))
SQUARES = TOY.but(**SMALL, objective=LSGAN())


@dataclass(frozen=True)
class Poisoned:
    """The ring, but the reals of one seed are far too large."""

    seed: int = 1
    size: float = 1e30
    limit = toy.ring().limit

    def sample(self, n, rng):
        x = toy.ring().sample(n, rng)
        if self.seed in rng.seeds:
            x[rng.seeds.index(self.seed)] *= self.size
        return x


@pytest.mark.parametrize("seed, seeds", [(3, [3]), ([3, 4], [3, 4])])
def test_an_absurd_learning_rate_diverges(seed, seeds):
    told = r"diverged at step \d+ in [DG]'s turn.*learning rate"
    with pytest.raises(Diverged, match=told) as caught:
        list(train(WILD, toy.ring(), seed, 100))
    error = caught.value
    assert 0 <= error.step < 100 and error.player in ("d", "g")
    assert error.seeds and set(error.seeds) <= set(seeds)
    assert isinstance(error, RuntimeError)


@pytest.mark.parametrize("player, method", [("d", "fake"), ("g", "gen")])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -2e6])
def test_step_and_player_of_a_divergence(player, method, value):
    calls = []

    def spoilt(self, b):
        calls.append(1)
        return b + (value if len(calls) > 2 else 0)

    Bad = type("Bad", (WGAN,), {method: spoilt})
    run = Run(TOY.but(**SMALL, objective=Bad(None)), toy.ring(), 7)
    with pytest.raises(Diverged) as caught:
        list(run.steps(5))
    error = caught.value
    assert (error.step, error.player, error.seeds) == (2, player, [7])
    assert run.diverged == {7: 2}


def test_other_seeds_do_not_notice_a_diverged_one():
    with pytest.raises(Diverged) as caught:
        list(train(SQUARES, Poisoned(), [0, 1, 2], 10))
    error = caught.value
    assert (error.step, error.player, error.seeds) == (0, "d", [1])
    marked = last(train(SQUARES, Poisoned(), [0, 1, 2], 10, on_divergence="mark")).run
    clean = last(train(SQUARES, toy.ring(), [0, 1, 2], 10)).run
    assert marked.diverged == {1: 0} and marked.step == 10
    for p, q in zip(weights(marked), weights(clean), strict=True):
        assert torch.equal(p[[0, 2]], q[[0, 2]])
    assert torch.equal(marked.d_loss[[0, 2]], clean.d_loss[[0, 2]])


def test_marked_divergence_survives_a_checkpoint(tmp_path):
    how = {"checkpoint": tmp_path / "run.pt", "on_divergence": "mark"}
    for steps in (3, 6):
        run = last(train(SQUARES, Poisoned(), [0, 1, 2], steps, **how)).run
    assert run.diverged == {1: 0} and run.step == 6


def test_marking_ends_when_all_seeds_have_diverged():
    with pytest.raises(Diverged):
        list(train(WILD, toy.ring(), [0, 1], 100, on_divergence="mark"))


def test_each_seed_is_watched_by_itself():
    class Opposite(WGAN):
        def d_loss(self, turn):
            return super().d_loss(turn) + torch.tensor([5.0, -5.0])

    recipe = TOY.but(**SMALL, objective=Opposite())
    list(train(recipe.but(diverges_at=7.0), toy.ring(), [0, 1], 2))
    # losses of opposite sign do not hide each other
    with pytest.raises(Diverged) as caught:
        list(train(recipe.but(diverges_at=3.0), toy.ring(), [0, 1], 2))
    assert caught.value.seeds == [0, 1]
    # eight losses of log 4 exceed the bound together, none does alone
    list(train(TOY.but(**SMALL, diverges_at=3.0), toy.ring(), list(range(8)), 2))


def test_unknown_on_divergence_is_quoted():
    with pytest.raises(ValueError, match="'ignore'"):
        Run(TOY, toy.ring(), 0, on_divergence="ignore")


def test_a_seed_that_diverges_does_not_stop_the_others_and_all_of_them_do():
    ended = {s: Diverged(10 + s, "g", [s]) for s in range(3)}

    def train(seed, bad):
        if seed in bad:
            raise ended[seed]
        return seed * 10

    assert each_seed(lambda s: train(s, ()), range(3)) == ({0: 0, 1: 10, 2: 20}, {})
    assert each_seed(lambda s: train(s, (0, 2)), range(3)) == (
        {1: 10},
        {0: ended[0], 2: ended[2]},
    )
    assert each_seed(lambda s: train(s, (0, 1, 2)), range(3)) == ({}, ended)
    with pytest.raises(ZeroDivisionError):  # anything else is no outcome
        each_seed(lambda s: 1 / s, range(3))
