"""Mistakes in the scale, eq. (4)."""
import numpy as np

from minisenet import functional as F
from minisenet.gradcheck.mistakes._wrong import AXES, FACTOR, LINES, LOOP_ENDS, NHWC, PER_IMAGE, SIDES, Wrong, beside_maps

PRODUCT = "Eq. (4) is s u."
SLOPE_IN_U = "y = s u, so u gets dy times s."
ADD = "One gate scales every position, so their gradients add up."
LINEAR_IN_DY = "A backward is linear in the upstream gradient."
BESIDE = "s is (N, C) and u is (N, H, W, C): s[:, None, None, :]. NumPy broadcasts a wrong shape without a warning."

FORWARD = [Wrong("scale", "y", name, says, lesson, formula) for name, says, lesson, formula in (
    ("gates of the first image", "y uses the gates of image 0 for the whole batch.", PER_IMAGE, lambda v: v.u * v.s[0]),
    ("gates of the last image", "y uses the last image's gates for the whole batch.", PER_IMAGE, lambda v: v.u * v.s[-1]),
    ("gates averaged", "y uses the batch's mean gates.", PER_IMAGE, lambda v: v.u * v.s.mean(axis=0)),
    ("one gate for all channels", "y uses each image's mean gate for all of its channels.", "Each channel has its own gate.",
     lambda v: v.u * beside_maps(v.s.mean(axis=1, keepdims=True))),
    ("gates squared", "y is s^2 u: the gates are multiplied in twice.", PRODUCT, lambda v: v.u * beside_maps(v.s)**2),
    ("divided by the gates", "y is u / s.", PRODUCT, lambda v: v.u / beside_maps(v.s)),
    ("gates added", "y is u + s, not s u.", PRODUCT, lambda v: v.u + beside_maps(v.s)),
    ("gates turned round", "y is (1 - s) u: an open gate stops its channel.", PRODUCT,
     lambda v: v.u * (1 - beside_maps(v.s))),
    ("residual around the gates", "y is u + s u.", PRODUCT + " The shortcut belongs to the residual block.",
     lambda v: v.u * (1 + beside_maps(v.s))),
    ("sigmoid applied twice", "y is sigma(s) u, but the gates have been through the sigmoid already.",
     "The sigmoid belongs to the excitation.", lambda v: v.u * F.sigmoid(beside_maps(v.s))),
    *(("gates along the wrong axes", f"s is placed beside u as {text}.", BESIDE, lambda v, lay=lay: v.u * lay(v.s))
      for text, lay in (
          ("s[:, :, None, None], as for (N, C, H, W)", lambda s: s[:, :, None, None]),
          ("s[:, None]: its images broadcast along the height", lambda s: s[:, None]),
          ("it is: its images broadcast along the width", lambda s: s),
          ("s[None, None]: its images broadcast along the width", lambda s: s[None, None]))),
    ("reshaped, not transposed", "The gates are reshaped so that images and channels are mixed up.",
     "A reshape makes shapes fit and numbers wrong.", lambda v: v.u * beside_maps(v.s.T.reshape(v.s.shape))),
)]

BACKWARD = [Wrong("scale_backward", output, name, says, lesson, formula) for output, name, says, lesson, formula in (
    ("du", "gates forgotten", "du is dy itself, not s dy.", SLOPE_IN_U, lambda v: v.dy),
    ("du", "u for s", "du is dy u, not dy s.", SLOPE_IN_U, lambda v: v.dy * v.u),
    ("du", "dy forgotten", "du is s u: the upstream gradient is missing.", LINEAR_IN_DY, lambda v: v.u * beside_maps(v.s)),
    ("du", "divided by the gates", "du is dy / s, not s dy.", SLOPE_IN_U, lambda v: v.dy / beside_maps(v.s)),
    ("du", "gates averaged", "du uses the batch's mean gates.", PER_IMAGE, lambda v: v.dy * v.s.mean(axis=0)),
    ("du", "squeeze path added", "du has ds / (H W) added at every position.",
     "Scale's own u gets s dy alone. The squeeze has a backward of its own.",
     lambda v: v.dy * beside_maps(v.s) + beside_maps((v.dy * v.u).mean(axis=(1, 2)))),
    ("ds", "u forgotten", "ds is sum(dy), without the factor u.", FACTOR, lambda v: v.dy.sum(axis=(1, 2))),
    ("ds", "y for u", "ds is sum(dy y), not sum(dy u).", FACTOR,
     lambda v: (v.dy * v.u * beside_maps(v.s)).sum(axis=(1, 2))),
    ("ds", "dy forgotten", "ds is sum(u), without dy.", LINEAR_IN_DY, lambda v: v.u.sum(axis=(1, 2))),
    ("ds", "summed apart", "ds is sum(dy) sum(u).", "The sum of a product is not the product of the sums.",
     lambda v: v.dy.sum(axis=(1, 2)) * v.u.sum(axis=(1, 2))),
    ("ds", "summed apart", "ds is sum(dy) times the mean of u.", "The sum of a product is not the product of the sums.",
     lambda v: v.dy.sum(axis=(1, 2)) * v.u.mean(axis=(1, 2))),
    ("ds", "summed apart", "ds is the mean of dy times the mean of u.", ADD,
     lambda v: v.dy.mean(axis=(1, 2)) * v.u.mean(axis=(1, 2))),
    ("ds", "summed over the batch", "ds adds up over the images too.", PER_IMAGE,
     lambda v: np.broadcast_to((v.dy * v.u).sum(axis=AXES), v.s.shape)),
    ("ds", "sigmoid's slope too", "ds is multiplied by s (1 - s).", "The sigmoid belongs to the excitation.",
     lambda v: (v.dy * v.u).sum(axis=(1, 2)) * v.s * (1 - v.s)),
    ("ds", "not summed", "ds keeps the positions: it is dy u.", ADD, lambda v: v.dy * v.u),
    ("ds", "axes of (N, C, H, W)", "ds adds up over axes 2 and 3, which are W and C here.", NHWC,
     lambda v: (v.dy * v.u).sum(axis=(2, 3))),
    *(("ds", f"{which} {line} left out", f"The sum over the map lacks its {which} {line}.", LOOP_ENDS,
       lambda v, rest=rest: (v.dy * v.u)[rest].sum(axis=(1, 2))) for which, line, rest in LINES),
    *(("ds", "one axis missed", "ds adds up over one side of the map only.", ADD,
       lambda v, at=at: (v.dy * v.u)[at].sum(axis=1)) for at in SIDES),
)]

WRONG = FORWARD + BACKWARD
