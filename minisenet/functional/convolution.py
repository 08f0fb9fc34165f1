"""Convolution, the transformation F_tr of section 3: u_c = v_c * x = sum over s of v_c^s * x^s, eq. (1).

`w[c, s]` is the paper's v_c^s: the 2D kernel from input channel s to output channel c. For the output position (p, q), the
tap (i, j) of a kernel, stride t, padding a and dilation d (each with a height and a width),

    y[n, p, q, c] = b[c] + sum_{i, j, s} w[c, s, i, j] * x[n, p t + i d - a, q t + j d - a, s]              x is 0 outside

The sum over s is a matrix product; the sum over (i, j) has only as many terms as the kernel has taps. So each of the three
bodies below is a loop over the taps, with one matrix product for each tap and group. `_window` is the view of the padded x
that tap (i, j) multiplies, for all output positions. y is linear in both factors, so the forward and the two gradients are

    y += window w[..., i, j]^T
    dwindow += dy w[..., i, j]          (each window is a view of dx, and the views overlap: hence +=)
    dw[..., i, j] = dy^T window         (summed over images and positions)
"""
import numpy as np

from minisenet import arguments
from minisenet.backend import composed, kernelised


def output_size(size, kernel, stride, padding, dilation):
    """Along one side: floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1; below 1 if nothing fits."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _geometry(x_shape, w_shape, stride, padding, dilation, groups):
    """The normalised options, and the output's shape. Raises ValueError if x and w do not match."""
    options = dict(stride=arguments.pair("stride", stride, 1), padding=arguments.pair("padding", padding, 0),
                   dilation=arguments.pair("dilation", dilation, 1), groups=arguments.integer("groups", groups, 1))
    n, height, width, channels = x_shape
    c_out, per_group, *kernel = w_shape
    if channels != per_group * groups:
        hint = ": is x (N, C, H, W)? Use x.transpose(0, 2, 3, 1)" if height == per_group * groups else ""
        why = f"as w {tuple(w_shape)} has" if groups == 1 else f"{groups} groups of {per_group} as w {tuple(w_shape)} has"
        raise ValueError(f"x must have {per_group * groups} channels, {why}, got {channels}{hint}")
    if c_out % groups:
        raise ValueError(f"groups must divide the {c_out} output channels of w, got {groups}")
    out = [output_size(size, k, *rest) for size, k, *rest in
           zip((height, width), kernel, options["stride"], options["padding"], options["dilation"])]
    if min(out) < 1:
        least = [max(1, d * (k - 1) + 1 - 2 * p) for k, p, d in zip(kernel, options["padding"], options["dilation"])]
        raise ValueError(f"x must be at least {least[0]} x {least[1]} for a {kernel[0]} x {kernel[1]} kernel with dilation "
                         f"{options['dilation']} and padding {options['padding']}, got {height} x {width}: pad more")
    return options, (n, *out, c_out)


def _check_forward(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1):
    x, w, b = arguments.arrays(x=(x, 4), w=(w, 4), b=arguments.optional(b, 1, arguments.shape_of(w)[:1]))
    options, _ = _geometry(x.shape, w.shape, stride, padding, dilation, groups)
    return (x, w, b), options


def _check_backward_input(dy, w, x_shape, *, stride=1, padding=0, dilation=1, groups=1):
    dy, w = arguments.arrays(dy=(dy, 4), w=(w, 4))
    x_shape = arguments.shape("x_shape", x_shape, 4)
    options, y_shape = _geometry(x_shape, w.shape, stride, padding, dilation, groups)
    arguments.arrays(dy=(dy, 4, y_shape))
    return (dy, w, x_shape), options


def _check_backward_weight(dy, x, w_shape, *, stride=1, padding=0, dilation=1, groups=1):
    dy, x = arguments.arrays(dy=(dy, 4), x=(x, 4))
    w_shape = arguments.shape("w_shape", w_shape, 4)
    options, y_shape = _geometry(x.shape, w_shape, stride, padding, dilation, groups)
    arguments.arrays(dy=(dy, 4, y_shape))
    return (dy, x, w_shape), options


