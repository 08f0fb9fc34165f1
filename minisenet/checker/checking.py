"""Is this answer right? A forward or a backward, checked, and led back to the smallest input on which it is wrong.

    gradcheck.check(function, like="scale_backward")          in a notebook
    gradcheck.check_file("answers.py:scale_backward")         `minisenet check` does this: the file in a process of its own

`search.py` searches for a counterexample, `diagnosis` names the mistake; this file runs both and makes the verdict.
"""
import os
from dataclasses import replace

import numpy as np

from minisenet.checker import custom_layer, diagnosis
from minisenet.checker.comparison import as_array, error_of
from minisenet.checker.result import Mistake, Smallest, Verdict
from minisenet.checker.sandbox import Direct, Ended, Isolated
from minisenet.checker.search import Search, hypothesis
from minisenet.checker.small_cases import numbers
from minisenet.checker.specifications import PAIRS, SPECIFICATIONS, NoAnswer, Specification
from minisenet.checker.text import conjunction
from minisenet.gradcheck import checks

NOT_PYTHON = {".pyx": "compile it first (cythonize -i FILE.pyx), then give the .so file; an exercise of the course is checked, "
                      "compiled and all, by `minisenet course check`",
              ".ipynb": "copy the cell into a .py file, or call gradcheck.check(function) in the notebook"}


def check(function, like=None, *, backward=None, shapes=None, seed=0):
    """Check a function in this process.

    Parameters
    ----------
    function : callable
        A forward or a backward with one of minisenet's fixed signatures; or, with `backward`, a layer of your own.
    like : str, optional
        The function of minisenet that it has to equal, for example "scale_backward". Default: its own name.
    backward : callable, optional
        For a forward that is not one of minisenet's: its backward. Its first argument is the upstream gradient; the others
        have the names of the forward's arguments and results.
    shapes : dict, optional
        With `backward`: for each array argument its dimensions by name, `{"x": "(N, C)"}`. Default: the docstring's.
    seed : int

    Returns
    -------
    Verdict
        `.passed`, `.mistake`, `.to_dict()`, and `str()` for the table.

    Raises
    ------
    TypeError
        If `function` is not callable.
    ValueError
        For a `like` that is not one of minisenet's, or if the shapes cannot be inferred.
    ImportError
        If Hypothesis is missing.
    """
    if not callable(function):
        raise TypeError(f"function must be a function, got {type(function).__name__}")
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
        As in `check`. A function that is not one of minisenet's is checked as a forward, together with FUNCTION_backward.
    shapes : dict, optional
        As in `check`.
    seed : int
    time_limit : float
        Seconds for all of the function's calls together.
    memory_limit : int
        Bytes, if the system can limit a process.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        For a target that is not FILE:FUNCTION, an unknown `like`, or if the shapes cannot be inferred.
    FileNotFoundError
    ImportError
        If Hypothesis is missing. (A fault of the file itself is a Verdict.)
    """
    file, colon, function = target.rpartition(":")
    if not colon or not function.isidentifier():
        raise ValueError(f"target must be FILE.py:FUNCTION, got {target!r}")
    if not os.path.isfile(file):
        raise FileNotFoundError(f"target must name a file that exists, got {file}")
    remedy = next((remedy for suffix, remedy in NOT_PYTHON.items() if file.endswith(suffix)), None)
    if remedy:
        raise ValueError(f"target must be a .py file or a compiled extension, got {file}: {remedy}")
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
        raise ValueError(f"like must be one of minisenet's functions, got {name!r}: on the command line give --like NAME, with "
                         f"one of {', '.join(SPECIFICATIONS)}; for a layer of your own give its backward")
    return SPECIFICATIONS[name]


def _shapes(shapes, like):
    if like:
        raise ValueError(f"like={like!r} is for one of minisenet's functions, shapes and backward are for a layer of your "
                         "own: give only one of them")
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
            errors, not_asked = _errors(search, _middle(search.trials))
            return Verdict(spec.name, len(search.trials), errors=errors, not_asked=not_asked, tolerance=_tolerance(search),
                           notes=_notes(search) + _in_float32(search))
        smallest = search.first_wrong(search.shrink(sizes))
        search.gather_evidence()
        errors, not_asked = _errors(search, smallest)
    except Ended as error:
        case = search.current and Smallest.of(search.current, shrunk=False)
        return Verdict(spec.name, len(search.trials) + 1, 1, diagnosis.ended(error), case, notes=_notes(search))
    wrong = sum(bool(trial.faults) for trial in search.trials)
    return Verdict(spec.name, len(search.trials), wrong, diagnosis.diagnose(search.spec, smallest, search.trials),
                   Smallest.of(smallest), errors, _notes(search), not_asked, _tolerance(search))


def _check_custom(subject, name, shapes, seed):
    """The verdict on a custom layer."""
    spec = custom_layer.layer(subject, name, shapes)
    try:
        return _check(subject, spec, seed)
    except custom_layer.ForwardFails as error:
        return Verdict(name, wrong=1, named=Mistake("the forward fails", f"It cannot be measured: {error}.", certain=True))


def _takes_one_number(search):
    """Whether it raises for a pair of equal options, stride=(1, 1), but not for one number for both axes, stride=1."""
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
    """Its options of both axes."""
    if not isinstance(search.spec, Specification):
        return []
    return [name for name in PAIRS if name in search.spec.parameters and search.spec.takes(name, search.subject.about)]


# ---- what a verdict says besides the mistake -----------------------------------------------------------------------------

def _tolerance(search):
    """Of the values: the largest, where a custom layer's slopes were measured."""
    return max(trial.call.tolerance[0] for trial in search.trials)


