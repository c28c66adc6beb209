"""A whole step captured as one CUDA graph: the host launches one thing instead of hundreds."""

from collections.abc import Callable

import torch

from gantutor.divergence import watch
from gantutor.step import d_turn, g_turn, make_shared_fakes


class Captured:
    """A function of no arguments as one CUDA graph.

    The first `warm` calls run eagerly on a side stream (they count: cuDNN chooses its algorithms,
    optimisers make their state), then the call is recorded once and replayed. It must read and
    write the same tensors each time and must not wait for one.
    """

    def __init__(self, function: Callable, generators: list[torch.Generator], warm: int = 3):
        self.function, self.generators, self.warm, self.graph = function, generators, warm, None

    def __call__(self) -> None:
        if self.graph is None and self.warm > 0:
            self.warm -= 1
            side, main = torch.cuda.Stream(), torch.cuda.current_stream()
            side.wait_stream(main)
            with torch.cuda.stream(side):
                self.function()
            main.wait_stream(side)
            return
        if self.graph is None:
            graph = torch.cuda.CUDAGraph()
            for g in self.generators:  # so that replays draw on where eager steps would
                graph.register_generator_state(g)
            with torch.cuda.graph(graph):
                self.function()
            self.graph = graph
        self.graph.replay()


class CapturedStep:
    """The steps of a run as replays of one captured step.

    The captured step reads its count from `clock` and its batches from tensors that are fed before
    each replay.
    """

    def __init__(self, run):
        self.run = run
        self.clock = torch.tensor(run.step, dtype=torch.int64, device=run.rng.device)
        self.forget()

    def __call__(self) -> None:
        """One step: feed the next batches, then replay; the losses are looked at rarely."""
        run = self.run
        run.reals.feed()
        self._captured()
        watch(run, run.d_loss, "d")
        watch(run, run.g_loss, "g")

    def forget(self) -> None:
        """Capture anew: the graph writes into tensors that the run no longer has."""
        self.clock.fill_(self.run.step)
        self._captured = Captured(self._whole, self.run.rng.generators)

    def _whole(self) -> None:
        """A step without a word to the host, for capture."""
        run = self.run
        run.reals.rewind()
        shared = make_shared_fakes(run)
        for _ in range(run.recipe.n_dis):
            d_turn(run, shared)
        for _ in range(run.recipe.n_gen):
            g_turn(run, shared)
        self.clock += 1
