"""What a check of an answer found: as an object, as JSON, and as a table of 80 columns."""
from dataclasses import asdict, dataclass, field

import numpy as np

from minisenet.checker.comparison import as_array
from minisenet.checker.text import arrays, wrapped

SYMBOLS = {"n": "N", "height": "H", "width": "W", "c": "C", "c_out": "C_out", "inputs": "in", "outputs": "out", "k": "K",
           "r": "r", "size": "size", "kernel_height": "KH", "kernel_width": "KW"}


def symbol(size):
    """The paper's letter for a size; None for one that is an option; a custom layer names its own."""
    return SYMBOLS.get(size, size if size[:1].isupper() else None)


def letters(sizes):
    """A case's sizes by the paper's letters. The channels are those of all groups together, as the arrays have them."""
    groups = {name: sizes.get("groups", 1) for name in ("c", "c_out")}
    return {symbol(name): value * groups.get(name, 1) for name, value in sizes.items() if symbol(name)}


PROOFS = {"complex_step": 1e-12, "central_difference": 1e-6}


@dataclass(frozen=True)
class Mistake:
    """What an answer's mistake is called.

    Attributes
    ----------
    name : str
    says : str
        What is wrong, in a sentence or two.
    lesson : str
        What one can learn from it, or where to look; may be empty.
    certain : bool
        Whether it was seen. A mistake that explains all the numbers is inferred, and only likely.
    """

    name: str
    says: str
    lesson: str = ""
    certain: bool = False


@dataclass(frozen=True)
class Smallest:
    """The case on which an answer is wrong: no size of it could be smaller by itself.

    Attributes
    ----------
    sizes : dict
    arguments : dict
        What the function was called with, by name.
    results : list of (name, expected, given, fault)
        Of the results that are wrong, or of the first fault if no result is; arrays, or None.
    shrunk : bool
        False if the call did not return, so that no smaller one could be tried.
    """

    sizes: dict
    arguments: dict
    results: list
    shrunk: bool = True

    @classmethod
    def of(cls, trial, shrunk=True):
        """Of a `Trial`, with the arguments as they were before the call."""
        call, before = trial.call, vars(trial.call.v)
        arguments = {name: before.get(name, value) if isinstance(value, np.ndarray) else value
                     for name, value in (call.args | call.kwargs).items()}
        results = [(fault.output, call.expected.get(fault.output), trial.given.get(fault.output), fault.text)
                   for fault in trial.faults]
        return cls(trial.sizes, arguments, results, shrunk)

    def lines(self):
        """As text."""
        dimensions = [f"{letter} = {value}" for letter, value in letters(self.sizes).items()]
        yield from wrapped(", ".join(dimensions), "  ")
        options = [f"{name}={value}" for name, value in self.arguments.items() if not isinstance(value, np.ndarray)]
        if options:
            yield from wrapped(", ".join(options), "  ")
        for name, value in self.arguments.items():
            if isinstance(value, np.ndarray):
                yield from arrays({name: value}, "  ")
        for name, expected, given, text in self.results:
            yield from wrapped(text, "  ")
            if expected is not None and as_array(given) is not None:
                yield from arrays(dict(expected=np.asarray(expected), given=as_array(given)), "    ")


@dataclass
class Verdict:
    """The result of `minisenet.gradcheck.check`.

    Attributes
    ----------
    like : str
        The function that it was compared with.
    cases, wrong : int
        How many cases were tried, and on how many it was wrong.
    named : Mistake or None
        What the mistake is called, where there is one.
    smallest : Smallest or None
    errors : dict
        The largest error of the values, of the complex step and of central differences; None where one does not apply.
    notes : list of str
        What is worth knowing and not a mistake.
    not_asked : dict
        Check -> why it could not be applied to this function: "its code is for real numbers only".
    tolerance : float
        Of the values.
    """

    like: str
    cases: int = 0
    wrong: int = 0
    named: Mistake | None = None
    smallest: Smallest | None = None
    errors: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)
    not_asked: dict = field(default_factory=dict)
    tolerance: float = 1e-9

    @property
    def passed(self):
        """Whether no fault was found."""
        return self.named is None and not self.wrong and self.cases > 0

    @property
    def mistake(self):
        """The mistake's short name, or None."""
        return self.named and self.named.name

    def to_dict(self):
        """The verdict in plain numbers, strings, lists and dicts, for `json.dumps`.

        Returns
        -------
        dict
            `like`, `passed`, `cases`, `wrong`, `notes`, `not_asked` as the attributes; `errors` with numbers, None where a
            check does not apply; `mistake`, None or a dict with `name`, `says`, `lesson`, `certain`; `smallest`, None or a
            dict with `sizes`, `arguments`, `shrunk`, and `results`, a list of dicts with `output`, `expected`, `given`,
            `fault`. Arrays are nested lists; NaN and infinity, which JSON lacks, are strings.
        """
        smallest = self.smallest and dict(
            sizes=self.smallest.sizes, shrunk=self.smallest.shrunk, arguments=self.smallest.arguments,
            results=[dict(zip(("output", "expected", "given", "fault"), result)) for result in self.smallest.results])
        return _plain(dict(like=self.like, passed=self.passed, cases=self.cases, wrong=self.wrong,
                           mistake=self.named and asdict(self.named), smallest=smallest, errors=self.errors,
                           notes=self.notes, not_asked=self.not_asked))

    def __str__(self):
        return "\n".join(self.lines())

    def lines(self):
        """The verdict as text, no line longer than 80 characters."""
        yield f"{self.like}: {'right' if self.passed else 'WRONG'}"
        shown = {name: error for name, error in self.errors.items() if error is not None}
        if shown:
            yield ""
            yield f"  {'check':24}{'largest error':>14}{'tolerance':>12}"
            for name, error in shown.items():
                tolerance = PROOFS.get(name, self.tolerance)
                ok = "ok" if error <= tolerance else "WRONG"
                yield f"  {name.replace('_', ' '):24}{_short(error):>14}{tolerance:>12.0e}  {ok}"
        for name, why in self.not_asked.items():
            yield from wrapped(f"{name.replace('_', ' ')}: not asked, because {why}", "  ", "    ")
        if self.smallest:
            yield ""
            yield f"wrong in {self.wrong} of {self.cases} cases; the smallest:" if self.smallest.shrunk else "the call:"
            yield from self.smallest.lines()
        if self.named:
            yield ""
            yield f"{'' if self.named.certain else 'likely '}mistake: {self.named.name}"
            for text in (self.named.says, self.named.lesson):
                yield from wrapped(text, "  ")
        if self.passed:
            yield ""
            yield f"{self.cases} cases: values, shapes, dtypes, nothing written to, the same when called again"
        for note in self.notes:
            yield from wrapped(f"note: {note}", "", "      ")


def _short(error):
    return "-" if error == float("inf") else "0" if error == 0 else f"{error:.1e}"


def _plain(value):
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    plain = value is None or isinstance(value, (bool, int, str)) or isinstance(value, float) and np.isfinite(value)
    return value if plain else str(value)
