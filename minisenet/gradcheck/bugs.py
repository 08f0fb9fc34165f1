"""Planted bugs: the mistakes that people make in these passes, each of which the checks must reject.

A checker that has never been seen to fail proves nothing. Every bug below is a wrong backward (or a forward that no longer
fits its backward) of one row of the table, as somebody really writes it: `minisenet gradcheck` plants each of them, runs the
same checks, and says which one caught it.

`BLIND_SPOTS`, at the end, is the other half of the truth: functions that are wrong and whose gradients are right. No
gradient check can see those. The frozen outputs of PyTorch do.
"""
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np

from minisenet import functional as F
from minisenet.functional import fused
from minisenet.gradcheck import signatures
from minisenet.gradcheck.mistakes import TERMS, WRONG
from minisenet.gradcheck.operations import OPERATIONS


@dataclass(frozen=True)
class Bug:
    """A mistake in one operation.

    Attributes
    ----------
    name : str
    operation : str
        The row of the table that it breaks.
    mistake : str
        What is wrong, in one sentence.
    lesson : str
        What there is to learn from it.
    forward, backward : callable or None
        The wrong pass; None keeps the right one.
    """

    name: str
    operation: str
    mistake: str
    lesson: str
    forward: Callable | None = None
    backward: Callable | None = None

    def planted(self):
        """The operation's row, with the bug in it."""
        wrong = {key: value for key in ("forward", "backward") if (value := getattr(self, key))}
        return replace(OPERATIONS[self.operation], **wrong)


def _instead(operation, **changes):
    """The operation's right gradients, with some replaced: name=function of (d, a, out, o, g), g the right gradients."""
    def backward(d, a, out, o):
        right = OPERATIONS[operation].backward(d, a, out, o)
        return right | {name: change(d, a, out, o, right) for name, change in changes.items() if name in right}
    return backward


def _by_table(operation, mistake, *gradients):
    """The operation's backward with a mistake of the tables in `mistakes`: of all gradients that it spoils, or of these."""
    formulas = {entry.output[1:]: entry.formula for entry in WRONG
                if entry.name == mistake and f"{operation}_backward" in entry.functions.split()}

    def backward(d, a, out, o):
        right, v = OPERATIONS[operation].backward(d, a, out, o), SimpleNamespace(**signatures.values(a, o, out, d))
        return right | {name: formulas[name](v) for name in gradients or formulas if name in right}
    return backward


def _without(operation, gradient, *terms):
    """The operation's backward with some terms of a gradient left out, by their numbers in `mistakes.TERMS`."""
    def left(d, a, out, o, right):
        parts = TERMS[f"{operation}_backward", f"d{gradient}"](SimpleNamespace(**signatures.values(a, o, out, d)))
        return sum(part for number, part in enumerate(parts.values()) if number not in terms)
    return _instead(operation, **{gradient: left})


# ---- batch norm --------------------------------------------------------------------------------------------------------

def _batch_norm_unbiased(a, o):
    out = OPERATIONS["batch_norm"].forward(a, o)
    m = a["x"].size // a["x"].shape[3]
    var = out["var"] * m / (m - 1)
    return out | dict(y=F.batch_norm_inference(a["x"], a["gamma"], a["beta"], out["mean"], var, **o), var=var)


# ---- the SE block ------------------------------------------------------------------------------------------------------

def _every_position(value, height, width):
    """(N, C) copied to every position of the maps."""
    return np.broadcast_to(value[:, None, None, :], (len(value), height, width, value.shape[1])).copy()


# ---- the short cuts ----------------------------------------------------------------------------------------------------

def _pad_then_normalise(a, o):
    right = OPERATIONS["conv2d_normalised"].forward
    if "k" not in a:
        return right(a, o)
    p = o["padding"]
    return right(a | dict(x=np.pad(a["x"], ((0, 0), (p, p), (p, p), (0, 0)))), o | dict(padding=0))


