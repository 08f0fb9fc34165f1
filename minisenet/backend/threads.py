"""How many threads the kernels use: all cores of this process, or MINISENET_NUM_THREADS, or OMP_NUM_THREADS."""
import os

import numpy as np

from minisenet.backend import builds

_threads = 1


def cores():
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def set_num_threads(n):
    """Let the kernels use `n` threads. Their results are bit-identical for every n.

    A forked child starts with its parent's number, and may choose its own. Several children at the same time are fastest with
    1 each.
    """
    global _threads
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(f"the number of threads must be an integer of at least 1, got {n!r}")
    _threads = int(n)
    if builds.kernels:
        builds.kernels.set_num_threads(_threads)


def get_num_threads():
    """How many threads the kernels use."""
    return _threads


def from_environment():
    """The number in MINISENET_NUM_THREADS, or the first in OMP_NUM_THREADS, which may be a list; None if neither is set."""
    for name in ("MINISENET_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "").split(",")[0].strip()
        if value:
            if not value.isdecimal() or int(value) < 1:
                raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
            return int(value)
    return None


refused = None          # as builds.refused
set_num_threads(cores())
try:
    set_num_threads(from_environment() or cores())
except ValueError as error:
    refused = error
