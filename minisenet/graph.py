"""A network's graph as text for Graphviz's `dot`: a node for each layer that computes, an edge for each array between them.

The network runs once, on zeros. Each layer's output is an array that remembers its layer, so a sum or another NumPy function
between layers becomes a node too: your own blocks are drawn as they compute.
"""
import copy
import subprocess
from pathlib import Path

import numpy as np

from minisenet import arguments
from minisenet.backend import use_backend
from minisenet.blocks import SEBlock
from minisenet.layers import Layer

FORMATS = ("svg", "png", "pdf")
SHADES = dict(SEBlock="#f9d9a8", Conv2d="#cfe2f3", Linear="#cfe2f3")


class _Traced(np.ndarray):
    """An array that remembers the node that made it."""

    node = None

    def __array_finalize__(self, other):
        self.node = getattr(other, "node", None)            # a slice or a view comes from the same node

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        sources = _nodes(inputs)
        plain = [value.view(np.ndarray) if isinstance(value, _Traced) else value for value in inputs]
        result = getattr(ufunc, method)(*plain, **options)
        if len(sources) < 2 or not isinstance(result, np.ndarray):
            return _traced(result, *sources[:1])
        return _traced(result, sources[0].graph.add("+" if ufunc is np.add else ufunc.__name__, sources))


def _traced(array, node=None):
    if not isinstance(array, np.ndarray):
        return array
    array = array.view(_Traced)
    array.node = node
    return array


def _nodes(values):
    """The nodes of the arrays among some values, each once."""
    return list(dict.fromkeys(value.node for value in values if isinstance(value, _Traced) and value.node is not None))


class _Node:
    def __init__(self, graph, label, sources, group, shade):
        self.graph, self.label, self.sources, self.group, self.shade = graph, label, sources, group, shade


class _Graph:
    """The nodes of a network, in the order in which they ran. `group` is the dotted name of the block that runs."""

    def __init__(self):
        self.nodes, self.group = [], ""

    def add(self, label, sources, shade="#eeeeee"):
        self.nodes.append(_Node(self, label, sources, self.group, shade))
        return self.nodes[-1]

    def watch(self, name, layer):
        """Replace the forward of a layer by one that reports."""
        forward, leaf, group = layer.forward, _is_leaf(layer), name.rpartition(".")[0]

        def traced(*inputs):
            before, self.group = self.group, group if leaf else name
            try:
                if not leaf:
                    return forward(*inputs)
                y = forward(*(np.asarray(x) for x in inputs))
                label = f"{name.rpartition('.')[2]}: {_describe(layer)}\\n{_size(y)}"
                return _traced(y, self.add(label, _nodes(inputs), SHADES.get(type(layer).__name__, "#eeeeee")))
            finally:
                self.group = before
        layer.forward = traced


def _is_leaf(layer):
    return isinstance(layer, SEBlock) or not layer.children()


def _describe(layer):
    """A layer in a few words, such as `Conv2d 3x3, stride 2, 32 groups`."""
    words = [type(layer).__name__]
    if hasattr(layer, "weight") and layer.weight.value.ndim == 4:
        words[0] += " {}x{}".format(*layer.weight.value.shape[2:])
    elif "kernel_size" in vars(layer):
        words[0] += " {}x{}".format(*arguments.pair("kernel_size", layer.kernel_size, 1))
    options = getattr(layer, "options", {})
    if options.get("stride") is not None and (stride := arguments.pair("stride", options["stride"], 1)) != (1, 1):
        words.append(f"stride {stride[0]}" if stride[0] == stride[1] else f"stride {stride}")
    if options.get("groups", 1) > 1:
        words.append(f"{options['groups']} groups")
    if isinstance(layer, SEBlock):
        words.append(f"{len(layer.fc1.weight.value)} hidden")
    return ", ".join(words)


def _size(y):
    return " x ".join(map(str, y.shape[1:]))


