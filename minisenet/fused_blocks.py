"""Residual blocks and the stem by way of `minisenet.functional.fused`: what the fused backend runs. Not to be read first.

`blocks.py` is the same block as a composition of layers, and a test holds the two together. Here a map that a convolution
returns stays raw, and the batch norm after it is a few numbers (`Raw`): the next convolution applies it while it reads, the
squeeze follows from it, and the sweep that ends the block applies it together with the gates. So a basic block saves three
full maps, a1, a2 and y (and the projection's), where the composition makes eight and saves five.
"""
from dataclasses import dataclass

import numpy as np

from minisenet.functional import fused


@dataclass
class Raw:
    """What a convolution returned, and the batch norm after it as the affine map k (a - mean) + beta.

    Attributes
    ----------
    a : ndarray (N, H, W, C)
    means : ndarray (N, C)
        Each image's mean of a.
    mean, rstd, k, beta : ndarray (C,)
        With k = gamma rstd. The mean and the variance are the batch's while training, else the running ones.
    training : bool
    """

    a: np.ndarray
    means: np.ndarray
    mean: np.ndarray
    rstd: np.ndarray
    k: np.ndarray
    beta: np.ndarray
    training: bool

    @property
    def norm(self):
        return self.mean, self.k, self.beta

    @property
    def positions(self):
        return self.a.shape[1] * self.a.shape[2]

    def squeezed(self):
        """z of eq. (2): the mean over positions of an affine map."""
        return self.k * (self.means - self.mean) + self.beta


def conv_bn(conv, bn, x):
    """A convolution of x, an array or a `Raw`, and the batch norm after it, as a `Raw`."""
    source = (x.a, conv.weight.value, *x.norm) if isinstance(x, Raw) else (x, conv.weight.value)
    a, means, squares = fused.conv2d_normalised(*source, **conv.options)
    positions, dtype = a.shape[1] * a.shape[2], a.dtype
    if bn.training:
        mean, var = fused.merge_moments(means, squares, positions)
        bn.move(mean, var, len(a) * positions)
    else:
        mean, var = bn.running_mean, bn.running_var
    rstd = 1 / np.sqrt(var + bn.eps)
    return Raw(a, means, mean.astype(dtype), rstd.astype(dtype), (bn.weight.value * rstd).astype(dtype), bn.bias.value,
               bn.training)


def conv_bn_backward(conv, bn, raw, x, g, sums, products, *, se=(), more=None, input_gradient=True):
    """Go back through `conv_bn`: the gradients of its parameters, and (dx, sums, products) of what it read."""
    gated = dict(s=se[0], dz=se[1], means=raw.means - raw.mean) if se else {}
    p, q, r, bn.weight.grad, bn.bias.grad = fused.affine_gradient(
        raw.k, raw.rstd, sums, products, raw.positions, training=raw.training, **gated)
    source = (x.a, conv.weight.value, *x.norm) if isinstance(x, Raw) else (x, conv.weight.value, None, None, None)
    dx, conv.weight.grad, sums, products = fused.conv2d_normalised_backward(
        g, raw.a, p, q, r, raw.mean, *source, more, input_gradient=input_gradient, **conv.options)
    return dx, sums, products


# ---- the stem: convolution, batch norm, ReLU ---------------------------------------------------------------------------

def stem_forward(conv, bn, x):
    """(y, what to save) for y = relu(bn(conv(x)))."""
    raw = conv_bn(conv, bn, x)
    k, beta = (np.ascontiguousarray(np.broadcast_to(v, raw.means.shape)) for v in (raw.k, raw.beta))
    y = fused.scale_add_relu(raw.a, raw.mean, k, beta)
    return y, (x, raw, y)


def stem_backward(conv, bn, dy, saved, *, input_gradient=True):
    """dx, or None where it is not asked for."""
    x, raw, y = saved
    g, sums, products, _ = fused.scale_add_relu_backward(dy, y, raw.a, raw.mean)
    return conv_bn_backward(conv, bn, raw, x, g, sums, products, input_gradient=input_gradient)[0]


# ---- the residual block ------------------------------------------------------------------------------------------------

def block_forward(block, x):
    """(y, what to save) for y = relu(SE(F(x)) + shortcut(x)), Fig. 3."""
    raws, source = [], x
    for conv, bn in block.branch():
        source = conv_bn(conv, bn, source)
        raws.append(source)
    raw, projection = raws[-1], block.projection()
    z = raw.squeezed() if block.se else None                                                          # eq. (2)
    s, h = block.se.excite(z) if block.se else (np.ones_like(raw.means), None)                        # eq. (3)
    gated = raw.a, raw.mean, s * raw.k, s * raw.beta                                                  # eq. (4)
    if projection:
        shortcut = conv_bn(*projection, x)
        y = fused.scale_add_relu(*gated, shortcut.a, *shortcut.norm)
    else:
        shortcut = None
        y = fused.scale_add_relu(*gated, block.shortcut(x) if block.shortcut else x)
    return y, (x, raws, shortcut, z, h, s, y)


def block_backward(block, dy, saved):
    """dx, with every gradient of the block's parameters on the way."""
    x, raws, shortcut, z, h, s, y = saved
    raw, projection, branch = raws[-1], block.projection(), block.branch()
    g, sums, products, products_x = fused.scale_add_relu_backward(
        dy, y, raw.a, raw.mean, *((shortcut.a, shortcut.mean) if projection else ()))
    more = g                                                                        # x went both ways: this is one of them
    if projection:
        more, _, _ = conv_bn_backward(*projection, shortcut, x, g, sums, products_x)
    elif block.shortcut:
        more = block.shortcut.backward(g)
    se = ()
    if block.se:
        ds = raw.k * products + raw.beta * sums                                     # u = k (a - mean) + beta met the gates
        se = s, block.se.excite_backward(ds, z, h, s)
    for i in reversed(range(len(branch))):
        source = raws[i - 1] if i else x
        g, sums, products = conv_bn_backward(*branch[i], raws[i], source, g, sums, products, se=se, more=None if i else more)
        se = ()
    return g
