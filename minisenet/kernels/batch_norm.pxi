# Batch norm. Every sweep is over images: a piece is one image.
#
# The statistics: each image gives its own mean and its own sum of squares about that mean, in the array's dtype; the images'
# are then merged in float64 by the formula of Chan, Golub and LeVeque (1979). (Plain float32 sums of squares would lose half
# of the digits where the mean is large.) The sum over images is short, and stays visible in NumPy.

def moments_images(const real[:, :, :, ::1] x, real[:, ::1] means, real[:, ::1] squares,
                   Py_ssize_t first, Py_ssize_t last, int threads):
    """Each image's mean, and sum of squares about it."""
    cdef Py_ssize_t n, c, positions = x.shape[1] * x.shape[2], channels = x.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        if real is float:
            sum_positions(&x[n, 0, 0, 0], &means[n, 0], positions, channels, <vec_f32*>NULL)
        else:
            sum_positions(&x[n, 0, 0, 0], &means[n, 0], positions, channels, <vec_f64*>NULL)
        for c in range(channels):
            means[n, c] = means[n, c] / positions
        if real is float:
            sum_squares(&x[n, 0, 0, 0], &means[n, 0], &squares[n, 0], positions, channels, <vec_f32*>NULL)
        else:
            sum_squares(&x[n, 0, 0, 0], &means[n, 0], &squares[n, 0], positions, channels, <vec_f64*>NULL)


cdef inline void affine(const real* x, const real* k, const real* shift, const real* centre, real* y, Py_ssize_t positions,
                        Py_ssize_t channels, vec* _) noexcept nogil:
    """y = (x - centre) k + shift, channel by channel."""
    cdef Py_ssize_t p, c, b
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for p in range(positions):
            for b in range(vectors_of(channels, _)):
                c = b * lanes(_)
                store(y + p * channels + c, (load(x + p * channels + c, channels - c, _) - load(centre + c, channels - c, _))
                      * load(k + c, channels - c, _) + load(shift + c, channels - c, _), channels - c)


def affine_images(const real[:, :, :, ::1] x, const real[::1] k, const real[::1] shift, const real[::1] centre,
                  real[:, :, :, ::1] y, Py_ssize_t first, Py_ssize_t last, int threads):
    """y = (x - centre) k + shift."""
    cdef Py_ssize_t n, positions = x.shape[1] * x.shape[2], channels = x.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        if real is float:
            affine(&x[n, 0, 0, 0], &k[0], &shift[0], &centre[0], &y[n, 0, 0, 0], positions, channels, <vec_f32*>NULL)
        else:
            affine(&x[n, 0, 0, 0], &k[0], &shift[0], &centre[0], &y[n, 0, 0, 0], positions, channels, <vec_f64*>NULL)


def batch_norm(x, gamma, beta, *, eps):
    """As `minisenet.functional.batch_norm`."""
    n, height, width, channels = x.shape
    means, squares = np.empty((n, channels), x.dtype), np.empty((n, channels), x.dtype)
    run(moments_images, n, (x, means, squares), x.size)
    each = means.astype(np.float64)
    mean = each.mean(axis=0)
    spread = np.square(each - mean).sum(axis=0) * (height * width)          # of the images' means about the common mean
    var = (squares.sum(axis=0, dtype=np.float64) + spread) / (n * height * width)
    y = np.empty_like(x)
    k = (gamma / np.sqrt(var + eps)).astype(x.dtype)
    mean, var = mean.astype(x.dtype), var.astype(x.dtype)
    run(affine_images, n, (x, k, beta, mean, y), x.size)
    return y, mean, var


def batch_norm_inference(x, gamma, beta, running_mean, running_var, *, eps):
    """As `minisenet.functional.batch_norm_inference`."""
    y = np.empty_like(x)
    k = (gamma / np.sqrt(running_var.astype(np.float64) + eps)).astype(x.dtype)
    run(affine_images, len(x), (x, k, beta, running_mean, y), x.size)
    return y


