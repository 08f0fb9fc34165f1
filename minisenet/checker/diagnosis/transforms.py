"""What can happen to any result: the right one, changed in a way that many mistakes have in common."""
import itertools

import numpy as np

from minisenet.checker.comparison import as_array
from minisenet.checker.diagnosis.conduct import order as order_of
from minisenet.checker.diagnosis.evidence import close
from minisenet.checker.diagnosis.symbols import OPTIONS, symbols
from minisenet.checker.result import Mistake

MAPS = {4: ("image", "row", "column", "channel"), 2: ("image", "channel"), 1: ("channel",)}             # dimensions -> axes
WEIGHTS = {4: ("output channel", "input channel", "kernel row", "kernel column"), 2: ("output", "input")}
CONSTANTS = {"twice": 2.0, "half of": 0.5, "1 / ln 2 times": 1 / np.log(2), "1 / ln 10 times": 1 / np.log(10)}


def guesses(evidence, wrong):
    """Yield (Mistake, predict) for everything that may have happened to the `wrong` results."""
    for mistake, change in itertools.chain(_signs(), _factors(evidence, wrong)):
        yield mistake, _of_expected(change, wrong)
    yield from exchanged(evidence.spec)
    yield from _replaced(evidence.spec, wrong)
    yield from _axes(wrong)
    for mistake, change in itertools.chain(_orders(), _cut_off()):
        yield mistake, _of_expected(change, wrong)
    yield (Mistake("NaN or infinity", "{} has NaN or infinity where it should not.",
                   "Which exponential, logarithm or division can overflow, or divide by zero?"), _not_finite)


def _of_expected(change, wrong):
    """A prediction from the right result, `change(result, trial)`, or from that alone."""
    def predict(trial, name):
        return change(np.asarray(trial.call.expected[name]), trial) if name in wrong else None
    return predict


def _signs():
    yield (Mistake("all zeros", "{} is zero everywhere.", "Does any line write to the array that is returned?"),
           lambda right, _: np.zeros_like(right))
    yield Mistake("wrong sign", "{} has the wrong sign, and is right otherwise."), lambda right, _: -right
    for words, factor in CONSTANTS.items():
        yield (Mistake("constant factor", f"{{}} is {words} what it should be."),
               lambda right, _, factor=factor: factor * right)


# ---- a factor ------------------------------------------------------------------------------------------------------------

def _factors(evidence, wrong):
    """Right but for a factor that follows from the sizes: tried if some wrong result is a multiple of the right one."""
    if any(all(_multiple(trial, name) for trial in evidence.with_result(name)) for name in wrong):
        tables = [symbols(trial) for trial in evidence.chosen]
        for symbol in tables[0]:
            if all(symbol in table for table in tables):
                yield (Mistake(f"factor {symbol}", f"{{}} is {symbol} times what it should be.", _why(symbol)),
                       lambda right, trial, symbol=symbol: right * symbols(trial)[symbol])


def _why(symbol):
    """Where to look for a factor."""
    if symbol.removeprefix("1 / ") in OPTIONS:
        return f"How often does {symbol.removeprefix('1 / ')} belong in this result?"
    if " / " in symbol.removeprefix("1 / "):
        return f"{symbol.strip('()')}: one of the two sizes may be in the other's place."
    return "Is a sum taken for a mean, or a mean for a sum?"


def _multiple(trial, name):
    """Whether a result is the right one times a number."""
    expected, given = np.ravel(trial.call.expected[name]), np.ravel(trial.given[name])
    return expected.shape == given.shape and close(expected * (expected @ given) / max(expected @ expected, 1e-300), given)


# ---- another array in its place -------------------------------------------------------------------------------------------

