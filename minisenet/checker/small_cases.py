"""Cases that are small enough to be read, and that shrink one dimension at a time.

The cases of `cases.py` enter every path of a kernel. These are for the eye. A few integers, its sizes, describe each case;
smaller means simpler. So a wrong answer can be led back to the smallest input on which it is wrong. An option counts as a
size too: a stride of 2 is larger than one of 1, and a bias is larger than no bias.

    SMALL_CASES["scale"].sizes                          n, height, width, c: each with its smallest and its largest value
    SMALL_CASES["scale"].case(sizes, rng, "integers")   the arrays of a case with these sizes
"""
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from minisenet.functional import sigmoid
from minisenet.functional.convolution import output_size
from minisenet.gradcheck.cases import Case

MAPS = 3                                        # of a concatenation: with two, offsets need not be added up
KINDS = ("integers", "tenths", "reals")         # the values of a case: a pencil's first, then what float32 cannot hold


@dataclass(frozen=True)
class SmallCases:
    """How the small cases of an operation are made.

    Attributes
    ----------
    sizes : dict
        Name -> (smallest, largest).
    fill : callable
        `fill(sizes, number) -> (arrays, options)`, where `number(*shape)` draws values.
    fits : callable
        `fits(sizes)`: whether such a case exists.
    smooth : callable
        `smooth(arrays, options)`: whether the case keeps away from every kink.
    """

    sizes: dict
    fill: Callable
    fits: Callable = lambda sizes: True
    smooth: Callable = lambda arrays, options: True

    def case(self, sizes, rng, kind="reals", tries=60):
        """A case with these sizes; None if none was found that keeps away from the kinks."""
        for _ in range(tries):
            arrays, options = self.fill(sizes, lambda *shape: numbers(rng, shape, kind))
            if self.smooth(arrays, options):
                return Case(arrays, options)
        return None

    def equal(self, options):
        """The same with one number for both axes: the sizes `stride_height` and `stride_width` become one, `stride`."""
        sides = {f"{name}_{side}": name for name in options for side in ("height", "width")}

        def both(sizes):
            return sizes | {side: sizes[name] for side, name in sides.items()}
        return replace(self, sizes={sides.get(name, name): bounds for name, bounds in self.sizes.items()},
                       fill=lambda sizes, number: self.fill(both(sizes), number), fits=lambda sizes: self.fits(both(sizes)))


def numbers(rng, shape, kind):
    """Integers for a pencil, values with one decimal (float32 cannot hold 0.3), or any real numbers."""
    if kind == "integers":
        return rng.choice([-3.0, -2, -1, 1, 2, 3, 4, 5], shape)
    if kind == "tenths":
        return rng.choice([-21, -13, -9, -4, 3, 7, 12, 17, 26], shape) / 10
    return rng.standard_normal(shape)


def _sizes(names="", **more):
    usual = dict(n=(1, 3), height=(1, 4), width=(1, 4), c=(1, 4))
    return {name: usual[name] for name in names.split()} | more


# ---- convolution -------------------------------------------------------------------------------------------------------

def _conv2d(s, number):
    arrays = dict(x=number(s["n"], s["height"], s["width"], s["groups"] * s["c"]),
                  w=number(s["groups"] * s["c_out"], s["c"], s["kernel_height"], s["kernel_width"]))
    if s["bias"]:
        arrays["b"] = number(len(arrays["w"]))
    return arrays, _pairs(s) | dict(groups=s["groups"])


def _pairs(s):
    return {name: (s[f"{name}_height"], s[f"{name}_width"]) for name in ("stride", "padding", "dilation")}


def _conv2d_fits(s):
    return all(output_size(s[side], *(s[f"{name}_{side}"] for name in ("kernel", "stride", "padding", "dilation"))) >= 1
               for side in ("height", "width"))


# ---- pooling -----------------------------------------------------------------------------------------------------------

def _window(s):
    return dict(kernel_size=(s["kernel_height"], s["kernel_width"]), padding=(s["padding_height"], s["padding_width"]),
                stride=None if s["default_stride"] else (s["stride_height"], s["stride_width"]), ceil_mode=bool(s["ceil"]))


def _pooling_fits(s):
    return all(s[f"padding_{side}"] <= s[f"kernel_{side}"] // 2 and s[side] + 2 * s[f"padding_{side}"] >= s[f"kernel_{side}"]
               for side in ("height", "width"))


