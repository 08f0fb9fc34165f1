# Direct convolution on register tiles: forward, and both gradients.
#
# The forward and the input gradient are one loop nest. For one image and one group it computes, for each output position (i, j)
# of a lattice and each output channel c,
#
#     out[i, j, c] = start[c] + sum over taps t and channels k of source[i * row_step + row_t, k, j + column_t] * w[t, k, c]
#
# - Layout: the image is first copied into a zero-padded scratch [row][column][channel], so that no tile needs to know where the
#   image ends. The weights are packed [block of output channels][tap][channel][lane], in the order in which they are read.
# - Register tile: TILE columns x 2 vectors of output channels (or NARROW_TILE x 1 if one vector holds all the channels). The
#   accumulators stay in registers over the whole reduction. For each (tap, channel) two vectors of weights are loaded, and each
#   column is broadcast against both. The columns are as many as there are registers for their addresses.
# - Loop order: image, lattice, block of output channels, row, tile of columns; inside the tile, taps, then channels.
#
# The input gradient is the same sum with the roles of the channels exchanged. dy[p, q] depends on x[p t + i d - a, q t + j d - a].
# So the rows h of dx with h + a = i d modulo t use only the taps i of that residue. Those rows, every t-th, and likewise the
# columns, form a lattice. There are t x t lattices, each a correlation of dy with stride 1 and some of the taps. (A lattice
# without taps is zero.)

cpdef enum:
    NARROW_TILE = 8              # an addition takes four cycles, and two can begin in each cycle: eight overlap


cdef inline void correlate_tile(const real* source, const real* weights, const real* start, real* out,
                                const Py_ssize_t* offsets, Py_ssize_t taps, Py_ssize_t channels, Py_ssize_t source_step,
                                Py_ssize_t step, Py_ssize_t columns_left, Py_ssize_t channels_left,
                                int vectors, int columns) noexcept nogil:
    """One tile of the output, `columns` positions x `vectors` vectors: both are constants where this is inlined."""
    cdef vec acc[2 * TILE]
    cdef Py_ssize_t t, width = vectors * VECTOR_LANES
    load_tile(acc, start, 0, columns, vectors)
    for t in range(taps):
        multiply_add(acc, source + offsets[t], source_step, 1, weights, width, channels, columns, vectors)
        weights = weights + channels * width
    store_tile(acc, out, step, columns_left, channels_left, columns, vectors)


