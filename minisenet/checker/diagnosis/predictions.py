"""Explanations that predict: a guess is a Mistake and the numbers that an answer with this mistake gives.

    guess = (Mistake, predict)          predict(trial, name): the wrong result `name` of a trial; None if it has no formula

The guesses come from `formulas`, `terms` and `transforms`. One is accepted only if it predicts a wrong result in every case
of the evidence. So no one is accused of a mistake that they did not make. No answer's text is read.
"""
import itertools
from dataclasses import replace

import numpy as np

from minisenet.checker.comparison import as_array
from minisenet.checker.diagnosis import formulas, terms, transforms
from minisenet.checker.diagnosis.branches import where
from minisenet.checker.diagnosis.evidence import close
from minisenet.checker.result import Mistake
from minisenet.checker.text import conjunction

GUESSES = (formulas.guesses, terms.guesses, transforms.guesses)
FEWEST = 4                          # wrong cases from which a mistake in one branch is inferred
NO_VALUE = (ValueError, IndexError, AttributeError, TypeError, KeyError, ZeroDivisionError)      # for these shapes


def explain(evidence):
    """The guess that predicts most of the wrong results, and no right one wrongly; None if there is none.

    One that predicts a wrong result of the smallest case comes before all others, because that is the case that is shown.
    """
    wrong = _wrong(evidence)
    shown = {fault.output for fault in evidence.smallest.faults} & set(wrong)
    right = [name for name in evidence.spec.returns if name not in wrong]
    best, most = None, 0.0
    for mistake, predict in itertools.chain.from_iterable(source(evidence, wrong) for source in GUESSES):
        found = [name for name in wrong if _predicts(predict, evidence, name)]
        contradicted = sum(_contradicts(predict, evidence, name) for name in right) if found else 0
        if getattr(predict, "needs", set()) - set(found) or contradicted and "{}" not in mistake.says:
            continue                                                   # its words may be of a result that is right
        score = len(found) + len(wrong) * bool(shown & set(found)) - 0.5 * contradicted
        if found and score > most:
            best, most = Mistake(mistake.name, _said(mistake.says, found), mistake.lesson), score
            if score == len(wrong) * (1 + bool(shown)):
                break
    return best


def order(evidence):
    """The Mistake of results that are right, and in the wrong order; None if they are not."""
    if len(evidence.wrong) < 2:
        return None
    guesses = transforms.exchanged(evidence.spec)
    return next((mistake for mistake, predict in guesses if all(_predicts(predict, evidence, name) for name in evidence.wrong)),
                None)


def one_branch(evidence):
    """The guess that predicts the wrong results in one branch, while every other case is right; None if there is none."""
    wrong = _wrong(evidence)
    trials = {name: evidence.with_result(name) for name in wrong}
    bad = {name: [trial for trial in trials[name] if not close(trial.given[name], trial.call.expected[name])] for name in wrong}
    if not wrong or min(map(len, bad.values())) < FEWEST:
        return None
    branch = replace(evidence, trials=[trial for trial in evidence.chosen if any(trial in bad[name] for name in wrong)])
    for mistake, predict in itertools.chain.from_iterable(source(branch, wrong) for source in GUESSES):
        if all(_is(predict, trial, name) for name in wrong for trial in bad[name]):
            others = [trial for name in wrong for trial in trials[name] if trial not in bad[name] and
                      not _is(predict, trial, name)]
            place = others and where([trial for name in wrong for trial in bad[name]], others)
            if place:
                return Mistake(f"{mistake.name}, in one branch",
                               f"{_said(mistake.says, wrong)} This is so only{place}; all other cases are right.", mistake.lesson)
    return None


def beside_overflow(evidence):
    """The guess that predicts everything but the large numbers for which the answer is NaN or infinite; None if there is none."""
    trials = [trial for trial in evidence.trials if not (trial.sizes.get("far") and _overflows(trial))]
    near = replace(evidence, trials=trials)
    if len(trials) == len(evidence.trials) or not any(trial.faults for trial in trials):
        return None
    found = explain(near) or one_branch(near)
    return found and replace(found, says=f"{found.says} Besides, it is NaN or infinite for large numbers.")


def _overflows(trial):
    arrays = [as_array(value) for value in trial.given.values()]
    return any(array is not None and not np.all(np.isfinite(array)) for array in arrays)


def _wrong(evidence):
    """The wrong results that are arrays in every trial."""
    return [name for name in evidence.wrong
            if all(as_array(trial.given[name]) is not None for trial in evidence.chosen if name in trial.given)]


def _is(predict, trial, name):
    value = _value(predict, trial, name)
    return value is not None and close(value, trial.given[name])


def _said(text, names):
    """A sentence with the results in it: "du is ...", "du and ds: each is ..."."""
    if len(names) > 1 and text.startswith("{} "):
        text = text.replace("{}", "{}: each", 1)
    return text.format(conjunction(names))


def _predicts(predict, evidence, name):
    """Whether it is the answer's result in every case, and in some case not the right one."""
    differs = False
    for trial in evidence.with_result(name):
        value = _value(predict, trial, name)
        if value is None or not close(value, trial.given[name]):
            return False
        differs = differs or not close(value, trial.call.expected[name])
    return differs


def _contradicts(predict, evidence, name):
    """Whether it would have changed a result that is right."""
    values = [(_value(predict, trial, name), trial.given[name]) for trial in evidence.with_result(name)]
    return any(value is not None and not close(value, given) for value, given in values)


def _value(predict, trial, name):
    with np.errstate(all="ignore"):
        try:
            return predict(trial, name)
        except NO_VALUE:
            return None
