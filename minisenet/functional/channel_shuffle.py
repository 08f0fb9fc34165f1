"""Channel shuffle: between two grouped convolutions it hands each group channels of all groups. ShuffleNet, section 3.1.

With G groups of K channels, channel g K + k becomes channel k G + g: the transpose of a G x K table. Its inverse, and so its
gradient, is the shuffle with K groups.

    y_{k G + g} = x_{g K + k}          dx_{g K + k} = dy_{k G + g}
"""
import numpy as np

from minisenet import arguments
from minisenet.backend import composed, kernelised


def _check(name, x, groups):
    x, = arguments.arrays(**{name: (x, 4)})
    groups = arguments.integer("groups", groups, 1)
    if x.shape[3] % groups:
        raise ValueError(f"groups must divide {x.shape[3]}, the channels of {name}, got {groups}")
    return (x, groups), {}


def _check_forward(x, groups):
    return _check("x", x, groups)


def _check_backward(dy, groups):
    return _check("dy", dy, groups)


@kernelised(_check_forward)
def channel_shuffle(x, groups):
    """Channel g K + k becomes channel k G + g, where G is the number of groups and K their size.

    Parameters
    ----------
    x : ndarray (N, H, W, C)
    groups : int
        G, which divides C.

    Returns
    -------
    y : ndarray (N, H, W, C)

    Raises
    ------
    TypeError, ValueError
        If x is not a floating-point NumPy array, or if groups do not divide the channels.

    Notes
    -----
    Source: section 5.1, ShuffleNet; Zhang et al. 2018, section 3.1.
    """
    n, height, width, c = x.shape
    table = x.reshape(n, height, width, groups, c // groups)
    return table.swapaxes(3, 4).copy().reshape(x.shape)


@composed(_check_backward)
def channel_shuffle_backward(dy, groups):
    """The gradient of `channel_shuffle`: each channel goes back to where it came from.

    Parameters
    ----------
    dy : ndarray (N, H, W, C)
    groups : int
        As given to `channel_shuffle`.

    Returns
    -------
    dx : ndarray (N, H, W, C)

    Raises
    ------
    TypeError, ValueError
        As `channel_shuffle`.

    Notes
    -----
    Source: derived from the transpose, which undoes itself.
    """
    return channel_shuffle(dy, dy.shape[3] // groups)
