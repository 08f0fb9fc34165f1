"""Answers of an examiner, who had not read the checker: one for each kind of mistake that it did not name truly."""
import math

import numpy as np


# ---- wrong ---------------------------------------------------------------------------------------------------------------

def squeeze__last_row_left_out(u):
    """WRONG: for i in range(H - 1), and the sum is divided by H W all the same."""
    n, h, w, c = u.shape
    z = np.zeros((n, c))
    for i in range(h - 1):
        for j in range(w):
            z += u[:, i, j]
    return z / (h * w)


def squeeze__first_column_left_out(u):
    """WRONG: range(1, W), as if columns were numbered from 1."""
    n, h, w, c = u.shape
    z = np.zeros((n, c))
    for i in range(h):
        for j in range(1, w):
            z += u[:, i, j]
    return z / (h * w)


def squeeze_backward__sum_as_a_view(dz, height, width):
    """WRONG: dz is not divided by H W; and the result is a view of dz, which shows at 1 x 1 already."""
    return np.broadcast_to(dz[:, None, None, :], (len(dz), height, width, dz.shape[1]))


def scale_backward__last_row_left_out(dy, u, s):
    """WRONG: ds is summed over range(H - 1)."""
    ds = np.zeros(s.shape)
    for i in range(u.shape[1] - 1):
        for j in range(u.shape[2]):
            ds += dy[:, i, j] * u[:, i, j]
    return dy * s[:, None, None], ds


