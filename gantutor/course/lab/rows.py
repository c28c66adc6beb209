"""One GAN of the lab, and what may happen to it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from gantutor.course.lab.entries import RowPlan
from gantutor.course.lab.own import Own, described
from gantutor.course.lab.settings import recipe_of
from gantutor.descriptions import describe
from gantutor.fields import Axes, principal_axes
from gantutor.train import Run


@dataclass
class LabRow:
    """A run with its name, its method and its settings.

    failed: what went wrong with it, "" as long as it trains
    axes: the directions in which its features are drawn, and the step at which they were chosen
    at_hand: whether a turn of D alone has just left reals for a turn of G
    """

    name: str
    method: str | Own
    run: Run
    settings: dict = field(default_factory=dict)
    failed: str = ""
    axes: tuple[int, Axes] | None = None
    at_hand: bool = False

    @classmethod
    def begin(cls, plan: RowPlan, world, width: int, seed: int) -> "LabRow":
        """The row of a plan, with its first weights."""
        recipe = recipe_of(plan.method, plan.settings, width, world.limit)
        return cls(plan.name, plan.method, Run(recipe, world, seed), dict(plan.settings))

    @torch.no_grad()
    def choose_axes(self, step: int) -> None:
        """Draw features along the two directions in which they now spread most."""
        turn = self.run.fresh_turn(256)
        self.axes = (step, principal_axes(torch.cat([turn.real.features, turn.fake.features])))

    def attempt(self, act: Callable[[], object]) -> None:
        """Do something with the run; a row that fails stops and keeps the reason."""
        if self.failed:
            return
        try:
            act()
        except Exception as error:  # a student's loss may raise anything
            self.failed = described(error)

    def take_step(self) -> None:
        """One whole step."""
        self.attempt(lambda: [None for _ in self.run.take_step()])

    def take_turn(self, player: str) -> None:
        """One player's turn alone; G's uses the reals of a turn of D just before, or fresh ones."""
        if player == "d":
            self.attempt(self.run.d_turn)
            self.at_hand = not self.failed
            return
        self.attempt(self._g_turn)

    def _g_turn(self) -> None:
        if not self.at_hand:
            self.run.turns = [self.run.fresh_turn(self.run.batch, self.run.rng)]
        self.run.g_turn()

    def become(self, settings: dict, width: int) -> None:
        """Train with other settings from the next turn on."""
        self.settings = dict(settings)
        recipe = recipe_of(self.method, settings, width, self.run.data.limit)
        _use(self.run, recipe)

    def take_over(self, source: "LabRow") -> None:
        """Go on from another row's state with a method and rates of its own."""
        state = source.run.state_dict()
        state["recipe"] = describe(self.run.recipe)
        for name in ("g_opt", "d_opt"):
            # an optimiser of another kind starts afresh
            mine = getattr(self.run, name).state_dict()
            if mine["param_groups"][0].keys() != state[name]["param_groups"][0].keys():
                state[name] = mine
        state["memory"] = {}
        self.run.load_state_dict(state)
        _use(self.run, self.run.recipe)
        self.axes = source.axes

    def state(self) -> tuple[dict, str, tuple[int, Axes] | None]:
        """What `restore` needs."""
        return self.run.state_dict(), self.failed, self.axes

    def restore(self, state: tuple, settings: dict, width: int) -> None:
        """Stand where `state` was taken."""
        saved, self.failed, self.axes = state
        self.settings = dict(settings)
        self.run.recipe = recipe_of(self.method, settings, width, self.run.data.limit)
        self.run.load_state_dict(saved)
        self.run.turns = []


def axes_due(step: int) -> bool:
    """Whether feature axes are chosen again at a step, so that they rarely change.

    >>> [step for step in range(1000) if axes_due(step)]
    [0, 50, 100, 200, 400, 800]
    """
    times = step // 50
    return step == 0 or (step % 50 == 0 and times & (times - 1) == 0)


def _use(run: Run, recipe) -> None:
    """Another recipe with the same nets and kinds of optimisers, from the next turn on."""
    run.recipe = recipe
    for opt, rule in ((run.g_opt, recipe.g_opt), (run.d_opt, recipe.d_opt)):
        for group in opt.param_groups:
            group["lr"] = rule.lr
