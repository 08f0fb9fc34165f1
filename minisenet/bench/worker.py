"""A contender's process: it reads commands line by line, and answers each with a line of JSON, until standard input ends.

    {"maker": …, "settings": {…}}              the first line: which contender
    {"do": "prepare", "work": "train"}         {"seconds": of one step, after warming up}
    {"do": "time", "steps": 5}                 {"seconds": of one step, the mean over the five}
    {"do": "memory"}                           {"mb": the peak of this process until now, or null}
    {"do": "report"}                           the result of the contender's own `report()`

The answer to an exception is {"error": …}, and the process ends. Printed output goes to standard error.
"""
import importlib
import json
import os
import queue
import signal
import sys
import threading
import time

from minisenet.bench.contenders import Settings
from minisenet.bench.memory import peak_mb

WARM_UP = 3


def main():
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)            # the parent handles Ctrl-C
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)                                           # so that standard output has only the answers
    try:
        for answer in serve(commands()):
            print(json.dumps(answer), file=answers, flush=True)
    except Exception as error:
        print(json.dumps({"error": describe(error)}), file=answers, flush=True)
    os._exit(1)             # a normal exit would wait for the thread that reads commands


def commands():
    """Yield the commands. Standard input also ends when the parent process dies. Then this process ends at once, even in the
    middle of a step, because a separate thread reads."""
    lines = queue.SimpleQueue()

    def read():
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield json.loads(lines.get())


def serve(commands):
    """Yield the answer to each command after the first, which names the contender."""
    first = next(commands)
    module, name = first["maker"].split(":")
    subject = getattr(importlib.import_module(module), name)(Settings(**first["settings"]))
    step = None
    for command in commands:
        if command["do"] == "prepare":
            step = getattr(subject, command["work"])()
            yield {"seconds": warm(step)}
        elif command["do"] == "time":
            step()          # the previous contender's threads still spin, and the caches hold its data
            yield {"seconds": timed(step, command["steps"])}
        elif command["do"] == "memory":
            yield {"mb": peak_mb()}
        else:
            yield subject.report()


def warm(step):
    """Seconds of the fastest warm-up step: the first one also compiles and gets new memory."""
    return min(timed(step, 1) for _ in range(WARM_UP))


def timed(step, steps):
    """Seconds per step."""
    began = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - began) / steps


def describe(error):
    """The exception in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


if __name__ == "__main__":
    main()
