# Sums over the positions of one image, channel by channel: what batch norm, the squeeze and the gates' gradient are made of.
#
# Layout: an image is positions x channels. Loop order: a vector of channels, then all positions, with four accumulators in
# registers that take the positions in turn, because an addition takes four cycles and four of them can be on their way. (The
# inner loop over the four has a constant length, so that the compiler unrolls it and keeps them in registers; what is left
# over goes to the first.) An image is read once from memory and stays in the second-level cache for its other channels.

cdef enum:
    CHAINS = 4


cdef inline void clear_chains(vec* acc) noexcept nogil:
    cdef int i
    for i in range(CHAINS):
        acc[i] = zero(acc)


cdef inline vec sum_chains(vec* acc) noexcept nogil:
    return (acc[0] + acc[1]) + (acc[2] + acc[3])


cdef inline void sum_positions(const real* x, real* out, Py_ssize_t positions, Py_ssize_t channels, vec* _) noexcept nogil:
    """out[c] = sum of x[p, c]."""
    cdef vec acc[CHAINS]
    cdef Py_ssize_t p, c, b
    cdef int i
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for b in range(vectors_of(channels, _)):
            c = b * lanes(_)
            clear_chains(acc)
            for p in range(positions // CHAINS):
                for i in range(CHAINS):
                    acc[i] = acc[i] + load(x + (p * CHAINS + i) * channels + c, channels - c, _)
            for p in range(positions - positions % CHAINS, positions):
                acc[0] = acc[0] + load(x + p * channels + c, channels - c, _)
            store(out + c, sum_chains(acc), channels - c)


cdef inline void sum_squares(const real* x, const real* mean, real* out, Py_ssize_t positions, Py_ssize_t channels,
                             vec* _) noexcept nogil:
    """out[c] = sum of (x[p, c] - mean[c])^2."""
    cdef vec acc[CHAINS]
    cdef vec m, d
    cdef Py_ssize_t p, c, b
    cdef int i
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for b in range(vectors_of(channels, _)):
            c = b * lanes(_)
            clear_chains(acc)
            m = load(mean + c, channels - c, _)
            for p in range(positions // CHAINS):
                for i in range(CHAINS):
                    d = load(x + (p * CHAINS + i) * channels + c, channels - c, _) - m
                    acc[i] = acc[i] + d * d
            for p in range(positions - positions % CHAINS, positions):
                d = load(x + p * channels + c, channels - c, _) - m
                acc[0] = acc[0] + d * d
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
    cdef Py_ssize_t p, c, b, n
    cdef int i
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for b in range(vectors_of(channels, _)):
            c = b * lanes(_)
            clear_chains(acc)
            clear_chains(product)
            m = load(mean + c, channels - c, _)
            for p in range(positions // CHAINS):
                for i in range(CHAINS):
                    n = (p * CHAINS + i) * channels + c
                    g = load(dy + n, channels - c, _)
                    acc[i] = acc[i] + g
                    product[i] = product[i] + g * (load(x + n, channels - c, _) - m)
            for p in range(positions - positions % CHAINS, positions):
                n = p * channels + c
                g = load(dy + n, channels - c, _)
                acc[0] = acc[0] + g
                product[0] = product[0] + g * (load(x + n, channels - c, _) - m)
            store(out + c, sum_chains(acc), channels - c)
            store(out_product + c, sum_chains(product), channels - c)


cdef inline void sum_product(const real* dy, const real* u, real* out, Py_ssize_t positions, Py_ssize_t channels,
                             vec* _) noexcept nogil:
    """out[c] = sum of dy[p, c] u[p, c]."""
    cdef vec acc[CHAINS]
    cdef Py_ssize_t p, c, b, n
    cdef int i
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for b in range(vectors_of(channels, _)):
            c = b * lanes(_)
            clear_chains(acc)
            for p in range(positions // CHAINS):
                for i in range(CHAINS):
                    n = (p * CHAINS + i) * channels + c
                    acc[i] = acc[i] + load(dy + n, channels - c, _) * load(u + n, channels - c, _)
            for p in range(positions - positions % CHAINS, positions):
                n = p * channels + c
                acc[0] = acc[0] + load(dy + n, channels - c, _) * load(u + n, channels - c, _)
            store(out + c, sum_chains(acc), channels - c)
