"""For tests: what a step that is captured as a CUDA graph may not do."""

from torch.utils._python_dispatch import TorchDispatchMode

READS = ("_local_scalar_dense", "nonzero", "equal", "masked_select", "unique", "is_nonzero")


class NoHostReads(TorchDispatchMode):
    """Fails if a tensor is read on the host, as by float(t), bool(t) or x[mask].

    A CUDA graph cannot record such reads.
    """

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name().split("::")[1].split(".")[0]
        # an index of one-byte values is a mask
        by_mask = name == "index" and any(i is not None and i.dtype.itemsize == 1 for i in args[1])
        if name in READS or by_mask:
            raise AssertionError(f"{func.name()} reads a tensor on the host")
        return func(*args, **(kwargs or {}))
