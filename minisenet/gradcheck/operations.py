"""The table of operations: one row for each forward and backward pair. Every proof of a gradient loops over it.

`minisenet gradcheck`, the Hypothesis tests, the kernel tests, the comparison with PyTorch and the frozen file all use
`OPERATIONS`. A new operation needs one row here, one function that draws a case (`cases.py`) and one expression in PyTorch
(`minisenet/reference/operations.py`).
"""
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minisenet import arguments
from minisenet import functional as F
from minisenet.backend.values import deferring
from minisenet.functional import fused
from minisenet.functional.deferred import Gradient, Map
from minisenet.gradcheck import cases, residual_block, signatures


@dataclass(frozen=True)
class Operation:
    """One row: a forward, its backward, and their properties.

    Attributes
    ----------
    name : str
    section, equation : str
        The place in the paper: a pytest marker such as "section_3_1", and an equation such as "eq. (2)".
    functions : tuple of str
        The public functions that this row covers.
    forward : callable
        `forward(arrays, options) -> outputs`, a dict by name.
    backward : callable
        `backward(upstream, arrays, outputs, options) -> gradients`. `upstream` is a dict with an upstream gradient for each
        of the `differentiable` outputs. The result is a dict with a gradient for each array of the case but the constants.
    draw : callable
        `draw(pick, rng) -> Case`, see `cases.py`.
    differentiable : tuple of str
        The outputs that a loss may depend on. The others (argmax, batch statistics) are only for the backward.
    linear_in : tuple of str
        The outputs are affine in each of these arrays while the others are fixed.
    constants : tuple of str
        Arrays without a gradient.
    terms : callable or None
        For a sum of products: `terms(case, outputs)` is a dict by name with the number of products that each output and each
        gradient adds up. It bounds the rounding error of float32.
    """

    name: str
    section: str
    equation: str
    functions: tuple
    forward: Callable
    backward: Callable
    draw: Callable
    differentiable: tuple = ("y",)
    linear_in: tuple = ()
    constants: tuple = ()
    terms: Callable | None = None

    def inputs(self, case):
        """The names of the case's arrays that have a gradient."""
        return [name for name in case.arrays if name not in self.constants]

    def upstream(self, outputs, rng):
        """A random upstream gradient for each output. With ones a batch norm's dx is 0, even by a wrong formula."""
        return {name: rng.standard_normal(np.shape(outputs[name])) for name in self.differentiable}


def _pair(name, section, equation, draw, *, also=(), home=F, **more):
    """The row of `name` and `name`_backward, two functions of `home` whose signatures follow the rules of `signatures`."""
    def forward(a, o):
        return signatures.results(getattr(home, name), signatures.values(a, o))

    def backward(d, a, out, o):
        found = signatures.results(getattr(home, f"{name}_backward"), signatures.values(a, o, out, d))
        return _given(a, {gradient[1:]: value for gradient, value in found.items()})

    functions = (name, f"{name}_backward", *also) if home is F else ()
    return Operation(name, section, equation, functions, forward, backward, draw, **more)


def _given(arrays, gradients):
    """Drop the gradients of absent arrays, which must be None."""
    for name, gradient in gradients.items():
        if name not in arrays and gradient is not None:
            raise AssertionError(f"the gradient of {name} must be None because {name} was not given, got an array")
    return {name: gradient for name, gradient in gradients.items() if name in arrays}


# ---- the number of products that each output and each gradient adds up ---------------------------------------------------

