"""Each operation of the table as one expression in PyTorch, which autograd differentiates. Ours is compared with it.

    outputs, gradients = evaluate("conv2d", arrays, upstream, options)

Arrays come in and go out in minisenet's form, float64 and (N, H, W, C); `_nchw` and `_nhwc` convert them. The expressions use
PyTorch's own functions wherever PyTorch has one, and never ours.
"""
import numpy as np


DROPOUT = 6                         # the stream of a dropout's masks


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


def _tanh(f, a, o):
    return dict(y=a["x"].tanh())


def _linear(f, a, o):
    return dict(y=f.linear(a["x"], a["w"], a.get("b")))


def _squeeze(f, a, o):
    return dict(z=f.adaptive_avg_pool2d(_nchw(a["u"]), 1).flatten(1))


def _max_squeeze(f, a, o):
    return dict(z=f.adaptive_max_pool2d(_nchw(a["u"]), 1).flatten(1))


def _gate(o):
    return getattr(_torch(), o.get("gate", "sigmoid"))


def _excitation(f, a, o):
    h = f.relu(f.linear(a["z"], a["w1"], a.get("b1")))
    return dict(s=_gate(o)(f.linear(h, a["w2"], a.get("b2"))), h=h)


def _scale(f, a, o):
    return dict(y=_nhwc(_nchw(a["u"]) * a["s"][:, :, None, None]))


def _se_block(f, a, o):
    # As in most PyTorch code, the fully connected layers are 1x1 convolutions of the pooled map.
    u = _nchw(a["u"])
    z = (f.adaptive_max_pool2d if o.get("kind") == "max" else f.adaptive_avg_pool2d)(u, 1)
    h = f.relu(f.conv2d(z, a["w1"][:, :, None, None], a.get("b1")))
    s = _gate(o)(f.conv2d(h, a["w2"][:, :, None, None], a.get("b2")))
    return dict(y=_nhwc(u * s), z=z.flatten(1), h=h.flatten(1), s=s.flatten(1))


def _local_se_block(f, a, o):
    h = f.relu(f.linear(a["u"], a["w1"], a.get("b1")))                 # of the last axis: at each position
    s = _gate(o)(f.linear(h, a["w2"], a.get("b2")))
    return dict(y=s * a["u"], h=h, s=s)


def _add_relu(f, a, o):
    return dict(y=f.relu(a["u"] + a["x"]))


def _residual_block(f, a, o):
    outputs = _se_block(f, a, o)
    return outputs | dict(y=f.relu(outputs["y"] + a["x"]))


def _concat(f, a, o):
    return dict(y=_nhwc(_torch().cat([_nchw(x) for x in a.values()], 1)))


def _channel_shuffle(f, a, o):
    return dict(y=_nhwc(f.channel_shuffle(_nchw(a["x"]), o["groups"])))


def _dropout(f, a, o):
    # PyTorch draws other masks: this is ours, drawn once more with the integers of Python, as minisenet/random.py describes it.
    word, golden = (1 << 64) - 1, 0x9E3779B97F4A7C15

    def finalised(z):
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & word
        z = (z ^ z >> 27) * 0x94D049BB133111EB & word
        return z ^ z >> 31

    key, count = 0, a["x"].numel()
    for each in (o["seed"], DROPOUT, o["step"]):
        key = finalised(key + golden + each & word)
    kept = [finalised(key + golden * (i + 1) & word) >> 11 >= o["p"] * 2**53 for i in range(count)]
    mask = _torch().tensor(kept, dtype=a["x"].dtype).reshape(a["x"].shape) / (1 - o["p"])
    return dict(y=a["x"] * mask, mask=mask)


def _shake(f, a, o):
    return dict(y=_torch().lerp(a["u2"], a["u1"], a["alpha"][:, None, None, None]))


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
    "se_block": _se_block, "se_variant": _se_block, "add_relu": _add_relu, "residual_block": _residual_block, "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d, "softmax_cross_entropy": _softmax_cross_entropy, "tanh": _tanh, "max_squeeze": _max_squeeze,
    "local_se_block": _local_se_block, "concat": _concat, "channel_shuffle": _channel_shuffle, "dropout": _dropout,
    "shake": _shake,
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
