"""A network's graph: each layer once, the edges of the arrays between them, and what is said where Graphviz is missing."""
import re
import shutil

import numpy as np
import pytest

from minisenet import graph, models
from minisenet.blocks import SEBlock
from minisenet.cli import main
from minisenet.layers import Conv2d, Layer, Linear, ReLU, Squeeze

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


def read(text):
    """({number: label}, {(from, to)}) of a text for dot."""
    nodes = {int(n): label for n, label in re.findall(r'n(\d+) \[label="(.*?)"', text)}
    return nodes, {tuple(map(int, edge)) for edge in re.findall(r"n(\d+) -> n(\d+)", text)}


def named(nodes, start):
    number, = [n for n, label in nodes.items() if label.startswith(start)]
    return number


class TwoPaths(Layer):
    """relu(conv(x)) + x[..., :4] * 2, between two layers of its own: NumPy in a student's block."""

    def __init__(self, rng):
        self.first, self.relu, self.last = Conv2d(3, 4, 3, padding=1, stride=1, rng=rng), ReLU(), Conv2d(4, 5, 1, stride=2, rng=rng)
        self.se = SEBlock(5, reduction=2, rng=rng)
        self.squeeze, self.fc = Squeeze(), Linear(5, 2, rng=rng)

    def forward(self, x):
        u = self.first(x)
        return self.fc(self.squeeze(self.se(self.last(self.relu(u) + 2 * u))))


def test_edges_are_the_arrays_between_layers():
    nodes, edges = read(graph.dot(TwoPaths(np.random.default_rng(0)), (6, 8)))
    first, relu, plus, last = (named(nodes, start) for start in ("first", "relu", "+", "last"))
    assert {(first, relu), (relu, plus), (first, plus), (plus, last)} <= edges
    assert nodes[last] == r"last: Conv2d 1x1, stride 2\n3 x 4 x 5"
    assert nodes[named(nodes, "se")] == r"se: SEBlock, 2 hidden\n3 x 4 x 5"
    assert len(edges) == 8 and len(nodes) == 8               # images, 6 layers, the sum; the SE block's two layers are inside it


def test_every_layer_of_a_network_is_a_node_and_no_node_is_alone():
    model = models.create("se_resnet20", width=4, reduction=2)
    nodes, edges = read(graph.dot(model))
    leaves = [name for name, layer in model.modules() if not layer.children() and ".se." not in name]
    blocks = [name for name, layer in model.modules() if isinstance(layer, SEBlock)]
    assert len(nodes) == 1 + len(leaves) + len(blocks)
    reached, last = {max(nodes)}, len(nodes) - 1
    for _ in nodes:
        reached |= {start for start, end in edges if end in reached}
    assert reached == set(nodes) and last == max(nodes)
    assert [label for label in nodes.values() if label.startswith("add")][0] == r"add: AddReLU\n32 x 32 x 4"
    add = next(n for n, label in nodes.items() if label.startswith("add"))
    assert len([edge for edge in edges if edge[1] == add]) == 2                     # the branch and the shortcut


def test_the_model_is_not_changed():
    model = models.create("resnet20", width=2)
    before = model.state_dict()
    graph.dot(model)
    assert "forward" not in vars(model.conv1) and model.training
    assert all((before[name] == value).all() for name, value in model.state_dict().items())


def test_a_block_alone():
    block = models.create("se_resnet20", reduction=4).stage2
    nodes, _ = read(graph.dot(getattr(block, "0"), (8, 8, 16)))
    assert nodes[0] == r"images\n8 x 8 x 16"


@needs_dot
@pytest.mark.parametrize("name, start", [("g.svg", b"<?xml"), ("g.PNG", b"\x89PNG"), ("g.pdf", b"%PDF")])
def test_dot_draws(name, start, tmp_path):
    graph.draw(models.create("se_resnet20", width=2, reduction=2), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)


def test_the_command(tmp_path, capsys):
    assert main(["summary", "se_resnet20", "--reduction", "4", "--graph", str(tmp_path / "g.dot")]) == 0
    assert (tmp_path / "g.dot").read_text().startswith('digraph "se_resnet20" {')
    assert "specification" in capsys.readouterr().out


def test_without_graphviz(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["summary", "resnet20", "--graph", str(tmp_path / "g.svg")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "install Graphviz" in error and "g.dot" in error


@pytest.mark.parametrize("call, message", [
    (lambda path: graph.draw(models.create("resnet20", width=2), path / "g.jpg"), "must end with .svg, .png, .pdf or .dot, got g.jpg"),
    (lambda path: graph.dot(ReLU()), "image_size must be given for a ReLU"),
    (lambda path: graph.dot("resnet20"), "model must be a Layer, got str")])
def test_errors(call, message, tmp_path):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        call(tmp_path)
