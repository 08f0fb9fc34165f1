"""Freed memory stays with the process, for the next arrays.

Every function of the package returns fresh arrays. GNU's C library asks the system for the memory of each large one, and
gives it back when the array is gone. The system maps memory page by page, at the first write to each page, and clears it: in
a training step of SE-ResNet-20 at batch 128 that may happen 16,000 times and take a fifth of the time. So the library is told
to keep what is freed. The next step then takes the memory of the last one. The peak stays the same, but freed memory,
whoever in the process freed it, goes back only where more than `KEPT` bytes lie idle at the heap's end.

MINISENET_KEEP_MEMORY=0 leaves the library as it is, and so does any setting of the user's for it. Other C libraries, those
of macOS, Windows and Alpine Linux among them, have no such settings.
"""
import contextlib
import ctypes
import os

import numpy as np

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4           # mallopt's names, from malloc.h
KEPT = 2**31 - 1                                # bytes, the most that mallopt takes
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
    with contextlib.suppress(MemoryError):      # addresses alone, no memory: NumPy asks for huge pages there, where it can,
        np.empty(AHEAD, np.uint8)               # and later arrays, which take its place, have them too
    return True


kept = keep_freed_memory()
