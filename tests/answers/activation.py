"""Answers to the exercises on the ReLU and the sigmoid, as students hand them in."""
import numpy as np


# ---- wrong ---------------------------------------------------------------------------------------------------------------

def relu__absolute_value(x):
    """WRONG: the absolute value: negative numbers come out positive instead of 0."""
    return np.abs(x)


def relu__leaky(x):
    """WRONG: a leaky ReLU, with a slope of 0.01 on the left."""
    return np.where(x > 0, x, 0.01 * x)


def relu__in_place(x):
    """WRONG: x[x < 0] = 0 changes the caller's x."""
    x[x < 0] = 0
    return x


def relu__minimum(x):
    """WRONG: the minimum with 0 instead of the maximum."""
    return np.minimum(0, x)


def relu__one_number(x):
    """WRONG: np.max(x) is the largest value of the whole array."""
    return max(0, np.max(x))


def relu__mask(x):
    """WRONG: 1 where x is positive: the step, not the ramp."""
    return (x > 0).astype(x.dtype)


def relu__input_when_nothing_to_do(x):
    """WRONG: where nothing is negative the input itself comes back, not a copy."""
    if (x >= 0).all():
        return x
    return np.where(x > 0, x, 0)


def relu_backward__greater_or_equal(dy, y):
    """WRONG: y >= 0 is true for every output of a ReLU, so nothing is masked."""
    return dy * (y >= 0)


def relu_backward__mask_only(dy, y):
    """WRONG: the mask alone; the upstream gradient is not multiplied in."""
    return (y > 0).astype(y.dtype)


def relu_backward__mask_of_gradient(dy, y):
    """WRONG: the mask comes from dy instead of y."""
    return np.maximum(dy, 0)


def relu_backward__other_way_round(dy, y):
    """WRONG: the mask is turned round."""
    dx = dy.copy()
    dx[y > 0] = 0
    return dx


def relu_backward__times_y(dy, y):
    """WRONG: dy y instead of dy [y > 0]."""
    return dy * y


def relu_backward__in_place(dy, y):
    """WRONG: the zeros are written into the upstream gradient."""
    dy[y <= 0] = 0
    return dy


def relu_backward__leaky(dy, y):
    """WRONG: 0.01 dy where it should be 0."""
    return np.where(y > 0, dy, 0.01 * dy)


def relu_backward__one_flag_for_all(dy, y):
    """WRONG: one flag for the whole array: all passes where any unit is alive."""
    return dy * float((y > 0).any())


def relu_backward__zero_over_zero(dy, y):
    """WRONG: y / y is 1 for living units and NaN for dead ones."""
    return dy * (y / y)


def sigmoid__sign(x):
    """WRONG: exp(x) instead of exp(-x): it falls where it should rise."""
    return 1 / (1 + np.exp(x))


def sigmoid__overflow(x):
    """WRONG: exp(x) / (1 + exp(x)) is NaN for a large x."""
    return np.exp(x) / (1 + np.exp(x))


def sigmoid__tanh(x):
    """WRONG: tanh, which goes from -1 to 1."""
    return np.tanh(x)


def sigmoid__clipped(x):
    """WRONG: x is clipped to [-4, 4] against overflow, which changes the values."""
    x = np.clip(x, -4, 4)
    return 1 / (1 + np.exp(-x))


def sigmoid__hard(x):
    """WRONG: the piecewise linear 'hard' sigmoid."""
    return np.clip(x / 6 + 0.5, 0, 1)


def sigmoid__missing_brackets(x):
    """WRONG: 1 / 1 + exp(-x) is 1 + exp(-x)."""
    return 1 / 1 + np.exp(-x)


def sigmoid__float32(x):
    """WRONG: computed in float32."""
    return (1 / (1 + np.exp(-x.astype("float32")))).astype(x.dtype)


def sigmoid__softmax(x):
    """WRONG: a softmax over the last axis: the gates of one image compete."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid_backward__y(dy, y):
    """WRONG: dy y, the factor (1 - y) is missing."""
    return dy * y


def sigmoid_backward__one_minus_y(dy, y):
    """WRONG: dy (1 - y), the factor y is missing."""
    return dy * (1 - y)


def sigmoid_backward__no_upstream(dy, y):
    """WRONG: y (1 - y): the upstream gradient is missing."""
    return y * (1 - y)


def sigmoid_backward__of_input(dy, y):
    """WRONG: the sigmoid is applied to y, which is a sigmoid's output already."""
    s = 1 / (1 + np.exp(-y))
    return dy * s * (1 - s)


def sigmoid_backward__of_tanh(dy, y):
    """WRONG: 1 - y^2 is the derivative of tanh."""
    return dy * (1 - y ** 2)


def sigmoid_backward__plus(dy, y):
    """WRONG: y (1 + y): the sign is wrong."""
    return dy * y * (1 + y)


def sigmoid_backward__scalar_result(dy, y):
    """WRONG: np.dot adds everything up into one number."""
    return np.dot(dy.ravel(), (y * (1 - y)).ravel())


