"""What a wrong answer's mistake is called.

An explanation predicts numbers. It is accepted only if it predicts what the answer gave in every case of the evidence, those
where the answer happens to be right among them. Explanations are tried from the particular to the general:

    1. how the call went: it raises, returns None, writes into its arguments, ...
    2. mistakes that have a formula of their own: the planted bugs, and `mistakes.WRONG`
    3. results that are sums: which term is missing, doubled, of the wrong sign or size
    4. what can happen to any result: a factor, an axis, an order, a part that was left out
    5. where it is wrong: only for N > 1, only with a stride, ...
"""
import itertools

import numpy as np

from minisenet.gradcheck import bugs
from minisenet.gradcheck.mistakes import TERMS, WRONG
from minisenet.gradcheck.verdict import Mistake, symbol

CLOSE = 1e-7                        # relative: a prediction and what was given
TRIALS = 14                         # that an explanation has to explain


def not_imported(described):
    """Of a file that cannot be imported."""
    at = f", line {described['line']}: {described['source']}" if described.get("source") else ""
    if described["type"] == "SystemExit":
        return Mistake("ends the process", f"It calls exit() while it is imported{at}.")
    kind = {"SyntaxError": "syntax error", "LookupError": "no such function"}.get(described["type"], "cannot be imported")
    if described["type"] == "ImportError" and "minisenet is not to be had" in described["text"]:
        kind = "imports minisenet"
    return Mistake(kind, described["text"] if kind == "no such function" else f"{described['type']}: {described['text']}{at}")


def ended(error):
    """Of a call, or an import, from which nothing came back."""
    if error.kind == "hangs":
        return Mistake("does not return", f"It was stopped: {error}.", "Is there a loop that never ends, or one over every value in Python?")
    return Mistake("ends the process", f"It cannot go on: {error}.", "exit() and crashes end everything that was asked with it.")


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
    return (_by_conduct(smallest, trials) or _by_precision(evidence, wrong) or _by_numbers(question, evidence, wrong)
            or _by_shape(question, evidence) or _by_other_conduct(smallest) or _by_place(question, smallest, trials))


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
    for kind in ("written", "state", "global"):                        # seen in some calls only
        faults |= {fault.kind: fault for trial in trials for fault in trial.faults if fault.kind == kind}
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
        name = "returns None" if "return?" in faults["returns"].text else "wrong kind of result" if faults["returns"].output else "wrong number of results"
        return Mistake(name, _sentence(faults["returns"].text), "A backward returns one gradient for each array argument of its forward, in that order.")
    if "written" in faults:
        name = faults["written"].output
        if name.startswith("d"):
            return Mistake("upstream gradient overwritten", f"It writes into {name}.", "In a residual block dy goes down the shortcut too, and arrives there changed.")
        return Mistake("input overwritten", f"It writes into its argument {name}.", "Whoever called still needs that array: copy it, or write into a new one.")
    if "state" in faults:
        return Mistake("not the same when called again", _sentence(faults["state"].text),
                       "A buffer, a default argument or a global that outlives the call: make the arrays inside the function.")
    if "global" in faults:
        return Mistake("global state changed", _sentence(faults["global"].text), "numpy.random.default_rng(seed) makes a generator of one's own.")
    if "dtype" in faults:
        text = faults["dtype"].text
        if "float32" in text:
            return Mistake("float32 returned", _sentence(text), "dtypes are never changed: float64 in, float64 out.")
        if "int" in text:
            return Mistake("integers returned", _sentence(text), "A buffer of integers cuts off what is written into it: np.zeros_like of what?")
        return Mistake("wrong dtype", _sentence(text))
    return None


def _sentence(text):
    """With a full stop, and a capital where it does not begin with the name of a result."""
    return (text[0].upper() if text.split()[0] in ("it", "what", "raises", "the") else text[0]) + text[1:] + "."


def _by_other_conduct(trial):
    """What is wrong beside right numbers."""
    faults = {fault.kind: fault for fault in trial.faults}
    if "aliased" in faults:
        return Mistake("returns its argument", _sentence(faults["aliased"].text), "Who writes into one changes the other: return a new array.")
    return None


# ---- 2. to 4.: explanations that predict -----------------------------------------------------------------------------------