def _se_residual_da(with_dz=True, with_means=True):
    """A da that lacks a term."""
    def da(d, a, out, o, right):
        rstd, positions = 1 / np.sqrt(out["var"] + o["eps"]), a["a"][0, ..., 0].size
        means = a["a"].mean(axis=(1, 2)) - out["mean"]
        k = a["gamma"] * rstd
        g, sums, products = fused.gradient_sums(d["y"], a["a"], out["mean"], out["y"])
        ds = k * products + a["beta"] * sums
        squeezed = F.excitation_backward(ds, out["z"], out["h"], out["s"], a["w1"], a["w2"])[0]
        squeezed = squeezed * with_dz
        sums, products = out["s"] * sums + squeezed, out["s"] * products + squeezed * means * with_means
        p, q, r, _, _ = fused.affine_gradient(k, rstd, sums, products, positions, out["s"], squeezed / positions)
        return fused.affine_gradient_map(g, p, q, r, a["a"], out["mean"])
    return da


# ---- pooling, activations ----------------------------------------------------------------------------------------------

def _max_pool_overwrites(d, a, out, o, right):
    n, height, width, c = a["x"].shape
    dx = np.zeros((n, height * width, c))
    np.put_along_axis(dx, out["argmax"].reshape(n, -1, c), d["y"].reshape(n, -1, c), axis=1)
    return dx.reshape(a["x"].shape)


def _max_pool_transposed(d, a, out, o, right):
    n, height, width, c = a["x"].shape
    return F.max_pool2d_backward(d["y"], out["argmax"], (n, width, height, c)).transpose(0, 2, 1, 3)


def _relu_in_place(d, a, out, o):
    d["y"] *= out["y"] > 0
    return dict(x=d["y"])


def _softmax_with(**changed):
    def dlogits(d, a, out, o, right):
        options = dict(dloss=float(d["loss"]), label_smoothing=o["label_smoothing"]) | changed
        return F.softmax_cross_entropy_backward(out["p"], np.array(o["labels"]), **options)
    return dlogits


