"""Mistakes in softmax and cross-entropy."""
import numpy as np

from minisenet.gradcheck.mistakes._wrong import Wrong, each
from minisenet.gradcheck.mistakes.activation import softmax

ADDS_UP = "q is a distribution: it has to add up to 1."
SMALL = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15)


def _one_hot(v):
    return np.eye(v.p.shape[1])[v.labels]


def _q(v, e=None):
    e = v.label_smoothing if e is None else e
    return (1 - e) * _one_hot(v) + e / v.p.shape[1]


def _others(v):
    """e shared out among the other classes."""
    e, k = v.label_smoothing, v.p.shape[1]
    return (1 - e) * _one_hot(v) + e / (k - 1) * (1 - _one_hot(v))


def _all_rows(v):
    """q[:, labels] = 1: every row gets every label of the batch."""
    e = v.label_smoothing
    q = np.full(v.p.shape, e / v.p.shape[1])
    q[:, v.labels] += 1 - e
    return q


def _logs(v):
    shifted = v.logits - v.logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _mean_loss(q, logs=_logs):
    return lambda v: -(q(v) * logs(v)).sum() / len(v.p)


def _with_p(p):
    """Both results from another softmax."""
    return lambda v: dict(p=p(v), loss=-(_q(v) * np.log(p(v))).sum() / len(v.p))


FORWARD = [
    *(Wrong("softmax_cross_entropy", "loss", name, says, lesson, formula) for name, says, lesson, formula in (
        ("not divided by N", "loss is the sum over the batch, not the mean.",
         "The mean keeps the gradient's size apart from the batch's.", lambda v: -(_q(v) * _logs(v)).sum()),
        ("divided by K", "loss is divided by the number of classes, not of images.", "",
         lambda v: -(_q(v) * _logs(v)).sum() / v.p.shape[1]),
        ("mean over everything", "loss is divided by N K: the mean over images and classes.",
         "The sum over the classes is part of each image's loss.", lambda v: -(_q(v) * _logs(v)).mean()),
        ("sign of the loss", "The minus is missing: this is the mean log-likelihood.", "",
         lambda v: (_q(v) * _logs(v)).sum() / len(v.p)),
        ("logarithm missing", "loss is minus the mean p of the label.", "", _mean_loss(_q, lambda v: v.p)),
        ("softmax missing", "loss takes the logits for log-probabilities.", "log p = a - log sum exp(a).",
         _mean_loss(_q, lambda v: v.logits)),
        ("label smoothing forgotten", "loss uses the one-hot labels.", "", _mean_loss(lambda v: _q(v, 0))),
        ("smoothing over the others", "Label smoothing gives nothing to the label's own class.",
         "Both definitions are in use; PyTorch, and the paper it comes from, spread e over all K classes.",
         _mean_loss(_others)),
        ("smoothing not shared out", "Each class gets e instead of e / K.", ADDS_UP,
         _mean_loss(lambda v: (1 - v.label_smoothing) * _one_hot(v) + v.label_smoothing)),
        ("label keeps all of its weight", "The label keeps 1 instead of 1 - e.", ADDS_UP,
         _mean_loss(lambda v: _one_hot(v) + v.label_smoothing / v.p.shape[1])),
        ("labels of the whole batch in every row", "q[:, labels] = 1 marks every label of the batch in every row.",
         "q[np.arange(N), labels] takes one of each row.", _mean_loss(_all_rows)),
        ("loss of the first image", "loss is that of image 0.", "", lambda v: -(_q(v) * _logs(v))[0].sum()),
        ("loss of the last image", "loss is that of the last image.", "", lambda v: -(_q(v) * _logs(v))[-1].sum()),
        ("integers inside", "Each image's loss is cut off to an integer.", "zeros_like(labels) is an array of integers.",
         lambda v: np.trunc(-(_q(v) * _logs(v)).sum(axis=1)).mean()))),
    *(Wrong("softmax_cross_entropy", "loss", "small number in the logarithm", f"loss is -log(p + {small:g}).",
            "It hides log(0) and changes every loss; subtract the maximum, and take log p = a - log sum exp(a).",
            _mean_loss(_q, lambda v, small=small: np.log(v.p + small))) for small in SMALL),
    *each("softmax_cross_entropy", "loss p", "softmax over the batch",
          "The softmax runs over the images (axis 0), not over the classes (axis 1).",
          "Each image's probabilities add up to 1.", _with_p(lambda v: softmax(v.logits.T).T)),
    *each("softmax_cross_entropy", "loss p", "softmax over everything", "exp is divided by its sum over the whole batch.",
          "Each image's probabilities add up to 1.", _with_p(lambda v: softmax(v.logits.reshape(1, -1)).reshape(v.p.shape))),
    Wrong("softmax_cross_entropy", "p", "log-probabilities returned", "p is log softmax.", "", _logs),
    Wrong("softmax_cross_entropy", "p", "not normalised", "p is exp(logits), without the division by the sum.", "",
          lambda v: np.exp(v.logits)),
]

