"""Explanations that predict: a guess is a Mistake and the numbers that an answer with this mistake gives.

    guess = (Mistake, predict)          predict(trial, name): the wrong result `name` of a trial; None where it has no say

The guesses come from `formulas`, `terms` and `transforms`. One is accepted only if it predicts a wrong result in every case
of the evidence. So nobody is accused of a mistake that was not made, and no answer's text is looked at.
"""
import itertools

import numpy as np

from minisenet.checker.comparison import as_array
from minisenet.checker.diagnosis import formulas, terms, transforms
from minisenet.checker.diagnosis.evidence import close
from minisenet.checker.result import Mistake

GUESSES = (formulas.guesses, terms.guesses, transforms.guesses)
NO_VALUE = (ValueError, IndexError, AttributeError, TypeError, KeyError, ZeroDivisionError)      # for these shapes


def explain(evidence):
    """The guess that predicts most of the wrong results, and no right one otherwise than it is; None where there is none."""
    wrong = [name for name in evidence.wrong
             if all(as_array(trial.given[name]) is not None for trial in evidence.chosen if name in trial.given)]
    right = [name for name in evidence.spec.returns if name not in wrong]
    best, most = None, 0.0
    for mistake, predict in itertools.chain.from_iterable(source(evidence, wrong) for source in GUESSES):
        found = [name for name in wrong if _predicts(predict, evidence, name)]
        score = found and len(found) - 0.5 * sum(_contradicts(predict, evidence, name) for name in right)
        if found and score > most:
            best, most = Mistake(mistake.name, _said(mistake.says, found), mistake.lesson), score
            if score == len(wrong):
                break
    return best


def _said(text, names):
    """A sentence with the results in it: "du is ...", "du and ds: each is ..."."""
    if len(names) > 1 and text.startswith("{} "):
        text = text.replace("{}", "{}: each", 1)
    return text.format(" and ".join(names))


def _predicts(predict, evidence, name):
    """Whether it is what was given in every case, and in some case not what should have been."""
    differs = False
    for trial in evidence.with_result(name):
        value = _value(predict, trial, name)
        if value is None or not close(value, trial.given[name]):
            return False
        differs = differs or not close(value, trial.call.expected[name])
    return differs


def _contradicts(predict, evidence, name):
    """Whether it would have spoilt a result that is right."""
    values = [(_value(predict, trial, name), trial.given[name]) for trial in evidence.with_result(name)]
    return any(value is not None and not close(value, given) for value, given in values)


def _value(predict, trial, name):
    with np.errstate(all="ignore"):
        try:
            return predict(trial, name)
        except NO_VALUE:
            return None
