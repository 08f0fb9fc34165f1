"""Excitation, section 3.2: two fully connected layers turn the descriptor z into one gate for each channel. Eq. (3).

    s = sigma(W2 delta(W1 z))          with h = delta(W1 z), the hidden activations

Eq. (3) has no biases, and neither have the ablations of section 6; the released models have them.
"""
from minisenet import arguments
from minisenet.backend import composed
from minisenet.functional.activation import relu, relu_backward, sigmoid, sigmoid_backward
from minisenet.functional.linear import linear, linear_backward


def _check_forward(z, w1, w2, b1=None, b2=None):
    c, hidden = arguments.shape_of(z)[1:], arguments.shape_of(w1)[:1]
    return tuple(arguments.arrays(z=(z, 2), w1=(w1, 2, (None, *c)), w2=(w2, 2, (*c, *hidden)),
                                  b1=arguments.optional(b1, 1, hidden), b2=arguments.optional(b2, 1, c))), {}


def _check_backward(ds, z, h, s, w1, w2, *, bias=False):
    each, hidden = arguments.shape_of(z), arguments.shape_of(w1)[:1]
    args = arguments.arrays(ds=(ds, 2, each), z=(z, 2), h=(h, 2, (*each[:1], *hidden)), s=(s, 2, each),
                            w1=(w1, 2, (None, *each[1:])), w2=(w2, 2, (*each[1:], *hidden)))
    return tuple(args), dict(bias=bool(bias))


@composed(_check_forward)
def excitation(z, w1, w2, b1=None, b2=None):
    """F_ex, eq. (3): s = sigma(W2 delta(W1 z)).

    Parameters
    ----------
    z : ndarray (N, C)
        The squeezed descriptor.
    w1 : ndarray (C / r, C)
    w2 : ndarray (C, C / r)
    b1 : ndarray (C / r,), optional
    b2 : ndarray (C,), optional

    Returns
    -------
    s : ndarray (N, C)
        The gates, between 0 and 1.
    h : ndarray (N, C / r)
        The hidden activations after the ReLU, which the backward needs.

    Raises
    ------
    TypeError
        If an argument is not a floating-point NumPy array, or if the dtypes differ.
    ValueError
        If the shapes do not match.

    Notes
    -----
    Source: eq. (3), section 3.2; biases as in the released models.
    """
    h = relu(linear(z, w1, b1))
    s = sigmoid(linear(h, w2, b2))
    return s, h


@composed(_check_backward)
def excitation_backward(ds, z, h, s, w1, w2, *, bias=False):
    """The gradients of `excitation`: its two lines in reverse order.

    Parameters
    ----------
    ds : ndarray (N, C)
    z, h, s : ndarray (N, C), (N, C / r), (N, C)
        The argument and the results of `excitation`.
    w1, w2 : ndarray (C / r, C), (C, C / r)
    bias : bool
        Whether `excitation` had b1 and b2.

    Returns
    -------
    dz, dw1, dw2, db1, db2 : ndarray
        With the shapes of z, w1, w2, b1, b2; db1 and db2 are None without `bias`.

    Raises
    ------
    TypeError, ValueError
        As `excitation`, and if ds does not have the shape of s.

    Notes
    -----
    Source: derived from eq. (3).
    """
    dh, dw2, db2 = linear_backward(sigmoid_backward(ds, s), h, w2, bias=bias)      # s = sigmoid(linear(h, w2, b2))
    dz, dw1, db1 = linear_backward(relu_backward(dh, h), z, w1, bias=bias)         # h = relu(linear(z, w1, b1))
    return dz, dw1, dw2, db1, db2
