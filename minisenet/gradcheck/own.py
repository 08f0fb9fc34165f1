"""A layer of one's own: no function of minisenet to compare with, so its backward is compared with its forward's slopes.

The forward takes arrays, whose shapes its docstring gives as numpydoc has them, `x : ndarray (N, C)`, and returns one array or
several; the first one is differentiated. Its backward takes the upstream gradient first, and then what it needs by name: the
forward's arguments, its results (by the names under "Returns", or `y`). It returns one gradient for each array, in that order.
"""
import re
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from minisenet.gradcheck.cases import Case
from minisenet.gradcheck.checks import CENTRAL_STEP, COMPLEX_STEP
from minisenet.gradcheck.questions import returned_names
from minisenet.gradcheck.small import Small

LARGEST = 3                         # of each dimension: every element's slope is measured by itself


class ForwardFails(Exception):
    """The forward raises, or returns something that is no array: there is nothing to compare with."""


@dataclass
class OwnLayer:
    """The question whether a backward belongs to its forward: what `Question` is for one of minisenet's."""

    name: str
    subject: object
    shapes: dict                    # argument -> its dimensions, names or numbers
    results: tuple                  # what the forward's results are called
    takes: list                     # the parameters of the backward, without the first
    row: object = field(default_factory=lambda: SimpleNamespace(name="own", forward=None))
    which = "backward"
    backward = True
    in_place = False

    def __post_init__(self):
        names = dict.fromkeys(d for dimensions in self.shapes.values() for d in dimensions if not d.isdigit())
        self.small = Small({name: (1, LARGEST) for name in names}, self._fill)
        self.returns = tuple(f"d{name}" for name in self.shapes)
        self.parameters = ["dy", *self.takes]
        self.relative = 1e-9

    def _fill(self, sizes, number):
        return {name: number(*(int(d) if d.isdigit() else sizes[d] for d in dimensions)) for name, dimensions in self.shapes.items()}, {}

    def asked(self, about):
        """All sizes: a layer of one's own has no options that are known here."""
        return dict(self.small.sizes)

    def ask(self, case, number, about):
        """The call of the backward, with the forward's measured slopes as what is expected of it."""
        outputs = self._forward(case.arrays)
        upstream = np.array(number(*np.shape(outputs[0])))
        known = case.arrays | dict(zip(self.results, outputs)) | dict(y=outputs[0], dy=upstream)
        missing = [name for name in self.takes if name not in known]
        if missing:
            raise ValueError(f"{self.name}_backward takes {missing[0]}, which is neither an argument nor a result of {self.name}: it has "
                             f"{', '.join(known)}")
        expected = {f"d{name}": self._slopes(case, name, upstream) for name in case.arrays}
        args = [known[name].copy() for name in self.parameters]
        return SimpleNamespace(case=Case(case.arrays, {}), args=args, kwargs={}, expected=expected, upstream=dict(y=upstream), outputs=known,
                               v=SimpleNamespace(**known))

    def _forward(self, arrays):
        seen = self.subject.call([np.array(array) for array in arrays.values()], {})
        value = seen["value"]
        outputs = list(value) if isinstance(value, (list, tuple)) else [value]
        if seen["error"]:
            raise ForwardFails(f"the forward raises {seen['error']['type']}: {seen['error']['text']}")
        if not outputs or not isinstance(outputs[0], (np.ndarray, float)):
            raise ForwardFails("the forward returns no array" + (": is there a return?" if value is None else ""))
        return [np.asarray(output) if isinstance(output, (np.ndarray, float, int)) else output for output in outputs]

    def _slopes(self, case, name, upstream):
        """The gradient of <upstream, y> with respect to one array, element by element.

        By central differences; and by complex step, which is exact, where the two agree: a forward that drops the imaginary
        part somewhere would give a wrong slope without a word.
        """
        measured, exact = (np.empty(case.arrays[name].shape) for _ in range(2))
        for index in np.ndindex(*measured.shape):
            v = np.zeros(measured.shape)
            v[index] = 1
            ahead, behind = (self._forward(case.arrays | {name: case.arrays[name] + step * v})[0] for step in (CENTRAL_STEP, -CENTRAL_STEP))
            measured[index] = np.sum(upstream * (ahead - behind)) / (2 * CENTRAL_STEP)
            exact[index] = self._complex(case, name, v, upstream)
        if np.allclose(measured, exact, rtol=1e-5, atol=1e-6):
            return exact
        self.relative = 1e-5
        return measured

    def _complex(self, case, name, v, upstream):
        arrays = {key: array.astype(complex) for key, array in case.arrays.items()}
        arrays[name] += 1j * COMPLEX_STEP * v
        try:
            return np.sum(upstream * np.imag(self._forward(arrays)[0])) / COMPLEX_STEP
        except (ForwardFails, ValueError):
            return np.nan


def layer(subject, name, shapes):
    """The OwnLayer of a subject. Raises ValueError where its shapes cannot be told or it has no backward."""
    about = subject.about
    if about["backward"] is None:
        raise ValueError(f"{name} is not one of minisenet's functions, and it has no {name}_backward beside it: say which function it has to equal "
                         f"(like, --like), or write its backward")
    dimensions = {key: _dimensions(value) for key, value in (shapes or {}).items()}
    found = {}
    for argument in about["required"] if about["names"] is not None else dimensions:
        written = re.search(rf"^\s*(?:\w+, )*{argument}(?:, \w+)* : .*?(\([^)]*\))", about["doc"], re.MULTILINE)
        if argument not in dimensions and not written:
            raise ValueError(f"the shape of {argument} cannot be told: give it in the docstring of {name}, `{argument} : ndarray (N, C)`, or by "
                             f"shapes (--shapes \"{argument}=(N, C)\")")
        found[argument] = dimensions.get(argument) or _dimensions(written[1])
    return OwnLayer(name, subject, found, returned_names(about["doc"]), about["backward"][1:])


def _dimensions(text):
    names = [part.strip() for part in text.strip("() ").split(",") if part.strip()]
    wrong = [name for name in names if not (name.isidentifier() or name.isdigit())]
    if wrong or not names:
        raise ValueError(f"{text!r} is no shape: it takes names and numbers, (N, H, W, C)")
    return names
