"""A contender's process, seen from outside: start it, send it commands, and end it reliably."""
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class ContenderError(RuntimeError):
    """A contender raised an exception or died; the message says how, in one line."""


class Process:
    """One contender in a process of its own, whose libraries read the number of threads when they are loaded.

    Parameters
    ----------
    maker : str
        "module:name", called there with the settings; see `minisenet.bench.worker`.
    settings : Settings
    """

    def __init__(self, maker, settings):
        self.process, self.words = None, tempfile.TemporaryFile()       # what it prints, for its last line if it dies
        try:
            self._start(environment(maker, settings.threads))
            self._send(maker=maker, settings=asdict(settings))
        except ContenderError:
            pass                                            # it died already: the first `ask` will raise
        except BaseException:
            self.close()
            raise

    def _start(self, variables):
        # A group of its own (if the system has groups), so that close() also ends its children, for example compilers.
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "minisenet.bench.worker"], env=variables, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.words, start_new_session=True)

    def ask(self, **command):
        """The answer to one command, a dict.

        Raises
        ------
        ContenderError
            If it raised or died. This never waits forever: when the process dies, its end of the pipe closes.
        """
        self._send(**command)
        answer = self.process.stdout.readline()
        if not answer.endswith("\n"):
            raise ContenderError(self._last_words())
        answer = json.loads(answer)
        if "error" in answer:
            raise ContenderError(answer["error"])
        return answer

    def _send(self, **command):
        try:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
        except OSError:
            # It may have sent the reason before it died.
            answer = self.process.stdout.readline()
            raise ContenderError(json.loads(answer)["error"] if answer.endswith("\n") else self._last_words()) from None

    def _last_words(self):
        status = self.process.wait()
        self.words.seek(0)
        lines = self.words.read().decode(errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return f"its process {how}: {said}"

    def close(self):
        """End it and everything it has started. None of its processes is left when this returns."""
        self.words.close()
        if self.process is None:
            return
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):              # nobody reads what is left in a buffer
                stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def environment(maker, threads):
    """The environment of a contender: this process's own, its module search path, and the number of threads for every BLAS.

    All other variables hold there too, for example MINISENET_ISA and ONEDNN_MAX_CPU_ISA. PyTorch runs as its users run it: the C
    library keeps its default settings for memory (see `minisenet.backend.memory`).
    """
    here = [os.path.abspath(folder) for folder in sys.path]
    # Inductor would keep a pool of idle compiler processes.
    return {"TORCHINDUCTOR_COMPILE_THREADS": "1"} | os.environ | dict.fromkeys(THREADS, str(threads)) | {
        "PYTHONPATH": os.pathsep.join(here)} | (
            {"MINISENET_KEEP_MEMORY": "0"} if maker.startswith("minisenet.bench.pytorch:") else {})
