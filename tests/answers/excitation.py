"""Answers to the excitation exercises, as students hand them in."""
import numpy as np


def sig(a):
    return 0.5 * (1 + np.tanh(0.5 * a))


def plus(a, b):
    return a if b is None else a + b


# ---- forward, wrong ------------------------------------------------------------------------------------------------------

def excitation__activations_swapped(z, w1, w2, b1=None, b2=None):
    """WRONG: the sigmoid comes first and the ReLU last."""
    h = sig(plus(z @ w1.T, b1))
    return np.maximum(plus(h @ w2.T, b2), 0), h


def excitation__tanh(z, w1, w2, b1=None, b2=None):
    """WRONG: tanh in place of the sigmoid, so gates can be negative."""
    h = np.maximum(plus(z @ w1.T, b1), 0)
    return np.tanh(plus(h @ w2.T, b2)), h


def excitation__no_relu(z, w1, w2, b1=None, b2=None):
    """WRONG: no ReLU between the two layers, which then are one."""
    h = plus(z @ w1.T, b1)
    return sig(plus(h @ w2.T, b2)), h


def excitation__no_sigmoid(z, w1, w2, b1=None, b2=None):
    """WRONG: the sigmoid at the end is missing."""
    h = np.maximum(plus(z @ w1.T, b1), 0)
    return plus(h @ w2.T, b2), h


def excitation__weights_swapped(z, w1, w2, b1=None, b2=None):
    """WRONG: W1 and W2 are used in each other's place, with a transpose that makes the shapes fit."""
    h = np.maximum(plus(z @ w2, b1), 0)
    return sig(plus(h @ w1, b2)), h


def excitation__softmax(z, w1, w2, b1=None, b2=None):
    """WRONG: a softmax over the channels in place of the sigmoid, so channels exclude each other."""
    h = np.maximum(plus(z @ w1.T, b1), 0)
    a = plus(h @ w2.T, b2)
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True), h


def excitation__hidden_before_relu(z, w1, w2, b1=None, b2=None):
    """WRONG: the hidden values are returned from before the ReLU."""
    a = plus(z @ w1.T, b1)
    return sig(plus(np.maximum(a, 0) @ w2.T, b2)), a


def excitation__only_gates(z, w1, w2, b1=None, b2=None):
    """WRONG: h is not returned."""
    h = np.maximum(plus(z @ w1.T, b1), 0)
    return sig(plus(h @ w2.T, b2))


def excitation__h_first(z, w1, w2, b1=None, b2=None):
    """WRONG: (h, s) instead of (s, h)."""
    h = np.maximum(plus(z @ w1.T, b1), 0)
    return h, sig(plus(h @ w2.T, b2))


def excitation__bias_after_relu(z, w1, w2, b1=None, b2=None):
    """WRONG: b1 is added after the ReLU."""
    h = plus(np.maximum(z @ w1.T, 0), b1)
    return sig(plus(h @ w2.T, b2)), h


def excitation__relu_twice(z, w1, w2, b1=None, b2=None):
    """WRONG: a second ReLU before the sigmoid: no gate is below one half."""
    h = np.maximum(plus(z @ w1.T, b1), 0)
    return sig(np.maximum(plus(h @ w2.T, b2), 0)), h


def excitation__no_transpose(z, w1, w2, b1=None, b2=None):
    """WRONG: z @ w1, which fits for r = 1 only."""
    h = np.maximum(plus(z @ w1, b1), 0)
    return sig(plus(h @ w2, b2)), h


# ---- backward, wrong -----------------------------------------------------------------------------------------------------

