"""A residual block in a few passes over memory. Read the simple functions first.

Between two convolutions a map is normalised, passed through a ReLU, squeezed, scaled and added to another map. Each step has
little arithmetic, but reads and writes megabytes. Passes derived by hand avoid most of that: everything between two
convolutions is affine in each channel, except the ReLU. Forward:

    batch norm      relu(gamma (a - mean) rstd + beta) = relu(k (a - mean) + beta) with k = gamma rstd. A convolution computes
                    it while it reads a; the normalised map is never stored.
    statistics      The batch's mean and variance follow from each image's (`merge_moments`). A convolution computes those of
                    its own output while the output is in the cache.
    squeeze         The mean of an affine map is affine: z = k (mean of the image - mean) + beta. It needs no pass.
    scale           s u + x = (s k) (a - mean) + s beta + x: one pass with the ReLU and the shortcut, eq. (4) and Fig. 3.

Backward, with g = dy [y > 0] and, for each image and channel, the sums P = sum g and R = sum g (a - mean):

    gates           ds = sum g u = k R + beta P
    both paths      du = s g + dz / (H W). Its sums are s P + dz and s R + dz (mean of the image - mean).
    batch norm      da = p g + q - r (a - mean), with p, q and r from the sums of du over all images (`affine_gradient`). The
                    convolution before the batch norm computes da while it reads g and a.

Each body below is the composition of the simple functions. A kernel of the same name computes the same without the maps in
between. `minisenet/functional/deferred.py` decides when they run.
"""
import numpy as np

from minisenet import arguments
from minisenet.arguments import optional, shape_of
from minisenet.backend import kernelised
from minisenet.functional import activation
from minisenet.functional.activation import relu, relu_backward
from minisenet.functional.convolution import _geometry, conv2d, conv2d_backward_input, conv2d_backward_weight


def _all_or_none(**arrays):
    missing = [name for name, array in arrays.items() if array is None]
    if 0 < len(missing) < len(arrays):
        raise ValueError(f"{', '.join(arrays)} must be given together, got None for {', '.join(missing)}: give all or none")


def _norm(c, **arrays):
    """The arrays of a batch norm for `arguments.arrays`, which are optional and have one number for each channel."""
    return {name: optional(array, 1, c) for name, array in arrays.items()}


def _check_conv2d(a, w, mean=None, k=None, beta=None, *, stride=1, padding=0, dilation=1, groups=1):
    _all_or_none(mean=mean, k=k, beta=beta)
    c = shape_of(a)[3:]
    args = arguments.arrays(a=(a, 4), w=(w, 4), **_norm(c, mean=mean, k=k, beta=beta))
    return tuple(args), _geometry(args[0].shape, args[1].shape, stride, padding, dilation, groups)[0]


def _check_conv2d_backward(g, a, w, mean=None, k=None, beta=None, y=None, mean_y=None, p=None, q=None, r=None, plus=None, *,
                           stride=1, padding=0, dilation=1, groups=1, input_gradient=True):
    _all_or_none(mean=mean, k=k, beta=beta)
    _all_or_none(y=y, mean_y=mean_y, p=p, q=q, r=r)
    a, w = arguments.arrays(a=(a, 4), w=(w, 4))
    options, y_shape = _geometry(a.shape, w.shape, stride, padding, dilation, groups)
    c_y, each = y_shape[3:], y_shape[::3]
    args = arguments.arrays(g=(g, 4, y_shape), a=(a, 4), w=(w, 4), **_norm(a.shape[3:], mean=mean, k=k, beta=beta),
                            y=optional(y, 4, y_shape), mean_y=optional(mean_y, 1, c_y), p=optional(p, 2, each),
                            q=optional(q, 2, each), r=optional(r, 1, c_y), plus=optional(plus, 4, a.shape))
    return tuple(args), options | dict(input_gradient=bool(input_gradient))


