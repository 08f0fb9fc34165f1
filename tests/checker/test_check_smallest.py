"""The printed case is the smallest: no single size of it could be smaller, and it finds those that one knows by hand."""
import numpy as np
import pytest

from minisenet import functional as F
from minisenet import gradcheck
from minisenet.checker.comparison import compare
from minisenet.checker.sandbox import Direct
from minisenet.checker.small_cases import KINDS, numbers
from minisenet.checker.specifications import SPECIFICATIONS

from .check_answers import answer, names_of

# Wrong answers of every kind: values, shapes, exceptions, arguments written to; each with sizes that it needs.
CHOSEN = """
relu__leaky sigmoid__overflow relu_backward__other_way_round batch_norm__eps_outside batch_norm__ddof_1
batch_norm_backward__variance_forgotten batch_norm_inference__own_statistics conv2d__stride_axes_swapped
conv2d__dilation_ignored conv2d__groups_interleaved conv2d__padding_on_one_side conv2d_backward_input__not_flipped
conv2d_backward_weight__mean_over_positions linear__not_transposed linear_backward__db_averaged squeeze__height_squared
squeeze__fails_for_one_image squeeze_backward__width_first excitation__weights_swapped excitation_backward__no_relu_mask
scale__gates_of_first_image scale__in_place scale_backward__mean_over_positions se_block__max_squeeze
se_block_backward__dz_in_full residual_block__no_shortcut residual_block_backward__shortcut_not_masked
max_pool2d__zeros_win max_pool2d_backward__overwrites avg_pool2d_backward__overlap_overwritten
softmax_cross_entropy__sum softmax_cross_entropy_backward__smoothing_ignored sgd_step__dampened
""".split()
FRESH = 6                           # values of each kind that are tried on sizes that should be right


def fails(function, spec, sizes):
    """Whether any fresh values on these sizes show a fault."""
    subject, shown = Direct(function), spec.small_cases.fits(sizes)
    for kind in KINDS * shown:
        for seed in range(FRESH):
            rng = np.random.default_rng([seed, 4711])
            case = spec.small_cases.case(sizes, rng, kind)
            if case is not None:
                call = spec.call_on(case, lambda *shape: numbers(rng, shape, kind), subject.about)
                with np.errstate(all="ignore"):
                    if compare(spec, call, subject.call(list(call.args.values()), call.kwargs))[1]:
                        return True
    return False


@pytest.mark.parametrize("name", CHOSEN)
def test_no_size_of_the_case_can_be_smaller_by_itself(name):
    function, spec = answer(name), SPECIFICATIONS[name.partition("__")[0]]
    verdict = gradcheck.check(function, like=spec.name)
    sizes = verdict.smallest.sizes
    assert not verdict.passed and fails(function, spec, sizes)
    for size, (low, _) in spec.small_cases.sizes.items():
        for value in range(low, sizes[size]):
            assert not fails(function, spec, sizes | {size: value}), f"{size} = {value} would do"


def test_they_are_of_many_functions():
    assert len(CHOSEN) >= 25 and set(CHOSEN) <= names_of(right=False)
    assert len({name.partition("__")[0] for name in CHOSEN} & set(SPECIFICATIONS)) >= 24


# ---- by hand -------------------------------------------------------------------------------------------------------------

def height_twice(dz, height, width):
    return np.broadcast_to(dz[:, None, None] / height**2, (len(dz), height, width, dz.shape[1])).copy()


def first_gates(u, s):
    return u * s[0]


def last_image(dy, u, s):
    return dy * s[:, None, None], np.broadcast_to((dy * u).sum(axis=(1, 2))[-1], s.shape).copy()


@pytest.mark.parametrize("function, like, sizes", [
    (height_twice, "squeeze_backward", dict(n=1, height=1, width=2, c=1)),
    (first_gates, "scale", dict(n=2, height=1, width=1, c=1)),
    (last_image, "scale_backward", dict(n=2, height=1, width=1, c=1)),
    (lambda x: np.maximum(x, 0.1 * x), "relu", dict(n=1, height=1, width=1, c=1)),
    (lambda x: x * (np.arange(x.shape[3]) < 2) * (x > 0), "relu", dict(n=1, height=1, width=1, c=3)),
    (lambda u: u.mean(axis=2).mean(axis=1) if u.shape[1] < 3 or u.shape[3] < 2 else u.sum(axis=(1, 2)), "squeeze",
     dict(n=1, height=3, width=1, c=2)),
], ids=["height twice", "gates of the first image", "last image", "leaky", "third channel", "tall with two channels"])
def test_cases_that_are_known_by_hand(function, like, sizes):
    found = gradcheck.check(function, like=like).smallest.sizes
    assert {name: value for name, value in found.items() if name != "far"} == sizes and not found.get("far")


def test_a_stride_on_the_wrong_axis_needs_one_stride_and_something_to_step_over():
    """Either stride shows it."""
    def conv2d(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1):
        return F.conv2d(x, w, b, stride=stride[::-1], padding=padding, dilation=dilation, groups=groups)
    verdict = gradcheck.check(conv2d)
    bounds = SPECIFICATIONS["conv2d"].small_cases.sizes
    sizes, low = verdict.smallest.sizes, {name: least for name, (least, _) in bounds.items()}
    larger = {name for name in sizes if sizes[name] > low[name]}
    assert verdict.mistake == "stride on the wrong axis"
    assert len(larger & {"stride_height", "stride_width"}) == 1 and len(larger) == 2


def test_eps():
    """An eps that is forgotten shows in one channel and three positions, with the largest eps or a small deviation."""
    def batch_norm(x, gamma, beta, *, eps):
        mean, var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
        return gamma * (x - mean) / np.sqrt(var) + beta, mean, var
    sizes = gradcheck.check(batch_norm).smallest.sizes
    assert sizes["c"] == 1 and sorted(sizes[name] for name in ("n", "height", "width")) == [1, 1, 3]


def test_it_shows_wrong_numbers_before_shared_memory():
    """A view of dz is wrong for a map of one pixel too, but there all numbers are right."""
    smallest = gradcheck.check(answer("squeeze_backward__sum_as_a_view"), like="squeeze_backward").smallest
    assert "du is off by" in smallest.results[0][3] and smallest.sizes["height"] * smallest.sizes["width"] == 2
    alone = gradcheck.check(answer("relu__input_when_nothing_to_do"), like="relu").smallest
    assert "shares memory" in alone.results[0][3] and max(alone.sizes.values()) == 1


def test_the_mistake_is_one_that_it_shows():
    """du has one mistake, dw1 another; the case shows du."""
    verdict = gradcheck.check(answer("se_block_backward__no_squeeze_path_and_no_mask"), like="se_block_backward")
    assert [name for name, *_ in verdict.smallest.results] == ["du"] and verdict.named.says.startswith("du ")


def test_a_mistake_is_found_beside_an_overflow():
    """The loss of large numbers is NaN, which is a second mistake."""
    named = gradcheck.check(answer("softmax_cross_entropy__sum_of_log_p"), like="softmax_cross_entropy").named
    assert "sum over the batch" in named.says and "NaN or infinite" in named.says
    named = gradcheck.check(answer("softmax_cross_entropy__overflow"), like="softmax_cross_entropy").named
    assert named.name == "NaN or infinity"
