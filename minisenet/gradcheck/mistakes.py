"""The mistakes that can be named, each as the formula that somebody wrote instead of the right one.

A mistake is named only if its formula gives the very numbers that the answer gave, in every case. So an entry here needs no
text to be searched for and no guess: what is wrong, what there is to learn, and the wrong formula. The planted bugs of `bugs.py` are
used in the same way; here stands what is no bug of a whole pair of passes.

    Wrong(questions, output, name, says, lesson, formula)         formula(v): what the answer gave for `output`

`v` holds everything that belongs to the call, by the names of the signatures: arrays, options, the forward's outputs, the
upstream gradient. `TERMS` takes the results that are sums apart, so that any term that is missing, doubled, of the wrong sign
or of the wrong size can be named without an entry of its own.
"""
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minisenet import functional as F


@dataclass(frozen=True)
class Wrong:
    """One mistake: see the top of this file. `questions` and `output` may be several names with a space between them."""

    questions: str
    output: str
    name: str
    says: str
    lesson: str
    formula: Callable


# ---- what the formulas share ---------------------------------------------------------------------------------------------

AXES = (0, 1, 2)


def _m(v):
    """M = N H W, the values of a channel."""
    return v.x.size // v.x.shape[-1]


def _statistics(v):
    return (v.mean, v.var) if hasattr(v, "mean") else (v.running_mean, v.running_var)


def _xhat(v):
    mean, var = _statistics(v)
    return (v.x - mean) / np.sqrt(var + v.eps)


def _maps(values):
    """(N, C) beside (N, H, W, C)."""
    return values[:, None, None, :]


def _hidden(v, z=None, delta=lambda a: np.maximum(a, 0)):
    return delta((v.z if z is None else z) @ v.w1.T + getattr(v, "b1", 0))


def _gates(v, z=None, delta=lambda a: np.maximum(a, 0), sigma=lambda a: F.sigmoid(a)):
    return sigma(_hidden(v, z, delta) @ v.w2.T + getattr(v, "b2", 0))


def _through(v, ds, *, slope=lambda s: s * (1 - s), mask=lambda dh, v: v.h > 0):
    """The gradients of the excitation, with the two slopes left open."""
    da2 = ds * slope(v.s)
    dh = da2 @ v.w2
    da1 = dh * mask(dh, v)
    return dict(dz=da1 @ v.w1, dw1=da1.T @ v.z, dw2=da2.T @ v.h, db1=da1.sum(axis=0), db2=da2.sum(axis=0))


def _block(v, dy, **changed):
    """The gradients of the SE block; `ds`, `slope`, `mask`, `share` and `direct` may be changed."""
    ds = changed.pop("ds", lambda v, dy: (dy * v.u).sum(axis=(1, 2)))(v, dy)
    share = changed.pop("share", lambda dz, v: dz / (v.height * v.width))
    direct = changed.pop("direct", lambda v, dy: dy * _maps(v.s))
    g = _through(v, ds, **changed)
    return g | dict(du=direct(v, dy) + _maps(share(g["dz"], v)))


def _in_block(output, **changed):
    """The formula of a changed block gradient, in the SE block and in a residual block."""
    def formula(v):
        dy = v.dy * (v.y > 0) if hasattr(v, "x") else v.dy
        return _block(v, dy, **changed)[output]
    return formula


def _one_hot(v):
    return np.eye(v.p.shape[1])[v.labels]


def _q(v, smoothing=None):
    e = v.label_smoothing if smoothing is None else smoothing
    return (1 - e) * _one_hot(v) + e / v.p.shape[1]


def _logs(v):
    shifted = v.logits - v.logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _each(questions, outputs, name, says, lesson, formula):
    """One entry for each output of a mistake that shows in several; formula(v, output)."""
    return [Wrong(questions, output, name, says, lesson, lambda v, output=output: formula(v, output)) for output in outputs.split()]


MASKED = "The ReLU comes after the sum, so its mask goes down both ways."
PER_IMAGE = "Gates are per image, which is the point of the block; a batch of one hides it."
ALL_POSITIONS = "A parameter that was used at every position gathers from every position."

_EXCITATION = "dz dw1 dw2 db1 db2"
_BLOCK = "du dw1 dw2 db1 db2"

