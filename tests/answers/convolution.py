"""Answers to the convolution exercises, as students hand them in."""
import math

import numpy as np


def both(v):
    return (v, v) if isinstance(v, (int, np.integer)) else tuple(v)


def out_size(size, k, s, p, d=1):
    return (size + 2 * p - d * (k - 1) - 1) // s + 1


def padded(x, padding):
    ph, pw = both(padding)
    return np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)))


# ---- forward, wrong ------------------------------------------------------------------------------------------------------

def conv2d__kernel_flipped(x, w, b=None, *, stride=1, padding=0):
    """WRONG: the kernel is turned round, as in a convolution of signals; ours is not flipped."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, _ = x.shape
    o, _, kh, kw = w.shape
    oh, ow = out_size(h, kh, sh, ph), out_size(width, kw, sw, pw)
    xp = padded(x, padding)
    w = w[:, :, ::-1, ::-1]
    y = np.zeros((n, oh, ow, o), dtype=x.dtype)
    for p in range(oh):
        for q in range(ow):
            patch = xp[:, p * sh:p * sh + kh, q * sw:q * sw + kw, :]
            y[:, p, q, :] = np.einsum("nijs,csij->nc", patch, w)
    if b is not None:
        y = y + b
    return y


def conv2d__one_row_short(x, w, b=None, *, stride=1, padding=0):
    """WRONG: the output size lacks the + 1, so the last row and column are missing."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, _ = x.shape
    o, _, kh, kw = w.shape
    oh = (h - kh + 2 * ph) // sh
    ow = (width - kw + 2 * pw) // sw
    xp = padded(x, padding)
    y = np.zeros((n, oh, ow, o), dtype=x.dtype)
    for p in range(oh):
        for q in range(ow):
            patch = xp[:, p * sh:p * sh + kh, q * sw:q * sw + kw, :]
            y[:, p, q, :] = np.einsum("nijs,csij->nc", patch, w)
    return y if b is None else y + b


def conv2d__ceil_for_floor(x, w, b=None, *, stride=1, padding=0):
    """WRONG: the output size is rounded up instead of down, so a last window hangs over the edge."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, c = x.shape
    o, _, kh, kw = w.shape
    oh = math.ceil((h + 2 * ph - kh) / sh) + 1
    ow = math.ceil((width + 2 * pw - kw) / sw) + 1
    xp = np.zeros((n, (oh - 1) * sh + kh, (ow - 1) * sw + kw, c), dtype=x.dtype)
    xp[:, ph:ph + h, pw:pw + width] = x
    y = np.zeros((n, oh, ow, o), dtype=x.dtype)
    for i in range(kh):
        for j in range(kw):
            y += xp[:, i:i + (oh - 1) * sh + 1:sh, j:j + (ow - 1) * sw + 1:sw] @ w[:, :, i, j].T
    return y if b is None else y + b


def conv2d__stride_axes_swapped(x, w, b=None, *, stride=1, padding=0):
    """WRONG: the strides of height and width are swapped."""
    (sw, sh), (ph, pw) = both(stride), both(padding)
    n, h, width, _ = x.shape
    o, _, kh, kw = w.shape
    oh, ow = out_size(h, kh, sh, ph), out_size(width, kw, sw, pw)
    xp = padded(x, padding)
    y = np.zeros((n, oh, ow, o), dtype=x.dtype)
    for p in range(oh):
        for q in range(ow):
            y[:, p, q] = np.tensordot(xp[:, p * sh:p * sh + kh, q * sw:q * sw + kw], w, axes=([1, 2, 3], [2, 3, 1]))
    return y if b is None else y + b


def conv2d__stride_ignored(x, w, b=None, *, stride=1, padding=0):
    """WRONG: the output has the right size, but the window moves by one pixel whatever the stride."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, _ = x.shape
    o, _, kh, kw = w.shape
    oh, ow = out_size(h, kh, sh, ph), out_size(width, kw, sw, pw)
    xp = padded(x, padding)
    y = np.zeros((n, oh, ow, o), dtype=x.dtype)
    for p in range(oh):
        for q in range(ow):
            y[:, p, q] = np.tensordot(xp[:, p:p + kh, q:q + kw], w, axes=([1, 2, 3], [2, 3, 1]))
    return y if b is None else y + b


def conv2d__edge_padding(x, w, b=None, *, stride=1, padding=0):
    """WRONG: the border is padded with copies of the edge pixels instead of zeros."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    xp = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(xp, w.shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    y = np.einsum("npqsij,csij->npqc", windows, w)
    return y if b is None else y + b


def conv2d__padding_on_one_side(x, w, b=None, *, stride=1, padding=0):
    """WRONG: all of the padding is put at the top and on the left."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    xp = np.pad(x, ((0, 0), (2 * ph, 0), (2 * pw, 0), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(xp, w.shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    y = np.einsum("npqsij,csij->npqc", windows, w)
    return y if b is None else y + b


