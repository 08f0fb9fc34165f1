"""The sum that ends a residual block, with the ReLU after it: y = relu(u + x). Fig. 3; He et al. 2016, eq. (1).

    dx = du = dy where y > 0, else 0

Both terms of a sum get the same gradient. So a residual network's gradient reaches its first layers through the shortcuts.
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
        The residual branch's output and the shortcut.

    Returns
    -------
    y : ndarray (N, H, W, C)

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: Fig. 3, section 3.3; He et al. 2016, eq. (1).
    """
    return relu(u + x)


@composed(_check_backward)
def add_relu_backward(dy, y):
    """The gradients of `add_relu`: both terms get the gradient that passes the ReLU.

    Parameters
    ----------
    dy, y : ndarray (N, H, W, C)
        The upstream gradient and the output of `add_relu`.

    Returns
    -------
    du, dx : ndarray (N, H, W, C)
        The same array twice.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: derived from He et al. 2016, eq. (1).
    """
    dpre = relu_backward(dy, y)
    return dpre, dpre
