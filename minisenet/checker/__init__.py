"""The checker of other people's answers: is this forward or backward right, and if not, what is the mistake called?

    from minisenet import gradcheck
    print(gradcheck.check(function, like="scale_backward"))      # `minisenet check FILE.py:FUNCTION` does the same for a file

It knows the operations, the cases and the mistakes of `minisenet.gradcheck`, which knows nothing of it.

    answers       `check` and `check_file`
    examination   the search for the smallest case on which it is wrong
    questions     what can be asked, from the fixed signatures; `own` for layers that are not ours
    small         cases that can be read, and shrink
    sandbox       a process of its own for a file that nobody has run yet; `_student` is the program in it
    judge         one call, judged
    diagnosis     what the mistake is called, one file for each kind of explanation
    verdict       the result as text and as JSON
"""
from minisenet.checker.answers import check, check_file
from minisenet.checker.verdict import Verdict

__all__ = ["Verdict", "check", "check_file"]
