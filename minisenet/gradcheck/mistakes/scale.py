"""Mistakes in the scale, eq. (4)."""
import numpy as np

from minisenet import functional as F
from minisenet.gradcheck.mistakes._wrong import AXES, FACTOR, NHWC, PER_IMAGE, SIDES, Wrong, beside_maps

WRONG = [
    Wrong("scale", "y", "gates of the first image", "y uses the gates of image 0 for the whole batch.", PER_IMAGE,
          lambda v: v.u * v.s[0]),
    Wrong("scale", "y", "gates averaged", "y uses the mean gates of the batch.", PER_IMAGE,
          lambda v: v.u * v.s.mean(axis=0)),
    Wrong("scale", "y", "gates added", "y is u + s, not s u.", "Eq. (4) is a product.", lambda v: v.u + beside_maps(v.s)),
    Wrong("scale", "y", "residual around the gates", "y is u + s u.",
          "Eq. (4) is s u; the shortcut belongs to the residual block.", lambda v: v.u * (1 + beside_maps(v.s))),
    Wrong("scale", "y", "sigmoid applied twice", "y is sigma(s) u: the gates have been through the sigmoid already.", "",
          lambda v: v.u * F.sigmoid(beside_maps(v.s))),
    *(Wrong("scale", "y", "gates along the wrong axes", f"s is laid beside u as {text}.",
            "s is (N, C) and u is (N, H, W, C): s[:, None, None, :]. Broadcasting takes many a wrong shape without a word.",
            lambda v, lay=lay: v.u * lay(v.s)) for text, lay in (
        ("s[:, :, None, None], for (N, C, H, W)", lambda s: s[:, :, None, None]),
        ("s[:, None], whose N meets the height", lambda s: s[:, None]),
        ("s itself, whose N meets the width", lambda s: s),
        ("s[None, None], whose N meets the width", lambda s: s[None, None]))),
    Wrong("scale", "y", "reshaped, not transposed", "The gates are reshaped so that images and channels are mixed up.",
          "A reshape makes shapes fit and numbers wrong.", lambda v: v.u * beside_maps(v.s.T.reshape(v.s.shape))),

    Wrong("scale_backward", "du", "gates forgotten", "du is dy itself, not s dy.", "y = s u, so s is the slope of y in u.",
          lambda v: v.dy),
    Wrong("scale_backward", "du", "u for s", "du is dy u, not dy s.",
          "Of a product each factor's gradient is the other factor times dy.", lambda v: v.dy * v.u),
    Wrong("scale_backward", "du", "dy forgotten", "du is s u: the upstream gradient is missing.",
          "A backward is linear in the upstream gradient.", lambda v: v.u * beside_maps(v.s)),
    Wrong("scale_backward", "du", "gates averaged", "du uses the mean gates of the batch.", PER_IMAGE,
          lambda v: v.dy * v.s.mean(axis=0)),
    Wrong("scale_backward", "ds", "u forgotten", "ds is sum(dy), without the factor u.", FACTOR,
          lambda v: v.dy.sum(axis=(1, 2))),
    Wrong("scale_backward", "ds", "y for u", "ds is sum(dy y), not sum(dy u).", FACTOR,
          lambda v: (v.dy * v.u * beside_maps(v.s)).sum(axis=(1, 2))),
    Wrong("scale_backward", "ds", "dy forgotten", "ds is sum(u), without dy.",
          "A backward is linear in the upstream gradient.", lambda v: v.u.sum(axis=(1, 2))),
    Wrong("scale_backward", "ds", "summed apart", "ds is sum(dy) sum(u).",
          "The sum of a product is not the product of the sums.", lambda v: v.dy.sum(axis=(1, 2)) * v.u.sum(axis=(1, 2))),
    Wrong("scale_backward", "ds", "summed over the batch", "ds adds up over the images too.", PER_IMAGE,
          lambda v: np.broadcast_to((v.dy * v.u).sum(axis=AXES), v.s.shape)),
    Wrong("scale_backward", "ds", "sigmoid's slope too", "ds is multiplied with s (1 - s).",
          "The sigmoid belongs to the excitation.", lambda v: (v.dy * v.u).sum(axis=(1, 2)) * v.s * (1 - v.s)),
    Wrong("scale_backward", "ds", "not summed", "ds keeps the positions: it is dy u.",
          "One gate met every position, so their gradients add up.", lambda v: v.dy * v.u),
    Wrong("scale_backward", "ds", "axes of (N, C, H, W)", "ds adds up over axes 2 and 3, which are W and C here.", NHWC,
          lambda v: (v.dy * v.u).sum(axis=(2, 3))),
    *(Wrong("scale_backward", "ds", "one axis missed", "ds adds up over one side of the map only.",
            "One gate met every position, so their gradients add up.",
            lambda v, at=at: (v.dy * v.u)[at].sum(axis=1)) for at in SIDES),
]
