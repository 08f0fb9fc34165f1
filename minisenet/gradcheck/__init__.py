"""The gradient checks: every backward against its forward, every operation against PyTorch, the checks against planted bugs.

    from minisenet import gradcheck
    print(gradcheck.run())                                        # `minisenet gradcheck` does the same
    print(gradcheck.run(["squeeze", "excitation", "scale"]))

    operations    the table: one row for each forward and backward pair
    signatures    how to call a function from its signature and its docstring
    cases         how to draw a case of each operation
    checks        complex step, central differences, adjoint identity
    bugs          planted bugs that the checks must reject, and errors that no gradient check can see
    mistakes      formulas for the mistakes that students make: planted here, and named by the checker
    frozen        PyTorch's outputs in a file, which `minisenet.reference.freeze` writes
    report        the result as text and as JSON

`check` and `check_file` check a function of your own against the same table. They are part of `minisenet.checker`, which
imports this package; `minisenet/__init__.py` makes them available here.
"""
import functools
import importlib.util
import sys
import time

import numpy as np

from minisenet import _late
from minisenet.backend import builds, get_num_threads, set_num_threads
from minisenet.gradcheck import bugs, checks, frozen
from minisenet.gradcheck.operations import OPERATIONS, select
from minisenet.gradcheck.report import CHECKS, Report

__all__ = ["OPERATIONS", "Report", "Verdict", "check", "check_file", "run"]

__getattr__ = functools.partial(_late.lookup, __name__)


def __dir__():
    return sorted({*globals(), *__all__})


BUG_CASES = 64                      # draw at most this many: a bug in dilation shows only in a case with dilation


def run(names=None, *, seed=0, cases=8, pytorch="auto", reference=None):
    """Check operations, then plant their bugs and check that each is caught.

    Parameters
    ----------
    names : sequence of str, optional
        Which operations; all of them by default.
    seed : int
        The seed of the cases, the upstream gradients and the directions.
    cases : int
        The number of cases to draw for each operation.
    pytorch : {"auto", "live", "frozen"}
        Compare with PyTorch itself ("live") or with its stored outputs ("frozen"). "auto" is live if PyTorch has already been
        imported, or if it is installed and the run covers all operations. Otherwise it is frozen, which is a second faster.
    reference : callable, optional
        Compare with this function instead of PyTorch. `reference(name, arrays, upstream, options, constants)` has the arguments
        of `minisenet.reference.operations.evaluate` and returns two dicts by name: outputs and gradients.

    Returns
    -------
    Report
        `.passed`, `.to_dict()`, and `str()` for the table.

    Raises
    ------
    ValueError
        If an operation or `pytorch` is unknown, or `cases` is less than 1.
    ImportError
        If `pytorch` is "live" and PyTorch is not installed.
    """
    started = time.perf_counter()
    rows = select(names)
    if pytorch not in ("auto", "live", "frozen"):
        raise ValueError(f"pytorch must be auto, live or frozen, got {pytorch!r}")
    if cases < 1:
        raise ValueError(f"cases must be at least 1, got {cases}")
    if reference is None and pytorch == "auto":
        installed = importlib.util.find_spec("torch") is not None
        pytorch = "live" if "torch" in sys.modules or (names is None and installed) else "frozen"
    if reference is None and pytorch == "live":
        reference = _late.lookup(__name__, "evaluate")
    report = Report(tolerances=checks.TOLERANCES, backend="fused" if builds.kernels else "numpy", seed=seed, cases=cases)
    chosen = {row.name for row in rows}
    threads = get_num_threads()
    set_num_threads(1)                                                  # more threads help only with larger arrays
    try:
        for row in rows:
            report.operations[row.name] = _check(row, seed, cases, reference)
    finally:
        set_num_threads(threads)
    for bug in bugs.BUGS:
        if bug.operation in chosen:
            report.planted_bugs[bug.name] = _plant(bug, seed)
    for spot in bugs.BLIND_SPOTS:
        if spot.operation in chosen:
            report.blind_spots[spot.name] = _blind(spot, seed, cases)
    report.seconds = time.perf_counter() - started
    return report


def _check(row, seed, cases, reference):
    """One line of the report: the largest error of each check over `cases` cases, and the case if it is too large."""
    rng = np.random.default_rng(seed)
    backends = ["numpy"] + ["fused"] * (builds.kernels is not None)
    found = {}

    def keep(name, one):
        found[name] = checks.worst([found.get(name), one])

    for _ in range(cases):
        case = row.draw(_pick(rng), rng)
        keep("complex_step", checks.complex_step(row, case, rng))
        for backend, suffix in zip(backends, ("", "_kernels")):
            keep("central_difference" + suffix, checks.central_difference(row, case, rng, backend=backend))
            keep("adjoint", checks.adjoint(row, case, rng, backend=backend))
            keep("unchanged", checks.unchanged(row, case, rng, backend=backend))
            if reference:
                keep("pytorch", _against(reference, row, case, rng, backend))
    if not reference:
        keep("pytorch", checks.worst(frozen.compare(row, backend) for backend in backends))
    limits = checks.TOLERANCES | {"central_difference_kernels": checks.TOLERANCES["central_difference"]}
    too_large = {name: one.where for name, one in found.items() if one is not None and one.error > limits[name]}
    names = ("complex_step", "central_difference", "central_difference_kernels", "adjoint", "unchanged", "pytorch")
    errors = {name: one.error if (one := found.get(name)) is not None else None for name in names}
    return errors | dict(pytorch_source="live" if reference else "frozen", passed=not too_large, where=too_large,
                         section=row.section, equation=row.equation)


def _against(reference, row, case, rng, backend):
    upstream = row.upstream(row.forward(case.arrays, case.options), rng)
    expected = reference(row.name, case.arrays, upstream, case.options, row.constants)
    return checks.compare(row, case, upstream, expected, backend)


def _plant(bug, seed):
    """Draw cases of the broken operation until a check rejects one."""
    row, rng = bug.planted(), np.random.default_rng(seed)
    caught, error, tried = {}, 0.0, 0
    while not caught and tried < BUG_CASES:
        case, tried = row.draw(_pick(rng), rng), tried + 1
        found = {name: getattr(checks, name)(row, case, rng) for name in CHECKS}
        caught = {name: one.error for name, one in found.items() if one is not None and one.error > checks.TOLERANCES[name]}
        error = max([error, *caught.values()])
    return dict(operation=bug.operation, mistake=bug.mistake, lesson=bug.lesson, caught_by=list(caught), error=error,
                cases=tried, rejected=bool(caught))


def _blind(spot, seed, cases):
    """A wrong function with right gradients: its error by the complex step, and against the frozen outputs."""
    row, rng = spot.planted(), np.random.default_rng(seed)
    by_gradient = checks.worst(checks.complex_step(row, row.draw(_pick(rng), rng), rng) for _ in range(cases)).error
    by_outputs = frozen.compare(row).error
    seen = by_gradient <= checks.TOLERANCES["complex_step"] and by_outputs > checks.TOLERANCES["pytorch"]
    return dict(operation=spot.operation, mistake=spot.mistake, lesson=spot.lesson, complex_step=by_gradient,
                frozen=by_outputs, rejected=seen)


def _pick(rng):
    return lambda sequence: sequence[rng.integers(len(sequence))]
