"""The sum that ends a residual block, with the ReLU after it: y = relu(u + x). Fig. 3; He et al. 2016, eq. (1).

    dx = du = dy where y > 0, else 0

A sum hands the same gradient to both of its terms: this is why a residual network's gradient reaches its first layers.
"""
from minisenet import arguments
from minisenet.backend import composed
from minisenet.functional.activation import relu, relu_backward


def _check_forward(u, x):
    return tuple(arguments.arrays(u=(u, 4), x=(x, 4, arguments.shape_of(u)))), {}


def _check_backward(dy, y):
    return tuple(arguments.arrays(dy=(dy, 4, arguments.shape_of(y)), y=(y, 4))), {}


@composed(_check_forward)
def add_relu(u, x):
    """relu(u + x): the residual branch and the shortcut.

    Parameters
    ----------
    u, x : ndarray (N, H, W, C)
        What the residual branch made of the block's input, and the shortcut.

    Returns
    -------
    y : ndarray (N, H, W, C)

    Raises
    ------
    TypeError, ValueError
        For dtypes or shapes that differ.

    Notes
    -----
    Source: Fig. 3, section 3.3; He et al. 2016, eq. (1).
    """
    return relu(u + x)


@composed(_check_backward)
def add_relu_backward(dy, y):
    """The gradients of `add_relu`: what the ReLU lets through reaches both terms.

    Parameters
    ----------
    dy, y : ndarray (N, H, W, C)
        The upstream gradient, and what `add_relu` returned.

    Returns
    -------
    du, dx : ndarray (N, H, W, C)
        They are one array.

    Raises
    ------
    TypeError, ValueError
        For dtypes or shapes that differ.

    Notes
    -----
    Source: derived from He et al. 2016, eq. (1).
    """
    dpre = relu_backward(dy, y)
    return dpre, dpre
