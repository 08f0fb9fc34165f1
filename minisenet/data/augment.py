"""Augmentation: padded random crop, horizontal flip, Cutout and normalisation, in one pass over a batch of uint8 images.

`draw` first draws everything random, as plain arrays. `augment` is a pure function, so you can ask for any crop. Test images
go through the same function without a shift: `normalise`.
"""
import numpy as np

from minisenet import arguments
from minisenet.backend import kernelised
from minisenet import random


def _check_images(images):
    images = arguments.array("images", images, 4)
    if images.dtype != np.uint8:
        raise TypeError(f"images must be uint8, 0 to 255, got {images.dtype}")
    if images.ndim != 4 or not images.size:
        raise ValueError(f"images must be (N, H, W, C) and not empty, got shape {images.shape}")
    return np.ascontiguousarray(images)


def _check_pairs(name, value, n):
    """(n, 2) integers as int64."""
    value = arguments.array(name, value)
    if not np.issubdtype(value.dtype, np.integer):
        raise TypeError(f"{name} must be integers, (row, column) for each image, got {value.dtype}")
    if value.shape != (n, 2):
        raise ValueError(f"{name} must have shape ({n}, 2), (row, column) for each image, got {value.shape}")
    return np.ascontiguousarray(value, np.int64)


def _check_augment(images, mean, std, shift, flip, hole, *, padding=4, hole_size=0):
    images = _check_images(images)
    n, *size, channels = images.shape
    mean, std = arguments.arrays(mean=(mean, 1, (channels,)), std=(std, 1, (channels,)))
    if np.iscomplexobj(mean):
        raise TypeError(f"mean must be real, got {mean.dtype}: use mean.real")
    if not (std > 0).all():
        raise ValueError(f"std must be above 0, got {std.tolist()}: is a channel the same everywhere?")
    padding, hole_size = arguments.integer("padding", padding, 0), arguments.integer("hole_size", hole_size, 0)

    shift, hole = _check_pairs("shift", shift, n), _check_pairs("hole", hole, n)
    if shift.min() < 0 or shift.max() > 2 * padding:
        raise ValueError(f"shift must be from 0 to {2 * padding} for padding {padding}, got {shift.min()} to {shift.max()}")
    if hole.min() < 0 or (hole >= size).any():
        raise ValueError(f"hole must be a pixel of the image, from [0, 0] to {[side - 1 for side in size]}, got "
                         f"{hole.min(axis=0).tolist()} to {hole.max(axis=0).tolist()}")
    flip = arguments.array("flip", flip)
    if flip.dtype != np.bool_ and flip.dtype != np.uint8:
        raise TypeError(f"flip must be bool or uint8, one for each image, got {flip.dtype}")
    if flip.shape != (n,):
        raise ValueError(f"flip must have shape ({n},), one for each image, got {flip.shape}")
    if flip.max() > 1:
        raise ValueError(f"flip must be 0 or 1, got {flip.max()}")
    return (images, mean, std, shift, np.ascontiguousarray(flip, np.uint8), hole), dict(padding=padding, hole_size=hole_size)


@kernelised(_check_augment, dtype_of=1)
def augment(images, mean, std, shift, flip, hole, *, padding=4, hole_size=0):
    """Crop, flip, normalise and cut a square out: y = (pixel / 255 - mean) / std.

    Parameters
    ----------
    images : ndarray (N, H, W, C) of uint8
    mean, std : ndarray (C,)
        For pixels from 0 to 1. The result has their dtype.
    shift : ndarray (N, 2) of int
        The crop's first (row, column) in the image with `padding` black pixels on each side, from 0 to 2 padding.
        (padding, padding) leaves the image in place.
    flip : ndarray (N,) of bool or uint8
        Whether the crop's columns are mirrored.
    hole : ndarray (N, 2) of int
        The centre (row, column) in the result of the square that is set to zero.
    padding : int
    hole_size : int
        The square's side, 0 for none. It begins hole_size // 2 before the centre, and the border clips it.

    Returns
    -------
    y : ndarray (N, H, W, C), the dtype of mean
        The square is zero after normalisation, which is the mean colour.

    Raises
    ------
    TypeError, ValueError
        If a dtype or a shape is wrong, if std is not positive, or if a shift or a hole is out of range.

    Notes
    -----
    Source: section 5.1 (random crop and flip) and the CIFAR recipe of He et al. 2016 (4 pixels of padding); Cutout:
    DeVries and Taylor 2017.
    """
    n, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    column = np.arange(width)
    rows = shift[:, :1] + np.arange(height)                                             # (N, H) in the padded image
    columns = shift[:, 1:] + np.where(flip[:, None] == 1, column[::-1], column)         # (N, W)
    crop = padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]   # (N, H, W, C)
    y = (crop / mean.dtype.type(255) - mean) / std
    if hole_size:
        top, left = (hole - hole_size // 2).T
        in_rows = (np.arange(height) >= top[:, None]) & (np.arange(height) < top[:, None] + hole_size)      # (N, H)
        in_columns = (column >= left[:, None]) & (column < left[:, None] + hole_size)                       # (N, W)
        y[in_rows[:, :, None] & in_columns[:, None, :]] = 0
    return y


def normalise(images, mean, std):
    """y = (pixel / 255 - mean) / std: `augment` without a shift, a flip or a hole.

    Parameters
    ----------
    images : ndarray (N, H, W, C) of uint8
    mean, std : ndarray (C,)

    Returns
    -------
    y : ndarray (N, H, W, C), the dtype of mean

    Raises
    ------
    TypeError, ValueError
        As `augment`.
    """
    n = len(arguments.array("images", images, 4))
    none = np.zeros((n, 2), np.int64)
    return augment(images, mean, std, none, np.zeros(n, np.uint8), none, padding=0)


def draw(seed, epoch, indices, image_size, *, padding=4, flip=True):
    """The random arguments of `augment` for these images in this epoch, as a pure function of (seed, epoch, index).

    Parameters
    ----------
    seed, epoch : int
    indices : ndarray (N,) of int
        The images' numbers in the training set. Image 7 gets the same crop in every batch that contains it.
    image_size : int or (int, int)
        Height and width.
    padding : int
    flip : bool
        Whether to flip half of the images; if false, none.

    Returns
    -------
    dict of shift (N, 2), flip (N,) of uint8, hole (N, 2)
        `augment(images, mean, std, **draw(...), padding=padding)`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an integer, or is negative.
    """
    height, width = arguments.pair("image_size", image_size, 1)
    padding = arguments.integer("padding", padding, 0)

    def pairs(rows, row_stream, columns, column_stream):
        return np.stack([random.integers(rows, seed, row_stream, epoch, indices),
                         random.integers(columns, seed, column_stream, epoch, indices)], axis=-1)

    flips = random.integers(2, seed, random.FLIP, epoch, indices).astype(np.uint8)
    return dict(shift=pairs(2 * padding + 1, random.SHIFT_ROW, 2 * padding + 1, random.SHIFT_COLUMN),
                flip=flips if flip else np.zeros_like(flips),
                hole=pairs(height, random.HOLE_ROW, width, random.HOLE_COLUMN))
