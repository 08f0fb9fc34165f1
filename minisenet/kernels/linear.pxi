# The fully connected layer is a 1x1 convolution over the batch: the N rows are the positions of images of a few rows each.
# So it has no loops of its own. (The paper's authors wrote their FC layers as 1x1 convolutions too.)

cdef enum:
    ROWS_OF_AN_IMAGE = 32

POINTWISE = dict(stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1)


cdef as_images(x):
    """(N, C) as images of at most ROWS_OF_AN_IMAGE positions, (n, 1, W, C)."""
    rows = math.gcd(len(x), ROWS_OF_AN_IMAGE)
    if rows < TILE:
        rows = len(x)
    took("linear: one image" if rows == len(x) else "linear: images of rows")
    return x.reshape(len(x) // rows, 1, rows, x.shape[1])


def linear(x, w, b=None):
    """As `minisenet.functional.linear`."""
    return conv2d(as_images(x), w[:, :, None, None], b, **POINTWISE).reshape(len(x), len(w))


def linear_backward(dy, x, w, *, bias):
    """As `minisenet.functional.linear_backward`."""
    images = as_images(x)
    upstream = dy.reshape(*images.shape[:3], dy.shape[1])
    dx = conv2d_backward_input(upstream, w[:, :, None, None], images.shape, **POINTWISE).reshape(x.shape)
    dw = conv2d_backward_weight(upstream, images, (*w.shape, 1, 1), **POINTWISE).reshape(w.shape)
    return dx, dw, dy.sum(axis=0) if bias else None
