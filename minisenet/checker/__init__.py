"""The checker of answers: is this forward or backward right, and if not, what is the mistake?

    from minisenet import gradcheck
    print(gradcheck.check(function, like="scale_backward"))    # `minisenet check FILE.py:FUNCTION` does the same for a file

It uses the operations, the cases and the mistakes of `minisenet.gradcheck`, which does not use it.

    checking         `check` and `check_file`
    specifications   what a function must return, from the fixed signatures; `custom_layer` for layers that are not ours
    small_cases      generators of cases that can be read, and shrink
    search           the search for a counterexample, shrunk until no size of it can be smaller
    sandbox          a process of its own for a file that was never run; `worker` is the program in it
    comparison       one call, compared with what it should have returned
    diagnosis        the name of the mistake, one file for each kind of explanation
    result           the `Verdict`, as text and as JSON
"""
from minisenet.checker.checking import check, check_file
from minisenet.checker.result import Verdict

__all__ = ["Verdict", "check", "check_file"]
