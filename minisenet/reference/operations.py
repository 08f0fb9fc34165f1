"""Each operation of the table as one expression in PyTorch, which autograd differentiates. Ours is compared with it.

    outputs, gradients = evaluate("conv2d", arrays, upstream, options)

Arrays come in and go out in minisenet's form, float64 and (N, H, W, C); `_nchw` and `_nhwc` convert them. The expressions use
PyTorch's own functions wherever PyTorch has one, and never ours.
"""
import numpy as np


def _torch():
    """PyTorch, imported at the first use."""
    try:
        import torch
    except ImportError:
        raise ImportError('PyTorch must be installed for this comparison: pip install "minisenet[torch]"') from None
    return torch


def _nchw(x):
    return x.permute(0, 3, 1, 2)


def _nhwc(x):
    return x.permute(0, 2, 3, 1)


def _conv2d(f, a, o):
    return dict(y=_nhwc(f.conv2d(_nchw(a["x"]), a["w"], a.get("b"), **o)))


def _batch_norm(f, a, o):
    x = _nchw(a["x"])
    y = f.batch_norm(x, None, None, a["gamma"], a["beta"], training=True, eps=o["eps"])
    return dict(y=_nhwc(y), mean=x.mean((0, 2, 3)), var=x.var((0, 2, 3), correction=0))


def _batch_norm_inference(f, a, o):
    y = f.batch_norm(_nchw(a["x"]), a["running_mean"], a["running_var"], a["gamma"], a["beta"], eps=o["eps"])
    return dict(y=_nhwc(y))


def _relu(f, a, o):
    return dict(y=f.relu(a["x"]))


def _sigmoid(f, a, o):
    return dict(y=a["x"].sigmoid())


def _linear(f, a, o):
    return dict(y=f.linear(a["x"], a["w"], a.get("b")))


def _squeeze(f, a, o):
    return dict(z=f.adaptive_avg_pool2d(_nchw(a["u"]), 1).flatten(1))


def _excitation(f, a, o):
    h = f.relu(f.linear(a["z"], a["w1"], a.get("b1")))
    return dict(s=f.linear(h, a["w2"], a.get("b2")).sigmoid(), h=h)


def _scale(f, a, o):
    return dict(y=_nhwc(_nchw(a["u"]) * a["s"][:, :, None, None]))


def _se_block(f, a, o):
    # As in most PyTorch code, the fully connected layers are 1x1 convolutions of the pooled map.
    u = _nchw(a["u"])
    z = f.adaptive_avg_pool2d(u, 1)
    h = f.relu(f.conv2d(z, a["w1"][:, :, None, None], a.get("b1")))
    s = f.conv2d(h, a["w2"][:, :, None, None], a.get("b2")).sigmoid()
    return dict(y=_nhwc(u * s), z=z.flatten(1), h=h.flatten(1), s=s.flatten(1))


def _add_relu(f, a, o):
    return dict(y=f.relu(a["u"] + a["x"]))


def _residual_block(f, a, o):
    outputs = _se_block(f, a, o)
    return outputs | dict(y=f.relu(outputs["y"] + a["x"]))


def _max_pool2d(f, a, o):
    y, argmax = f.max_pool2d(_nchw(a["x"]), **o, return_indices=True)
    return dict(y=_nhwc(y), argmax=_nhwc(argmax))


def _avg_pool2d(f, a, o):
    return dict(y=_nhwc(f.avg_pool2d(_nchw(a["x"]), **o)))


def _softmax_cross_entropy(f, a, o):
    labels = _torch().tensor(o["labels"])
    return dict(loss=f.cross_entropy(a["logits"], labels, label_smoothing=o["label_smoothing"]), p=a["logits"].softmax(1))


def _conv2d_normalised(f, a, o):
    x = f.relu(a["k"] * (a["x"] - a["mean"]) + a["beta"]) if "k" in a else a["x"]
    y = _nhwc(f.conv2d(_nchw(x), a["w"], **o))
    return dict(y=y, means=y.mean((1, 2)), squares=y.var((1, 2), correction=0) * y[0, ..., 0].numel())


def _affine_add(f, a, o):
    shortcut = a["k_x"] * (a["x"] - a["mean_x"]) + a["beta_x"] if "k_x" in a else a.get("x", 0)
    k, beta = (v if v.ndim == 1 else v[:, None, None] for v in (a["k"], a["beta"]))
    y = k * (a["a"] - a["mean"]) + beta + shortcut
    return dict(y=f.relu(y) if o["relu"] else y)


def _se_residual(f, a, o):
    mean, var = a["a"].mean((0, 1, 2)), a["a"].var((0, 1, 2), correction=0)
    u = _nhwc(f.batch_norm(_nchw(a["a"]), None, None, a["gamma"], a["beta"], training=True, **o))
    z = u.mean((1, 2))
    h = f.relu(f.linear(z, a["w1"]))
    s = f.linear(h, a["w2"]).sigmoid()
    return dict(y=f.relu(s[:, None, None] * u + a["x"]), mean=mean, var=var, z=z, h=h, s=s)


EXPRESSIONS = {
    "conv2d": _conv2d, "batch_norm": _batch_norm, "batch_norm_inference": _batch_norm_inference, "relu": _relu,
    "sigmoid": _sigmoid, "linear": _linear, "squeeze": _squeeze, "excitation": _excitation, "scale": _scale,
    "se_block": _se_block, "add_relu": _add_relu, "residual_block": _residual_block, "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d, "softmax_cross_entropy": _softmax_cross_entropy,
    "conv2d_normalised": _conv2d_normalised, "affine_add": _affine_add, "se_residual": _se_residual,
}


def evaluate(name, arrays, upstream, options, constants=()):
    """Outputs and gradients of one operation, by PyTorch in float64.

    Parameters
    ----------
    name : str
        A row of `minisenet.gradcheck.operations.OPERATIONS`.
    arrays : dict of ndarray
        The arguments.
    upstream : dict of ndarray
        The upstream gradient of each output.
    options : dict
        The options of the row's forward.
    constants : tuple of str
        The names of the arrays that have no gradient.

    Returns
    -------
    outputs, gradients : dict of ndarray

    Raises
    ------
    ImportError
        Where PyTorch is missing.
    """
    torch = _torch()
    tensors = {key: torch.tensor(array, dtype=torch.float64, requires_grad=key not in constants)
               for key, array in arrays.items()}
    outputs = EXPRESSIONS[name](torch.nn.functional, tensors, options)
    inputs = {key: tensor for key, tensor in tensors.items() if tensor.requires_grad}
    loss = sum((torch.as_tensor(np.asarray(d)) * outputs[output]).sum() for output, d in upstream.items())
    gradients = torch.autograd.grad(loss, list(inputs.values()))
    return ({key: value.detach().numpy().copy() for key, value in outputs.items()},
            {key: value.numpy().copy() for key, value in zip(inputs, gradients)})
