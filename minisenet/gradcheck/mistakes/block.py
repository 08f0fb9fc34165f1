"""Mistakes where squeeze, excitation and scale meet: the SE block, and the residual block of Fig. 3."""
import numpy as np

from minisenet.gradcheck.mistakes._wrong import AXES, FACTOR, PER_IMAGE, Wrong, beside_maps, each, one_image_only
from minisenet.gradcheck.mistakes.excitation import SLOPES, excite, relu, same, through


def _forward(squeeze=lambda v: v.u.mean(axis=(1, 2)), scale=lambda v, s: v.u * beside_maps(s), **changed):
    def formula(v):
        z = squeeze(v)
        found = excite(v, z, **changed)
        return found | dict(y=scale(v, found["s"]), z=z)
    return formula


FORWARD = [entry for name, says, lesson, formula in (
    ("max-pooled squeeze", "The squeeze takes the maximum of each map instead of its mean.",
     "Eq. (2) is a mean; its gradients are no witness.", _forward(lambda v: v.u.max(axis=(1, 2)))),
    ("sum for mean", "The squeeze is a sum: 1 / (H W) is missing.", "Eq. (2) divides by H W.",
     _forward(lambda v: v.u.sum(axis=(1, 2)))),
    ("mean of absolute values", "The squeeze is the mean of |u|.", "Eq. (2) has no absolute value.",
     _forward(lambda v: np.abs(v.u).mean(axis=(1, 2)))),
    ("batch averaged", "The squeeze averages over the batch too.", PER_IMAGE,
     _forward(lambda v: np.broadcast_to(v.u.mean(axis=AXES), v.z.shape))),
    ("ReLU before the block", "The block gets relu(u).", "The paper squeezes what batch norm gave it.",
     _forward(lambda v: relu(v.u).mean(axis=(1, 2)), lambda v, s: relu(v.u) * beside_maps(s))),
    ("residual around the gates", "y is u + s u.", "Eq. (4) is s u; the shortcut belongs to the residual block.",
     _forward(scale=lambda v, s: v.u * (1 + beside_maps(s)))),
    ("block not applied", "y is u: the gates are computed, and nothing uses them.",
     "Its gradients are right, so no gradient check sees it.", _forward(scale=lambda v, s: v.u)),
    ("gates broadcast", "y is the gates at every position, without u.", "Eq. (4) is a product.",
     _forward(scale=lambda v, s: np.broadcast_to(beside_maps(s), v.u.shape))),
    ("gates of the first image", "y uses the gates of image 0 for the whole batch.", PER_IMAGE,
     _forward(scale=lambda v, s: v.u * s[0])),
    ("tanh for sigmoid", "s is tanh(W2 h).", "Eq. (3) has the sigmoid.", _forward(sigma=np.tanh)),
    ("sigmoid missing", "s is W2 h: the sigmoid is missing.", "A gate lies between 0 and 1.", _forward(sigma=same)),
    ("ReLU forgotten", "There is no ReLU between the two layers.", "Without delta the two matrices are one.",
     _forward(delta=same)),
) for entry in each("se_block", "y z h s", name, says, lesson, formula)]


def _backward(v, dy, *, ds=lambda v, dy: (dy * v.u).sum(axis=(1, 2)), share=lambda dz, v: dz / (v.height * v.width),
              direct=lambda v, dy: dy * beside_maps(v.s), **changed):
    """The gradients of the SE block, with everything left open that can be got wrong."""
    g = through(v, ds(v, dy), **changed)
    return g | dict(du=direct(v, dy) + beside_maps(share(g["dz"], v)))


def _arriving(v):
    """The gradient that arrives at the block: in a residual block it has been through the last ReLU."""
    return v.dy * (v.y > 0) if hasattr(v, "x") else v.dy


def _changed(**changed):
    return lambda v: _backward(v, _arriving(v), **changed)


TWO_PATHS = "u is used twice, so two gradients arrive at it."
BOTH = "se_block_backward residual_block_backward"

BACKWARD = [entry for name, says, lesson, changed in (
    *SLOPES,
    ("y for u in ds", "ds is sum(dy y), not sum(dy u).", FACTOR,
     dict(ds=lambda v, dy: (dy * v.u * beside_maps(v.s)).sum(axis=(1, 2)))),
    ("mean for sum in ds", "ds is the mean of dy u over the positions instead of the sum.",
     "One gate met every position, so their gradients add up; the mean belongs to the squeeze.",
     dict(ds=lambda v, dy: (dy * v.u).mean(axis=(1, 2)))),
    ("u forgotten in ds", "ds is sum(dy), without the factor u.", FACTOR, dict(ds=lambda v, dy: dy.sum(axis=(1, 2)))),
    ("z for u in ds", "ds is sum(dy) z: it uses the mean of u in place of u.",
     "The mean of a product is not the product of the means.", dict(ds=lambda v, dy: dy.sum(axis=(1, 2)) * v.z)),
) for entry in each(BOTH, "du dw1 dw2 db1 db2", name, says, lesson, _changed(**changed))] + [
    entry for name, says, lesson, changed in (
        ("squeeze path dropped", "du is s * dy alone: the path through the squeeze, dz / (H W), is missing.",
         f"{TWO_PATHS} The block still trains without the second, only worse.", dict(share=lambda dz, v: 0 * dz)),
        ("squeeze path not shared out", "du adds dz at every position instead of dz / (H W).",
         "The two paths have to be on one scale.", dict(share=lambda dz, v: dz)),
        ("scale path dropped", "du is dz / (H W) alone: the path through the scale, s dy, is missing.", TWO_PATHS,
         dict(direct=lambda v, dy: 0 * dy)),
        ("gates forgotten", "du adds dy itself, not s dy.", "y = s u, so s is the slope of y in u.",
         dict(direct=lambda v, dy: dy)),
        ("squeeze path scaled too", "dz / (H W) is multiplied with the gates: du is s (dy + dz / (H W)).",
         "u goes into the squeeze as it is, before the scale.", dict(share=lambda dz, v: v.s * dz / (v.height * v.width))),
    ) for entry in each(BOTH, "du", name, says, lesson, _changed(**changed))] + [
    Wrong(BOTH, "du", "paths multiplied", "The two paths are multiplied, as if one came after the other.",
          TWO_PATHS + " They add up.",
          lambda v: _arriving(v) * beside_maps(v.s) * beside_maps(_backward(v, _arriving(v))["dz"]) / (v.height * v.width)),
    *one_image_only("se_block_backward", "dw1 dw2 db1 db2", lambda v: _backward(v, v.dy)),
]