def _middle(trials):
    """One that is neither trivial nor slow, nor so `far` out that its slopes are rounded to zero."""
    near = [trial for trial in trials if not trial.sizes.get("far")] or trials
    return sorted(near, key=lambda trial: sum(array.size for array in trial.call.case.arrays.values()))[len(near) // 2]


def _errors(search, trial):
    """(errors, not_asked): the largest errors, of the values in all trials and of the slopes on one of them; and what was
    not measured, and why."""
    spec, subject = search.spec, search.subject
    with np.errstate(all="ignore"):
        values = [error_of(given, one.call.expected[name], one.call) for one in search.trials
                  for name, given in one.given.items() if as_array(given) is not None and one.call.expected[name] is not None]
        errors, not_asked = dict(values=max(values, default=np.inf)), {}
        if spec.row.forward is None:
            return errors, not_asked
        row = replace(spec.row, **{"backward" if spec.backward else "forward": spec.adapter(subject)})
        rng, case = np.random.default_rng(search.seed), trial.call.case
        if not spec.backward and (why := _no_complex_step(row, case)):
            not_asked["complex_step"] = why
        for name in ("complex_step", "central_difference"):
            try:
                errors[name] = None if name in not_asked else getattr(checks, name)(row, case, rng, coordinates=6).error
            except (NoAnswer, TypeError, ValueError):
                errors[name] = None
        return errors, not_asked


def _no_complex_step(row, case):
    """Why the complex step says nothing about a forward; "" if it does.

    The forward raises for complex numbers; or its complex slope is not its slope along the real axis, because a real array,
    np.abs or np.var dropped the imaginary part. Neither is a mistake. A forward on a kink has no slope and is not judged.
    """
    rng = np.random.default_rng(0)
    for name in row.inputs(case):
        v = rng.standard_normal(case.arrays[name].shape)
        try:
            here, ahead, behind = (row.forward(case.arrays | {name: case.arrays[name] + step * v}, case.options)
                                   for step in (0, checks.CENTRAL_STEP, -checks.CENTRAL_STEP))
        except NoAnswer:
            return ""                                                  # the real call fails: that is the fault to report
        values = [np.asarray(here[output]) for output in row.differentiable]
        if any(value.dtype.kind != "f" or not np.max(np.abs(value), initial=0) < 1e6 for value in values):
            return ""                                                  # no slope can be measured
        arrays = {key: array.astype(np.complex128) for key, array in case.arrays.items()}
        arrays[name] += 1j * checks.COMPLEX_STEP * v
        try:
            moved = row.forward(arrays, case.options)
        except NoAnswer as error:
            return str(error)
        for output in row.differentiable:
            slopes = [(np.asarray(one[output]) - np.asarray(other[output])) / checks.CENTRAL_STEP
                      for one, other in ((ahead, here), (here, behind))]
            slopes.append(np.imag(np.asarray(moved[output])) / checks.COMPLEX_STEP)
            size = 1e-9 + max(np.max(np.abs(slope), initial=0) for slope in slopes[:2])
            off = [np.max(np.abs(slope - slopes[0]), initial=0) / size for slope in slopes[1:]]
            if off[0] < 1e-3 and not off[1] <= 1e-3:
                return "its code is for real numbers only" if np.isfinite(off[1]) else "it gives NaN for complex numbers"
    return ""


def _in_float32(search):
    """Whether float32 stays float32. If not, a proof in float64 does not mind; training does."""
    call = search.trials[0].call
    args = [arg.astype(np.float32) if getattr(arg, "dtype", None) == np.float64 else arg for arg in call.args.values()]
    value = search.subject.call(args, call.kwargs, which=search.spec.which)["value"]
    values = value if isinstance(value, (list, tuple)) else [value]
    changed = {str(item.dtype) for item in values if isinstance(item, np.ndarray) and item.dtype.kind == "f"} - {"float32"}
    return [f"float32 in gives {dtype} out, and dtypes should not change: is there a buffer without dtype=x.dtype?"
            for dtype in sorted(changed)[:1]]


def _notes(search):
    """What is worth knowing and not a mistake."""
    notes = [f"numpy warns: {text}" for text in sorted(search.warnings)]
    left_out = sorted(set(search.spec.left_out(search.subject.about).values()))
    if left_out:
        notes.append(f"it has no {conjunction(left_out, 'or')}, so {'these were' if len(left_out) > 1 else 'this was'} not tested")
    if search.spec.one_number:
        notes.append(f"{conjunction(_pairs(search))} must be one number for both axes here, so only such calls were tested")
    if search.subject.printed:
        lines = search.subject.printed.splitlines()
        more = f", and {len(lines) - 1} more line{'s' if len(lines) > 2 else ''}" if len(lines) > 1 else ""
        notes.append(f"it prints: {lines[0][:60]!r}{more}")
    return notes
