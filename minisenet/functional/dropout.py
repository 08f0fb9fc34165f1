"""Dropout before a classifier: each number is 0 with probability p, and the others grow by 1 / (1 - p). Srivastava et al. 2014.

    y = m x          dx = m dy          m = 0 or 1 / (1 - p), so that the expectation of y is x

The mask m is a pure function of a seed and the step, so a gradient check that repeats a step sees the same mask, and a resumed
run the masks of an uninterrupted one.
"""
import numpy as np

from minisenet import arguments, random
from minisenet.backend import composed


def _check_forward(x, p, *, seed, step):
    x, = arguments.arrays(x=(x, len(arguments.shape_of(x))))
    p = arguments.real_number("p", p, least=0, below=1)
    return (x, p), dict(seed=arguments.integer("seed", seed, 0), step=arguments.integer("step", step, 0))


def _check_backward(dy, mask):
    shape = arguments.shape_of(mask)
    mask, dy = arguments.arrays(mask=(mask, len(shape)), dy=(dy, len(shape), shape))
    return (dy, mask), {}


@composed(_check_forward)
def dropout(x, p, *, seed, step):
    """Set a part p of the numbers to 0, and scale the others so that the expectation stays.

    Parameters
    ----------
    x : ndarray, any shape
    p : float
        The probability of a 0, from 0 to below 1.
    seed, step : int
        They decide the mask, together with the shape of x.

    Returns
    -------
    y : ndarray, the shape of x
    mask : ndarray, the shape of x
        0 or 1 / (1 - p).

    Raises
    ------
    TypeError, ValueError
        If x is not a floating-point NumPy array, if p is not in [0, 1), or if a seed or step is negative.

    Notes
    -----
    Source: the appendix, SENet-154 (p = 0.2 before the last layer).
    """
    kept = random.uniform(seed, random.DROPOUT, step, np.arange(x.size)).reshape(x.shape) >= p
    mask = (kept / (1 - p)).astype(x.dtype)
    return x * mask, mask


@composed(_check_backward)
def dropout_backward(dy, mask):
    """The gradient of `dropout`: its own mask.

    Parameters
    ----------
    dy, mask : ndarray, any one shape

    Returns
    -------
    dx : ndarray, the shape of dy

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: derived from y = m x.
    """
    return dy * mask
