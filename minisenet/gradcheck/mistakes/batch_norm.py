"""Mistakes in batch norm, in training and in inference."""
import numpy as np

from minisenet.gradcheck.mistakes._wrong import AXES, Wrong, each

OWN_CHANNEL = "Each channel has its own statistics, over images, rows and columns."
NCHW = "Images are (N, H, W, C): the channels are the last axis, and the sums are over axes 0, 1 and 2."
NORMALISES = "The biased variance normalises; only running_var gets the unbiased one."
INSIDE = "The error is small where eps is small: test with a large eps."
UNUSED = "Use the argument eps."
TIMES_XHAT = "y = gamma xhat + beta, so gamma gets dy times xhat."
GAMMA_LATE = "gamma multiplies xhat, so only the gradient of xhat is gamma dy."
OWN_K = "The forward divided by sqrt(var + eps): use the same k = 1 / sqrt(var + eps)."
ROOT = "k = 1 / sqrt(var + eps)."
ALONG_XHAT = "dx = gamma k (dy - mean(dy) - xhat mean(dy xhat))."
BIASED = "The forward divides by M everywhere, so its gradient does too."
BOTH = "batch_norm_backward batch_norm_inference_backward"


def _statistics(v):
    return (v.mean, v.var) if hasattr(v, "mean") else (v.running_mean, v.running_var)


def _xhat(v, eps=None, root=np.sqrt):
    mean, var = _statistics(v)
    return (v.x - mean) / root(var + (v.eps if eps is None else eps))


def _over(axis=AXES, ddof=0, keepdims=True):
    """The forward with its statistics over other axes."""
    def formula(v):
        mean, var = v.x.mean(axis=axis, keepdims=keepdims), v.x.var(axis=axis, keepdims=keepdims, ddof=ddof)
        y = v.gamma * (v.x - mean) / np.sqrt(var + v.eps) + v.beta
        return dict(y=y, mean=v.x.mean(axis=axis), var=v.x.var(axis=axis, ddof=ddof))
    return formula


def _divided(by):
    return lambda v: v.gamma * (v.x - v.mean) / by(v.var, v.eps) + v.beta


def _statistics_entries():
    """The forward with other statistics: in all of its results, or in y alone where the returned ones are right."""
    for name, says, lesson, formula in (
            ("statistics per image", "Mean and variance are those of each image alone.",
             "That is instance norm. " + OWN_CHANNEL, _over((1, 2))),
            ("statistics per position", "Mean and variance are taken over the batch only, for each position alone.",
             OWN_CHANNEL, _over(0)),
            ("statistics over the channels", "Mean and variance are taken over the channels.",
             "That is layer norm. " + OWN_CHANNEL, _over(3)),
            ("statistics over everything", "One mean and one variance for all channels together.", OWN_CHANNEL, _over(None)),
            ("axes of (N, C, H, W)", "Mean and variance are taken over axes 0, 2 and 3, so the height is left.", NCHW,
             _over((0, 2, 3), keepdims=False)),
            ("axes of (N, C, H, W)", "Mean and variance are taken over axes 0, 2 and 3: one for each row.", NCHW,
             _over((0, 2, 3))),
            ("unbiased variance", "The variance is divided by M - 1, not by M.", NORMALISES, _over(ddof=1)),
            ("keepdims forgotten", "The mean over the channels, without keepdims, broadcasts along the wrong axes.",
             OWN_CHANNEL, _over(3, keepdims=False)),
            ("keepdims forgotten", "Each image's mean, without keepdims, broadcasts along the wrong axes.", OWN_CHANNEL,
             _over((1, 2), keepdims=False))):
        yield from each("batch_norm", "y mean var", name, says, lesson, formula)
        yield Wrong("batch_norm", "y", name, "In y: " + says[0].lower() + says[1:], lesson, lambda v, f=formula: f(v)["y"])
    yield Wrong("batch_norm", "var", "unbiased variance", "The returned var is divided by M - 1, not by M.",
                "var is the variance that normalises; the layer makes the one for running_var.",
                lambda v: _over(ddof=1)(v)["var"])


