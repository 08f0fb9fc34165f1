"""CIFAR-10 and CIFAR-100 from a folder or a .tar.gz, in the binary and the pickled layout. `read(path)` detects the layout.

A binary record is one label (CIFAR-100: two, coarse and fine) and 3,072 bytes: the red plane of 32 x 32, row by row, then
the green, then the blue. A pickled batch is a dict whose "data" holds the same 3,072 bytes a row. If there are several
layouts, `read` prefers binary, which needs no pickle, and CIFAR-10 to CIFAR-100. A file may have any number of images.

Files that you name are checked for their shape only; `download.verify` compares checksums.
"""
import dataclasses
import tarfile
import zlib
from pathlib import Path

import numpy as np

from minisenet.data.dataset import DataError, Dataset
from minisenet.data.unpickle import unpickle

PIXELS = 3 * 32 * 32
LARGEST = 1 << 29       # no official file is half as large; a larger member of an archive is not read
TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}


@dataclasses.dataclass(frozen=True)
class Layout:
    """One of the four official layouts of CIFAR."""
    name: str           # "cifar10" or "cifar100"
    folder: str         # inside the archive
    archive: str
    train: tuple        # file names
    test: str
    meta: str           # the file with the names of the classes
    label_bytes: int    # binary: the number of labels before each image, of which the last counts; 0: pickled
    label_key: str      # pickled: the key of the labels, and below that of the classes' names
    names_key: str
    classes: int

    @property
    def files(self):
        return (*self.train, self.test)

    def __str__(self):
        return f"{TITLES[self.name]}, {'binary' if self.label_bytes else 'pickled'}"


_BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
LAYOUTS = (     # the preferred ones first
    Layout("cifar10", "cifar-10-batches-bin", "cifar-10-binary.tar.gz", tuple(b + ".bin" for b in _BATCHES),
           "test_batch.bin", "batches.meta.txt", 1, "", "", 10),
    Layout("cifar10", "cifar-10-batches-py", "cifar-10-python.tar.gz", _BATCHES, "test_batch",
           "batches.meta", 0, "labels", "label_names", 10),
    Layout("cifar100", "cifar-100-binary", "cifar-100-binary.tar.gz", ("train.bin",), "test.bin",
           "fine_label_names.txt", 2, "", "", 100),
    Layout("cifar100", "cifar-100-python", "cifar-100-python.tar.gz", ("train",), "test",
           "meta", 0, "fine_labels", "fine_label_names", 100),
)


# ---- where the files are -----------------------------------------------------------------------------------------------

def find(path, name=None):
    """The layout at a path, and its place.

    Parameters
    ----------
    path : path
        A .tar.gz, a folder with the batch files, or the parent of either.
    name : "cifar10", "cifar100" or None for either

    Returns
    -------
    layout : Layout or None
        None for an archive, whose layout is unknown before it is read.
    place : Path
        The archive, or the folder with the batch files themselves.

    Raises
    ------
    DataError
        If there is nothing, or only a part.
    """
    path = Path(path).expanduser()
    layouts = [layout for layout in LAYOUTS if name in (None, layout.name)]
    wanted = TITLES.get(name, "CIFAR-10 or CIFAR-100")
    if path.is_file():
        return None, path
    if not path.exists():
        raise DataError(f"{path} does not exist: give a folder or a .tar.gz with {wanted}")
    incomplete = None
    for layout in layouts:
        for place in (path, path / layout.folder):
            missing = [file for file in layout.files if not (place / file).is_file()]
            if not missing:
                return layout, place
            if len(missing) < len(layout.files) and not incomplete:
                incomplete = f"{place / missing[0]} is missing ({layout}): unpack the archive again"
        if (path / layout.archive).is_file():
            return None, path / layout.archive
    if incomplete:
        raise DataError(incomplete)
    try:
        empty = not any(path.iterdir())
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    if empty:
        raise DataError(f"{path} is empty: unpack a CIFAR archive into it, or run `minisenet data get {name or 'cifar10'}`")
    raise DataError(f"{path} does not hold {wanted}: give a folder {' or '.join(layout.folder for layout in layouts)}, "
                    "or its files")