def exchanged(spec):
    """The right results in another order."""
    returns = spec.returns
    for order in itertools.permutations(range(len(returns))):
        if order != tuple(range(len(returns))):
            given = ", ".join(returns[i] for i in order)
            yield (Mistake("results in the wrong order", f"It returns {given}; the order is {', '.join(returns)}.",
                           order_of(spec)),
                   lambda trial, name, order=order: trial.call.expected[returns[order[returns.index(name)]]])


def _replaced(spec, wrong):
    """An argument, or another result, in the place of a result."""
    for argument in spec.parameters:
        yield (Mistake("argument returned", f"{{}} is the argument {argument}, unchanged."),
               lambda trial, name, argument=argument: getattr(trial.call.v, argument) if name in wrong else None)
    for other in spec.returns:
        yield (Mistake("one result for another", f"{{}} has the values that {other} should have."),
               lambda trial, name, other=other: trial.call.expected[other] if other != name and name in wrong else None)


# ---- an axis -------------------------------------------------------------------------------------------------------------

def _axes(wrong):
    """A part that was left out, or the same for all: by image, row, column, channel, and of weights by theirs."""
    for weights, layout in ((False, MAPS), (True, WEIGHTS)):
        names = [name for name in wrong if name.startswith("dw") == weights]
        for ndim, axes in layout.items():
            for axis, text in enumerate(axes):
                for mistake, change in _one_axis(axis, text):
                    yield mistake, _of_expected(
                        lambda right, _, change=change, ndim=ndim: change(right) if right.ndim == ndim else None, names)


def _one_axis(axis, text):
    yield Mistake("turned round", f"The {text}s of {{}} are in the opposite order."), lambda right: np.flip(right, axis)
    for index, which in ((0, "first"), (-1, "last")):
        yield (Mistake(f"{which} {text} only", f"Every {text} of {{}} has the values of the {which} one."),
               lambda right, index=index: np.broadcast_to(np.take(right, [index], axis), right.shape))
        yield (Mistake(f"{which} {text} left out", f"The {which} {text} of {{}} is zero.", "Does a loop end too early?"),
               lambda right, index=index: _without(right, axis, index))
        yield (Mistake(f"only the {which} {text} written", f"All but the {which} {text} of {{}} is zero."),
               lambda right, index=index: right - _without(right, axis, index))
    for words, collect in (("mean", np.mean), ("sum", np.sum)):
        yield (Mistake(f"{words} over the {text}s", f"Every {text} of {{}} has the {words} over all of them."),
               lambda right, collect=collect: np.broadcast_to(collect(right, axis, keepdims=True), right.shape))


def _without(right, axis, index):
    changed = right.copy()
    changed[(slice(None),) * axis + (index,)] = 0
    return changed


def _orders():
    """The right values in another order."""
    yield (Mistake("transposed", "{} is the transpose of what it should be.", "Compare its axes with those of the equation."),
           lambda right, _: right.T)
    for ndim in (2, 3, 4):
        for order in itertools.permutations(range(ndim)):
            if order != tuple(range(ndim)):
                yield (Mistake("reshaped, not transposed",
                               "{} has the right values in the wrong order, as a reshape instead of a transpose gives them.",
                               "A reshape keeps the order in memory. A transpose moves the axes."),
                       lambda right, _, order=order: right.transpose(order).reshape(right.shape))


# ---- digits --------------------------------------------------------------------------------------------------------------

def _cut_off():
    yield (Mistake("integers inside", "{} has lost its fractions.", "A buffer of integers cuts off fractions."),
           lambda right, _: np.trunc(right))
    for digits in range(1, 9):
        yield (Mistake("rounded", f"{{}} is rounded to {digits} decimal{'s' if digits > 1 else ''}.",
                       "Round only what you print."),
               lambda right, _, digits=digits: np.round(right, digits))


def _not_finite(trial, name):
    """The answer's values where they are NaN or infinite, and the right ones everywhere else."""
    expected, given = np.asarray(trial.call.expected[name]), as_array(trial.given[name])
    return np.where(np.isfinite(given), expected, given) if given.shape == expected.shape else None
