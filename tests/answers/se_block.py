"""Answers to the exercise on the whole SE block, as students hand them in."""
import numpy as np


def sig(a):
    return 1 / (1 + np.exp(-a))


def plus(a, b):
    return a if b is None else a + b


def gates(z, w1, w2, b1=None, b2=None):
    h = np.maximum(plus(z @ w1.T, b1), 0)
    return sig(plus(h @ w2.T, b2)), h


def excitation_part(ds, z, h, s, w1, w2, bias):
    """dz, dw1, dw2, db1, db2"""
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    return da1 @ w1, da1.T @ z, da2.T @ h, da1.sum(0) if bias else None, da2.sum(0) if bias else None


# ---- forward, wrong ------------------------------------------------------------------------------------------------------

def se_block__sum_squeeze(u, w1, w2, b1=None, b2=None):
    """WRONG: the squeeze adds up instead of taking the mean."""
    z = u.sum(axis=(1, 2))
    s, h = gates(z, w1, w2, b1, b2)
    return u * s[:, None, None], z, h, s


def se_block__max_squeeze(u, w1, w2, b1=None, b2=None):
    """WRONG: the squeeze is a max pooling."""
    z = u.max(axis=(1, 2))
    s, h = gates(z, w1, w2, b1, b2)
    return u * s[:, None, None], z, h, s


def se_block__shortcut_inside(u, w1, w2, b1=None, b2=None):
    """WRONG: u is added to the scaled u; the shortcut is not a part of the SE block."""
    z = u.mean(axis=(1, 2))
    s, h = gates(z, w1, w2, b1, b2)
    return u + u * s[:, None, None], z, h, s


def se_block__not_scaled(u, w1, w2, b1=None, b2=None):
    """WRONG: the gates are computed, but u is returned as it came."""
    z = u.mean(axis=(1, 2))
    s, h = gates(z, w1, w2, b1, b2)
    return u, z, h, s


def se_block__gates_in_another_order(u, w1, w2, b1=None, b2=None):
    """WRONG: (y, s, h, z) is returned instead of (y, z, h, s)."""
    z = u.mean(axis=(1, 2))
    s, h = gates(z, w1, w2, b1, b2)
    return u * s[:, None, None], s, h, z


def se_block__squeezes_absolute_values(u, w1, w2, b1=None, b2=None):
    """WRONG: the squeeze is the mean of |u|."""
    z = np.abs(u).mean(axis=(1, 2))
    s, h = gates(z, w1, w2, b1, b2)
    return u * s[:, None, None], z, h, s


def se_block__batch_descriptor(u, w1, w2, b1=None, b2=None):
    """WRONG: the mean is over the batch too, so all images get the same gates."""
    z = np.tile(u.mean(axis=(0, 1, 2)), (len(u), 1))
    s, h = gates(z, w1, w2, b1, b2)
    return u * s[:, None, None], z, h, s


# ---- backward, wrong -----------------------------------------------------------------------------------------------------