def _check_backward(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1, bias=False, input_gradient=True, plus=None):
    dy, x, w = arguments.arrays(dy=(dy, 4), x=(x, 4), w=(w, 4))
    options, y_shape = _geometry(x.shape, w.shape, stride, padding, dilation, groups)
    *_, plus = arguments.arrays(x=(x, 4), dy=(dy, 4, y_shape), plus=arguments.optional(plus, 4, x.shape))
    return (dy, x, w), options | dict(bias=bool(bias), input_gradient=bool(input_gradient), plus=plus)


def _pad(x, padding):
    """x with `padding` = (rows, columns) of zeros on each side; x itself where there are none."""
    return np.pad(x, ((0, 0), *((p, p) for p in padding), (0, 0))) if any(padding) else x


def _window(padded, tap, out, stride, dilation):
    """The view (N, OH, OW, C) of the padded image that one tap of the kernel multiplies."""
    rows, columns = (slice(i * d, i * d + (size - 1) * t + 1, t) for i, size, t, d in zip(tap, out, stride, dilation))
    return padded[:, rows, columns]


def _group_slices(groups, c_out, c_in):
    """For each group, its output channels and its input channels."""
    return [(slice(g * c_out // groups, (g + 1) * c_out // groups), slice(g * c_in // groups, (g + 1) * c_in // groups))
            for g in range(groups)]


@kernelised(_check_forward)
def conv2d(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1):
    """2D convolution, eq. (1): y[n, :, :, c] = b[c] + sum_s w[c, s] * x[n, :, :, s].

    As usual in deep learning, the kernel is not flipped: this is a cross-correlation.

    Parameters
    ----------
    x : ndarray (N, H, W, C_in)
        Images or feature maps.
    w : ndarray (C_out, C_in / groups, KH, KW)
        `w[c, s]` is the paper's v_c^s.
    b : ndarray (C_out,), optional
        Eq. (1) has none: "bias terms are omitted".
    stride, padding, dilation : int or (int, int)
        One number for both axes, or (height, width). Zeros are padded on all four sides.
    groups : int
        Output channels of group g use only input channels of group g.

    Returns
    -------
    y : ndarray (N, OH, OW, C_out)
        OH = floor((H + 2 padding - dilation (KH - 1) - 1) / stride) + 1, and OW likewise.

    Raises
    ------
    TypeError
        If an argument is not a floating-point NumPy array, or if the dtypes differ.
    ValueError
        If the shapes do not match, or if the output would be empty.

    Notes
    -----
    Source: eq. (1), section 3.
    """
    n, height, width, c_in = x.shape
    c_out, _, *kernel = w.shape
    out = [output_size(*side) for side in zip((height, width), kernel, stride, padding, dilation)]
    padded = _pad(x, padding)
    y = np.zeros((n, *out, c_out), x.dtype)
    for tap in np.ndindex(*kernel):
        window = _window(padded, tap, out, stride, dilation)
        for cs, ss in _group_slices(groups, c_out, c_in):
            y[..., cs] += (window[..., ss].reshape(-1, ss.stop - ss.start) @ w[cs, :, *tap].T).reshape(n, *out, -1)
    return y if b is None else y + b


@kernelised(_check_backward_input)
def conv2d_backward_input(dy, w, x_shape, *, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of `conv2d` with respect to x.

    Each tap that multiplies x[n, h, k, s] does so for one output position, so the gradient is a sum over these taps:

        dx[n, h, k, s] = sum_{c, i, j} w[c, s, i, j] dy[n, p, q, c]      over p t + i d - a = h,  q t + j d - a = k

    The body computes this sum as a scatter: the forward's loop over the taps, with the matrix product transposed.

    Parameters
    ----------
    dy : ndarray (N, OH, OW, C_out)
    w : ndarray (C_out, C_in / groups, KH, KW)
    x_shape : (N, H, W, C_in)
    stride, padding, dilation, groups
        As given to `conv2d`.

    Returns
    -------
    dx : ndarray (N, H, W, C_in)

    Raises
    ------
    TypeError, ValueError
        As `conv2d`, and if dy does not have the output's shape.

    Notes
    -----
    Source: derived from eq. (1).
    """
    n, height, width, c_in = x_shape
    c_out, _, *kernel = w.shape
    out = dy.shape[1:3]
    padded = np.zeros((n, height + 2 * padding[0], width + 2 * padding[1], c_in), dy.dtype)
    for tap in np.ndindex(*kernel):
        window = _window(padded, tap, out, stride, dilation)
        for cs, ss in _group_slices(groups, c_out, c_in):
            window[..., ss] += (dy[..., cs].reshape(-1, cs.stop - cs.start) @ w[cs, :, *tap]).reshape(n, *out, -1)
    return np.ascontiguousarray(padded[:, padding[0]:padding[0] + height, padding[1]:padding[1] + width])


@kernelised(_check_backward_weight)
def conv2d_backward_weight(dy, x, w_shape, *, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of `conv2d` with respect to w.

    w[c, s, i, j] multiplies one x for each image and output position, so its gradient is a sum over all of them:

        dw[c, s, i, j] = sum_{n, p, q} dy[n, p, q, c] x[n, p t + i d - a, q t + j d - a, s]

    Parameters
    ----------
    dy : ndarray (N, OH, OW, C_out)
    x : ndarray (N, H, W, C_in)
    w_shape : (C_out, C_in / groups, KH, KW)
    stride, padding, dilation, groups
        As given to `conv2d`.

    Returns
    -------
    dw : ndarray (C_out, C_in / groups, KH, KW)

    Raises
    ------
    TypeError, ValueError
        As `conv2d`, and if dy does not have the output's shape.

    Notes
    -----
    Source: derived from eq. (1).
    """
    c_out, _, *kernel = w_shape
    padded = _pad(x, padding)
    dw = np.empty(w_shape, x.dtype)
    for tap in np.ndindex(*kernel):
        window = _window(padded, tap, dy.shape[1:3], stride, dilation)
        for cs, ss in _group_slices(groups, c_out, x.shape[3]):
            rows, columns = dy[..., cs].reshape(-1, cs.stop - cs.start), window[..., ss].reshape(-1, ss.stop - ss.start)
            dw[cs, :, *tap] = rows.T @ columns
    return dw


@composed(_check_backward)
def conv2d_backward(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1, bias=False, input_gradient=True, plus=None):
    """The gradients of `conv2d`: (dx, dw, db). db is None unless `bias` is true.

    b[c] is added at every position of every image, so db[c] = sum_{n, p, q} dy[n, p, q, c].

    Parameters
    ----------
    dy : ndarray (N, OH, OW, C_out)
    x : ndarray (N, H, W, C_in)
    w : ndarray (C_out, C_in / groups, KH, KW)
    stride, padding, dilation, groups
        As given to `conv2d`.
    bias : bool
        Whether `conv2d` had b.
    input_gradient : bool
        Whether to compute dx. A network's first layer does not need it.
    plus : ndarray (N, H, W, C_in), optional
        Added to dx: the gradient of x along another path, such as a shortcut.

    Returns
    -------
    dx, dw, db : ndarray or None, ndarray, ndarray or None

    Raises
    ------
    TypeError, ValueError
        As `conv2d`, and if dy does not have the output's shape.

    Notes
    -----
    Source: derived from eq. (1).
    """
    options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    dx = conv2d_backward_input(dy, w, x.shape, **options) if input_gradient else None
    dw = conv2d_backward_weight(dy, x, w.shape, **options)
    db = dy.sum(axis=(0, 1, 2)) if bias else None
    return dx if plus is None or dx is None else dx + plus, dw, db
