# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
import numpy as np

ctypedef fused real:                # each function below that names it is compiled twice, for float32 and for float64
    float
    double


def squeeze_loops(const real[:, :, :, ::1] u, real[:, ::1] z):
    """z[n, c] = 1 / (H W) sum of u[n, i, j, c] over i and j. z comes in with nothing of use in it."""
    cdef Py_ssize_t n, i, j, c, positions = u.shape[1] * u.shape[2]
    with nogil:
        for n in range(u.shape[0]):
            for c in range(u.shape[3]):
                z[n, c] = 0
            for i in range(u.shape[1]):
                for j in range(u.shape[2]):
                    for c in range(u.shape[3]):             # neighbours in memory: the compiler makes vectors of them
                        z[n, c] = z[n, c] + u[n, i, j, c]
            for c in range(u.shape[3]):
                z[n, c] = z[n, c] / positions


def squeeze(u):
    """F_sq, eq. (2): what the check calls. u is (N, H, W, C) of float32 or float64, z is (N, C) of the same."""
    u = np.ascontiguousarray(u)
    z = np.empty((u.shape[0], u.shape[3]), u.dtype)
    squeeze_loops(u, z)
    return z
