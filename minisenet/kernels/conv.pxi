# Convolution: forward, and both gradients. Direct, on register tiles.
#
# The forward and the input gradient are one loop nest, `correlate`. For one image and one group it computes, for each output
# position (i, j) of a lattice and each output channel c,
#
#     out[i, j, c] = start[c] + sum over taps t and channels k of source[i * row_step + row_t, k, j + column_t] * w[t, k, c]
#
# - Layout: the image is first copied into a zero-padded scratch [row][column][channel], so that no tile has to ask where the
#   image ends. The weights are packed [block of output channels][tap][channel][lane], in the order in which they are read.
# - Register tile: TILE columns x 2 vectors of output channels (or NARROW_TILE x 1 where one vector holds all the channels).
#   The accumulators stay in registers over the whole reduction; for each (tap, channel) two vectors of weights are loaded,
#   and each of the columns is broadcast against both. There are no more columns than there are registers for their addresses.
# - Loop order: image, lattice, block of output channels, row, tile of columns; inside the tile, taps, then channels.
#
# The input gradient is the same sum with the roles of the channels exchanged. dy[p, q] met x[p t + i d - a, q t + j d - a], so
# the rows h of dx with h + a = i d modulo t see just the taps i of that residue. Those rows, every t-th, and likewise the
# columns, form a lattice: t x t lattices, each a correlation of dy with stride 1 and some of the taps. (A lattice without
# taps is zero.)

cdef enum:
    PRODUCTS_PER_NUMBER = 8      # a convolution does about this many products in the time in which a sweep passes one number
    NARROW_TILE = 8              # an addition takes four cycles, and two can begin in each: eight are on their way


cdef inline void correlate_tile(const real* source, const real* weights, const real* start, real* out,
                                const Py_ssize_t* offsets, Py_ssize_t taps, Py_ssize_t channels, Py_ssize_t source_step,
                                Py_ssize_t step, Py_ssize_t columns_left, Py_ssize_t channels_left,
                                int vectors, int columns, vec* _) noexcept nogil:
    """One tile of the output, `columns` positions x `vectors` vectors: both are constants where this is inlined."""
    cdef vec acc[2 * TILE]
    cdef Py_ssize_t t, width = vectors * lanes(_)
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        load_tile(acc, start, 0, columns, vectors)
        for t in range(taps):
            multiply_add(acc, source + offsets[t], source_step, 1, weights, width, channels, columns, vectors)
            weights = weights + channels * width
        store_tile(acc, out, step, columns_left, channels_left, columns, vectors)


