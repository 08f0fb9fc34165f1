"""Weights of timm and torchvision: every name and shape, the same logits as their own networks, and what is said of bad files."""
import gzip
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from minisenet import models
from minisenet.models.weights import SOURCES, WeightsError, _read, export_weights, load_weights
from minisenet.paper import _Undrawn
from minisenet.train.run_folder import pack

from .live import installed, network

safetensors = pytest.importorskip("safetensors.numpy")
pytestmark = pytest.mark.section_5
LISTINGS = json.loads(gzip.decompress((Path(__file__).parent / "listings.json.gz").read_bytes()))
ALL = [(source, name) for source, names in SOURCES.items() for name in names]


def create(source, name, classes=1000, **options):
    origin = SOURCES[source][name]
    return models.create(origin.network, classes, **origin.options | options)


@pytest.mark.parametrize("source, name", ALL)
def test_every_name_and_shape_is_that_of_the_source(source, name):
    model = create(source, name, seed=_Undrawn(np.random.PCG64(0)))
    theirs, tensors = export_weights(model, source)
    assert theirs == name
    assert {key: list(value.shape) for key, value in tensors.items()} == LISTINGS[source][name]


@pytest.mark.skipif(importlib.util.find_spec("torch") is None or not installed(), reason="timm and torchvision are not installed")
@pytest.mark.slow
@pytest.mark.parametrize("source, name", [(s, n) for s, n in ALL if not n.endswith(("101", "152", "101_32x4d")) and (s, n) != ("timm", "senet154")])
@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_the_logits_are_those_of_the_source(source, name, ending, tmp_path):
    """With random weights whose gates and activations neither vanish nor explode, within 2e-4 of the largest logit.

    The largest networks differ from others only in depth; their names and shapes are compared above.
    """
    import torch
    from safetensors.torch import save_file
    if ending == ".pth" and name not in ("seresnet50", "legacy_seresnet50", "resnet18"):
        pytest.skip("one network of each kind is enough for the other format")
    torch.manual_seed(0)
    theirs = network(source, name)
    x = np.random.default_rng(0).standard_normal((1, 224, 224, 3)).astype(np.float32)
    image = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    with torch.no_grad():
        for array in theirs.parameters():
            if array.ndim == 1:
                array.add_(0.1 * torch.randn_like(array))
        norms = [module for module in theirs.modules() if isinstance(module, torch.nn.BatchNorm2d)]
        for norm in norms:
            norm.momentum = 1.0
        theirs.train()(image)                               # the running statistics are this image's, but for noise
        for norm in norms:
            norm.running_mean += 0.1 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean)
            norm.running_var *= 0.8 + 0.4 * torch.rand_like(norm.running_var)
    state, path = theirs.eval().state_dict(), tmp_path / f"weights{ending}"
    save_file({key: value.contiguous() for key, value in state.items()}, path) if ending == ".safetensors" else torch.save(state, path)
    model = load_weights(name, path, source=source)
    with torch.no_grad():
        wanted = theirs(image).numpy()
    assert not model.training and np.abs(model(x) - wanted).max() <= 2e-4 * np.abs(wanted).max()
    again = export_weights(model, source)[1]
    assert again.keys() == state.keys()
    assert all(np.array_equal(value, state[key].numpy()) for key, value in again.items() if "num_batches" not in key)


def test_our_own(tmp_path):
    model = models.create("se_resnet20", 7, width=8, reduction=4)
    safetensors.save_file(model.state_dict(), tmp_path / "a.safetensors")
    again = load_weights("se_resnet20", tmp_path / "a.safetensors", source="minisenet", width=8, reduction=4)
    assert all(np.array_equal(value, again.state_dict()[key]) for key, value in model.state_dict().items())


def test_a_runs_checkpoint_has_its_own_options(tmp_path):
    model = models.create("se_resnet20", 7, width=8, reduction=4)
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()} | {"velocity.fc.bias": np.zeros(7, np.float32)}
    (tmp_path / "last.safetensors").write_bytes(pack(tensors, dict(model=dict(name=model.name, options=model.options))))
    again = load_weights("se_resnet20", tmp_path / "last.safetensors", source="minisenet")
    assert all(np.array_equal(value, again.state_dict()[key]) for key, value in model.state_dict().items())
    with pytest.raises(WeightsError, match="name must be se_resnet20, the network in .*, got resnet20"):
        load_weights("resnet20", tmp_path / "last.safetensors", source="minisenet")


