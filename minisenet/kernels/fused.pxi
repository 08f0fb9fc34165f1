# What minisenet/functional/fused.py runs: the sweeps between two convolutions, and convolutions that form what they read.
#
# A sweep reads each map once and writes one, an image a piece, with a few numbers for each channel in the first-level cache.
# Everything that a batch norm, a squeeze or a gate needs to know of a map is a sum over an image's positions, and falls off
# while the map passes by.

cdef enum:
    ALONE, PLUS, PLUS_NORMALISED        # the shortcut: none, as it is, or through a batch norm of its own


cdef inline void join(int shortcut, const real* a, const real* mean, const real* k, const real* beta, const real* x,
                      const real* mean_x, const real* k_x, const real* beta_x, real* y, Py_ssize_t positions,
                      Py_ssize_t channels, vec* _) noexcept nogil:
    """y = relu(k (a - mean) + beta + shortcut); `shortcut` is a constant where this is inlined."""
    cdef vec v
    cdef Py_ssize_t n, c, b
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for n in range(positions):
            for b in range(vectors_of(channels, _)):
                c = b * lanes(_)
                v = (load(k + c, channels - c, _) * (load(a + n * channels + c, channels - c, _)
                                                     - load(mean + c, channels - c, _)) + load(beta + c, channels - c, _))
                if shortcut == PLUS:
                    v = v + load(x + n * channels + c, channels - c, _)
                elif shortcut == PLUS_NORMALISED:
                    v = v + (load(k_x + c, channels - c, _) * (load(x + n * channels + c, channels - c, _)
                                                               - load(mean_x + c, channels - c, _))
                             + load(beta_x + c, channels - c, _))
                store(y + n * channels + c, where_positive(v, v), channels - c)


cdef inline void join_image(int shortcut, const real* a, const real* mean, const real* k, const real* beta, const real* x,
                            const real* mean_x, const real* k_x, const real* beta_x, real* y, Py_ssize_t positions,
                            Py_ssize_t channels, vec* _) noexcept nogil:
    """`join`, with `shortcut` made a constant."""
    if shortcut == ALONE:
        join(ALONE, a, mean, k, beta, x, mean_x, k_x, beta_x, y, positions, channels, _)
    elif shortcut == PLUS:
        join(PLUS, a, mean, k, beta, x, mean_x, k_x, beta_x, y, positions, channels, _)
    else:
        join(PLUS_NORMALISED, a, mean, k, beta, x, mean_x, k_x, beta_x, y, positions, channels, _)


def join_images(const real[:, :, :, ::1] a, const real[::1] mean, const real[:, ::1] k, const real[:, ::1] beta,
                const real[:, :, :, ::1] x, const real[::1] mean_x, const real[::1] k_x, const real[::1] beta_x,
                real[:, :, :, ::1] y, int shortcut, Py_ssize_t first, Py_ssize_t last, int threads):
    """The end of a residual block, Fig. 3."""
    cdef Py_ssize_t n, t, positions = a.shape[1] * a.shape[2], channels = a.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        t = n % k.shape[0]
        if real is float:
            join_image(shortcut, &a[n, 0, 0, 0], &mean[0], &k[t, 0], &beta[t, 0], &x[n, 0, 0, 0], &mean_x[0], &k_x[0],
                       &beta_x[0], &y[n, 0, 0, 0], positions, channels, <vec_f32*>NULL)
        else:
            join_image(shortcut, &a[n, 0, 0, 0], &mean[0], &k[t, 0], &beta[t, 0], &x[n, 0, 0, 0], &mean_x[0], &k_x[0],
                       &beta_x[0], &y[n, 0, 0, 0], positions, channels, <vec_f64*>NULL)


def scale_add_relu(a, mean, k, beta, x=None, mean_x=None, k_x=None, beta_x=None):
    """As `minisenet.functional.fused.scale_add_relu`."""
    y = np.empty_like(a)
    shortcut = ALONE if x is None else PLUS if mean_x is None else PLUS_NORMALISED
    run(join_images, len(a), (a, mean, k, beta, a if x is None else x, *((mean,) * 3 if mean_x is None else (mean_x, k_x, beta_x)),
                              y, shortcut), a.size)
    return y


