"""Mistakes in convolution. One line says which pixel belongs to which output:

    h = p t + i d - a          output row p and tap i belong to row h of x, with stride t, dilation d, padding a

Every convolution, forward or backward, has this line. So a mistake in it is one change of arguments here, and gives its own
y, dx and dw. What there is to say about it differs: y and dw read x at h, dx is written at h.
"""
import itertools

import numpy as np

from minisenet.gradcheck.mistakes._wrong import Wrong, left_out_image, one_image_only

PAIRS = ("stride", "dilation", "padding")
DEFAULTS = dict(stride=(1, 1), dilation=(1, 1), padding=(0, 0))


def _right(p, i, t, d, a, k):
    return p * t + i * d - a


def _options(v, **changed):
    return {name: tuple(changed.get(name, getattr(v, name))) for name in PAIRS}


# ---- the input channels of output channel c, of `per_group` in each group --------------------------------------------------

def _blocks(c, c_out, groups, per_group):
    return c // (c_out // groups) * per_group + np.arange(per_group)


def _dealt(c, c_out, groups, per_group):
    return c % groups * per_group + np.arange(per_group)


def _first(c, c_out, groups, per_group):
    return np.arange(per_group)


def _every_gth(c, c_out, groups, per_group):
    return c // (c_out // groups) + groups * np.arange(per_group)


def _dealt_every_gth(c, c_out, groups, per_group):
    return c % groups + groups * np.arange(per_group)


def _dense(w, groups, channels):
    """A grouped w as a dense one, (C_out, C_in, KH, KW), zero outside the groups."""
    c_out, per_group, *kernel = w.shape
    full = np.zeros((c_out, per_group * groups, *kernel), w.dtype)
    for c in range(c_out):
        full[c, channels(c, c_out, groups, per_group)] = w[c]
    return full


def _meet(v, size, *, position=_right, options=None, beyond=None, keep=None, short=(0, 0), turned=(0, 0), first=(0, 0)):
    """Yield (tap, output, pixel): the pixel for each tap and each output of `size`, if it is inside the image.

    `beyond` is a mode of np.pad for the pixels outside; `short` leaves out the output's last rows and columns, and `first`
    are the first ones; `turned` are the axes along which the kernel is turned round.
    """
    options = options or _options(v)
    kernel, inside = v.w_shape[2:], v.x_shape[1:3]
    for tap in np.ndindex(*kernel):
        if keep and not keep(tap, kernel):
            continue
        for out in itertools.product(*(range(start, length - less) for start, length, less in zip(first, size, short))):
            pixel = [position(p, length - 1 - i if turn else i, t, d, a, length) for p, i, t, d, a, length, turn in zip(
                out, tap, options["stride"], options["dilation"], options["padding"], kernel, turned)]
            if beyond == "negative":
                pixel = [h + length if -length <= h < 0 else h for h, length in zip(pixel, inside)]
            elif beyond:
                pixel = [np.pad(np.arange(length), 32, mode=beyond)[h + 32] for h, length in zip(pixel, inside)]
            if all(0 <= h < length for h, length in zip(pixel, inside)):
                yield tap, out, pixel


def y(v, *, layout=lambda x: x, channels=_blocks, weights=lambda w: w, bias_each=False, over_images=False, reshaped=False,
      joined=False, no_bias_there=False, **wrong):
    """The output, in the shape that the right one has."""
    out, x, w = np.zeros(v.y.shape), layout(v.x), _dense(weights(v.w), v.groups, channels)
    bias = np.zeros(v.y.shape) + getattr(v, "b", 0) * (np.prod(v.w_shape[2:]) if bias_each else 1)
    for tap, (p, q), (h, k) in _meet(v, v.y.shape[1:3], **wrong):
        out[:, p, q] += x[:, h, k] @ w[:, :, *tap].T
    if over_images:
        out[:] = out.sum(axis=0)
    if reshaped:
        out = out.transpose(3, 0, 1, 2).reshape(out.shape)
    if joined:
        out = out.reshape(*out.shape[:3], v.groups, -1).swapaxes(3, 4).reshape(out.shape)
    if no_bias_there:
        rows, columns = (length - less for length, less in zip(v.y.shape[1:3], wrong["short"]))
        bias[:, rows:], bias[:, :, columns:] = 0, 0
    return out + bias


def dx(v, *, channels=_blocks, weights=lambda w: w, overwrite=None, **wrong):
    """The gradient of the input."""
    out, w = np.zeros(v.x_shape), _dense(weights(v.w), v.groups, channels)
    met = list(_meet(v, v.dy.shape[1:3], **wrong))
    for tap, (p, q), (h, k) in sorted(met, key=overwrite) if overwrite else met:
        out[:, h, k] = v.dy[:, p, q] @ w[:, :, *tap] + (0 if overwrite else out[:, h, k])
    return out


