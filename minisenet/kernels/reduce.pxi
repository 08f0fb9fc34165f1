# Sums over the positions of one image, channel by channel. Batch norm, the squeeze and the gates' gradient consist of them.
#
# Layout: an image is positions x channels. Loop order: a vector of channels, then all positions. Four accumulators in registers
# add up the positions in turn, because an addition takes four cycles and four of them can overlap. (The inner loop over the four
# has a constant length, so the compiler unrolls it and keeps them in registers. The rest goes to the first.) An image is read once
# from memory and stays in the second-level cache for its other channels.
#
# One loop computes all these sums. `what` is a constant wherever the loop is inlined:
#
#     SUM            sum of g
#     SQUARES        sum of (g - mean)^2
#     PRODUCTS       sum of g x
#     BOTH           sum of g, and of g (x - mean)
#     MASKED         the same for g = 0 where y is not positive; g is written to out

cdef enum:
    CHAINS = 4
    SUM, SQUARES, PRODUCTS, BOTH, MASKED


cdef inline inlined add_position(int what, const real* g, const real* x, vec mean, const real* y, real* out, vec* total,
                                 vec* product, Py_ssize_t count) noexcept nogil:
    """One position's vector, added to one chain."""
    cdef vec v
    v = load(g, count)
    if what == MASKED:
        v = where_positive(load(y, count), v)
        store(out, v, count)
    if what == SQUARES:
        product[0] = product[0] + (v - mean) * (v - mean)
    elif what == PRODUCTS:
        product[0] = product[0] + v * load(x, count)
    elif what != SUM:
        product[0] = product[0] + v * (load(x, count) - mean)
    if what != SQUARES and what != PRODUCTS:
        total[0] = total[0] + v


cdef inline inlined sum_image(int what, const real* g, const real* x, const real* mean, const real* y, Py_ssize_t y_row,
                              Py_ssize_t y_step, real* out, real* sums, real* products, Py_ssize_t rows, Py_ssize_t columns,
                              Py_ssize_t channels) noexcept nogil:
    """The sums over rows x columns positions. Only y may have a border: its rows and positions are y_row, y_step apart."""
    cdef vec total[CHAINS]
    cdef vec product[CHAINS]
    cdef vec m = zero()
    cdef Py_ssize_t b, c, i, j, n, k
    cdef int q
    for b in range(vectors_of(channels)):
        c = b * VECTOR_LANES
        for q in range(CHAINS):
            total[q] = zero()
            product[q] = zero()
        if what != SUM and what != PRODUCTS:
            m = load(mean + c, channels - c)
        for i in range(rows):
            n, k = i * columns * channels + c, i * y_row + c
            for j in range(columns // CHAINS):
                for q in range(CHAINS):
                    add_position(what, g + n, x + n, m, y + k, out + n, &total[q], &product[q], channels - c)
                    n, k = n + channels, k + y_step
            for j in range(columns % CHAINS):
                cover(SUMS_LEFT_OVER)
                add_position(what, g + n, x + n, m, y + k, out + n, total, product, channels - c)
                n, k = n + channels, k + y_step
        if what != SQUARES and what != PRODUCTS:
            store(sums + c, (total[0] + total[1]) + (total[2] + total[3]), channels - c)
        if what != SUM:
            store(products + c, (product[0] + product[1]) + (product[2] + product[3]), channels - c)


cdef inline void sum_positions(const real* x, real* out, Py_ssize_t positions, Py_ssize_t channels) noexcept nogil:
    """out[c] = sum of x[p, c]."""
    sum_image(SUM, x, x, x, x, 0, 0, out, out, out, 1, positions, channels)


cdef inline void sum_product(const real* dy, const real* u, real* out, Py_ssize_t positions, Py_ssize_t channels) noexcept nogil:
    """out[c] = sum of dy[p, c] u[p, c]."""
    sum_image(PRODUCTS, dy, u, u, u, 0, 0, out, out, out, 1, positions, channels)


cdef inline void moments(const real* y, real* mean, real* square, Py_ssize_t positions, Py_ssize_t channels) noexcept nogil:
    """An image's mean, and its sum of squares about that mean."""
    cdef Py_ssize_t c
    sum_positions(y, mean, positions, channels)
    for c in range(channels):
        mean[c] = mean[c] / positions
    sum_image(SQUARES, y, y, mean, y, 0, 0, square, square, square, 1, positions, channels)


cdef inline void sum_and_product(const real* dy, const real* x, const real* mean, real* sums, real* products,
                                 Py_ssize_t positions, Py_ssize_t channels) noexcept nogil:
    """sums[c] = sum of dy[p, c], products[c] = sum of dy[p, c] (x[p, c] - mean[c])."""
    sum_image(BOTH, dy, x, mean, x, 0, 0, sums, sums, products, 1, positions, channels)


cdef inline void mask_and_sum(const real* dy, const real* y, Py_ssize_t y_row, Py_ssize_t y_step, const real* x,
                              const real* mean, real* out, real* sums, real* products, Py_ssize_t rows, Py_ssize_t columns,
                              Py_ssize_t channels) noexcept nogil:
    """out = dy where y > 0, and the sums of out and of out (x - mean)."""
    sum_image(MASKED, dy, x, mean, y, y_row, y_step, out, sums, products, rows, columns, channels)
