"""Mistakes in the operations of the paper's other networks: joins, shuffles, random mixes, and the variants of section 6."""
from types import SimpleNamespace

import numpy as np

from minisenet import functional as F
from minisenet.gradcheck.mistakes._wrong import Wrong, each
from minisenet.gradcheck.mistakes.excitation import BACKWARDS, GATE, MASK, OWN_BIAS, excite, same, through


def maps(v):
    """x1, x2, ... of a concatenation."""
    return [value for name, value in sorted(vars(v).items()) if name[0] == "x" and name[1:].isdigit()]


def parts(v, starts):
    """dx1, dx2, ... as the channels of dy from these on."""
    return {f"dx{i}": v.dy[..., start:start + x.shape[3]] for i, (start, x) in enumerate(zip(starts, maps(v)), 1)}


JOIN = [
    Wrong("concat", "y", "maps in the wrong order", "y begins with the channels of the last map.", "y = [x_1, x_2, ...].",
          lambda v: np.concatenate(maps(v)[::-1], axis=3)),
    *each("concat_backward", "dx1 dx2 dx3", "always from the first channel", "{} begins at channel 0 of dy.",
          "Each map begins where the maps before it end.", lambda v: parts(v, [0, 0, 0])),
    *each("concat_backward", "dx1 dx2 dx3", "shared out", "{} is a third of its channels of dy.",
          "Each channel of y is a copy of one channel of one map, so its slope is 1.",
          lambda v: {name: part / 3 for name, part in parts(v, np.cumsum([0, *(x.shape[3] for x in maps(v))])).items()}),
]

