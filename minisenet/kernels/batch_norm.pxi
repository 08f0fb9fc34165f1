# Batch norm. Every sweep is over images: a piece is one image.
#
# The statistics: each image gives its own mean and its own sum of squares about that mean, in the array's dtype; the images'
# are then merged in float64 by the formula of Chan, Golub and LeVeque (1979). (Plain float32 sums of squares would lose half
# of the digits where the mean is large.)

def moments_images(const real[:, :, :, ::1] x, real[:, ::1] means, real[:, ::1] squares,
                   Py_ssize_t first, Py_ssize_t last, int threads):
    """Each image's mean, and sum of squares about it."""
    cdef Py_ssize_t n, positions = x.shape[1] * x.shape[2], channels = x.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        if real is float:
            moments(&x[n, 0, 0, 0], &means[n, 0], &squares[n, 0], positions, channels, <vec_f32*>NULL)
        else:
            moments(&x[n, 0, 0, 0], &means[n, 0], &squares[n, 0], positions, channels, <vec_f64*>NULL)


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


def merge_moments(means, squares, positions):
    """As `minisenet.functional.fused.merge_moments`."""
    mean, var = np.zeros((2, means.shape[1]))
    merge_moments_loop(means, squares, positions, mean, var)
    return mean, var


def batch_norm(x, gamma, beta, *, eps):
    """As `minisenet.functional.batch_norm`."""
    mean, var = merge_moments(*image_moments(x), x.shape[1] * x.shape[2])
    k = (gamma / np.sqrt(var + eps)).astype(x.dtype)
    mean, var = mean.astype(x.dtype), var.astype(x.dtype)
    return affine_add(x, mean, k, beta, relu=False), mean, var


def batch_norm_inference(x, gamma, beta, running_mean, running_var, *, eps):
    """As `minisenet.functional.batch_norm_inference`."""
    k = (gamma / np.sqrt(running_var.astype(np.float64) + eps)).astype(x.dtype)
    return affine_add(x, running_mean, k, beta, relu=False)


# Backward. One sweep gives sum(dy) and sum(dy (x - mean)) of each image; with their totals, dx is one more sweep, p dy + q -
# r (x - mean): `affine_gradient` (fused.pxi) has p, q and r.

def gradient_sums_images(const real[:, :, :, ::1] dy, const real[:, :, :, ::1] x, const real[::1] mean, real[:, ::1] sums,
                         real[:, ::1] products, Py_ssize_t first, Py_ssize_t last, int threads):
    """Each image's sum of dy, and of dy (x - mean)."""
    cdef Py_ssize_t n, positions = x.shape[1] * x.shape[2], channels = x.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        if real is float:
            sum_and_product(&dy[n, 0, 0, 0], &x[n, 0, 0, 0], &mean[0], &sums[n, 0], &products[n, 0], positions, channels,
                            <vec_f32*>NULL)
        else:
            sum_and_product(&dy[n, 0, 0, 0], &x[n, 0, 0, 0], &mean[0], &sums[n, 0], &products[n, 0], positions, channels,
                            <vec_f64*>NULL)


cdef inline void input_gradient(const real* dy, const real* x, const real* mean, const real* p, const real* q,
                                const real* r, real* dx, Py_ssize_t positions, Py_ssize_t channels, vec* _) noexcept nogil:
    """dx = p dy + q - r (x - mean), channel by channel."""
    cdef Py_ssize_t n, c, b
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for n in range(positions):
            for b in range(vectors_of(channels, _)):
                c = b * lanes(_)
                store(dx + n * channels + c,
                      load(p + c, channels - c, _) * load(dy + n * channels + c, channels - c, _)
                      + load(q + c, channels - c, _)
                      - load(r + c, channels - c, _) * (load(x + n * channels + c, channels - c, _)
                                                        - load(mean + c, channels - c, _)), channels - c)


def input_gradient_images(const real[:, :, :, ::1] dy, const real[:, :, :, ::1] x, const real[::1] mean,
                          const real[:, ::1] p, const real[:, ::1] q, const real[::1] r, real[:, :, :, ::1] dx,
                          Py_ssize_t first, Py_ssize_t last, int threads):
    """dx = p dy + q - r (x - mean), with one row of p and q for all images, or one for each."""
    cdef Py_ssize_t n, t, positions = x.shape[1] * x.shape[2], channels = x.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        t = n % p.shape[0]
        if real is float:
            input_gradient(&dy[n, 0, 0, 0], &x[n, 0, 0, 0], &mean[0], &p[t, 0], &q[t, 0], &r[0], &dx[n, 0, 0, 0], positions,
                           channels, <vec_f32*>NULL)
        else:
            input_gradient(&dy[n, 0, 0, 0], &x[n, 0, 0, 0], &mean[0], &p[t, 0], &q[t, 0], &r[0], &dx[n, 0, 0, 0], positions,
                           channels, <vec_f64*>NULL)


def batch_norm_backward(dy, x, gamma, mean, var, *, eps):
    """As `minisenet.functional.batch_norm_backward`."""
    p, q, r, dgamma, dbeta = batch_norm_coefficients(dy, x, gamma, mean, var, eps, True)
    return affine_gradient_map(dy, p, q, r, x, mean), dgamma, dbeta


def batch_norm_inference_backward(dy, x, gamma, running_mean, running_var, *, eps):
    """As `minisenet.functional.batch_norm_inference_backward`."""
    p, q, _, dgamma, dbeta = batch_norm_coefficients(dy, x, gamma, running_mean, running_var, eps, False)
    return affine_add(dy, np.zeros_like(gamma), p, q, relu=False), dgamma, dbeta


cdef batch_norm_coefficients(dy, x, gamma, mean, var, eps, training):
    """p, q, r, dgamma and dbeta."""
    rstd = 1 / np.sqrt(var.astype(np.float64) + eps)
    _, sums, products = gradient_sums(dy, x, mean)
    return affine_gradient((gamma * rstd).astype(x.dtype), rstd.astype(x.dtype), sums, products, x.shape[1] * x.shape[2],
                           training=training)
