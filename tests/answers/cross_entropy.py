"""Answers to the exercises on softmax and cross-entropy, as students hand them in."""
import numpy as np


def one_hot(labels, shape, smoothing, dtype):
    q = np.zeros(shape, dtype=dtype)
    q[np.arange(len(labels)), labels] = 1
    return (1 - smoothing) * q + smoothing / shape[1]


def log_softmax(logits):
    a = logits - logits.max(axis=1, keepdims=True)
    return a - np.log(np.exp(a).sum(axis=1, keepdims=True))


# ---- forward, wrong ------------------------------------------------------------------------------------------------------

def softmax_cross_entropy__overflow(logits, labels, *, label_smoothing=0.0):
    """WRONG: the maximum is not taken off, so exp overflows for large logits."""
    e = np.exp(logits)
    p = e / e.sum(axis=1, keepdims=True)
    q = one_hot(labels, logits.shape, label_smoothing, logits.dtype)
    return -(q * np.log(p)).sum() / len(logits), p


def softmax_cross_entropy__log_of_zero(logits, labels, *, label_smoothing=0.0):
    """WRONG: log(p) of a p that has underflowed to 0 is -inf; the logarithm has to be taken before the exponential."""
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    q = one_hot(labels, logits.shape, label_smoothing, logits.dtype)
    return -(q * np.log(p)).sum() / len(logits), p


def softmax_cross_entropy__small_number_in_log(logits, labels, *, label_smoothing=0.0):
    """WRONG: log(p + 1e-7) avoids log(0) and changes every loss."""
    p = np.exp(log_softmax(logits))
    q = one_hot(labels, logits.shape, label_smoothing, logits.dtype)
    return -(q * np.log(p + 1e-7)).sum() / len(logits), p


def softmax_cross_entropy__over_the_batch(logits, labels, *, label_smoothing=0.0):
    """WRONG: the softmax is over axis 0, the batch, instead of over the classes."""
    e = np.exp(logits - logits.max(axis=0))
    p = e / e.sum(axis=0)
    q = one_hot(labels, logits.shape, label_smoothing, logits.dtype)
    return -(q * np.log(p)).sum() / len(logits), p


def softmax_cross_entropy__mean_over_classes(logits, labels, *, label_smoothing=0.0):
    """WRONG: np.mean over (N, K) divides by the number of classes too."""
    log_p = log_softmax(logits)
    q = one_hot(labels, logits.shape, label_smoothing, logits.dtype)
    return -np.mean(q * log_p), np.exp(log_p)


def softmax_cross_entropy__divided_by_classes(logits, labels, *, label_smoothing=0.0):
    """WRONG: divided by K instead of N."""
    log_p = log_softmax(logits)
    q = one_hot(labels, logits.shape, label_smoothing, logits.dtype)
    return -(q * log_p).sum() / logits.shape[1], np.exp(log_p)


def softmax_cross_entropy__sum(logits, labels, *, label_smoothing=0.0):
    """WRONG: the sum over the batch instead of the mean."""
    log_p = log_softmax(logits)
    q = one_hot(labels, logits.shape, label_smoothing, logits.dtype)
    return -np.sum(q * log_p), np.exp(log_p)


def softmax_cross_entropy__sign(logits, labels, *, label_smoothing=0.0):
    """WRONG: the minus sign is missing."""
    log_p = log_softmax(logits)
    q = one_hot(labels, logits.shape, label_smoothing, logits.dtype)
    return (q * log_p).sum() / len(logits), np.exp(log_p)


def softmax_cross_entropy__one_loss_each(logits, labels, *, label_smoothing=0.0):
    """WRONG: a loss for each image instead of one number."""
    log_p = log_softmax(logits)
    q = one_hot(labels, logits.shape, label_smoothing, logits.dtype)
    return -(q * log_p).sum(axis=1), np.exp(log_p)


def softmax_cross_entropy__all_rows_labelled(logits, labels, *, label_smoothing=0.0):
    """WRONG: q[:, labels] = 1 sets every row's column of every label."""
    log_p = log_softmax(logits)
    q = np.zeros(logits.shape, dtype=logits.dtype)
    q[:, labels] = 1
    q = (1 - label_smoothing) * q + label_smoothing / logits.shape[1]
    return -(q * log_p).sum() / len(logits), np.exp(log_p)


def softmax_cross_entropy__zeros_like_labels(logits, labels, *, label_smoothing=0.0):
    """WRONG: zeros_like(labels) are integers of shape (N,), so the losses of the images lose their decimals."""
    log_p = log_softmax(logits)
    losses = np.zeros_like(labels)
    for n, label in enumerate(labels):
        losses[n] = -((1 - label_smoothing) * log_p[n, label] + label_smoothing * log_p[n].mean())
    return losses.mean(), np.exp(log_p)