cdef inline void correlate_lattice(const real* source, const real* weights, const real* start, real* out,
                                   const Py_ssize_t* offsets, Py_ssize_t taps, Py_ssize_t all_taps,
                                   Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t source_row, Py_ssize_t source_step,
                                   Py_ssize_t out_row, Py_ssize_t out_step, Py_ssize_t channels, Py_ssize_t out_channels,
                                   vec* _) noexcept nogil:
    """All tiles of one lattice of one image and group."""
    cdef int vectors = TILE_VECTORS if out_channels > lanes(_) else 1
    cdef Py_ssize_t width = vectors * lanes(_)
    cdef Py_ssize_t tile = TILE if vectors == 2 else NARROW_TILE
    cdef Py_ssize_t block, i, j, t
    cdef const real* w
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for block in range((out_channels + width - 1) // width):
            w = weights + block * all_taps * channels * width
            for i in range(rows):
                for t in range((columns + tile - 1) // tile):
                    j = t * tile
                    if vectors == 2:
                        cover(CONV_TWO_VECTORS)
                        correlate_tile(source + i * source_row + j * source_step, w, start + block * width,
                                       out + i * out_row + j * out_step + block * width, offsets, taps, channels, source_step,
                                       out_step, columns - j, out_channels - block * width, 2, TILE, _)
                    else:
                        cover(CONV_ONE_VECTOR)
                        correlate_tile(source + i * source_row + j * source_step, w, start + block * width,
                                       out + i * out_row + j * out_step + block * width, offsets, taps, channels, source_step,
                                       out_step, columns - j, out_channels - block * width, 1, NARROW_TILE, _)


cdef inline void pad_image(const real* image, real* padded, Py_ssize_t height, Py_ssize_t width, Py_ssize_t all_channels,
                           Py_ssize_t channels, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t top, Py_ssize_t left) noexcept nogil:
    """Copy `channels` channels of an image, with its corner at (top, left) of the scratch. Only the image is written: the
    border stays as it was, zero."""
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
    """`correlate` for the pieces from first to last; a piece is one group of one image."""
    cdef Py_ssize_t rows, columns, top, left, row_step, column_step, step_h, step_w
    rows, columns, top, left, row_step, column_step, step_h, step_w = geometry
    cdef Py_ssize_t height = x.shape[1], width = x.shape[2], channels = x.shape[3] // groups
    cdef Py_ssize_t out_width = out.shape[2], all_out = out.shape[3], out_channels = out.shape[3] // groups
    cdef Py_ssize_t p, n, g, l, block, source_row = columns * channels
    dtype = np.float32 if real is float else np.float64
    cdef Py_ssize_t lane = LANES_F32 if real is float else LANES_F64
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
            if real is float:
                correlate_lattice(
                    packed, &weights[g, lattices[l, 0] * channels * block], &start[g, 0], corner, &offsets[lattices[l, 0]],
                    lattices[l, 1] - lattices[l, 0], offsets.shape[0], lattices[l, 4], lattices[l, 5],
                    row_step * source_row, column_step * channels, step_h * out_width * all_out, step_w * all_out, channels, out_channels,
                    <vec_f32*>NULL)
            else:
                correlate_lattice(
                    packed, &weights[g, lattices[l, 0] * channels * block], &start[g, 0], corner, &offsets[lattices[l, 0]],
                    lattices[l, 1] - lattices[l, 0], offsets.shape[0], lattices[l, 4], lattices[l, 5],
                    row_step * source_row, column_step * channels, step_h * out_width * all_out, step_w * all_out, channels, out_channels,
                    <vec_f64*>NULL)


cdef pack_weights(w, Py_ssize_t lane):
    """[group][tap][k][c] to [group][block of c][tap][k][lane], zeros in the last block's spare lanes."""
    groups, taps, channels, out_channels = w.shape
    width = TILE_VECTORS * lane if out_channels > lane else lane
    blocks = -(-out_channels // width)
    packed = aligned((groups, blocks, taps, channels, width), w.dtype)
    for b in range(blocks):
        part = w[..., b * width:(b + 1) * width]
        packed[:, b, :, :, :part.shape[3]] = part
    return packed.reshape(groups, -1)


cdef correlate(x, w, start, out, plan, Py_ssize_t groups):
    """Run `correlate_images` on all pieces. w is [group][tap][k][c]; start is None or what each channel begins with."""
    lane = vector_lanes(x.dtype)
    out_channels = w.shape[3]
    begin = aligned((groups, -(-out_channels // (TILE_VECTORS * lane)) * TILE_VECTORS * lane), x.dtype)
    if start is not None:
        begin[:, :out_channels] = start.reshape(groups, out_channels)
    offsets, lattices, geometry = plan
    run(correlate_images, len(x) * groups, (x, pack_weights(w, lane), begin, out, offsets, lattices, geometry, groups),
        max(x.size, out.size) * w.shape[1] * w.shape[2] // PRODUCTS_PER_NUMBER)
    return out


cdef source_plan(rows, columns, lattices, row_step, column_step, top, left, steps, Py_ssize_t channels):
    """The tables that `correlate_images` reads: where each tap lies in the padded image, and the lattices.

    rows and columns are each tap's displacement from an output position's corner.
    """
    tiled = -(-max([l[5] for l in lattices]) // NARROW_TILE) * NARROW_TILE             # a tile may hang over the right edge
    width = (tiled - 1) * column_step + max(columns, default=0) + 1
    height = max([(l[4] - 1) * row_step for l in lattices]) + max(rows, default=0) + 1
    offsets = [(r * width + c) * channels for r, c in zip(rows, columns)]
    return (np.array(offsets, np.intp), np.array(lattices, np.intp).reshape(-1, 6),
            (height, width, top, left, row_step, column_step, *steps))


@functools.lru_cache(maxsize=256)
def forward_plan(kernel, out_size, stride, padding, dilation, channels):
    """One lattice, the whole output, and all the taps."""
    taps = list(itertools.product(range(kernel[0]), range(kernel[1])))
    lattices = [(0, len(taps), 0, 0, *out_size)]
    return source_plan([i * dilation[0] for i, _ in taps], [j * dilation[1] for _, j in taps], lattices,
                       stride[0], stride[1], padding[0], padding[1], (1, 1), channels)


@functools.lru_cache(maxsize=256)
def input_plan(kernel, x_size, stride, padding, dilation, channels):
    """The order of the taps, lattice by lattice, and the tables. Lattice (r, c) is dx[r::stride, c::stride]."""
    def meets(side, residue):
        """The taps that reach rows h = residue modulo stride, each with p - h // stride."""
        return [(i, (residue + padding[side] - i * dilation[side]) // stride[side]) for i in range(kernel[side])
                if (residue + padding[side] - i * dilation[side]) % stride[side] == 0]
    order, rows, columns, lattices = [], [], [], []
    for r, c in itertools.product(range(min(stride[0], x_size[0])), range(min(stride[1], x_size[1]))):
        taps = list(itertools.product(meets(0, r), meets(1, c)))
        first = len(order)
        order += [(i, j) for (i, _), (j, _) in taps]
        rows += [dp for (_, dp), _ in taps]
        columns += [dq for _, (_, dq) in taps]
        lattices.append((first, len(order), r, c, -(-(x_size[0] - r) // stride[0]), -(-(x_size[1] - c) // stride[1])))
    top, left = max(0, -min(rows, default=0)), max(0, -min(columns, default=0))
    plan = source_plan([r + top for r in rows], [c + left for c in columns], lattices, 1, 1, top, left, stride, channels)
    return tuple(np.array(order, np.intp).reshape(-1, 2).T), plan


cdef grouped(w, Py_ssize_t groups):
    """(C_out, C_in / groups, KH, KW) as [group][c][s][KH][KW]."""
    return w.reshape(groups, w.shape[0] // groups, *w.shape[1:])


def conv2d(x, w, b=None, *, stride, padding, dilation, groups):
    """As `minisenet.functional.conv2d`."""
    if b is None and winograd_suits(w.shape, x.shape, stride, padding, dilation, groups):
        return winograd_forward(x, w, None, False)[0]
    n, height, width, c_in = x.shape
    c_out, per_group, kh, kw = w.shape
    out_size = tuple([(size + 2 * p - d * (k - 1) - 1) // t + 1
                      for size, k, t, p, d in zip((height, width), (kh, kw), stride, padding, dilation)])
    by_tap = grouped(w, groups).transpose(0, 3, 4, 2, 1).reshape(groups, kh * kw, per_group, c_out // groups)
    plan = forward_plan((kh, kw), out_size, stride, padding, dilation, per_group)
    return correlate(x, by_tap, b, np.empty((n, *out_size, c_out), x.dtype), plan, groups)


def conv2d_backward_input(dy, w, x_shape, *, stride, padding, dilation, groups):
    """As `minisenet.functional.conv2d_backward_input`."""
    if winograd_suits(w.shape, x_shape, stride, padding, dilation, groups):
        return winograd_backward(dy, None, w, True, False)[0]
    c_out, per_group, kh, kw = w.shape
    (i, j), plan = input_plan((kh, kw), x_shape[1:3], stride, padding, dilation, c_out // groups)
    by_tap = grouped(w, groups).transpose(0, 3, 4, 1, 2)[:, i, j]                      # [group][tap][c][s]
    return correlate(dy, by_tap, None, np.empty(x_shape, dy.dtype), plan, groups)


# The weight gradient is, for each tap, a sum of outer products over all positions: dw[k, c] += x[position, k] dy[position, c].
#
# - Layout: x is read where it lies: the channels of one position are neighbours, which is just the tile's other side. dy is
#   copied, a band of rows and one block of output channels at a time, into an aligned scratch.
# - Register tile: TILE input channels x 2 vectors of output channels (or 2 TILE x 1), kept over a band of rows.
# - Loop order: block of output channels, image, band of rows, tap, tile of input channels; inside, the positions.
# - A piece is some of the images and one block of output channels. It has a partial sum of its own.

cdef inline inlined outer_products(const real* x, const real* dy, real* dw, Py_ssize_t rows, Py_ssize_t columns,
                                Py_ssize_t x_row, Py_ssize_t x_step, Py_ssize_t dy_row,
                                int vectors, int channels, vec* _) noexcept nogil:
    """dw[k] += sum over rows and columns of x[k] dy, for `channels` values of k: a constant where this is inlined."""
    cdef vec acc[2 * TILE]
    cdef Py_ssize_t i, width = vectors * lanes(_)
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        load_tile(acc, dw, width, channels, vectors)
        for i in range(rows):
            multiply_add(acc, x + i * x_row, 1, x_step, dy + i * dy_row, width, columns, channels, vectors)
        store_tile(acc, dw, width, channels, width, channels, vectors)


cdef inline void outer_products_all(const real* x, const real* dy, real* dw, Py_ssize_t rows, Py_ssize_t columns,
                                    Py_ssize_t x_row, Py_ssize_t x_step, Py_ssize_t dy_row, Py_ssize_t channels,
                                    int vectors, vec* _) noexcept nogil:
    """`outer_products` over all input channels: full tiles, then fours, then three (an image's own) or ones."""
    cdef Py_ssize_t k = 0, width = vectors * lanes(_)
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        cover(CONV_DW_TWO_VECTORS if vectors == 2 else CONV_DW_ONE_VECTOR)
        while k + 2 * TILE // vectors <= channels:
            cover(CONV_DW_FULL_TILE)
            outer_products(x + k, dy, dw + k * width, rows, columns, x_row, x_step, dy_row, vectors, 2 * TILE // vectors, _)
            k = k + 2 * TILE // vectors
        while k + 4 <= channels:
            cover(CONV_DW_TILE_OF_FOUR)
            outer_products(x + k, dy, dw + k * width, rows, columns, x_row, x_step, dy_row, vectors, 4, _)
            k = k + 4
        if k + 3 == channels:
            cover(CONV_DW_TILE_OF_THREE)
            outer_products(x + k, dy, dw + k * width, rows, columns, x_row, x_step, dy_row, vectors, 3, _)
            k = k + 3
        while k < channels:
            cover(CONV_DW_TILE_OF_ONE)
            outer_products(x + k, dy, dw + k * width, rows, columns, x_row, x_step, dy_row, vectors, 1, _)
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
    cdef int vectors = lane // (LANES_F32 if real is float else LANES_F64)
    cdef Py_ssize_t p, share, g, block, n, b, row, rows, i, j, c, t, r0, r1, q0, q1, offset_h, offset_w, count
    cdef const real* source
    cdef const real* upstream
    dtype = np.float32 if real is float else np.float64
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
                        if real is float:
                            if vectors == 2:
                                outer_products_all(source, upstream, &partial[share, g, block, t, 0, 0], r1 - r0, q1 - q0,
                                                   th * width * c_in, tw * c_in, out_w * lane, channels, 2, <vec_f32*>NULL)
                            else:
                                outer_products_all(source, upstream, &partial[share, g, block, t, 0, 0], r1 - r0, q1 - q0,
                                                   th * width * c_in, tw * c_in, out_w * lane, channels, 1, <vec_f32*>NULL)
                        else:
                            if vectors == 2:
                                outer_products_all(source, upstream, &partial[share, g, block, t, 0, 0], r1 - r0, q1 - q0,
                                                   th * width * c_in, tw * c_in, out_w * lane, channels, 2, <vec_f64*>NULL)
                            else:
                                outer_products_all(source, upstream, &partial[share, g, block, t, 0, 0], r1 - r0, q1 - q0,
                                                   th * width * c_in, tw * c_in, out_w * lane, channels, 1, <vec_f64*>NULL)


cdef enum:
    SHARES = 16              # of the images, each with a partial sum of the weight gradient: enough for 16 threads
    BAND_NUMBERS = 4096      # of dy in the scratch: 16 KiB of float32, a third of a first-level cache


def conv2d_backward_weight(dy, x, w_shape, *, stride, padding, dilation, groups):
    """As `minisenet.functional.conv2d_backward_weight`."""
    if winograd_suits(w_shape, x.shape, stride, padding, dilation, groups):
        return winograd_backward(dy, x, None, False, True)[1]
    c_out, per_group, kh, kw = w_shape
    out_channels = c_out // groups
    lane = vector_lanes(x.dtype)
    width = TILE_VECTORS * lane if out_channels > lane else lane
    blocks = -(-out_channels // width)
    shares = max(1, min(len(x), SHARES // (blocks * groups)))
    partial = aligned((shares, groups, blocks, kh * kw, per_group, width), x.dtype)
    band = max(1, BAND_NUMBERS // (dy.shape[2] * width))
    geometry = (kw, *stride, *padding, *dilation, min(band, dy.shape[1]))
    run(weight_gradient_images, shares * groups * blocks, (dy, x, partial, geometry, groups),
        dy.size * kh * kw * per_group // PRODUCTS_PER_NUMBER)
    total = partial.sum(axis=0)                                                          # [group][block][tap][k][lane]
    by_channel = total.transpose(0, 1, 4, 3, 2).reshape(groups, blocks * width, per_group, kh, kw)[:, :out_channels]
    return np.ascontiguousarray(by_channel).reshape(w_shape)
