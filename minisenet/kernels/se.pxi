# Squeeze, scale, and the fused tail of the residual block. A piece is one image: everything here is a sweep over an image's
# positions with one number for each channel in a register or the first-level cache.

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


def squeeze_backward_images(const real[:, ::1] dz, real[:, :, :, ::1] du, Py_ssize_t first, Py_ssize_t last, int threads):
    """du = dz / (H W) at every position."""
    cdef Py_ssize_t n, i, c, positions = du.shape[1] * du.shape[2], channels = du.shape[3]
    cdef real* image
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        image = &du[n, 0, 0, 0]
        for c in range(channels):
            image[c] = dz[n, c] / positions
        for i in range(1, positions):
            memcpy(image + i * channels, image, channels * sizeof(real))


def squeeze_backward(dz, height, width):
    """As `minisenet.functional.squeeze_backward`."""
    du = np.empty((len(dz), height, width, dz.shape[1]), dz.dtype)
    run(squeeze_backward_images, len(dz), (dz, du), du.size)
    return du


cdef inline void scale_image(const real* u, const real* s, const real* x, real* y, Py_ssize_t positions, Py_ssize_t channels,
                             int gated, int residual, vec* _) noexcept nogil:
    """y = s u; with `residual`, y = relu(s u + x); without `gated`, s is 1. Both are constants where this is inlined."""
    cdef vec v
    cdef Py_ssize_t p, c, b
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for p in range(positions):
            for b in range(vectors_of(channels, _)):
                c = b * lanes(_)
                v = load(u + p * channels + c, channels - c, _)
                if gated:
                    v = v * load(s + c, channels - c, _)
                if residual:
                    v = v + load(x + p * channels + c, channels - c, _)
                    v = where_positive(v, v)
                store(y + p * channels + c, v, channels - c)


cdef inline void gate_images(const real[:, :, :, ::1] u, const real[:, ::1] s, const real[:, :, :, ::1] x,
                             real[:, :, :, ::1] y, Py_ssize_t n, int gated, int residual) noexcept nogil:
    cdef Py_ssize_t positions = u.shape[1] * u.shape[2]
    if real is float:
        scale_image(&u[n, 0, 0, 0], &s[n, 0], &x[n, 0, 0, 0], &y[n, 0, 0, 0], positions, u.shape[3], gated, residual,
                    <vec_f32*>NULL)
    else:
        scale_image(&u[n, 0, 0, 0], &s[n, 0], &x[n, 0, 0, 0], &y[n, 0, 0, 0], positions, u.shape[3], gated, residual,
                    <vec_f64*>NULL)


def scale_images(const real[:, :, :, ::1] u, const real[:, ::1] s, real[:, :, :, ::1] y,
                 Py_ssize_t first, Py_ssize_t last, int threads):
    """y = s u, eq. (4)."""
    cdef Py_ssize_t n
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        gate_images(u, s, u, y, n, 1, 0)


def scale(u, s):
    """As `minisenet.functional.scale`."""
    y = np.empty_like(u)
    run(scale_images, len(u), (u, s, y), u.size)
    return y


def sum_product_images(const real[:, :, :, ::1] dy, const real[:, :, :, ::1] u, const real[:, :, :, ::1] y, real[:, ::1] ds,
                       bint masked, Py_ssize_t first, Py_ssize_t last, int threads):
    """ds = sum over positions of dy u, where `masked` only where y > 0."""
    cdef Py_ssize_t n, positions = u.shape[1] * u.shape[2], channels = u.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        if real is float:
            sum_product(&dy[n, 0, 0, 0], &u[n, 0, 0, 0], &y[n, 0, 0, 0], &ds[n, 0], positions, channels, masked,
                        <vec_f32*>NULL)
        else:
            sum_product(&dy[n, 0, 0, 0], &u[n, 0, 0, 0], &y[n, 0, 0, 0], &ds[n, 0], positions, channels, masked,
                        <vec_f64*>NULL)


def scale_backward(dy, u, s):
    """As `minisenet.functional.scale_backward`."""
    ds = np.empty_like(s)
    run(sum_product_images, len(u), (dy, u, u, ds, False), u.size)
    return scale(dy, s), ds


def add_relu_images(const real[:, :, :, ::1] u, const real[:, :, :, ::1] x, const real[:, ::1] s, real[:, :, :, ::1] y,
                    bint gated, Py_ssize_t first, Py_ssize_t last, int threads):
    """y = relu(s u + x), or relu(u + x)."""
    cdef Py_ssize_t n
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        if gated:
            gate_images(u, s, x, y, n, 1, 1)
        else:
            gate_images(u, s, x, y, n, 0, 1)


def add_relu(u, x):
    """As `minisenet.functional.fused.add_relu`."""
    y = np.empty_like(u)
    run(add_relu_images, len(u), (u, x, np.empty((len(u), u.shape[3]), u.dtype), y, False), u.size)
    return y


def scale_add_relu(u, s, x):
    """As `minisenet.functional.fused.scale_add_relu`."""
    y = np.empty_like(u)
    run(add_relu_images, len(u), (u, x, s, y, True), u.size)
    return y


def scale_add_relu_backward_gates(dy, u, y):
    """As `minisenet.functional.fused.scale_add_relu_backward_gates`."""
    ds = np.empty((len(u), u.shape[3]), u.dtype)
    run(sum_product_images, len(u), (dy, u, y, ds, True), u.size)
    return ds


cdef inline void both_paths(const real* dy, const real* s, const real* dz, const real* y, real* du, real* dx,
                            Py_ssize_t positions, Py_ssize_t channels, vec* _) noexcept nogil:
    """dx = dy where y > 0, and du = s dx + dz / (H W)."""
    cdef vec g
    cdef Py_ssize_t p, c, b
    cdef real share = 1 / <real>positions
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for p in range(positions):
            for b in range(vectors_of(channels, _)):
                c = b * lanes(_)
                g = where_positive(load(y + p * channels + c, channels - c, _), load(dy + p * channels + c, channels - c, _))
                store(dx + p * channels + c, g, channels - c)
                store(du + p * channels + c, load(s + c, channels - c, _) * g + load(dz + c, channels - c, _) * share,
                      channels - c)


def both_paths_images(const real[:, :, :, ::1] dy, const real[:, ::1] s, const real[:, ::1] dz, const real[:, :, :, ::1] y,
                      real[:, :, :, ::1] du, real[:, :, :, ::1] dx, Py_ssize_t first, Py_ssize_t last, int threads):
    """Both paths into u, and the shortcut's gradient."""
    cdef Py_ssize_t n, positions = y.shape[1] * y.shape[2], channels = y.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        if real is float:
            both_paths(&dy[n, 0, 0, 0], &s[n, 0], &dz[n, 0], &y[n, 0, 0, 0], &du[n, 0, 0, 0], &dx[n, 0, 0, 0], positions,
                       channels, <vec_f32*>NULL)
        else:
            both_paths(&dy[n, 0, 0, 0], &s[n, 0], &dz[n, 0], &y[n, 0, 0, 0], &du[n, 0, 0, 0], &dx[n, 0, 0, 0], positions,
                       channels, <vec_f64*>NULL)


def scale_add_relu_backward(dy, s, dz, y):
    """As `minisenet.functional.fused.scale_add_relu_backward`."""
    du, dx = np.empty_like(dy), np.empty_like(dy)
    run(both_paths_images, len(dy), (dy, s, dz, y, du, dx), dy.size)
    return du, dx
