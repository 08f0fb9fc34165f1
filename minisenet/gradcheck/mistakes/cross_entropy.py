"""Mistakes in softmax and cross-entropy."""
import numpy as np

from minisenet.gradcheck.mistakes._wrong import Wrong, each
from minisenet.gradcheck.mistakes.activation import softmax

ADDS_UP = "q must add up to 1, and here it does not."
Q = "q = (1 - e) onehot + e / K, for all K classes."
SMALL = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15)
OWN_SUM = "Each image's probabilities add up to 1."
KEEPDIMS = "(N,) beside (N, K) broadcasts along the wrong axis, or not at all. keepdims=True keeps (N, 1)."
STABLE = "Subtract the maximum, and take log p = a - log sum exp(a)."
ONE_N = "The loss is the mean over the images, so dlogits is divided by N, once."


def _one_hot(v, labels=None):
    return np.eye(v.p.shape[1])[v.labels if labels is None else labels]


def _q(v, e=None):
    e = v.label_smoothing if e is None else e
    return (1 - e) * _one_hot(v) + e / v.p.shape[1]


def _others(v, parts=None):
    """The label keeps 1 - e, and each of the other classes gets e / `parts`, K - 1 by default."""
    e, k = v.label_smoothing, v.p.shape[1]
    return (1 - e) * _one_hot(v) + e / (parts or k - 1) * (1 - _one_hot(v))


def _all_rows(v):
    """q[:, labels] = 1: every row gets every label of the batch."""
    e = v.label_smoothing
    q = np.full(v.p.shape, e / v.p.shape[1])
    q[:, v.labels] += 1 - e
    return q


def _from_one(v):
    e = v.label_smoothing
    return (1 - e) * _one_hot(v, v.labels - 1) + e / v.p.shape[1]


TARGETS = (                         # q, as the loss and its gradient may have it
    ("smoothing over the others", "The label keeps 1 - e, and e is shared out among the other K - 1 classes.",
     Q + " Both definitions are in use; this is PyTorch's, and that of the paper it comes from.", _others),
    ("smoothing not shared out", "Each class gets e instead of e / K.", ADDS_UP,
     lambda v: (1 - v.label_smoothing) * _one_hot(v) + v.label_smoothing),
    ("label keeps all of its weight", "The label keeps 1 instead of 1 - e.", ADDS_UP,
     lambda v: _one_hot(v) + v.label_smoothing / v.p.shape[1]),
    ("smoothing to nobody", "The label loses e, and no class gets it.", ADDS_UP,
     lambda v: (1 - v.label_smoothing) * _one_hot(v)),
    ("no smoothing for the label", "The other classes get e / K each, and the label keeps 1 - e.",
     ADDS_UP + " The label gets its e / K too.", lambda v: _others(v, v.p.shape[1])),
    ("e and 1 - e exchanged", "The label has the weight e, and all classes share 1 - e.", Q,
     lambda v: _q(v, 1 - v.label_smoothing)),
    ("labels of the whole batch in every row", "Every row has the labels of the whole batch.",
     "q[np.arange(N), labels] marks one class in each row; q[:, labels] marks all of them in every row.", _all_rows),
    ("labels of the whole batch in every row", "Every row has the labels of the whole batch, and no smoothing.",
     "q[np.arange(N), labels] marks one class in each row; q[:, labels] marks all of them in every row.",
     lambda v: np.broadcast_to(_one_hot(v).max(axis=0), v.p.shape)),
    ("labels from 1", "Column label - 1 is taken for the class, so class 0 is the last column.",
     "Classes are numbered from 0: label n is column n.", _from_one),
)


def _logs(v, maximum=True, total=True):
    """log p; without keepdims for the maximum or the sum where they are False."""
    shifted = v.logits - v.logits.max(axis=1, keepdims=maximum)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=total))


def _softmax(v, maximum=True, total=True):
    """p as a quotient; without keepdims for the maximum or the sum where they are False."""
    e = np.exp(v.logits - v.logits.max(axis=1, keepdims=maximum))
    return e / e.sum(axis=1, keepdims=total)


def _mean_loss(q, logs=_logs):
    return lambda v: -(q(v) * logs(v)).sum() / len(v.p)


def _with_p(p):
    """Both results from another softmax."""
    return lambda v: dict(p=p(v), loss=-(_q(v) * np.log(p(v))).sum() / len(v.p))


def _with_logs(logs):
    """Both results from another log p."""
    return lambda v: dict(p=np.exp(logs(v)), loss=-(_q(v) * logs(v)).sum() / len(v.p))


def _smooth_p(v):
    """The loss of smoothed probabilities."""
    return (1 - v.label_smoothing) * v.p + v.label_smoothing / v.p.shape[1]


