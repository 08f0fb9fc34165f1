"""The other side of `sandbox`: a program that loads a file, calls one function of it, and describes what happened.

It is started by its path, in a process of its own, and does not import minisenet: the checked file must not be able to ask
for the answer. Messages are JSON with the arrays' bytes behind them. Neither side ever unpickles.

    first message in     {"file", "function", "path", "memory"}      -> what `load` found
    then, each one in    {"args", "kwargs", "twice"}                 -> what `observe` saw
"""
import functools
import importlib.machinery
import importlib.util
import inspect
import io
import json
import os
import struct
import sys
import traceback
import warnings

if __name__ == "__main__":
    sys.path += sys.argv[1:]        # where NumPy is: an isolated process has neither PYTHONPATH nor the user's own packages

import numpy as np

MOST_BYTES = 1 << 26                # of one returned value; a larger one is named, not sent
UNSET = 6.02e23                     # np.empty's values while a function is called
BLOCKED = "minisenet"


# ---- messages ----------------------------------------------------------------------------------------------------------

def send(stream, value):
    """Write one message: the length of the JSON, the JSON, and then the bytes of the arrays that it mentions."""
    arrays = []
    text = json.dumps(_plain(value, arrays)).encode()
    stream.write(struct.pack("<qq", len(text), sum(array.nbytes for array in arrays)) + text)
    for array in arrays:
        stream.write(array.tobytes())
    stream.flush()


def receive(stream):
    """Read one message. Raises EOFError if the other side is gone."""
    length, size = struct.unpack("<qq", _read(stream, 16))
    text, data = json.loads(_read(stream, length)), io.BytesIO(_read(stream, size))
    return _rich(text, data)


def _read(stream, count):
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _plain(value, arrays):
    """Numbers, strings, lists and dicts as they are; an array as its dtype and shape; anything else by its type's name."""
    if (type(value) is np.ndarray or isinstance(value, np.generic)) and value.dtype.kind in "biufc":
        array = np.asarray(value)
        if array.nbytes > MOST_BYTES:
            return {"other": f"an array of shape {array.shape}, which is too large"}
        arrays.append(array)
        return {"array": array.dtype.str, "shape": array.shape}
    if isinstance(value, complex):
        return _plain(np.asarray(value), arrays)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value if not isinstance(value, int) or abs(value) < 2**62 else {"other": "a huge int"}
    if isinstance(value, (list, tuple)) and len(value) <= 1000:
        return {"items": [_plain(item, arrays) for item in value], "type": type(value).__name__}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _plain(item, arrays) for key, item in value.items()}}
    if type(value) is np.ndarray:
        return {"other": f"an array of dtype {value.dtype}"}
    return {"other": f"a {type(value).__name__}"}


class Other(str):
    """The name of the type of a value that cannot be sent."""


def _rich(value, data):
    if not isinstance(value, dict):
        return value
    if "array" in value:
        dtype, shape = np.dtype(value["array"]), tuple(value["shape"])
        raw = _read(data, dtype.itemsize * int(np.prod(shape, dtype=np.int64)))
        return np.frombuffer(raw, dtype).reshape(shape).copy()
    if "items" in value:
        items = [_rich(item, data) for item in value["items"]]
        return items if value["type"] == "list" else tuple(items)
    if "dict" in value:
        return {key: _rich(item, data) for key, item in value["dict"].items()}
    return Other(value["other"])


# ---- a function, and what it does ----------------------------------------------------------------------------------------

