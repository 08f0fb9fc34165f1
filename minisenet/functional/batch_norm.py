"""Batch normalisation (Ioffe and Szegedy, 2015), which follows every convolution of an SE-ResNet.

Over the M = N H W values of one channel, with mu their mean, v = mean((x - mu)^2) their biased variance,
k = 1 / sqrt(v + eps) and xhat = (x - mu) k,

    y = gamma xhat + beta

Backward, for each channel. beta is added to every y, and gamma multiplies every xhat:

    dbeta = sum(dy)          dgamma = sum(dy xhat)

Each xhat depends on its own x directly, and on all of them through mu and v. Let g = gamma dy, the gradient of xhat:

    dv  = sum(g (x - mu)) (-1/2) k^3         since dk/dv = -1/2 k^3
    dmu = -k sum(g)                          (v's own slope in mu is -2 mean(x - mu) = 0)
    dx  = g k + dv 2 (x - mu) / M + dmu / M
        = k (g - mean(g) - xhat mean(g xhat))
        = gamma k (dy - dbeta / M - xhat dgamma / M)

In words: dx has no component along 1, because no change of x can move the mean of xhat. For eps = 0 it has none along xhat
either, because no change can scale xhat. If dy is 1 everywhere, dx is 0: a check with ones proves nothing.
"""
import numpy as np

from minisenet import arguments
from minisenet.backend import kernelised


def _channels(x):
    return arguments.shape_of(x)[-1:]


def _check_forward(x, gamma, beta, *, eps=1e-5):
    c = _channels(x)
    x, gamma, beta = arguments.arrays(x=(x, 4), gamma=(gamma, 1, c), beta=(beta, 1, c))
    if x.size == x.shape[3]:
        raise ValueError(f"x must have at least two values per channel, got shape {x.shape}: one value has no variance; train "
                         "on a larger batch or image")
    return (x, gamma, beta), dict(eps=arguments.real_number("eps", eps, least=0))


def _check_backward(dy, x, gamma, mean, var, *, eps=1e-5):
    c = _channels(x)
    args = arguments.arrays(dy=(dy, 4, arguments.shape_of(x)), x=(x, 4), gamma=(gamma, 1, c), mean=(mean, 1, c),
                            var=(var, 1, c))
    return tuple(args), dict(eps=arguments.real_number("eps", eps, least=0))


def _check_inference(x, gamma, beta, running_mean, running_var, *, eps=1e-5):
    c = _channels(x)
    args = arguments.arrays(x=(x, 4), gamma=(gamma, 1, c), beta=(beta, 1, c),
                            running_mean=(running_mean, 1, c), running_var=(running_var, 1, c))
    return tuple(args), dict(eps=arguments.real_number("eps", eps, least=0))


def _check_inference_backward(dy, x, gamma, running_mean, running_var, *, eps=1e-5):
    c = _channels(x)
    args = arguments.arrays(dy=(dy, 4, arguments.shape_of(x)), x=(x, 4), gamma=(gamma, 1, c),
                            running_mean=(running_mean, 1, c), running_var=(running_var, 1, c))
    return tuple(args), dict(eps=arguments.real_number("eps", eps, least=0))


@kernelised(_check_forward)
def batch_norm(x, gamma, beta, *, eps=1e-5):
    """Batch normalisation in training: y = gamma (x - mean) / sqrt(var + eps) + beta, for each channel.

    Parameters
    ----------
    x : ndarray (N, H, W, C)
    gamma, beta : ndarray (C,)
    eps : float

    Returns
    -------
    y : ndarray (N, H, W, C)
    mean, var : ndarray (C,)
        This batch's statistics, which the backward needs. var is the biased variance (divided by M = N H W).

    Raises
    ------
    TypeError
        If an argument is not a floating-point NumPy array, or if the dtypes differ.
    ValueError
        If the shapes do not match, or if there is only one value per channel.

    Notes
    -----
    Source: Ioffe and Szegedy 2015, algorithm 1. In the paper: the networks of Table 1 and section 5.1.
    """
    mean = x.mean(axis=(0, 1, 2))
    centred = x - mean
    var = (centred * centred).mean(axis=(0, 1, 2))          # not np.var: it would take the absolute value of complex numbers
    return centred * (gamma / np.sqrt(var + x.real.dtype.type(eps))) + beta, mean, var


@kernelised(_check_backward)
def batch_norm_backward(dy, x, gamma, mean, var, *, eps=1e-5):
    """The gradients of `batch_norm`: (dx, dgamma, dbeta); mean and var are functions of x, not constants.

    Parameters
    ----------
    dy, x : ndarray (N, H, W, C)
    gamma, mean, var : ndarray (C,)
        mean and var are those that `batch_norm` returned.
    eps : float
        As given to `batch_norm`.

    Returns
    -------
    dx, dgamma, dbeta : ndarray (N, H, W, C), ndarray (C,), ndarray (C,)

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: the derivation at the top of this file.
    """
    m = x.size // x.shape[3]
    rstd = 1 / np.sqrt(var + x.real.dtype.type(eps))
    xhat = (x - mean) * rstd
    dbeta = dy.sum(axis=(0, 1, 2))
    dgamma = (dy * xhat).sum(axis=(0, 1, 2))
    dx = gamma * rstd * (dy - dbeta / m - xhat * (dgamma / m))
    return dx, dgamma, dbeta


@kernelised(_check_inference)
def batch_norm_inference(x, gamma, beta, running_mean, running_var, *, eps=1e-5):
    """Batch normalisation with fixed statistics: one affine map for each channel.

    Parameters
    ----------
    x : ndarray (N, H, W, C)
    gamma, beta, running_mean, running_var : ndarray (C,)
    eps : float

    Returns
    -------
    y : ndarray (N, H, W, C)

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: Ioffe and Szegedy 2015, algorithm 2.
    """
    k = gamma / np.sqrt(running_var + x.real.dtype.type(eps))
    return (x - running_mean) * k + beta


@kernelised(_check_inference_backward)
def batch_norm_inference_backward(dy, x, gamma, running_mean, running_var, *, eps=1e-5):
    """The gradients of `batch_norm_inference`: (dx, dgamma, dbeta); here the statistics are constants.

    Parameters
    ----------
    dy, x : ndarray (N, H, W, C)
    gamma, running_mean, running_var : ndarray (C,)
    eps : float

    Returns
    -------
    dx, dgamma, dbeta : ndarray (N, H, W, C), ndarray (C,), ndarray (C,)

    Raises
    ------
    TypeError, ValueError
        If an argument is not a floating-point NumPy array, or if dtypes or shapes do not match.

    Notes
    -----
    Source: dx = gamma k dy, without the two corrections of `batch_norm_backward`.
    """
    rstd = 1 / np.sqrt(running_var + x.real.dtype.type(eps))
    return dy * (gamma * rstd), (dy * (x - running_mean) * rstd).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))
