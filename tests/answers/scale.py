"""Answers to the scale exercises, as students hand them in."""
import numpy as np


# ---- forward, wrong ------------------------------------------------------------------------------------------------------

def scale__nchw(u, s):
    """WRONG: s is spread as for (N, C, H, W)."""
    return u * s[:, :, None, None]


def scale__one_axis_missing(u, s):
    """WRONG: s[:, None] is (N, 1, C), whose N meets the height; it fits only for one image or where N = H."""
    return u * s[:, None]


def scale__gates_of_first_image(u, s):
    """WRONG: all images are scaled by the gates of the first."""
    return u * s[0]


def scale__mean_gate(u, s):
    """WRONG: the gates are averaged over the batch."""
    return u * s.mean(axis=0)


def scale__in_place(u, s):
    """WRONG: u *= s changes the caller's feature maps, which the backward needs."""
    u *= s[:, None, None, :]
    return u


def scale__one_plus_gate(u, s):
    """WRONG: u + s u, as if there were a shortcut inside."""
    return u + u * s[:, None, None, :]


def scale__sigmoid_again(u, s):
    """WRONG: the sigmoid is applied to gates that have been through it already."""
    gates = 1 / (1 + np.exp(-s))
    return u * gates[:, None, None, :]


def scale__gates_reshaped(u, s):
    """WRONG: s is transposed before it is reshaped, so images and channels are mixed up."""
    n, h, w, c = u.shape
    return u * s.T.reshape(n, 1, 1, c)


def scale__adds(u, s):
    """WRONG: the gates are added instead of multiplied."""
    return u + s[:, None, None, :]


def scale__loops_leave_out_the_last(u, s):
    """WRONG: range(c - 1) leaves the last channel at zero."""
    n, h, w, c = u.shape
    y = np.zeros_like(u)
    for k in range(n):
        for ch in range(0, c - 1):
            y[k, :, :, ch] = s[k, ch] * u[k, :, :, ch]
    return y


def scale__zeros_like_int(u, s):
    """WRONG: collected in integers."""
    y = np.zeros(u.shape, dtype=np.int64)
    for k in range(len(u)):
        y[k] = s[k] * u[k]
    return y


def scale__raises_for_one_image(u, s):
    """WRONG: np.squeeze takes the batch axis away where there is one image, and the unpacking fails."""
    n, c = np.squeeze(s).shape
    return u * s.reshape(n, 1, 1, c)


# ---- backward, wrong -----------------------------------------------------------------------------------------------------

def scale_backward__mean_over_positions(dy, u, s):
    """WRONG: ds is the mean over the positions instead of the sum."""
    return s[:, None, None] * dy, np.mean(dy * u, axis=(1, 2))


def scale_backward__ds_not_summed(dy, u, s):
    """WRONG: ds keeps the positions; one gate met all of them, so it is their sum."""
    return dy * s[:, None, None, :], dy * u


def scale_backward__no_du(dy, u, s):
    """WRONG: None instead of du."""
    return None, (dy * u).sum(axis=(1, 2))


def scale_backward__only_ds(dy, u, s):
    """WRONG: only ds is returned."""
    return (dy * u).sum(axis=(1, 2))


def scale_backward__swapped(dy, u, s):
    """WRONG: (ds, du) instead of (du, ds)."""
    du = dy * s[:, None, None, :]
    ds = np.einsum("nhwc,nhwc->nc", dy, u)
    return ds, du


def scale_backward__product_of_sums(dy, u, s):
    """WRONG: the sum of dy times the sum of u, which is not the sum of the products."""
    return dy * s[:, None, None, :], dy.sum(axis=(1, 2)) * u.sum(axis=(1, 2))


def scale_backward__over_the_batch(dy, u, s):
    """WRONG: an index too few in the einsum: ds is summed over the images and handed to each of them."""
    n, c = s.shape
    ds = np.einsum("nhwc,nhwc->c", dy, u)
    return dy * s[:, None, None, :], np.tile(ds, (n, 1))


def scale_backward__du_is_dy(dy, u, s):
    """WRONG: du = dy, the gates are forgotten."""
    return dy.copy(), (dy * u).sum(axis=(1, 2))


def scale_backward__du_is_dy_itself(dy, u, s):
    """WRONG: du = dy, the gates are forgotten, and it is the caller's own array."""
    return dy, (dy * u).sum(axis=(1, 2))


def scale_backward__u_for_dy(dy, u, s):
    """WRONG: du = s u: the upstream gradient is missing."""
    return u * s[:, None, None, :], (dy * u).sum(axis=(1, 2))


def scale_backward__ds_without_u(dy, u, s):
    """WRONG: ds is the sum of dy; it has to be multiplied by u, which the gate met."""
    return dy * s[:, None, None, :], dy.sum(axis=(1, 2))


def scale_backward__ds_from_y(dy, u, s):
    """WRONG: ds is the sum of dy y, with the scaled maps in place of u."""
    y = u * s[:, None, None, :]
    return dy * s[:, None, None, :], (dy * y).sum(axis=(1, 2))


def scale_backward__dy_in_place(dy, u, s):
    """WRONG: dy *= s writes over the upstream gradient (after ds, so the numbers are right)."""
    ds = (dy * u).sum(axis=(1, 2))
    dy *= s[:, None, None, :]
    return dy, ds


def scale_backward__dy_in_place_first(dy, u, s):
    """WRONG: dy *= s comes first, so that ds is computed with the scaled gradient."""
    dy *= s[:, None, None, :]
    return dy, (dy * u).sum(axis=(1, 2))


