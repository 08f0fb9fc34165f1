"""The squeeze-and-excitation block, F_scale(u, F_ex(F_sq(u))), and its backward, which adds the two paths into u.

    u ---------------------> scale -> y            du =  s dy          (through the scale)
     \\-> squeeze -> excitation -^                      + dz / (H W)   (through the squeeze)
              z          s

`minisenet.blocks.SEBlock` is the layer: it holds the weights, and what the backward needs.
"""
from minisenet.functional.excitation import excitation, excitation_backward
from minisenet.functional.scale import scale, scale_backward
from minisenet.functional.squeeze import squeeze, squeeze_backward


def se_block(u, w1, w2, b1=None, b2=None):
    """The squeeze-and-excitation block, eqs. (2) to (4), without state.

    Parameters
    ----------
    u : ndarray (N, H, W, C)
        The feature maps.
    w1, w2 : ndarray (C / r, C), (C, C / r)
    b1, b2 : ndarray (C / r,), (C,), optional

    Returns
    -------
    y : ndarray (N, H, W, C)
    z, h, s : ndarray (N, C), (N, C / r), (N, C)
        The descriptor, the hidden activations and the gates. The backward needs them.

    Raises
    ------
    TypeError, ValueError
        As `squeeze`, `excitation` and `scale`.

    Notes
    -----
    Source: Fig. 1 and eqs. (2) to (4), section 3.
    """
    z = squeeze(u)                                                     # eq. (2)
    s, h = excitation(z, w1, w2, b1, b2)                               # eq. (3)
    return scale(u, s), z, h, s                                        # eq. (4)


def se_block_backward(dy, u, z, h, s, w1, w2, *, bias=False):
    """The gradients of `se_block`: u is used twice, by the scale and by the squeeze, so du is the sum of two gradients.

    Parameters
    ----------
    dy, u : ndarray (N, H, W, C)
    z, h, s : ndarray (N, C), (N, C / r), (N, C)
        As returned by `se_block`.
    w1, w2 : ndarray (C / r, C), (C, C / r)
    bias : bool
        Whether `se_block` had b1 and b2.

    Returns
    -------
    du, dw1, dw2, db1, db2 : ndarray
        With the shapes of u, w1, w2, b1, b2; db1 and db2 are None without `bias`.

    Raises
    ------
    TypeError, ValueError
        As `squeeze_backward`, `excitation_backward` and `scale_backward`.

    Notes
    -----
    Source: derived from eqs. (2) to (4).
    """
    du, ds = scale_backward(dy, u, s)                                  # the direct path into u ...
    dz, dw1, dw2, db1, db2 = excitation_backward(ds, z, h, s, w1, w2, bias=bias)
    return du + squeeze_backward(dz, *u.shape[1:3]), dw1, dw2, db1, db2     # ... and the path through the squeeze
