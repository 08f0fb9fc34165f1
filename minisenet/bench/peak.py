"""This machine's peak, on the same threads and in the same minute as the kernels."""
import time

import numpy as np

from minisenet.backend import builds, get_num_threads
from minisenet.bench.machine import largest_cache

PIECES_PER_THREAD = 4
ROUNDS = 3_000_000          # of the chains in each piece: a few milliseconds
LEAST, MOST = 32 << 20, 512 << 20


class Peak:
    """The two bare loops of `minisenet/kernels/peak.pxi`. Each array is twice as large as the largest cache."""

    def __init__(self, array_bytes=None):
        self.kernels = builds.kernels
        size = (array_bytes or min(max(2 * largest_cache(), LEAST), MOST)) // 4
        self.x, self.y, self.out = np.ones(size, np.float32), np.ones(size, np.float32), np.empty(size, np.float32)

    def gflops(self, rounds=ROUNDS):
        """10^9 operations a second, for multiply-adds in registers; each counts as two operations."""
        began = time.perf_counter()
        done, _ = self.kernels.multiply_adds(PIECES_PER_THREAD * get_num_threads(), rounds)
        return 2 * done / (time.perf_counter() - began) / 1e9

    def gb_per_s(self):
        """10^9 bytes a second, for two streams that are read and one that is written."""
        began = time.perf_counter()
        self.kernels.triad(self.x, self.y, 0.5, self.out)
        return 3 * self.x.nbytes / (time.perf_counter() - began) / 1e9
