"""Answers as students write them (tests/answers): a wrong one has to be seen to be wrong, a right one has to be left alone.

An answer is a function `<target>__<what>`: `scale_backward__mean_over_positions` answers `scale_backward`. The first line of
its docstring says `WRONG: ` and what a tutor would say, or `RIGHT: ` and what is unusual about it. The answers were written
before the checker could be asked, so they are no copies of its tables. They are data: pytest does not import them.

`NAMED` holds what the checker calls a mistake, where that is what the tutor says too. An answer that is not in it only has
to be rejected: some mistakes have no name, and "wrong for larger N" is then the honest thing to say.
"""
import ast
import functools
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from minisenet import gradcheck

FOLDER = Path(__file__).parent / "answers"
ALONE = ("hostile",)                # these run in a process of their own only
LIMITS = dict(time_limit=4.0, memory_limit=2 ** 29)

# What the checker calls it: the answers that it says it of, and rightly.
NAMED = {
    "squeeze adds up": "squeeze__sum squeeze__patches_allclose",
    "max-pooled squeeze": "squeeze__max se_block__max_squeeze",
    "wrong divisor": "squeeze__height_squared",
    "keepdims left in":
        "squeeze__keepdims scale_backward__keepdims batch_norm__statistics_keep_dims linear_backward__db_keeps_a_row",
    "batch averaged": "squeeze__over_the_batch se_block__batch_descriptor",
    "float32 returned": "squeeze__float32",
    "input overwritten":
        "squeeze__cleared_afterwards scale__in_place residual_block__adds_into_x batch_norm__in_place "
        "softmax_cross_entropy_backward__p_in_place sgd_step__grad_changed relu__in_place",
    "sum for mean": "squeeze_backward__not_shared_out se_block__sum_squeeze",
    "factor 1 / N":
        "squeeze_backward__divided_by_batch scale_backward__divided_by_batch excitation_backward__batch_mean "
        "conv2d_backward_weight__mean_over_images linear_backward__dw_averaged",
    "factor W": "squeeze_backward__height_only",
    "height twice": "squeeze_backward__height_squared",
    "axes in the wrong order":
        "squeeze_backward__nchw squeeze_backward__width_first conv2d__reads_nchw conv2d_backward_weight__wrong_layout "
        "linear__columns",
    "first position only": "squeeze_backward__one_position",
    "wrong sign": "squeeze_backward__minus",
    "remembers earlier calls": "squeeze_backward__mutable_default conv2d_backward_weight__never_zeroed",
    "upstream gradient overwritten":
        "squeeze_backward__divides_in_place scale_backward__dy_in_place scale_backward__dy_in_place_first "
        "se_block_backward__dy_scaled_in_place residual_block_backward__dy_masked_in_place "
        "excitation_backward__ds_overwritten relu_backward__in_place",
    "wrong number of results":
        "squeeze_backward__a_tuple_in_a_tuple scale_backward__only_ds scale_backward__three "
        "se_block_backward__three_of_five residual_block__y_only residual_block_backward__pair_of_pairs "
        "excitation__only_gates excitation_backward__only_dz batch_norm__only_y conv2d_backward__two_of_three "
        "softmax_cross_entropy__loss_only max_pool2d__only_values",
    "gates of the first image": "scale__gates_of_first_image",
    "gates averaged": "scale__mean_gate",
    "residual around the gates": "scale__one_plus_gate se_block__shortcut_inside",
    "sigmoid applied twice": "scale__sigmoid_again sigmoid_backward__of_input",
    "gates added": "scale__adds",
    "last channel left out": "scale__loops_leave_out_the_last",
    "integers returned":
        "scale__zeros_like_int conv2d__integer_buffer softmax_cross_entropy_backward__integers "
        "sigmoid_backward__integers",
    "mean for sum": "scale_backward__mean_over_positions",
    "results in the wrong order":
        "scale_backward__swapped se_block__gates_in_another_order residual_block_backward__dx_first excitation__h_first "
        "batch_norm_backward__parameters_swapped conv2d_backward__dw_first linear_backward__dx_and_dw_swapped",
    "summed apart": "scale_backward__product_of_sums",
    "summed over the batch": "scale_backward__over_the_batch",
    "gates forgotten": "scale_backward__du_is_dy scale_backward__du_is_dy_itself",
    "u forgotten": "scale_backward__ds_without_u",
    "y for u": "scale_backward__ds_from_y",
    "one axis missed": "scale_backward__rows_only",
    "factor 1 / (H W)": "scale_backward__shares_out",
    "summed over too many axes": "scale_backward__scalar sigmoid_backward__scalar_result",
    "block never called": "se_block__not_scaled",
    "squeeze path dropped": "se_block_backward__no_squeeze_path residual_block_backward__no_squeeze_path",
    "scale path dropped": "se_block_backward__no_scale_path",
    "squeeze path not shared out": "se_block_backward__dz_in_full residual_block_backward__dz_in_full",
    "term: dz / (H W) is there twice": "se_block_backward__squeeze_path_twice",
    "term: dz / (H W) has the wrong sign": "se_block_backward__paths_subtracted",
    "term: dz / (H W) is multiplied by W / H": "se_block_backward__height_squared",
    "y for u in ds": "se_block_backward__y_for_u",
    "mean for sum in ds": "se_block_backward__ds_mean",
    "squeeze path scaled too": "se_block_backward__squeeze_of_scaled",
    "sigmoid forgotten": "se_block_backward__no_sigmoid excitation_backward__no_sigmoid",
    "ReLU forgotten":
        "se_block_backward__no_relu excitation__no_relu excitation_backward__no_relu_mask "
        "excitation_backward__mask_lets_all_through",
    "shortcut forgotten": "residual_block__no_shortcut residual_block_backward__shortcut_forgotten",
    "ReLU before the sum": "residual_block__relu_before_sum",
    "ReLU missing": "residual_block__no_relu",
    "shortcut gated too": "residual_block__shortcut_scaled_too",
    "block after the sum": "residual_block__squeezes_the_sum",
    "gates on the shortcut": "residual_block__u_and_x_swapped",
    "ReLU's mask forgotten": "residual_block_backward__no_mask_at_all",
    "branch not masked": "residual_block_backward__branch_not_masked",
    "mask from u": "residual_block_backward__mask_from_u",
    "shortcut gated": "residual_block_backward__shortcut_scaled",
    "activations exchanged": "excitation__activations_swapped",
    "tanh for sigmoid": "excitation__tanh sigmoid__tanh",
    "sigmoid missing": "excitation__no_sigmoid",
    "softmax for sigmoid": "excitation__softmax",
    "half of the slope": "excitation_backward__half_a_sigmoid sigmoid_backward__one_minus_y",
    "mask from dh": "excitation_backward__mask_from_gradient",
    "transposed": "excitation_backward__dw_reshaped",
    "one result for another": "excitation_backward__weights_in_wrong_order excitation_backward__biases_swapped",
    "unbiased variance": "batch_norm__ddof_1",
    "statistics per image": "batch_norm__per_image batch_norm_backward__per_image",
    "statistics over everything": "batch_norm__over_everything",
    "statistics per position": "batch_norm__over_the_batch_only",
    "eps outside the root": "batch_norm__eps_outside",
    "eps forgotten": "batch_norm__no_eps batch_norm_backward__eps_forgotten",
    "variance for deviation": "batch_norm__divided_by_variance",
    "gamma and beta exchanged": "batch_norm__gamma_and_beta_swapped",
    "mean of squares": "batch_norm__variance_around_zero",
    "mean term dropped": "batch_norm_backward__mean_forgotten",
    "xhat term dropped": "batch_norm_backward__variance_forgotten",
    "statistics taken for constants": "batch_norm_backward__constants",
    "term: gamma k xhat mean(dy xhat) has the wrong sign": "batch_norm_backward__plus_for_minus",
    "term: gamma k mean(dy) has the wrong sign": "batch_norm_backward__plus_mean",
    "dgamma from x": "batch_norm_backward__dgamma_with_x",
    "dgamma from x - mean": "batch_norm_backward__dgamma_not_normalised",
    "factor 1 / (N H W)": "batch_norm_backward__means_for_parameters batch_norm_backward__dbeta_mean channel_shift_backward",
    "term: gamma k mean(dy) is multiplied by H W": "batch_norm_backward__m_is_the_batch",
    "term: gamma k mean(dy) is multiplied by N": "batch_norm_backward__m_without_batch",
    "term: gamma k mean(dy) is multiplied by W / H": "batch_norm_backward__m_square_maps",
    "term: gamma k xhat mean(dy xhat) is there twice": "batch_norm_backward__half_missing",
    "term: gamma k xhat mean(dy xhat) is halved": "batch_norm_backward__two_missing",
    "term: gamma k mean(dy) is multiplied by N H W": "batch_norm_backward__mean_not_shared_out",
    "gamma forgotten": "batch_norm_backward__gamma_forgotten",
    "not summed over all axes": "batch_norm_backward__over_axis_zero",
    "beta inside the factor": "batch_norm_inference__beta_scaled",
    "statistics taken for functions of x": "batch_norm_inference_backward__as_in_training",
    "kernel flipped": "conv2d__kernel_flipped conv2d_backward_weight__flipped",
    "output size": "conv2d__one_row_short conv2d__ceil_for_floor",
    "term: b is missing": "conv2d__bias_forgotten linear__bias_ignored",
    "float32 inside": "conv2d__float32_inside sigmoid__float32",
    "kernel flipped in dx": "conv2d_backward_input__not_flipped",
    "stride on the wrong axis": "conv2d_backward_input__strides_mixed_up",
    "factor 1 / (H' W')": "conv2d_backward_weight__mean_over_positions",
    "factor 1 / (N H' W')": "conv2d_backward__db_mean",
    "NaN or infinity":
        "softmax_cross_entropy__overflow softmax_cross_entropy__log_of_zero softmax_cross_entropy_backward__divides_by_p "
        "relu_backward__zero_over_zero "
        "sigmoid__overflow",
    "softmax over the batch": "softmax_cross_entropy__over_the_batch",
    "mean over everything": "softmax_cross_entropy__mean_over_classes",
    "divided by K": "softmax_cross_entropy__divided_by_classes softmax_cross_entropy_backward__divided_by_classes",
    "not divided by N": "softmax_cross_entropy__sum softmax_cross_entropy_backward__not_averaged",
    "sign of the loss": "softmax_cross_entropy__sign",
    "smoothing over the others": "softmax_cross_entropy__smooths_over_the_others",
    "label keeps all of its weight": "softmax_cross_entropy__smoothing_on_top",
    "label smoothing forgotten":
        "softmax_cross_entropy__smoothing_ignored softmax_cross_entropy_backward__smoothing_ignored",
    "constant factor": "softmax_cross_entropy__bits",
    "log-probabilities returned": "softmax_cross_entropy__returns_logs",
    "term: p has the wrong sign": "softmax_cross_entropy_backward__sign",
    "divided by N K": "softmax_cross_entropy_backward__divided_by_size",
    "term: p is multiplied by 1 / N": "softmax_cross_entropy_backward__n_twice",
    "upstream gradient ignored": "softmax_cross_entropy_backward__dloss_ignored",
    "softmax's slope": "softmax_cross_entropy_backward__of_sigmoid",
    "gradient of the logarithm only": "softmax_cross_entropy_backward__of_p",
    "step uphill": "sgd_step__uphill",
    "learning rate inside the velocity": "sgd_step__lr_in_velocity",
    "weight decay after the step": "sgd_step__weight_decay_after",
    "weight decay on the velocity": "sgd_step__weight_decay_of_velocity",
    "weight decay forgotten": "sgd_step__weight_decay_forgotten",
    "weight decay's sign": "sgd_step__weight_decay_sign",
    "term: weight_decay value is there twice": "sgd_step__twice_the_decay",
    "gradient damped": "sgd_step__dampened",
    "not written in place": "sgd_step__new_arrays sgd_step__velocity_not_kept",
    "Nesterov forgotten": "sgd_step__nesterov_ignored sgd_step__nesterov_old_velocity",
    "momentum forgotten": "sgd_step__no_momentum",
    "absolute value": "relu__absolute_value",
    "leaky ReLU": "relu__leaky relu_backward__leaky",
    "minimum for maximum": "relu__minimum",
    "mask returned": "relu__mask",
    "returns its argument": "relu__input_when_nothing_to_do",
    "argument returned": "relu_backward__greater_or_equal relu_backward__one_flag_for_all linear_backward__db_is_dy",
    "dy forgotten": "relu_backward__mask_only sigmoid_backward__no_upstream",
    "mask from dy": "relu_backward__mask_of_gradient",
    "mask turned round": "relu_backward__other_way_round",
    "output for mask": "relu_backward__times_y",
    "sign of the exponent": "sigmoid__sign",
    "sigmoid's own value": "sigmoid_backward__y",
    "tanh's slope": "sigmoid_backward__of_tanh",
    "first image only": "linear__one_sample_only",
    "dw transposed": "linear_backward__dw_transposed",
    "bias averaged": "linear_backward__db_averaged",
    "sum over the wrong axis": "linear_backward__db_wrong_axis",
    "dw reshaped, not transposed": "linear_backward__reshaped",
    "overlapping windows overwrite": "max_pool2d_backward__overwrites max_pool2d_backward__fancy_plus",
    "does not return": "squeeze__never_ends squeeze__never_ends_for_one_image squeeze__prints_for_ever",
    "too much memory": "squeeze__allocates_100_gigabytes squeeze__list_grows",
    "ends the process": "scale__calls_exit scale__claims_success scale__crashes",
    "raises RecursionError": "relu__calls_itself",
    "not written yet": "relu__not_done",
    "raises ModuleNotFoundError": "relu__helper_not_handed_in",
    "raises NameError": "relu__name_of_the_notebook",
    "raises AssertionError": "squeeze__fails_for_one_image",
    "raises ValueError": "squeeze__fails_for_wide_maps",
    "raises TypeError": "squeeze__one_argument_too_many scale_backward__not_enough_arguments",
    "imports minisenet": "squeeze__asks_the_library squeeze__asks_the_library_in_this_folder",
}
# What the checker does not get right yet, and why. An entry that is no longer needed fails the test.
OPEN = {
    "squeeze_backward__always_float64": "float32 arguments are never tried",
    "squeeze_backward__one_buffer_for_all": "the second call has the same arguments, so the buffer gets the same numbers",
    "max_pool2d__stride_one": "the default stride of pooling is never tried",
    "cube_backward": "the arguments of a layer of one's own are not looked at afterwards",
    "squeeze__seeds": "nobody looks at NumPy's random state",
    "relu__no_return": "a forward that returns None is a KeyError of the checker",
    "layer_norm_backward": "an option with a default is taken for an argument that is missing",
    "constant_layer_norm_backward": "as layer_norm",
    "row_norm_backward": "as layer_norm",
    "avg_pool2d__padding_always_counts": "the name is longer than a line",
    "squeeze__answers_only_once": "the sentence has {} where a name belongs",
    "sigmoid__missing_brackets": "a warning of the checker's own arithmetic with infinity",
    "softmax_cross_entropy__log_of_zero": "a warning of the checker's own arithmetic with NaN",
}
EXPECTED = {answer: mistake for mistake, answers in NAMED.items() for answer in answers.split()}

