"""Answers to the batch norm exercises, as students hand them in."""
import numpy as np


# ---- forward, wrong ------------------------------------------------------------------------------------------------------

def batch_norm__ddof_1(x, gamma, beta, *, eps=1e-5):
    """WRONG: the variance is divided by M - 1 (ddof=1); batch norm takes the biased one."""
    mean = x.mean(axis=(0, 1, 2))
    var = x.var(axis=(0, 1, 2), ddof=1)
    return gamma * (x - mean) / np.sqrt(var + eps) + beta, mean, var


def batch_norm__returns_unbiased_variance(x, gamma, beta, *, eps=1e-5):
    """WRONG: y is right, but the variance that is returned is the one divided by M - 1."""
    mean, var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    m = x.size // x.shape[-1]
    return gamma * (x - mean) / np.sqrt(var + eps) + beta, mean, var * m / (m - 1)


def batch_norm__per_image(x, gamma, beta, *, eps=1e-5):
    """WRONG: mean and variance of each image by itself (that is instance norm)."""
    mean = x.mean(axis=(1, 2), keepdims=True)
    var = x.var(axis=(1, 2), keepdims=True)
    y = gamma * (x - mean) / np.sqrt(var + eps) + beta
    return y, mean.mean(axis=(0, 1, 2)), var.mean(axis=(0, 1, 2))


def batch_norm__over_everything(x, gamma, beta, *, eps=1e-5):
    """WRONG: one mean and one variance over all channels together."""
    mean, var = np.mean(x), np.var(x)
    y = gamma * (x - mean) / np.sqrt(var + eps) + beta
    return y, np.full_like(gamma, mean), np.full_like(gamma, var)


def batch_norm__over_the_batch_only(x, gamma, beta, *, eps=1e-5):
    """WRONG: axis=0 only, as for (N, C): the statistics keep the positions."""
    mean, var = x.mean(axis=0), x.var(axis=0)
    return gamma * (x - mean) / np.sqrt(var + eps) + beta, mean, var


def batch_norm__nchw_axes(x, gamma, beta, *, eps=1e-5):
    """WRONG: axes (0, 2, 3), which leave the height over instead of the channels."""
    mean = x.mean(axis=(0, 2, 3))
    var = x.var(axis=(0, 2, 3))
    y = (x - mean[:, None, None]) / np.sqrt(var[:, None, None] + eps)
    return gamma * y + beta, mean, var


def batch_norm__eps_outside(x, gamma, beta, *, eps=1e-5):
    """WRONG: sqrt(var) + eps instead of sqrt(var + eps)."""
    mean, var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    return gamma * (x - mean) / (np.sqrt(var) + eps) + beta, mean, var


def batch_norm__no_eps(x, gamma, beta, *, eps=1e-5):
    """WRONG: eps is taken and never used."""
    mean, std = x.mean(axis=(0, 1, 2)), x.std(axis=(0, 1, 2))
    return gamma * (x - mean) / std + beta, mean, std ** 2


def batch_norm__divided_by_variance(x, gamma, beta, *, eps=1e-5):
    """WRONG: divided by the variance; the root is forgotten."""
    mean, var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    return gamma * (x - mean) / (var + eps) + beta, mean, var


def batch_norm__gamma_and_beta_swapped(x, gamma, beta, *, eps=1e-5):
    """WRONG: beta xhat + gamma instead of gamma xhat + beta."""
    mean, var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    xhat = (x - mean) / np.sqrt(var + eps)
    return xhat * beta + gamma, mean, var


def batch_norm__only_y(x, gamma, beta, *, eps=1e-5):
    """WRONG: only y is returned, without mean and variance."""
    mean, var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    return gamma * (x - mean) / np.sqrt(var + eps) + beta


def batch_norm__std_for_var(x, gamma, beta, *, eps=1e-5):
    """WRONG: the standard deviation is returned in place of the variance."""
    mean, var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    std = np.sqrt(var + eps)
    return gamma * (x - mean) / std + beta, mean, std


def batch_norm__statistics_keep_dims(x, gamma, beta, *, eps=1e-5):
    """WRONG: mean and variance are returned as (1, 1, 1, C)."""
    mean = x.mean(axis=(0, 1, 2), keepdims=True)
    var = ((x - mean) ** 2).mean(axis=(0, 1, 2), keepdims=True)
    return gamma * (x - mean) / np.sqrt(var + eps) + beta, mean, var


