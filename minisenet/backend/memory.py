"""Freed memory stays with the process, for the next arrays.

Every function of the package returns fresh arrays. GNU's C library asks the system for the memory of each large array, and
returns it when the array is freed. The system maps memory page by page, at the first write to each page, and clears it. In a
training step of SE-ResNet-20 at batch 128 this may happen 16,000 times and take a fifth of the time. So this module tells the
library to keep freed memory, and the next step uses the memory of the last one. The peak stays the same. All freed memory of the
process stays with it, unless more than `KEPT` bytes lie idle at the heap's end.

MINISENET_KEEP_MEMORY=0 leaves the library as it is, and so does any of the library's own settings in the environment. Other C
libraries, such as those of macOS, Windows and Alpine Linux, have no such settings.
"""
import contextlib
import ctypes
import os

import numpy as np

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4           # mallopt's names, from malloc.h
KEPT = 2**31 - 1                                # bytes, the largest value of mallopt
AHEAD = 2**30
OF_THE_USER = ("MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_")


def keep_freed_memory():
    """Tell GNU's C library to keep freed memory. Returns whether it does."""
    if (os.environ.get("MINISENET_KEEP_MEMORY") == "0" or any(name in os.environ for name in OF_THE_USER)
            or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")):
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version            # Android has a mallopt too, with other settings
        if not library.mallopt(M_MMAP_MAX, 0) or not library.mallopt(M_TRIM_THRESHOLD, KEPT):
            return False
    except (AttributeError, OSError, TypeError):                # another library; Windows has no CDLL(None)
        return False
    with contextlib.suppress(MemoryError):      # addresses only, no memory: NumPy asks for huge pages there if it can,
        np.empty(AHEAD, np.uint8)               # and later arrays at these addresses have them too
    return True


kept = keep_freed_memory()
