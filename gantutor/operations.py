"""Counted computing: the floating point operations of matrix products and convolutions."""

from collections.abc import Callable

from torch.utils._python_dispatch import TorchDispatchMode


class Operations(TorchDispatchMode):
    """Counts floating point operations while it is on, in `total`.

    PyTorch calls it for each operation that it dispatches, also in backward passes, and
    `torch.utils.flop_counter` has the cost of those that count: matrix products and convolutions,
    a multiplication and an addition each. The ready-made `FlopCounterMode` follows modules by
    hooks that do not allow `torch.autograd.grad`, which a training step uses.
    """

    def __init__(self):
        super().__init__()
        from torch.utils.flop_counter import flop_registry  # a second to load

        self.costs, self.total = flop_registry, 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = operation(*args, **kwargs)
        cost = self.costs.get(operation.overloadpacket)
        if cost is not None:
            self.total += cost(*args, **kwargs, out_val=result)
        return result


def operations(act: Callable[[], object]) -> int:
    """How many floating point operations the matrix products and convolutions of `act()` take.

    >>> import torch
    >>> a, b = torch.ones(2, 3), torch.ones(3, 5)
    >>> operations(lambda: a @ b)  # 2 x 3 x 5 multiplications and additions
    60
    """
    with Operations() as counter:
        act()
    return counter.total


def step_operations(run) -> int:
    """The operations of a run's next training step, which is taken: D's turns, then G's.

    >>> from gantutor import TOY, toy
    >>> from gantutor.train import Run
    >>> alone, both = (step_operations(Run(TOY, toy.ring(), seed)) for seed in (0, [0, 1]))
    >>> both / alone
    2.0
    """
    return operations(lambda: list(run.steps(run.step + 1)))
