"""Ctrl-C that lets the step finish. A checkpoint is never cut in half by it, and the terminal is left in order."""
import signal
import threading


class Interrupted(KeyboardInterrupt):
    """Training was stopped by Ctrl-C between two steps; the message says how to go on."""


class CtrlC:
    """`with CtrlC() as ctrl_c:` the first Ctrl-C only sets `ctrl_c.pressed`; a second one interrupts at once.

    Signals reach the main thread only, so in any other thread this does nothing; nor does it where SIGINT is ignored
    already (`nohup`, a job in the background).
    """

    pressed = False
    _before = None

    def __enter__(self):
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def _press(self, *_):
        self.pressed = True
        self._restore()

    def _restore(self):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def __exit__(self, *_):
        self._restore()
