"""Layers of the students' own, each a forward and a backward; the sentence is in the backward's docstring."""
import numpy as np


def sig(a):
    return 0.5 * (1 + np.tanh(0.5 * a))


# ---- right ---------------------------------------------------------------------------------------------------------------

def swish(x):
    """x sigmoid(x).

    Parameters
    ----------
    x : ndarray (N, C)

    Returns
    -------
    y : ndarray (N, C)
    """
    return x * sig(x)


def swish_backward(dy, x):
    """RIGHT: the product rule.

    Parameters
    ----------
    dy : ndarray (N, C)
    x : ndarray (N, C)

    Returns
    -------
    dx : ndarray (N, C)
    """
    s = sig(x)
    return dy * (s + x * s * (1 - s))


def layer_norm(x, gamma, beta, eps=1e-5):
    """Normalises each row.

    Parameters
    ----------
    x : ndarray (N, C)
    gamma : ndarray (C,)
    beta : ndarray (C,)
    eps : float

    Returns
    -------
    y : ndarray (N, C)
    """
    xhat = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + eps)
    return gamma * xhat + beta


def layer_norm_backward(dy, x, gamma, eps=1e-5):
    """RIGHT: np.var in the forward, which has no complex step.

    Parameters
    ----------
    dy : ndarray (N, C)
    x : ndarray (N, C)
    gamma : ndarray (C,)
    eps : float

    Returns
    -------
    dx, dgamma, dbeta : ndarray (N, C), (C,), (C,)
    """
    std = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    xhat = (x - x.mean(axis=1, keepdims=True)) / std
    g = gamma * dy
    dx = (g - g.mean(axis=1, keepdims=True) - xhat * (g * xhat).mean(axis=1, keepdims=True)) / std
    return dx, (dy * xhat).sum(axis=0), dy.sum(axis=0)


def sharp_gate(z, t):
    """A gate with a sharpness (an inverse temperature) for each channel: sigmoid(t z).

    Parameters
    ----------
    z : ndarray (N, C)
    t : ndarray (C,)

    Returns
    -------
    y : ndarray (N, C)
    """
    return sig(t * z)


def sharp_gate_backward(dy, y, z, t):
    """RIGHT: its backward uses the output y too, before the arguments.

    Parameters
    ----------
    dy : ndarray (N, C)
    y : ndarray (N, C)
    z : ndarray (N, C)
    t : ndarray (C,)

    Returns
    -------
    dz, dt : ndarray (N, C), (C,)
    """
    g = dy * y * (1 - y)
    return g * t, (g * z).sum(axis=0)


def hard_se(u, w1, w2):
    """An SE block with a hard sigmoid, clip(a / 6 + 1 / 2, 0, 1).

    Parameters
    ----------
    u : ndarray (N, H, W, C)
    w1 : ndarray (R, C)
    w2 : ndarray (C, R)

    Returns
    -------
    y : ndarray (N, H, W, C)
    """
    z = u.mean(axis=(1, 2))
    h = np.maximum(z @ w1.T, 0)
    s = np.clip(h @ w2.T / 6 + 0.5, 0, 1)
    return u * s[:, None, None]


def hard_se_backward(dy, u, w1, w2):
    """RIGHT: everything is computed again; two kinks.

    Parameters
    ----------
    dy : ndarray (N, H, W, C)
    u : ndarray (N, H, W, C)
    w1 : ndarray (R, C)
    w2 : ndarray (C, R)

    Returns
    -------
    du, dw1, dw2 : ndarray (N, H, W, C), (R, C), (C, R)
    """
    n, height, width, c = u.shape
    z = u.mean(axis=(1, 2))
    h = np.maximum(z @ w1.T, 0)
    a = h @ w2.T / 6 + 0.5
    s = np.clip(a, 0, 1)
    da = (dy * u).sum(axis=(1, 2)) * ((a > 0) & (a < 1)) / 6
    dh = (da @ w2) * (h > 0)
    du = dy * s[:, None, None] + (dh @ w1)[:, None, None] / (height * width)
    return du, dh.T @ z, da.T @ h


