"""Mistakes in max pooling and average pooling."""
import numpy as np

from minisenet import functional as F
from minisenet.gradcheck.mistakes._wrong import Wrong

ADDS = "Windows overlap, so a pixel gathers from several: is = written where += belongs? Windows without overlap hide it."
MINUS_INFINITY = "A maximum must be padded with minus infinity, so that padding never wins."
DECIDES = "count_include_pad decides what a window on the border is divided by."
BOTH_ENDS = "The padding is the same at both ends: window p begins at row p stride - padding."
RANGE = "range(n) runs from 0 to n - 1."
COUNTED = ((("padding always counted", "Each window is divided by its whole size."), True),
           (("padding never counted", "Each window is divided by its pixels inside the image."), False))
SHORT = (("row and column", "", (1, 1)), ("row", "s", (1, 0)), ("column", "s", (0, 1)))


def _padded(v, value):
    """The pooling of an image that was padded before, with `value`."""
    x = np.pad(v.x, ((0, 0), *((p, p) for p in v.padding), (0, 0)), constant_values=value)
    return F.max_pool2d(x, v.kernel_size, stride=_stride(v), padding=0, ceil_mode=v.ceil_mode)


def _stride(v):
    return v.stride or v.kernel_size


def _below(v, x, value=0.0):
    """An image with all of its padding below and on the right."""
    return np.pad(x, ((0, 0), *((0, 2 * p) for p in v.padding), (0, 0)), constant_values=value)


def _max_below(v):
    y, at = F.max_pool2d(_below(v, v.x, -np.inf), v.kernel_size, stride=_stride(v), padding=0, ceil_mode=v.ceil_mode)
    row, column = np.divmod(at, v.x.shape[2] + 2 * v.padding[1])
    return y, row * v.x.shape[2] + column


def _average_below(v):
    options = dict(stride=_stride(v), padding=0, ceil_mode=v.ceil_mode)
    total, area = (F.avg_pool2d(_below(v, x), v.kernel_size, **options) for x in (v.x, np.ones_like(v.x)))
    return total if v.count_include_pad else total / area


def _in_window(v):
    """The winner's position in its own window."""
    row, column = np.divmod(v.argmax, v.x.shape[2])
    top, left = (np.arange(size) * t - p for size, t, p in zip(v.argmax.shape[1:3], _stride(v), v.padding))
    return (row - top[:, None, None]) * v.kernel_size[1] + column - left[:, None]


def _short(v, array, short):
    """An array of the output's size whose last rows and columns are zero."""
    rows, columns = (length - less for length, less in zip(array.shape[1:3], short))
    return array * (np.arange(array.shape[1])[:, None, None] < rows) * (np.arange(array.shape[2])[:, None] < columns)


def _scattered(v, argmax, add=True, width=None, wrap=False):
    """dy carried back to the winners; a position outside of the image is dropped, or wraps."""
    n, height, own_width, c = v.x_shape
    dx = np.zeros(v.x_shape)
    for index in np.ndindex(*v.dy.shape):
        row, column = divmod(argmax[index], width or own_width)
        row, column = (row % height, column % own_width) if wrap else (row, column)
        if row < height and column < own_width:
            at = (index[0], row, column, index[3])
            dx[at] = v.dy[index] + (dx[at] if add else 0)
    return dx


def _average(v, **changed):
    """The options of an average pooling, with some of them changed."""
    options = dict(padding=v.padding, ceil_mode=v.ceil_mode, count_include_pad=v.count_include_pad)
    return dict(stride=_stride(v)) | options | changed


def _average_scattered(v, overwrite=False, **changed):
    """dx with some of the options changed; overwritten, the last window that covers a pixel instead of the sum over all."""
    o, dx = _average(v, **changed), np.zeros(v.x_shape)
    share = v.dy / np.prod(v.kernel_size) if v.count_include_pad else v.dy / _inside(v)
    for p, q in np.ndindex(*v.dy.shape[1:3]):
        rows, columns = (slice(max(i * t - a, 0), max(i * t - a + k, 0))
                         for i, t, a, k in zip((p, q), o["stride"], o["padding"], v.kernel_size))
        dx[:, rows, columns] = share[:, p, q][:, None, None] + (0 if overwrite else dx[:, rows, columns])
    return dx


def _inside(v):
    """How many pixels of the image each window has, (H', W', 1)."""
    counts = []
    for out, size, t, a, k in zip(v.dy.shape[1:3], v.x_shape[1:3], _stride(v), v.padding, v.kernel_size):
        first = np.arange(out) * t - a
        counts.append(np.minimum(first + k, size) - np.maximum(first, 0))
    return counts[0][:, None, None] * counts[1][:, None]


