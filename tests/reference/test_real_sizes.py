"""Networks of their real width on images of their real size, in float32, against PyTorch in float64.

How far may float32 be off? Each of d layers adds a relative rounding error of about eps, and the layers after it pass on or
amplify what came before, so we allow the logits d^2 eps. An activation that is off by that much is on the wrong side of a ReLU's
kink with about that probability. So a part d^2 eps of the masks differ, which changes a gradient's norm by the square root of
that part, and we allow four times as much. (PyTorch's own float32 is as far off.) Errors are norms, relative to the norm of
what is right; for a gradient that is nearly zero, relative to a thousandth of the largest. The gradient of a bias is a sum that
the next batch norm makes nearly zero, so it is measured beside the gradient of the weight with that bias. The seed is one for
which no hidden unit of an SE block is at its kink: for a single image, that would change a whole row of the gradient of W1.
"""
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='PyTorch is not installed: pip install "minisenet[torch]"')

from minisenet import models  # noqa: E402
from minisenet.layers import BatchNorm2d, Conv2d, Linear, Random  # noqa: E402
from minisenet.reference.networks import reference_of, to_nchw, to_nhwc  # noqa: E402

pytestmark = [pytest.mark.section_5, pytest.mark.slow]
EPS = 2.0 ** -24
NAMES = [name for name, entry in models.MODELS.items() if entry.se and entry.image_size > 32] + [
    "se_wrn16_8", "se_preact_resnet164", "se_shake_shake26_2x96d", "se_shake_even29_2x4x64d"]


@pytest.mark.parametrize("name", NAMES)
def test_float32_at_the_real_size(name):
    model, rng = models.create(name), np.random.default_rng(1)
    for _, layer in model.modules():
        if isinstance(layer, BatchNorm2d):      # with beta = 0 and one image the squeeze would be 0, at the kink of every hidden unit
            layer.weight.value += rng.normal(0, 0.1, layer.weight.value.shape).astype(np.float32)
            layer.bias.value += rng.normal(0, 0.1, layer.bias.value.shape).astype(np.float32)
    x = rng.standard_normal((1, model.image_size, model.image_size, 3)).astype(np.float32)
    y = model(x)
    dy = rng.standard_normal(y.shape).astype(np.float32)
    found = dict(y=y, x=model.backward(dy, input_gradient=True), **{key: p.grad for key, p in model.parameters().items()})
    for _, layer in model.modules():
        if isinstance(layer, Random):
            layer.step = 0                                  # the reference draws what this forward drew
    reference = reference_of(model).double()
    images = to_nchw(x.astype(np.float64)).requires_grad_()
    logits = reference(images)
    logits.backward(torch.from_numpy(dy.astype(np.float64)))
    wanted = dict(x=to_nhwc(images.grad), **{key: p.grad.numpy() for key, p in reference.named_parameters()})

    depth = sum(isinstance(layer, (Conv2d, Linear)) and not re.search(r"\.se|shortcut", key) for key, layer in model.modules())
    assert error(y, logits.detach().numpy()) <= depth ** 2 * EPS
    least = 1e-3 * max(map(np.linalg.norm, wanted.values()))
    for key, gradient in wanted.items():
        beside = np.linalg.norm(wanted[key[:-4] + "weight"]) if key.endswith("bias") else 0
        assert error(found[key], gradient, max(least, beside)) <= 4 * depth * EPS ** 0.5, key


def error(found, wanted, least=0):
    assert found.dtype == np.float32 and found.shape == wanted.shape
    return np.linalg.norm(found - wanted) / max(np.linalg.norm(wanted), least)