def dot(model, image_size=None):
    """The graph of a network in the language of Graphviz.

    Parameters
    ----------
    model : Layer
        It is not changed: a copy runs.
    image_size : int, (int, int) or (int, int, int), optional
        The default is the model's own `image_size`, which a model of `minisenet.models.create` has. The third number is the
        channels, 3 if there is none: a block alone needs it.

    Returns
    -------
    str
        A `digraph`. Blocks are clusters, named as in `model.modules()`.

    Raises
    ------
    TypeError, ValueError
        If model is not a Layer, or if the image size is unknown.
    """
    if not isinstance(model, Layer):
        raise TypeError(f"model must be a Layer, got {type(model).__name__}")
    image_size = image_size or getattr(model, "image_size", None)
    if image_size is None:
        raise ValueError(f"image_size must be given for a {type(model).__name__}, which has none of its own: dot(model, 32)")
    probe, graph = copy.deepcopy(model).eval(), _Graph()
    inside = set()                                          # the layers in an SE block are part of its node
    for name, layer in probe.modules():
        if id(layer) not in inside and name:
            graph.watch(name, layer)
        if isinstance(layer, SEBlock) or id(layer) in inside:
            inside.update(map(id, layer.children().values()))
    dtype = next((p.value.dtype for p in probe.parameters().values()), np.float32)
    size, channels = (image_size[:2], image_size[2]) if np.size(image_size) == 3 else (image_size, 3)
    x = np.zeros((1, *arguments.pair("image_size", size, 1), channels), dtype)
    with use_backend("numpy"):
        probe.forward(_traced(x, graph.add(f"images\\n{_size(x)}", [])))
    return _text(getattr(model, "name", type(model).__name__), graph.nodes)


def _text(title, nodes):
    numbers = {node: i for i, node in enumerate(nodes)}
    tree = {}
    for node in nodes:
        level = tree
        for part in filter(None, node.group.split(".")):
            level = level.setdefault(part, {})
        level[numbers[node]] = node
    lines = [f'digraph "{title}" {{', '  node [shape=box, style="filled,rounded", fontname="Helvetica", fontsize=11, color="#777777"]',
             '  graph [fontname="Helvetica", fontsize=12, color="#aaaaaa", style=rounded, labeljust=l]', *_clusters(tree, "")]
    lines += [f"  n{numbers[source]} -> n{numbers[node]}" for node in nodes for source in node.sources]
    return "\n".join([*lines, "}", ""])


def _clusters(tree, path):
    indent = "  " * (path.count(".") + 1 + bool(path))
    for key, value in tree.items():
        if isinstance(value, _Node):
            yield f'{indent}n{key} [label="{value.label}", fillcolor="{value.shade}"]'
        else:
            inner = f"{path}.{key}" if path else key
            yield f'{indent}subgraph "cluster_{inner}" {{ label="{inner}"'
            yield from _clusters(value, inner)
            yield f"{indent}}}"


def draw(model, path, image_size=None):
    """Draw the graph of a network: an .svg, .png or .pdf by the program `dot` of Graphviz, or its text as .dot.

    Parameters
    ----------
    model, image_size
        As in `dot`.
    path : str or Path

    Raises
    ------
    FileNotFoundError
        If the program `dot` is missing.
    ValueError
        If the file's name has another ending.
    """
    path = Path(path)
    kind = path.suffix[1:].lower()
    if kind not in (*FORMATS, "dot"):
        raise ValueError(f"the graph's file name must end with .svg, .png, .pdf or .dot, got {path.name}")
    text = dot(model, image_size)
    if kind == "dot":
        path.write_text(text)
        return
    try:
        done = subprocess.run(["dot", f"-T{kind}", "-o", path], input=text, capture_output=True, text=True)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} needs the program `dot`, which is not installed: install Graphviz (on Debian: apt-get "
                                f"install graphviz), or write {path.with_suffix('.dot')}, which is text") from None
    if done.returncode:
        raise RuntimeError(f"dot could not draw {path}: {done.stderr.strip()}")