BUGS = (
    Bug("kernel flipped in dx", "conv2d",
        "dx turns the kernel round once too often: tap (i, j) writes where tap (KH-1-i, KW-1-j) read.",
        "Only a gather over dy turns the kernel round; a scatter goes back the way it came. Symmetric kernels hide it.",
        backward=_by_table("conv2d", "kernel flipped", "x")),
    Bug("stride on the wrong axis", "conv2d", "dx steps down with the horizontal stride and across with the vertical one.",
        "Tests with square strides cannot see it.", backward=_by_table("conv2d", "stride on the wrong axis", "x")),
    Bug("padding on the wrong axis", "conv2d",
        "dx takes the horizontal padding off the rows and the vertical padding off the columns.",
        "Tests with square paddings cannot see it.", backward=_by_table("conv2d", "padding on the wrong axis", "x")),
    Bug("dilation ignored in dw", "conv2d", "dw reads neighbouring pixels for neighbouring taps, whatever the dilation.",
        "Each gradient has to undo every option of the forward; with dilation 1 the shapes and the numbers are right.",
        backward=_by_table("conv2d", "dilation ignored", "w")),
    Bug("groups mixed up", "conv2d", "dx deals output channels to groups like cards (c % groups) instead of in blocks.",
        "With one group, or one channel in each, there is nothing to mix up: test what lies between.",
        backward=_by_table("conv2d", "groups mixed up", "x")),
    Bug("bias gradient misses an axis", "conv2d", "db adds up the first column of the output only.",
        "A parameter that was used at every position gathers from every position.",
        backward=_instead("conv2d", b=lambda d, a, out, o, right: d["y"][:, :, 0].sum(axis=(0, 1)))),
    Bug("float32 inside", "conv2d", "dw is computed in float32 and handed back as float64.",
        "An error of 1e-8 passes every central difference; the complex step is exact enough to see it.",
        backward=_instead("conv2d", w=lambda d, a, out, o, right: right["w"].astype(np.float32).astype(np.float64))),

    Bug("mean term dropped", "batch_norm", "dx leaves out mean(dy): the mean is taken for a constant.",
        "Every x moves the mean, so no change along 1 gets through.", backward=_without("batch_norm", "x", 1)),
    Bug("xhat term dropped", "batch_norm", "dx leaves out xhat mean(dy xhat): the variance is taken for a constant.",
        "Every x moves the variance. With an upstream gradient of ones dx is zero with this term and without it.",
        backward=_without("batch_norm", "x", 2)),
    Bug("statistics taken for constants", "batch_norm", "dx is gamma dy / sqrt(var + eps), as in inference.",
        "Mean and variance are functions of x: whoever differentiates y has to go through them too.",
        backward=_without("batch_norm", "x", 1, 2)),
    Bug("unbiased variance", "batch_norm", "The forward normalises with the variance divided by M - 1, the backward with M.",
        "Biased to normalise, unbiased into running_var: both stand in the same layer.", forward=_batch_norm_unbiased),
    Bug("eps outside the root", "batch_norm", "dx divides by sqrt(var) + eps instead of sqrt(var + eps).",
        "Small where eps is small, and wrong all the same: so draw an eps that matters.",
        backward=_by_table("batch_norm", "eps outside the root", "x")),
    Bug("dgamma from x", "batch_norm_inference", "dgamma is sum(dy x) instead of sum(dy xhat).",
        "A factor's gradient is what it was multiplied with, and gamma met xhat.",
        backward=_by_table("batch_norm_inference", "dgamma from x")),

    Bug("mask turned round", "relu", "dx passes where y <= 0 and is blocked where y > 0.",
        "Half of a random test's elements are right by chance: check single coordinates, not only a sum.",
        backward=_instead("relu", x=lambda d, a, out, o, right: np.where(out["y"] > 0, 0, d["y"]))),
    Bug("mask from dy", "relu", "dx passes where the upstream gradient is positive, not where y is.",
        "The mask belongs to the forward. (As a way to look at networks this mistake has a name: the deconvnet.)",
        backward=_instead("relu", x=lambda d, a, out, o, right: np.where(d["y"] > 0, d["y"], 0))),
    Bug("upstream gradient overwritten", "relu", "dx is right, but it is written over dy.",
        "In a residual block dy goes down the shortcut too, and arrives there already masked.", backward=_relu_in_place),
    Bug("sigmoid's own value", "sigmoid", "dx is dy y instead of dy y (1 - y).",
        "Right to a percent for very negative x: test all of the range.",
        backward=_instead("sigmoid", x=lambda d, a, out, o, right: d["y"] * out["y"])),
    Bug("sigmoid from its input", "sigmoid", "dx is dy x (1 - x): the formula in y, fed with x.",
        "A backward says in its signature whether it wants the input or the output.",
        backward=_instead("sigmoid", x=lambda d, a, out, o, right: d["y"] * a["x"] * (1 - a["x"]))),
    Bug("bias averaged", "linear", "db is the mean of dy over the batch instead of the sum.",
        "The mean over the batch is in the loss already; a batch of one hides it.",
        backward=_instead("linear", b=lambda d, a, out, o, right: d["y"].mean(axis=0))),
    Bug("dw reshaped, not transposed", "linear", "dw is x^T dy, forced into the shape of w.",
        "A reshape makes shapes fit and numbers wrong.",
        backward=_instead("linear", w=lambda d, a, out, o, right: (a["x"].T @ d["y"]).reshape(a["w"].shape))),

    Bug("sum for mean", "squeeze", "du is dz, not dz / (H W), as if the squeeze added up.",
        "Every position had the weight 1 / (H W), so every position gets that share.",
        backward=_instead("squeeze", u=lambda d, a, out, o, right: _every_position(d["z"], *a["u"].shape[1:3]))),
    Bug("height twice", "squeeze", "du is dz / (H H).", "Square maps hide it, and all of the paper's maps are square.",
        backward=_instead("squeeze", u=lambda d, a, out, o, right: right["u"] * a["u"].shape[2] / a["u"].shape[1])),
    Bug("sigmoid forgotten", "excitation", "The backward goes through W2 with ds, not with ds s (1 - s).",
        "Undo every function of the forward, from the last to the first.",
        backward=_by_table("excitation", "sigmoid forgotten")),
    Bug("ReLU forgotten", "excitation", "Dead hidden units get a gradient: dh goes into W1 without the mask h > 0.",
        "With r = 16 and 16 channels there is one hidden unit; whether it is dead is everything.",
        backward=_by_table("excitation", "ReLU forgotten")),
    Bug("mean for sum", "scale", "ds is the mean of dy u over the positions instead of the sum.",
        "One gate met every position, so their gradients add up; the mean belongs to the squeeze.",
        backward=_instead("scale", s=lambda d, a, out, o, right: (d["y"] * a["u"]).mean(axis=(1, 2)))),
    Bug("gates of the first image", "scale", "du uses the gates of image 0 for the whole batch.",
        "Gates are per image, which is the point of the block; a batch of one hides it.",
        backward=_instead("scale", u=lambda d, a, out, o, right: d["y"] * a["s"][:1, None, None, :])),
    Bug("squeeze path dropped", "se_block", "du is s * dy alone: the path through the squeeze, dz / (H W), is missing.",
        "u is used twice, so two gradients arrive at it. The block still trains without the second, only worse.",
        backward=_by_table("se_block", "squeeze path dropped")),
    Bug("squeeze path not shared out", "se_block", "du adds dz at every position instead of dz / (H W).",
        "The two paths have to be on one scale.", backward=_by_table("se_block", "squeeze path not shared out")),

    Bug("mask from u", "add_relu", "du and dx pass where u is positive, not where u + x is.",
        "The ReLU saw the sum: neither of its terms tells where it was open.",
        backward=lambda d, a, out, o: dict.fromkeys(("u", "x"), d["y"] * (a["u"] > 0))),
    Bug("shortcut forgotten", "residual_block", "dx is zero: the gradient goes down the branch only.",
        "x is added, so it gets all that the sum gets; without it a deep network has no direct way back.",
        backward=_instead("residual_block", x=lambda d, a, out, o, right: np.zeros_like(a["x"]))),
    Bug("branch not masked", "residual_block", "The block gets dy instead of dy [y > 0].",
        "The ReLU comes after the sum, so its mask goes down both ways.",
        backward=_by_table("residual_block", "branch not masked")),

    Bug("overlapping windows overwrite", "max_pool2d", "dx[winner] = dy where it should be dx[winner] += dy.",
        "NumPy's indexed assignment keeps the last; windows without overlap hide it.",
        backward=_instead("max_pool2d", x=_max_pool_overwrites)),
    Bug("argmax read as w H + h", "max_pool2d", "dx takes the winner's position apart with the height instead of the width.",
        "Square maps only turn it into a transposition.", backward=_instead("max_pool2d", x=_max_pool_transposed)),
    Bug("padding counted in the backward", "avg_pool2d", "dx divides by the kernel's size where padding was not counted.",
        "Only windows on the border differ.",
        backward=_instead("avg_pool2d", x=lambda d, a, out, o, right: F.avg_pool2d_backward(
            d["y"], a["x"].shape, **(o | dict(count_include_pad=True))))),
    Bug("not divided by N", "softmax_cross_entropy", "dlogits is p - q, without 1 / N.",
        "It trains, with a learning rate N times as large.",
        backward=_instead("softmax_cross_entropy", logits=lambda d, a, out, o, right: right["logits"] * len(o["labels"]))),
    Bug("label smoothing forgotten", "softmax_cross_entropy", "dlogits uses the one-hot labels where the loss smooths them.",
        "An option of the forward is an option of the backward.",
        backward=_instead("softmax_cross_entropy", logits=_softmax_with(label_smoothing=0.0))),
    Bug("upstream gradient ignored", "softmax_cross_entropy", "dlogits takes the upstream gradient to be 1.",
        "It is 1, until somebody scales the loss.",
        backward=_instead("softmax_cross_entropy", logits=_softmax_with(dloss=1.0))),

    Bug("padding normalised too", "conv2d_normalised", "The map is padded before the batch norm and the ReLU, not after.",
        "The convolution's zeros are zeros of what it reads; relu(beta - k mean) is not zero.", forward=_pad_then_normalise),
    Bug("products with the raw map", "conv2d_normalised", "dk is sum(dx a) instead of sum(dx (a - mean)).",
        "A factor's gradient is what it was multiplied with: k met a - mean.",
        backward=_instead("conv2d_normalised", k=lambda d, a, out, o, right: np.sum(right["x"] / a["k"] * a["x"],
                                                                                    axis=(0, 1, 2)))),
    Bug("shortcut not masked", "affine_add", "The shortcut gets dy, though the ReLU comes after the addition.",
        "Where the shortcut joins decides what it gets; before the ReLU it is dy [y > 0].",
        backward=_instead("affine_add", x=lambda d, a, out, o, right: a.get("k_x", 1) * d["y"])),
    Bug("gates see an unmasked dy", "affine_add", "dk is sum(dy (a - mean)) instead of sum(dy [y > 0] (a - mean)).",
        "Fusing three sweeps into one does not remove a step from the derivation.",
        backward=_instead("affine_add", k=lambda d, a, out, o, right: np.sum(
            d["y"] * (a["a"] - a["mean"]), axis=(1, 2) if a["k"].ndim == 2 else (0, 1, 2)))),
    Bug("dz left out of the sweep", "se_residual", "The fused du is s g, without dz / (H W).",
        "The same missing path as in the block, where it is easiest to lose.",
        backward=_instead("se_residual", a=_se_residual_da(with_dz=False))),
    Bug("image means forgotten", "se_residual",
        "sum(du (a - mean)) leaves out dz (mean of the image - mean), as if every image had the batch's mean.",
        "The mean over the batch is zero; times dz, which differs by image, it is not.",
        backward=_instead("se_residual", a=_se_residual_da(with_means=False))),
)