def excitation_backward__no_relu_mask(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: dead hidden units get a gradient: the mask h > 0 is missing."""
    da2 = ds * s * (1 - s)
    da1 = da2 @ w2
    return da1 @ w1, da1.T @ z, da2.T @ h, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__no_sigmoid(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: the sigmoid's derivative s (1 - s) is missing."""
    da1 = (ds @ w2) * (h > 0)
    return da1 @ w1, da1.T @ z, ds.T @ h, da1.sum(0) if bias else None, ds.sum(0) if bias else None


def excitation_backward__half_a_sigmoid(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: the sigmoid's derivative is s (1 - s); here it is (1 - s)."""
    da2 = ds * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    return da1 @ w1, da1.T @ z, da2.T @ h, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__mask_from_gradient(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: the ReLU's mask comes from the gradient dh > 0 instead of h > 0."""
    da2 = ds * s * (1 - s)
    dh = da2 @ w2
    da1 = dh * (dh > 0)
    return da1 @ w1, da1.T @ z, da2.T @ h, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__mask_lets_all_through(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: h >= 0 is always true, so the dead units are not masked."""
    da2 = ds * s * (1 - s)
    da1 = np.where(h >= 0, da2 @ w2, 0)
    return da1 @ w1, da1.T @ z, da2.T @ h, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__dw_transposed(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: dw1 and dw2 are the transposes of what they should be."""
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    return da1 @ w1, z.T @ da1, h.T @ da2, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__dw_reshaped(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: dw1 and dw2 are reshaped where they needed a transpose."""
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    dw1, dw2 = (z.T @ da1).reshape(w1.shape), (h.T @ da2).reshape(w2.shape)
    return da1 @ w1, dw1, dw2, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__batch_mean(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: dw1 and dw2 are divided by N."""
    n = len(z)
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    return da1 @ w1, da1.T @ z / n, da2.T @ h / n, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__not_summed_over_batch(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: dw1 and dw2 keep the batch axis."""
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    dw1, dw2 = da1[:, :, None] * z[:, None, :], da2[:, :, None] * h[:, None, :]
    return da1 @ w1, dw1, dw2, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__first_image(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: dw1 and dw2 are the outer products of the first image only."""
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    dw1, dw2 = np.outer(da1[0], z[0]), np.outer(da2[0], h[0])
    return da1 @ w1, dw1, dw2, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__dw2_before_sigmoid(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: dw2 and db2 use ds instead of the gradient before the sigmoid."""
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    return da1 @ w1, da1.T @ z, ds.T @ h, da1.sum(0) if bias else None, ds.sum(0) if bias else None


def excitation_backward__weights_in_wrong_order(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: dw1 and dw2 are in each other's place in the tuple."""
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    return da1 @ w1, da2.T @ h, da1.T @ z, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__stops_at_h(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: the gradient of the hidden layer is returned as dz; W1 is never undone."""
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    return da1, da1.T @ z, da2.T @ h, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__biases_swapped(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: db2 comes before db1."""
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    return da1 @ w1, da1.T @ z, da2.T @ h, da2.sum(0) if bias else None, da1.sum(0) if bias else None


def excitation_backward__ds_overwritten(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: ds *= s (1 - s) changes the caller's gradient."""
    ds *= s * (1 - s)
    da1 = (ds @ w2) * (h > 0)
    return da1 @ w1, da1.T @ z, ds.T @ h, da1.sum(0) if bias else None, ds.sum(0) if bias else None


def excitation_backward__only_dz(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: only dz is returned."""
    da1 = ((ds * s * (1 - s)) @ w2) * (h > 0)
    return da1 @ w1


# ---- right ---------------------------------------------------------------------------------------------------------------

def excitation__image_by_image(z, w1, w2, b1=None, b2=None):
    """RIGHT: one image at a time, with the weights times column vectors."""
    gates, hidden = [], []
    for image in z:
        a = w1 @ image
        if b1 is not None:
            a = a + b1
        hidden.append(np.maximum(a, 0))
        a = w2 @ hidden[-1]
        if b2 is not None:
            a = a + b2
        gates.append(1 / (1 + np.exp(-a)))
    return np.stack(gates), np.stack(hidden)


def excitation__without_biases(z, w1, w2):
    """RIGHT: eq. (3) as the paper has it, without biases; the results are transposed views, in a list."""
    h = np.clip(w1 @ z.T, 0, None)
    return [sig(w2 @ h).T, h.T]


def excitation_backward__einsum(ds, z, h, s, w1, w2, *, bias=False):
    """RIGHT: five einsums; the mask is the sign of h."""
    db2 = np.einsum("nc,nc,nc->c", ds, s, 1 - s) if bias else None
    da1 = np.einsum("nc,nc,nc,ck,nk->nk", ds, s, 1 - s, w2, np.sign(h))
    dw2 = np.einsum("nc,nc,nc,nk->ck", ds, s, 1 - s, h)
    return np.einsum("nk,kc->nc", da1, w1), np.einsum("nk,nc->kc", da1, z), dw2, da1.sum(0) if bias else None, db2


def excitation_backward__living_units_only(ds, z, h, s, w1, w2, *, bias=False):
    """RIGHT: image by image, only the rows of the hidden units that are alive."""
    dz, dw1, dw2 = np.zeros_like(z), np.zeros_like(w1), np.zeros_like(w2)
    db1, db2 = np.zeros(len(w1), dtype=z.dtype), np.zeros(len(w2), dtype=z.dtype)
    for n in range(len(z)):
        delta2 = ds[n] * (s[n] - s[n] ** 2)
        alive = np.flatnonzero(h[n] > 0)
        delta1 = w2[:, alive].T @ delta2
        dz[n] = w1[alive].T @ delta1
        dw1[alive] += np.outer(delta1, z[n])
        dw2[:, alive] += np.outer(delta2, h[n, alive])
        db1[alive] += delta1
        db2 += delta2
    return (dz, dw1, dw2, db1, db2) if bias else (dz, dw1, dw2, None, None)


def excitation_backward__no_bias_option(ds, z, h, s, w1, w2):
    """RIGHT: without biases, whose gradients are None; the options are left out."""
    d2 = s * (1 - s) * ds
    d1 = np.where(h > 0, d2.dot(w2), 0)
    return d1.dot(w1), d1.T.dot(z), d2.T.dot(h), None, None


# ---- more of them: forward -----------------------------------------------------------------------------------------------

def excitation__sign_of_exponent(z, w1, w2, b1=None, b2=None):
    """WRONG: 1 / (1 + exp(a)): the minus in the exponent is missing."""
    h = np.maximum(plus(z @ w1.T, b1), 0)
    return 1 / (1 + np.exp(plus(h @ w2.T, b2))), h


def excitation__hard_sigmoid(z, w1, w2, b1=None, b2=None):
    """WRONG: the hard sigmoid of MobileNetV3."""
    h = np.maximum(plus(z @ w1.T, b1), 0)
    return np.clip(plus(h @ w2.T, b2) / 6 + 0.5, 0, 1), h


def excitation__leaky(z, w1, w2, b1=None, b2=None):
    """WRONG: a leaky ReLU in the middle."""
    a = plus(z @ w1.T, b1)
    h = np.where(a > 0, a, 0.01 * a)
    return sig(plus(h @ w2.T, b2)), h


def excitation__overflow(z, w1, w2, b1=None, b2=None):
    """WRONG: exp(a) / (1 + exp(a)) is NaN where a is large."""
    h = np.maximum(plus(z @ w1.T, b1), 0)
    e = np.exp(plus(h @ w2.T, b2))
    return e / (1 + e), h


def excitation__softmax_without_keepdims(z, w1, w2, b1=None, b2=None):
    """WRONG: a softmax for the sigmoid, whose sum has no keepdims."""
    h = np.maximum(plus(z @ w1.T, b1), 0)
    e = np.exp(plus(h @ w2.T, b2))
    return e / e.sum(axis=1), h


def excitation__b1_forgotten(z, w1, w2, b1=None, b2=None):
    """WRONG: b1 is not added."""
    h = np.maximum(z @ w1.T, 0)
    return sig(plus(h @ w2.T, b2)), h


def excitation__sigmoid_twice(z, w1, w2, b1=None, b2=None):
    """WRONG: the sigmoid is applied twice, so every gate is above one half."""
    h = np.maximum(plus(z @ w1.T, b1), 0)
    return sig(sig(plus(h @ w2.T, b2))), h


def excitation__swish(z, w1, w2, b1=None, b2=None):
    """WRONG: the swish x sigma(x) for the ReLU."""
    a = plus(z @ w1.T, b1)
    h = a * sig(a)
    return sig(plus(h @ w2.T, b2)), h


def excitation__textbook(z, w1, w2, b1=None, b2=None):
    """RIGHT: 1 / (1 + exp(-a)) warns of an overflow and gives 0, which is right; the ReLU by a product."""
    a = plus(z @ w1.T, b1)
    h = a * (a > 0)
    return 1 / (1 + np.exp(-plus(h @ w2.T, b2))), h


# ---- more of them: backward ----------------------------------------------------------------------------------------------

def excitation_backward__slope_twice(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: the sigmoid's slope is multiplied in twice."""
    da2 = ds * s * (1 - s) * s * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    return da1 @ w1, da1.T @ z, da2.T @ h, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__slope_twice_in_dw2(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: da2 has the slope already, and dw2 multiplies it in once more."""
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    dw2 = (da2 * s * (1 - s)).T @ h
    return da1 @ w1, da1.T @ z, dw2, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__masked_too_late(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: dw1 and db1 are taken from dh, and the mask comes after."""
    da2 = ds * s * (1 - s)
    dh = da2 @ w2
    dw1, db1 = dh.T @ z, dh.sum(0)
    dh = dh * (h > 0)
    return dh @ w1, dw1, da2.T @ h, db1 if bias else None, da2.sum(0) if bias else None


def excitation_backward__dz_not_masked(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: only dw1 and db1 are masked; dz comes from dh."""
    da2 = ds * s * (1 - s)
    dh = da2 @ w2
    da1 = dh * (h > 0)
    return dh @ w1, da1.T @ z, da2.T @ h, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__mask_from_first_image(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: the mask of image 0 is used for every image."""
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h[0] > 0)
    return da1 @ w1, da1.T @ z, da2.T @ h, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__mask_from_z(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: dz is masked with z > 0, dh is not masked at all."""
    da2 = ds * s * (1 - s)
    da1 = da2 @ w2
    return (da1 @ w1) * (z > 0), da1.T @ z, da2.T @ h, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__mask_from_s(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: ds is masked with s > 0, which holds always; dh is not masked."""
    da2 = ds * s * (1 - s) * (s > 0)
    da1 = da2 @ w2
    return da1 @ w1, da1.T @ z, da2.T @ h, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__leaky(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: dead units pass a hundredth of the gradient, as behind a leaky ReLU."""
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * np.where(h > 0, 1, 0.01)
    return da1 @ w1, da1.T @ z, da2.T @ h, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__dw1_from_h(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: dw2 takes s where h belongs."""
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    return da1 @ w1, da1.T @ z, (da2.T @ da2) @ w2, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def excitation_backward__biases_never(ds, z, h, s, w1, w2, *, bias=False):
    """WRONG: db1 and db2 are None even if there are biases."""
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    return da1 @ w1, da1.T @ z, da2.T @ h, None, None


def excitation_backward__where(ds, z, h, s, w1, w2, *, bias=False):
    """RIGHT: the slope as s - s^2, the mask by np.where, dw by np.outer for each image."""
    da2 = ds * (s - s ** 2)
    da1 = np.where(h == 0, 0, np.einsum("nc,ch->nh", da2, w2))
    dw1, dw2 = (sum(np.outer(a, b) for a, b in zip(*pair)) for pair in ((da1, z), (da2, h)))
    return np.matmul(da1, w1), dw1, dw2, *((da1.sum(0), da2.sum(0)) if bias else (None, None))
