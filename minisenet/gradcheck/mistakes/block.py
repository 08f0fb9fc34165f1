"""Mistakes in squeeze, excitation and scale, eqs. (2) to (4), and where the three meet: the SE block, the residual block."""
import numpy as np

from minisenet import functional as F
from minisenet.gradcheck.mistakes._wrong import AXES, Wrong, beside_maps, each, one_image_only
from minisenet.gradcheck.mistakes.activation import softmax

PER_IMAGE = "Gates are per image, which is the point of the block; a batch of one hides it."
SQUARE = "Square maps hide it, and all of the paper's maps are square."
EVERY_POSITION = "Every position had the weight 1 / (H W), so every position gets that share."
FACTOR = "A factor's gradient is what it was multiplied with, and s met u."
NHWC = "Images are (N, H, W, C) here: the positions are axes 1 and 2, the channels are the last."

# ---- eq. (2) -------------------------------------------------------------------------------------------------------------

DIVISORS = (("H H", lambda n, h, w, c: h * h), ("W W", lambda n, h, w, c: w * w), ("H", lambda n, h, w, c: h),
            ("W", lambda n, h, w, c: w), ("N H W", lambda n, h, w, c: n * h * w), ("H W C", lambda n, h, w, c: h * w * c),
            ("C", lambda n, h, w, c: c), ("H + W", lambda n, h, w, c: h + w))

SQUEEZE = [
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
      for at in ((slice(None), slice(None), 0), (slice(None), 0), (slice(None), slice(None), -1), (slice(None), -1))),
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


# ---- eq. (3) -------------------------------------------------------------------------------------------------------------

def _relu(a):
    return np.maximum(a, 0)


def _same(a):
    return a


def _hidden(v, z=None, delta=_relu):
    return delta((v.z if z is None else z) @ v.w1.T + getattr(v, "b1", 0))


def _gates(v, z=None, delta=_relu, sigma=F.sigmoid):
    return sigma(_hidden(v, z, delta) @ v.w2.T + getattr(v, "b2", 0))


def _activations(delta=_relu, sigma=F.sigmoid):
    return lambda v: dict(h=_hidden(v, delta=delta), s=_gates(v, delta=delta, sigma=sigma))


def _biases_left_out(*names):
    def formula(v):
        b1, b2 = (0 if name in names else getattr(v, name, 0) for name in ("b1", "b2"))
        h = _relu(v.z @ v.w1.T + b1)
        return dict(h=h, s=F.sigmoid(h @ v.w2.T + b2))
    return formula


def _bias_after_relu(v):
    h = _relu(v.z @ v.w1.T) + getattr(v, "b1", 0)
    return dict(h=h, s=F.sigmoid(h @ v.w2.T + getattr(v, "b2", 0)))


def _weights(first, second):
    """With other matrices in the place of W1^T and W2^T."""
    def formula(v):
        h = _relu(v.z @ first(v) + getattr(v, "b1", 0))
        return dict(h=h, s=F.sigmoid(h @ second(v) + getattr(v, "b2", 0)))
    return formula


RELU_INSIDE = "delta in eq. (3) is the ReLU."
OWN_BIAS = "Each bias belongs to its own layer, before its activation."

EXCITATION = [
    *each("excitation", "s h", "ReLU forgotten", "There is no ReLU between the two layers.",
          "Without delta the two matrices are one, of rank C / r.", _activations(delta=_same)),
    *each("excitation", "s h", "activations exchanged", "The sigmoid stands in the middle and the ReLU at the end.",
          "delta is inside, sigma outside: a gate lies between 0 and 1.", _activations(F.sigmoid, _relu)),
    *each("excitation", "s h", "sigmoid for ReLU", "The hidden layer goes through a sigmoid.", RELU_INSIDE,
          _activations(F.sigmoid)),
    *each("excitation", "s h", "tanh for ReLU", "The hidden layer goes through tanh.", RELU_INSIDE, _activations(np.tanh)),
    *each("excitation", "s", "sigmoid missing", "s is W2 h: the sigmoid is missing.", "A gate lies between 0 and 1.",
          _activations(sigma=_same)),
    *each("excitation", "s", "tanh for sigmoid", "s is tanh(W2 h).", "Eq. (3) has the sigmoid; Table 12 compares the two.",
          _activations(sigma=np.tanh)),
    *each("excitation", "s", "ReLU for sigmoid", "s is relu(W2 h).",
          "Eq. (3) has the sigmoid; with a ReLU the paper's Table 12 is worse than no block.", _activations(sigma=_relu)),
    *each("excitation", "s", "ReLU before the sigmoid", "s is sigma(relu(W2 h)): no gate is below one half.",
          "A gate has to be able to close.", _activations(sigma=lambda a: F.sigmoid(_relu(a)))),
    *each("excitation", "s", "softmax for sigmoid", "s is softmax(W2 h): the gates of an image add up to 1.",
          "Several channels may be wanted at once, hence sigma (section 3.2).", _activations(sigma=softmax)),
    *each("excitation", "h", "h before the ReLU", "h is W1 z, before the ReLU.", "h is what goes into W2.",
          _activations(delta=_same)),
    *each("excitation", "s h", "b1 forgotten", "b1 is not added.", OWN_BIAS, _biases_left_out("b1")),
    *each("excitation", "s", "b2 forgotten", "b2 is not added.", OWN_BIAS, _biases_left_out("b2")),
    *each("excitation", "s h", "biases forgotten", "b1 and b2 are not added.", OWN_BIAS, _biases_left_out("b1", "b2")),
    *each("excitation", "s h", "bias after the ReLU", "b1 is added after the ReLU.", OWN_BIAS, _bias_after_relu),
    *each("excitation", "s h", "weights exchanged", "W1 and W2 are used in each other's place.",
          "W1 goes down to C / r, W2 up again.", _weights(lambda v: v.w2, lambda v: v.w1)),
    *each("excitation", "s h", "weights not transposed", "The hidden layer is z W1, not z W1^T.",
          "W1 is (C / r, C): only a square one lets this pass.", _weights(lambda v: v.w1, lambda v: v.w2.T)),
    *each("excitation", "s h", "weights not transposed", "The layers are z W1 and h W2, without the transposes.",
          "W1 is (C / r, C): only a square one lets this pass.", _weights(lambda v: v.w1, lambda v: v.w2)),
]


