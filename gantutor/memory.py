"""What the C library does with the memory of tensors that are gone."""

import ctypes
from functools import cache

# of <malloc.h>: memory beyond the first at the end of the heap goes back to the system, and blocks
# larger than the second are asked of the system one by one
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MIB = 2**20


@cache
def keep_freed() -> None:
    """Have the C library keep freed memory of tensors on a CPU for the next ones.

    Otherwise glibc gives large blocks back, and the system fills them with zeros page by page when
    the next tensor asks for them, in every step anew. The peak does not change. Does nothing
    where the C library is another one.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(M_MMAP_THRESHOLD, 32 * MIB)  # the most that glibc accepts
    mallopt(M_TRIM_THRESHOLD, 1024 * MIB)
