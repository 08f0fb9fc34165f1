# Batch norm. A piece is one image.
#
# Statistics: each image has its own mean and its own sum of squares about that mean, in the array's dtype. They are then merged
# in float64 with the formula of Chan, Golub and LeVeque (1979). (Plain float32 sums of squares would lose half of the digits if
# the mean is large.)

def moments_images(const real[:, :, :, ::1] x, real[:, ::1] means, real[:, ::1] squares,
                   Py_ssize_t first, Py_ssize_t last, int threads):
    """Each image's mean, and sum of squares about it."""
    cdef Py_ssize_t n, positions = x.shape[1] * x.shape[2], channels = x.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        moments(&x[n, 0, 0, 0], &means[n, 0], &squares[n, 0], positions, channels)


def merge_moments_loop(const real[:, ::1] means, const real[:, ::1] squares, double positions, double[::1] mean,
                       double[::1] var):
    """mean and var, from zeros."""
    cdef Py_ssize_t n, c
    cdef double images = means.shape[0], d
    for n in range(means.shape[0]):
        for c in range(means.shape[1]):
            mean[c] += means[n, c] / images
    for n in range(means.shape[0]):
        for c in range(means.shape[1]):
            d = means[n, c] - mean[c]
            var[c] += (squares[n, c] / positions + d * d) / images


# Backward: one pass computes sum(dy) and sum(dy (x - mean)) of each image. With their totals a second pass computes
# dx = p dy + q - r (x - mean). `affine_gradient` (passes.py) computes p, q and r.

def gradient_sums_images(const real[:, :, :, ::1] dy, const real[:, :, :, ::1] x, const real[::1] mean, real[:, ::1] sums,
                         real[:, ::1] products, Py_ssize_t first, Py_ssize_t last, int threads):
    """Each image's sum of dy, and of dy (x - mean)."""
    cdef Py_ssize_t n, positions = x.shape[1] * x.shape[2], channels = x.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        sum_and_product(&dy[n, 0, 0, 0], &x[n, 0, 0, 0], &mean[0], &sums[n, 0], &products[n, 0], positions, channels)


cdef inline void input_gradient(const real* dy, const real* x, const real* mean, const real* p, const real* q,
                                const real* r, real* dx, Py_ssize_t positions, Py_ssize_t channels) noexcept nogil:
    """dx = p dy + q - r (x - mean), channel by channel."""
    cdef Py_ssize_t n, c, b
    for n in range(positions):
        for b in range(vectors_of(channels)):
            c = b * VECTOR_LANES
            store(dx + n * channels + c,
                  load(p + c, channels - c) * load(dy + n * channels + c, channels - c)
                  + load(q + c, channels - c)
                  - load(r + c, channels - c) * (load(x + n * channels + c, channels - c) - load(mean + c, channels - c)),
                  channels - c)


def input_gradient_images(const real[:, :, :, ::1] dy, const real[:, :, :, ::1] x, const real[::1] mean,
                          const real[:, ::1] p, const real[:, ::1] q, const real[::1] r, real[:, :, :, ::1] dx,
                          Py_ssize_t first, Py_ssize_t last, int threads):
    """dx = p dy + q - r (x - mean), with one row of p and q for all images, or one for each."""
    cdef Py_ssize_t n, t, positions = x.shape[1] * x.shape[2], channels = x.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        t = n % p.shape[0]
        input_gradient(&dy[n, 0, 0, 0], &x[n, 0, 0, 0], &mean[0], &p[t, 0], &q[t, 0], &r[0], &dx[n, 0, 0, 0], positions,
                       channels)
