# Sums over the positions of one image, channel by channel: what batch norm, the squeeze and the gates' gradient are made of.
#
# Layout: an image is positions x channels. Loop order: a vector of channels, then all positions, with four accumulators in
# registers that take the positions in turn, because an addition takes four cycles and four of them can be on their way.
# An image is read once from memory and stays in the second-level cache for the passes over its other channels.

cdef enum:
    CHAINS = 4


cdef inline vec sum_chains(vec* acc) noexcept nogil:
    return (acc[0] + acc[1]) + (acc[2] + acc[3])


cdef inline void sum_positions(const real* x, real* out, Py_ssize_t positions, Py_ssize_t channels, vec* _) noexcept nogil:
    """out[c] = sum of x[p, c]."""
    cdef vec acc[CHAINS]
    cdef Py_ssize_t p, c, b
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for b in range(vectors_of(channels, _)):
            c = b * lanes(_)
            memset(acc, 0, sizeof(acc))
            for p in range(positions):
                acc[p % CHAINS] = acc[p % CHAINS] + load(x + p * channels + c, channels - c, _)
            store(out + c, sum_chains(acc), channels - c)


cdef inline void sum_squares(const real* x, const real* mean, real* out, Py_ssize_t positions, Py_ssize_t channels,
                             vec* _) noexcept nogil:
    """out[c] = sum of (x[p, c] - mean[c])^2."""
    cdef vec acc[CHAINS]
    cdef vec m, d
    cdef Py_ssize_t p, c, b
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for b in range(vectors_of(channels, _)):
            c = b * lanes(_)
            memset(acc, 0, sizeof(acc))
            m = load(mean + c, channels - c, _)
            for p in range(positions):
                d = load(x + p * channels + c, channels - c, _) - m
                acc[p % CHAINS] = acc[p % CHAINS] + d * d
            store(out + c, sum_chains(acc), channels - c)


cdef inline void moments(const real* y, real* mean, real* square, Py_ssize_t positions, Py_ssize_t channels,
                         vec* _) noexcept nogil:
    """An image's mean, and its sum of squares about that mean."""
    cdef Py_ssize_t c
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        sum_positions(y, mean, positions, channels, _)
        for c in range(channels):
            mean[c] = mean[c] / positions
        sum_squares(y, mean, square, positions, channels, _)


cdef inline void sum_and_product(const real* dy, const real* x, const real* mean, real* out, real* out_product,
                                 Py_ssize_t positions, Py_ssize_t channels, vec* _) noexcept nogil:
    """out[c] = sum of dy[p, c], out_product[c] = sum of dy[p, c] (x[p, c] - mean[c])."""
    cdef vec acc[CHAINS]
    cdef vec product[CHAINS]
    cdef vec m, g
    cdef Py_ssize_t p, c, b
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for b in range(vectors_of(channels, _)):
            c = b * lanes(_)
            memset(acc, 0, sizeof(acc))
            memset(product, 0, sizeof(product))
            m = load(mean + c, channels - c, _)
            for p in range(positions):
                g = load(dy + p * channels + c, channels - c, _)
                acc[p % CHAINS] = acc[p % CHAINS] + g
                product[p % CHAINS] = product[p % CHAINS] + g * (load(x + p * channels + c, channels - c, _) - m)
            store(out + c, sum_chains(acc), channels - c)
            store(out_product + c, sum_chains(product), channels - c)


cdef inline void sum_product(const real* dy, const real* u, real* out, Py_ssize_t positions, Py_ssize_t channels,
                             vec* _) noexcept nogil:
    """out[c] = sum of dy[p, c] u[p, c]."""
    cdef vec acc[CHAINS]
    cdef Py_ssize_t p, c, b
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for b in range(vectors_of(channels, _)):
            c = b * lanes(_)
            memset(acc, 0, sizeof(acc))
            for p in range(positions):
                acc[p % CHAINS] = acc[p % CHAINS] + (load(dy + p * channels + c, channels - c, _)
                                                     * load(u + p * channels + c, channels - c, _))
            store(out + c, sum_chains(acc), channels - c)
