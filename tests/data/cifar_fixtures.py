"""Small CIFAR folders and archives in all four official layouts, byte for byte as the official tools wrote them."""
import pickle
import struct
import tarfile

import numpy as np

from minisenet.data.cifar import LAYOUTS

LAYOUT = {layout.folder: layout for layout in LAYOUTS}
NAMES10 = "airplane automobile bird cat deer dog frog horse ship truck".split()
NAMES100 = [f"name_{i}" for i in range(100)]


def images(layout, seed=0, n=7):
    """For each batch file: rows (n, 3072), fine labels (n,) and coarse labels (n,)."""
    rng = np.random.default_rng(seed)
    return {file: (rng.integers(0, 256, (n, 3072), dtype=np.uint8), rng.integers(0, layout.classes, n),
                   rng.integers(0, 20, n)) for file in layout.files}


def expected(rows):
    """Pixel (row, column, channel) of the planes, by the definition of the format."""
    out = np.empty((len(rows), 32, 32, 3), np.uint8)
    for channel in range(3):
        for row in range(32):
            start = channel * 1024 + row * 32
            out[:, row, :, channel] = rows[:, start:start + 32]
    return out


# ---- pickles of Python 2, opcode by opcode ------------------------------------------------------------------------------

def _text(s):
    return b"U" + bytes([len(s)]) + s


def _numbers(values):
    return b"](" + b"".join(b"K" + bytes([int(v)]) for v in values) + b"e"


def py2_array(rows):
    """The data array: `_reconstruct(ndarray, (0,), 'b')`, then its state; the dtype is made with align=0."""
    return b"".join([
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85", _text(b"b"), b"\x87R(K\x01M",
        struct.pack("<H", len(rows)), b"M\x00\x0c\x86cnumpy\ndtype\n", _text(b"u1"), b"K\x00K\x01\x87R(K\x03", _text(b"|"),
        b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T", struct.pack("<i", rows.size), rows.tobytes(), b"tb"])


def py2_batch(layout, rows, fine, coarse):
    coarse = _text(b"coarse_labels") + _numbers(coarse) if layout.classes == 100 else b""
    return (b"\x80\x02}(" + _text(b"batch_label") + _text(b"a batch") + _text(layout.label_key.encode()) + _numbers(fine)
            + coarse + _text(b"data") + py2_array(rows) + b"u.")


def py2_meta(layout, names):
    return b"\x80\x02}(" + _text(layout.names_key.encode()) + b"](" + b"".join(_text(n.encode()) for n in names) + b"eu."


# ---- folders and archives -----------------------------------------------------------------------------------------------

def contents(layout, seed=0, n=7, python=2):
    """File name to bytes, and the images behind them. python=3 pickles with this Python's own pickle module."""
    batches, files = images(layout, seed, n), {}
    names = NAMES10 if layout.classes == 10 else NAMES100
    for file, (rows, fine, coarse) in batches.items():
        if layout.label_bytes:
            labels = [coarse, fine] if layout.label_bytes == 2 else [fine]
            files[file] = np.concatenate([*(y[:, None].astype(np.uint8) for y in labels), rows], axis=1).tobytes()
        elif python == 2:
            files[file] = py2_batch(layout, rows, fine, coarse)
        else:
            batch = {"data": rows, layout.label_key: fine.tolist(), "coarse_labels": coarse.tolist()}
            files[file] = pickle.dumps(batch, protocol=4)
    if layout.label_bytes:
        files[layout.meta] = ("\n".join(names) + "\n\n").encode()
    else:
        files[layout.meta] = py2_meta(layout, names)
    return files, batches


def write_folder(parent, layout, **options):
    """parent/<official folder>/...; returns (that folder, the images)."""
    files, batches = contents(layout, **options)
    folder = parent / layout.folder
    folder.mkdir(parents=True)
    for file, data in files.items():
        (folder / file).write_bytes(data)
    return folder, batches


def write_archive(parent, layout, **options):
    """parent/<official archive>; returns (it, the images)."""
    folder, batches = write_folder(parent / "unpacked", layout, **options)
    path = parent / layout.archive
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, layout.folder)
    return path, batches


def check(dataset, layout, batches):
    """The data set equals what was written."""
    train = [batches[file] for file in layout.train]
    np.testing.assert_array_equal(dataset.train_images, expected(np.concatenate([rows for rows, _, _ in train])))
    np.testing.assert_array_equal(dataset.train_labels, np.concatenate([fine for _, fine, _ in train]))
    np.testing.assert_array_equal(dataset.test_images, expected(batches[layout.test][0]))
    np.testing.assert_array_equal(dataset.test_labels, batches[layout.test][1])
    assert dataset.name == layout.name and dataset.classes == tuple(NAMES10 if layout.classes == 10 else NAMES100)
    assert dataset.train_labels.dtype == np.int64 and dataset.train_images.flags.c_contiguous
