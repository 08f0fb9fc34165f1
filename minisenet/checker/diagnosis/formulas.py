"""Mistakes that have a formula of their own: the planted bugs first, since the pages explain them, then `mistakes.WRONG`."""
from minisenet.checker.result import Mistake
from minisenet.gradcheck import bugs
from minisenet.gradcheck.mistakes import WRONG


def guesses(evidence, wrong):
    """Yield (Mistake, predict) for each entry of the two tables that belongs to the spec."""
    spec = evidence.spec
    for bug in bugs.BUGS:
        broken = bug.backward if spec.backward else bug.forward
        if bug.operation == spec.row.name and broken:
            yield Mistake(bug.name, bug.mistake, bug.lesson), _planted(spec, broken)
    for mistake, formulas in _together([entry for entry in WRONG if spec.name in entry.functions.split()]):
        yield mistake, lambda trial, name, formulas=formulas: formulas[name](trial.call.v) if name in formulas else None


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
    """(Mistake, {output: formula}): the entries of one mistake that shows in several results stand in a row."""
    found = []
    for entry in entries:
        mistake = Mistake(entry.name, entry.says, entry.lesson)
        if found and found[-1][0] == mistake and entry.output not in found[-1][1]:
            found[-1][1][entry.output] = entry.formula
        else:
            found.append((mistake, {entry.output: entry.formula}))
    return found