WRONG = [
    # ---- activations
    Wrong("relu", "y", "absolute value", "y is |x|: what is negative is turned round, not stopped.", "delta(x) = max(0, x), eq. (3).",
          lambda v: np.abs(v.x)),
    Wrong("relu", "y", "mask returned", "y is 1 where x > 0: the mask instead of what passes it.", "The mask is the slope.",
          lambda v: (v.x > 0) * 1.0),
    Wrong("relu", "y", "minimum for maximum", "y is min(0, x).", "", lambda v: np.minimum(v.x, 0)),
    *(Wrong("relu", "y", "leaky ReLU", f"y is {slope} x where x < 0, and should be 0.", "delta in eq. (3) is the plain ReLU.",
            lambda v, slope=slope: np.where(v.x > 0, v.x, slope * v.x)) for slope in (0.01, 0.1, 0.2)),
    *(Wrong("relu_backward", "dx", "leaky ReLU", f"dx is {slope} dy where y is 0, and should be 0.", "",
            lambda v, slope=slope: np.where(v.y > 0, v.dy, slope * v.dy)) for slope in (0.01, 0.1, 0.2)),
    Wrong("relu_backward", "dx", "dy forgotten", "dx is the mask alone: it is not multiplied with dy.",
          "A backward is linear in the upstream gradient: twice the dy, twice the dx.", lambda v: (v.y > 0) * 1.0),
    Wrong("relu_backward", "dx", "output for mask", "dx is dy y: multiplied with the output instead of with its mask.",
          "The slope of a ReLU is 0 or 1.", lambda v: v.dy * v.y),
    Wrong("relu_backward", "dx", "ReLU of dy", "dx is max(0, dy): the forward again, on the gradient.",
          "The mask belongs to the forward.", lambda v: np.maximum(v.dy, 0)),
    Wrong("sigmoid", "y", "sign of the exponent", "y is 1 / (1 + exp(x)): the minus is missing.", "It is 1 - sigma(x), which falls.",
          lambda v: F.sigmoid(-v.x)),
    Wrong("sigmoid", "y", "tanh for sigmoid", "y is tanh(x), from -1 to 1.", "tanh(x) = 2 sigma(2 x) - 1; a gate lies between 0 and 1.",
          lambda v: np.tanh(v.x)),
    Wrong("sigmoid_backward", "dx", "dy forgotten", "dx is y (1 - y): it is not multiplied with dy.",
          "A backward is linear in the upstream gradient.", lambda v: v.y * (1 - v.y)),
    Wrong("sigmoid_backward", "dx", "tanh's slope", "dx is dy (1 - y^2), which is the slope of tanh.", "sigma' = y (1 - y).",
          lambda v: v.dy * (1 - v.y**2)),
    Wrong("sigmoid_backward", "dx", "half of the slope", "dx is dy (1 - y): the factor y is missing.", "sigma' = y (1 - y).",
          lambda v: v.dy * (1 - v.y)),
    Wrong("sigmoid_backward", "dx", "sigmoid applied twice", "dx takes the sigmoid of y, which is the sigmoid of x already.",
          "A backward says in its signature whether it wants the input or the output.",
          lambda v: v.dy * F.sigmoid(v.y) * (1 - F.sigmoid(v.y))),

    # ---- fully connected
    Wrong("linear", "y", "weights transposed", "y is x w, not x w^T.", "w is (out, in), as the paper's W1; only a square w lets this pass.",
          lambda v: v.x @ v.w + getattr(v, "b", 0)),
    Wrong("linear_backward", "dx", "weights transposed", "dx is dy w^T, not dy w.", "y = x w^T, so the way back is w; a square w lets this pass.",
          lambda v: v.dy @ v.w.T),
    Wrong("linear_backward", "dw", "dw transposed", "dw is x^T dy, not dy^T x.", "A gradient has the shape of its array; a square w lets this pass.",
          lambda v: v.x.T @ v.dy),
    Wrong("linear_backward", "db", "sum over the wrong axis", "db adds up over the outputs, not over the images.", "",
          lambda v: v.dy.sum(axis=1)),

    # ---- squeeze, eq. (2)
    Wrong("squeeze", "z", "max-pooled squeeze", "z is the maximum of each map instead of its mean.", "Eq. (2) is a mean; the paper's Table 11 compares the two.",
          lambda v: v.u.max(axis=(1, 2))),
    Wrong("squeeze", "z", "sum for mean", "z is the sum over the positions: 1 / (H W) is missing.", "Eq. (2) divides by H W.",
          lambda v: v.u.sum(axis=(1, 2))),
    Wrong("squeeze", "z", "median for mean", "z is the median of each map.", "Eq. (2) is a mean.", lambda v: np.median(v.u, axis=(1, 2))),
    Wrong("squeeze", "z", "batch averaged", "z is the mean over the batch too: every image gets the same descriptor.", PER_IMAGE,
          lambda v: np.broadcast_to(v.u.mean(axis=AXES), (len(v.u), v.u.shape[3]))),
    *_each("squeeze", "z", "one axis missed", "z is the mean over one side of the map only.", "The squeeze is over all positions.",
           lambda v, o: v.u[:, :, 0].mean(axis=1)),
    *_each("squeeze", "z", "one axis missed", "z is the mean over one side of the map only.", "The squeeze is over all positions.",
           lambda v, o: v.u[:, 0].mean(axis=1)),
    *(Wrong("squeeze", "z", "wrong divisor", f"z is divided by {text}, not by H W.", "Square maps hide it, and all of the paper's maps are square.",
            lambda v, by=by: v.u.sum(axis=(1, 2)) / by(*v.u.shape)) for text, by in (
        ("H H", lambda n, h, w, c: h * h), ("W W", lambda n, h, w, c: w * w), ("H", lambda n, h, w, c: h), ("W", lambda n, h, w, c: w),
        ("N H W", lambda n, h, w, c: n * h * w), ("H W C", lambda n, h, w, c: h * w * c), ("C", lambda n, h, w, c: c),
        ("H + W", lambda n, h, w, c: h + w))),
    Wrong("squeeze_backward", "du", "first position only", "du is dz at the first position and 0 elsewhere.",
          "Every position had the weight 1 / (H W), so every position gets that share.",
          lambda v: _only_first(v)),

    # ---- excitation, eq. (3)
    *_each("excitation", "s h", "ReLU forgotten", "There is no ReLU between the two layers.",
           "Without delta the two matrices are one, of rank C / r.", lambda v, o: dict(
               h=_hidden(v, delta=lambda a: a), s=_gates(v, delta=lambda a: a))[o]),
    *_each("excitation", "s h", "activations exchanged", "The sigmoid stands in the middle and the ReLU at the end.",
           "delta is inside, sigma outside: a gate lies between 0 and 1.", lambda v, o: dict(
               h=_hidden(v, delta=F.sigmoid), s=_gates(v, delta=F.sigmoid, sigma=lambda a: np.maximum(a, 0)))[o]),
    *_each("excitation", "s h", "sigmoid for ReLU", "The hidden layer goes through a sigmoid, not through a ReLU.", "delta in eq. (3) is the ReLU.",
           lambda v, o: dict(h=_hidden(v, delta=F.sigmoid), s=_gates(v, delta=F.sigmoid))[o]),
    *_each("excitation", "s h", "tanh for ReLU", "The hidden layer goes through tanh, not through a ReLU.", "delta in eq. (3) is the ReLU.",
           lambda v, o: dict(h=_hidden(v, delta=np.tanh), s=_gates(v, delta=np.tanh))[o]),
    Wrong("excitation", "s", "sigmoid missing", "s is W2 h: the sigmoid is missing.", "A gate lies between 0 and 1.", lambda v: _gates(v, sigma=lambda a: a)),
    Wrong("excitation", "s", "tanh for sigmoid", "s is tanh(W2 h).", "Eq. (3) has the sigmoid; the paper's Table 12 compares the two.", lambda v: _gates(v, sigma=np.tanh)),
    Wrong("excitation", "s", "ReLU for sigmoid", "s is relu(W2 h).", "Eq. (3) has the sigmoid; with a ReLU the paper's Table 12 is worse than no block.",
          lambda v: _gates(v, sigma=lambda a: np.maximum(a, 0))),
    Wrong("excitation", "s", "softmax for sigmoid", "s is softmax(W2 h): the gates of an image add up to 1.",
          "Gates are not exclusive: several channels may be wanted at once, hence sigma (section 3.2).",
          lambda v: _softmax(_gates(v, sigma=lambda a: a))),
    Wrong("excitation", "h", "h before the ReLU", "h is W1 z, before the ReLU.", "The hidden activations are what goes into W2.", lambda v: _hidden(v, delta=lambda a: a)),
    *_each("excitation", "s h", "b1 forgotten", "b1 is not added.", "Each bias belongs to its own layer.", lambda v, o: _without_bias(v, "b1")[o]),
    *_each("excitation", "s", "b2 forgotten", "b2 is not added.", "Each bias belongs to its own layer.", lambda v, o: _without_bias(v, "b2")[o]),
    *_each("excitation", "s h", "biases forgotten", "b1 and b2 are not added.", "", lambda v, o: _without_bias(v, "b1", "b2")[o]),

    # ---- the slopes inside the block, in each of the backwards that go through it
    *[Wrong(question, output, name, says, lesson, formula(output, **changed))
      for question, outputs, formula in (
          ("excitation_backward", _EXCITATION, lambda output, **changed: lambda v: _through(v, v.ds, **changed)[output]),
          ("se_block_backward residual_block_backward", _BLOCK, _in_block))
      for output in outputs.split()
      for name, says, lesson, changed in (
          ("sigmoid forgotten", "It goes through W2 with ds, not with ds s (1 - s).", "Undo every function of the forward, from the last to the first.",
           dict(slope=lambda s: 1.0)),
          ("sigmoid's own value", "The sigmoid's slope is taken to be s, and is s (1 - s).", "", dict(slope=lambda s: s)),
          ("half of the slope", "The sigmoid's slope is taken to be 1 - s, and is s (1 - s).", "", dict(slope=lambda s: 1 - s)),
          ("tanh's slope", "The sigmoid's slope is taken to be 1 - s^2, which is that of tanh.", "", dict(slope=lambda s: 1 - s * s)),
          ("ReLU forgotten", "Dead hidden units get a gradient: dh goes into W1 without the mask h > 0.",
           "With r = 16 and 16 channels there is one hidden unit; whether it is dead is everything.", dict(mask=lambda dh, v: 1.0)),
          ("mask from dh", "The hidden mask is where the gradient dh is positive, not where h is.", "The mask belongs to the forward.",
           dict(mask=lambda dh, v: dh > 0)),
          ("mask turned round", "The hidden mask passes dead units and stops live ones.", "", dict(mask=lambda dh, v: v.h <= 0)),
          ("h for its mask", "dh is multiplied with h instead of with the mask h > 0.", "The slope of a ReLU is 0 or 1.", dict(mask=lambda dh, v: v.h)),
          ("sigmoid and ReLU forgotten", "Neither the sigmoid's slope nor the ReLU's mask is there.", "Undo every function of the forward, from the last to the first.",
           dict(slope=lambda s: 1.0, mask=lambda dh, v: 1.0)))],
    *[Wrong("se_block_backward residual_block_backward", output, name, says, lesson, _in_block(output, ds=ds))
      for output in _BLOCK.split() for name, says, lesson, ds in (
          ("y for u in ds", "ds is sum(dy y), not sum(dy u).", "A factor's gradient is what it was multiplied with, and s met u.",
           lambda v, dy: (dy * v.u * _maps(v.s)).sum(axis=(1, 2))),
          ("mean for sum in ds", "ds is the mean of dy u over the positions instead of the sum.",
           "One gate met every position, so their gradients add up; the mean belongs to the squeeze.", lambda v, dy: (dy * v.u).mean(axis=(1, 2))),
          ("u forgotten in ds", "ds is sum(dy), without the factor u.", "A factor's gradient is what it was multiplied with.", lambda v, dy: dy.sum(axis=(1, 2))),
          ("z for u in ds", "ds is sum(dy) z: it uses the mean of u in place of u.", "The mean of a product is not the product of the means.",
           lambda v, dy: dy.sum(axis=(1, 2)) * v.z))],
    *[Wrong("se_block_backward residual_block_backward", "du", name, says, lesson, _in_block("du", **changed))
      for name, says, lesson, changed in (
          ("squeeze path not shared out", "du adds dz at every position instead of dz / (H W).", "The two paths have to be on one scale.", dict(share=lambda dz, v: dz)),
          ("squeeze path dropped", "du is s * dy alone: the path through the squeeze, dz / (H W), is missing.",
           "u is used twice, so two gradients arrive at it. The block still trains without the second, only worse.", dict(share=lambda dz, v: 0 * dz)),
          ("scale path dropped", "du is dz / (H W) alone: the path through the scale, s dy, is missing.", "u is used twice, so two gradients arrive at it.",
           dict(direct=lambda v, dy: 0 * dy)),
          ("gates forgotten", "du adds dy itself, not s dy.", "y = s u, so s is the slope of y in u.", dict(direct=lambda v, dy: dy)),
          ("squeeze path scaled too", "dz / (H W) is multiplied with the gates: du is s (dy + dz / (H W)).", "u goes into the squeeze as it is, before the scale.",
           dict(share=lambda dz, v: v.s * dz / (v.height * v.width))))],

    # ---- scale, eq. (4)
    Wrong("scale", "y", "gates of the first image", "y uses the gates of image 0 for the whole batch.", PER_IMAGE, lambda v: v.u * v.s[0]),
    Wrong("scale", "y", "gates averaged", "y uses the mean gates of the batch.", PER_IMAGE, lambda v: v.u * v.s.mean(axis=0)),
    Wrong("scale", "y", "gates added", "y is u + s, not s u.", "Eq. (4) is a product.", lambda v: v.u + _maps(v.s)),
    Wrong("scale", "y", "residual around the gates", "y is u + s u.", "Eq. (4) is s u; the shortcut belongs to the residual block.", lambda v: v.u * (1 + _maps(v.s))),
    Wrong("scale", "y", "sigmoid applied twice", "y is sigma(s) u: the gates have been through the sigmoid already.", "", lambda v: v.u * F.sigmoid(_maps(v.s))),
    Wrong("scale_backward", "du", "gates forgotten", "du is dy itself, not s dy.", "y = s u, so s is the slope of y in u.", lambda v: v.dy),
    Wrong("scale_backward", "du", "u for s", "du is dy u, not dy s.", "Of a product each factor's gradient is the other factor times dy.", lambda v: v.dy * v.u),
    Wrong("scale_backward", "du", "gates averaged", "du uses the mean gates of the batch.", PER_IMAGE, lambda v: v.dy * v.s.mean(axis=0)),
    Wrong("scale_backward", "ds", "u forgotten", "ds is sum(dy), without the factor u.", "A factor's gradient is what it was multiplied with.", lambda v: v.dy.sum(axis=(1, 2))),
    Wrong("scale_backward", "ds", "y for u", "ds is sum(dy y), not sum(dy u).", "A factor's gradient is what it was multiplied with, and s met u.",
          lambda v: (v.dy * v.u * _maps(v.s)).sum(axis=(1, 2))),
    Wrong("scale_backward", "ds", "dy forgotten", "ds is sum(u), without dy.", "A backward is linear in the upstream gradient.", lambda v: v.u.sum(axis=(1, 2))),
    Wrong("scale_backward", "ds", "summed apart", "ds is sum(dy) sum(u).", "The sum of a product is not the product of the sums.", lambda v: v.dy.sum(axis=(1, 2)) * v.u.sum(axis=(1, 2))),
    Wrong("scale_backward", "ds", "summed over the batch", "ds adds up over the images too.", PER_IMAGE,
          lambda v: np.broadcast_to((v.dy * v.u).sum(axis=AXES), v.s.shape)),
    *(Wrong("scale_backward", "ds", "one axis missed", "ds adds up over one side of the map only.", "One gate met every position, so their gradients add up.",
            lambda v, at=at: (v.dy * v.u)[at].sum(axis=1)) for at in ((slice(None), slice(None), 0), (slice(None), 0), (slice(None), slice(None), -1), (slice(None), -1))),

    # ---- the whole block
    *[Wrong("se_block", output, name, says, lesson, lambda v, output=output, z=z, y=y: _se(v, z, y)[output]) for output in ("y", "z", "h", "s")
      for name, says, lesson, z, y in (
          ("max-pooled squeeze", "The squeeze takes the maximum of each map instead of its mean.", "Eq. (2) is a mean; its gradients are no witness.", lambda v: v.u.max(axis=(1, 2)), None),
          ("sum for mean", "The squeeze is a sum: 1 / (H W) is missing.", "Eq. (2) divides by H W.", lambda v: v.u.sum(axis=(1, 2)), None),
          ("batch averaged", "The squeeze averages over the batch too.", PER_IMAGE, lambda v: np.broadcast_to(v.u.mean(axis=AXES), v.z.shape), None),
          ("ReLU before the block", "The block gets relu(u).", "The paper squeezes what batch norm gave it.", lambda v: np.maximum(v.u, 0).mean(axis=(1, 2)), lambda v, s: np.maximum(v.u, 0) * _maps(s)),
          ("residual around the gates", "y is u + s u.", "Eq. (4) is s u; the shortcut belongs to the residual block.", None, lambda v, s: v.u * (1 + _maps(s))),
          ("block not applied", "y is u: the gates are computed, and nothing uses them.", "Its gradients are right, so no gradient check sees it.", None, lambda v, s: v.u),
          ("gates broadcast", "y is the gates at every position, without u.", "Eq. (4) is a product.", None, lambda v, s: np.broadcast_to(_maps(s), v.u.shape)),
          ("gates of the first image", "y uses the gates of image 0 for the whole batch.", PER_IMAGE, None, lambda v, s: v.u * s[0]))],
    *[Wrong("residual_block", "y", name, says, lesson, formula) for name, says, lesson, formula in (
        ("ReLU before the sum", "y is relu(s u) + x: the ReLU comes before the shortcut is added.", "Fig. 3: the sum first, then the ReLU.", lambda v: np.maximum(_maps(v.s) * v.u, 0) + v.x),
        ("ReLU missing", "y is s u + x: the last ReLU is missing.", "Fig. 3 ends with a ReLU.", lambda v: _maps(v.s) * v.u + v.x),
        ("shortcut forgotten", "y is relu(s u): the shortcut is not added.", "Fig. 3: the shortcut joins before the ReLU.", lambda v: np.maximum(_maps(v.s) * v.u, 0)),
        ("shortcut gated too", "y is relu(s (u + x)): the gates act on the shortcut.", "The block sits in the branch, before the sum (Fig. 3).", lambda v: np.maximum(_maps(v.s) * (v.u + v.x), 0)),
        ("block after the sum", "The squeeze is that of u + x: the block stands after the sum.", "That is SE-POST of Table 14, and the worst place.",
         lambda v: np.maximum((v.u + v.x) * _maps(_gates(v, (v.u + v.x).mean(axis=(1, 2)))), 0)),
        ("gates on the shortcut", "y is relu(u + s x): the gates act on the shortcut instead of the branch.", "That is SE-Identity of Table 14.", lambda v: np.maximum(v.u + _maps(v.s) * v.x, 0)),
        ("block not applied", "y is relu(u + x): the gates are not used.", "", lambda v: np.maximum(v.u + v.x, 0)),
        ("shortcut averaged", "y is relu((s u + x) / 2).", "", lambda v: np.maximum(_maps(v.s) * v.u + v.x, 0) / 2))],
    *[Wrong("residual_block_backward", output, name, says, MASKED, lambda v, output=output, masks=masks: _residual(v, *masks)[output])
      for output in ("du", "dx", "dw1", "dw2") for name, says, masks in (
          ("ReLU's mask forgotten", "dy goes into both ways without the mask y > 0.", (lambda v: 1.0, lambda v: 1.0)),
          ("branch not masked", "The block gets dy instead of dy [y > 0].", (lambda v: 1.0, lambda v: v.y > 0)),
          ("shortcut not masked", "The shortcut gets dy instead of dy [y > 0].", (lambda v: v.y > 0, lambda v: 1.0)),
          ("mask from dy", "The mask is where dy is positive, not where y is.", (lambda v: v.dy > 0, lambda v: v.dy > 0)),
          ("mask from u", "The mask is where u is positive, not where y is.", (lambda v: v.u > 0, lambda v: v.u > 0)),
          ("mask turned round", "The mask passes where y is 0.", (lambda v: v.y <= 0, lambda v: v.y <= 0)))],
    Wrong("residual_block_backward", "dx", "shortcut gated", "dx is s dy [y > 0]: the gates act on the shortcut.", "The block sits in the branch.", lambda v: v.dy * (v.y > 0) * _maps(v.s)),
    Wrong("residual_block_backward", "dx", "gradients of the ways added", "dx is du + dy [y > 0], as if the branch began at x.",
          "Here u and x are two arguments; what lies before them adds the two up.", lambda v: _residual(v, lambda v: v.y > 0, lambda v: v.y > 0)["du"] + v.dy * (v.y > 0)),

    # ---- batch norm
    *[Wrong("batch_norm", output, name, says, lesson, lambda v, output=output, stats=stats, use=use: _norm(v, stats, use)[output])
      for output in ("y", "mean", "var") for name, says, lesson, stats, use in (
          ("statistics per image", "Mean and variance are those of each image by itself.", "Batch norm takes them over N, H and W; per image it is instance norm.", dict(axis=(1, 2)), None),
          ("statistics per position", "Mean and variance are taken over the batch only, for each position by itself.", "For maps they are taken over N, H and W: a channel is one feature.", dict(axis=0), None),
          ("statistics over the channels", "Mean and variance are taken over the channels.", "That is layer norm.", dict(axis=3), None),
          ("statistics over everything", "One mean and one variance for all channels together.", "Each channel has its own.", dict(axis=None), None),
          ("unbiased variance", "The variance is divided by M - 1, not by M.", "Biased to normalise, unbiased into running_var: both stand in the same layer.", dict(ddof=1), None),
          ("eps outside the root", "y divides by sqrt(var) + eps instead of sqrt(var + eps).", "Small where eps is small, and wrong all the same.", {}, lambda c, v, var: c / (np.sqrt(var) + v.eps)),
          ("eps forgotten", "y divides by sqrt(var), without eps.", "eps keeps the slope finite where a channel hardly varies.", {}, lambda c, v, var: c / np.sqrt(var)),
          ("variance for deviation", "y divides by var + eps, without the root.", "", {}, lambda c, v, var: c / (var + v.eps)),
          ("not divided by the deviation", "y is gamma (x - mean) + beta.", "", {}, lambda c, v, var: c))],
    Wrong("batch_norm", "var", "deviation for variance", "var is the standard deviation.", "The backward adds eps to the variance, inside the root.", lambda v: np.sqrt(v.var)),
    Wrong("batch_norm", "var", "eps in the variance", "var has eps in it already.", "The backward adds it once more.", lambda v: v.var + v.eps),
    Wrong("batch_norm", "var", "mean of squares", "var is mean(x^2): the mean is not taken out.", "var = mean(x^2) - mean^2.", lambda v: (v.x**2).mean(axis=AXES)),
    Wrong("batch_norm", "var", "1 / deviation returned", "var is 1 / sqrt(var + eps).", "The contract is the variance itself.", lambda v: 1 / np.sqrt(v.var + v.eps)),
    Wrong("batch_norm batch_norm_inference", "y", "gamma forgotten", "y is xhat + beta.", "", lambda v: _xhat(v) + v.beta),
    Wrong("batch_norm batch_norm_inference", "y", "gamma and beta exchanged", "y is beta xhat + gamma.", "", lambda v: _xhat(v) * v.beta + v.gamma),
    Wrong("batch_norm batch_norm_inference", "y", "beta inside the factor", "y is gamma (xhat + beta).", "", lambda v: v.gamma * (_xhat(v) + v.beta)),
    Wrong("batch_norm batch_norm_inference", "y", "mean not taken out", "y is gamma x / sqrt(var + eps) + beta.", "",
          lambda v: v.gamma * v.x / np.sqrt(_statistics(v)[1] + v.eps) + v.beta),
    *[Wrong("batch_norm_backward batch_norm_inference_backward", "dgamma", name, says, "A factor's gradient is what it was multiplied with, and gamma met xhat.", formula)
      for name, says, formula in (
          ("dgamma from x", "dgamma is sum(dy x) instead of sum(dy xhat).", lambda v: (v.dy * v.x).sum(axis=AXES)),
          ("dgamma from x - mean", "dgamma is sum(dy (x - mean)): not divided by the deviation.", lambda v: (v.dy * (v.x - _statistics(v)[0])).sum(axis=AXES)),
          ("dgamma from y", "dgamma is sum(dy gamma xhat): gamma is in it once more.", lambda v: (v.dy * v.gamma * _xhat(v)).sum(axis=AXES)),
          ("xhat forgotten", "dgamma is sum(dy), which is dbeta.", lambda v: v.dy.sum(axis=AXES)),
          ("eps forgotten", "dgamma divides by sqrt(var), without eps.", lambda v: (v.dy * (v.x - _statistics(v)[0]) / np.sqrt(_statistics(v)[1])).sum(axis=AXES)))],
    Wrong("batch_norm_backward batch_norm_inference_backward", "dbeta", "gamma in dbeta", "dbeta is sum(gamma dy).", "beta is added after gamma has been multiplied.",
          lambda v: v.gamma * v.dy.sum(axis=AXES)),
    *[Wrong("batch_norm_backward", "dx", name, says, lesson, formula) for name, says, lesson, formula in (
        ("statistics taken for constants", "dx is gamma dy / sqrt(var + eps), as in inference.", "Mean and variance are functions of x: whoever differentiates y has to go through them too.",
         lambda v: v.gamma * v.dy / np.sqrt(v.var + v.eps)),
        ("gamma forgotten", "dx lacks the factor gamma.", "g = gamma dy arrives at xhat.", lambda v: _dx(v) / v.gamma),
        ("deviation forgotten", "dx lacks the factor 1 / sqrt(var + eps).", "xhat = (x - mean) / sqrt(var + eps), so that is its slope in x.", lambda v: _dx(v) * np.sqrt(v.var + v.eps)),
        ("deviation for its inverse", "dx is multiplied with sqrt(var + eps) instead of divided by it.", "", lambda v: _dx(v) * (v.var + v.eps)),
        ("variance for deviation", "dx divides by var + eps, without the root.", "", lambda v: _dx(v) / np.sqrt(v.var + v.eps)),
        ("eps forgotten", "dx divides by sqrt(var), without eps.", "A backward has to use the forward's own k = 1 / sqrt(var + eps).", lambda v: _dx(v, eps=0)),
        ("eps outside the root", "dx divides by sqrt(var) + eps instead of sqrt(var + eps).", "Small where eps is small, and wrong all the same.",
         lambda v: _dx(v, k=1 / (np.sqrt(v.var) + v.eps))),
        ("x - mean for xhat", "The term with dgamma uses x - mean instead of xhat.", "", lambda v: _dx(v, xhat=v.x - v.mean)),
        ("mean(dy) and dgamma not weighted", "dx subtracts dbeta and dgamma as sums: they are not divided by M.", "mean(dy) = dbeta / M.", lambda v: _dx(v, m=1)),
        ("statistics per image", "The two means in dx are those of each image by itself.", "Mean and variance were taken over N, H and W.", lambda v: _dx(v, axis=(1, 2))),
        ("unbiased variance", "The term with dgamma is divided by M - 1.", "Biased to normalise, unbiased into running_var.", lambda v: _dx(v, unbiased=True)))],
    Wrong("batch_norm_inference_backward", "dx", "statistics taken for functions of x", "dx has the two terms of training mode.", "In inference the statistics are constants.", lambda v: _dx_training(v)),

    # ---- loss
    *[Wrong("softmax_cross_entropy", "loss", name, says, lesson, formula) for name, says, lesson, formula in (
        ("not divided by N", "loss is the sum over the batch, not the mean.", "The mean keeps the gradient's size apart from the batch size.", lambda v: -(_q(v) * _logs(v)).sum()),
        ("divided by K", "loss is divided by the number of classes, not of images.", "", lambda v: -(_q(v) * _logs(v)).sum() / v.p.shape[1]),
        ("mean over everything", "loss is the mean over images and classes: divided by N K.", "The sum over the classes is part of each image's loss.", lambda v: -(_q(v) * _logs(v)).mean()),
        ("sign of the loss", "loss is the mean log-likelihood: the minus is missing.", "", lambda v: (_q(v) * _logs(v)).sum() / len(v.p)),
        ("logarithm missing", "loss is -mean(p of the label): the logarithm is missing.", "", lambda v: -(_q(v) * v.p).sum() / len(v.p)),
        ("softmax missing", "loss takes the logits for log-probabilities.", "log p = a - log sum exp(a).", lambda v: -(_q(v) * v.logits).sum() / len(v.p)),
        ("label smoothing forgotten", "loss uses the one-hot labels.", "", lambda v: -(_q(v, 0) * _logs(v)).sum() / len(v.p)),
        ("smoothing over the others", "Label smoothing gives nothing to the label's own class.", "Both definitions are in use; the paper it comes from spreads e over all K classes.",
         lambda v: -(_others(v) * _logs(v)).sum() / len(v.p)),
        ("smoothing not shared out", "Each class gets e instead of e / K.", "q has to add up to 1.", lambda v: -(((1 - v.label_smoothing) * _one_hot(v) + v.label_smoothing) * _logs(v)).sum() / len(v.p)),
        ("label keeps all of its weight", "The label keeps 1 instead of 1 - e.", "q has to add up to 1.", lambda v: -((_one_hot(v) + v.label_smoothing / v.p.shape[1]) * _logs(v)).sum() / len(v.p)),
        ("loss of the first image", "loss is that of image 0.", "", lambda v: -(_q(v) * _logs(v))[0].sum()))],
    *_each("softmax_cross_entropy", "loss p", "softmax over the batch", "The softmax runs over the images (axis 0), not over the classes (axis 1).", "Each image's probabilities add up to 1.",
           lambda v, o: dict(p=_softmax(v.logits.T).T, loss=-(_q(v) * np.log(_softmax(v.logits.T).T)).sum() / len(v.p))[o]),
    *_each("softmax_cross_entropy", "loss p", "softmax over everything", "exp is divided by its sum over the whole batch.", "Each image's probabilities add up to 1.",
           lambda v, o: dict(p=_softmax(v.logits.reshape(1, -1)).reshape(v.p.shape),
                             loss=-(_q(v) * np.log(_softmax(v.logits.reshape(1, -1)).reshape(v.p.shape))).sum() / len(v.p))[o]),
    Wrong("softmax_cross_entropy", "p", "log-probabilities returned", "p is log softmax.", "", lambda v: _logs(v)),
    Wrong("softmax_cross_entropy", "p", "not normalised", "p is exp(logits), without the division by the sum.", "", lambda v: np.exp(v.logits)),
    *[Wrong("softmax_cross_entropy_backward", "dlogits", name, says, lesson, formula) for name, says, lesson, formula in (
        ("one-hot forgotten", "dlogits is p / N: the target q is not subtracted.", "p - q.", lambda v: v.dloss * v.p / len(v.p)),
        ("divided by K", "dlogits is divided by the number of classes, not of images.", "", lambda v: v.dloss * (v.p - _q(v)) / v.p.shape[1]),
        ("divided by N K", "dlogits is divided by N K.", "The loss is the mean over the images only.", lambda v: v.dloss * (v.p - _q(v)) / v.p.size),
        ("upstream gradient ignored", "dlogits takes the upstream gradient to be 1.", "It is 1, until somebody scales the loss.", lambda v: (v.p - _q(v)) / len(v.p)),
        ("label smoothing forgotten", "dlogits uses the one-hot labels where the loss smooths them.", "An option of the forward is an option of the backward.", lambda v: v.dloss * (v.p - _q(v, 0)) / len(v.p)),
        ("upstream gradient ignored, not divided by N", "dlogits is p - q alone.", "", lambda v: v.p - _q(v)),
        ("softmax's slope", "dlogits is (p - q) p (1 - p): the softmax is differentiated once more.", "p - q has the softmax in it already.", lambda v: v.dloss * (v.p - _q(v)) * v.p * (1 - v.p) / len(v.p)),
        ("softmax applied twice", "dlogits takes the softmax of p, which is a softmax already.", "", lambda v: v.dloss * (_softmax(v.p) - _q(v)) / len(v.p)),
        ("gradient of the logarithm only", "dlogits is -q / p: the softmax is not gone through.", "", lambda v: -v.dloss * _q(v) / v.p / len(v.p)),
        ("smoothing over the others", "Label smoothing gives nothing to the label's own class.", "", lambda v: v.dloss * (v.p - _others(v)) / len(v.p)))],

    # ---- SGD
    *[Wrong("sgd_step", output, name, says, lesson, lambda v, output=output, step=step: step(v)[output == "velocity"])
      for output in ("value", "velocity") for name, says, lesson, step in (
          ("learning rate inside the velocity", "velocity collects lr g, and value subtracts it as it is.", "Then a change of lr acts on old gradients as well; PyTorch multiplies outside.",
           lambda v: _sgd(v, inside=True)),
          ("gradient damped", "velocity takes (1 - momentum) g.", "That is a mean; here velocity is a sum.", lambda v: _sgd(v, damp=True)),
          ("weight decay after the step", "Weight decay is taken off the value and not added to the gradient, so it never enters the velocity.", "That is decoupled weight decay, as in AdamW.", lambda v: _sgd(v, decoupled=True)),
          ("weight decay forgotten", "weight_decay value is not added to the gradient.", "", lambda v: _sgd(v, decay=0.0)),
          ("weight decay's sign", "weight_decay value is subtracted from the gradient.", "It pulls weights to zero.", lambda v: _sgd(v, decay=-v.weight_decay)),
          ("weight decay on the velocity", "weight decay acts on the velocity, not on the value.", "", lambda v: _sgd(v, on_velocity=True)),
          ("momentum forgotten", "value -= lr g: the velocity is not used.", "", lambda v: _sgd(v, momentum=0.0)),
          ("Nesterov forgotten", "The step is lr velocity, with Nesterov too.", "", lambda v: _sgd(v, nesterov=False)),
          ("Nesterov with the old velocity", "The step looks ahead with the velocity before its update.", "", lambda v: _sgd(v, old=True)),
          ("step uphill", "value += lr velocity.", "Descent goes against the gradient.", lambda v: _sgd(v, sign=-1)),
          ("old velocity used", "value moves by the velocity before its update.", "Update the velocity first.", lambda v: _sgd(v, late=True)),
          ("learning rate forgotten", "value moves by the velocity, not by lr velocity.", "", lambda v: _sgd(v, lr=1.0)))],
    Wrong("sgd_step", "value", "not written in place", "value is not changed: a new array was made.", "value = value - … makes a new array; value -= … or value[...] = … writes into the one that was given.",
          lambda v: v.value),
    Wrong("sgd_step", "velocity", "not written in place", "velocity is not changed: a new array was made.", "velocity = … makes a new array; velocity *= …, velocity += … or velocity[...] = … write into the one that was given.",
          lambda v: v.velocity),

    # ---- pooling
    Wrong("max_pool2d", "y", "padding counted as zero", "The padding takes part as 0: a window of negative values gets 0.", "The padding of a maximum is minus infinity.", lambda v: np.maximum(v.y, 0) if max(v.padding) else v.y),
    Wrong("max_pool2d", "argmax", "argmax of the window", "argmax is the position in its window, not in the image.", "", lambda v: np.zeros_like(v.argmax) - 1),
    Wrong("max_pool2d_backward", "dx", "overlapping windows overwrite", "dx[winner] = dy where it should be dx[winner] += dy.", "NumPy's indexed assignment keeps the last; windows without overlap hide it.", lambda v: _overwritten(v)),
]


