"""One call of an answer: what it returned against what it should have returned, and what else it did."""
from dataclasses import dataclass

import numpy as np

from minisenet.checker.worker import UNSET, Other


@dataclass(frozen=True)
class Fault:
    """What is wrong with one call.

    Attributes
    ----------
    kind : str
        "raises", "returns", "shape", "dtype", "value", "empty", "written", "aliased", "state", "global", "hangs" or "dies".
    output : str or None
        The result that it is about.
    text : str
    """

    kind: str
    output: str | None
    text: str


def compare(spec, call, seen):
    """(given, faults): the results by name, as far as they have one, and all their faults.

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
        text = f": {error['text']}" if error["text"] else ""
        return {}, [Fault("raises", None, f"{again}raises {error['type']}{text}{at}")]
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
        fault = _compare(name, result, call)
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
        faults.append(Fault("state", None, "its result changes when it is called again, or a later call writes to it"))
    if seen["unset"]:
        faults.append(Fault("empty", None, f"its result depends on what np.empty finds in memory, here {UNSET}"))
    return given, faults


def _named(expected, value):
    """The results by name, and a Fault if their number is wrong."""
    wanted = {name: array for name, array in expected.items() if array is not None}
    if value is None:
        return {}, Fault("returns", None, "it returns None: is there a return?")
    if len(expected) == 1:
        if isinstance(value, (list, tuple)):
            name = next(iter(expected))
            kind = f"{type(value).__name__} of {len(value)}"
            return {}, Fault("returns", name, f"it must return the array {name} itself, got a {kind}")
        return {next(iter(expected)): value}, None
    if not isinstance(value, (list, tuple)):
        return {}, Fault("returns", None,
                         f"it must return {len(expected)} results, {', '.join(expected)}, got {_kind(value)}")
    if len(value) == len(expected):
        return {name: item for name, item in zip(expected, value) if name in wanted or item is not None}, None
    if len(value) == len(wanted) and list(expected)[:len(wanted)] == list(wanted):
        return dict(zip(wanted, value)), None                          # the Nones at the end may be left out
    return {}, Fault("returns", None, f"it must return {len(expected)} results, {', '.join(expected)}, got {len(value)}")


def _kind(value):
    """A result in words. A message cannot hold a value of any type: the others arrive as their type's name."""
    if type(value) is np.ndarray:
        return f"an array of shape {value.shape}"
    return str(value) if isinstance(value, Other) else f"a {type(value).__name__}"


def _compare(name, given, call):
    """The Fault of one result, or None."""
    expected = call.expected[name]
    if expected is None:
        return Fault("returns", name, f"{name} must be None here: the forward had no such array")
    if given is None:
        return Fault("returns", name, f"{name} is None")
    if isinstance(given, (bool, int, float, np.generic)):
        given = np.asarray(given)
    if isinstance(given, np.ndarray) and given.dtype.kind not in "biufc":
        return Fault("returns", name, f"{name} must be an array of numbers, got dtype {given.dtype}")
    expected = np.asarray(expected)
    if type(given) is not np.ndarray:                                  # np.matrix and masked arrays have other rules
        return Fault("returns", name, f"{name} must be a plain array of shape {expected.shape}, got {_kind(given)}")
    if given.shape != expected.shape:
        return Fault("shape", name, f"{name} must have shape {expected.shape}, got {given.shape}")
    if given.dtype != expected.dtype and not (given.dtype.kind == expected.dtype.kind == "i"):
        return Fault("dtype", name, f"{name} must be {expected.dtype} for float64 arguments, got {given.dtype}")
    if not np.all(np.isfinite(given)):
        return Fault("value", name, f"{name} has a {'NaN' if np.isnan(given).any() else 'value that is infinite'}")
    if error_of(given, expected, call) > call.tolerance[0]:
        return Fault("value", name, f"{name} is off by {np.max(np.abs(given - expected)):.2g}")
    return None


def error_of(given, expected, call):
    """The largest difference, relative to the largest element; or to the arguments, if a result is much smaller than they."""
    given, expected = np.asarray(given), np.asarray(expected)
    if given.shape != expected.shape:
        return np.inf
    relative, absolute = call.tolerance
    inputs = max((np.max(np.abs(arg)) for arg in call.args.values()
                  if isinstance(arg, np.ndarray) and arg.dtype.kind == "f" and arg.size), default=1.0)
    size = np.max(np.abs(expected), initial=0) + absolute / relative * max(inputs, 1.0)
    with np.errstate(invalid="ignore"):
        difference = np.max(np.abs(given - expected), initial=0)
    return np.inf if np.isnan(difference) else float(difference / size)


def as_array(value):
    """A result as an array; None if it is not one of numbers."""
    array = np.asarray(value) if isinstance(value, (np.ndarray, float, int, complex)) else None
    return array if array is not None and array.dtype.kind in "biufc" else None
