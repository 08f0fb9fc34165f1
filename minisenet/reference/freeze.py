"""Write `gradcheck/frozen.npz`: PyTorch's outputs and gradients, for comparisons without PyTorch. Writing it needs PyTorch.

    python -m minisenet.reference.freeze

The cases depend only on the seed below, so anyone can write the file again and compare.
"""
import json
import sys
from pathlib import Path

import numpy as np

from minisenet.gradcheck import frozen
from minisenet.gradcheck.cases import Case
from minisenet.gradcheck.operations import OPERATIONS
from minisenet.reference.operations import evaluate

SEED = 1709_01508                   # a test demands that every blind spot shows in some case: with this seed it does
CASES = 4


def corners():
    """A convolution with every option, and cases at kinks and ties, which a gradient check must avoid. There a convention
    decides, and ours is PyTorch's."""
    rng = np.random.default_rng(SEED)
    image, weight = rng.standard_normal((2, 6, 9, 4)), rng.standard_normal((6, 2, 3, 2))
    everything = dict(stride=(2, 1), padding=(1, 2), dilation=(2, 3), groups=2)
    few = rng.integers(-1, 2, (2, 5, 7, 3)).astype(np.float64)                     # -1, 0 or 1: zeros and ties everywhere
    windows = dict(kernel_size=(3, 2), stride=(2, 1), padding=(1, 0), ceil_mode=False)
    return {"conv2d": [Case(dict(x=image, w=weight), everything)],
            "relu": [Case(dict(x=few), {})],                                       # no gradient at the kink itself
            "add_relu": [Case(dict(u=few, x=-few[::-1]), {})],                      # nor at the kink of a sum
            "max_pool2d": [Case(dict(x=few), windows)],                            # the first of several maxima
            "max_squeeze": [Case(dict(u=few), {})],                                # and of a whole map
            "affine_add": [Case(dict(a=few, mean=np.zeros(3), k=np.ones((2, 3)), beta=np.zeros((2, 3)), x=-few[::-1]),
                                dict(relu=True))]}


def cases():
    """All cases: operation name -> list of `Case`."""
    drawn = {}
    for name, operation in OPERATIONS.items():
        rng = np.random.default_rng([SEED, *name.encode()])                        # a new row does not change the others

        def pick(sequence):
            return sequence[rng.integers(min(4, len(sequence)))]                   # the first few do not depend on the kernels
        drawn[name] = [operation.draw(pick, rng) for _ in range(CASES)]
    for name, extra in corners().items():
        drawn[name] += extra
    return drawn


def freeze():
    """Everything that the file holds: key -> array."""
    contents, options = {}, {}
    for name, drawn in cases().items():
        operation, rng = OPERATIONS[name], np.random.default_rng([SEED + 1, *name.encode()])
        options[name] = [case.options for case in drawn]
        for i, case in enumerate(drawn):
            upstream = operation.upstream(operation.forward(case.arrays, case.options), rng)
            outputs, gradients = evaluate(name, case.arrays, upstream, case.options, operation.constants)
            parts = dict(array=case.arrays, upstream=upstream, output=outputs, gradient=gradients)
            contents |= {f"{name}/{i}/{part}/{which}": np.ascontiguousarray(array) if np.ndim(array) else np.asarray(array)
                         for part, arrays in parts.items() for which, array in arrays.items()}
    return contents | {"options": np.array(json.dumps(options))}


def main():
    path = Path(frozen.__file__).with_suffix(".npz")
    contents = freeze()
    np.savez_compressed(path, **contents)
    print(f"{path}: {len(contents)} arrays, {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