def _through(v, ds, *, slope=lambda s: s * (1 - s), mask=lambda dh, v: v.h > 0, stops=False, exchanged=False):
    """The gradients of the excitation, with the two slopes left open."""
    da2 = ds * slope(v.s)
    dh = da2 @ (v.w1.T if exchanged else v.w2)
    da1 = dh * mask(dh, v)
    dz = da1 if stops else da1 @ (v.w2.T if exchanged else v.w1)
    return dict(dz=dz, dw1=da1.T @ v.z, dw2=da2.T @ v.h, db1=da1.sum(axis=0), db2=da2.sum(axis=0))


BACKWARDS = "Undo every function of the forward, from the last to the first."

SLOPES = (                          # what may be changed in `_through`, and so in every backward that goes through it
    ("sigmoid forgotten", "It goes through W2 with ds, not with ds s (1 - s).", BACKWARDS, dict(slope=lambda s: 1.0)),
    ("sigmoid's own value", "The sigmoid's slope is taken to be s, and is s (1 - s).", "", dict(slope=lambda s: s)),
    ("half of the slope", "The sigmoid's slope is taken to be 1 - s, and is s (1 - s).", "", dict(slope=lambda s: 1 - s)),
    ("tanh's slope", "The sigmoid's slope is taken to be 1 - s^2, which is that of tanh.", "",
     dict(slope=lambda s: 1 - s * s)),
    ("ReLU forgotten", "Dead hidden units get a gradient: dh goes into W1 without the mask h > 0.",
     "With r = 16 and 16 channels there is one hidden unit; whether it is dead is everything.",
     dict(mask=lambda dh, v: 1.0)),
    ("mask from dh", "The hidden mask is where the gradient dh is positive, not where h is.",
     "The mask belongs to the forward.", dict(mask=lambda dh, v: dh > 0)),
    ("mask turned round", "The hidden mask passes dead units and stops live ones.", "", dict(mask=lambda dh, v: v.h <= 0)),
    ("h for its mask", "dh is multiplied with h instead of with the mask h > 0.", "The slope of a ReLU is 0 or 1.",
     dict(mask=lambda dh, v: v.h)),
    ("sigmoid and ReLU forgotten", "Neither the sigmoid's slope nor the ReLU's mask is there.", BACKWARDS,
     dict(slope=lambda s: 1.0, mask=lambda dh, v: 1.0)),
    ("weights exchanged", "W1 and W2 are used in each other's place, transposed to make them fit.",
     "The way back through W2 h is W2^T.", dict(exchanged=True)),
)

EXCITATION_BACKWARD = [
    *(entry for name, says, lesson, changed in SLOPES for entry in each(
        "excitation_backward", "dz dw1 dw2 db1 db2", name, says, lesson,
        lambda v, changed=changed: _through(v, v.ds, **changed))),
    Wrong("excitation_backward", "dz", "W1 not undone", "dz is the gradient before W1: the last step is missing.", BACKWARDS,
          lambda v: _through(v, v.ds, stops=True)["dz"]),
    *one_image_only("excitation_backward", "dw1 dw2 db1 db2", lambda v: _through(v, v.ds)),
]


# ---- eq. (4) -------------------------------------------------------------------------------------------------------------

