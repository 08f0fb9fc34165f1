"""Answers with a mistake in one branch only, as students hand them in: the other branch is right."""
import numpy as np


def two(v):
    return (v, v) if isinstance(v, (int, np.integer)) else tuple(v)


def sizes(x, w, stride, padding, dilation=(1, 1)):
    return tuple((length + 2 * a - d * (k - 1) - 1) // t + 1
                 for length, a, d, k, t in zip(x.shape[1:3], padding, dilation, w.shape[2:], stride))


def padded(x, padding):
    return np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)))


def forward(x, w, b=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """A right convolution that the answers below share."""
    oh, ow = sizes(x, w, stride, padding, dilation)
    xp, (sh, sw), (dh, dw), per = padded(x, padding), stride, dilation, w.shape[1]
    y = np.zeros((len(x), oh, ow, len(w)), dtype=x.dtype)
    for i, j in np.ndindex(*w.shape[2:]):
        cut = xp[:, i * dh:i * dh + (oh - 1) * sh + 1:sh, j * dw:j * dw + (ow - 1) * sw + 1:sw]
        for c in range(len(w)):
            g = c // (len(w) // groups)
            y[..., c] += cut[..., g * per:(g + 1) * per] @ w[c, :, i, j]
    return y if b is None else y + b


def conv2d__flipped_when_strided(x, w, b=None, *, stride=1, padding=0):
    """WRONG: the branch for a stride turns the kernel round; the branch without one does not."""
    stride, padding = two(stride), two(padding)
    if stride == (1, 1):
        return forward(x, w, b, stride, padding)
    return forward(x, w[:, :, ::-1, ::-1], b, stride, padding)


def conv2d__no_bias_when_padded(x, w, b=None, *, stride=1, padding=0):
    """WRONG: the branch for a padded image returns before the bias is added."""
    stride, padding = two(stride), two(padding)
    if padding != (0, 0):
        return forward(x, w, None, stride, padding)
    return forward(x, w, b, stride, padding)


def conv2d__groups_not_written(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1):
    """WRONG: groups raise NotImplementedError; everything else is right."""
    if groups > 1:
        raise NotImplementedError("groups come next week")
    return forward(x, w, b, two(stride), two(padding), two(dilation))


def conv2d__dilation_not_written(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1):
    """WRONG: a dilation raises NotImplementedError in the middle of the function."""
    stride, padding, dilation = two(stride), two(padding), two(dilation)
    if dilation != (1, 1):
        raise NotImplementedError
    return forward(x, w, b, stride, padding, dilation, groups)


def conv2d__pointwise_forgets_stride(x, w, b=None, *, stride=1, padding=0):
    """WRONG: a fast branch for 1x1 kernels takes neighbouring pixels, whatever the stride."""
    stride, padding = two(stride), two(padding)
    if w.shape[2:] == (1, 1):
        oh, ow = sizes(x, w, stride, padding)
        y = padded(x, padding)[:, :oh, :ow] @ w[:, :, 0, 0].T
        return y if b is None else y + b
    return forward(x, w, b, stride, padding)


def conv2d__depthwise_first_channel(x, w, b=None, *, stride=1, padding=0, groups=1):
    """WRONG: the branch for groups convolves the first group's channels for all of them."""
    stride, padding = two(stride), two(padding)
    if groups == 1:
        return forward(x, w, b, stride, padding)
    return forward(x[..., :w.shape[1]], w, b, stride, padding)


def conv2d__nothing_for_groups(x, w, b=None, *, stride=1, padding=0, groups=1):
    """WRONG: the branch for groups has no return."""
    if groups == 1:
        return forward(x, w, b, two(stride), two(padding))


def conv2d_backward_input__zero_when_strided(dy, w, x_shape, *, stride=1, padding=0):
    """WRONG: for a stride the loop was never written, and dx stays zero."""
    (sh, sw), (ph, pw) = two(stride), two(padding)
    dxp = np.zeros((x_shape[0], x_shape[1] + 2 * ph, x_shape[2] + 2 * pw, x_shape[3]), dtype=dy.dtype)
    if sh == sw == 1:
        for p, q in np.ndindex(*dy.shape[1:3]):
            dxp[:, p:p + w.shape[2], q:q + w.shape[3]] += np.einsum("nc,csij->nijs", dy[:, p, q], w)
    return dxp[:, ph:ph + x_shape[1], pw:pw + x_shape[2]]


def conv2d_backward_weight__mean_when_strided(dy, x, w_shape, *, stride=1, padding=0):
    """WRONG: where there is a stride, dw is divided by the number of images."""
    (sh, sw), padding = two(stride), two(padding)
    windows = np.lib.stride_tricks.sliding_window_view(padded(x, padding), w_shape[2:], axis=(1, 2))[:, ::sh, ::sw]
    dw = np.einsum("npqc,npqsij->csij", dy, windows)
    return dw if sh == sw == 1 else dw / len(x)


def linear__bias_subtracted_for_one_image(x, w, b=None):
    """WRONG: a shortcut for one image subtracts the bias."""
    if b is None:
        return x @ w.T
    return x @ w.T - b if len(x) == 1 else x @ w.T + b


def linear_backward__nothing_without_bias(dy, x, w, *, bias=True):
    """WRONG: without a bias dw is zero: it is computed in the branch with the bias."""
    dw, db = np.zeros_like(w), None
    if bias:
        dw, db = dy.T @ x, dy.sum(axis=0)
    return dy @ w, dw, db


def linear_backward__without_bias_not_written(dy, x, w, *, bias=True):
    """WRONG: bias=False raises NotImplementedError."""
    if not bias:
        raise NotImplementedError("always with a bias")
    return dy @ w, dy.T @ x, dy.sum(axis=0)


def avg_pool2d__sum_when_padded(x, kernel_size, *, stride=None, padding=0):
    """WRONG: padded images take another branch, which adds up and does not divide."""
    (kh, kw), (ph, pw) = two(kernel_size), two(padding)
    sh, sw = (kh, kw) if stride is None else two(stride)
    windows = np.lib.stride_tricks.sliding_window_view(padded(x, (ph, pw)), (kh, kw), axis=(1, 2))[:, ::sh, ::sw]
    return windows.mean(axis=(4, 5)) if ph == pw == 0 else windows.sum(axis=(4, 5))


def max_pool2d__padding_not_written(x, kernel_size, *, stride=None, padding=0):
    """WRONG: a padding raises NotImplementedError."""
    if padding not in (0, (0, 0)):
        raise NotImplementedError
    (kh, kw), n = two(kernel_size), len(x)
    sh, sw = (kh, kw) if stride is None else two(stride)
    windows = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(1, 2))[:, ::sh, ::sw]
    windows = windows.reshape(*windows.shape[:4], kh * kw)
    i, j = np.divmod(windows.argmax(axis=-1), kw)
    rows = (np.arange(windows.shape[1]) * sh)[:, None, None] + i
    return windows.max(axis=-1), rows * x.shape[2] + (np.arange(windows.shape[2]) * sw)[:, None] + j


