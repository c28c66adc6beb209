"""G reaches its data: the bound of the plane's nets follows the data, a small one is refused."""

import pytest
import torch

from gantutor import toy
from gantutor.nets.mlp import Mlp, mlp
from gantutor.recipes import TOY
from gantutor.rng import Rng
from gantutor.run import Run

WORLDS = {
    **{name: toy.by_name(name) for name in toy.BY_NAME},
    "wide circles": toy.circles((1.0, 5.0)),
    "radius 3": toy.points([[3.0, 0.0], [0.0, 3.0], [-3.0, 0.0]]),
}


class Own:
    """A user's data, which only draws points."""

    def sample(self, n, rng):
        return 7 + Rng.of(rng).rand(n, 2)


@pytest.mark.parametrize("name", WORLDS)
def test_the_bound_reaches_every_point(name):
    data = WORLDS[name]
    run = Run(TOY, data, 0)
    assert run.G.bound == run.recipe.nets.bound == data.limit
    assert data.sample(20_000, 1).abs().max() < run.G.bound
    # the numbers of the lessons on AdaptiveMix's data are those of the fixed bound of 2
    if name in ("nine", "circles"):
        assert run.G.bound == 2.0


def test_a_users_own_data_are_sampled():
    run = Run(TOY, Own(), 3)
    assert 8 < run.G.bound < 9.3
    for _ in run.steps(1):
        pass
    assert Run(TOY, Own(), 9).G.bound == run.G.bound  # not a matter of the seed


def test_a_fixed_bound_that_is_too_small_is_refused():
    ring = TOY.but(nets=Mlp(bound=1.5))
    with pytest.raises(ValueError, match=r"bound=1.5: 49% of ring are beyond it.*bound='data'"):
        Run(ring, toy.ring(), 0)
    with pytest.raises(ValueError, match="bound=2: 2[0-9]% of ring"):
        Run(TOY.but(nets=mlp(bound=2)), toy.ring(), 0)
    assert Run(TOY.but(nets=Mlp(bound=2.5)), toy.ring(), 0).G.bound == 2.5
    assert Run(TOY.but(nets=Mlp(bound=None)), toy.ring(), 0).G.bound is None
    for bound in (0, -1.0):
        with pytest.raises(ValueError, match="expected a number above 0, 'data' or None"):
            Mlp(bound=bound)
    with pytest.raises(ValueError, match="bound='data' needs data"):
        Mlp().build(Rng(0))


def test_the_last_layer_can_go_where_the_data_are():
    """Tanh reaches 99.9 % of its bound: a G that saturates is beyond every mode."""
    data = toy.grid()
    G, _ = Mlp().fitted(data).build(Rng(0))
    weight, bias = G.constants()[-1]
    with torch.no_grad():
        weight.zero_()
        bias.fill_(5.0)
    assert (G(torch.zeros(1, 8)) > data.modes.max() + 4 * data.std).all()
