"""Is this answer right? Somebody's forward or backward, checked, and led back to the smallest input on which it is wrong.

    gradcheck.check(function, like="scale_backward")          in a notebook
    gradcheck.check_file("answers.py:scale_backward")         `minisenet check` does this: the file in a process of its own

The search for a counterexample is in `search.py`, what the mistake is called in `diagnosis`; here both are run, and the
verdict is put together.
"""
import os
from dataclasses import replace

import numpy as np

from minisenet.checker import custom_layer, diagnosis
from minisenet.checker.comparison import as_array
from minisenet.checker.result import Mistake, Smallest, Verdict
from minisenet.checker.sandbox import Direct, Ended, Isolated
from minisenet.checker.search import Search, hypothesis
from minisenet.checker.small_cases import numbers
from minisenet.checker.specifications import PAIRS, SPECIFICATIONS, NoAnswer, Specification
from minisenet.gradcheck import checks


def check(function, like=None, *, backward=None, shapes=None, seed=0):
    """Check a function in this process.

    Parameters
    ----------
    function : callable
        A forward or a backward with one of minisenet's fixed signatures; or, with `backward`, a layer of your own.
    like : str, optional
        The function of minisenet that it has to equal, "scale_backward" for example; its own name unless given.
    backward : callable, optional
        For a forward that is not one of minisenet's: its backward, which takes the upstream gradient first and then what it
        needs, by the names of the forward's arguments and results.
    shapes : dict, optional
        With `backward`: for each array argument its dimensions by name, `{"x": "(N, C)"}`; the docstring's unless given.
    seed : int

    Returns
    -------
    Verdict
        `.passed`, `.mistake`, `.to_dict()`, and `str()` for the table.

    Raises
    ------
    TypeError
        For what is no function.
    ValueError
        For a `like` that is not one of minisenet's, or shapes that cannot be told.
    ImportError
        Where Hypothesis is missing.
    """
    if not callable(function):
        raise TypeError(f"function is {type(function).__name__}; it takes a function")
    name, subject = getattr(function, "__name__", "forward"), Direct(function, backward)
    if backward is not None or shapes is not None:
        return _check_custom(subject, name, _shapes(shapes, like), seed)
    return _check(subject, _specification(like or name), seed)


def check_file(target, like=None, *, shapes=None, seed=0, time_limit=10.0, memory_limit=2 << 30):
    """Check a function of a file, in a process of its own that cannot reach minisenet.

    Parameters
    ----------
    target : str
        "FILE.py:FUNCTION"; the file may be a compiled extension too.
    like : str, optional
        As in `check`. A function that is not one of minisenet's is checked as a forward, against FUNCTION_backward.
    shapes : dict, optional
        As in `check`.
    seed : int
    time_limit : float
        Seconds that the function's calls may take together.
    memory_limit : int
        Bytes, where the system can limit a process.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        For a target that is not FILE:FUNCTION, an unknown `like`, or shapes that cannot be told.
    FileNotFoundError
    ImportError
        Where Hypothesis is missing. (What goes wrong inside the file is a Verdict.)
    """
    file, colon, function = target.rpartition(":")
    if not colon or not function.isidentifier():
        raise ValueError(f"{target!r} names no function: it takes FILE.py:FUNCTION")
    if not os.path.isfile(file):
        raise FileNotFoundError(f"there is no file {file}")
    hypothesis()                                                       # before anything is started
    custom = shapes is not None or not (like or function in SPECIFICATIONS)
    if custom:
        shapes, spec = _shapes(shapes, like), None
        function = function.removesuffix("_backward")                  # the pair is checked
    else:
        spec = _specification(like or function)
    name = function if custom else spec.name
    try:
        subject = Isolated(file, function, seconds=time_limit, memory=memory_limit)
    except ImportError as error:
        return Verdict(name, wrong=1, named=diagnosis.not_imported(error.described))
    except Ended as error:
        return Verdict(name, wrong=1, named=diagnosis.ended(error))
    try:
        return _check_custom(subject, function, shapes, seed) if custom else _check(subject, spec, seed)
    finally:
        subject.close()


def _specification(name):
    if name not in SPECIFICATIONS:
        raise ValueError(f"{name!r} is not one of minisenet's functions: say like=... (on the command line --like), one of "
                         f"{', '.join(SPECIFICATIONS)}; for a layer of your own give its backward")
    return SPECIFICATIONS[name]


def _shapes(shapes, like):
    if like:
        raise ValueError(f"like={like!r} is for one of minisenet's functions, shapes and backward are for a layer of your "
                         "own: leave out the one or the other")
    return shapes


# ---- the verdict ---------------------------------------------------------------------------------------------------------

