"""The maximum as a squeeze, a variant of section 6.2 (Table 11): each map becomes its largest value.

    z_c = max_{i, j} u_c(i, j)          du_c(i, j) = dz_c at the first maximum, else 0
"""
import numpy as np

from minisenet import arguments
from minisenet.backend import composed


def _check_forward(u):
    return tuple(arguments.arrays(u=(u, 4))), {}


def _check_backward(dz, u, z):
    each = arguments.shape_of(u)[::3]
    return tuple(arguments.arrays(dz=(dz, 2, each), u=(u, 4), z=(z, 2, each))), {}


def _first(u):
    """The position of each map's first maximum, or of its first NaN. Of complex numbers the real part decides."""
    real = u.real.reshape(len(u), -1, u.shape[3])
    return real.argmax(axis=1)[:, None]


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
    TypeError, ValueError
        If u is not a floating-point NumPy array of four dimensions, or is empty.

    Notes
    -----
    Source: Table 11, section 6.2.
    """
    return np.take_along_axis(u.reshape(len(u), -1, u.shape[3]), _first(u), axis=1)[:, 0]


@composed(_check_backward)
def max_squeeze_backward(dz, u, z):
    """The gradient of `max_squeeze`: only the first maximum of each map has a weight in z.

    Parameters
    ----------
    dz : ndarray (N, C)
    u, z : ndarray (N, H, W, C), (N, C)
        The argument and the result of `max_squeeze`.

    Returns
    -------
    du : ndarray (N, H, W, C)

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: the subgradient that picks the first maximum.
    """
    du = np.zeros((len(u), u.shape[1] * u.shape[2], u.shape[3]), u.dtype)
    np.put_along_axis(du, _first(u), dz[:, None], axis=1)
    return du.reshape(u.shape)
