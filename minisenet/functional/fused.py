"""Short cuts: a residual block in a few sweeps over memory. Not to be read first.

Between two convolutions a map is normalised, passed through a ReLU, squeezed, scaled and added to another: little arithmetic,
and each step reads and writes megabytes. Hand-derived passes need not do that, because everything between two convolutions
is affine in each channel, but for the ReLU:

    batch norm      relu(gamma (a - mean) rstd + beta) = relu(k (a - mean) + beta) with k = gamma rstd: a convolution can form
                    it while it reads a, and the normalised map is never stored
    statistics      the batch's mean and variance follow from each image's (`merge_moments`), which a convolution takes from
                    its own output while it is at hand
    squeeze         the mean of an affine map is affine: z = k (mean of the image - mean) + beta, without a look at the map
    scale           s u + x = (s k) (a - mean) + s beta + x: one sweep with the ReLU and the shortcut, eq. (4) and Fig. 3

and backwards, with g = dy [y > 0] and, for each image and channel, the sums P = sum g and R = sum g (a - mean):

    gates           ds = sum g u = k R + beta P
    both paths      du = s g + dz / (H W), so that batch norm's sums are sum du = sum (s P + dz) and
                    sum du (a - mean) = sum (s R + dz (mean of the image - mean)), over the images
    batch norm      da = p g + q - r (a - mean), with p, q and r from those sums (`affine_gradient`): the convolutions before
                    it form it while they read g and a

Each body below is literally the composition of the simple functions; a kernel of the same name does it without the maps in
between. `minisenet/fused_blocks.py` puts them together.
"""
import numpy as np

from minisenet.backend import kernelised
from minisenet import arguments as _check
from minisenet.functional.activation import relu, relu_backward
from minisenet.functional.convolution import _geometry, conv2d, conv2d_backward_input, conv2d_backward_weight


def _per_image(x):
    """The shape (N, C) of what each image has for each channel."""
    return np.shape(x)[::3]


def _all_or_none(**arrays):
    if len({array is None for array in arrays.values()}) > 1:
        raise ValueError(f"{', '.join(arrays)} are given together, or none of them")


def _check_conv2d(a, w, mean=None, k=None, beta=None, *, stride=1, padding=0, dilation=1, groups=1):
    _all_or_none(mean=mean, k=k, beta=beta)
    c = np.shape(a)[3:]
    arrays = _check.arrays(a=(a, 4), w=(w, 4), mean=(mean, 1, c), k=(k, 1, c), beta=(beta, 1, c))
    return tuple(arrays), _geometry(arrays[0].shape, arrays[1].shape, stride, padding, dilation, groups)[0]


def _check_conv2d_backward(g, y, p, q, r, mean_y, a, w, mean=None, k=None, beta=None, more=None, *, stride=1, padding=0,
                           dilation=1, groups=1, input_gradient=True):
    (a, w, mean, k, beta), options = _check_conv2d(a, w, mean, k, beta, stride=stride, padding=padding, dilation=dilation,
                                                   groups=groups)
    _, y_shape = _geometry(a.shape, w.shape, **options)
    each, c = y_shape[::3], y_shape[3:]
    arrays = _check.arrays(g=(g, 4, y_shape), y=(y, 4, y_shape), p=(p, 2, each), q=(q, 2, each), r=(r, 1, c),
                           mean_y=(mean_y, 1, c), a=(a, 4), w=(w, 4), mean=(mean, 1), k=(k, 1), beta=(beta, 1),
                           more=(more, 4, a.shape))
    return tuple(arrays), options | dict(input_gradient=bool(input_gradient))


def _check_join(a, mean, k, beta, x=None, mean_x=None, k_x=None, beta_x=None):
    _all_or_none(mean_x=mean_x, k_x=k_x, beta_x=beta_x)
    if x is None and mean_x is not None:
        raise ValueError("mean_x, k_x and beta_x take an x")
    c, each = np.shape(a)[3:], _per_image(a)
    return tuple(_check.arrays(a=(a, 4), mean=(mean, 1, c), k=(k, 2, each), beta=(beta, 2, each), x=(x, 4, np.shape(a)),
                               mean_x=(mean_x, 1, c), k_x=(k_x, 1, c), beta_x=(beta_x, 1, c))), {}


def _check_join_backward(dy, y, a, mean, x=None, mean_x=None):
    _all_or_none(x=x, mean_x=mean_x)
    c = np.shape(a)[3:]
    return tuple(_check.arrays(dy=(dy, 4, np.shape(a)), y=(y, 4, np.shape(a)), a=(a, 4), mean=(mean, 1, c),
                               x=(x, 4, np.shape(a)), mean_x=(mean_x, 1, c))), {}


def _check_moments(means, squares, positions):
    return (*_check.arrays(means=(means, 2), squares=(squares, 2, np.shape(means))), _check.integer("positions", positions, 1)), {}


