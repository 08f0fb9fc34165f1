"""Answers to the pooling exercises, as students hand them in."""
import numpy as np


def sides(kernel_size, stride, padding):
    def two(v):
        return (v, v) if isinstance(v, int) else tuple(v)
    kernel = two(kernel_size)
    return kernel, kernel if stride is None else two(stride), two(padding)


def pooled(size, k, s, p):
    return (size + 2 * p - k) // s + 1


# ---- maximum, wrong ------------------------------------------------------------------------------------------------------

def max_pool2d__zeros_win(x, kernel_size, *, stride=None, padding=0):
    """WRONG: padded with zeros, which win over negative values; -inf has to be padded."""
    (kh, kw), (sh, sw), (ph, pw) = sides(kernel_size, stride, padding)
    n, h, w, c = x.shape
    xp = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)))
    y = np.zeros((n, pooled(h, kh, sh, ph), pooled(w, kw, sw, pw), c), dtype=x.dtype)
    argmax = np.zeros(y.shape, dtype=np.int64)
    for image, p, q, ch in np.ndindex(*y.shape):
        window = xp[image, p * sh:p * sh + kh, q * sw:q * sw + kw, ch]
        i, j = np.unravel_index(window.argmax(), window.shape)
        y[image, p, q, ch] = window[i, j]
        row, col = np.clip(p * sh + i - ph, 0, h - 1), np.clip(q * sw + j - pw, 0, w - 1)
        argmax[image, p, q, ch] = row * w + col
    return y, argmax


def windows_of(x, kernel_size, stride, padding):
    (kh, kw), (sh, sw), (ph, pw) = sides(kernel_size, stride, padding)
    xp = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(xp, (kh, kw), axis=(1, 2))[:, ::sh, ::sw]
    return windows.reshape(*windows.shape[:4], kh * kw), (kh, kw), (sh, sw), (ph, pw)


def max_pool2d__position_in_window(x, kernel_size, *, stride=None, padding=0):
    """WRONG: argmax is the position in the window instead of in the image."""
    windows, *_ = windows_of(x, kernel_size, stride, padding)
    return windows.max(axis=-1), windows.argmax(axis=-1)


def max_pool2d__position_in_padded(x, kernel_size, *, stride=None, padding=0):
    """WRONG: argmax counts in the padded image."""
    windows, (kh, kw), (sh, sw), (ph, pw) = windows_of(x, kernel_size, stride, padding)
    i, j = np.divmod(windows.argmax(axis=-1), kw)
    rows = i + (np.arange(windows.shape[1]) * sh)[:, None, None]
    cols = j + (np.arange(windows.shape[2]) * sw)[:, None]
    return windows.max(axis=-1), rows * (x.shape[2] + 2 * pw) + cols


def max_pool2d__only_values(x, kernel_size, *, stride=None, padding=0):
    """WRONG: argmax is not returned."""
    windows, *_ = windows_of(x, kernel_size, stride, padding)
    return windows.max(axis=-1)


def max_pool2d__stride_one(x, kernel_size, *, stride=None, padding=0):
    """WRONG: without a stride the windows move by one; the default is the kernel's size."""
    windows, (kh, kw), (sh, sw), (ph, pw) = windows_of(x, kernel_size, 1 if stride is None else stride, padding)
    i, j = np.divmod(windows.argmax(axis=-1), kw)
    rows = i + (np.arange(windows.shape[1]) * sh)[:, None, None] - ph
    cols = j + (np.arange(windows.shape[2]) * sw)[:, None] - pw
    return windows.max(axis=-1), rows * x.shape[2] + cols


def max_pool2d_backward__overwrites(dy, argmax, x_shape):
    """WRONG: where windows overlap the last gradient overwrites the others."""
    n, h, w, c = x_shape
    dx = np.zeros((n, h * w, c), dtype=dy.dtype)
    for p, q in np.ndindex(dy.shape[1:3]):
        np.put_along_axis(dx, argmax[:, p, q][:, None], dy[:, p, q][:, None], axis=1)
    return dx.reshape(x_shape)


def max_pool2d_backward__fancy_plus(dy, argmax, x_shape):
    """WRONG: dx[index] += dy adds once where an index comes several times; np.add.at adds each."""
    n, h, w, c = x_shape
    dx = np.zeros((n, h * w, c), dtype=dy.dtype)
    dx[np.arange(n)[:, None, None], argmax.reshape(n, -1, c), np.arange(c)] += dy.reshape(n, -1, c)
    return dx.reshape(x_shape)


def max_pool2d_backward__height_for_width(dy, argmax, x_shape):
    """WRONG: the position is taken apart with the height, divmod(argmax, H), instead of the width."""
    n, h, w, c = x_shape
    dx = np.zeros(x_shape, dtype=dy.dtype)
    for image, p, q, ch in np.ndindex(*dy.shape):
        row, col = divmod(argmax[image, p, q, ch], h)
        dx[image, row % h, col % w, ch] += dy[image, p, q, ch]
    return dx


def max_pool2d_backward__first_image(dy, argmax, x_shape):
    """WRONG: the winners of the first image are used for all."""
    n, h, w, c = x_shape
    dx = np.zeros((n, h * w, c), dtype=dy.dtype)
    for image, p, q, ch in np.ndindex(*dy.shape):
        dx[image, argmax[0, p, q, ch], ch] += dy[image, p, q, ch]
    return dx.reshape(x_shape)


