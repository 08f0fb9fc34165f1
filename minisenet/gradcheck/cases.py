"""How to draw a case of each operation: odd shapes, every option, and no kink within reach.

`draw(pick, rng)` returns a `Case`. `pick(sequence)` chooses one element. In the tests Hypothesis picks; it shrinks towards the
first element, so the simplest comes first. On the command line a random generator picks. `rng` fills the arrays.

ReLU and max pooling are not differentiable where two branches meet. We do not discard cases near such a point: we build each
case so that it cannot be near one. `away_from_zero` makes the input of a ReLU, `distinct` the input of a maximum.
"""
from dataclasses import dataclass

import numpy as np

from minisenet import functional as F
from minisenet.backend.builds import kernels


@dataclass(frozen=True)
class Case:
    """The arguments of one call: the arrays by name, and the options (stride, labels, ...)."""

    arrays: dict
    options: dict

    def __str__(self):
        shapes = ", ".join(f"{name} {array.shape}" for name, array in self.arrays.items())
        return "; ".join([shapes, *(f"{name}={value}" for name, value in self.options.items())])

    def astype(self, dtype):
        """The same case with its arrays in another dtype."""
        return Case({name: array.astype(dtype) for name, array in self.arrays.items()}, self.options)


def _channel_counts():
    """Channel counts below, at and above the build's vector lengths, the simplest first.

    A kernel has a fast path for whole vectors and a tail for the rest. A NumPy body has neither, so small counts are enough.
    """
    small = [2, 1, 3, 5, 4]
    if kernels is None:
        return small
    lanes = [getattr(kernels, "LANES_F64", 8), getattr(kernels, "LANES_F32", 16)]
    return small + sorted({c for n in lanes for c in (n - 1, n, n + 1, 2 * n, 4 * n + 1)} - {0, *small})


CHANNELS = _channel_counts()
WIDER = (2, 1, 3, 6, 7, 8, 9, 16, 0)        # columns beyond the minimum for a window; a register tile has 4 or 8
BATCH = (1, 2, 3)


# ---- numbers -----------------------------------------------------------------------------------------------------------

