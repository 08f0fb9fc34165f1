"""PyTorch's contenders: they train the same network on the same batch, and take part."""
import numpy as np
import pytest

from minisenet.bench.contenders import Settings
from minisenet.bench.measure import measure
from minisenet.bench.ours import bodies
from minisenet.bench.pytorch import channels_last, nchw

torch = pytest.importorskip("torch")
TINY = Settings("se_resnet20", dict(width=2, reduction=2), batch_size=4, threads=1)


@pytest.fixture(autouse=True)
def torch_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("make", [channels_last, nchw])
def test_the_same_work(make):
    """Two training steps end at the same weights: the same images, loss, momentum, weight decay and learning rate."""
    ours, theirs = bodies(TINY), make(TINY)
    for contender in (ours, theirs):
        step = contender.train()
        step(), step()
    for name, value in theirs.reference.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            np.testing.assert_allclose(ours.model.state_dict()[name], value.numpy(), rtol=0, atol=2e-4)
    before = {name: value.clone() for name, value in theirs.reference.state_dict().items()}
    theirs.inference()()
    assert all(torch.equal(value, before[name]) for name, value in theirs.reference.state_dict().items())


def test_both_layouts_take_part():
    names = ["pytorch_eager_channels_last", "pytorch_eager_nchw"]
    times = measure(TINY, names, repeat=1)
    assert times.left_out == {} and list(times.seconds["train"]) == list(times.seconds["inference"]) == names


@pytest.mark.slow
def test_without_a_compiler_compile_is_left_out(monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "/nonexistent")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    times = measure(TINY, ["pytorch_compile"], repeat=1)
    assert times.seconds == {"train": {}, "inference": {}} and "ompiler" in times.left_out["pytorch_compile"]


@pytest.mark.slow
def test_compile_takes_part():
    times = measure(TINY, ["pytorch_compile"], repeat=1)
    assert times.left_out == {} and times.seconds["train"]["pytorch_compile"][0] > 0