def _only_first(v):
    du = np.zeros((len(v.dz), v.height, v.width, v.dz.shape[1]))
    du[:, 0, 0] = v.dz
    return du


def _softmax(a):
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _without_bias(v, *names):
    b1, b2 = (0 if name in names else getattr(v, name, 0) for name in ("b1", "b2"))
    h = np.maximum(v.z @ v.w1.T + b1, 0)
    return dict(h=h, s=F.sigmoid(h @ v.w2.T + b2))


def _se(v, z, y):
    z = v.u.mean(axis=(1, 2)) if z is None else z(v)
    h = _hidden(v, z)
    s = _gates(v, z)
    return dict(y=v.u * _maps(s) if y is None else y(v, s), z=z, h=h, s=s)


def _residual(v, branch, shortcut):
    return _block(v, v.dy * branch(v)) | dict(dx=v.dy * shortcut(v))


def _norm(v, stats, use):
    axis, ddof = stats.get("axis", AXES), stats.get("ddof", 0)
    mean, var = v.x.mean(axis=axis, keepdims=True), v.x.var(axis=axis, keepdims=True, ddof=ddof)
    c = (v.x - mean) / np.sqrt(var + v.eps) if use is None else use(v.x - mean, v, var)
    return dict(y=v.gamma * c + v.beta, mean=np.squeeze(mean), var=np.squeeze(var)) if axis != AXES else dict(
        y=v.gamma * c + v.beta, mean=mean.reshape(-1), var=var.reshape(-1))