def away_from_zero(rng, shape, least=0.1):
    """Numbers of both signs, none within `least` of zero: on both sides of a ReLU's kink, never close to it."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(least, 1.0, shape)


def distinct(rng, n, height, width, c, gap=0.05):
    """Maps (N, H, W, C); within a map any two values differ by at least `gap`, so its maximum is unique."""
    order = rng.permuted(np.broadcast_to(np.arange(height * width, dtype=float)[:, None], (n, height * width, c)), axis=1)
    return (gap * (order - (height * width - 1) / 2)).reshape(n, height, width, c)


def _maps(pick, least=1):
    """A shape (N, H, W, C) with H != W and at least `least` values per channel."""
    n, height = pick(BATCH), pick((2, 1, 3, 5))
    width = height + pick((1, 2, 4, 8))
    while n * height * width < least:
        width += 1
    return n, height, width, pick(CHANNELS)


# ---- section 3: convolution --------------------------------------------------------------------------------------------

def conv2d(pick, rng):
    """Dense, grouped and depthwise; each option may differ between height and width."""
    kernel = pick(((3, 3), (1, 1), (3, 2), (2, 3), (1, 3), (5, 3), (3, 1)))
    stride = pick(((1, 1), (2, 2), (2, 1), (1, 2), (3, 2)))
    padding = pick(((0, 0), (1, 1), (1, 0), (0, 1), (2, 1)))
    dilation = pick(((1, 1), (1, 1), (2, 1), (1, 2), (2, 2)))
    height, width = (max(1, d * (k - 1) + 1 - 2 * p) for k, p, d in zip(kernel, padding, dilation))
    height += pick((1, 0, 2, 3, 4))
    width += pick(WIDER)
    width += width == height
    kind = pick(("dense", "dense", "depthwise", "grouped"))
    if kind == "grouped":
        groups, small = pick((2, 3)), [c for c in CHANNELS if c <= 17]
        per_group, c_out = pick(small), groups * pick(small)
    elif kind == "depthwise":
        groups, per_group = pick(CHANNELS), 1
        c_out = groups * pick((1, 2))
    else:
        groups, per_group, c_out = 1, pick(CHANNELS), pick(CHANNELS)
    arrays = dict(x=rng.standard_normal((pick(BATCH), height, width, groups * per_group)),
                  w=rng.standard_normal((c_out, per_group, *kernel)))
    if pick((False, True)):
        arrays["b"] = rng.standard_normal(c_out)
    return Case(arrays, dict(stride=stride, padding=padding, dilation=dilation, groups=groups))


# ---- batch norm --------------------------------------------------------------------------------------------------------

def _batch_norm(pick, rng):
    # dx is orthogonal to 1 and to xhat. With few values almost nothing is left of it, and rounding errors would dominate.
    shape = _maps(pick, least=6)
    c = shape[-1:]
    arrays = dict(x=rng.normal(0.5, 1.5, shape), gamma=away_from_zero(rng, c, 0.3), beta=rng.standard_normal(c))
    return arrays, dict(eps=pick((1e-5, 1e-3, 0.1)))


def batch_norm(pick, rng):
    """Batch statistics, with a small eps and with one large enough to matter."""
    return Case(*_batch_norm(pick, rng))


def batch_norm_inference(pick, rng):
    """As above, with given statistics."""
    arrays, options = _batch_norm(pick, rng)
    c = arrays["gamma"].shape
    return Case(arrays | dict(running_mean=rng.standard_normal(c), running_var=rng.uniform(0.2, 2.0, c)), options)


# ---- section 3.1 and 3.2: squeeze, excitation, scale -------------------------------------------------------------------

def relu(pick, rng):
    """Any rank, never close to zero."""
    shape = pick(((3,), (2, 3), (1, 2, 3, 5), (37,), (2, 3, 5, 17)))
    return Case(dict(x=away_from_zero(rng, shape)), {})


def sigmoid(pick, rng):
    """Any rank, and both signs, so that both branches of the overflow-free formula run."""
    shape = pick(((3,), (2, 3), (1, 2, 3, 5), (37,), (2, 3, 5, 17)))
    return Case(dict(x=rng.normal(0, 2, shape)), {})


def linear(pick, rng):
    """With and without a bias; batch sizes that a kernel's tile divides, and others."""
    n, c_in, c_out = pick((1, 2, 3, 7, 24)), pick(CHANNELS), pick(CHANNELS)
    arrays = dict(x=rng.standard_normal((n, c_in)), w=rng.standard_normal((c_out, c_in)))
    if pick((False, True)):
        arrays["b"] = rng.standard_normal(c_out)
    return Case(arrays, {})


def squeeze(pick, rng):
    """Maps with H != W."""
    return Case(dict(u=rng.standard_normal(_maps(pick))), {})


def _excitation(pick, rng, n, c):
    """(z, weights, options) for which no hidden unit is close to its kink.

    Each row of W1 has one sign, each image's z has one sign, and the biases are small. So |W1 z + b1| >= 0.2 * 0.2 - 0.01,
    and a hidden unit may be alive for one image and dead for another.
    """
    reduction = pick([r for r in (1, 2, 4, 16) if r <= c])
    hidden = c // reduction
    z = rng.choice([-1.0, 1.0], (n, 1)) * rng.uniform(0.2, 1.0, (n, c))
    weights = dict(w1=rng.choice([-1.0, 1.0], (hidden, 1)) * rng.uniform(0.2, 1.0, (hidden, c)) / c,
                   w2=away_from_zero(rng, (c, hidden), 0.2) / np.sqrt(hidden))       # a factor of dw1
    if pick((False, True)):
        weights |= dict(b1=rng.uniform(-0.01, 0.01, hidden), b2=rng.standard_normal(c))
    return z, weights, dict(reduction=reduction)


def _gated(pick, rng, n, c):
    """As `_excitation`, with any gate. A ReLU as the gate has a kink of its own, so each row of W2 and b2 then has one sign."""
    z, weights, options = _excitation(pick, rng, n, c)
    gate = pick(("sigmoid", "tanh", "relu"))
    if gate == "relu":
        sign = rng.choice([-1.0, 1.0], c)
        weights["w2"] = sign[:, None] * np.abs(weights["w2"])
        weights |= dict(b2=sign * rng.uniform(0.1, 1.0, c)) if "b2" in weights else {}
    return z, weights, options | dict(gate=gate)


