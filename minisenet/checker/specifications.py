"""The specification of each public pass: what it is called with, and what it has to return.

A specification is made from the fixed signatures alone (`gradcheck/signatures.py`), so a new pair of passes needs only its
name here.
"""
import inspect
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from minisenet import functional as F
from minisenet import optim
from minisenet.backend import use_backend
from minisenet.checker.comparison import as_array
from minisenet.checker.small_cases import MAPS, SMALL_CASES
from minisenet.gradcheck import residual_block, signatures
from minisenet.gradcheck.cases import Case
from minisenet.gradcheck.operations import OPERATIONS, Operation

# A size of `small_cases` that is an option -> its parameters; a function that has one of them has the option.
OPTIONS = {f"{name}{side}": (name,) for name in ("stride", "padding", "dilation") for side in ("", "_height", "_width")} | {
    "groups": ("groups",), "bias": ("b", "b1", "bias"), "eps": ("eps",), "smoothing": ("label_smoothing",),
    "ceil": ("ceil_mode",), "without_padding": ("count_include_pad",),
    "momentum": ("momentum",), "weight_decay": ("weight_decay",), "nesterov": ("nesterov",)}
# Another order of summation passes, a float32 inside does not; if everything cancels, only rounding is left.
EXACT = (1e-9, 1e-12)
PAIRS = ("kernel_size", "stride", "padding", "dilation")                  # options of both axes, (height, width)


class NoAnswer(Exception):
    """A check cannot use the function's result; the text says why: "it raises TypeError for complex numbers"."""


@dataclass(frozen=True)
class Call:
    """A call on a case.

    Attributes
    ----------
    case : Case
    args, kwargs : dict
        Positional and keyword arguments, both by name.
    expected : dict
        The right results, by name.
    upstream, outputs : dict
        The upstream gradients of a backward by the names of the outputs, and the forward's outputs.
    v : SimpleNamespace
        Everything that belongs to the call, by the names of the signatures. The formulas of `mistakes` use it.
    tolerance : (float, float)
        Relative to the largest element of a result, and to the largest argument.
    """

    case: Case
    args: dict
    kwargs: dict
    expected: dict
    upstream: dict
    outputs: dict
    v: SimpleNamespace
    tolerance: tuple = EXACT