def _from_archive(path, name):
    """The layout in a .tar.gz and its files: (Layout, dict of file name to bytes). It writes nothing to the disk."""
    layouts = [layout for layout in LAYOUTS if name in (None, layout.name)]
    wanted = {(layout.folder, file) for layout in layouts for file in (*layout.files, layout.meta)}
    found = {}
    try:
        with tarfile.open(path) as tar:
            for member in tar:      # one pass: to go back would decompress again
                key = tuple(Path(member.name).parts[-2:])
                if member.isfile() and key in wanted:
                    if member.size > LARGEST:
                        raise DataError(f"{path}: {member.name} claims {member.size} bytes, more than any CIFAR file has")
                    found[key] = tar.extractfile(member).read()
            while tar.fileobj.read(1 << 20):    # to the end, where gzip has the checksum of the whole
                pass
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        reason = str(error).partition("\n")[0].rstrip(":")      # tarfile lists every compression that it tried
        raise DataError(f"{path} is not a whole .tar.gz ({reason}): get it again") from None
    held = [layout for layout in layouts if any((layout.folder, file) in found for file in layout.files)]
    if not held:
        raise DataError(f"{path} does not hold {TITLES.get(name, 'CIFAR-10 or CIFAR-100')}: "
                        f"give an official archive such as {layouts[0].archive}")
    missing = {layout: [file for file in layout.files if (layout.folder, file) not in found] for layout in held}
    layout = min(held, key=lambda layout: bool(missing[layout]))        # the first whole one; min keeps the order
    if missing[layout]:
        raise DataError(f"{path} lacks {missing[layout][0]} ({layout}): get it again")
    return layout, {file: data for (folder, file), data in found.items() if folder == layout.folder}


# ---- what is in them ---------------------------------------------------------------------------------------------------

def _parse_binary(layout, data):
    """Rows (n, 3072) of uint8 and labels (n,)."""
    record = layout.label_bytes + PIXELS
    if not data or len(data) % record:
        raise DataError(f"it has {len(data)} bytes, not a whole number of records of {record}: "
                        f"it is truncated, or not {layout}")
    records = np.frombuffer(data, np.uint8).reshape(-1, record)
    return records[:, layout.label_bytes:], records[:, layout.label_bytes - 1]


def _parse_pickle(layout, data):
    batch = unpickle(data)
    for key in ("data", layout.label_key):
        if key not in batch:
            raise DataError(f"it has no {key!r}: it is not {layout}")
    rows = batch["data"]
    if not isinstance(rows, np.ndarray) or rows.dtype != np.uint8 or rows.shape[1:] != (PIXELS,) or not rows.size:
        raise DataError(f"its data must be a uint8 array (n, {PIXELS}), got {getattr(rows, 'dtype', type(rows).__name__)} "
                        f"{np.shape(rows)}")
    labels = batch[layout.label_key]
    if isinstance(labels, list):
        labels = np.array(labels if all(type(label) is int for label in labels) else [None])
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu" or labels.shape != (len(rows),):
        raise DataError(f"its {layout.label_key} must be {len(rows)} integers, one for each image")
    return rows, labels


def _parse(layout, data):
    """Images (n, 32, 32, 3) of uint8 and labels (n,) of int64 of one batch file."""
    rows, labels = (_parse_binary if layout.label_bytes else _parse_pickle)(layout, data)
    wrong = np.flatnonzero((labels < 0) | (labels >= layout.classes))
    if len(wrong):
        raise DataError(f"labels must be from 0 to {layout.classes - 1}, got {labels[wrong[0]]} for image {wrong[0]}: it is "
                        f"damaged, or not {layout}")
    return np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), labels.astype(np.int64)


def _class_names(layout, data):
    """The names in the meta file; numbers if there is no such file."""
    if data is None:
        return tuple(f"class {i}" for i in range(layout.classes))
    if layout.label_bytes:
        names = [line for line in map(str.strip, data.decode("utf-8", "replace").splitlines()) if line]
    else:
        names = unpickle(data).get(layout.names_key)
    if not isinstance(names, list) or len(names) != layout.classes or not all(isinstance(name, str) for name in names):
        raise DataError(f"it must hold the names of {layout.classes} classes: get it again, or remove it")
    return tuple(names)


def read(path, name=None):
    """Read CIFAR-10 or CIFAR-100.

    Parameters
    ----------
    path : path
        A folder from an unpacked archive, its parent, or an official .tar.gz.
    name : "cifar10", "cifar100", optional
        Read only this one.

    Returns
    -------
    Dataset
        CIFAR-100 with its 100 fine labels.

    Raises
    ------
    DataError
        If a path is missing, empty, incomplete, truncated, or of another layout; if a label is out of range; if a pickle
        does more than hold data. The message is one line; it names the file and says what to do.
    """
    layout, place = find(path, name)
    if layout is None:
        layout, contents = _from_archive(place, name)
        load = contents.get
    else:
        def load(file):
            try:
                return (place / file).read_bytes() if (place / file).is_file() else None
            except OSError as error:
                raise DataError(f"it cannot be read ({error.strerror})") from None

    def parse(function, file):
        try:
            return function(layout, load(file))
        except DataError as error:
            raise DataError(f"{place / file}: {error}") from None

    classes = parse(_class_names, layout.meta)
    images, labels = (np.concatenate(part) for part in zip(*(parse(_parse, file) for file in layout.train)))
    test_images, test_labels = parse(_parse, layout.test)
    return Dataset(layout.name, f"{layout} layout, from {place}", classes, images, labels,
                   test_images, test_labels)