def excitation(pick, rng):
    """With and without biases; r is 1, 2, 4 or 16."""
    z, weights, options = _excitation(pick, rng, pick(BATCH), pick(CHANNELS))
    return Case(dict(z=z) | weights, options)


def local_se_block(pick, rng):
    """Every position has a z of `_excitation`."""
    n, height, width, c = shape = _maps(pick)
    z, weights, options = _gated(pick, rng, n * height * width, c)
    return Case(dict(u=z.reshape(shape)) | weights, options)


def max_squeeze(pick, rng):
    """Maps with H != W, each with one maximum."""
    return Case(dict(u=distinct(rng, *_maps(pick))), {})


def scale(pick, rng):
    """One gate per image and channel."""
    shape = _maps(pick)
    return Case(dict(u=rng.standard_normal(shape), s=rng.uniform(0.05, 0.95, shape[::3])), {})


def se_block(pick, rng):
    """Maps whose mean is a z of `_excitation`; their values differ, and all have the sign of the mean."""
    return _block(pick, rng, _excitation)


def se_variant(pick, rng):
    """As `se_block`, with either squeeze and each gate."""
    case = _block(pick, rng, _gated)
    return Case(case.arrays, case.options | dict(kind=pick(("avg", "max"))))


def _block(pick, rng, excitation):
    n, height, width, c = _maps(pick)
    z, weights, options = excitation(pick, rng, n, c)
    around_zero = distinct(rng, n, height, width, c, gap=0.2 / (height * width))               # below 0.1, with mean 0
    return Case(dict(u=z[:, None, None, :] + around_zero) | weights, options)


def add_relu(pick, rng):
    """Two maps whose sum is never close to the kink."""
    u = rng.standard_normal(_maps(pick))
    return Case(dict(u=u, x=away_from_zero(rng, u.shape) - u), {})


def residual_block(pick, rng):
    """As `se_block` without biases, with a shortcut that keeps the sum away from the last ReLU's kink."""
    case = se_block(pick, rng)
    arrays = {name: case.arrays[name] for name in ("u", "w1", "w2")}
    gated = F.se_block(**arrays)[0]
    return Case(arrays | dict(x=away_from_zero(rng, gated.shape) - gated), dict(reduction=case.options["reduction"]))


# ---- section 5: what other networks have around their blocks -----------------------------------------------------------

def concat(pick, rng):
    """Two, one or three maps, each with its own number of channels."""
    shape = _maps(pick)
    channels = [shape[3], *(pick(CHANNELS) for _ in range(pick((1, 0, 2))))]
    return Case({f"x{i}": rng.standard_normal((*shape[:3], c)) for i, c in enumerate(channels, 1)}, {})


def channel_shuffle(pick, rng):
    """Groups of one channel, of several, and a single group."""
    n, height, width, size = _maps(pick)
    groups = pick((2, 3, 1, 4, 8))
    return Case(dict(x=rng.standard_normal((n, height, width, groups * size))), dict(groups=groups))


def dropout(pick, rng):
    """Any rank, and p = 0 too. A seed and a step give the same mask to each call, without which no check could repeat it."""
    shape = pick(((2, 3), (3,), (1, 2, 3, 5), (37,), (2, 3, 5, 17)))
    return Case(dict(x=rng.standard_normal(shape)), dict(p=pick((0.5, 0.2, 0.0)), seed=pick((0, 1, 2**40)), step=pick((0, 1, 7))))


def shake(pick, rng):
    """One alpha for each image. The backward gets beta = alpha (`signatures.py`): with another it is no gradient."""
    shape = _maps(pick)
    return Case(dict(u1=rng.standard_normal(shape), u2=rng.standard_normal(shape), alpha=rng.uniform(0, 1, shape[:1])), {})


# ---- pooling, loss, tails of residual blocks ---------------------------------------------------------------------------