cdef inline void part_position(const real* dy, const real* y, const real* a, vec mean, const real* x, vec mean_x, real* g,
                               vec* total, vec* product, vec* product_x, bint with_x, Py_ssize_t count) noexcept nogil:
    """One position's vector of `part`."""
    cdef vec d
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        d = where_positive(load(y, count, total), load(dy, count, total))
        store(g, d, count)
        total[0] = total[0] + d
        product[0] = product[0] + d * (load(a, count, total) - mean)
        if with_x:
            product_x[0] = product_x[0] + d * (load(x, count, total) - mean_x)


cdef inline void part(const real* dy, const real* y, const real* a, const real* mean, const real* x, const real* mean_x,
                      real* g, real* sums, real* products, real* products_x, bint with_x, Py_ssize_t positions,
                      Py_ssize_t channels, vec* _) noexcept nogil:
    """g = dy where y > 0, and the sums of g, of g (a - mean) and of g (x - mean_x)."""
    cdef vec total[CHAINS]
    cdef vec product[CHAINS]
    cdef vec product_x[CHAINS]
    cdef vec m, m_x
    cdef Py_ssize_t p, n, c, b
    cdef int i
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for b in range(vectors_of(channels, _)):
            c = b * lanes(_)
            clear_chains(total)
            clear_chains(product)
            clear_chains(product_x)
            m, m_x = load(mean + c, channels - c, _), load(mean_x + c, channels - c, _)
            for p in range(positions // CHAINS):
                for i in range(CHAINS):
                    n = (p * CHAINS + i) * channels + c
                    part_position(dy + n, y + n, a + n, m, x + n, m_x, g + n, &total[i], &product[i], &product_x[i], with_x,
                                  channels - c)
            for p in range(positions - positions % CHAINS, positions):
                n = p * channels + c
                part_position(dy + n, y + n, a + n, m, x + n, m_x, g + n, total, product, product_x, with_x, channels - c)
            store(sums + c, sum_chains(total), channels - c)
            store(products + c, sum_chains(product), channels - c)
            if with_x:
                store(products_x + c, sum_chains(product_x), channels - c)


def part_images(const real[:, :, :, ::1] dy, const real[:, :, :, ::1] y, const real[:, :, :, ::1] a, const real[::1] mean,
                const real[:, :, :, ::1] x, const real[::1] mean_x, real[:, :, :, ::1] g, real[:, ::1] sums,
                real[:, ::1] products, real[:, ::1] products_x, bint with_x, Py_ssize_t first, Py_ssize_t last, int threads):
    """The backward of `join_images`, as far as it goes before the gates' gradient is known."""
    cdef Py_ssize_t n, positions = a.shape[1] * a.shape[2], channels = a.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        if real is float:
            part(&dy[n, 0, 0, 0], &y[n, 0, 0, 0], &a[n, 0, 0, 0], &mean[0], &x[n, 0, 0, 0], &mean_x[0], &g[n, 0, 0, 0],
                 &sums[n, 0], &products[n, 0], &products_x[n, 0], with_x, positions, channels, <vec_f32*>NULL)
        else:
            part(&dy[n, 0, 0, 0], &y[n, 0, 0, 0], &a[n, 0, 0, 0], &mean[0], &x[n, 0, 0, 0], &mean_x[0], &g[n, 0, 0, 0],
                 &sums[n, 0], &products[n, 0], &products_x[n, 0], with_x, positions, channels, <vec_f64*>NULL)


def scale_add_relu_backward(dy, y, a, mean, x=None, mean_x=None):
    """As `minisenet.functional.fused.scale_add_relu_backward`."""
    g = np.empty_like(a)
    sums, products, products_x = np.empty((3, len(a), a.shape[3]), a.dtype)
    run(part_images, len(a), (dy, y, a, mean, a if x is None else x, mean if x is None else mean_x, g, sums, products,
                              products_x, x is not None), a.size)
    return g, sums, products, None if x is None else products_x


def add_images(real[:, :, :, ::1] dx, const real[:, :, :, ::1] more, Py_ssize_t first, Py_ssize_t last, int threads):
    """dx += more."""
    cdef Py_ssize_t n, size = dx.shape[1] * dx.shape[2] * dx.shape[3]
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        if real is float:
            add_image(&dx[n, 0, 0, 0], &more[n, 0, 0, 0], size, <vec_f32*>NULL)
        else:
            add_image(&dx[n, 0, 0, 0], &more[n, 0, 0, 0], size, <vec_f64*>NULL)


# The arithmetic between the sweeps is a few numbers for each image and channel. These loops only spare NumPy's calls, of which
# there would be twenty to each convolution; the sums are taken in float64.

def affine_gradient_loop(const real[::1] k, const real[::1] rstd, const real[:, ::1] sums, const real[:, ::1] products,
                         const real[:, ::1] s, const real[:, ::1] dz, const real[:, ::1] means, double positions, bint gated,
                         bint training, real[:, ::1] p, real[:, ::1] q, real[::1] r, real[::1] dgamma, real[::1] dbeta,
                         double[:, ::1] total):
    """The coefficients and the gradients; `total` is zeros (2, C)."""
    cdef Py_ssize_t n, c
    cdef double m = sums.shape[0] * positions
    for n in range(sums.shape[0]):
        for c in range(sums.shape[1]):
            total[0, c] += s[n, c] * sums[n, c] + dz[n, c] if gated else sums[n, c]
            total[1, c] += s[n, c] * products[n, c] + dz[n, c] * means[n, c] if gated else products[n, c]
    for c in range(sums.shape[1]):
        dbeta[c] = <real>total[0, c]
        dgamma[c] = <real>(total[1, c] * rstd[c])
        r[c] = <real>(k[c] * rstd[c] * total[1, c] * rstd[c] / m) if training else 0
    for n in range(sums.shape[0]):
        for c in range(sums.shape[1]):
            p[n, c] = k[c] * s[n, c] if gated else k[c]
            q[n, c] = <real>((k[c] * dz[n, c] / positions if gated else 0) - (k[c] * total[0, c] / m if training else 0))


def affine_gradient(k, rstd, sums, products, positions, *, s, dz, means, training):
    """As `minisenet.functional.fused.affine_gradient`."""
    (p, q), (r, dgamma, dbeta) = np.empty((2, *sums.shape), k.dtype), np.empty((3, len(k)), k.dtype)
    given = (sums,) * 3 if s is None else (s, dz, means)
    affine_gradient_loop(k, rstd, sums, products, *given, positions, s is not None, training, p, q, r, dgamma, dbeta,
                         np.zeros((2, len(k))))
    return p, q, r, dgamma, dbeta


# Where Winograd's convolution suits, it forms what it reads by itself. Elsewhere (a stride, a 1x1 kernel, three channels) a
# sweep forms the map before, and another takes the sums after.

def conv2d_normalised(a, w, mean=None, k=None, beta=None, *, stride, padding, dilation, groups):
    """As `minisenet.functional.fused.conv2d_normalised`."""
    options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    norm = None if mean is None else (mean, k, beta)
    if winograd_suits(w.shape, a.shape, stride, padding, dilation, groups):
        return winograd_forward(a, w, norm, True)
    y = conv2d(a if norm is None else scale_add_relu(a, mean, k[None], beta[None]), w, **options)
    means, squares = np.empty((2, len(y), y.shape[3]), y.dtype)
    run(moments_images, len(y), (y, means, squares), y.size)
    return y, means, squares


def conv2d_normalised_backward(g, y, p, q, r, mean_y, a, w, mean=None, k=None, beta=None, more=None, *, stride, padding,
                               dilation, groups, input_gradient):
    """As `minisenet.functional.fused.conv2d_normalised_backward`."""
    options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    norm = None if mean is None else (mean, k, beta)
    if winograd_suits(w.shape, a.shape, stride, padding, dilation, groups):
        return winograd_backward(g, a, w, input_gradient, True, (p, q, r, y, mean_y), norm, more)
    dy = np.empty_like(g)
    run(input_gradient_images, len(g), (g, y, mean_y, p, q, r, dy), g.size)
    x = a if norm is None else scale_add_relu(a, mean, k[None], beta[None])
    dw = conv2d_backward_weight(dy, x, w.shape, **options)
    if not input_gradient:
        return None, dw, None, None
    dx, sums, products = conv2d_backward_input(dy, w, a.shape, **options), None, None
    if norm is not None:
        dx, sums, products, _ = scale_add_relu_backward(dx, x, a, mean)
    if more is not None:
        run(add_images, len(dx), (dx, more), dx.size)
    return dx, dw, sums, products
