"""Answers to the exercise on the end of an SE-ResNet module, y = relu(scale(u, s) + x), as students hand them in."""
import numpy as np


def sig(a):
    return 1 / (1 + np.exp(-a))


def squeeze_and_excite(u, w1, w2):
    z = u.mean(axis=(1, 2))
    h = np.maximum(z @ w1.T, 0)
    return z, h, sig(h @ w2.T)


def excitation_part(ds, z, h, s, w1, w2):
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    return da1 @ w1, da1.T @ z, da2.T @ h


# ---- forward, wrong ------------------------------------------------------------------------------------------------------

def residual_block__no_shortcut(u, x, w1, w2):
    """WRONG: the shortcut x is forgotten."""
    z, h, s = squeeze_and_excite(u, w1, w2)
    return np.maximum(u * s[:, None, None], 0), z, h, s


def residual_block__relu_before_sum(u, x, w1, w2):
    """WRONG: the ReLU comes before the sum."""
    z, h, s = squeeze_and_excite(u, w1, w2)
    return np.maximum(u * s[:, None, None], 0) + x, z, h, s


def residual_block__no_relu(u, x, w1, w2):
    """WRONG: the ReLU after the sum is missing."""
    z, h, s = squeeze_and_excite(u, w1, w2)
    return u * s[:, None, None] + x, z, h, s


def residual_block__shortcut_scaled_too(u, x, w1, w2):
    """WRONG: the gates scale the sum, s (u + x); the shortcut is not scaled."""
    z, h, s = squeeze_and_excite(u, w1, w2)
    return np.maximum((u + x) * s[:, None, None], 0), z, h, s


def residual_block__squeezes_the_sum(u, x, w1, w2):
    """WRONG: the SE block sits after the addition: u + x is squeezed and scaled (SE-POST)."""
    total = u + x
    z, h, s = squeeze_and_excite(total, w1, w2)
    return np.maximum(total * s[:, None, None], 0), z, h, s


def residual_block__squeezes_x(u, x, w1, w2):
    """WRONG: the shortcut x is squeezed instead of u."""
    z, h, s = squeeze_and_excite(x, w1, w2)
    return np.maximum(u * s[:, None, None] + x, 0), z, h, s


def residual_block__u_and_x_swapped(u, x, w1, w2):
    """WRONG: x is scaled and u is the shortcut."""
    z, h, s = squeeze_and_excite(u, w1, w2)
    return np.maximum(x * s[:, None, None] + u, 0), z, h, s


def residual_block__adds_into_x(u, x, w1, w2):
    """WRONG: x += s u changes the shortcut, which belongs to the caller."""
    z, h, s = squeeze_and_excite(u, w1, w2)
    x += u * s[:, None, None]
    return np.maximum(x, 0), z, h, s


def residual_block__y_only(u, x, w1, w2):
    """WRONG: only y is returned."""
    z, h, s = squeeze_and_excite(u, w1, w2)
    return np.maximum(u * s[:, None, None] + x, 0)


# ---- backward, wrong -----------------------------------------------------------------------------------------------------

def residual_block_backward__shortcut_forgotten(dy, y, u, z, h, s, w1, w2):
    """WRONG: no gradient goes through the shortcut: dx is zero."""
    g = dy * (y > 0)
    dz, dw1, dw2 = excitation_part((g * u).sum((1, 2)), z, h, s, w1, w2)
    du = g * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2])
    return du, np.zeros_like(u), dw1, dw2


def residual_block_backward__shortcut_none(dy, y, u, z, h, s, w1, w2):
    """WRONG: None for dx."""
    g = dy * (y > 0)
    dz, dw1, dw2 = excitation_part((g * u).sum((1, 2)), z, h, s, w1, w2)
    return g * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2]), None, dw1, dw2


def residual_block_backward__shortcut_not_masked(dy, y, u, z, h, s, w1, w2):
    """WRONG: dx = dy, though the ReLU comes after the sum."""
    g = dy * (y > 0)
    dz, dw1, dw2 = excitation_part((g * u).sum((1, 2)), z, h, s, w1, w2)
    du = g * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2])
    return du, dy.copy(), dw1, dw2


def residual_block_backward__no_mask_at_all(dy, y, u, z, h, s, w1, w2):
    """WRONG: the ReLU after the sum is not undone at all."""
    dz, dw1, dw2 = excitation_part((dy * u).sum((1, 2)), z, h, s, w1, w2)
    du = dy * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2])
    return du, dy.copy(), dw1, dw2


