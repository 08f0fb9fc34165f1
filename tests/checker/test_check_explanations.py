"""What a verdict says of an answer is true of it: rows, sizes, options, branches, arrays that were not cleared."""
from types import SimpleNamespace

import numpy as np
import pytest

from minisenet import functional as F
from minisenet import gradcheck
from minisenet.checker import worker
from minisenet.checker.diagnosis import branches
from minisenet.checker.specifications import SPECIFICATIONS

from .check_answers import answer

FOR_REAL_NUMBERS = """
conv2d__zeros_without_dtype conv2d__weights_as_float batch_norm__np_var_of_real_numbers sigmoid__np_abs relu__half_of_x_plus_its_size
squeeze__math_fsum se_block__np_abs excitation__float_of_each
""".split()
RAISES = ["conv2d__added_into_a_real_buffer", "linear__out_array", "avg_pool2d__real_buffer"]


def verdict_on(name):
    return gradcheck.check(answer(name), like=name.partition("__")[0])


def words(verdict):
    """A verdict's text with single spaces."""
    return " ".join(str(verdict).split())


# ---- code that is for real numbers only ----------------------------------------------------------------------------------

@pytest.mark.parametrize("name", FOR_REAL_NUMBERS)
def test_code_for_real_numbers_is_right_without_a_complex_step(name):
    verdict = verdict_on(name)
    assert verdict.passed and verdict.errors["complex_step"] is None and verdict.errors["central_difference"] < 1e-6
    assert "WRONG" not in str(verdict) and "complex step: not asked, because its code is for real numbers only" in words(verdict)
    assert verdict.to_dict()["not_asked"] == {"complex_step": "its code is for real numbers only"}


@pytest.mark.parametrize("name", RAISES)
def test_so_is_code_that_raises_for_complex_numbers(name):
    verdict = verdict_on(name)
    if name != "avg_pool2d__real_buffer":                              # assignment warns, += and out= raise
        assert "complex step: not asked, because it raises UFuncTypeError for complex numbers" in words(verdict)
    assert verdict.passed and "complex_step" in verdict.not_asked


@pytest.mark.parametrize("name", ["sgd_step", "linear_backward", "conv2d", "max_pool2d", "sigmoid"])
def test_code_for_complex_numbers_is_asked(name):
    verdict = gradcheck.check(SPECIFICATIONS[name].reference)
    assert verdict.passed and not verdict.not_asked


def test_a_wrong_slope_is_no_excuse():
    """A forward that is wrong for complex and for real numbers alike is WRONG in both rows."""
    verdict = gradcheck.check(lambda x, w, b=None: 2 * F.linear(x, w, b), like="linear")
    assert not verdict.passed and not verdict.not_asked and verdict.errors["complex_step"] > 0.1


# ---- the smallest case ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["batch_norm_backward__mean_forgotten", "batch_norm_backward__variance_forgotten",
                                  "batch_norm_backward__constants", "batch_norm_backward__two_missing"])
def test_the_right_answer_is_not_nearly_zero(name):
    smallest = verdict_on(name).smallest
    sizes = smallest.sizes
    assert sizes["n"] * sizes["height"] * sizes["width"] >= 3
    assert max(np.abs(expected).max() for _, expected, _, _ in smallest.results) > 1e-3


def test_a_zero_may_be_expected():
    """max(0, x) of a negative number is 0, and no larger case is needed."""
    verdict = verdict_on("relu__leaky")
    assert verdict.smallest.sizes == dict(n=1, height=1, width=1, c=1, far=0) and verdict.smallest.results[0][1] == 0


def test_channels_are_those_of_the_arrays():
    verdict = verdict_on("conv2d__first_group_only")
    assert verdict.smallest.sizes["c"] == 1 and verdict.smallest.arguments["x"].shape[3] == 2
    assert "C = 2, C_out = 2" in str(verdict)


def test_arguments_are_shown_as_they_were():
    """Even where the answer has written to them."""
    def relu(x):
        return np.maximum(x, 0, out=x)
    assert (gradcheck.check(relu).smallest.arguments["x"] != 0).any()


