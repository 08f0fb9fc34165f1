"""NoSqueeze, section 7.1 (Table 16): the excitation without a squeeze, so each position makes its own gates.

    s = sigma(W2 delta(W1 u))  at every position, as two 1x1 convolutions;          y = s u, element by element

    u -------------------------------------> product -> y            du =  s dy                     (through the product)
     \\-> conv2d -> relu -> conv2d -> sigma -^                             + W1^T [h > 0] W2^T da    (through the gates)
                      h               s                              da = u dy s (1 - s), at each position

The weights are those of eq. (3), and their number is the same. What is missing is the view of the whole map. The convolutions
have kernels; the products of two maps are NumPy's, a few passes beside 2 C^2 / r multiply-adds for each position.
"""
from minisenet import arguments
from minisenet.backend import composed
from minisenet.functional.activation import GATES, GATES_BACKWARD, relu, relu_backward
from minisenet.functional.convolution import conv2d, conv2d_backward


def _check_forward(u, w1, w2, b1=None, b2=None, *, gate="sigmoid"):
    arguments.choice("gate", gate, GATES)
    c, hidden = arguments.shape_of(u)[3:], arguments.shape_of(w1)[:1]
    return tuple(arguments.arrays(u=(u, 4), w1=(w1, 2, (None, *c)), w2=(w2, 2, (*c, *hidden)),
                                  b1=arguments.optional(b1, 1, hidden), b2=arguments.optional(b2, 1, c))), dict(gate=gate)


def _check_backward(dy, u, h, s, w1, w2, *, bias=False, gate="sigmoid"):
    arguments.choice("gate", gate, GATES)
    shape, hidden = arguments.shape_of(u), arguments.shape_of(w1)[:1]
    args = arguments.arrays(dy=(dy, 4, shape), u=(u, 4), h=(h, 4, (*shape[:3], *hidden)), s=(s, 4, shape),
                            w1=(w1, 2, (None, *shape[3:])), w2=(w2, 2, (*shape[3:], *hidden)))
    return tuple(args), dict(bias=bool(bias), gate=gate)


@composed(_check_forward)
def local_se_block(u, w1, w2, b1=None, b2=None, *, gate="sigmoid"):
    """The block without its squeeze: s = sigma(W2 delta(W1 u)) at each position, and y = s u.

    Parameters
    ----------
    u : ndarray (N, H, W, C)
        The feature maps.
    w1, w2 : ndarray (C / r, C), (C, C / r)
    b1, b2 : ndarray (C / r,), (C,), optional
    gate : {"sigmoid", "tanh", "relu"}

    Returns
    -------
    y : ndarray (N, H, W, C)
    h, s : ndarray (N, H, W, C / r), (N, H, W, C)
        The hidden activations and the gates. The backward needs them.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, if dtypes or shapes do not match, or if there is no such gate.

    Notes
    -----
    Source: NoSqueeze in Table 16, section 7.1.
    """
    h = relu(conv2d(u, w1[:, :, None, None], b1))
    s = GATES[gate](conv2d(h, w2[:, :, None, None], b2))
    return s * u, h, s


@composed(_check_backward)
def local_se_block_backward(dy, u, h, s, w1, w2, *, bias=False, gate="sigmoid"):
    """The gradients of `local_se_block`: u is used twice, by the product and by the first convolution.

    Parameters
    ----------
    dy, u : ndarray (N, H, W, C)
    h, s : ndarray (N, H, W, C / r), (N, H, W, C)
        As returned by `local_se_block`.
    w1, w2 : ndarray (C / r, C), (C, C / r)
    bias : bool
        Whether `local_se_block` had b1 and b2.
    gate : {"sigmoid", "tanh", "relu"}

    Returns
    -------
    du, dw1, dw2, db1, db2 : ndarray
        With the shapes of u, w1, w2, b1, b2; db1 and db2 are None without `bias`.

    Raises
    ------
    TypeError, ValueError
        As `local_se_block`.

    Notes
    -----
    Source: derived from y = s u and the two 1x1 convolutions.
    """
    da = GATES_BACKWARD[gate](u * dy, s)                               # y = s u, s = sigma(conv2d(h, w2, b2))
    dh, dw2, db2 = conv2d_backward(da, h, w2[:, :, None, None], bias=bias)
    du, dw1, db1 = conv2d_backward(relu_backward(dh, h), u, w1[:, :, None, None], bias=bias)     # h = relu(conv2d(u, w1, b1))
    return s * dy + du, dw1[:, :, 0, 0], dw2[:, :, 0, 0], db1, db2
