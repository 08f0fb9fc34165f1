"""Mistakes that have a formula of their own: the planted bugs first, which the pages explain, then `mistakes.WRONG`."""
from minisenet.checker.result import Mistake
from minisenet.gradcheck import bugs
from minisenet.gradcheck.mistakes import WRONG


def guesses(evidence, wrong):
    """Yield (Mistake, predict) for each entry of the two tables that belongs to the spec."""
    spec = evidence.spec
    yield from _bugs(spec)
    for mistake, formulas in _together([entry for entry in WRONG if spec.name in entry.functions.split()]):
        yield mistake, _by_formulas(formulas)


def _bugs(spec):
    for bug in bugs.BUGS:
        broken = bug.backward if spec.backward else bug.forward
        if bug.operation == spec.row.name and broken:
            yield Mistake(bug.name, bug.mistake, bug.lesson), _planted(spec, broken)


def _by_formulas(formulas):
    def predict(trial, name):
        return formulas[name](trial.call.v) if name in formulas else None
    predict.needs = set(formulas) if isinstance(formulas, All) else set()
    return predict


def _planted(spec, broken):
    """A planted bug's results, by the names that the function gives them."""
    def predict(trial, name):
        call = trial.call
        if not spec.backward:
            return broken(call.case.arrays, call.case.options).get(name)
        upstream = {key: value.copy() for key, value in call.upstream.items()}        # a bug may write into it
        return broken(upstream, call.case.arrays, call.outputs, call.case.options).get(name.removeprefix("d"))
    return predict


def _together(entries):
    """(Mistake, {output: formula}): neighbouring entries with one name, says and lesson are one mistake of several results.

    Entries with one name and different words for each result follow once more, as one mistake of all of them.
    """
    found = _neighbours(entries)
    for name in dict.fromkeys(mistake.name for mistake, _ in found):
        each = {}
        for mistake, formulas in found:
            if mistake.name == name and len(formulas) == 1:
                each.setdefault(next(iter(formulas)), []).append((mistake, formulas))
        for parts in zip(*each.values()) if len(each) > 1 else ():
            says, lesson = (" ".join(dict.fromkeys(texts)) for texts in zip(*((m.says, m.lesson) for m, _ in parts)))
            yield Mistake(name, says, lesson), All({k: formula for _, of in parts for k, formula in of.items()})
    yield from found


class All(dict):
    """Formulas of which an answer has all or none."""


def _neighbours(entries):
    found = []
    for entry in entries:
        mistake = Mistake(entry.name, entry.says, entry.lesson)
        if found and found[-1][0] == mistake and entry.output not in found[-1][1]:
            found[-1][1][entry.output] = entry.formula
        else:
            found.append((mistake, {entry.output: entry.formula}))
    return found
