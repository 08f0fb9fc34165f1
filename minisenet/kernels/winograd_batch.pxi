# Winograd's convolution of whole batches.
#
# A piece is a share of the images. The convolution need not read a plain map: it can compute its input while it copies it to the
# padded scratch. So that input is never stored (functional/fused.py explains why).
#
#     PLAIN         x
#     NORMALISED    relu(k (x - mean) + beta)             the batch norm and the ReLU before this convolution
#     GRADIENT      p g + q - r (x - mean)                the gradient of the batch norm after it, with p and q for each image

cpdef enum:
    PLAIN, NORMALISED, GRADIENT


cdef inline void form(int how, const real* x, const real* g, const real* mean, const real* k, const real* beta,
                      const real* p, const real* q, real* padded, Py_ssize_t height, Py_ssize_t width, Py_ssize_t channels) noexcept nogil:
    """An image into the padded scratch; `how` is a constant where this is inlined. For GRADIENT, r comes as k."""
    cdef Py_ssize_t i, j, b, c, deep = filled(channels), row = padded_row(width, deep), n
    cdef Py_ssize_t vectors = vectors_of(channels)
    cdef real* target
    cdef vec v
    for i in range(height):
        target = padded + (i + 1) * row + deep
        n = i * width * channels
        for j in range(width):
            for b in range(vectors):
                c = b * VECTOR_LANES
                v = load(x + n + c, channels - c)
                if how == NORMALISED:
                    v = (v - (<const vec*>(mean + c))[0]) * (<const vec*>(k + c))[0] + (<const vec*>(beta + c))[0]
                    v = where_positive(v, v)
                elif how == GRADIENT:
                    v = (load(p + c, channels - c) * load(g + n + c, channels - c) + load(q + c, channels - c)
                         - (<const vec*>(k + c))[0] * (v - (<const vec*>(mean + c))[0]))
                (<vec*>(target + c))[0] = v
            target = target + deep
            n = n + channels


cdef inline void form_image(int how, const real* x, const real* g, const real* mean, const real* k, const real* beta,
                            const real* p, const real* q, real* padded, Py_ssize_t height, Py_ssize_t width,
                            Py_ssize_t channels) noexcept nogil:
    """`form`, with `how` made a constant."""
    if how == PLAIN:
        cover(WINOGRAD_PLAIN)
        form(PLAIN, x, g, mean, k, beta, p, q, padded, height, width, channels)
    elif how == NORMALISED:
        cover(WINOGRAD_NORMALISED)
        form(NORMALISED, x, g, mean, k, beta, p, q, padded, height, width, channels)
    else:
        cover(WINOGRAD_GRADIENT)
        form(GRADIENT, x, g, mean, k, beta, p, q, padded, height, width, channels)


cdef inline void forward_group(int how, const real* x, const real* mean, const real* k, const real* beta, const real* u,
                               real* padded, real* v, real* m, real* y, real* y_mean, real* y_square, bint with_moments,
                               Py_ssize_t images, Py_ssize_t height, Py_ssize_t width, Py_ssize_t channels,
                               Py_ssize_t out_channels) noexcept nogil:
    """A few images: form them, convolve them, and compute each result's moments while it is in the cache."""
    cdef Py_ssize_t n, size = height * width * channels, out_size = height * width * out_channels
    cover(WINOGRAD_FORWARD)
    for n in range(images):
        if n > 0:
            cover(WINOGRAD_IMAGES)
        form_image(how, x + n * size, x, mean, k, beta, x, x, padded + n * padded_size(height, width, filled(channels)),
                   height, width, channels)
    winograd_correlate(padded, u, v, m, y, images, height, width, filled(channels), out_channels,
                       <const char*>(x + images * size), images * size * sizeof(real))
    if with_moments:
        cover(WINOGRAD_MOMENTS)
        for n in range(images):
            moments(y + n * out_size, y_mean + n * out_channels, y_square + n * out_channels, height * width,
                    out_channels)


