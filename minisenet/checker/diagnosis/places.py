"""Where it is wrong: what the smallest case cannot do without. The last thing that can be said, and always true."""
from minisenet.checker.result import Mistake, symbol


def explain(evidence):
    """The Mistake of whatever nothing else explains."""
    smallest, least = evidence.smallest, evidence.spec.small_cases.sizes
    needed = {symbol(name) or name.replace("_", " "): value
              for name, value in smallest.sizes.items() if value > least[name][0]}
    outputs = ", ".join(dict.fromkeys(fault.output for fault in smallest.faults if fault.output)) or "The result"
    if not needed:
        return Mistake("wrong values", f"{outputs} is wrong on the smallest case already.",
                       "Work through that case with a pencil.", certain=True)
    text = " and ".join(f"{name} = {value}" for name, value in needed.items())
    return Mistake(f"wrong for larger {', '.join(needed)}",
                   f"{outputs} is right as long as nothing is larger than it must be, and wrong with {text}.",
                   "The smallest case has everything that the mistake needs, and nothing else.", certain=True)
