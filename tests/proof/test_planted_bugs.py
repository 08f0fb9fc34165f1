"""Tests of the checks: they reject every planted bug, and accept the errors that no gradient check can see."""
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minisenet
from minisenet import gradcheck
from minisenet.backend import builds
from minisenet.gradcheck import bugs, checks, frozen
from minisenet.gradcheck.operations import OPERATIONS

from .table import every_row, some_cases


def params(table):
    return [pytest.param(bug, id=f"{bug.operation}: {bug.name}",
                         marks=getattr(pytest.mark, OPERATIONS[bug.operation].section)) for bug in table]


def drawn(row, rng):
    return row.draw(lambda sequence: sequence[rng.integers(len(sequence))], rng)


@pytest.mark.parametrize("bug", params(bugs.BUGS))
def test_a_planted_bug_is_rejected(bug):
    """One check rejects the bug, and accepts the right operation with the same case, upstream gradient and directions."""
    wrong, right = bug.planted(), OPERATIONS[bug.operation]
    for seed in range(gradcheck.BUG_CASES):
        case = drawn(right, np.random.default_rng(seed))
        for name in gradcheck.CHECKS:
            check, limit = getattr(checks, name), checks.TOLERANCES[name]
            found, clean = (check(row, case, np.random.default_rng(seed)) for row in (wrong, right))
            assert clean is None or clean.error <= limit, clean.where
            if found is not None and found.error > limit:
                return
    pytest.fail(f"no check rejected it: {bug.mistake}")


@pytest.mark.parametrize("spot", params(bugs.BLIND_SPOTS))
def test_a_gradient_check_accepts_a_blind_spot(spot):
    wrong, rng = spot.planted(), np.random.default_rng(3)
    for _ in range(8):
        case = drawn(wrong, rng)
        assert checks.complex_step(wrong, case, rng).error <= checks.TOLERANCES["complex_step"]
        assert checks.central_difference(wrong, case, rng).error <= checks.TOLERANCES["central_difference"]


@pytest.mark.parametrize("spot", params(bugs.BLIND_SPOTS))
def test_the_frozen_outputs_reject_a_blind_spot(spot):
    assert frozen.compare(spot.planted()).error > 1e-3
    assert frozen.compare(OPERATIONS[spot.operation]).error <= checks.TOLERANCES["pytorch"]


def test_names_and_sentences():
    table = bugs.BUGS + bugs.BLIND_SPOTS
    assert len(bugs.BUGS) >= 20
    assert len({bug.name for bug in table}) == len(table)
    assert all(bug.mistake.endswith(".") and bug.lesson.rstrip(")").endswith((".", ".)")) for bug in table)


@pytest.mark.section_5
def test_an_upstream_gradient_of_ones_proves_nothing():
    """With dy = 1 a batch norm's dx is zero, with or without the xhat term: that bug would pass."""
    row, bug = OPERATIONS["batch_norm"], next(bug for bug in bugs.BUGS if bug.name == "xhat term dropped")
    for case, upstream in some_cases(row, 5):
        out = row.forward(case.arrays, case.options)
        ones = {"y": np.ones_like(out["y"])}
        for planted in (row, bug.planted()):
            assert np.allclose(planted.backward(ones, case.arrays, out, case.options)["x"], 0, atol=1e-12)
        right, wrong = (one.backward(upstream, case.arrays, out, case.options)["x"] for one in (row, bug.planted()))
        assert not np.allclose(right, wrong, rtol=1e-3)


@pytest.mark.section_3
def test_only_the_complex_step_sees_float32():
    bug = next(bug for bug in bugs.BUGS if bug.name == "float32 inside").planted()
    case = drawn(bug, np.random.default_rng(0))
    assert checks.central_difference(bug, case, np.random.default_rng(0)).error <= checks.TOLERANCES["central_difference"]
    assert checks.complex_step(bug, case, np.random.default_rng(0)).error > 100 * checks.TOLERANCES["complex_step"]


# ---- the command's report ----------------------------------------------------------------------------------------------

def test_a_run_over_some_operations():
    report = gradcheck.run(["scale", "squeeze"], cases=2, pytorch="frozen")
    assert report.passed and list(report.operations) == ["squeeze", "scale"]
    assert {bug["operation"] for bug in report.planted_bugs.values()} == {"squeeze", "scale"}
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["passed"] is True
    assert found["operations"]["squeeze"]["complex_step"] <= 1e-12
    assert found["operations"]["squeeze"]["pytorch_source"] == "frozen"
    assert found["operations"]["squeeze"]["equation"] == "eq. (2)"
    assert all(bug["rejected"] and bug["caught_by"] and bug["mistake"] for bug in found["planted_bugs"].values())


@every_row
def test_the_table_fits_a_terminal(row):
    report = gradcheck.run([row.name], cases=1, pytorch="frozen")
    assert report.passed
    assert max(map(len, report.lines())) <= 80
    assert row.name in str(report)


def test_a_wrong_operation_is_reported_with_its_case(monkeypatch):
    bug = next(bug for bug in bugs.BUGS if bug.name == "sum for mean")
    monkeypatch.setattr(gradcheck, "select", lambda names: [bug.planted()])
    report = gradcheck.run(["squeeze"], pytorch="frozen")
    assert not report.passed
    assert not report.operations["squeeze"]["passed"]
    assert "the gradient of u: u (" in report.operations["squeeze"]["where"]["complex_step"]
    assert "WRONG" in str(report) and max(map(len, report.lines())) <= 80


def test_a_bug_that_is_not_caught_is_reported(monkeypatch):
    harmless = bugs.Bug("no bug at all", "squeeze", "Nothing is wrong.", "The report must say so.")
    monkeypatch.setattr(bugs, "BUGS", (harmless,))
    report = gradcheck.run(["squeeze"], cases=1, pytorch="frozen")
    assert not report.passed and not report.planted_bugs["no bug at all"]["rejected"]
    assert "NOT CAUGHT" in str(report)


@pytest.mark.parametrize("factor, passed", [(1, True), (1 + 1e-9, False)])
def test_a_reference_can_be_given(factor, passed):
    """A reference function is called for every case on every backend, and a wrong number in its result shows."""
    calls = []

    def reference(name, arrays, upstream, options, constants):
        calls.append(name)
        return {"y": arrays["u"] * arrays["s"][:, None, None] * factor}, {"u": upstream["y"] * arrays["s"][:, None, None]}

    report = gradcheck.run(["scale"], cases=3, reference=reference)
    assert report.passed is passed and calls == ["scale"] * 3 * (1 + (builds.kernels is not None))
    assert list(report.operations["scale"]["where"]) == ["pytorch"] * (not passed)


@pytest.mark.parametrize("arguments, message", [
    (dict(names=["squeez"]), r"operation must be one of conv2d, .*squeeze.*, got 'squeez'"),
    (dict(pytorch="dead"), "pytorch must be auto, live or frozen, got 'dead'"),
    (dict(cases=0), "cases must be at least 1, got 0"),
])
def test_wrong_usage(arguments, message):
    with pytest.raises(ValueError, match=message):
        gradcheck.run(**arguments)


def test_se_alone_takes_less_than_five_seconds_and_no_pytorch():
    """Of processor time, imports included: other processes do not count."""
    code = ("import sys, time; from minisenet import gradcheck\n"
            "report = gradcheck.run(['squeeze', 'excitation', 'scale'])\n"
            "print(report.passed, 'torch' in sys.modules, time.process_time() < 5)")
    environment = os.environ | {"PYTHONPATH": str(Path(minisenet.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False", "True"]
