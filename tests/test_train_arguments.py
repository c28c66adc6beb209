"""What training refuses before its first step, and what it takes for a number."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from small_runs import LITTLE, SMALLER, last, same, weights

from gantutor import toy
from gantutor.descriptions import describe
from gantutor.objectives import WGAN, Objective
from gantutor.train import Run, train


@pytest.mark.parametrize(
    "bad",
    [{"every": 0}, {"every": -1}, {"every": "epoch"}, {"save_every": 0}, {"save_every": "turn"}],
)
def test_how_often_must_be_a_count(bad):
    ((name, value),) = bad.items()
    with pytest.raises(ValueError, match=f"{name}={value!r}"):
        next(train(SMALLER["baseline"], toy.ring(), steps=3, **bad))


@pytest.mark.parametrize(
    "how, said",
    [
        ({"steps": 2.5}, "steps=2.5"),
        ({"steps": True}, "steps=True"),
        ({"steps": "4"}, "steps='4'"),
        ({"steps": -1}, "steps=-1"),
        ({"every": 1.5}, "every=1.5"),
        ({"every": True}, "every=True"),
        ({"save_every": np.float64(2)}, "save_every="),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**70}, "seed=1180591620717411303424"),
        ({"seed": 2**32}, "seed=4294967296"),
        ({"seed": True}, "seed=True"),
        ({"seed": 0.5}, "seed=0.5"),
        ({"seed": "01"}, "seed='0'"),
        ({"seed": [0, 2**33]}, "seed=8589934592"),
        ({"seed": [1, 1]}, r"seeds=\[1, 1\]: a seed that occurs twice"),
        ({"device": "gpu"}, "device='gpu'"),
        ({"precision": "fp16"}, "precision='fp16'"),
    ],
)
def test_an_argument_of_the_wrong_kind_is_quoted(how, said):
    with pytest.raises(ValueError, match=said):
        next(train(SMALLER["baseline"], toy.ring(), **{"steps": 4} | how))


def test_a_device_without_random_numbers_is_refused():
    with pytest.raises(ValueError, match="device='meta'|device='xpu'"):
        Run(LITTLE, toy.ring(), 0, "xpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_missing_device_is_refused():
    with pytest.raises(ValueError, match="device='cuda': torch sees 0 CUDA device"):
        Run(LITTLE, toy.ring(), 0, "cuda")


def test_a_run_is_not_asked_for_fewer_steps_than_it_has_done():
    run = last(Run(LITTLE, toy.ring(), 0).steps(3)).run
    assert list(run.steps(3)) == []
    with pytest.raises(ValueError, match="until=2: this run has done 3 steps"):
        next(run.steps(2))
    for bad in (
        {"n": 0},
        {"n": 2.5},
        {"n": 4, "chunk": 0},
        {"n": 4, "labels": torch.zeros(4, dtype=torch.long)},
    ):
        with pytest.raises(ValueError, match="n=0|n=2.5|chunk=0|labels="):
            run.sample(**bad)


class OwnObjective(Objective):
    """Not a dataclass, as somebody may write it who has read only one page."""

    def real(self, a):
        return -a

    def fake(self, b):
        return b

    def gen(self, b):
        return -b


def test_what_cannot_be_described_trains_without_a_checkpoint_and_fails_at_once_with_one(tmp_path):
    recipe = LITTLE.but(objective=OwnObjective())
    assert last(train(recipe, toy.ring(), 0, 2)).index == 2
    with pytest.raises(TypeError, match="OwnObjective.*cannot be part of.*frozen dataclass"):
        next(train(recipe, toy.ring(), 0, 2, checkpoint=tmp_path / "new" / "run.pt"))
    assert not list(tmp_path.iterdir())


@dataclass(frozen=True)
class Scaled(WGAN):
    factor: float = 1.0


def test_numbers_of_numpy_are_plain_ones(tmp_path):
    file, seed = tmp_path / "a.pt", np.int64(3)
    objective = Scaled(np.float64(0.5), np.float32(0.5))
    recipe = LITTLE.but(objective=objective, batch=np.int64(8), n_dis=np.int32(1))
    assert type(recipe.batch) is int
    assert type(describe(recipe)["objective"]["clip"]) is float
    steps, every = np.int64(2), np.int64(1)
    how = {"checkpoint": file, "save_every": np.int64(1)}
    _, step = train(recipe, toy.ring(), seed, steps, every, **how)
    assert step.run.rng.seeds == (3,)
    assert step.run.sample(np.int64(5)).shape == (5, 2)
    run = Run(recipe, toy.ring(), seed)
    run.load(file)
    assert same(weights(run), weights(step.run))
    assert Run(recipe, toy.ring(), np.arange(2)).rng.seeds == (0, 1)
