"""The result of the gradient checks: as an object, as JSON, and as a table of 80 columns."""
import sys
from dataclasses import dataclass, field

CHECKS = {"complex_step": "C", "central_difference": "D", "adjoint": "A", "unchanged": "W"}        # one letter in the table


@dataclass
class Report:
    """The result of `minisenet.gradcheck.run`.

    Attributes
    ----------
    operations : dict
        name -> the largest error of each check (None if it does not apply), `passed`, and `where`, the worst case of each
        check that failed.
    planted_bugs : dict
        name -> operation, mistake, lesson, caught_by, error, rejected.
    blind_spots : dict
        name -> operation, mistake, lesson, complex_step (a small error), frozen (a large one), rejected.
    tolerances : dict
    backend : str
        The backend of the report's "kernels" columns, or "numpy" if there are no kernels.
    seed, cases : int
    seconds : float
    """

    operations: dict = field(default_factory=dict)
    planted_bugs: dict = field(default_factory=dict)
    blind_spots: dict = field(default_factory=dict)
    tolerances: dict = field(default_factory=dict)
    backend: str = "numpy"
    seed: int = 0
    cases: int = 0
    seconds: float = 0.0

    @property
    def passed(self):
        """Whether every operation is within tolerance, every bug is caught, and the frozen file reveals every blind spot."""
        rows = [*self.operations.values(), *self.planted_bugs.values(), *self.blind_spots.values()]
        return bool(self.operations) and all(row.get("passed", row.get("rejected")) for row in rows)

    def to_dict(self):
        """Plain numbers, strings, lists and dicts for `json.dumps`. An infinite error becomes the largest float."""
        return _plain(dict(vars(self), passed=self.passed))

    def __str__(self):
        return "\n".join(self.lines())

    def lines(self):
        """The report as text, no line longer than 80 characters."""
        source = next((row["pytorch_source"] for row in self.operations.values()), "")
        yield f"{'operation':22}{'complex':>10}{'central difference':>21}{'adjoint':>9}{'PyTorch':>9}"
        yield f"{'':22}{'step':>10}{'bodies':>12}{'kernels':>9}{'':9}{source:>9}"
        for name, row in self.operations.items():
            numbers = (_short(row["complex_step"]), _short(row["central_difference"]),
                       _short(row["central_difference_kernels"]), _short(row["adjoint"]), _short(row["pytorch"]))
            yield "{:22}{:>10}{:>12}{:>9}{:>9}{:>9}  {}".format(name, *numbers, "ok" if row["passed"] else "WRONG")
            for check, where in row["where"].items():
                yield from _wrapped(f"{check.replace('_', ' ')}: {where}", indent=4)
        limits = self.tolerances
        yield "{:22}{:>10}{:>12}{:>9}{:>9}{:>9}".format("tolerance", *(f"{limits[check]:.0e}" for check in (
            "complex_step", "central_difference", "central_difference", "adjoint", "pytorch")))
        yield ""
        yield "planted bugs: each must be caught"
        yield "  by C complex step, D central difference, A adjoint identity, W write check"
        for name, bug in self.planted_bugs.items():
            by = " ".join(CHECKS[check] for check in bug["caught_by"]) or "NOT CAUGHT"
            yield f"  {name:32}{bug['operation']:22}{_short(bug['error']):>9}   {by}"
        if self.blind_spots:
            yield ""
            yield "wrong functions with right gradients: only PyTorch's outputs show it"
            yield f"  {'':32}{'':22}{'gradient':>9}{'outputs':>10}"
            for name, spot in self.blind_spots.items():
                yield (f"  {name:32}{spot['operation']:22}{_short(spot['complex_step']):>9}{_short(spot['frozen']):>10}"
                       + ("" if spot["rejected"] else "  ?"))
        yield ""
        caught = sum(bug["rejected"] for bug in self.planted_bugs.values())
        right = sum(row["passed"] for row in self.operations.values())
        yield (f"{right} of {len(self.operations)} operations right, {caught} of {len(self.planted_bugs)} planted bugs "
               f"caught, in {self.seconds:.1f} s")


def _short(error):
    return "-" if error is None else "shape" if error == float("inf") else "0" if error == 0 else f"{error:.1e}"


def _wrapped(text, indent):
    while text:
        yield " " * indent + text[:80 - indent]
        text = text[80 - indent:]


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return min(value, sys.float_info.max)
    return value