FORWARD = [
    *(Wrong("softmax_cross_entropy", "loss", name, says, lesson, formula) for name, says, lesson, formula in (
        ("not divided by N", "loss is the sum over the batch, not the mean.",
         "With a mean, the gradient's size does not depend on N.", lambda v: -(_q(v) * _logs(v)).sum()),
        ("divided by K", "loss is divided by the number of classes, not of images.", "Divide by N.",
         lambda v: -(_q(v) * _logs(v)).sum() / v.p.shape[1]),
        ("mean over everything", "loss is divided by N K: the mean over images and classes.",
         "Sum over the classes, and take the mean over the images.", lambda v: -(_q(v) * _logs(v)).mean()),
        ("sign of the loss", "The minus is missing: this is the mean log-likelihood.", "loss = -sum(q log p) / N.",
         lambda v: (_q(v) * _logs(v)).sum() / len(v.p)),
        ("logarithm missing", "loss is -sum(q p) / N.", "loss = -sum(q log p) / N.", _mean_loss(_q, lambda v: v.p)),
        ("softmax missing", "loss takes the logits for log-probabilities.", "log p = a - log sum exp(a).",
         _mean_loss(_q, lambda v: v.logits)),
        ("label smoothing forgotten", "loss uses the one-hot labels, without label_smoothing.", Q,
         _mean_loss(lambda v: _q(v, 0))),
        ("p smoothed", "The probabilities are smoothed, not the labels.", Q,
         lambda v: -np.log((_smooth_p(v) * _one_hot(v)).sum(axis=1)).mean()),
        *((name, says, lesson, _mean_loss(q)) for name, says, lesson, q in TARGETS),
        ("loss of the first image", "loss is that of image 0.", "The loss is the mean over the images.",
         lambda v: -(_q(v) * _logs(v))[0].sum()),
        ("loss of the last image", "loss is that of the last image.", "The loss is the mean over the images.",
         lambda v: -(_q(v) * _logs(v))[-1].sum()),
        ("integers inside", "Each image's loss is cut off to an integer.", "zeros_like(labels) is an array of integers.",
         lambda v: np.trunc(-(_q(v) * _logs(v)).sum(axis=1)).mean()))),
    *(Wrong("softmax_cross_entropy", "loss", "small number in the logarithm", f"loss is -log(p + {small:g}).",
            "It hides log(0) and changes every loss. " + STABLE,
            _mean_loss(_q, lambda v, small=small: np.log(v.p + small))) for small in SMALL),
    *each("softmax_cross_entropy", "loss p", "softmax over the batch",
          "The softmax runs over the images (axis 0), not over the classes (axis 1).",
          OWN_SUM, _with_p(lambda v: softmax(v.logits.T).T)),
    *each("softmax_cross_entropy", "loss p", "softmax over everything", "exp is divided by its sum over the whole batch.",
          OWN_SUM, _with_p(lambda v: softmax(v.logits.reshape(1, -1)).reshape(v.p.shape))),
    *(entry for words, kept in (("sum", dict(total=False)), ("maximum", dict(maximum=False)),
                                ("maximum and the sum", dict(maximum=False, total=False)))
      for formula in (_with_logs(lambda v, kept=kept: _logs(v, **kept)), _with_p(lambda v, kept=kept: _softmax(v, **kept)))
      for entry in each("softmax_cross_entropy", "loss p", "keepdims forgotten",
                        f"The {words} over the classes: the shape is (N,), without keepdims.", KEEPDIMS, formula)),
    Wrong("softmax_cross_entropy", "p", "log-probabilities returned", "p is log softmax.", "Return exp of it.", _logs),
    Wrong("softmax_cross_entropy", "p", "not normalised", "p is exp(logits), without the division by the sum.", OWN_SUM,
          lambda v: np.exp(v.logits)),
]

BACKWARD = [Wrong("softmax_cross_entropy_backward", "dlogits", *entry) for entry in (
    ("one-hot forgotten", "dlogits is p / N: the target q is not subtracted.", "dlogits = dloss (p - q) / N.",
     lambda v: v.dloss * v.p / len(v.p)),
    ("divided by K", "dlogits is divided by the number of classes, not of images.", "Divide by N.",
     lambda v: v.dloss * (v.p - _q(v)) / v.p.shape[1]),
    ("divided by N K", "dlogits is divided by N K.", ONE_N,
     lambda v: v.dloss * (v.p - _q(v)) / v.p.size),
    ("divided by N twice", "dlogits is divided by N squared.", ONE_N, lambda v: v.dloss * (v.p - _q(v)) / len(v.p)**2),
    ("upstream gradient ignored, not divided by N", "dlogits is p - q alone.", "dlogits = dloss (p - q) / N.",
     lambda v: v.p - _q(v)),
    ("sign", "dlogits is (q - p) / N, times dloss.", "dlogits = dloss (p - q) / N: a step downhill lowers a wrong p.",
     lambda v: v.dloss * (_q(v) - v.p) / len(v.p)),
    ("softmax's slope", "dlogits is (p - q) p (1 - p): the softmax is differentiated once more.",
     "p - q has the softmax's gradient in it already.", lambda v: v.dloss * (v.p - _q(v)) * v.p * (1 - v.p) / len(v.p)),
    ("softmax applied twice", "dlogits takes the softmax of p, which is one already.", "The argument is p, not the logits.",
     lambda v: v.dloss * (softmax(v.p) - _q(v)) / len(v.p)),
    ("gradient of the logarithm only", "dlogits is -q / p, which is the gradient of p.",
     "Go back through the softmax too: that gives p - q.", lambda v: -v.dloss * _q(v) / v.p / len(v.p)),
    *((name, says, lesson, lambda v, q=q: v.dloss * (v.p - q(v)) / len(v.p)) for name, says, lesson, q in TARGETS),
    ("labels as numbers", "The class numbers are subtracted, not their one-hot rows.",
     "q_k is 1 for the label's class and 0 for the others.", lambda v: v.dloss * (v.p - v.labels[:, None]) / len(v.p)),
    ("label's column only", "Only the label's own logit gets a gradient.",
     "Each of the other logits gets p - e / K, times dloss / N.",
     lambda v: v.dloss * (v.p - _q(v)) * _one_hot(v) / len(v.p)),
)]

WRONG = FORWARD + BACKWARD


def backward_terms(v):
    """dlogits as p - q."""
    return {"p": v.dloss * v.p / len(v.p), "q, the target": -v.dloss * _q(v) / len(v.p)}
