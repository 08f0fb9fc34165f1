"""Mistakes in the two activations of eq. (3)."""
import numpy as np

from minisenet import functional as F
from minisenet.gradcheck.mistakes._wrong import Wrong

LINEAR_IN_DY = "A backward is linear in the upstream gradient: twice the dy, twice the dx."
SLOPES = (0.01, 0.1, 0.2, 0.3)      # of leaky ReLUs
MASK = "A ReLU's slope is 1 where y > 0, and 0 elsewhere: dx = dy [y > 0]."
SLOPE = "sigma' = y (1 - y)."


def leaky(slope):
    """A ReLU with this slope on the left."""
    return lambda a: np.where(a > 0, a, slope * a)


def overflowing(a):
    """A sigmoid that is inf / inf = NaN for a large a."""
    return np.exp(a) / (1 + np.exp(a))


def softmax(a):
    """Over the last axis."""
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


OVERFLOW = ("sigmoid overflows", "{} is NaN for large inputs: exp(a) becomes inf, and exp(a) / (1 + exp(a)) is inf / inf.",
            "1 / (1 + exp(-a)) is right at both ends: at worst exp(-a) is inf, and the result 0.")
HARD = tuple((text, lambda a, slope=slope: np.clip(slope * a + 0.5, 0, 1)) for text, slope in (
    ("0.2 {} + 0.5", 0.2), ("{} / 6 + 1/2", 1 / 6), ("{} / 4 + 1/2", 0.25)))