BACKWARD = [Wrong("softmax_cross_entropy_backward", "dlogits", *entry) for entry in (
    ("one-hot forgotten", "dlogits is p / N: the target q is not subtracted.", "p - q.", lambda v: v.dloss * v.p / len(v.p)),
    ("divided by K", "dlogits is divided by the number of classes, not of images.", "",
     lambda v: v.dloss * (v.p - _q(v)) / v.p.shape[1]),
    ("divided by N K", "dlogits is divided by N K.", "The loss is the mean over the images only.",
     lambda v: v.dloss * (v.p - _q(v)) / v.p.size),
    ("divided by N twice", "dlogits is divided by N squared.", "1 / N stands in the loss once.",
     lambda v: v.dloss * (v.p - _q(v)) / len(v.p)**2),
    ("upstream gradient ignored, not divided by N", "dlogits is p - q alone.", "", lambda v: v.p - _q(v)),
    ("sign", "dlogits is q - p.", "p - q: the larger a wrong p, the more it has to fall.",
     lambda v: v.dloss * (_q(v) - v.p) / len(v.p)),
    ("softmax's slope", "dlogits is (p - q) p (1 - p): the softmax is differentiated once more.",
     "p - q has the softmax in it already.", lambda v: v.dloss * (v.p - _q(v)) * v.p * (1 - v.p) / len(v.p)),
    ("softmax applied twice", "dlogits takes the softmax of p, which is one already.", "",
     lambda v: v.dloss * (softmax(v.p) - _q(v)) / len(v.p)),
    ("gradient of the logarithm only", "dlogits is -q / p: the softmax is not gone through.", "",
     lambda v: -v.dloss * _q(v) / v.p / len(v.p)),
    ("smoothing over the others", "Label smoothing gives nothing to the label's own class.", "",
     lambda v: v.dloss * (v.p - _others(v)) / len(v.p)),
    ("labels of the whole batch in every row", "p[:, labels] -= 1 takes every label of the batch off every row.",
     "p[np.arange(N), labels] takes one of each row.", lambda v: v.dloss * (v.p - _all_rows(v)) / len(v.p)),
    ("labels as numbers", "The class numbers are subtracted, not their one-hot rows.",
     "q_k is 1 for the label's class and 0 for the others.", lambda v: v.dloss * (v.p - v.labels[:, None]) / len(v.p)),
    ("label's column only", "Only the label's own logit gets a gradient.", "The others have p: they have to fall.",
     lambda v: v.dloss * (v.p - _q(v)) * _one_hot(v) / len(v.p)),
)]

WRONG = FORWARD + BACKWARD


def backward_terms(v):
    """dlogits as p - q."""
    return {"p": v.dloss * v.p / len(v.p), "q, the target": -v.dloss * _q(v) / len(v.p)}
