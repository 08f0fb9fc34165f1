"""Training: `fit` runs the loop, and every other part has its own file.

    recipe       the defaults                      fit          the loop
    evaluate     loss and accuracy on test images  run_folder   checkpoints that survive a power cut
    gates        what the SE blocks learned        curves       the pictures
    progress     one live line                     interrupt    Ctrl-C
    options      a run's options on the command line
"""
from minisenet.train.evaluate import evaluate
from minisenet.train.fit import History, TrainingError, fit
from minisenet.train.interrupt import Interrupted
from minisenet.train.run_folder import RunError

__all__ = ["History", "Interrupted", "RunError", "TrainingError", "evaluate", "fit"]
