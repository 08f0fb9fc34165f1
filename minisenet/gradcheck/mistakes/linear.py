"""Mistakes in the fully connected layer."""
import numpy as np

from minisenet.gradcheck.mistakes._wrong import Wrong, left_out_image, one_image_only

SQUARE = "A square w hides it."
RANGE = "range(n) runs from 0 to n - 1."


def _gradients(v):
    return dict(dw=v.dy.T @ v.x, db=v.dy.sum(axis=0))


WRONG = [
    Wrong("linear", "y", "weights transposed", "y is x w, not x w^T.", "w is (out, in), as the paper's W1. " + SQUARE,
          lambda v: v.x @ v.w + getattr(v, "b", 0)),
    Wrong("linear", "y", "bias along the wrong axis", "Each image has its own bias, instead of each output.",
          "b is (out,), and broadcasts along the last axis by itself.",
          lambda v: v.x @ v.w.T + (v.b[:, None] if hasattr(v, "b") else 0)),
    Wrong("linear", "y", "bias added for each input", "The bias is added once for each input.",
          "b is added once to each output, outside the loop over the inputs.",
          lambda v: v.x @ v.w.T + v.x.shape[1] * getattr(v, "b", 0)),
    Wrong("linear", "y", "last input left out", "The last input adds nothing to y.",
          "Does the loop over the inputs end too early? " + RANGE,
          lambda v: v.x[:, :-1] @ v.w[:, :-1].T + getattr(v, "b", 0)),
    Wrong("linear", "y", "last input only", "Only the last input adds to y.", "The inputs add up: is = written where += belongs?",
          lambda v: v.x[:, -1:] @ v.w[:, -1:].T + getattr(v, "b", 0)),
    Wrong("linear_backward", "dx", "weights transposed", "dx is dy w^T, not dy w.", "y = x w^T, so dx = dy w. " + SQUARE,
          lambda v: v.dy @ v.w.T),
    Wrong("linear_backward", "dx", "last output left out", "The last column of dy adds nothing to dx.",
          "Does the loop over the outputs end too early? " + RANGE, lambda v: v.dy[:, :-1] @ v.w[:-1]),
    Wrong("linear_backward", "dx", "last output only", "Only the last column of dy adds to dx.",
          "The outputs add up: is = written where += belongs?", lambda v: v.dy[:, -1:] @ v.w[-1:]),
    Wrong("linear_backward", "dw", "dw transposed", "dw is x^T dy, not dy^T x.",
          "A gradient has the shape of its array. " + SQUARE, lambda v: v.x.T @ v.dy),
    Wrong("linear_backward", "db", "sum over the wrong axis", "db adds up over the outputs, not over the images.",
          "Every image uses the bias, so db adds up over the images.", lambda v: v.dy.sum(axis=1)),
    *one_image_only("linear_backward", "dw db", _gradients),
    *left_out_image("linear_backward", "dw db", _gradients),
]


def terms(v):
    """y as the sum of the product and the bias."""
    return {"x w^T": v.x @ v.w.T, "b": np.broadcast_to(getattr(v, "b", 0.0), v.y.shape)}
