"""A run folder: everything about one training run, in files that are whole even after a power cut.

    config.json        every setting, the data's fingerprint, the versions; written first
    last.safetensors   weights, running statistics and velocity after the last complete epoch, with the metrics so far
    best.safetensors   weights and running statistics of the epoch with the best test accuracy, with PyTorch's names
    metrics.jsonl      one line per epoch
    curves.png, gates.png

Each file is written under a temporary name, flushed to the disk, and then renamed, which is atomic. last.safetensors decides
how far a run has come: on resume, metrics.jsonl is rewritten from it.
"""
import hashlib
import json
import os
import platform
from pathlib import Path

import numpy as np

from minisenet import models
from minisenet.backend import builds, get_backend
from minisenet._version import __version__

CONFIG, METRICS, LAST, BEST = "config.json", "metrics.jsonl", "last.safetensors", "best.safetensors"
CURVES, GATES = "curves.png", "gates.png"
TEMPORARY = ".minisenet-tmp"        # the suffix of files that are still being written
OURS = "minisenet"                  # the key of the metadata in a safetensors file


class RunError(ValueError):
    """A run folder or a checkpoint cannot be used. The message says what to do."""


# ---- files that are whole or absent ------------------------------------------------------------------------------------

def write_atomically(path, content):
    """Write bytes so that `path` has the old content or the new one, and never a part, even after a power cut."""
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())             # the content is on the disk before the name changes
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder):
    """Flush a rename to the disk. Windows cannot open a folder, and does not need it."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# ---- checkpoints -------------------------------------------------------------------------------------------------------

def pack(tensors, metadata):
    """A safetensors file as bytes, the same for the same contents. A checksum of both parts joins the metadata."""
    # safetensors 0.8.0 writes a transposed array's memory as it is, which reads back wrong: make arrays C-contiguous
    tensors = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    metadata = metadata | dict(version=__version__)
    metadata["checksum"] = _checksum(tensors, metadata)
    return _safetensors().save(tensors, {OURS: json.dumps(metadata)})      # one key: the order of several is random


def read(path):
    """Read a checkpoint: (tensors, metadata).

    The checksum covers both. A checkpoint that was written before it covered the metadata is read as well: then only the
    tensors are known to be whole.

    Raises
    ------
    RunError
        If there is no such file, if it is damaged, or if another program wrote it.
    """
    path = Path(path)
    try:
        content = path.read_bytes()             # not memory-mapped: Windows cannot replace a mapped file
    except FileNotFoundError:
        raise RunError(f"expected a checkpoint at {path}, found nothing") from None
    safetensors = _safetensors()
    try:
        tensors = safetensors.load(content)
        metadata = json.loads(content[8:8 + int.from_bytes(content[:8], "little")]).get("__metadata__", {})
        metadata = dict(json.loads(metadata[OURS])) if OURS in metadata else None
    except Exception as error:                  # safetensors has its own error class, and damage can raise others
        reason = str(error) or type(error).__name__
        raise RunError(f"{path} is damaged or not a safetensors file ({reason}){_remedy(path)}") from None
    if metadata is None:
        raise RunError(f"{path} is not a checkpoint of minisenet: its metadata has no model")
    if metadata.pop("checksum", None) not in (_checksum(tensors, metadata), _checksum(tensors)):
        raise RunError(f"{path} is damaged (its checksum is wrong){_remedy(path)}")
    return tensors, metadata


def _remedy(path):
    other = path.with_name(BEST if path.name == LAST else LAST)
    if path.name in (LAST, BEST) and other.exists():
        return f"; {other} may still be whole: `minisenet evaluate {other}`; to train again from the start, add --overwrite"
    return "; take another copy of it, or train again"


def _checksum(tensors, metadata=None):
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tensors[name].shape} ".encode())
        digest.update(tensors[name].tobytes())
    if metadata is not None:
        digest.update(json.dumps(metadata).encode())        # the text of a float is exact, before writing and after reading
    return digest.hexdigest()


def _safetensors():
    try:
        import safetensors.numpy
    except ImportError:
        raise RunError('checkpoints need safetensors, which is not installed: pip install "minisenet[train]"') from None
    return safetensors.numpy


def model_state(tensors, metadata):
    """The model's arrays from a checkpoint of either kind."""
    if metadata["kind"] == "best":
        return tensors
    return {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}


