# Squeeze and scale. A piece is one image: every loop here is a pass over an image's positions, with one number for each channel in
# a register or the first-level cache.

def squeeze_images(const real[:, :, :, ::1] u, real[:, ::1] z, Py_ssize_t first, Py_ssize_t last, int threads):
    """z = mean over positions, eq. (2)."""
    cdef Py_ssize_t n, c, positions = u.shape[1] * u.shape[2], channels = u.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        sum_positions(&u[n, 0, 0, 0], &z[n, 0], positions, channels)
        for c in range(channels):
            z[n, c] = z[n, c] / positions


cdef inline void scale_image(const real* u, const real* s, real* y, Py_ssize_t positions, Py_ssize_t channels) noexcept nogil:
    """y = s u."""
    cdef Py_ssize_t p, c, b
    for p in range(positions):
        for b in range(vectors_of(channels)):
            c = b * VECTOR_LANES
            store(y + p * channels + c, load(u + p * channels + c, channels - c) * load(s + c, channels - c),
                  channels - c)


def scale_images(const real[:, :, :, ::1] u, const real[:, ::1] s, real[:, :, :, ::1] y,
                 Py_ssize_t first, Py_ssize_t last, int threads):
    """y = s u, eq. (4)."""
    cdef Py_ssize_t n, positions = u.shape[1] * u.shape[2], channels = u.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        scale_image(&u[n, 0, 0, 0], &s[n, 0], &y[n, 0, 0, 0], positions, channels)


def gate_gradient_images(const real[:, :, :, ::1] dy, const real[:, :, :, ::1] u, real[:, ::1] ds,
                         Py_ssize_t first, Py_ssize_t last, int threads):
    """ds = sum over positions of dy u."""
    cdef Py_ssize_t n, positions = u.shape[1] * u.shape[2], channels = u.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        sum_product(&dy[n, 0, 0, 0], &u[n, 0, 0, 0], &ds[n, 0], positions, channels)
