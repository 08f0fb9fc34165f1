"""The search for a counterexample: the smallest case on which an answer is wrong.

Hypothesis draws sizes; the function is called, and its results are compared (`comparison.py`). If they are wrong, Hypothesis
shrinks the sizes, and a last walk makes sure that no single one of them could be smaller.
"""
from dataclasses import dataclass

import numpy as np

from minisenet.backend.spurious import is_spurious
from minisenet.checker.comparison import Fault, compare, error_of
from minisenet.checker.sandbox import Ended
from minisenet.checker.small_cases import KINDS, numbers
from minisenet.checker.specifications import Call

EXAMPLES = 80                       # sizes that are drawn in search of a wrong case
EVIDENCE = 60                       # calls with real numbers that an explanation has to explain
TRIES = 160                         # draws in search of that many: not all sizes make a case
SEEDS = 4                           # values that are tried on sizes before they count as right
TWICE = 3                           # the number of first calls that are repeated, to see whether they leave anything behind
NEARLY_ZERO = 1e-3                  # a right result this small, relative to the arguments, teaches nothing
HARDLY_OFF = 1e-3                   # a difference this small, relative to the right result, is hard to see
GROWING = ("height", "width", "c", "c_out", "inputs", "k", "size")       # tried once at three times their largest value


@dataclass(frozen=True, eq=False)
class Trial:
    """One case, its call, and the result.

    Attributes
    ----------
    sizes : dict
    kind : str
        Of its values: one of `small_cases.KINDS`.
    call : Call
    given : dict
        The results by name, as far as they have one.
    faults : list of Fault
        Empty if everything is right.
    """

    sizes: dict
    kind: str
    call: Call
    given: dict
    faults: list


def hypothesis():
    """The library, which only the checker needs; ImportError with the command that installs it."""
    try:
        import hypothesis
    except ImportError:
        raise ImportError('a check draws its cases with Hypothesis: pip install "minisenet[course]"') from None
    return hypothesis


