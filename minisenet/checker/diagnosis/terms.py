"""Results that are sums: which term is missing, doubled, of the wrong sign or of the wrong size.

`mistakes.TERMS` has the terms. The answer's result is solved for the factor of each term, case by case. If these factors
follow one law, a number or a size of the call, the law is the explanation.
"""
import numpy as np

from minisenet.checker.diagnosis.evidence import close
from minisenet.checker.diagnosis.symbols import symbols
from minisenet.checker.result import Mistake
from minisenet.gradcheck.mistakes import TERMS

LESSON = "Go through it once more, term by term, and look for the line of code of each term."
FACTORS = {0.0: "is missing", -1.0: "has the wrong sign", 2.0: "is there twice", 0.5: "is halved",
           -2.0: "is there twice, with the wrong sign"}
RIGHT = (1.0, None)                 # a law is a factor and a symbol that it is multiplied with


def guesses(evidence, wrong):
    """Yield (Mistake, predict) for each wrong result that is a sum, if the factors of its terms follow a law."""
    for name in wrong:
        terms = TERMS.get((evidence.spec.name, name))
        solved = _solve(terms, name, evidence.with_result(name)) if terms else []
        if len(solved) < 2:
            continue
        laws = {label: _law([(factors[label], known) for factors, known in solved]) for label in solved[0][0]}
        changed = {label: _in_words(law) for label, law in laws.items() if law and law != RIGHT}
        if changed and None not in laws.values():
            says = "; ".join(f"the term {label}{',' * (',' in label)} {words}" for label, words in changed.items())
            label, words = next(iter(changed.items()))
            yield (Mistake(f"term: {label.partition(',')[0]} {words}", f"In {name}, {says}.", LESSON),
                   _prediction(terms, laws, name))


def _solve(terms, name, trials):
    """For each trial with independent terms (factor by term, symbols); [] if a trial is not a sum of these terms."""
    solved = []
    for trial in trials:
        given, parts = np.asarray(trial.given[name]), terms(trial.call.v)
        if any(np.shape(part) != given.shape for part in parts.values()) or not np.all(np.isfinite(given)):
            continue
        matrix = np.stack([np.ravel(part) for part in parts.values()], axis=1)
        if np.linalg.matrix_rank(matrix, 1e-6) == len(parts):
            factors = np.linalg.lstsq(matrix, given.ravel(), rcond=None)[0]
            if not close(matrix @ factors, given.ravel()):
                return []
            solved.append((dict(zip(parts, factors)), symbols(trial)))
    return solved


def _law(found):
    """(factor, symbol) so that every number is factor times the symbol's value; None if there is no such law."""
    for factor in (1.0, *FACTORS):
        if all(abs(number - factor) < 1e-5 * max(1, abs(factor)) for number, _ in found):
            return factor, None
    for symbol in found[0][1]:
        values = [(number, known.get(symbol)) for number, known in found]
        if any(value is None for _, value in values) or len({round(value, 9) for _, value in values}) == 1:
            continue                                                   # a value that never varies explains nothing
        for factor in (1.0, -1.0):
            if all(abs(number - factor * value) < 1e-5 * abs(value) for number, value in values):
                return factor, symbol
    return None


def _prediction(terms, laws, output):
    def predict(trial, name):
        if name != output:
            return None
        known, parts = symbols(trial), terms(trial.call.v)
        return sum(factor * (known[symbol] if symbol else 1) * parts[label] for label, (factor, symbol) in laws.items())
    return predict


def _in_words(law):
    factor, symbol = law
    return f"is multiplied by {'-' if factor < 0 else ''}{symbol}" if symbol else FACTORS.get(factor)
