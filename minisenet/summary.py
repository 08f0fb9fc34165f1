"""What a network costs, layer by layer: output shapes, parameters, multiply-adds, and what forward saves for backward.

A multiply-add is one multiplication with its addition. The paper's "FLOPs" are multiply-adds, and which of them it counts
differs from table to table, so three totals stand side by side: convolutions and fully connected layers; then with the two
fully connected layers of each SE block; then with the channel-wise multiplications of eq. (4) too.
"""
import copy
import dataclasses

import numpy as np

from minisenet import models
from minisenet.backend import get_backend, use_backend
from minisenet.blocks import ResidualBlock, SEBlock
from minisenet.layers import Conv2d, Linear


def summary(model, image_size=None):
    """Count a network's cost for one image of image_size x image_size.

    Parameters
    ----------
    model : Layer
        It is left as it is: the counting happens on a copy.
    image_size : int or (int, int), optional
        Unless given, what a model of `minisenet.models.create` is made for.

    Returns
    -------
    dict
        `rows`, one for each layer that computes, in the order in which they run: name, type, output (its shape),
        parameters, multiply_adds, saved_bytes (arrays that two layers share count for the first one that saved them; on the
        fused backend a block saves what its layers would, and less, and so its own row has it).
        `totals`: parameters, running_statistics, conv_and_fc, with_se_fc, with_scale (multiply-adds), saved_bytes.
        `backend`: the one whose saved bytes they are. `paper`: what the specification says of the same network, or None (see
        `minisenet.models.registry.Network.specified`).

    Raises
    ------
    ValueError
        For images that the network does not take.

    Notes
    -----
    Source: section 4. The parameters of the SE blocks add up to eq. (5), 2 / r sum_s N_s C_s^2, where r divides each C_s.
    """
    if image_size is None:
        image_size = model.image_size
    height, width = image_size if isinstance(image_size, (tuple, list)) else (image_size, image_size)
    twin = copy.deepcopy(model).train()
    x = np.zeros((1, height, width, 3), next(iter(twin.parameters().values())).value.dtype)
    calls = _record(twin, x)
    twin.forward(x)                             # and now as the backend in use does it, to see what it saves
    calls.insert(0, ("", twin, calls[-1][2]))
    rows, seen, totals = [], set(), dict(conv_and_fc=0, se_fc=0, scale=0)
    for name, layer, output in calls:
        cost = _multiply_adds(layer, output)
        for kind, count in cost.items():
            totals[kind] += count
        own = layer.parameters() if isinstance(layer, SEBlock) or not layer.children() else {}
        if layer is twin and not _saved_bytes(layer, set(seen)):
            continue                            # the network itself saves something only where its stem is fused
        rows.append(dict(name=name, type=type(layer).__name__, output=list(output[1:]), parameters=_size(own),
                         multiply_adds=sum(cost.values()), saved_bytes=_saved_bytes(layer, seen)))
    conv_and_fc, with_fc = totals["conv_and_fc"], totals["conv_and_fc"] + totals["se_fc"]
    state = sum(array.size for array in twin.state_dict().values())
    parameters = _size(twin.parameters())
    totals = dict(parameters=parameters, running_statistics=state - parameters, conv_and_fc=conv_and_fc, with_se_fc=with_fc,
                  with_scale=with_fc + totals["scale"], saved_bytes=sum(row["saved_bytes"] for row in rows))
    name, options = getattr(model, "name", type(model).__name__), getattr(model, "options", {})
    paper = models.MODELS[name].specified(**options) if name in models.MODELS else None
    return dict(model=name, options=options, backend=get_backend(), image=[height, width, 3], rows=rows, totals=totals,
                paper=paper)


def _record(model, x):
    """Run a forward; (name, layer, output shape) of every layer that computes, in the order in which they finish.

    It is the composition that runs, whatever the backend: the fused one does not call the layers inside a block.
    """
    calls = []

    def wrap(name, layer):
        original = layer.forward

        def wrapped(*args):
            y = original(*args)
            calls.append((name, layer, y.shape))
            return y
        layer.forward = wrapped                 # on the instance, which hides the class's own

    for name, layer in model.modules():
        inside_se = any(name.startswith(f"{other}.") for other, outer in model.modules() if isinstance(outer, SEBlock))
        if isinstance(layer, (SEBlock, ResidualBlock)) or not layer.children() and not inside_se:
            wrap(name, layer)
    with use_backend("numpy"):
        model.forward(x)
    for _, layer in model.modules():
        layer._saved = None
        vars(layer).pop("forward", None)
    return calls


def _multiply_adds(layer, output):
    if isinstance(layer, Conv2d):
        return dict(conv_and_fc=output[1] * output[2] * layer.weight.value.size)
    if isinstance(layer, Linear):
        return dict(conv_and_fc=layer.weight.value.size)
    if isinstance(layer, SEBlock):
        return dict(se_fc=layer.fc1.weight.value.size + layer.fc2.weight.value.size, scale=int(np.prod(output[1:])))
    return {}


def _size(parameters):
    return sum(parameter.value.size for parameter in parameters.values())


def _saved_bytes(layer, seen):
    """Bytes of the arrays that a layer saved, but for those in `seen`, and for its own state, which it holds anyway."""
    state = {id(_base(getattr(owner, name))) for owner, name in layer._state().values()}
    new = {id(base): base for base in map(_base, arrays_in(layer._saved)) if id(base) not in seen | state}
    seen.update(new)
    return sum(base.nbytes for base in new.values())


def arrays_in(saved):
    """Yield every array in what a layer saved: a nest of tuples, lists and dataclasses. One that is there twice comes twice."""
    if dataclasses.is_dataclass(saved):
        saved = list(vars(saved).values())
    if isinstance(saved, (tuple, list)):
        for part in saved:
            yield from arrays_in(part)
    elif isinstance(saved, np.ndarray):
        yield saved


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