def dw(v, *, layout=lambda x: x, channels=_blocks, **wrong):
    """The gradient of the weights."""
    c_out, per_group, *kernel = v.w_shape
    full, x = np.zeros((c_out, per_group * v.groups, *kernel)), layout(v.x)
    for tap, (p, q), (h, k) in _meet(v, v.dy.shape[1:3], **wrong):
        full[:, :, *tap] += v.dy[:, p, q].T @ x[:, h, k]
    return np.stack([full[c, channels(c, c_out, v.groups, per_group)] for c in range(c_out)])


GIVES = {"y": y, "dx": dx, "dw": dw}
FUNCTIONS = {"y": "conv2d", "dx": "conv2d_backward conv2d_backward_input", "dw": "conv2d_backward conv2d_backward_weight"}


# ---- the ways to get it wrong: (name, changed arguments, {result: (what is wrong, what one learns from it)}) ---------------

WITH = "h = p t + i d - a, with tap i, stride t, dilation d, padding a."
LINE = dict(y=f"y at p reads x at {WITH}", dx=f"dy at p adds to dx at {WITH}",
            dw=f"dw at tap i adds up dy at p times x at {WITH}")
SQUARE = "Tests with a square {} cannot see it."
NO_TRANSPOSE = "A reshape keeps the order in memory. A transpose moves the axes."
ADD = "Windows overlap, so a pixel gathers from several of them: is = written where += belongs? A 1x1 kernel hides it."
BLOCK = "A group is a block of neighbouring channels: output channel c belongs to group c // (C_out / groups)."
RANGE = "range(n) runs from 0 to n - 1."
ALL = ("y", "dx", "dw")


def _every(says, lesson=None, results=ALL):
    """The same words for each result, each with its own line unless there is a lesson."""
    return {result: (says.format(result), lesson or LINE[result]) for result in results}


def _as(**changed):
    return lambda v: changed


def _options_as(**of):
    """The changed options: name=function of (v)."""
    return lambda v: dict(options=_options(v, **{name: change(v) for name, change in of.items()}))


def _pairs():
    """What can happen to a stride, a padding, a dilation."""
    for name in PAIRS:
        yield (f"{name} on the wrong axis", _options_as(**{name: lambda v, name=name: getattr(v, name)[::-1]}),
               _every(f"The vertical {name} is used across and the horizontal one down.", SQUARE.format(name)))
        if name != "padding":
            yield (f"{name} ignored", _options_as(**{name: lambda v, name=name: DEFAULTS[name]}),
                   _every(f"{{}} has the values of a call with {name} = 1."))
        for side, words in ((0, "vertical"), (1, "horizontal")):
            yield (f"one {name} for both axes",
                   _options_as(**{name: lambda v, name=name, side=side: (getattr(v, name)[side],) * 2}),
                   _every(f"The {words} {name} is used for both axes.", SQUARE.format(name)))


def _beyond():
    """What can be in the place of the zeros of the padding."""
    for mode, name, words in (
            ("edge", "padding with the edge", "the image continues with its last pixel"),
            ("wrap", "indices wrap", "the image begins anew, from the opposite side"),
            ("negative", "negative indices wrap", "above and on the left, the image continues from the opposite side"),
            ("symmetric", "padding mirrored", "the image is mirrored, with the border's pixels twice"),
            ("reflect", "padding mirrored", "the image is mirrored, with the border's pixels once")):
        wrap = dict(wrap=" Is there a % or np.pad(mode=\"wrap\")?", negative=" In Python, x[-1] is the last element.").get(mode, "")
        reads = f"Beyond the border {words}."
        yield (name, _as(beyond=mode), {
            "y": (reads, "Eq. (1) has zeros there." + wrap),
            "dx": (f"dx is that of a forward in which, beyond the border, {words}.",
                   "The padding is no part of x: what falls on it is dropped." + wrap),
            "dw": (reads, "The forward reads zeros there, and so they add nothing to dw." + wrap)})


def _short():
    """Loops over the output's rows and columns that end one too early."""
    for short, words, s in (((1, 1), "row and column", ""), ((1, 0), "row", "s"), ((0, 1), "column", "s")):
        be, have = ("is", "has") if s else ("are", "have")
        for there in (True, False):
            yield (f"last {words} left out", _as(short=short, no_bias_there=there),
                   {"y": (f"The last {words} of y {f'{be} zero' if there else f'{have} no products, only the bias'}.",
                          "Does a loop over the output end too early? " + RANGE)})
        yield (f"last {words} left out", _as(short=short), _every(
            f"The last {words} of dy add{s} nothing to {{}}.", "Does a loop over dy end too early? " + RANGE, ("dx", "dw")))


