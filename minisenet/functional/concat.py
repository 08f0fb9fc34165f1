"""Concatenation of channels: the end of an Inception module, and of a ShuffleNet unit that halves the resolution.

    y = [x_1, x_2, ...] along the channels          dx_i = the channels of dy that came from x_i
"""
import numpy as np

from minisenet import arguments
from minisenet.backend import composed


def _check_forward(*xs):
    if not xs:
        raise ValueError("xs must be at least one map, got none")
    place = arguments.shape_of(xs[0])[:3]
    return tuple(arguments.arrays(**{f"x{i}": (x, 4, (*place, None)) for i, x in enumerate(xs, 1)})), {}


def _check_backward(dy, *channels):
    channels = tuple(arguments.integer("channels", c, 1) for c in channels)
    dy, = arguments.arrays(dy=(dy, 4))
    if sum(channels) != dy.shape[3]:
        raise ValueError(f"channels must add up to {dy.shape[3]}, the channels of dy, got {channels}")
    return (dy, *channels), {}


@composed(_check_forward)
def concat(*xs):
    """The channels of several maps, one after the other.

    Parameters
    ----------
    *xs : ndarray (N, H, W, C_i)

    Returns
    -------
    y : ndarray (N, H, W, C_1 + C_2 + ...)

    Raises
    ------
    TypeError, ValueError
        If there is no map, if one is not a floating-point NumPy array, or if dtypes or sizes do not match.

    Notes
    -----
    Source: Fig. 2, section 3.3: the output of an Inception module. It only copies whole rows, which NumPy does as fast
    as a kernel.
    """
    return np.concatenate(xs, axis=3)


@composed(_check_backward)
def concat_backward(dy, *channels):
    """The gradients of `concat`: each map gets its own channels of dy.

    Parameters
    ----------
    dy : ndarray (N, H, W, C)
    *channels : int
        C_1, C_2, ...

    Returns
    -------
    dx1, dx2, ... : ndarray (N, H, W, C_i)

    Raises
    ------
    TypeError, ValueError
        If dy is not a floating-point NumPy array, or if the channels do not add up to those of dy.

    Notes
    -----
    Source: derived from Fig. 2.
    """
    return tuple(part.copy() for part in np.split(dy, np.cumsum(channels[:-1]), axis=3))