def _check(subject, spec, seed):
    """The verdict on a function that has a specification."""
    search = Search(subject, spec, seed)
    try:
        sizes = search.find()
        if sizes is not None and _takes_one_number(search):
            search = Search(subject, replace(spec, one_number=True), seed)
            sizes = search.find()
        if not search.trials:
            raise custom_layer.ForwardFails("the forward has a kink in every case that was tried")
        if sizes is None:
            return Verdict(spec.name, len(search.trials), errors=_errors(search, _middle(search.trials)),
                           notes=_notes(search) + _in_float32(search))
        smallest = search.first_wrong(search.shrink(sizes))
        search.gather_evidence()
        errors = _errors(search, smallest)
    except Ended as error:
        case = search.current and Smallest.of(search.current, shrunk=False)
        return Verdict(spec.name, len(search.trials) + 1, 1, diagnosis.ended(error), case, notes=_notes(search))
    wrong = sum(bool(trial.faults) for trial in search.trials)
    return Verdict(spec.name, len(search.trials), wrong, diagnosis.diagnose(search.spec, smallest, search.trials),
                   Smallest.of(smallest), errors, _notes(search))


def _check_custom(subject, name, shapes, seed):
    """The verdict on a custom layer."""
    spec = custom_layer.layer(subject, name, shapes)
    try:
        return _check(subject, spec, seed)
    except custom_layer.ForwardFails as error:
        return Verdict(name, wrong=1, named=Mistake("the forward fails", f"It cannot be measured: {error}.", certain=True))


def _takes_one_number(search):
    """Whether it raises on a pair of equal options and not on one number for both axes: stride=1, and not (1, 1)."""
    spec, subject = search.spec, search.subject
    if not _pairs(search):
        return False
    one = replace(spec, one_number=True)
    rng = np.random.default_rng(search.seed)
    case = one.small_cases.case({name: low for name, (low, _) in one.small_cases.sizes.items()}, rng)
    calls = [form.call_on(case, lambda *shape: numbers(rng, shape, "reals"), subject.about) for form in (spec, one)]
    with_pairs, with_numbers = (subject.call(list(call.args.values()), call.kwargs)["error"] for call in calls)
    return with_pairs is not None and with_pairs["type"] in ("TypeError", "ValueError") and with_numbers is None


def _pairs(search):
    """The options of both axes that it takes."""
    if not isinstance(search.spec, Specification):
        return []
    return [name for name in PAIRS if name in search.spec.parameters and search.spec.takes(name, search.subject.about)]


# ---- what stands beside the mistake --------------------------------------------------------------------------------------

def _middle(trials):
    """One that is neither trivial nor slow."""
    return sorted(trials, key=lambda trial: sum(array.size for array in trial.call.case.arrays.values()))[len(trials) // 2]


def _errors(search, trial):
    """The largest errors: of the values in all trials, and of the slopes, measured on one of them."""
    spec, subject = search.spec, search.subject
    with np.errstate(all="ignore"):
        pairs = [(given, one.call.expected[name]) for one in search.trials for name, given in one.given.items()]
        values = [checks.relative_error(*pair) for pair in pairs if as_array(pair[0]) is not None and pair[1] is not None]
        errors = dict(values=max(values, default=np.inf))
        if spec.row.forward is None:
            return errors
        row = replace(spec.row, **{"backward" if spec.backward else "forward": spec.adapter(subject)})
        rng, case = np.random.default_rng(search.seed), trial.call.case
        for name in ("complex_step", "central_difference"):
            try:
                errors[name] = getattr(checks, name)(row, case, rng, coordinates=6).error
            except (NoAnswer, TypeError, ValueError):
                errors[name] = None
        return errors


def _in_float32(search):
    """Whether float32 stays float32: no mistake in a proof, which runs in float64, and one in training."""
    call = search.trials[0].call
    args = [arg.astype(np.float32) if getattr(arg, "dtype", None) == np.float64 else arg for arg in call.args.values()]
    value = search.subject.call(args, call.kwargs, which=search.spec.which)["value"]
    values = value if isinstance(value, (list, tuple)) else [value]
    changed = {str(item.dtype) for item in values if isinstance(item, np.ndarray) and item.dtype.kind == "f"} - {"float32"}
    return [f"float32 in gives {min(changed)} out: dtypes should not change (np.zeros takes a dtype)"] if changed else []


def _notes(search):
    """What is no mistake and worth knowing."""
    notes = [f"numpy warns: {text}" for text in sorted(search.warnings)]
    left_out = sorted(set(search.spec.left_out(search.subject.about).values()))
    if left_out:
        notes.append(f"it does not take {_and(left_out)}, so {'these were' if len(left_out) > 1 else 'that was'} not asked")
    if search.spec.one_number:
        notes.append(f"it takes {_and(_pairs(search))} as one number for both axes, so only such were asked")
    if search.subject.printed:
        lines = search.subject.printed.splitlines()
        more = f", and {len(lines) - 1} more line{'s' if len(lines) > 2 else ''}" if len(lines) > 1 else ""
        notes.append(f"it prints: {lines[0][:60]!r}{more}")
    return notes


def _and(names):
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
