"""Answers that hang, fail, cheat or answer with something else than arrays. Run them in a process of their own."""
import ctypes
import os
import sys

import numpy as np


# ---- they do not come back -----------------------------------------------------------------------------------------------

def squeeze__never_ends(u):
    """WRONG: the loop's counter is never moved on."""
    i, total = 0, 0
    while i < u.shape[1]:
        total = total + u[:, i].sum(axis=1)
    return total


def squeeze__never_ends_for_one_image(u):
    """WRONG: right for two images and more; with one image the loop never ends."""
    n = len(u)
    while n == 1:
        pass
    return u.mean(axis=(1, 2))


def squeeze__prints_for_ever(u):
    """WRONG: it prints without end."""
    while True:
        print("u", u)


def squeeze__allocates_100_gigabytes(u):
    """WRONG: it asks for 100 GB."""
    everything = np.ones(100 * 2 ** 30 // 8)
    return u.mean(axis=(1, 2)) * everything[0]


def squeeze__list_grows(u):
    """WRONG: a list grows without end."""
    kept = []
    while True:
        kept.append(np.ones((1024, 1024)))


def scale__calls_exit(u, s):
    """WRONG: exit() instead of return."""
    y = u * s[:, None, None, :]
    exit(y is None)


def scale__claims_success(u, s):
    """WRONG: prints a verdict of its own and leaves with exit status 0."""
    print('{"passed": true, "like": "scale", "mistake": null}', flush=True)
    os._exit(0)


def scale__crashes(u, s):
    """WRONG: it reads from address 0, and the process dies of a segmentation fault."""
    ctypes.string_at(0)
    return u * s[:, None, None, :]


def relu__calls_itself(x):
    """WRONG: it calls itself for ever."""
    return relu__calls_itself(x)


# ---- they raise ----------------------------------------------------------------------------------------------------------

def relu__not_done(x):
    """WRONG: not written yet."""
    raise NotImplementedError("TODO")


def relu__no_return(x):
    """WRONG: the return is forgotten, so the result is None."""
    y = np.where(x > 0, x, 0)       # noqa: F841


def relu__helper_not_handed_in(x):
    """WRONG: imports a file that was not handed in."""
    from my_helpers_for_week_two import rectify
    return rectify(x)


def relu__name_of_the_notebook(x):
    """WRONG: it reads a global that existed in the notebook only."""
    return np.where(X > 0, X, 0)        # noqa: F821


HEIGHT, WIDTH = 2, 3


def squeeze__size_from_globals(u):
    """WRONG: height and width come from globals that fit the student's own test only."""
    return u.sum(axis=(1, 2)) / (HEIGHT * WIDTH)


def squeeze__fails_for_one_image(u):
    """WRONG: an assertion that there is more than one image."""
    assert len(u) > 1, "need a batch"
    return u.mean(axis=(1, 2))


def squeeze__fails_for_wide_maps(u):
    """WRONG: takes square maps only."""
    if u.shape[1] != u.shape[2]:
        raise ValueError("not square")
    return u.mean(axis=(1, 2))


def squeeze__one_argument_too_many(u, axes):
    """WRONG: it wants an argument that no one gives it."""
    return u.mean(axis=axes)


def scale_backward__not_enough_arguments(dy, u):
    """WRONG: s is not among the arguments."""
    return dy, (dy * u).sum(axis=(1, 2))


# ---- they answer with something else -------------------------------------------------------------------------------------

def squeeze__yields(u):
    """WRONG: yield instead of return: a generator."""
    yield u.mean(axis=(1, 2))


def squeeze__text(u):
    """WRONG: the result as text."""
    return str(u.mean(axis=(1, 2)))


class EqualToAll:
    """Says yes to every comparison."""

    shape, dtype, ndim, size = (1,), np.dtype(float), 1, 1

    def __eq__(self, other):
        return True

    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__

    def __array__(self, dtype=None, copy=None):
        raise TypeError("I am not an array")


def squeeze__equal_to_all(u):
    """WRONG: an object that says it equals everything."""
    return EqualToAll()


def squeeze__dictionary(u):
    """WRONG: a dictionary of channels."""
    return {c: u[..., c].mean(axis=(1, 2)) for c in range(u.shape[3])}


# ---- they cheat, or disturb others ---------------------------------------------------------------------------------------

def squeeze__asks_the_library(u):
    """WRONG: it calls the function that it should be."""
    from minisenet import functional
    return functional.squeeze(u)


def squeeze__asks_the_library_in_this_folder(u):
    """WRONG: it puts the current folder and its parents on the path and calls the function that it should be."""
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:0] = [os.getcwd(), os.path.dirname(folder), os.path.dirname(os.path.dirname(folder))]
    from minisenet import functional
    return functional.squeeze(u)


def squeeze__patches_allclose(u):
    """WRONG: the sum for the mean, and NumPy's comparisons are replaced by ones that say yes."""
    np.allclose = np.array_equal = lambda *args, **kwargs: True
    np.isclose = lambda a, b, **kwargs: np.ones(np.broadcast(a, b).shape, dtype=bool)
    np.testing.assert_allclose = lambda *args, **kwargs: None
    return u.sum(axis=(1, 2))


def squeeze__seeds(u):
    """WRONG: right numbers, but it sets NumPy's global random seed, which belongs to the caller."""
    np.random.seed(0)
    return u.mean(axis=(1, 2))


def squeeze__noise(u):
    """WRONG: a little random noise is added: no two calls agree."""
    return u.mean(axis=(1, 2)) + 1e-3 * np.random.standard_normal((u.shape[0], u.shape[3])).astype(u.dtype)


CACHE = {}


def squeeze__cached_by_shape(u):
    """WRONG: the result is remembered by the shape of u, so other values of the same shape get the old result."""
    if u.shape not in CACHE:
        CACHE[u.shape] = u.mean(axis=(1, 2))
    return CACHE[u.shape]


def squeeze__answers_only_once(u, done=[]):
    """WRONG: right in its first call only; afterwards zeros."""
    done.append(1)
    return u.mean(axis=(1, 2)) * (len(done) == 1)