SIDES = ((slice(None), slice(None), 0), (slice(None), 0), (slice(None), slice(None), -1), (slice(None), -1))

SCALE = [
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


# ---- the block -----------------------------------------------------------------------------------------------------------

def _forward(squeeze=lambda v: v.u.mean(axis=(1, 2)), scale=lambda v, s: v.u * beside_maps(s), sigma=F.sigmoid, delta=_relu):
    def formula(v):
        z = squeeze(v)
        s = _gates(v, z, delta, sigma)
        return dict(y=scale(v, s), z=z, h=_hidden(v, z, delta), s=s)
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
     _forward(lambda v: _relu(v.u).mean(axis=(1, 2)), lambda v, s: _relu(v.u) * beside_maps(s))),
    ("residual around the gates", "y is u + s u.", "Eq. (4) is s u; the shortcut belongs to the residual block.",
     _forward(scale=lambda v, s: v.u * (1 + beside_maps(s)))),
    ("block not applied", "y is u: the gates are computed, and nothing uses them.",
     "Its gradients are right, so no gradient check sees it.", _forward(scale=lambda v, s: v.u)),
    ("gates broadcast", "y is the gates at every position, without u.", "Eq. (4) is a product.",
     _forward(scale=lambda v, s: np.broadcast_to(beside_maps(s), v.u.shape))),
    ("gates of the first image", "y uses the gates of image 0 for the whole batch.", PER_IMAGE,
     _forward(scale=lambda v, s: v.u * s[0])),
    ("tanh for sigmoid", "s is tanh(W2 h).", "Eq. (3) has the sigmoid.", _forward(sigma=np.tanh)),
    ("sigmoid missing", "s is W2 h: the sigmoid is missing.", "A gate lies between 0 and 1.", _forward(sigma=_same)),
    ("ReLU forgotten", "There is no ReLU between the two layers.", "Without delta the two matrices are one.",
     _forward(delta=_same)),
) for entry in each("se_block", "y z h s", name, says, lesson, formula)]


def _backward(v, dy, *, ds=lambda v, dy: (dy * v.u).sum(axis=(1, 2)), share=lambda dz, v: dz / (v.height * v.width),
              direct=lambda v, dy: dy * beside_maps(v.s), **changed):
    """The gradients of the SE block, with everything left open that can be got wrong."""
    g = _through(v, ds(v, dy), **changed)
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
    s = _gates(v, (v.u + v.x).mean(axis=(1, 2)))
    return _relu((v.u + v.x) * beside_maps(s))


def _shortcut_squeezed(v):
    z = v.x.mean(axis=(1, 2))
    s = _gates(v, z)
    return dict(y=_relu(v.u * beside_maps(s) + v.x), z=z, h=_hidden(v, z), s=s)


RESIDUAL = [Wrong("residual_block", "y", name, says, lesson, formula) for name, says, lesson, formula in (
    ("ReLU before the sum", "y is relu(s u) + x: the ReLU comes before the shortcut is added.",
     "Fig. 3: the sum first, then the ReLU.", lambda v: _relu(beside_maps(v.s) * v.u) + v.x),
    ("ReLU missing", "y is s u + x: the last ReLU is missing.", "Fig. 3 ends with a ReLU.",
     lambda v: beside_maps(v.s) * v.u + v.x),
    ("shortcut forgotten", "y is relu(s u): the shortcut is not added.", "Fig. 3: the shortcut joins before the ReLU.",
     lambda v: _relu(beside_maps(v.s) * v.u)),
    ("shortcut gated too", "y is relu(s (u + x)): the gates act on the shortcut.",
     "The block sits in the branch, before the sum (Fig. 3).", lambda v: _relu(beside_maps(v.s) * (v.u + v.x))),
    ("block after the sum", "The squeeze is that of u + x: the block stands after the sum.",
     "That is SE-POST of Table 14, and the worst place.", _sum_squeezed),
    ("gates on the shortcut", "y is relu(u + s x): the gates act on the shortcut instead of the branch.",
     "Fig. 3: the gates act on u.", lambda v: _relu(v.u + beside_maps(v.s) * v.x)),
    ("block not applied", "y is relu(u + x): the gates are not used.", "", lambda v: _relu(v.u + v.x)),
    ("sum halved", "y is relu((s u + x) / 2).", "", lambda v: _relu(beside_maps(v.s) * v.u + v.x) / 2),
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

WRONG = SQUEEZE + EXCITATION + EXCITATION_BACKWARD + SCALE + FORWARD + BACKWARD + RESIDUAL


def terms(v):
    """The two paths into u, each by itself."""
    dy = _arriving(v)
    direct = dy * beside_maps(v.s)
    return {"s dy, the path through the scale": direct,
            "dz / (H W), the path through the squeeze": _backward(v, dy)["du"] - direct}
