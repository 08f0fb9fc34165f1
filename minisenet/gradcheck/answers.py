"""Is this answer right? Somebody's forward or backward, checked, and led back to the smallest input on which it is wrong.

    gradcheck.check(function, like="scale_backward")          in a notebook
    gradcheck.check_file("answers.py:scale_backward")         `minisenet check` does this: the file in a process of its own

Hypothesis draws sizes; the function is called, and judged (`judge.py`). Where it is wrong Hypothesis shrinks the sizes, and a
last walk makes sure that no single one of them could be smaller. What the mistake is called is for `diagnosis.py` to say.
"""
import os
from dataclasses import replace

import numpy as np

from minisenet.gradcheck import checks, diagnosis, own
from minisenet.gradcheck.judge import Fault, judge
from minisenet.gradcheck.questions import OPTIONS, QUESTIONS, NoAnswer
from minisenet.gradcheck.sandbox import Direct, Ended, Isolated
from minisenet.gradcheck.small import KINDS, numbers
from minisenet.gradcheck.verdict import Mistake, Smallest, Verdict

EXAMPLES = 80                       # sizes that are drawn in search of a wrong one
EVIDENCE = 20                       # calls that an explanation has to explain
SEEDS = 4                           # values that are tried on sizes before they count as right


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
    ValueError
        For a `like` that is not one of minisenet's, or shapes that cannot be told.
    ImportError
        Where Hypothesis is missing.
    """
    name = like or getattr(function, "__name__", "")
    subject = Direct(function, backward)
    if backward is not None or shapes is not None:
        return _own(subject, getattr(function, "__name__", "forward"), shapes, seed)
    return _examine(subject, _question(name), seed)


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
    _hypothesis()
    question = _question(like or function) if like or function in QUESTIONS else None
    name = question.name if question else function
    try:
        subject = Isolated(file, function, seconds=time_limit, memory=memory_limit)
    except ImportError as error:
        return Verdict(name, wrong=1, named=diagnosis.not_imported(error.described))
    except Ended as error:
        return Verdict(name, wrong=1, named=diagnosis.ended(error))
    try:
        return _examine(subject, question, seed) if question else _own(subject, function, shapes, seed)
    finally:
        subject.close()


def _question(name):
    if name not in QUESTIONS:
        raise ValueError(f"{name!r} is not one of minisenet's functions: say like=… (on the command line --like), one of "
                         f"{', '.join(QUESTIONS)}; for a layer of your own give its backward")
    return QUESTIONS[name]


def _hypothesis():
    try:
        import hypothesis
    except ImportError:
        raise ImportError('a check draws its cases with Hypothesis: pip install "minisenet[course]"') from None
    return hypothesis


# ---- one of minisenet's --------------------------------------------------------------------------------------------------

class Trial:
    """One case, the call that it became, and what came of it."""

    def __init__(self, sizes, kind, seed, call, given, faults):
        self.sizes, self.kind, self.seed, self.call, self.given, self.faults = sizes, kind, seed, call, given, faults


class Examination:
    """A subject and the question that was put to it, with everything tried so far."""

    def __init__(self, subject, question, seed):
        self.subject, self.question, self.seed = subject, question, seed
        self.sizes, self.trials, self.warnings = question.asked(subject.about), [], set()
        self.known = {}

    def try_once(self, sizes, kind, seed):
        """A Trial, or None where there is no such case."""
        key = (*sizes.values(), kind, seed)
        if key not in self.known:
            self.known[key] = self._try(sizes, kind, seed)
        return self.known[key]

    def _try(self, sizes, kind, seed):
        if not self.question.small.fits(sizes):
            return None
        rng = np.random.default_rng([self.seed, seed, KINDS.index(kind), *sizes.values()])
        case = self.question.small.case(sizes, rng, kind)
        if case is None:
            return None
        self.current = None
        call = self.question.ask(case, lambda *shape: numbers(rng, shape, kind), self.subject.about)
        self.current = Trial(dict(sizes), kind, seed, call, {}, [Fault("dies", None, "nothing came back from this call")])
        seen = self.subject.call(call.args, call.kwargs, twice=len(self.trials) < 3, which=self.question.which)
        self.warnings.update(seen["warnings"])
        trial = Trial(dict(sizes), kind, seed, call, *judge(self.question, call, seen))
        self.trials.append(trial)
        return trial

    def wrong(self, sizes):
        """The first Trial with these sizes that shows a fault, values for a pencil first; None where all are right."""
        for kind in KINDS:
            for seed in range(SEEDS if kind != "reals" else 1):
                trial = self.try_once(sizes, kind, seed)
                if trial and trial.faults:
                    return trial
        return None

    def search(self):
        """Sizes on which it is wrong, as Hypothesis finds and shrinks them; None where it finds none."""
        hypothesis = _hypothesis()
        bounds = {name: hypothesis.strategies.integers(*pair) for name, pair in self.sizes.items()}
        settings = hypothesis.settings(max_examples=EXAMPLES, database=None, deadline=None, derandomize=True,
                                       suppress_health_check=list(hypothesis.HealthCheck))

        def fails(sizes):
            trial = self.try_once(sizes, "reals", 0)
            return bool(trial and trial.faults)
        smallest = {name: low for name, (low, _) in self.sizes.items()}
        for sizes in (smallest, *self._typical()):
            if fails(sizes):
                return sizes
        try:
            return hypothesis.find(hypothesis.strategies.fixed_dictionaries(bounds), fails, settings=settings)
        except hypothesis.errors.NoSuchExample:
            return None

    def _typical(self):
        """All dimensions different, and then all options at their largest."""
        order = {name: low + i % (high - low + 1) for i, (name, (low, high)) in enumerate(self.sizes.items(), 1)}
        largest = {name: high for name, (_, high) in self.sizes.items()}
        return [sizes for sizes in (order, largest) if self.question.small.fits(sizes)]

    def shrink(self, sizes):
        """Make one size after the other smaller, as long as it stays wrong: at the end no single one could be."""
        smaller = True
        while smaller:
            smaller = False
            for name, (low, _) in self.sizes.items():
                for value in range(low, sizes[name]):
                    if self.wrong(sizes | {name: value}):
                        sizes, smaller = sizes | {name: value}, True
                        break
        return sizes

    def evidence(self):
        """More trials, of sizes of every kind: what an explanation has to explain."""
        rng = np.random.default_rng(self.seed)
        for _ in range(EVIDENCE * 8):
            if len(self.trials) > EVIDENCE * 8 or sum(trial.kind == "reals" for trial in self.trials) > 3 * EVIDENCE:
                break
            self.try_once({name: int(rng.integers(low, high + 1)) for name, (low, high) in self.sizes.items()}, "reals", 0)
        return self.trials


def _examine(subject, question, seed):
    """The verdict on an answer to one of the questions."""
    found = Examination(subject, question, seed)
    try:
        sizes = found.search()
        if sizes is None:
            return Verdict(question.name, cases=len(found.trials), errors=_errors(found, found.trials[-1]), notes=_notes(found))
        smallest = found.wrong(found.shrink(sizes))
        trials = found.evidence()
        errors = _errors(found, smallest)
    except Ended as error:
        return Verdict(question.name, len(found.trials) + 1, 1, diagnosis.ended(error), found.current and Smallest.of(question, found.current),
                       notes=_notes(found))
    wrong = sum(bool(trial.faults) for trial in trials)
    return Verdict(question.name, len(trials), wrong, diagnosis.diagnose(question, smallest, trials),
                   Smallest.of(question, smallest), errors, _notes(found))


def _errors(found, trial):
    """The largest errors: of the values in all trials, and of the slopes, measured on one of them."""
    question, subject = found.question, found.subject
    values = [checks.relative_error(given, trial.call.expected[name]) for trial in found.trials
              for name, given in trial.given.items() if _numbers(given) and trial.call.expected[name] is not None]
    errors = dict(values=max(values, default=np.inf))
    if question.row.forward is None:
        return errors
    row = replace(question.row, **{"backward" if question.backward else "forward": question.adapter(subject)})
    rng, case = np.random.default_rng(found.seed), trial.call.case
    for name in ("complex_step", "central_difference"):
        try:
            errors[name] = getattr(checks, name)(row, case, rng, coordinates=6).error
        except (NoAnswer, TypeError, ValueError):
            errors[name] = None
    return errors


def _own(subject, name, shapes, seed):
    """The verdict on a layer of one's own."""
    question = own.layer(subject, name, shapes)
    try:
        return _examine(subject, question, seed)
    except own.ForwardFails as error:
        return Verdict(name, wrong=1, named=Mistake("the forward fails", f"{error}."))


def _numbers(value):
    return isinstance(value, (np.ndarray, float, int)) and np.asarray(value).dtype.kind in "fiu"


def _notes(found):
    notes = [f"numpy warns: {text}" for text in sorted(found.warnings)]
    left_out = sorted({np.atleast_1d(OPTIONS[size])[0] for size, (low, high) in found.sizes.items()
                       if low == high != found.question.small.sizes[size][1] and size in OPTIONS})
    if left_out:
        notes.append(f"it does not take {', '.join(left_out)}, so that was not asked")
    if found.subject.printed:
        lines = found.subject.printed.splitlines()
        notes.append(f"it prints: {lines[0][:60]!r}" + (f", and {len(lines) - 1} more lines" if len(lines) > 1 else ""))
    return notes