FORWARD = [
    *_statistics_entries(),
    *(Wrong("batch_norm", "y", name, says, lesson, _divided(by)) for name, says, lesson, by in (
        ("eps outside the root", "y divides by sqrt(var) + eps instead of sqrt(var + eps).", INSIDE,
         lambda var, eps: np.sqrt(var) + eps),
        ("eps forgotten", "y divides by sqrt(var), without eps.",
         "eps keeps y finite where a channel hardly varies.", lambda var, eps: np.sqrt(var)),
        ("eps squared", "y divides by sqrt(var + eps^2).", INSIDE, lambda var, eps: np.sqrt(var + eps**2)),
        ("another eps", "y uses 1e-5 whatever eps is.", UNUSED, lambda var, eps: np.sqrt(var + 1e-5)),
        ("variance for deviation", "y divides by var + eps, without the root.", ROOT, lambda var, eps: var + eps),
        ("variance for deviation", "y divides by var, without the root and eps.", ROOT, lambda var, eps: var),
        ("not divided by the deviation", "y is gamma (x - mean) + beta.", ROOT, lambda var, eps: 1.0))),
    *(Wrong("batch_norm", "var", name, says, lesson, formula) for name, says, lesson, formula in (
        ("deviation for variance", "var is the standard deviation.", "The caller takes the root itself.",
         lambda v: np.sqrt(v.var)),
        ("deviation for variance", "var is sqrt(var + eps).", "The caller adds eps and takes the root itself.",
         lambda v: np.sqrt(v.var + v.eps)),
        ("eps in the variance", "var has eps in it already.", "The caller adds eps itself.", lambda v: v.var + v.eps),
        ("mean of squares", "var is mean(x^2): the mean is not subtracted.", "var = mean(x^2) - mean^2.",
         lambda v: (v.x**2).mean(axis=AXES)),
        ("inverse deviation returned", "var is 1 / sqrt(var + eps).", "Return the variance itself.",
         lambda v: 1 / np.sqrt(v.var + v.eps)))),
    *(Wrong("batch_norm batch_norm_inference", "y", name, says, "y = gamma xhat + beta.", formula)
      for name, says, formula in (
        ("gamma forgotten", "y is xhat + beta.", lambda v: _xhat(v) + v.beta),
        ("gamma and beta exchanged", "y is beta xhat + gamma.", lambda v: _xhat(v) * v.beta + v.gamma),
        ("beta inside the factor", "y is gamma (xhat + beta).", lambda v: v.gamma * (_xhat(v) + v.beta)),
        ("mean not subtracted", "y is gamma x / sqrt(var + eps) + beta.",
         lambda v: v.gamma * v.x / np.sqrt(_statistics(v)[1] + v.eps) + v.beta))),
    Wrong("batch_norm batch_norm_inference", "y", "gamma and beta forgotten", "y is xhat.", "y = gamma xhat + beta.", _xhat),
    *each("batch_norm", "y var", "sum for mean", "The squares are added up, and not divided by M.",
          "var is the mean of (x - mean)^2.", lambda v: dict(
              y=_divided(lambda var, eps: np.sqrt(var * _count(v) + eps))(v), var=v.var * _count(v))),
    Wrong("batch_norm_inference", "y", "statistics of the batch", "y is normalised with the batch's own mean and variance.",
          "In inference an image must not depend on the others in its batch.", lambda v: _over()(v)["y"]),
    *(Wrong("batch_norm_inference", "y", *entry) for entry in (
        ("eps forgotten", "y divides by sqrt(running_var), without eps.", OWN_K, lambda v: v.gamma * _xhat(v, 0) + v.beta),
        ("another eps", "y uses 1e-5 whatever eps is.", UNUSED, lambda v: v.gamma * _xhat(v, 1e-5) + v.beta),
        ("variance for deviation", "y divides by running_var + eps, without the root.", ROOT,
         lambda v: v.gamma * _xhat(v, root=lambda a: a) + v.beta),
        ("variance for deviation", "y divides by running_var, without the root and eps.", ROOT,
         lambda v: v.gamma * _xhat(v, 0, lambda a: a) + v.beta),
        ("eps outside the root", "y divides by sqrt(running_var) + eps instead of sqrt(running_var + eps).", INSIDE,
         lambda v: v.gamma * _xhat(v, root=lambda a: np.sqrt(a - v.eps) + v.eps) + v.beta))),
]


def _dx(v, *, k=None, eps=None, xhat=None, m=None, axis=AXES, correction=1.0, inside=False):
    """gamma k (dy - mean(dy) - xhat mean(dy xhat)), with everything left open that can be got wrong."""
    k = 1 / np.sqrt(v.var + (v.eps if eps is None else eps)) if k is None else k
    c = (v.x - v.mean) * k
    g, gamma = (v.gamma * v.dy, 1) if inside else (v.dy, v.gamma)
    count = np.prod([v.x.shape[i] for i in axis]) if m is None else m
    sums = [(g * f).sum(axis=axis, keepdims=True) / count for f in (1, c)]
    return gamma * k * (g - sums[0] - (c if xhat is None else xhat) * sums[1] * correction)


def _with_k(k):
    """All three gradients with another k in the place of 1 / sqrt(var + eps)."""
    def formula(v):
        own = k(v.var, v.eps)
        return dict(dx=_dx(v, k=own), dgamma=(v.dy * (v.x - v.mean) * own).sum(axis=AXES))
    return formula


