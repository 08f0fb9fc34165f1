import numpy as np


def squeeze(u):
    return np.mean(u, axis=(1, 2)
