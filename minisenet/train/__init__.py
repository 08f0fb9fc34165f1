"""Training: `fit` runs the loop; everything around it has a file of its own.

    recipe       the defaults                      fit          the loop
    evaluate     the test figures                  run_folder   checkpoints that survive a power cut
    gates        what the SE blocks learned        curves       the pictures
    progress     one live line                     interrupt    Ctrl-C
    options      what the command line says of a run
"""
from minisenet.train.evaluate import evaluate
from minisenet.train.fit import History, TrainingError, fit
from minisenet.train.interrupt import Interrupted
from minisenet.train.run_folder import RunError

__all__ = ["History", "Interrupted", "RunError", "TrainingError", "evaluate", "fit"]