def _unbiased(v, correction=1.0):
    """With the variance that is divided by M - 1 in k and xhat."""
    k = 1 / np.sqrt(v.var * _biased(v) + v.eps)
    return dict(dx=_dx(v, k=k, correction=correction), dgamma=(v.dy * (v.x - v.mean) * k).sum(axis=AXES))


def _training(v):
    k = 1 / np.sqrt(v.running_var + v.eps)
    c = (v.x - v.running_mean) * k
    return v.gamma * k * (v.dy - v.dy.mean(axis=AXES) - c * (v.dy * c).mean(axis=AXES))


def _count(v):
    return v.x.size // v.x.shape[3]


def _biased(v):
    return _count(v) / (_count(v) - 1)


def _sums(v, axis, dy=None):
    dy = v.dy if dy is None else dy
    return dict(dgamma=(dy * _xhat(v)).sum(axis=axis), dbeta=dy.sum(axis=axis))


def _alone(functions, outputs, name, says, lesson, formula):
    """The entries of a mistake that may be in one result, or in several."""
    for output in outputs.split():
        yield from each(functions, output, name, says.format(output), lesson, formula)


OTHER_AXES = tuple(
    ("means over the wrong axes", f"The two means in dx are over {words}.", "Both are over images, rows and columns, "
     "separately for each channel.", lambda v, axis=axis, inside=inside: _dx(v, axis=axis, inside=inside))
    for words, axis in (("the batch only (axis 0)", (0,)), ("images and rows (axes 0 and 1)", (0, 1)),
                        ("images and columns (axes 0 and 2)", (0, 2)), ("rows and columns (axes 1 and 2)", (1, 2)),
                        ("rows, columns and channels (axes 1, 2 and 3)", (1, 2, 3)),
                        ("the channels (axis 3)", (3,)), ("all four axes", (0, 1, 2, 3)))
    for inside in (False, True)[:1 + (3 in axis)])

SLIPS_OF_K = (
    ("eps forgotten", "{} divides by sqrt(var), without eps.", OWN_K, lambda var, eps: 1 / np.sqrt(var)),
    ("another eps", "{} uses 1e-5 whatever eps is.", UNUSED, lambda var, eps: 1 / np.sqrt(var + 1e-5)),
    ("eps outside the root", "{} divides by sqrt(var) + eps instead of sqrt(var + eps).", INSIDE,
     lambda var, eps: 1 / (np.sqrt(var) + eps)),
    ("variance for deviation", "{} divides by var + eps, without the root.", ROOT, lambda var, eps: 1 / (var + eps)),
)