# ---- what a gradient check cannot see ------------------------------------------------------------------------------------

def _zeros_but(a, **gradients):
    return {name: gradients.get(name, np.zeros_like(array)) for name, array in a.items()}


def _max_squeeze(a, o):
    flat = a["u"].reshape(len(a["u"]), -1, a["u"].shape[3])
    winner = flat.real.argmax(axis=1)[:, None, :]
    z = np.take_along_axis(flat, winner, axis=1)[:, 0]
    s, h = F.excitation(z, a["w1"], a["w2"], a.get("b1"), a.get("b2"))
    return dict(y=F.scale(a["u"], s), z=z, h=h, s=s)


def _max_squeeze_backward(d, a, out, o):
    du, ds = F.scale_backward(d["y"], a["u"], out["s"])
    dz, *rest = F.excitation_backward(ds, out["z"], out["h"], out["s"], a["w1"], a["w2"], bias="b1" in a)
    du += dz[:, None, None, :] * (a["u"] == out["z"][:, None, None, :])
    return {name: g for name, g in zip(("u", "w1", "w2", "b1", "b2"), (du, *rest)) if g is not None}


def _relu_before_se(a, o):
    return OPERATIONS["se_block"].forward(a | dict(u=F.relu(a["u"])), o)


def _relu_before_se_backward(d, a, out, o):
    r = F.relu(a["u"])
    gradients = OPERATIONS["se_block"].backward(d, a | dict(u=r), out, o)
    return gradients | dict(u=F.relu_backward(gradients["u"], r))


