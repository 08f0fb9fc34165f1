"""Scale, section 3.2: each feature map times its gate. Eq. (4).

    x~_c = s_c u_c          du_c(i, j) = s_c dy_c(i, j)          ds_c = sum_{i, j} dy_c(i, j) u_c(i, j)

This du is only one of the two paths into u. In an SE block s itself was computed from u, so the whole gradient is
du = s dy + dz / (H W): see `minisenet.blocks.SEBlock.backward`.
"""
from minisenet import arguments
from minisenet.backend import kernelised


def _check_forward(u, s):
    return tuple(arguments.arrays(u=(u, 4), s=(s, 2, arguments.shape_of(u)[::3]))), {}


def _check_backward(dy, u, s):
    shape = arguments.shape_of(u)
    return tuple(arguments.arrays(dy=(dy, 4, shape), u=(u, 4), s=(s, 2, shape[::3]))), {}


@kernelised(_check_forward)
def scale(u, s):
    """F_scale, eq. (4): channel-wise multiplication, y_c = s_c u_c.

    Parameters
    ----------
    u : ndarray (N, H, W, C)
        The feature maps.
    s : ndarray (N, C)
        The gates.

    Returns
    -------
    y : ndarray (N, H, W, C)
        The paper's x~.

    Raises
    ------
    TypeError
        For an integer array, or mixed dtypes.
    ValueError
        Where s is not (N, C).

    Notes
    -----
    Source: eq. (4), section 3.2.
    """
    return u * s[:, None, None, :]


@kernelised(_check_backward)
def scale_backward(dy, u, s):
    """The gradients of `scale`: du = s dy, and ds = the sum over positions of dy u, as one s_c met every position.

    Parameters
    ----------
    dy, u : ndarray (N, H, W, C)
    s : ndarray (N, C)

    Returns
    -------
    du, ds : ndarray (N, H, W, C), ndarray (N, C)

    Raises
    ------
    TypeError, ValueError
        As `scale`, and where dy does not have the shape of u.

    Notes
    -----
    Source: derived from eq. (4).
    """
    return dy * s[:, None, None, :], (dy * u).sum(axis=(1, 2))
