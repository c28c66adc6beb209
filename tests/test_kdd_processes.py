"""KDD in two processes, which share their anchors: together they take the step of one."""

import torch
import torch.distributed as dist
import torch.multiprocessing
from critics import Map, sets, turn_of
from kdd_by_hand import Shift
from turns import F64, generator, loss_of

from gantutor import parallel
from gantutor.methods.kdd import KDD

CASES = {
    "plain": {},
    "gauss": {"kernel": "gauss"},
    "constant anchors": {"anchor_grad_d": False, "anchor_grad_g": False},
    "copies": {"augment": Shift(), "copies": 2},
    "whole families": {"augment": Shift(), "copies": 1, "leave_one_out": "self+copies"},
    "all": {"leave_one_out": "none"},
    "stale": {"stale": "both"},
}


def shared_losses(case, rank, world):
    """Losses and gradients of D's and G's turns, for the part of the batch of process `rank`.

    Fakes are z A, features x W.
    """
    draws = generator(3)
    w = torch.randn(3, 5, dtype=F64, generator=draws)
    a = torch.randn(3, 3, dtype=F64, generator=draws).requires_grad_(True)
    kdd, D, memory, found = KDD(0.4, **CASES[case]), Map(w), {}, []
    for _ in range(2):
        x, z = torch.randn(2, 8, 3, dtype=F64, generator=draws)
        x, z = (x + 0.5).chunk(world)[rank], z.chunk(world)[rank]
        fakes = z @ a
        for turn, weight in (
            (turn_of("d", x, fakes.detach(), D, memory=memory), D.w),
            (turn_of("g", x, fakes, D, memory=memory), a),
        ):
            loss = loss_of(kdd, turn)
            found += [loss.detach(), torch.autograd.grad(loss, weight)[0]]
    return found


def process(rank, folder):
    """What one of two processes does: the losses of each case, then an error, into a file."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    exchanges, all_reduce = [0], dist.all_reduce

    def counted(*args, **options):
        exchanges[0] += 1
        return all_reduce(*args, **options)

    dist.all_reduce, found = counted, {}
    for case in CASES:
        exchanges[0] = 0
        found[case] = shared_losses(case, rank, 2), exchanges[0]
    dist.all_reduce = all_reduce
    found = {case: (parallel.average(losses), n) for case, (losses, n) in found.items()}
    try:
        KDD().d_loss(turn_of("d", *sets(4 + rank, 5)))
    except ValueError as error:
        found["unequal"] = str(error)
    torch.save(found, f"{folder}/{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


def test_two_processes_take_the_step_of_one(tmp_path):
    torch.multiprocessing.spawn(process, (str(tmp_path),), nprocs=2)
    both = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for case in CASES:
        want = shared_losses(case, 0, 1)
        for found in both:
            got, exchanges = found[case]
            for x, y in zip(got, want, strict=True):
                assert torch.allclose(x, y, rtol=0, atol=1e-10), case
            # one for each backward pass: two turns in each of two steps
            assert exchanges == (0 if case == "constant anchors" else 4), case
    assert all("[[4, 5], [5, 5]]" in found["unequal"] for found in both)
