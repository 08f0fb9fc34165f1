"""Answers to exercises on the operations of the paper's other networks, as students hand them in."""
import numpy as np


# ---- concatenation -------------------------------------------------------------------------------------------------------

def concat__along_the_last_axis(*xs):
    """RIGHT: axis=-1 is axis 3."""
    return np.concatenate(xs, axis=-1)


def concat__filled_in_a_loop(*xs):
    """RIGHT: an array of the right size, filled map by map."""
    n, height, width, _ = xs[0].shape
    y, start = np.empty((n, height, width, sum(x.shape[3] for x in xs)), xs[0].dtype), 0
    for x in xs:
        y[..., start:start + x.shape[3]] = x
        start += x.shape[3]
    return y


def concat__nchw(*xs):
    """WRONG: axis 1 is the channels' in (N, C, H, W)."""
    return np.concatenate(xs, axis=1)


def concat__last_first(*xs):
    """WRONG: the last map comes first."""
    return np.concatenate(xs[::-1], axis=3)


def concat_backward__three_arguments(dy, a, b, c):
    """RIGHT: for exactly three maps."""
    return dy[..., :a].copy(), dy[..., a:a + b].copy(), dy[..., a + b:].copy()


def concat_backward__sizes_as_offsets(dy, *channels):
    """WRONG: a map begins at the size of the one before, and not at the sum of all before."""
    starts = [0, *channels]
    return tuple(np.roll(dy, -start, axis=3)[..., :c] for start, c in zip(starts, channels))


def concat_backward__same_channels_for_all(dy, *channels):
    """WRONG: every map gets the first channels."""
    return tuple(dy[..., :c].copy() for c in channels)


# ---- channel shuffle -----------------------------------------------------------------------------------------------------

def channel_shuffle__by_index(x, groups):
    """RIGHT: with a list of channels."""
    return x[..., np.arange(x.shape[3]).reshape(groups, -1).T.ravel()]


def channel_shuffle__inverse(x, groups):
    """WRONG: the table is K x G, so this is the inverse."""
    n, height, width, c = x.shape
    return x.reshape(n, height, width, c // groups, groups).swapaxes(3, 4).copy().reshape(x.shape)


def channel_shuffle__reshape_only(x, groups):
    """WRONG: a reshape there and back moves nothing."""
    n, height, width, c = x.shape
    return x.reshape(n, height, width, groups, -1).reshape(n, height, width, -1, groups).reshape(x.shape).copy()


def channel_shuffle_backward__scatter(dy, groups):
    """RIGHT: each channel is written back to its place."""
    dx = np.empty_like(dy)
    dx[..., np.arange(dy.shape[3]).reshape(groups, -1).T.ravel()] = dy
    return dx


def channel_shuffle_backward__same_shuffle(dy, groups):
    """WRONG: shuffled once more in the same direction."""
    return dy[..., np.arange(dy.shape[3]).reshape(groups, -1).T.ravel()]


# ---- Shake-Shake and dropout ---------------------------------------------------------------------------------------------

def shake__from_the_difference(u1, u2, alpha):
    """RIGHT: u2 + alpha (u1 - u2)."""
    return u2 + alpha.reshape(-1, 1, 1, 1) * (u1 - u2)


def shake__one_alpha(u1, u2, alpha):
    """WRONG: the whole batch has the first image's alpha."""
    return alpha[0] * u1 + (1 - alpha[0]) * u2


def shake__swapped(u1, u2, alpha):
    """WRONG: alpha belongs to the first branch."""
    a = alpha[:, None, None, None]
    return (1 - a) * u1 + a * u2


def shake_backward__in_a_list(dy, beta):
    """RIGHT: a list of two arrays."""
    b = beta[:, None, None, None]
    return [b * dy, dy - b * dy]


def shake_backward__as_add(dy, beta):
    """WRONG: the backward of a sum."""
    return dy.copy(), dy.copy()


def shake_backward__same_weight(dy, beta):
    """WRONG: both branches get beta."""
    b = beta[:, None, None, None]
    return b * dy, b * dy


def dropout_backward__by_the_mask(dy, mask):
    """RIGHT: dy times the mask, in another order."""
    return np.multiply(mask, dy)


def dropout_backward__not_scaled(dy, mask):
    """WRONG: the factor 1 / (1 - p) is missing."""
    return np.where(mask > 0, dy, 0)


def dropout_backward__lets_all_through(dy, mask):
    """WRONG: dropped numbers get a gradient."""
    return dy.copy()


# ---- the variants of section 6 -------------------------------------------------------------------------------------------

def tanh__by_exponentials(x):
    """WRONG: exp(800) is inf, and inf / inf is NaN."""
    return (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))


