"""Short cuts: the tail of a residual block, y = relu(s u + x), in one sweep each way. Not to be read first.

Each body below is literally the composition of the simple functions, which is also what runs under the `cython` and
`numpy` backends; under `fused` a kernel of the same name does it without the maps in between. The paper's authors did the
same in their "Axpy" layer.

The backward of an SE block's tail falls into two halves, because dz, which the second needs, is only known when the gates'
gradient ds has gone back through the excitation:

    ds = sum_{i, j} dpre u                  with dpre = dy [y > 0]
    du = s dpre + dz / (H W),  dx = dpre    both paths into u at once
"""
import numpy as np

from minisenet._dispatch import kernelised
from minisenet.functional import _check
from minisenet.functional.activation import relu, relu_backward
from minisenet.functional.scale import scale, scale_backward
from minisenet.functional.squeeze import squeeze_backward


def _check_add(u, x):
    return tuple(_check.arrays(u=(u, 4), x=(x, 4, np.shape(u)))), {}


def _gates(u):
    """The shape of the gates, (N, C), that belong to u."""
    return np.shape(u)[::3]


def _check_scale_add(u, s, x):
    return tuple(_check.arrays(u=(u, 4), s=(s, 2, _gates(u)), x=(x, 4, np.shape(u)))), {}


def _check_gates_backward(dy, u, y):
    return tuple(_check.arrays(dy=(dy, 4, np.shape(u)), u=(u, 4), y=(y, 4, np.shape(u)))), {}


def _check_backward(dy, s, dz, y):
    return tuple(_check.arrays(dy=(dy, 4, np.shape(y)), s=(s, 2, _gates(y)), dz=(dz, 2, _gates(y)), y=(y, 4))), {}


@kernelised(_check_add, backends=("fused",))
def add_relu(u, x):
    """relu(u + x): the tail of a plain residual block. The gradient of both arguments is `relu_backward(dy, y)`.

    Parameters
    ----------
    u, x : ndarray (N, H, W, C)
        The residual branch and the shortcut.

    Returns
    -------
    y : ndarray (N, H, W, C)

    Raises
    ------
    TypeError, ValueError
        For dtypes or shapes that differ.

    Notes
    -----
    Source: He et al. 2016, eq. (1); in the paper, Fig. 3 (left).
    """
    return relu(u + x)


@kernelised(_check_scale_add, backends=("fused",))
def scale_add_relu(u, s, x):
    """relu(s u + x): the tail of an SE residual block.

    Parameters
    ----------
    u, x : ndarray (N, H, W, C)
        The residual branch and the shortcut.
    s : ndarray (N, C)
        The gates.

    Returns
    -------
    y : ndarray (N, H, W, C)

    Raises
    ------
    TypeError, ValueError
        For dtypes or shapes that do not fit together.

    Notes
    -----
    Source: eq. (4) and Fig. 3 (right).
    """
    return relu(scale(u, s) + x)


@kernelised(_check_gates_backward, backends=("fused",))
def scale_add_relu_backward_gates(dy, u, y):
    """The first half of the backward of `scale_add_relu`: the gates' gradient, ds = sum over positions of dy [y > 0] u.

    Parameters
    ----------
    dy, u, y : ndarray (N, H, W, C)
        The upstream gradient, the residual branch, and the output of `scale_add_relu`.

    Returns
    -------
    ds : ndarray (N, C)

    Raises
    ------
    TypeError, ValueError
        For dtypes or shapes that differ.

    Notes
    -----
    Source: derived from eq. (4).
    """
    return scale_backward(relu_backward(dy, y), u, np.zeros(_gates(u), u.dtype))[1]


@kernelised(_check_backward, backends=("fused",))
def scale_add_relu_backward(dy, s, dz, y):
    """The second half of the backward of `scale_add_relu`, with the gradient that came back through the squeeze.

    Parameters
    ----------
    dy, y : ndarray (N, H, W, C)
        The upstream gradient and the output of `scale_add_relu`.
    s, dz : ndarray (N, C)
        The gates, and the gradient of the squeezed descriptor.

    Returns
    -------
    du, dx : ndarray (N, H, W, C)
        du = s dpre + dz / (H W) and dx = dpre, with dpre = dy [y > 0].

    Raises
    ------
    TypeError, ValueError
        For dtypes or shapes that do not fit together.

    Notes
    -----
    Source: derived from eqs. (2) and (4): u meets both the scale and the squeeze.
    """
    dx = relu_backward(dy, y)
    du = scale_backward(dx, y, s)[0] + squeeze_backward(dz, *y.shape[1:3])          # scale's du does not depend on u
    return du, dx
