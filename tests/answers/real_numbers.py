"""Right answers whose code does not compute with complex numbers: real buffers, the standard library, np.abs, np.var."""
import math

import numpy as np


def sizes(x, w, stride, padding):
    return ((length + 2 * a - k) // t + 1 for length, a, k, t in zip(x.shape[1:3], padding, w.shape[2:], stride))


def conv2d__zeros_without_dtype(x, w, b=None, *, stride=(1, 1), padding=(0, 0)):
    """RIGHT: y = np.zeros(shape), which is float64; complex numbers written into it lose their imaginary part."""
    xp = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)))
    oh, ow = sizes(x, w, stride, padding)
    y = np.zeros((len(x), oh, ow, len(w)))
    for p in range(oh):
        for q in range(ow):
            top, left = p * stride[0], q * stride[1]
            y[:, p, q] = np.einsum("nijs,csij->nc", xp[:, top:top + w.shape[2], left:left + w.shape[3]], w)
    return y if b is None else y + b


def conv2d__added_into_a_real_buffer(x, w, b=None, *, stride=(1, 1), padding=(0, 0)):
    """RIGHT: += into np.zeros(shape) of float64, which raises for complex numbers."""
    xp = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)))
    oh, ow = sizes(x, w, stride, padding)
    y = np.zeros((len(x), oh, ow, len(w)))
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            y += xp[:, i:i + (oh - 1) * stride[0] + 1:stride[0], j:j + (ow - 1) * stride[1] + 1:stride[1]] @ w[:, :, i, j].T
    if b is not None:
        y += b
    return y


def conv2d__weights_as_float(x, w, b=None, *, stride=(1, 1), padding=(0, 0)):
    """RIGHT: only w is cast to float64, so a complex x goes through and a complex w does not."""
    w = w.astype(np.float64)
    xp = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(xp, w.shape[2:], axis=(1, 2))[:, ::stride[0], ::stride[1]]
    y = np.einsum("npqsij,csij->npqc", windows, w)
    return y if b is None else y + b


def batch_norm__np_var_of_real_numbers(x, gamma, beta, *, eps=1e-5):
    """RIGHT: np.var, which takes the square of the absolute value of complex numbers."""
    mean, var = np.mean(x, axis=(0, 1, 2)), np.var(x, axis=(0, 1, 2))
    return gamma * (x - mean) / np.sqrt(var + eps) + beta, mean, var


def batch_norm__np_std(x, gamma, beta, *, eps=1e-5):
    """RIGHT: the deviations are squared with np.abs, and the buffer has x's shape and dtype."""
    mean = x.mean(axis=(0, 1, 2))
    var = (np.abs(x - mean) ** 2).mean(axis=(0, 1, 2))
    y = np.empty_like(x)
    for c in range(x.shape[3]):
        y[..., c] = gamma[c] * (x[..., c] - mean[c]) / math.sqrt(var[c] + eps) + beta[c]
    return y, mean, var


def batch_norm_inference__math_sqrt(x, gamma, beta, running_mean, running_var, *, eps=1e-5):
    """RIGHT: math.sqrt, one channel at a time; it raises for complex numbers."""
    k = np.array([g / math.sqrt(v + eps) for g, v in zip(gamma, running_var)])
    return (x - running_mean) * k + beta


def sigmoid__math_exp(x):
    """RIGHT: math.exp on one number at a time; it raises for complex numbers."""
    def one(number):
        return 1 / (1 + math.exp(-number)) if number >= 0 else 1 - 1 / (1 + math.exp(number))
    return np.array([one(number) for number in x.ravel()], dtype=x.dtype).reshape(x.shape)


