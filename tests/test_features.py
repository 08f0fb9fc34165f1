"""The maps of a network's stages, and a detector's neck on top of them: a small feature pyramid, with its gradient."""
import numpy as np
import pytest

import minisenet
from minisenet import models
from minisenet.layers import Conv2d, Layer
from small_networks import small

pytestmark = pytest.mark.section_5


class Pyramid(Layer):
    """1x1 convolutions on the last three stages; each sum with the coarser level, whose pixels are repeated 2 x 2."""

    def __init__(self, backbone, channels, *, rng):
        self.backbone = backbone
        self.lateral1, self.lateral2, self.lateral3 = (Conv2d(c, 4, 1, rng=rng) for c in channels)

    def forward(self, x):
        *_, a, b, c = self.backbone.features(x)
        p3 = self.lateral3(c)
        p2 = self.lateral2(b) + p3.repeat(2, axis=1).repeat(2, axis=2)
        p1 = self.lateral1(a) + p2.repeat(2, axis=1).repeat(2, axis=2)
        return np.concatenate([p.reshape(len(x), -1) for p in (p1, p2, p3)], axis=1)

    def backward(self, dy, input_gradient=True):
        n, cells = len(dy), dy.shape[1] // 4 // 21                      # 16 + 4 + 1 cells for each of the coarsest level
        side = int(cells ** 0.5)
        parts = np.split(dy, np.cumsum([16 * 4 * cells, 4 * 4 * cells]), axis=1)
        d1, d2, d3 = (part.reshape(n, k * side, k * side, 4) for part, k in zip(parts, (4, 2, 1)))
        d2 = d2 + self._gathered(d1)
        d3 = d3 + self._gathered(d2)
        maps = [self.lateral1.backward(d1), self.lateral2.backward(d2), self.lateral3.backward(d3)]
        return self.backbone.features_backward([None] * (self.stages - 3) + maps, input_gradient=input_gradient)

    @staticmethod
    def _gathered(d):
        n, height, width, channels = d.shape
        return d.reshape(n, height // 2, 2, width // 2, 2, channels).sum(axis=(2, 4))


def pyramid(name, size):
    backbone, _ = small(name)
    maps = backbone.eval().features(np.zeros((1, size, size, 3), np.float32))
    neck = Pyramid(backbone, [m.shape[3] for m in maps[-3:]], rng=np.random.default_rng(1))
    neck.stages = len(maps)
    return neck.train().astype(np.float64)


def gradients(name):
    rng, size = np.random.default_rng(0), 16 if models.MODELS[name].image_size == 32 else 64
    model = pyramid(name, size)
    x = rng.standard_normal((2, size, size, 3))
    dy = rng.standard_normal(model(x).shape)
    dx = model.backward(dy)
    return model, x, dy, dict(x=dx) | {key: p.grad for key, p in model.parameters().items() if p.grad is not None}, rng


@pytest.mark.parametrize("name", ["se_resnet20", "se_resnet50", "se_shufflenet", "se_preact_resnet110"])
def test_the_gradient_of_a_pyramid(name):
    """By complex step, and then the same on the fastest backend."""
    with minisenet.use_backend("numpy"):
        model, x, dy, wanted, rng = gradients(name)
        assert wanted.keys() == {"x", *(key for key in model.parameters() if not key.startswith(("backbone.fc", "backbone.bn.")))}
        model.astype(np.complex128)
        for key in ("x", "lateral1.weight", "lateral3.weight", "backbone.conv1.weight"):
            direction, state = rng.standard_normal(wanted[key].shape), model.state_dict()
            if key != "x":
                model.load_state_dict(state | {key: state[key] + 1e-30j * direction})
            found = (dy * model(x + 1e-30j * direction if key == "x" else x.astype(complex))).sum().imag / 1e-30
            model.load_state_dict(state)
            assert abs(found - (wanted[key] * direction).sum()) <= 1e-12 * np.abs(wanted[key] * direction).sum(), key
    _, _, _, found, _ = gradients(name)
    least = 1e-3 * max(np.abs(value).max() for value in wanted.values())        # some gradients are 0 but for rounding
    for key, value in wanted.items():
        assert np.abs(found[key] - value).max() <= 1e-9 * max(np.abs(value).max(), least), key


def test_the_maps_are_those_of_the_stages():
    model, size = small("se_resnet50")
    x = np.random.default_rng(0).standard_normal((2, size, size, 3)).astype(np.float32)
    maps = model.eval().features(x)
    assert [m.shape for m in maps] == [(2, 16, 16, 32), (2, 8, 8, 64), (2, 4, 4, 128), (2, 2, 2, 256)]
    assert all(type(m) is np.ndarray for m in maps)
    assert np.array_equal(model(x), model.fc(model.squeeze(maps[-1])))


def test_a_map_that_is_not_used_has_no_gradient_of_its_own():
    model, size = small("se_resnet20")
    x, d = np.ones((2, size, size, 3), np.float32), {}
    for unused in (None, 0):
        maps = model.features(x)
        d[unused] = [np.ones_like(maps[0]), *(unused if unused is None else np.zeros_like(m) for m in maps[1:])]
        d[unused] = model.features_backward(d[unused], input_gradient=True), model.conv1.weight.grad
    assert all(np.array_equal(a, b) for a, b in zip(d[None], d[0]))
    assert not getattr(model.stage3, "0").conv1.weight.grad.any()


@pytest.mark.parametrize("dmaps, error, message", [
    (lambda maps: maps[:2], ValueError, "dmaps must have 3 gradients, one for each stage, got 2"),
    (lambda maps: [maps[0][:1], *maps[1:]], ValueError, r"dmap must have shape \(2, 16, 16, 4\), got \(1, 16, 16, 4\)"),
    (lambda maps: [[1.0], None, None], TypeError, "dmap must be a NumPy array")])
def test_errors(dmaps, error, message):
    model, size = small("resnet20")
    maps = model.features(np.ones((2, size, size, 3), np.float32))
    with pytest.raises(error, match=message):
        model.features_backward(dmaps(maps))
    with pytest.raises(RuntimeError, match="backward must follow a forward"):
        model.features_backward(maps)
