"""What a wrong answer's mistake is called.

An explanation predicts numbers. It is accepted only if it predicts what the answer gave in every case of the evidence, those
where the answer happens to be right among them. Explanations are tried from the particular to the general:

    1. how the call went: it raises, returns None, writes into its arguments, ...
    2. mistakes that have a formula of their own: `mistakes.WRONG`, the planted bugs, `meeting` for convolutions
    3. results that are sums: which term is missing, doubled, of the wrong sign or size
    4. what can happen to any result: a factor, an axis, an order, a part that was left out
    5. where it is wrong: only for N > 1, only with a stride, ...
"""
import itertools

import numpy as np

from minisenet.gradcheck import bugs, meeting
from minisenet.gradcheck.mistakes import TERMS, WRONG
from minisenet.gradcheck.verdict import Mistake, symbol

CLOSE = 1e-7                        # relative: a prediction and what was given
TRIALS = 14                         # that an explanation has to explain


def not_imported(described):
    """Of a file that cannot be imported."""
    at = f", line {described['line']}: {described['source']}" if described.get("source") else ""
    kind = {"SyntaxError": "syntax error", "LookupError": "no such function"}.get(described["type"], "cannot be imported")
    if described["type"] == "ImportError" and "minisenet is not to be had" in described["text"]:
        kind = "imports minisenet"
    return Mistake(kind, described["text"] if kind == "no such function" else f"{described['type']}: {described['text']}{at}")


def ended(error):
    """Of a call, or an import, from which nothing came back."""
    if error.kind == "hangs":
        return Mistake("does not return", f"It was stopped: {error}.", "Is there a loop that never ends, or one over every value in Python?")
    return Mistake("ends the process", f"It cannot go on: {error}.")


def diagnose(question, smallest, trials):
    """The Mistake of a wrong answer.

    Parameters
    ----------
    question : Question
    smallest : Trial
        The smallest one that is wrong.
    trials : list of Trial
        All that was tried.

    Returns
    -------
    Mistake
    """
    evidence = _evidence(trials)
    wrong = [name for name in question.returns if any(_is_wrong(trial, name) for trial in evidence)]
    return (_by_conduct(smallest, trials) or _by_numbers(question, evidence, wrong) or _by_shape(question, smallest)
            or _by_other_conduct(smallest) or _by_place(question, smallest, trials))


