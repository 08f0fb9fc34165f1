"""The maximum as a squeeze, a variant of section 6.2 (Table 11): each map becomes its largest value.

    z_c = max_{i, j} u_c(i, j)          du_c(i, j) = dz_c at the first maximum, else 0

It is a max pooling whose window is the whole map, and has its kernel. A mean gives each position a gradient, a maximum one
position of each map. At equal maxima z has a kink; there we take the first, as PyTorch does.
"""
from minisenet import arguments
from minisenet.backend import composed
from minisenet.functional.pooling import max_pool2d, max_pool2d_backward


def _check_forward(u):
    return tuple(arguments.arrays(u=(u, 4))), {}


def _check_backward(dz, u):
    return tuple(arguments.arrays(dz=(dz, 2, arguments.shape_of(u)[::3]), u=(u, 4))), {}


@composed(_check_forward)
def max_squeeze(u):
    """Global max pooling: z_c = max_{i, j} u_c(i, j).

    Parameters
    ----------
    u : ndarray (N, H, W, C)
        The feature maps.

    Returns
    -------
    z : ndarray (N, C)

    Raises
    ------
    TypeError
        If u is not a floating-point NumPy array.
    ValueError
        If u does not have four dimensions, or is empty.

    Notes
    -----
    Source: Table 11, section 6.2.
    """
    z, _ = max_pool2d(u, u.shape[1:3])
    return z[:, 0, 0]


@composed(_check_backward)
def max_squeeze_backward(dz, u):
    """The gradient of `max_squeeze`: the first maximum of each map gets dz, and every other position gets 0.

    Parameters
    ----------
    dz : ndarray (N, C)
    u : ndarray (N, H, W, C)
        The argument of `max_squeeze`. The maximum is searched again, so that the forward has one result, as `squeeze` has.

    Returns
    -------
    du : ndarray (N, H, W, C)

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: derived from Table 11's maximum.
    """
    _, argmax = max_pool2d(u, u.shape[1:3])
    return max_pool2d_backward(dz[:, None, None, :], argmax, u.shape)
