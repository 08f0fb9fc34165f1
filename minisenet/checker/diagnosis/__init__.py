"""What a wrong answer's mistake is called.

Explanations are asked for from the particular to the general, and the first one that holds is taken:

    conduct        how the call went: it raises, returns None, writes into its arguments, ...
    precision      right to seven digits
    predictions    explanations that predict numbers, accepted only if these are what the answer gave, in every case of the
                   evidence, those where it happens to be right among them:
        formulas       mistakes that have a formula of their own: the planted bugs, and `mistakes.WRONG`
        terms          results that are sums: which term is missing, doubled, of the wrong sign or size
        transforms     what can happen to any result: a factor, an axis, an order, a part that was left out
    shapes         what the wrong shapes of all cases have in common
    places         where it is wrong: only for N > 1, only with a stride, ...
"""
import numpy as np

from minisenet.checker.diagnosis import conduct, places, precision, predictions, shapes
from minisenet.checker.diagnosis.conduct import ended, not_imported
from minisenet.checker.diagnosis.evidence import Evidence

__all__ = ["diagnose", "ended", "not_imported"]

EXPLANATIONS = (conduct.before_numbers, precision.explain, predictions.explain, shapes.explain, conduct.beside_right_numbers,
                places.explain)


def diagnose(spec, smallest, trials):
    """The Mistake of a wrong answer.

    Parameters
    ----------
    spec : Specification
    smallest : Trial
        The smallest one that is wrong.
    trials : list of Trial
        All that was tried.

    Returns
    -------
    Mistake
    """
    evidence = Evidence(spec, smallest, trials)
    with np.errstate(all="ignore"):                         # memory that was not cleared may hold anything
        return next(mistake for explain in EXPLANATIONS if (mistake := explain(evidence)))
