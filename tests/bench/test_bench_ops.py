"""The recorder finds every kernel call of a step, counts its work as a pencil would, and the peak loops do what they say."""
import json

import numpy as np
import pytest

import minisenet
import minisenet.functional as F
from backends import needs_kernels
from minisenet.backend import builds, watch
from minisenet.bench import ops
from minisenet.bench.contenders import Settings
from minisenet.bench.ours import fastest, plain
from minisenet.bench.peak import Peak
from minisenet.bench.recorder import Recorder, recording

pytestmark = needs_kernels
TINY = Settings("se_resnet20", dict(width=4, reduction=4), batch_size=2, threads=1)


def recorded(function, *args, **options):
    """The one kernel call of a function."""
    with minisenet.use_backend("fused"), recording() as recorder:
        function(*args, **options)
    (call,) = recorder.calls.values()
    return call


def ones(*shape):
    return np.ones(shape, np.float32)


def test_a_convolution_by_hand():
    """2 images of 6 x 5, 3 -> 4 channels, 3 x 3, stride 2: 3 x 3 positions, 27 products each."""
    x, w, dy = ones(2, 6, 5, 3), ones(4, 3, 3, 3), ones(2, 3, 3, 4)
    flops = 2 * (2 * 3 * 3 * 4) * 27
    forward = recorded(F.conv2d, x, w, stride=2, padding=1)
    assert (forward.kernel, forward.flops) == ("conv2d", flops)
    assert forward.bytes == 4 * (x.size + w.size + dy.size) and forward.shape == "6x5x3, 4x3x3x3 / 2"
    assert recorded(F.conv2d_backward_input, dy, w, x.shape, stride=2, padding=1).flops == flops
    assert recorded(F.conv2d_backward_weight, dy, x, w.shape, stride=2, padding=1).flops == flops
    assert recorded(F.conv2d, ones(2, 6, 5, 4), ones(4, 1, 3, 3), groups=4).flops == 2 * (2 * 4 * 3 * 4) * 9


def test_linear_by_hand():
    assert recorded(F.linear, ones(5, 3), ones(4, 3)).flops == 2 * 5 * 4 * 3
    assert recorded(F.linear_backward, ones(5, 4), ones(5, 3), ones(4, 3)).flops == 2 * 2 * 5 * 4 * 3      # dx and dw


def test_a_kernel_that_is_new():
    """Fused convolutions are known by the names of their arguments and by what they return."""
    def conv2d_new(a, k, w, *, stride):
        return ones(2, 3, 3, 8), ones(2, 8)                     # the map, and its statistics: one product

    def conv2d_new_backward(dy, a, k, w, *, stride):
        return ones(2, 6, 6, 4), ones(4), ones(8, 4, 3, 3)      # da, dk, dw: two

    recorder = Recorder()
    a, w, stride = ones(2, 6, 6, 4), ones(8, 4, 3, 3), dict(stride=(2, 2))
    recorder(watch.Call(conv2d_new, "kernel", (a, ones(4), w), stride, conv2d_new))
    recorder(watch.Call(conv2d_new_backward, "kernel", (ones(2, 3, 3, 8), a, ones(4), w), stride, conv2d_new_backward))
    forward, backward = recorder.calls.values()
    assert (forward.flops, backward.flops) == (2 * (2 * 3 * 3 * 8) * 36, 2 * 2 * (2 * 3 * 3 * 8) * 36)
    assert forward.shape == backward.shape == "6x6x4, 8x4x3x3 / 2"


def test_sweeps_by_hand():
    u = ones(2, 3, 5, 7)
    squeeze = recorded(F.squeeze, u)
    assert squeeze.flops is None and squeeze.bytes == 4 * (u.size + 2 * 7) and squeeze.shape == "3x5x7"
    assert recorded(F.relu, u).bytes == 4 * 2 * u.size
    assert recorded(F.relu_backward, u, u).bytes == 4 * 2 * u.size      # one array given twice is read once
    assert recorded(F.batch_norm, u, ones(7), 2 * ones(7)).bytes == 4 * (2 * u.size + 4 * 7)


