"""The arrays inside what a layer saved: tuples, lists and dataclasses of them."""
import dataclasses

import numpy as np


def arrays_in(saved):
    """Yield every array, one that is saved twice twice."""
    if dataclasses.is_dataclass(saved):
        saved = list(vars(saved).values())
    if isinstance(saved, (tuple, list)):
        for part in saved:
            yield from arrays_in(part)
    elif isinstance(saved, np.ndarray):
        yield saved
