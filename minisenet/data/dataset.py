"""A `Dataset`: training and test images with their labels, independent of their use.

Images are uint8 (N, H, W, 3), as in the files; the loader normalises and augments them. The mean and the deviation are those
of these training images, never published constants, so a subset or another set has its own.
"""
import dataclasses
import functools

import numpy as np

from minisenet import arguments


class DataError(ValueError):
    """Data is missing, damaged or not what was expected. The message is one line and says what to do."""


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels, for training and for testing.

    Parameters
    ----------
    name : str
    source : str
        One sentence that says where the images come from.
    classes : tuple of str
    train_images : ndarray (N, H, W, 3) of uint8
    train_labels : ndarray (N,) of int64
        Each from 0 to len(classes) - 1.
    test_images : ndarray (M, H, W, 3) of uint8
    test_labels : ndarray (M,) of int64

    Raises
    ------
    TypeError, ValueError
        If an array does not have this shape and dtype.
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
        """(mean, deviation) over the training pixels, from exact counts of the 256 values."""
        counts = np.zeros((3, 256), np.int64)
        for images in np.array_split(self.train_images, -(-len(self.train_images) // 1000)):    # in parts: bincount needs int64
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
        """The same data with only the first n training images; the test set stays whole.

        Raises
        ------
        TypeError, ValueError
            If n is not an int from 1 to the number of training images.
        """
        n = arguments.integer("limit", n, 1)
        if n > len(self.train_images):
            raise ValueError(f"limit must be at most {len(self.train_images)}, the training images of {self.name}, got {n}")
        if n == len(self.train_images):
            return self
        return dataclasses.replace(self, source=f"{self.source} (the first {n} training images)",
                                   train_images=self.train_images[:n], train_labels=self.train_labels[:n])
