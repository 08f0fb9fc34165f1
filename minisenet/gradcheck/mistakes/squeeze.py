"""Mistakes in the squeeze, eq. (2)."""
import numpy as np

from minisenet.gradcheck.mistakes._wrong import AXES, LINES, LOOP_ENDS, NHWC, SIDES, Wrong, beside_maps

SQUARE = "Square maps hide it: test with H != W."
MEAN = "Eq. (2) is a mean over all positions."
EVERY_POSITION = "z is a mean, so every position gets dz / (H W)."
RESHAPE = "A reshape makes shapes fit and numbers wrong."

DIVISORS = (("H H", lambda n, h, w, c: h * h), ("W W", lambda n, h, w, c: w * w), ("H", lambda n, h, w, c: h),
            ("W", lambda n, h, w, c: w), ("N H W", lambda n, h, w, c: n * h * w), ("H W C", lambda n, h, w, c: h * w * c),
            ("C", lambda n, h, w, c: c), ("H + W", lambda n, h, w, c: h + w), ("H W - 1", lambda n, h, w, c: h * w - 1.0))

FORWARD = [
    Wrong("squeeze", "z", "max-pooled squeeze", "z is the maximum of each map instead of its mean.",
          "Eq. (2) is a mean; the paper's Table 11 compares the two.", lambda v: v.u.max(axis=(1, 2))),
] + [Wrong("squeeze", "z", name, says, lesson, formula) for name, says, lesson, formula in (
    ("sum for mean", "z is the sum over the positions: 1 / (H W) is missing.", MEAN, lambda v: v.u.sum(axis=(1, 2))),
    ("minimum for mean", "z is the minimum of each map.", MEAN, lambda v: v.u.min(axis=(1, 2))),
    ("median for mean", "z is the median of each map.", MEAN, lambda v: np.median(v.u, axis=(1, 2))),
    ("root of the mean square", "z is the root of the mean of u^2.", MEAN + " It has no square.",
     lambda v: np.sqrt((v.u**2).mean(axis=(1, 2)))),
    ("mean of absolute values", "z is the mean of |u|.", MEAN + " It has no absolute value: signs may cancel.",
     lambda v: np.abs(v.u).mean(axis=(1, 2))),
    ("batch averaged", "z is the mean over the batch too: every image gets the same z.",
     "Each image has its own z. A batch of one hides the mistake.",
     lambda v: np.broadcast_to(v.u.mean(axis=AXES), (len(v.u), v.u.shape[3]))),
    *(("one axis missed", "z is the mean over one side of the map only.", MEAN,
       lambda v, at=at: v.u[at].mean(axis=1)) for at in SIDES),
    *((f"{which} {line} left out", f"The sum over the map lacks its {which} {line}.", LOOP_ENDS,
       lambda v, rest=rest: v.u[rest].sum(axis=(1, 2)) / (v.u.shape[1] * v.u.shape[2])) for which, line, rest in LINES),
    *(("one pixel for the map", f"z is the {which} pixel of each map.", MEAN, lambda v, at=at: v.u[:, *at(*v.u.shape[1:3])])
      for which, at in (("first", lambda h, w: (0, 0)), ("middle", lambda h, w: (h // 2, w // 2)),
                        ("last", lambda h, w: (-1, -1)))),
    *(("wrong divisor", f"z is divided by {text}, not by H W.", SQUARE,
       lambda v, by=by: v.u.sum(axis=(1, 2)) / by(*v.u.shape)) for text, by in DIVISORS[:2]),
    *(("wrong divisor", f"z is divided by {text}, not by H W.", MEAN,
       lambda v, by=by: v.u.sum(axis=(1, 2)) / by(*v.u.shape)) for text, by in DIVISORS[2:]),
    ("axes of (N, C, H, W)", "z is the mean over axes 2 and 3, which are W and C here.", NHWC,
     lambda v: v.u.mean(axis=(2, 3))),
    ("mean over the channels", "z is the mean over the channels of each position.",
     "z has one number for each channel.", lambda v: v.u.mean(axis=3).reshape(len(v.u), -1)),
    ("height for width in the loops", "The columns are summed up to H, not to W.", SQUARE,
     lambda v: v.u[:, :, :v.u.shape[1]].sum(axis=(1, 2)) / (v.u.shape[1] * v.u.shape[2])),
    ("reshaped, not transposed", "u is reshaped to (N, C, H, W), which mixes up the channels of (N, H, W, C).", RESHAPE,
     lambda v: v.u.reshape(len(v.u), v.u.shape[3], -1).mean(axis=2)),
)]

BACKWARD = [Wrong("squeeze_backward", "du", name, says, lesson, formula) for name, says, lesson, formula in (
    ("first position only", "du is dz at the first position and 0 elsewhere.", EVERY_POSITION,
     lambda v: _at_first_position(v)),
    ("multiplied, not divided", "du is dz H W instead of dz / (H W).", EVERY_POSITION,
     lambda v: _everywhere(v, v.dz * v.height * v.width)),
    ("not broadcast", "du has the shape (N, 1, 1, C).", "A gradient has the shape of its array. " + EVERY_POSITION,
     lambda v: beside_maps(v.dz) / (v.height * v.width)),
    ("not broadcast", "du has the shape (N, 1, 1, C), and is not divided.",
     "A gradient has the shape of its array. " + EVERY_POSITION, lambda v: beside_maps(v.dz)),
    ("reshaped, not transposed", "H W copies of each channel are reshaped to (N, H, W, C), which mixes up the channels.",
     RESHAPE, lambda v: np.repeat(v.dz, v.height * v.width, axis=1).reshape(len(v.dz), v.height, v.width, -1)
     / (v.height * v.width)),
    ("floor division", "dz // (H W) rounds down.", "// is for indices.",
     lambda v: _everywhere(v, v.dz // (v.height * v.width))),
)]

WRONG = FORWARD + BACKWARD


def _everywhere(v, values):
    return np.broadcast_to(beside_maps(values), (len(values), v.height, v.width, values.shape[1]))


def _at_first_position(v):
    du = np.zeros((len(v.dz), v.height, v.width, v.dz.shape[1]))
    du[:, 0, 0] = v.dz
    return du