def test_one_row_for_each_shape():
    with minisenet.use_backend("fused"), recording() as recorder:
        for size in (3, 3, 4):
            F.relu(ones(2, size, size, 1))
    assert sorted(len(call.seconds) for call in recorder.calls.values()) == [1, 2]
    assert all(seconds > 0 for call in recorder.calls.values() for seconds in call.seconds)


def test_results_pass_through_and_bodies_are_not_recorded():
    x = np.array([[-1.0, 2.0]], np.float32)
    with minisenet.use_backend("fused"), recording() as recorder:
        assert np.array_equal(F.relu(x), [[0, 2]]) and len(recorder.calls) == 1
        with minisenet.use_backend("numpy"):
            assert np.array_equal(F.relu(x), [[0, 2]]) and len(recorder.calls) == 1


def test_the_contenders_networks():
    """The plain twin has the options of the SE network but those of the blocks, and both have the same images."""
    se, twin = fastest(TINY), plain(TINY)
    assert (se.model.name, twin.model.name) == ("se_resnet20", "resnet20")
    assert se.model.options == twin.model.options | dict(reduction=4)
    assert np.array_equal(se.images, twin.images) and se.images.shape == (2, 32, 32, 3)


def test_every_kernel_of_a_training_step():
    contender = fastest(TINY)
    step = contender.train()
    with recording() as recorder:
        step()
    calls = list(recorder.calls.values())
    kernels = {call.kernel for call in calls}
    assert any(name.startswith("conv2d") for name in kernels) and {"linear", "linear_backward", "sgd_step"} <= kernels
    assert sum(len(call.seconds) for call in calls if call.kernel == "sgd_step") == len(contender.model.parameters())
    # A training step does three products for each of a forward's, but for the images' own gradient.
    from minisenet.summary import summary
    totals, first = summary(contender.model)["totals"], 32 * 32 * contender.model.conv1.weight.value.size
    assert sum(len(call.seconds) * (call.flops or 0) for call in calls) == 2 * 2 * (3 * totals["with_se_fc"] - first)


def test_the_profile_adds_up():
    profile = ops.profile(TINY)
    assert set(profile) == {"ops", "peak", "ops_step"} and json.loads(json.dumps(profile)) == profile
    assert all(np.isfinite(value) and value > 0 for value in profile["peak"].values())
    assert 0 < profile["ops_step"]["kernels_ms"] < profile["ops_step"]["ms"]
    for row in profile["ops"]:
        assert set(row) == {"kernel", "shape", "calls", "ms", "gflops", "gb_per_s", "share_of_peak"}
        assert (row["gflops"] is None) != (row["gb_per_s"] is None) and row["calls"] >= 1 and row["share_of_peak"] > 0
    text = ops.format_profile(profile)
    assert "conv2d_normalised_backward" in text and max(map(len, text.splitlines())) <= 110
    assert all(row["kernel"] in text for row in profile["ops"])


def test_ops_without_kernels(monkeypatch):
    monkeypatch.setattr(builds, "kernels", None)
    with pytest.raises(RuntimeError, match="--ops has nothing to measure: the compiled kernels are not installed"):
        ops.check()


@pytest.mark.parametrize("threads", [1, 3])
def test_the_bare_loops(threads):
    minisenet.set_num_threads(threads)
    kernels = builds.kernels
    done, totals = kernels.multiply_adds(6, 1000)
    # acc = acc / 2 + 1 ends at 2 in every lane: done / (pieces rounds) lanes
    assert totals.shape == (6,) and np.all(totals == 2 * done // (6 * 1000))
    # After three rounds chain i of piece p still tells where it began, at p + i: none that counts as twelve, or as all pieces.
    done, totals = kernels.multiply_adds(3, 3)
    lanes = done // (3 * 3) // 12
    assert totals.tolist() == [lanes * sum((p + i) / 8 + 2 * 7 / 8 for i in range(12)) for p in range(3)]
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 600_001)).astype(np.float32)
    out = np.zeros_like(x)
    kernels.triad(x, y, 0.5, out)
    assert np.array_equal(out, x + np.float32(0.5) * y)
    peak = Peak(array_bytes=1 << 16)
    for figure in (peak.gflops(rounds=1000), peak.gb_per_s()):
        assert np.isfinite(figure) and figure > 0
