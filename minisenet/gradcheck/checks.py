"""How to check a hand-derived gradient: complex step, central differences, the adjoint identity.

Let L be the sum over the outputs of <upstream, output>. A backward claims to return g, the gradient of L with respect to one
array x. For every direction v the slope of L along v must then be <g, v>. Forward passes alone give that slope:

complex step          Im L(x + i h v) / h          h = 1e-20; nothing is subtracted, so nothing cancels: exact to rounding
central difference    (L(x + h v) - L(x - h v)) / 2 h          h = 1e-5 balances the truncation, of order h^2, and the rounding
adjoint identity      L(v) - L(0)          if L is affine in x: no step size at all, and v may be far from x

The complex step needs a forward that accepts complex numbers: the NumPy bodies do, the kernels do not. It is the sharpest check
here, with a tolerance of 1e-12. It finds a float32 hidden inside a backward, which a tolerance of 1e-6 lets pass.

The upstream gradient and v are random. The first v is dense and covers every element. The others are single coordinates, so
that large elements do not hide small ones. We divide an error by the larger of two sizes: the slope itself, and rms(g) |v|,
the typical slope of a random direction. So a tiny slope need not be exact relative to its own size, and one large element
does not loosen the check of the others.

Sources: W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40(1),
1998; J. Martins, P. Sturdza and J. Alonso, "The complex-step derivative approximation", ACM TOMS 29(3), 2003.
"""
from typing import NamedTuple

import numpy as np

from minisenet.backend import use_backend

TOLERANCES = {"complex_step": 1e-12, "central_difference": 1e-6, "adjoint": 1e-12, "unchanged": 0.0, "pytorch": 1e-10}
COMPLEX_STEP = 1e-20
CENTRAL_STEP = 1e-5
COORDINATES = 24                    # single coordinates to try for each array, besides the dense direction


class Worst(NamedTuple):
    """The largest error that a check found, and where."""

    error: float
    where: str


def complex_step(operation, case, rng, *, coordinates=COORDINATES):
    """Check every gradient of one case against the complex step, with the NumPy bodies. Returns a `Worst`."""
    def slope(upstream, name, v):
        arrays = {key: array.astype(np.complex128) for key, array in case.arrays.items()}
        arrays[name] += 1j * COMPLEX_STEP * v
        moved = operation.forward(arrays, case.options)
        return _dot(operation, upstream, moved, np.imag) / COMPLEX_STEP

    return _all_directions(operation, case, rng, "numpy", slope, coordinates)


def central_difference(operation, case, rng, *, backend="numpy", coordinates=COORDINATES):
    """Check every gradient of one case against central differences in float64, with any backend. Returns a `Worst`."""
    def slope(upstream, name, v):
        ahead, behind = (operation.forward(case.arrays | {name: case.arrays[name] + step * v}, case.options)
                         for step in (CENTRAL_STEP, -CENTRAL_STEP))
        # subtract element by element before the sum: outputs that did not move then cancel exactly
        moved = {output: ahead[output] - behind[output] for output in operation.differentiable}
        return _dot(operation, upstream, moved, np.real) / (2 * CENTRAL_STEP)

    return _all_directions(operation, case, rng, backend, slope, coordinates)


def adjoint(operation, case, rng, *, backend="numpy"):
    """Check <upstream, A v> = <A^T upstream, v> for the arrays in `linear_in`. Returns a `Worst`, or None if there are none."""
    names = [name for name in operation.linear_in if name in case.arrays]
    if not names:
        return None

    def slope(upstream, name, v):
        there, zero = (operation.forward(case.arrays | {name: value}, case.options) for value in (v, np.zeros_like(v)))
        moved = {output: there[output] - zero[output] for output in operation.differentiable}
        return _dot(operation, upstream, moved, np.real)

    return _all_directions(operation, case, rng, backend, slope, 0, names)


def unchanged(operation, case, rng, *, backend="numpy"):
    """Check that neither pass writes to its arguments. Returns a `Worst` whose error is 0 or 1."""
    with use_backend(backend):
        before = {name: array.copy() for name, array in case.arrays.items()}
        outputs = operation.forward(case.arrays, case.options)
        upstream = operation.upstream(outputs, rng)
        kept, saved = _copy(upstream), _copy(outputs)
        operation.backward(upstream, case.arrays, outputs, case.options)
    given = ("array", before, case.arrays), ("upstream gradient", kept, upstream), ("output", saved, outputs)
    for what, old, new in given:
        for name in old:
            if not np.array_equal(old[name], new[name], equal_nan=True):
                return Worst(1.0, f"the {what} {name} was written to: {case}")
    return Worst(0.0, "")


def relative_error(value, reference):
    """The largest difference over the largest element of the reference; infinite if shapes differ or a NaN is there."""
    value, reference = np.asarray(value), np.asarray(reference)
    if value.shape != reference.shape:
        return np.inf
    difference = np.max(np.abs(value - reference))
    return _over(difference, np.max(np.abs(reference)))


def compare(operation, case, upstream, expected, backend="numpy"):
    """Compare the outputs and gradients of one case with `expected` = (outputs, gradients). Returns a `Worst`."""
    with use_backend(backend):
        outputs = operation.forward(case.arrays, case.options)
        gradients = operation.backward(_copy(upstream), case.arrays, outputs, case.options)
    pairs = [(f"output {name}", outputs[name], reference) for name, reference in expected[0].items()]
    pairs += [(f"gradient of {name}", gradients.get(name, np.nan), reference) for name, reference in expected[1].items()]
    return worst(Worst(relative_error(value, reference), f"{what}: {case}") for what, value, reference in pairs)


def worst(found):
    """The largest of several `Worst`, ignoring each None; None if there is no other."""
    return max((one for one in found if one is not None), key=lambda one: one.error, default=None)


# ---- the parts ---------------------------------------------------------------------------------------------------------

def _all_directions(operation, case, rng, backend, slope, coordinates, names=None):
    with use_backend(backend):
        outputs = operation.forward(case.arrays, case.options)
        upstream = operation.upstream(outputs, rng)
        gradients = operation.backward(_copy(upstream), case.arrays, outputs, case.options)
        found = []
        for name in names or operation.inputs(case):
            gradient = gradients.get(name)
            if np.shape(gradient) != case.arrays[name].shape:
                found.append(Worst(np.inf, f"the gradient of {name} has shape {np.shape(gradient)}: {case}"))
                continue
            size = np.sqrt(np.mean(np.square(gradient)))
            for v in _directions(gradient.shape, rng, coordinates):
                claimed, measured = np.vdot(gradient, v), slope(upstream, name, v)
                error = _over(abs(claimed - measured), max(abs(measured), size * np.linalg.norm(v)))
                found.append(Worst(error, f"the gradient of {name}: {case}"))
    return worst(found)


def _directions(shape, rng, coordinates):
    """One dense random direction, then single coordinates."""
    yield rng.standard_normal(shape)
    size = int(np.prod(shape))
    for position in rng.choice(size, min(size, coordinates), replace=False):
        v = np.zeros(size)
        v[position] = 1
        yield v.reshape(shape)


def _dot(operation, upstream, outputs, part):
    return sum(np.sum(upstream[output] * part(outputs[output])) for output in operation.differentiable)


def _over(difference, size):
    """difference / size as a float: 0 for 0 / 0, infinite for NaN."""
    if difference == 0:
        return 0.0
    error = float(difference / size) if size else np.inf
    return np.inf if np.isnan(error) else error


def _copy(arrays):
    return {name: np.array(array) for name, array in arrays.items()}
