"""How a call went: what can be said of it without its numbers."""
import itertools
import re

import numpy as np

from minisenet.checker.comparison import as_array
from minisenet.checker.diagnosis.branches import where
from minisenet.checker.result import Mistake

COPY = "The caller still needs that array: copy it, or write into a new one."
OUTLIVES = ("Does a buffer, a default argument or a global outlive the call? Make the arrays inside the function. "
            "Does it draw random numbers?")
BLOCKED = "minisenet cannot be imported"                                  # `worker` says so
OUT_OF_RANGE = "Compare the range of each loop with the size of that axis."
KEEPDIMS = ("One shape is the other without some of its axes. If a sum or a mean dropped them, keepdims=True keeps them, and "
            "the shapes broadcast.")


def _seen(name, says, lesson=""):
    """A Mistake that was seen, not inferred."""
    return Mistake(name, says, lesson, certain=True)


def not_imported(described):
    """The Mistake of a file that cannot be imported, from what `worker.explain` made of the exception."""
    at = f", line {described['line']}: {described['source']}" if described.get("source") else ""
    if described["type"] == "SystemExit":
        return _seen("ends the process", f"It calls exit() while it is imported{at}.")
    if described["type"] == "LookupError":
        return _seen("no such function", described["text"])
    if described["type"] == "ImportError" and BLOCKED in described["text"]:
        name = "imports minisenet"
    else:
        name = "syntax error" if described["type"] == "SyntaxError" else "cannot be imported"
    return _seen(name, f"{described['type']}: {described['text']}{at}")


def ended(error):
    """The Mistake of a call, or of an import, from which nothing came back (`sandbox.Ended`)."""
    if error.kind == "hangs":
        return _seen("does not return", f"It was stopped: {error}.",
                     "Is there a loop that never ends, or a Python loop over every value?")
    return _seen("ends the process", f"The check cannot go on: {error}.")


def order(spec):
    """What a function returns, and in which order, in a sentence."""
    if spec.backward:
        return "A backward returns one gradient for each array argument of its forward, in that order."
    return f"{spec.name} returns {', '.join(spec.returns)}{', in this order' * (len(spec.returns) > 1)}."


def before_numbers(evidence):
    """The Mistake of a call that raises, returns nothing of use, or leaves traces; None if there is no such fault."""
    return _first(BEFORE_NUMBERS, evidence)


def dtypes(evidence):
    """The Mistake of results whose dtype is wrong, or None."""
    return _first({"dtype": _dtype}, evidence)


def _first(explanations, evidence):
    faults = {fault.kind: fault for fault in reversed(evidence.smallest.faults)}
    for kind in ("written", "empty", "state", "global"):               # seen in some calls only
        faults |= {fault.kind: fault for trial in evidence.trials for fault in trial.faults if fault.kind == kind}
    return next((explain(faults[kind], evidence) for kind, explain in explanations.items() if kind in faults), None)


def beside_right_numbers(evidence):
    """The Mistake of a call whose numbers are right, and whose result is its argument's memory."""
    for fault in evidence.smallest.faults:
        if fault.kind == "aliased":
            return _seen("returns its argument", _sentence(fault.text),
                         "Writing to one changes the other: return a new array.")
    return None


def remembered(evidence):
    """The Mistake of an answer that returns what it returned for other values, or None."""
    reals = [trial for trial in evidence.trials if trial.kind == "reals" and trial.given]
    right = [trial for trial in reals if not trial.faults]
    wrong = [trial for trial in reals if trial.faults]
    if wrong and all(any(_same_result(one, other) for other in right) for one in wrong):
        return _seen("earlier result returned", "It returns the result of an earlier call, whose arguments had other values.",
                     "Does it keep results by the shapes of the arguments?")
    return None


def _same_result(one, other):
    """Whether two trials have the same numbers, fractions among them: real numbers that are equal by chance are rare."""
    arrays = [as_array(trial.given.get(name)) for trial in (one, other) for name in one.given]
    ones, others = arrays[:len(one.given)], arrays[len(one.given):]
    return all(a is not None and b is not None and np.array_equal(a, b) for a, b in zip(ones, others)) and any(
        np.any(a != np.round(a)) for a in ones)


# ---- one function for each kind of `comparison.Fault` ---------------------------------------------------------------------

