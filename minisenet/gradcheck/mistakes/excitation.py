"""Mistakes in the excitation, eq. (3), and inside every block that has one."""
import numpy as np

from minisenet import functional as F
from minisenet.gradcheck.mistakes._wrong import Wrong, each, one_image_only
from minisenet.gradcheck.mistakes.activation import HARD, OVERFLOW, SLOPES, leaky, overflowing, softmax


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
GATE = "A gate lies between 0 and 1."
OWN_BIAS = "Each layer has its own bias, added before its activation."
TABLE_12 = "Eq. (3) has the sigmoid; the paper's Table 12 compares the two."
SQUARE_W1 = "W1 is (C / r, C): only a square W1 hides this."

ACTIVATIONS = (                     # the wrong results, the name, what is wrong, the lesson, what changes in `excite`
    ("s h", "ReLU forgotten", "There is no ReLU between the two layers.",
     "Without delta the two matrices are one, of rank C / r.", dict(delta=same)),
    ("s h", "activations exchanged", "The sigmoid is in the middle and the ReLU at the end.",
     "delta is inside, sigma outside. " + GATE, dict(delta=F.sigmoid, sigma=relu)),
    ("s h", "sigmoid for ReLU", "The hidden layer has a sigmoid.", RELU_INSIDE, dict(delta=F.sigmoid)),
    ("s h", "tanh for ReLU", "The hidden layer has a tanh.", RELU_INSIDE, dict(delta=np.tanh)),
    ("s h", "swish for ReLU", "The hidden layer has a swish, a sigma(a).", RELU_INSIDE,
     dict(delta=lambda a: a * F.sigmoid(a))),
    *(("s h", "leaky ReLU", f"The hidden layer has a leaky ReLU, with the slope {slope} where a < 0.", RELU_INSIDE,
       dict(delta=leaky(slope))) for slope in SLOPES),
    ("s", "sigmoid missing", "s is W2 h, without the sigmoid.", GATE, dict(sigma=same)),
    ("s", "sigmoid applied twice", "s is sigma(sigma(W2 h)): every gate is above one half.", "Eq. (3) has one sigmoid.",
     dict(sigma=lambda a: F.sigmoid(F.sigmoid(a)))),
    ("s", "sigma(2 x)", "s is (1 + tanh(a)) / 2 with a = W2 h, which is sigma(2 a).", "sigma(a) = (1 + tanh(a / 2)) / 2.",
     dict(sigma=lambda a: F.sigmoid(2 * a))),
    ("s", "sign of the exponent", "s is 1 / (1 + exp(a)) with a = W2 h, which is 1 - sigma(a).",
     "sigma(a) = 1 / (1 + exp(-a)), with a minus.", dict(sigma=lambda a: F.sigmoid(-a))),
    ("s", *OVERFLOW, dict(sigma=overflowing)),
    *(("s", "hard sigmoid", f"s is {text.format('a')}, cut off at 0 and 1, with a = W2 h.",
       "That is a piecewise linear stand-in for sigma.", dict(sigma=hard)) for text, hard in HARD),
    ("s", "tanh for sigmoid", "s is tanh(W2 h).", TABLE_12, dict(sigma=np.tanh)),
    ("s", "ReLU for sigmoid", "s is relu(W2 h).", TABLE_12 + " With a ReLU the network is worse than without the block.",
     dict(sigma=relu)),
    ("s", "ReLU before the sigmoid", "s is sigma(relu(W2 h)): no gate is below one half.",
     "A gate must be able to close.", dict(sigma=lambda a: F.sigmoid(relu(a)))),
    ("s", "softmax for sigmoid", "s is softmax(W2 h): the gates of an image add up to 1.",
     "Several channels may be open at once, hence sigma (section 3.2).", dict(sigma=softmax)),
    ("s", "softmax for sigmoid", "s is exp(W2 h) divided by its sum, without keepdims.",
     "Eq. (3) has the sigmoid. A sum without keepdims broadcasts along the wrong axis.",
     dict(sigma=lambda a: np.exp(a) / np.exp(a).sum(axis=1))),
)