# Files that do not get as far as a call. Each was meant to hold a function `squeeze`.
FILES = {"syntax_error": "syntax error", "missing_module": "cannot be imported", "exits_at_import": "cannot be imported",
         "library_at_import": "imports minisenet", "hangs_at_import": "does not return"}
# These cost their time limit each; `squeeze__never_ends` is enough for every day.
HANG = {"squeeze__never_ends_for_one_image", "squeeze__prints_for_ever", "hangs_at_import"}


@dataclass(frozen=True)
class Answer:
    """One function of one file, and what its docstring says about it."""

    topic: str
    name: str
    right: bool
    sentence: str

    @property
    def like(self):
        """The function that it answers."""
        return self.name.partition("__")[0]

    @property
    def target(self):
        """FILE:FUNCTION. A layer of one's own is checked as a pair, by the name of its forward."""
        own = self.topic == "own_layers"
        return f"{FOLDER / self.topic}.py:{self.name.removesuffix('_backward') if own else self.name}"


def read(path):
    """The answers of a file, which is parsed and not run."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        first = (ast.get_docstring(node) or "").partition("\n")[0] if isinstance(node, ast.FunctionDef) else ""
        verdict, _, sentence = first.partition(": ")
        if verdict in ("RIGHT", "WRONG"):
            yield Answer(path.stem, node.name, verdict == "RIGHT", sentence)


ANSWERS = [answer for path in sorted(FOLDER.glob("*.py")) if path.stem not in FILES for answer in read(path)]
RIGHT, WRONG = [a for a in ANSWERS if a.right], [a for a in ANSWERS if not a.right]


def each(answers):
    """A parameter for each answer, by its name."""
    return pytest.mark.parametrize("answer", [pytest.param(a, id=a.name, marks=_marks(a)) for a in answers])


def _marks(answer):
    slow = [pytest.mark.slow] * (answer.name in HANG)
    return slow + [pytest.mark.xfail(reason=OPEN.get(answer.name))] * (answer.name in OPEN)


@functools.cache
def module(topic):
    """A file of harmless answers, imported here."""
    spec = importlib.util.spec_from_file_location(f"answers_{topic}", FOLDER / f"{topic}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def here(answer):
    """The verdict in this process, which takes a tenth of a second."""
    if answer.topic in ALONE:
        return alone(answer)
    function = getattr(module(answer.topic), answer.name)
    if answer.topic == "own_layers":
        return gradcheck.check(getattr(module(answer.topic), answer.name.removesuffix("_backward")), backward=function)
    return gradcheck.check(function, like=answer.like)


def alone(answer, **limits):
    """The verdict on the file in a process of its own."""
    like = None if answer.topic == "own_layers" else answer.like
    return gradcheck.check_file(answer.target, like=like, **(limits or LIMITS))


def said(verdict):
    """What a verdict says, in a form that holds for all of them: plain JSON, 80 columns, no bracket left open for a name."""
    text = str(verdict)
    assert json.loads(json.dumps(verdict.to_dict()))["passed"] == verdict.passed
    assert max(map(len, text.splitlines())) <= 80
    assert "{}" not in text
    return text


@each(RIGHT)
def test_a_right_answer_is_left_alone(answer):
    verdict = here(answer)
    assert verdict.passed and verdict.mistake is None, said(verdict)
    assert said(verdict)


@each(WRONG)
def test_a_wrong_answer_is_rejected_and_its_mistake_named(answer):
    verdict = here(answer)
    assert not verdict.passed, answer.sentence
    assert answer.name not in EXPECTED or verdict.mistake == EXPECTED[answer.name], f"{answer.sentence}\n{said(verdict)}"
    assert verdict.like in (answer.like, answer.name.removesuffix("_backward"))
    assert said(verdict)


@pytest.mark.parametrize("file", [pytest.param(file, marks=[pytest.mark.slow] * (file in HANG)) for file in FILES])
def test_a_file_that_cannot_be_asked(file):
    verdict = gradcheck.check_file(f"{FOLDER / file}.py:squeeze", **LIMITS)
    assert not verdict.passed and verdict.mistake == FILES[file], said(verdict)
    assert said(verdict)


@pytest.mark.slow
@each([a for a in ANSWERS if a.topic not in ALONE])
def test_a_process_of_its_own_changes_no_verdict(answer):
    isolated, direct = alone(answer, time_limit=60.0), here(answer)
    assert (isolated.passed, isolated.mistake) == (direct.passed, direct.mistake) and isolated.passed == answer.right


def test_there_are_enough_of_them():
    """And the table names no answer that is not there."""
    assert len(WRONG) >= 60 and len(RIGHT) >= 30
    assert len(EXPECTED) >= 45 and set(EXPECTED) <= {a.name for a in WRONG} and set(OPEN) <= {a.name for a in ANSWERS}
    assert sum(len(answers.split()) for answers in NAMED.values()) == len(EXPECTED)          # none stands in it twice
    assert len({a.name for a in ANSWERS}) == len(ANSWERS)


@pytest.mark.parametrize("wrong", ["du", "ds"])
def test_the_answers_are_judged_and_not_waved_through(wrong):
    """A right answer with one number of its result changed is wrong."""
    right = module("scale").scale_backward__class

    def scale_backward(dy, u, s):
        du, ds = right(dy, u, s)
        (du if wrong == "du" else ds).flat[-1] += 1e-6
        return du, ds

    assert gradcheck.check(right, like="scale_backward").passed
    assert not gradcheck.check(scale_backward).passed
