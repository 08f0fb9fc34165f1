"""Shared by the tests of this folder: the table as parameters, the backends, and one call of an operation."""
import numpy as np
import pytest
from hypothesis import strategies as st

from backends import BACKENDS, FUSED, needs_kernels  # noqa: F401  (for the tests of this folder)
from minisenet import use_backend
from minisenet.gradcheck.operations import OPERATIONS


def rows(keep=lambda row: True):
    """The table's rows as parameters, each with the marker of its section of the paper."""
    return [pytest.param(row, id=row.name, marks=getattr(pytest.mark, row.section))
            for row in OPERATIONS.values() if keep(row)]


every_row = pytest.mark.parametrize("row", rows())


def drawn(data, row):
    """A case drawn by Hypothesis, and a generator for the upstream gradient and the directions."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    return row.draw(lambda sequence: data.draw(st.sampled_from(sequence)), rng), rng


def some_cases(row, count, seed=0):
    """Yield `count` cases, the same every time, each with an upstream gradient."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        case = row.draw(lambda sequence: sequence[rng.integers(len(sequence))], rng)
        with use_backend("numpy"):
            upstream = row.upstream(row.forward(case.arrays, case.options), rng)
        yield case, upstream


def cast(upstream, dtype):
    """The upstream gradients in another dtype."""
    return {name: np.asarray(d, dtype) for name, d in upstream.items()}


def call(row, case, upstream, backend):
    """The outputs and the gradients of one case on one backend."""
    with use_backend(backend):
        outputs = row.forward(case.arrays, case.options)
        return outputs, row.backward(upstream, case.arrays, outputs, case.options)


def same_bits(first, second):
    """Whether two results of `call` are bit-identical."""
    return all(np.asarray(one[name]).tobytes() == np.asarray(other[name]).tobytes()
               for one, other in zip(first, second) for name in one)