def residual_block_backward__branch_not_masked(dy, y, u, z, h, s, w1, w2):
    """WRONG: only the shortcut is masked; the residual branch gets all of dy."""
    dz, dw1, dw2 = excitation_part((dy * u).sum((1, 2)), z, h, s, w1, w2)
    du = dy * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2])
    return du, dy * (y > 0), dw1, dw2


def residual_block_backward__ds_not_masked(dy, y, u, z, h, s, w1, w2):
    """WRONG: the gates' gradient is the sum of dy u without the mask y > 0."""
    g = dy * (y > 0)
    dz, dw1, dw2 = excitation_part((dy * u).sum((1, 2)), z, h, s, w1, w2)
    du = g * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2])
    return du, g, dw1, dw2


def residual_block_backward__mask_from_u(dy, y, u, z, h, s, w1, w2):
    """WRONG: the mask is u > 0; it is the sum that went through the ReLU."""
    g = dy * (u > 0)
    dz, dw1, dw2 = excitation_part((g * u).sum((1, 2)), z, h, s, w1, w2)
    du = g * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2])
    return du, g, dw1, dw2


def residual_block_backward__no_squeeze_path(dy, y, u, z, h, s, w1, w2):
    """WRONG: dz never gets back into u."""
    g = dy * (y > 0)
    dz, dw1, dw2 = excitation_part((g * u).sum((1, 2)), z, h, s, w1, w2)
    return g * s[:, None, None], g, dw1, dw2


def residual_block_backward__dz_in_full(dy, y, u, z, h, s, w1, w2):
    """WRONG: dz is not divided by H W."""
    g = dy * (y > 0)
    dz, dw1, dw2 = excitation_part((g * u).sum((1, 2)), z, h, s, w1, w2)
    return g * s[:, None, None] + dz[:, None, None], g, dw1, dw2


def residual_block_backward__shortcut_scaled(dy, y, u, z, h, s, w1, w2):
    """WRONG: the shortcut's gradient is multiplied by the gates, which x never met."""
    g = dy * (y > 0)
    dz, dw1, dw2 = excitation_part((g * u).sum((1, 2)), z, h, s, w1, w2)
    du = g * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2])
    return du, g * s[:, None, None], dw1, dw2


def residual_block_backward__shortcut_added_to_du(dy, y, u, z, h, s, w1, w2):
    """WRONG: the shortcut's gradient is added to du, as if x and u were one."""
    g = dy * (y > 0)
    dz, dw1, dw2 = excitation_part((g * u).sum((1, 2)), z, h, s, w1, w2)
    du = g * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2]) + g
    return du, g, dw1, dw2


def residual_block_backward__dx_is_du(dy, y, u, z, h, s, w1, w2):
    """WRONG: dx = du: the shortcut is handed the gradient of the residual branch."""
    g = dy * (y > 0)
    dz, dw1, dw2 = excitation_part((g * u).sum((1, 2)), z, h, s, w1, w2)
    du = g * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2])
    return du, du, dw1, dw2


def residual_block_backward__dx_first(dy, y, u, z, h, s, w1, w2):
    """WRONG: (dx, du, …) instead of (du, dx, …)."""
    g = dy * (y > 0)
    dz, dw1, dw2 = excitation_part((g * u).sum((1, 2)), z, h, s, w1, w2)
    return g, g * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2]), dw1, dw2


def residual_block_backward__dy_masked_in_place(dy, y, u, z, h, s, w1, w2):
    """WRONG: dy[y <= 0] = 0 changes the caller's gradient."""
    dy[y <= 0] = 0
    dz, dw1, dw2 = excitation_part((dy * u).sum((1, 2)), z, h, s, w1, w2)
    return dy * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2]), dy.copy(), dw1, dw2


def residual_block_backward__pair_of_pairs(dy, y, u, z, h, s, w1, w2):
    """WRONG: ((du, dx), (dw1, dw2)) instead of four gradients."""
    g = dy * (y > 0)
    dz, dw1, dw2 = excitation_part((g * u).sum((1, 2)), z, h, s, w1, w2)
    du = g * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2])
    return (du, g), (dw1, dw2)


# ---- right ---------------------------------------------------------------------------------------------------------------