def softmax_cross_entropy__smooths_over_the_others(logits, labels, *, label_smoothing=0.0):
    """WRONG: the smoothing is spread over the K - 1 other classes instead of over all K."""
    log_p = log_softmax(logits)
    n, k = logits.shape
    q = np.full((n, k), label_smoothing / (k - 1), dtype=logits.dtype)
    q[np.arange(n), labels] = 1 - label_smoothing
    return -(q * log_p).sum() / n, np.exp(log_p)


def softmax_cross_entropy__smoothing_on_top(logits, labels, *, label_smoothing=0.0):
    """WRONG: e / K is added, but the one-hot labels keep their whole weight, so q adds up to more than 1."""
    log_p = log_softmax(logits)
    q = one_hot(labels, logits.shape, 0, logits.dtype) + label_smoothing / logits.shape[1]
    return -(q * log_p).sum() / len(logits), np.exp(log_p)


def softmax_cross_entropy__smoothing_ignored(logits, labels, *, label_smoothing=0.0):
    """WRONG: label_smoothing is taken and not used."""
    log_p = log_softmax(logits)
    return -log_p[np.arange(len(labels)), labels].mean(), np.exp(log_p)


def softmax_cross_entropy__bits(logits, labels, *, label_smoothing=0.0):
    """WRONG: the logarithm to base 2: bits instead of nats."""
    log_p = log_softmax(logits)
    q = one_hot(labels, logits.shape, label_smoothing, logits.dtype)
    return -(q * log_p).sum() / len(logits) / np.log(2), np.exp(log_p)


def softmax_cross_entropy__returns_logs(logits, labels, *, label_smoothing=0.0):
    """WRONG: log p is returned in place of p."""
    log_p = log_softmax(logits)
    q = one_hot(labels, logits.shape, label_smoothing, logits.dtype)
    return -(q * log_p).sum() / len(logits), log_p


def softmax_cross_entropy__loss_only(logits, labels, *, label_smoothing=0.0):
    """WRONG: p is not returned."""
    q = one_hot(labels, logits.shape, label_smoothing, logits.dtype)
    return -(q * log_softmax(logits)).sum() / len(logits)


def softmax_cross_entropy__entropy_of_p(logits, labels, *, label_smoothing=0.0):
    """WRONG: - sum p log q: target and prediction are swapped (with a small number against log(0))."""
    p = np.exp(log_softmax(logits))
    q = one_hot(labels, logits.shape, label_smoothing, logits.dtype)
    return -(p * np.log(q + 1e-12)).sum() / len(logits), p


# ---- backward, wrong -----------------------------------------------------------------------------------------------------

