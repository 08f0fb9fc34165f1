"""What passes over maps: ReLU, batch norm, squeeze and scale, the ends of a residual block, pooling, the channel shuffle.

The loops are activation.pxi, batch_norm.pxi, se.pxi, fused.pxi, pooling.pxi and channels.pxi.
"""
import math

import numpy as np

from minisenet.kernels import loops
from minisenet.kernels.loops import of
from minisenet.kernels.threads import run


def relu(x):
    """As `minisenet.functional.relu`."""
    return relu_backward(x, x)


def relu_backward(dy, y):
    """As `minisenet.functional.relu_backward`."""
    dx = np.empty_like(dy)
    run(of(dy).keep_positive_pieces, -(-dy.size // loops.FLAT_PIECE), (dy.reshape(-1), y.reshape(-1), dx.reshape(-1)), dy.size)
    return dx


def affine_add(a, mean, k, beta, x=None, mean_x=None, k_x=None, beta_x=None, *, relu):
    """As `minisenet.functional.fused.affine_add`."""
    y = np.empty_like(a)
    shortcut = loops.ALONE if x is None else loops.PLUS if mean_x is None else loops.PLUS_NORMALISED
    of_x = (mean,) * 3 if mean_x is None else (mean_x, k_x, beta_x)
    run(of(a).affine_add_images, len(a),
        (a, mean, np.atleast_2d(k), np.atleast_2d(beta), a if x is None else x, *of_x, y, shortcut, relu), a.size)
    return y


def gradient_sums(dy, a, mean, y=None):
    """As `minisenet.functional.fused.gradient_sums`."""
    sums, products = np.empty((2, len(a), a.shape[3]), a.dtype)
    if y is None:
        run(of(a).gradient_sums_images, len(a), (dy, a, mean, sums, products), a.size)
        return dy, sums, products
    g = np.empty_like(a)
    run(of(a).mask_and_sum_images, len(a), (dy, y, a, mean, g, sums, products), a.size)
    return g, sums, products


def affine_gradient_map(g, p, q, r, a, mean):
    """As `minisenet.functional.fused.affine_gradient_map`."""
    da = np.empty_like(g)
    run(of(g).input_gradient_images, len(g), (g, a, mean, p, q, r, da), g.size)
    return da


def image_moments(x):
    """As `minisenet.functional.fused.image_moments`."""
    means, squares = np.empty((2, len(x), x.shape[3]), x.dtype)
    run(of(x).moments_images, len(x), (x, means, squares), x.size)
    return means, squares


def affine_gradient(k, rstd, sums, products, positions, p=None, q=None, *, training):
    """As `minisenet.functional.fused.affine_gradient`."""
    (p_out, q_out), (r, dgamma, dbeta) = np.empty((2, *sums.shape), k.dtype), np.empty((3, len(k)), k.dtype)
    given = (sums, sums) if p is None else (p, np.zeros_like(p) if q is None else q)
    of(k).affine_gradient_loop(k, rstd, sums, products, *given, positions, p is not None, training, p_out, q_out, r, dgamma, dbeta,
                               np.zeros((2, len(k))))
    return p_out, q_out, r, dgamma, dbeta


def merge_moments(means, squares, positions):
    """As `minisenet.functional.fused.merge_moments`."""
    mean, var = np.zeros((2, means.shape[1]))
    of(means).merge_moments_loop(means, squares, positions, mean, var)
    return mean, var


def batch_norm(x, gamma, beta, *, eps):
    """As `minisenet.functional.batch_norm`."""
    mean, var = merge_moments(*image_moments(x), x.shape[1] * x.shape[2])
    k = (gamma / np.sqrt(var + eps)).astype(x.dtype)
    mean, var = mean.astype(x.dtype), var.astype(x.dtype)
    return affine_add(x, mean, k, beta, relu=False), mean, var


def batch_norm_inference(x, gamma, beta, running_mean, running_var, *, eps):
    """As `minisenet.functional.batch_norm_inference`."""
    k = (gamma / np.sqrt(running_var.astype(np.float64) + eps)).astype(x.dtype)
    return affine_add(x, running_mean, k, beta, relu=False)


def batch_norm_backward(dy, x, gamma, mean, var, *, eps):
    """As `minisenet.functional.batch_norm_backward`."""
    p, q, r, dgamma, dbeta = batch_norm_coefficients(dy, x, gamma, mean, var, eps, True)
    return affine_gradient_map(dy, p, q, r, x, mean), dgamma, dbeta


def batch_norm_inference_backward(dy, x, gamma, running_mean, running_var, *, eps):
    """As `minisenet.functional.batch_norm_inference_backward`."""
    p, q, _, dgamma, dbeta = batch_norm_coefficients(dy, x, gamma, running_mean, running_var, eps, False)
    return affine_add(dy, np.zeros_like(gamma), p, q, relu=False), dgamma, dbeta


def batch_norm_coefficients(dy, x, gamma, mean, var, eps, training):
    """p, q, r, dgamma and dbeta."""
    rstd = 1 / np.sqrt(var.astype(np.float64) + eps)
    _, sums, products = gradient_sums(dy, x, mean)
    return affine_gradient((gamma * rstd).astype(x.dtype), rstd.astype(x.dtype), sums, products, x.shape[1] * x.shape[2],
                           training=training)


def squeeze(u):
    """As `minisenet.functional.squeeze`."""
    z = np.empty((len(u), u.shape[3]), u.dtype)
    run(of(u).squeeze_images, len(u), (u, z), u.size)
    return z


def scale(u, s):
    """As `minisenet.functional.scale`."""
    y = np.empty_like(u)
    run(of(u).scale_images, len(u), (u, s, y), u.size)
    return y


def scale_backward(dy, u, s):
    """As `minisenet.functional.scale_backward`."""
    ds = np.empty_like(s)
    run(of(u).gate_gradient_images, len(u), (dy, u, ds), u.size)
    return scale(dy, s), ds


def channel_shuffle(x, groups):
    """As `minisenet.functional.channel_shuffle`."""
    y = np.empty_like(x)
    flat = [map.reshape(len(map), -1, map.shape[3]) for map in (x, y)]
    run(of(x).channel_shuffle_images, len(x), (*flat, groups), x.size)
    return y


def max_pool2d(x, kernel_size, *, stride, padding, ceil_mode):
    """As `minisenet.functional.max_pool2d`."""
    shape = pooled_shape(x.shape, kernel_size, stride, padding, ceil_mode)
    y, argmax = np.empty(shape, x.dtype), np.empty(shape, np.int64)
    run(of(x).max_pool_images, len(x), (x, y, argmax, (*kernel_size, *stride, *padding)), y.size * math.prod(kernel_size))
    return y, argmax


def max_pool2d_backward(dy, argmax, x_shape):
    """As `minisenet.functional.max_pool2d_backward`."""
    n, height, width, channels = x_shape
    dx = np.zeros((n, height * width, channels), dy.dtype)
    run(of(dy).max_pool_backward_images, n, (dy.reshape(n, -1, channels), argmax.reshape(n, -1, channels), dx), dx.size)
    return dx.reshape(x_shape)


def avg_pool2d(x, kernel_size, *, stride, padding, ceil_mode, count_include_pad):
    """As `minisenet.functional.avg_pool2d`."""
    y = np.empty(pooled_shape(x.shape, kernel_size, stride, padding, ceil_mode), x.dtype)
    run(of(x).avg_pool_images, len(x), (x, y, (*kernel_size, *stride, *padding, count_include_pad)),
        y.size * math.prod(kernel_size))
    return y


def avg_pool2d_backward(dy, x_shape, kernel_size, *, stride, padding, ceil_mode, count_include_pad):
    """As `minisenet.functional.avg_pool2d_backward`."""
    dx = np.zeros(x_shape, dy.dtype)
    run(of(dy).avg_pool_backward_images, len(dx), (dy, dx, (*kernel_size, *stride, *padding, count_include_pad)),
        dy.size * math.prod(kernel_size))
    return dx


def pooled_shape(x_shape, kernel_size, stride, padding, ceil_mode):
    """(N, OH, OW, C); with ceil_mode the last window starts inside image + left padding."""
    out = []
    for size, k, t, p in zip(x_shape[1:3], kernel_size, stride, padding):
        count = (size + 2 * p - k + (t - 1 if ceil_mode else 0)) // t + 1
        out.append(count - 1 if ceil_mode and (count - 1) * t >= size + p else count)
    return (x_shape[0], *out, x_shape[3])