def _check_affine_add(a, mean, k, beta, x=None, mean_x=None, k_x=None, beta_x=None, *, relu=True):
    _all_or_none(mean_x=mean_x, k_x=k_x, beta_x=beta_x)
    if x is None and mean_x is not None:
        raise ValueError("mean_x, k_x, beta_x must be given with x, got None for x")
    shape = shape_of(a)
    each = shape[::3] if len(shape_of(k)) == 2 else shape[3:]
    args = arguments.arrays(a=(a, 4), mean=(mean, 1, shape[3:]), k=(k, len(each) or 1, each), beta=(beta, len(each) or 1, each),
                            x=optional(x, 4, shape), **_norm(shape[3:], mean_x=mean_x, k_x=k_x, beta_x=beta_x))
    return tuple(args), dict(relu=bool(relu))


def _check_gradient_sums(dy, a, mean, y=None):
    shape = shape_of(a)
    return tuple(arguments.arrays(dy=(dy, 4, shape), a=(a, 4), mean=(mean, 1, shape[3:]), y=optional(y, 4, shape))), {}


def _check_moments(x):
    return tuple(arguments.arrays(x=(x, 4))), {}


def _check_merge(means, squares, positions):
    means, squares = arguments.arrays(means=(means, 2), squares=(squares, 2, shape_of(means)))
    return (means, squares, arguments.integer("positions", positions, 1)), {}


def _check_affine(k, rstd, sums, products, positions, p=None, q=None, *, training=True):
    each = shape_of(sums)
    k, rstd, sums, products, p, q = arguments.arrays(k=(k, 1, each[1:]), rstd=(rstd, 1, each[1:]), sums=(sums, 2),
                                                     products=(products, 2, each), p=optional(p, 2, each),
                                                     q=optional(q, 2, each))
    return (k, rstd, sums, products, arguments.integer("positions", positions, 1), p, q), dict(training=bool(training))


def _check_affine_map(g, p, q, r, a, mean):
    c, each = shape_of(g)[3:], shape_of(g)[::3]
    return tuple(arguments.arrays(g=(g, 4), p=(p, 2, each), q=(q, 2, each), r=(r, 1, c), a=(a, 4, shape_of(g)),
                                  mean=(mean, 1, c))), {}


# ---- convolutions that compute their input -----------------------------------------------------------------------------

