"""Where it is wrong: what the smallest case needs. The last explanation, and always true."""
import itertools

from minisenet.checker.diagnosis.branches import where
from minisenet.checker.diagnosis.conduct import hint
from minisenet.checker.result import Mistake, letters, symbol
from minisenet.checker.specifications import OPTIONS, PAIRS
from minisenet.checker.text import conjunction


def explain(evidence):
    """The Mistake of an answer that has no other explanation."""
    smallest, cases = evidence.smallest, evidence.spec.small_cases
    ranges = {name: range(cases.sizes[name][0], value + 1) for name, value in smallest.sizes.items()}
    smaller = [sizes for sizes in (dict(zip(ranges, values)) for values in itertools.product(*ranges.values()))
               if cases.fits(sizes)]
    needed = [name for name, value in smallest.sizes.items() if any(sizes[name] < value for sizes in smaller)]
    wrong_results = list(dict.fromkeys(fault.output for fault in smallest.faults if fault.output)) or ["the result"]
    outputs = f"{conjunction(wrong_results)} {'are' if len(wrong_results) > 1 else 'is'}"
    wrong = [trial for trial in evidence.trials if trial.faults]
    right = [trial for trial in evidence.trials if not trial.faults]
    place = where(wrong, right)
    everywhere = f" In the {len(evidence.trials)} cases tried, it is wrong{place}, and right otherwise." if place else ""
    lesson = "Work through that case with a pencil."
    raised = next((fault.text for trial in wrong for fault in trial.faults if fault.kind == "raises"), None)
    if raised and not any(fault.kind == "raises" for fault in smallest.faults):
        everywhere += f" In some cases it {raised}."
        lesson = hint(raised) or lesson
    if not needed:
        return Mistake(f"wrong{place}" if place else "wrong values",
                       f"No size of the smallest case can be smaller, and {outputs} wrong on it.{everywhere}", lesson, certain=True)
    larger = [text for text in (symbol(name) for name in needed) if text]
    options = list(dict.fromkeys(_option(name, smallest) for name in needed if not symbol(name)))
    name = " ".join([f"for larger {', '.join(larger)}"] * bool(larger) + [f"with {', '.join(options)}"] * bool(options))
    shown = [f"{letter} = {value}" for letter, value in letters(smallest.sizes).items() if letter in larger]
    return Mistake(f"wrong{place or ' ' + name}",
                   f"The smallest case on which {outputs} wrong has {conjunction(shown + options)}.{everywhere}", lesson,
                   certain=True)


def _option(size, trial):
    """An option of a case with its value in the call: "stride = (2, 1)", "momentum = 0.0", "a bias"."""
    if size == "bias":
        return "a bias"
    if size == "far":
        return "large numbers"
    if size in ("groups", "default_stride", "kernel"):
        name = dict(default_stride="stride", kernel="kernel_size").get(size, size)
    else:
        name = next(pair for pair in PAIRS if size.startswith(pair)) if size.startswith(PAIRS) else OPTIONS[size][0]
    options = trial.call.args | trial.call.kwargs
    return f"{name} = {options.get(name, getattr(trial.call.v, name, None))}"
