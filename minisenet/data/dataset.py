"""A `Dataset`: training and test images with their labels, and nothing that depends on how they are used.

Images are uint8 (N, H, W, 3), as they lie in the files; normalising and augmenting them is the loader's business. The
mean and the deviation are those of these training images, never a published constant: a subset or another set gets its own.
"""
import dataclasses
import functools

import numpy as np

from minisenet import arguments


class DataError(ValueError):
    """Data that is missing, damaged or not what it should be; the message is one line that says what to do."""


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels, for training and for testing.

    Parameters
    ----------
    name : str
    source : str
        One sentence: where the images came from.
    classes : tuple of str
    train_images : ndarray (N, H, W, 3) of uint8
    train_labels : ndarray (N,) of int64
        Each in 0 ... len(classes) - 1.
    test_images : ndarray (M, H, W, 3) of uint8
    test_labels : ndarray (M,) of int64

    Raises
    ------
    TypeError, ValueError
        For arrays that do not have these shapes and dtypes.
    """
    name: str
    source: str
    classes: tuple
    train_images: np.ndarray = dataclasses.field(repr=False)
    train_labels: np.ndarray = dataclasses.field(repr=False)
    test_images: np.ndarray = dataclasses.field(repr=False)
    test_labels: np.ndarray = dataclasses.field(repr=False)

    def __post_init__(self):
        object.__setattr__(self, "classes", tuple(self.classes))
        for split in ("train", "test"):
            images, labels = getattr(self, split + "_images"), getattr(self, split + "_labels")
            if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
                got = getattr(images, "dtype", type(images).__name__)
                raise TypeError(f"{split}_images must be a NumPy array of uint8, got {got}")
            if images.ndim != 4 or images.shape[3] != 3 or not images.size:
                raise ValueError(f"{split}_images must be (N, H, W, 3) and not empty, got shape {images.shape}")
            labels = arguments.labels(split + "_labels", labels, len(images), len(self.classes))
            object.__setattr__(self, split + "_labels", labels)
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise ValueError(f"test_images must have the size of train_images, {self.train_images.shape[1:]}, got "
                             f"{self.test_images.shape[1:]}")

    @functools.cached_property
    def _moments(self):
        """(mean, deviation) over the training pixels, from the exact counts of each of the 256 values."""
        counts = np.zeros((3, 256), np.int64)
        for images in np.array_split(self.train_images, -(-len(self.train_images) // 1000)):    # in parts: bincount widens
            for channel in range(3):
                counts[channel] += np.bincount(images[..., channel].ravel(), minlength=256)
        share, values = counts / counts.sum(axis=1, keepdims=True), np.arange(256) / 255
        mean = share @ values
        return mean, np.sqrt((share * (values - mean[:, None]) ** 2).sum(axis=1))

    @property
    def mean(self):
        """Per-channel mean of the training images in [0, 1] units: float64 (3,)."""
        return self._moments[0].copy()

    @property
    def std(self):
        """Per-channel (biased) standard deviation of the training images in [0, 1] units: float64 (3,)."""
        return self._moments[1].copy()

    def limit(self, n):
        """The same data with the first n training images only; the test set stays whole.

        Raises
        ------
        ValueError
            For n below 1 or above the number of training images.
        """
        n = arguments.integer("limit", n, 1)
        if n > len(self.train_images):
            raise ValueError(f"limit must be at most {len(self.train_images)}, the training images of {self.name}, got {n}")
        if n == len(self.train_images):
            return self
        return dataclasses.replace(self, source=f"{self.source} (the first {n} training images)",
                                   train_images=self.train_images[:n], train_labels=self.train_labels[:n])