def _raises(fault, evidence):
    kind = re.search(r"raises (\w+)", fault.text)[1]
    if BLOCKED in fault.text:
        return _seen("imports minisenet", _sentence(fault.text))
    if kind == "NotImplementedError":
        place = _place(evidence, lambda one: "raises NotImplementedError" in one.text)
        return _seen("one branch not written yet" if place else "not written yet", f"It raises NotImplementedError{place}.")
    if kind == "MemoryError":
        return _seen("too much memory", _sentence(fault.text),
                     "Which array is larger than all in the equation, or which list grows without end?")
    if kind == "SystemExit":
        return _seen("ends the process", "It calls exit().")
    place = _place(evidence, lambda one: f"raises {kind}" in one.text)
    only = f" It raises {kind} only{place}." if place.startswith(" where") else ""
    return _seen(f"raises {kind}", f"On the smallest case it {fault.text}.{only}", hint(fault.text))


NOT_POSITIVE = "math.log needs a number above 0, and math.sqrt one that is not negative. Can the argument be rounded to 0?"
OF_MATH = {                         # what the exceptions of Python's math mean; the last two are one error, by version
    "math range error": "math.exp(x) overflows beyond x = 709, where np.exp gives inf. Keep its argument at 0 or below.",
    "math domain error": NOT_POSITIVE,
    "expected a positive input": NOT_POSITIVE,
}


def hint(text):
    """What one learns from the text of an exception; "" if that is unknown."""
    if "raises IndexError" in text:
        return OUT_OF_RANGE * ("out of bounds" in text)
    return next((says for error, says in OF_MATH.items() if error in text), KEEPDIMS * _without_axes(text))


def _without_axes(text):
    """Whether two shapes do not broadcast, and one of them is the other without some of its axes."""
    shapes = [tuple(map(int, re.findall(r"\d+", shape))) for shape in re.findall(r"\((\d[\d, ]*)\)", text)]
    if "broadcast together" not in text or len(shapes) != 2:
        return False
    short, long = sorted(shapes, key=len)
    return len(short) < len(long) and short in itertools.combinations(long, len(short))


def _returns(fault, evidence):
    if "return?" in fault.text:
        place = _place(evidence, lambda one: "return?" in one.text)
        return _seen("returns None", f"It returns None{place}: is there a return{' in that branch' * bool(place)}?",
                     order(evidence.spec))
    if (fault.output or "").startswith("db") and fault.text.endswith("is None"):
        return _seen("no bias gradient", f"{fault.output} is None, though there is a bias.",
                     "With bias=True, return its gradient too, and hand the option on to the passes that you call.")
    if fault.output and len(evidence.spec.returns) > 1:
        return _seen("wrong kind of result", _sentence(fault.text), order(evidence.spec))
    return _seen("wrong kind of result" if fault.output else "wrong number of results", _sentence(fault.text),
                 "" if fault.output else order(evidence.spec))


def _written(fault, evidence):
    if fault.output.startswith("d"):
        return _seen("upstream gradient overwritten", f"It writes into {fault.output}.",
                     "The caller may send the same array down another path, such as a shortcut, and then it is changed there.")
    return _seen("input overwritten", f"It writes into its argument {fault.output}.", COPY)


def _dtype(fault, evidence):
    given = fault.text.partition("got ")[2]
    if given == "float32":
        return _seen("float32 returned", _sentence(fault.text), "dtypes never change: float64 in, float64 out.")
    if "int" in given:
        return _seen("integers returned", _sentence(fault.text),
                     "A buffer of integers cuts off fractions. Which dtype does yours have?")
    return _seen("wrong dtype", _sentence(fault.text))


BEFORE_NUMBERS = {
    "raises": _raises,
    "returns": _returns,
    "written": _written,
    "empty": lambda fault, _: _seen("array not cleared", _sentence(fault.text),
                                    "np.zeros begins with zeros. np.empty is for arrays of which you write every element."),
    "state": lambda fault, _: _seen("not the same when called again", _sentence(fault.text), OUTLIVES),
    "global": lambda fault, _: _seen("global state changed", _sentence(fault.text),
                                     "numpy.random.default_rng(seed) makes a generator of your own."),
}


def _place(evidence, shows):
    """" where groups > 1", if a fault is in some calls only; "" if it is in all of them."""
    found = [any(map(shows, trial.faults)) for trial in evidence.trials]
    if all(found):
        return ""
    return where([trial for trial, there in zip(evidence.trials, found) if there],
                 [trial for trial, there in zip(evidence.trials, found) if not there]) or " in some cases"


def _sentence(text):
    """With a full stop, and a capital if it does not begin with the name of a result."""
    text = f"it {text}" if text.startswith("raises") else text
    begins = text[0].upper() if text.split()[0] in ("it", "its", "what", "the") else text[0]
    return begins + text[1:] + ("" if text.endswith(("?", ".")) else ".")
