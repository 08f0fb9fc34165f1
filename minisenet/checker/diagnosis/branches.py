"""The condition that separates a function's branches: where stride is not 1, where there is a bias, where N = 1."""
import itertools

from minisenet.checker.result import letters
from minisenet.checker.specifications import OPTIONS, PAIRS

FEWEST = 3                          # trials on each side from which a condition is inferred


def where(inside, outside):
    """" where groups > 1": the first condition, or pair of them, that all trials `inside` meet and none `outside`; else ""."""
    if min(len(inside), len(outside)) < FEWEST:
        return ""
    held = [conditions(trial) for trial in inside]
    common = [text for text in held[0] if all(of.get(text) for of in held)]
    others = [conditions(trial) for trial in outside]
    for count in (1, 2):
        for texts in itertools.combinations(common, count):
            if not any(all(of.get(text) for text in texts) for of in others):
                return f" where {' and '.join(texts)}"
    return ""


def conditions(trial):
    """Text -> whether it holds in a trial: of the options first, then of each size, then of two sizes."""
    v, sizes = trial.call.v, letters(trial.sizes)
    found = {}
    for name in PAIRS[1:]:                                             # kernel_size has its letters
        if value := getattr(v, name, None) or (name == "stride" and getattr(v, "kernel_size", None)):
            usual = (0, 0) if name == "padding" else (1, 1)
            found |= {f"{name} is not {usual[0]}": value != usual, f"{name} is {usual[0]}": value == usual,
                      f"{name} is not the same for both axes": value[0] != value[1],
                      f"{name} is the same for both axes": value[0] == value[1]}
    for size in trial.sizes:
        name = OPTIONS.get(size, (size,))[0]
        if size == "bias":
            found |= {"there is a bias": bool(trial.sizes[size]), "there is no bias": not trial.sizes[size]}
        elif size == "groups":
            found |= {"groups > 1": v.groups > 1, "groups = 1": v.groups == 1}
        elif size in OPTIONS and name not in PAIRS:
            value = getattr(v, name, None)
            found |= {f"{name} is {value}": True}
        elif size == "default_stride":
            found |= {"stride is not given": v.stride is None, "stride is given": v.stride is not None}
    if "KH" in sizes:
        found["the kernel is 1x1"] = sizes["KH"] == sizes["KW"] == 1
    for letter, value in sizes.items():
        found |= {f"{letter} > 1": value > 1, f"{letter} = 1": value == 1}
    for (one, a), (two, b) in itertools.combinations(sizes.items(), 2):
        found |= {f"{one} > {two}": a > b, f"{one} < {two}": a < b, f"{one} = {two}": a == b, f"{one} is not {two}": a != b}
    return found