# ---- mean, wrong ---------------------------------------------------------------------------------------------------------

def avg_pool2d__sum(x, kernel_size, *, stride=None, padding=0):
    """WRONG: the sum of each window; the division is missing."""
    (kh, kw), (sh, sw), (ph, pw) = sides(kernel_size, stride, padding)
    xp = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)))
    return np.lib.stride_tricks.sliding_window_view(xp, (kh, kw), axis=(1, 2))[:, ::sh, ::sw].sum(axis=(-2, -1))


def avg_pool2d__padding_always_counts(x, kernel_size, *, stride=None, padding=0, count_include_pad=True):
    """WRONG: count_include_pad is not used: the padded zeros always count."""
    (kh, kw), (sh, sw), (ph, pw) = sides(kernel_size, stride, padding)
    xp = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)))
    return np.lib.stride_tricks.sliding_window_view(xp, (kh, kw), axis=(1, 2))[:, ::sh, ::sw].mean(axis=(-2, -1))


def avg_pool2d__padding_never_counts(x, kernel_size, *, stride=None, padding=0):
    """WRONG: divided by the pixels inside the image, though padding counts by default."""
    (kh, kw), (sh, sw), (ph, pw) = sides(kernel_size, stride, padding)
    xp = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)), constant_values=np.nan)
    return np.nanmean(np.lib.stride_tricks.sliding_window_view(xp, (kh, kw), axis=(1, 2))[:, ::sh, ::sw], axis=(-2, -1))


def avg_pool2d_backward__not_divided(dy, x_shape, kernel_size, *, stride=None, padding=0):
    """WRONG: every pixel of a window gets all of dy."""
    (kh, kw), (sh, sw), (ph, pw) = sides(kernel_size, stride, padding)
    n, h, w, c = x_shape
    dxp = np.zeros((n, h + 2 * ph, w + 2 * pw, c), dtype=dy.dtype)
    for p, q in np.ndindex(dy.shape[1:3]):
        dxp[:, p * sh:p * sh + kh, q * sw:q * sw + kw] += dy[:, p:p + 1, q:q + 1]
    return dxp[:, ph:ph + h, pw:pw + w]


def avg_pool2d_backward__overlap_overwritten(dy, x_shape, kernel_size, *, stride=None, padding=0):
    """WRONG: = instead of +=, which shows where windows overlap."""
    (kh, kw), (sh, sw), (ph, pw) = sides(kernel_size, stride, padding)
    n, h, w, c = x_shape
    dxp = np.zeros((n, h + 2 * ph, w + 2 * pw, c), dtype=dy.dtype)
    for p, q in np.ndindex(dy.shape[1:3]):
        dxp[:, p * sh:p * sh + kh, q * sw:q * sw + kw] = dy[:, p:p + 1, q:q + 1] / (kh * kw)
    return dxp[:, ph:ph + h, pw:pw + w]


def avg_pool2d_backward__square_of_height(dy, x_shape, kernel_size, *, stride=None, padding=0):
    """WRONG: divided by KH * KH."""
    (kh, kw), (sh, sw), (ph, pw) = sides(kernel_size, stride, padding)
    n, h, w, c = x_shape
    dxp = np.zeros((n, h + 2 * ph, w + 2 * pw, c), dtype=dy.dtype)
    for p, q in np.ndindex(dy.shape[1:3]):
        dxp[:, p * sh:p * sh + kh, q * sw:q * sw + kw] += dy[:, p:p + 1, q:q + 1] / kh ** 2
    return dxp[:, ph:ph + h, pw:pw + w]


# ---- right ---------------------------------------------------------------------------------------------------------------

def max_pool2d__sliding_windows(x, kernel_size, *, stride=None, padding=0):
    """RIGHT: sliding windows over an image padded with -inf; no ceil_mode."""
    windows, (kh, kw), (sh, sw), (ph, pw) = windows_of(x, kernel_size, stride, padding)
    i, j = np.divmod(windows.argmax(axis=-1), kw)
    rows = i + (np.arange(windows.shape[1]) * sh)[:, None, None] - ph
    cols = j + (np.arange(windows.shape[2]) * sw)[:, None] - pw
    return windows.max(axis=-1), rows * x.shape[2] + cols


def max_pool2d_backward__bincount(dy, argmax, x_shape):
    """RIGHT: np.bincount adds up all that goes to one position."""
    n, h, w, c = x_shape
    image, channel = np.arange(n).reshape(n, 1, 1, 1), np.arange(c)
    flat = (image * h * w + argmax) * c + channel
    return np.bincount(flat.ravel(), weights=dy.ravel(), minlength=n * h * w * c).reshape(x_shape).astype(dy.dtype)


def avg_pool2d_backward__loops(dy, x_shape, kernel_size, *, stride=None, padding=0):
    """RIGHT: a loop over windows on a padded array, and a view of its middle."""
    (kh, kw), (sh, sw), (ph, pw) = sides(kernel_size, stride, padding)
    n, h, w, c = x_shape
    dxp = np.zeros((n, h + 2 * ph, w + 2 * pw, c), dtype=dy.dtype)
    for p, q in np.ndindex(dy.shape[1:3]):
        dxp[:, p * sh:p * sh + kh, q * sw:q * sw + kw] += dy[:, p:p + 1, q:q + 1] / (kh * kw)
    return dxp[:, ph:ph + h, pw:pw + w]