def sigmoid__np_abs(x):
    """RIGHT: e = exp(-|x|), which never overflows; np.abs has no complex step."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def relu__half_of_x_plus_its_size(x):
    """RIGHT: (x + |x|) / 2."""
    return (x + np.abs(x)) / 2


def linear__out_array(x, w, b=None):
    """RIGHT: np.matmul writes into a float64 array by out=."""
    y = np.zeros((len(x), len(w)))
    np.matmul(x, w.T, out=y)
    if b is not None:
        np.add(y, b, out=y)
    return y


def linear__rows_into_zeros(x, w, b=None):
    """RIGHT: y = np.zeros(shape), filled number by number."""
    y = np.zeros((x.shape[0], w.shape[0]))
    for n in range(x.shape[0]):
        for o in range(w.shape[0]):
            y[n, o] = np.dot(x[n], w[o]) + (b[o] if b is not None else 0)
    return y


def squeeze__astype_float64(u):
    """RIGHT: u.astype(float64) before the mean, for fear of float32."""
    return u.astype(np.float64).mean(axis=(1, 2))


def squeeze__math_fsum(u):
    """RIGHT: math.fsum, exact sums of real numbers."""
    n, h, w, c = u.shape
    return np.array([[math.fsum(u[i, :, :, k].ravel()) / (h * w) for k in range(c)] for i in range(n)], dtype=u.dtype)


def scale__real_buffer(u, s):
    """RIGHT: a buffer of zeros, one channel after the other."""
    y = np.zeros(u.shape)
    for n in range(u.shape[0]):
        for c in range(u.shape[3]):
            y[n, :, :, c] = u[n, :, :, c] * s[n, c]
    return y


def excitation__float_of_each(z, w1, w2, b1=None, b2=None):
    """RIGHT: float() on each number, in plain Python."""
    h = np.maximum(z @ w1.T + (0 if b1 is None else b1), 0)
    a = h @ w2.T + (0 if b2 is None else b2)
    return np.array([[1 / (1 + math.exp(-float(v))) for v in row] for row in a], dtype=z.dtype), h


def se_block__np_abs(u, w1, w2, b1=None, b2=None):
    """RIGHT: the ReLU is (a + |a|) / 2."""
    z = u.mean(axis=(1, 2))
    a = z @ w1.T + (0 if b1 is None else b1)
    h = (a + np.abs(a)) / 2
    s = 1 / (1 + np.exp(-(h @ w2.T + (0 if b2 is None else b2))))
    return u * s[:, None, None], z, h, s


def avg_pool2d__real_buffer(x, kernel_size, *, stride=None, padding=(0, 0)):
    """RIGHT: y = np.zeros(shape), window by window."""
    stride = stride or kernel_size
    xp = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)))
    oh, ow = ((length - k) // t + 1 for length, k, t in zip(xp.shape[1:3], kernel_size, stride))
    y = np.zeros((len(x), oh, ow, x.shape[3]))
    for p in range(oh):
        for q in range(ow):
            top, left = p * stride[0], q * stride[1]
            y[:, p, q] = xp[:, top:top + kernel_size[0], left:left + kernel_size[1]].mean(axis=(1, 2))
    return y


def max_pool2d__minus_infinity_buffer(x, kernel_size, *, stride=None, padding=(0, 0)):
    """RIGHT: y begins at minus infinity in float64, and is raised number by number."""
    stride = stride or kernel_size
    n, h, w, c = x.shape
    oh, ow = ((length + 2 * a - k) // t + 1 for length, a, k, t in zip((h, w), padding, kernel_size, stride))
    y, argmax = np.full((n, oh, ow, c), -np.inf), np.zeros((n, oh, ow, c), dtype=np.int64)
    for at in np.ndindex(*y.shape):
        for i, j in np.ndindex(*kernel_size):
            row, col = at[1] * stride[0] + i - padding[0], at[2] * stride[1] + j - padding[1]
            if 0 <= row < h and 0 <= col < w and x[at[0], row, col, at[3]] > y[at]:
                y[at], argmax[at] = x[at[0], row, col, at[3]], row * w + col
    return y, argmax


def softmax_cross_entropy__math_log(logits, labels, *, label_smoothing=0.0):
    """RIGHT: math.log and math.exp, row by row."""
    n, k = logits.shape
    p, loss = np.zeros((n, k)), 0.0
    for i, row in enumerate(logits):
        top = max(row)
        total = math.fsum(math.exp(a - top) for a in row)
        for j, a in enumerate(row):
            p[i, j] = math.exp(a - top) / total
            q = label_smoothing / k + (1 - label_smoothing) * (j == labels[i])
            loss -= q * (a - top - math.log(total)) / n
    return loss, p


def conv2d_backward_input__zeros_without_dtype(dy, w, x_shape, *, stride=(1, 1), padding=(0, 0)):
    """RIGHT: a backward with a float64 buffer; the complex step is of minisenet's forward, and passes."""
    (sh, sw), (ph, pw) = stride, padding
    dxp = np.zeros((x_shape[0], x_shape[1] + 2 * ph, x_shape[2] + 2 * pw, x_shape[3]))
    for p, q in np.ndindex(*dy.shape[1:3]):
        dxp[:, p * sh:p * sh + w.shape[2], q * sw:q * sw + w.shape[3]] += np.einsum("nc,csij->nijs", dy[:, p, q], w)
    return dxp[:, ph:ph + x_shape[1], pw:pw + x_shape[2]]


# ---- wrong ---------------------------------------------------------------------------------------------------------------

def squeeze__sum_into_a_real_buffer(u):
    """WRONG: a sum for the mean; the buffer is real, which is no second mistake."""
    z = np.zeros((u.shape[0], u.shape[3]))
    for h in range(u.shape[1]):
        for w in range(u.shape[2]):
            z += u[:, h, w]
    return z


def sigmoid__np_abs_everywhere(x):
    """WRONG: 1 / (1 + exp(-|x|)), right for positive x only; np.abs has no complex step either."""
    return 1 / (1 + np.exp(-np.abs(x)))