def _pooling(pick):
    kernel = pick(((2, 2), (3, 3), (3, 2), (2, 3), (1, 3), (5, 4)))
    stride = pick((None, (1, 1), (2, 2), (2, 1), (1, 2), (3, 2)))
    padding = pick(((0, 0), (1, 1), (1, 0), (0, 1)))
    padding = tuple(min(p, k // 2) for p, k in zip(padding, kernel))
    height, width = kernel[0] + pick((1, 0, 2, 3)), kernel[1] + pick((2, 1, 4, 7, 0))
    shape = pick(BATCH), height, width + (width == height), pick(CHANNELS)
    return shape, dict(kernel_size=kernel, stride=stride, padding=padding, ceil_mode=pick((False, True)))


def max_pool2d(pick, rng):
    """Windows that overlap, that leave gaps, and that extend past the border; all values of a map differ."""
    shape, options = _pooling(pick)
    return Case(dict(x=distinct(rng, *shape)), options)


def avg_pool2d(pick, rng):
    """The same windows, with and without the padding in the count."""
    shape, options = _pooling(pick)
    return Case(dict(x=rng.standard_normal(shape)), options | dict(count_include_pad=pick((True, False))))


def softmax_cross_entropy(pick, rng):
    """Two or more classes, with and without label smoothing."""
    n, classes = pick((1, 2, 3, 7)), pick([c for c in CHANNELS if c > 1])
    labels = [int(label) for label in rng.integers(classes, size=n)]
    return Case(dict(logits=rng.normal(0, 2, (n, classes))), dict(labels=labels, label_smoothing=pick((0.0, 0.1))))


def conv2d_normalised(pick, rng):
    """With and without a batch norm and a ReLU before the convolution; the ReLU's input is never close to the kink."""
    kernel = pick((3, 1, 3))
    options = dict(stride=pick((1, 1, 2)), padding=pick((1, 1, 0)))
    height = pick((4, 8, 5))
    shape = pick(BATCH), height, height + pick((1, 3, 9)), pick(CHANNELS)
    c = shape[-1:]
    arrays = dict(x=rng.standard_normal(shape), w=rng.standard_normal((pick(CHANNELS), *c, kernel, kernel)))
    if pick((True, False)):
        mean, k, beta = rng.standard_normal(c), away_from_zero(rng, c, 0.5), rng.standard_normal(c)
        arrays = dict(x=(away_from_zero(rng, shape) - beta) / k + mean, w=arrays["w"], mean=mean, k=k, beta=beta)
    return Case(arrays, options)


def affine_add(pick, rng):
    """No shortcut, the identity, or a projection with its own batch norm; the sum is never close to the kink."""
    shape = _maps(pick)
    each, c = shape[::3], shape[-1:]
    options = dict(relu=pick((True, True, False)))
    each = pick((each, c))                                  # with gates, or without
    arrays = dict(a=rng.standard_normal(shape), mean=rng.standard_normal(c), k=away_from_zero(rng, each, 0.3),
                  beta=rng.standard_normal(each))
    k, beta = (v if v.ndim == 1 else v[:, None, None] for v in (arrays["k"], arrays["beta"]))
    gated = k * (arrays["a"] - arrays["mean"]) + beta
    wanted = away_from_zero(rng, shape)
    shortcut = pick(("identity", "projection", "none"))
    if shortcut == "identity":
        arrays["x"] = wanted - gated
    elif shortcut == "projection":
        own = dict(mean_x=rng.standard_normal(c), k_x=away_from_zero(rng, c, 0.5), beta_x=rng.standard_normal(c))
        arrays |= dict(x=(wanted - gated - own["beta_x"]) / own["k_x"] + own["mean_x"], **own)
    else:
        arrays["a"] = (wanted - beta) / k + arrays["mean"]
    return Case(arrays, options)


def se_residual(pick, rng):
    """The output of a branch's last convolution, and a shortcut that keeps their sum away from the kink.

    z = beta + gamma m, where m is the mean of the normalised map. Since |gamma m| <= 0.17 < |beta|, an image's z all have
    beta's sign. So a hidden unit, whose weights have one sign too, is never close to its kink.
    """
    shape = _maps(pick, least=6)
    c = shape[3]
    _, weights, _ = _excitation(pick, rng, shape[0], c)
    arrays = dict(a=rng.normal(0.5, 1.5, shape), gamma=away_from_zero(rng, c, 0.5) * 0.1,
                  beta=rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 0.8, c), w1=weights["w1"], w2=weights["w2"])
    options = dict(eps=pick((1e-5, 0.1)))
    u, _, _ = F.batch_norm(arrays["a"], arrays["gamma"], arrays["beta"], **options)
    gated = F.se_block(u, arrays["w1"], arrays["w2"])[0]
    return Case(arrays | dict(x=away_from_zero(rng, shape) - gated), options)
