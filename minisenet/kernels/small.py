"""The fully connected layer, the loss, the SGD step, the augmentation, and the bare loops that measure what the machine can do.

The loops are linear.pxi, cross_entropy.pxi, optim.pxi, augment.pxi and peak.pxi.
"""
import numpy as np

from minisenet.kernels import loops
from minisenet.kernels.loops import of
from minisenet.kernels.threads import PRODUCTS_PER_NUMBER, run


def matrix_product(a, b, transposed=False):
    """a b, or with a transposed."""
    rows, columns, lane = a.shape[1] if transposed else len(a), b.shape[1], of(b).LANES
    wide = -(-columns // lane) * lane
    if wide > columns or not b.flags.c_contiguous:
        filled_up = np.zeros((len(b), wide), b.dtype)
        filled_up[:, :columns] = b
        b = filled_up
    out = np.empty((rows, columns), a.dtype)
    run(of(a).matrix_product_rows, -(-rows // loops.PRODUCT_ROWS), (a, b, out, transposed), a.size * columns // PRODUCTS_PER_NUMBER)
    return out


def linear(x, w, b=None):
    """As `minisenet.functional.linear`."""
    y = matrix_product(x, w.T)
    if b is not None:
        y += b
    return y


def linear_backward(dy, x, w, *, bias):
    """As `minisenet.functional.linear_backward`."""
    return matrix_product(dy, w), matrix_product(dy, x, True), dy.sum(axis=0) if bias else None


def softmax_cross_entropy(logits, labels, *, label_smoothing):
    """As `minisenet.functional.softmax_cross_entropy`."""
    p = np.empty_like(logits)
    loss = of(logits).cross_entropy_rows(logits, labels, p, label_smoothing)
    return logits.dtype.type(loss / len(logits)), p


def softmax_cross_entropy_backward(p, labels, *, dloss, label_smoothing):
    """As `minisenet.functional.softmax_cross_entropy_backward`."""
    dlogits = np.empty_like(p)
    of(p).cross_entropy_gradient(p, labels, dlogits, dloss, label_smoothing)
    return dlogits


def sgd_step(value, grad, velocity, *, lr, momentum, weight_decay, nesterov):
    """As `minisenet.optim.sgd_step`."""
    of(value).sgd_flat(value, grad, velocity, lr, momentum, weight_decay, nesterov)


def augment(images, mean, std, shift, flip, hole, *, padding, hole_size):
    """As `minisenet.data.augment.augment`."""
    table = ((np.arange(256, dtype=mean.dtype) / mean.dtype.type(255) - mean[:, None]) / std[:, None])
    x = np.empty(images.shape, mean.dtype)
    of(x).augment_images(images, table, shift, flip.view(np.uint8), hole, x, padding, hole_size)
    return x


def multiply_adds(pieces, rounds):
    """Do nothing but multiply-adds; how many, and each piece's sum of the results."""
    totals = np.empty(pieces, np.float32)
    done = pieces * rounds * loops.PEAK_CHAINS * of(totals).LANES
    run(of(totals).multiply_add_pieces, pieces, (totals, 0.5, 1.0, rounds), done)
    return done, totals


def triad(x, y, factor, out):
    """out = x + factor y, in float32 and in one dimension."""
    run(of(x).triad_pieces, -(-x.size // loops.TRIAD_PIECE), (x, y, factor, out), x.size)
