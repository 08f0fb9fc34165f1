# Depthwise convolutions, and grouped ones with few channels for each group: a vector holds output channels of several groups.
#
# If a group has fewer output channels than a vector has lanes, the tile of conv.pxi is mostly empty. But the channels of all
# groups are side by side. So a vector of output channels crosses groups, and each lane multiplies an x of its own group:
#
#     out[i, j, c] = start[c] + sum over taps t and k of spread[i * row_step + row_t, j + column_t, k, c] * w[t, k, c]
#
# - Layout: `spread` is a zero-padded scratch [row][column][k][lane], where lane c holds the k-th input channel of c's group. In a
#   depthwise convolution it is a copy of the image. With 4 or 8 channels for each group, it is a permutation of one vector. It has
#   a band of rows for one vector of output channels, so that it stays in the second-level cache. The weights are [block][tap][k][lane].
# - Register tile: NARROW_TILE columns x 1 vector. For each (tap, k) a vector of weights is loaded, and each column multiplies it
#   by a vector of `spread`, the instruction's operand in memory.
# - Loop order: lattice, row, tile of columns; inside the tile, taps, then k. A piece is one band of one image and one block of
#   channels: a single image has many. The input gradient has lattices, as in conv.pxi.

cdef extern from *:
    """
    /* Lane i of the result is v[index[i]]; index holds integers of the size of a real. */
    #if defined(__GNUC__) && !defined(__clang__) && !defined(MINISENET_SCALAR)
      enum { CAN_PERMUTE = 1 };
      static inline vec permute(vec v, vec index) { return __builtin_shuffle(v, (__typeof__(v <= v))index); }
    #else
      enum { CAN_PERMUTE = 0 };
      static inline vec permute(vec v, vec index) { (void)index; return v; }
    #endif
    """
    enum: CAN_PERMUTE
    vec permute(vec v, vec index) noexcept nogil

cpdef enum:
    TAPS_TILE = 9                # of (tap, k): the sums of a 3x3 kernel
    LANES_COPY, LANES_PERMUTE, LANES_GATHER

PERMUTES = bool(CAN_PERMUTE)


cdef inline void spread_rows(int how, const real* image, real* spread, const Py_ssize_t* places, const real* index, Py_ssize_t height,
                             Py_ssize_t width, Py_ssize_t channels, Py_ssize_t depth, Py_ssize_t first, Py_ssize_t rows,
                             Py_ssize_t columns, Py_ssize_t left) noexcept nogil:
    """The rows of an image from `first`, which may be outside it, into the scratch. Its left and right borders stay zero."""
    cdef Py_ssize_t h, j, k, c, wide = depth * VECTOR_LANES
    cdef const real* source
    cdef real* target
    cdef vec v
    for h in range(first, first + rows):
        target = spread + (h - first) * columns * wide
        if h < 0 or h >= height:
            memset(target, 0, columns * wide * sizeof(real))
            continue
        source = image + h * width * channels
        target = target + left * wide
        for j in range(min(width, columns - left)):
            if how == LANES_GATHER:
                for c in range(wide):
                    target[c] = source[places[c]]
            else:
                v = load(source + places[0], channels - places[0])
                for k in range(depth):
                    (<vec*>target)[k] = v if how == LANES_COPY else permute(v, (<const vec*>index)[k])
            source = source + channels
            target = target + wide


cdef inline void spread_image(int how, const real* image, real* spread, const Py_ssize_t* places, const real* index, Py_ssize_t height,
                              Py_ssize_t width, Py_ssize_t channels, Py_ssize_t depth, Py_ssize_t first, Py_ssize_t rows,
                              Py_ssize_t columns, Py_ssize_t left) noexcept nogil:
    """`spread_rows`, with `how` made a constant."""
    if how == LANES_COPY:
        cover(CONV_LANES_COPIED)
        spread_rows(LANES_COPY, image, spread, places, index, height, width, channels, 1, first, rows, columns, left)
    elif how == LANES_PERMUTE:
        cover(CONV_LANES_PERMUTED)
        spread_rows(LANES_PERMUTE, image, spread, places, index, height, width, channels, depth, first, rows, columns, left)
    else:
        cover(CONV_LANES_GATHERED)
        spread_rows(LANES_GATHER, image, spread, places, index, height, width, channels, depth, first, rows, columns, left)


