"""Mistakes in convolution: which pixel meets which output, with that question left open.

    h = p t + i d - a          the row of x that output row p meets through tap i, with stride t, dilation d, padding a

Whoever writes a convolution, forward or backward, writes this line. So each mistake in it is one function here, and gives
its own y, dx and dw.
"""
import numpy as np

from minisenet.gradcheck.mistakes._wrong import Wrong, one_image_only

PAIRS = ("stride", "dilation", "padding")
DEFAULTS = dict(stride=(1, 1), dilation=(1, 1), padding=(0, 0))


def _right(p, i, t, d, a, k):
    return p * t + i * d - a


def _options(v, **changed):
    return {name: tuple(changed.get(name, getattr(v, name))) for name in PAIRS}


def _blocks(c, c_out, groups):
    return c // (c_out // groups)


def _dense(w, groups, group):
    """A grouped w as a dense one, (C_out, C_in, KH, KW), zero where groups do not see each other."""
    c_out, per_group, *kernel = w.shape
    full = np.zeros((c_out, per_group * groups, *kernel), w.dtype)
    for c in range(c_out):
        start = group(c, c_out, groups) * per_group
        full[c, start:start + per_group] = w[c]
    return full


def _meet(v, size, *, position=_right, options=None, edge=False, keep=None):
    """Yield (tap, output, pixel): each output of `size` meets a pixel through each tap, where one is inside the image."""
    options = options or _options(v)
    kernel, (height, width) = v.w_shape[2:], v.x_shape[1:3]
    for tap in np.ndindex(*kernel):
        if keep and not keep(tap, kernel):
            continue
        for out in np.ndindex(*size):
            h, k = (position(p, i, t, d, a, length) for p, i, t, d, a, length in zip(
                out, tap, options["stride"], options["dilation"], options["padding"], kernel))
            if edge:
                h, k = min(max(h, 0), height - 1), min(max(k, 0), width - 1)
            if 0 <= h < height and 0 <= k < width:
                yield tap, out, (h, k)


def y(v, *, layout=lambda x: x, group=_blocks, weights=lambda w: w, bias_each=False, over_images=False, reshaped=False,
      **wrong):
    """The output, in the shape that the right one has."""
    out, x, w = np.zeros(v.y.shape), layout(v.x), _dense(weights(v.w), v.groups, group)
    for tap, (p, q), (h, k) in _meet(v, v.y.shape[1:3], **wrong):
        out[:, p, q] += x[:, h, k] @ w[:, :, *tap].T
    if over_images:
        out[:] = out.sum(axis=0)
    if reshaped:
        out = out.transpose(3, 0, 1, 2).reshape(out.shape)
    return out + getattr(v, "b", 0) * (np.prod(v.w_shape[2:]) if bias_each else 1)


def dx(v, *, group=_blocks, weights=lambda w: w, overwrite=None, **wrong):
    """The gradient of the input."""
    out, w = np.zeros(v.x_shape), _dense(weights(v.w), v.groups, group)
    met = list(_meet(v, v.dy.shape[1:3], **wrong))
    for tap, (p, q), (h, k) in sorted(met, key=overwrite) if overwrite else met:
        out[:, h, k] = v.dy[:, p, q] @ w[:, :, *tap] + (0 if overwrite else out[:, h, k])
    return out


def dw(v, *, layout=lambda x: x, group=_blocks, **wrong):
    """The gradient of the weights."""
    c_out, per_group, *kernel = v.w_shape
    full, x = np.zeros((c_out, per_group * v.groups, *kernel)), layout(v.x)
    for tap, (p, q), (h, k) in _meet(v, v.dy.shape[1:3], **wrong):
        full[:, :, *tap] += v.dy[:, p, q].T @ x[:, h, k]
    starts = [group(c, c_out, v.groups) * per_group for c in range(c_out)]
    return np.stack([full[c, start:start + per_group] for c, start in enumerate(starts)])


GIVES = {"y": y, "dx": dx, "dw": dw}


# ---- the ways to get it wrong: name, what is wrong, what there is to learn, and the changed arguments ---------------------

SQUARE = "Tests with a square {} cannot see it."
NO_TRANSPOSE = "A reshape makes shapes fit and numbers wrong."
ADD = "Windows overlap and taps add up, hence +=. A 1x1 kernel hides it."


def _pairs():
    """What can happen to a stride, a padding, a dilation."""
    for name in PAIRS:
        yield (f"{name} on the wrong axis", f"The vertical {name} is used across and the horizontal one down.",
               SQUARE.format(name),
               lambda v, name=name: dict(options=_options(v, **{name: getattr(v, name)[::-1]})))
        yield (f"{name} ignored", f"The {name} is taken to be {DEFAULTS[name][0]}.",
               "Each pass has to do what every option says; with the default the numbers are right.",
               lambda v, name=name: dict(options=_options(v, **{name: DEFAULTS[name]})))
        for side, words in ((0, "vertical"), (1, "horizontal")):
            yield (f"one {name} for both axes", f"The {words} {name} is used for both axes.", SQUARE.format(name),
                   lambda v, name=name, side=side: dict(options=_options(v, **{name: (getattr(v, name)[side],) * 2})))