@kernelised(_check_conv2d, backends=("fused",))
def conv2d_normalised(a, w, mean=None, k=None, beta=None, *, stride=1, padding=0, dilation=1, groups=1):
    """conv2d(relu(k (a - mean) + beta), w), or conv2d(a, w), with each image's statistics of the result.

    Parameters
    ----------
    a : ndarray (N, H, W, C_in)
        The output of the convolution before the batch norm. If mean, k and beta are None, the input itself.
    w : ndarray (C_out, C_in / groups, KH, KW)
    mean, k, beta : ndarray (C_in,), optional
        A batch norm, k = gamma rstd, which a ReLU follows. The zeros of the padding come after both.
    stride, padding, dilation : int or (int, int)
    groups : int

    Returns
    -------
    y : ndarray (N, OH, OW, C_out)
    means, squares : ndarray (N, C_out)
        Each image's mean, and the sum of squared differences from it.

    Raises
    ------
    TypeError, ValueError
        As `conv2d`, and if only some of mean, k and beta are given.

    Notes
    -----
    Source: eq. (1) and Ioffe and Szegedy 2015, algorithm 1.
    """
    x = a if mean is None else relu(k * (a - mean) + beta)
    y = conv2d(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return y, *image_moments(y)


@kernelised(_check_conv2d_backward, backends=("fused",))
def conv2d_normalised_backward(g, a, w, mean=None, k=None, beta=None, y=None, mean_y=None, p=None, q=None, r=None,
                               plus=None, *, stride=1, padding=0, dilation=1, groups=1, input_gradient=True):
    """Both gradients of `conv2d_normalised`. The upstream gradient is g, or p g + q - r (y - mean_y).

    Parameters
    ----------
    g : ndarray (N, OH, OW, C_out)
        The upstream gradient. With y, mean_y, p, q and r it is the gradient after the batch norm that follows.
    a, w, mean, k, beta
        As for the forward.
    y : ndarray (N, OH, OW, C_out), optional
        The forward's output.
    mean_y, p, q, r : ndarray (C_out,), (N, C_out), (N, C_out), (C_out,), optional
        The mean and the backward of the batch norm that follows, from `affine_gradient`.
    plus : ndarray (N, H, W, C_in), optional
        Added to dx: the same map's gradient along another path, such as the shortcut.
    input_gradient : bool
        Whether to compute dx.

    Returns
    -------
    dx : ndarray (N, H, W, C_in) or None
        The gradient of relu's argument k (a - mean) + beta, or of a if mean, k and beta are None.
    dw : ndarray, the shape of w
    sums, products : ndarray (N, C_in) or None
        With mean, k and beta, for each image: the sums of dx and of dx (a - mean), without `plus`. The backward of the
        batch norm before the ReLU needs them.

    Raises
    ------
    TypeError, ValueError
        As the forward, and if a shape does not match the forward's.

    Notes
    -----
    Source: derived from eq. (1) and Ioffe and Szegedy 2015, section 3.
    """
    options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    dy = g if y is None else affine_gradient_map(g, p, q, r, y, mean_y)
    x = a if mean is None else relu(k * (a - mean) + beta)
    dw, dx, sums, products = conv2d_backward_weight(dy, x, w.shape, **options), None, None, None
    if input_gradient:
        dx = conv2d_backward_input(dy, w, a.shape, **options)
        if mean is not None:
            dx, sums, products = gradient_sums(dx, a, mean, x)
        if plus is not None:
            dx = dx + plus
    return dx, dw, sums, products


# ---- the passes between convolutions -----------------------------------------------------------------------------------

@kernelised(_check_affine_add, backends=("fused",))
def affine_add(a, mean, k, beta, x=None, mean_x=None, k_x=None, beta_x=None, *, relu=True):
    """relu(k (a - mean) + beta + shortcut): batch norm, scale, shortcut and ReLU, the end of a residual block.

    Parameters
    ----------
    a : ndarray (N, H, W, C)
        The output of the residual branch's last convolution.
    mean : ndarray (C,)
    k, beta : ndarray (C,), or (N, C)
        A batch norm, k = gamma rstd. With gates k and beta differ by image: k = s gamma rstd, and s beta.
    x : ndarray (N, H, W, C), optional
        The shortcut. None if there is none, as in a stem.
    mean_x, k_x, beta_x : ndarray (C,), optional
        A projection's own batch norm: then the shortcut is k_x (x - mean_x) + beta_x.
    relu : bool
        Whether to apply the ReLU.

    Returns
    -------
    y : ndarray (N, H, W, C)

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: eq. (4) and Fig. 3; He et al. 2016, eq. (1). The authors' code fuses scale and sum too ("Axpy").
    """
    y = _each(k) * (a - mean) + _each(beta)
    if x is not None:
        y = y + (x if mean_x is None else k_x * (x - mean_x) + beta_x)
    return activation.relu(y) if relu else y


def _each(k):
    """One number for each channel, or for each image and channel, in a shape that broadcasts over a map."""
    return k if k.ndim == 1 else k[:, None, None]


@kernelised(_check_gradient_sums, backends=("fused",))
def gradient_sums(dy, a, mean, y=None):
    """A ReLU's backward, and the sums of its result for the batch norm and the gates before it.

    Parameters
    ----------
    dy : ndarray (N, H, W, C)
        The upstream gradient.
    a, mean : ndarray (N, H, W, C), (C,)
        The map before its batch norm, and the batch norm's mean.
    y : ndarray (N, H, W, C), optional
        The ReLU's output. If None, there is no ReLU and g is dy.

    Returns
    -------
    g : ndarray (N, H, W, C)
        dy where y > 0, else 0.
    sums, products : ndarray (N, C)
        Each image's sums of g and of g (a - mean): P and R above.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: derived from eq. (4).
    """
    g = dy if y is None else relu_backward(dy, y)
    return g, g.sum(axis=(1, 2)), np.sum(g * (a - mean), axis=(1, 2))


@kernelised(_check_affine_map, backends=("fused",))
def affine_gradient_map(g, p, q, r, a, mean):
    """p g + q - r (a - mean), for readers other than a convolution, which computes it itself.

    Parameters
    ----------
    g, a : ndarray (N, H, W, C)
    p, q, r, mean : ndarray (N, C), (N, C), (C,), (C,)
        From `affine_gradient`, and the batch norm's mean.

    Returns
    -------
    da : ndarray (N, H, W, C)

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: derived from Ioffe and Szegedy 2015, section 3.
    """
    return p[:, None, None] * g + q[:, None, None] - r * (a - mean)


@kernelised(_check_moments, backends=("fused",))
def image_moments(x):
    """Each image's mean, and the sum of squared differences from it.

    Parameters
    ----------
    x : ndarray (N, H, W, C)

    Returns
    -------
    means, squares : ndarray (N, C)

    Raises
    ------
    TypeError, ValueError
        If x is not a floating-point NumPy array (N, H, W, C).

    Notes
    -----
    Source: Ioffe and Szegedy 2015, algorithm 1.
    """
    means = x.mean(axis=(1, 2))
    return means, np.sum((x - means[:, None, None]) ** 2, axis=(1, 2))


# ---- the arithmetic between the passes: a few numbers for each image and channel -----------------------------------

@kernelised(_check_merge, backends=("fused",))
def merge_moments(means, squares, positions):
    """The batch's mean and biased variance from its images', without cancellation (Chan, Golub and LeVeque 1979).

    Parameters
    ----------
    means, squares : ndarray (N, C)
        As `conv2d_normalised` returns them.
    positions : int
        H W, the number of values behind each of them.

    Returns
    -------
    mean, var : ndarray (C,)
        At least in float64.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.
    """
    means = means.astype(np.result_type(means, np.float64))
    mean = means.mean(axis=0)
    return mean, squares.astype(means.dtype).mean(axis=0) / positions + ((means - mean) ** 2).mean(axis=0)


@kernelised(_check_affine, backends=("fused",))
def affine_gradient(k, rstd, sums, products, positions, p=None, q=None, *, training=True):
    """Batch norm's backward as an affine map, da = p' g + q' - r (a - mean), for the upstream gradient du = p g + q.

    Parameters
    ----------
    k, rstd : ndarray (C,)
        gamma rstd, and 1 / sqrt(var + eps).
    sums, products : ndarray (N, C)
        Each image's sums of du and of du (a - mean).
    positions : int
        H W.
    p, q : ndarray (N, C), optional
        From gates, p = s, and from a squeeze, q = dz / (H W). Without them du is g.
    training : bool
        Whether the mean and the variance are the batch's own. If not, they are constants without a gradient.

    Returns
    -------
    p, q, r : ndarray (N, C), (N, C), (C,)
        p', q' and r.
    dgamma, dbeta : ndarray (C,)

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: derived from Ioffe and Szegedy 2015, section 3.
    """
    dtype, exact = sums.dtype, np.result_type(sums, np.float64)
    dbeta, dgamma = sums.sum(axis=0, dtype=exact), products.sum(axis=0, dtype=exact) * rstd
    m = len(sums) * positions
    p = np.broadcast_to(k, sums.shape) if p is None else k * p
    q = np.zeros(sums.shape, dtype) if q is None else k * q
    r = np.zeros(k.shape, dtype)
    if training:
        q, r = q - k * dbeta / m, k * rstd * dgamma / m
    return p.astype(dtype), q.astype(dtype), r.astype(dtype), dgamma.astype(dtype), dbeta.astype(dtype)
