"""The compiled steps of docs/kernels.md that are not part of the package. `python docs/steps/run.py` builds this file.

The vectors, their width and the register tile are the package's own: minisenet/kernels/types.pxi.
"""
import math

import numpy as np

from libc.string cimport memcpy, memset

include "types.pxi"


# ---- step 2: the seven loops, compiled ---------------------------------------------------------------------------------

def seven_loops(const float[:, :, :, ::1] padded, const float[:, :, :, ::1] w, float[:, :, :, ::1] y):
    """y[n, p, q, c] = sum over c's taps and input channels, in the order of the definition."""
    cdef Py_ssize_t n, p, q, c, i, j, s
    cdef float total
    with nogil:
        for n in range(y.shape[0]):
            for p in range(y.shape[1]):
                for q in range(y.shape[2]):
                    for c in range(y.shape[3]):
                        total = 0
                        for i in range(3):
                            for j in range(3):
                                for s in range(w.shape[1]):
                                    total = total + padded[n, p + i, q + j, s] * w[c, s, i, j]
                        y[n, p, q, c] = total


# ---- step 5: output channels are the vector ----------------------------------------------------------------------------

def vector_of_channels(const float[:, :, :, ::1] padded, const float[:, :, :, ::1] taps, float[:, :, :, ::1] y):
    """taps is w as [i][j][s][c]; c is a whole number of vectors."""
    cdef Py_ssize_t n, p, q, b, c, i, j, s
    cdef vec total
    with nogil:
        for n in range(y.shape[0]):
            for p in range(y.shape[1]):
                for q in range(y.shape[2]):
                    for b in range(y.shape[3] // VECTOR_LANES):
                        c = b * VECTOR_LANES
                        memset(&total, 0, sizeof(total))
                        for i in range(3):
                            for j in range(3):
                                for s in range(taps.shape[2]):
                                    total = total + (<const vec*>&taps[i, j, s, c])[0] * padded[n, p + i, q + j, s]
                        (<vec*>&y[n, p, q, c])[0] = total


# ---- step 6: a register tile of output positions -----------------------------------------------------------------------

def register_tile(const float[:, :, :, ::1] padded, const float[:, :, :, ::1] taps, float[:, :, :, ::1] y):
    """The same, 2 TILE columns at a time: as many sums, each in a register of its own. A row is a whole number of tiles."""
    cdef Py_ssize_t n, p, tile, q, b, c, i, j, s, step = taps.shape[2]
    cdef vec total[2 * TILE]
    cdef vec weights
    cdef const float* x
    cdef int t
    with nogil:
        for n in range(y.shape[0]):
            for p in range(y.shape[1]):
                for tile in range(y.shape[2] // (2 * TILE)):
                    q = tile * 2 * TILE
                    for b in range(y.shape[3] // VECTOR_LANES):
                        c = b * VECTOR_LANES
                        memset(total, 0, sizeof(total))
                        for i in range(3):
                            for j in range(3):
                                for s in range(step):
                                    weights = (<const vec*>&taps[i, j, s, c])[0]
                                    x = &padded[n, p + i, q + j, s]
                                    for t in range(2 * TILE):
                                        total[t] = total[t] + weights * x[t * step]
                        for t in range(2 * TILE):
                            (<vec*>&y[n, p, q + t, c])[0] = total[t]


# ---- what this processor could do --------------------------------------------------------------------------------------

def multiply_add(Py_ssize_t rounds):
    """Nothing but multiply-adds on registers: returns how many floating-point operations that were."""
    cdef vec total[2 * TILE]
    cdef vec factor, summand
    cdef Py_ssize_t r
    cdef int t, lane
    cdef volatile float seen
    memset(&summand, 0, sizeof(summand))
    for t in range(2 * TILE):
        total[t] = summand + <float>t                      # all different, or the compiler would keep only one of them
    factor = summand + <float>0.5
    summand = summand + <float>(1 + rounds % 2)
    with nogil:
        for r in range(rounds):
            for t in range(2 * TILE):
                total[t] = total[t] * factor + summand
    for t in range(2 * TILE):
        for lane in range(VECTOR_LANES):
            seen = (<float*>&total[t])[lane]
    return 2 * rounds * 2 * TILE * VECTOR_LANES
