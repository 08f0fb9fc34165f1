"""Mistakes in batch norm, in training and in inference."""
import numpy as np

from minisenet.gradcheck.mistakes._wrong import AXES, Wrong, each

OWN_CHANNEL = "Each channel has its own statistics, over images, rows and columns."
INSIDE = "Small where eps is small, and wrong all the same."
MET_XHAT = "A factor's gradient is what it was multiplied with, and gamma met xhat."
BOTH = "batch_norm_backward batch_norm_inference_backward"


def _statistics(v):
    return (v.mean, v.var) if hasattr(v, "mean") else (v.running_mean, v.running_var)


def _xhat(v, eps=None, root=np.sqrt):
    mean, var = _statistics(v)
    return (v.x - mean) / root(var + (v.eps if eps is None else eps))


def _over(axis=AXES, ddof=0):
    """The forward with its statistics over other axes."""
    def formula(v):
        mean, var = v.x.mean(axis=axis, keepdims=True), v.x.var(axis=axis, keepdims=True, ddof=ddof)
        y = v.gamma * (v.x - mean) / np.sqrt(var + v.eps) + v.beta
        own = (lambda statistic: statistic.reshape(-1)) if axis == AXES else np.squeeze
        return dict(y=y, mean=own(mean), var=own(var))
    return formula


def _divided(by):
    return lambda v: v.gamma * (v.x - v.mean) / by(v.var, v.eps) + v.beta


FORWARD = [
    *(entry for name, says, lesson, formula in (
        ("statistics per image", "Mean and variance are those of each image by itself.",
         "That is instance norm. " + OWN_CHANNEL, _over((1, 2))),
        ("statistics per position", "Mean and variance are taken over the batch only, for each position by itself.",
         OWN_CHANNEL, _over(0)),
        ("statistics over the channels", "Mean and variance are taken over the channels.",
         "That is layer norm. " + OWN_CHANNEL, _over(3)),
        ("statistics over everything", "One mean and one variance for all channels together.", OWN_CHANNEL, _over(None)),
        ("unbiased variance", "The variance is divided by M - 1, not by M.",
         "Biased to normalise, unbiased into running_var: both stand in the same layer.", _over(ddof=1)),
    ) for entry in each("batch_norm", "y mean var", name, says, lesson, formula)),
    *each("batch_norm", "mean var", "axes of (N, C, H, W)", "Mean and variance leave axis 1 over, which is the height here.",
          "Images are (N, H, W, C): the channels are the last axis.",
          lambda v: dict(mean=v.x.mean(axis=(0, 2, 3)), var=v.x.var(axis=(0, 2, 3)))),
    *(Wrong("batch_norm", "y", name, says, lesson, _divided(by)) for name, says, lesson, by in (
        ("eps outside the root", "y divides by sqrt(var) + eps instead of sqrt(var + eps).", INSIDE,
         lambda var, eps: np.sqrt(var) + eps),
        ("eps forgotten", "y divides by sqrt(var), without eps.",
         "eps keeps the slope finite where a channel hardly varies.", lambda var, eps: np.sqrt(var)),
        ("eps squared", "y divides by sqrt(var + eps^2).", INSIDE, lambda var, eps: np.sqrt(var + eps**2)),
        ("another eps", "y uses 1e-5 whatever eps is.", "An argument that is not used is a mistake that waits.",
         lambda var, eps: np.sqrt(var + 1e-5)),
        ("variance for deviation", "y divides by var + eps, without the root.", "", lambda var, eps: var + eps),
        ("variance for deviation", "y divides by var, without the root and eps.", "", lambda var, eps: var),
        ("not divided by the deviation", "y is gamma (x - mean) + beta.", "", lambda var, eps: 1.0))),
    *(Wrong("batch_norm", "var", name, says, lesson, formula) for name, says, lesson, formula in (
        ("deviation for variance", "var is the standard deviation.", "The backward takes the root itself.",
         lambda v: np.sqrt(v.var)),
        ("deviation for variance", "var is sqrt(var + eps).", "The backward takes the root itself.",
         lambda v: np.sqrt(v.var + v.eps)),
        ("eps in the variance", "var has eps in it already.", "The backward adds it once more.", lambda v: v.var + v.eps),
        ("mean of squares", "var is mean(x^2): the mean is not taken out.", "var = mean(x^2) - mean^2.",
         lambda v: (v.x**2).mean(axis=AXES)),
        ("inverse deviation returned", "var is 1 / sqrt(var + eps).", "The contract is the variance itself.",
         lambda v: 1 / np.sqrt(v.var + v.eps)))),
    *(Wrong("batch_norm batch_norm_inference", "y", name, says, "", formula) for name, says, formula in (
        ("gamma forgotten", "y is xhat + beta.", lambda v: _xhat(v) + v.beta),
        ("gamma and beta exchanged", "y is beta xhat + gamma.", lambda v: _xhat(v) * v.beta + v.gamma),
        ("beta inside the factor", "y is gamma (xhat + beta).", lambda v: v.gamma * (_xhat(v) + v.beta)),
        ("mean not taken out", "y is gamma x / sqrt(var + eps) + beta.",
         lambda v: v.gamma * v.x / np.sqrt(_statistics(v)[1] + v.eps) + v.beta))),
    Wrong("batch_norm_inference", "y", "statistics of the batch", "y is normalised with the batch's own mean and variance.",
          "In inference an image must not depend on its neighbours.", lambda v: _over()(v)["y"]),
]