cdef inline void correlate_lattice(const real* source, const real* weights, const real* start, real* out,
                                   const Py_ssize_t* offsets, Py_ssize_t taps, Py_ssize_t all_taps,
                                   Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t source_row, Py_ssize_t source_step,
                                   Py_ssize_t out_row, Py_ssize_t out_step, Py_ssize_t channels, Py_ssize_t out_channels) noexcept nogil:
    """All tiles of one lattice of one image and group."""
    cdef int vectors = TILE_VECTORS if out_channels > VECTOR_LANES else 1
    cdef Py_ssize_t width = vectors * VECTOR_LANES
    cdef Py_ssize_t tile = TILE if vectors == 2 else NARROW_TILE
    cdef Py_ssize_t block, i, j, t
    cdef const real* w
    for block in range((out_channels + width - 1) // width):
        w = weights + block * all_taps * channels * width
        for i in range(rows):
            for t in range((columns + tile - 1) // tile):
                j = t * tile
                if vectors == 2:
                    cover(CONV_TWO_VECTORS)
                    correlate_tile(source + i * source_row + j * source_step, w, start + block * width,
                                   out + i * out_row + j * out_step + block * width, offsets, taps, channels, source_step,
                                   out_step, columns - j, out_channels - block * width, 2, TILE)
                else:
                    cover(CONV_ONE_VECTOR)
                    correlate_tile(source + i * source_row + j * source_step, w, start + block * width,
                                   out + i * out_row + j * out_step + block * width, offsets, taps, channels, source_step,
                                   out_step, columns - j, out_channels - block * width, 1, NARROW_TILE)


cdef inline void pad_image(const real* image, real* padded, Py_ssize_t height, Py_ssize_t width, Py_ssize_t all_channels,
                           Py_ssize_t channels, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t top, Py_ssize_t left) noexcept nogil:
    """Copy `channels` channels of an image, with its corner at (top, left) of the scratch. Only the image is written, so the
    border stays zero."""
    cdef Py_ssize_t h, j, image_row = width * all_channels
    width = min(width, columns - left)
    for h in range(min(height, rows - top)):
        if channels == all_channels:
            cover(CONV_ONE_GROUP)
            memcpy(padded + ((h + top) * columns + left) * channels, image, width * channels * sizeof(real))
        else:
            cover(CONV_GROUPS)
            for j in range(width):
                memcpy(padded + ((h + top) * columns + left + j) * channels, image + j * all_channels, channels * sizeof(real))
        image = image + image_row


def correlate_images(const real[:, :, :, ::1] x, const real[:, ::1] weights, const real[:, ::1] start,
                     real[:, :, :, ::1] out, const Py_ssize_t[::1] offsets, const Py_ssize_t[:, ::1] lattices,
                     tuple geometry, Py_ssize_t groups, Py_ssize_t first, Py_ssize_t last, int threads):
    """The pieces from first to last; a piece is one group of one image."""
    cdef Py_ssize_t rows, columns, top, left, row_step, column_step, step_h, step_w
    rows, columns, top, left, row_step, column_step, step_h, step_w = geometry
    cdef Py_ssize_t height = x.shape[1], width = x.shape[2], channels = x.shape[3] // groups
    cdef Py_ssize_t out_width = out.shape[2], all_out = out.shape[3], out_channels = out.shape[3] // groups
    cdef Py_ssize_t p, n, g, l, block, source_row = columns * channels
    dtype = DTYPE
    cdef Py_ssize_t lane = VECTOR_LANES
    cdef real[:, ::1] scratch = aligned((threads, rows * source_row), dtype)
    cdef real* packed
    cdef real* corner
    block = TILE_VECTORS * lane if out_channels > lane else lane         # channels of one block of packed weights
    for p in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        n, g = p // groups, p % groups
        packed = &scratch[threadid(), 0]
        pad_image(&x[n, 0, 0, g * channels], packed, height, width, x.shape[3], channels, rows, columns, top, left)
        for l in range(lattices.shape[0]):
            if l > 0:
                cover(CONV_LATTICES)
            corner = &out[n, lattices[l, 2], lattices[l, 3], g * out_channels]
            correlate_lattice(
                packed, &weights[g, lattices[l, 0] * channels * block], &start[g, 0], corner, &offsets[lattices[l, 0]],
                lattices[l, 1] - lattices[l, 0], offsets.shape[0], lattices[l, 4], lattices[l, 5],
                row_step * source_row, column_step * channels, step_h * out_width * all_out, step_w * all_out, channels, out_channels)


# The weight gradient is, for each tap, a sum of outer products over all positions: dw[k, c] += x[position, k] dy[position, c].
#
# - Layout: x is read in place: the channels of one position are neighbours, and they are the tile's other side. dy is copied, a
#   band of rows and one block of output channels at a time, into an aligned scratch.
# - Register tile: TILE input channels x 2 vectors of output channels (or 2 TILE x 1), kept over a band of rows.
# - Loop order: block of output channels, image, band of rows, tap, tile of input channels; inside, the positions.
# - A piece is some of the images and one block of output channels. It has a partial sum of its own.

cdef inline inlined outer_products(const real* x, const real* dy, real* dw, Py_ssize_t rows, Py_ssize_t columns,
                                Py_ssize_t x_row, Py_ssize_t x_step, Py_ssize_t dy_row,
                                int vectors, int channels) noexcept nogil:
    """dw[k] += sum over rows and columns of x[k] dy, for `channels` values of k: a constant where this is inlined."""
    cdef vec acc[2 * TILE]
    cdef Py_ssize_t i, width = vectors * VECTOR_LANES
    load_tile(acc, dw, width, channels, vectors)
    for i in range(rows):
        multiply_add(acc, x + i * x_row, 1, x_step, dy + i * dy_row, width, columns, channels, vectors)
    store_tile(acc, dw, width, channels, width, channels, vectors)


cdef inline void outer_products_all(const real* x, const real* dy, real* dw, Py_ssize_t rows, Py_ssize_t columns,
                                    Py_ssize_t x_row, Py_ssize_t x_step, Py_ssize_t dy_row, Py_ssize_t channels,
                                    int vectors) noexcept nogil:
    """`outer_products` over all input channels: full tiles, then fours, then three (an image's own) or ones."""
    cdef Py_ssize_t k = 0, width = vectors * VECTOR_LANES
    cover(CONV_DW_TWO_VECTORS if vectors == 2 else CONV_DW_ONE_VECTOR)
    while k + 2 * TILE // vectors <= channels:
        cover(CONV_DW_FULL_TILE)
        outer_products(x + k, dy, dw + k * width, rows, columns, x_row, x_step, dy_row, vectors, 2 * TILE // vectors)
        k = k + 2 * TILE // vectors
    while k + 4 <= channels:
        cover(CONV_DW_TILE_OF_FOUR)
        outer_products(x + k, dy, dw + k * width, rows, columns, x_row, x_step, dy_row, vectors, 4)
        k = k + 4
    if k + 3 == channels:
        cover(CONV_DW_TILE_OF_THREE)
        outer_products(x + k, dy, dw + k * width, rows, columns, x_row, x_step, dy_row, vectors, 3)
        k = k + 3
    while k < channels:
        cover(CONV_DW_TILE_OF_ONE)
        outer_products(x + k, dy, dw + k * width, rows, columns, x_row, x_step, dy_row, vectors, 1)
        k = k + 1


cdef inline Py_ssize_t first_inside(Py_ssize_t offset, Py_ssize_t stride) noexcept nogil:
    """The smallest q >= 0 with q * stride + offset >= 0."""
    return 0 if offset >= 0 else (stride - 1 - offset) // stride


cdef inline Py_ssize_t end_inside(Py_ssize_t offset, Py_ssize_t stride, Py_ssize_t size, Py_ssize_t out) noexcept nogil:
    """The smallest q, at most `out`, with q * stride + offset >= size."""
    return 0 if offset >= size else min(out, (size - offset + stride - 1) // stride)


def weight_gradient_images(const real[:, :, :, ::1] dy, const real[:, :, :, ::1] x, real[:, :, :, :, :, ::1] partial,
                           tuple geometry, Py_ssize_t groups, Py_ssize_t first, Py_ssize_t last, int threads):
    """The partial sums [images][group][block][tap][k][lane] of the pieces from first to last."""
    cdef Py_ssize_t kw, th, tw, ph, pw, dh, dw, band
    kw, th, tw, ph, pw, dh, dw, band = geometry
    cdef Py_ssize_t images = x.shape[0], height = x.shape[1], width = x.shape[2], c_in = x.shape[3], channels = c_in // groups
    cdef Py_ssize_t out_h = dy.shape[1], out_w = dy.shape[2], c_out = dy.shape[3], out_channels = c_out // groups
    cdef Py_ssize_t shares = partial.shape[0], blocks = partial.shape[2], taps = partial.shape[3], lane = partial.shape[5]
    cdef int vectors = lane // VECTOR_LANES
    cdef Py_ssize_t p, share, g, block, n, b, row, rows, i, j, c, t, r0, r1, q0, q1, offset_h, offset_w, count
    cdef const real* source
    cdef const real* upstream
    dtype = DTYPE
    cdef real[:, :, ::1] scratch = aligned((threads, band * out_w, lane), dtype)
    cdef real* packed
    for p in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        share, g, block = p // (groups * blocks), p // blocks % groups, p % blocks
        packed = &scratch[threadid(), 0, 0]
        count = min(lane, out_channels - block * lane)
        for n in range(images * share // shares, images * (share + 1) // shares):
            if n > images * share // shares:
                cover(CONV_DW_IMAGES)
            for b in range((out_h + band - 1) // band):
                if b > 0:
                    cover(CONV_DW_BANDS)
                row = b * band
                rows = min(band, out_h - row)
                for i in range(rows * out_w):
                    memcpy(packed + i * lane, &dy[n, row, 0, g * out_channels + block * lane] + i * c_out,
                           count * sizeof(real))
                for t in range(taps):
                    offset_h, offset_w = t // kw * dh - ph, t % kw * dw - pw
                    r0, r1 = max(row, first_inside(offset_h, th)), min(row + rows, end_inside(offset_h, th, height, out_h))
                    q0, q1 = first_inside(offset_w, tw), end_inside(offset_w, tw, width, out_w)
                    if r0 < r1 and q0 < q1:
                        source = &x[n, r0 * th + offset_h, q0 * tw + offset_w, g * channels]
                        upstream = packed + ((r0 - row) * out_w + q0) * lane
                        if vectors == 2:
                            outer_products_all(source, upstream, &partial[share, g, block, t, 0, 0], r1 - r0, q1 - q0,
                                               th * width * c_in, tw * c_in, out_w * lane, channels, 2)
                        else:
                            outer_products_all(source, upstream, &partial[share, g, block, t, 0, 0], r1 - r0, q1 - q0,
                                               th * width * c_in, tw * c_in, out_w * lane, channels, 1)

