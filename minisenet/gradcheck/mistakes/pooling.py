"""Mistakes in max pooling and average pooling."""
import numpy as np

from minisenet import functional as F
from minisenet.gradcheck.mistakes._wrong import Wrong

ADDS = "Windows overlap, so a pixel gathers from several: +=. Windows without overlap hide it."
ZEROS_LOSE = "The padding of a maximum is minus infinity: nothing may lose against it."
DECIDES = "count_include_pad decides what a window on the border is divided by."
COUNTED = ((("padding always counted", "Each window is divided by its whole size."), True),
           (("padding never counted", "Each window is divided by its pixels inside the image."), False))
SQUARE = "Square maps only turn it into a transposition."


def _padded(v, value):
    """The pooling of an image that was padded before, with `value`."""
    x = np.pad(v.x, ((0, 0), *((p, p) for p in v.padding), (0, 0)), constant_values=value)
    return F.max_pool2d(x, v.kernel_size, stride=_stride(v), padding=0, ceil_mode=v.ceil_mode)


def _stride(v):
    return v.stride or v.kernel_size


def _in_window(v):
    """The winner's position in its own window."""
    row, column = np.divmod(v.argmax, v.x.shape[2])
    top, left = (np.arange(size) * t - p for size, t, p in zip(v.argmax.shape[1:3], _stride(v), v.padding))
    return (row - top[:, None, None]) * v.kernel_size[1] + column - left[:, None]


def _scattered(v, argmax, add=True, width=None):
    """dy carried back to the winners."""
    n, height, own_width, c = v.x_shape
    dx = np.zeros(v.x_shape)
    for index in np.ndindex(*v.dy.shape):
        row, column = divmod(argmax[index], width or own_width)
        if row < height and column < own_width:
            at = (index[0], row, column, index[3])
            dx[at] = v.dy[index] + (dx[at] if add else 0)
    return dx


def _average(v, **changed):
    """The options of an average pooling, with some of them changed."""
    options = dict(padding=v.padding, ceil_mode=v.ceil_mode, count_include_pad=v.count_include_pad)
    return dict(stride=_stride(v)) | options | changed


def _average_scattered(v):
    """The last window that covers a pixel, instead of the sum over all of them."""
    dx = np.zeros(v.x_shape)
    for p, q in np.ndindex(*v.dy.shape[1:3]):
        rows, columns = (slice(max(i * t - a, 0), max(i * t - a + k, 0))
                         for i, t, a, k in zip((p, q), _stride(v), v.padding, v.kernel_size))
        dx[:, rows, columns] = v.dy[:, p, q][:, None, None] / np.prod(v.kernel_size)
    return dx


WRONG = [
    Wrong("max_pool2d", "y", "padding counted as zero", "The padding takes part as 0, and wins over negative values.",
          ZEROS_LOSE, lambda v: _padded(v, 0.0)[0]),
    Wrong("max_pool2d", "argmax", "position in the window", "argmax is the position in its window, not in the image.",
          "The backward has to know the pixel: h W + w.", _in_window),
    Wrong("max_pool2d", "argmax", "position in the padded image", "argmax counts in the padded image.",
          "h W + w in the unpadded image.", lambda v: _padded(v, -np.inf)[1]),
    Wrong("max_pool2d", "y", "average for maximum", "y is the mean of each window.", "",
          lambda v: F.avg_pool2d(v.x, v.kernel_size, stride=_stride(v), padding=v.padding, ceil_mode=v.ceil_mode)),
    Wrong("max_pool2d_backward", "dx", "overlapping windows overwrite",
          "dx[winner] = dy where it should be dx[winner] += dy.",
          "NumPy's indexed assignment keeps the last; np.add.at adds them all. Windows without overlap hide it.",
          lambda v: _scattered(v, v.argmax, add=False)),
    Wrong("max_pool2d_backward", "dx", "argmax read as w H + h",
          "The winner's position is taken apart with the height instead of the width.", SQUARE,
          lambda v: _scattered(v, v.argmax, width=v.x_shape[1])),
    Wrong("max_pool2d_backward", "dx", "winners of the first image", "The winners of image 0 are used for the whole batch.",
          "Each image has its own winners; a batch of one hides it.",
          lambda v: _scattered(v, np.broadcast_to(v.argmax[:1], v.argmax.shape))),
    *(Wrong("avg_pool2d", "y", *words, DECIDES,
            lambda v, counted=counted: F.avg_pool2d(v.x, v.kernel_size, **_average(v, count_include_pad=counted)))
      for words, counted in COUNTED),
    *(Wrong("avg_pool2d_backward", "dx", *words, DECIDES,
            lambda v, counted=counted: F.avg_pool2d_backward(v.dy, v.x_shape, v.kernel_size,
                                                             **_average(v, count_include_pad=counted)))
      for words, counted in COUNTED),
    Wrong("avg_pool2d_backward", "dx", "overlapping windows overwrite", "A pixel keeps what its last window brings.", ADDS,
          _average_scattered),
]
