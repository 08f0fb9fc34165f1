"""Convolution as the question which pixel meets which output, with that question left open: the ways to get it wrong.

    h = p t + i d - a          the row of x that output row p meets through the tap i, with stride t, dilation d and padding a

Whoever writes a convolution, forward or backward, writes this line. So each mistake in it is one function here, and gives its
own y, dx and dw.
"""
import numpy as np

PAIRS = ("stride", "dilation", "padding")
DEFAULTS = dict(stride=(1, 1), dilation=(1, 1), padding=(0, 0))


def _right(p, i, t, d, a, k):
    return p * t + i * d - a


def _options(v, **changed):
    return {name: tuple(changed.get(name, getattr(v, name))) for name in PAIRS}


def meet(v, y_shape, *, position=_right, options=None, groups=None, edge=False):
    """Yield (tap, rows of y, rows of x, weights): for each tap the outputs that meet a pixel through it, and the pixels."""
    options = options or _options(v)
    w = _dense(v.w if hasattr(v, "w") else np.zeros(v.w_shape), v.groups, groups)
    height, width = v.x_shape[1:3]
    for i, j in np.ndindex(*w.shape[2:]):
        for p, q in np.ndindex(*y_shape[1:3]):
            h, k = (position(out, tap, t, d, a, size) for out, tap, t, d, a, size in zip(
                (p, q), (i, j), options["stride"], options["dilation"], options["padding"], w.shape[2:]))
            if edge:
                h, k = min(max(h, 0), height - 1), min(max(k, 0), width - 1)
            if 0 <= h < height and 0 <= k < width:
                yield (i, j), (p, q), (h, k), w[:, :, i, j]


def _dense(w, groups, mixed=None):
    c_out, per_group, *kernel = w.shape
    full = np.zeros((c_out, per_group * groups, *kernel), w.dtype)
    for c in range(c_out):
        group = c % groups if mixed else c // (c_out // groups)
        full[c, group * per_group:(group + 1) * per_group] = w[c]
    return full


def y(v, **wrong):
    """The output, for the shape that the right one has."""
    out = np.zeros(v.y.shape)
    for _, (p, q), (h, k), w in meet(v, v.y.shape, **wrong):
        out[:, p, q] += v.x[:, h, k] @ w.T
    return out + getattr(v, "b", 0)


def dx(v, **wrong):
    """The gradient of the input."""
    out = np.zeros(v.x_shape)
    for _, (p, q), (h, k), w in meet(v, v.dy.shape, **wrong):
        out[:, h, k] += v.dy[:, p, q] @ w
    return out


def dw(v, **wrong):
    """The gradient of the weights."""
    groups, mixed = v.groups, wrong.get("groups")
    c_out, per_group, *kernel = v.w_shape
    full = np.zeros((c_out, per_group * groups, *kernel))
    for (i, j), (p, q), (h, k), _ in meet(v, v.dy.shape, **wrong):
        full[:, :, i, j] += v.dy[:, p, q].T @ v.x[:, h, k]
    group = [(c % groups if mixed else c // (c_out // groups)) * per_group for c in range(c_out)]
    return np.stack([full[c, start:start + per_group] for c, start in enumerate(group)])


GIVES = {"y": y, "dx": dx, "dw": dw}


def mistakes(v):
    """(name, what is wrong, what there is to learn, the changed arguments of `meet`) for the options of one call."""
    yield ("kernel flipped", "The kernel is turned round: tap (i, j) meets what tap (KH-1-i, KW-1-j) should.",
           "Eq. (1) is what mathematicians call a correlation; and a scatter goes back the way it came. Symmetric kernels hide it.",
           dict(position=lambda p, i, t, d, a, k: p * t + (k - 1 - i) * d - a))
    for name in PAIRS:
        right = getattr(v, name)
        yield (f"{name} on the wrong axis", f"The vertical {name} is used across and the horizontal one down.",
               f"Tests with a square {name} cannot see it.", dict(options=_options(v, **{name: right[::-1]})))
        yield (f"{name} ignored", f"The {name} is taken to be {DEFAULTS[name][0]}.",
               "Each pass has to do what every option says; with the default the numbers are right.",
               dict(options=_options(v, **{name: DEFAULTS[name]})))
        yield (f"one {name} for both axes", f"The vertical {name} is used across too.", f"Tests with a square {name} cannot see it.",
               dict(options=_options(v, **{name: (right[0], right[0])})))
        yield (f"one {name} for both axes", f"The horizontal {name} is used down too.", f"Tests with a square {name} cannot see it.",
               dict(options=_options(v, **{name: (right[1], right[1])})))
    yield ("groups mixed up", "Output channels are dealt to groups like cards (c % groups) instead of in blocks.",
           "With one group, or one channel in each, there is nothing to mix up: test what lies between.", dict(groups="mixed"))
    yield ("padding with the edge", "Beyond the border the image goes on with its last value instead of with zeros.",
           "Eq. (1) has zeros there; the padding is no variable.", dict(edge=True))
    yield ("stride on the tap", "The stride multiplies the tap, not the output position.", "h = p t + i d - a.",
           dict(position=lambda p, i, t, d, a, k: p + i * d * t - a))
    yield ("padding added", "The padding is added to the position instead of subtracted.", "h = p t + i d - a: the padded image begins a rows earlier.",
           dict(position=lambda p, i, t, d, a, k: p * t + i * d + a))
    for by, way in ((1, "down and to the right"), (-1, "up and to the left")):
        yield ("off by one", f"Each window lies one pixel too far {way}.", "h = p t + i d - a, all of them from zero.",
               dict(position=lambda p, i, t, d, a, k, by=by: p * t + i * d - a + by))
    yield ("last tap left out", "The loop over the taps ends one too early.", "range(KH) has KH values.",
           dict(position=lambda p, i, t, d, a, k: -10**9 if i == k - 1 else p * t + i * d - a))
