"""Mistakes where squeeze, excitation and scale are put together: the SE block."""
import numpy as np

from minisenet.gradcheck.mistakes._wrong import AXES, FACTOR, PER_IMAGE, Wrong, beside_maps, each, one_image_only
from minisenet.gradcheck.mistakes.excitation import ACTIVATIONS, BACKWARD_CHANGES, LAYERS, excite, relu, through
from minisenet.gradcheck.mistakes.squeeze import MEAN


def se_block(v, squeeze=lambda v: v.u.mean(axis=(1, 2)), scale=lambda v, s: v.u * beside_maps(s), **changed):
    """The SE block, with everything left open that can be got wrong."""
    z = squeeze(v)
    found = excite(v, z, **changed)
    return found | dict(y=scale(v, found["s"]), z=z)


SQUEEZES = tuple((name, says, lesson, dict(squeeze=squeeze)) for name, says, lesson, squeeze in (
    ("max-pooled squeeze", "The squeeze takes the maximum of each map instead of its mean.",
     MEAN + " No gradient check sees this: the maximum has a right gradient too.", lambda v: v.u.max(axis=(1, 2))),
    ("sum for mean", "The squeeze is a sum: 1 / (H W) is missing.", MEAN, lambda v: v.u.sum(axis=(1, 2))),
    ("mean of absolute values", "The squeeze is the mean of |u|.", MEAN, lambda v: np.abs(v.u).mean(axis=(1, 2))),
    ("batch averaged", "The squeeze averages over the batch too.", PER_IMAGE,
     lambda v: np.broadcast_to(v.u.mean(axis=AXES), v.z.shape))))

FORWARD = [entry for name, says, lesson, changed in (
    *SQUEEZES,
    ("ReLU before the block", "The block gets relu(u).", "In an SE-ResNet the block gets what batch norm returns.",
     dict(squeeze=lambda v: relu(v.u).mean(axis=(1, 2)), scale=lambda v, s: relu(v.u) * beside_maps(s))),
    ("residual around the gates", "y is u + s u.", "Eq. (4) is s u; the shortcut belongs to the residual block.",
     dict(scale=lambda v, s: v.u * (1 + beside_maps(s)))),
    ("gates turned round", "y is (1 - s) u: an open gate stops its channel.", "Eq. (4) is s u.",
     dict(scale=lambda v, s: v.u * (1 - beside_maps(s)))),
    ("block never called", "y is u: the gates are not used.", "Eq. (4) is s u. No gradient check sees this.",
     dict(scale=lambda v, s: v.u)),
    ("gates broadcast", "y is the gates at every position, without u.", "Eq. (4) is s u.",
     dict(scale=lambda v, s: np.broadcast_to(beside_maps(s), v.u.shape))),
    ("gates of the first image", "y uses the gates of image 0 for the whole batch.", PER_IMAGE,
     dict(scale=lambda v, s: v.u * s[0])),
    ("gates along the wrong axes", "y is u s: the images of s broadcast along the columns of u.",
     "s is (N, C) and u is (N, H, W, C): s[:, None, None, :].", dict(scale=lambda v, s: v.u * s)),
    *(entry[1:] for entry in (*ACTIVATIONS, *LAYERS)),
) for entry in each("se_block", "y z h s", name, says, lesson, lambda v, changed=changed: se_block(v, **changed))]


def backward(v, dy, *, ds=lambda v, dy: (dy * v.u).sum(axis=(1, 2)), share=lambda dz, v: dz / (v.height * v.width),
             direct=lambda v, dy: dy * beside_maps(v.s), ds_for_dz=False, **changed):
    """The gradients of the SE block, with everything left open that can be got wrong."""
    g = through(v, ds(v, dy), **changed)
    return g | dict(du=direct(v, dy) + beside_maps(share(ds(v, dy) if ds_for_dz else g["dz"], v)))


def arriving(v):
    """The gradient that arrives at the block: in a residual block the last ReLU has masked it."""
    return v.dy * (v.y > 0) if hasattr(v, "x") else v.dy