BACKWARD = [
    *(entry for name, says, lesson, k in SLIPS_OF_K
      for entry in _alone("batch_norm_backward", "dx dgamma", name, says, lesson, _with_k(k))),
    Wrong("batch_norm_backward", "dgamma", "unbiased variance", "dgamma uses var M / (M - 1) in xhat.", BIASED,
          lambda v: _unbiased(v)["dgamma"]),
    *(Wrong("batch_norm_backward", "dx", "unbiased variance", says, BIASED, lambda v, correction=correction: _unbiased(
        v, correction(v))["dx"]) for says, correction in (
            ("dx uses var M / (M - 1) in k and in xhat, and the mean of dy xhat has M - 1.", _biased),
            ("dx uses var M / (M - 1) in k and in xhat.", lambda v: 1.0))),
    *(Wrong(BOTH, "dgamma", name, says, TIMES_XHAT, formula) for name, says, formula in (
        ("dgamma from x", "dgamma is sum(dy x) instead of sum(dy xhat).", lambda v: (v.dy * v.x).sum(axis=AXES)),
        ("dgamma from x - mean", "dgamma is sum(dy (x - mean)): not divided by the deviation.",
         lambda v: (v.dy * (v.x - _statistics(v)[0])).sum(axis=AXES)),
        ("xhat forgotten", "dgamma is sum(dy), which is dbeta.", lambda v: v.dy.sum(axis=AXES)))),
    *_alone(BOTH, "dgamma dbeta", "gamma dy for dy", "{} is summed over gamma dy, not over dy.", GAMMA_LATE,
            lambda v: _sums(v, AXES, v.gamma * v.dy)),
    *_alone(BOTH, "dgamma dbeta", "axes of (N, C, H, W)",
            "{} is summed over axes 0, 2 and 3, so the height is left.", NCHW, lambda v: _sums(v, (0, 2, 3))),
    *_alone(BOTH, "dgamma dbeta", "mean for sum", "{} is a mean over the batch and the positions, not their sum.",
            "One parameter serves every value of its channel, so their gradients add up.",
            lambda v: {name: value / _count(v) for name, value in _sums(v, AXES).items()}),
    Wrong("batch_norm_backward", "dx", "axes of (N, C, H, W)", "The two means in dx are over axes 0, 2 and 3.", NCHW,
          lambda v: _dx(v, axis=(0, 2, 3))),
    Wrong("batch_norm_backward", "dx", "axes of (N, C, H, W)", "The two means in dx are over axes 0, 2 and 3.", NCHW,
          lambda v: _dx(v, axis=(0, 2, 3), inside=True)),
    *(Wrong("batch_norm_backward", "dx", name, says, lesson, formula) for name, says, lesson, formula in (
        ("gamma forgotten", "dx lacks the factor gamma.", "gamma dy arrives at xhat.", lambda v: _dx(v) / v.gamma),
        ("gamma forgotten in the means", "In dx gamma multiplies dy alone, not the two means.", ALONG_XHAT,
         lambda v: _dx(v) / v.gamma + (v.gamma - 1) * v.dy / np.sqrt(v.var + v.eps)),
        ("x for xhat", "The term with mean(dy xhat) is multiplied by x instead of xhat.", ALONG_XHAT,
         lambda v: _dx(v, xhat=v.x)),
        ("deviation forgotten", "dx lacks the factor 1 / sqrt(var + eps).",
         "xhat = (x - mean) / sqrt(var + eps), so that is its slope in x.", lambda v: _dx(v) * np.sqrt(v.var + v.eps)),
        ("deviation for its inverse", "dx is multiplied by sqrt(var + eps) instead of divided by it.", ALONG_XHAT,
         lambda v: _dx(v) * (v.var + v.eps)),
        ("variance for deviation", "dx divides by var + eps, without the root.", ROOT,
         lambda v: _dx(v) / np.sqrt(v.var + v.eps)),
        ("x - mean for xhat", "The term with mean(dy xhat) is multiplied by x - mean instead of xhat.", ALONG_XHAT,
         lambda v: _dx(v, xhat=v.x - v.mean)),
        ("xhat forgotten outside", "dx subtracts mean(dy xhat) as it is, not times xhat.", ALONG_XHAT,
         lambda v: _dx(v, xhat=1.0)),
        ("power of the slope", "The slope of (var + eps)^(-1/2) has the power -1/2 instead of -3/2.",
         "dk / dvar = -1/2 k^3.", lambda v: _dx(v, correction=v.var + v.eps)),
        ("sums for means", "dx subtracts dbeta and dgamma as sums: they are not divided by M.",
         "mean(dy) = dbeta / M, with M = N H W.", lambda v: _dx(v, m=1)),
        *OTHER_AXES,
        ("unbiased variance", "In dx the mean of dy xhat is divided by M - 1, not by M.", BIASED,
         lambda v: _dx(v, correction=_biased(v))),
        ("unbiased variance", "In dx both means are divided by M - 1, not by M.", BIASED,
         lambda v: _dx(v, m=_count(v) - 1)))),
    *(Wrong("batch_norm_inference_backward", "dx", name, says, "dx = gamma dy / sqrt(running_var + eps).", formula)
      for name, says, formula in (
        ("gamma forgotten", "dx lacks the factor gamma.", lambda v: v.dy / np.sqrt(v.running_var + v.eps)),
        ("deviation forgotten", "dx lacks the factor 1 / sqrt(running_var + eps).", lambda v: v.gamma * v.dy))),
    *(entry for name, says, lesson, k in SLIPS_OF_K for entry in _alone(
        "batch_norm_inference_backward", "dx dgamma", name, says.replace("var", "running_var"), lesson, lambda v, k=k: dict(
            dx=v.gamma * v.dy * k(v.running_var, v.eps),
            dgamma=(v.dy * (v.x - v.running_mean) * k(v.running_var, v.eps)).sum(axis=AXES)))),
    Wrong("batch_norm_inference_backward", "dx", "statistics taken for functions of x",
          "dx has the two corrections of training.", "In inference the statistics are constants.", _training),
]

WRONG = FORWARD + BACKWARD


def forward_terms(v):
    """y as gamma xhat + beta."""
    return {"gamma xhat": v.gamma * _xhat(v), "beta": np.broadcast_to(v.beta, v.x.shape)}


def backward_terms(v):
    """dx, by the three ways from x to y."""
    k, xhat = v.gamma / np.sqrt(v.var + v.eps), _xhat(v)
    return {"gamma k dy": k * v.dy,
            "gamma k mean(dy), the path through the mean": np.broadcast_to(-k * v.dy.mean(axis=AXES), v.x.shape),
            "gamma k xhat mean(dy xhat), the path through the variance": -k * xhat * (v.dy * xhat).mean(axis=AXES)}
