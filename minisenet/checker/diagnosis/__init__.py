"""The name of a wrong answer's mistake.

Explanations are tried from the particular to the general, and the first that holds is taken:

    conduct        how the call went: it raises, returns None, writes into its arguments, ...
    precision      right to seven digits
    predictions    explanations that predict numbers. One is accepted only if the answer gave these very numbers in every
                   case of the evidence, even where they happen to be right; or in one branch, while the others are right; or in
                   all cases in which no exponential overflows
        formulas       mistakes that have a formula of their own: the planted bugs, and `mistakes.WRONG`
        terms          results that are sums: which term is missing, doubled, of the wrong sign or size
        transforms     what can happen to any result: a factor, an axis, an order, a part that was left out
        branches       the condition that separates two branches: where stride is not 1, where N = 1
    shapes         what the wrong shapes of all cases have in common
    places         where it is wrong: the sizes and options of the smallest case
"""
import numpy as np

from minisenet.checker.diagnosis import conduct, places, precision, predictions, shapes
from minisenet.checker.diagnosis.conduct import ended, not_imported
from minisenet.checker.diagnosis.evidence import Evidence

__all__ = ["diagnose", "ended", "not_imported"]

EXPLANATIONS = (conduct.before_numbers, predictions.order, conduct.dtypes, precision.explain, predictions.explain,
                predictions.one_branch, predictions.beside_overflow, shapes.explain, conduct.beside_right_numbers,
                conduct.remembered, places.explain)


def diagnose(spec, smallest, trials):
    """The Mistake of a wrong answer.

    Parameters
    ----------
    spec : Specification
    smallest : Trial
        The smallest one that is wrong.
    trials : list of Trial
        All of them.

    Returns
    -------
    Mistake
    """
    evidence = Evidence(spec, smallest, trials)
    with np.errstate(all="ignore"):                         # memory that was not cleared may hold anything
        return next(mistake for explain in EXPLANATIONS if (mistake := explain(evidence)))
