"""The SE block and the residual blocks, compared with PyTorch's autograd: forward, every gradient, running statistics."""
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='PyTorch is not installed: pip install "minisenet[torch]"')


from minisenet.blocks import BasicBlock, Bottleneck, SEBlock  # noqa: E402
from minisenet.layers import Conv2d, ReLU  # noqa: E402
from minisenet.reference.networks import copy_weights, reference_of, to_nchw, to_nhwc  # noqa: E402

from .comparing import TOLERANCE, assert_close, error, errors, randomised  # noqa: E402


@pytest.mark.section_3_2
@pytest.mark.parametrize("channels, reduction", [(8, 2), (16, 16), (7, 3), (33, 4)])
@pytest.mark.parametrize("bias", [False, True])
def test_se_block(backend, bias, channels, reduction):
    rng = np.random.default_rng(1)
    se = randomised(SEBlock(channels, reduction=reduction, bias=bias, rng=rng), rng)
    assert_close(errors(se, rng.standard_normal((4, 5, 3, channels)), rng))


@pytest.mark.section_3_3
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("reduction", [None, 4], ids=["plain", "se"])
@pytest.mark.parametrize("shortcut", ["A", "B"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("block, in_channels, size", [(BasicBlock, 8, 16), (BasicBlock, 12, 12), (Bottleneck, 8, 4),
                                                      (Bottleneck, 16, 4)])
def test_residual_blocks(backend, block, in_channels, size, stride, shortcut, reduction, training):
    rng = np.random.default_rng(2)
    layer = block(in_channels, size, stride=stride, shortcut=shortcut, reduction=reduction, se_bias=bool(reduction), rng=rng)
    randomised(layer, rng)
    layer.train() if training else layer.eval()
    before = layer.state_dict()
    assert_close(errors(layer, rng.standard_normal((3, 7, 6, in_channels)), rng))
    moved = [name for name, value in layer.state_dict().items() if not np.array_equal(value, before[name])]
    assert bool(moved) == training and all("running_" in name for name in moved)


@pytest.mark.section_3_3
def test_running_statistics_over_several_batches(backend):
    rng = np.random.default_rng(3)
    layer = BasicBlock(6, 6, reduction=2, rng=rng).astype(np.float64)
    reference = reference_of(layer)
    for _ in range(5):
        x = rng.normal(3, 2, (2, 5, 4, 6))
        layer.forward(x), reference(to_nchw(x))
    for name, value in reference.state_dict().items():
        if "running_" in name:
            assert error(getattr(*_owner(layer, name)), value.numpy()) < TOLERANCE
    layer.eval(), reference.eval()
    assert error(layer.forward(x), to_nhwc(reference(to_nchw(x)))) < TOLERANCE


def _owner(layer, name):
    return layer._state()[name]


@pytest.mark.section_3_3
def test_a_wrong_block_is_told_apart(backend):
    """The comparison can fail: for an SE block without the squeeze path in du, and for one with a ReLU before it."""
    class NoSqueezePath(SEBlock):
        def backward(self, dy):
            super().backward(dy)
            return dy * self.s[:, None, None, :]

    class ReluFirst(SEBlock):
        def forward(self, u):
            self.relu = ReLU()
            return super().forward(self.relu(u))

        def backward(self, dy):
            return self.relu.backward(super().backward(dy))

    for wrong, what in ((NoSqueezePath, "dx"), (ReluFirst, "y")):
        rng = np.random.default_rng(4)
        se = randomised(wrong(8, reduction=2, bias=True, rng=rng), rng)
        found = errors(se, rng.standard_normal((3, 4, 5, 8)), rng)
        assert found[what] > 1e-3
        with pytest.raises(AssertionError, match=f"'{what}'"):
            assert_close(found)


def test_nchw_and_back():
    x = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    t = to_nchw(x)
    assert t.shape == (2, 5, 3, 4) and t[1, 4, 2, 3] == x[1, 2, 3, 4]
    assert t.is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(to_nhwc(t), x)


def test_a_reference_has_the_weights_dtype_and_mode():
    layer = SEBlock(8, reduction=2, rng=np.random.default_rng(5)).eval()
    for dtype in (np.float32, np.float64):
        reference = reference_of(layer.astype(dtype))
        assert not reference.training
        assert np.array_equal(reference.fc1.weight.detach().numpy(), layer.fc1.weight.value)
        assert reference.fc1.weight.detach().numpy().dtype == dtype
    reference.fc1.weight.data.zero_()
    assert layer.fc1.weight.value.any(), "the reference's weights must be copies"


def test_errors_of_references():
    rng = np.random.default_rng(6)
    with pytest.raises(TypeError, match="layer must be one of SEBlock, .*, got Conv2d, which has no PyTorch reference"):
        reference_of(Conv2d(3, 4, 1, rng=rng))
    with pytest.raises(ValueError, match="the weights of SEBlock .* got a difference in fc1.bias, fc2.bias"):
        copy_weights(SEBlock(4, reduction=2, bias=True, rng=rng), reference_of(SEBlock(4, reduction=2, rng=rng)))
    with pytest.raises(RuntimeError, match="size mismatch"):
        copy_weights(SEBlock(4, reduction=2, rng=rng), reference_of(SEBlock(4, reduction=4, rng=rng)))
