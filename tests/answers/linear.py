"""Answers to the exercises on the fully connected layer, as students hand them in."""
import numpy as np


def linear__not_transposed(x, w, b=None):
    """WRONG: x w instead of x w^T: it fits for square weights only."""
    y = x @ w
    return y if b is None else y + b


def linear__einsum_indices(x, w, b=None):
    """WRONG: the einsum adds over the output index, 'ni,io->no', which fits for square weights only."""
    y = np.einsum("ni,io->no", x, w)
    return y if b is None else y + b


def linear__bias_as_column(x, w, b=None):
    """WRONG: b[:, None] adds one bias to each image instead of one to each output."""
    y = x @ w.T
    return y if b is None else y + b[:, None]


def linear__bias_ignored(x, w, b=None):
    """WRONG: the bias is never added."""
    return x @ w.T


def linear__columns(x, w, b=None):
    """WRONG: the result is (out, N), as in a textbook with column vectors."""
    y = w @ x.T
    return y if b is None else y + b[:, None]


def linear__rounded(x, w, b=None):
    """WRONG: rounded to four decimals 'to make it readable'."""
    y = x @ w.T
    return np.round(y if b is None else y + b, 4)


def linear__one_sample_only(x, w, b=None):
    """WRONG: only the first row of x is used; with one image it is right."""
    y = np.zeros((len(x), len(w)), dtype=x.dtype)
    for o in range(len(w)):
        y[:, o] = w[o] @ x[0]
    return y if b is None else y + b


def linear_backward__w_transposed(dy, x, w, *, bias=True):
    """WRONG: dx = dy w^T, which fits for square weights only."""
    return dy @ w.T, dy.T @ x, dy.sum(0) if bias else None


def linear_backward__dw_transposed(dy, x, w, *, bias=True):
    """WRONG: dw = x^T dy is (in, out), the transpose of what it should be."""
    return dy @ w, x.T @ dy, dy.sum(0) if bias else None


def linear_backward__dw_averaged(dy, x, w, *, bias=True):
    """WRONG: dw is divided by the number of images."""
    return dy @ w, dy.T @ x / len(x), dy.sum(0) if bias else None


def linear_backward__db_averaged(dy, x, w, *, bias=True):
    """WRONG: db is the mean over the images."""
    return dy @ w, dy.T @ x, np.mean(dy, axis=0) if bias else None


def linear_backward__db_wrong_axis(dy, x, w, *, bias=True):
    """WRONG: db is summed over the outputs instead of the images."""
    return dy @ w, dy.T @ x, dy.sum(axis=1) if bias else None


def linear_backward__db_keeps_a_row(dy, x, w, *, bias=True):
    """WRONG: db is (1, out) instead of (out,)."""
    return dy @ w, dy.T @ x, dy.sum(axis=0, keepdims=True) if bias else None


def linear_backward__db_is_dy(dy, x, w, *, bias=True):
    """WRONG: db = dy, not summed over the images."""
    return dy @ w, dy.T @ x, dy if bias else None


def linear_backward__reshaped(dy, x, w, *, bias=True):
    """WRONG: dw has been reshaped where it needed a transpose."""
    return dy @ w, (x.T @ dy).reshape(w.shape), dy.sum(0) if bias else None


def linear_backward__last_image(dy, x, w, *, bias=True):
    """WRONG: dw is overwritten in the loop, so only the last image counts."""
    for n in range(len(x)):
        dw = np.outer(dy[n], x[n])
    return dy @ w, dw, dy.sum(0) if bias else None


def linear_backward__db_always_none(dy, x, w, *, bias=True):
    """WRONG: db is None even where there is a bias."""
    return dy @ w, dy.T @ x, None


def linear_backward__dx_and_dw_swapped(dy, x, w, *, bias=True):
    """WRONG: dw comes first."""
    return dy.T @ x, dy @ w, dy.sum(0) if bias else None


# ---- right ---------------------------------------------------------------------------------------------------------------

def linear__dot_products(x, w, b=None):
    """RIGHT: one dot product for each output."""
    y = np.array([[np.dot(row, weights) for weights in w] for row in x], dtype=x.dtype)
    if b is not None:
        y += b
    return y


def linear__augmented(x, w, b=None):
    """RIGHT: the bias as one more weight whose input is always 1; the result is a transposed view."""
    if b is None:
        return (w @ x.T).T
    return (np.hstack([w, b[:, None]]) @ np.vstack([x.T, np.ones((1, len(x)), dtype=x.dtype)])).T


def linear__broadcast(x, w, b=None):
    """RIGHT: a big broadcast product (N, out, in), summed."""
    y = (x[:, None, :] * w).sum(axis=-1)
    return y if b is None else np.add(y, b)


def linear_backward__outer_products(dy, x, w, *, bias=True):
    """RIGHT: a sum of outer products, and a list returned."""
    dw = sum(np.multiply.outer(dy[n], x[n]) for n in range(len(x)))
    return [np.einsum("no,oi->ni", dy, w), dw, np.einsum("no->o", dy) if bias else None]


def linear_backward__transposes(dy, x, w, bias=True):
    """RIGHT: all transposed: dx = (w^T dy^T)^T, dw = (x^T dy)^T, both views; bias is not keyword-only."""
    db = None
    if bias:
        db = np.ones(len(dy), dtype=dy.dtype) @ dy
    return (w.T @ dy.T).T, (x.T @ dy).T, db
