"""For tests of what a captured step may do."""

from torch.utils._python_dispatch import TorchDispatchMode

READS = ("_local_scalar_dense", "nonzero", "equal", "masked_select", "unique", "is_nonzero")


class NoHostReads(TorchDispatchMode):
    """Fails where a tensor is read on the host, which a CUDA graph cannot record: float(t), bool(t), x[mask] ..."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name().split("::")[1].split(".")[0]
        if name in READS or (
            name == "index" and any(i is not None and i.dtype.itemsize == 1 for i in args[1])
        ):
            raise AssertionError(f"{func.name()} reads a tensor on the host")
        return func(*args, **(kwargs or {}))