def _by_numbers(question, evidence, wrong):
    """The explanation that predicts most of the wrong results, and no right one otherwise than it is."""
    wrong = [name for name in wrong if all(_array(trial.given.get(name)) is not None for trial in evidence if name in trial.given)]
    best, most = None, 0.0
    for mistake, predict in itertools.chain(_formulas(question), _terms(question, evidence, wrong), _transforms(question, evidence, wrong)):
        found = [name for name in wrong if _predicts(predict, evidence, name)]
        score = len(found) - 0.5 * sum(_contradicts(predict, evidence, name) for name in question.returns if name not in wrong) if found else 0
        if score > most:
            best, most = (mistake, found), score
            if score == len(wrong):
                break
    return best and Mistake(best[0].name, best[0].says.format(" and ".join(best[1])), best[0].lesson)


def _predicts(predict, evidence, name):
    """Whether it is what was given in every case, and in some case not what should have been."""
    differs = False
    for trial in evidence:
        expected = trial.call.expected[name]
        if name in trial.given and expected is not None:
            value = _value_of(predict, trial, name)
            if value is None or not _close(value, trial.given[name]):
                return False
            differs = differs or not _close(value, expected)
    return differs


def _contradicts(predict, evidence, name):
    """Whether it would have spoilt a result that is right."""
    for trial in evidence:
        value = _value_of(predict, trial, name) if name in trial.given and trial.call.expected[name] is not None else None
        if value is not None and not _close(value, trial.given[name]):
            return True
    return False


def _value_of(predict, trial, name):
    with np.errstate(all="ignore"):
        try:
            return predict(trial, name)
        except (ValueError, IndexError, AttributeError, TypeError, KeyError, ZeroDivisionError):
            return None                                                # a formula that has no value for these shapes


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
    mistakes = []                   # the entries of one mistake, which shows in several results, together
    for entry in WRONG:
        if question.name in entry.questions.split():
            same = (mistakes[-1][0].name, mistakes[-1][0].says) == (entry.name, entry.says) if mistakes else False
            if same and entry.output not in mistakes[-1][1]:
                mistakes[-1][1][entry.output] = entry.formula
            else:
                mistakes.append((Mistake(entry.name, entry.says, entry.lesson), {entry.output: entry.formula}))
    for mistake, formulas in mistakes:
        yield mistake, lambda trial, name, formulas=formulas: formulas[name](trial.call.v) if name in formulas else None


def _planted(question, broken):
    def predict(trial, name):
        call = trial.call
        if not question.backward:
            return broken(call.case.arrays, call.case.options).get(name)
        upstream = {key: value.copy() for key, value in call.upstream.items()}
        return broken(upstream, call.case.arrays, call.outputs, call.case.options).get(name[1:])
    return predict


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

def _transforms(question, evidence, wrong):
    """Explanations that fit any operation."""
    def of(change):
        """A prediction from the right result alone."""
        return lambda trial, name: change(np.asarray(trial.call.expected[name])) if name in wrong else None
    yield Mistake("all zeros", "{} is zero everywhere.", "Was the result ever written to?"), of(np.zeros_like)
    yield Mistake("wrong sign", "{} is right but for its sign."), of(np.negative)
    for factor, words in ((2.0, "twice"), (0.5, "half of"), (1 / np.log(2), "1 / ln 2 times"), (1 / np.log(10), "1 / ln 10 times")):
        yield Mistake("constant factor", f"{{}} is {words} what it should be."), of(lambda expected, factor=factor: factor * expected)
    if _one_factor(evidence, wrong):
        yield from _factors(question, wrong)
    yield from _exchanged(question, wrong)
    for axis, text in enumerate(("image", "row", "column", "channel")):
        yield Mistake("turned round", f"The {text}s of {{}} are in the opposite order."), of(lambda expected, axis=axis: np.flip(expected, axis))
        for index, which in ((0, "first"), (-1, "last")):
            yield (Mistake(f"{which} {text} only", f"Every {text} of {{}} has the values of the {which} one."),
                   of(lambda expected, axis=axis, index=index: np.broadcast_to(np.take(expected, [index], axis), expected.shape)))
            yield (Mistake(f"{which} {text} left out", f"The {which} {text} of {{}} is zero: the loop does not reach it."),
                   of(lambda expected, axis=axis, index=index: _left_out(expected, axis, index)))
            yield (Mistake(f"only the {which} {text} written", f"All but the {which} {text} of {{}} is zero."),
                   of(lambda expected, axis=axis, index=index: expected - _left_out(expected, axis, index)))
        for collect, words in ((np.mean, "mean"), (np.sum, "sum")):
            yield (Mistake(f"{words} over the {text}s", f"Every {text} of {{}} has the {words} over all of them."),
                   of(lambda expected, axis=axis, collect=collect: np.broadcast_to(collect(expected, axis=axis, keepdims=True), expected.shape)))
    yield Mistake("transposed", "{} is the transpose of what it should be.", "A gradient has the shape of its array."), of(np.transpose)
    for ndim in (2, 3, 4):
        for order in itertools.permutations(range(ndim)):
            if order != tuple(range(ndim)):
                yield (Mistake("reshaped, not transposed", "The values of {} stand in another order: a reshape where a transpose belongs.",
                               "A reshape makes shapes fit and numbers wrong."),
                       of(lambda expected, order=order: expected.transpose(order).reshape(expected.shape)))
    yield Mistake("integers inside", "{} has lost its fractions.", "A buffer of integers cuts off what is written into it."), of(np.trunc)
    for digits in range(1, 9):
        yield Mistake("rounded", f"{{}} is rounded to {digits} decimals.", "Round what is printed, never what is computed with."), of(
            lambda expected, digits=digits: np.round(expected, digits))
    yield (Mistake("NaN or infinity", "{} holds NaN or infinity where it should not.",
                   "Which exponential, logarithm or division can leave the range of numbers?"), _not_finite)