TWO_PATHS = "u is used twice, so two gradients arrive at it."
ADD = "One gate scales every position, so their gradients add up; the mean belongs to the squeeze."
BOTH = "se_block_backward residual_block_backward"
ALL = "du dw1 dw2 db1 db2"


def _max_backward(v):
    """The gradient of a block that squeezes with a maximum: dz goes to the maximum alone."""
    direct = arriving(v) * beside_maps(v.s)
    dz = backward(v, arriving(v))["dz"]
    return direct + beside_maps(dz) * (v.u == v.u.max(axis=(1, 2), keepdims=True))


BACKWARD = [entry for outputs, name, says, lesson, changed in (
    *((outputs.replace("dz", "du"), *rest) for outputs, *rest in BACKWARD_CHANGES),
    (ALL, "y for u in ds", "ds is sum(dy y), not sum(dy u).", FACTOR,
     dict(ds=lambda v, dy: (dy * v.u * beside_maps(v.s)).sum(axis=(1, 2)))),
    (ALL, "mean for sum in ds", "ds is the mean of dy u over the positions instead of the sum.", ADD,
     dict(ds=lambda v, dy: (dy * v.u).mean(axis=(1, 2)))),
    (ALL, "u forgotten in ds", "ds is sum(dy), without the factor u.", FACTOR, dict(ds=lambda v, dy: dy.sum(axis=(1, 2)))),
    (ALL, "z for u in ds", "ds is sum(dy) z: it uses u's mean instead of u.",
     "The mean of a product is not the product of the means.", dict(ds=lambda v, dy: dy.sum(axis=(1, 2)) * v.z)),
    ("du", "squeeze path dropped", "du is s dy alone: the path through the squeeze, dz / (H W), is missing.", TWO_PATHS,
     dict(share=lambda dz, v: 0 * dz)),
    ("du", "ds for dz", "du adds ds / (H W) instead of dz / (H W): ds has not gone back through the excitation.",
     "s = excitation(z), so dz comes from the excitation's backward.", dict(ds_for_dz=True)),
    ("du", "squeeze path not shared out", "du adds dz at every position instead of dz / (H W).",
     "z is a mean, so each position gets 1 / (H W) of dz.", dict(share=lambda dz, v: dz)),
    ("du", "scale path dropped", "du is dz / (H W) alone: the path through the scale, s dy, is missing.", TWO_PATHS,
     dict(direct=lambda v, dy: 0 * dy)),
    ("du", "gates forgotten", "du adds dy itself, not s dy.", "y = s u, so s is the slope of y in u.",
     dict(direct=lambda v, dy: dy)),
    ("du", "squeeze path scaled too", "dz / (H W) is multiplied by the gates: du is s (dy + dz / (H W)).",
     "u goes into the squeeze as it is, before the scale.", dict(share=lambda dz, v: v.s * dz / (v.height * v.width))),
) for entry in each(BOTH, outputs, name, says, lesson, lambda v, changed=changed: backward(v, arriving(v), **changed))] + [
    Wrong(BOTH, "du", "paths multiplied", "The two paths are multiplied, as if one came after the other.",
          TWO_PATHS + " They add up.",
          lambda v: arriving(v) * beside_maps(v.s * backward(v, arriving(v))["dz"]) / (v.height * v.width)),
    Wrong(BOTH, "du", "max-pooled squeeze", "dz goes to the largest u of each map alone, as behind a max pooling.",
          MEAN + " Every position gets dz / (H W).", _max_backward),
    *one_image_only("se_block_backward", "dw1 dw2 db1 db2", lambda v: backward(v, v.dy)),
]

WRONG = FORWARD + BACKWARD


def terms(v):
    """The two paths into u, each by itself."""
    dy = arriving(v)
    direct = dy * beside_maps(v.s)
    return {"s dy, the path through the scale": direct,
            "dz / (H W), the path through the squeeze": backward(v, dy)["du"] - direct}
