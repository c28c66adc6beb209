"""Several processes train one model: each, started by `torchrun`, holds its part of the batch.

All of them take the same step.
"""

import atexit
import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps

import torch
import torch.distributed as dist
from torch import Tensor

_stepping: ContextVar[bool] = ContextVar("stepping", default=False)


def place() -> tuple[int, int]:
    """(rank, world) of this process; (0, 1) where torch.distributed was not initialised."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


@contextmanager
def in_step() -> Iterator[None]:
    """Mark a training step, which all processes take together: batch norm may wait for the others.

    Outside it a process may run a net alone, for samples or a map, and must not wait for anyone.
    """
    token = _stepping.set(True)
    try:
        yield
    finally:
        _stepping.reset(token)


def stepping(function: Callable) -> Callable:
    """Decorate a function of a run that is part of its training step: it runs `in_step`.

    With one process there is nobody to wait for, and nothing is marked.
    """

    @wraps(function)
    def inner(run, *args, **how):
        if run.world == 1:
            return function(run, *args, **how)
        with in_step():
            return function(run, *args, **how)

    return inner


def synchronised() -> bool:
    """Whether the code that asks is in a training step that several processes take together."""
    return _stepping.get() and place()[1] > 1


def average(tensors: list[Tensor]) -> list[Tensor]:
    """Each tensor's mean over the processes, by one all-reduce of all of them in one buffer.

    The gradients of any number of backward passes can be averaged this way, and so can second
    derivatives, which the hooks of DistributedDataParallel do not support.
    """
    _, world = place()
    if world == 1:
        return tensors
    flat = torch.cat([t.reshape(-1) for t in tensors])
    dist.all_reduce(flat)
    parts = (flat / world).split([t.numel() for t in tensors])
    return [part.view(t.shape) for part, t in zip(parts, tensors, strict=True)]


class _Gather(torch.autograd.Function):
    """The rows of all processes."""

    @staticmethod
    def forward(ctx, v: Tensor) -> Tensor:
        parts = [torch.empty_like(v) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, v.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, g: Tensor) -> Tensor:
        # every process's loss depends on these rows, so their gradient is the sum over processes
        return _SumOfOwnRows.apply(g)


class _SumOfOwnRows(torch.autograd.Function):
    """This process's rows of the sum over processes; the transpose of `_Gather`.

    The two are each other's derivative, so that gradient penalties can differentiate twice.
    """

    @staticmethod
    def forward(ctx, g: Tensor) -> Tensor:
        g = g.contiguous().clone()
        dist.all_reduce(g)
        rank, world = place()
        return g.chunk(world)[rank].clone()

    @staticmethod
    def backward(ctx, h: Tensor) -> Tensor:
        return _Gather.apply(h)


def gather(v: Tensor) -> Tensor:
    """Rows (B, ...) of all processes, (world B, ...), in the order of ranks; differentiable, twice.

    All processes must call it together, with equal B.
    """
    if place()[1] == 1:
        return v
    return _Gather.apply(v)


def my_rows(*sizes: int) -> Tensor:
    """Which rows of a batch of all processes belong to this one, as indices.

    The whole batch is made of sides, one after another, for example the reals and the fakes; this
    process has `sizes` rows of them. With one process these are all rows.

    >>> my_rows(2, 3)
    tensor([0, 1, 2, 3, 4])
    """
    rank, world = place()
    start, found = 0, []
    for n in sizes:
        found.append(torch.arange(start + rank * n, start + (rank + 1) * n))
        start += world * n
    return torch.cat(found)


def start() -> tuple[int, int]:
    """Join the other processes where `torchrun` started this one; returns (rank, world).

    Processes with a GPU each use NCCL, others gloo. The process leaves the group at its end, or
    earlier by `stop`.
    """
    if "RANK" in os.environ and not dist.is_initialized():
        # The functions of this module have the group of all processes as a default argument, set
        # when the module is imported. PyTorch's optimisers import it at their first step, which
        # would keep the group and its threads alive until the interpreter has gone; a thread that
        # releases a tensor after that aborts the process.
        importlib.import_module("torch.distributed.nn.functional")
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        # a group that is never left has threads that outlive the interpreter too
        atexit.register(stop)
    return place()


def stop() -> None:
    """Leave the other processes, if there are any; afterwards this process is alone."""
    atexit.unregister(stop)
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def together() -> None:
    """Wait until all processes have reached this call."""
    if place()[1] > 1:
        dist.barrier()
