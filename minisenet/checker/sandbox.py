"""Calls of a function that cannot harm the check: in a process of its own, with limits, or in this one.

`Isolated` starts `worker.py` and talks to it: it ends a call that hangs, notices a process that dies, and counts what is
printed. It keeps honest mistakes from doing harm, and minisenet out of reach. It is not a security boundary: the file has
the rights of the user who runs the check, so run code that you do not trust in a container.

`Direct` has the same two methods for a function that is already imported, in a notebook: no process, no limits.
"""
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from minisenet.checker import worker

PRINTED = 10_000                    # bytes of output that are kept
IMPORT = 10.0                       # seconds that the process may take to start and to import the file


class Ended(Exception):
    """The checked code no longer answers. `kind` is "hangs" or "dies"."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


def end_group(process):
    """End a process that was started in a session of its own, and all that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, OSError):                                  # no groups on this system, or the group is empty
        process.kill()


class Direct:
    """A function in this process."""

    printed = ""

    def __init__(self, function, backward=None):
        self.functions = {"forward": function, "backward": backward}
        self.about = worker.describe(function)
        self.about["backward"] = worker.describe(backward)["required"] if backward else None

    def call(self, args, kwargs, *, twice=False, which="forward"):
        """What `worker.observe` sees."""
        return worker.observe(self.functions[which], args, kwargs, twice)

    def close(self):
        """Nothing to end."""


class Isolated:
    """A function of a file, in a process of its own.

    Parameters
    ----------
    file, function : str
    seconds : float
        For all calls together; one call may use half. The start of the process and the import are not counted.
    memory : int
        Bytes of address space, if the system can limit it (Linux).

    Raises
    ------
    ImportError
        If the file cannot be imported or has no such function; `described` holds the reason.
    Ended
        If the import hangs or ends the process.
    """

    def __init__(self, file, function, *, seconds, memory):
        self.function, self.seconds, self.left, self._output = function, seconds, seconds, bytearray()
        threads = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        path = [entry for entry in sys.path if entry and os.path.isdir(entry)]
        self.process = subprocess.Popen([sys.executable, "-I", "-B", worker.__file__, *path], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | threads,
                                        start_new_session=True)
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()
        first = dict(file=str(Path(file).resolve()), function=function, memory=memory, seconds=4 * seconds + 20, path=path)
        try:
            answer = self._exchange(first, "while it was imported", IMPORT)
        except Ended:
            self.close()
            raise
        if answer["error"]:
            self.close()
            error = ImportError(answer["error"]["text"])
            error.described = answer["error"]
            raise error
        self.about = answer["about"]

    @property
    def printed(self):
        """The beginning of the file's standard output and error."""
        return bytes(self._output).decode(errors="replace")

    def call(self, args, kwargs, *, twice=False, which="forward"):
        """What `worker.observe` sees in the other process. Raises `Ended`."""
        which = self.function if which == "forward" else which
        started = time.monotonic()
        answer = self._exchange(dict(args=list(args), kwargs=kwargs, twice=twice, which=which), "",
                                min(self.left, self.seconds / 2))
        self.left -= time.monotonic() - started
        return answer

    def close(self):
        """End the process, if it has not ended by itself, and all that it has started."""
        end_group(self.process)
        self.process.wait()
        self._reader.join(1)
        read = [] if self._reader.is_alive() else [self.process.stderr]         # another process may hold its other end
        for stream in (self.process.stdin, self.process.stdout, *read):
            try:
                stream.close()
            except OSError:                             # something could no longer be sent
                pass

    def _exchange(self, message, when, seconds):
        """Send one message and read one answer, in a given time."""
        late = threading.Event()

        def end():
            late.set()
            end_group(self.process)

        timer = threading.Timer(max(seconds, 0.01), end)
        timer.start()
        try:
            worker.send(self.process.stdin, message)
            return worker.receive(self.process.stdout)
        except (EOFError, OSError, ValueError):
            if late.is_set():
                raise Ended("hangs", f"it had not returned after {seconds:.0f} s {when}".strip()) from None
            status = self._status()
            why = f"by signal {-status}" if status < 0 else f"with status {status}"
            raise Ended("dies", f"its process ended {why} {when}".strip()) from None
        finally:
            timer.cancel()

    def _status(self):
        """Of a process that has ended, or that closed its channel and is ended now."""
        try:
            return self.process.wait(1)
        except subprocess.TimeoutExpired:
            end_group(self.process)
            return self.process.wait()

    def _read_output(self):
        while chunk := self.process.stderr.read1(65536):
            self._output += chunk[:max(0, PRINTED - len(self._output))]