def batch_norm__in_place(x, gamma, beta, *, eps=1e-5):
    """WRONG: x -= mean changes the caller's x."""
    mean = x.mean(axis=(0, 1, 2))
    x -= mean
    var = (x ** 2).mean(axis=(0, 1, 2))
    return gamma * x / np.sqrt(var + eps) + beta, mean, var


def batch_norm__variance_around_zero(x, gamma, beta, *, eps=1e-5):
    """WRONG: the variance is mean(x^2); the mean's square is not taken off."""
    mean = x.mean(axis=(0, 1, 2))
    var = (x * x).mean(axis=(0, 1, 2))
    return gamma * (x - mean) / np.sqrt(var + eps) + beta, mean, var


# ---- backward, wrong -----------------------------------------------------------------------------------------------------

def batch_norm_backward__mean_forgotten(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: the path through the mean, mean(dy), is missing from dx."""
    m = x.shape[0] * x.shape[1] * x.shape[2]
    std = np.sqrt(var + eps)
    xhat = (x - mean) / std
    dbeta = dy.sum(axis=(0, 1, 2))
    dgamma = (dy * xhat).sum(axis=(0, 1, 2))
    dx = gamma / std * (dy - xhat * dgamma / m)
    return dx, dgamma, dbeta


def batch_norm_backward__variance_forgotten(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: the path through the variance is missing from dx."""
    std = np.sqrt(var + eps)
    dxhat = dy * gamma
    dmean = -(dxhat / std).mean(axis=(0, 1, 2))
    dx = dxhat / std + dmean
    return dx, np.sum(dy * (x - mean) / std, axis=(0, 1, 2)), np.sum(dy, axis=(0, 1, 2))


def batch_norm_backward__constants(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: mean and variance are treated as constants."""
    std = np.sqrt(var + eps)
    return dy * gamma / std, np.einsum("nijc,nijc->c", dy, (x - mean) / std), np.einsum("nijc->c", dy)


def batch_norm_backward__plus_for_minus(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: the xhat term is added where it should be taken off."""
    m = x.size / x.shape[-1]
    std = np.sqrt(var + eps)
    xhat = (x - mean) / std
    dbeta, dgamma = dy.sum((0, 1, 2)), (dy * xhat).sum((0, 1, 2))
    return gamma / std * (dy - dbeta / m + xhat * dgamma / m), dgamma, dbeta


def batch_norm_backward__plus_mean(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: mean(dy) is added where it should be taken off."""
    m = x.size / x.shape[-1]
    std = np.sqrt(var + eps)
    xhat = (x - mean) / std
    dbeta, dgamma = dy.sum((0, 1, 2)), (dy * xhat).sum((0, 1, 2))
    return gamma / std * (dy + dbeta / m - xhat * dgamma / m), dgamma, dbeta


def batch_norm_backward__dgamma_with_x(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: dgamma is sum(dy x) instead of sum(dy xhat)."""
    std = np.sqrt(var + eps)
    xhat = (x - mean) / std
    dx = gamma / std * (dy - dy.mean((0, 1, 2)) - xhat * (dy * xhat).mean((0, 1, 2)))
    return dx, (dy * x).sum((0, 1, 2)), dy.sum((0, 1, 2))


def batch_norm_backward__dgamma_not_normalised(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: dgamma is sum(dy (x - mean)), the division by the standard deviation is missing."""
    std = np.sqrt(var + eps)
    centred = x - mean
    xhat = centred / std
    dx = gamma / std * (dy - dy.mean((0, 1, 2)) - xhat * (dy * xhat).mean((0, 1, 2)))
    return dx, (dy * centred).sum((0, 1, 2)), dy.sum((0, 1, 2))


def batch_norm_backward__means_for_parameters(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: dgamma and dbeta are means over the batch and the positions instead of sums."""
    std = np.sqrt(var + eps)
    xhat = (x - mean) / std
    dbeta = dy.mean((0, 1, 2))
    dgamma = (dy * xhat).mean((0, 1, 2))
    return gamma / std * (dy - dbeta - xhat * dgamma), dgamma, dbeta


def batch_norm_backward__dbeta_mean(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: dbeta is the mean of dy instead of the sum."""
    std = np.sqrt(var + eps)
    xhat = (x - mean) / std
    dbeta = dy.mean((0, 1, 2))
    dgamma = (dy * xhat).sum((0, 1, 2))
    return gamma / std * (dy - dbeta - xhat * (dy * xhat).mean((0, 1, 2))), dgamma, dbeta


def batch_norm_backward__m_is_the_batch(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: M is taken to be N instead of N H W."""
    m = x.shape[0]
    std = np.sqrt(var + eps)
    xhat = (x - mean) / std
    dbeta, dgamma = dy.sum((0, 1, 2)), (dy * xhat).sum((0, 1, 2))
    return gamma / std * (dy - dbeta / m - xhat * dgamma / m), dgamma, dbeta


def batch_norm_backward__m_without_batch(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: M is taken to be H W: the number of images is missing."""
    m = x.shape[1] * x.shape[2]
    std = np.sqrt(var + eps)
    xhat = (x - mean) / std
    dbeta, dgamma = dy.sum((0, 1, 2)), (dy * xhat).sum((0, 1, 2))
    return gamma / std * (dy - dbeta / m - xhat * dgamma / m), dgamma, dbeta


def batch_norm_backward__m_square_maps(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: M is N H H, which is N H W for square maps only."""
    n, h, w, c = x.shape
    m = n * h * h
    std = np.sqrt(var + eps)
    xhat = (x - mean) / std
    dbeta, dgamma = dy.sum((0, 1, 2)), (dy * xhat).sum((0, 1, 2))
    return gamma / (m * std) * (m * dy - dbeta - xhat * dgamma), dgamma, dbeta


def batch_norm_backward__eps_forgotten(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: the backward leaves eps out."""
    std = np.sqrt(var)
    xhat = (x - mean) / std
    dbeta, dgamma = dy.sum((0, 1, 2)), (dy * xhat).sum((0, 1, 2))
    m = x.size // x.shape[3]
    return gamma / std * (dy - dbeta / m - xhat * dgamma / m), dgamma, dbeta


def batch_norm_backward__eps_fixed(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: 1e-5 is written into the formula; another eps is not heard."""
    std = np.sqrt(var + 1e-5)
    xhat = (x - mean) / std
    dbeta, dgamma = dy.sum((0, 1, 2)), (dy * xhat).sum((0, 1, 2))
    m = x.size // x.shape[3]
    return gamma / std * (dy - dbeta / m - xhat * dgamma / m), dgamma, dbeta


def batch_norm_backward__half_missing(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: dvar lacks the factor 1/2 of the root's derivative."""
    m = x.shape[0] * x.shape[1] * x.shape[2]
    dxhat = dy * gamma
    dvar = np.sum(dxhat * (x - mean) * -1 * (var + eps) ** -1.5, axis=(0, 1, 2))
    dmean = np.sum(dxhat * -1 / np.sqrt(var + eps), axis=(0, 1, 2))
    dx = dxhat / np.sqrt(var + eps) + dvar * 2 * (x - mean) / m + dmean / m
    return dx, np.sum(dy * (x - mean) / np.sqrt(var + eps), axis=(0, 1, 2)), np.sum(dy, axis=(0, 1, 2))


def batch_norm_backward__two_missing(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: the square's derivative 2 (x - mean) lacks the 2."""
    m = x.shape[0] * x.shape[1] * x.shape[2]
    dxhat = dy * gamma
    dvar = np.sum(dxhat * (x - mean) * -0.5 * (var + eps) ** -1.5, axis=(0, 1, 2))
    dmean = np.sum(dxhat * -1 / np.sqrt(var + eps), axis=(0, 1, 2))
    dx = dxhat / np.sqrt(var + eps) + dvar * (x - mean) / m + dmean / m
    return dx, np.sum(dy * (x - mean) / np.sqrt(var + eps), axis=(0, 1, 2)), np.sum(dy, axis=(0, 1, 2))


def batch_norm_backward__wrong_power(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: the derivative of (var + eps)^(-1/2) has the power -3/2, not -1/2."""
    m = x.shape[0] * x.shape[1] * x.shape[2]
    dxhat = dy * gamma
    dvar = np.sum(dxhat * (x - mean) * -0.5 * (var + eps) ** -0.5, axis=(0, 1, 2))
    dmean = np.sum(dxhat * -1 / np.sqrt(var + eps), axis=(0, 1, 2))
    dx = dxhat / np.sqrt(var + eps) + dvar * 2 * (x - mean) / m + dmean / m
    return dx, np.sum(dy * (x - mean) / np.sqrt(var + eps), axis=(0, 1, 2)), np.sum(dy, axis=(0, 1, 2))


def batch_norm_backward__mean_not_shared_out(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: dmean goes to every x in full instead of dmean / M."""
    m = x.shape[0] * x.shape[1] * x.shape[2]
    dxhat = dy * gamma
    dvar = np.sum(dxhat * (x - mean) * -0.5 * (var + eps) ** -1.5, axis=(0, 1, 2))
    dmean = np.sum(dxhat * -1 / np.sqrt(var + eps), axis=(0, 1, 2))
    dx = dxhat / np.sqrt(var + eps) + dvar * 2 * (x - mean) / m + dmean
    return dx, np.sum(dy * (x - mean) / np.sqrt(var + eps), axis=(0, 1, 2)), np.sum(dy, axis=(0, 1, 2))


def batch_norm_backward__gamma_forgotten(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: gamma is missing from dx."""
    m = x.size // x.shape[3]
    rstd = (var + eps) ** -0.5
    xhat = (x - mean) * rstd
    dbeta, dgamma = dy.sum((0, 1, 2)), (dy * xhat).sum((0, 1, 2))
    return rstd * (dy - dbeta / m - xhat * dgamma / m), dgamma, dbeta


def batch_norm_backward__parameters_swapped(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: (dx, dbeta, dgamma) instead of (dx, dgamma, dbeta)."""
    m = x.size // x.shape[3]
    rstd = (var + eps) ** -0.5
    xhat = (x - mean) * rstd
    dbeta, dgamma = dy.sum((0, 1, 2)), (dy * xhat).sum((0, 1, 2))
    return gamma * rstd * (dy - dbeta / m - xhat * dgamma / m), dbeta, dgamma


def batch_norm_backward__divided_by_variance(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: xhat and dx are divided by var + eps; the root is forgotten."""
    m = x.size // x.shape[3]
    rstd = 1 / (var + eps)
    xhat = (x - mean) * rstd
    dbeta, dgamma = dy.sum((0, 1, 2)), (dy * xhat).sum((0, 1, 2))
    return gamma * rstd * (dy - dbeta / m - xhat * dgamma / m), dgamma, dbeta


def batch_norm_backward__per_image(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: the means over dy are taken for each image by itself."""
    rstd = 1 / np.sqrt(var + eps)
    xhat = (x - mean) * rstd
    dx = gamma * rstd * (dy - dy.mean(axis=(1, 2), keepdims=True) - xhat * (dy * xhat).mean(axis=(1, 2), keepdims=True))
    return dx, (dy * xhat).sum((0, 1, 2)), dy.sum((0, 1, 2))


def batch_norm_backward__xhat_forgotten_outside(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: mean(dy xhat) is taken off without being multiplied by xhat."""
    rstd = 1 / np.sqrt(var + eps)
    xhat = (x - mean) * rstd
    dx = gamma * rstd * (dy - dy.mean((0, 1, 2)) - (dy * xhat).mean((0, 1, 2)))
    return dx, (dy * xhat).sum((0, 1, 2)), dy.sum((0, 1, 2))


def batch_norm_backward__over_axis_zero(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: the sums are over axis 0 only, as in a network of linear layers."""
    rstd = 1 / np.sqrt(var + eps)
    xhat = (x - mean) * rstd
    n = len(x)
    dx = gamma * rstd / n * (n * dy - dy.sum(axis=0) - xhat * (dy * xhat).sum(axis=0))
    return dx, (dy * xhat).sum(axis=0), dy.sum(axis=0)


def batch_norm_inference__own_statistics(x, gamma, beta, running_mean, running_var, *, eps=1e-5):
    """WRONG: normalised with the batch's own statistics instead of the running ones."""
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return gamma * (x - mean) / np.sqrt(var + eps) + beta


def batch_norm_inference__beta_scaled(x, gamma, beta, running_mean, running_var, *, eps=1e-5):
    """WRONG: gamma (xhat + beta): beta is inside the bracket."""
    return gamma * ((x - running_mean) / np.sqrt(running_var + eps) + beta)


def batch_norm_inference_backward__as_in_training(dy, x, gamma, running_mean, running_var, *, eps=1e-5):
    """WRONG: dx has the corrections of training; fixed statistics do not depend on x."""
    rstd = 1 / np.sqrt(running_var + eps)
    xhat = (x - running_mean) * rstd
    dx = gamma * rstd * (dy - dy.mean((0, 1, 2)) - xhat * (dy * xhat).mean((0, 1, 2)))
    return dx, (dy * xhat).sum((0, 1, 2)), dy.sum((0, 1, 2))


# ---- right ---------------------------------------------------------------------------------------------------------------

def batch_norm__np_var(x, gamma, beta, *, eps=1e-5):
    """RIGHT: np.var and np.std, which cannot take complex numbers as a derivation would want it."""
    m, v = np.mean(x, axis=(0, 1, 2)), np.var(x, axis=(0, 1, 2))
    return (x - m) / np.sqrt(v + eps) * gamma + beta, m, v


def batch_norm__channel_by_channel(x, gamma, beta, *, eps=1e-5):
    """RIGHT: a loop over the channels, np.abs for the square, and a list returned."""
    y, mean, var = np.empty_like(x), np.empty_like(gamma), np.empty_like(gamma)
    for c in range(x.shape[3]):
        values = x[..., c].ravel()
        mean[c] = sum(values) / len(values)
        var[c] = np.dot(np.abs(values - mean[c]), np.abs(values - mean[c])) / values.size
        y[..., c] = gamma[c] * (x[..., c] - mean[c]) / np.sqrt(var[c] + eps) + beta[c]
    return [y, mean, var]


def batch_norm__as_rows(x, gamma, beta, *, eps=1e-5):
    """RIGHT: reshaped to (M, C), transposed to (C, M), and back: a view that is not contiguous."""
    rows = x.reshape(-1, x.shape[-1]).T
    mean = rows.mean(axis=1, keepdims=True)
    var = ((rows - mean) ** 2).mean(axis=1, keepdims=True)
    y = (rows - mean) * (gamma[:, None] / np.sqrt(var + eps)) + beta[:, None]
    return y.T.reshape(x.shape), mean[:, 0], var.squeeze(1)


def batch_norm_backward__step_by_step(dy, x, gamma, mean, var, *, eps=1e-5):
    """RIGHT: the computation graph in nine steps, as in a well-known blog post."""
    m = x.shape[0] * x.shape[1] * x.shape[2]
    axes = (0, 1, 2)
    xmu = x - mean
    sqrtvar = np.sqrt(var + eps)
    ivar = 1. / sqrtvar
    dbeta = np.sum(dy, axis=axes)
    dgamma = np.sum(dy * (xmu * ivar), axis=axes)
    dxhat = dy * gamma
    divar = np.sum(dxhat * xmu, axis=axes)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1. / (sqrtvar ** 2) * divar
    dvar = 0.5 * 1. / np.sqrt(var + eps) * dsqrtvar
    dsq = 1. / m * np.ones_like(dy) * dvar
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -1 * np.sum(dxmu1 + dxmu2, axis=axes)
    dx2 = 1. / m * np.ones_like(dy) * dmu
    return dx1 + dx2, dgamma, dbeta


def batch_norm_backward__projection(dy, x, gamma, mean, var, *, eps=1e-5):
    """RIGHT: dx by the matrix I - (1 1^T + xhat xhat^T) / M of each channel."""
    shape = x.shape
    m = x.size // shape[3]
    dx, dgamma = np.empty_like(x), np.empty_like(gamma)
    for c in range(shape[3]):
        rstd = 1 / np.sqrt(var[c] + eps)
        xhat = ((x[..., c] - mean[c]) * rstd).reshape(m, 1)
        projection = np.eye(m, dtype=x.dtype) - (1 + xhat @ xhat.T) / m
        dx[..., c] = (gamma[c] * rstd * projection @ dy[..., c].reshape(m)).reshape(shape[:3])
        dgamma[c] = xhat[:, 0] @ dy[..., c].reshape(m)
    return dx, dgamma, dy.sum(axis=(0, 1, 2))


def batch_norm_backward__recomputes(dy, x, gamma, mean, var, *, eps=1e-5):
    """RIGHT: mean and variance are not looked at but computed again from x."""
    axes = tuple(range(x.ndim - 1))
    mu, sigma2 = np.mean(x, axis=axes), np.var(x, axis=axes)
    k = np.power(sigma2 + eps, -0.5)
    xhat = k * (x - mu)
    dgamma = np.einsum("nijc,nijc->c", dy, xhat)
    dbeta = np.add.reduce(dy.reshape(-1, x.shape[-1]), axis=0)
    g = gamma * dy
    return k * (g - g.mean(axes) - xhat * np.average(g * xhat, axis=axes)), dgamma, dbeta


def batch_norm_backward__m_times(dy, x, gamma, mean, var, eps=1e-5):
    """RIGHT: everything multiplied by M first and divided at the end; eps is not keyword-only."""
    m = np.prod(x.shape[:3])
    m = x.dtype.type(m)
    xhat = (x - mean) / np.sqrt(var + eps)
    dxhat = gamma * dy
    dx = (m * dxhat - dxhat.sum((0, 1, 2)) - xhat * (dxhat * xhat).sum((0, 1, 2))) / (m * np.sqrt(var + eps))
    return dx, (dy * xhat).sum((0, 1, 2)), dy.sum((0, 1, 2))


def batch_norm_inference__one_affine_map(x, gamma, beta, running_mean, running_var, *, eps=1e-5):
    """RIGHT: folded into x k + b, which rounds differently."""
    k = gamma * (running_var + eps) ** -0.5
    return x * k + (beta - running_mean * k)


def batch_norm_inference_backward__einsum(dy, x, gamma, running_mean, running_var, *, eps=1e-5):
    """RIGHT: einsum, and dgamma from two sums."""
    rstd = 1 / np.sqrt(running_var + eps)
    dbeta = np.einsum("nijc->c", dy)
    dgamma = np.einsum("nijc,nijc,c->c", dy, x, rstd) - running_mean * rstd * dbeta
    return np.einsum("nijc,c,c->nijc", dy, gamma, rstd), dgamma, dbeta


# ---- more of them --------------------------------------------------------------------------------------------------------

def batch_norm__per_image_without_keepdims(x, gamma, beta, *, eps=1e-5):
    """WRONG: the mean over the channels has no keepdims, so it is laid beside the wrong axes."""
    mean, var = x.mean(axis=3), x.var(axis=3)
    y = gamma * (x - mean) / np.sqrt(var + eps) + beta
    return y, x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))


def batch_norm__nchw_throughout(x, gamma, beta, *, eps=1e-5):
    """WRONG: statistics over axes 0, 2, 3 as for (N, C, H, W), and no keepdims: it fails unless H = C or H = 1."""
    mean, var = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
    return gamma * (x - mean) / np.sqrt(var + eps) + beta, mean, var


def batch_norm__unbiased_by_hand(x, gamma, beta, *, eps=1e-5):
    """WRONG: the sum of squares is divided by M - 1, though the returned variance is the biased one."""
    m = x.size // x.shape[3]
    mean = x.sum(axis=(0, 1, 2)) / m
    squares = ((x - mean) ** 2).sum(axis=(0, 1, 2))
    return gamma * (x - mean) / np.sqrt(squares / (m - 1) + eps) + beta, mean, squares / m


def batch_norm__square_outside(x, gamma, beta, *, eps=1e-5):
    """WRONG: var is mean(x) squared taken from the mean of x, not of x squared."""
    mean = x.mean(axis=(0, 1, 2))
    var = np.abs(x.mean(axis=(0, 1, 2)) - mean ** 2)
    return gamma * (x - mean) / np.sqrt(var + eps) + beta, mean, var


def batch_norm__rms(x, gamma, beta, *, eps=1e-5):
    """RIGHT: the second moment and the square of the mean, and a product with the inverse root."""
    axes = (0, 1, 2)
    mean = np.einsum("nhwc->c", x) / (x.size // x.shape[-1])
    var = np.maximum(((x - mean) * (x - mean)).mean(axes), 0)
    k = gamma * (var + eps) ** -0.5
    return x * k + (beta - mean * k), mean, var


def batch_norm_backward__unbiased_mean(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: the xhat term is divided by M - 1, as if the forward had used the unbiased variance."""
    m = x.size // x.shape[3]
    k = 1 / np.sqrt(var + eps)
    xhat = (x - mean) * k
    dbeta, dgamma = dy.sum(axis=(0, 1, 2)), (dy * xhat).sum(axis=(0, 1, 2))
    return gamma * k * (dy - dbeta / m - xhat * dgamma / (m - 1)), dgamma, dbeta


def batch_norm_backward__unbiased_throughout(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: var is made unbiased before it is used: k, xhat and the xhat term all have M - 1."""
    m = x.size // x.shape[3]
    k = 1 / np.sqrt(var * m / (m - 1) + eps)
    xhat = (x - mean) * k
    dbeta, dgamma = dy.sum(axis=(0, 1, 2)), (dy * xhat).sum(axis=(0, 1, 2))
    return gamma * k * (dy - dbeta / m - xhat * dgamma / (m - 1)), dgamma, dbeta


def batch_norm_backward__both_means_unbiased(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: both means in dx are divided by M - 1."""
    m = x.size // x.shape[3] - 1
    k = 1 / np.sqrt(var + eps)
    xhat = (x - mean) * k
    dbeta, dgamma = dy.sum(axis=(0, 1, 2)), (dy * xhat).sum(axis=(0, 1, 2))
    return gamma * k * (dy - dbeta / m - xhat * dgamma / m), dgamma, dbeta


def batch_norm_backward__means_over_the_batch(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: the means in dx are over the batch only: axis 0, as for (N, C)."""
    k = 1 / np.sqrt(var + eps)
    xhat = (x - mean) * k
    dx = gamma * k * (dy - dy.mean(axis=0) - xhat * (dy * xhat).mean(axis=0))
    return dx, (dy * xhat).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))


def batch_norm_backward__means_over_the_channels(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: the means in dx are over the channels, as in a layer norm."""
    k = 1 / np.sqrt(var + eps)
    xhat = (x - mean) * k
    g = gamma * dy
    dx = k * (g - g.mean(axis=3, keepdims=True) - xhat * (g * xhat).mean(axis=3, keepdims=True))
    return dx, (dy * xhat).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))


def batch_norm_backward__means_over_everything(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: np.mean without an axis: one mean for all channels."""
    k = 1 / np.sqrt(var + eps)
    xhat = (x - mean) * k
    dx = gamma * k * (dy - np.mean(dy) - xhat * np.mean(dy * xhat))
    return dx, (dy * xhat).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))


def batch_norm_backward__nchw_axes(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: all sums are over axes 0, 2, 3, as for (N, C, H, W)."""
    k = 1 / np.sqrt(var + eps)
    xhat = (x - mean) * k
    mean_dy, mean_product = (a.mean(axis=(0, 2, 3), keepdims=True) for a in (dy, dy * xhat))
    dx = gamma * k * (dy - mean_dy - xhat * mean_product)
    return dx, (dy * xhat).sum(axis=(0, 2, 3)), dy.sum(axis=(0, 2, 3))


def batch_norm_backward__parameters_of_the_rows(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: only dgamma and dbeta are summed over axes 0, 2, 3."""
    k = 1 / np.sqrt(var + eps)
    xhat = (x - mean) * k
    dx = gamma * k * (dy - dy.mean(axis=(0, 1, 2)) - xhat * (dy * xhat).mean(axis=(0, 1, 2)))
    return dx, (dy * xhat).sum(axis=(0, 2, 3)), dy.sum(axis=(0, 2, 3))


def batch_norm_backward__eps_forgotten_in_dx(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: dx leaves out eps, dgamma does not."""
    xhat = (x - mean) / np.sqrt(var + eps)
    k = 1 / np.sqrt(var)
    c = (x - mean) * k
    dx = gamma * k * (dy - dy.mean(axis=(0, 1, 2)) - c * (dy * c).mean(axis=(0, 1, 2)))
    return dx, (dy * xhat).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))


def batch_norm_backward__gamma_in_the_mean_only(dy, x, gamma, mean, var, *, eps=1e-5):
    """WRONG: dgamma is summed over g = gamma dy, and not over dy."""
    k = 1 / np.sqrt(var + eps)
    xhat, g = (x - mean) * k, gamma * dy
    dx = k * (g - g.mean(axis=(0, 1, 2)) - xhat * (g * xhat).mean(axis=(0, 1, 2)))
    return dx, (g * xhat).sum(axis=(0, 1, 2)), g.sum(axis=(0, 1, 2))


def batch_norm_backward__one_fraction(dy, x, gamma, mean, var, *, eps=1e-5):
    """RIGHT: everything over one denominator, M^2 (var + eps)^(3/2), with the sums by einsum."""
    m, d = x.size // x.shape[3], x - mean
    v = var + eps
    p, q = np.einsum("nhwc->c", dy), np.einsum("nhwc,nhwc->c", dy, d)
    return gamma * (m * v * dy - v * p - d * q) / (m * v ** 1.5), q * v ** -0.5, p