def _as(**changed):
    return lambda v: changed


MISTAKES = (
    ("kernel flipped", "The kernel is turned round: tap (i, j) meets what tap (KH-1-i, KW-1-j) should.",
     "Eq. (1) does not flip; and a scatter goes back the way it came. Symmetric kernels hide it.",
     _as(position=lambda p, i, t, d, a, k: p * t + (k - 1 - i) * d - a)),
    *_pairs(),
    ("groups mixed up", "Output channels are dealt to groups like cards (c % groups) instead of in blocks.",
     "With one group, or one channel in each, there is nothing to mix up: test what lies between.",
     _as(group=lambda c, c_out, groups: c % groups)),
    ("first group only", "All output channels read the input channels of the first group.",
     "Output channel c belongs to group c // (C_out / groups).", _as(group=lambda c, c_out, groups: 0)),
    ("padding with the edge", "Beyond the border the image goes on with its last value.", "Eq. (1) has zeros there.",
     _as(edge=True)),
    ("padding on one side", "All of the padding lies at the top and on the left.", "The padding is the same on both sides.",
     _as(position=lambda p, i, t, d, a, k: p * t + i * d - 2 * a)),
    ("stride on the tap", "The stride multiplies the tap, not the output position.", "h = p t + i d - a.",
     _as(position=lambda p, i, t, d, a, k: p + i * d * t - a)),
    ("padding added", "The padding is added to the position instead of subtracted.",
     "h = p t + i d - a: the padded image begins a rows earlier.", _as(position=lambda p, i, t, d, a, k: p * t + i * d + a)),
    ("off by one", "Each window lies one pixel too far down and to the right.", "h = p t + i d - a, all of them from zero.",
     _as(position=lambda p, i, t, d, a, k: p * t + i * d - a + 1)),
    ("off by one", "Each window lies one pixel too far up and to the left.", "h = p t + i d - a, all of them from zero.",
     _as(position=lambda p, i, t, d, a, k: p * t + i * d - a - 1)),
    ("last tap left out", "The loops over the taps end one too early.", "range(KH) has KH values.",
     _as(keep=lambda tap, kernel: tap[0] < kernel[0] - 1 and tap[1] < kernel[1] - 1)),
    ("last tap only", "Each tap overwrites what the one before brought: = where += belongs.", ADD,
     _as(keep=lambda tap, kernel: tap == (kernel[0] - 1, kernel[1] - 1))),
    ("height of the kernel for its width", "Both loops over the taps run over KH.", SQUARE.format("kernel"),
     _as(keep=lambda tap, kernel: tap[1] < kernel[0])),
)

READS_X = (                         # y and dw
    ("reshaped, not transposed", "x is reshaped to (N, C, H, W) instead of transposed.", NO_TRANSPOSE,
     _as(layout=lambda x: x.reshape(x.shape[0], x.shape[3], *x.shape[1:3]).transpose(0, 2, 3, 1))),
)

READS_W = (                         # y and dx
    ("patch and kernel in different orders", "A patch is flattened as (KH, KW, C), the kernel as (C, KH, KW).",
     "What is multiplied has to lie in one order: transpose one of them.", _as(weights=lambda w: w.reshape(
         len(w), *w.shape[2:], w.shape[1]).transpose(0, 3, 1, 2))),
)

Y_ONLY = (
    ("bias at every tap", "The bias is added inside the loop over the taps, KH KW times.", "b is added once to each output.",
     _as(bias_each=True)),
    ("reshaped, not transposed", "The product is (C_out, N H' W'), and is reshaped to (N, H', W', C_out).", NO_TRANSPOSE,
     _as(reshaped=True)),
    ("summed over the images", "Each image gets the sum over the batch.",
     "An einsum without n in its result adds up over n.", _as(over_images=True)),
)

DX_ONLY = (
    ("overlapping windows overwrite", "A pixel keeps what its last tap brings: = where += belongs.", ADD,
     _as(overwrite=lambda met: (met[0], met[1]))),
    ("overlapping windows overwrite", "A pixel keeps what its last window brings: = where += belongs.", ADD,
     _as(overwrite=lambda met: (met[1], met[0]))),
)


PASSES = (
    ("conv2d", "y", MISTAKES + READS_X + READS_W + Y_ONLY),
    ("conv2d_backward conv2d_backward_input", "dx", MISTAKES + READS_W + DX_ONLY),
    ("conv2d_backward conv2d_backward_weight", "dw", MISTAKES + READS_X),
)


def _entries():
    for functions, output, mistakes in PASSES:
        for name, says, lesson, changed in mistakes:
            yield Wrong(functions, output, name, says, lesson,
                        lambda v, output=output, changed=changed: GIVES[output](v, **changed(v)))
    yield from one_image_only("conv2d_backward conv2d_backward_weight", "dw", lambda v: dict(dw=dw(v)))


WRONG = list(_entries())


def terms(v):
    """y as the sum over the taps and the bias."""
    b = getattr(v, "b", np.zeros(v.y.shape[3]))
    return {"the sum over the taps": v.y - b, "b": np.broadcast_to(b, v.y.shape)}
