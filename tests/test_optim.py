"""SGD and the schedules: the step against its formula written out, on every backend, and in place."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minisenet
from backends import BACKENDS
from minisenet.layers import Parameter
from minisenet.optim import SCHEDULES, SGD, cosine, multi_step, one_cycle, sgd_step

pytestmark = pytest.mark.section_5


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(size=st.integers(1, 70), nesterov=st.booleans(), momentum=st.sampled_from([0.0, 0.9]),
       weight_decay=st.sampled_from([0.0, 1e-2]), seed=st.integers(0, 2**32 - 1))
def test_two_steps_written_out(backend, dtype, size, nesterov, momentum, weight_decay, seed):
    value, first, second = np.random.default_rng(seed).standard_normal((3, size)).astype(dtype)
    exact, v = value.astype(np.float64), np.zeros(size)
    velocity = np.zeros(size, dtype)
    with minisenet.use_backend(backend):
        for grad in (first, second):
            kept = grad.copy()
            sgd_step(value, grad, velocity, lr=0.1, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)
            assert np.array_equal(grad, kept)
            for i in range(size):                               # one number at a time, in float64
                g = float(grad[i]) + weight_decay * exact[i]
                v[i] = momentum * v[i] + g
                exact[i] -= 0.1 * (g + momentum * v[i] if nesterov else v[i])
    assert value.dtype == velocity.dtype == dtype
    np.testing.assert_allclose(value, exact, rtol=0, atol=20 * np.finfo(dtype).eps)
    np.testing.assert_allclose(velocity, v, rtol=0, atol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("backend", BACKENDS)
def test_arrays_of_any_shape_are_updated_in_place(backend):
    value, velocity = np.ones((2, 3, 2)), np.zeros((2, 3, 2))
    grad = np.arange(12.0).reshape(2, 2, 3).transpose(0, 2, 1)          # not contiguous
    with minisenet.use_backend(backend):
        sgd_step(value, grad, velocity, lr=0.5, momentum=0.9)
    np.testing.assert_array_equal(velocity, grad)
    np.testing.assert_array_equal(value, 1 - 0.5 * grad)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("step", [2, -1])
def test_the_gradient_of_a_vector_may_be_strided(backend, step):
    """Flattening copies a strided map, but makes a strided view of a strided vector."""
    value, velocity, grad = np.ones(5), np.zeros(5), np.arange(5.0 * abs(step))[::step]
    with minisenet.use_backend(backend):
        sgd_step(value, grad, velocity, lr=0.5)
    np.testing.assert_array_equal(value, 1 - 0.5 * grad)


@pytest.mark.parametrize("change, message", [
    (dict(grad=np.zeros(4)), r"grad must have shape \(3,\) and dtype float64 as value has, got \(4,\) and float64"),
    (dict(velocity=np.zeros(3, np.float32)), r"velocity must have .* float64 as value has, got \(3,\) and float32"),
    (dict(value=np.zeros((3, 3)).T[0]), "value must be writeable and C-contiguous, .* in place, got a strided one: use np.array"),
    (dict(velocity=np.broadcast_to(np.zeros(3), (3,))), "velocity must be writeable .* got a read-only array"),
    (dict(lr=np.nan), "lr must be finite"),
])
def test_the_errors_of_a_step(change, message):
    with pytest.raises(ValueError, match=message):
        sgd_step(**dict(value=np.zeros(3), grad=np.zeros(3), velocity=np.zeros(3), lr=0.1) | change)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["value", "grad", "velocity"])
@pytest.mark.parametrize("value, got", [(None, "None: it is required"), ([0.0, 0.0, 0.0], "list: use np.asarray"), (3, "int")])
def test_what_is_not_an_array_is_named(backend, name, value, got):
    arrays = dict(value=np.zeros(3), grad=np.zeros(3), velocity=np.zeros(3)) | {name: value}
    with minisenet.use_backend(backend), pytest.raises(TypeError, match=f"^{name} must be a NumPy array, got {got}"):
        sgd_step(**arrays, lr=0.1)


def test_an_optimiser_without_parameters_or_gradients():
    with pytest.raises(TypeError, match=r"parameters must be a dict, as model.parameters\(\) returns it, got NoneType"):
        SGD(None)
    moved, still = Parameter(np.ones(2)), Parameter(np.ones(2))
    moved.grad = np.ones(2)
    with pytest.raises(RuntimeError, match="every parameter must have a gradient, got None for still: run model.backward first"):
        SGD(dict(moved=moved, still=still)).step(0.1)
    assert (moved.value == 1).all(), "nothing moved"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("first, second", [("value", "grad"), ("value", "velocity"), ("grad", "velocity")])
@pytest.mark.parametrize("shift", [0, 1, 2, 3])
def test_a_step_refuses_arrays_that_overlap(backend, first, second, shift):
    """Each is read after the other is written. Neighbours in one array are allowed: they share no element."""
    memory = np.arange(6.0)
    arrays = dict(value=np.ones(3), grad=np.ones(3), velocity=np.ones(3)) | {first: memory[:3], second: memory[shift:shift + 3]}
    with minisenet.use_backend(backend):
        if shift < 3:
            with pytest.raises(ValueError, match=f"^{first} must not overlap {second}, got .* copy"):
                sgd_step(**arrays, lr=0.1)
            assert np.array_equal(memory, np.arange(6.0))
        else:
            sgd_step(**arrays, lr=0.1)


def test_weight_decay_leaves_batch_norm_and_biases_alone_unless_asked():
    for decay_all, moved in ((False, False), (True, True)):
        weight, bias = Parameter(np.ones(2)), Parameter(np.ones(2), decay=False)
        weight.grad = bias.grad = np.zeros(2)
        SGD(dict(weight=weight, bias=bias), weight_decay=0.1, decay_all=decay_all).step(0.1)
        assert (weight.value != 1).all() and (bias.value != 1).all() == moved


def test_schedules():
    assert one_cycle(0.0) == pytest.approx(0.04) and one_cycle(0.2) == 1 and one_cycle(0.6) == pytest.approx(0.5)
    assert one_cycle(0.1) == pytest.approx(0.52) and one_cycle(1.0) == 0
    assert cosine(0.0) == 1 and cosine(0.5) == pytest.approx(0.5) and cosine(1.0) == pytest.approx(0)
    assert [multi_step(p) for p in (0, 0.49, 0.5, 0.75)] == pytest.approx([1, 1, 0.1, 0.01])
    assert set(SCHEDULES) == {"one_cycle", "cosine", "multi_step"}
