"""How a call went: what can be said of it before any number is looked at."""
from minisenet.checker.result import Mistake

ORDER = "A backward returns one gradient for each array argument of its forward, in that order."
COPY = "Whoever called still needs that array: copy it, or write into a new one."
OUTLIVES = "A buffer, a default argument or a global that outlives the call: make the arrays inside the function."
BLOCKED = "minisenet is not to be had"                                    # `worker` says so


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
                     "Is there a loop that never ends, or one over every value in Python?")
    return _seen("ends the process", f"It cannot go on: {error}.",
                 "exit() and crashes end everything that was asked with it.")


def before_numbers(evidence):
    """The Mistake of a call that raises, returns nothing of use, or leaves traces; None where there is no such thing."""
    faults = {fault.kind: fault for fault in reversed(evidence.smallest.faults)}
    for kind in ("written", "state", "global"):                        # seen in some calls only
        faults |= {fault.kind: fault for trial in evidence.trials for fault in trial.faults if fault.kind == kind}
    for kind, explain in BEFORE_NUMBERS.items():
        if kind in faults:
            return explain(faults[kind])
    return None


def beside_right_numbers(evidence):
    """The Mistake of a call whose numbers are right, and that hands out somebody else's memory."""
    for fault in evidence.smallest.faults:
        if fault.kind == "aliased":
            return _seen("returns its argument", _sentence(fault.text),
                         "Who writes into one changes the other: return a new array.")
    return None


# ---- one function for each kind of `comparison.Fault` ---------------------------------------------------------------------

def _raises(fault):
    kind = fault.text.partition("raises ")[2].partition(":")[0]
    if BLOCKED in fault.text:
        return _seen("imports minisenet", _sentence(fault.text))
    if kind == "NotImplementedError":
        return _seen("not written yet", "It raises NotImplementedError.")
    if kind == "MemoryError":
        return _seen("too much memory", _sentence(fault.text), "Which array has a size that nothing in the equation has?")
    if kind == "SystemExit":
        return _seen("ends the process", "It calls exit().")
    return _seen(f"raises {kind}", f"On the smallest case it {fault.text}.")


def _returns(fault):
    if "return?" in fault.text:
        name = "returns None"
    else:
        name = "wrong kind of result" if fault.output else "wrong number of results"
    return _seen(name, _sentence(fault.text), ORDER)


def _written(fault):
    if fault.output.startswith("d"):
        return _seen("upstream gradient overwritten", f"It writes into {fault.output}.",
                     "In a residual block dy goes down the shortcut too, and arrives there changed.")
    return _seen("input overwritten", f"It writes into its argument {fault.output}.", COPY)


def _dtype(fault):
    if "float32" in fault.text:
        return _seen("float32 returned", _sentence(fault.text), "dtypes are never changed: float64 in, float64 out.")
    if "int" in fault.text:
        return _seen("integers returned", _sentence(fault.text),
                     "A buffer of integers cuts off what is written into it: np.zeros_like of what?")
    return _seen("wrong dtype", _sentence(fault.text))


BEFORE_NUMBERS = {
    "raises": _raises,
    "returns": _returns,
    "written": _written,
    "state": lambda fault: _seen("not the same when called again", _sentence(fault.text), OUTLIVES),
    "global": lambda fault: _seen("global state changed", _sentence(fault.text),
                                  "numpy.random.default_rng(seed) makes a generator of one's own."),
    "dtype": _dtype,
}


def _sentence(text):
    """With a full stop, and a capital where it does not begin with the name of a result."""
    begins = text[0].upper() if text.split()[0] in ("it", "what", "raises", "the") else text[0]
    return begins + text[1:] + ("" if text.endswith(("?", ".")) else ".")
