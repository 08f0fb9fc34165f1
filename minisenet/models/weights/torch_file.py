"""Read the tensors in a file of `torch.save` without PyTorch, and without running anything from the file.

A pickle is a program: it gets functions and classes by name. A state dict needs five kinds of names, listed below. They are
replaced by functions that only describe a tensor: its storage, offset, shape and strides. Any other name is an error. The
numbers themselves are not in the pickle, but beside it: in a zip, or in the format before PyTorch 1.6 after it.
"""
import collections
import pickle
import zipfile

import numpy as np

# PyTorch's storages, as NumPy knows their numbers. A bfloat16 is the upper half of a float32.
STORAGES = {f"{name}Storage": np.dtype(code) for name, code in (
    ("Float", "f4"), ("Double", "f8"), ("Half", "f2"), ("BFloat16", "u2"), ("Long", "i8"), ("Int", "i4"), ("Short", "i2"), ("Char", "i1"),
    ("Byte", "u1"), ("Bool", "?"))}
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


class WeightsError(ValueError):
    """A file of weights cannot be used. The message says what to do."""


class _Storage:
    """A storage as the pickle names it: its kind, its key in the file, and how many numbers it has."""

    def __init__(self, kind, key, count):
        self.kind, self.key, self.count = kind, key, count


class _Tensor:
    """A tensor as the pickle describes it."""

    def __init__(self, storage, offset, shape, strides, *_):
        self.storage, self.offset, self.shape, self.strides = storage, offset, tuple(shape), tuple(strides)
        sizes = (offset, *self.shape, *self.strides)
        if not isinstance(storage, _Storage) or len(self.shape) != len(self.strides) or any(
                not isinstance(size, int) or isinstance(size, bool) or size < 0 for size in sizes):
            raise WeightsError("it describes a tensor that cannot exist")

    def array(self, numbers):
        """The tensor, from all numbers of its storage."""
        count = int(np.prod(self.shape, dtype=object))
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides))
        if count > len(numbers) or count and last >= len(numbers):
            raise WeightsError("it has a tensor that is larger than its storage")
        if not count:
            return np.zeros(self.shape, np.float32)
        view = np.lib.stride_tricks.as_strided(numbers[self.offset:], self.shape, [s * numbers.itemsize for s in self.strides])
        if self.storage.kind == "BFloat16Storage":
            return widened(view)
        return view.astype(np.float32) if view.dtype == np.float16 else view.copy()


def widened(upper):
    """float32 of bfloat16, its upper half, as uint16."""
    return (upper.astype(np.uint32) << 16).view(np.float32)


def _parameter(tensor, *_):
    return tensor


class _Kind:
    """A class such as `torch.FloatStorage`, of which only the name matters."""

    def __init__(self, name):
        self.name = name


ALLOWED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
    ("torch._utils", "_rebuild_tensor"): _Tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    **{("torch", name): _Kind(name) for name in STORAGES},
}


class _Unpickler(pickle._Unpickler):
    """The unpickler that is written in Python: its memo is a dict, where the one in C allocates as many entries as a pickle names."""

    def find_class(self, module, name):
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise WeightsError(f"it names {module}.{name}, which no state dict does: in PyTorch, save model.state_dict()") from None

    def persistent_load(self, saved):
        kind, storage, key, _, count, *_ = saved
        if kind != "storage" or not isinstance(storage, _Kind) or not isinstance(key, str) or not isinstance(count, int):
            raise WeightsError("it refers to something that is not a storage")
        return _Storage(storage.name, key, count)


def read(path):
    """The tensors of a .pth, .pt or .bin file by name.

    Parameters
    ----------
    path : Path
        A file of `torch.save(model.state_dict(), path)`, of any version. The dict may be inside another one, as its entry
        "state_dict" or "model".

    Returns
    -------
    dict of str to ndarray
        Half precision and bfloat16 become float32.

    Raises
    ------
    WeightsError
        A ValueError: if the file is damaged, or holds anything but tensors. Nothing in it has run.
    """
    file = open(path, "rb")                                 # if this fails, the error already says why
    try:
        with file:
            if file.read(2) == b"PK":
                described, storage = _zip(file)
            else:
                file.seek(0)
                described, storage = _legacy(file)
            for key in ("state_dict", "model"):
                if isinstance(described, dict) and isinstance(described.get(key), dict):
                    described = described[key]
            if not isinstance(described, dict) or not any(isinstance(value, _Tensor) for value in described.values()):
                raise WeightsError("it must hold a state dict, a dict of tensors by name")
            return {str(name): value.array(storage(value.storage)) for name, value in described.items() if isinstance(value, _Tensor)}
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    except Exception as error:                              # a damaged pickle or zip can raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise WeightsError(f"{path} is damaged, or not a file of PyTorch ({reason})") from None


def _numbers(raw, storage, size):
    dtype = STORAGES[storage.kind]
    if len(raw) != size or size < storage.count * dtype.itemsize:
        raise WeightsError("it ends too early: take another copy of it")
    return np.frombuffer(raw, dtype.newbyteorder("<"), storage.count).astype(dtype, copy=False)


def _zip(file):
    """PyTorch 1.6 and later: FOLDER/data.pkl, and each storage's numbers in FOLDER/data/KEY, not compressed."""
    archive = zipfile.ZipFile(file)
    records = {info.filename.partition("/")[2]: info for info in archive.infolist()}
    if any(info.compress_type != zipfile.ZIP_STORED for info in records.values()):
        raise WeightsError("it is compressed, which files of PyTorch are not")
    if "byteorder" in records and archive.read(records["byteorder"]) != b"little":
        raise WeightsError("it was written on a big-endian machine")

    def storage(each):
        info = records[f"data/{each.key}"]
        return _numbers(archive.read(info), each, info.file_size)
    return _Unpickler(archive.open(records["data.pkl"])).load(), storage


def _legacy(file):
    """Before PyTorch 1.6: five pickles, then for each storage how many numbers it has, and the numbers."""
    if _Unpickler(file).load() != LEGACY_MAGIC:
        raise WeightsError("it is not a file of PyTorch")
    _Unpickler(file).load(), _Unpickler(file).load()        # the protocol, and the sizes of C's types
    described = _Unpickler(file).load()
    keys = _Unpickler(file).load()
    kinds = {}

    def collect(value):
        for each in value.values() if isinstance(value, dict) else ():
            if isinstance(each, _Tensor):
                kinds[each.storage.key] = each.storage
            collect(each)
    collect(described)
    found = {}
    for key in keys:
        if key not in kinds:
            raise WeightsError("it has a storage that no tensor uses")
        count = int.from_bytes(file.read(8), "little")
        size = count * STORAGES[kinds[key].kind].itemsize
        found[key] = _numbers(file.read(size), kinds[key], size)
    return described, lambda each: found[each.key]