def se_block_backward__no_squeeze_path(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: du = s dy alone: the way through the squeeze and the gates is missing."""
    ds = (dy * u).sum(axis=(1, 2))
    dz, dw1, dw2, db1, db2 = excitation_part(ds, z, h, s, w1, w2, bias)
    return dy * s[:, None, None], dw1, dw2, db1, db2


def se_block_backward__no_scale_path(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: only the way through the squeeze is there; s dy is missing from du."""
    n, height, width, c = u.shape
    ds = (dy * u).sum(axis=(1, 2))
    dz, dw1, dw2, db1, db2 = excitation_part(ds, z, h, s, w1, w2, bias)
    return np.tile((dz / (height * width))[:, None, None], (1, height, width, 1)), dw1, dw2, db1, db2


def se_block_backward__dz_in_full(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: dz is added at every position without the division by H W."""
    ds = (dy * u).sum(axis=(1, 2))
    dz, dw1, dw2, db1, db2 = excitation_part(ds, z, h, s, w1, w2, bias)
    return dy * s[:, None, None] + dz[:, None, None], dw1, dw2, db1, db2


def se_block_backward__squeeze_path_twice(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: the squeeze path is added twice."""
    n, height, width, c = u.shape
    ds = (dy * u).sum(axis=(1, 2))
    dz, dw1, dw2, db1, db2 = excitation_part(ds, z, h, s, w1, w2, bias)
    du = dy * s[:, None, None] + dz[:, None, None] / (height * width)
    du += dz[:, None, None] / (height * width)
    return du, dw1, dw2, db1, db2


def se_block_backward__paths_subtracted(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: the squeeze path is subtracted instead of added."""
    n, height, width, c = u.shape
    ds = (dy * u).sum(axis=(1, 2))
    dz, dw1, dw2, db1, db2 = excitation_part(ds, z, h, s, w1, w2, bias)
    return dy * s[:, None, None] - dz[:, None, None] / (height * width), dw1, dw2, db1, db2


def se_block_backward__paths_multiplied(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: the two paths are multiplied, as if they were one after the other; they are side by side."""
    n, height, width, c = u.shape
    ds = (dy * u).sum(axis=(1, 2))
    dz, dw1, dw2, db1, db2 = excitation_part(ds, z, h, s, w1, w2, bias)
    return dy * s[:, None, None] * dz[:, None, None] / (height * width), dw1, dw2, db1, db2


def se_block_backward__height_squared(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: dz is divided by H H."""
    n, height, width, c = u.shape
    ds = (dy * u).sum(axis=(1, 2))
    dz, dw1, dw2, db1, db2 = excitation_part(ds, z, h, s, w1, w2, bias)
    return dy * s[:, None, None] + dz[:, None, None] / (height * height), dw1, dw2, db1, db2


def se_block_backward__y_for_u(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: ds is computed with y = s u instead of u."""
    n, height, width, c = u.shape
    y = u * s[:, None, None]
    ds = (dy * y).sum(axis=(1, 2))
    dz, dw1, dw2, db1, db2 = excitation_part(ds, z, h, s, w1, w2, bias)
    return dy * s[:, None, None] + dz[:, None, None] / (height * width), dw1, dw2, db1, db2


def se_block_backward__ds_mean(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: ds is the mean of dy u over the positions instead of the sum."""
    n, height, width, c = u.shape
    ds = (dy * u).mean(axis=(1, 2))
    dz, dw1, dw2, db1, db2 = excitation_part(ds, z, h, s, w1, w2, bias)
    return dy * s[:, None, None] + dz[:, None, None] / (height * width), dw1, dw2, db1, db2


def se_block_backward__squeeze_of_scaled(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: the squeeze path is multiplied by s once more, as if the scaled maps had been squeezed."""
    n, height, width, c = u.shape
    ds = (dy * u).sum(axis=(1, 2))
    dz, dw1, dw2, db1, db2 = excitation_part(ds, z, h, s, w1, w2, bias)
    return s[:, None, None] * (dy + dz[:, None, None] / (height * width)), dw1, dw2, db1, db2


def se_block_backward__no_sigmoid(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: the sigmoid's derivative s (1 - s) is missing."""
    n, height, width, c = u.shape
    ds = np.einsum("nijc,nijc->nc", dy, u)
    da1 = (ds @ w2) * (h > 0)
    dz = da1 @ w1
    du = dy * s[:, None, None] + dz[:, None, None] / (height * width)
    return du, da1.T @ z, ds.T @ h, da1.sum(0) if bias else None, ds.sum(0) if bias else None


def se_block_backward__no_relu(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: the ReLU's mask is missing."""
    n, height, width, c = u.shape
    da2 = np.einsum("nijc,nijc->nc", dy, u) * s * (1 - s)
    da1 = da2 @ w2
    du = dy * s[:, None, None] + (da1 @ w1)[:, None, None] / (height * width)
    return du, da1.T @ z, da2.T @ h, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def se_block_backward__mixes_the_weights(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: w1 and w2 are used in each other's place, transposed to make them fit."""
    n, height, width, c = u.shape
    da2 = np.einsum("nijc,nijc->nc", dy, u) * s * (1 - s)
    da1 = (da2 @ w1.T) * (h > 0)
    du = dy * s[:, None, None] + (da1 @ w2.T)[:, None, None] / (height * width)
    return du, da1.T @ z, da2.T @ h, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def se_block_backward__no_biases(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: db1 and db2 are None even where there are biases."""
    n, height, width, c = u.shape
    ds = (dy * u).sum(axis=(1, 2))
    dz, dw1, dw2, _, _ = excitation_part(ds, z, h, s, w1, w2, bias)
    return dy * s[:, None, None] + dz[:, None, None] / (height * width), dw1, dw2, None, None


def se_block_backward__three_of_five(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: du, dw1 and dw2 only, where five results are asked for."""
    n, height, width, c = u.shape
    ds = (dy * u).sum(axis=(1, 2))
    dz, dw1, dw2, db1, db2 = excitation_part(ds, z, h, s, w1, w2, bias)
    return dy * s[:, None, None] + dz[:, None, None] / (height * width), dw1, dw2


def se_block_backward__dy_scaled_in_place(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: the right numbers, but they are written over dy."""
    n, height, width, c = u.shape
    ds = (dy * u).sum(axis=(1, 2))
    dz, dw1, dw2, db1, db2 = excitation_part(ds, z, h, s, w1, w2, bias)
    dy *= s[:, None, None]
    dy += dz[:, None, None] / (height * width)
    return dy, dw1, dw2, db1, db2


# ---- right ---------------------------------------------------------------------------------------------------------------

class SE:
    """A block with memory, as in a framework."""

    def __init__(self, w1, w2, b1=None, b2=None):
        self.w1, self.w2, self.b1, self.b2 = w1, w2, b1, b2

    def __call__(self, u):
        pixels = u.reshape(len(u), -1, u.shape[-1])
        self.z = pixels.mean(1)
        self.s, self.h = gates(self.z, self.w1, self.w2, self.b1, self.b2)
        return (pixels * self.s[:, None]).reshape(u.shape)


def se_block__class(u, w1, w2, b1=None, b2=None):
    """RIGHT: through a class with memory, and a list returned."""
    block = SE(w1, w2, b1, b2)
    return [block(u), block.z, block.h, block.s]


def se_block__convolutions(u, w1, w2, b1=None, b2=None):
    """RIGHT: as in many implementations: the vectors stay (N, 1, 1, C) and the layers are 1 x 1 convolutions."""
    z = u.mean(axis=(1, 2), keepdims=True)
    h = np.maximum(np.einsum("nijc,kc->nijk", z, w1) + (0 if b1 is None else b1), 0)
    s = sig(np.einsum("nijk,ck->nijc", h, w2) + (0 if b2 is None else b2))
    return u * s, z.squeeze((1, 2)), h[:, 0, 0], s[:, 0, 0]


def se_block_backward__image_by_image(dy, u, z, h, s, w1, w2, *, bias=False):
    """RIGHT: one image at a time with matrices and column vectors, and ds from the flattened maps."""
    du, dw1, dw2 = np.zeros_like(u), np.zeros_like(w1), np.zeros_like(w2)
    db1, db2 = np.zeros_like(h[0]), np.zeros_like(s[0])
    for n in range(len(u)):
        flat_u, flat_dy = u[n].reshape(-1, u.shape[3]), dy[n].reshape(-1, u.shape[3])
        ds = np.array([flat_u[:, c] @ flat_dy[:, c] for c in range(u.shape[3])], dtype=u.dtype)
        jacobian = np.diag(s[n] * (1 - s[n])) @ w2 @ np.diag((h[n] > 0).astype(u.dtype))
        delta = jacobian.T @ ds
        du[n] = dy[n] * s[n]
        du[n] += w1.T @ delta / len(flat_u)
        dw1 += delta[:, None] * z[n]
        dw2 += (ds * s[n] * (1 - s[n]))[:, None] * h[n]
        db1 += delta
        db2 += ds * s[n] * (1 - s[n])
    return du, dw1, dw2, db1 if bias else None, db2 if bias else None


def se_block_backward__by_broadcasting(dy, u, z, h, s, w1, w2, *, bias=False):
    """RIGHT: forgets z and h and computes them again; the squeeze path comes first; a list."""
    pixels = u.shape[1] * u.shape[2]
    again = u.mean((2, 1))
    ds = np.sum(u * dy, (1, 2))
    dz, dw1, dw2, db1, db2 = excitation_part(ds, again, h, s, w1, w2, bias)
    du = np.empty_like(u)
    du[...] = dz[:, None, None] / pixels
    du += s[:, None, None] * dy
    return [du, dw1, dw2, db1, db2]


# ---- more of them --------------------------------------------------------------------------------------------------------

def se_block__sign_of_exponent(u, w1, w2, b1=None, b2=None):
    """WRONG: 1 / (1 + exp(a)): the minus in the exponent is missing."""
    z = u.mean(axis=(1, 2))
    h = np.maximum(plus(z @ w1.T, b1), 0)
    s = 1 / (1 + np.exp(plus(h @ w2.T, b2)))
    return u * s[:, None, None], z, h, s


def se_block__hard_sigmoid(u, w1, w2, b1=None, b2=None):
    """WRONG: the hard sigmoid 0.2 a + 0.5, cut off at 0 and 1."""
    z = u.mean(axis=(1, 2))
    h = np.maximum(plus(z @ w1.T, b1), 0)
    s = np.clip(0.2 * plus(h @ w2.T, b2) + 0.5, 0, 1)
    return u * s[:, None, None], z, h, s


def se_block__leaky(u, w1, w2, b1=None, b2=None):
    """WRONG: a leaky ReLU between the two layers."""
    z = u.mean(axis=(1, 2))
    a = plus(z @ w1.T, b1)
    h = np.maximum(a, 0.1 * a)
    s = sig(plus(h @ w2.T, b2))
    return u * s[:, None, None], z, h, s


def se_block__biases_not_passed_on(u, w1, w2, b1=None, b2=None):
    """WRONG: b1 and b2 are taken and not passed on to the excitation."""
    z = u.mean(axis=(1, 2))
    s, h = gates(z, w1, w2)
    return u * s[:, None, None], z, h, s


def se_block__second_bias_not_passed_on(u, w1, w2, b1=None, b2=None):
    """WRONG: only b1 is passed on."""
    z = u.mean(axis=(1, 2))
    s, h = gates(z, w1, w2, b1)
    return u * s[:, None, None], z, h, s


def se_block__overflow(u, w1, w2, b1=None, b2=None):
    """WRONG: exp(a) / (1 + exp(a)) is NaN where a is large."""
    z = u.mean(axis=(1, 2))
    h = np.maximum(plus(z @ w1.T, b1), 0)
    e = np.exp(plus(h @ w2.T, b2))
    s = e / (1 + e)
    return u * s[:, None, None], z, h, s


def se_block__swaps_activations(u, w1, w2, b1=None, b2=None):
    """WRONG: the sigmoid is inside and the ReLU outside."""
    z = u.mean(axis=(1, 2))
    h = sig(plus(z @ w1.T, b1))
    s = np.maximum(plus(h @ w2.T, b2), 0)
    return u * s[:, None, None], z, h, s


def se_block__gates_along_the_width(u, w1, w2, b1=None, b2=None):
    """WRONG: s is laid beside u as it is, so images meet columns."""
    z = u.mean(axis=(1, 2))
    s, h = gates(z, w1, w2, b1, b2)
    return u * s, z, h, s


def se_block_backward__slope_twice(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: ds is multiplied by s (1 - s) before the excitation, which does it again."""
    ds = (dy * u).sum(axis=(1, 2)) * s * (1 - s)
    dz, *rest = excitation_part(ds, z, h, s, w1, w2, bias)
    return dy * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2]), *rest


def se_block_backward__mask_greater_or_equal(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: h >= 0 holds for every hidden unit, the dead ones too."""
    ds = (dy * u).sum(axis=(1, 2))
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h >= 0)
    du = dy * s[:, None, None] + (da1 @ w1)[:, None, None] / (u.shape[1] * u.shape[2])
    return du, da1.T @ z, da2.T @ h, da1.sum(0) if bias else None, da2.sum(0) if bias else None


def se_block_backward__masked_too_late(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: dw1 and db1 are taken before the mask."""
    ds = (dy * u).sum(axis=(1, 2))
    da2 = ds * s * (1 - s)
    dh = da2 @ w2
    da1 = dh * (h > 0)
    du = dy * s[:, None, None] + (da1 @ w1)[:, None, None] / (u.shape[1] * u.shape[2])
    return du, dh.T @ z, da2.T @ h, dh.sum(0) if bias else None, da2.sum(0) if bias else None


def se_block_backward__biases_not_asked_for(dy, u, z, h, s, w1, w2, *, bias=False):
    """WRONG: bias is taken and not passed on, so db1 and db2 are None."""
    ds = (dy * u).sum(axis=(1, 2))
    dz, *rest = excitation_part(ds, z, h, s, w1, w2, False)
    return dy * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2]), *rest


def se_block_backward__both_paths_in_a_matrix(dy, u, z, h, s, w1, w2, *, bias=False):
    """RIGHT: the maps as (N, H W, C), and both paths at once."""
    n, height, width, c = u.shape
    d, flat = dy.reshape(n, -1, c), u.reshape(n, -1, c)
    dz, *rest = excitation_part(np.einsum("npc,npc->nc", d, flat), z, h, s, w1, w2, bias)
    return (s[:, None] * d + dz[:, None] / (height * width)).reshape(u.shape), *rest
