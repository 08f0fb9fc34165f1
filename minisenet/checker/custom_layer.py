"""A custom layer: minisenet has no such function, so the layer's backward is compared with its forward's slopes.

The forward's arguments are arrays, with their shapes in its docstring, `x : ndarray (N, C)`. It returns one array or
several; the first one is differentiated. The backward's first argument is the upstream gradient. The others are the
forward's arguments and results by name (the names under "Returns", or `y`). It returns one gradient for each array, in that
order.
"""
import re
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from minisenet.checker.small_cases import SmallCases
from minisenet.checker.specifications import EXACT, Call
from minisenet.gradcheck.checks import CENTRAL_STEP, COMPLEX_STEP
from minisenet.gradcheck.operations import Operation
from minisenet.gradcheck.signatures import returned_names

MEASURED = (1e-5, 1e-8)             # the tolerance of differences; a complex step is exact
LARGEST = 3                         # size of each dimension: every element's slope is measured by itself


class ForwardFails(Exception):
    """The forward raises, or does not return an array: the backward cannot be compared with it."""


class Kink(Exception):
    """The case lies on a kink of the forward, a ReLU's zero or two equal maxima, where no slope is right."""


@dataclass
class CustomLayer:
    """What `Specification` is for one of minisenet's functions: here, that a backward belongs to its forward."""

    name: str
    subject: object
    shapes: dict                    # argument -> its dimensions, names or numbers
    results: tuple                  # the names of the forward's results
    takes: list                     # the parameters of the backward, without the first
    row = Operation("custom layer", "", "", (), None, None, None)              # it is not in the table
    which = "backward"
    backward = True
    in_place = one_number = False

    def __post_init__(self):
        names = dict.fromkeys(d for dimensions in self.shapes.values() for d in dimensions if not d.isdigit())
        self.small_cases = SmallCases({name: (1, LARGEST if len(names) < 4 else 2) for name in names}, self._fill)
        self.returns = tuple(f"d{name}" for name in self.shapes)
        self.parameters = ["dy", *self.takes]

    def _fill(self, sizes, number):
        return {name: number(*(int(d) if d.isdigit() else sizes[d] for d in dimensions))
                for name, dimensions in self.shapes.items()}, {}

    def left_out(self, about):
        """Nothing: the options of a custom layer are unknown."""
        return {}

    def sizes_for(self, about):
        """All sizes."""
        return dict(self.small_cases.sizes)

    def call_on(self, case, number, about):
        """The call of the backward, with the forward's slopes as the right result; None for a case on a kink."""
        self.tolerance = EXACT
        outputs = self._forward(case.arrays)
        upstream = np.array(number(*np.shape(outputs[0])))
        known = case.arrays | dict(zip(self.results, outputs)) | dict(y=outputs[0], dy=upstream)
        missing = [name for name in self.takes if name not in known]
        if missing:
            raise ValueError(f"{self.name}_backward's arguments must be arguments or results of {self.name}, got {missing[0]}: "
                             f"there are {', '.join(known)}")
        try:
            expected = {f"d{name}": self._slopes(case, name, upstream) for name in case.arrays}
        except Kink:
            return None
        args = {name: np.array(known[name]) if isinstance(known[name], np.ndarray) else known[name]
                for name in self.parameters}
        return Call(case, args, {}, expected, dict(y=upstream), known, SimpleNamespace(**known), self.tolerance)

    def _forward(self, arrays):
        seen = self.subject.call([np.array(array) for array in arrays.values()], {})
        if seen["written"]:
            raise ForwardFails(f"the forward writes into its argument {list(arrays)[seen['written'][0]]}")
        value = seen["value"]
        outputs = list(value) if isinstance(value, (list, tuple)) else [value]
        if seen["error"]:
            raise ForwardFails(f"the forward raises {seen['error']['type']}: {seen['error']['text']}")
        if not outputs or np.asarray(outputs[0]).dtype.kind not in "fc":
            raise ForwardFails("the forward does not return an array of numbers"
                               + (": is there a return?" if value is None else ""))
        return [np.asarray(output) if isinstance(output, (np.ndarray, float, int)) else output for output in outputs]

    def _slopes(self, case, name, upstream):
        """The gradient of <upstream, y> with respect to one array, element by element.

        By complex step, which is exact, if it agrees with central differences along one direction: a forward that drops
        the imaginary part gives a wrong slope, and no error. Otherwise by central differences.
        """
        direction = np.random.default_rng(upstream.size).standard_normal(case.arrays[name].shape)
        at = case, name, direction, upstream
        slope = self._complex
        if not np.isclose(self._complex(*at), self._central(*at), 1e-5, 1e-6):
            if not np.isclose(self._difference(*at, 0, CENTRAL_STEP), self._difference(*at, -CENTRAL_STEP, 0), 1e-3, 1e-5):
                raise Kink                                             # it has another slope on each side
            slope, self.tolerance = self._central, MEASURED
        slopes = np.empty(direction.shape)
        for index in np.ndindex(*slopes.shape):
            v = np.zeros(slopes.shape)
            v[index] = 1
            slopes[index] = slope(case, name, v, upstream)
        return slopes

    def _central(self, case, name, v, upstream):
        return self._difference(case, name, v, upstream, -CENTRAL_STEP, CENTRAL_STEP)

    def _difference(self, case, name, v, upstream, start, stop):
        behind, ahead = (self._forward(case.arrays | {name: case.arrays[name] + step * v})[0] for step in (start, stop))
        return np.sum(upstream * (ahead - behind)) / (stop - start)

    def _complex(self, case, name, v, upstream):
        arrays = {key: array.astype(complex) for key, array in case.arrays.items()}
        arrays[name] += 1j * COMPLEX_STEP * v
        try:
            return np.sum(upstream * np.imag(self._forward(arrays)[0])) / COMPLEX_STEP
        except (ForwardFails, ValueError):
            return np.nan


def layer(subject, name, shapes):
    """The CustomLayer of a subject. Raises ValueError if its shapes cannot be inferred or it has no backward."""
    about = subject.about
    if about["backward"] is None:
        raise ValueError(f"{name} must be one of minisenet's functions or have its {name}_backward beside it: name the function "
                         "that it has to equal (like, --like), or write its backward")
    dimensions = {key: _dimensions(value) for key, value in (shapes or {}).items()}
    found = {}
    for argument in about["required"] if about["names"] is not None else dimensions:
        written = re.search(rf"^\s*(?:\w+, )*{argument}(?:, \w+)* : .*?(\([^)]*\))", about["doc"], re.MULTILINE)
        if argument not in dimensions and not written:
            raise ValueError(f"cannot infer the shape of {argument}: give it in the docstring of {name}, `{argument} : "
                             f"ndarray (N, C)`, or by shapes (--shapes \"{argument}=(N, C)\")")
        found[argument] = dimensions.get(argument) or _dimensions(written[1])
    return CustomLayer(name, subject, found, returned_names(about["doc"]), about["backward"][1:])


def _dimensions(text):
    names = [part.strip() for part in text.strip("() ").split(",") if part.strip()]
    wrong = [name for name in names if not (name.isidentifier() or name.isdigit())]
    if wrong or not names:
        raise ValueError(f"a shape must have names and numbers, (N, H, W, C), got {text!r}")
    return names
