"""Weights that people have: load those of timm, torchvision and the authors' ports, and write ours for these programs.

    model = load_weights("seresnet50", "model.safetensors", source="timm")

The source decides the conventions: `sources.py` has them in one table. `torch_file.py` reads PyTorch's files without PyTorch.
"""
import difflib
import json
from pathlib import Path

import numpy as np

from minisenet.models.registry import MODELS
from minisenet.models.weights import torch_file
from minisenet.models.weights.sources import SOURCES
from minisenet.models.weights.torch_file import WeightsError

__all__ = ["SOURCES", "WeightsError", "export_weights", "load_weights"]
OURS = "minisenet"


def load_weights(name, path, source, **options):
    """Build a network in the conventions of its source, with its weights.

    Parameters
    ----------
    name : str
        The network's name in the source, such as "seresnet50"; for the source "minisenet" one of `minisenet.models.MODELS`.
    path : str or Path
        A .safetensors file (it needs the package safetensors), or one of `torch.save`: .pth, .pt or .bin.
    source : {"timm", "timm_legacy", "torchvision", "minisenet"}
        "timm_legacy" has the ports of the authors' own Caffe weights, `legacy_senet154` and its like.
    **options
        For the source "minisenet" those of `minisenet.models.create`. A run's checkpoint has its own. Other sources have none.

    Returns
    -------
    Network
        In evaluation mode. The number of classes is that of the file.

    Raises
    ------
    WeightsError
        A ValueError: if there is no such source or network, if a tensor is missing, surplus or misshapen, or if the file is
        damaged. Nothing in the file has run.
    ImportError
        If a .safetensors file is given and the package safetensors is not installed.
    """
    from minisenet.models import create
    origin = find_origin(name, source)
    tensors, made = _read(Path(path))
    tensors = {key: value for key, value in tensors.items() if not key.endswith("num_batches_tracked")}
    last = origin.last if origin else "fc.weight"
    if last not in tensors or tensors[last].ndim != 2:
        raise WeightsError(f"{path} must have {last}, the last layer of {name}, got {_some(tensors)}{_nearest(last, tensors)}")
    if origin:
        if options:
            raise WeightsError(f"options must be left out for the source {source}, which decides them, got {', '.join(options)}")
        model = create(origin.network, len(tensors[last]), **origin.options)
    else:
        if made and made["name"] != name:
            raise WeightsError(f"name must be {made['name']}, the network in {path}, got {name}")
        options = (made["options"] if made else {}) | options
        model = create(name, **options | dict(num_classes=len(tensors[last])))
    model.load_state_dict(_ours(tensors, model, origin, f"{path} must have the tensors of {name}"))
    return model.eval()


def find_origin(name, source):
    """The `Origin` of a network; None for the source "minisenet"."""
    if source == OURS:
        if name not in tuple(MODELS):
            raise WeightsError(f"model name must be one of {', '.join(MODELS)}, got {name!r}")
        return None
    if source not in tuple(SOURCES):
        raise WeightsError(f"source must be one of {', '.join(SOURCES)}, {OURS}, got {source!r}")
    if name not in SOURCES[source]:
        raise WeightsError(f"name must be one of {', '.join(SOURCES[source])} for the source {source}, got {name!r}")
    return SOURCES[source][name]


def export_weights(model, source):
    """The tensors of one of our networks with the names and shapes of another program.

    Parameters
    ----------
    model : Network
        Made by `minisenet.models.create`, in the conventions of the source. If its SE blocks have no biases, they become zeros.
    source : {"timm", "timm_legacy", "torchvision"}

    Returns
    -------
    name : str
        The network's name there.
    tensors : dict of str to ndarray

    Raises
    ------
    WeightsError
        A ValueError: if the source has no such network, or if it has it with other conventions.
    """
    if source not in tuple(SOURCES):
        raise WeightsError(f"source must be one of {', '.join(SOURCES)}, got {source!r}")
    name, options = getattr(model, "name", type(model).__name__), getattr(model, "options", {})
    known = {theirs: origin for theirs, origin in SOURCES[source].items() if origin.network == name}
    if not known:
        raise WeightsError(f"the network must be one of {', '.join(origin.network for origin in SOURCES[source].values())} for {source}, got {name}")
    (theirs, origin), = known.items()
    defaults = MODELS[name].defaults
    free, plain = {"seed", "num_classes", "dropout"}, "se_bias" in defaults and not options.get("se_bias", False)
    if plain:
        free.add("se_bias")                                 # zeros are the biases of SE blocks without any
    for option, default in defaults.items():
        wanted, got = origin.options.get(option, default), options.get(option, default)
        got = tuple(got) if isinstance(got, list) else got  # as a tuple comes back from a run's settings
        if option not in free and wanted != got:
            raise WeightsError(f"{option} must be {wanted!r} for {theirs} of {source}, got {got!r}: train the network with that option")
    tensors = {}
    for key, value in model.state_dict().items():
        if key == origin.flattened:
            channels, side = _flattened(model)
            value = value.reshape(len(value), side, side, channels).transpose(0, 3, 1, 2).reshape(len(value), -1)
        if ".se." in key and value.ndim == 2:
            value = value[:, :, None, None]
            if plain:
                tensors[origin.theirs(key.replace("weight", "bias"))] = np.zeros(len(value), value.dtype)
        tensors[origin.theirs(key)] = np.ascontiguousarray(value)
        if key.endswith("running_var"):
            tensors[origin.theirs(key).replace("running_var", "num_batches_tracked")] = np.zeros((), np.int64)
    return theirs, tensors


