"""What a check of somebody's answer found: as an object, as JSON, and as a table of 80 columns."""
import textwrap
from dataclasses import dataclass, field

import numpy as np

WIDTH = 80
SYMBOLS = {"n": "N", "height": "H", "width": "W", "c": "C", "c_in": "in", "c_out": "C_out", "k": "K", "r": "r", "size": "size"}


def symbol(size):
    """The paper's letter for a size; None for one that stands for an option; a layer of one's own names its own."""
    return SYMBOLS.get(size, size if size[:1].isupper() else None)


PROOFS = {"values": 1e-9, "complex_step": 1e-12, "central_difference": 1e-6}


@dataclass(frozen=True)
class Mistake:
    """What an answer's mistake is called.

    Attributes
    ----------
    name : str
    says : str
        What is wrong, in a sentence or two.
    lesson : str
        What there is to learn from it; may be empty.
    """

    name: str
    says: str
    lesson: str = ""


@dataclass(frozen=True)
class Smallest:
    """The smallest case on which an answer is wrong: no size of it could be smaller by itself.

    Attributes
    ----------
    sizes : dict
    arguments : dict
        What the function was called with, by name.
    results : list of (name, expected, given, fault)
        Of the results that are wrong, or of the first fault where there is none; arrays, or None where there is nothing.
    """

    sizes: dict
    arguments: dict
    results: list

    @classmethod
    def of(cls, question, trial):
        """Of a `Trial`."""
        call = trial.call
        names = [name for name in question.parameters if name in vars(call.v)]
        arguments = dict(zip(names, call.args)) | call.kwargs
        results = [(fault.output, call.expected.get(fault.output), trial.given.get(fault.output), fault.text)
                   for fault in trial.faults]
        return cls(trial.sizes, arguments, results)

    def lines(self):
        """As text."""
        dimensions = [f"{symbol(name)} = {value}" for name, value in self.sizes.items() if symbol(name)]
        yield "  " + ", ".join(dimensions)
        options = [f"{name}={value}" for name, value in self.arguments.items() if not isinstance(value, np.ndarray)]
        if options:
            yield from _wrapped(", ".join(options), "  ")
        for name, value in self.arguments.items():
            if isinstance(value, np.ndarray):
                yield from _array(name, value, "  ")
        for name, expected, given, text in self.results:
            yield from _wrapped(text, "  ")
            if expected is not None and isinstance(given, (np.ndarray, int, float)):
                yield from _array("expected", np.asarray(expected), "    ")
                yield from _array("given", np.asarray(given), "    ")


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
        What is no mistake and worth knowing.
    """

    like: str
    cases: int = 0
    wrong: int = 0
    named: Mistake | None = None
    smallest: Smallest | None = None
    errors: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)

    @property
    def passed(self):
        """Whether nothing was found to be wrong."""
        return self.named is None and not self.wrong and self.cases > 0

    @property
    def mistake(self):
        """The mistake's short name, or None."""
        return self.named and self.named.name

    def to_dict(self):
        """Plain numbers, strings, lists and dicts, for `json.dumps`."""
        named = self.named and dict(name=self.named.name, says=self.named.says, lesson=self.named.lesson)
        smallest = self.smallest and dict(
            sizes=self.smallest.sizes, arguments={name: _plain(value) for name, value in self.smallest.arguments.items()},
            results=[dict(output=name, expected=_plain(expected), given=_plain(given), fault=text)
                     for name, expected, given, text in self.smallest.results])
        return dict(like=self.like, passed=self.passed, cases=self.cases, wrong=self.wrong, mistake=named, smallest=smallest,
                    errors={name: _plain(error) for name, error in self.errors.items()}, notes=list(self.notes))

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
                ok = "ok" if error <= PROOFS[name] else "WRONG"
                yield f"  {name.replace('_', ' '):24}{_short(error):>14}{PROOFS[name]:>12.0e}  {ok}"
        if self.smallest:
            yield ""
            often = f"wrong in {self.wrong} of {self.cases} cases" if self.wrong else "wrong"
            yield f"{often}; the smallest:"
            yield from self.smallest.lines()
        if self.named:
            yield ""
            yield f"likely mistake: {self.named.name}"
            for text in (self.named.says, self.named.lesson):
                yield from _wrapped(text, "  ")
        if self.passed:
            yield ""
            yield f"{self.cases} cases: values, shapes, dtypes, nothing written to, the same when called again"
        for note in self.notes:
            yield from _wrapped(f"note: {note}", "", "      ")


def _wrapped(text, indent, more=None):
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent if more is None else more)


def _array(name, value, indent):
    """An array with its name and shape: on one line, or with its rows below."""
    text = np.array2string(value + 0.0 if value.dtype.kind == "f" else value, precision=4, suppress_small=True, threshold=60, max_line_width=WIDTH - len(indent) - 4)
    if value.ndim > 2 and value.size <= 8:
        text = " ".join(text.split())
    head = f"{indent}{name} {value.shape}"
    if "\n" not in text and len(head) + len(text) + 2 <= WIDTH:
        yield f"{head}  {text}"
    else:
        yield head
        yield from (f"{indent}  {line}" for line in text.splitlines() if line.strip())


def _short(error):
    return "-" if error == float("inf") else "0" if error == 0 else f"{error:.1e}"


def _plain(value):
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, complex):
        return str(value)
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
