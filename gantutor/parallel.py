"""Several processes, one model: started by `torchrun`, each sees its part of the batch and all take the same step."""

import atexit
import importlib
import os

import torch
import torch.distributed as dist
from torch import Tensor


def place() -> tuple[int, int]:
    """(rank, world) of this process; (0, 1) where torch.distributed was not initialised."""
    return (
        (dist.get_rank(), dist.get_world_size())
        if dist.is_available() and dist.is_initialized()
        else (0, 1)
    )


def average(tensors: list[Tensor]) -> list[Tensor]:
    """Each tensor's mean over the processes, by one all-reduce of them all in one buffer.

    Plain gradients of any number of backward passes can be averaged so, second derivatives too, which DDP's hooks forbid.
    """
    _, world = place()
    if world == 1:
        return tensors
    flat = torch.cat([t.reshape(-1) for t in tensors])
    dist.all_reduce(flat)
    parts = (flat / world).split([t.numel() for t in tensors])
    return [part.view(t.shape) for part, t in zip(parts, tensors, strict=True)]


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, v: Tensor) -> Tensor:
        parts = [torch.empty_like(v) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, v.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, g: Tensor) -> Tensor:
        # every process's loss looked at these rows, so their gradient is the sum over processes
        g = g.contiguous().clone()
        dist.all_reduce(g)
        rank, world = place()
        return g.chunk(world)[rank]


def gather(v: Tensor) -> Tensor:
    """Rows (B, ...) of all processes, (world B, ...), in the order of ranks; gradients find their way back.

    All processes must call it together, with equal B.
    """
    if place()[1] == 1:
        return v
    return _Gather.apply(v)


def start() -> tuple[int, int]:
    """Join the other processes where `torchrun` started this one; returns (rank, world).

    By NCCL with a GPU each, else by gloo. The group is left at the process's
    end by itself, or earlier by `stop`.
    """
    if "RANK" in os.environ and not dist.is_initialized():
        # its functions have the group of all processes as a default value, taken when the module is
        # imported. PyTorch's optimisers import it at their first step: that would hold the group
        # and its threads until the interpreter has gone, and a thread that then lets go of a
        # tensor aborts the process
        importlib.import_module("torch.distributed.nn.functional")
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        # a group that is never left has threads that outlive the interpreter too
        atexit.register(stop)
    return place()


def stop() -> None:
    """Leave the other processes, where there are any: after it this process is one alone."""
    atexit.unregister(stop)
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def together() -> None:
    """Wait until all processes are here."""
    if place()[1] > 1:
        dist.barrier()
