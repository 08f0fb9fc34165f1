"""Squeeze, section 3.1: each feature map becomes one number, its mean over all positions. Eq. (2).

    z_c = 1 / (H W) sum_{i, j} u_c(i, j)          du_c(i, j) = dz_c / (H W)
"""
import numpy as np

from minisenet import arguments
from minisenet.backend import composed, kernelised


def _check_forward(u):
    return tuple(arguments.arrays(u=(u, 4))), {}


def _check_backward(dz, height, width):
    dz, = arguments.arrays(dz=(dz, 2))
    return (dz, arguments.integer("height", height, 1), arguments.integer("width", width, 1)), {}


@kernelised(_check_forward)
def squeeze(u):
    """F_sq, eq. (2): global average pooling, z_c = 1 / (H W) sum_{i, j} u_c(i, j).

    Parameters
    ----------
    u : ndarray (N, H, W, C)
        The feature maps U.

    Returns
    -------
    z : ndarray (N, C)
        The channel descriptor.

    Raises
    ------
    TypeError
        If u is not a floating-point NumPy array.
    ValueError
        If u does not have four dimensions, or is empty.

    Notes
    -----
    Source: eq. (2), section 3.1.
    """
    return u.mean(axis=(1, 2))


@composed(_check_backward)
def squeeze_backward(dz, height, width):
    """The gradient of `squeeze`: every position has the weight 1 / (H W) in z, so each gets dz / (H W).

    Parameters
    ----------
    dz : ndarray (N, C)
    height, width : int
        The size of the feature maps.

    Returns
    -------
    du : ndarray (N, H, W, C)
        A read-only view: all positions of a channel share one number in memory.

    Raises
    ------
    TypeError, ValueError
        If dz is not a floating-point NumPy array (N, C), or if a size is below 1.

    Notes
    -----
    Source: derived from eq. (2).
    """
    return np.broadcast_to((dz / (height * width))[:, None, None, :], (len(dz), height, width, dz.shape[1]))