LAYERS = (
    ("s h", "b1 forgotten", "b1 is not added.", OWN_BIAS, dict(without=("b1",))),
    ("s", "b2 forgotten", "b2 is not added.", OWN_BIAS, dict(without=("b2",))),
    ("s h", "biases forgotten", "b1 and b2 are not added.", OWN_BIAS, dict(without=("b1", "b2"))),
    ("s h", "bias after the ReLU", "b1 is added after the ReLU.", OWN_BIAS, dict(late=True)),
    ("s h", "weights exchanged", "W1 and W2 are used in each other's place.", "W1 goes down to C / r, W2 up again.",
     dict(first=lambda v: v.w2, second=lambda v: v.w1)),
    ("s h", "weights not transposed", "The hidden layer is z W1, not z W1^T.", SQUARE_W1, dict(first=lambda v: v.w1)),
    ("s h", "weights not transposed", "The layers are z W1 and h W2, without the transposes.", SQUARE_W1,
     dict(first=lambda v: v.w1, second=lambda v: v.w2)),
)

FORWARD = [entry for outputs, name, says, lesson, changed in (
    *ACTIVATIONS, *LAYERS,
    ("h", "h before the ReLU", "h is W1 z, before the ReLU.", "h is the input of W2.", dict(delta=same)),
) for entry in each("excitation", outputs, name, says, lesson, lambda v, changed=changed: excite(v, **changed))]


def through(v, ds, *, slope=lambda s: s * (1 - s), mask=lambda dh, v: v.h > 0, stops=False, exchanged=False):
    """The gradients of the excitation, with the two slopes left open."""
    da2 = ds * slope(v.s)
    dh = da2 @ (v.w1.T if exchanged else v.w2)
    da1 = dh * mask(dh, v)
    dz = da1 if stops else da1 @ (v.w2.T if exchanged else v.w1)
    return dict(dz=dz, dw1=da1.T @ v.z, dw2=da2.T @ v.h, db1=da1.sum(axis=0), db2=da2.sum(axis=0))


BACKWARDS = "Undo every function of the forward, from the last to the first."
ONE_SLOPE = "The forward has one sigmoid, so the slope s (1 - s) comes in once."
MASK = "The mask is h > 0. h >= 0 stops nothing: no output of a ReLU is negative."
MASK_FIRST = "Mask first: every gradient below the ReLU, dz, dw1 and db1, comes from dh [h > 0]."
HIDDEN_MASK = "A ReLU's slope is 1 where its output is positive, and 0 elsewhere: the mask is h > 0."
ALL, HIDDEN, LAST = "dz dw1 dw2 db1 db2", "dz dw1 db1", "dw2 db2"


def _open(dh, v):
    return 1.0