def _conv2d_terms(case, out):
    c_out, per_group, *kernel = case.arrays["w"].shape
    taps, positions = kernel[0] * kernel[1], out["y"].size // c_out
    return dict(y=taps * per_group + 1, x=taps * c_out // case.options["groups"], w=positions, b=positions)


def _linear_terms(case, out):
    c_out, c_in = case.arrays["w"].shape
    images = len(case.arrays["x"])
    return dict(y=c_in + 1, x=c_out, w=images, b=images)


def _squeeze_terms(case, out):
    return dict(z=case.arrays["u"].size // out["z"].size + 1, u=1)


def _scale_terms(case, out):
    return dict(y=1, u=1, s=case.arrays["u"].size // case.arrays["s"].size)


def _avg_pool2d_terms(case, out):
    window = case.options["kernel_size"][0] * case.options["kernel_size"][1]
    return dict(y=window + 1, x=window + 1)


# ---- the fused passes, which have their own signatures ------------------------------------------------------------------

def _spread(shape, least, most, dtype):
    """Numbers from `least` to `most`, shuffled so that a mistake in the order shows."""
    size = int(np.prod(shape))
    return np.linspace(least, most, size)[np.arange(size) * 7919 % size].reshape(shape).astype(dtype)


def _conv2d_normalised(a, o):
    y, means, squares = fused.conv2d_normalised(a["x"], a["w"], a.get("mean"), a.get("k"), a.get("beta"), **o)
    return dict(y=y, means=means, squares=squares)


def _conv2d_normalised_backward(d, a, out, o):
    # The backward's upstream gradient is p g + q - r (y - mean_y). We choose g so that this equals d["y"].
    dy, y, mean_y = d["y"], out["y"], out["means"].mean(axis=0)
    each = out["means"].shape
    spreads = ((each, 0.5, 2), (each, -1, 1), (each[1:], -1, 1))
    p, q, r = (_spread(shape, least, most, dy.dtype) for shape, least, most in spreads)
    g = (dy - q[:, None, None] + r * (y - mean_y)) / p[:, None, None]
    plus = _spread(a["x"].shape, -1, 1, dy.dtype)
    dx, dw, sums, products = fused.conv2d_normalised_backward(g, a["x"], a["w"], a.get("mean"), a.get("k"), a.get("beta"), y,
                                                              mean_y, p, q, r, None if "k" in a else plus, **o)
    if "k" not in a:
        return dict(x=dx - plus, w=dw)
    return dict(x=a["k"] * dx, w=dw, mean=-a["k"] * sums.sum(axis=0), k=products.sum(axis=0), beta=sums.sum(axis=0))


def _affine_add(a, o):
    names = ("a", "mean", "k", "beta", "x", "mean_x", "k_x", "beta_x")
    return dict(y=fused.affine_add(*(a.get(name) for name in names), **o))


def _affine_add_backward(d, a, out, o):
    g, sums, products = fused.gradient_sums(d["y"], a["a"], a["mean"], out["y"] if o["relu"] else None)
    k, each = (a["k"][:, None, None], lambda sums: sums) if a["k"].ndim == 2 else (a["k"], lambda sums: sums.sum(axis=0))
    gradients = dict(a=k * g, mean=-(a["k"] * sums).sum(axis=0), k=each(products), beta=each(sums))
    if "k_x" in a:
        _, sums, products = fused.gradient_sums(g, a["x"], a["mean_x"])
        return gradients | dict(x=a["k_x"] * g, mean_x=-a["k_x"] * sums.sum(axis=0), k_x=products.sum(axis=0),
                                beta_x=sums.sum(axis=0))
    return gradients | ({"x": g} if "x" in a else {})


# The end of a residual block with deferred values: the rules of the fused backend, run here on every backend and in complex.

def _map(x):
    return Map(*arguments.arrays(x=(x, 4)))


@deferring()
def _se_residual(a, o):
    u, mean, var = F.batch_norm(_map(a["a"]), a["gamma"], a["beta"], **o)
    gated, z, h, s = F.se_block(u, a["w1"], a["w2"])
    return dict(y=F.add_relu(gated, a["x"]).form(), mean=mean, var=var, z=z, h=h, s=s)


@deferring()
def _se_residual_backward(d, a, out, o):
    x = _map(a["a"])
    u, mean, _ = F.batch_norm(x, a["gamma"], a["beta"], **o)
    du, dx = F.add_relu_backward(Gradient(*arguments.arrays(dy=(d["y"], 4))), out["y"])
    du, dw1, dw2, _, _ = F.se_block_backward(du, u, out["z"], out["h"], out["s"], a["w1"], a["w2"])
    da, dgamma, dbeta = F.batch_norm_backward(du, x, a["gamma"], mean, out["var"], **o)
    return dict(a=da.form(), gamma=dgamma, beta=dbeta, w1=dw1, w2=dw2, x=dx.form())


# ---- the table ---------------------------------------------------------------------------------------------------------

_ROWS = (
    _pair("conv2d", "section_3", "eq. (1)", cases.conv2d, also=("conv2d_backward_input", "conv2d_backward_weight"),
          linear_in=("x", "w", "b"), terms=_conv2d_terms),
    _pair("batch_norm", "section_5", "Ioffe and Szegedy 2015", cases.batch_norm, linear_in=("gamma", "beta")),
    _pair("batch_norm_inference", "section_5", "Ioffe and Szegedy 2015", cases.batch_norm_inference,
          linear_in=("x", "gamma", "beta"), constants=("running_mean", "running_var")),
    _pair("relu", "section_3_2", "eq. (3), delta", cases.relu),
    _pair("sigmoid", "section_3_2", "eq. (3), sigma", cases.sigmoid),
    _pair("tanh", "section_6", "Table 12", cases.sigmoid),
    _pair("linear", "section_3_2", "eq. (3), W1 and W2", cases.linear, linear_in=("x", "w", "b"), terms=_linear_terms),
    _pair("squeeze", "section_3_1", "eq. (2)", cases.squeeze, differentiable=("z",), linear_in=("u",), terms=_squeeze_terms),
    _pair("max_squeeze", "section_6", "Table 11", cases.max_squeeze, differentiable=("z",)),
    _pair("excitation", "section_3_2", "eq. (3)", cases.excitation, differentiable=("s",)),
    _pair("scale", "section_3_2", "eq. (4)", cases.scale, linear_in=("u", "s"), terms=_scale_terms),
    _pair("se_block", "section_3", "eqs. (2) to (4)", cases.se_block),
    _pair("se_variant", "section_6", "Tables 11 and 12", cases.se_variant),
    _pair("local_se_block", "section_7", "Table 16, NoSqueeze", cases.local_se_block),
    _pair("add_relu", "section_3_3", "Fig. 3", cases.add_relu),
    _pair("residual_block", "section_3_3", "eqs. (2) to (4), Fig. 3", cases.residual_block, home=residual_block),
    _pair("concat", "section_3_3", "Fig. 2", cases.concat, linear_in=("x1", "x2", "x3")),
    _pair("channel_shuffle", "section_5", "section 5.1, ShuffleNet", cases.channel_shuffle, linear_in=("x",)),
    _pair("shake", "section_5", "Tables 4 and 5", cases.shake, linear_in=("u1", "u2"), constants=("alpha",)),
    _pair("dropout", "section_5", "Srivastava et al. 2014", cases.dropout, linear_in=("x",)),
    _pair("max_pool2d", "section_5", "Table 1", cases.max_pool2d),
    _pair("avg_pool2d", "section_5", "section 5.1", cases.avg_pool2d, linear_in=("x",), terms=_avg_pool2d_terms),
    _pair("softmax_cross_entropy", "section_5", "section 5", cases.softmax_cross_entropy, differentiable=("loss",)),
    Operation("conv2d_normalised", "section_3_3", "eq. (1) after batch norm and ReLU",
              ("conv2d_normalised", "conv2d_normalised_backward"),
              _conv2d_normalised, _conv2d_normalised_backward, cases.conv2d_normalised, linear_in=("w",)),
    Operation("affine_add", "section_3_3", "eq. (4), Fig. 3", ("affine_add", "gradient_sums"),
              _affine_add, _affine_add_backward, cases.affine_add),
    Operation("se_residual", "section_3_3", "eqs. (2) to (4), Fig. 3",
              ("image_moments", "merge_moments", "affine_gradient", "affine_gradient_map"),
              _se_residual, _se_residual_backward, cases.se_residual),
)

OPERATIONS = {row.name: row for row in _ROWS}


def select(names=None):
    """The rows with these names in the table's order, or all rows for None. Raises ValueError for an unknown name."""
    if names is None:
        return list(_ROWS)
    unknown = [name for name in names if name not in OPERATIONS]
    if unknown:
        raise ValueError(f"operation must be one of {', '.join(OPERATIONS)}, got {unknown[0]!r}")
    return [row for row in _ROWS if row.name in set(names)]
