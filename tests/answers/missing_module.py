import numpy as np
import my_helpers_for_week_two as helpers


def squeeze(u):
    return helpers.average(np.asarray(u), (1, 2))