def tanh__by_the_sigmoid(x):
    """RIGHT: 2 sigma(2 x) - 1, where exp becomes 0 or inf."""
    with np.errstate(over="ignore"):
        return 2 / (1 + np.exp(-2 * x)) - 1


def tanh__half_as_steep(x):
    """WRONG: 2 sigma(x) - 1 is tanh(x / 2)."""
    with np.errstate(over="ignore"):
        return 2 / (1 + np.exp(-x)) - 1


def tanh_backward__not_squared(dy, y):
    """WRONG: 1 - y for 1 - y^2."""
    return dy * (1 - y)


def tanh_backward__product_of_sums(dy, y):
    """RIGHT: (1 - y) (1 + y)."""
    return dy * (1 - y) * (1 + y)


def tanh_backward__of_the_sigmoid(dy, y):
    """WRONG: y (1 - y) is the sigmoid's slope."""
    return dy * y * (1 - y)


def max_squeeze__reshaped(u):
    """RIGHT: over the positions as one axis."""
    return u.reshape(len(u), -1, u.shape[3]).max(axis=1)


def max_squeeze__mean(u):
    """WRONG: that is the other squeeze."""
    return u.mean(axis=(1, 2))


def max_squeeze_backward__by_comparison(dz, u):
    """RIGHT where no two numbers of a map are equal: the positions that have the maximum."""
    return np.where(u == u.max(axis=(1, 2), keepdims=True), dz[:, None, None, :], 0)


def max_squeeze_backward__shared_out(dz, u):
    """WRONG: a mean's backward."""
    return np.broadcast_to(dz[:, None, None, :] / (u.shape[1] * u.shape[2]), u.shape).copy()


def max_squeeze_backward__everywhere(dz, u):
    """WRONG: no mask: every position gets dz."""
    return np.broadcast_to(dz[:, None, None, :], u.shape).copy()


def _sigmoid(a):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-a))


def local_se_block__matrices(u, w1, w2, b1=None, b2=None):
    """RIGHT: a matrix product acts on the last axis, at every position."""
    h = np.maximum(u @ w1.T + (0 if b1 is None else b1), 0)
    s = _sigmoid(h @ w2.T + (0 if b2 is None else b2))
    return u * s, h, s


def local_se_block__linear_inside(u, w1, w2, b1=None, b2=None):
    """WRONG: there is no ReLU."""
    h = u @ w1.T + (0 if b1 is None else b1)
    s = _sigmoid(h @ w2.T + (0 if b2 is None else b2))
    return u * s, h, s


def local_se_block__open_gates(u, w1, w2, b1=None, b2=None):
    """WRONG: there is no sigmoid."""
    h = np.maximum(u @ w1.T + (0 if b1 is None else b1), 0)
    s = h @ w2.T + (0 if b2 is None else b2)
    return u * s, h, s


def _local_backward(dy, u, h, s, w1, w2, bias, mask=True, gates=True):
    da2 = dy * u * s * (1 - s)
    da1 = (da2 @ w2) * ((h > 0) if mask else 1)
    du = dy * s + (da1 @ w1 if gates else 0)
    dw1, dw2 = np.einsum("nhwk,nhwc->kc", da1, u), np.einsum("nhwc,nhwk->ck", da2, h)
    return (du, dw1, dw2, da1.sum(axis=(0, 1, 2)), da2.sum(axis=(0, 1, 2))) if bias else (du, dw1, dw2, None, None)


def local_se_block_backward__by_einsum(dy, u, h, s, w1, w2, bias=False):
    """RIGHT: with einsum."""
    return _local_backward(dy, u, h, s, w1, w2, bias)


def local_se_block_backward__direct_path_only(dy, u, h, s, w1, w2, bias=False):
    """WRONG: u gets no gradient through the convolutions."""
    return _local_backward(dy, u, h, s, w1, w2, bias, gates=False)


def local_se_block_backward__no_mask(dy, u, h, s, w1, w2, bias=False):
    """WRONG: the hidden ReLU is not undone."""
    return _local_backward(dy, u, h, s, w1, w2, bias, mask=False)