WRONG = [
    Wrong("relu", "y", "absolute value", "y is |x|: negative values change their sign instead of becoming 0.",
          "delta(x) = max(0, x), eq. (3).", lambda v: np.abs(v.x)),
    Wrong("relu", "y", "mask returned", "y is 1 where x > 0: the mask itself, not x [x > 0].",
          "The mask is the slope of the ReLU.", lambda v: (v.x > 0) * 1.0),
    Wrong("relu", "y", "minimum for maximum", "y is min(0, x).", "delta(x) = max(0, x).", lambda v: np.minimum(v.x, 0)),
    Wrong("relu", "y", "cut off at 6", "y is never larger than 6: that is ReLU6.", "delta in eq. (3) has no upper bound.",
          lambda v: np.clip(v.x, 0, 6)),
    *(Wrong("relu", "y", f"{name} for ReLU", f"y is {text}.", "delta in eq. (3) is the plain ReLU.",
            lambda v, formula=formula: formula(v.x)) for name, text, formula in (
        ("softplus", "log(1 + exp(x))", lambda a: np.log1p(np.exp(a))),
        ("swish", "x sigma(x)", lambda a: a * F.sigmoid(a)),
        ("ELU", "exp(x) - 1 where x < 0", lambda a: np.where(a > 0, a, np.expm1(a))))),
    *(Wrong("relu", "y", "leaky ReLU", f"y is {slope} x where x < 0, and should be 0.",
            "delta in eq. (3) is the plain ReLU.", lambda v, slope=slope: leaky(slope)(v.x)) for slope in SLOPES),
    *(Wrong("relu_backward", "dx", name, says, lesson, formula) for name, says, lesson, formula in (
        *(("leaky ReLU", f"dx is {slope} dy where y is 0, and should be 0.", MASK,
           lambda v, slope=slope: np.where(v.y > 0, v.dy, slope * v.dy)) for slope in SLOPES),
        ("dy forgotten", "dx is the mask alone: it is not multiplied by dy.", LINEAR_IN_DY, lambda v: (v.y > 0) * 1.0),
        ("output for mask", "dx is dy y: dy is multiplied by the output instead of by its mask.", MASK,
         lambda v: v.dy * v.y),
        ("nothing masked", "dx is dy everywhere.", MASK + " y >= 0 stops nothing: no output of a ReLU is negative.",
         lambda v: v.dy),
        ("dy masked too", "dx is dy where y and dy are both positive.", MASK + " The sign of dy does not matter.",
         lambda v: v.dy * (v.y > 0) * (v.dy > 0)),
        ("one flag for all", "dx is dy everywhere if any y is positive, and 0 if none is.",
         "Each element has its own mask.", lambda v: v.dy * np.any(v.y > 0)),
        ("mask of the first image", "The mask of image 0 is used for the whole batch.",
         "Each element has its own mask. A batch of one hides the mistake.", lambda v: v.dy * (v.y[:1] > 0)))),

    *(Wrong("sigmoid", "y", name, says, lesson, formula) for name, says, lesson, formula in (
        ("sign of the exponent", "y is 1 / (1 + exp(x)), which is 1 - sigma(x).",
         "sigma(x) = 1 / (1 + exp(-x)), with a minus.", lambda v: F.sigmoid(-v.x)),
        (*OVERFLOW, lambda v: overflowing(v.x)),
        ("sigmoid overflows", "y is 0 for large inputs, and should be 1: exp(x) becomes inf, and inf / inf is NaN.",
         OVERFLOW[2], lambda v: np.nan_to_num(overflowing(v.x))),
        ("sigma(2 x)", "y is (1 + tanh(x)) / 2, which is sigma(2 x).", "sigma(x) = (1 + tanh(x / 2)) / 2.",
         lambda v: F.sigmoid(2 * v.x)),
        ("tanh for sigmoid", "y is tanh(x), from -1 to 1.", "A gate lies between 0 and 1. tanh(x) = 2 sigma(2 x) - 1.",
         lambda v: np.tanh(v.x)),
        ("brackets missing", "y is 1 / 1 + exp(-x), which is 1 + exp(-x).", "sigma(x) = 1 / (1 + exp(-x)).",
         lambda v: 1 + np.exp(-v.x)),
        *(("softmax for sigmoid", f"y is a softmax over {words}.",
           "A sigmoid uses each number alone: several gates may be open at once.", formula) for words, formula in (
            ("the last axis", lambda v: softmax(v.x)),
            ("the last axis", lambda v: np.exp(v.x) / np.exp(v.x).sum(axis=-1, keepdims=True)),
            ("the whole array", lambda v: np.exp(v.x) / np.exp(v.x).sum()))),
        ("sigmoid applied twice", "y is sigma(sigma(x)).", "Apply the sigmoid once.", lambda v: F.sigmoid(F.sigmoid(v.x))),
        *(("hard sigmoid", f"y is {text.format('x')}, cut off at 0 and 1.", "That is a piecewise linear stand-in for sigma.",
           lambda v, hard=hard: hard(v.x)) for text, hard in HARD),
        *(("input cut off", f"x is cut off at -{limit} and {limit}, which changes y.",
           "1 / (1 + exp(-x)) needs no bounds: at worst exp(-x) is inf, and y is 0.",
           lambda v, limit=limit: F.sigmoid(np.clip(v.x, -limit, limit))) for limit in (3, 4, 5, 6, 8, 10)))),
    *(Wrong("sigmoid_backward", "dx", name, says, lesson, formula) for name, says, lesson, formula in (
        ("dy forgotten", "dx is y (1 - y): it is not multiplied by dy.", LINEAR_IN_DY, lambda v: v.y * (1 - v.y)),
        ("tanh's slope", "dx is dy (1 - y^2), which is the slope of tanh.", SLOPE, lambda v: v.dy * (1 - v.y**2)),
        ("half of the slope", "dx is dy (1 - y): the factor y is missing.", SLOPE, lambda v: v.dy * (1 - v.y)),
        ("sign inside the slope", "dx is dy y (1 + y).", SLOPE, lambda v: v.dy * v.y * (1 + v.y)),
        ("slope forgotten", "dx is dy everywhere: the slope is missing.", SLOPE, lambda v: v.dy),
        ("slope forgotten", "dx is dy where y > 0: that is a ReLU's mask.", SLOPE, lambda v: v.dy * (v.y > 0)),
        ("slope taken twice", "dx is dy times the slope y (1 - y) twice.", SLOPE, lambda v: v.dy * (v.y * (1 - v.y))**2),
        ("sigmoid applied twice", "dx takes the sigmoid of y, but y is the sigmoid of x already.",
         "A backward says in its signature whether it gets the input or the output.",
         lambda v: v.dy * F.sigmoid(v.y) * (1 - F.sigmoid(v.y))))),
]
