"""Right to seven digits: float64 was cut to float32 on the way."""
import numpy as np

from minisenet.checker.comparison import as_array
from minisenet.checker.result import Mistake
from minisenet.checker.text import conjunction

SEVEN_DIGITS = 3e-6                 # relative: what a few steps in float32 lose at most


def explain(evidence):
    """The Mistake of results whose largest relative error is that of float32, or None."""
    errors = [_error(trial, name) for name in evidence.wrong for trial in evidence.chosen
              if trial.call.expected[name] is not None]
    if errors and max(errors) < SEVEN_DIGITS:
        names = conjunction(evidence.wrong)
        pairs = [(np.asarray(trial.given[name]), np.asarray(trial.call.expected[name])) for name in evidence.wrong
                 for trial in evidence.with_result(name)]
        added = np.concatenate([np.ravel(given - expected) for given, expected in pairs])
        if np.ptp(added) < 1e-3 * np.max(np.abs(added)):
            return Mistake("small number added", f"{names}: each element is off by {added.mean():.1e}.",
                           "A small number against a division by zero belongs inside the division, and only if the equation has it.")
        return Mistake("float32 inside", f"{names}: right to seven digits only, which is what float32 holds.",
                       "Is float64 cut to float32 on the way? A divisor with a small number added to it looks alike.")
    return None


def _error(trial, name):
    expected, given = np.asarray(trial.call.expected[name]), as_array(trial.given.get(name))
    if given is None or given.shape != expected.shape or given.dtype.kind != "f":
        return np.inf
    return np.max(np.abs(given - expected), initial=0) / max(np.max(np.abs(expected), initial=0), 1e-300)
