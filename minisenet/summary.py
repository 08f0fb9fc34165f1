"""A network's cost, layer by layer: output shapes, parameters, multiply-adds, and what forward saves for backward.

A multiply-add is one multiplication with its addition. The paper's "FLOPs" are multiply-adds, but its tables do not all count
the same ones, so there are three totals. The first has convolutions and fully connected layers. The second adds the two fully
connected layers of each SE block, and the third the channel-wise multiplications of eq. (4).

The layers' calls are counted from their shapes: a function in the table `UNRUN` does not run. All others run, on zeros, so
your own layers are counted too.
"""
import contextlib
import copy
import math
import sys
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from minisenet import arguments, models
from minisenet.backend import get_backend, use_backend, watching
from minisenet.blocks import SEBlock
from minisenet.functional.convolution import _geometry
from minisenet.layers import Layer


def summary(model, image_size=None):
    """Count a network's cost for one image.

    Parameters
    ----------
    model : Layer
        It is not changed: a copy is counted.
    image_size : int or (int, int), optional
        The default is the model's own `image_size`, which a model of `minisenet.models.create` has.

    Returns
    -------
    dict
        `rows`, one for each layer that computes, in the order in which they run: name, type, output (its shape),
        parameters, multiply_adds, saved_bytes (arrays that two layers share count for the first one that saved them).
        `totals`: parameters, running_statistics, conv_and_fc, with_se_fc, with_scale (multiply-adds), saved_bytes.
        `backend`: the backend of the saved bytes. `paper`: the specification's numbers for the same network, or None (see
        `minisenet.models.registry.Network.specified`).

    Raises
    ------
    TypeError
        If model is not a Layer.
    ValueError
        If the images do not fit the network, or if neither image_size nor the model has a size.

    Notes
    -----
    Source: section 4. The parameters of the SE blocks add up to eq. (5), 2 / r sum_s N_s C_s^2, if r divides each C_s.
    """
    if not isinstance(model, Layer):
        raise TypeError(f"model must be a Layer, got {type(model).__name__}")
    image_size = image_size or getattr(model, "image_size", None)
    if image_size is None:
        raise ValueError(f"image_size must be given for a {type(model).__name__}, which has none of its own: summary(model, 32)")
    height, width = arguments.pair("image_size", image_size, 1)
    parameters = model.parameters()
    probe = copy.deepcopy(model, {id(p): p for p in parameters.values()}).train()           # parameters are only read
    x = np.zeros((1, height, width, 3), next((p.value.dtype for p in parameters.values()), np.float32))
    with use_backend("numpy"):                  # the fused backend makes fewer calls, each for several layers
        forwards = _forwards(probe, x)
    _forwards(probe, x)                         # once more on the backend in use, for what it saves
    forwards = {name: forward for name, forward in forwards.items()
                if forward.multiply_adds or forward.layer._saved is not None or not forward.layer.children()}
    sizes, counts, seen = Counter(), Counter(), {id(_base(getattr(*where))) for where in probe._state().values()}
    for name, parameter in parameters.items():
        while name and name not in forwards:    # an SE block uses its two layers' weights without running the layers
            name = name.rpartition(".")[0]
        sizes[name] += parameter.value.size
    rows = []
    for name, forward in forwards.items():
        counts.update(forward.multiply_adds)
        rows.append(dict(name=name, type=type(forward.layer).__name__, output=list(forward.output), parameters=sizes[name],
                         multiply_adds=forward.multiply_adds.total(), saved_bytes=_saved_bytes(forward.layer, seen)))
    with_se_fc, size = counts["conv_and_fc"] + counts["se_fc"], sum(p.value.size for p in parameters.values())
    totals = dict(parameters=size, running_statistics=sum(array.size for array in probe.state_dict().values()) - size,
                  conv_and_fc=counts["conv_and_fc"], with_se_fc=with_se_fc, with_scale=with_se_fc + counts["scale"],
                  saved_bytes=sum(row["saved_bytes"] for row in rows))
    name, options = getattr(model, "name", type(model).__name__), getattr(model, "options", {})
    paper = models.MODELS[name].specified(**options) if name in models.MODELS else None
    return dict(model=name, options=options, backend=get_backend(), image=[height, width, 3], rows=rows, totals=totals,
                paper=paper)


# ---- the calls of a forward --------------------------------------------------------------------------------------------

def _convolved(x, w, b=None, **options):
    return np.zeros(_geometry(x.shape, w.shape, **options)[1], x.dtype)


def _convolved_with_moments(a, w, mean=None, k=None, beta=None, **options):
    y = _convolved(a, w, **options)
    return y, *np.zeros((2, *y.shape[::3]), y.dtype)            # the kernel's two share memory as well


# What a function would return, from the shapes of its arguments.
UNRUN = {
    "conv2d": _convolved,
    "conv2d_normalised": _convolved_with_moments,
    "linear": lambda x, w, b=None: np.zeros((len(x), len(w)), x.dtype),
    "batch_norm": lambda x, gamma, beta, eps: tuple(map(np.zeros_like, (x, gamma, gamma))),
    "squeeze": lambda u: np.zeros(u.shape[::3], u.dtype),
} | dict.fromkeys(("relu", "scale", "affine_add"), lambda x, *_, **__: np.zeros_like(x))


