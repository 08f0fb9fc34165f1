"""The default settings of `fit` and the command line, in one place."""

BATCH_SIZE = 128
LR = 0.4                    # the schedule's peak
SCHEDULE = "one_cycle"
MOMENTUM = 0.9              # Nesterov momentum
WEIGHT_DECAY = 5e-4         # on weights only, not on batch norm or biases
LABEL_SMOOTHING = 0.0
PADDING = 2                 # of the random crop
CUTOUT = 0                  # the side of the square that is cut out of each training image

EPOCHS = {"shapes": 6, "cifar10": 12, "cifar100": 12}


def epochs(name):
    """The command line's default number of epochs on a data set."""
    return EPOCHS.get(name, 12)