def test_options_have_their_own_values():
    """momentum = 0.0, where the size that stands for it is 1."""
    def sgd_step(value, grad, velocity, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
        velocity *= momentum
        velocity += grad + weight_decay * value
        value -= lr * (grad + weight_decay * value + momentum * velocity if nesterov else velocity) * (1 + 0.3 * (momentum == 0))
    verdict = gradcheck.check(sgd_step)
    assert "momentum = 1" not in str(verdict) and "momentum is 0.0" in verdict.named.says
    assert "The smallest case on which value is wrong has momentum = 0.0." in words(verdict)


# ---- branches ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, place", [
    ("conv2d__flipped_when_strided", "only where stride is not 1"), ("conv2d__pointwise_forgets_stride", "the kernel is 1x1"),
    ("conv2d__no_bias_when_padded", "only where padding is not 0"), ("linear_backward__nothing_without_bias", "there is no bias"),
    ("linear__bias_subtracted_for_one_image", "only where N = 1"), ("squeeze__sum_for_wide_maps", "only where H < W"),
    ("conv2d__groups_not_written", "NotImplementedError where groups > 1"), ("conv2d__nothing_for_groups", "None where groups > 1"),
    ("max_pool2d__padding_not_written", "NotImplementedError where padding is not 0"),
    ("softmax_cross_entropy__smoothing_not_written", "where label_smoothing is 0.2"),
])
def test_a_mistake_in_one_branch_names_the_branch(name, place):
    verdict = verdict_on(name)
    assert place in " ".join(verdict.named.says.split()), str(verdict)


def trial(n, width, **v):
    v = dict(stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1) | v
    return SimpleNamespace(sizes=dict(n=n, width=width, stride_height=1), call=SimpleNamespace(v=SimpleNamespace(**v)))


@pytest.mark.parametrize("inside, outside, place", [
    ([trial(1, 2), trial(1, 3), trial(1, 4)], [trial(2, 2), trial(2, 3), trial(3, 5)], " where N = 1"),
    ([trial(2, 2), trial(2, 3), trial(3, 4)], [trial(1, 2), trial(1, 1), trial(2, 1)], " where N > 1 and W > 1"),
    ([trial(1, 2, stride=(2, 1))] * 3, [trial(1, 2)] * 3, " where stride is not 1"),
    ([trial(1, 2)] * 3, [trial(1, 2)] * 3, ""),                        # nothing separates them
    ([trial(1, 2)] * 2, [trial(2, 2)] * 3, ""),                        # too few to infer anything from
])
def test_a_condition_holds_inside_and_not_outside(inside, outside, place):
    assert branches.where(inside, outside) == place


# ---- np.empty ------------------------------------------------------------------------------------------------------------

def test_an_array_that_was_not_cleared_is_wrong_in_every_run():
    functions = np.empty, np.empty_like
    for name in ("conv2d__empty", "linear__empty", "max_pool2d_backward__empty_like"):
        verdict = verdict_on(name)
        assert verdict.mistake == "array not cleared" and verdict.named.certain
    assert (np.empty, np.empty_like) == functions


def test_np_empty_comes_back_after_an_exception():
    functions = np.empty, np.empty_like
    seen = worker.observe(lambda x: 1 / 0, [np.ones(1)], {})
    assert seen["error"]["type"] == "ZeroDivisionError" and (np.empty, np.empty_like) == functions


@pytest.mark.parametrize("text", ["from numpy import empty\n\ndef squeeze(u):\n    z = empty((len(u), u.shape[3]))\n",
                                  "import numpy as np\n\ndef squeeze(u):\n    z = np.empty_like(u[:, 0, 0])\n"])
def test_in_a_process_of_its_own_and_imported_by_name(tmp_path, text):
    (tmp_path / "answer.py").write_text(text + "    z += u.mean(axis=(1, 2))\n    return z\n", encoding="utf-8")
    verdict = gradcheck.check_file(f"{tmp_path / 'answer.py'}:squeeze", time_limit=120.0)
    assert verdict.mistake == "array not cleared", str(verdict)


def test_random_numbers_are_not_taken_for_memory():
    """Another result at each call is not np.empty's doing."""
    def squeeze(u):
        z = np.empty((len(u), u.shape[3]))
        z[:] = u.mean(axis=(1, 2)) + np.random.default_rng().random()
        return z
    assert gradcheck.check(squeeze).mistake == "not the same when called again"


# ---- what is said of forwards and of backwards ---------------------------------------------------------------------------

@pytest.mark.parametrize("name, lesson", [
    ("conv2d_backward_input__size_of_dy", "dx has the shape of x, whatever the options."),
    ("conv2d_backward_weight__kernel_from_sizes", "dw has the shape of w."),
    ("conv2d__one_row_short", "Each side of y has floor("), ("max_pool2d__stride_one", "Without a stride, the windows move by"),
    ("conv2d_backward_weight__flipped", "dw at a tap multiplies dy with the pixels of that same tap."),
    ("conv2d__kernel_flipped", "Eq. (1) does not turn the kernel round."),
    ("conv2d_backward_input__crops_bottom_only", "Cut the padding off at both ends: [a:a + H]."),
    ("conv2d__padding_below_and_right", "The padding is the same at both ends"),
    ("max_pool2d__only_values", "max_pool2d returns y, argmax, in this order."),
    ("linear_backward__dx_and_dw_swapped", "A backward returns one gradient for each array argument of its forward"),
    ("conv2d__norm_without_keepdims", "keepdims=True keeps them"),
])
def test_each_result_has_a_lesson_of_its_own(name, lesson):
    verdict = verdict_on(name)
    assert lesson in verdict.named.lesson, str(verdict)


