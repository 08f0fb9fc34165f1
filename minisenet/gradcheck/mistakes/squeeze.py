"""Mistakes in the squeeze, eq. (2)."""
import numpy as np

from minisenet.gradcheck.mistakes._wrong import AXES, NHWC, PER_IMAGE, SIDES, Wrong, beside_maps

SQUARE = "Square maps hide it, and all of the paper's maps are square."
EVERY_POSITION = "Every position had the weight 1 / (H W), so every position gets that share."

DIVISORS = (("H H", lambda n, h, w, c: h * h), ("W W", lambda n, h, w, c: w * w), ("H", lambda n, h, w, c: h),
            ("W", lambda n, h, w, c: w), ("N H W", lambda n, h, w, c: n * h * w), ("H W C", lambda n, h, w, c: h * w * c),
            ("C", lambda n, h, w, c: c), ("H + W", lambda n, h, w, c: h + w))

WRONG = [
    Wrong("squeeze", "z", "max-pooled squeeze", "z is the maximum of each map instead of its mean.",
          "Eq. (2) is a mean; the paper's Table 11 compares the two.", lambda v: v.u.max(axis=(1, 2))),
    Wrong("squeeze", "z", "sum for mean", "z is the sum over the positions: 1 / (H W) is missing.",
          "Eq. (2) divides by H W.", lambda v: v.u.sum(axis=(1, 2))),
    Wrong("squeeze", "z", "median for mean", "z is the median of each map.", "Eq. (2) is a mean.",
          lambda v: np.median(v.u, axis=(1, 2))),
    Wrong("squeeze", "z", "mean of absolute values", "z is the mean of |u|.",
          "Eq. (2) has no absolute value: signs may cancel.", lambda v: np.abs(v.u).mean(axis=(1, 2))),
    Wrong("squeeze", "z", "batch averaged", "z is the mean over the batch too: every image gets the same descriptor.",
          PER_IMAGE, lambda v: np.broadcast_to(v.u.mean(axis=AXES), (len(v.u), v.u.shape[3]))),
    *(Wrong("squeeze", "z", "one axis missed", "z is the mean over one side of the map only.",
            "The squeeze is over all positions.", lambda v, at=at: v.u[at].mean(axis=1))
      for at in SIDES),
    *(Wrong("squeeze", "z", "wrong divisor", f"z is divided by {text}, not by H W.", SQUARE,
            lambda v, by=by: v.u.sum(axis=(1, 2)) / by(*v.u.shape)) for text, by in DIVISORS),
    Wrong("squeeze", "z", "axes of (N, C, H, W)", "z is the mean over axes 2 and 3, which are W and C here.", NHWC,
          lambda v: v.u.mean(axis=(2, 3))),
    Wrong("squeeze", "z", "mean over the channels", "z is the mean over the channels of each position.",
          "A descriptor has one number for each channel.", lambda v: v.u.mean(axis=3).reshape(len(v.u), -1)),
    Wrong("squeeze", "z", "height for width in the loops", "Both loops run over the height.", SQUARE,
          lambda v: v.u[:, :, :v.u.shape[1]].sum(axis=(1, 2)) / (v.u.shape[1] * v.u.shape[2])),
    Wrong("squeeze", "z", "reshaped, not transposed",
          "u is reshaped to (N, C, H W): the channels of (N, H, W, C) are mixed up.",
          "A reshape makes shapes fit and numbers wrong.", lambda v: v.u.reshape(len(v.u), v.u.shape[3], -1).mean(axis=2)),
    Wrong("squeeze_backward", "du", "first position only", "du is dz at the first position and 0 elsewhere.", EVERY_POSITION,
          lambda v: _at_first_position(v)),
    Wrong("squeeze_backward", "du", "not broadcast", "du is left as (N, 1, 1, C).",
          "A gradient has the shape of its array: " + EVERY_POSITION[0].lower() + EVERY_POSITION[1:],
          lambda v: beside_maps(v.dz) / (v.height * v.width)),
    Wrong("squeeze_backward", "du", "not broadcast", "du is left as (N, 1, 1, C), and not divided.", EVERY_POSITION,
          lambda v: beside_maps(v.dz)),
    Wrong("squeeze_backward", "du", "reshaped, not transposed",
          "Copies of one channel lie side by side, and a reshape deals them out.",
          "A reshape makes shapes fit and numbers wrong.",
          lambda v: np.repeat(v.dz, v.height * v.width, axis=1).reshape(len(v.dz), v.height, v.width, -1)
          / (v.height * v.width)),
    Wrong("squeeze_backward", "du", "floor division", "dz // (H W) rounds down.", "// is for indices.",
          lambda v: np.broadcast_to(beside_maps(v.dz // (v.height * v.width)),
                                    (len(v.dz), v.height, v.width, v.dz.shape[1]))),
]


def _at_first_position(v):
    du = np.zeros((len(v.dz), v.height, v.width, v.dz.shape[1]))
    du[:, 0, 0] = v.dz
    return du