def _dx(v, *, k=None, eps=None, xhat=None, m=None, axis=AXES, unbiased=False):
    k = 1 / np.sqrt(v.var + (v.eps if eps is None else eps)) if k is None else k
    c = (v.x - v.mean) * k
    count = np.prod([v.x.shape[i] for i in axis]) if m is None else m
    sums = [(v.dy * f).sum(axis=axis, keepdims=True) / count for f in (1, c)]
    more = count / (count - 1) if unbiased and count > 1 else 1
    return v.gamma * k * (v.dy - sums[0] - (c if xhat is None else xhat) * sums[1] * more)


def _dx_training(v):
    k = 1 / np.sqrt(v.running_var + v.eps)
    c = (v.x - v.running_mean) * k
    return v.gamma * k * (v.dy - v.dy.mean(axis=AXES) - c * (v.dy * c).mean(axis=AXES))


def _others(v):
    e, k = v.label_smoothing, v.p.shape[1]
    return (1 - e) * _one_hot(v) + e / (k - 1) * (1 - _one_hot(v))


def _sgd(v, *, lr=None, momentum=None, decay=None, nesterov=None, sign=1, inside=False, damp=False, decoupled=False, late=False,
         on_velocity=False, old=False):
    lr, m = v.lr if lr is None else lr, v.momentum if momentum is None else momentum
    wd, nesterov = v.weight_decay if decay is None else decay, v.nesterov if nesterov is None else nesterov
    g = v.grad + (0 if decoupled else wd * (v.velocity if on_velocity else v.value))
    step = g * (lr if inside else 1) * ((1 - m) if damp else 1)
    velocity = m * v.velocity + step
    ahead = step + m * (v.velocity if old else velocity) if nesterov else v.velocity if late else velocity
    value = v.value - sign * (1 if inside else lr) * ahead - (lr * wd * v.value if decoupled else 0)
    return value, velocity


