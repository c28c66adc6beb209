"""What KDD's equation needs: leave-one-out marks, anchors of all processes, true float32."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, lru_cache

import torch
from torch import Tensor

from gantutor.parallel import gather, place


def own_kernels(m: int, n: int, copies: int = 0, leave_one_out: str = "self") -> Tensor:
    """Which kernels are a point's own: booleans (m + n, (1 + copies) (m + n)).

    Rows are m reals, then n fakes; columns the real anchors, then the fake ones, each set followed
    by its `copies` augmented copies. `leave_one_out`: "self" marks the point itself, "self+copies"
    its copies too, "none" nothing.

    >>> own_kernels(1, 2)
    tensor([[ True, False, False],
            [False,  True, False],
            [False, False,  True]])
    """
    marked = {
        "self": [1] + [0] * copies,
        "self+copies": [1] * (copies + 1),
        "none": [0] * (copies + 1),
    }
    times = marked[leave_one_out]
    blocks = [torch.cat([t * torch.eye(k) for t in times], -1) for k in (m, n)]
    return torch.block_diag(*blocks).bool()


def log_weights(left_out: Tensor, m: int) -> Tensor:
    """Log weight of each kernel in its density, for marks (N, M_r + M_g) of the kernels left out.

    It is minus the log of how many kernels a point uses on that side (the first m, the rest), and
    -inf for those left out. The marks are read on the host. Raises ValueError where a point is
    left without a kernel on one side.
    """
    sides = left_out[:, :m], left_out[:, m:]
    counts = [(~side).sum(-1, keepdim=True).expand(side.shape) for side in sides]
    if not all(int(c.min()) for c in counts):
        raise ValueError(
            f"leave-one-out takes the only anchor away ({m} real and {left_out.shape[-1] - m} "
            "fake anchors): use a batch of at least 2"
        )
    return (-torch.cat(counts, -1).double().log()).masked_fill(left_out, -torch.inf)


# The same weights serve every step of a run. Entries are never evicted: a captured step reads them
# at the address where they were when it was captured.
@cache
def own_weights(
    m: int,
    n: int,
    copies: int,
    leave_one_out: str,
    foreign: bool,
    player: str,
    rank: int,
    world: int,
    device: torch.device,
    dtype: torch.dtype,
) -> Tensor:
    """`log_weights` of leave-one-out for the points of a turn on process `rank` of `world`.

    Shape (m + n, anchors of all) in D's turn, (n, ...) in G's. `foreign`: the real anchors belong
    to another batch, so that no point is among them.
    """
    own, block = own_kernels(m, n, copies, leave_one_out), (copies + 1) * m
    own[:, :block] &= not foreign
    own = own[m:] if player == "g" else own
    sides = []
    for side in (own[:, :block], own[:, block:]):
        of_all = torch.zeros(len(own), world, side.shape[1], dtype=torch.bool)
        of_all[:, rank] = side
        sides.append(of_all.flatten(1))
    return log_weights(torch.cat(sides, 1), world * block).to(device, dtype)


def everywhere(reals: Tensor, fakes: Tensor) -> tuple[Tensor, Tensor]:
    """The anchors of all processes, a thousandth of the images' size; constants stay constants.

    Raises ValueError where processes have batches of different sizes.
    """
    rank, world = place()
    if world == 1:
        return reals, fakes
    m, n = len(reals), len(fakes)
    _must_agree(m, n, rank, world, fakes.device)
    both = gather(torch.cat([reals, fakes])).unflatten(0, (world, m + n))  # one exchange for both
    return both[:, :m].flatten(0, 1), both[:, m:].flatten(0, 1)


@lru_cache(maxsize=64)  # sizes are compared once, at the first call
def _must_agree(m: int, n: int, rank: int, world: int, device: torch.device) -> None:
    sizes = gather(torch.tensor([[m, n]], device=device)).tolist()
    if sizes != [[m, n]] * world:
        raise ValueError(
            f"real and fake anchors by process: {sizes}, this is process {rank}: all need equal "
            "batches"
        )


def no_autocast(device: torch.device) -> AbstractContextManager:
    """Autocast off; does nothing where it is off already, which on the plane saves real time."""
    if torch.is_autocast_enabled(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


@contextmanager
def in_float32(device: torch.device) -> Iterator[None]:
    """True float32: autocast and, on a GPU, TF32 are off inside and as they were afterwards."""
    cuda = device.type == "cuda"
    parts = (torch.backends.cuda.matmul, torch.backends.cudnn.conv) if cuda else ()
    before = [p.fp32_precision for p in parts]
    try:
        for p in parts:
            p.fp32_precision = "ieee"
        with no_autocast(device):
            yield
    finally:
        for p, precision in zip(parts, before, strict=True):
            p.fp32_precision = precision