@dataclass(eq=False)
class Forward:
    """A layer's forward: its output's shape, and the multiply-adds of the functions that it calls directly, by kind."""

    name: str
    layer: Layer
    output: tuple = ()
    multiply_adds: Counter = field(default_factory=Counter)

    def record(self, call):
        """A hook for `backend.watching`: count a call, and run it only if it is not in `UNRUN`."""
        result = UNRUN[call.name](*call.args, **call.options) if call.name in UNRUN else call()
        kind = "se_fc" if isinstance(self.layer, SEBlock) else "conv_and_fc"
        self.multiply_adds[kind] += multiply_adds(call.arguments, result)
        if call.name == "scale":
            self.multiply_adds["scale"] += result.size
        return result


def _forwards(model, x):
    """Run a forward; a dict from the name of each layer that ran to its `Forward`, in the order of their first returns."""
    forwards = {id(layer): Forward(name, layer) for name, layer in model.modules()}
    whole, done = forwards[id(model)], {}
    running = [whole]

    def profile(frame, event, y):
        forward = forwards.get(id(frame.f_locals.get("self"))) if frame.f_code.co_name == "forward" else None
        if forward and event == "call":
            running.append(forward)
        elif forward and event == "return":
            running.pop()
            forward.output = getattr(y, "shape", ())[1:]
            done[forward.name] = forward        # not the first time if it is used twice, or calls super().forward

    before = sys.getprofile()
    with watching(lambda call: running[-1].record(call)):
        sys.setprofile(profile)                 # Python reports when a forward begins and returns: no layer has to be changed
        try:
            whole.output = model.forward(x).shape[1:]
        finally:
            sys.setprofile(before)
    return done | {"": whole}


def weights_shape(arguments):
    """The shape of the weights among a function's arguments; () if there are none."""
    return arguments.get("w_shape") or getattr(arguments.get("w"), "shape", ())


def multiply_adds(arguments, result):
    """The multiply-adds of a convolution or a fully connected layer by the direct algorithm; 0 for other functions.

    An output element needs a multiply-add for each weight of its channel, and each gradient needs as many as the forward. A
    forward returns one array with as many dimensions as the weights (y), a backward one for each gradient (dx, dw).
    """
    weights = weights_shape(arguments)
    products = [array for array in arrays_in(result) if array.ndim == len(weights)]
    if not weights or not products:
        return 0
    output = arguments.get("dy", arguments.get("g", products[0]))       # g: a fused backward computes its dy from it
    return len(products) * output.size * math.prod(weights[1:])


# ---- the arrays that a layer saved -------------------------------------------------------------------------------------

def _saved_bytes(layer, seen):
    """The bytes of the arrays that a layer saved and that are not in `seen`; they are added to `seen`."""
    new = {id(base): base.nbytes for base in map(_base, arrays_in(layer._saved)) if id(base) not in seen}
    seen.update(new)
    return sum(new.values())


def arrays_in(value):
    """Yield every array in nested tuples, lists, dicts and objects, as often as it occurs."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from arrays_in(each)
    elif isinstance(value, dict):
        yield from arrays_in(list(value.values()))
    elif not callable(value):                   # a function, a class, a layer
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        yield from arrays_in([getattr(value, name, None) for name in [*slots, *getattr(value, "__dict__", ())]])


def _base(array):
    """The array that owns the memory."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def format_summary(result):
    """The result of `summary` as fixed-width text."""
    width = max(12, *(len(row["name"]) for row in result["rows"]))
    lines = [f"{'layer':{width}}  {'type':14}  {'output':>12}  {'parameters':>10}  {'multiply-adds':>13}  {'saved KiB':>9}"]
    for row in result["rows"]:
        shape = " x ".join(map(str, row["output"]))
        lines.append(f"{row['name'] or '(model)':{width}}  {row['type']:14}  {shape:>12}  {_number(row['parameters']):>10}  "
                     f"{_number(row['multiply_adds']):>13}  {_kib(row['saved_bytes']):>9}")
    t, paper = result["totals"], result["paper"] or {}
    height, image_width, _ = result["image"]
    same_image = paper and height == image_width == paper["image_size"]
    lines += ["", f"{result['model']}, one image of {height} x {image_width}",
              f"  parameters                        {t['parameters']:>12,}"
              + (f"   specification: {paper['parameters']:,}" if paper else ""),
              f"  running statistics                {t['running_statistics']:>12,}",
              f"  multiply-adds, conv + FC          {t['conv_and_fc']:>12,}"
              + (f"   specification: {paper['million_multiply_adds']:.3f} M" if same_image else ""),
              f"  multiply-adds, + FC of SE blocks  {t['with_se_fc']:>12,}",
              f"  multiply-adds, + scale, eq. (4)   {t['with_scale']:>12,}",
              f"  saved for backward                {t['saved_bytes']:>12,} bytes on the {result['backend']} backend"]
    if paper:
        lines.append(paper["source"])
    return "\n".join(lines)


def _number(n):
    return f"{n:,}" if n else "-"


def _kib(n):
    return f"{n / 1024:,.1f}" if n else "-"
