"""Softmax and cross-entropy, the loss of section 5, in one function: together their gradient is (p - q) / N.

For logits a, p_k = exp(a_k) / sum_j exp(a_j). The target distribution is q = (1 - e) one_hot(label) + e / K, where e is the
label smoothing and K the number of classes. Then

    loss = - 1/N sum_{n, k} q_nk log p_nk          dlogits = dloss (p - q) / N
"""
import numpy as np

from minisenet import arguments
from minisenet.backend import kernelised


def _check_forward(logits, labels, *, label_smoothing=0.0):
    logits, = arguments.arrays(logits=(logits, 2))
    labels = arguments.labels("labels", labels, *logits.shape)
    label_smoothing = arguments.real_number("label_smoothing", label_smoothing, least=0, below=1)
    return (logits, labels), dict(label_smoothing=label_smoothing)


def _check_backward(p, labels, *, dloss=1.0, label_smoothing=0.0):
    p, = arguments.arrays(p=(p, 2))
    labels = arguments.labels("labels", labels, *p.shape)
    label_smoothing = arguments.real_number("label_smoothing", label_smoothing, least=0, below=1)
    return (p, labels), dict(dloss=arguments.real_number("dloss", dloss), label_smoothing=label_smoothing)


def _target(labels, shape, label_smoothing):
    """q: the one-hot labels, with `label_smoothing` of their weight spread over all classes."""
    q = np.full(shape, label_smoothing / shape[1])
    q[np.arange(len(labels)), labels] += 1 - label_smoothing
    return q


@kernelised(_check_forward)
def softmax_cross_entropy(logits, labels, *, label_smoothing=0.0):
    """The mean cross-entropy of softmax(logits) against the labels.

    Parameters
    ----------
    logits : ndarray (N, K)
    labels : ndarray (N,) of int
        Each from 0 to K - 1.
    label_smoothing : float
        In [0, 1): the part of each target that is spread evenly over all K classes.

    Returns
    -------
    loss : scalar of the logits' dtype
        In nats, the mean over the batch.
    p : ndarray (N, K)
        softmax(logits), which the backward needs.

    Raises
    ------
    TypeError
        If logits is not a floating-point NumPy array, or labels not one of integers.
    ValueError
        If a label is out of range, or if the shapes do not match.

    Notes
    -----
    Source: the classifiers of section 5; section 6 trains with label smoothing. Subtracting each row's maximum keeps exp
    from overflowing and does not change the result.
    """
    shifted = logits - logits.real.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    q = _target(labels, logits.shape, label_smoothing).astype(logits.real.dtype)
    loss = -(q * (shifted - log_sum)).sum() / len(logits)
    return loss, np.exp(shifted - log_sum)


@kernelised(_check_backward)
def softmax_cross_entropy_backward(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """The gradient of `softmax_cross_entropy`: dlogits = dloss (p - q) / N.

    d(-log p_k) / da_j = p_j - [j = k]. The sum over k with weights q_k, which add up to 1, is p_j - q_j.

    Parameters
    ----------
    p : ndarray (N, K)
        As returned by `softmax_cross_entropy`.
    labels : ndarray (N,) of int
    dloss : float
        The upstream gradient.
    label_smoothing : float
        As given to `softmax_cross_entropy`.

    Returns
    -------
    dlogits : ndarray (N, K)

    Raises
    ------
    TypeError, ValueError
        As `softmax_cross_entropy`.

    Notes
    -----
    Source: derived from the loss above.
    """
    q = _target(labels, p.shape, label_smoothing).astype(p.real.dtype)
    return (p - q) * p.dtype.type(dloss / len(p))
