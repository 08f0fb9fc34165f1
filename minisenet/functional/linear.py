"""The fully connected layer, W1 and W2 of eq. (3) and the classifier: y = x W^T + b.

    y[n, o] = b[o] + sum_i w[o, i] x[n, i]
    dx[n, i] = sum_o dy[n, o] w[o, i]          dw[o, i] = sum_n dy[n, o] x[n, i]          db[o] = sum_n dy[n, o]
"""
from minisenet import arguments
from minisenet.backend import kernelised


def _check_forward(x, w, b=None):
    x, w, b = arguments.arrays(x=(x, 2), w=(w, 2), b=arguments.optional(b, 1, arguments.shape_of(w)[:1]))
    if x.shape[1] != w.shape[1]:
        raise ValueError(f"x must have {w.shape[1]} features, as w {w.shape} has, got {x.shape[1]}: x is (N, in), "
                         "w is (out, in)")
    return (x, w, b), {}


def _check_backward(dy, x, w, *, bias=True):
    (x, w, _), _ = _check_forward(x, w)
    dy, _ = arguments.arrays(dy=(dy, 2, (len(x), len(w))), x=(x, 2))
    return (dy, x, w), dict(bias=bool(bias))


@kernelised(_check_forward)
def linear(x, w, b=None):
    """A fully connected layer: y = x w^T + b.

    Parameters
    ----------
    x : ndarray (N, in)
    w : ndarray (out, in)
        As the paper's W1 in R^(C/r x C) and W2 in R^(C x C/r).
    b : ndarray (out,), optional

    Returns
    -------
    y : ndarray (N, out)

    Raises
    ------
    TypeError
        If an argument is not a floating-point NumPy array, or if the dtypes differ.
    ValueError
        If the shapes do not match.

    Notes
    -----
    Source: W1 z and W2 delta(.) in eq. (3), section 3.2.
    """
    y = x @ w.T
    return y if b is None else y + b


@kernelised(_check_backward)
def linear_backward(dy, x, w, *, bias=True):
    """The gradients of `linear`: (dx, dw, db). db is None if `bias` is false.

    Parameters
    ----------
    dy : ndarray (N, out)
    x : ndarray (N, in)
    w : ndarray (out, in)
    bias : bool
        Whether `linear` had b.

    Returns
    -------
    dx, dw, db : ndarray (N, in), ndarray (out, in), ndarray (out,) or None

    Raises
    ------
    TypeError, ValueError
        As `linear`, and if dy is not (N, out).

    Notes
    -----
    Source: derived from eq. (3).
    """
    return dy @ w, dy.T @ x, dy.sum(axis=0) if bias else None
