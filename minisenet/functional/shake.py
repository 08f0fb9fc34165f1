"""Shake-Shake: a random mix of two residual branches, with other random weights on the way back. Gastaldi 2017.

    y = alpha u1 + (1 - alpha) u2           du1 = beta dy, du2 = (1 - beta) dy

alpha and beta are drawn for each image, apart from each other: the backward is not the gradient of the forward, on purpose, as
noise. With beta = alpha it is the gradient, and only then can a gradient check agree. A network mixes once for each block, after
two branches of convolutions, so there is no kernel.
"""
from minisenet import arguments
from minisenet.backend import composed


def _check_forward(u1, u2, alpha):
    shape = arguments.shape_of(u1)
    return tuple(arguments.arrays(u1=(u1, 4), u2=(u2, 4, shape), alpha=(alpha, 1, shape[:1]))), {}


def _check_backward(dy, beta):
    return tuple(arguments.arrays(dy=(dy, 4), beta=(beta, 1, arguments.shape_of(dy)[:1]))), {}


@composed(_check_forward)
def shake(u1, u2, alpha):
    """alpha u1 + (1 - alpha) u2, with one weight for each image.

    Parameters
    ----------
    u1, u2 : ndarray (N, H, W, C)
        Two branches.
    alpha : ndarray (N,)
        Uniform in [0, 1) in training, 0.5 otherwise.

    Returns
    -------
    y : ndarray (N, H, W, C)

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: Tables 4 and 5; Gastaldi 2017, section 2.
    """
    alpha = alpha[:, None, None, None]
    return alpha * u1 + (1 - alpha) * u2


@composed(_check_backward)
def shake_backward(dy, beta):
    """The two branches' shares of dy. It is the gradient of `shake` if beta is alpha.

    Parameters
    ----------
    dy : ndarray (N, H, W, C)
    beta : ndarray (N,)
        Shake-Shake draws it anew; Shake-Even has 0.5.

    Returns
    -------
    du1, du2 : ndarray (N, H, W, C)

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: Gastaldi 2017, section 2.
    """
    beta = beta[:, None, None, None]
    return beta * dy, (1 - beta) * dy