def magnitude_squeeze(u):
    """The mean of the absolute values of each map.

    Parameters
    ----------
    u : ndarray (N, H, W, C)

    Returns
    -------
    z : ndarray (N, C)
    """
    return np.abs(u).mean(axis=(1, 2))


def magnitude_squeeze_backward(dz, u):
    """RIGHT: np.abs, whose complex step is not its derivative.

    Parameters
    ----------
    dz : ndarray (N, C)
    u : ndarray (N, H, W, C)

    Returns
    -------
    du : ndarray (N, H, W, C)
    """
    return np.sign(u) * dz[:, None, None] / (u.shape[1] * u.shape[2])


def spatial_gate(u, v):
    """A gate for each pixel, from its channels.

    Parameters
    ----------
    u : ndarray (N, H, W, C)
    v : ndarray (C,)

    Returns
    -------
    y : ndarray (N, H, W, C)
    """
    return u * sig(u @ v)[..., None]


def spatial_gate_backward(dy, u, v):
    """RIGHT: two paths into u, the second through the pixel's own gate; a list.

    Parameters
    ----------
    dy : ndarray (N, H, W, C)
    u : ndarray (N, H, W, C)
    v : ndarray (C,)

    Returns
    -------
    du, dv : ndarray (N, H, W, C), (C,)
    """
    s = sig(u @ v)
    da = (dy * u).sum(axis=-1) * s * (1 - s)
    return [dy * s[..., None] + da[..., None] * v, np.einsum("nij,nijc->c", da, u)]


# ---- wrong ---------------------------------------------------------------------------------------------------------------

def half_swish(x):
    """x sigmoid(x).

    Parameters
    ----------
    x : ndarray (N, C)

    Returns
    -------
    y : ndarray (N, C)
    """
    return x * sig(x)


def half_swish_backward(dy, x):
    """WRONG: half of the product rule: the sigmoid's own derivative is missing.

    Parameters
    ----------
    dy : ndarray (N, C)
    x : ndarray (N, C)

    Returns
    -------
    dx : ndarray (N, C)
    """
    return dy * sig(x)


def constant_layer_norm(x, gamma, beta, eps=1e-5):
    """Normalises each row.

    Parameters
    ----------
    x : ndarray (N, C)
    gamma : ndarray (C,)
    beta : ndarray (C,)
    eps : float

    Returns
    -------
    y : ndarray (N, C)
    """
    xhat = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + eps)
    return gamma * xhat + beta


def constant_layer_norm_backward(dy, x, gamma, eps=1e-5):
    """WRONG: mean and variance of the row are taken for constants.

    Parameters
    ----------
    dy : ndarray (N, C)
    x : ndarray (N, C)
    gamma : ndarray (C,)
    eps : float

    Returns
    -------
    dx, dgamma, dbeta : ndarray (N, C), (C,), (C,)
    """
    std = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    xhat = (x - x.mean(axis=1, keepdims=True)) / std
    return gamma * dy / std, (dy * xhat).sum(axis=0), dy.sum(axis=0)


def row_norm(x, gamma, beta, eps=1e-5):
    """Normalises each row.

    Parameters
    ----------
    x : ndarray (N, C)
    gamma : ndarray (C,)
    beta : ndarray (C,)
    eps : float

    Returns
    -------
    y : ndarray (N, C)
    """
    xhat = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + eps)
    return gamma * xhat + beta


def row_norm_backward(dy, x, gamma, eps=1e-5):
    """WRONG: dgamma and dbeta are summed over the channels, like the statistics, instead of over the rows.

    Parameters
    ----------
    dy : ndarray (N, C)
    x : ndarray (N, C)
    gamma : ndarray (C,)
    eps : float

    Returns
    -------
    dx, dgamma, dbeta : ndarray (N, C), (C,), (C,)
    """
    std = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    xhat = (x - x.mean(axis=1, keepdims=True)) / std
    g = gamma * dy
    dx = (g - g.mean(axis=1, keepdims=True) - xhat * (g * xhat).mean(axis=1, keepdims=True)) / std
    return dx, (dy * xhat).sum(axis=1), dy.sum(axis=1)


