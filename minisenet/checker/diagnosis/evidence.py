"""What an explanation has to explain: all calls, and the results that are wrong in some of them."""
from dataclasses import dataclass
from functools import cached_property

import numpy as np

CLOSE = 1e-7                        # relative: a prediction and what was given
ABOUT_THE_RESULT = ("value", "shape", "dtype", "returns")


@dataclass(frozen=True)
class Evidence:
    """All trials of an answer.

    Attributes
    ----------
    spec : Specification
    smallest : Trial
        The smallest one that is wrong.
    trials : list of Trial
        All of them, right ones too.
    """

    spec: object
    smallest: object
    trials: list

    @cached_property
    def chosen(self):
        """Trials that gave results, wrong ones first; of real numbers, which no formula gives by chance."""
        usable = [trial for trial in self.trials if trial.given]
        reals = [trial for trial in usable if trial.kind == "reals"] or usable
        return sorted(reals, key=lambda trial: not trial.faults)

    @cached_property
    def wrong(self):
        """The names of the results that are wrong in some chosen trial."""
        return [name for name in self.spec.returns if any(
            fault.output == name and fault.kind in ABOUT_THE_RESULT for trial in self.chosen for fault in trial.faults)]

    def with_result(self, name):
        """The chosen trials that have this result, and should."""
        return [trial for trial in self.chosen if name in trial.given and trial.call.expected[name] is not None]


def close(one, two):
    """Whether two results have the same numbers in the same shape, NaNs included."""
    one, two = np.asarray(one), np.asarray(two)
    if one.shape != two.shape or one.dtype.kind not in "fiub" or two.dtype.kind not in "fiub":
        return False
    size = max(np.max(np.abs(two[np.isfinite(two)]), initial=0), 1e-9)
    return bool(np.allclose(one, two, rtol=CLOSE, atol=CLOSE * size, equal_nan=True))