def _check_affine(k, rstd, sums, products, positions, *, s=None, dz=None, means=None, training=True):
    _all_or_none(s=s, dz=dz, means=means)
    each = np.shape(sums)
    k, rstd, sums, products, s, dz, means = _check.arrays(
        k=(k, 1, each[1:]), rstd=(rstd, 1, each[1:]), sums=(sums, 2), products=(products, 2, each), s=(s, 2, each),
        dz=(dz, 2, each), means=(means, 2, each))
    return (k, rstd, sums, products, _check.integer("positions", positions, 1)), dict(s=s, dz=dz, means=means,
                                                                                    training=bool(training))


# ---- convolutions that form what they read -----------------------------------------------------------------------------

@kernelised(_check_conv2d, backends=("fused",))
def conv2d_normalised(a, w, mean=None, k=None, beta=None, *, stride=1, padding=0, dilation=1, groups=1):
    """conv2d(relu(k (a - mean) + beta), w), or conv2d(a, w), and each image's statistics of the result.

    Parameters
    ----------
    a : ndarray (N, H, W, C_in)
        What the convolution before returned, or with mean, k and beta None the input itself.
    w : ndarray (C_out, C_in / groups, KH, KW)
    mean, k, beta : ndarray (C_in,), optional
        A batch norm, k = gamma rstd. A ReLU follows it; the zeros of the padding come after both.
    stride, padding, dilation : int or (int, int)
    groups : int

    Returns
    -------
    y : ndarray (N, OH, OW, C_out)
    means, squares : ndarray (N, C_out)
        Each image's mean, and its sum of squares about that mean.

    Raises
    ------
    TypeError, ValueError
        As `conv2d`, and where mean, k and beta are not given together.

    Notes
    -----
    Source: eq. (1) and Ioffe and Szegedy 2015, algorithm 1.
    """
    x = a if mean is None else relu(k * (a - mean) + beta)
    y = conv2d(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    means = y.mean(axis=(1, 2))
    return y, means, np.sum((y - means[:, None, None]) ** 2, axis=(1, 2))


@kernelised(_check_conv2d_backward, backends=("fused",))
def conv2d_normalised_backward(g, y, p, q, r, mean_y, a, w, mean=None, k=None, beta=None, more=None, *, stride=1, padding=0,
                               dilation=1, groups=1, input_gradient=True):
    """Both gradients of `conv2d_normalised`, for the upstream gradient dy = p g + q - r (y - mean_y).

    Parameters
    ----------
    g, y : ndarray (N, OH, OW, C_out)
        The gradient of what follows the batch norm after this convolution, and what the forward returned.
    p, q, r, mean_y : ndarray (N, C_out), (N, C_out), (C_out,), (C_out,)
        That batch norm's backward, from `affine_gradient`, and its mean.
    a, w, mean, k, beta
        As for the forward.
    more : ndarray (N, H, W, C_in), optional
        Added to dx: what reaches the same map on another way, as x in a residual block.
    input_gradient : bool
        Whether dx is wanted.

    Returns
    -------
    dx : ndarray (N, H, W, C_in) or None
        The gradient of relu's argument k (a - mean) + beta; without mean, k and beta that of a.
    dw : ndarray, the shape of w
    sums, products : ndarray (N, C_in) or None
        With mean, k and beta, for each image: the sum of dx, and of dx (a - mean). They are what the batch norm before the
        ReLU needs.

    Raises
    ------
    TypeError, ValueError
        As the forward, and for shapes that do not belong to it.

    Notes
    -----
    Source: derived from eq. (1) and Ioffe and Szegedy 2015, section 3.
    """
    options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    dy = p[:, None, None] * g + q[:, None, None] - r * (y - mean_y)
    x = a if mean is None else relu(k * (a - mean) + beta)
    dw, dx, sums, products = conv2d_backward_weight(dy, x, w.shape, **options), None, None, None
    if input_gradient:
        dx = conv2d_backward_input(dy, w, a.shape, **options)
        if mean is not None:
            dx = relu_backward(dx, x)
            sums, products = dx.sum(axis=(1, 2)), np.sum(dx * (a - mean), axis=(1, 2))
        if more is not None:
            dx = dx + more
    return dx, dw, sums, products


# ---- the sweep that ends a residual block ------------------------------------------------------------------------------

@kernelised(_check_join, backends=("fused",))
def scale_add_relu(a, mean, k, beta, x=None, mean_x=None, k_x=None, beta_x=None):
    """relu(k (a - mean) + beta + shortcut): batch norm, scale, shortcut and ReLU, the end of a residual block.

    Parameters
    ----------
    a : ndarray (N, H, W, C)
        What the last convolution of the residual branch returned.
    mean : ndarray (C,)
    k, beta : ndarray (N, C)
        Batch norm and gates together: k = s gamma rstd, and s beta.
    x : ndarray (N, H, W, C), optional
        The shortcut. None for no shortcut (a stem).
    mean_x, k_x, beta_x : ndarray (C,), optional
        The shortcut's own batch norm, where it is a projection: then it is k_x (x - mean_x) + beta_x.

    Returns
    -------
    y : ndarray (N, H, W, C)

    Raises
    ------
    TypeError, ValueError
        For dtypes or shapes that do not fit together.

    Notes
    -----
    Source: eq. (4) and Fig. 3; He et al. 2016, eq. (1). The authors' own code fuses scale and sum too ("Axpy").
    """
    pre = k[:, None, None] * (a - mean) + beta[:, None, None]
    if x is not None:
        pre = pre + (x if mean_x is None else k_x * (x - mean_x) + beta_x)
    return relu(pre)


@kernelised(_check_join_backward, backends=("fused",))
def scale_add_relu_backward(dy, y, a, mean, x=None, mean_x=None):
    """The gradient of relu's argument in `scale_add_relu`, and the sums that everything before it needs.

    Parameters
    ----------
    dy, y : ndarray (N, H, W, C)
        The upstream gradient, and what the forward returned.
    a, mean : ndarray (N, H, W, C), (C,)
    x, mean_x : ndarray (N, H, W, C), (C,), optional
        A projected shortcut, before its batch norm.

    Returns
    -------
    g : ndarray (N, H, W, C)
        dy where y > 0, else 0. It is the gradient of both summands.
    sums, products : ndarray (N, C)
        Each image's sum of g, and of g (a - mean): P and R above.
    products_x : ndarray (N, C) or None
        Each image's sum of g (x - mean_x).

    Raises
    ------
    TypeError, ValueError
        For dtypes or shapes that do not fit together.

    Notes
    -----
    Source: derived from eq. (4).
    """
    g = relu_backward(dy, y)
    products_x = None if x is None else np.sum(g * (x - mean_x), axis=(1, 2))
    return g, g.sum(axis=(1, 2)), np.sum(g * (a - mean), axis=(1, 2)), products_x


# ---- and the arithmetic between the sweeps: a few numbers for each image and channel -----------------------------------

@kernelised(_check_moments, backends=("fused",))
def merge_moments(means, squares, positions):
    """The batch's mean and biased variance from those of its images, without cancellation (Chan, Golub and LeVeque 1979).

    Parameters
    ----------
    means, squares : ndarray (N, C)
        As `conv2d_normalised` returns them.
    positions : int
        H W, what each of them was taken over.

    Returns
    -------
    mean, var : ndarray (C,)
        In float64 at least.

    Raises
    ------
    TypeError, ValueError
        For dtypes or shapes that differ.
    """
    means = means.astype(np.result_type(means, np.float64))
    mean = means.mean(axis=0)
    return mean, squares.astype(means.dtype).mean(axis=0) / positions + ((means - mean) ** 2).mean(axis=0)


@kernelised(_check_affine, backends=("fused",))
def affine_gradient(k, rstd, sums, products, positions, *, s=None, dz=None, means=None, training=True):
    """Batch norm's backward as an affine map: da = p g + q - r (a - mean), with the gates' and the squeeze's parts in it.

    Without s and dz, g is the upstream gradient of the batch norm. With them it is that of s u + x, and batch norm's own is
    du = s g + dz / (H W): both paths into u.

    Parameters
    ----------
    k, rstd : ndarray (C,)
        gamma rstd, and 1 / sqrt(var + eps).
    sums, products : ndarray (N, C)
        Each image's sum of g, and of g (a - mean).
    positions : int
        H W.
    s, dz : ndarray (N, C), optional
        The gates, and the gradient of z.
    means : ndarray (N, C), optional
        Each image's mean of a, less the batch's. It belongs to dz.
    training : bool
        Whether the mean and the variance were the batch's own; else they are constants, and q and r have no part of them.

    Returns
    -------
    p, q, r : ndarray (N, C), (N, C), (C,)
    dgamma, dbeta : ndarray (C,)

    Raises
    ------
    TypeError, ValueError
        For dtypes or shapes that do not fit together.

    Notes
    -----
    Source: derived from eqs. (2) and (4) and Ioffe and Szegedy 2015, section 3.
    """
    dtype, exact = sums.dtype, np.result_type(sums, np.float64)
    if s is not None:
        sums, products = s * sums + dz, s * products + dz * means
    dbeta, dgamma = sums.sum(axis=0, dtype=exact), products.sum(axis=0, dtype=exact) * rstd
    m = len(sums) * positions
    p = np.broadcast_to(k, sums.shape) if s is None else k * s
    q = np.zeros(sums.shape, dtype) if dz is None else k * dz / positions
    r = np.zeros(k.shape, dtype)
    if training:
        q, r = q - k * dbeta / m, k * rstd * dgamma / m
    return p.astype(dtype), q.astype(dtype), r.astype(dtype), dgamma.astype(dtype), dbeta.astype(dtype)
