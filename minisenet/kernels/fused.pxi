# The loops of minisenet/functional/fused.py: the passes between two convolutions. winograd_batch.pxi has the fused convolutions.
#
# A pass reads each map once and writes one. A piece is one image. A few numbers for each channel stay in the first-level cache.
# A batch norm, a squeeze and a gate need only sums over an image's positions, and these are computed during the same pass.

cpdef enum:
    ALONE, PLUS, PLUS_NORMALISED        # the shortcut: none, unchanged, or through its own batch norm


cdef inline inlined affine_add_positions(int shortcut, bint positive, const real* a, const real* mean, const real* k,
                                         const real* beta, const real* x, const real* mean_x, const real* k_x,
                                         const real* beta_x, real* y, Py_ssize_t positions, Py_ssize_t channels) noexcept nogil:
    """y = k (a - mean) + beta + shortcut, through a ReLU if `positive`; `shortcut` is a constant where this is inlined."""
    cdef vec v
    cdef Py_ssize_t n, c, b
    for n in range(positions):
        for b in range(vectors_of(channels)):
            c = b * VECTOR_LANES
            v = (load(k + c, channels - c) * (load(a + n * channels + c, channels - c) - load(mean + c, channels - c))
                 + load(beta + c, channels - c))
            if shortcut == PLUS:
                v = v + load(x + n * channels + c, channels - c)
            elif shortcut == PLUS_NORMALISED:
                v = v + (load(k_x + c, channels - c) * (load(x + n * channels + c, channels - c) - load(mean_x + c, channels - c))
                         + load(beta_x + c, channels - c))
            store(y + n * channels + c, where_positive(v, v) if positive else v, channels - c)


cdef inline void affine_add_image(int shortcut, bint positive, const real* a, const real* mean, const real* k,
                                  const real* beta, const real* x, const real* mean_x, const real* k_x, const real* beta_x,
                                  real* y, Py_ssize_t positions, Py_ssize_t channels) noexcept nogil:
    """`affine_add_positions` with constants for `shortcut` and, if there is none, `positive`."""
    if shortcut == ALONE:
        cover(AFFINE_ALONE)
        if positive:
            affine_add_positions(ALONE, True, a, mean, k, beta, x, mean_x, k_x, beta_x, y, positions, channels)
        else:
            affine_add_positions(ALONE, False, a, mean, k, beta, x, mean_x, k_x, beta_x, y, positions, channels)
    elif shortcut == PLUS:
        cover(AFFINE_PLUS)
        affine_add_positions(PLUS, positive, a, mean, k, beta, x, mean_x, k_x, beta_x, y, positions, channels)
    else:
        cover(AFFINE_PLUS_NORMALISED)
        affine_add_positions(PLUS_NORMALISED, positive, a, mean, k, beta, x, mean_x, k_x, beta_x, y, positions, channels)


def affine_add_images(const real[:, :, :, ::1] a, const real[::1] mean, const real[:, ::1] k, const real[:, ::1] beta,
                      const real[:, :, :, ::1] x, const real[::1] mean_x, const real[::1] k_x, const real[::1] beta_x,
                      real[:, :, :, ::1] y, int shortcut, bint positive, Py_ssize_t first, Py_ssize_t last, int threads):
    """The end of a residual block, Fig. 3."""
    cdef Py_ssize_t n, t, positions = a.shape[1] * a.shape[2], channels = a.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        t = n % k.shape[0]
        affine_add_image(shortcut, positive, &a[n, 0, 0, 0], &mean[0], &k[t, 0], &beta[t, 0], &x[n, 0, 0, 0], &mean_x[0],
                         &k_x[0], &beta_x[0], &y[n, 0, 0, 0], positions, channels)


def mask_and_sum_images(const real[:, :, :, ::1] dy, const real[:, :, :, ::1] y, const real[:, :, :, ::1] a,
                        const real[::1] mean, real[:, :, :, ::1] g, real[:, ::1] sums, real[:, ::1] products,
                        Py_ssize_t first, Py_ssize_t last, int threads):
    """A ReLU's backward, with each image's sums."""
    cdef Py_ssize_t n, positions = a.shape[1] * a.shape[2], channels = a.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        mask_and_sum(&dy[n, 0, 0, 0], &y[n, 0, 0, 0], 0, channels, &a[n, 0, 0, 0], &mean[0], &g[n, 0, 0, 0], &sums[n, 0],
                     &products[n, 0], 1, positions, channels)


def add_images(real[:, :, :, ::1] dx, const real[:, :, :, ::1] plus, Py_ssize_t first, Py_ssize_t last, int threads):
    """dx += plus."""
    cdef Py_ssize_t n, size = dx.shape[1] * dx.shape[2] * dx.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        add_image(&dx[n, 0, 0, 0], &plus[n, 0, 0, 0], size)


# The arithmetic between the passes is a few numbers for each image and channel. This loop only avoids NumPy's calls, about twenty
# for each convolution. The sums are in float64.

def affine_gradient_loop(const real[::1] k, const real[::1] rstd, const real[:, ::1] sums, const real[:, ::1] products,
                         const real[:, ::1] p, const real[:, ::1] q, double positions, bint gated, bint training,
                         real[:, ::1] p_out, real[:, ::1] q_out, real[::1] r, real[::1] dgamma, real[::1] dbeta,
                         double[:, ::1] total):
    """The coefficients and the gradients; `total` is zeros (2, C)."""
    cdef Py_ssize_t n, c
    cdef double m = sums.shape[0] * positions
    for n in range(sums.shape[0]):
        for c in range(sums.shape[1]):
            total[0, c] += sums[n, c]
            total[1, c] += products[n, c]
    for c in range(sums.shape[1]):
        dbeta[c] = <real>total[0, c]
        dgamma[c] = <real>(total[1, c] * rstd[c])
        r[c] = <real>(k[c] * rstd[c] * total[1, c] * rstd[c] / m) if training else 0
    for n in range(sums.shape[0]):
        for c in range(sums.shape[1]):
            p_out[n, c] = k[c] * p[n, c] if gated else k[c]
            q_out[n, c] = <real>((k[c] * q[n, c] if gated else 0) - (k[c] * total[0, c] / m if training else 0))

