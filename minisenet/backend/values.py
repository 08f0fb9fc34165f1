"""Deferred values: arguments that are not arrays yet.

A deferred value stands for an array that is not computed yet. If a function of `minisenet.functional` gets one, it looks up its
own name in `RULES`. The rule uses the value as it is; a function without a rule gets the array. (NumPy's `__array_function__`
does the same for arrays of other libraries.) The values and the rules are in `minisenet/functional/deferred.py`. This file only
finds them.
"""
import contextlib
import threading

RULES = {}      # name of a function -> what it does with deferred values


class _Thread(threading.local):
    depth = 0       # how many `deferring` blocks this thread is in


_thread = _Thread()


class deferring(contextlib.ContextDecorator):
    """`with deferring():` functions with deferred arguments may return deferred values. Outside, they return arrays.

    The forward and the backward of a layer are such a block. `as` gives the number of nested blocks, this one included.
    """

    def __enter__(self):
        _thread.depth += 1
        return _thread.depth

    def __exit__(self, *exception):
        _thread.depth -= 1


def is_deferring():
    """Whether this thread is inside a `deferring` block."""
    return _thread.depth > 0


class Deferred:
    """The base of deferred values.

    Attributes
    ----------
    stand_in : ndarray
        Any array with the shape and the dtype of the deferred one. The checks of arguments use it.
    """

    def form(self):
        """The array itself."""
        raise NotImplementedError


def formed(value):
    """The array if `value` is deferred, also inside tuples, lists and dicts; anything else unchanged."""
    if isinstance(value, Deferred):
        return value.form()
    if type(value) in (tuple, list):
        return type(value)(map(formed, value))
    return {name: formed(each) for name, each in value.items()} if type(value) is dict else value


def is_deferred(args, options):
    """Whether any argument is a deferred value."""
    for value in args:
        if isinstance(value, Deferred):
            return True
    for value in options.values():
        if isinstance(value, Deferred):
            return True
    return False


def apply_rule(function, check, args, options):
    """Call a function's rule, with its arguments checked as always, or the function itself on formed arrays."""
    rule = RULES.get(function.__name__)
    if rule is None or not is_deferring():
        return function(*map(formed, args), **{name: formed(value) for name, value in options.items()})
    positional = function.__wrapped__.__code__.co_varnames[len(args):function.__wrapped__.__code__.co_argcount]
    while positional and positional[0] in options:          # a map passed by name
        args, positional = (*args, options.pop(positional[0])), positional[1:]
    stand_in = {name: value.stand_in if isinstance(value, Deferred) else value for name, value in options.items()}
    clean, clean_options = check(*[value.stand_in if isinstance(value, Deferred) else value for value in args], **stand_in)
    kept = [value if isinstance(value, Deferred) else array for value, array in zip(args, clean)]
    for name, value in options.items():
        if isinstance(value, Deferred):
            clean_options[name] = value
    return rule(*kept, *clean[len(args):], **clean_options)
