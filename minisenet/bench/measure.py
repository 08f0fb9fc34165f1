"""The turns: every contender does some steps, one contender after the other, again and again.

While one works, the others wait for their next command. If the machine slows down, it slows down all of them, and a ratio
within a turn hardly changes.
"""
import contextlib
from dataclasses import dataclass, field

from minisenet.bench.contenders import CONTENDERS, why_not
from minisenet.bench.processes import ContenderError, Process

WORKS = ("train", "inference")
TURN = 0.6          # seconds per turn of one contender, about
SLOW = 3.0          # a contender with a step longer than this takes part in every third turn only
SKIPPED = 3


@dataclass
class Times:
    """The result of `measure`."""

    seconds: dict = field(default_factory=dict)     # work -> contender -> seconds per step, None for a turn it sat out
    peak_mb: dict = field(default_factory=dict)     # contender -> peak in training; None if the system has no such figure
    left_out: dict = field(default_factory=dict)    # contender -> why it, or a part of its work, is missing


def measure(settings, names, *, repeat=9, works=WORKS, progress=lambda text: None):
    """The `Times` of `repeat` turns of these contenders, with the reasons of those that were left out.

    Training is the first of `works`, and the peak memory is read right after it. `progress` is called with a short text before
    each turn.
    """
    times = Times({work: {} for work in works})
    with contextlib.ExitStack() as stack:
        processes = {}
        for name in names:
            reason = why_not(name, settings)
            if reason:
                times.left_out[name] = reason
            else:
                processes[name] = stack.enter_context(Process(CONTENDERS[name].maker, settings))
        for work in works:
            _turns(work, processes, times, repeat, progress)
            if work == "train":
                _each(work, processes, times, lambda name, process: _note_peak(times, name, process))
    return times


def _note_peak(times, name, process):
    times.peak_mb[name] = process.ask(do="memory")["mb"]


def _turns(work, processes, times, repeat, progress):
    """All turns of one of `WORKS`."""
    plans, seconds = {}, times.seconds[work]

    def prepare(name, process):
        progress(f"{work}: {name} warms up")
        plans[name] = plan(process.ask(do="prepare", work=work)["seconds"])
        seconds[name] = []

    _each(work, processes, times, prepare)
    for turn in range(repeat):
        progress(f"{work}: turn {turn + 1} of {repeat}")

        def take(name, process, turn=turn):
            steps, every = plans[name]
            sits_out = turn % every
            seconds[name].append(None if sits_out else process.ask(do="time", steps=steps)["seconds"])

        _each(work, processes, times, take)


def plan(seconds):
    """(steps per turn, k) for a contender whose step needs so many seconds: it joins every k-th turn."""
    return max(1, round(TURN / max(seconds, 1e-6))), SKIPPED if seconds > SLOW else 1


def _each(work, processes, times, action):
    """Do `action` with each contender. One that fails is left out from then on, and its turns of this work do not count."""
    for name, process in list(processes.items()):
        try:
            action(name, process)
        except ContenderError as error:
            times.left_out[name] = f"{work}: {error}"
            times.seconds[work].pop(name, None)
            process.close()
            del processes[name]
