"""Data: CIFAR-10, CIFAR-100 and the built-in `shapes`, and batches of them.

    data = load("auto")
    for x, labels in batches(data, batch_size=128, epoch=1, seed=0):
        ...

A batch is a pure function of (seed, epoch, its number), so a resumed run needs no saved state of its data.
"""
import os

from minisenet.data import cifar, download
from minisenet.data.dataset import DataError, Dataset
from minisenet.data.loader import batches, test_batches
from minisenet.data.shapes import shapes

__all__ = ["DataError", "Dataset", "batches", "load", "test_batches"]


def load(data="auto", *, shapes_seed=0, shapes_train=10_000, shapes_test=2_000):
    """Find a data set and read it. This never downloads anything.

    Parameters
    ----------
    data : str or path or Dataset
        "cifar10" or "cifar100": the copy on this machine. "shapes": the built-in set. "auto": CIFAR-10 if it is on this
        machine, otherwise shapes. Anything else is a path: a folder or a .tar.gz with CIFAR. A Dataset is returned as it is.
    shapes_seed, shapes_train, shapes_test : int
        The seed and the numbers of images of the built-in set.

    Returns
    -------
    Dataset
        `.source` is a sentence that says where the data is from, and for "auto" without CIFAR-10 how to get it.

    Raises
    ------
    TypeError
        If data is not a name, a path or a Dataset.
    DataError
        If there is no such data, or if it is damaged. The message is one line and says what to do.
    """
    if isinstance(data, Dataset):
        return data
    if not isinstance(data, (str, os.PathLike)):
        raise TypeError(f"data must be auto, cifar10, cifar100, shapes, a path or a Dataset, got {type(data).__name__}")
    if data in ("cifar10", "cifar100"):
        place = download.where(data)
        if place is None:
            raise DataError(f"{cifar.TITLES[data]} is not on this machine: `minisenet data get {data}` gets it (170 MB), "
                            "or give the folder that holds it")
        return cifar.read(place, data)
    place = download.where("cifar10") if data == "auto" else None
    if place is not None:
        return cifar.read(place, "cifar10")
    if data in ("auto", "shapes"):
        source = "the built-in shapes"
        if data == "auto":
            source += " (CIFAR-10 is not on this machine; `minisenet data get cifar10` downloads it, 170 MB)"
        return shapes(seed=shapes_seed, train=shapes_train, test=shapes_test, source=source)
    return cifar.read(data)