def conv2d__padding_axes_swapped(x, w, b=None, *, stride=1, padding=0):
    """WRONG: the vertical padding is put left and right, the horizontal one above and below."""
    sh, sw = both(stride)
    pw, ph = both(padding)
    xp = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(xp, w.shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    y = np.einsum("npqsij,csij->npqc", windows, w)
    return y if b is None else y + b


def conv2d__dilation_ignored(x, w, b=None, *, stride=1, padding=0, dilation=1):
    """WRONG: the output size uses the dilation, but the taps are neighbours all the same."""
    (sh, sw), (ph, pw), (dh, dw) = both(stride), both(padding), both(dilation)
    n, h, width, _ = x.shape
    o, _, kh, kw = w.shape
    oh, ow = out_size(h, kh, sh, ph, dh), out_size(width, kw, sw, pw, dw)
    xp = padded(x, padding)
    y = np.zeros((n, oh, ow, o), dtype=x.dtype)
    for i in range(kh):
        for j in range(kw):
            y += xp[:, i:i + (oh - 1) * sh + 1:sh, j:j + (ow - 1) * sw + 1:sw] @ w[:, :, i, j].T
    return y if b is None else y + b


def conv2d__groups_interleaved(x, w, b=None, *, stride=1, padding=0, groups=1):
    """WRONG: output channel c is given to group c % groups; the groups are blocks of channels."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    o, per, kh, kw = w.shape
    windows = np.lib.stride_tricks.sliding_window_view(padded(x, (ph, pw)), (kh, kw), axis=(1, 2))[:, ::sh, ::sw]
    y = np.zeros((*windows.shape[:3], o), dtype=x.dtype)
    for c in range(o):
        g = c % groups
        y[..., c] = np.einsum("npqsij,sij->npq", windows[:, :, :, g * per:(g + 1) * per], w[c])
    return y if b is None else y + b


def conv2d__first_group_only(x, w, b=None, *, stride=1, padding=0, groups=1):
    """WRONG: all the output channels read the input channels of the first group."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    o, per, kh, kw = w.shape
    windows = np.lib.stride_tricks.sliding_window_view(padded(x, (ph, pw)), (kh, kw), axis=(1, 2))[:, ::sh, ::sw]
    y = np.einsum("npqsij,csij->npqc", windows[:, :, :, :per], w)
    return y if b is None else y + b


def conv2d__bias_at_every_tap(x, w, b=None, *, stride=1, padding=0):
    """WRONG: the bias is added inside the loop over the taps, KH * KW times."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, _ = x.shape
    o, _, kh, kw = w.shape
    oh, ow = out_size(h, kh, sh, ph), out_size(width, kw, sw, pw)
    xp = padded(x, padding)
    y = np.zeros((n, oh, ow, o), dtype=x.dtype)
    for i in range(kh):
        for j in range(kw):
            y += xp[:, i:i + (oh - 1) * sh + 1:sh, j:j + (ow - 1) * sw + 1:sw] @ w[:, :, i, j].T
            if b is not None:
                y += b
    return y


def conv2d__bias_forgotten(x, w, b=None, *, stride=1, padding=0):
    """WRONG: b is taken and never added."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    windows = np.lib.stride_tricks.sliding_window_view(padded(x, (ph, pw)), w.shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    return np.einsum("npqsij,csij->npqc", windows, w)


def conv2d__reads_nchw(x, w, b=None, *, stride=1, padding=0):
    """WRONG: x is read as (N, C, H, W), the layout of another library."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, c, h, width = x.shape
    o, _, kh, kw = w.shape
    oh, ow = out_size(h, kh, sh, ph), out_size(width, kw, sw, pw)
    xp = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    y = np.zeros((n, o, oh, ow), dtype=x.dtype)
    for p in range(oh):
        for q in range(ow):
            y[:, :, p, q] = np.einsum("nsij,csij->nc", xp[:, :, p * sh:p * sh + kh, q * sw:q * sw + kw], w)
    return y if b is None else y + b[:, None, None]


def conv2d__reshape_for_transpose(x, w, b=None, *, stride=1, padding=0):
    """WRONG: x.reshape(N, C, H, W) instead of x.transpose(0, 3, 1, 2): pixels and channels are mixed up."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, c = x.shape
    xp = np.pad(x.reshape(n, c, h, width), ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    windows = np.lib.stride_tricks.sliding_window_view(xp, w.shape[2:], axis=(2, 3))[:, :, ::sh, ::sw]
    y = np.einsum("nspqij,csij->npqc", windows, w)
    return y if b is None else y + b


def conv2d__columns_reshaped(x, w, b=None, *, stride=1, padding=0):
    """WRONG: the product of im2col is (C_out, N OH OW) and is reshaped to (N, OH, OW, C_out) without a transpose."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, c = x.shape
    o, _, kh, kw = w.shape
    oh, ow = out_size(h, kh, sh, ph), out_size(width, kw, sw, pw)
    xp = padded(x, padding)
    cols = np.zeros((c * kh * kw, n * oh * ow), dtype=x.dtype)
    column = 0
    for image in range(n):
        for p in range(oh):
            for q in range(ow):
                patch = xp[image, p * sh:p * sh + kh, q * sw:q * sw + kw, :]
                cols[:, column] = patch.transpose(2, 0, 1).ravel()
                column += 1
    y = (w.reshape(o, -1) @ cols).reshape(n, oh, ow, o)
    return y if b is None else y + b


def conv2d__patch_not_transposed(x, w, b=None, *, stride=1, padding=0):
    """WRONG: a patch is flattened as (KH, KW, C), the kernel as (C, KH, KW): the products pair the wrong values."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, _ = x.shape
    o, _, kh, kw = w.shape
    oh, ow = out_size(h, kh, sh, ph), out_size(width, kw, sw, pw)
    xp = padded(x, padding)
    y = np.zeros((n, oh, ow, o), dtype=x.dtype)
    for p in range(oh):
        for q in range(ow):
            patch = xp[:, p * sh:p * sh + kh, q * sw:q * sw + kw, :]
            y[:, p, q] = patch.reshape(n, -1) @ w.reshape(o, -1).T
    return y if b is None else y + b


def conv2d__adds_over_images(x, w, b=None, *, stride=1, padding=0):
    """WRONG: the einsum has no n in its result, so each image gets the sum over the batch."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, _ = x.shape
    o, _, kh, kw = w.shape
    oh, ow = out_size(h, kh, sh, ph), out_size(width, kw, sw, pw)
    xp = padded(x, padding)
    y = np.zeros((n, oh, ow, o), dtype=x.dtype)
    for p in range(oh):
        for q in range(ow):
            y[:, p, q] = np.einsum("nijs,csij->c", xp[:, p * sh:p * sh + kh, q * sw:q * sw + kw], w)
    return y if b is None else y + b


def conv2d__loop_bounds_swapped(x, w, b=None, *, stride=1, padding=0):
    """WRONG: p runs over the output's width and q over its height, so only square outputs work."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, _ = x.shape
    o, _, kh, kw = w.shape
    oh, ow = out_size(h, kh, sh, ph), out_size(width, kw, sw, pw)
    xp = padded(x, padding)
    y = np.zeros((n, oh, ow, o), dtype=x.dtype)
    for p in range(ow):
        for q in range(oh):
            for c in range(o):
                patch = xp[:, p * sh:p * sh + kh, q * sw:q * sw + kw]
                y[:, p, q, c] = (patch * w[c].transpose(1, 2, 0)).sum(axis=(1, 2, 3))
    return y if b is None else y + b


def conv2d__last_tap_wins(x, w, b=None, *, stride=1, padding=0):
    """WRONG: y = instead of y += in the loop over the taps, so only the last tap counts."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, _ = x.shape
    o, _, kh, kw = w.shape
    oh, ow = out_size(h, kh, sh, ph), out_size(width, kw, sw, pw)
    xp = padded(x, padding)
    for i in range(kh):
        for j in range(kw):
            y = xp[:, i:i + (oh - 1) * sh + 1:sh, j:j + (ow - 1) * sw + 1:sw] @ w[:, :, i, j].T
    return y if b is None else y + b


def conv2d__square_kernels_only(x, w, b=None, *, stride=1, padding=0):
    """WRONG: the kernel's height is used for its width too."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, _ = x.shape
    o, k = w.shape[0], w.shape[2]
    oh, ow = out_size(h, k, sh, ph), out_size(width, k, sw, pw)
    xp = padded(x, padding)
    y = np.zeros((n, oh, ow, o), dtype=x.dtype)
    for i in range(k):
        for j in range(k):
            y += xp[:, i:i + (oh - 1) * sh + 1:sh, j:j + (ow - 1) * sw + 1:sw] @ w[:, :, i, j].T
    return y if b is None else y + b


def conv2d__weight_axes_swapped(x, w, b=None, *, stride=1, padding=0):
    """WRONG: w is read as (C_in, C_out, KH, KW)."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    windows = np.lib.stride_tricks.sliding_window_view(padded(x, (ph, pw)), w.shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    y = np.einsum("npqsij,scij->npqc", windows, w)
    return y if b is None else y + b


def conv2d__integer_buffer(x, w, b=None, *, stride=1, padding=0):
    """WRONG: the result is collected in an array of integers, which cuts the decimals off."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, _ = x.shape
    o, _, kh, kw = w.shape
    oh, ow = out_size(h, kh, sh, ph), out_size(width, kw, sw, pw)
    xp = padded(x, padding)
    y = np.zeros((n, oh, ow, o), dtype=int)
    for p in range(oh):
        for q in range(ow):
            y[:, p, q] = np.tensordot(xp[:, p * sh:p * sh + kh, q * sw:q * sw + kw], w, axes=([1, 2, 3], [2, 3, 1]))
    return y if b is None else y + b


def conv2d__float32_inside(x, w, b=None, *, stride=1, padding=0):
    """WRONG: everything is computed in float32, and only the result is float64 again."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    x32, w32 = x.astype(np.float32), w.astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded(x32, (ph, pw)), w.shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    y = np.einsum("npqsij,csij->npqc", windows, w32).astype(x.dtype)
    return y if b is None else y + b


# ---- gradient of the input, wrong ----------------------------------------------------------------------------------------

def conv2d_backward_input__not_flipped(dy, w, x_shape, *, padding=0):
    """WRONG: dy is convolved with the kernel as it is; a gather over dy has to turn the kernel round."""
    ph, pw = both(padding)
    _, h, width, _ = x_shape
    kh, kw = w.shape[2:]
    big = np.pad(dy, ((0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(big, (kh, kw), axis=(1, 2))
    dx = np.einsum("nhkcij,csij->nhks", windows, w)
    return dx[:, ph:ph + h, pw:pw + width]


def conv2d_backward_input__overwrites(dy, w, x_shape, *, stride=1, padding=0):
    """WRONG: windows overlap, but each one overwrites the last (= instead of +=)."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, c = x_shape
    kh, kw = w.shape[2:]
    dxp = np.zeros((n, h + 2 * ph, width + 2 * pw, c), dtype=dy.dtype)
    for p in range(dy.shape[1]):
        for q in range(dy.shape[2]):
            dxp[:, p * sh:p * sh + kh, q * sw:q * sw + kw] = np.einsum("nc,csij->nijs", dy[:, p, q], w)
    return dxp[:, ph:ph + h, pw:pw + width]


def conv2d_backward_input__crops_bottom_only(dy, w, x_shape, *, stride=1, padding=0):
    """WRONG: the padding is cut off at the bottom and the right only, so the gradient is shifted."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, c = x_shape
    kh, kw = w.shape[2:]
    dxp = np.zeros((n, h + 2 * ph, width + 2 * pw, c), dtype=dy.dtype)
    for p in range(dy.shape[1]):
        for q in range(dy.shape[2]):
            dxp[:, p * sh:p * sh + kh, q * sw:q * sw + kw] += np.einsum("nc,csij->nijs", dy[:, p, q], w)
    return dxp[:, :h, :width]


def conv2d_backward_input__padding_not_cropped(dy, w, x_shape, *, stride=1, padding=0):
    """WRONG: the gradient of the padded image is returned, padding and all."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, c = x_shape
    kh, kw = w.shape[2:]
    dxp = np.zeros((n, h + 2 * ph, width + 2 * pw, c), dtype=dy.dtype)
    for p in range(dy.shape[1]):
        for q in range(dy.shape[2]):
            dxp[:, p * sh:p * sh + kh, q * sw:q * sw + kw] += np.einsum("nc,csij->nijs", dy[:, p, q], w)
    return dxp


def conv2d_backward_input__minus_padding_slice(dy, w, x_shape, *, stride=1, padding=0):
    """WRONG: the crop is [p:-p], which is empty where the padding is 0."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, c = x_shape
    kh, kw = w.shape[2:]
    dxp = np.zeros((n, h + 2 * ph, width + 2 * pw, c), dtype=dy.dtype)
    for p in range(dy.shape[1]):
        for q in range(dy.shape[2]):
            dxp[:, p * sh:p * sh + kh, q * sw:q * sw + kw] += np.einsum("nc,csij->nijs", dy[:, p, q], w)
    return dxp[:, ph:-ph, pw:-pw]


def conv2d_backward_input__stride_forgotten(dy, w, x_shape, *, stride=1, padding=0):
    """WRONG: the gradient is laid down with a step of one pixel, whatever the stride of the forward."""
    ph, pw = both(padding)
    n, h, width, c = x_shape
    kh, kw = w.shape[2:]
    dxp = np.zeros((n, h + 2 * ph, width + 2 * pw, c), dtype=dy.dtype)
    for p in range(dy.shape[1]):
        for q in range(dy.shape[2]):
            dxp[:, p:p + kh, q:q + kw] += np.einsum("nc,csij->nijs", dy[:, p, q], w)
    return dxp[:, ph:ph + h, pw:pw + width]


def conv2d_backward_input__strides_mixed_up(dy, w, x_shape, *, stride=1, padding=0):
    """WRONG: the rows move by the width's stride and the columns by the height's."""
    (s0, s1), (ph, pw) = both(stride), both(padding)
    n, h, width, c = x_shape
    kh, kw = w.shape[2:]
    dx = np.zeros(x_shape, dtype=dy.dtype)
    for p in range(dy.shape[1]):
        for q in range(dy.shape[2]):
            for i in range(kh):
                for j in range(kw):
                    row, col = p * s1 + i - ph, q * s0 + j - pw
                    if 0 <= row < h and 0 <= col < width:
                        dx[:, row, col] += dy[:, p, q] @ w[:, :, i, j]
    return dx


def conv2d_backward_input__too_small(dy, w, x_shape, *, stride=1, padding=0):
    """WRONG: the size is taken from dy, (OH - 1) stride + KH - 2 padding, which is short where the stride left a rest."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    kh, kw = w.shape[2:]
    n, oh, ow, _ = dy.shape
    dxp = np.zeros((n, (oh - 1) * sh + kh, (ow - 1) * sw + kw, w.shape[1]), dtype=dy.dtype)
    for i in range(kh):
        for j in range(kw):
            dxp[:, i:i + (oh - 1) * sh + 1:sh, j:j + (ow - 1) * sw + 1:sw] += dy @ w[:, :, i, j]
    return dxp[:, ph:dxp.shape[1] - ph, pw:dxp.shape[2] - pw]


def conv2d_backward_input__channels_not_transposed(dy, w, x_shape, *, stride=1, padding=0):
    """WRONG: dy is multiplied with w[:, :, i, j].T again, as in the forward; that fits only where C_in = C_out."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, c = x_shape
    kh, kw = w.shape[2:]
    oh, ow = dy.shape[1:3]
    dxp = np.zeros((n, h + 2 * ph, width + 2 * pw, c), dtype=dy.dtype)
    for i in range(kh):
        for j in range(kw):
            dxp[:, i:i + (oh - 1) * sh + 1:sh, j:j + (ow - 1) * sw + 1:sw] += dy @ w[:, :, i, j].T
    return dxp[:, ph:ph + h, pw:pw + width]


def conv2d_backward_input__dilation_forgotten(dy, w, x_shape, *, stride=1, padding=0, dilation=1):
    """WRONG: the taps write to neighbouring pixels whatever the dilation."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, c = x_shape
    kh, kw = w.shape[2:]
    oh, ow = dy.shape[1:3]
    dxp = np.zeros((n, h + 2 * ph, width + 2 * pw, c), dtype=dy.dtype)
    for i in range(kh):
        for j in range(kw):
            dxp[:, i:i + (oh - 1) * sh + 1:sh, j:j + (ow - 1) * sw + 1:sw] += dy @ w[:, :, i, j]
    return dxp[:, ph:ph + h, pw:pw + width]


def conv2d_backward_input__list_of_lists(dy, w, x_shape, *, stride=1, padding=0):
    """WRONG: the right numbers, but as nested lists."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, c = x_shape
    kh, kw = w.shape[2:]
    oh, ow = dy.shape[1:3]
    dxp = np.zeros((n, h + 2 * ph, width + 2 * pw, c), dtype=dy.dtype)
    for i in range(kh):
        for j in range(kw):
            dxp[:, i:i + (oh - 1) * sh + 1:sh, j:j + (ow - 1) * sw + 1:sw] += dy @ w[:, :, i, j]
    return dxp[:, ph:ph + h, pw:pw + width].tolist()


# ---- gradient of the weights, wrong --------------------------------------------------------------------------------------

def conv2d_backward_weight__mean_over_images(dy, x, w_shape, *, stride=1, padding=0):
    """WRONG: the mean over the batch instead of the sum; the mean is in the loss already."""
    sh, sw = both(stride)
    kh, kw = w_shape[2:]
    oh, ow = dy.shape[1:3]
    xp = padded(x, padding)
    dw = np.zeros(w_shape, dtype=x.dtype)
    for i in range(kh):
        for j in range(kw):
            window = xp[:, i:i + (oh - 1) * sh + 1:sh, j:j + (ow - 1) * sw + 1:sw]
            dw[:, :, i, j] = np.einsum("npqc,npqs->cs", dy, window)
    return dw / len(x)


def conv2d_backward_weight__mean_over_positions(dy, x, w_shape, *, stride=1, padding=0):
    """WRONG: the sum over the output positions is divided by their number."""
    sh, sw = both(stride)
    kh, kw = w_shape[2:]
    oh, ow = dy.shape[1:3]
    xp = padded(x, padding)
    dw = np.zeros(w_shape, dtype=x.dtype)
    for i in range(kh):
        for j in range(kw):
            window = xp[:, i:i + (oh - 1) * sh + 1:sh, j:j + (ow - 1) * sw + 1:sw]
            dw[:, :, i, j] = np.einsum("npqc,npqs->cs", dy, window) / (oh * ow)
    return dw


def conv2d_backward_weight__stride_forgotten(dy, x, w_shape, *, stride=1, padding=0):
    """WRONG: the window under a tap is cut out without the stride."""
    kh, kw = w_shape[2:]
    oh, ow = dy.shape[1:3]
    xp = padded(x, padding)
    dw = np.zeros(w_shape, dtype=x.dtype)
    for i in range(kh):
        for j in range(kw):
            dw[:, :, i, j] = np.einsum("npqc,npqs->cs", dy, xp[:, i:i + oh, j:j + ow])
    return dw


def conv2d_backward_weight__wrong_layout(dy, x, w_shape, *, stride=1, padding=0):
    """WRONG: the gradient comes back as (KH, KW, C_in, C_out) instead of (C_out, C_in, KH, KW)."""
    sh, sw = both(stride)
    o, c, kh, kw = w_shape
    oh, ow = dy.shape[1:3]
    xp = padded(x, padding)
    dw = np.zeros((kh, kw, c, o), dtype=x.dtype)
    for i in range(kh):
        for j in range(kw):
            window = xp[:, i:i + (oh - 1) * sh + 1:sh, j:j + (ow - 1) * sw + 1:sw]
            dw[i, j] = np.einsum("npqs,npqc->sc", window, dy)
    return dw


def conv2d_backward_weight__flipped(dy, x, w_shape, *, stride=1, padding=0):
    """WRONG: the taps of dw are in reverse order, as if the forward had flipped its kernel."""
    sh, sw = both(stride)
    xp = padded(x, padding)
    windows = np.lib.stride_tricks.sliding_window_view(xp, w_shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    return np.einsum("npqc,npqsij->csij", dy, windows)[:, :, ::-1, ::-1]


def conv2d_backward_weight__last_image_only(dy, x, w_shape, *, stride=1, padding=0):
    """WRONG: dw = instead of dw += in the loop over the images, so only the last image counts."""
    sh, sw = both(stride)
    xp = padded(x, padding)
    for n in range(len(x)):
        windows = np.lib.stride_tricks.sliding_window_view(xp[n], w_shape[2:], axis=(0, 1))[::sh, ::sw]
        dw = np.einsum("pqc,pqsij->csij", dy[n], windows)
    return dw


def conv2d_backward_weight__padding_forgotten(dy, x, w_shape, *, stride=1, padding=0):
    """WRONG: x is not padded, and the output positions that then hang over are left out."""
    sh, sw = both(stride)
    windows = np.lib.stride_tricks.sliding_window_view(x, w_shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    oh = min(dy.shape[1], windows.shape[1])
    ow = min(dy.shape[2], windows.shape[2])
    return np.einsum("npqc,npqsij->csij", dy[:, :oh, :ow], windows[:, :oh, :ow])


GRADIENTS = {}


def conv2d_backward_weight__never_zeroed(dy, x, w_shape, *, stride=1, padding=0):
    """WRONG: dw is added to a global that no one sets back to zero, so every call adds to the one before."""
    sh, sw = both(stride)
    xp = padded(x, padding)
    windows = np.lib.stride_tricks.sliding_window_view(xp, w_shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    if w_shape not in GRADIENTS:
        GRADIENTS[w_shape] = np.zeros(w_shape, dtype=x.dtype)
    GRADIENTS[w_shape] = GRADIENTS[w_shape] + np.einsum("npqc,npqsij->csij", dy, windows)
    return GRADIENTS[w_shape]


# ---- all gradients, wrong ------------------------------------------------------------------------------------------------

def my_dx(dy, w, x_shape, stride, padding):
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, c = x_shape
    oh, ow = dy.shape[1:3]
    dxp = np.zeros((n, h + 2 * ph, width + 2 * pw, c), dtype=dy.dtype)
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            dxp[:, i:i + (oh - 1) * sh + 1:sh, j:j + (ow - 1) * sw + 1:sw] += dy @ w[:, :, i, j]
    return dxp[:, ph:ph + h, pw:pw + width]


def my_dw(dy, x, w_shape, stride, padding):
    sh, sw = both(stride)
    windows = np.lib.stride_tricks.sliding_window_view(padded(x, padding), w_shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    return np.einsum("npqc,npqsij->csij", dy, windows[:, :dy.shape[1], :dy.shape[2]])


def conv2d_backward__dw_first(dy, x, w, *, stride=1, padding=0, bias=False):
    """WRONG: the gradients come as (dw, dx, db) instead of (dx, dw, db)."""
    db = dy.sum(axis=(0, 1, 2)) if bias else None
    return my_dw(dy, x, w.shape, stride, padding), my_dx(dy, w, x.shape, stride, padding), db


def conv2d_backward__two_of_three(dy, x, w, *, stride=1, padding=0, bias=False):
    """WRONG: only dx and dw are returned, db is forgotten."""
    return my_dx(dy, w, x.shape, stride, padding), my_dw(dy, x, w.shape, stride, padding)


def conv2d_backward__db_over_batch_only(dy, x, w, *, stride=1, padding=0, bias=False):
    """WRONG: db is summed over the images only and keeps the positions."""
    db = dy.sum(axis=0) if bias else None
    return my_dx(dy, w, x.shape, stride, padding), my_dw(dy, x, w.shape, stride, padding), db


def conv2d_backward__db_mean(dy, x, w, *, stride=1, padding=0, bias=False):
    """WRONG: db is the mean of dy instead of its sum."""
    db = dy.mean(axis=(0, 1, 2)) if bias else None
    return my_dx(dy, w, x.shape, stride, padding), my_dw(dy, x, w.shape, stride, padding), db


def conv2d_backward__nested(dy, x, w, *, stride=1, padding=0, bias=False):
    """WRONG: the result is nested, ((dx, dw), db)."""
    db = dy.sum(axis=(0, 1, 2)) if bias else None
    return (my_dx(dy, w, x.shape, stride, padding), my_dw(dy, x, w.shape, stride, padding)), db


# ---- forward, right ------------------------------------------------------------------------------------------------------

def conv2d__seven_loops(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1):
    """RIGHT: plain Python loops over everything, and an if for the border."""
    (sh, sw), (ph, pw), (dh, dw) = both(stride), both(padding), both(dilation)
    n, h, width, _ = x.shape
    o, per, kh, kw = w.shape
    y = np.zeros((n, out_size(h, kh, sh, ph, dh), out_size(width, kw, sw, pw, dw), o), dtype=x.dtype)
    for image, p, q, c in np.ndindex(*y.shape):
        first = c // (o // groups) * per
        total = 0 if b is None else b[c]
        for s, i, j in np.ndindex(per, kh, kw):
            row, col = p * sh + i * dh - ph, q * sw + j * dw - pw
            if 0 <= row < h and 0 <= col < width:
                total = total + x[image, row, col, first + s] * w[c, s, i, j]
        y[image, p, q, c] = total
    return y


def conv2d__im2col(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1):
    """RIGHT: index arrays gather all patches into a matrix; the result is a transposed view."""
    (sh, sw), (ph, pw), (dh, dw) = both(stride), both(padding), both(dilation)
    n, h, width, c = x.shape
    o, per, kh, kw = w.shape
    oh, ow = out_size(h, kh, sh, ph, dh), out_size(width, kw, sw, pw, dw)
    xp = padded(x, padding).transpose(0, 3, 1, 2)
    rows = (np.arange(kh) * dh)[:, None, None, None] + (np.arange(oh) * sh)[:, None]
    cols = (np.arange(kw) * dw)[:, None, None] + np.arange(ow) * sw
    patches = xp[:, :, rows, cols].reshape(n, groups, per * kh * kw, oh * ow)
    y = w.reshape(groups, o // groups, per * kh * kw) @ patches
    y = y.reshape(n, o, oh, ow).transpose(0, 2, 3, 1)
    return y if b is None else y + b


def conv2d__as_strided(x, w, b=None, *, stride=1, padding=0, dilation=1):
    """RIGHT: windows from as_strided, all taps in one tensordot, no groups."""
    (sh, sw), (dh, dw) = both(stride), both(dilation)
    xp = np.ascontiguousarray(padded(x, padding))
    n, h, width, c = xp.shape
    kh, kw = w.shape[2:]
    oh, ow = out_size(h, kh, sh, 0, dh), out_size(width, kw, sw, 0, dw)
    a, r, k, s = xp.strides
    windows = np.lib.stride_tricks.as_strided(xp, (n, oh, ow, kh, kw, c), (a, r * sh, k * sw, r * dh, k * dw, s),
                                              writeable=False)
    y = np.tensordot(windows, w, axes=((3, 4, 5), (2, 3, 1)))
    if b is not None:
        y += b
    return y


def conv2d__fft(x, w, b=None, *, stride=1, padding=0):
    """RIGHT: by the Fourier transform, which rounds differently (about 1e-15 of the largest value)."""
    sh, sw = both(stride)
    xp = padded(x, padding)
    kh, kw = w.shape[2:]
    size = xp.shape[1:3]
    spectrum = np.einsum("nhks,cshk->nhkc", np.fft.fft2(xp, axes=(1, 2)), np.conj(np.fft.fft2(w, s=size)))
    y = np.fft.ifft2(spectrum, axes=(1, 2)).real[:, :size[0] - kh + 1:sh, :size[1] - kw + 1:sw]
    return (y if b is None else y + b).astype(x.dtype)


def conv2d__stride_one_then_thinned(x, w, b=None, stride=(1, 1), padding=(0, 0)):
    """RIGHT: computed at every position, then every stride-th row and column is kept: a strided view; options positional."""
    kh, kw = w.shape[2:]
    xp = padded(x, padding)
    oh, ow = xp.shape[1] - kh + 1, xp.shape[2] - kw + 1
    y = sum(xp[:, i:i + oh, j:j + ow] @ w[:, :, i, j].T for i in reversed(range(kh)) for j in reversed(range(kw)))
    if b is not None:
        y = y + b
    return y[:, ::stride[0], ::stride[1]]


def conv2d__no_bias_no_options(x, w):
    """RIGHT: eq. (1) as it stands: no bias, no stride, no padding."""
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(1, 2))
    return np.einsum("npqsij,csij->npqc", windows, w, optimize=True)


def conv2d__fortran_order(x, w, b=None, *, stride=1, padding=0):
    """RIGHT: the result is in Fortran order."""
    sh, sw = both(stride)
    windows = np.lib.stride_tricks.sliding_window_view(padded(x, padding), w.shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    y = np.einsum("npqsij,csij->npqc", windows, w)
    return np.asfortranarray(y if b is None else y + b)


# ---- gradients, right ----------------------------------------------------------------------------------------------------

def conv2d_backward_input__gather(dy, w, x_shape, *, stride=1, padding=0, dilation=1):
    """RIGHT: a gather: dy is spread out with zeros between (the stride), and convolved with the kernel turned round."""
    (sh, sw), (ph, pw), (dh, dw) = both(stride), both(padding), both(dilation)
    n, h, width, c = x_shape
    o, _, kh, kw = w.shape
    oh, ow = dy.shape[1:3]
    spread = np.zeros((n, h + 2 * ph + dh * (kh - 1), width + 2 * pw + dw * (kw - 1), o), dtype=dy.dtype)
    top, left = dh * (kh - 1), dw * (kw - 1)
    spread[:, top:top + (oh - 1) * sh + 1:sh, left:left + (ow - 1) * sw + 1:sw] = dy
    turned = w[:, :, ::-1, ::-1]
    dx = np.zeros(x_shape, dtype=dy.dtype)
    for i in range(kh):
        for j in range(kw):
            dx += np.einsum("nhkc,cs->nhks", spread[:, ph + i * dh:ph + i * dh + h, pw + j * dw:pw + j * dw + width],
                            turned[:, :, i, j])
    return dx


def conv2d_backward_input__transposed_matrix(dy, w, x_shape, *, stride=1, padding=0):
    """RIGHT: the matrix of the convolution is written out and transposed."""
    (sh, sw), (ph, pw) = both(stride), both(padding)
    n, h, width, c = x_shape
    oh, ow, o = dy.shape[1:]
    matrix = np.zeros((oh, ow, o, h, width, c), dtype=dy.dtype)
    for p, q, i, j in np.ndindex(oh, ow, *w.shape[2:]):
        row, col = p * sh + i - ph, q * sw + j - pw
        if 0 <= row < h and 0 <= col < width:
            matrix[p, q, :, row, col, :] = w[:, :, i, j]
    return (dy.reshape(n, -1) @ matrix.reshape(oh * ow * o, -1)).reshape(x_shape)


def conv2d_backward_input__add_at(dy, w, x_shape, *, stride=1, padding=0, dilation=1, groups=1):
    """RIGHT: np.add.at on a padded array, transposed to (N, C, H, W) and back; the result is a view."""
    (sh, sw), (ph, pw), (dh, dw) = both(stride), both(padding), both(dilation)
    n, h, width, c = x_shape
    o, per, kh, kw = w.shape
    oh, ow = dy.shape[1:3]
    dys = dy.reshape(n, oh * ow, groups, o // groups)
    cols = np.einsum("npgc,gcsij->ngsijp", dys, w.reshape(groups, o // groups, per, kh, kw))
    rows = (np.arange(kh) * dh)[:, None, None, None] + (np.arange(oh) * sh)[:, None]
    columns = (np.arange(kw) * dw)[:, None, None] + np.arange(ow) * sw
    dxp = np.zeros((n, c, h + 2 * ph, width + 2 * pw), dtype=dy.dtype)
    np.add.at(dxp, (slice(None), slice(None), rows, columns), cols.reshape(n, c, kh, kw, oh, ow))
    return dxp[:, :, ph:ph + h, pw:pw + width].transpose(0, 2, 3, 1)


def conv2d_backward_weight__image_by_image(dy, x, w_shape, *, stride=1, padding=0, dilation=1, groups=1):
    """RIGHT: one image, one output position at a time, added up from the last to the first."""
    (sh, sw), (ph, pw), (dh, dw) = both(stride), both(padding), both(dilation)
    o, per, kh, kw = w_shape
    xp = np.pad(x, [(0, 0), (ph, ph), (pw, pw), (0, 0)], mode="constant", constant_values=0)
    dw_total = np.zeros(w_shape, dtype=x.dtype)
    for n in reversed(range(len(x))):
        for p in reversed(range(dy.shape[1])):
            for q in reversed(range(dy.shape[2])):
                patch = xp[n, p * sh:p * sh + dh * (kh - 1) + 1:dh, q * sw:q * sw + dw * (kw - 1) + 1:dw]
                for c in range(o):
                    g = c // (o // groups)
                    dw_total[c] += dy[n, p, q, c] * np.moveaxis(patch[..., g * per:(g + 1) * per], -1, 0)
    return dw_total


def conv2d_backward_weight__one_tensordot(dy, x, w_shape, padding=(0, 0), stride=(1, 1)):
    """RIGHT: one tensordot over sliding windows; the options are in another order and are not keyword-only."""
    windows = np.lib.stride_tricks.sliding_window_view(padded(x, padding), w_shape[2:], axis=(1, 2))
    return np.tensordot(dy, windows[:, ::stride[0], ::stride[1]], axes=([0, 1, 2], [0, 1, 2]))


def conv2d_backward__as_a_list(dy, x, w, *, bias=False, padding=0, stride=1):
    """RIGHT: a list instead of a tuple, and the options in another order."""
    gradients = [my_dx(dy, w, x.shape, stride, padding), my_dw(dy, x, w.shape, stride, padding), None]
    if bias:
        gradients[2] = np.einsum("npqc->c", dy)
    return gradients