def find(path):
    """The checkpoint for `minisenet evaluate`: the file itself, or a run folder's best.

    Raises
    ------
    RunError
        If there is neither.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / BEST).exists():
            raise RunError(f"expected {BEST} in {path}, found none: give a run folder whose first epoch is complete")
        return path / BEST
    if not path.exists():
        raise RunError(f"expected a run folder or a checkpoint at {path}, found nothing")
    return path


def trained(path):
    """The network of a run folder's best checkpoint, or of any checkpoint: (the checkpoint's path, model, metadata).

    Raises
    ------
    RunError
        If a checkpoint is missing or damaged.
    """
    path = find(path)
    tensors, metadata = read(path)
    made = metadata["model"]
    model = models.create(made["name"], **made["options"]).astype(made["dtype"])
    try:
        model.load_state_dict(model_state(tensors, metadata))
    except ValueError as error:
        raise RunError(f"{path}: {error}") from None
    return path, model, metadata


# ---- what a run is -----------------------------------------------------------------------------------------------------

def fingerprint(data):
    """What must be the same when a run is resumed: all images and labels."""
    digest = hashlib.blake2b(digest_size=16)
    for array in (data.train_images, data.train_labels, data.test_images, data.test_labels):
        digest.update(np.ascontiguousarray(array).data)
    return dict(name=data.name, classes=[str(name) for name in data.classes], train_images=len(data.train_labels),
                test_images=len(data.test_labels), hash=digest.hexdigest())


def machine():
    """The versions and the backend, which may change the last bits of a result."""
    return dict(minisenet=__version__, numpy=np.__version__, python=platform.python_version(),
                backend=get_backend(), isa=builds.isa)


class RunFolder:
    """The folder of one run. Make one with `create` or `resume`.

    Parameters
    ----------
    path : str or Path
    config : dict
        `settings`, `model` and `data` decide the run; `machine` and `notes` are a record.
    """

    def __init__(self, path, config):
        self.path, self.config = Path(path), config

    @classmethod
    def create(cls, path, config, *, overwrite=False):
        """Start a run in `path`.

        Raises
        ------
        RunError
            If `path` has a run and `overwrite` is false, if it is a file, or if it cannot be written to.
        """
        _safetensors()          # if it is missing, say so now and not after the first epoch
        path = Path(path)
        if path.exists() and not path.is_dir():
            raise RunError(f"expected a folder at {path}, found a file: give another --out")
        held = [name for name in (CONFIG, METRICS, LAST, BEST) if (path / name).exists()]
        if held and not overwrite:
            raise RunError(f"{path} holds a run: go on with it (--resume {path}), replace it (--overwrite), "
                           "or give another --out")
        try:
            path.mkdir(parents=True, exist_ok=True)
            for name in (LAST, BEST, METRICS, CURVES, GATES, CONFIG):
                (path / name).unlink(missing_ok=True)
            run = cls(path, config)
            run._sweep()
            write_atomically(path / CONFIG, json.dumps(config, indent=2).encode() + b"\n")
        except OSError as error:
            raise RunError(f"cannot write to {path}: {error.strerror or error}") from None
        return run

    @classmethod
    def resume(cls, path, config):
        """Open the run in `path` to go on with it: (run, checkpoint). The checkpoint is None if no epoch is complete.

        Raises
        ------
        RunError
            If `path` has no run, if the run's settings, model or data differ, or if its checkpoint is damaged.
        """
        saved, path = read_config(path), Path(path)
        for part in ("model", "settings", "data"):
            _compare(path, part, saved.get(part), config[part])
        run = cls(path, saved)
        run._sweep()
        if not (path / LAST).exists():
            write_atomically(path / METRICS, b"")
            return run, None
        tensors, metadata = read(path / LAST)
        if metadata["kind"] != "last" or metadata["model"] != config["model"]:
            raise RunError(f"{path / LAST} must be of {config['model']['name']} and of kind 'last', got "
                           f"{metadata['model']['name']} and {metadata['kind']!r}: put the run's own file back, or start again "
                           "with --overwrite")
        write_atomically(path / METRICS, b"".join(_line(metrics) for metrics in metadata["history"]))
        return run, (tensors, metadata)

    def save(self, model, velocity, history):
        """Write a complete epoch's checkpoints and its line of metrics."""
        metrics = history[-1]
        metadata = {key: self.config[key] for key in ("model", "data", "normalisation")}
        metadata |= {key: metrics[key] for key in ("epoch", "train_accuracy", "test_accuracy")}
        state = model.state_dict()
        if best(history) is metrics:
            write_atomically(self.path / BEST, pack(state, metadata | dict(kind="best")))
        tensors = {f"model.{name}": value for name, value in state.items()}
        tensors |= {f"velocity.{name}": value for name, value in velocity.items()}
        write_atomically(self.path / LAST, pack(tensors, metadata | dict(kind="last", history=list(history))))
        with open(self.path / METRICS, "ab") as file:
            file.write(_line(metrics))
            file.flush()
            os.fsync(file.fileno())

    def _sweep(self):
        """Remove the unfinished files of a killed process."""
        for leftover in self.path.glob(f"*{TEMPORARY}"):
            leftover.unlink(missing_ok=True)


def read_config(path):
    """The config.json of a run folder.

    Raises
    ------
    RunError
        If `path` is not a run folder, or if the file is damaged.
    """
    try:
        config = json.loads((Path(path) / CONFIG).read_text())
        if not {"settings", "model", "data", "machine", "normalisation"} <= set(config):
            raise ValueError("parts of it are missing")
        return config
    except (FileNotFoundError, NotADirectoryError):
        raise RunError(f"expected a run folder at {path}, found no {CONFIG}") from None
    except (ValueError, TypeError) as error:
        raise RunError(f"{Path(path) / CONFIG} is damaged ({error}): start again with --overwrite") from None


def best(history):
    """The metrics of the epoch with the best test accuracy; of equal ones, the first."""
    return max(history, key=lambda metrics: metrics["test_accuracy"])


def _line(metrics):
    return json.dumps(metrics).encode() + b"\n"


def _compare(path, part, saved, now):
    now = json.loads(json.dumps(now))           # a tuple comes back from a file as a list
    if saved == now:
        return
    if part == "data" and saved.get("name") == now["name"]:
        raise RunError(f"data must be the same as when the run in {path} began, {saved['train_images']} training and "
                       f"{saved['test_images']} test images, got {now['train_images']} and {now['test_images']}, or other "
                       "pixels: give it the same data, or start a new run")
    names = [key for key in now if saved.get(key) != now[key]] or list(saved)
    differing = ", ".join(f"{key} must be {saved.get(key)!r}, got {now.get(key)!r}" for key in names[:3])
    raise RunError(f"to resume the run in {path}, {differing}: give it its own {'options' if part == 'model' else part}, "
                   "or start a new run")