def _one_factor(evidence, wrong):
    """Whether some wrong result is one number times the right one, in each case: else there is no factor to look for."""
    def single(trial, name):
        expected, given = np.asarray(trial.call.expected[name]).ravel(), np.asarray(trial.given[name]).ravel()
        return expected.shape == given.shape and _close(expected * (expected @ given) / max(expected @ expected, 1e-300), given)
    return any(all(single(trial, name) for trial in evidence if name in trial.given and trial.call.expected[name] is not None) for name in wrong)


def _exchanged(question, wrong):
    """A result, or an argument, in the place of another result."""
    returns = question.returns
    for order in itertools.permutations(range(len(returns))):
        if list(order) != sorted(order):
            yield (Mistake("results in the wrong order", f"It returns {', '.join(returns[i] for i in order)}; the order is {', '.join(returns)}.",
                           "A backward returns one gradient for each array argument of its forward, in that order."),
                   lambda trial, name, order=order: trial.call.expected[returns[order[returns.index(name)]]])
    for argument in question.parameters:
        yield (Mistake("argument returned", f"{{}} is the argument {argument} as it came."),
               lambda trial, name, argument=argument: getattr(trial.call.v, argument) if name in wrong else None)
    for other in returns:
        yield (Mistake("one result for another", f"{{}} is {other}, where something else belongs."),
               lambda trial, name, other=other: trial.call.expected[other] if other != name and name in wrong else None)


def _factors(question, wrong):
    """Right but for a factor that follows from the sizes."""
    for symbol in _factor_names(question):
        yield (Mistake(f"factor {symbol}", f"{{}} is {symbol} times what it should be.", "Which sum is a mean, or which mean a sum?"),
               lambda trial, name, symbol=symbol: np.asarray(trial.call.expected[name]) * _symbols(trial)[symbol] if name in wrong else None)


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


def _left_out(expected, axis, index):
    expected = np.array(expected)
    expected[(slice(None),) * axis + (index,)] = 0
    return expected


def _by_precision(evidence, wrong):
    """What is right to seven digits was cut to seven digits."""
    def error(trial, name):
        expected, given = np.asarray(trial.call.expected[name]), _array(trial.given.get(name))
        if given is None or given.shape != expected.shape or given.dtype.kind != "f":
            return np.inf
        return np.max(np.abs(given - expected), initial=0) / max(np.max(np.abs(expected), initial=0), 1e-300)
    errors = [error(trial, name) for trial in evidence for name in wrong if trial.call.expected[name] is not None]
    if errors and max(errors) < 3e-6:
        return Mistake("float32 inside", f"{' and '.join(wrong)}: right to seven digits. Somewhere inside it was cut to float32.",
                       "An error of 1e-8 passes every central difference; the complex step is exact enough to see it.")
    return None


def _not_finite(trial, name):
    expected, given = np.asarray(trial.call.expected[name]), np.asarray(trial.given[name])
    if given.shape != expected.shape:
        return None
    return np.where(np.isfinite(given), expected, given)


# ---- shapes ----------------------------------------------------------------------------------------------------------------

