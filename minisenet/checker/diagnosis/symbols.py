"""The sizes of a call by the paper's letters, and their products, inverses and quotients: what a wrong factor may be."""
import itertools
import math

from minisenet.checker.result import letters

OPTIONS = ("lr", "momentum", "weight_decay", "dloss")
SQUARED = ("H", "W", "N", "C")      # those that are often written twice, once in place of another letter


def symbols(trial):
    """{text: value}, the likeliest first: "H W", "1 / (H W)", "H / W", "M / (M - 1)", "1 / lr"."""
    v, sizes = trial.call.v, _sizes(trial)
    products = {" ".join(names): math.prod(sizes[name] for name in names)
                for count in (1, 2, 3) for names in itertools.combinations(sizes, count)}
    products |= {f"{name} {name}": sizes[name] ** 2 for name in SQUARED if name in sizes}
    found = products | _inverses(products)
    found |= {f"{over} / {under}": sizes[over] / sizes[under] for over, under in itertools.permutations(sizes, 2)}
    if {"N", "H", "W"} <= set(sizes):
        m = sizes["N"] * sizes["H"] * sizes["W"]
        found |= {"M / (M - 1)": m / (m - 1) if m > 1 else 1.0, "(M - 1) / M": (m - 1) / m}
    options = {name: float(getattr(v, name)) for name in OPTIONS if getattr(v, name, None)}
    return found | options | _inverses(options)


def _sizes(trial):
    v = trial.call.v
    sizes = {letter: float(value) for letter, value in letters(trial.sizes).items()}
    if hasattr(v, "stride") and getattr(v, "dy", None) is not None:    # after a convolution or a pooling dy has its own size
        sizes |= {"H'": float(v.dy.shape[1]), "W'": float(v.dy.shape[2])}
    return sizes


def _inverses(values):
    return {f"1 / ({name})" if " " in name else f"1 / {name}": 1 / value for name, value in values.items()}