# What may change in `through`, and so in every backward that has an excitation: the same five things.
BACKWARD_CHANGES = (
    (ALL, "sigmoid forgotten", "ds goes back through W2 without the slope s (1 - s).", BACKWARDS, dict(slope=lambda s: 1.0)),
    (LAST, "sigmoid forgotten in dw2", "{} comes from ds, not from ds s (1 - s).",
     "W2's output is the sigmoid's input, so dw2 and db2 start from ds s (1 - s).", dict(slope=lambda s: 1.0)),
    (HIDDEN, "sigmoid forgotten in dh", "{} comes from ds W2, not from (ds s (1 - s)) W2.", BACKWARDS,
     dict(slope=lambda s: 1.0)),
    (ALL, "slope taken twice", "The sigmoid's slope s (1 - s) is multiplied in twice.", ONE_SLOPE,
     dict(slope=lambda s: (s * (1 - s))**2)),
    (LAST, "slope taken twice in dw2", "{} has the sigmoid's slope s (1 - s) in it twice.", ONE_SLOPE,
     dict(slope=lambda s: (s * (1 - s))**2)),
    (HIDDEN, "slope taken twice in dh", "{} has the sigmoid's slope s (1 - s) in it twice.", ONE_SLOPE,
     dict(slope=lambda s: (s * (1 - s))**2)),
    *((ALL, name, f"The sigmoid's slope is taken to be {wrong}.", "sigma' = s (1 - s), with s the sigmoid's output.",
       dict(slope=slope)) for name, wrong, slope in (
        ("sigmoid's own value", "s", lambda s: s), ("half of the slope", "1 - s", lambda s: 1 - s),
        ("tanh's slope", "1 - s^2, which is tanh's", lambda s: 1 - s * s),
        ("sign inside the slope", "s (1 + s)", lambda s: s * (1 + s)),
        ("sigmoid applied twice", "sigma(s) (1 - sigma(s)), but s has been through the sigmoid",
         lambda s: F.sigmoid(s) * (1 - F.sigmoid(s))))),
    (HIDDEN, "dead units let through", "Dead hidden units (h = 0) get a gradient: nothing stops dh there.", MASK,
     dict(mask=_open)),
    ("dw1 db1", "masked too late", "{} comes from dh before the mask.", MASK_FIRST, dict(mask=_open)),
    ("dz", "mask forgotten in dz", "dz comes from dh, not from dh [h > 0].", MASK_FIRST, dict(mask=_open)),
    (HIDDEN, "mask from dh", "The hidden mask is where the gradient dh is positive, not where h is.", HIDDEN_MASK,
     dict(mask=lambda dh, v: dh > 0)),
    (HIDDEN, "mask without b1", "The hidden mask is where W1 z is positive, without b1.", HIDDEN_MASK,
     dict(mask=lambda dh, v: v.z @ v.w1.T > 0)),
    (HIDDEN, "mask from z", "The hidden mask is where z is positive, not where h is.", HIDDEN_MASK,
     dict(mask=lambda dh, v: v.z > 0)),
    (HIDDEN, "mask of the first image", "The hidden mask of image 0 is used for the whole batch.",
     "Each image has its own mask. A batch of one hides the mistake.", dict(mask=lambda dh, v: v.h[:1] > 0)),
    (HIDDEN, "mask turned round", "The hidden mask lets dead units through and stops live ones.", HIDDEN_MASK,
     dict(mask=lambda dh, v: v.h <= 0)),
    (HIDDEN, "h for its mask", "dh is multiplied by h instead of by the mask h > 0.", HIDDEN_MASK,
     dict(mask=lambda dh, v: v.h)),
    *((HIDDEN, "leaky ReLU", f"Dead hidden units get {slope} of the gradient, and should get none.", RELU_INSIDE,
       dict(mask=lambda dh, v, slope=slope: np.where(v.h > 0, 1, slope))) for slope in SLOPES),
    (ALL, "sigmoid and mask forgotten", "The sigmoid's slope is missing, and dead hidden units get a gradient.", BACKWARDS,
     dict(slope=lambda s: 1.0, mask=_open)),
    (HIDDEN, "weights exchanged", "W1 and W2 are used in each other's place, transposed to make them fit.",
     "The gradient goes back through W2 first, then through W1.", dict(exchanged=True)),
)

BACKWARD = [
    *(entry for outputs, name, says, lesson, changed in BACKWARD_CHANGES for entry in each(
        "excitation_backward", outputs, name, says, lesson, lambda v, changed=changed: through(v, v.ds, **changed))),
    Wrong("excitation_backward", "dz", "W1 not undone", "dz is the gradient before W1: the last step is missing.", BACKWARDS,
          lambda v: through(v, v.ds, stops=True)["dz"]),
    *one_image_only("excitation_backward", "dw1 dw2 db1 db2", lambda v: through(v, v.ds)),
]

WRONG = FORWARD + BACKWARD
