"""Scale, section 3.2: each feature map times its gate. Eq. (4).

    x~_c = s_c u_c          du_c(i, j) = s_c dy_c(i, j)          ds_c = sum_{i, j} dy_c(i, j) u_c(i, j)

In an SE block this du is one of two paths into u: s depends on u too. The whole gradient is du = s dy + dz / (H W); see
`minisenet.functional.se_block_backward`.
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
        If an argument is not a floating-point NumPy array, or if the dtypes differ.
    ValueError
        If s is not (N, C).

    Notes
    -----
    Source: eq. (4), section 3.2.
    """
    return u * s[:, None, None, :]


@kernelised(_check_backward)
def scale_backward(dy, u, s):
    """The gradients of `scale`: du = s dy, and ds = sum of dy u over positions, because one s_c multiplies all of them.

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
        As `scale`, and if dy does not have the shape of u.

    Notes
    -----
    Source: derived from eq. (4).
    """
    return dy * s[:, None, None, :], (dy * u).sum(axis=(1, 2))
