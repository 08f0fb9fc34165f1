"""Mistakes in the excitation, eq. (3)."""
import numpy as np

from minisenet import functional as F
from minisenet.gradcheck.mistakes._wrong import Wrong, each, one_image_only
from minisenet.gradcheck.mistakes.activation import softmax


def relu(a):
    return np.maximum(a, 0)


def same(a):
    return a


def excite(v, z=None, *, delta=relu, sigma=F.sigmoid, first=lambda v: v.w1.T, second=lambda v: v.w2.T, without=(),
           late=False):
    """The excitation, with activations, matrices and biases left open; `late` adds b1 after the ReLU."""
    b1, b2 = (0 if name in without else getattr(v, name, 0) for name in ("b1", "b2"))
    a1 = (v.z if z is None else z) @ first(v)
    h = delta(a1) + b1 if late else delta(a1 + b1)
    return dict(h=h, s=sigma(h @ second(v) + b2))


RELU_INSIDE = "delta in eq. (3) is the ReLU."
OWN_BIAS = "Each bias belongs to its own layer, before its activation."

SQUARE_W1 = "W1 is (C / r, C): only a square one lets this pass."

FORWARD = [entry for outputs, name, says, lesson, changed in (
    ("s h", "ReLU forgotten", "There is no ReLU between the two layers.",
     "Without delta the two matrices are one, of rank C / r.", dict(delta=same)),
    ("s h", "activations exchanged", "The sigmoid stands in the middle and the ReLU at the end.",
     "delta is inside, sigma outside: a gate lies between 0 and 1.", dict(delta=F.sigmoid, sigma=relu)),
    ("s h", "sigmoid for ReLU", "The hidden layer goes through a sigmoid.", RELU_INSIDE, dict(delta=F.sigmoid)),
    ("s h", "tanh for ReLU", "The hidden layer goes through tanh.", RELU_INSIDE, dict(delta=np.tanh)),
    ("s", "sigmoid missing", "s is W2 h: the sigmoid is missing.", "A gate lies between 0 and 1.", dict(sigma=same)),
    ("s", "tanh for sigmoid", "s is tanh(W2 h).", "Eq. (3) has the sigmoid; Table 12 compares the two.",
     dict(sigma=np.tanh)),
    ("s", "ReLU for sigmoid", "s is relu(W2 h).",
     "Eq. (3) has the sigmoid; with a ReLU the paper's Table 12 is worse than no block.", dict(sigma=relu)),
    ("s", "ReLU before the sigmoid", "s is sigma(relu(W2 h)): no gate is below one half.",
     "A gate has to be able to close.", dict(sigma=lambda a: F.sigmoid(relu(a)))),
    ("s", "softmax for sigmoid", "s is softmax(W2 h): the gates of an image add up to 1.",
     "Several channels may be wanted at once, hence sigma (section 3.2).", dict(sigma=softmax)),
    ("h", "h before the ReLU", "h is W1 z, before the ReLU.", "h is what goes into W2.", dict(delta=same)),
    ("s h", "b1 forgotten", "b1 is not added.", OWN_BIAS, dict(without=("b1",))),
    ("s", "b2 forgotten", "b2 is not added.", OWN_BIAS, dict(without=("b2",))),
    ("s h", "biases forgotten", "b1 and b2 are not added.", OWN_BIAS, dict(without=("b1", "b2"))),
    ("s h", "bias after the ReLU", "b1 is added after the ReLU.", OWN_BIAS, dict(late=True)),
    ("s h", "weights exchanged", "W1 and W2 are used in each other's place.", "W1 goes down to C / r, W2 up again.",
     dict(first=lambda v: v.w2, second=lambda v: v.w1)),
    ("s h", "weights not transposed", "The hidden layer is z W1, not z W1^T.", SQUARE_W1, dict(first=lambda v: v.w1)),
    ("s h", "weights not transposed", "The layers are z W1 and h W2, without the transposes.", SQUARE_W1,
     dict(first=lambda v: v.w1, second=lambda v: v.w2)),
) for entry in each("excitation", outputs, name, says, lesson, lambda v, changed=changed: excite(v, **changed))]


def through(v, ds, *, slope=lambda s: s * (1 - s), mask=lambda dh, v: v.h > 0, stops=False, exchanged=False):
    """The gradients of the excitation, with the two slopes left open."""
    da2 = ds * slope(v.s)
    dh = da2 @ (v.w1.T if exchanged else v.w2)
    da1 = dh * mask(dh, v)
    dz = da1 if stops else da1 @ (v.w2.T if exchanged else v.w1)
    return dict(dz=dz, dw1=da1.T @ v.z, dw2=da2.T @ v.h, db1=da1.sum(axis=0), db2=da2.sum(axis=0))


BACKWARDS = "Undo every function of the forward, from the last to the first."

SLOPES = (                          # what may be changed in `through`, and so in every backward that goes through it
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

BACKWARD = [
    *(entry for name, says, lesson, changed in SLOPES for entry in each(
        "excitation_backward", "dz dw1 dw2 db1 db2", name, says, lesson,
        lambda v, changed=changed: through(v, v.ds, **changed))),
    Wrong("excitation_backward", "dz", "W1 not undone", "dz is the gradient before W1: the last step is missing.", BACKWARDS,
          lambda v: through(v, v.ds, stops=True)["dz"]),
    *one_image_only("excitation_backward", "dw1 dw2 db1 db2", lambda v: through(v, v.ds)),
]

WRONG = FORWARD + BACKWARD