def _dx(v, *, k=None, eps=None, xhat=None, m=None, axis=AXES, correction=1.0):
    """gamma k (dy - mean(dy) - xhat mean(dy xhat)), with everything left open that can be got wrong."""
    k = 1 / np.sqrt(v.var + (v.eps if eps is None else eps)) if k is None else k
    c = (v.x - v.mean) * k
    count = np.prod([v.x.shape[i] for i in axis]) if m is None else m
    sums = [(v.dy * f).sum(axis=axis, keepdims=True) / count for f in (1, c)]
    return v.gamma * k * (v.dy - sums[0] - (c if xhat is None else xhat) * sums[1] * correction)


def _with_k(k):
    """All three gradients with another k in the place of 1 / sqrt(var + eps)."""
    def formula(v):
        own = k(v.var, v.eps)
        return dict(dx=_dx(v, k=own), dgamma=(v.dy * (v.x - v.mean) * own).sum(axis=AXES))
    return formula


def _training(v):
    k = 1 / np.sqrt(v.running_var + v.eps)
    c = (v.x - v.running_mean) * k
    return v.gamma * k * (v.dy - v.dy.mean(axis=AXES) - c * (v.dy * c).mean(axis=AXES))


def _biased(v):
    m = v.x.size // v.x.shape[3]
    return m / (m - 1)


BACKWARD = [
    *(entry for name, says, lesson, k in (
        ("eps forgotten", "The gradients divide by sqrt(var), without eps.",
         "A backward has to use the forward's own k = 1 / sqrt(var + eps).", lambda var, eps: 1 / np.sqrt(var)),
        ("another eps", "The gradients use 1e-5 whatever eps is.", "An option of the forward is an option of the backward.",
         lambda var, eps: 1 / np.sqrt(var + 1e-5)),
        ("eps outside the root", "The gradients divide by sqrt(var) + eps instead of sqrt(var + eps).", INSIDE,
         lambda var, eps: 1 / (np.sqrt(var) + eps)),
        ("variance for deviation", "The gradients divide by var + eps, without the root.", "k = 1 / sqrt(var + eps).",
         lambda var, eps: 1 / (var + eps)),
    ) for entry in each("batch_norm_backward", "dx dgamma", name, says, lesson, _with_k(k))),
    *(Wrong(BOTH, "dgamma", name, says, MET_XHAT, formula) for name, says, formula in (
        ("dgamma from x", "dgamma is sum(dy x) instead of sum(dy xhat).", lambda v: (v.dy * v.x).sum(axis=AXES)),
        ("dgamma from x - mean", "dgamma is sum(dy (x - mean)): not divided by the deviation.",
         lambda v: (v.dy * (v.x - _statistics(v)[0])).sum(axis=AXES)),
        ("dgamma from gamma xhat", "dgamma is sum(dy gamma xhat): gamma is in it once more.",
         lambda v: (v.dy * v.gamma * _xhat(v)).sum(axis=AXES)),
        ("xhat forgotten", "dgamma is sum(dy), which is dbeta.", lambda v: v.dy.sum(axis=AXES)))),
    Wrong(BOTH, "dbeta", "gamma in dbeta", "dbeta is sum(gamma dy).", "beta is added after gamma has been multiplied.",
          lambda v: v.gamma * v.dy.sum(axis=AXES)),
    *(Wrong(BOTH, output, "mean for sum", f"{output} is a mean over the batch and the positions, and not their sum.",
            "One parameter met every value of its channel, so their gradients add up.", formula) for output, formula in (
        ("dgamma", lambda v: (v.dy * _xhat(v)).mean(axis=AXES)), ("dbeta", lambda v: v.dy.mean(axis=AXES)))),
    *(Wrong("batch_norm_backward", "dx", name, says, lesson, formula) for name, says, lesson, formula in (
        ("gamma forgotten", "dx lacks the factor gamma.", "g = gamma dy arrives at xhat.", lambda v: _dx(v) / v.gamma),
        ("deviation forgotten", "dx lacks the factor 1 / sqrt(var + eps).",
         "xhat = (x - mean) / sqrt(var + eps), so that is its slope in x.", lambda v: _dx(v) * np.sqrt(v.var + v.eps)),
        ("deviation for its inverse", "dx is multiplied with sqrt(var + eps) instead of divided by it.", "",
         lambda v: _dx(v) * (v.var + v.eps)),
        ("variance for deviation", "dx divides by var + eps, without the root.", "",
         lambda v: _dx(v) / np.sqrt(v.var + v.eps)),
        ("x - mean for xhat", "The term with mean(dy xhat) is multiplied with x - mean instead of xhat.", "",
         lambda v: _dx(v, xhat=v.x - v.mean)),
        ("xhat forgotten outside", "mean(dy xhat) is taken off as it is, and not times xhat.",
         "It is taken off along xhat: a projection.", lambda v: _dx(v, xhat=1.0)),
        ("power of the slope", "The slope of (var + eps)^(-1/2) is taken with the power -1/2, and has -3/2.",
         "d k / d var = -1/2 k^3.", lambda v: _dx(v, correction=v.var + v.eps)),
        ("sums for means", "dx takes off dbeta and dgamma as sums: they are not divided by M.", "mean(dy) = dbeta / M.",
         lambda v: _dx(v, m=1)),
        ("statistics per image", "The two means in dx are those of each image by itself.", OWN_CHANNEL,
         lambda v: _dx(v, axis=(1, 2))),
        ("unbiased variance", "The term with mean(dy xhat) is divided by M - 1.",
         "Biased to normalise, unbiased into running_var.", lambda v: _dx(v, correction=_biased(v))))),
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
