"""The gate table: each figure from its definition, for known gates."""
import numpy as np
import pytest

from minisenet import models
from minisenet.train.gates import Gates, collect, format_table, table

pytestmark = pytest.mark.section_7


def test_figures_of_known_gates():
    labels = np.array([0, 0, 1, 1])
    s = np.array([[0.2, 0.5], [0.4, 0.5], [0.6, 0.5], [0.8, 0.5]])
    h = np.array([[0, 1, 0], [0, 0, 0], [0, 2, 0], [0, 0, 0]])
    row, = table(Gates(labels, {"stage1.0.se": (s, h)}))
    assert row["channels"] == 2 and row["hidden"] == 3 and row["dead"] == 2
    assert row["mean"] == pytest.approx(0.5)
    assert row["deviation"] == pytest.approx(np.sqrt(0.05) / 2)       # the first channel's, averaged with a constant one
    assert row["by_class"] == pytest.approx(0.1)                      # class means 0.3 and 0.7 deviate by 0.2; and 0
    assert format_table([row]).splitlines() == [
        "block        channels  mean gate  deviation  between classes  dead hidden units",
        "stage1.0.se         2      0.500      0.112            0.100         2 of 3"]


def test_collects_from_every_block(data, new_model):
    model = new_model()
    gates = collect(model, data, images=30)
    assert model.training and len(gates.labels) == 30
    assert list(gates.blocks) == ["stage1.0.se", "stage2.0.se", "stage3.0.se"]
    for (s, h), channels in zip(gates.blocks.values(), (4, 8, 16)):
        assert s.shape == (30, channels) and h.shape == (30, channels // 4)
        assert ((s > 0) & (s < 1)).all() and (h >= 0).all()
    assert collect(model, data, images=1000).labels.tolist() == data.test_labels.tolist()


def test_a_dead_block_gives_a_half(data, new_model):
    """Without biases: if every hidden unit is 0, so is the second layer, and each gate is sigmoid(0) = 1/2."""
    model = new_model()
    block = dict(model.modules())["stage2.0.se"]
    block.fc1.weight.value[...] = 0
    row = {row["block"]: row for row in table(collect(model, data))}["stage2.0.se"]
    assert row["dead"] == row["hidden"] == 2 and row["mean"] == 0.5 and row["deviation"] == row["by_class"] == 0


def test_every_class_is_seen_whatever_the_order_of_the_set(data, new_model):
    """The classes of the shapes alternate: every second image would miss half of the classes."""
    labels = collect(new_model(), data, images=20).labels
    assert len(set(labels)) >= 7 and set(labels % 2) == {0, 1}


def test_a_plain_network_has_none(data, new_model):
    gates = collect(new_model(se=False), data)
    assert not gates.blocks and table(gates) == []


def test_without_a_squeeze_the_gates_are_means_of_maps(data):
    model = models.create("se_resnet20", width=4, reduction=2, squeeze="none")
    gates = collect(model, data, images=20)
    s, h = gates.blocks["stage1.0.se"]
    assert s.shape == (20, 4) and h.shape == (20, 2) and ((s > 0) & (s < 1)).all()
    assert len(table(gates)) == 9
