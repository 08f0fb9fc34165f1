"""Answers to the squeeze exercises, as students hand them in."""
import numpy as np


# ---- forward, wrong ------------------------------------------------------------------------------------------------------

def squeeze__sum(u):
    """WRONG: the sum over the positions instead of the mean."""
    return u.sum(axis=(1, 2))


def squeeze__max(u):
    """WRONG: global max pooling; the paper's squeeze is the mean (it tries max in its ablation)."""
    return u.max(axis=(1, 2))


def squeeze__over_channels(u):
    """WRONG: the mean is over the channels of each pixel, not over the pixels of each channel."""
    n, h, w, c = u.shape
    return u.mean(axis=3).reshape(n, h * w)


def squeeze__nchw_axes(u):
    """WRONG: axes (2, 3) are the positions of (N, C, H, W); here they are width and channels."""
    return u.mean(axis=(2, 3))


def squeeze__height_squared(u):
    """WRONG: divided by H * H instead of H * W."""
    n, h, w, c = u.shape
    return u.sum(axis=(1, 2)) / (h * h)


def squeeze__keepdims(u):
    """WRONG: the result is (N, 1, 1, C) instead of (N, C)."""
    return np.mean(u, axis=(1, 2), keepdims=True)


def squeeze__over_the_batch(u):
    """WRONG: the mean is over the images too, so all images get one descriptor."""
    n, c = u.shape[0], u.shape[3]
    return np.broadcast_to(u.mean(axis=(0, 1, 2)), (n, c)).copy()


def squeeze__height_twice_in_the_loops(u):
    """WRONG: both loops run over the height, so only square maps are read as a whole."""
    n, h, w, c = u.shape
    z = np.zeros((n, c), dtype=u.dtype)
    for i in range(h):
        for j in range(h):
            z += u[:, i, j, :]
    return z / (h * w)


def squeeze__mean_of_means_reshaped(u):
    """WRONG: u.reshape(N, C, H * W) instead of a transpose: the mean of the wrong numbers."""
    n, h, w, c = u.shape
    return u.reshape(n, c, h * w).mean(axis=2)


def squeeze__float32(u):
    """WRONG: the result is float32 whatever u is."""
    return u.mean(axis=(1, 2), dtype=np.float32)


def squeeze__without_batch(u):
    """WRONG: only the first image is squeezed, and the result has no batch axis."""
    return u[0].mean(axis=(0, 1))


def squeeze__python_list(u):
    """WRONG: a list of lists of numbers instead of an array."""
    return [[float(u[n, :, :, c].mean()) for c in range(u.shape[3])] for n in range(u.shape[0])]


def squeeze__object_array(u):
    """WRONG: an array of Python objects."""
    return u.mean(axis=(1, 2)).astype(object)


def squeeze__drops_axes_of_one(u):
    """WRONG: np.squeeze takes away every axis of length 1, the batch of one image too."""
    return np.squeeze(u.mean(axis=(1, 2), keepdims=True))


def squeeze__cleared_afterwards(u):
    """WRONG: the mean is accumulated in u itself, which belongs to the caller."""
    n, h, w, c = u.shape
    for i in range(h):
        for j in range(w):
            if i or j:
                u[:, 0, 0] += u[:, i, j]
    return u[:, 0, 0] / (h * w)


# ---- backward, wrong -----------------------------------------------------------------------------------------------------

def squeeze_backward__not_shared_out(dz, height, width):
    """WRONG: every position gets all of dz instead of dz / (H W)."""
    n, c = dz.shape
    return np.ones((n, height, width, c), dtype=dz.dtype) * dz[:, None, None, :]


def squeeze_backward__divided_by_batch(dz, height, width):
    """WRONG: divided by the number of images too."""
    n, c = dz.shape
    return np.tile((dz / (n * height * width))[:, None, None, :], (1, height, width, 1))


def squeeze_backward__height_only(dz, height, width):
    """WRONG: divided by the height alone, the width is forgotten."""
    n, c = dz.shape
    du = np.empty((n, height, width, c), dtype=dz.dtype)
    du[:] = dz.reshape(n, 1, 1, c) / height
    return du


def squeeze_backward__height_squared(dz, height, width):
    """WRONG: divided by height * height."""
    n, c = dz.shape
    du = np.empty((n, height, width, c), dtype=dz.dtype)
    du[:] = dz.reshape(n, 1, 1, c) / height ** 2
    return du


def squeeze_backward__nchw(dz, height, width):
    """WRONG: the result is (N, C, H, W)."""
    n, c = dz.shape
    return np.ones((n, c, height, width), dtype=dz.dtype) * dz[:, :, None, None] / (height * width)


def squeeze_backward__repeat_then_reshape(dz, height, width):
    """WRONG: repeat puts copies of one channel side by side, and the reshape then deals them out to all channels."""
    n, c = dz.shape
    return np.repeat(dz / (height * width), height * width).reshape(n, height, width, c)


def squeeze_backward__not_broadcast(dz, height, width):
    """WRONG: the gradient is left as (N, 1, 1, C) for broadcasting to sort out."""
    return dz[:, None, None, :] / (height * width)


def squeeze_backward__one_position(dz, height, width):
    """WRONG: all of the gradient goes to the first position, as if one pixel had been picked."""
    n, c = dz.shape
    du = np.zeros((n, height, width, c), dtype=dz.dtype)
    du[:, 0, 0] = dz
    return du