def _overwritten(v):
    n, height, width, c = v.x_shape
    dx = np.zeros((n, height * width, c))
    np.put_along_axis(dx, v.argmax.reshape(n, -1, c), v.dy.reshape(n, -1, c), axis=1)
    return dx.reshape(v.x_shape)


# ---- results that are sums -----------------------------------------------------------------------------------------------

def _block_terms(v):
    dy = v.dy * (v.y > 0) if hasattr(v, "x") else v.dy
    whole = _block(v, dy)["du"]
    direct = dy * _maps(v.s)
    return {"s dy, the path through the scale": direct, "dz / (H W), the path through the squeeze": whole - direct}


def _batch_norm_terms(v):
    k = v.gamma / np.sqrt(v.var + v.eps)
    xhat = _xhat(v)
    return {"gamma k dy": k * v.dy, "gamma k mean(dy), the path through the mean": np.broadcast_to(-k * v.dy.mean(axis=AXES), v.x.shape),
            "gamma k xhat mean(dy xhat), the path through the variance": -k * xhat * (v.dy * xhat).mean(axis=AXES)}


def _sgd_value_terms(v):
    ahead = 1 + v.momentum if v.nesterov else 1
    return {"value": v.value, "lr momentum velocity": -v.lr * v.momentum * v.velocity * (v.momentum if v.nesterov else 1),
            "lr grad": -v.lr * v.grad * ahead, "lr weight_decay value": -v.lr * v.weight_decay * v.value * ahead}


TERMS = {
    ("se_block_backward", "du"): _block_terms,
    ("residual_block_backward", "du"): _block_terms,
    ("batch_norm_backward", "dx"): _batch_norm_terms,
    ("batch_norm", "y"): lambda v: {"gamma xhat": v.gamma * _xhat(v), "beta": np.broadcast_to(v.beta, v.x.shape)},
    ("batch_norm_inference", "y"): lambda v: {"gamma xhat": v.gamma * _xhat(v), "beta": np.broadcast_to(v.beta, v.x.shape)},
    ("linear", "y"): lambda v: {"x w^T": v.x @ v.w.T, "b": np.broadcast_to(getattr(v, "b", 0), v.y.shape)},
    ("conv2d", "y"): lambda v: {"the sum over the taps": v.y - getattr(v, "b", 0), "b": np.broadcast_to(getattr(v, "b", 0.0), v.y.shape)},
    ("softmax_cross_entropy_backward", "dlogits"): lambda v: {"p": v.dloss * v.p / len(v.p), "q, the target": -v.dloss * _q(v) / len(v.p)},
    ("sgd_step", "velocity"): lambda v: {"momentum velocity": v.momentum * v.velocity, "grad": v.grad, "weight_decay value": v.weight_decay * v.value},
}
