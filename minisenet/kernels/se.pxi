# Squeeze and scale. A piece is one image: everything here is a sweep over an image's positions with one number for each channel
# in a register or the first-level cache.

def squeeze_images(const real[:, :, :, ::1] u, real[:, ::1] z, Py_ssize_t first, Py_ssize_t last, int threads):
    """z = mean over positions, eq. (2)."""
    cdef Py_ssize_t n, c, positions = u.shape[1] * u.shape[2], channels = u.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        if real is float:
            sum_positions(&u[n, 0, 0, 0], &z[n, 0], positions, channels, <vec_f32*>NULL)
        else:
            sum_positions(&u[n, 0, 0, 0], &z[n, 0], positions, channels, <vec_f64*>NULL)
        for c in range(channels):
            z[n, c] = z[n, c] / positions


def squeeze(u):
    """As `minisenet.functional.squeeze`."""
    z = np.empty((len(u), u.shape[3]), u.dtype)
    run(squeeze_images, len(u), (u, z), u.size)
    return z


cdef inline void scale_image(const real* u, const real* s, real* y, Py_ssize_t positions, Py_ssize_t channels,
                             vec* _) noexcept nogil:
    """y = s u."""
    cdef Py_ssize_t p, c, b
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for p in range(positions):
            for b in range(vectors_of(channels, _)):
                c = b * lanes(_)
                store(y + p * channels + c, load(u + p * channels + c, channels - c, _) * load(s + c, channels - c, _),
                      channels - c)


def scale_images(const real[:, :, :, ::1] u, const real[:, ::1] s, real[:, :, :, ::1] y,
                 Py_ssize_t first, Py_ssize_t last, int threads):
    """y = s u, eq. (4)."""
    cdef Py_ssize_t n, positions = u.shape[1] * u.shape[2], channels = u.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        if real is float:
            scale_image(&u[n, 0, 0, 0], &s[n, 0], &y[n, 0, 0, 0], positions, channels, <vec_f32*>NULL)
        else:
            scale_image(&u[n, 0, 0, 0], &s[n, 0], &y[n, 0, 0, 0], positions, channels, <vec_f64*>NULL)


def scale(u, s):
    """As `minisenet.functional.scale`."""
    y = np.empty_like(u)
    run(scale_images, len(u), (u, s, y), u.size)
    return y


def gate_gradient_images(const real[:, :, :, ::1] dy, const real[:, :, :, ::1] u, real[:, ::1] ds,
                         Py_ssize_t first, Py_ssize_t last, int threads):
    """ds = sum over positions of dy u."""
    cdef Py_ssize_t n, positions = u.shape[1] * u.shape[2], channels = u.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        if real is float:
            sum_product(&dy[n, 0, 0, 0], &u[n, 0, 0, 0], &ds[n, 0], positions, channels, <vec_f32*>NULL)
        else:
            sum_product(&dy[n, 0, 0, 0], &u[n, 0, 0, 0], &ds[n, 0], positions, channels, <vec_f64*>NULL)


def scale_backward(dy, u, s):
    """As `minisenet.functional.scale_backward`."""
    ds = np.empty_like(s)
    run(gate_gradient_images, len(u), (dy, u, ds), u.size)
    return scale(dy, s), ds