def squeeze_backward__floor_division(dz, height, width):
    """WRONG: // instead of / rounds every gradient down to a whole number."""
    n, c = dz.shape
    return np.broadcast_to((dz // (height * width)).reshape(n, 1, 1, c), (n, height, width, c)).copy()


def squeeze_backward__width_first(dz, height, width):
    """WRONG: the result is (N, W, H, C)."""
    n, c = dz.shape
    return np.full((n, width, height, c), (dz / (width * height))[:, None, None, :])


def squeeze_backward__always_float64(dz, height, width):
    """WRONG: np.zeros without a dtype makes float64 of a float32 gradient."""
    n, c = dz.shape
    du = np.zeros((n, height, width, c))
    du += dz[:, None, None, :] / (height * width)
    return du


def squeeze_backward__minus(dz, height, width):
    """WRONG: the sign is wrong."""
    n, c = dz.shape
    return np.broadcast_to(-dz[:, None, None, :] / (height * width), (n, height, width, c)).copy()


def squeeze_backward__mutable_default(dz, height, width, buffers={}):
    """WRONG: the buffer in the default argument lives on, and each call adds to what the last one left there."""
    n, c = dz.shape
    du = buffers.setdefault((n, height, width, c, dz.dtype), np.zeros((n, height, width, c), dtype=dz.dtype))
    du += dz[:, None, None, :] / (height * width)
    return du


BUFFER = np.zeros(0)


def squeeze_backward__one_buffer_for_all(dz, height, width):
    """WRONG: all calls return the same global buffer, so the second call overwrites the first one's gradient."""
    global BUFFER
    n, c = dz.shape
    if BUFFER.shape != (n, height, width, c) or BUFFER.dtype != dz.dtype:
        BUFFER = np.zeros((n, height, width, c), dtype=dz.dtype)
    BUFFER[...] = (dz / (height * width))[:, None, None, :]
    return BUFFER


def squeeze_backward__divides_in_place(dz, height, width):
    """WRONG: dz /= (H W) changes the caller's gradient."""
    n, c = dz.shape
    dz /= height * width
    return np.tile(dz[:, None, None, :], (1, height, width, 1))


def squeeze_backward__a_tuple_in_a_tuple(dz, height, width):
    """WRONG: the gradient is wrapped in a tuple of tuples."""
    n, c = dz.shape
    du = np.tile((dz / (height * width))[:, None, None, :], (1, height, width, 1))
    return ((du,),)


# ---- right ---------------------------------------------------------------------------------------------------------------

def squeeze__loops(u):
    """RIGHT: four loops, the pixels from the last to the first."""
    n, h, w, c = u.shape
    z = np.empty((n, c), dtype=u.dtype)
    for image in range(n):
        for channel in range(c):
            total = 0
            for i in range(h - 1, -1, -1):
                for j in range(w - 1, -1, -1):
                    total = total + u[image, i, j, channel]
            z[image, channel] = total / (h * w)
    return z


def squeeze__ones_vector(u):
    """RIGHT: a product with a vector of 1 / (H W)."""
    n, h, w, c = u.shape
    return np.full(h * w, 1 / (h * w), dtype=u.dtype) @ u.reshape(n, h * w, c)


def squeeze__mean_of_row_means(u):
    """RIGHT: the mean over rows of the mean over columns, through np.apply_over_axes; the result is a reshaped view."""
    return np.apply_over_axes(np.mean, u, [2, 1]).reshape(u.shape[0], u.shape[3])


def squeeze__einsum(u):
    """RIGHT: an einsum, and a Fortran-ordered result."""
    return np.asfortranarray(np.einsum("nijc->nc", u) / u[0, :, :, 0].size)


def squeeze__prints_the_shape(u):
    """RIGHT: it prints a line for debugging."""
    print("squeeze got", u.shape, u.dtype)
    return np.average(u, axis=(1, 2))


def squeeze_backward__broadcast_view(dz, height, width):
    """RIGHT: a read-only broadcast view of a fresh array."""
    n, c = dz.shape
    return np.broadcast_to((dz / (height * width))[:, None, None, :], (n, height, width, c))


def squeeze_backward__outer_product(dz, height, width):
    """RIGHT: an outer product with a map of 1 / (H W), moved into place: not contiguous."""
    share = np.full((height, width), 1 / (height * width), dtype=dz.dtype)
    return np.moveaxis(np.multiply.outer(dz, share), 1, -1)


def squeeze_backward__repeat_twice(dz, height, width):
    """RIGHT: np.repeat along each axis, as it should be done."""
    du = (dz / height / width)[:, np.newaxis, np.newaxis]
    return du.repeat(height, axis=1).repeat(width, axis=2)


# ---- more of them --------------------------------------------------------------------------------------------------------

def squeeze__adds_in_loops(u):
    """WRONG: the loops add up, and nothing is divided."""
    n, height, width, c = u.shape
    z = np.zeros((n, c), u.dtype)
    for i in range(height):
        for j in range(width):
            z += u[:, i, j]
    return z


def squeeze__middle_pixel(u):
    """WRONG: the pixel in the middle stands for the whole map."""
    return u[:, u.shape[1] // 2, u.shape[2] // 2].copy()


def squeeze__root_mean_square(u):
    """WRONG: the root of the mean of squares, which has no sign."""
    return np.sqrt((u * u).mean(axis=(1, 2)))


def squeeze__average_of_weights(u):
    """RIGHT: np.average with weights that add up to 1."""
    weights = np.full(u.shape[1:3], 1 / (u.shape[1] * u.shape[2]), u.dtype)
    return np.tensordot(u, weights, axes=((1, 2), (0, 1)))


def squeeze_backward__as_if_it_added(dz, height, width):
    """WRONG: np.ones instead of a mean: every position gets all of dz."""
    return np.ones((len(dz), height, width, dz.shape[1]), dz.dtype) * dz[:, None, None]


def squeeze_backward__times_positions(dz, height, width):
    """WRONG: dz is multiplied by H W instead of divided by it."""
    return np.broadcast_to(dz[:, None, None] * (height * width), (len(dz), height, width, dz.shape[1])).copy()