def winograd_forward_images(const real[:, :, :, ::1] x, const real[:, ::1] norm, const real[::1] u, real[:, :, :, ::1] y,
                            real[:, ::1] means, real[:, ::1] squares, int how, bint with_moments, Py_ssize_t shares,
                            Py_ssize_t first, Py_ssize_t last, int threads):
    """y = conv2d(x), with x formed while it is read, and where asked for each image's moments of y."""
    cdef Py_ssize_t height = x.shape[1], width = x.shape[2], channels = x.shape[3], out_channels = y.shape[3]
    cdef Py_ssize_t deep = filled(channels), wide = filled(out_channels), group = group_of(height, width, deep)
    cdef Py_ssize_t size = group * padded_size(height, width, deep), v = POINTS * plane_of(height, width, deep, deep)
    cdef Py_ssize_t share, n, t, end
    cdef real[:, ::1] scratch = aligned((threads, size + v + POINTS * plane_of(height, width, deep, wide)),
                                        DTYPE, zeros=False)
    cdef real* padded
    for share in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        padded = &scratch[threadid(), 0]
        memset(padded, 0, scratch.shape[1] * sizeof(real))  # here, in the thread's own cache; the border stays zero
        n = x.shape[0] * share // shares
        end = x.shape[0] * (share + 1) // shares
        while n < end:
            t = n if with_moments else 0
            forward_group(how, &x[n, 0, 0, 0], &norm[0, 0], &norm[1, 0], &norm[2, 0], &u[0], padded, padded + size,
                          padded + size + v, &y[n, 0, 0, 0], &means[t, 0], &squares[t, 0], with_moments,
                          min(group, end - n), height, width, channels, out_channels)
            n = n + group


cdef inline void add_image(real* dx, const real* plus, Py_ssize_t size) noexcept nogil:
    """dx += plus."""
    cdef Py_ssize_t i
    for i in range(vectors_of(size)):
        store(dx + i * VECTOR_LANES, load(dx + i * VECTOR_LANES, size - i * VECTOR_LANES)
              + load(plus + i * VECTOR_LANES, size - i * VECTOR_LANES), size - i * VECTOR_LANES)


cdef inline void backward_group(int how_dy, int how_x, bint with_dx, bint with_dw, bint with_plus, const real* g,
                                const real* y, const real* y_mean, const real* r, const real* p, const real* q, const real* x,
                                const real* mean, const real* k, const real* beta, const real* u, const real* plus,
                                real* padded, real* upstream, real* v, real* m, real* dx, real* sums, real* products,
                                real* du, Py_ssize_t images, Py_ssize_t height, Py_ssize_t width, Py_ssize_t channels,
                                Py_ssize_t out_channels, Py_ssize_t block, Py_ssize_t block_channels) noexcept nogil:
    """A few images: form dy and x once, and use them for both gradients."""
    cdef Py_ssize_t deep = filled(channels), wide = filled(out_channels), size = height * width * channels, n
    cdef Py_ssize_t out_size = height * width * out_channels, padded_x = padded_size(height, width, deep)
    cdef Py_ssize_t bytes = images * sizeof(real), row = padded_row(width, deep)
    for n in range(images):
        form_image(how_dy, (y if how_dy == GRADIENT else g) + n * out_size, g + n * out_size, y_mean, r, r,
                   p + n * out_channels, q + n * out_channels, upstream + n * padded_size(height, width, wide),
                   height, width, out_channels)
        if with_dw or how_x == NORMALISED:
            form_image(how_x, x + n * size, x, mean, k, beta, x, x, padded + n * padded_x, height, width, channels)
    if with_dx:
        cover(WINOGRAD_DX)
        winograd_correlate(upstream, u, v, m, dx, images, height, width, wide, channels,
                           <const char*>(g + images * out_size), bytes * out_size)
        for n in range(images):
            if how_x == NORMALISED:
                cover(WINOGRAD_SUMS)
                mask_and_sum(dx + n * size, padded + n * padded_x + row + deep, row, deep, x + n * size, mean,
                             dx + n * size, sums + n * channels, products + n * channels, height, width, channels)
            if with_plus:
                cover(WINOGRAD_PLUS)
                add_image(dx + n * size, plus + n * size, size)
    if with_dw:
        cover(WINOGRAD_DW)
        if how_dy == GRADIENT:
            fetch(<const char*>(y + images * out_size), bytes * out_size, 0)
        winograd_accumulate(padded, upstream + block, v, m, du, images, height, width, deep, wide, block_channels,
                            <const char*>(x + images * size), bytes * size)