def _by_shape(question, evidence):
    """Of a result that has the wrong shape: what the shapes of all cases have in common."""
    for name in question.returns:
        found = [(np.shape(trial.given[name]), np.shape(trial.call.expected[name]), trial) for trial in evidence
                 if name in trial.given and trial.call.expected[name] is not None and _array(trial.given[name]) is not None]
        wrong = [(given, expected) for given, expected, _ in found if given != expected]
        if not wrong:
            continue
        given, expected = min(wrong, key=lambda pair: sum(pair[0]))
        says = f"{name} has shape {given}; it takes {expected}."
        longer = [len(given) - len(expected) for given, expected in wrong]
        for rule, mistake in _sizes(question, name):
            if all(rule(trial) == given for given, _, trial in found if rule(trial) is not None):
                return Mistake(mistake.name, mistake.says or says, mistake.lesson)
        if min(longer) > 0 and all(sorted(n for n in given if n > 1) == sorted(n for n in expected if n > 1) for given, expected in wrong):
            return Mistake("keepdims left in", says,
                           "Axes of size 1 that were summed over are still there; beside other shapes they broadcast, and no error tells.")
        if min(longer) > 0:
            return Mistake("not summed over all axes", says, ALL_AXES)
        if max(longer) < 0:
            return Mistake("axes missing", says, "Which indices are still there on the left side of the equation?")
        if hasattr(found[0][2].call.v, "w") and all(given[:-1] == expected[:-1] for given, expected in wrong):
            return Mistake("wrong number of channels", says, "w is (C_out, C_in / groups, KH, KW), and (out, in) in a fully connected layer.")
        if all(sorted(given) == sorted(expected) for given, expected in wrong):
            return Mistake("axes in the wrong order", says, "Images are (N, H, W, C), convolution weights (C_out, C_in / groups, KH, KW), "
                                                            "fully connected ones (out, in).")
        if hasattr(found[0][2].call.v, "stride"):
            return Mistake("output size", says, OUTPUT_SIZE)
        return Mistake("wrong shape", says, "A gradient has the shape of its array.")
    return None


OUTPUT_SIZE = "floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1, for each side by itself."


def _sizes(question, name):
    """The ways to get a convolution's output size wrong, each as the shape that it gives."""
    def size(**changed):
        def rule(trial):
            v = trial.call.v
            if not hasattr(v, "w"):
                return None
            o = dict(stride=v.stride, padding=v.padding, dilation=v.dilation, kernel=v.w.shape[2:], divide=lambda a, b: a // b, more=1) | {
                key: value(v) if callable(value) and key != "divide" else value for key, value in changed.items()}
            sides = [o["divide"](length + 2 * a - d * (k - 1) - 1, t) + o["more"] for length, a, d, k, t in zip(
                v.x.shape[1:3], o["padding"], o["dilation"], o["kernel"], o["stride"])]
            return (len(v.x), *sides, len(v.w))
        return rule
    if question.name == "conv2d":
        for option in ("stride", "padding", "dilation"):
            yield size(**{option: lambda v, option=option: getattr(v, option)[::-1]}), Mistake(
                f"{option} on the wrong axis", f"The size of y has the vertical {option} across and the horizontal one down.", OUTPUT_SIZE)
            yield size(**{option: lambda v, one=int(option != "padding"): (one, one)}), Mistake(
                f"{option} ignored", f"The size of y does not know the {option}.", OUTPUT_SIZE)
        yield size(divide=lambda a, b: -(-a // b)), Mistake("ceil for floor", "The size of y is rounded up.", OUTPUT_SIZE)
        yield size(more=0), Mistake("one row and column short", "The size of y lacks the + 1.", OUTPUT_SIZE)
        yield size(kernel=lambda v: (v.w.shape[2],) * 2), Mistake("height of the kernel for its width", "The size of y has KH for KW.", OUTPUT_SIZE)
    if name == "dx" and question.row.name == "conv2d":
        yield _cropped_away, Mistake("empty result", "", "A slice [p:-p] is empty where p is 0; [p:p + size] is not.")
        yield (lambda trial: _with_padding(trial)), Mistake("padding not cut off", "dx is the gradient of the padded image, padding and all.",
                                                           "The padding is no variable: dx has the shape of x.")


def _cropped_away(trial):
    """What [p:-p] leaves."""
    n, height, width, c = trial.call.v.x_shape
    return n, *(length if p else 0 for length, p in zip((height, width), trial.call.v.padding)), c


def _with_padding(trial):
    n, height, width, c = trial.call.v.x_shape
    a = trial.call.v.padding
    return n, height + 2 * a[0], width + 2 * a[1], c


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
