"""Right to seven digits: somewhere inside, float64 was cut to float32."""
import numpy as np

from minisenet.checker.comparison import as_array
from minisenet.checker.result import Mistake

SEVEN_DIGITS = 3e-6                 # relative: what a few steps in float32 lose at most


def explain(evidence):
    """The Mistake of results whose largest relative error is that of float32, or None."""
    errors = [_error(trial, name) for name in evidence.wrong for trial in evidence.chosen
              if trial.call.expected[name] is not None]
    if errors and max(errors) < SEVEN_DIGITS:
        names = " and ".join(evidence.wrong)
        return Mistake("float32 inside", f"{names}: right to seven digits. Somewhere inside it was cut to float32.",
                       "An error of 1e-8 passes every central difference; the complex step is exact enough to see it.")
    return None


def _error(trial, name):
    expected, given = np.asarray(trial.call.expected[name]), as_array(trial.given.get(name))
    if given is None or given.shape != expected.shape or given.dtype.kind != "f":
        return np.inf
    return np.max(np.abs(given - expected), initial=0) / max(np.max(np.abs(expected), initial=0), 1e-300)