def sgd_step__momentum_off_goes_uphill(value, grad, velocity, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: without momentum a shorter line is used, and its sign is wrong."""
    grad = grad + weight_decay * value
    velocity *= momentum
    velocity += grad
    if momentum == 0:
        value += lr * grad
    else:
        value -= lr * (grad + momentum * velocity if nesterov else velocity)


def squeeze__sum_for_wide_maps(u):
    """WRONG: maps that are wider than high are added up; all others are averaged."""
    return u.sum(axis=(1, 2)) if u.shape[2] > u.shape[1] else u.mean(axis=(1, 2))


def softmax_cross_entropy__smoothing_not_written(logits, labels, *, label_smoothing=0.0):
    """WRONG: label smoothing raises NotImplementedError."""
    if label_smoothing:
        raise NotImplementedError
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(labels)), labels].mean(), np.exp(logs)


# ---- right ---------------------------------------------------------------------------------------------------------------

def conv2d__a_branch_for_everything(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1):
    """RIGHT: 1x1 kernels without options take a shorter way."""
    stride, padding, dilation = two(stride), two(padding), two(dilation)
    if w.shape[2:] == (1, 1) and stride == (1, 1) and padding == (0, 0) and groups == 1:
        y = x @ w[:, :, 0, 0].T
        return y if b is None else y + b
    return forward(x, w, b, stride, padding, dilation, groups)


def conv2d__refuses_what_it_does_not_take(x, w, b=None, *, stride=1, padding=0):
    """RIGHT: no dilation and no groups, and none in the signature."""
    return forward(x, w, b, two(stride), two(padding))
