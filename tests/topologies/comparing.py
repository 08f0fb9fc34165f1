"""Run a topology on every backend. Compare the results with each other, to 1e-12, and with central differences."""
import contextlib

import numpy as np

import minisenet
from minisenet.backend import watching

from . import student_layers
from .language import build, has_true_gradient


class IllPosed(Exception):
    """Rounding decides the result: a number is too close to a kink, or large numbers cancel."""


# ---- kinks

@contextlib.contextmanager
def noting_kinks():
    """Note the distance from its kink for each input of a ReLU or a maximum. For the numpy and cython backends."""
    def hook(call):
        result = call()
        if call.name == "relu":
            student_layers.note(call.args[0])
        elif call.name == "max_pool2d":
            note_of_max_pool(call, *result)
        return result

    student_layers.kinks = notes = []
    try:
        with watching(hook):
            yield notes
    finally:
        student_layers.kinks = None


def note_of_max_pool(call, y, argmax):
    """Note the position of each window's maximum, and its distance from the second largest value."""
    given = dict(call.arguments)
    (ph, pw), (sh, sw) = given["padding"], given["stride"]
    x = np.pad(given["x"], ((0, 0), (ph, ph), (pw, pw), (0, 0)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(x, given["kernel_size"], axis=(1, 2))[:, ::sh, ::sw]
    if windows[0, 0, 0, 0].size > 1:
        first, second = np.moveaxis(-np.partition(-windows.reshape(*y.shape, -1), 1)[..., :2], -1, 0)
        student_layers.note(first - np.maximum(second, first - 1))
    student_layers.note(argmax)


def too_near(notes, others, least):
    """Whether rounding decides on which side of a kink some number is. An exact 0 on both backends is the same side."""
    return any(((np.abs(a) < least) & (np.abs(b) < least) & ~((a == 0) & (b == 0))).any()
               for a, b in zip(notes, others) if a.dtype.kind == "f")


def same_side(notes, others):
    """Whether every number is on the same side of its kink, and every maximum at the same position."""
    return all(np.array_equal(np.sign(a), np.sign(b)) if a.dtype.kind == "f" else np.array_equal(a, b)
               for a, b in zip(notes, others))


# ---- one backend

def laid_out(array, memory):
    """The same numbers in another memory layout: read-only, every second of a larger array, or with another axis order."""
    if memory == "strided":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if memory == "transposed":
        return np.ascontiguousarray(array.T).T
    array.setflags(write=memory != "read-only")
    return array


def drawn(topology, shape, dtype, what):
    """Random numbers that float32 represents exactly, so that both dtypes get the same ones."""
    array = np.random.default_rng([topology.seed, what]).standard_normal(shape).astype(np.float32)
    return laid_out(array.astype(dtype), topology.memory)


def numbers(topology, backend, dtype=np.float64, change=lambda model, x: x):
    """dict: name -> array, after a forward and a backward: the output, every gradient, and the running statistics."""
    model = build(topology, dtype)
    x = change(model, drawn(topology, topology.shape, dtype, 1))
    with minisenet.use_backend(backend):
        y = model(x)
        dy = drawn(topology, y.shape, dtype, 2)
        held = [array.copy() for array in (x, y, dy)]
        dx = model.backward(dy)
    for name, array, before in zip(("x", "y", "dy"), (x, y, dy), held):
        assert np.array_equal(array, before), f"{name} must not change during backward"
    found = dict(y=y, dx=dx) | {f"d {name}": p.grad for name, p in model.parameters().items()}
    found |= {name: value for name, value in model.state_dict().items() if "running" in name}
    for name, value in found.items():
        assert type(value) is np.ndarray and value.dtype == dtype, (
            f"{name} must be an array of {np.dtype(dtype)}, got a {type(value).__name__} of {value.dtype}")
    return found


def difference(found, wanted):
    """The largest difference between two arrays, relative to the largest element or to 1, whichever is larger."""
    assert found.shape == wanted.shape, f"shape must be {wanted.shape}, got {found.shape}"
    return np.max(np.abs(found - wanted)) / max(1, np.max(np.abs(wanted)))


def nudged(model, x):
    """Move every weight and every input to a neighbouring floating-point number."""
    rng = np.random.default_rng(0)
    for parameter in model.parameters().values():
        parameter.value = np.nextafter(parameter.value, rng.choice([-np.inf, np.inf], parameter.value.shape))
    return np.nextafter(x, rng.choice([-np.inf, np.inf], x.shape))


# ---- comparisons

def compare(topology, backends=("cython", "fused"), tolerance=1e-12):
    """Compare each backend with the NumPy bodies in float64. Returns NumPy's numbers.

    Raises `IllPosed` if a number is within 1e-10 of a kink. Also raises it if the result is that sensitive to rounding: moving
    all inputs and weights by one unit in the last place changes NumPy's own result by a thousandth of the difference or more.
    """
    with noting_kinks() as notes:
        wanted = numbers(topology, "numpy")
    for backend in backends:
        if backend == "cython":
            with noting_kinks() as others:
                found = numbers(topology, backend)
            if too_near(notes, others, 1e-10):
                raise IllPosed
        else:
            found = numbers(topology, backend)
        assert found.keys() == wanted.keys()
        for name in wanted:
            error = difference(found[name], wanted[name])
            if tolerance < error <= 1000 * difference(numbers(topology, "numpy", change=nudged)[name], wanted[name]):
                raise IllPosed
            assert error <= tolerance, f"{name} differs by {error:.1e} between the {backend} and the numpy backend"
    return wanted


def compare_float32(topology):
    """The fused backend's error in float32 may be ten times that of the NumPy bodies, or a hundred eps.

    Winograd's convolution has a somewhat larger error than a direct one (tests/proof/winograd.py). Batch norm's statistics
    have a smaller one, because the kernels sum them in float64.
    """
    with noting_kinks() as notes:
        exact = numbers(topology, "numpy")
    with noting_kinks() as others:
        bodies = numbers(topology, "numpy", np.float32)
    if too_near(notes, others, 1e-4):
        raise IllPosed
    fused = numbers(topology, "fused", np.float32)
    for name in exact:
        error, allowed = (difference(found[name], exact[name]) / np.finfo(np.float32).eps for found in (fused, bodies))
        assert error <= max(10 * allowed, 100), f"{name} is off by {error:.0f} eps, the NumPy bodies by {allowed:.0f}"


def compare_with_differences(topology, wanted, steps=(1e-6, 1e-7), tolerance=1e-6):
    """Compare the gradients `wanted` with central differences, along one direction of x and one of the weights.

    If they differ, a shorter step follows: its truncation error is a hundred times smaller, but a wrong gradient stays wrong.
    Returns False, without a comparison, if a backward is not the gradient of its forward, or if each step crosses a kink.
    """
    model, x, compared = build(topology), drawn(topology, topology.shape, np.float64, 1), False
    if not has_true_gradient(model):
        return False
    rng, dy = np.random.default_rng([topology.seed, 3]), drawn(topology, wanted["y"].shape, np.float64, 2)
    state, parameters = model.state_dict(), model.parameters()
    for gradient in dict(x=wanted["dx"]), {name: wanted[f"d {name}"] for name in parameters}:
        direction = {name: rng.standard_normal(g.shape) for name, g in gradient.items()}

        def output(h):
            model.load_state_dict(state)
            for name in direction.keys() - {"x"}:
                parameters[name].value += h * direction[name]
            with noting_kinks() as notes:
                return model(x + h * direction.get("x", 0)), notes

        expected = sum((gradient[name] * d).sum() for name, d in direction.items())
        for step in steps:
            with minisenet.use_backend("numpy"):
                (up, above), (down, below) = output(step), output(-step)
            if not same_side(above, below):
                break
            size = sum(np.abs(gradient[name] * d).sum() for name, d in direction.items()) + 1e-3 * np.abs(dy * up).sum()
            error, compared = abs((dy * (up - down)).sum() / (2 * step) - expected), True
            if error <= tolerance * size:
                break
        else:
            raise AssertionError(f"the gradient of {', '.join(direction)} is off by {error / size:.1e}")
    return compared


def check(topology):
    """Compare the backends with each other and with central differences. The error ends with code that reproduces it."""
    try:
        return compare_with_differences(topology, compare(topology))
    except IllPosed:
        raise
    except Exception as error:
        raise AssertionError(f"{type(error).__name__}: {error}\n\nfrom topologies import *\n\ncheck({topology})") from error
