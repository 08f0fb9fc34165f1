"""Stochastic gradient descent, and schedules of the learning rate."""
import itertools
from collections.abc import Mapping

import numpy as np

from minisenet import arguments
from minisenet.backend import kernelised


def _check_step(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    named = dict(value=value, grad=grad, velocity=velocity)
    for name, given in named.items():
        given = arguments.array(name, given)
        if given.shape != np.shape(value) or given.dtype != value.dtype:
            raise ValueError(f"{name} must have shape {value.shape} and dtype {value.dtype} as value has, got {given.shape} "
                             f"and {given.dtype}")
        named[name] = np.ascontiguousarray(given).reshape(-1) if name == "grad" else _flat(name, given)
    for (name, array), (other, theirs) in itertools.combinations(named.items(), 2):
        if np.may_share_memory(array, theirs):              # all are contiguous, so comparing their bounds is exact
            raise ValueError(f"{name} must not overlap {other}, got arrays that share memory: pass a copy of one of them")
    numbers = {name: arguments.real_number(name, number) for name, number in
               dict(lr=lr, momentum=momentum, weight_decay=weight_decay).items()}
    return tuple(named.values()), numbers | dict(nesterov=bool(nesterov))


def _flat(name, array):
    """A flat view, not a copy: the step writes to it."""
    if not array.flags.c_contiguous or not array.flags.writeable:
        got = "a read-only array" if array.flags.c_contiguous else "a strided one"
        raise ValueError(f"{name} must be writeable and C-contiguous, because it is updated in place, got {got}: use "
                         f"np.array({name}, order='C')")
    return array.reshape(-1)


@kernelised(_check_step)
def sgd_step(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """One step of SGD with momentum, in place, in PyTorch's form:

        g = grad + weight_decay value          velocity = momentum velocity + g
        value -= lr velocity                   or, with Nesterov, value -= lr (g + momentum velocity)

    Parameters
    ----------
    value, velocity : ndarray, any one shape, C-contiguous
        Both are updated.
    grad : ndarray, the same shape
        It is not changed.
    lr, momentum, weight_decay : float
    nesterov : bool

    Raises
    ------
    TypeError
        If an argument is not a NumPy array.
    ValueError
        If the arrays differ in shape or dtype, if they overlap, or if value or velocity cannot be written to.

    Notes
    -----
    Source: section 5.1; Sutskever et al. 2013 for both kinds of momentum.
    """
    real = value.dtype.type
    g = grad + real(weight_decay) * value
    velocity *= real(momentum)
    velocity += g
    value -= real(lr) * (g + real(momentum) * velocity if nesterov else velocity)


class SGD:
    """SGD with momentum over a model's parameters.

    Parameters
    ----------
    parameters : dict of str to Parameter
        As `model.parameters()` returns them.
    momentum, weight_decay : float
    nesterov : bool
    decay_all : bool
        Whether weight decay applies to batch norm and biases too.

    Attributes
    ----------
    velocity : dict of str to ndarray
        Checkpoints contain it.

    Raises
    ------
    TypeError
        If `parameters` is not a dict.
    """

    def __init__(self, parameters, *, momentum=0.9, weight_decay=5e-4, nesterov=True, decay_all=False):
        if not isinstance(parameters, Mapping):
            raise TypeError(f"parameters must be a dict, as model.parameters() returns it, got {type(parameters).__name__}")
        self.parameters = parameters
        self.options = dict(momentum=momentum, nesterov=nesterov)
        self.decay = {name: weight_decay if p.decay or decay_all else 0.0 for name, p in parameters.items()}
        self.velocity = {name: np.zeros_like(p.value) for name, p in parameters.items()}

    def step(self, lr):
        """Move every parameter against its gradient. RuntimeError if one has no gradient yet; then none has moved."""
        missing = [name for name, p in self.parameters.items() if p.grad is None]
        if missing:
            raise RuntimeError(f"every parameter must have a gradient, got None for {missing[0]}: run model.backward first")
        for name, p in self.parameters.items():
            sgd_step(p.value, p.grad, self.velocity[name], lr=lr, weight_decay=self.decay[name], **self.options)


def one_cycle(progress, *, peak=0.2, start=0.04, end=0.0):
    """Linear from `start` up to 1 at the fraction `peak` of the run, then linear down to `end` (Smith and Topin 2019)."""
    if progress < peak:
        return start + (1 - start) * progress / peak
    return end + (1 - end) * (1 - progress) / (1 - peak)


def cosine(progress):
    """Half a cosine from 1 to 0 (Loshchilov and Hutter 2017)."""
    return 0.5 * (1 + np.cos(np.pi * progress))


def multi_step(progress, *, at=(0.5, 0.75), factor=0.1):
    """1, multiplied by `factor` at each fraction of the run in `at`, as He et al. 2016 train on CIFAR."""
    return factor ** sum(progress >= a for a in at)


SCHEDULES = {"one_cycle": one_cycle, "cosine": cosine, "multi_step": multi_step}