# ---- the residual block, Fig. 3 -------------------------------------------------------------------------------------------

MASKED = "The ReLU comes after the sum, so its mask goes down both ways."


def _masked(branch, shortcut):
    return lambda v: _backward(v, v.dy * branch(v)) | dict(dx=v.dy * shortcut(v))


def _open(v):
    return 1.0


def _mask(v):
    return v.y > 0


def _sum_squeezed(v):
    s = excite(v, (v.u + v.x).mean(axis=(1, 2)))["s"]
    return relu((v.u + v.x) * beside_maps(s))


def _shortcut_squeezed(v):
    z = v.x.mean(axis=(1, 2))
    found = excite(v, z)
    return found | dict(y=relu(v.u * beside_maps(found["s"]) + v.x), z=z)


RESIDUAL = [Wrong("residual_block", "y", name, says, lesson, formula) for name, says, lesson, formula in (
    ("ReLU before the sum", "y is relu(s u) + x: the ReLU comes before the shortcut is added.",
     "Fig. 3: the sum first, then the ReLU.", lambda v: relu(beside_maps(v.s) * v.u) + v.x),
    ("ReLU missing", "y is s u + x: the last ReLU is missing.", "Fig. 3 ends with a ReLU.",
     lambda v: beside_maps(v.s) * v.u + v.x),
    ("shortcut forgotten", "y is relu(s u): the shortcut is not added.", "Fig. 3: the shortcut joins before the ReLU.",
     lambda v: relu(beside_maps(v.s) * v.u)),
    ("shortcut gated too", "y is relu(s (u + x)): the gates act on the shortcut.",
     "The block sits in the branch, before the sum (Fig. 3).", lambda v: relu(beside_maps(v.s) * (v.u + v.x))),
    ("block after the sum", "The squeeze is that of u + x: the block stands after the sum.",
     "That is SE-POST of Table 14, and the worst place.", _sum_squeezed),
    ("gates on the shortcut", "y is relu(u + s x): the gates act on the shortcut instead of the branch.",
     "Fig. 3: the gates act on u.", lambda v: relu(v.u + beside_maps(v.s) * v.x)),
    ("block not applied", "y is relu(u + x): the gates are not used.", "", lambda v: relu(v.u + v.x)),
    ("sum halved", "y is relu((s u + x) / 2).", "", lambda v: relu(beside_maps(v.s) * v.u + v.x) / 2),
)] + each("residual_block", "y z h s", "shortcut squeezed", "x is squeezed, not u.",
          "The block sits in the branch (Fig. 3).", _shortcut_squeezed) + [
    entry for name, says, masks in (
        ("ReLU's mask forgotten", "dy goes into both ways without the mask y > 0.", (_open, _open)),
        ("branch not masked", "The block gets dy instead of dy [y > 0].", (_open, _mask)),
        ("shortcut not masked", "The shortcut gets dy instead of dy [y > 0].", (_mask, _open)),
        ("mask from dy", "The mask is where dy is positive, not where y is.", (lambda v: v.dy > 0, lambda v: v.dy > 0)),
        ("mask from u", "The mask is where u is positive, not where y is.", (lambda v: v.u > 0, lambda v: v.u > 0)),
        ("mask turned round", "The mask passes where y is 0.", (lambda v: v.y <= 0, lambda v: v.y <= 0)),
    ) for entry in each("residual_block_backward", "du dx dw1 dw2", name, says, MASKED, _masked(*masks))] + [
    *each("residual_block_backward", "du dw1 dw2", "mask forgotten in ds", "ds is sum(dy u), without the mask y > 0.",
          MASKED, lambda v: _backward(v, v.dy * _mask(v), ds=lambda v, dy: (v.dy * v.u).sum(axis=(1, 2)))),
    Wrong("residual_block_backward", "dx", "shortcut gated", "dx is s dy [y > 0]: the gates act on the shortcut.",
          "The block sits in the branch.", lambda v: v.dy * _mask(v) * beside_maps(v.s)),
    Wrong("residual_block_backward", "dx", "ways added", "dx is du + dy [y > 0], as if the branch began at x.",
          "Here u and x are two arguments; what lies before them adds the two up.",
          lambda v: _masked(_mask, _mask)(v)["du"] + v.dy * _mask(v)),
    Wrong("residual_block_backward", "du", "ways added", "du is du + dy [y > 0], as if u went down the shortcut too.",
          "Here u and x are two arguments; what lies before them adds the two up.",
          lambda v: _masked(_mask, _mask)(v)["du"] + v.dy * _mask(v)),
]

WRONG = FORWARD + BACKWARD + RESIDUAL


def terms(v):
    """The two paths into u, each by itself."""
    dy = _arriving(v)
    direct = dy * beside_maps(v.s)
    return {"s dy, the path through the scale": direct,
            "dz / (H W), the path through the squeeze": _backward(v, dy)["du"] - direct}
