"""The block with another squeeze or another gate: the variants of sections 6.2 and 6.3 (Tables 11 and 12).

    u ------------------------------> scale -> y          y = se_block(u) for the mean and the sigmoid
     \\-> mean or maximum -> excitation with any gate -^

Only two lines differ from `se_block` and `excitation`: which number stands for a map, and the last activation.
"""
from minisenet import arguments
from minisenet.functional.activation import GATES, GATES_BACKWARD, relu, relu_backward
from minisenet.functional.excitation import _check_backward, _check_forward
from minisenet.functional.linear import linear, linear_backward
from minisenet.functional.max_squeeze import max_squeeze, max_squeeze_backward
from minisenet.functional.scale import scale, scale_backward
from minisenet.functional.squeeze import squeeze, squeeze_backward

SQUEEZES = "avg", "max"


def se_variant(u, w1, w2, b1=None, b2=None, *, kind="avg", gate="sigmoid"):
    """The block with the mean or the maximum as its squeeze, and with any gate.

    Parameters
    ----------
    u : ndarray (N, H, W, C)
        The feature maps.
    w1, w2 : ndarray (C / r, C), (C, C / r)
    b1, b2 : ndarray (C / r,), (C,), optional
    kind : {"avg", "max"}
        The squeeze: the mean of eq. (2), or the maximum of Table 11.
    gate : {"sigmoid", "tanh", "relu"}
        The last activation: sigma in eq. (3), the others in Table 12. The first one is always a ReLU.

    Returns
    -------
    y : ndarray (N, H, W, C)
    z, h, s : ndarray (N, C), (N, C / r), (N, C)
        The descriptor, the hidden activations and the gates. The backward needs them.

    Raises
    ------
    TypeError, ValueError
        As `se_block`, and if there is no such squeeze or gate.

    Notes
    -----
    Source: Tables 11 and 12, sections 6.2 and 6.3.
    """
    arguments.choice("kind", kind, SQUEEZES)
    arguments.choice("gate", gate, GATES)
    z = squeeze(u) if kind == "avg" else max_squeeze(u)                # eq. (2), or Table 11
    (z, w1, w2, b1, b2), _ = _check_forward(z, w1, w2, b1, b2)
    h = relu(linear(z, w1, b1))
    s = GATES[gate](linear(h, w2, b2))                                 # eq. (3), or Table 12
    return scale(u, s), z, h, s                                        # eq. (4)


def se_variant_backward(dy, u, z, h, s, w1, w2, *, bias=False, kind="avg", gate="sigmoid"):
    """The gradients of `se_variant`.

    Parameters
    ----------
    dy, u : ndarray (N, H, W, C)
    z, h, s : ndarray (N, C), (N, C / r), (N, C)
        As returned by `se_variant`.
    w1, w2 : ndarray (C / r, C), (C, C / r)
    bias : bool
        Whether `se_variant` had b1 and b2.
    kind, gate
        As given to `se_variant`.

    Returns
    -------
    du, dw1, dw2, db1, db2 : ndarray
        With the shapes of u, w1, w2, b1, b2; db1 and db2 are None without `bias`.

    Raises
    ------
    TypeError, ValueError
        As `se_variant`.

    Notes
    -----
    Source: derived from Tables 11 and 12.
    """
    arguments.choice("kind", kind, SQUEEZES)
    arguments.choice("gate", gate, GATES)
    du, ds = scale_backward(dy, u, s)                                  # the direct path into u ...
    (ds, z, h, s, w1, w2), _ = _check_backward(ds, z, h, s, w1, w2, bias=bias)
    dh, dw2, db2 = linear_backward(GATES_BACKWARD[gate](ds, s), h, w2, bias=bias)
    dz, dw1, db1 = linear_backward(relu_backward(dh, h), z, w1, bias=bias)
    of_z = squeeze_backward(dz, *u.shape[1:3]) if kind == "avg" else max_squeeze_backward(dz, u)
    return du + of_z, dw1, dw2, db1, db2                               # ... and the path through the squeeze
