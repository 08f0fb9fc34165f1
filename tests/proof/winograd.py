"""Winograd's convolution by its matrices, in NumPy: what the kernel computes, and how large its error may be.

The convolution of the absolute values bounds the error of a direct sum, but not this one: terms that cancel exactly in
F(2x2, 3x3) leave rounding errors behind. The bound is the same algorithm with the absolute values of its matrices and its data,
times the number of successive roundings (Higham, "Accuracy and Stability of Numerical Algorithms", section 3.5).
"""
import numpy as np

BT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], float)
G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2
A = np.array([[1, 0], [1, 1], [1, -1], [0, -1]], float)
TRANSFORMS = 11             # roundings in the three transforms (2 of B, 4 of G, 4 of A) and in the product


def applies(w_shape, options):
    """Whether the algorithm can compute this convolution."""
    pairs = [options[key] if isinstance(options[key], tuple) else (options[key],) * 2
             for key in ("stride", "padding", "dilation")]
    return tuple(w_shape[2:]) == (3, 3) and pairs == [(1, 1)] * 3 and options["groups"] == 1


def _patches(x):
    """The 4x4 patches (N, rows of tiles, columns, 4, 4, C) of x, padded by one, and by one more if a side is odd."""
    _, height, width, _ = x.shape
    padded = np.pad(x, ((0, 0), (1, 1 + height % 2), (1, 1 + width % 2), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (4, 4), axis=(1, 2))[:, ::2, ::2]
    return view.transpose(0, 1, 2, 4, 5, 3)


def forward(x, w, matrices=(BT, G, A)):
    """conv2d(x, w) with padding 1, by F(2x2, 3x3)."""
    bt, g, a = matrices
    v = np.einsum("ai,npqijs,bj->npqabs", bt, _patches(x), bt)
    u = np.einsum("ai,csij,bj->abcs", g, w, g)
    y = np.einsum("ai,npqabc,bj->npqijc", a, np.einsum("npqabs,abcs->npqabc", v, u), a)
    n, rows, columns, _, _, c = y.shape
    return y.transpose(0, 1, 3, 2, 4, 5).reshape(n, 2 * rows, 2 * columns, c)[:, :x.shape[1], :x.shape[2]]


def input_gradient(dy, w, matrices=(BT, G, A)):
    """dx: the same convolution of dy, with the kernels flipped and the channels exchanged."""
    return forward(dy, w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3), matrices)


def weight_gradient(dy, x, matrices=(BT, G, A)):
    """dw (C_out, C_in, 3, 3)."""
    bt, g, a = matrices
    _, height, width, _ = dy.shape
    even = np.pad(dy, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)))
    tiles = even.reshape(len(dy), (height + 1) // 2, 2, (width + 1) // 2, 2, -1).transpose(0, 1, 3, 2, 4, 5)
    z = np.einsum("ai,npqijc,bj->npqabc", a, tiles, a)
    v = np.einsum("ai,npqijs,bj->npqabs", bt, _patches(x), bt)
    return np.einsum("ai,abcs,bj->csij", g, np.einsum("npqabc,npqabs->abcs", z, v), g)


def sizes(x, w, dy):
    """Bounds for each element of y, dx and dw in units of eps, like those of the direct convolution."""
    matrices, (x, w, dy) = [np.abs(matrix) for matrix in (BT, G, A)], [np.abs(array) for array in (x, w, dy)]
    c_out, c_in = w.shape[:2]
    tiles = dy[..., 0].size // 4 + 1
    return dict(y=(c_in + TRANSFORMS) * forward(x, w, matrices),
                x=(c_out + TRANSFORMS) * input_gradient(dy, w, matrices),
                w=(tiles + TRANSFORMS) * weight_gradient(dy, x, matrices))