INVERSE = "The table is G x K; transposed, it is K x G."
SHUFFLE = [
    Wrong("channel_shuffle", "y", "groups and size exchanged", "y is the shuffle with K groups of G channels: its inverse.",
          INVERSE, lambda v: F.channel_shuffle(v.x, v.x.shape[3] // v.groups)),
    Wrong("channel_shuffle", "y", "not transposed", "y is x: the table was reshaped, and not transposed.", INVERSE,
          lambda v: v.x),
    Wrong("channel_shuffle_backward", "dx", "not shuffled back", "dx is dy.",
          "Each channel of dy goes back to where it came from.", lambda v: v.dy),
]


def beside(weights):
    """(N,) so that it broadcasts over (N, H, W, C)."""
    return weights[:, None, None, None]


MIX = "y = alpha u1 + (1 - alpha) u2."
SHAKE = [
    Wrong("shake", "y", "branches exchanged", "y is (1 - alpha) u1 + alpha u2.", MIX,
          lambda v: beside(1 - v.alpha) * v.u1 + beside(v.alpha) * v.u2),
    Wrong("shake", "y", "second weight forgotten", "y is alpha u1 + u2.", MIX, lambda v: beside(v.alpha) * v.u1 + v.u2),
    Wrong("shake", "y", "weight of the first image", "y uses the alpha of image 0 for the whole batch.",
          "Each image has its own alpha. A batch of one hides the mistake.",
          lambda v: v.alpha[0] * v.u1 + (1 - v.alpha[0]) * v.u2),
    *each("shake_backward", "du1 du2", "as for a sum", "{} is dy, as if y were u1 + u2.",
          "Each branch gets its own weight times dy.",
          lambda v: dict(du1=v.dy, du2=v.dy)),
]

DROPOUT = [
    Wrong("dropout_backward", "dx", "nothing dropped", "dx is dy everywhere.", "What the forward set to 0 gets no gradient.",
          lambda v: v.dy),
    Wrong("dropout_backward", "dx", "scaled twice", "dx is dy m^2: the mask has the factor 1 / (1 - p) already.",
          "y = m x, so dx = m dy.", lambda v: v.dy * v.mask**2),
    Wrong("dropout_backward", "dx", "mask turned round", "dx is dy where x was dropped, and 0 where it was kept.",
          "What the forward kept gets a gradient.", lambda v: np.where(v.mask > 0, 0, v.dy)),
]

TANH = [
    Wrong("tanh", "y", "sigmoid for tanh", "y is sigma(x), from 0 to 1.", "tanh(x) = 2 sigma(2 x) - 1.",
          lambda v: F.sigmoid(v.x)),
    Wrong("tanh", "y", "tanh(x / 2)", "y is 2 sigma(x) - 1, which is tanh(x / 2).", "tanh(x) = 2 sigma(2 x) - 1.",
          lambda v: np.tanh(v.x / 2)),
    Wrong("tanh", "y", "tanh overflows", "{} is NaN for large inputs: exp(x) becomes inf, and inf / inf is NaN.",
          "np.tanh is right at both ends.",
          lambda v: (np.exp(v.x) - np.exp(-v.x)) / (np.exp(v.x) + np.exp(-v.x))),
    Wrong("tanh_backward", "dx", "sigmoid's slope", "dx is dy y (1 - y), which is the slope of the sigmoid.", "tanh' = 1 - y^2.",
          lambda v: v.dy * v.y * (1 - v.y)),
    Wrong("tanh_backward", "dx", "tanh applied twice", "dx takes the tanh of y, but y is the tanh of x already.",
          "A backward says in its signature whether it gets the input or the output.", lambda v: v.dy * (1 - np.tanh(v.y)**2)),
]

MAXIMUM = [
    Wrong("max_squeeze", "z", "mean for maximum", "z is the mean of each map.", "Table 11's other squeeze is the maximum.",
          lambda v: v.u.mean(axis=(1, 2))),
    Wrong("max_squeeze", "z", "maximum of absolute values", "z is the maximum of |u|.", "A maximum may be negative.",
          lambda v: np.abs(v.u).max(axis=(1, 2))),
    Wrong("max_squeeze_backward", "du", "dz everywhere", "du is dz at every position.", "Only the maximum changes z.",
          lambda v: np.broadcast_to(v.dz[:, None, None, :], v.u.shape)),
    Wrong("max_squeeze_backward", "du", "u for its mask", "du is dz u at the maximum, and should be dz.",
          "The slope of z in its maximum is 1.",
          lambda v: v.dz[:, None, None, :] * v.u * (v.u == v.u.max(axis=(1, 2), keepdims=True))),
]


def local(v, **changed):
    """NoSqueeze with something changed: the excitation at each position."""
    found = excite(v, v.u, **changed)
    return found | dict(y=found["s"] * v.u)


def local_backward(v, **changed):
    """Its gradients: those of an excitation whose images are the positions."""
    flat = {name: value.reshape(-1, value.shape[3]) for name, value in dict(z=v.u, h=v.h, s=v.s, dy=v.dy).items()}
    rows = SimpleNamespace(**vars(v) | flat)
    g = through(rows, rows.dy * rows.z, **changed)
    return g | dict(du=v.s * v.dy + g["dz"].reshape(v.u.shape))


LOCAL = [entry for outputs, name, says, lesson, changed in (
    ("y h s", "ReLU forgotten", "There is no ReLU between the two convolutions.", "Without delta the two matrices are one.",
     dict(delta=same)),
    ("y s", "sigmoid missing", "s is W2 h, without the sigmoid.", GATE, dict(sigma=same)),
    ("y h s", "b1 forgotten", "b1 is not added.", OWN_BIAS, dict(without=("b1",))),
) for entry in each("local_se_block", outputs, name, says, lesson, lambda v, changed=changed: local(v, **changed))] + [
    entry for outputs, name, says, lesson, changed in (
        ("du dw1 dw2 db1 db2", "sigmoid forgotten", "ds goes back through W2 without the slope s (1 - s).", BACKWARDS,
         dict(slope=lambda s: 1.0)),
        ("du dw1 db1", "dead units let through", "Dead hidden units (h = 0) get a gradient: nothing stops dh there.", MASK,
         dict(mask=lambda dh, v: 1.0)),
    ) for entry in each("local_se_block_backward", outputs, name, says, lesson,
                        lambda v, changed=changed: local_backward(v, **changed))]

WRONG = JOIN + SHUFFLE + SHAKE + DROPOUT + TANH + MAXIMUM + LOCAL
