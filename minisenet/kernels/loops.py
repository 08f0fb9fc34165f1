"""The compiled loops: one module for float32 and one for float64, made from the same source (minisenet/_kernels.pyx)."""
import ctypes
import math

import numpy as np

CACHE_LINE = 64
modules = {}            # bytes of a number -> module: faster to look up than a dtype


def use(single, double):
    """From now on these modules hold the loops. Their constants become this module's: all but LANES are equal in both."""
    modules.update({4: single, 8: double})
    globals().update({name: value for name, value in vars(single).items() if name.isupper() and name not in ("LANES", "DTYPE")})


def of(array):
    """The module with the loops for this array's dtype."""
    return modules[array.itemsize]


def aligned(shape, dtype, zeros=True):
    """np.zeros(shape, dtype), or np.empty, that starts on a cache line, so that no vector load straddles two."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = (np.zeros if zeros else np.empty)(size + CACHE_LINE, np.uint8)
    start = -ctypes.addressof(ctypes.c_char.from_buffer(raw)) % CACHE_LINE        # raw.ctypes.data is four times slower
    return raw[start:start + size].view(dtype).reshape(shape)


def coverage():
    """The names of the branches that have run since `reset_coverage`, for either dtype."""
    return set().union(*(module.coverage() for module in modules.values()))


def all_branches():
    """The names of the branches that this build has, for either dtype."""
    return set().union(*(module.all_branches() for module in modules.values()))


def reset_coverage():
    """Forget which branches have run."""
    for module in modules.values():
        module.reset_coverage()
