"""Max and average pooling over windows, as in the stems and transitions of the ImageNet networks (the paper's Table 1).

A window starts at row p t - a and column q t - a (stride t, padding a). The bodies read it tap by tap, as in the
convolution. For each tap, `_taps` gives the rows and columns of the image under it, and which of them are inside the image.
"""
import numpy as np

from minisenet import arguments
from minisenet.backend import kernelised


def pooled_size(size, kernel, stride, padding, ceil_mode):
    """Along one side. With ceil_mode the last window may be cut off, but it starts inside the image or its left padding."""
    out = -(-(size + 2 * padding - kernel) // stride) + 1 if ceil_mode else (size + 2 * padding - kernel) // stride + 1
    return out - 1 if ceil_mode and (out - 1) * stride >= size + padding else out


def _geometry(x_shape, kernel_size, stride, padding, ceil_mode):
    kernel = arguments.pair("kernel_size", kernel_size, 1)
    stride = kernel if stride is None else arguments.pair("stride", stride, 1)
    padding = arguments.pair("padding", padding, 0)
    if any(2 * p > k for p, k in zip(padding, kernel)):
        raise ValueError(f"padding must be at most half of kernel_size {kernel}, got {padding}")
    out = [pooled_size(*side, ceil_mode) for side in zip(x_shape[1:3], kernel, stride, padding)]
    if min(out) < 1:
        raise ValueError(f"kernel_size must be at most {x_shape[1] + 2 * padding[0]} x {x_shape[2] + 2 * padding[1]}, the padded "
                         f"image, got {kernel[0]} x {kernel[1]}: use a smaller window")
    return (x_shape[0], *out, x_shape[3]), dict(kernel_size=kernel, stride=stride, padding=padding, ceil_mode=bool(ceil_mode))


def _check_max(x, kernel_size, *, stride=None, padding=0, ceil_mode=False):
    x, = arguments.arrays(x=(x, 4))
    _, options = _geometry(x.shape, kernel_size, stride, padding, ceil_mode)
    return (x, options.pop("kernel_size")), options


def _check_max_backward(dy, argmax, x_shape):
    dy, = arguments.arrays(dy=(dy, 4))
    x_shape = arguments.shape("x_shape", x_shape, 4)
    argmax = arguments.array("argmax", argmax, 4)
    if not np.issubdtype(argmax.dtype, np.integer):
        raise TypeError(f"argmax must be integers, as max_pool2d returns them, got {argmax.dtype}")
    if argmax.shape != dy.shape:
        raise ValueError(f"argmax must have shape {dy.shape} as dy has, got {argmax.shape}")
    if dy.shape[::3] != x_shape[::3]:
        raise ValueError(f"dy must have shape ({x_shape[0]}, any, any, {x_shape[3]}) for x_shape {x_shape}, got {dy.shape}")
    if argmax.min() < 0 or argmax.max() >= x_shape[1] * x_shape[2]:
        raise ValueError(f"argmax must be from 0 to {x_shape[1] * x_shape[2] - 1} for x_shape {x_shape}, got {argmax.min()} to "
                         f"{argmax.max()}")
    return (dy, np.ascontiguousarray(argmax, np.int64), x_shape), {}


def _check_avg(x, kernel_size, *, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    (x, kernel), options = _check_max(x, kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode)
    return (x, kernel), options | dict(count_include_pad=bool(count_include_pad))


def _check_avg_backward(dy, x_shape, kernel_size, *, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    x_shape = arguments.shape("x_shape", x_shape, 4)
    y_shape, options = _geometry(x_shape, kernel_size, stride, padding, ceil_mode)
    dy, = arguments.arrays(dy=(dy, 4, y_shape))
    return (dy, x_shape, options.pop("kernel_size")), options | dict(count_include_pad=bool(count_include_pad))


def _taps(size, out, kernel, stride, padding):
    """For each tap (i, j): the image rows (OH, 1) and columns (OW,) under it, clipped, and where both are inside."""
    for i, j in np.ndindex(*kernel):
        rows = (np.arange(out[0]) * stride[0] + i - padding[0])[:, None]
        columns = np.arange(out[1]) * stride[1] + j - padding[1]
        inside = (0 <= rows) & (rows < size[0]) & (0 <= columns) & (columns < size[1])
        yield rows.clip(0, size[0] - 1), columns.clip(0, size[1] - 1), inside


def _counts(size, out, kernel, stride, padding, count_include_pad):
    """The divisor of each window's sum: how many of its positions are in the image, or in the padded image."""
    def along(side):
        start = np.arange(out[side]) * stride[side] - padding[side]
        stop = start + kernel[side]
        if count_include_pad:
            return np.minimum(stop, size[side] + padding[side]) - start
        return np.minimum(stop, size[side]) - np.maximum(start, 0)
    return along(0)[:, None] * along(1)


@kernelised(_check_max)
def max_pool2d(x, kernel_size, *, stride=None, padding=0, ceil_mode=False):
    """The largest value of each window, and its position.

    Parameters
    ----------
    x : ndarray (N, H, W, C)
    kernel_size, stride, padding : int or (int, int)
        The default stride is kernel_size. padding is at most kernel_size / 2; padding is never the maximum.
    ceil_mode : bool
        Whether the last window may be cut off by the edge, as in the released Caffe models.

    Returns
    -------
    y : ndarray (N, OH, OW, C)
        NaN counts as larger than any number.
    argmax : ndarray (N, OH, OW, C) of int64
        h W + w in the unpadded image; of equal values, the first position.

    Raises
    ------
    TypeError
        If x is not a floating-point NumPy array.
    ValueError
        If padding is larger than half of kernel_size, or if the output would be empty.

    Notes
    -----
    Source: the stems of Table 1.
    """
    n, height, width, c = x.shape
    _, *out, _ = y_shape = (n, *(pooled_size(*s, ceil_mode) for s in zip((height, width), kernel_size, stride, padding)), c)
    y = np.zeros(y_shape, x.dtype)
    argmax = np.full(y_shape, -1, np.int64)
    for rows, columns, inside in _taps((height, width), out, kernel_size, stride, padding):
        candidate = x[:, rows, columns]
        wins = (argmax < 0) | (candidate.real > y.real) | (np.isnan(candidate) & ~np.isnan(y))
        wins &= inside[:, :, None]
        y = np.where(wins, candidate, y)
        argmax = np.where(wins, (rows * width + columns)[:, :, None], argmax)
    return y, argmax


@kernelised(_check_max_backward)
def max_pool2d_backward(dy, argmax, x_shape):
    """The gradient of `max_pool2d`: each dy is added at its maximum's position. Windows may overlap, so gradients add up.

    Parameters
    ----------
    dy : ndarray (N, OH, OW, C)
    argmax : ndarray (N, OH, OW, C) of int
        As returned by `max_pool2d`.
    x_shape : (N, H, W, C)

    Returns
    -------
    dx : ndarray (N, H, W, C)

    Raises
    ------
    TypeError, ValueError
        If an argument is not a NumPy array, if the shapes do not match, or if an argmax is outside the image.

    Notes
    -----
    Source: the subgradient that picks the first maximum.
    """
    n, height, width, c = x_shape
    dx = np.zeros((n, height * width, c), dy.dtype)
    image, channel = np.arange(n)[:, None, None], np.arange(c)
    np.add.at(dx, (image, argmax.reshape(n, -1, c), channel), dy.reshape(n, -1, c))
    return dx.reshape(x_shape)


@kernelised(_check_avg)
def avg_pool2d(x, kernel_size, *, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window.

    Parameters
    ----------
    x : ndarray (N, H, W, C)
    kernel_size, stride, padding, ceil_mode
        As in `max_pool2d`.
    count_include_pad : bool
        Whether padded zeros count as values.

    Returns
    -------
    y : ndarray (N, OH, OW, C)

    Raises
    ------
    TypeError, ValueError
        As `max_pool2d`.

    Notes
    -----
    Source: the pooling branches of BN-Inception and ShuffleNet, section 5.1.
    """
    n, height, width, c = x.shape
    out = [pooled_size(*side, ceil_mode) for side in zip((height, width), kernel_size, stride, padding)]
    y = np.zeros((n, *out, c), x.dtype)
    for rows, columns, inside in _taps((height, width), out, kernel_size, stride, padding):
        y += np.where(inside[:, :, None], x[:, rows, columns], 0)
    counts = _counts((height, width), out, kernel_size, stride, padding, count_include_pad)
    return y / counts[:, :, None].astype(x.real.dtype)


@kernelised(_check_avg_backward)
def avg_pool2d_backward(dy, x_shape, kernel_size, *, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The gradient of `avg_pool2d`: every position of a window gets its dy divided by the window's count.

    Parameters
    ----------
    dy : ndarray (N, OH, OW, C)
    x_shape : (N, H, W, C)
    kernel_size, stride, padding, ceil_mode, count_include_pad
        As given to `avg_pool2d`.

    Returns
    -------
    dx : ndarray (N, H, W, C)

    Raises
    ------
    TypeError, ValueError
        As `avg_pool2d`, and if dy does not have the output's shape.

    Notes
    -----
    Source: derived from the mean.
    """
    size, out = x_shape[1:3], dy.shape[1:3]
    share = dy / _counts(size, out, kernel_size, stride, padding, count_include_pad)[:, :, None].astype(dy.real.dtype)
    dx = np.zeros(x_shape, dy.dtype)
    for rows, columns, inside in _taps(size, out, kernel_size, stride, padding):
        np.add.at(dx, (slice(None), rows, columns), np.where(inside[:, :, None], share, 0))
    return dx
