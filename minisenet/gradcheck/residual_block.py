"""The end of an SE-ResNet module as a pair of functions without state: the SE block, the shortcut, and the last ReLU."""
from minisenet import functional as F


def residual_block(u, x, w1, w2):
    """The end of an SE-ResNet module: y = relu(scale(u, s) + x), where x is the shortcut and u the branch's output.

    Parameters
    ----------
    u, x : ndarray (N, H, W, C)
        The residual branch's output, and the identity shortcut.
    w1, w2 : ndarray (C / r, C), (C, C / r)

    Returns
    -------
    y : ndarray (N, H, W, C)
    z, h, s : ndarray (N, C), (N, C / r), (N, C)
        As `se_block` returns them.

    Raises
    ------
    TypeError, ValueError
        As `se_block` and `add_relu`.

    Notes
    -----
    Source: Fig. 3 and eqs. (2) to (4), section 3.3.
    """
    gated, z, h, s = F.se_block(u, w1, w2)
    return F.add_relu(gated, x), z, h, s


def residual_block_backward(dy, y, u, z, h, s, w1, w2):
    """The gradients of `residual_block`: the ReLU's gradient goes both to the shortcut and to the SE block.

    Parameters
    ----------
    dy, y, u : ndarray (N, H, W, C)
        The upstream gradient, the output of `residual_block`, and the branch's output.
    z, h, s : ndarray (N, C), (N, C / r), (N, C)
        The other outputs of `residual_block`.
    w1, w2 : ndarray (C / r, C), (C, C / r)

    Returns
    -------
    du, dx, dw1, dw2 : ndarray
        With the shapes of u, x, w1, w2.

    Raises
    ------
    TypeError, ValueError
        As `se_block_backward` and `add_relu_backward`.

    Notes
    -----
    Source: derived from Fig. 3 and eqs. (2) to (4).
    """
    dgated, dx = F.add_relu_backward(dy, y)                            # y = relu(gated + x)
    du, dw1, dw2, _, _ = F.se_block_backward(dgated, u, z, h, s, w1, w2)
    return du, dx, dw1, dw2