# Backward. One sweep gives sum(dy) and sum(dy (x - mean)) of each image; with their totals, dx is one more sweep:
# dx = k1 dy - k3 (x - mean) - k2, with k1 = gamma rstd, k2 = k1 dbeta / M and k3 = k1 rstd dgamma / M.

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


cdef inline void input_gradient(const real* dy, const real* x, const real* mean, const real* k1, const real* k2,
                                const real* k3, real* dx, Py_ssize_t positions, Py_ssize_t channels, vec* _) noexcept nogil:
    """dx = k1 dy - k2 - k3 (x - mean), channel by channel."""
    cdef Py_ssize_t p, c, b
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for p in range(positions):
            for b in range(vectors_of(channels, _)):
                c = b * lanes(_)
                store(dx + p * channels + c,
                      load(k1 + c, channels - c, _) * load(dy + p * channels + c, channels - c, _)
                      - load(k2 + c, channels - c, _)
                      - load(k3 + c, channels - c, _) * (load(x + p * channels + c, channels - c, _)
                                                         - load(mean + c, channels - c, _)), channels - c)


def input_gradient_images(const real[:, :, :, ::1] dy, const real[:, :, :, ::1] x, const real[::1] mean, const real[::1] k1,
                          const real[::1] k2, const real[::1] k3, real[:, :, :, ::1] dx,
                          Py_ssize_t first, Py_ssize_t last, int threads):
    """dx = k1 dy - k2 - k3 (x - mean)."""
    cdef Py_ssize_t n, positions = x.shape[1] * x.shape[2], channels = x.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        if real is float:
            input_gradient(&dy[n, 0, 0, 0], &x[n, 0, 0, 0], &mean[0], &k1[0], &k2[0], &k3[0], &dx[n, 0, 0, 0], positions,
                           channels, <vec_f32*>NULL)
        else:
            input_gradient(&dy[n, 0, 0, 0], &x[n, 0, 0, 0], &mean[0], &k1[0], &k2[0], &k3[0], &dx[n, 0, 0, 0], positions,
                           channels, <vec_f64*>NULL)


cdef gradient_sums(dy, x, mean, rstd):
    """dgamma = sum(dy xhat) and dbeta = sum(dy), in float64."""
    sums, products = np.empty((len(x), x.shape[3]), x.dtype), np.empty((len(x), x.shape[3]), x.dtype)
    run(gradient_sums_images, len(x), (dy, x, mean, sums, products), x.size)
    return products.sum(axis=0, dtype=np.float64) * rstd, sums.sum(axis=0, dtype=np.float64)


def batch_norm_backward(dy, x, gamma, mean, var, *, eps):
    """As `minisenet.functional.batch_norm_backward`."""
    m = x.size // x.shape[3]
    rstd = 1 / np.sqrt(var.astype(np.float64) + eps)
    dgamma, dbeta = gradient_sums(dy, x, mean, rstd)
    k1 = gamma * rstd
    k2, k3 = k1 * dbeta / m, k1 * rstd * dgamma / m
    dx = np.empty_like(x)
    run(input_gradient_images, len(x), (dy, x, mean, *[k.astype(x.dtype) for k in (k1, k2, k3)], dx), x.size)
    return dx, dgamma.astype(x.dtype), dbeta.astype(x.dtype)


def batch_norm_inference_backward(dy, x, gamma, running_mean, running_var, *, eps):
    """As `minisenet.functional.batch_norm_inference_backward`."""
    rstd = 1 / np.sqrt(running_var.astype(np.float64) + eps)
    dgamma, dbeta = gradient_sums(dy, x, running_mean, rstd)
    dx, nothing = np.empty_like(x), np.zeros_like(gamma)
    run(affine_images, len(x), (dy, (gamma * rstd).astype(x.dtype), nothing, nothing, dx), x.size)
    return dx, dgamma.astype(x.dtype), dbeta.astype(x.dtype)
