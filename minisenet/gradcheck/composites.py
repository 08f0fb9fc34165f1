"""The SE block as one pure function, F_scale(u, F_ex(F_sq(u))), and its backward: where the two paths into u meet.

    u ---------------------> scale -> y            du =  s dy          (through the scale)
     \\-> squeeze -> excitation -^                      + dz / (H W)   (through the squeeze)
              z          s

`minisenet.blocks.SEBlock` is the same with parameters and memory. Here it is a row of the table of operations, so that the
sum of the two paths is proven by itself.
"""
import numpy as np

from minisenet import functional as F
from minisenet import arguments


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
        The descriptor, the hidden activations and the gates, which the backward needs.

    Raises
    ------
    TypeError, ValueError
        As `squeeze`, `excitation` and `scale`.

    Notes
    -----
    Source: Fig. 1 and eqs. (2) to (4), section 3.
    """
    z = F.squeeze(u)
    s, h = F.excitation(z, w1, w2, b1, b2)
    return F.scale(u, s), z, h, s


def se_block_backward(dy, u, z, h, s, w1, w2, *, bias=False):
    """The gradients of `se_block`; u meets the scale and the squeeze, so its gradient is the sum of two.

    Parameters
    ----------
    dy, u : ndarray (N, H, W, C)
    z, h, s : ndarray (N, C), (N, C / r), (N, C)
        As returned by `se_block`.
    w1, w2 : ndarray (C / r, C), (C, C / r)
    bias : bool
        Whether `se_block` was given b1 and b2.

    Returns
    -------
    du, dw1, dw2, db1, db2 : ndarray
        db1 and db2 are None without `bias`.

    Raises
    ------
    TypeError, ValueError
        As the three backwards.

    Notes
    -----
    Source: derived from eqs. (2) to (4).
    """
    du_scale, ds = F.scale_backward(dy, u, s)                                                   # y = scale(u, s)
    dz, dw1, dw2, db1, db2 = F.excitation_backward(ds, z, h, s, w1, w2, bias=bias)              # s = excitation(z)
    return du_scale + F.squeeze_backward(dz, *u.shape[1:3]), dw1, dw2, db1, db2                 # z = squeeze(u)


def residual_block(u, x, w1, w2):
    """The end of an SE-ResNet module: y = relu(scale(u, s) + x), x being the shortcut and u what the branch made of it.

    Parameters
    ----------
    u, x : ndarray (N, H, W, C)
        The residual branch's feature maps, and the identity shortcut.
    w1, w2 : ndarray (C / r, C), (C, C / r)

    Returns
    -------
    y : ndarray (N, H, W, C)
    z, h, s : ndarray (N, C), (N, C / r), (N, C)
        As `se_block` returns them.

    Raises
    ------
    TypeError, ValueError
        As `se_block`, and where x does not have the shape of u.

    Notes
    -----
    Source: Fig. 3 and eqs. (2) to (4), section 3.3.
    """
    arguments.arrays(x=(x, 4, np.shape(u)), u=(u, 4))
    gated, z, h, s = se_block(u, w1, w2)
    return F.relu(gated + x), z, h, s


def residual_block_backward(dy, y, u, z, h, s, w1, w2):
    """The gradients of `residual_block`: what the ReLU lets through goes into the shortcut and into the block.

    Parameters
    ----------
    dy, y, u : ndarray (N, H, W, C)
        The upstream gradient, what `residual_block` returned, and the branch's feature maps.
    z, h, s : ndarray (N, C), (N, C / r), (N, C)
        As returned by `residual_block`.
    w1, w2 : ndarray (C / r, C), (C, C / r)

    Returns
    -------
    du, dx, dw1, dw2 : ndarray
        With the shapes of u, x, w1, w2.

    Raises
    ------
    TypeError, ValueError
        As `se_block_backward`.

    Notes
    -----
    Source: derived from Fig. 3 and eqs. (2) to (4).
    """
    dx = F.relu_backward(dy, y)                                                                 # y = relu(gated + x)
    du, dw1, dw2, _, _ = se_block_backward(dx, u, z, h, s, w1, w2)                              # gated = se_block(u)
    return du, dx, dw1, dw2