def softmax_cross_entropy_backward__sign(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: q - p instead of p - q."""
    q = one_hot(labels, p.shape, label_smoothing, p.dtype)
    return dloss * (q - p) / len(p)


def softmax_cross_entropy_backward__not_averaged(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: the division by N is missing."""
    q = one_hot(labels, p.shape, label_smoothing, p.dtype)
    return dloss * (p - q)


def softmax_cross_entropy_backward__divided_by_classes(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: divided by K instead of N."""
    q = one_hot(labels, p.shape, label_smoothing, p.dtype)
    return dloss * (p - q) / p.shape[1]


def softmax_cross_entropy_backward__divided_by_size(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: divided by N K."""
    q = one_hot(labels, p.shape, label_smoothing, p.dtype)
    return dloss * (p - q) / p.size


def softmax_cross_entropy_backward__n_twice(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: divided by N twice."""
    q = one_hot(labels, p.shape, label_smoothing, p.dtype)
    return dloss * (p - q) / len(p) / len(p)


def softmax_cross_entropy_backward__dloss_ignored(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: the upstream gradient dloss is not used."""
    q = one_hot(labels, p.shape, label_smoothing, p.dtype)
    return (p - q) / len(p)


def softmax_cross_entropy_backward__smoothing_ignored(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: one-hot labels, though the forward smoothed them."""
    dlogits = p.copy()
    dlogits[np.arange(len(p)), labels] -= 1
    return dloss * dlogits / len(p)


def softmax_cross_entropy_backward__p_in_place(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: p[n, label] -= 1 changes the probabilities of the caller."""
    p[np.arange(len(p)), labels] -= 1 - label_smoothing
    p -= label_smoothing / p.shape[1]
    return dloss * p / len(p)


def softmax_cross_entropy_backward__labels_as_numbers(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: the class numbers are subtracted, not their one-hot rows."""
    q = labels[:, None].astype(p.dtype)
    return dloss * (p - q) / len(p)


def softmax_cross_entropy_backward__all_rows(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: [:, labels] instead of [np.arange(N), labels]; with one image it is right."""
    q = np.full(p.shape, label_smoothing / p.shape[1], dtype=p.dtype)
    q[:, labels] += 1 - label_smoothing
    return dloss * (p - q) / len(p)


def softmax_cross_entropy_backward__of_sigmoid(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: p (1 - p) is multiplied in, as for a sigmoid and a squared error."""
    q = one_hot(labels, p.shape, label_smoothing, p.dtype)
    return dloss * (p - q) * p * (1 - p) / len(p)


def softmax_cross_entropy_backward__of_p(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: -q / p is the gradient of p; the softmax itself is not undone."""
    q = one_hot(labels, p.shape, label_smoothing, p.dtype)
    return dloss * -q / p / len(p)


def softmax_cross_entropy_backward__label_column_only(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: only the column of the label gets a gradient."""
    q = one_hot(labels, p.shape, label_smoothing, p.dtype)
    dlogits = np.zeros_like(p)
    for n in range(len(p)):
        dlogits[n, labels[n]] = dloss * (p[n, labels[n]] - q[n, labels[n]]) / len(p)
    return dlogits


def softmax_cross_entropy_backward__integers(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: the result is in the labels' dtype, so all decimals are cut off."""
    dlogits = np.zeros(p.shape, dtype=labels.dtype)
    dlogits[...] = dloss * (p - one_hot(labels, p.shape, label_smoothing, p.dtype)) / len(p)
    return dlogits


def softmax_cross_entropy_backward__divides_by_p(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: diag(p) - p p^T times -q / p is right on paper, and NaN where a p has underflowed to 0."""
    q = one_hot(labels, p.shape, label_smoothing, p.dtype)
    rows = [(np.diag(row) - np.outer(row, row)) @ (-target / row) for row, target in zip(p, q)]
    return dloss / len(p) * np.array(rows, dtype=p.dtype)


# ---- right ---------------------------------------------------------------------------------------------------------------

def softmax_cross_entropy__array_of_no_dimension(logits, labels, *, label_smoothing=0.0):
    """RIGHT: the loss is an array without dimensions; the log-sum-exp comes from np.logaddexp.reduce."""
    log_p = logits - np.logaddexp.reduce(logits, axis=1)[:, None]
    q = (1 - label_smoothing) * np.eye(logits.shape[1], dtype=logits.dtype)[labels] + label_smoothing / logits.shape[1]
    loss = np.zeros((), dtype=logits.dtype)
    loss[...] = np.einsum("nk,nk->", q, -log_p) / len(labels)
    return loss, np.exp(log_p)


def softmax_cross_entropy__row_by_row(logits, labels, *, label_smoothing=0.0):
    """RIGHT: a loop over the rows; the loss of smoothed labels as a mixture of two means; a list."""
    p, losses = np.empty_like(logits), []
    for n, (row, label) in enumerate(zip(logits, labels)):
        top = np.max(row)
        total = np.sum(np.exp(row - top))
        p[n] = np.exp(row - top) / total
        minus_log_p = np.log(total) + top - row
        losses.append((1 - label_smoothing) * minus_log_p[label] + label_smoothing * np.mean(minus_log_p))
    return [np.mean(np.array(losses, dtype=logits.dtype)), p]


def softmax_cross_entropy_backward__where(p, labels, *, label_smoothing=0.0, dloss=1.0):
    """RIGHT: np.where on a comparison with a row of class numbers; the options in another order."""
    hit = labels[:, None] == np.arange(p.shape[1])
    n, k = p.shape
    target = np.where(hit, 1 - label_smoothing + label_smoothing / k, label_smoothing / k).astype(p.dtype)
    return (p - target) * (dloss / n)


def softmax_cross_entropy_backward__jacobian(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """RIGHT: the softmax's Jacobian divided by p, that is I - 1 p^T, times -q, one row at a time."""
    q = one_hot(labels, p.shape, label_smoothing, p.dtype)
    rows = [-(np.eye(p.shape[1], dtype=p.dtype) - row[:, None]) @ target for row, target in zip(p, q)]
    return dloss / len(p) * np.array(rows, dtype=p.dtype)


# ---- more of them --------------------------------------------------------------------------------------------------------

def softmax_cross_entropy__without_keepdims(logits, labels, *, label_smoothing=0.0):
    """WRONG: the sum over the classes has no keepdims: it fails unless N = 1 or N = K."""
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1)
    q = one_hot(labels, logits.shape, label_smoothing, logits.dtype)
    return -(q * np.log(p)).sum() / len(logits), p


def softmax_cross_entropy__maximum_without_keepdims(logits, labels, *, label_smoothing=0.0):
    """WRONG: the maximum has no keepdims."""
    a = logits - logits.max(axis=1)
    log_p = a - np.log(np.exp(a).sum(axis=1, keepdims=True))
    q = one_hot(labels, logits.shape, label_smoothing, logits.dtype)
    return -(q * log_p).sum() / len(logits), np.exp(log_p)


def softmax_cross_entropy__labels_from_one(logits, labels, *, label_smoothing=0.0):
    """WRONG: labels - 1, as if the classes were numbered from 1: class 0 becomes the last one."""
    log_p = log_softmax(logits)
    q = one_hot(labels - 1, logits.shape, label_smoothing, logits.dtype)
    return -(q * log_p).sum() / len(logits), np.exp(log_p)


def softmax_cross_entropy__smoothing_to_nobody(logits, labels, *, label_smoothing=0.0):
    """WRONG: the label loses e, and no class gets it."""
    log_p = log_softmax(logits)
    q = (1 - label_smoothing) * one_hot(labels, logits.shape, 0, logits.dtype)
    return -(q * log_p).sum() / len(logits), np.exp(log_p)


def softmax_cross_entropy__smoothing_k_for_the_others(logits, labels, *, label_smoothing=0.0):
    """WRONG: the other classes get e / K and the label keeps 1 - e: together less than 1."""
    log_p = log_softmax(logits)
    n, k = logits.shape
    q = np.full((n, k), label_smoothing / k, dtype=logits.dtype)
    q[np.arange(n), labels] = 1 - label_smoothing
    return -(q * log_p).sum() / n, np.exp(log_p)


def softmax_cross_entropy__smoothing_exchanged(logits, labels, *, label_smoothing=0.0):
    """WRONG: e and 1 - e are in each other's place."""
    log_p = log_softmax(logits)
    q = one_hot(labels, logits.shape, 1 - label_smoothing, logits.dtype)
    return -(q * log_p).sum() / len(logits), np.exp(log_p)


def softmax_cross_entropy__smoothing_sum_of_classes(logits, labels, *, label_smoothing=0.0):
    """WRONG: the smoothing term is the sum over the classes instead of their mean: e for each class."""
    log_p = log_softmax(logits)
    own = log_p[np.arange(len(labels)), labels]
    return -((1 - label_smoothing) * own + label_smoothing * log_p.sum(axis=1)).mean(), np.exp(log_p)


def softmax_cross_entropy__smooths_p(logits, labels, *, label_smoothing=0.0):
    """WRONG: the probabilities are smoothed instead of the labels."""
    p = np.exp(log_softmax(logits))
    smooth = (1 - label_smoothing) * p + label_smoothing / p.shape[1]
    own = smooth[np.arange(len(labels)), labels]
    return -np.log(np.maximum(own, 1e-300)).mean(), p


def softmax_cross_entropy__two_losses(logits, labels, *, label_smoothing=0.0):
    """RIGHT: the usual loss and the uniform one, mixed; the logarithm of the sum by a shift."""
    top = logits.max(axis=1, keepdims=True)
    log_p = logits - top - np.log(np.sum(np.exp(logits - top), axis=1, keepdims=True))
    hard = -np.take_along_axis(log_p, labels[:, None], axis=1).mean()
    return (1 - label_smoothing) * hard - label_smoothing * log_p.mean(), np.exp(log_p)


def softmax_cross_entropy_backward__labels_from_one(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: labels - 1, as if the classes were numbered from 1."""
    q = one_hot(labels - 1, p.shape, label_smoothing, p.dtype)
    return dloss * (p - q) / len(p)


def softmax_cross_entropy_backward__smoothing_to_nobody(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: 1 - e is taken off the label, and nothing off the other classes."""
    dlogits = p.copy()
    dlogits[np.arange(len(p)), labels] -= 1 - label_smoothing
    return dloss * dlogits / len(p)


def softmax_cross_entropy_backward__smoothing_on_top(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: the label keeps 1, and every class gets e / K on top."""
    q = one_hot(labels, p.shape, 0, p.dtype) + label_smoothing / p.shape[1]
    return dloss * (p - q) / len(p)


def softmax_cross_entropy_backward__smooths_over_the_others(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: e / (K - 1) for each of the other classes."""
    n, k = p.shape
    q = np.full((n, k), label_smoothing / (k - 1), dtype=p.dtype)
    q[np.arange(n), labels] = 1 - label_smoothing
    return dloss * (p - q) / n


def softmax_cross_entropy_backward__smoothing_not_shared_out(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """WRONG: each class gets e instead of e / K."""
    q = (1 - label_smoothing) * one_hot(labels, p.shape, 0, p.dtype) + label_smoothing
    return dloss * (p - q) / len(p)


def softmax_cross_entropy_backward__mixed_gradients(p, labels, *, dloss=1.0, label_smoothing=0.0):
    """RIGHT: the gradient of the hard loss and that of the uniform one, mixed."""
    n, k = p.shape
    hard = p - (np.arange(k) == labels[:, None])
    return (dloss / n * ((1 - label_smoothing) * hard + label_smoothing * (p - 1 / k))).astype(p.dtype)