def _units(o):
    """The hidden units that there are with Linear(C, r), where there should be C / r."""
    return slice(0, o["reduction"])


def _hidden_r(a, o):
    first = dict(w1=a["w1"][_units(o)], w2=a["w2"][:, _units(o)]) | ({"b1": a["b1"][_units(o)]} if "b1" in a else {})
    return OPERATIONS["se_block"].forward(a | first, o)


def _hidden_r_backward(d, a, out, o):
    units = _units(o)
    du, dw1, dw2, db1, db2 = F.se_block_backward(
        d["y"], a["u"], out["z"], out["h"], out["s"], a["w1"][units], a["w2"][:, units], bias="b1" in a)
    gradients = _zeros_but(a, u=du) | ({"b2": db2} if "b2" in a else {})
    gradients["w1"][units], gradients["w2"][:, units] = dw1, dw2
    if "b1" in a:
        gradients["b1"][units] = db1
    return gradients


def _flipped(a):
    return a | dict(w=np.ascontiguousarray(a["w"][:, :, ::-1, ::-1]))


def _conv2d_flipped_backward(d, a, out, o):
    gradients = OPERATIONS["conv2d"].backward(d, _flipped(a), out, o)
    return gradients | dict(w=gradients["w"][:, :, ::-1, ::-1])


def _unbiased_backward(d, a, out, o):
    # var' = var M / (M - 1) gives k' = k (M - 1) / M inside the root: the xhat term is divided by M - 1 instead of M.
    m = a["x"].size // a["x"].shape[3]
    k = 1 / np.sqrt(out["var"] + o["eps"])
    xhat = (a["x"] - out["mean"]) * k
    dbeta, dgamma = d["y"].sum(axis=(0, 1, 2)), (d["y"] * xhat).sum(axis=(0, 1, 2))
    return dict(x=a["gamma"] * k * (d["y"] - dbeta / m - xhat * dgamma / (m - 1)), gamma=dgamma, beta=dbeta)