def winograd_backward_images(const real[:, :, :, ::1] g, const real[:, :, :, ::1] y, const real[:, ::1] slope,
                             const real[:, ::1] p, const real[:, ::1] q, const real[:, :, :, ::1] x,
                             const real[:, ::1] norm, const real[::1] u, const real[:, :, :, ::1] plus,
                             real[:, :, :, ::1] dx, real[:, ::1] sums, real[:, ::1] products, real[::1] partial,
                             tuple how, Py_ssize_t shares, Py_ssize_t block, Py_ssize_t first, Py_ssize_t last, int threads):
    """Both gradients of a convolution, or one, for the pieces from first to last: a share of the images and a block of the
    output channels. An array that `how` says is not needed is any other."""
    cdef int how_dy, how_x
    cdef bint with_dx, with_dw, with_plus
    how_dy, how_x, with_dx, with_dw, with_plus = how
    cdef Py_ssize_t height = g.shape[1], width = g.shape[2], out_channels = g.shape[3], channels = x.shape[3]
    cdef Py_ssize_t deep = filled(channels), wide = filled(out_channels), blocks = (wide + block - 1) // block
    cdef Py_ssize_t group = max(group_of(height, width, deep), group_of(height, width, wide)), piece, share, n, t, s, o, end
    cdef Py_ssize_t size_x = group * padded_size(height, width, deep), size_y = group * padded_size(height, width, wide)
    cdef Py_ssize_t size_v = POINTS * max(plane_of(height, width, deep, deep), plane_of(height, width, wide, wide))
    cdef Py_ssize_t size_m = POINTS * max(plane_of(height, width, deep, wide), plane_of(height, width, wide, deep))
    cdef real[:, ::1] scratch = aligned((threads, size_x + size_y + size_v + size_m),
                                        DTYPE, zeros=False)
    cdef real* padded
    cdef real* du
    for piece in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        share, o = piece // blocks, piece % blocks * block
        if o > 0:
            cover(WINOGRAD_DW_BLOCKS)
        padded = &scratch[threadid(), 0]
        memset(padded, 0, scratch.shape[1] * sizeof(real))
        du = &partial[(share * wide + o) * POINTS * deep if with_dw else 0]
        if with_dw:
            memset(du, 0, POINTS * deep * min(block, wide - o) * sizeof(real))
        n = g.shape[0] * share // shares
        end = g.shape[0] * (share + 1) // shares
        while n < end:
            t = n if how_dy == GRADIENT else 0
            s = n if how_x == NORMALISED and with_dx else 0
            backward_group(how_dy, how_x, with_dx, with_dw, with_plus, &g[n, 0, 0, 0], &y[n, 0, 0, 0], &slope[0, 0],
                           &slope[1, 0], &p[t, 0], &q[t, 0], &x[n, 0, 0, 0], &norm[0, 0], &norm[1, 0], &norm[2, 0],
                           &u[0], &plus[n, 0, 0, 0], padded, padded + size_x, padded + size_x + size_y,
                           padded + size_x + size_y + size_v, &dx[n, 0, 0, 0], &sums[s, 0], &products[s, 0], du,
                           min(group, end - n), height, width, channels, out_channels, o, min(block, wide - o))
            n = n + group
