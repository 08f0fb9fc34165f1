"""Run a forward and a backward of a layer and of its PyTorch reference, and measure every difference."""
import numpy as np
import torch

from minisenet.reference.networks import reference_of, to_nchw, to_nhwc

TOLERANCE = 1e-10       # float64, relative to the largest element


def error(got, want, least=0):
    """The largest difference, relative to the largest element of `want`, or to `least` if that is larger."""
    assert got.shape == want.shape and got.dtype == want.dtype
    return np.abs(got - want).max() / (max(np.abs(want).max(), least) or 1)


def randomised(layer, rng):
    """The layer in float64 with no parameter left at 0 or 1: an initial gamma, beta or mean would hide mistakes."""
    layer.astype(np.float64)
    for name, value in layer.state_dict().items():
        owner, attribute = layer._state()[name]
        variance = name.endswith("running_var")
        setattr(owner, attribute, rng.uniform(0.5, 1.5, value.shape) if variance else value + rng.normal(0, 0.3, value.shape))
    return layer


def errors(layer, x, rng, **backward_options):
    """dict: name -> error of the output, the input's gradient, every parameter's gradient, and the state afterwards."""
    reference = reference_of(layer)
    images = to_nchw(x).clone().requires_grad_()

    y = layer.forward(x)
    dy = rng.standard_normal(y.shape)
    dx = layer.backward(dy, **backward_options)

    y_reference = reference(images)
    y_reference.backward(to_nchw(dy) if dy.ndim == 4 else torch.from_numpy(dy))

    y_reference = to_nhwc(y_reference) if y.ndim == 4 else y_reference.detach().numpy()
    found = {"y": error(y, y_reference), "dx": error(dx, to_nhwc(images.grad))}
    gradients = {name: parameter.grad.numpy() for name, parameter in reference.named_parameters()}
    # a bias before a batch norm has a gradient of 0: there is only rounding in it, which is relative to the other gradients
    least = 1e-3 * max(np.abs(gradient).max() for gradient in gradients.values())
    for name, parameter in layer.parameters().items():
        found[f"d {name}"] = error(parameter.grad, gradients[name], least if name.endswith("bias") else 0)
    after = reference.state_dict()
    for name, value in layer.state_dict().items():
        found[name] = error(value, after[name].numpy())
    return found


def assert_close(found, tolerance=TOLERANCE):
    """Assert that every error is below the tolerance; the message has the five largest."""
    far = {name: e for name, e in found.items() if not e < tolerance}
    worst = dict(sorted(far.items(), key=lambda item: -item[1])[:5])
    assert not far, f"{len(far)} of {len(found)} differ from PyTorch: {worst}"