def sigmoid_backward__integers(dy, y):
    """WRONG: the gradients are stored in an array of integers."""
    dx = np.zeros(y.shape, dtype=int)
    dx[...] = dy * y * (1 - y)
    return dx


# ---- right ---------------------------------------------------------------------------------------------------------------

def relu__maximum(x):
    """RIGHT: np.maximum, which cannot take a complex step."""
    return np.maximum(x, 0)


def relu__half_of_sum(x):
    """RIGHT: (x + |x|) / 2."""
    return (np.abs(x) + x) / 2


def relu__times_mask(x):
    """RIGHT: x (x > 0), which has negative zeros."""
    return x * (x > 0)


def relu__copy_then_mask(x):
    """RIGHT: a copy, and then zeros by a boolean index."""
    y = np.array(x)
    y[y < 0] = 0
    return y


def relu_backward__sign(dy, y):
    """RIGHT: the sign of an output of a ReLU is its mask."""
    return np.sign(y) * dy


def relu_backward__boolean_index(dy, y):
    """RIGHT: copied where the mask is true, element by element from np.nonzero."""
    dx = np.zeros_like(dy)
    alive = np.nonzero(y)
    dx[alive] = dy[alive]
    return dx


def relu_backward__list_comprehension(dy, y):
    """RIGHT: one element at a time, through lists."""
    return np.array([d if v > 0 else 0 for d, v in zip(dy.ravel(), y.ravel())], dtype=dy.dtype).reshape(dy.shape)


def relu_backward__quotient_mended(dy, y):
    """RIGHT: y / y with its 0 / 0 turned into 0 afterwards; NumPy warns, but the numbers are right."""
    return dy * np.nan_to_num(y / y)


def sigmoid__tanh_form(x):
    """RIGHT: (1 + tanh(x / 2)) / 2."""
    return 0.5 * (1 + np.tanh(x / 2))


def sigmoid__textbook(x):
    """RIGHT: 1 / (1 + exp(-x)); exp may overflow with a warning, but 1 / inf is the right 0."""
    return 1 / (1 + np.exp(-x))


def sigmoid__two_branches(x):
    """RIGHT: two branches by boolean indices."""
    y = np.empty_like(x)
    right = x >= 0
    y[right] = 1 / (1 + np.exp(-x[right]))
    e = np.exp(x[~right])
    y[~right] = e / (1 + e)
    return y


def sigmoid__logaddexp(x):
    """RIGHT: exp(-log(1 + exp(-x))) by np.logaddexp."""
    return np.exp(-np.logaddexp(0, -x))


def sigmoid_backward__expanded(dy, y):
    """RIGHT: dy y - dy y^2, and a Fortran-ordered result."""
    return np.asfortranarray(dy * y - dy * np.square(y))


def sigmoid_backward__quarter(dy, y):
    """RIGHT: y (1 - y) = 1/4 - (y - 1/2)^2."""
    return np.multiply(0.25 - (y - 0.5) ** 2, dy)


# ---- more of them --------------------------------------------------------------------------------------------------------

def relu__at_most_six(x):
    """WRONG: ReLU6, which stops at 6: only a large x shows it."""
    return np.minimum(np.maximum(x, 0), 6)


def relu_backward__mask_of_first_image(dy, y):
    """WRONG: the mask of image 0 is used for every image."""
    return dy * (y[:1] > 0)


def relu_backward__no_mask(dy, y):
    """WRONG: there is no mask."""
    return dy.copy()


def relu_backward__heaviside(dy, y):
    """RIGHT: np.heaviside as the mask, which gives 0 at y = 0."""
    return dy * np.heaviside(y, 0.0)


def sigmoid__overflow_only_above(x):
    """WRONG: the stable formula is chosen for the wrong sign, so that both ends overflow."""
    e = np.exp(np.abs(x))
    return np.where(x >= 0, e / (1 + e), 1 / (1 + e))


def sigmoid__both_branches(x):
    """RIGHT: np.where computes exp(x) / (1 + exp(x)) for every x and drops the NaN."""
    return np.where(x < 0, np.exp(x) / (1 + np.exp(x)), 1 / (1 + np.exp(-x)))


def sigmoid__clipped_far_out(x):
    """RIGHT: x is clipped to [-500, 500], where the values do not change."""
    return 1 / (1 + np.exp(-np.clip(x, -500, 500)))


def sigmoid_backward__slope_twice(dy, y):
    """WRONG: the slope y (1 - y) is multiplied in twice."""
    slope = y * (1 - y)
    return dy * slope * slope


def sigmoid_backward__slope_of_relu(dy, y):
    """WRONG: the mask of a ReLU: y > 0 holds for every sigmoid."""
    return dy * (y > 0)


def sigmoid_backward__two_products(dy, y):
    """RIGHT: dy y - dy y y, of which rounding alone is left where y is nearly 1."""
    return dy * y - (dy * y) * y