class Search:
    """A subject and the specification that it is compared with, and everything tried so far.

    Parameters
    ----------
    subject : Direct or Isolated
    spec : Specification or CustomLayer
    seed : int
        Of the values, not of the sizes.
    """

    def __init__(self, subject, spec, seed):
        self.subject, self.spec, self.seed = subject, spec, seed
        self.sizes = spec.sizes_for(subject.about)
        self.trials, self.warnings = [], set()
        self.current = None             # the trial that is being made: if it never ends, this is all we have of it
        self._known, self._ended = {}, None

    def first_wrong(self, sizes):
        """The first wrong Trial with these sizes, values for a pencil first; None if all are right.

        Trials that are not `_clear` count only if there are no others, and so do those that are hardly off.
        """
        clear = found = None
        for kind in KINDS:
            for seed in range(SEEDS if kind != "reals" else 2):
                trial = self._try_once(sizes, kind, seed)
                if trial and trial.faults:
                    if _clear(trial) and not _hardly_off(trial):
                        return trial
                    clear, found = clear or (trial if _clear(trial) else None), found or trial
        return clear or found

    def find(self):
        """Sizes on which it is wrong, as Hypothesis finds and shrinks them; None if it finds none."""
        library = hypothesis()
        bounds = {name: library.strategies.integers(*pair) for name, pair in self.sizes.items()}
        settings = library.settings(max_examples=EXAMPLES, database=None, deadline=None, derandomize=True,
                                    suppress_health_check=list(library.HealthCheck))
        # Each with two sets of values: an answer that remembers results by their shape is right the first time.
        typical = [(sizes, seed) for sizes in self._typical() for seed in (0, 1)]
        found = next((sizes for count in (_not_memory_alone, bool) for sizes, seed in typical if self._fails(sizes, seed, count)),
                     None)
        try:
            found = found or library.find(library.strategies.fixed_dictionaries(bounds), self._fails, settings=settings)
        except library.errors.NoSuchExample:
            pass
        if self._ended:
            raise self._ended
        return found

    def shrink(self, sizes):
        """Make one size after the other smaller, as long as it stays wrong: at the end no single one could be.

        A case that is not `_clear` is not smaller but harder to read.
        """
        start = self.first_wrong(sizes)
        any_case, smaller = start is None or not _clear(start), True
        while smaller:
            smaller = False
            for name, (low, _) in self.sizes.items():
                value = next((value for value in range(low, sizes[name]) if self._shows(sizes | {name: value}, any_case)), None)
                if value is not None:
                    sizes, smaller = sizes | {name: value}, True
        return sizes

    def _shows(self, sizes, any_case):
        trial = self.first_wrong(sizes)
        return trial is not None and (any_case or _clear(trial))

    def gather_evidence(self):
        """More trials, of sizes of every kind: what an explanation has to explain."""
        rng = np.random.default_rng(self.seed)
        for _ in range(TRIES):
            if len(self.trials) > TRIES or sum(trial.kind == "reals" for trial in self.trials) > EVIDENCE:
                break
            self._try_once({name: int(rng.integers(low, high + 1)) for name, (low, high) in self.sizes.items()}, "reals", 0)

    def _typical(self):
        """All as small as can be, all dimensions different, all at their largest, and far beyond that."""
        smallest = {name: low for name, (low, _) in self.sizes.items()}
        different = {name: low + i % (high - low + 1) for i, (name, (low, high)) in enumerate(self.sizes.items(), 1)}
        largest = {name: high for name, (_, high) in self.sizes.items()}
        beyond = largest | {name: 3 * largest[name] for name in GROWING if name in largest}
        return smallest, different, largest, beyond

    def _fails(self, sizes, seed=0, count=bool):
        """Whether the faults of a trial `count`: Hypothesis's question.

        It would take an exception for a find, and go on calling a process that has ended.
        """
        try:
            trial = None if self._ended else self._try_once(sizes, "reals", seed)
        except Ended as error:
            self._ended, trial = error, None
        return bool(trial and count(trial.faults))

    def _try_once(self, sizes, kind, seed):
        """A Trial, the same one for the same arguments; None if there is no such case."""
        sizes = {name: sizes[name] for name in self.sizes}             # Hypothesis has an order of its own
        key = (*sizes.values(), kind, seed)
        if key not in self._known:
            self._known[key] = self._try(sizes, kind, seed)
        return self._known[key]

    def _try(self, sizes, kind, seed):
        cases = self.spec.small_cases
        if not cases.fits(sizes):
            return None
        rng = np.random.default_rng([self.seed, seed, KINDS.index(kind), *sizes.values()])
        case = cases.case(sizes, rng, kind)
        if case is None:
            return None
        call = self.spec.call_on(case, lambda *shape: numbers(rng, shape, kind), self.subject.about)
        if call is None:
            return None
        self.current = Trial(sizes, kind, call, {}, [Fault("dies", None, "nothing came back from this call")])
        seen = self.subject.call(list(call.args.values()), call.kwargs, twice=len(self.trials) < TWICE,
                                 which=self.spec.which)
        self.warnings.update(text for text in seen["warnings"] if not is_spurious(text))
        with np.errstate(all="ignore"):
            trial = Trial(sizes, kind, call, *compare(self.spec, call, seen))
        self.trials.append(trial)
        return trial


def _clear(trial):
    """Whether one sees in a wrong trial what is wrong.

    Not if the right result is nearly zero, and not exactly: 2.9e-06 beside arguments of a few units. Not if all numbers are
    right, and only memory is shared.
    """
    call, wrong = trial.call, _wrong_values(trial)
    if not wrong:
        return _not_memory_alone(trial.faults)
    scale = max((np.max(np.abs(arg), initial=0) for arg in call.args.values() if isinstance(arg, np.ndarray)), default=1.0)
    right = max(np.max(np.abs(call.expected[name]), initial=0) for name in wrong)
    return not 0 < right < NEARLY_ZERO * min(scale, 100)


def _hardly_off(trial):
    """Whether the wrong numbers are nearly right: -2.0008 and -2.0017."""
    wrong = [error_of(trial.given[name], trial.call.expected[name], trial.call) for name in _wrong_values(trial)]
    return bool(wrong) and max(wrong) < HARDLY_OFF


def _wrong_values(trial):
    """The results whose numbers are wrong."""
    return [fault.output for fault in trial.faults
            if fault.kind == "value" and trial.call.expected.get(fault.output) is not None]


def _not_memory_alone(faults):
    """Whether some fault is another one than that a result shares its argument's memory."""
    return any(fault.kind != "aliased" for fault in faults)