def residual_block__einsum(u, x, w1, w2):
    """RIGHT: einsum, and the ReLU as a product with a mask."""
    z = np.einsum("nijc->nc", u) / (u.shape[1] * u.shape[2])
    h = np.einsum("nc,kc->nk", z, w1)
    h = h * (h > 0)
    s = 0.5 + 0.5 * np.tanh(np.einsum("nk,ck->nc", h, w2) / 2)
    total = x + np.einsum("nijc,nc->nijc", u, s)
    return total * (total > 0), z, h, s


def residual_block__pixel_by_pixel(u, x, w1, w2):
    """RIGHT: a loop over pixels, and lists stacked at the end."""
    pixels = [(i, j) for i in range(u.shape[1]) for j in range(u.shape[2])]
    z = sum(u[:, i, j] for i, j in pixels) / len(pixels)
    h = (z @ w1.T).clip(min=0)
    s = sig(h @ w2.T)
    y = np.empty_like(u)
    for i, j in pixels:
        y[:, i, j] = (s * u[:, i, j] + x[:, i, j]).clip(0)
    return y, z, h, s


def residual_block_backward__mask_by_sign(dy, y, u, z, h, s, w1, w2):
    """RIGHT: np.sign(y) as the mask; du and dx in Fortran order; a list."""
    g = np.sign(y) * dy
    dz, dw1, dw2 = excitation_part(np.einsum("nijc,nijc->nc", g, u), z, h, s, w1, w2)
    du = (g.transpose(1, 2, 0, 3) * s + dz / (u.shape[1] * u.shape[2])).transpose(2, 0, 1, 3)
    return [np.asfortranarray(du), np.asfortranarray(g), dw1, dw2]


# ---- more of them --------------------------------------------------------------------------------------------------------

def residual_block__sign_of_exponent(u, x, w1, w2):
    """WRONG: 1 / (1 + exp(a)) inside the block."""
    z = u.mean(axis=(1, 2))
    h = np.maximum(z @ w1.T, 0)
    s = 1 / (1 + np.exp(h @ w2.T))
    return np.maximum(u * s[:, None, None] + x, 0), z, h, s


def residual_block__leaky_at_the_end(u, x, w1, w2):
    """WRONG: the last activation is a leaky ReLU."""
    z, h, s = squeeze_and_excite(u, w1, w2)
    a = u * s[:, None, None] + x
    return np.where(a > 0, a, 0.01 * a), z, h, s


def residual_block__sum_squeeze(u, x, w1, w2):
    """WRONG: the squeeze adds up."""
    z = u.sum(axis=(1, 2))
    h = np.maximum(z @ w1.T, 0)
    s = sig(h @ w2.T)
    return np.maximum(u * s[:, None, None] + x, 0), z, h, s


def residual_block_backward__greater_or_equal(dy, y, u, z, h, s, w1, w2):
    """WRONG: y >= 0 holds everywhere, so nothing is masked."""
    g = dy * (y >= 0)
    dz, dw1, dw2 = excitation_part((g * u).sum(axis=(1, 2)), z, h, s, w1, w2)
    return g * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2]), g, dw1, dw2


def residual_block_backward__mask_from_gated(dy, y, u, z, h, s, w1, w2):
    """WRONG: the mask is where s u is positive, without the shortcut."""
    g = dy * (s[:, None, None] * u > 0)
    dz, dw1, dw2 = excitation_part((g * u).sum(axis=(1, 2)), z, h, s, w1, w2)
    return g * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2]), g, dw1, dw2


def residual_block_backward__masked_with_z(dy, y, u, z, h, s, w1, w2):
    """WRONG: the mask is where the channel's mean is positive."""
    g = dy * (z[:, None, None] > 0)
    dz, dw1, dw2 = excitation_part((g * u).sum(axis=(1, 2)), z, h, s, w1, w2)
    return g * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2]), g, dw1, dw2


def residual_block_backward__masked_twice(dy, y, u, z, h, s, w1, w2):
    """RIGHT: the mask is applied twice, which changes nothing."""
    g = dy * (y > 0)
    dz, dw1, dw2 = excitation_part((g * (y > 0) * u).sum(axis=(1, 2)), z, h, s, w1, w2)
    return g * s[:, None, None] + dz[:, None, None] / (u.shape[1] * u.shape[2]), g.copy(), dw1, dw2
