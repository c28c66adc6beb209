"""Every random number of a run: one generator a seed, so that many seeds can train together."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from gantutor.plain import whole

# torch's generator on a CPU looks at 32 bits: seeds that differ by this draw the same numbers
SEED_LIMIT = 2**32
ASIDE = 1_000_003


class Rng:
    """Draws numbers for one seed, or for several seeds at once along a new first axis.

    `Rng(0).randn(5, 2)` has shape (5, 2); `Rng([0, 1, 2]).randn(5, 2)` has shape (3, 5, 2), and
    its slice i is exactly what `Rng(i)` draws. A `torch.Generator` may stand in for a seed.
    Raises ValueError for a seed that is no whole number from 0 and below 2**32, and for a device
    that is not there.
    """

    def __init__(
        self, seeds: int | torch.Generator | Sequence[int], device: str | torch.device = "cpu"
    ):
        self.rank, self.world = 0, 1
        if isinstance(seeds, torch.Generator):
            self.seeds, self.generators = (seeds.initial_seed(),), [seeds]
            self.device, self.stacked = seeds.device, False
            return
        self.stacked = hasattr(seeds, "__iter__") and getattr(seeds, "ndim", 1) > 0
        self.seeds = tuple(map(_seed, seeds)) if self.stacked else (_seed(seeds),)
        if not self.seeds:
            raise ValueError("seeds=[]: give at least one seed, for example seeds=[0]")
        self.device = _device(device)
        self.generators = [torch.Generator(self.device).manual_seed(s) for s in self.seeds]

    @property
    def axis(self) -> int:
        """The batch axis of what is drawn: 1 where several seeds come first, else 0."""
        return 1 if self.stacked else 0

    @classmethod
    def of(
        cls,
        source: "Rng | torch.Generator | int | Sequence[int]",
        device: str | torch.device = "cpu",
    ) -> "Rng":
        """The Rng itself, or a new one on `device` around a seed, seeds or a `torch.Generator`."""
        return source if isinstance(source, cls) else cls(source, device)

    @property
    def alike(self) -> "Rng":
        """The same generators, whose draws are equal on all processes.

        For what belongs to the whole batch, such as a permutation of it, and not to its rows.
        """
        if self.world == 1:
            return self
        whole_batch = copy.copy(self)
        whole_batch.rank, whole_batch.world = 0, 1
        return whole_batch

    def aside(self) -> "Rng":
        """An independent generator derived from the same seeds.

        For inspecting a run without advancing its random state.
        """
        seeds = [(s + ASIDE) % SEED_LIMIT for s in self.seeds]
        return Rng(seeds if self.stacked else seeds[0], self.device)

    def share(self, rank: int, world: int) -> "Rng":
        """From now on, take part `rank` of `world` equal parts of the rows of every draw.

        All processes draw the same numbers, so that several with a part of the batch each see what
        one process with the whole batch sees.
        """
        if not 0 <= rank < world or (world > 1 and self.stacked):
            raise ValueError(
                f"rank={rank}, world={world}, seeds={list(self.seeds)}: expected "
                "0 <= rank < world and one seed"
            )
        self.rank, self.world = rank, world
        return self

    def _draw(self, one) -> Tensor:
        return (
            torch.stack([one(g) for g in self.generators])
            if self.stacked
            else one(self.generators[0])
        )

    def _rows(self, shape: tuple[int, ...], fill, dtype: torch.dtype | None = None) -> Tensor:
        """Draw by fill(out, generator), which writes into a tensor of the shape."""
        if self.stacked:
            drawn = torch.empty((len(self.generators), *shape), dtype=dtype, device=self.device)
            for one, generator in zip(drawn.unbind(), self.generators, strict=True):
                fill(one, generator)
            return drawn
        generator = self.generators[0]
        if self.world == 1 or not shape:
            return fill(torch.empty(shape, dtype=dtype, device=self.device), generator)
        n, *rest = shape
        drawn = torch.empty((n * self.world, *rest), dtype=dtype, device=self.device)
        return fill(drawn, generator)[self.rank * n : (self.rank + 1) * n]

    def randn(self, *shape: int) -> Tensor:
        """Standard normal numbers."""
        return self._rows(shape, lambda out, g: out.normal_(generator=g))

    def rand(self, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1)."""
        return self._rows(shape, lambda out, g: out.uniform_(generator=g))

    def randint(self, high: int, *shape: int) -> Tensor:
        """Uniform integers in 0 .. high-1."""
        return self._rows(shape, lambda out, g: out.random_(0, high, generator=g), torch.int64)

    def randperm(self, n: int) -> Tensor:
        """A random order of 0 .. n-1."""
        orders = [
            self._draw(lambda g: torch.randperm(n, generator=g, device=self.device))
            for _ in range(self.world)
        ]
        return orders[self.rank]

    def beta(self, alpha: float, *shape: int) -> Tensor:
        """Beta(alpha, alpha) numbers in (0, 1); uniform for alpha = 1."""
        if alpha == 1.0:
            return self.rand(*shape)

        # torch has no public Gamma draw that takes a generator; torch.distributions uses this one
        def gammas(out, g):
            return out.copy_(torch._standard_gamma(torch.full_like(out, alpha), generator=g))

        a, b = self._rows((*shape, 2), gammas).unbind(-1)
        return a / (a + b)

    def state_dict(self) -> dict:
        """Seeds and generator states, for exact resume."""
        return {
            "seeds": list(self.seeds) if self.stacked else self.seeds[0],
            "states": [g.get_state() for g in self.generators],
        }

    def check_state(self, state: dict) -> None:
        """Raises ValueError where `load_state_dict` would, and moves nothing."""
        mine = list(self.seeds) if self.stacked else self.seeds[0]
        if not isinstance(state, dict) or not {"seeds", "states"} <= state.keys():
            raise ValueError("the random state lacks seeds or states: start over")
        if state["seeds"] != mine:
            raise ValueError(f"the state is of seeds {state['seeds']}, this run has seeds {mine}")
        _check_states(self.device, state["states"], len(self.generators))

    def load_state_dict(self, state: dict) -> None:
        """Continue exactly where `state_dict` was taken.

        Raises ValueError for other seeds or another kind of device.
        """
        self.check_state(state)
        for generator, saved in zip(self.generators, state["states"], strict=True):
            generator.set_state(saved.cpu())