@dataclass(frozen=True)
class Specification:
    """One function that you may hand in.

    Attributes
    ----------
    name : str
        Of the function that it is compared with: "scale_backward".
    row : Operation
        Its row of the table; a row without a backward if the table has none.
    reference : callable
    returns : tuple of str
        The names of its results, as its docstring has them.
    in_place : bool
        Whether it writes its results into its arguments.
    one_number : bool
        Whether it is called with one number for both axes if an option is a pair, as some students write it.
    """

    name: str
    row: Operation
    reference: object
    returns: tuple
    in_place: bool = False
    one_number: bool = False
    which = "forward"               # of a file's functions: its own; see `custom_layer.py`

    @property
    def backward(self):
        """Whether it is a backward."""
        return "_backward" in self.name

    @property
    def small_cases(self):
        """How its small cases are made."""
        cases = SMALL_CASES[self.row.name]
        if self.one_number:
            names = ["kernel"] * ("kernel_size" in self.parameters) + ["stride", "padding", "dilation"]
            return cases.equal([name for name in names if f"{name}_height" in cases.sizes])
        return cases

    @property
    def parameters(self):
        """Of the reference, as `inspect` has them."""
        return signatures.parameters(self.reference)

    def takes(self, name, about):
        """Whether a function with these parameters has this one."""
        return about["keywords"] or about["names"] is None or name in about["names"]

    def left_out(self, about):
        """Size -> its option, for the options that a function does not have, and so is not called with."""
        mine = {size: [name for name in OPTIONS.get(size, ()) if name in self.parameters] for size in self.small_cases.sizes}
        return {size: names[0] for size, names in mine.items()
                if names and not any(self.takes(name, about) for name in names)}

    def sizes_for(self, about):
        """The bounds of each size, for a function with these parameters."""
        left_out = self.left_out(about)
        return {size: (low, low if size in left_out else high) for size, (low, high) in self.small_cases.sizes.items()}

    def call_on(self, case, number, about):
        """The `Call` of this function on a case.

        `number(*shape)` draws the upstream gradient, of the same kind as the case's own values.
        """
        with use_backend("numpy"):
            outputs = self.row.forward(case.arrays, case.options) if self.row.forward else {}
        names = self.row.differentiable if self.backward else ()
        upstream = {name: np.array(number(*np.shape(outputs[name]))) for name in names}
        return self.call(case, outputs, upstream, about)

    def call(self, case, outputs, upstream, about):
        """As `call_on`, for these outputs of the forward and these upstream gradients."""
        known = signatures.values(case.arrays, case.options, outputs, upstream)
        args, kwargs = self._arguments(known, about)
        with use_backend("numpy"):
            expected = self._expected(known)
        return Call(case, args, kwargs, expected, upstream, outputs, SimpleNamespace(**known))

    def adapter(self, subject):
        """The subject's function in the place of the row's own pass, so that the checks of `checks.py` can run on it."""
        def answer(call):
            seen = subject.call(list(call.args.values()), call.kwargs)
            value = seen["value"]
            items = list(value) if isinstance(value, (list, tuple)) and len(self.returns) > 1 else [value]
            wanted = [name for name in self.returns if call.expected[name] is not None]
            found = {name: item for name, item in zip(self.returns, items) if item is not None}
            no_arrays = any(as_array(item) is None for item in found.values())
            if seen["error"] or no_arrays or not set(wanted) <= set(found):
                raise NoAnswer(f"it raises {seen['error']['type']} for complex numbers" if seen["error"] else
                               "it returns no arrays of numbers")
            return found

        def forward(arrays, options):
            case = Case(arrays, options)
            call = self.call(case, right := self.row.forward(arrays, options), {}, subject.about)
            found = answer(call)
            names = self.row.differentiable
            if any(np.iscomplexobj(array) for array in arrays.values()) and not np.iscomplexobj(found[names[0]]):
                raise NoAnswer("its code is for real numbers only")
            if any(np.shape(found[name]) != np.shape(right[name]) for name in names):
                raise NoAnswer("a result has the wrong shape")
            return right | found

        def backward(upstream, arrays, outputs, options):
            found = answer(self.call(Case(arrays, options), outputs, upstream, subject.about))
            right = self.row.backward(upstream, arrays, outputs, options)
            return right | {name[1:]: value for name, value in found.items() if name[1:] in right}
        return backward if self.backward else forward

    def _arguments(self, known, about):
        args, kwargs = {}, {}
        for name, value in signatures.chosen(self.reference, known).items():
            parameter = self.parameters.get(name)                     # none for one of *xs
            keyword_only = parameter is not None and parameter.kind == parameter.KEYWORD_ONLY
            if not keyword_only or self.takes(name, about):
                (kwargs if keyword_only else args)[name] = self._passed(name, value)
        return args, kwargs

    def _passed(self, name, value):
        """As the function gets it: a copy, because the function may write to its arguments, and `v` must not change."""
        if self.one_number and name in PAIRS and value is not None:
            return value[0]
        return value.copy() if isinstance(value, np.ndarray) else value

    def _expected(self, known):
        if self.in_place:
            known = {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in known.items()}
            signatures.results(self.reference, known)
            return {name: known[name] for name in self.returns}
        return signatures.results(self.reference, known)


_SGD = Operation("sgd_step", "section_5", "section 5", ("sgd_step",), None, None, None, differentiable=())


def _specifications():
    for row in OPERATIONS.values():
        if row.name in SMALL_CASES:
            for name in row.functions or (row.name, f"{row.name}_backward"):
                reference = getattr(F, name, None) or getattr(residual_block, name)
                if name != "dropout":                                 # its masks come from our own random numbers
                    returns = signatures.numbered(signatures.returned_names(inspect.getdoc(reference)), MAPS)
                    yield Specification(name, row, reference, returns)
    yield Specification("sgd_step", _SGD, optim.sgd_step, ("value", "velocity"), in_place=True)


SPECIFICATIONS = {spec.name: spec for spec in _specifications()}