def test_half_precision_and_other_dtypes_of_safetensors(tmp_path):
    """By hand, since NumPy has no bfloat16."""
    raw = np.array([0x3F80, 0xC020], "<u2").tobytes() + np.array([1, -2.5], "<f2").tobytes()
    for code, fine in (("BF16", True), ("F8_E4M3", False)):
        header = {"b": dict(dtype=code, shape=[2] if fine else [4], data_offsets=[0, 4]), "h": dict(dtype="F16", shape=[2], data_offsets=[4, 8])}
        text = json.dumps(header).encode()
        (tmp_path / "a.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + raw)
        if fine:
            assert all(value.tolist() == [1, -2.5] for value in _read(tmp_path / "a.safetensors")[0].values())
        else:
            with pytest.raises(WeightsError, match="its tensors must be of F64, .*, got F8_E4M3"):
                _read(tmp_path / "a.safetensors")


def test_se_blocks_without_biases_get_zeros():
    """The paper's SE-ResNet-50 has the conventions of the authors' port, but for the biases."""
    model = models.create("se_resnet50", seed=_Undrawn(np.random.PCG64(0)))
    theirs, tensors = export_weights(model, "timm_legacy")
    assert theirs == "legacy_seresnet50" and {key: list(value.shape) for key, value in tensors.items()} == LISTINGS["timm_legacy"][theirs]
    assert not tensors["layer1.0.se_module.fc1.bias"].any()


@pytest.fixture(scope="module")
def tensors():
    """resnet18 of torchvision at its real size, all zeros."""
    return {key: np.zeros(shape, np.float32) for key, shape in LISTINGS["torchvision"]["resnet18"].items()}


@pytest.mark.parametrize("change, message", [
    (lambda t: t.pop("layer1.0.conv1.weight"), "must have the tensors of resnet18, but lacks layer1.0.conv1.weight"),
    (lambda t: t.update({"layer1.0.conv1.wieght": t.pop("layer1.0.conv1.weight")}),
     "lacks layer1.0.conv1.weight; the nearest name is layer1.0.conv1.wieght"),
    (lambda t: t.update(extra=np.zeros(1, np.float32)), "and no others, but has extra"),
    (lambda t: t.update({"bn1.weight": np.zeros(65, np.float32)}), r"its bn1.weight has shape \(65,\), where \(64,\) is needed"),
    (lambda t: t.pop("fc.weight"), "must have fc.weight, the last layer of resnet18, got ")])
def test_a_tensor_that_is_wrong_is_named(tensors, change, message, tmp_path):
    changed = dict(tensors)
    change(changed)
    safetensors.save_file(changed, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match=message):
        load_weights("resnet18", tmp_path / "a.safetensors", source="torchvision")


def test_the_number_of_classes_is_that_of_the_file(tensors, tmp_path):
    changed = dict(tensors, **{"fc.weight": np.zeros((7, 512), np.float32), "fc.bias": np.arange(7, dtype=np.float32)})
    changed = {key: value for key, value in changed.items() if "num_batches" not in key}            # older files have none
    safetensors.save_file(changed, tmp_path / "a.safetensors")
    model = load_weights("resnet18", tmp_path / "a.safetensors", source="torchvision")
    assert model(np.zeros((1, 32, 32, 3), np.float32)).tolist() == [list(range(7))]


@pytest.mark.parametrize("name, source, options, message", [
    ("resnet50", "keras", {}, "source must be one of timm, timm_legacy, torchvision, minisenet, got 'keras'"),
    ("seresnet50", "torchvision", {}, "name must be one of resnet18, .* for the source torchvision, got 'seresnet50'"),
    ("se_resnet21", "minisenet", {}, "model name must be one of"),
    ("resnet18", "torchvision", dict(width=8), "options must be left out for the source torchvision, .*, got width")])
def test_wrong_names(name, source, options, message, tensors, tmp_path):
    safetensors.save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match=message):
        load_weights(name, tmp_path / "a.safetensors", source, **options)


@pytest.mark.parametrize("make, source, message", [
    (lambda: models.create("se_resnet20"), "timm", "the network must be one of se_resnet18, .*, senet154 for timm, got se_resnet20"),
    (lambda: models.create("se_resnet50", seed=_Undrawn(np.random.PCG64(0))), "timm",
     "stride_on must be '3x3' for seresnet50 of timm, got '1x1'"),
    (lambda: models.create("se_resnet18", stem_pool="padded"), "timm", r"reduction must be \(8, 16, 16, 16\) for seresnet18 of timm, got 16"),
    (lambda: models.create("resnet18", width=8), "torchvision", "width must be 64 for resnet18 of torchvision, got 8"),
    (lambda: models.create("resnet18"), "onnx", "source must be one of timm, timm_legacy, torchvision, got 'onnx'")])
def test_what_cannot_be_exported(make, source, message):
    with pytest.raises(WeightsError, match=message):
        export_weights(make(), source)
