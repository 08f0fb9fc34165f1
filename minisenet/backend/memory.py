"""Whose memory a fresh array gets."""
import contextlib

from minisenet.backend import builds


@contextlib.contextmanager
def reuse_memory():
    """`with reuse_memory():` gives large arrays the memory of earlier ones that are gone.

    Every function of the package returns fresh arrays, and the first write to fresh memory is slow: the operating system
    maps it page by page. A loop that makes the same arrays again and again, as training does, touches after its first
    rounds no more of it. `fit` does this by itself; a loop of your own wants it around all of its steps:

        with minisenet.reuse_memory():
            for x, labels in batches(...):
                ...

    It holds for all of NumPy, in this thread alone (in this `contextvars` context, to be exact) and in the loader's. Arrays
    may outlive the block. Their values do not depend on it. Idle memory is cut and joined to fit the next array, whatever
    its size, so that little more is taken than was in use at once; it is kept until the block ends. Without kernels it does
    nothing.
    """
    before = builds.kernels.begin_reuse() if builds.kernels else None
    try:
        yield
    finally:
        if builds.kernels:
            builds.kernels.end_reuse(before)


def memory_statistics():
    """What `reuse_memory` has done in this process, in arrays of 64 KiB or more; None without kernels.

    Returns
    -------
    dict or None
        reused, fresh : how many arrays got memory of earlier ones alone, and how many got some that was never touched.
        idle_blocks, idle_bytes : what waits to be used again; neighbours count as one block.
        used_bytes, most_used_bytes : what living arrays hold, now and at most since the outermost block began.
    """
    return builds.kernels.memory_statistics() if builds.kernels else None