def test_a_mistake_in_two_results_is_told_once_for_each():
    verdict = verdict_on("conv2d_backward__stride_forgotten_in_both")
    assert verdict.mistake == "stride ignored"
    assert verdict.named.says == "dx has the values of a call with stride = 1. dw has the values of a call with stride = 1."


def test_a_backward_is_not_told_about_a_forward_of_its_own():
    """conv2d_backward_weight with flipped taps: there is no flipped forward beside it that would train as well."""
    assert "train" not in words(verdict_on("conv2d_backward_weight__flipped"))


def test_results_in_another_order_are_not_called_integers():
    verdict = verdict_on("max_pool2d__argmax_first")
    assert verdict.mistake == "results in the wrong order" and not verdict.named.certain


@pytest.mark.parametrize("change, name", [(lambda y: y + 1e-8, "small number added"), (lambda y: y / (1 + 1e-8), "float32 inside"),
                                          (lambda y: y.astype("f").astype(float), "float32 inside")])
def test_right_to_seven_digits(change, name):
    assert gradcheck.check(lambda x, w, b=None: change(F.linear(x, w, b)), like="linear").mistake == name


@pytest.mark.parametrize("file, remedy", [("answer.ipynb", "in the notebook"), ("answer.pyx", "compile it first")])
def test_files_that_are_not_python(tmp_path, file, remedy):
    (tmp_path / file).write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="target must be a .py file or a compiled extension, got .*" + remedy):
        gradcheck.check_file(f"{tmp_path / file}:squeeze")


# ---- rows ----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["sigmoid_backward__quarter", "softmax_cross_entropy__row_by_row"])
def test_a_result_that_should_be_tiny_is_measured_beside_the_arguments(name):
    """1e-17 for 1e-300 is rounding, and no error of 100 %."""
    verdict = verdict_on(name)
    assert verdict.passed and verdict.errors["values"] < 1e-9 and "WRONG" not in str(verdict)


def test_slopes_that_were_measured_have_the_tolerance_of_a_measurement():
    verdict = gradcheck.check(lambda x: np.abs(x).sum(axis=1), backward=lambda dy, x: dy[:, None] * np.sign(x),
                              shapes={"x": "(N, C)"})
    assert verdict.passed and verdict.tolerance == 1e-5 and verdict.errors["values"] < 1e-5 and "WRONG" not in str(verdict)
    assert gradcheck.check(F.squeeze).tolerance == 1e-9


def test_a_size_that_cannot_be_smaller_is_not_called_needed():
    """With M >= 3 the width is 3 in the smallest case that there is."""
    def batch_norm(x, gamma, beta, *, eps):
        y, mean, var = F.batch_norm(x, gamma, beta, eps=eps)
        return y + 0.1 * y**2, mean, var
    assert gradcheck.check(batch_norm).mistake == "wrong values"


def test_one_number_for_both_axes_is_shown_as_it_was_given():
    def avg_pool2d(x, kernel_size, stride=None, padding=0):
        y = F.avg_pool2d(x, range(kernel_size + 1)[-1], stride=stride, padding=padding)
        return y + 0.1 * y**2 * (kernel_size > 1)
    verdict = gradcheck.check(avg_pool2d)
    assert "y is wrong has kernel_size = 2" in words(verdict), str(verdict)


def test_a_result_that_is_kept_by_shape_is_told_so():
    kept = {}

    def squeeze(u):
        return kept.setdefault(u.shape, u.mean(axis=(1, 2))).copy()
    assert gradcheck.check(squeeze).mistake == "earlier result returned"


def test_who_writes_plus_equals_is_not_told_to():
    """dx[index] += dy counts an index once that comes several times."""
    named = verdict_on("max_pool2d_backward__fancy_plus").named
    assert "should be" not in named.says and "np.add.at" in named.lesson


@pytest.mark.parametrize("name, learns", [("sigmoid__math_exp_of_minus_x", "overflows beyond x = 709"),
                                          ("softmax_cross_entropy__math_log_of_p", "rounded to 0")])
def test_an_exception_of_math_is_explained(name, learns):
    assert learns in verdict_on(name).named.lesson