def _evidence(trials):
    """Trials with results, wrong ones and right ones, values that no formula meets by chance first."""
    usable = [trial for trial in trials if trial.given]
    reals = [trial for trial in usable if trial.kind == "reals"] or usable
    wrong, right = ([trial for trial in reals if bool(trial.faults) == bad] for bad in (True, False))
    return wrong[-TRIALS:] + right[-TRIALS // 2:]


def _is_wrong(trial, name):
    return any(fault.output == name and fault.kind in ("value", "shape", "dtype", "returns") for fault in trial.faults)


# ---- 1. how the call went ------------------------------------------------------------------------------------------------

def _by_conduct(smallest, trials):
    """What goes before any number: an exception, no results, an argument that was written to."""
    faults = {fault.kind: fault for fault in reversed(smallest.faults)}
    written = [fault for trial in trials for fault in trial.faults if fault.kind == "written"]
    faults |= {"written": written[0]} if written else {}               # seen in some cases only, where there is something to write
    if "raises" in faults:
        text = faults["raises"].text
        kind = text.partition("raises ")[2].partition(":")[0]
        if "minisenet is not to be had" in text:
            return Mistake("imports minisenet", _sentence(text))
        if kind == "NotImplementedError":
            return Mistake("not written yet", "It raises NotImplementedError.")
        if kind == "MemoryError":
            return Mistake("too much memory", _sentence(text), "Which array has a size that nothing in the equation has?")
        if kind == "SystemExit":
            return Mistake("ends the process", "It calls exit().")
        return Mistake(f"raises {kind}", f"On the smallest case it {text}.")
    if "returns" in faults:
        name = "returns None" if "return?" in faults["returns"].text else "wrong results" if faults["returns"].output else "wrong number of results"
        return Mistake(name, _sentence(faults["returns"].text), "A backward returns one gradient for each array argument of its forward, in that order.")
    if "written" in faults:
        name = faults["written"].output
        if name.startswith("d"):
            return Mistake("upstream gradient overwritten", f"It writes into {name}.", "In a residual block dy goes down the shortcut too, and arrives there changed.")
        return Mistake("input overwritten", f"It writes into its argument {name}.", "Whoever called still needs that array: copy it, or write into a new one.")
    if "dtype" in faults:
        text = faults["dtype"].text
        if "float32" in text:
            return Mistake("float32 returned", _sentence(text), "dtypes are never changed: float64 in, float64 out.")
        if "int" in text:
            return Mistake("integers returned", _sentence(text), "A buffer of integers cuts off what is written into it: np.zeros_like of what?")
        return Mistake("wrong dtype", _sentence(text))
    return None


def _sentence(text):
    return text[0].upper() + text[1:] + "."


def _by_other_conduct(trial):
    """What is wrong beside right numbers."""
    faults = {fault.kind: fault for fault in trial.faults}
    if "aliased" in faults:
        return Mistake("returns its argument", _sentence(faults["aliased"].text), "Who writes into one changes the other: return a new array.")
    if "state" in faults:
        return Mistake("remembers earlier calls", _sentence(faults["state"].text),
                       "A buffer, a default argument or a global that outlives the call: make the arrays inside the function.")
    return None


# ---- 2. to 4.: explanations that predict -----------------------------------------------------------------------------------

def _by_numbers(question, evidence, wrong):
    """The first explanation that predicts most of the wrong results."""
    wrong = [name for name in wrong if all(_array(trial.given.get(name)) is not None for trial in evidence if name in trial.given)]
    best, explained = None, []
    for mistake, predict in itertools.chain(_formulas(question), _terms(question, evidence, wrong), _transforms(question, wrong)):
        found = [name for name in wrong if _predicts(predict, evidence, name)]
        if len(found) > len(explained):
            best, explained = mistake, found
            if len(found) == len(wrong):
                break
    return best


def _predicts(predict, evidence, name):
    for trial in evidence:
        if name not in trial.given or trial.call.expected[name] is None:
            continue
        with np.errstate(all="ignore"):
            try:
                value = predict(trial, name)
            except (ValueError, IndexError, AttributeError, TypeError, KeyError, FloatingPointError):
                return False
        if value is None or not _close(value, trial.given[name]):
            return False
    return True


def _close(one, two):
    one, two = np.asarray(one), np.asarray(two)
    if one.shape != two.shape or one.dtype.kind not in "fiub" or two.dtype.kind not in "fiub":
        return False
    size = max(np.max(np.abs(two[np.isfinite(two)]), initial=0), 1e-9)
    return bool(np.allclose(one, two, rtol=CLOSE, atol=CLOSE * size, equal_nan=True))


def _array(value):
    return np.asarray(value) if isinstance(value, (np.ndarray, float, int)) else None


def _formulas(question):
    """Mistakes that are a formula: the planted bugs first, since the pages explain them."""
    for bug in bugs.BUGS + bugs.BLIND_SPOTS:
        broken = bug.backward if question.backward else bug.forward
        if bug.operation == question.row.name and broken:
            yield Mistake(bug.name, bug.mistake, bug.lesson), _planted(question, broken)
    for entry in WRONG:
        if question.name in entry.questions.split():
            yield (Mistake(entry.name, entry.says, entry.lesson),
                   lambda trial, name, entry=entry: entry.formula(trial.call.v) if name == entry.output else _alike(entry, trial, name))
    if question.row.name == "conv2d":
        for i in range(len(list(meeting.mistakes(_Any())))):
            yield from _met(i)


def _alike(entry, trial, name):
    """What the same mistake does to another result of the call."""
    for other in WRONG:
        if (other.name, other.says, other.output, other.questions) == (entry.name, entry.says, name, entry.questions):
            return other.formula(trial.call.v)
    return None


def _planted(question, broken):
    def predict(trial, name):
        call = trial.call
        if question.backward:
            gradients = broken({key: value.copy() for key, value in call.upstream.items()}, call.case.arrays, call.outputs, call.case.options)
            return gradients.get(name[1:])
        return broken(call.case.arrays, call.case.options).get(name)
    return predict


class _Any:
    """Stands for a call whose options do not matter."""

    stride = dilation = padding = (1, 1)


def _met(i):
    name, says, lesson, _ = list(meeting.mistakes(_Any()))[i]

    def predict(trial, output):
        v = trial.call.v
        return meeting.GIVES[output](v, **list(meeting.mistakes(v))[i][3]) if output in meeting.GIVES else None
    yield Mistake(name, says, lesson), predict


# ---- 3. sums -------------------------------------------------------------------------------------------------------------

FACTORS = {0.0: "is missing", -1.0: "has the wrong sign", 2.0: "is there twice", 0.5: "is halved", -2.0: "is there twice, with the wrong sign"}


def _terms(question, evidence, wrong):
    """For a result that is a sum: each term's factor, case by case, and the formula that these factors follow."""
    for name in wrong:
        terms = TERMS.get((question.name, name))
        if terms is None:
            continue
        found = []
        for trial in evidence:
            given, parts = _array(trial.given.get(name)), terms(trial.call.v)
            matrix = np.stack([np.broadcast_to(part, np.shape(given)).ravel() for part in parts.values()], axis=1) if given is not None and all(
                np.shape(part) == np.shape(given) for part in parts.values()) else None
            if matrix is None or not np.all(np.isfinite(given)) or np.linalg.matrix_rank(matrix, 1e-6) < len(parts):
                continue
            factors = np.linalg.lstsq(matrix, given.ravel(), rcond=None)[0]
            if not _close(matrix @ factors, given.ravel()):
                found = []
                break
            found.append((factors, _symbols(trial)))
        if len(found) < 2:
            continue
        labels, laws = list(terms(evidence[0].call.v)), []
        for column in range(len(labels)):
            laws.append(_law([(factors[column], symbols) for factors, symbols in found]))
        changed = [(label, law) for label, law in zip(labels, laws) if law != (1.0, None)]
        if None in laws or not changed:
            continue
        says = "; ".join(f"the term {label} {_in_words(law)}" for label, law in changed)
        short = f"{changed[0][0].partition(',')[0]} {_in_words(changed[0][1])}"

        def predict(trial, output, terms=terms, laws=laws, name=name):
            if output != name:
                return None
            symbols = _symbols(trial)
            return sum(_value(law, symbols) * part for law, part in zip(laws, terms(trial.call.v).values()))
        yield Mistake(f"term: {short}", f"In {name}, {says}.", "Derive it once more, term by term, and look for the line that each term became."), predict


def _law(found):
    """(factor, symbol) so that every number is factor times the symbol's value; None where there is no such law."""
    for factor in (1.0, *FACTORS):
        if all(abs(number - factor) < 1e-5 * max(1, abs(factor)) for number, _ in found):
            return factor, None
    for symbol in found[0][1]:
        for factor in (1.0, -1.0):
            if all(abs(number - factor * symbols[symbol]) < 1e-5 * abs(symbols[symbol]) for number, symbols in found):
                if len({round(float(symbols[symbol]), 9) for _, symbols in found}) > 1:
                    return factor, symbol
    return None


def _value(law, symbols):
    factor, symbol = law
    return factor if symbol is None else factor * symbols[symbol]


def _in_words(law):
    factor, symbol = law
    if symbol is None:
        return FACTORS.get(factor, "is right")
    return f"is multiplied by {'-' if factor < 0 else ''}{symbol}"


def _symbols(trial):
    """The sizes of a call by the paper's letters, and their products and inverses: what a wrong factor may be."""
    v, sizes = trial.call.v, trial.sizes
    base = {symbol(name): float(value) for name, value in sizes.items() if symbol(name)}
    if "dy" in vars(v) and np.ndim(v.dy) == 4 and question_has_output_size(v):
        base |= {"H'": float(v.dy.shape[1]), "W'": float(v.dy.shape[2])}
    combined = {}
    for count in (1, 2, 3):
        for names in itertools.combinations(base, count):
            combined[" ".join(names)] = float(np.prod([base[name] for name in names]))
    for name in ("H", "W", "N", "C"):
        if name in base:
            combined[f"{name} {name}"] = base[name] ** 2
    for over, under in itertools.permutations(base, 2):
        combined[f"{over} / {under}"] = base[over] / base[under]
    if "H" in base and "N" in base:
        m = base["N"] * base["H"] * base["W"]
        combined |= {"M / (M - 1)": m / (m - 1) if m > 1 else 1.0, "(M - 1) / M": (m - 1) / m}
    inverse = {f"1 / ({name})" if " " in name else f"1 / {name}": 1 / value for name, value in combined.items() if value and "/" not in name}
    options = {name: float(getattr(v, name)) for name in ("lr", "momentum", "weight_decay", "dloss") if getattr(v, name, None)}
    options |= {f"1 / {name}": 1 / value for name, value in options.items()}
    return combined | inverse | options


def question_has_output_size(v):
    """Whether dy has a size of its own: after a convolution or a pooling."""
    return hasattr(v, "stride")


# ---- 4. what can happen to any result ----------------------------------------------------------------------------------------

def _transforms(question, wrong):
    """Explanations that fit any operation."""
    yield Mistake("all zeros", "{} is zero everywhere.", "Was the result ever written to?"), lambda trial, name: np.zeros(np.shape(trial.call.expected[name]))
    yield Mistake("wrong sign", "The result is right but for its sign."), lambda trial, name: -np.asarray(trial.call.expected[name])
    for factor, words in ((2.0, "twice"), (0.5, "half of"), (1 / np.log(2), "1 / ln 2 times"), (1 / np.log(10), "1 / ln 10 times")):
        yield Mistake("constant factor", f"The result is {words} what it should be."), lambda trial, name, factor=factor: factor * np.asarray(trial.call.expected[name])
    yield from _factors(question)
    others = [name for name in question.returns]
    if len(others) > 1:
        for order in itertools.permutations(range(len(others))) if len(others) < 5 else ():
            if list(order) != sorted(order):
                yield (Mistake("results in the wrong order", f"It returns {', '.join(others[i] for i in order)}; the order is {', '.join(others)}.",
                               "A backward returns one gradient for each array argument of its forward, in that order."),
                       lambda trial, name, order=order: trial.call.expected[others[order[others.index(name)]]])
    for argument in question.parameters:
        yield (Mistake("argument returned", f"The result is its argument {argument}, unchanged."),
               lambda trial, name, argument=argument: getattr(trial.call.v, argument) if isinstance(getattr(trial.call.v, argument, None), np.ndarray) else None)
    for other in question.returns:
        yield (Mistake("one result for another", f"The result is {other}, where something else belongs."),
               lambda trial, name, other=other: trial.call.expected[other] if other != name else None)
    for axes, text in (((0,), "images"), ((1,), "rows"), ((2,), "columns"), ((3,), "channels"), ((1, 2), "positions")):
        yield (Mistake("turned round", f"The result's {text} are in the opposite order."),
               lambda trial, name, axes=axes: np.flip(trial.call.expected[name], axes) if np.ndim(trial.call.expected[name]) > max(axes) else None)
    yield (Mistake("transposed", "The result's values stand in the order of its transpose: a reshape where a transpose belongs.",
                   "A reshape makes shapes fit and numbers wrong."),
           lambda trial, name: np.asarray(trial.call.expected[name]).T.reshape(np.shape(trial.call.expected[name])))
    for axis, text in enumerate(("image", "row", "column", "channel")):
        for index, which in ((0, "first"), (-1, "last")):
            yield (Mistake(f"{which} {text} only", f"Every {text} of the result has the values of the {which} {text}."),
                   lambda trial, name, axis=axis, index=index: _everywhere(trial.call.expected[name], axis, index))
            yield (Mistake(f"{which} {text} left out", f"The {which} {text} of the result is zero: the loop does not reach it."),
                   lambda trial, name, axis=axis, index=index: _left_out(trial.call.expected[name], axis, index))
            yield (Mistake(f"only the {which} {text} written", f"All but the {which} {text} of the result is zero."),
                   lambda trial, name, axis=axis, index=index: trial.call.expected[name] - _left_out(trial.call.expected[name], axis, index))
        yield (Mistake(f"averaged over the {text}s", f"Every {text} of the result has the mean over all {text}s."),
               lambda trial, name, axis=axis: _mean_everywhere(trial.call.expected[name], axis, np.mean))
        yield (Mistake(f"summed over the {text}s", f"Every {text} of the result has the sum over all {text}s."),
               lambda trial, name, axis=axis: _mean_everywhere(trial.call.expected[name], axis, np.sum))
    yield (Mistake("float32 inside", "The result is as exact as float32: somewhere inside it was cut to 7 digits.",
                   "An error of 1e-8 passes every central difference; the complex step is exact enough to see it."), _float32)
    yield (Mistake("integers inside", "The result has lost its fractions: somewhere inside it was cut to an integer.",
                   "A buffer of integers cuts off what is written into it."), lambda trial, name: np.trunc(trial.call.expected[name]))
    yield (Mistake("NaN or infinity", "The result holds NaN or infinity where it should not.", "Which exponential, logarithm or division can leave the range of numbers?"), _not_finite)


def _factors(question):
    """Right but for a factor that follows from the sizes."""
    cache = {}

    def law(trial, name):
        expected, given = np.asarray(trial.call.expected[name]), np.asarray(trial.given[name])
        big = np.abs(expected) > 1e-6 * max(np.max(np.abs(expected), initial=0), 1e-300)
        if given.shape != expected.shape or not big.any():
            return None
        return float(np.median(given[big] / expected[big]))

    def named(symbol):
        def predict(trial, name):
            return np.asarray(trial.call.expected[name]) * _symbols(trial)[symbol]
        return predict
    for symbol in _factor_names(question):
        yield (Mistake(f"factor {symbol}", f"The result is {symbol} times what it should be.", "Which sum is a mean, or which mean a sum?"), named(symbol))


def _factor_names(question):
    """The symbols that this question's calls have, the likeliest first."""
    sizes = [symbol(name) for name in question.small.sizes if symbol(name)]
    if "stride_height" in question.small.sizes:
        sizes += ["H'", "W'"]
    names = []
    for count in (1, 2, 3):
        names += [" ".join(group) for group in itertools.combinations(sizes, count)]
    names += [f"{name} {name}" for name in ("H", "W", "N", "C") if name in sizes]
    ratios = [f"{over} / {under}" for over, under in itertools.permutations(sizes, 2)]
    whole = ["M / (M - 1)", "(M - 1) / M"] if "H" in sizes and "N" in sizes else []
    options = [name for name in ("lr", "momentum", "weight_decay", "dloss") if name in question.parameters]
    return names + [f"1 / ({name})" if " " in name else f"1 / {name}" for name in names] + ratios + whole + options + [f"1 / {name}" for name in options]


def _everywhere(expected, axis, index):
    expected = np.asarray(expected)
    return np.broadcast_to(np.take(expected, [index], axis), expected.shape) if expected.ndim > axis else None


def _left_out(expected, axis, index):
    expected = np.array(expected)
    if expected.ndim <= axis:
        return None
    expected[(slice(None),) * axis + (index,)] = 0
    return expected


def _mean_everywhere(expected, axis, collect):
    expected = np.asarray(expected)
    return np.broadcast_to(collect(expected, axis=axis, keepdims=True), expected.shape) if expected.ndim > axis else None


def _float32(trial, name):
    """What was given, where it differs from what was expected by as much as float32 does."""
    expected, given = np.asarray(trial.call.expected[name]), np.asarray(trial.given[name])
    if given.shape != expected.shape:
        return None
    error = np.max(np.abs(given - expected), initial=0) / max(np.max(np.abs(expected), initial=0), 1e-300)
    return given if error < 1e-4 and (error > 1e-12 or not trial.faults) else None


def _not_finite(trial, name):
    expected, given = np.asarray(trial.call.expected[name]), np.asarray(trial.given[name])
    if given.shape != expected.shape:
        return None
    return np.where(np.isfinite(given), expected, given)


# ---- shapes ----------------------------------------------------------------------------------------------------------------

def _by_shape(question, smallest):
    """Of a result that has the wrong shape."""
    for fault in smallest.faults:
        if fault.kind != "shape":
            continue
        given, expected = np.shape(smallest.given[fault.output]), np.shape(smallest.call.expected[fault.output])
        says = _sentence(fault.text)
        if tuple(n for n in given if n > 1) == tuple(n for n in expected if n > 1) and len(given) > len(expected):
            return Mistake("keepdims left in", says, "Axes of size 1 that were summed over are still there; beside other shapes they broadcast, and no error tells.")
        if len(given) > len(expected):
            return Mistake("not summed over all axes", says, ALL_AXES)
        if len(given) < len(expected):
            return Mistake("summed over too many axes", says, "Which axis is still there in the paper's index?")
        if sorted(given) == sorted(expected):
            return Mistake("axes in the wrong order", says, "Images are (N, H, W, C), convolution weights (C_out, C_in / groups, KH, KW), fully connected ones (out, in).")
        if question.row.name in ("conv2d", "max_pool2d", "avg_pool2d") and not question.backward:
            return Mistake("output size", says, "floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1, for each side by itself.")
        return Mistake("wrong shape", says, "A gradient has the shape of its array.")
    return None


ALL_AXES = "What was used at every image and position gathers from every image and position."


# ---- 5. where it is wrong ----------------------------------------------------------------------------------------------------

def _by_place(question, smallest, trials):
    """What the smallest case cannot do without: the last thing that can be said."""
    def differs(name, value):
        return value > question.small.sizes[name][0]
    needed = [name for name, value in smallest.sizes.items() if differs(name, value)]
    text = " and ".join(f"{(symbol(name) or name.replace('_', ' '))} = {smallest.sizes[name]}" for name in needed)
    outputs = ", ".join(dict.fromkeys(fault.output for fault in smallest.faults if fault.output))
    if not needed:
        return Mistake("wrong values", f"{outputs or 'The result'} is wrong on the smallest case already.", "Work through that case with a pencil.")
    names = ", ".join((symbol(name) or name.replace("_", " ")) for name in needed)
    return Mistake(f"wrong for larger {names}", f"{outputs or 'The result'} is right as long as nothing is larger than it must be, and wrong with {text}.",
                   "The smallest case has everything that the mistake needs, and nothing else.")
