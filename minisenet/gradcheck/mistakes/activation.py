"""Mistakes in the two activations of eq. (3) and in the fully connected layer."""
import numpy as np

from minisenet import functional as F
from minisenet.gradcheck.mistakes._wrong import Wrong, one_image_only

LINEAR_IN_DY = "A backward is linear in the upstream gradient: twice the dy, twice the dx."
SLOPES = (0.01, 0.1, 0.2)

WRONG = [
    Wrong("relu", "y", "absolute value", "y is |x|: what is negative is turned round, not stopped.",
          "delta(x) = max(0, x), eq. (3).", lambda v: np.abs(v.x)),
    Wrong("relu", "y", "mask returned", "y is 1 where x > 0: the mask instead of what passes it.", "The mask is the slope.",
          lambda v: (v.x > 0) * 1.0),
    Wrong("relu", "y", "minimum for maximum", "y is min(0, x).", "", lambda v: np.minimum(v.x, 0)),
    *(Wrong("relu", "y", "leaky ReLU", f"y is {slope} x where x < 0, and should be 0.",
            "delta in eq. (3) is the plain ReLU.",
            lambda v, slope=slope: np.where(v.x > 0, v.x, slope * v.x)) for slope in SLOPES),
    *(Wrong("relu_backward", "dx", "leaky ReLU", f"dx is {slope} dy where y is 0, and should be 0.", "",
            lambda v, slope=slope: np.where(v.y > 0, v.dy, slope * v.dy)) for slope in SLOPES),
    Wrong("relu_backward", "dx", "dy forgotten", "dx is the mask alone: it is not multiplied with dy.", LINEAR_IN_DY,
          lambda v: (v.y > 0) * 1.0),
    Wrong("relu_backward", "dx", "output for mask", "dx is dy y: multiplied with the output instead of with its mask.",
          "The slope of a ReLU is 0 or 1.", lambda v: v.dy * v.y),
    Wrong("relu_backward", "dx", "mask not applied", "dx is dy everywhere.", "y >= 0 holds for every output of a ReLU.",
          lambda v: v.dy),

    Wrong("relu_backward", "dx", "one flag for all", "dx is dy everywhere if any y is positive, and 0 if none is.",
          "Each element has a mask of its own.", lambda v: v.dy * np.any(v.y > 0)),
    Wrong("sigmoid", "y", "sign of the exponent", "y is 1 / (1 + exp(x)): the minus is missing.",
          "It is 1 - sigma(x), which falls.", lambda v: F.sigmoid(-v.x)),
    Wrong("sigmoid", "y", "tanh for sigmoid", "y is tanh(x), from -1 to 1.",
          "tanh(x) = 2 sigma(2 x) - 1; a gate lies between 0 and 1.", lambda v: np.tanh(v.x)),
    Wrong("sigmoid", "y", "brackets missing", "y is 1 / 1 + exp(-x), which is 1 + exp(-x).", "1 / (1 + exp(-x)).",
          lambda v: 1 + np.exp(-v.x)),
    Wrong("sigmoid", "y", "softmax for sigmoid", "y is a softmax over the last axis.",
          "A sigmoid takes each number by itself: several gates may be open at once.", lambda v: softmax(v.x)),
    *(Wrong("sigmoid", "y", "hard sigmoid", f"y is {text}, cut off at 0 and 1.",
            "That is a piecewise linear stand-in for sigma.",
            lambda v, a=a: np.clip(a * v.x + 0.5, 0, 1))
      for text, a in (("0.2 x + 0.5", 0.2), ("x / 6 + 1/2", 1 / 6), ("x / 4 + 1/2", 0.25))),
    Wrong("sigmoid_backward", "dx", "dy forgotten", "dx is y (1 - y): it is not multiplied with dy.", LINEAR_IN_DY,
          lambda v: v.y * (1 - v.y)),
    Wrong("sigmoid_backward", "dx", "tanh's slope", "dx is dy (1 - y^2), which is the slope of tanh.", "sigma' = y (1 - y).",
          lambda v: v.dy * (1 - v.y**2)),
    Wrong("sigmoid_backward", "dx", "half of the slope", "dx is dy (1 - y): the factor y is missing.", "sigma' = y (1 - y).",
          lambda v: v.dy * (1 - v.y)),
    Wrong("sigmoid_backward", "dx", "sign inside the slope", "dx is dy y (1 + y).", "sigma' = y (1 - y).",
          lambda v: v.dy * v.y * (1 + v.y)),
    Wrong("sigmoid_backward", "dx", "sigmoid applied twice", "dx takes the sigmoid of y, which is the sigmoid of x already.",
          "A backward says in its signature whether it wants the input or the output.",
          lambda v: v.dy * F.sigmoid(v.y) * (1 - F.sigmoid(v.y))),

    Wrong("linear", "y", "weights transposed", "y is x w, not x w^T.",
          "w is (out, in), as the paper's W1; only a square w lets this pass.", lambda v: v.x @ v.w + getattr(v, "b", 0)),
    Wrong("linear", "y", "bias along the wrong axis", "One bias is added to each image instead of one to each output.",
          "b is (out,), and lines up with the last axis by itself.",
          lambda v: v.x @ v.w.T + (v.b[:, None] if hasattr(v, "b") else 0)),
    Wrong("linear_backward", "dx", "weights transposed", "dx is dy w^T, not dy w.",
          "y = x w^T, so the way back is w; a square w lets this pass.", lambda v: v.dy @ v.w.T),
    Wrong("linear_backward", "dw", "dw transposed", "dw is x^T dy, not dy^T x.",
          "A gradient has the shape of its array; a square w lets this pass.", lambda v: v.x.T @ v.dy),
    Wrong("linear_backward", "db", "sum over the wrong axis", "db adds up over the outputs, not over the images.", "",
          lambda v: v.dy.sum(axis=1)),
    *one_image_only("linear_backward", "dw db", lambda v: dict(dw=v.dy.T @ v.x, db=v.dy.sum(axis=0))),
]


def softmax(a):
    """Over the last axis."""
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