def excitation_backward__mask_without_b1(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: the mask is computed anew from z W1^T, and b1 is forgotten there."""
    da = ds * s * (1 - s)
    dh = (da @ w2) * (z @ w1.T > 0)
    return dh @ w1, dh.T @ z, da.T @ h, dh.sum(0) if bias else None, da.sum(0) if bias else None


def excitation__softmax_that_overflows(z, w1, w2, b1=None, b2=None):
    """WRONG: a softmax in place of the sigmoid, and its exp overflows as well."""
    h = np.maximum(z @ w1.T + (0 if b1 is None else b1), 0)
    e = np.exp(h @ w2.T + (0 if b2 is None else b2))
    return e / e.sum(1, keepdims=True), h


def se_block_backward__no_squeeze_path_and_no_mask(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: two mistakes: du is the scale's path alone, and dead hidden units get a gradient (in dw1)."""
    da = (dy * u).sum((1, 2)) * s * (1 - s)
    dh = da @ w2
    return dy * s[:, None, None], dh.T @ z, da.T @ h, dh.sum(0) if bias else None, da.sum(0) if bias else None


def softmax_cross_entropy__sum_of_log_p(logits, labels, *, label_smoothing=0.0):
    """WRONG: the loss is a sum, not a mean; and log(p) is -inf where p is rounded to 0."""
    n, k = logits.shape
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    q = (1 - label_smoothing) * np.eye(k)[labels] + label_smoothing / k
    return -(q * np.log(p)).sum(), p


def softmax_cross_entropy__others_and_log_p(logits, labels, *, label_smoothing=0.0):
    """WRONG: e is shared out among the K - 1 other classes; and log(p) is -inf where p is rounded to 0."""
    n, k = logits.shape
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    q = np.full((n, k), label_smoothing / (k - 1))
    q[np.arange(n), labels] = 1 - label_smoothing
    return -(q * np.log(p)).sum() / n, p


def sigmoid__math_exp_of_minus_x(x):
    """WRONG: math.exp(-x) raises OverflowError below x = -709."""
    y = np.zeros(x.shape)
    for at, value in np.ndenumerate(x):
        y[at] = 1 / (1 + math.exp(-value))
    return y


def softmax_cross_entropy__math_log_of_p(logits, labels):
    """WRONG: math.log(p) raises ValueError where p is rounded to 0."""
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    return -sum(math.log(p[n, label]) for n, label in enumerate(labels)) / len(p), p


def sgd_step__decay_of_a_ten_thousandth(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0):
    """WRONG: weight_decay is 1e-4, as in the paper, whatever is passed."""
    velocity *= momentum
    velocity += grad + 1e-4 * value
    value -= lr * velocity


def sgd_step__nesterov_of_nine_tenths(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: Nesterov's step has 0.9 in it, whatever the momentum is; the velocity is right."""
    g = grad + weight_decay * value
    velocity *= momentum
    velocity += g
    value -= lr * (g + 0.9 * velocity if nesterov else velocity)


def sgd_step__nesterov_of_the_velocity(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: Nesterov's step is velocity + momentum velocity, not g + momentum velocity."""
    velocity *= momentum
    velocity += grad + weight_decay * value
    value -= lr * (velocity + momentum * velocity if nesterov else velocity)


def batch_norm_backward__means_of_layer_norm(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: the two means of dx run over rows, columns and channels of each image, as in layer norm."""
    k = 1 / np.sqrt(var + eps)
    xhat, g, axes = (x - mean) * k, gamma * dy, (1, 2, 3)
    dx = k * (g - g.mean(axes, keepdims=True) - xhat * (g * xhat).mean(axes, keepdims=True))
    return dx, (dy * xhat).sum((0, 1, 2)), dy.sum((0, 1, 2))


# ---- right ---------------------------------------------------------------------------------------------------------------

def softmax_cross_entropy_backward__without_smoothing(p, labels, *, dloss=1.0):
    """RIGHT: label_smoothing is deleted; half of the cases have large logits, where all slopes are rounded to zero."""
    d = p.copy()
    d[range(len(p)), labels] -= 1
    return d * (dloss / len(p))


def softmax_cross_entropy__logaddexp(logits, labels, *, label_smoothing=0.0):
    """RIGHT: np.logaddexp.reduce, which raises for complex numbers."""
    log_p = logits - np.logaddexp.reduce(logits, axis=1)[:, None]
    q = np.eye(logits.shape[1])[labels] * (1 - label_smoothing) + label_smoothing / logits.shape[1]
    return -(q * log_p).sum(1).mean(), np.exp(log_p)


def relu__half_of_x_and_its_absolute_value(x):
    """RIGHT: (x + |x|) / 2, which has no complex slope."""
    return (x + np.abs(x)) / 2


def batch_norm__by_the_absolute_square(x, gamma, beta, *, eps=1e-5):
    """RIGHT: the variance is the mean of np.abs(x - mean) squared."""
    mean = x.mean((0, 1, 2))
    var = np.mean(np.abs(x - mean)**2, axis=(0, 1, 2))
    return (x - mean) * gamma / np.sqrt(var + eps) + beta, mean, var


def batch_norm_backward__whole_jacobian(dy, x, gamma, mean, var, *, eps=1e-5):
    """RIGHT: the Jacobian of each channel as an M x M matrix."""
    m, dx, parameters = x[..., 0].size, np.empty_like(x), []
    for c in range(len(gamma)):
        k = 1 / np.sqrt(var[c] + eps)
        xhat, d = (x[..., c].ravel() - mean[c]) * k, dy[..., c].ravel()
        jacobian = gamma[c] * k * (np.eye(m) - 1 / m - np.outer(xhat, xhat) / m)
        dx[..., c] = (jacobian.T @ d).reshape(x.shape[:3])
        parameters.append((d @ xhat, d.sum()))
    return dx, *np.array(parameters).T


def conv2d_backward_weight__sliding_windows(dy, x, w_shape, *, stride=1, padding=0):
    """RIGHT: a view of all windows, and one tensordot; dilation and groups are deleted."""
    x = np.pad(x, [(0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(x, w_shape[2:], axis=(1, 2))[:, ::stride[0], ::stride[1]]
    return np.tensordot(dy, windows[:, :dy.shape[1], :dy.shape[2]], axes=((0, 1, 2), (0, 1, 2)))
