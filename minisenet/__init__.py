"""minisenet: Squeeze-and-Excitation Networks, every forward and backward pass derived by hand.

    import minisenet
    import minisenet.functional as F

`minisenet.functional` is the mathematics: read it first. `layers`, `blocks` and `models` hold the state; `fit` trains.
"""
from minisenet import _late, functional
from minisenet.backend import get_backend, get_num_threads, set_backend, set_num_threads, use_backend
from minisenet._version import __version__
from minisenet.layers import inference_mode
from minisenet.train import fit

__all__ = ["__version__", "fit", "functional", "get_backend", "get_num_threads", "inference_mode",
           "set_backend", "set_num_threads", "use_backend"]


def _checker():
    from minisenet import checker                                      # imported at first use: `import minisenet` stays fast
    return checker


def _reference():
    from minisenet.reference import operations                         # whose functions import PyTorch
    return operations


# gradcheck itself imports neither the checker nor PyTorch, but offers their names to users.
_late.bind("minisenet.gradcheck", _reference, "evaluate")
_late.bind("minisenet.gradcheck", _checker, "Verdict", "check", "check_file")
