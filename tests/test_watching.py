"""The hook that gets every call of a kernel or a body, and may replace it."""
import numpy as np
import pytest
from backends import BACKENDS

import minisenet
import minisenet.functional as F
from minisenet.backend import watching
from minisenet.functional.fused import conv2d_normalised

X = np.array([[-1.0, 2.0]], np.float32)


@pytest.fixture(autouse=True, params=BACKENDS)
def backend(request):
    minisenet.set_backend(request.param)
    return request.param


@pytest.fixture
def seen():
    """A list of the calls so far; as a hook it runs each call."""
    class Seen(list):
        def __call__(self, call):
            self.append(call)
            return call()

        def names(self):
            return [call.name for call in self]
    return Seen()


def test_what_the_hook_gets(backend, seen):
    image, w = np.ones((1, 4, 4, 2), np.float32), np.ones((3, 2, 1, 1), np.float32)
    with watching(seen):
        y = F.conv2d(image[:, :, ::-1], w, stride=2)            # a strided view
    assert F.conv2d(image, w, stride=2) is not y and np.array_equal(F.conv2d(image, w, stride=2), y) and len(seen) == 1
    (call,) = seen
    assert (call.name, call.function, call.kind) == ("conv2d", F.conv2d, "body" if backend == "numpy" else "kernel")
    assert call.arguments["x"].flags.c_contiguous and call.arguments["w"] is w and call.arguments["stride"] == (2, 2)
    assert np.array_equal(call(), y) and np.array_equal(call.run(*call.args, **call.options), y)


def test_dtypes_without_kernels_run_the_body(seen):
    with watching(seen):
        F.relu(X.astype(np.complex128))
    assert seen[0].kind == "body"


def test_the_hook_gets_calls_inside_a_body_too():
    order = []

    def hook(call):
        order.append(f"{call.name} begins")
        result = call()
        order.append(f"{call.name} ends")
        return result

    with watching(hook), minisenet.use_backend("numpy"):
        conv2d_normalised(np.ones((1, 2, 2, 1)), np.ones((1, 1, 1, 1)))
    assert order == ["conv2d_normalised begins", "conv2d begins", "conv2d ends", "image_moments begins",
                     "image_moments ends", "conv2d_normalised ends"]


def test_the_hook_may_return_other_arrays_and_run_nothing():
    ran = []
    with watching(lambda call: ran.append(call.name) or np.full(call.arguments["x"].shape, 7.0)):
        assert np.array_equal(F.relu(X), [[7, 7]]) and ran == ["relu"]


def test_the_hook_may_change_arguments_and_results():
    with watching(lambda call: 10 * call.run(-call.args[0])):
        assert np.array_equal(F.relu(X), [[10, 0]])


def test_bad_arguments_are_refused_before_the_hook(seen):
    with watching(seen), pytest.raises(TypeError):
        F.relu(np.array([1, 2]))
    assert not seen


def test_hooks_nest(seen):
    def double(call):
        return call.run(2 * call.args[0])

    with watching(seen):
        with watching(double):
            assert np.array_equal(F.relu(X), [[0, 4]])
            with watching(lambda call: 0):
                assert F.relu(X) == 0                           # it runs nothing, so the outer hooks get no call
        F.relu(X)
    F.relu(X)
    assert [call.args[0].tolist() for call in seen] == [[[-2, 4]], [[-1, 2]]] and seen.names() == ["relu", "relu"]


def test_an_error_in_the_hook_is_raised_and_ends_the_watching():
    def broken(call):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), watching(broken):
        F.relu(X)
    assert np.array_equal(F.relu(X), [[0, 2]])