def _last_maximum(a, o):
    y, argmax = F.max_pool2d(a["x"], **o)
    n, height, width, c = a["x"].shape
    flat, (rows, columns) = a["x"].reshape(n, -1, c), (np.arange(size) for size in y.shape[1:3])
    stride, padding = o["stride"] or o["kernel_size"], o["padding"]
    for i, j in np.ndindex(*o["kernel_size"]):                                     # whoever equals the maximum takes it over
        h, k = (rows * stride[0] + i - padding[0])[:, None], columns * stride[1] + j - padding[1]
        inside = (0 <= h) & (h < height) & (0 <= k) & (k < width)
        here = h.clip(0, height - 1) * width + k.clip(0, width - 1)
        argmax = np.where((flat[:, here] == y) & inside[:, :, None], here[:, :, None], argmax)
    return dict(y=y, argmax=argmax)


def _smooths_others(a, o):
    classes = a["logits"].shape[1]
    loss, p = F.softmax_cross_entropy(a["logits"], np.array(o["labels"]), label_smoothing=_over_others(o, classes))
    return dict(loss=loss, p=p)


def _smooths_others_backward(d, a, out, o):
    smoothing = _over_others(o, a["logits"].shape[1])
    return dict(logits=F.softmax_cross_entropy_backward(out["p"], np.array(o["labels"]), dloss=float(d["loss"]),
                                                        label_smoothing=smoothing))


def _over_others(o, classes):
    """e / (K - 1) on each of the other classes, which is the usual smoothing with e K / (K - 1)."""
    return min(o["label_smoothing"] * classes / (classes - 1), 0.99)


BLIND_SPOTS = (
    Bug("max-pooled squeeze", "se_block", "The squeeze takes the maximum of each map instead of its mean.",
        "Its gradient belongs to it. Eq. (2) is in no gradient check.", _max_squeeze, _max_squeeze_backward),
    Bug("ReLU before the block", "se_block", "The block gets relu(u), where the paper squeezes what batch norm gave it.",
        "Several well-known implementations have it; a network made of right gradients still is another network.",
        _relu_before_se, _relu_before_se_backward),
    Bug("Linear(C, r)", "se_block", "The hidden layer has r units instead of C / r.",
        "With C = 256 and r = 16 both are 16: one more case in which a test with a lucky size says nothing.",
        _hidden_r, _hidden_r_backward),
    Bug("block never called", "se_block", "y is u: the block exists, its parameters are counted, and nothing uses it.",
        "Its parameters' gradients are zero, and zero is right.",
        lambda a, o: OPERATIONS["se_block"].forward(a, o) | dict(y=+a["u"]),
        lambda d, a, out, o: _zeros_but(a, u=d["y"].copy())),
    Bug("squeeze adds up", "squeeze", "z is the sum of each map in the forward, and du is dz in the backward.",
        "Half of it is a planted bug and is caught; both halves agree and are not.",
        lambda a, o: dict(z=a["u"].sum(axis=(1, 2))),
        lambda d, a, out, o: dict(u=_every_position(d["z"], *a["u"].shape[1:3]))),
    Bug("kernel flipped", "conv2d", "A convolution in the mathematician's sense: the kernel is turned round.",
        "It would train as well; only weights from elsewhere would mean nothing to it.",
        lambda a, o: OPERATIONS["conv2d"].forward(_flipped(a), o), _conv2d_flipped_backward),
    Bug("unbiased throughout", "batch_norm", "Forward and backward both normalise with the unbiased variance.",
        "A convention cannot be right or wrong by itself, only the same as everybody's or not.",
        _batch_norm_unbiased, _unbiased_backward),
    Bug("gradient at the kink", "relu", "dx passes where y is exactly 0.",
        "The checks keep away from kinks on purpose, so what happens there has to be tested by itself.",
        backward=_instead("relu", x=lambda d, a, out, o, right: np.where(a["x"] >= 0, d["y"], 0))),
    Bug("last maximum on a tie", "max_pool2d", "Of several equal maxima the last one wins.",
        "The same: ties are kept out of the checks. After a ReLU they are everywhere, all of them zero.",
        forward=_last_maximum),
    Bug("smoothing over the others", "softmax_cross_entropy", "Label smoothing gives nothing to the label's own class.",
        "Both definitions are in use; PyTorch, and the paper it comes from, spread e over all K classes.",
        _smooths_others, _smooths_others_backward),
)
