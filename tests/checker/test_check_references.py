"""What is right passes: minisenet's own functions, with either backend, and with fewer options than there are."""
import numpy as np
import pytest

import minisenet
from minisenet import functional as F
from minisenet import gradcheck
from minisenet.checker.specifications import SPECIFICATIONS


@pytest.mark.parametrize("name", SPECIFICATIONS)
@pytest.mark.parametrize("backend", ["numpy", "auto"])
def test_every_reference_passes(name, backend):
    with minisenet.use_backend(backend):
        verdict = gradcheck.check(SPECIFICATIONS[name].reference)
    assert verdict.passed and verdict.mistake is None, str(verdict)
    assert verdict.cases >= 25 and verdict.wrong == 0 and verdict.smallest is None
    assert verdict.errors["values"] < 1e-9


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_every_reference_fails_with_one_number_changed(name):
    """In any of its results: the checker accepts no wrong number."""
    spec = SPECIFICATIONS[name]
    for output in spec.returns:
        def changed(*args, output=output, **options):
            value = spec.reference(*args, **options)
            if spec.in_place:
                args[list(spec.parameters).index(output)].flat[-1] += 1
                return None
            results = dict(zip(spec.returns, value if isinstance(value, tuple) else (value,)))
            if results[output] is not None:
                results[output] = np.array(results[output])            # a loss is a number, and a view may be read-only
                results[output].flat[-1] += 1                          # an integer too: argmax
            return tuple(results.values()) if isinstance(value, tuple) else results[output]
        verdict = gradcheck.check(changed, like=name)
        assert not verdict.passed, output
        assert output in [result[0] for result in verdict.smallest.results]


# ---- options -------------------------------------------------------------------------------------------------------------

def conv2d(x, w, stride=1, padding=0):
    """For one number, without b, dilation and groups."""
    return F.conv2d(x, w, stride=range(0, 1, stride).step, padding=range(padding + 1)[-1])


def conv2d_backward(dy, x, w, stride=1, padding=0, bias=True):
    return F.conv2d_backward(dy, x, w, stride=range(0, 1, stride).step, padding=range(padding + 1)[-1], bias=bias)


def max_pool2d(x, kernel_size, stride=None, padding=0):
    size = range(kernel_size + 1)[-1]
    return F.max_pool2d(x, size, stride=stride, padding=padding)


def avg_pool2d_backward(dy, x_shape, kernel_size, stride=None, padding=0, count_include_pad=True):
    size = range(kernel_size + 1)[-1]
    return F.avg_pool2d_backward(dy, x_shape, size, stride=stride, padding=padding, count_include_pad=count_include_pad)


@pytest.mark.parametrize("function, taken, left_out", [
    (conv2d, "stride and padding", "b, dilation or groups, so these were"),
    (conv2d_backward, "stride and padding", "dilation or groups, so these were"),
    (max_pool2d, "kernel_size, stride and padding", "ceil_mode, so this was"),
    (avg_pool2d_backward, "kernel_size, stride and padding", "ceil_mode, so this was"),
])
def test_options_given_as_one_number(function, taken, left_out):
    verdict = gradcheck.check(function)
    assert verdict.passed, str(verdict)
    assert verdict.notes == [f"it has no {left_out} not tested",
                             f"{taken} must be one number for both axes here, so only such calls were tested"]


def test_options_given_as_one_number_are_tested():
    """A stride that is ignored shows, in one size called stride, and in the call as it was made."""
    def ignores_it(x, w, stride=1, padding=0):
        return conv2d(x, w, range(0, 1, stride).start + 1, padding)
    verdict = gradcheck.check(ignores_it, like="conv2d")
    assert verdict.mistake == "stride ignored"
    assert verdict.smallest.sizes["stride"] == 2 and verdict.smallest.arguments["stride"] == 2
    assert "stride=2, padding=0" in str(verdict)


def test_pairs_are_tested_where_a_function_accepts_them():
    """A function that fails on pairs for another reason is not called with numbers."""
    def broken(x, w, stride=1, padding=0):
        raise TypeError("whatever it is given")
    verdict = gradcheck.check(broken, like="conv2d")
    assert verdict.mistake == "raises TypeError" and verdict.smallest.arguments["stride"] == (1, 1)


def test_an_option_that_is_missing_is_named_by_its_own_name():
    block = SPECIFICATIONS["se_block_backward"].reference
    verdict = gradcheck.check(lambda dy, u, z, h, s, w1, w2: block(dy, u, z, h, s, w1, w2), like="se_block_backward")
    assert verdict.passed and verdict.notes == ["it has no bias, so this was not tested"]
    excitation = gradcheck.check(lambda z, w1, w2: F.excitation(z, w1, w2), like="excitation")
    assert excitation.passed and excitation.notes == ["it has no b1, so this was not tested"]


def test_any_keyword_is_every_option():
    verdict = gradcheck.check(lambda x, w, *b, **options: F.conv2d(x, w, *b, **options), like="conv2d")
    assert verdict.passed and not verdict.notes
