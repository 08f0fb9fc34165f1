"""Every network of the registry at a small width: the backends agree, and which fused kernels each one runs."""
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import minisenet
from backends import needs_kernels
from minisenet import models
from minisenet.backend import watching
from small_networks import small

pytestmark = pytest.mark.section_5
DEEP = ("110", "101", "152", "164", "154", "v2")                # rounding grows with depth


PAGE = Path(__file__).parents[1] / "docs" / "networks.md"
COLUMNS = {     # heading -> kernel, and whether only those calls count that read the map before a batch norm and ReLU
    "convolutions": ("conv2d_normalised", False), "which absorb a batch norm and ReLU": ("conv2d_normalised", True),
    "backwards that do": ("conv2d_normalised_backward", True), "gate, sum and ReLU at once": ("affine_add", False),
    "gates alone": ("scale", False), "poolings": ("pool", False)}


def fused_table():
    """Markdown: how often each network runs the fused kernels in a training step."""
    lines = ["| network | " + " | ".join(COLUMNS) + " |", "| --- |" + " ---: |" * len(COLUMNS)]
    for name in (name for name, entry in models.MODELS.items() if entry.se):
        calls = Counter()

        def hook(call):
            kernel = "pool" if call.name in ("max_pool2d", "avg_pool2d") else call.name
            calls.update([(kernel, False)] + [(kernel, True)] * (call.arguments.get("mean") is not None))
            return call()

        with minisenet.use_backend("fused"), watching(hook):
            model, size = small(name)
            y = model(np.random.default_rng(0).standard_normal((2, size, size, 3)).astype(np.float32))
            model.backward(y)
        lines.append(f"| `{name}` | " + " | ".join(str(calls[column] or "-") for column in COLUMNS.values()) + " |")
    return "\n".join(lines)


def passes(name, backend):
    """The logits and every gradient of a training step, and the names of the kernels that ran."""
    calls = set()

    def hook(call):
        calls.update({call.name} if call.kind == "kernel" else ())
        return call()

    with minisenet.use_backend(backend), watching(hook):
        model, size = small(name)
        model.astype(np.float64)
        rng = np.random.default_rng(0)
        x = rng.standard_normal((2, size, size, 3))
        y = model(x)
        dx = model.backward(rng.standard_normal(y.shape), input_gradient=True)
    return dict(y=y, x=dx, **{name: p.grad for name, p in model.parameters().items()}), calls


@needs_kernels
@pytest.mark.parametrize("name", models.MODELS)
def test_the_backends_agree(name):
    wanted, calls = passes(name, "numpy")
    assert not calls
    least = 1e-3 * max(np.abs(value).max() for value in wanted.values())        # a bias before a batch norm has a gradient of 0
    for backend in ("cython", "fused"):
        found, calls = passes(name, backend)
        for key, value in wanted.items():
            scale = max(np.abs(value).max(), least if key.endswith("bias") else 0)
            assert np.abs(found[key] - value).max() <= (1e-8 if name.endswith(DEEP) else 1e-9) * scale, (backend, key)
    assert {"conv2d_normalised", "conv2d_normalised_backward"} <= calls


def test_float32_stays_float32():
    for name in ("se_shufflenet", "se_shake_shake26_2x96d", "se_inception_resnet_v2", "se_preact_resnet110"):
        model, size = small(name)
        y = model(np.random.default_rng(0).standard_normal((2, size, size, 3)).astype(np.float32))
        dx = model.backward(np.ones_like(y), input_gradient=True)
        assert {y.dtype, dx.dtype, *(p.grad.dtype for p in model.parameters().values())} == {np.dtype(np.float32)}, name


@needs_kernels
def test_the_page_has_the_table_of_fused_kernels():
    if not PAGE.exists():
        pytest.skip("docs/ is not there")
    assert fused_table() in PAGE.read_text(encoding="utf-8")


def test_the_padding_of_average_poolings():
    """On a map of ones: Caffe's pooling counts its padding as zeros, TensorFlow's does not count it."""
    ones = np.ones((1, 5, 5, 24))
    caffe, slim = (getattr(getattr(small(name)[0].stage1, "0").branch4, "0") for name in ("bn_inception", "inception_resnet_v2"))
    assert np.isclose(caffe(ones)[0, 0, 0, 0], 4 / 9) and np.isclose(caffe(ones)[0, 2, 2, 0], 1)
    assert np.allclose(slim(ones), 1)