def _channels():
    """Loops over the input channels, for y, and over the output channels, for dx, that end too early or overwrite."""
    for name, kept in (("last {} channel left out", slice(None, -1)), ("last {} channel only", slice(-1, None)),
                       ("first {} channel only", slice(0, 1))):
        for result, which, axis in (("y", "input", 1), ("dx", "output", 0)):
            says = f"The last {which} channel adds nothing to {result}." if kept == slice(None, -1) else (
                f"Only the {name.split()[0]} {which} channel adds to {result}.")
            yield (name.format(which), _as(weights=lambda w, kept=kept, axis=axis: _only(w, kept, axis)),
                   {result: (says, f"The {which} channels add up: is the loop too short, or is = written where += belongs?")})


def _only(w, kept, axis):
    """Weights that are zero outside of a slice."""
    at, out = (slice(None),) * axis + (kept,), np.zeros_like(w)
    out[at] = w[at]
    return out


MISTAKES = (
    ("kernel flipped", _as(turned=(1, 1)), {
        "y": ("The kernel is turned round: tap (i, j) multiplies the pixel of tap (KH-1-i, KW-1-j).",
              "Eq. (1) does not turn the kernel round. Symmetric kernels hide it."),
        "dx": ("The kernel is turned round: tap (i, j) writes where tap (KH-1-i, KW-1-j) read.",
               "Only a gather over dy turns the kernel round. Symmetric kernels hide it."),
        "dw": ("The taps of dw are in the opposite order.", "dw at a tap multiplies dy with the pixels of that same tap.")}),
    *(("kernel flipped along one axis", _as(turned=turned),
       _every(f"The kernel's {words} are in the opposite order.", "Eq. (1) does not turn the kernel round, nor does dx.",
              ("y", "dx"))
       | {"dw": (f"The kernel {words} of dw are in the opposite order.",
                 "dw at a tap multiplies dy with the pixels of that same tap.")})
      for turned, words in (((1, 0), "rows"), ((0, 1), "columns"))),
    ("kernel's axes exchanged", _as(weights=lambda w: w.swapaxes(2, 3)),
     _every("The kernel's rows are used as its columns.", "A kernel is (C_out, C_in, KH, KW).", ("y", "dx"))),
    *_pairs(),
    ("no padding above and on the left", _options_as(padding=lambda v: (0, 0)), {
        "y": ("The first window begins at the image's first row and column.", "The padding is the same at both ends: "
              "h = p t + i d - a."),
        "dx": ("dx begins at the first row and column of the padded image.", "Cut the padding off at both ends: [a:a + H]."),
        "dw": ("x is read without padding above and on the left.", "Pad x as the forward does, at both ends.")}),
    ("groups mixed up", _as(channels=_dealt),
     _every("Output channels are dealt to the groups in turn: c % groups.", BLOCK)),
    ("groups interleaved", _as(channels=_every_gth),
     _every("Group g has every groups-th input channel, g::groups.", "A group is a block of neighbouring channels.")),
    ("groups interleaved", _as(channels=_dealt_every_gth),
     _every("Group g has every groups-th channel, g::groups, of the input and of the output.",
            "A group is a block of neighbouring channels.")),
    ("first group only", _as(channels=_first), {
        "y": ("All output channels read the input channels of the first group.", BLOCK),
        "dx": ("All output channels add to the input channels of the first group.", BLOCK),
        "dw": ("All output channels are multiplied with the input channels of the first group.", BLOCK)}),
    *_beyond(),
    ("padding on one side", _as(position=lambda p, i, t, d, a, k: p * t + i * d - 2 * a), {
        "y": ("All of the padding lies above and on the left.", "The padding is the same at both ends."),
        "dx": ("dx is cut out as if all of the padding lay above and on the left.",
               "Cut the padding off at both ends: [a:a + H]."),
        "dw": ("x is read with all of the padding above and on the left.", "Pad x as the forward does, at both ends.")}),
    ("stride and dilation exchanged", _as(position=lambda p, i, t, d, a, k: p * d + i * t - a),
     _every("The stride multiplies the tap, and the dilation the output position.")),
    ("stride on the tap", _as(position=lambda p, i, t, d, a, k: p + i * d * t - a),
     _every("The stride multiplies the tap instead of the output position.")),
    ("padding added", _as(position=lambda p, i, t, d, a, k: p * t + i * d + a),
     _every("The padding is added to the position instead of subtracted.")),
    ("off by one", _as(position=lambda p, i, t, d, a, k: p * t + i * d - a + 1),
     _every("Each window lies one pixel too far down and to the right.")),
    ("off by one", _as(position=lambda p, i, t, d, a, k: p * t + i * d - a - 1),
     _every("Each window lies one pixel too far up and to the left.")),
    ("last tap left out", _as(keep=lambda tap, kernel: tap[0] < kernel[0] - 1 and tap[1] < kernel[1] - 1),
     _every("The kernel's last row and column are left out.", "Do the loops over the taps end too early? " + RANGE)),
    ("last tap left out", _as(keep=lambda tap, kernel: tap[0] < kernel[0] - 1),
     _every("The kernel's last row is left out.", "Does the loop over the taps end too early? " + RANGE)),
    ("last tap left out", _as(keep=lambda tap, kernel: tap[1] < kernel[1] - 1),
     _every("The kernel's last column is left out.", "Does the loop over the taps end too early? " + RANGE)),
    ("last tap only", _as(keep=lambda tap, kernel: tap == (kernel[0] - 1, kernel[1] - 1)), {
        "y": ("y has the last tap's products only.", "The taps add up: is = written where += belongs? A 1x1 kernel hides it."),
        "dx": ("dx has the last tap's share only.", "The taps add up: is = written where += belongs? A 1x1 kernel hides it."),
        "dw": ("Only the last tap of dw is not zero.", "Each tap has its own place in dw.")}),
    ("height of the kernel for its width", _as(keep=lambda tap, kernel: tap[1] < kernel[0]),
     _every("Of the kernel's columns only the first KH are used.", SQUARE.format("kernel"))),
    *_short(),
    *_channels(),
    ("reshaped, not transposed",
     _as(layout=lambda x: x.reshape(x.shape[0], x.shape[3], *x.shape[1:3]).transpose(0, 2, 3, 1)),
     _every("x is reshaped to (N, C, H, W) instead of transposed.", NO_TRANSPOSE, ("y", "dw"))),
    ("patch and kernel in different orders", _as(weights=lambda w: w.reshape(
        len(w), *w.shape[2:], w.shape[1]).transpose(0, 3, 1, 2)),
     _every("A patch has the order (KH, KW, C), the kernel the order (C, KH, KW).",
            "Both factors need one order: transpose one of them.", ("y", "dx"))),
    ("bias at every tap", _as(bias_each=True),
     {"y": ("The bias is added KH KW times.", "b is added once to each output, outside the loop over the taps.")}),
    ("reshaped, not transposed", _as(reshaped=True),
     {"y": ("The product is (C_out, N H' W'), and is reshaped to (N, H', W', C_out).", NO_TRANSPOSE)}),
    ("groups joined in the wrong order", _as(joined=True),
     {"y": ("The output channels of the groups alternate.", "The groups' outputs lie one after the other: concatenate them.")}),
    ("summed over the images", _as(over_images=True),
     {"y": ("Each image gets the sum over the batch.", "Does an einsum leave n out of its result? Then it adds up over n.")}),
    ("last position only", lambda v: dict(first=(v.dy.shape[1] - 1, v.dy.shape[2] - 1)),
     {"dw": ("dw comes from the last position of dy alone.",
             "Every position uses the weights, so dw gathers from all of them: is = written where += belongs?")}),
    ("overlapping windows overwrite", _as(overwrite=lambda met: (met[0], met[1])),
     {"dx": ("A pixel keeps only its last tap's share.", ADD)}),
    ("overlapping windows overwrite", _as(overwrite=lambda met: (met[1], met[0])),
     {"dx": ("A pixel keeps only its last window's share.", ADD)}),
)

WRONG = [Wrong(FUNCTIONS[result], result, name, says, lesson,
               lambda v, result=result, changed=changed: GIVES[result](v, **changed(v)))
         for result in ALL for name, changed, words in MISTAKES if result in words for says, lesson in [words[result]]]
WRONG += one_image_only("conv2d_backward conv2d_backward_weight", "dw", lambda v: dict(dw=dw(v)))
WRONG += left_out_image("conv2d_backward conv2d_backward_weight", "dw", lambda v: dict(dw=dw(v)))


def terms(v):
    """y as the sum over the taps and the bias."""
    b = getattr(v, "b", np.zeros(v.y.shape[3]))
    return {"sum(w x)": v.y - b, "b": np.broadcast_to(b, v.y.shape)}
