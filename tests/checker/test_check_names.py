"""Every mistake that has a name, planted: it is wrong in some case, and gets its name."""
import functools

import numpy as np
import pytest

from minisenet.checker.comparison import compare
from minisenet.checker.diagnosis import diagnose, formulas
from minisenet.checker.diagnosis.evidence import Evidence
from minisenet.checker.diagnosis.terms import FACTORS
from minisenet.checker.result import Smallest, Verdict
from minisenet.checker.sandbox import Direct
from minisenet.checker.search import Search, Trial
from minisenet.checker.specifications import SPECIFICATIONS
from minisenet.gradcheck.mistakes import TERMS, WRONG

# Two entries with the same numbers in every case that is drawn: only the first of them is ever named.
TWINS = {
    "kernel flipped": "kernel flipped in dx",                          # of a convolution's dx; the first is a planted bug
    "dilation ignored": "dilation ignored in dw",
    "padding always counted": "padding counted in the backward",
}
# Planted bugs of a row that leave this one of its passes right, or change no number, or only at a kink.
LEFT_RIGHT = {
    "conv2d_backward_input": {"dilation ignored in dw", "bias gradient misses an axis", "float32 inside"},
    "conv2d_backward_weight": {"kernel flipped in dx", "stride on the wrong axis", "padding on the wrong axis",
                               "groups mixed up", "bias gradient misses an axis"},
    "relu_backward": {"upstream gradient overwritten"},
    "residual_block_backward": {"mask without b1"},
}


def offered(spec):
    """(Mistake, predict): the guesses of `formulas` for a function."""
    return list(formulas.guesses(Evidence(spec, None, []), []))


def each_offer():
    """A parameter for each entry of the tables and each planted bug."""
    for spec in SPECIFICATIONS.values():
        for number, (mistake, _) in enumerate(offered(spec)):
            yield pytest.param(spec.name, number, id=f"{spec.name}-{number}-{mistake.name.replace(' ', '_')}")


@functools.cache
def trials_of(name):
    """The checker's calls of a function: here one that is right."""
    spec = SPECIFICATIONS[name]
    search = Search(Direct(spec.reference), spec, 0)
    search.find()
    search.gather_evidence()
    return [trial for trial in search.trials if trial.kind == "reals"]


def answered(spec, predict, trial):
    """The trial with the results of an answer that has this mistake; None if the formula has no value for these shapes."""
    v, given = trial.call.v, {}
    for name, expected in trial.call.expected.items():
        try:
            value = None if expected is None else predict(trial, name)
        except (ValueError, IndexError):
            return None
        given[name] = expected if value is None else np.array(value)
    arrays = [name for name in spec.parameters if isinstance(vars(v).get(name), np.ndarray)]
    value = tuple(given.values()) if len(given) > 1 else given[spec.returns[0]]
    seen = dict(value=value, error=None, written=[], shares=[], changed=False, unset=False, seeded=False,
                after=[given.get(name, vars(v)[name]) for name in arrays])
    return Trial(trial.sizes, trial.kind, trial.call, *compare(spec, trial.call, seen))


@pytest.mark.parametrize("name, number", list(each_offer()))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")                  # wrong formulas divide by zero, and overflow
def test_a_planted_mistake_is_called_by_its_name(name, number):
    spec = SPECIFICATIONS[name]
    mistake, predict = offered(spec)[number]
    trials = [trial for trial in (answered(spec, predict, trial) for trial in trials_of(name)) if trial]
    wrong = [trial for trial in trials if trial.faults]
    if not wrong:
        assert trials and mistake.name in LEFT_RIGHT[name], "it is right in every case that was drawn"
        return
    smallest = min(wrong, key=lambda trial: sum(trial.sizes.values()))
    named = diagnose(spec, smallest, trials)
    assert named.name in (mistake.name, TWINS.get(mistake.name))
    if named.name == mistake.name:
        assert not named.certain
    text = str(Verdict(name, len(trials), len(wrong), named, Smallest.of(smallest)))
    assert max(map(len, text.splitlines())) <= 80 and "{" not in text
    assert f"likely mistake: {named.name}\n" in text


def test_twins_and_bugs_that_leave_a_pass_right_are_still_there():
    """The two lists name only entries that exist."""
    offers = {name: {mistake.name for mistake, _ in offered(spec)} for name, spec in SPECIFICATIONS.items()}
    everything = set().union(*offers.values())
    assert set(TWINS) | set(TWINS.values()) <= everything
    assert all(names <= offers[name] for name, names in LEFT_RIGHT.items())


def test_every_entry_belongs_to_a_result_and_says_something():
    for entry in WRONG:
        assert any(entry.output in SPECIFICATIONS[name].returns for name in entry.functions.split()), entry.name
        assert entry.name == entry.name.strip() and entry.says.endswith(".") and not entry.says.startswith(" ")
        assert not entry.lesson or entry.lesson.endswith((".", "?"))
    for name, output in TERMS:
        assert output in SPECIFICATIONS[name].returns


# ---- sums: a term with another factor ------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, output", list(TERMS))
@pytest.mark.parametrize("factor", [0.0, -1.0, 2.0, 0.5])
def test_a_term_that_is_missing_doubled_halved_or_of_the_wrong_sign_is_named(name, output, factor):
    spec = SPECIFICATIONS[name]
    known = {mistake.name for mistake, _ in offered(spec)}         # for some of them there is an entry
    for changed in TERMS[name, output](trials_of(name)[-1].call.v):
        def predict(trial, result, changed=changed):
            parts = TERMS[name, output](trial.call.v).items() if result == output else ()
            return sum(part * (factor if label == changed else 1) for label, part in parts) if parts else None

        trials = [answered(spec, predict, trial) for trial in trials_of(name)]
        named = diagnose(spec, next(trial for trial in trials if trial.faults), trials)
        assert named.name == f"term: {changed.partition(',')[0]} {FACTORS[factor]}" or named.name in known


# ---- what can happen to any result ---------------------------------------------------------------------------------------

CHANGES = {
    "all zeros": np.zeros_like, "wrong sign": np.negative, "constant factor": lambda right: 2 * right,
    "transposed": np.transpose,
    "first image only": lambda right: np.broadcast_to(right[:1], right.shape),
    "last channel left out": lambda right: right * (np.arange(right.shape[-1]) < right.shape[-1] - 1),
    "rounded": lambda right: np.round(right, 3), "integers inside": np.trunc,
    "turned round": lambda right: right[:, ::-1] if right.ndim > 1 else right[::-1],
}


WEIGHTS = {"first image only": "first output channel only", "last channel left out": "last tap left out"}


@pytest.mark.parametrize("name, result", [("scale_backward", "du"), ("squeeze", "z"), ("conv2d_backward", "dw"),
                                          ("linear_backward", "dx")])
@pytest.mark.parametrize("change", CHANGES)
def test_what_can_happen_to_any_result(name, result, change):
    spec = SPECIFICATIONS[name]

    def predict(trial, output):
        return CHANGES[change](trial.call.expected[output]) if output == result else None

    trials = [answered(spec, predict, trial) for trial in trials_of(name)]
    wrong = [trial for trial in trials if trial.faults]
    named = diagnose(spec, min(wrong, key=lambda trial: sum(trial.sizes.values())), trials)
    assert named.name in (change, WEIGHTS.get(change) if result == "dw" else None)