def _ranks(s, number):
    """Maps of integers of both signs, and all different."""
    ranks = np.argsort(np.argsort(_maps(s, number).ravel(), kind="stable")).reshape(s["n"], s["height"], s["width"], s["c"])
    return ranks - float(ranks.size // 2)


def _max_pool2d(s, number):
    return dict(x=_ranks(s, number)), _window(s)


_POOLING = _sizes("n", height=(1, 5), width=(1, 5), c=(1, 3), kernel_height=(1, 3), kernel_width=(1, 3),
                  stride_height=(1, 3), stride_width=(1, 3), padding_height=(0, 1), padding_width=(0, 1), ceil=(0, 1),
                  default_stride=(0, 1))


# ---- the block ---------------------------------------------------------------------------------------------------------

def _weights(s, number):
    """W1 and W2 for C = `c` channels and C // r hidden units, with biases if `bias` is 1; with `far`, exp(W2 h) overflows."""
    c, hidden = s["c"], s["c"] // s["r"]
    biases = dict(b1=number(hidden), b2=number(c)) if s.get("bias") else {}
    w1, w2 = number(hidden, c), number(c, hidden)
    return dict(w1=w1, w2=np.abs(w2) * 1e5 if s["far"] else w2 / 2) | biases


def _off_the_kink(arrays, options):
    z = arrays["z"] if "z" in arrays else arrays["u"].mean(axis=(1, 2))
    a1 = z @ arrays["w1"].T + arrays.get("b1", 0)
    a2 = np.maximum(a1, 0) @ arrays["w2"].T
    size = np.abs(a2)
    return np.abs(a1).min() > 0.05 and np.all((size < 12) | (size > 800))        # nor where the sigmoid is nearly flat


def _variant_off_the_kinks(arrays, options):
    u, maximum = arrays["u"], options["kind"] == "max"
    z = u.max(axis=(1, 2)) if maximum else u.mean(axis=(1, 2))
    if not _off_the_kink(arrays | dict(z=z), options) or maximum and ((u == z[:, None, None]).sum(axis=(1, 2)) > 1).any():
        return False
    a2 = np.maximum(z @ arrays["w1"].T + arrays.get("b1", 0), 0) @ arrays["w2"].T + arrays.get("b2", 0)
    return options["gate"] != "relu" or np.abs(a2).min() > 0.05


def _residual_smooth(arrays, options):
    if not _off_the_kink(arrays, options):
        return False
    h = np.maximum(arrays["u"].mean(axis=(1, 2)) @ arrays["w1"].T, 0)
    s = sigmoid(h @ arrays["w2"].T)
    return np.abs(arrays["u"] * s[:, None, None] + arrays["x"]).min() > 0.02


def _maps(s, number):
    return number(s["n"], s["height"], s["width"], s["c"])


def _batch_norm(s, number):
    return (dict(x=_maps(s, number), gamma=number(s["c"]), beta=number(s["c"])),
            dict(eps=(1e-5, 1e-3, 0.5)[s["eps"]]))


def _batch_norm_inference(s, number):
    arrays, options = _batch_norm(s, number)
    return arrays | dict(running_mean=number(s["c"]), running_var=np.abs(number(s["c"]))), options


def _varies(arrays, options):
    return arrays["x"].var(axis=(0, 1, 2)).min() > 0.1


def _spread(arrays, options):
    return np.abs(arrays["x"]).min() > 0.02


def _elements(s, number):
    """Where `far` is 1, most of them beyond 710, where exp overflows in float64."""
    return dict(x=_maps(s, number) * (1, 800)[s.get("far", 0)]), {}


def _softmax_cross_entropy(s, number):
    n, k = s["n"], s["k"]
    logits = number(n, k) * (1, 400)[s["far"]]
    labels = [int(label) for label in np.abs(number(n) * 7).astype(int) % k]
    return dict(logits=logits), dict(labels=labels, label_smoothing=(0.0, 0.2)[s["smoothing"]])


def _sgd_step(s, number):
    return (dict(value=number(s["size"]), grad=number(s["size"]), velocity=number(s["size"])),
            dict(lr=0.3, momentum=(0.9, 0.0)[s["momentum"]], weight_decay=(0.0, 0.4)[s["weight_decay"]],
                 nesterov=bool(s["nesterov"])))


def _local_off_the_kink(arrays, options):
    u = arrays["u"]
    return _off_the_kink(arrays | dict(z=u.reshape(-1, u.shape[3])), options)


def _concat(s, number):
    return {f"x{i}": number(s["n"], s["height"], s["width"], s[f"c{i}"]) for i in range(1, MAPS + 1)}, {}


def _shake(s, number):
    return dict(u1=_maps(s, number), u2=_maps(s, number), alpha=np.abs(number(s["n"])) / 7), {}


def _dropout(s, number):
    return dict(x=number(s["n"], s["c"])), dict(p=(0.5, 0.2)[s["kept"]], seed=int(np.abs(number(1)[0]) * 10), step=0)


SMALL_CASES = {
    "conv2d": SmallCases(dict(n=(1, 3), height=(1, 5), width=(1, 5), c=(1, 3), c_out=(1, 3), kernel_height=(1, 3),
                         kernel_width=(1, 3), stride_height=(1, 3), stride_width=(1, 3), padding_height=(0, 2),
                         padding_width=(0, 2), dilation_height=(1, 2), dilation_width=(1, 2), groups=(1, 3), bias=(0, 1)),
                    _conv2d, _conv2d_fits),
    "batch_norm": SmallCases(_sizes("n height width c", eps=(0, 2)), _batch_norm,
                        lambda s: s["n"] * s["height"] * s["width"] > 2, _varies),       # with two values xhat is +-1, dx 0
    "batch_norm_inference": SmallCases(_sizes("n height width c", eps=(0, 2)), _batch_norm_inference),
    "relu": SmallCases(_sizes("n height width c", far=(0, 1)), _elements, smooth=_spread),
    "sigmoid": SmallCases(_sizes("n height width c", far=(0, 1)), _elements),
    "tanh": SmallCases(_sizes("n height width c", far=(0, 1)), _elements),
    "max_squeeze": SmallCases(_sizes("n height width c"), lambda s, number: (dict(u=_ranks(s, number)), {})),
    "local_se_block": SmallCases(_sizes("n height width", c=(1, 6), r=(1, 3), bias=(0, 1), far=(0, 1)), lambda s, number: (
        dict(u=_maps(s, number)) | _weights(s, number), dict(reduction=s["r"])),
        lambda s: s["r"] <= s["c"], _local_off_the_kink),
    "concat": SmallCases(_sizes("n height width", c1=(1, 3), c2=(1, 3), c3=(1, 3)), _concat),
    "channel_shuffle": SmallCases(_sizes("n height width", each=(1, 3), number=(1, 3)), lambda s, number: (
        dict(x=number(s["n"], s["height"], s["width"], s["each"] * s["number"])), dict(groups=s["number"]))),
    "shake": SmallCases(_sizes("n height width c"), _shake),
    "dropout": SmallCases(_sizes("n c", kept=(0, 1)), _dropout),
    "linear": SmallCases(_sizes("n", inputs=(1, 4), outputs=(1, 4), bias=(0, 1)), lambda s, number: (
        dict(x=number(s["n"], s["inputs"]), w=number(s["outputs"], s["inputs"]))
        | (dict(b=number(s["outputs"])) if s["bias"] else {}), {})),
    "squeeze": SmallCases(_sizes("n height width c"), lambda s, number: (dict(u=_maps(s, number)), {})),
    "excitation": SmallCases(_sizes("n", c=(1, 6), r=(1, 3), bias=(0, 1), far=(0, 1)), lambda s, number: (
        dict(z=number(s["n"], s["c"])) | _weights(s, number), dict(reduction=s["r"])),
        lambda s: s["r"] <= s["c"], _off_the_kink),
    "scale": SmallCases(_sizes("n height width c"), lambda s, number: (
        dict(u=_maps(s, number), s=number(s["n"], s["c"])), {})),
    "se_block": SmallCases(_sizes("n height width", c=(1, 6), r=(1, 3), bias=(0, 1), far=(0, 1)), lambda s, number: (
        dict(u=_maps(s, number)) | _weights(s, number), dict(reduction=s["r"])),
        lambda s: s["r"] <= s["c"], _off_the_kink),
    "se_variant": SmallCases(_sizes("n height width", c=(1, 6), r=(1, 3), bias=(0, 1), maximum=(0, 1), gate=(0, 2), far=(0, 1)), lambda s, number: (
        dict(u=_maps(s, number)) | _weights(s, number),
        dict(reduction=s["r"], kind=("avg", "max")[s["maximum"]], gate=("sigmoid", "tanh", "relu")[s["gate"]])),
        lambda s: s["r"] <= s["c"], _variant_off_the_kinks),
    "add_relu": SmallCases(_sizes("n height width c"), lambda s, number: (
        dict(u=_maps(s, number), x=_maps(s, number)), {}),
        smooth=lambda arrays, options: np.abs(arrays["u"] + arrays["x"]).min() > 0.02),
    "residual_block": SmallCases(_sizes("n height width", c=(1, 6), r=(1, 3), far=(0, 1)), lambda s, number: (
        dict(u=_maps(s, number), x=_maps(s, number)) | _weights(s, number), dict(reduction=s["r"])),
        lambda s: s["r"] <= s["c"], _residual_smooth),
    "max_pool2d": SmallCases(_POOLING, _max_pool2d, _pooling_fits),
    "avg_pool2d": SmallCases(_POOLING | dict(without_padding=(0, 1)), lambda s, number: (
        dict(x=_maps(s, number)), _window(s) | dict(count_include_pad=not s["without_padding"])), _pooling_fits),
    "softmax_cross_entropy": SmallCases(_sizes("n", k=(2, 5), smoothing=(0, 1), far=(0, 1)), _softmax_cross_entropy),
    "sgd_step": SmallCases(dict(size=(1, 4), momentum=(0, 1), weight_decay=(0, 1), nesterov=(0, 1)), _sgd_step),
}
