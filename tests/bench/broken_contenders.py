"""Contenders that go wrong, each in its own way, in the process that `minisenet.bench` starts for them."""
import os
import sys

from minisenet.bench.ours import bodies


def raises(settings):
    raise RuntimeError("no compiler was found\nand a second line")


def raises_in_a_step(settings):
    contender = bodies(settings)
    contender.inference = lambda: lambda: 1 / 0
    return contender


def dies(settings):
    print("words on standard output are no answer")
    print("the last words", file=sys.stderr, flush=True)
    os._exit(3)


def is_killed(settings):
    os.kill(os.getpid(), 9)
