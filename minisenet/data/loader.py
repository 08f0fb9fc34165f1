"""Batches, prepared ahead on a thread: while the network works on one batch, the next are cropped and normalised.

The order and every crop depend only on (seed, epoch), so the thread changes only the time.
"""
import collections
import concurrent.futures
import contextvars

import numpy as np

from minisenet import arguments
from minisenet import random
from minisenet.data.augment import augment, draw, normalise
from minisenet.data.dataset import Dataset


def _ahead(prepare, count, prefetch):
    """prepare(0), ..., prepare(count - 1), in order, with `prefetch` of them prepared ahead on one thread.

    The queue is bounded: a new batch is begun only when one is taken. `next` raises an exception of `prepare`. When the
    generator ends, for any reason, the thread ends too: `with` waits for it. The thread has its caller's context, so
    `np.errstate` is the same there.
    """
    if not prefetch:
        yield from map(prepare, range(count))
        return
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="minisenet-loader") as thread:
        def submit(i):
            return thread.submit(contextvars.copy_context().run, prepare, i)

        waiting = collections.deque(submit(i) for i in range(min(prefetch, count)))
        try:
            for i in range(count):
                batch = waiting.popleft().result()
                if i + prefetch < count:
                    waiting.append(submit(i + prefetch))
                yield batch
        finally:
            for future in waiting:
                future.cancel()


def _statistics(dataset, dtype):
    """The training set's mean and deviation in the dtype of the batches."""
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"dtype must be np.float32 or np.float64, got {np.dtype(dtype)}")
    return dataset.mean.astype(dtype), dataset.std.astype(dtype)


def batches(dataset, *, batch_size, epoch, seed, dtype=np.float32, cutout=0, padding=4, flip=True, prefetch=2):
    """One epoch of augmented training batches.

    Parameters
    ----------
    dataset : Dataset
    batch_size : int
    epoch, seed : int
        They decide the order, the crops, the flips and Cutout's squares.
    dtype : dtype
        float32 or float64.
    cutout : int
        The side of Cutout's square, 0 for none.
    padding : int
        The largest shift of the crop in pixels; 0 for no crop.
    flip : bool
        Whether to flip half of the images.
    prefetch : int
        The number of batches prepared ahead. With 0 each is prepared by `next`, without a thread.

    Returns
    -------
    generator of (x, labels)
        x (batch_size, H, W, 3) of dtype, labels (batch_size,) of int64. The last batch is dropped if it is incomplete; other
        images are dropped in another epoch. `.close()` ends the thread.

    Raises
    ------
    TypeError, ValueError
        If dataset is not a Dataset, if a batch is larger than the data, or if a number is not an integer or out of range.
    """
    if not isinstance(dataset, Dataset):
        raise TypeError(f"dataset must be a Dataset, got {type(dataset).__name__}: use minisenet.data.load(name)")
    n = len(dataset.train_images)
    batch_size, prefetch = arguments.integer("batch_size", batch_size, 1), arguments.integer("prefetch", prefetch, 0)
    if batch_size > n:
        raise ValueError(f"batch_size must be at most {n}, the number of training images, got {batch_size}")
    padding, cutout = arguments.integer("padding", padding, 0), arguments.integer("cutout", cutout, 0)
    order = random.permutation(n, seed, epoch)
    mean, std = _statistics(dataset, dtype)

    def prepare(i):
        indices = order[i * batch_size:(i + 1) * batch_size]
        images = dataset.train_images[indices]
        drawn = draw(seed, epoch, indices, images.shape[1:3], padding=padding, flip=flip)
        return augment(images, mean, std, **drawn, padding=padding, hole_size=cutout), dataset.train_labels[indices]

    return _ahead(prepare, n // batch_size, prefetch)


def test_batches(dataset, batch_size, dtype=np.float32, *, prefetch=2):
    """The test set in order, normalised with the training set's statistics.

    Parameters
    ----------
    dataset : Dataset
    batch_size : int
        The last batch is smaller if batch_size does not divide the number of images.
    dtype : dtype
    prefetch : int
        As in `batches`.

    Returns
    -------
    generator of (x, labels)

    Raises
    ------
    TypeError, ValueError
        If batch_size or prefetch is not an integer or too small, or if dtype is not floating point.
    """
    batch_size, prefetch = arguments.integer("batch_size", batch_size, 1), arguments.integer("prefetch", prefetch, 0)
    mean, std = _statistics(dataset, dtype)

    def prepare(i):
        part = slice(i * batch_size, (i + 1) * batch_size)
        return normalise(dataset.test_images[part], mean, std), dataset.test_labels[part]

    return _ahead(prepare, -(-len(dataset.test_images) // batch_size), prefetch)


test_batches.__test__ = False       # pytest: despite its name it is not a test