def _flattened(model):
    """(channels, side) of the map that a VGG's first fully connected layer reads."""
    *_, stage = (layer for name, layer in model.children().items() if name.startswith("stage"))
    channels = [layer for layer in stage.children().values() if hasattr(layer, "weight")][-1].weight.value.shape[0]
    return channels, int((model.fc1.weight.value.shape[1] // channels) ** 0.5)


def _ours(tensors, model, origin, what):
    """A file's tensors under our names and in our shapes. `what` begins the sentence of an error."""
    wanted = {name: origin.theirs(name) if origin else name for name in model._state()}
    surplus, found = [name for name in tensors if name not in wanted.values()], {}
    for name, (owner, attribute) in model._state().items():
        theirs = wanted[name]
        if theirs not in tensors:
            raise WeightsError(f"{what}, but lacks {theirs}{_nearest(theirs, surplus)}")
        value, shape = tensors[theirs], getattr(owner, attribute).shape
        if value.ndim == 4 and len(shape) == 2 and value.shape[2:] == (1, 1):
            value = value[:, :, 0, 0]                       # a 1x1 convolution of a 1x1 map is a fully connected layer
        if value.shape != shape:
            raise WeightsError(f"{what}, but its {theirs} has shape {value.shape}, where {shape} is needed")
        if origin and name == origin.flattened:
            channels, side = _flattened(model)
            value = value.reshape(len(value), channels, side, side).transpose(0, 2, 3, 1).reshape(shape)
        found[name] = value
    if surplus:
        raise WeightsError(f"{what} and no others, but has {_some(surplus)}{_nearest(surplus[0], wanted.values())}")
    return found


def _read(path):
    """The tensors of a file, and of a run's checkpoint also the `name` and `options` of its network, else None."""
    if path.suffix != ".safetensors":
        return torch_file.read(path), None
    try:
        import safetensors
    except ImportError:
        raise ImportError('a .safetensors file needs safetensors: pip install "minisenet[train]"') from None
    try:
        content = path.read_bytes()
        tensors = {name: _array(**entry) for name, entry in safetensors.deserialize(content)}
        made = json.loads(content[8:8 + int.from_bytes(content[:8], "little")]).get("__metadata__", {}).get(OURS)
        made = json.loads(made)["model"] if made else None
    except OSError:
        raise
    except Exception as error:                              # safetensors has its own error class, and damage can raise others
        raise WeightsError(f"{path} is damaged or not a safetensors file ({error})") from None
    if "model.fc.weight" in tensors:                        # last.safetensors of a run also has the velocity
        tensors = {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
    return tensors, made


DTYPES = dict(F64="<f8", F32="<f4", F16="<f2", BF16="<u2", I64="<i8", I32="<i4", I16="<i2", I8="i1", U8="u1", BOOL="?")


def _array(dtype, shape, data):
    if dtype not in DTYPES:
        raise ValueError(f"its tensors must be of {', '.join(DTYPES)}, got {dtype}")
    values = np.frombuffer(data, DTYPES[dtype]).reshape(shape)
    return torch_file.widened(values) if dtype == "BF16" else values


def _some(names):
    names = list(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") if names else "no tensors"


def _nearest(name, names):
    near = difflib.get_close_matches(name, list(names), 1, 0.6)
    return f"; the nearest name is {near[0]}" if near else ""