class _Blocked:
    """The first finder in line: it refuses to import minisenet."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == BLOCKED:
            raise ImportError(f"{BLOCKED} cannot be imported here: the answer must be your own")
        return None


def load(file, function):
    """Import `file` (a .py or a compiled extension) and find `function` in it: (the function, a description)."""
    name = os.path.basename(file).partition(".")[0]
    compiled = file.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES))
    loader = (importlib.machinery.ExtensionFileLoader if compiled else importlib.machinery.SourceFileLoader)(name, file)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    sys.modules[name] = module
    loader.exec_module(module)
    found = getattr(module, function, None)
    if not callable(found):
        there = [key for key, value in vars(module).items() if inspect.isroutine(value) and value.__module__ == name]
        raise LookupError(f"{os.path.basename(file)} does not define {function}"
                          + (f"; it defines {', '.join(there)}" if there else ""))
    return found, module


def describe(function, module=None):
    """A function's parameters by name, None if they are unknown, and whether it accepts any keyword."""
    backward = getattr(module, f"{getattr(function, '__name__', '')}_backward", None)
    about = dict(doc=inspect.getdoc(function) or "", names=None, keywords=True, required=[], backward=None)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return about
    about["names"] = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    about["keywords"] = any(p.kind == p.VAR_KEYWORD for p in parameters)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    about["required"] = [p.name for p in positional if p.default is p.empty]
    if callable(backward):
        about["backward"] = describe(backward)["required"]
    return about


def observe(function, args, kwargs, twice=False):
    """Call a function, and say what it returned, raised, wrote to, shares memory with, and whether it does so again."""
    kept = [np.array(arg) if isinstance(arg, np.ndarray) else arg for arg in args]
    seen = dict(value=None, error=None, written=[], shares=[], changed=False, unset=False, seeded=False, warnings=[])
    state = np.random.get_state()[1:3]
    with warnings.catch_warnings(record=True) as caught, _Empty(function) as empty:
        warnings.simplefilter("always")
        try:
            value = function(*args, **kwargs)
        except BaseException as error:                   # SystemExit too: exit() in an answer ends nothing here
            if isinstance(error, KeyboardInterrupt):
                raise
            seen["error"] = explain(error)
            value = None
        if empty.used and seen["error"] is None and (twice or _holds_unset(value)):
            seen["unset"] = _depends_on_memory(function, kept, kwargs, value, empty)
        if twice and seen["error"] is None:
            seen |= _again(function, [np.array(arg) if isinstance(arg, np.ndarray) else arg for arg in kept], kwargs, value)
    seen["seeded"] = not (np.array_equal(state[0], np.random.get_state()[1]) and state[1] == np.random.get_state()[2])
    seen["warnings"] = sorted({str(w.message) for w in caught if issubclass(w.category, RuntimeWarning)})[:6]
    arrays = [item for item in (value if isinstance(value, (list, tuple)) else [value]) if isinstance(item, np.ndarray)]
    for i, (arg, old) in enumerate(zip(args, kept)):
        if isinstance(arg, np.ndarray):
            if not np.array_equal(arg, old, equal_nan=True):
                seen["written"].append(i)
            if any(array.size and np.shares_memory(array, arg) for array in arrays):
                seen["shares"].append(i)
    seen["value"], seen["after"] = value, [arg for arg in args if isinstance(arg, np.ndarray)]
    return seen


class _Empty:
    """np.empty and np.empty_like, filled with `UNSET`: an array that an answer forgot to fill is then wrong in every run.

    Otherwise it would hold zeros by chance, and be right by chance. A file may have imported them by name.
    """

    def __init__(self, answer):
        self.value, self.used, filled = UNSET, False, [(original, self._filled(original)) for original in (np.empty, np.empty_like)]
        self.replaced = [(names, key, original, new) for names in (vars(np), getattr(answer, "__globals__", {}))
                         for key, value in list(names.items()) for original, new in filled if value is original]

    def __enter__(self):
        for names, key, _, new in self.replaced:
            names[key] = new
        return self

    def __exit__(self, *error):
        for names, key, original, _ in self.replaced:
            names[key] = original

    def _filled(self, function):
        @functools.wraps(function)
        def filled(*args, **kwargs):
            array, self.used = function(*args, **kwargs), True
            if array.dtype.kind in "fc":
                array.fill(self.value)
            return array
        return filled