cdef inline void lanes_tile(const real* source, const real* weights, const real* start, real* out, const Py_ssize_t* offsets,
                            Py_ssize_t taps, Py_ssize_t depth, Py_ssize_t source_step, Py_ssize_t step, Py_ssize_t columns_left,
                            Py_ssize_t channels_left) noexcept nogil:
    """One tile of the output: NARROW_TILE positions of one vector of channels."""
    cdef vec acc[NARROW_TILE]
    cdef vec w
    cdef const real* x
    cdef Py_ssize_t t, k
    cdef int j
    load_tile(acc, start, 0, NARROW_TILE, 1)
    for t in range(taps):
        x = source + offsets[t]
        for k in range(depth):
            w = (<const vec*>weights)[0]
            for j in range(NARROW_TILE):
                acc[j] = acc[j] + w * (<const vec*>(x + j * source_step))[0]
            weights = weights + VECTOR_LANES
            x = x + VECTOR_LANES
    for j in range(NARROW_TILE):
        if j < columns_left:
            store(out + j * step, acc[j], channels_left)


def correlate_lanes(const real[:, :, :, ::1] x, const real[:, :, :, ::1] weights, const real[:, ::1] start, real[:, :, :, ::1] out,
                    const Py_ssize_t[::1] offsets, const Py_ssize_t[:, ::1] lattices, tuple geometry,
                    const Py_ssize_t[:, :, ::1] places, const real[:, :, ::1] index, int how, Py_ssize_t band, Py_ssize_t bands,
                    Py_ssize_t first, Py_ssize_t last, int threads):
    """The pieces from first to last; a piece is one band of rows of one image and one vector of output channels."""
    cdef Py_ssize_t rows, columns, top, left, row_step, column_step, step_h, step_w
    rows, columns, top, left, row_step, column_step, step_h, step_w = geometry
    cdef Py_ssize_t height = x.shape[1], width = x.shape[2], channels = x.shape[3], out_width = out.shape[2], all_out = out.shape[3]
    cdef Py_ssize_t blocks = places.shape[0], depth = places.shape[1], step = column_step * depth * VECTOR_LANES
    cdef Py_ssize_t p, n, b, block, l, i, t, row = columns * depth * VECTOR_LANES
    dtype = DTYPE
    cdef real[:, ::1] scratch = aligned((threads, rows * row), dtype)
    cdef real* spread
    cdef real* corner
    for p in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        n, b, block = p // (bands * blocks), p // blocks % bands, p % blocks
        spread = &scratch[threadid(), 0]
        if b > 0:
            cover(CONV_LANES_BANDS)
        spread_image(how, &x[n, 0, 0, 0], spread, &places[block, 0, 0], &index[block, 0, 0], height, width, channels, depth,
                     b * band * row_step - top, rows, columns, left)
        for l in range(lattices.shape[0]):
            corner = &out[n, lattices[l, 2], lattices[l, 3], block * VECTOR_LANES]
            for i in range(b * band, min((b + 1) * band, lattices[l, 4])):
                for t in range((lattices[l, 5] + NARROW_TILE - 1) // NARROW_TILE):
                    lanes_tile(spread + (i - b * band) * row_step * row + t * NARROW_TILE * step,
                               &weights[block, 0, 0, 0] + lattices[l, 0] * depth * VECTOR_LANES, &start[block, 0],
                               corner + i * step_h * out_width * all_out + t * NARROW_TILE * step_w * all_out,
                               &offsets[0] + lattices[l, 0], lattices[l, 1] - lattices[l, 0], depth, step, step_w * all_out,
                               lattices[l, 5] - t * NARROW_TILE, all_out - block * VECTOR_LANES)


# The weight gradient is dw[t, k, c] = sum over positions of spread[position + t, k, c] dy[position, c], lane by lane.
#
# - Layout: `spread` as above. dy is read in place, a vector of its channels at a time.
# - Register tile: TAPS_TILE sums, one for each (tap, k), kept over a band of rows: dy is loaded once for all of them. The list of
#   (tap, k) is filled up to whole tiles, and what the surplus ones sum is not used.
# - Loop order: image, band, tile of (tap, k), row, column. A piece is some of the images and one vector of channels.

cdef inline void lanes_products(const real* spread, const real* dy, real* dw, const Py_ssize_t* offsets, Py_ssize_t rows,
                                Py_ssize_t columns, Py_ssize_t x_row, Py_ssize_t x_step, Py_ssize_t dy_row, Py_ssize_t dy_step,
                                Py_ssize_t channels_left) noexcept nogil:
    """dw[t] += sum over rows and columns of spread[offset of t] dy, for TAPS_TILE values of t."""
    cdef vec acc[TAPS_TILE]
    cdef vec d
    cdef Py_ssize_t i, j
    cdef int t
    load_tile(acc, dw, VECTOR_LANES, TAPS_TILE, 1)
    for i in range(rows):
        for j in range(columns):
            d = load(dy + i * dy_row + j * dy_step, channels_left)
            for t in range(TAPS_TILE):
                acc[t] = acc[t] + d * (<const vec*>(spread + offsets[t] + i * x_row + j * x_step))[0]
    for t in range(TAPS_TILE):
        (<vec*>dw)[t] = acc[t]


def weight_gradient_lanes(const real[:, :, :, ::1] dy, const real[:, :, :, ::1] x, real[:, :, :, ::1] partial,
                          const Py_ssize_t[::1] offsets, tuple geometry, const Py_ssize_t[:, :, ::1] places,
                          const real[:, :, ::1] index, int how, Py_ssize_t band, Py_ssize_t bands, Py_ssize_t first, Py_ssize_t last,
                          int threads):
    """The partial sums [share of the images][block][(tap, k)][lane] of the pieces from first to last."""
    cdef Py_ssize_t rows, columns, top, left, row_step, column_step
    rows, columns, top, left, row_step, column_step, _, _ = geometry
    cdef Py_ssize_t images = x.shape[0], height = x.shape[1], width = x.shape[2], channels = x.shape[3]
    cdef Py_ssize_t out_h = dy.shape[1], out_w = dy.shape[2], c_out = dy.shape[3], shares = partial.shape[0]
    cdef Py_ssize_t blocks = places.shape[0], depth = places.shape[1], row = columns * depth * VECTOR_LANES
    cdef Py_ssize_t p, share, block, n, b, t
    dtype = DTYPE
    cdef real[:, ::1] scratch = aligned((threads, rows * row), dtype)
    cdef real* spread
    for p in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        share, block = p // blocks, p % blocks
        spread = &scratch[threadid(), 0]
        for n in range(images * share // shares, images * (share + 1) // shares):
            for b in range(bands):
                spread_image(how, &x[n, 0, 0, 0], spread, &places[block, 0, 0], &index[block, 0, 0], height, width, channels, depth,
                             b * band * row_step - top, rows, columns, left)
                for t in range(offsets.shape[0] // TAPS_TILE):
                    if t > 0:
                        cover(CONV_LANES_TAPS)
                    lanes_products(spread, &dy[n, b * band, 0, block * VECTOR_LANES], &partial[share, block, t * TAPS_TILE, 0],
                                   &offsets[t * TAPS_TILE], min(band, out_h - b * band), out_w, row_step * row,
                                   column_step * depth * VECTOR_LANES, out_w * c_out, c_out, c_out - block * VECTOR_LANES)
