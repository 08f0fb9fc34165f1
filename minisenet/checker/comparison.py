"""One call of somebody's function: what it returned against what it should have returned, and how it went about it."""
from dataclasses import dataclass

import numpy as np

from minisenet.checker.worker import Other


@dataclass(frozen=True)
class Fault:
    """What is wrong with one call.

    Attributes
    ----------
    kind : str
        "raises", "returns", "shape", "dtype", "value", "written", "aliased", "state", "hangs" or "dies".
    output : str or None
        The result that it concerns.
    text : str
    """

    kind: str
    output: str | None
    text: str


def compare(spec, call, seen):
    """(given, faults): the results by name as far as they can be told, and everything that is wrong with them.

    Parameters
    ----------
    spec : Specification
    call : Call
        As `Specification.call_on` made it.
    seen : dict
        As `worker.observe` saw it.
    """
    if seen["error"]:
        error = seen["error"]
        at = f", line {error['line']}: {error['source']}" if error.get("source") else ""
        again = "the second call " if error.get("second") else ""
        return {}, [Fault("raises", None, f"{again}raises {error['type']}: {error['text']}{at}")]
    names, faults = list(call.args), []
    if spec.in_place:
        after = dict(zip((name for name, arg in call.args.items() if isinstance(arg, np.ndarray)), seen["after"]))
        given = {name: after[name] for name in spec.returns}
        value = tuple(given.values())
        allowed = spec.returns
    else:
        value, allowed = seen["value"], ()
        given, problem = _named(call.expected, value)
        faults += [problem] if problem else []
    for name, result in given.items():
        fault = _compare(name, result, call.expected[name], call.args.values(), spec)
        faults += [fault] if fault else []
    for i in seen["written"]:
        if names[i] not in allowed:
            faults.append(Fault("written", names[i], f"it writes into its argument {names[i]}"))
    for i in seen["shares"]:
        if not spec.in_place:
            faults.append(Fault("aliased", names[i], f"what it returns shares memory with its argument {names[i]}"))
    if seen["seeded"]:
        faults.append(Fault("global", None, "it changes the state of numpy.random, which belongs to the caller"))
    if seen["changed"]:
        faults.append(Fault("state", None, "what it returns depends on the calls before, or a later call changes it"))
    return given, faults


def _named(expected, value):
    """The results by name, and a Fault where their number is wrong."""
    wanted = {name: array for name, array in expected.items() if array is not None}
    if value is None:
        return {}, Fault("returns", None, "it returns None: is there a return?")
    if len(expected) == 1:
        if isinstance(value, (list, tuple)):
            name = next(iter(expected))
            kind = f"{type(value).__name__} of {len(value)}"
            return {}, Fault("returns", name, f"it returns a {kind}, and should return the array {name} itself")
        return {next(iter(expected)): value}, None
    if not isinstance(value, (list, tuple)):
        return {}, Fault("returns", None,
                         f"it returns {_kind(value)}; it takes {len(expected)} results: {', '.join(expected)}")
    if len(value) == len(expected):
        return {name: item for name, item in zip(expected, value) if name in wanted or item is not None}, None
    if len(value) == len(wanted) and list(expected)[:len(wanted)] == list(wanted):
        return dict(zip(wanted, value)), None                          # the Nones at the end may be left out
    return {}, Fault("returns", None, f"it returns {len(value)} results; it takes {len(expected)}: {', '.join(expected)}")


def _kind(value):
    """A result in words. What has no place in a message has arrived as the name of its type: a string."""
    if type(value) is np.ndarray:
        return f"an array of shape {value.shape}"
    return str(value) if isinstance(value, Other) else f"a {type(value).__name__}"


def _compare(name, given, expected, args, spec):
    """The Fault of one result, or None."""
    if expected is None:
        return Fault("returns", name, f"{name} has to be None: the forward was given no such array")
    if given is None:
        return Fault("returns", name, f"{name} is None")
    if isinstance(given, (bool, int, float, np.generic)):
        given = np.asarray(given)
    if isinstance(given, np.ndarray) and given.dtype.kind not in "biufc":
        return Fault("returns", name, f"{name} is an array of dtype {given.dtype}, not of numbers")
    expected = np.asarray(expected)
    if type(given) is not np.ndarray:                                  # np.matrix and masked arrays calculate otherwise
        return Fault("returns", name, f"{name} is {_kind(given)}, where a plain array of shape {expected.shape} belongs")
    if given.shape != expected.shape:
        return Fault("shape", name, f"{name} has shape {given.shape}; it takes {expected.shape}")
    if given.dtype != expected.dtype and not (given.dtype.kind == expected.dtype.kind == "i"):
        return Fault("dtype", name, f"{name} is {given.dtype}; with float64 arguments it takes {expected.dtype}")
    if not np.all(np.isfinite(given)):
        return Fault("value", name, f"{name} holds {'NaN' if np.isnan(given).any() else 'infinity'}")
    if excess(given, expected, args, spec) > 1:
        return Fault("value", name, f"{name} is off by {np.max(np.abs(given - expected)):.2g}")
    return None


def excess(given, expected, args, spec):
    """The largest difference, in units of what is allowed."""
    inputs = max((np.max(np.abs(arg)) for arg in args if isinstance(arg, np.ndarray) and arg.dtype.kind == "f" and arg.size),
                 default=1.0)
    allowed = spec.relative * np.max(np.abs(expected), initial=0) + spec.absolute * max(inputs, 1.0)
    with np.errstate(invalid="ignore"):
        difference = np.max(np.abs(np.asarray(given) - expected), initial=0)
    return np.inf if np.isnan(difference) else float(difference / allowed)


def as_array(value):
    """A result as an array; None where it is not one of numbers."""
    array = np.asarray(value) if isinstance(value, (np.ndarray, float, int)) else None
    return array if array is not None and array.dtype.kind in "biufc" else None
