"""The two activations of eq. (3), delta, the ReLU, and sigma, the sigmoid, and the tanh. Each backward needs only the output."""
import numpy as np

from minisenet import arguments
from minisenet.backend import composed, kernelised


def _check_forward(x):
    return tuple(arguments.arrays(x=(x, len(arguments.shape_of(x))))), {}


def _check_backward(dy, y):
    shape = arguments.shape_of(y)
    y, dy = arguments.arrays(y=(y, len(shape)), dy=(dy, len(shape), shape))
    return (dy, y), {}


@kernelised(_check_forward)
def relu(x):
    """delta in eq. (3): y = max(0, x), element by element.

    Parameters
    ----------
    x : ndarray, any shape
        For complex x the real part's sign decides: the analytic continuation on each side of the kink.

    Returns
    -------
    y : ndarray, the shape and dtype of x
        NaN stays NaN: a ReLU that maps it to 0 would make a diverged network look healthy.

    Raises
    ------
    TypeError
        If x is not a floating-point NumPy array.
    ValueError
        If x is empty.

    Notes
    -----
    Source: eq. (3), section 3.2.
    """
    return np.where(x.real <= 0, 0, x).astype(x.dtype, copy=False)


@kernelised(_check_backward)
def relu_backward(dy, y):
    """The gradient of `relu`: dx = dy where y > 0, else 0. At the kink dx is 0, as in PyTorch.

    Parameters
    ----------
    dy, y : ndarray, any one shape
        The upstream gradient and the output of `relu`.

    Returns
    -------
    dx : ndarray, the shape of y

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: derived from eq. (3).
    """
    return np.where(y.real <= 0, 0, dy).astype(dy.dtype, copy=False)


@composed(_check_forward)
def sigmoid(x):
    """sigma in eq. (3): y = 1 / (1 + exp(-x)), element by element. It does not overflow for any x.

    Parameters
    ----------
    x : ndarray, any shape

    Returns
    -------
    y : ndarray, the shape and dtype of x
        Between 0 and 1 for real x.

    Raises
    ------
    TypeError
        If x is not a floating-point NumPy array.
    ValueError
        If x is empty.

    Notes
    -----
    Source: eq. (3), section 3.2. With e = exp(-|x|) <= 1, y is 1 / (1 + e) for x >= 0 and e / (1 + e) for x < 0.
    """
    positive = x.real >= 0
    e = np.exp(np.where(positive, -x, x))
    return np.where(positive, 1, e) / (1 + e)


@composed(_check_backward)
def sigmoid_backward(dy, y):
    """The gradient of `sigmoid`: dx = dy y (1 - y), since dy/dx = exp(-x) / (1 + exp(-x))^2 = y (1 - y).

    Parameters
    ----------
    dy, y : ndarray, any one shape
        The upstream gradient and the output of `sigmoid`.

    Returns
    -------
    dx : ndarray, the shape of y

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: derived from eq. (3).
    """
    return dy * y * (1 - y)


@composed(_check_forward)
def tanh(x):
    """The hyperbolic tangent, y = (exp(x) - exp(-x)) / (exp(x) + exp(-x)), element by element: a gate of Table 12.

    Parameters
    ----------
    x : ndarray, any shape

    Returns
    -------
    y : ndarray, the shape and dtype of x
        Between -1 and 1 for real x.

    Raises
    ------
    TypeError
        If x is not a floating-point NumPy array.
    ValueError
        If x is empty.

    Notes
    -----
    Source: Table 12, section 6.3.
    """
    return np.tanh(x)


@composed(_check_backward)
def tanh_backward(dy, y):
    """The gradient of `tanh`: dx = dy (1 - y^2).

    Parameters
    ----------
    dy, y : ndarray, any one shape
        The upstream gradient and the output of `tanh`.

    Returns
    -------
    dx : ndarray, the shape of y

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: derived from Table 12's gate.
    """
    return dy * (1 - y * y)


# The last activation of an excitation by its name, as eq. (3) and Table 12 have it.
GATES = dict(sigmoid=sigmoid, tanh=tanh, relu=relu)
GATES_BACKWARD = dict(sigmoid=sigmoid_backward, tanh=tanh_backward, relu=relu_backward)