def _check_states(device: torch.device, states, n: int) -> None:
    """Raise ValueError unless these are n states of a generator on the device."""
    trial = torch.Generator(device)
    try:
        for saved, _ in zip(states, range(n), strict=True):
            trial.set_state(saved.cpu())
    except (AttributeError, RuntimeError, TypeError, ValueError):
        raise ValueError(
            f"the random state does not belong to {device}: go on where it was begun, or start over"
        ) from None


def _seed(value) -> int:
    seed = whole("seed", value)
    if not 0 <= seed < SEED_LIMIT:
        raise ValueError(f"seed={value}: expected a whole number from 0 and below 2**32")
    return seed


def _device(name: str | torch.device) -> torch.device:
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise ValueError(f"device={name!r}: expected 'cpu' or 'cuda'") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        there = f"{torch.cuda.device_count()} CUDA device(s) here"
        raise ValueError(
            f"device={str(name)!r}: torch sees {there}, use device='cpu' or another number"
        )
    try:
        torch.Generator(device)
    except (AssertionError, NotImplementedError, RuntimeError):
        raise ValueError(
            f"device={str(name)!r}: torch draws no random numbers there, use 'cpu' or 'cuda'"
        ) from None
    return device


def take_rows(x: Tensor, index: Tensor) -> Tensor:
    """The rows x[index] along the batch axis.

    With an index (seeds, n), each seed picks its own rows of x (seeds, N, ...).
    """
    if index.ndim == 1:
        return x.index_select(0, index)
    seeds = torch.arange(index.shape[0], device=index.device)[:, None]
    return x[seeds, index]