def warm_gate(z, t):
    """sigmoid(t z).

    Parameters
    ----------
    z : ndarray (N, C)
    t : ndarray (C,)

    Returns
    -------
    y : ndarray (N, C)
    """
    return sig(t * z)


def warm_gate_backward(dy, y, z, t):
    """WRONG: dz lacks the factor t.

    Parameters
    ----------
    dy : ndarray (N, C)
    y : ndarray (N, C)
    z : ndarray (N, C)
    t : ndarray (C,)

    Returns
    -------
    dz, dt : ndarray (N, C), (C,)
    """
    g = dy * y * (1 - y)
    return g, (g * z).sum(axis=0)


def one_path_se(u, w1, w2):
    """An SE block with a hard sigmoid.

    Parameters
    ----------
    u : ndarray (N, H, W, C)
    w1 : ndarray (R, C)
    w2 : ndarray (C, R)

    Returns
    -------
    y : ndarray (N, H, W, C)
    """
    z = u.mean(axis=(1, 2))
    h = np.maximum(z @ w1.T, 0)
    s = np.clip(h @ w2.T / 6 + 0.5, 0, 1)
    return u * s[:, None, None]


def one_path_se_backward(dy, u, w1, w2):
    """WRONG: du lacks the path through the squeeze.

    Parameters
    ----------
    dy : ndarray (N, H, W, C)
    u : ndarray (N, H, W, C)
    w1 : ndarray (R, C)
    w2 : ndarray (C, R)

    Returns
    -------
    du, dw1, dw2 : ndarray (N, H, W, C), (R, C), (C, R)
    """
    z = u.mean(axis=(1, 2))
    h = np.maximum(z @ w1.T, 0)
    a = h @ w2.T / 6 + 0.5
    da = (dy * u).sum(axis=(1, 2)) * ((a > 0) & (a < 1)) / 6
    dh = (da @ w2) * (h > 0)
    return dy * np.clip(a, 0, 1)[:, None, None], dh.T @ z, da.T @ h


def unit_rows(x):
    """Each row divided by its length.

    Parameters
    ----------
    x : ndarray (N, C)

    Returns
    -------
    y : ndarray (N, C)
    """
    return x / np.sqrt((x * x).sum(axis=1, keepdims=True) + 1e-3)


def unit_rows_backward(dy, x):
    """WRONG: the length is taken for a constant.

    Parameters
    ----------
    dy : ndarray (N, C)
    x : ndarray (N, C)

    Returns
    -------
    dx : ndarray (N, C)
    """
    return dy / np.sqrt((x * x).sum(axis=1, keepdims=True) + 1e-3)


def softplus(x):
    """log(1 + exp(x)).

    Parameters
    ----------
    x : ndarray (N, C)

    Returns
    -------
    y : ndarray (N, C)
    """
    return np.logaddexp(0, x)


def softplus_backward(dy, x):
    """WRONG: sigmoid(-x) instead of sigmoid(x).

    Parameters
    ----------
    dy : ndarray (N, C)
    x : ndarray (N, C)

    Returns
    -------
    dx : ndarray (N, C)
    """
    return dy * sig(-x)


def channel_shift(u, b):
    """A shift for each channel.

    Parameters
    ----------
    u : ndarray (N, H, W, C)
    b : ndarray (C,)

    Returns
    -------
    y : ndarray (N, H, W, C)
    """
    return u + b


def channel_shift_backward(dy):
    """WRONG: db is the mean of dy.

    Parameters
    ----------
    dy : ndarray (N, H, W, C)

    Returns
    -------
    du, db : ndarray (N, H, W, C), (C,)
    """
    return dy.copy(), dy.mean(axis=(0, 1, 2))


def cube(x):
    """The third power, in place by mistake.

    Parameters
    ----------
    x : ndarray (N, C)

    Returns
    -------
    y : ndarray (N, C)
    """
    y = x
    y *= x * x
    return y


def cube_backward(dy, x):
    """WRONG: the derivative is right, but the forward writes over its argument.

    Parameters
    ----------
    dy : ndarray (N, C)
    x : ndarray (N, C)

    Returns
    -------
    dx : ndarray (N, C)
    """
    return 3 * dy * x ** 2