def scale_backward__keepdims(dy, u, s):
    """WRONG: ds is left as (N, 1, 1, C)."""
    return dy * s[:, None, None, :], (dy * u).sum(axis=(1, 2), keepdims=True)


def scale_backward__rows_only(dy, u, s):
    """WRONG: ds is summed over the rows only, and then only its first column is used."""
    ds = (dy * u).sum(axis=1)
    return dy * s[:, None, None, :], ds[:, 0]


def scale_backward__sum_of_channels(dy, u, s):
    """WRONG: axes (2, 3), as in (N, C, H, W)."""
    return dy * s[:, None, None, :], (dy * u).sum(axis=(2, 3))


def scale_backward__divided_by_batch(dy, u, s):
    """WRONG: both gradients are divided by N, which the loss has done already."""
    n = dy.shape[0]
    return dy * s[:, None, None, :] / n, (dy * u).sum(axis=(1, 2)) / n


def scale_backward__swapped_bounds(dy, u, s):
    """WRONG: the loops over rows and columns have each other's bounds."""
    n, h, w, c = u.shape
    du, ds = np.zeros_like(u), np.zeros_like(s)
    for i in range(w):
        for j in range(h):
            du[:, i, j] = dy[:, i, j] * s
            ds += dy[:, i, j] * u[:, i, j]
    return du, ds


def scale_backward__sigmoid_inside(dy, u, s):
    """WRONG: s (1 - s) is multiplied in, which belongs to the excitation."""
    return dy * s[:, None, None, :], (dy * u).sum(axis=(1, 2)) * s * (1 - s)


def scale_backward__shares_out(dy, u, s):
    """WRONG: du is divided by H W, which belongs to the squeeze."""
    n, h, w, c = u.shape
    return dy * s[:, None, None, :] / (h * w), (dy * u).sum(axis=(1, 2))


def scale_backward__float32(dy, u, s):
    """WRONG: ds is summed in float32 to save time."""
    ds = (dy.astype(np.float32) * u.astype(np.float32)).sum(axis=(1, 2))
    return dy * s[:, None, None, :], ds.astype(s.dtype)


def scale_backward__scalar(dy, u, s):
    """WRONG: ds is one number, the sum over everything."""
    return dy * s[:, None, None, :], (dy * u).sum()


def scale_backward__three(dy, u, s):
    """WRONG: three values where two are expected."""
    du, ds = dy * s[:, None, None, :], (dy * u).sum(axis=(1, 2))
    return du, ds, du.sum()


# ---- right ---------------------------------------------------------------------------------------------------------------

def scale__swapped_axes(u, s):
    """RIGHT: multiplied in the order (H, W, N, C) and moved back: a view that is not contiguous."""
    return (u.transpose(1, 2, 0, 3) * s).transpose(2, 0, 1, 3)


def scale__diagonal_matrices(u, s):
    """RIGHT: a product with a diagonal matrix for each image."""
    return np.stack([u[n] @ np.diag(s[n]) for n in range(len(u))])


def scale__loops(u, s):
    """RIGHT: loops, with an output made from a list."""
    return np.array([[[[pixel * gate for pixel, gate in zip(pixels, gates)] for pixels in row] for row in image]
                     for image, gates in zip(u, s)], dtype=u.dtype)


class ScaleLayer:
    """The student wrote a class; the function below calls it."""

    def forward(self, u, s):
        self.cache = u, s
        return np.einsum("nijc,nc->nijc", u, s)

    def backward(self, dy):
        u, s = self.cache
        return np.einsum("nijc,nc->nijc", dy, s), np.einsum("nijc,nijc->nc", dy, u)


def scale_backward__class(dy, u, s):
    """RIGHT: through a layer class with a cache."""
    layer = ScaleLayer()
    layer.forward(u, s)
    return layer.backward(dy)


def scale_backward__pixel_by_pixel(dy, u, s):
    """RIGHT: a loop over pixels that adds to ds, and a list returned."""
    du, ds = np.empty_like(u), np.zeros_like(s)
    for i, j in np.ndindex(u.shape[1:3]):
        du[:, i, j] = s * dy[:, i, j]
        ds += u[:, i, j] * dy[:, i, j]
    return [du, ds]


def scale_backward__batched_dot(dy, u, s):
    """RIGHT: ds as the diagonal of a batch of matrix products."""
    n, c = s.shape
    products = dy.reshape(n, -1, c).transpose(0, 2, 1) @ u.reshape(n, -1, c)
    return s.reshape(n, 1, 1, c) * dy, np.diagonal(products, axis1=1, axis2=2)


# ---- more of them --------------------------------------------------------------------------------------------------------

def scale__one_minus_gate(u, s):
    """WRONG: u is multiplied by 1 - s: an open gate stops the channel."""
    return u * (1 - s[:, None, None])


def scale__mean_over_channels(u, s):
    """WRONG: one gate for each image: the mean of its channels' gates."""
    return u * s.mean(axis=1)[:, None, None, None]


def scale__matmul_with_diagonal(u, s):
    """RIGHT: each image is multiplied by a diagonal matrix of its gates."""
    return np.stack([image @ np.diag(gates) for image, gates in zip(u, s)])


def scale_backward__second_path(dy, u, s):
    """WRONG: du has ds shared out over the positions too: the squeeze's path belongs to another function."""
    ds = (dy * u).sum(axis=(1, 2))
    return dy * s[:, None, None] + ds[:, None, None] / (u.shape[1] * u.shape[2]), ds


def scale_backward__averaged_gates(dy, u, s):
    """WRONG: du uses each channel's mean gate over the batch."""
    return dy * s.mean(axis=0), (dy * u).sum(axis=(1, 2))
