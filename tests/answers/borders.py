"""Answers about borders, groups, shapes and buffers of convolution, linear and pooling, as students hand them in."""
import numpy as np


def two(v):
    return (v, v) if isinstance(v, (int, np.integer)) else tuple(v)


def sizes(x, w, stride, padding, dilation=(1, 1)):
    return tuple((length + 2 * a - d * (k - 1) - 1) // t + 1
                 for length, a, d, k, t in zip(x.shape[1:3], padding, dilation, w.shape[2:], stride))


def padded(x, padding):
    return np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)))


def windows_of(x, kernel, stride, padding):
    return np.lib.stride_tricks.sliding_window_view(padded(x, padding), kernel, axis=(1, 2))[:, ::stride[0], ::stride[1]]


# ---- padding at one end --------------------------------------------------------------------------------------------------

def conv2d__padding_below_and_right(x, w, b=None, *, stride=1, padding=0):
    """WRONG: all of the padding lies below and on the right."""
    (sh, sw), (ph, pw) = two(stride), two(padding)
    xp = np.pad(x, ((0, 0), (0, 2 * ph), (0, 2 * pw), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(xp, w.shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    y = np.einsum("npqsij,csij->npqc", windows, w)
    return y if b is None else y + b


def conv2d__padded_once(x, w, b=None, *, stride=1, padding=0):
    """WRONG: np.pad with (p, 0): a padding above and on the left, none below and on the right, so y is too small."""
    (sh, sw), (ph, pw) = two(stride), two(padding)
    xp = np.pad(x, ((0, 0), (ph, 0), (pw, 0), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(xp, w.shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    y = np.einsum("npqsij,csij->npqc", windows, w)
    return y if b is None else y + b


def conv2d_backward_input__cropped_at_the_end(dy, w, x_shape, *, stride=1, padding=0):
    """WRONG: the padded gradient is cut off at [2p:], as if all padding lay above and on the left."""
    (sh, sw), (ph, pw) = two(stride), two(padding)
    dxp = np.zeros((x_shape[0], x_shape[1] + 2 * ph, x_shape[2] + 2 * pw, x_shape[3]), dtype=dy.dtype)
    for p, q in np.ndindex(*dy.shape[1:3]):
        dxp[:, p * sh:p * sh + w.shape[2], q * sw:q * sw + w.shape[3]] += np.einsum("nc,csij->nijs", dy[:, p, q], w)
    return dxp[:, 2 * ph:, 2 * pw:]


def conv2d_backward_weight__padding_below_and_right(dy, x, w_shape, *, stride=1, padding=0):
    """WRONG: x is padded below and on the right only."""
    (sh, sw), (ph, pw) = two(stride), two(padding)
    xp = np.pad(x, ((0, 0), (0, 2 * ph), (0, 2 * pw), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(xp, w_shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    return np.einsum("npqc,npqsij->csij", dy, windows)


def avg_pool2d__padding_below_and_right(x, kernel_size, *, stride=None, padding=0):
    """WRONG: all of the padding lies below and on the right."""
    (kh, kw), (ph, pw) = two(kernel_size), two(padding)
    sh, sw = (kh, kw) if stride is None else two(stride)
    xp = np.pad(x, ((0, 0), (0, 2 * ph), (0, 2 * pw), (0, 0)))
    return np.lib.stride_tricks.sliding_window_view(xp, (kh, kw), axis=(1, 2))[:, ::sh, ::sw].mean(axis=(4, 5))


# ---- sizes of gradients --------------------------------------------------------------------------------------------------

def conv2d_backward_input__size_of_dy(dy, w, x_shape, *, stride=1, padding=0):
    """WRONG: dx has the rows and columns of dy."""
    (sh, sw), (ph, pw) = two(stride), two(padding)
    dx = np.zeros((x_shape[0], *dy.shape[1:3], x_shape[3]), dtype=dy.dtype)
    for p, q, i, j in np.ndindex(*dy.shape[1:3], *w.shape[2:]):
        row, col = p * sh + i - ph, q * sw + j - pw
        if 0 <= row < dx.shape[1] and 0 <= col < dx.shape[2]:
            dx[:, row, col] += dy[:, p, q] @ w[:, :, i, j]
    return dx


def conv2d_backward_weight__kernel_from_sizes(dy, x, w_shape, *, stride=1, padding=0):
    """WRONG: the kernel's size is worked out from x and dy, which is too large where a stride left a rest."""
    (sh, sw), (ph, pw) = two(stride), two(padding)
    xp = padded(x, (ph, pw))
    kh, kw = xp.shape[1] - (dy.shape[1] - 1) * sh, xp.shape[2] - (dy.shape[2] - 1) * sw
    dw = np.zeros((dy.shape[3], x.shape[3], kh, kw), dtype=x.dtype)
    for i, j in np.ndindex(kh, kw):
        cut = xp[:, i:i + (dy.shape[1] - 1) * sh + 1:sh, j:j + (dy.shape[2] - 1) * sw + 1:sw]
        dw[:, :, i, j] = np.einsum("npqc,npqs->cs", dy, cut)
    return dw


def avg_pool2d_backward__size_of_padded(dy, x_shape, kernel_size, *, stride=None, padding=0):
    """WRONG: the gradient of the padded image, padding and all."""
    (kh, kw), (ph, pw) = two(kernel_size), two(padding)
    sh, sw = (kh, kw) if stride is None else two(stride)
    dxp = np.zeros((x_shape[0], x_shape[1] + 2 * ph, x_shape[2] + 2 * pw, x_shape[3]), dtype=dy.dtype)
    for p, q in np.ndindex(*dy.shape[1:3]):
        dxp[:, p * sh:p * sh + kh, q * sw:q * sw + kw] += dy[:, p:p + 1, q:q + 1] / (kh * kw)
    return dxp


def max_pool2d_backward__flat(dy, argmax, x_shape):
    """WRONG: dx is left flat, (N, H W, C)."""
    n, h, w, c = x_shape
    dx = np.zeros((n, h * w, c), dtype=dy.dtype)
    for at in np.ndindex(*dy.shape):
        dx[at[0], argmax[at], at[3]] += dy[at]
    return dx


# ---- loops that end too early --------------------------------------------------------------------------------------------

def conv2d__range_short(x, w, b=None, *, stride=1, padding=0):
    """WRONG: range(OH - 1) and range(OW - 1): the last row and column of y are never written; b is added to all."""
    stride, padding = two(stride), two(padding)
    oh, ow = sizes(x, w, stride, padding)
    windows = windows_of(x, w.shape[2:], stride, padding)
    y = np.zeros((len(x), oh, ow, len(w)), dtype=x.dtype)
    for p in range(oh - 1):
        for q in range(ow - 1):
            y[:, p, q] = np.einsum("nsij,csij->nc", windows[:, p, q], w)
    return y if b is None else y + b


def conv2d__last_row_not_visited(x, w, b=None, *, stride=1, padding=0):
    """WRONG: range(OH - 1): the last row of y stays zero."""
    stride, padding = two(stride), two(padding)
    oh, ow = sizes(x, w, stride, padding)
    windows = windows_of(x, w.shape[2:], stride, padding)
    y = np.zeros((len(x), oh, ow, len(w)), dtype=x.dtype)
    for p in range(oh - 1):
        for q in range(ow):
            y[:, p, q] = np.einsum("nsij,csij->nc", windows[:, p, q], w) + (0 if b is None else b)
    return y


def conv2d_backward_input__range_short(dy, w, x_shape, *, stride=1, padding=0):
    """WRONG: range(OH - 1) and range(OW - 1): the last row and column of dy are never read."""
    (sh, sw), (ph, pw) = two(stride), two(padding)
    dxp = np.zeros((x_shape[0], x_shape[1] + 2 * ph, x_shape[2] + 2 * pw, x_shape[3]), dtype=dy.dtype)
    for p in range(dy.shape[1] - 1):
        for q in range(dy.shape[2] - 1):
            dxp[:, p * sh:p * sh + w.shape[2], q * sw:q * sw + w.shape[3]] += np.einsum("nc,csij->nijs", dy[:, p, q], w)
    return dxp[:, ph:ph + x_shape[1], pw:pw + x_shape[2]]


def conv2d_backward_weight__last_column_not_read(dy, x, w_shape, *, stride=1, padding=0):
    """WRONG: range(OW - 1): the last column of dy is never read."""
    windows = windows_of(x, w_shape[2:], two(stride), two(padding))
    dw = np.zeros(w_shape, dtype=x.dtype)
    for p in range(dy.shape[1]):
        for q in range(dy.shape[2] - 1):
            dw += np.einsum("nc,nsij->csij", dy[:, p, q], windows[:, p, q])
    return dw


def avg_pool2d_backward__range_short(dy, x_shape, kernel_size, *, stride=None, padding=0):
    """WRONG: range(OH - 1) and range(OW - 1) over the windows."""
    (kh, kw), (ph, pw) = two(kernel_size), two(padding)
    sh, sw = (kh, kw) if stride is None else two(stride)
    dxp = np.zeros((x_shape[0], x_shape[1] + 2 * ph, x_shape[2] + 2 * pw, x_shape[3]), dtype=dy.dtype)
    for p in range(dy.shape[1] - 1):
        for q in range(dy.shape[2] - 1):
            dxp[:, p * sh:p * sh + kh, q * sw:q * sw + kw] += dy[:, p:p + 1, q:q + 1] / (kh * kw)
    return dxp[:, ph:ph + x_shape[1], pw:pw + x_shape[2]]


def max_pool2d_backward__range_short(dy, argmax, x_shape):
    """WRONG: range(OH - 1): the last row of windows is left out."""
    n, h, w, c = x_shape
    dx = np.zeros(x_shape, dtype=dy.dtype)
    for image, p, q, ch in np.ndindex(n, dy.shape[1] - 1, dy.shape[2], c):
        dx[image, argmax[image, p, q, ch] // w, argmax[image, p, q, ch] % w, ch] += dy[image, p, q, ch]
    return dx


# ---- indices that wrap ---------------------------------------------------------------------------------------------------

def conv2d__negative_index(x, w, b=None, *, stride=1, padding=0):
    """WRONG: only the far border is checked; a negative index reads from the far side."""
    (sh, sw), (ph, pw) = two(stride), two(padding)
    y = np.zeros((len(x), *sizes(x, w, (sh, sw), (ph, pw)), len(w)), dtype=x.dtype)
    for p, q, i, j in np.ndindex(*y.shape[1:3], *w.shape[2:]):
        row, col = p * sh + i - ph, q * sw + j - pw
        if row < x.shape[1] and col < x.shape[2]:
            y[:, p, q] += x[:, row, col] @ w[:, :, i, j].T
    return y if b is None else y + b


def conv2d__circular(x, w, b=None, *, stride=1, padding=0):
    """WRONG: np.pad(mode="wrap"): beyond the border the image begins anew."""
    (sh, sw), (ph, pw) = two(stride), two(padding)
    xp = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)), mode="wrap")
    windows = np.lib.stride_tricks.sliding_window_view(xp, w.shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    y = np.einsum("npqsij,csij->npqc", windows, w)
    return y if b is None else y + b


def conv2d_backward_input__modulo(dy, w, x_shape, *, stride=1, padding=0):
    """WRONG: row % H and col % W "so that no index is out of range"."""
    (sh, sw), (ph, pw) = two(stride), two(padding)
    dx = np.zeros(x_shape, dtype=dy.dtype)
    for p, q, i, j in np.ndindex(*dy.shape[1:3], *w.shape[2:]):
        dx[:, (p * sh + i - ph) % x_shape[1], (q * sw + j - pw) % x_shape[2]] += dy[:, p, q] @ w[:, :, i, j]
    return dx


def conv2d_backward_weight__modulo(dy, x, w_shape, *, stride=1, padding=0):
    """WRONG: x is read at row % H and col % W."""
    (sh, sw), (ph, pw) = two(stride), two(padding)
    dw = np.zeros(w_shape, dtype=x.dtype)
    for p, q, i, j in np.ndindex(*dy.shape[1:3], *w_shape[2:]):
        dw[:, :, i, j] += dy[:, p, q].T @ x[:, (p * sh + i - ph) % x.shape[1], (q * sw + j - pw) % x.shape[2]]
    return dw


def conv2d__mirrored(x, w, b=None, *, stride=1, padding=0):
    """WRONG: np.pad(mode="symmetric"): the border is mirrored."""
    (sh, sw), (ph, pw) = two(stride), two(padding)
    xp = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(xp, w.shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    y = np.einsum("npqsij,csij->npqc", windows, w)
    return y if b is None else y + b


# ---- stride, dilation, groups --------------------------------------------------------------------------------------------

def conv2d__stride_and_dilation_exchanged(x, w, b=None, *, stride=1, padding=0, dilation=1):
    """WRONG: the stride multiplies the tap and the dilation the position; the output's size is right."""
    (sh, sw), (ph, pw), (dh, dw) = two(stride), two(padding), two(dilation)
    y = np.zeros((len(x), *sizes(x, w, (sh, sw), (ph, pw), (dh, dw)), len(w)), dtype=x.dtype)
    for p, q, i, j in np.ndindex(*y.shape[1:3], *w.shape[2:]):
        row, col = p * dh + i * sh - ph, q * dw + j * sw - pw
        if 0 <= row < x.shape[1] and 0 <= col < x.shape[2]:
            y[:, p, q] += x[:, row, col] @ w[:, :, i, j].T
    return y if b is None else y + b


def conv2d__options_in_the_other_order(x, w, b=None, *, stride=1, padding=0, dilation=1):
    """WRONG: a helper gets (dilation, stride) where it wants (stride, dilation): the size of y is wrong too."""
    (dh, dw), (ph, pw), (sh, sw) = two(stride), two(padding), two(dilation)
    oh, ow = sizes(x, w, (sh, sw), (ph, pw), (dh, dw))
    y, xp = np.zeros((len(x), max(oh, 0), max(ow, 0), len(w)), dtype=x.dtype), padded(x, (ph, pw))
    for p, q, i, j in np.ndindex(*y.shape[1:3], *w.shape[2:]):
        y[:, p, q] += xp[:, p * sh + i * dh, q * sw + j * dw] @ w[:, :, i, j].T
    return y if b is None else y + b


def conv2d_backward_input__stride_and_dilation_exchanged(dy, w, x_shape, *, stride=1, padding=0, dilation=1):
    """WRONG: dx writes at p dilation + i stride - padding."""
    (sh, sw), (ph, pw), (dh, dw) = two(stride), two(padding), two(dilation)
    dx = np.zeros(x_shape, dtype=dy.dtype)
    for p, q, i, j in np.ndindex(*dy.shape[1:3], *w.shape[2:]):
        row, col = p * dh + i * sh - ph, q * dw + j * sw - pw
        if 0 <= row < x_shape[1] and 0 <= col < x_shape[2]:
            dx[:, row, col] += dy[:, p, q] @ w[:, :, i, j]
    return dx


def conv2d__groups_of_every_gth_channel(x, w, b=None, *, stride=1, padding=0, groups=1):
    """WRONG: group g takes every groups-th channel of x, x[..., g::groups]; a group is a block of neighbours."""
    windows = windows_of(x, w.shape[2:], two(stride), two(padding))
    y = np.zeros((*windows.shape[:3], len(w)), dtype=x.dtype)
    size = len(w) // groups
    for g in range(groups):
        y[..., g * size:(g + 1) * size] = np.einsum("npqsij,csij->npqc", windows[:, :, :, g::groups],
                                                    w[g * size:(g + 1) * size])
    return y if b is None else y + b


def conv2d__groups_interleaved_throughout(x, w, b=None, *, stride=1, padding=0, groups=1):
    """WRONG: group g has the channels g::groups of x, of w and of y."""
    windows = windows_of(x, w.shape[2:], two(stride), two(padding))
    y = np.zeros((*windows.shape[:3], len(w)), dtype=x.dtype)
    for g in range(groups):
        y[..., g::groups] = np.einsum("npqsij,csij->npqc", windows[:, :, :, g::groups], w[g::groups])
    return y if b is None else y + b


def conv2d__groups_joined_the_other_way(x, w, b=None, *, stride=1, padding=0, groups=1):
    """WRONG: the outputs of the groups are stacked as the last axis, so that they alternate after the reshape."""
    windows, (size, per) = windows_of(x, w.shape[2:], two(stride), two(padding)), (len(w) // groups, w.shape[1])
    parts = [np.einsum("npqsij,csij->npqc", windows[:, :, :, g * per:(g + 1) * per], w[g * size:(g + 1) * size])
             for g in range(groups)]
    y = np.stack(parts, axis=-1).reshape(*windows.shape[:3], len(w))
    return y if b is None else y + b


def conv2d_backward_weight__groups_of_every_gth_channel(dy, x, w_shape, *, stride=1, padding=0, groups=1):
    """WRONG: the dw of group g is made from x[..., g::groups]."""
    windows, size = windows_of(x, w_shape[2:], two(stride), two(padding)), w_shape[0] // groups
    windows = windows[:, :dy.shape[1], :dy.shape[2]]
    return np.concatenate([np.einsum("npqc,npqsij->csij", dy[..., g * size:(g + 1) * size], windows[:, :, :, g::groups])
                           for g in range(groups)])


def conv2d_backward_input__groups_of_every_gth_channel(dy, w, x_shape, *, stride=1, padding=0, groups=1):
    """WRONG: the dx of group g is added to dx[..., g::groups]."""
    (sh, sw), (ph, pw), size = two(stride), two(padding), len(w) // groups
    dxp = np.zeros((x_shape[0], x_shape[1] + 2 * ph, x_shape[2] + 2 * pw, x_shape[3]), dtype=dy.dtype)
    for p, q in np.ndindex(*dy.shape[1:3]):
        for g in range(groups):
            part = slice(g * size, (g + 1) * size)
            dxp[:, p * sh:p * sh + w.shape[2], q * sw:q * sw + w.shape[3], g::groups] += np.einsum(
                "nc,csij->nijs", dy[:, p, q, part], w[part])
    return dxp[:, ph:ph + x_shape[1], pw:pw + x_shape[2]]


# ---- arrays that were not cleared ----------------------------------------------------------------------------------------

def conv2d__empty(x, w, b=None, *, stride=1, padding=0):
    """WRONG: y = np.empty(shape) and then y += in the loop over the taps."""
    (sh, sw), padding = two(stride), two(padding)
    oh, ow = sizes(x, w, (sh, sw), padding)
    y, xp = np.empty((len(x), oh, ow, len(w)), dtype=x.dtype), padded(x, padding)
    for i, j in np.ndindex(*w.shape[2:]):
        y += xp[:, i:i + (oh - 1) * sh + 1:sh, j:j + (ow - 1) * sw + 1:sw] @ w[:, :, i, j].T
    return y if b is None else y + b


def conv2d_backward_weight__empty_like(dy, x, w_shape, *, stride=1, padding=0):
    """WRONG: dw = np.empty(w_shape), to which every image adds its share."""
    windows = windows_of(x, w_shape[2:], two(stride), two(padding))
    dw = np.empty(w_shape)
    for n in range(len(x)):
        dw += np.einsum("pqc,pqsij->csij", dy[n], windows[n])
    return dw


def max_pool2d_backward__empty_like(dy, argmax, x_shape):
    """WRONG: dx = np.empty(x_shape): where no window has its maximum it is never written."""
    n, h, w, c = x_shape
    dx = np.empty((n, h * w, c))
    for image, p, q, ch in np.ndindex(*dy.shape):
        dx[image, argmax[image, p, q, ch], ch] = 0
    for image, p, q, ch in np.ndindex(*dy.shape):
        dx[image, argmax[image, p, q, ch], ch] += dy[image, p, q, ch]
    return dx.reshape(x_shape)


def linear__empty(x, w, b=None):
    """WRONG: y = np.empty(shape), and y += for each input."""
    y = np.empty((len(x), len(w)))
    for i in range(x.shape[1]):
        y += x[:, i:i + 1] * w[:, i]
    return y if b is None else y + b


# ---- forwards that are wrong as backwards would be ----------------------------------------------------------------------

def conv2d__keeps_the_images_last(x, w, b=None, *, stride=1, padding=0):
    """WRONG: y is (C_out, H', W', N)."""
    y = np.einsum("npqsij,csij->cpqn", windows_of(x, w.shape[2:], two(stride), two(padding)), w)
    return y if b is None else y + b[:, None, None, None]


def conv2d__tuple(x, w, b=None, *, stride=1, padding=0):
    """WRONG: y and the windows are returned, "for the backward"."""
    windows = windows_of(x, w.shape[2:], two(stride), two(padding))
    y = np.einsum("npqsij,csij->npqc", windows, w)
    return (y if b is None else y + b), windows


def max_pool2d__argmax_first(x, kernel_size, *, stride=None, padding=0):
    """WRONG: argmax comes before y."""
    (kh, kw), (ph, pw) = two(kernel_size), two(padding)
    sh, sw = (kh, kw) if stride is None else two(stride)
    xp = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(xp, (kh, kw), axis=(1, 2))[:, ::sh, ::sw]
    windows = windows.reshape(*windows.shape[:4], kh * kw)
    i, j = np.divmod(windows.argmax(axis=-1), kw)
    rows = (np.arange(windows.shape[1]) * sh)[:, None, None] + i - ph
    return rows * x.shape[2] + (np.arange(windows.shape[2]) * sw)[:, None] + j - pw, windows.max(axis=-1)


def linear__keeps_the_inputs(x, w, b=None):
    """WRONG: the products are not added up: (N, out, in)."""
    y = x[:, None, :] * w
    return y if b is None else y + b[:, None]


def linear__minus_bias(x, w, b=None):
    """WRONG: the bias is subtracted."""
    return x @ w.T if b is None else x @ w.T - b


def softmax_cross_entropy__sum_without_keepdims(logits, labels, *, label_smoothing=0.0):
    """WRONG: the sum of each row without keepdims: it raises unless N = K, and then divides by another image's sum."""
    n, k = logits.shape
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1)
    q = np.full((n, k), label_smoothing / k)
    q[np.arange(n), labels] += 1 - label_smoothing
    return -(q * np.log(p)).sum() / n, p


def conv2d__norm_without_keepdims(x, w, b=None, *, stride=1, padding=0):
    """WRONG: each kernel is divided by its sum and multiplied by it again, the first time without keepdims."""
    total = np.abs(w).sum(axis=(1, 2, 3))
    windows = windows_of(x, w.shape[2:], two(stride), two(padding))
    y = np.einsum("npqsij,csij->npqc", windows, w / total) * total
    return y if b is None else y + b


def conv2d_backward__stride_forgotten_in_both(dy, x, w, *, stride=1, padding=0, bias=False):
    """WRONG: neither dx nor dw moves its window by the stride."""
    (ph, pw), (kh, kw) = two(padding), w.shape[2:]
    xp = padded(x, (ph, pw))
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    for p, q in np.ndindex(*dy.shape[1:3]):
        dxp[:, p:p + kh, q:q + kw] += np.einsum("nc,csij->nijs", dy[:, p, q], w)
        dw += np.einsum("nc,nijs->csij", dy[:, p, q], xp[:, p:p + kh, q:q + kw])
    return dxp[:, ph:ph + x.shape[1], pw:pw + x.shape[2]], dw, dy.sum(axis=(0, 1, 2)) if bias else None


def conv2d_backward_weight__last_position_wins(dy, x, w_shape, *, stride=1, padding=0):
    """WRONG: dw = instead of dw += in the loop over the positions."""
    windows = windows_of(x, w_shape[2:], two(stride), two(padding))
    for p, q in np.ndindex(*dy.shape[1:3]):
        dw = np.einsum("nc,nsij->csij", dy[:, p, q], windows[:, p, q])
    return dw


def linear__needs_a_bias(x, w, b=None):
    """WRONG: b is added even where it is None."""
    return x @ w.T + b


# ---- right ---------------------------------------------------------------------------------------------------------------

def conv2d__empty_and_written(x, w, b=None, *, stride=1, padding=0):
    """RIGHT: np.empty, and every number of it is written."""
    stride, padding = two(stride), two(padding)
    windows = windows_of(x, w.shape[2:], stride, padding)
    y = np.empty((*windows.shape[:3], len(w)), dtype=np.result_type(x, w))
    for c in range(len(w)):
        y[..., c] = np.einsum("npqsij,sij->npq", windows, w[c])
    return y if b is None else np.add(y, b, out=y)


def conv2d_backward_weight__empty_then_filled(dy, x, w_shape, *, stride=1, padding=0):
    """RIGHT: np.empty_like, set to zero by fill()."""
    windows = windows_of(x, w_shape[2:], two(stride), two(padding))
    dw = np.empty(w_shape, dtype=x.dtype)
    dw.fill(0)
    for n in range(len(x)):
        dw += np.einsum("pqc,pqsij->csij", dy[n], windows[n, :dy.shape[1], :dy.shape[2]])
    return dw


def conv2d__clipped_index(x, w, b=None, *, stride=1, padding=0):
    """RIGHT: indices are clipped, and what was clipped counts zero times."""
    (sh, sw), (ph, pw), (n, h, width, _) = two(stride), two(padding), x.shape
    y = np.zeros((n, *sizes(x, w, (sh, sw), (ph, pw)), len(w)), dtype=x.dtype)
    for p, q, i, j in np.ndindex(*y.shape[1:3], *w.shape[2:]):
        row, col = p * sh + i - ph, q * sw + j - pw
        inside = 0 <= row < h and 0 <= col < width
        y[:, p, q] += inside * x[:, min(max(row, 0), h - 1), min(max(col, 0), width - 1)] @ w[:, :, i, j].T
    return y if b is None else y + b
