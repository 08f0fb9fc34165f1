"""Planted bugs: the mistakes that people make in these passes, each of which the checks must reject.

A check that has never failed proves nothing. Every bug below is a wrong backward of one row of the table, or a forward that
no longer fits its backward, as students write it. `minisenet gradcheck` plants each of them, runs the same checks, and says
which one caught it.

`BLIND_SPOTS`, at the end, are wrong functions whose gradients are right. No gradient check can see those. The frozen outputs
of PyTorch do.

The checker shows a bug's sentences to a student who made that mistake: they must be true of the wrong pass alone.
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


# ---- the shortcuts ----------------------------------------------------------------------------------------------------

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


def _offsets_not_added_up(d, a, out, o):
    starts = [0, *(x.shape[3] for x in a.values())]
    return {name: np.roll(d["y"], -start, axis=3)[..., :x.shape[3]] for start, (name, x) in zip(starts, a.items())}


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
        "dx turns the kernel round: tap (i, j) writes where tap (KH-1-i, KW-1-j) should.",
        "A gather over dy turns the kernel round, a scatter does not. Symmetric kernels hide the mistake.",
        backward=_by_table("conv2d", "kernel flipped", "x")),
    Bug("stride on the wrong axis", "conv2d", "dx steps down with the horizontal stride and across with the vertical one.",
        "A test with equal strides cannot see it.", backward=_by_table("conv2d", "stride on the wrong axis", "x")),
    Bug("padding on the wrong axis", "conv2d",
        "dx uses the horizontal padding for the rows and the vertical padding for the columns.",
        "A test with equal paddings cannot see it.", backward=_by_table("conv2d", "padding on the wrong axis", "x")),
    Bug("dilation ignored in dw", "conv2d", "dw reads the pixels as if the dilation were 1.",
        "Each gradient depends on every option of the forward. With dilation 1 the numbers are right.",
        backward=_by_table("conv2d", "dilation ignored", "w")),
    Bug("groups mixed up", "conv2d", "dx puts output channel c into group c % groups, but groups are blocks of channels.",
        "One group, or one channel in each, hides it: test with several channels in several groups.",
        backward=_by_table("conv2d", "groups mixed up", "x")),
    Bug("bias gradient misses an axis", "conv2d", "db adds up the first column of the output only.",
        "The bias is added at every position, so db sums over images, rows and columns.",
        backward=_instead("conv2d", b=lambda d, a, out, o, right: d["y"][:, :, 0].sum(axis=(0, 1)))),
    Bug("float32 inside", "conv2d", "dw is computed in float32 and returned as float64.",
        "An error of 1e-8 passes every central difference. The complex step and the adjoint identity see it.",
        backward=_instead("conv2d", w=lambda d, a, out, o, right: right["w"].astype(np.float32).astype(np.float64))),

    Bug("mean term dropped", "batch_norm", "dx lacks mean(dy): the mean is taken for a constant.",
        "Every x changes the mean too.", backward=_without("batch_norm", "x", 1)),
    Bug("xhat term dropped", "batch_norm", "dx lacks xhat mean(dy xhat): the variance is taken for a constant.",
        "Every x changes the variance too. With dy = 1 everywhere this term is zero: test with a random dy.",
        backward=_without("batch_norm", "x", 2)),
    Bug("statistics taken for constants", "batch_norm", "dx is gamma dy / sqrt(var + eps), as in inference.",
        "Mean and variance are functions of x, so the gradient goes through them too.",
        backward=_without("batch_norm", "x", 1, 2)),
    Bug("unbiased variance", "batch_norm", "The variance is divided by M - 1, not by M.",
        "The biased variance normalises; only running_var gets the unbiased one.", forward=_batch_norm_unbiased),
    Bug("eps outside the root", "batch_norm", "dx divides by sqrt(var) + eps instead of sqrt(var + eps).",
        "The error is small where eps is small: test with a large eps.",
        backward=_by_table("batch_norm", "eps outside the root", "x")),
    Bug("dgamma from x", "batch_norm_inference", "dgamma is sum(dy x) instead of sum(dy xhat).",
        "y = gamma xhat + beta, so gamma gets dy times xhat.",
        backward=_by_table("batch_norm_inference", "dgamma from x")),

    Bug("mask turned round", "relu", "dx is dy where y is 0, and 0 where y > 0.",
        "Every element is wrong unless its dy is 0: check one number by hand.",
        backward=_instead("relu", x=lambda d, a, out, o, right: np.where(out["y"] > 0, 0, d["y"]))),
    Bug("mask from dy", "relu", "dx is dy where dy is positive, not where y is.",
        "The mask belongs to the forward: y > 0. (Deconvnets mask with dy on purpose, to visualise a unit.)",
        backward=_instead("relu", x=lambda d, a, out, o, right: np.where(d["y"] > 0, d["y"], 0))),
    Bug("upstream gradient overwritten", "relu", "dx is right, but it is written over dy.",
        "The caller may need dy again: a second branch, or a test that compares, would read the masked values.",
        backward=_relu_in_place),
    Bug("sigmoid's own value", "sigmoid", "dx is dy y instead of dy y (1 - y).",
        "Below x = -5 the error is under one percent: test the whole range of x.",
        backward=_instead("sigmoid", x=lambda d, a, out, o, right: d["y"] * out["y"])),
    Bug("sigmoid from its input", "sigmoid", "dx is dy x (1 - x): the formula in y, fed with x.",
        "A backward says in its signature whether it gets the input or the output.",
        backward=_instead("sigmoid", x=lambda d, a, out, o, right: d["y"] * a["x"] * (1 - a["x"]))),
    Bug("square forgotten", "tanh", "dx is dy (1 - y) instead of dy (1 - y^2).",
        "At y = 0 and y = 1 both are right: test other values.",
        backward=_instead("tanh", x=lambda d, a, out, o, right: d["y"] * (1 - out["y"]))),
    Bug("bias averaged", "linear", "db is the mean of dy over the batch instead of the sum.",
        "The loss divides by N already. A batch of one hides the mistake.",
        backward=_instead("linear", b=lambda d, a, out, o, right: d["y"].mean(axis=0))),
    Bug("dw reshaped, not transposed", "linear", "dw is x^T dy, forced into the shape of w.",
        "A reshape makes shapes fit and numbers wrong.",
        backward=_instead("linear", w=lambda d, a, out, o, right: (a["x"].T @ d["y"]).reshape(a["w"].shape))),

    Bug("sum for mean", "squeeze", "du is dz, not dz / (H W), as if the squeeze added up.",
        "z is a mean, so every position gets dz / (H W).",
        backward=_instead("squeeze", u=lambda d, a, out, o, right: _every_position(d["z"], *a["u"].shape[1:3]))),
    Bug("height twice", "squeeze", "du is dz / (H H).", "Square maps hide it: test with H != W.",
        backward=_instead("squeeze", u=lambda d, a, out, o, right: right["u"] * a["u"].shape[2] / a["u"].shape[1])),
    Bug("dz shared out", "max_squeeze", "du is dz / (H W) at every position, as if z were a mean.",
        "Only the maximum changes z, so it gets all of dz.",
        backward=_instead("max_squeeze", u=lambda d, a, out, o, right: F.squeeze_backward(d["z"], *a["u"].shape[1:3]) + 0)),
    Bug("slope of another gate", "se_variant", "ds goes back through the sigmoid's slope s (1 - s), whatever the gate is.",
        "Each gate has its own slope: 1 - s^2 for tanh, [s > 0] for the ReLU.",
        backward=lambda d, a, out, o: OPERATIONS["se_variant"].backward(d, a, out, o | dict(gate="sigmoid"))),
    Bug("sigmoid forgotten", "excitation", "ds goes back through W2 without the slope s (1 - s).",
        "Undo every function of the forward, from the last to the first.",
        backward=_by_table("excitation", "sigmoid forgotten")),
    Bug("dead units let through", "excitation", "Dead hidden units (h = 0) get a gradient: nothing stops dh there.",
        "The mask is h > 0. h >= 0 stops nothing: no output of a ReLU is negative.",
        backward=_by_table("excitation", "dead units let through")),
    Bug("mean for sum", "scale", "ds is the mean of dy u over the positions instead of the sum.",
        "One gate scales every position, so their gradients add up; the mean belongs to the squeeze.",
        backward=_instead("scale", s=lambda d, a, out, o, right: (d["y"] * a["u"]).mean(axis=(1, 2)))),
    Bug("gates of the first image", "scale", "du uses the gates of image 0 for the whole batch.",
        "Each image has its own gates: that is the point of the block. A batch of one hides the mistake.",
        backward=_instead("scale", u=lambda d, a, out, o, right: d["y"] * a["s"][:1, None, None, :])),
    Bug("squeeze path dropped", "se_block", "du is s dy alone: the path through the squeeze, dz / (H W), is missing.",
        "u is used twice, so two gradients arrive at it.",
        backward=_by_table("se_block", "squeeze path dropped")),
    Bug("squeeze path not shared out", "se_block", "du adds dz at every position instead of dz / (H W).",
        "z is a mean, so each position gets 1 / (H W) of dz.", backward=_by_table("se_block", "squeeze path not shared out")),

    Bug("path through the gates dropped", "local_se_block", "du is s dy alone: the path through the two convolutions is missing.",
        "u is used twice here too: in the product and by the first convolution.",
        backward=_instead("local_se_block", u=lambda d, a, out, o, right: out["s"] * d["y"])),
    Bug("mask from u", "add_relu", "du and dx are dy where u is positive, not where u + x is.",
        "The ReLU acts on the sum u + x, so the mask is y > 0.",
        backward=lambda d, a, out, o: dict.fromkeys(("u", "x"), d["y"] * (a["u"] > 0))),
    Bug("shortcut forgotten", "residual_block", "dx is zero: the gradient goes into the branch only.",
        "x is one of the two terms of the sum, so it gets the sum's gradient, dy [y > 0].",
        backward=_instead("residual_block", x=lambda d, a, out, o, right: np.zeros_like(a["x"]))),
    Bug("branch not masked", "residual_block", "The block gets dy instead of dy [y > 0].",
        "The ReLU comes after the sum, so the shortcut and the block both get dy [y > 0].",
        backward=_by_table("residual_block", "branch not masked")),

    Bug("offsets not added up", "concat",
        "The channels of map i begin at the size of map i - 1, not at the sum of all sizes before it.",
        "The first two maps are right: test with three.", backward=_offsets_not_added_up),
    Bug("shuffled again", "channel_shuffle", "dx shuffles dy with the same groups once more.",
        "The inverse has K groups, the size of the forward's. Only where G = K are both the same.",
        backward=_instead("channel_shuffle", x=lambda d, a, out, o, right: F.channel_shuffle(d["y"], o["groups"]))),
    Bug("drawn again on the way back", "shake", "The backward draws its own weights.",
        "That is Shake-Shake as it trains, and no gradient. A gradient check needs the same weights in both passes.",
        backward=lambda d, a, out, o: dict(zip(("u1", "u2"), F.shake_backward(d["y"], a["alpha"][::-1] ** 2)))),
    Bug("one weight for both", "shake", "du2 is beta dy, as du1 is.",
        "The second branch's weight is 1 - beta. With beta = 0.5 both are equal.",
        backward=lambda d, a, out, o: dict.fromkeys(("u1", "u2"), F.shake_backward(d["y"], a["alpha"])[0])),
    Bug("another mask", "dropout", "dx uses a mask that was drawn anew.",
        "What the forward set to 0 gets no gradient: both passes need one mask.",
        backward=_instead("dropout", x=lambda d, a, out, o, right: F.dropout(d["y"], o["p"], seed=o["seed"],
                                                                             step=o["step"] + 1)[0])),
    Bug("mask without its scale", "dropout", "dx is dy where x was kept, without the factor 1 / (1 - p).",
        "y = m x, and m is 1 / (1 - p), not 1. With p = 0.5 dx is half of what it should be.",
        backward=_instead("dropout", x=lambda d, a, out, o, right: d["y"] * (out["mask"] > 0))),
    Bug("overlapping windows overwrite", "max_pool2d", "A pixel that several windows picked keeps only the last one's dy.",
        "In NumPy dx[index] = dy keeps the last value, and so does dx[index] += dy. np.add.at adds them all. "
        "Windows without overlap hide it.",
        backward=_instead("max_pool2d", x=_max_pool_overwrites)),
    Bug("argmax read as w H + h", "max_pool2d", "dx splits the winner's position by the height instead of the width.",
        "argmax is h W + w. Square maps hide it: test with H != W.", backward=_instead("max_pool2d", x=_max_pool_transposed)),
    Bug("padding counted in the backward", "avg_pool2d", "dx divides by the kernel's size, though the padding is not counted.",
        "Only windows on the border differ: test with padding.",
        backward=_instead("avg_pool2d", x=lambda d, a, out, o, right: F.avg_pool2d_backward(
            d["y"], a["x"].shape, **(o | dict(count_include_pad=True))))),
    Bug("not divided by N", "softmax_cross_entropy", "dlogits is p - q, without 1 / N.",
        "The loss is a mean over N images. Plain SGD then takes steps N times as large.",
        backward=_instead("softmax_cross_entropy", logits=lambda d, a, out, o, right: right["logits"] * len(o["labels"]))),
    Bug("label smoothing forgotten", "softmax_cross_entropy", "dlogits uses the one-hot labels, without label_smoothing.",
        "The forward's loss uses q = (1 - e) onehot + e / K, so dlogits is p - q with the same q.",
        backward=_instead("softmax_cross_entropy", logits=_softmax_with(label_smoothing=0.0))),
    Bug("upstream gradient ignored", "softmax_cross_entropy", "dlogits takes the upstream gradient to be 1.",
        "dlogits = dloss (p - q) / N. dloss is 1 until you scale the loss.",
        backward=_instead("softmax_cross_entropy", logits=_softmax_with(dloss=1.0))),

    Bug("padding normalised too", "conv2d_normalised", "The map is padded before the batch norm and the ReLU, not after.",
        "The padding is zero in what the convolution reads. After the batch norm, a zero is relu(beta - k mean).",
        forward=_pad_then_normalise),
    Bug("products with the raw map", "conv2d_normalised", "dk is sum(dx a) instead of sum(dx (a - mean)).",
        "k multiplies a - mean, so its gradient is dy times a - mean.",
        backward=_instead("conv2d_normalised", k=lambda d, a, out, o, right: np.sum(right["x"] / a["k"] * a["x"],
                                                                                    axis=(0, 1, 2)))),
    Bug("shortcut not masked", "affine_add", "The shortcut gets dy, though the ReLU comes after the addition.",
        "The shortcut joins before the ReLU, so it gets dy [y > 0].",
        backward=_instead("affine_add", x=lambda d, a, out, o, right: a.get("k_x", 1) * d["y"])),
    Bug("unmasked dy for the gates", "affine_add", "dk is sum(dy (a - mean)) instead of sum(dy [y > 0] (a - mean)).",
        "One pass instead of three does not remove a step from the derivation.",
        backward=_instead("affine_add", k=lambda d, a, out, o, right: np.sum(
            d["y"] * (a["a"] - a["mean"]), axis=(1, 2) if a["k"].ndim == 2 else (0, 1, 2)))),
    Bug("dz left out of the sweep", "se_residual", "The fused du is s g, without dz / (H W).",
        "The block's path through the squeeze is missing, in its fused version.",
        backward=_instead("se_residual", a=_se_residual_da(with_dz=False))),
    Bug("image means forgotten", "se_residual",
        "sum(du (a - mean)) lacks dz (mean of the image - mean), as if every image had the batch's mean.",
        "These differences add up to zero over the batch. Times dz, which differs by image, they do not.",
        backward=_instead("se_residual", a=_se_residual_da(with_means=False))),
)


# ---- what a gradient check cannot see ------------------------------------------------------------------------------------

def _zeros_but(a, **gradients):
    return {name: gradients.get(name, np.zeros_like(array)) for name, array in a.items()}


def _max_squeeze(a, o):
    return OPERATIONS["se_variant"].forward(a, o | dict(kind="max"))


def _max_squeeze_backward(d, a, out, o):
    return OPERATIONS["se_variant"].backward(d, a, out, o | dict(kind="max"))


def _every_maximum(d, a, out, o, right):
    return d["z"][:, None, None, :] * (a["u"] == out["z"][:, None, None, :])


def _relu_before_se(a, o):
    return OPERATIONS["se_block"].forward(a | dict(u=F.relu(a["u"])), o)


def _relu_before_se_backward(d, a, out, o):
    r = F.relu(a["u"])
    gradients = OPERATIONS["se_block"].backward(d, a | dict(u=r), out, o)
    return gradients | dict(u=F.relu_backward(gradients["u"], r))


def _units(o):
    """The hidden units of Linear(C, r), where C / r are right."""
    return slice(0, o["reduction"])


def _hidden_r(a, o):
    first = dict(w1=a["w1"][_units(o)], w2=a["w2"][:, _units(o)]) | ({"b1": a["b1"][_units(o)]} if "b1" in a else {})
    return OPERATIONS["se_block"].forward(a | first, o)


def _hidden_r_backward(d, a, out, o):
    units = _units(o)
    du, dw1, dw2, db1, db2 = F.se_block_backward(d["y"], a["u"], out["z"], out["h"], out["s"], a["w1"][units], a["w2"][:, units],
                                                 bias="b1" in a)
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
    for i, j in np.ndindex(*o["kernel_size"]):                                     # an equal value replaces the winner so far
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
        "The gradient of a maximum is right. No gradient check knows eq. (2).", _max_squeeze, _max_squeeze_backward),
    Bug("ReLU before the block", "se_block", "The block gets relu(u). In SE-ResNet it gets what batch norm returns.",
        "Right gradients do not make it the same network.",
        _relu_before_se, _relu_before_se_backward),
    Bug("Linear(C, r)", "se_block", "The hidden layer has r units instead of C / r.",
        "With C = 256 and r = 16 both are 16: a test with these sizes sees nothing.",
        _hidden_r, _hidden_r_backward),
    Bug("block never called", "se_block", "y is u: the block's parameters are counted, and its gates are not used.",
        "Its parameters' gradients are zero, which is right for this forward.",
        lambda a, o: OPERATIONS["se_block"].forward(a, o) | dict(y=+a["u"]),
        lambda d, a, out, o: _zeros_but(a, u=d["y"].copy())),
    Bug("squeeze adds up", "squeeze", "z is the sum of each map, and du is dz at every position.",
        "One half alone is the planted bug above, which is caught. Both halves agree.",
        lambda a, o: dict(z=a["u"].sum(axis=(1, 2))),
        lambda d, a, out, o: dict(u=_every_position(d["z"], *a["u"].shape[1:3]))),
    Bug("kernel flipped", "conv2d", "The kernel is turned round: a convolution in the mathematical sense.",
        "It trains as well. Weights from another framework do not fit it.",
        lambda a, o: OPERATIONS["conv2d"].forward(_flipped(a), o), _conv2d_flipped_backward),
    Bug("unbiased throughout", "batch_norm", "Forward and backward both normalise with the unbiased variance.",
        "The two agree with each other, and with no other library: the biased variance normalises.",
        _batch_norm_unbiased, _unbiased_backward),
    Bug("gradient at the kink", "relu", "dx is dy where x is exactly 0.",
        "The checks avoid kinks on purpose, so a kink needs a test of its own.",
        backward=_instead("relu", x=lambda d, a, out, o, right: np.where(a["x"] >= 0, d["y"], 0))),
    Bug("last maximum on a tie", "max_pool2d", "Of several equal maxima the last one wins.",
        "The checks avoid ties too. After a ReLU many windows have ties of zeros.",
        forward=_last_maximum),
    Bug("every maximum on a tie", "max_squeeze", "Each of several equal maxima gets the whole dz.",
        "After a ReLU a map may be 0 everywhere, and dz would then be multiplied by H W.",
        backward=_instead("max_squeeze", u=_every_maximum)),
    Bug("smoothing over the others", "softmax_cross_entropy", "Label smoothing shares e out among the other K - 1 classes.",
        "Both definitions are in use. PyTorch, and the paper it comes from, spread e over all K classes.",
        _smooths_others, _smooths_others_backward),
)