WRONG = [
    Wrong("max_pool2d", "y", "padding counted as zero", "The padding counts as 0, which is larger than negative values.",
          MINUS_INFINITY, lambda v: _padded(v, 0.0)[0]),
    Wrong("max_pool2d", "argmax", "position in the window", "argmax is the position in its window, not in the image.",
          "The backward needs the pixel: h W + w.", _in_window),
    Wrong("max_pool2d", "argmax", "position in the padded image", "argmax counts in the padded image.",
          "argmax is h W + w in the image without padding.", lambda v: _padded(v, -np.inf)[1]),
    Wrong("max_pool2d", "y", "average for maximum", "y is the mean of each window.", "Max pooling keeps the largest value.",
          lambda v: F.avg_pool2d(v.x, v.kernel_size, stride=_stride(v), padding=v.padding, ceil_mode=v.ceil_mode)),
    *(Wrong("max_pool2d", output, "no padding above and on the left",
            "The first window begins at the image's first row and column.", BOTH_ENDS,
            lambda v, which=which: _max_below(v)[which]) for which, output in enumerate(("y", "argmax"))),
    *(Wrong("max_pool2d_backward", "dx", f"last {words} left out", f"The last {words} of dy add{s} nothing to dx.",
            "Does a loop over dy end too early? " + RANGE,
            lambda v, short=short: F.max_pool2d_backward(_short(v, v.dy, short), v.argmax, v.x_shape))
      for words, s, short in SHORT),
    Wrong("max_pool2d_backward", "dx", "overlapping windows overwrite", "A pixel keeps only the last window that it won.",
          "An indexed assignment in NumPy keeps the last value, and so does dx[index] += dy; np.add.at adds them all. "
          "Windows without overlap hide it.", lambda v: _scattered(v, v.argmax, add=False)),
    *(Wrong("max_pool2d_backward", "dx", "argmax read as w H + h",
            "The winner's position is divided by the height instead of the width.", "argmax is h W + w. Square maps hide it.",
            lambda v, wrap=wrap: _scattered(v, v.argmax, width=v.x_shape[1], wrap=wrap)) for wrap in (False, True)),
    Wrong("max_pool2d_backward", "dx", "winners of the first image", "The winners of image 0 are used for the whole batch.",
          "Each image has its own winners; a batch of one hides it.",
          lambda v: _scattered(v, np.broadcast_to(v.argmax[:1], v.argmax.shape))),
    *(Wrong("avg_pool2d", "y", *words, DECIDES,
            lambda v, counted=counted: F.avg_pool2d(v.x, v.kernel_size, **_average(v, count_include_pad=counted)))
      for words, counted in COUNTED),
    Wrong("avg_pool2d", "y", "maximum for average", "y is the maximum of each window.", "Average pooling divides a sum.",
          lambda v: F.max_pool2d(v.x, v.kernel_size, stride=_stride(v), padding=v.padding, ceil_mode=v.ceil_mode)[0]),
    Wrong("avg_pool2d", "y", "no padding above and on the left", "The first window begins at the image's first row and column.",
          BOTH_ENDS, _average_below),
    *(Wrong(f"{kind}_pool2d", output, f"last {words} left out", f"The last {words} of {output} {'is' if s else 'are'} zero.",
            "Does a loop over the output end too early? " + RANGE,
            lambda v, output=output, short=short: _short(v, getattr(v, output), short))
      for words, s, short in SHORT for kind, output in (("avg", "y"), ("max", "y"), ("max", "argmax"))),
    *(Wrong("avg_pool2d_backward", "dx", *words, DECIDES,
            lambda v, counted=counted: F.avg_pool2d_backward(v.dy, v.x_shape, v.kernel_size,
                                                             **_average(v, count_include_pad=counted)))
      for words, counted in COUNTED),
    Wrong("avg_pool2d_backward", "dx", "overlapping windows overwrite", "A pixel keeps only its last window's share.", ADDS,
          lambda v: _average_scattered(v, overwrite=True)),
    Wrong("avg_pool2d_backward", "dx", "stride ignored", "dx has the values of a call with stride = 1.",
          "Window p begins at row p stride - padding.", lambda v: _average_scattered(v, stride=(1, 1))),
    Wrong("avg_pool2d_backward", "dx", "no padding above and on the left",
          "dx begins at the first row and column of the padded image.", "Cut the padding off at both ends: [p:p + H].",
          lambda v: _average_scattered(v, padding=(0, 0))),
    *(Wrong("avg_pool2d_backward", "dx", f"last {words} left out", f"The last {words} of dy add{s} nothing to dx.",
            "Does a loop over dy end too early? " + RANGE,
            lambda v, short=short: F.avg_pool2d_backward(_short(v, v.dy, short), v.x_shape, v.kernel_size, **_average(v)))
      for words, s, short in SHORT),
]
