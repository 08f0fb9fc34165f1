"""Convolution around its loops: packing the weights, the tables of taps, and the choice between Winograd's way and the direct one.

The loops are conv.pxi, lanes.pxi, winograd.pxi and winograd_batch.pxi.
"""
import functools
import itertools

import numpy as np

from minisenet.kernels import loops
from minisenet.kernels.loops import aligned, of
from minisenet.kernels.passes import affine_add, affine_gradient_map, gradient_sums, image_moments
from minisenet.kernels.threads import PRODUCTS_PER_NUMBER, run

SHARES = 16                  # of the images, each with a partial sum of the weight gradient: enough for 16 threads
BAND_NUMBERS = 4096          # of dy in the scratch: 16 KiB of float32, a third of a first-level cache
SPREAD_BYTES = 1 << 17       # of a band of spread rows: an eighth of a second-level cache
GRADIENT_BYTES = 1 << 19     # of the weight gradient's 16 planes: half of a second-level cache


# ---- direct ------------------------------------------------------------------------------------------------------------

def block_width(array, out_channels):
    """The output channels of one register tile: one vector if it holds all of them, else two."""
    lanes = of(array).LANES
    return 2 * lanes if out_channels > lanes else lanes


def pack_weights(w):
    """[group][tap][k][c] to [group][block of c][tap][k][lane], zeros in the last block's spare lanes."""
    groups, taps, channels, out_channels = w.shape
    width = block_width(w, out_channels)
    blocks = -(-out_channels // width)
    packed = aligned((groups, blocks, taps, channels, width), w.dtype)
    for b in range(blocks):
        part = w[..., b * width:(b + 1) * width]
        packed[:, b, :, :, :part.shape[3]] = part
    return packed.reshape(groups, -1)


def correlate(x, w, start, out, plan, groups):
    """Run `correlate_images` on all pieces. w is [group][tap][k][c]; start is None or what each channel begins with."""
    out_channels, pair = w.shape[3], 2 * of(x).LANES
    begin = aligned((groups, -(-out_channels // pair) * pair), x.dtype)
    if start is not None:
        begin[:, :out_channels] = start.reshape(groups, out_channels)
    offsets, lattices, geometry = plan
    run(of(x).correlate_images, len(x) * groups, (x, pack_weights(w), begin, out, offsets, lattices, geometry, groups),
        max(x.size, out.size) * w.shape[1] * w.shape[2] // PRODUCTS_PER_NUMBER)
    return out


def source_plan(rows, columns, lattices, row_step, column_step, top, left, steps, channels):
    """The tables that `correlate_images` reads: where each tap lies in the padded image, and the lattices.

    rows and columns are each tap's displacement from an output position's corner.
    """
    tiled = -(-max([l[5] for l in lattices]) // loops.NARROW_TILE) * loops.NARROW_TILE             # a tile may extend beyond the right edge
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
        """The taps of the rows h = residue modulo stride, each with p - h // stride."""
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


def grouped(w, groups):
    """(C_out, C_in / groups, KH, KW) as [group][c][s][KH][KW]."""
    return w.reshape(groups, w.shape[0] // groups, *w.shape[1:])


# ---- few channels for each group ---------------------------------------------------------------------------------------

def lanes_suit(array, out_channels, groups):
    """Whether the output channels of a group fill at most a quarter of a vector."""
    return groups > 1 and out_channels <= max(1, of(array).LANES // 4)


@functools.lru_cache(maxsize=256)
def lanes_plan(depth, out_channels, groups, dtype):
    """For each lane of each block, the input channels [block][k][lane] that it multiplies; the same as an index into the vector
    that begins with the first; and how they get there."""
    lanes = loops.modules[dtype.itemsize].LANES
    blocks = -(-groups * out_channels // lanes)
    lane = np.minimum(np.arange(blocks * lanes), groups * out_channels - 1)                # spare lanes repeat the last one
    places = (lane // out_channels * depth + np.arange(depth)[:, None]).reshape(depth, blocks, lanes).transpose(1, 0, 2)
    places = np.ascontiguousarray(places, np.intp)
    index = places - places[:, :1, :1]
    how = (loops.LANES_COPY if depth == out_channels == 1 else
           loops.LANES_PERMUTE if loops.PERMUTES and index.max() < lanes else loops.LANES_GATHER)
    return places, np.ascontiguousarray(index, f"i{dtype.itemsize}").view(dtype), how


def by_lane(array, lanes):
    """(..., C) as [block][...][lane], zeros in the last block's spare lanes."""
    blocks = -(-array.shape[-1] // lanes)
    out = aligned((*array.shape[:-1], blocks * lanes), array.dtype)
    out[..., :array.shape[-1]] = array
    return np.ascontiguousarray(np.moveaxis(out.reshape(*array.shape[:-1], blocks, lanes), -2, 0))


def in_bands(geometry, rows, numbers, itemsize):
    """The rows of the output in a band, the number of bands, and the geometry with a band's rows of the source."""
    height, width, top, left, row_step, *steps = geometry
    extent = height - (rows - 1) * row_step                               # the rows of the source for one row of the output
    band = min(rows, max(1, (SPREAD_BYTES // (width * numbers * itemsize) - extent) // row_step + 1))
    return band, -(-rows // band), ((band - 1) * row_step + extent, width, top, left, row_step, *steps)


def correlate_by_lane(x, w, start, out, plan, groups):
    """Run `correlate_lanes` on all pieces. w is [group][tap][k][c]; start is None or what each channel begins with."""
    _, taps, depth, out_channels = w.shape
    lanes = of(x).LANES
    offsets, lattices, geometry = plan
    table = lanes_plan(depth, out_channels, groups, x.dtype)
    weights = by_lane(w.transpose(1, 2, 0, 3).reshape(taps, depth, groups * out_channels), lanes)
    begin = by_lane(np.zeros(out.shape[3], x.dtype) if start is None else start, lanes)
    band, bands, geometry = in_bands(geometry, lattices[:, 4].max(), depth * lanes, x.itemsize)
    run(of(x).correlate_lanes, len(x) * bands * len(weights),
        (x, weights, begin, out, offsets, lattices, geometry, *table, band, bands),
        max(x.size, out.size) * taps * depth // PRODUCTS_PER_NUMBER)
    return out


def weight_gradient_by_lane(dy, x, w_shape, stride, padding, dilation, groups):
    """As `conv2d_backward_weight`."""
    c_out, depth, *kernel = w_shape
    lanes = of(x).LANES
    offsets, _, geometry = forward_plan(tuple(kernel), dy.shape[1:3], stride, padding, dilation, depth * lanes)
    every = (offsets[:, None] + np.arange(depth) * lanes).reshape(-1)
    offsets = np.zeros(-(-len(every) // loops.TAPS_TILE) * loops.TAPS_TILE, np.intp)
    offsets[:len(every)] = every
    places, index, how = lanes_plan(depth, c_out // groups, groups, x.dtype)
    shares = max(1, min(len(x), SHARES // len(places)))
    partial = aligned((shares, len(places), len(offsets), lanes), x.dtype)
    band, bands, geometry = in_bands(geometry, dy.shape[1], depth * lanes, x.itemsize)
    run(of(x).weight_gradient_lanes, shares * len(places), (dy, x, partial, offsets, geometry, places, index, how, band, bands),
        dy.size * len(every) // PRODUCTS_PER_NUMBER)
    total = partial.sum(axis=0)[:, :len(every)].transpose(0, 2, 1).reshape(-1, *kernel, depth)[:c_out]
    return np.ascontiguousarray(total.transpose(0, 3, 1, 2))


# ---- the choice --------------------------------------------------------------------------------------------------------

def conv2d(x, w, b=None, *, stride, padding, dilation, groups):
    """As `minisenet.functional.conv2d`."""
    if b is None and winograd_suits(w.shape, x.shape, stride, padding, dilation, groups):
        return winograd_forward(x, w, None, False)[0]
    n, height, width, c_in = x.shape
    c_out, per_group, kh, kw = w.shape
    out_size = tuple([(size + 2 * p - d * (k - 1) - 1) // t + 1
                      for size, k, t, p, d in zip((height, width), (kh, kw), stride, padding, dilation)])
    by_tap = grouped(w, groups).transpose(0, 3, 4, 2, 1).reshape(groups, kh * kw, per_group, c_out // groups)
    lanes = lanes_suit(x, c_out // groups, groups)
    plan = forward_plan((kh, kw), out_size, stride, padding, dilation, per_group * (of(x).LANES if lanes else 1))
    return (correlate_by_lane if lanes else correlate)(x, by_tap, b, np.empty((n, *out_size, c_out), x.dtype), plan, groups)


def conv2d_backward_input(dy, w, x_shape, *, stride, padding, dilation, groups):
    """As `minisenet.functional.conv2d_backward_input`."""
    if winograd_suits(w.shape, x_shape, stride, padding, dilation, groups):
        return winograd_backward(dy, None, w, True, False)[0]
    c_out, per_group, kh, kw = w.shape
    lanes = lanes_suit(dy, per_group, groups)
    (i, j), plan = input_plan((kh, kw), x_shape[1:3], stride, padding, dilation, c_out // groups * (of(dy).LANES if lanes else 1))
    by_tap = grouped(w, groups).transpose(0, 3, 4, 1, 2)[:, i, j]                      # [group][tap][c][s]
    return (correlate_by_lane if lanes else correlate)(dy, by_tap, None, np.empty(x_shape, dy.dtype), plan, groups)


def conv2d_backward_weight(dy, x, w_shape, *, stride, padding, dilation, groups):
    """As `minisenet.functional.conv2d_backward_weight`."""
    if winograd_suits(w_shape, x.shape, stride, padding, dilation, groups):
        return winograd_backward(dy, x, None, False, True)[1]
    c_out, per_group, kh, kw = w_shape
    out_channels = c_out // groups
    if lanes_suit(x, out_channels, groups):
        return weight_gradient_by_lane(dy, x, w_shape, stride, padding, dilation, groups)
    width = block_width(x, out_channels)
    blocks = -(-out_channels // width)
    shares = max(1, min(len(x), SHARES // (blocks * groups)))
    partial = aligned((shares, groups, blocks, kh * kw, per_group, width), x.dtype)
    band = max(1, BAND_NUMBERS // (dy.shape[2] * width))
    geometry = (kw, *stride, *padding, *dilation, min(band, dy.shape[1]))
    run(of(x).weight_gradient_images, shares * groups * blocks, (dy, x, partial, geometry, groups),
        dy.size * kh * kw * per_group // PRODUCTS_PER_NUMBER)
    total = partial.sum(axis=0)                                                          # [group][block][tap][k][lane]
    by_channel = total.transpose(0, 1, 4, 3, 2).reshape(groups, blocks * width, per_group, kh, kw)[:, :out_channels]
    return np.ascontiguousarray(by_channel).reshape(w_shape)


# ---- Winograd's way ----------------------------------------------------------------------------------------------------

def filled(channels):
    """The channels of a scratch: up to the next multiple of CHANNEL_STEP."""
    return -(-channels // loops.CHANNEL_STEP) * loops.CHANNEL_STEP


def winograd_kernels(w, turned):
    """G g G^T of every kernel of w (C_out, C_in, 3, 3), as `multiply_point` reads it."""
    channels, wide = filled(w.shape[1]), filled(w.shape[0])
    u = aligned((loops.POINTS * channels * wide,), w.dtype)
    run(of(w).transform_kernels, (channels if turned else wide) // of(w).LANES, (w, u, turned), 4 * u.size)
    return u


def winograd_suits(w_shape, x_shape, stride, padding, dilation, groups):
    """Whether Winograd's way is the faster one: if channels and tiles of an image fill the register tiles."""
    c_out, c_in, kh, kw = w_shape
    return ((kh, kw) == (3, 3) and stride == padding == dilation == (1, 1) and groups == 1
            and min(c_in, c_out) >= loops.CHANNEL_STEP and x_shape[1] * x_shape[2] >= 4 * loops.CHANNEL_STEP)


def together(arrays, channels):
    """Arrays (C,) as the rows of one aligned array, filled up with zeros."""
    out = aligned((len(arrays), filled(channels)), arrays[0].dtype)
    for row, array in zip(out, arrays):
        row[:channels] = array
    return out


def winograd_forward(x, w, norm, with_moments):
    """conv2d of x, or of relu(k (x - mean) + beta) if norm = (mean, k, beta): (y, means, squares), or (y, None, None)."""
    n, height, width, c_in = x.shape
    c_out = len(w)
    y = np.empty((n, height, width, c_out), x.dtype)
    means, squares = np.empty((2, n if with_moments else 1, c_out), x.dtype)
    shares = min(n, SHARES)
    run(of(x).winograd_forward_images, shares,
        (x, together(norm or (x[0, 0, 0],) * 3, c_in), winograd_kernels(w, False), y, means, squares,
         loops.NORMALISED if norm else loops.PLAIN, with_moments, shares), y.size * 9 * c_in // PRODUCTS_PER_NUMBER)
    return (y, means, squares) if with_moments else (y, None, None)


def winograd_backward(g, x, w, with_dx, with_dw, upstream=None, norm=None, plus=None):
    """Both gradients, or one: (dx, dw, sums, products), with None for those that are not computed.

    With upstream = (p, q, r, y, mean) the upstream gradient is p g + q - r (y - mean). With norm = (mean, k, beta) x is formed as in
    the forward. Then dx is the gradient of the ReLU's input, and each image has its sums of dx and of dx (x - mean).
    """
    n, height, width, c_out = g.shape
    c_in, dtype = w.shape[1] if x is None else x.shape[3], g.dtype
    deep, wide = filled(c_in), filled(c_out)
    step = max(1, GRADIENT_BYTES // (loops.POINTS * deep * dtype.itemsize * 2 * loops.CHANNEL_STEP)) * 2 * loops.CHANNEL_STEP
    if with_dx and with_dw and step < wide:         # the weight gradient goes block by block, the input gradient need not
        dx, _, sums, products = winograd_backward(g, x, w, True, False, upstream, norm, plus)
        return dx, winograd_backward(g, x, w, False, True, upstream, norm)[1], sums, products
    block = min(step, wide) if with_dw else wide
    blocks = -(-wide // block)
    shares = max(1, min(n, SHARES // blocks))
    p, q, r, y, y_mean = upstream or (g[0, 0, :1], g[0, 0, :1], g[0, 0, 0], g, g[0, 0, 0])
    partial = aligned((shares * loops.POINTS * deep * wide if with_dw else 1,), dtype, zeros=False)
    dx = np.empty((n, height, width, c_in) if with_dx else (n, 1, 1, 1), dtype)     # never g in its place, which may be read-only
    x = dx if x is None else x                      # a plain input gradient never reads it
    sums, products = np.empty((2, n if norm and with_dx else 1, c_in), dtype)
    how = (loops.GRADIENT if upstream else loops.PLAIN, loops.NORMALISED if norm else loops.PLAIN, with_dx, with_dw, plus is not None)
    run(of(g).winograd_backward_images, shares * blocks,
        (g, y, together((y_mean, r), c_out), p, q, x, together(norm or (x[0, 0, 0],) * 3, c_in),
         winograd_kernels(w, True) if with_dx else partial, g if plus is None else plus, dx, sums, products, partial, how,
         shares, block), n * height * width * c_out * 9 * c_in // PRODUCTS_PER_NUMBER)
    dw = None
    if with_dw:
        dw = np.empty((c_out, c_in, 3, 3), dtype)
        run(of(g).sum_gradient, c_in, (partial, dw, shares, block), partial.size)
    return (dx if with_dx else None, dw, *((sums, products) if norm and with_dx else (None, None)))


# ---- fused with the batch norms around it ------------------------------------------------------------------------------

# If Winograd's way suits, its loops form what they read. Otherwise (a stride, a 1x1 kernel, three channels) one pass forms the map
# before the convolution, and another computes the sums after it.

def conv2d_normalised(a, w, mean=None, k=None, beta=None, *, stride, padding, dilation, groups):
    """As `minisenet.functional.fused.conv2d_normalised`."""
    options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    norm = None if mean is None else (mean, k, beta)
    if winograd_suits(w.shape, a.shape, stride, padding, dilation, groups):
        return winograd_forward(a, w, norm, True)
    y = conv2d(a if norm is None else affine_add(a, *norm, relu=True), w, **options)
    return y, *image_moments(y)


def conv2d_normalised_backward(g, a, w, mean=None, k=None, beta=None, y=None, mean_y=None, p=None, q=None, r=None, plus=None, *,
                               stride, padding, dilation, groups, input_gradient):
    """As `minisenet.functional.fused.conv2d_normalised_backward`."""
    options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    norm = None if mean is None else (mean, k, beta)
    if winograd_suits(w.shape, a.shape, stride, padding, dilation, groups):
        return winograd_backward(g, a, w, input_gradient, True, None if y is None else (p, q, r, y, mean_y), norm, plus)
    dy = g if y is None else affine_gradient_map(g, p, q, r, y, mean_y)
    x = a if norm is None else affine_add(a, *norm, relu=True)
    dw = conv2d_backward_weight(dy, x, w.shape, **options)
    if not input_gradient:
        return None, dw, None, None
    dx, sums, products = conv2d_backward_input(dy, w, a.shape, **options), None, None
    if norm is not None:
        dx, sums, products = gradient_sums(dx, a, mean, x)
    if plus is not None:
        run(of(dx).add_images, len(dx), (dx, plus), dx.size)
    return dx, dw, sums, products