def _holds_unset(value):
    """Whether a result has numbers as large as `UNSET` makes them."""
    arrays = [item for item in (value if isinstance(value, (list, tuple)) else [value])
              if isinstance(item, np.ndarray) and item.dtype.kind in "fc"]
    return any(not np.all(np.abs(array) < UNSET**0.5) for array in arrays)


def _depends_on_memory(function, args, kwargs, value, empty):
    """Whether the result changes with the values that np.empty has, and with nothing else."""
    results = [_copies(value)]
    try:
        for empty.value in (0.0, UNSET):
            results.append(_copies(function(*map(_copies, args), **kwargs)))
    except Exception:
        return False
    finally:
        empty.value = UNSET
    return not _alike(results[0], results[1]) and _alike(results[0], results[2])


def _again(function, args, kwargs, value):
    """Whether the result depends on earlier calls: other values, and then the same ones again."""
    first = _copies(value)
    try:
        moved = [arg + 0.5 if isinstance(arg, np.ndarray) and arg.dtype.kind == "f" else _copies(arg) for arg in args]
        function(*moved, **kwargs)
    except Exception:
        pass                                              # those values may not fit together
    kept = _alike(first, _copies(value))
    try:
        again = _copies(function(*args, **kwargs))
    except Exception as error:
        return dict(error=explain(error) | dict(second=True))
    return dict(changed=not kept or not _alike(first, again))


def _copies(value):
    if isinstance(value, (list, tuple)):
        return [_copies(item) for item in value]
    return np.array(value) if isinstance(value, (np.ndarray, np.generic, float, int)) else value


def _alike(one, two):
    if isinstance(one, list):
        return isinstance(two, list) and len(one) == len(two) and all(map(_alike, one, two))
    if isinstance(one, np.ndarray) and one.dtype.kind in "biufc":
        return isinstance(two, np.ndarray) and one.shape == two.shape and np.array_equal(one, two, equal_nan=True)
    return True


def explain(error):
    """An exception in a line: its type, its text, and the last line of the checked file in its traceback."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    own = [frame for frame in frames if "importlib" not in frame.filename and "site-packages" not in frame.filename]
    where = (own or frames or [None])[-1]
    line, source = (where.lineno, where.line) if where else (None, None)
    if isinstance(error, SyntaxError):
        line, source = error.lineno, (error.text or "").strip()
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return dict(type=type(error).__name__, text=" ".join(text.split())[:300], line=line, source=source)


# ---- the process ---------------------------------------------------------------------------------------------------------

def _limit(memory, seconds):
    """Bounds that outlive the parent: memory, files, processor time. Not every system has them."""
    try:
        import resource
    except ImportError:
        return
    limits = dict(RLIMIT_AS=memory, RLIMIT_FSIZE=MOST_BYTES, RLIMIT_CPU=int(seconds), RLIMIT_CORE=0)
    for name, most in limits.items():
        try:
            resource.setrlimit(getattr(resource, name), (most, most))
        except (AttributeError, ValueError, OSError):
            pass


def main():
    # The protocol gets a channel of its own: what the file prints goes to standard error, where the parent counts it.
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdin = open(os.devnull)
    first = receive(incoming)
    sys.path[:] = [os.path.dirname(first["file"])] + first["path"]
    sys.meta_path.insert(0, _Blocked)
    _limit(first["memory"], first["seconds"])
    try:
        function, module = load(first["file"], first["function"])
    except BaseException as error:
        send(outgoing, dict(error=explain(error)))
        return
    functions = {first["function"]: function, "backward": getattr(module, f"{first['function']}_backward", None)}
    send(outgoing, dict(error=None, about=describe(function, module)))
    while True:
        try:
            call = receive(incoming)
        except EOFError:
            return
        seen = observe(functions[call["which"]], call["args"], call["kwargs"], call["twice"])
        _flush()
        send(outgoing, seen)


def _flush():
    """Send what was printed before the answer. The file may have closed or replaced its streams."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


if __name__ == "__main__":
    main()
