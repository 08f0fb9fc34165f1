"""Ctrl-C lets the current step finish. So every checkpoint is whole, and the terminal stays usable."""
import signal
import threading


class Interrupted(KeyboardInterrupt):
    """Ctrl-C stopped training between two steps. The message says how to go on."""


class CtrlC:
    """`with CtrlC() as ctrl_c:` the first Ctrl-C only sets `ctrl_c.pressed`; a second one interrupts at once.

    Only the main thread gets signals, so in any other thread this does nothing. It also does nothing if SIGINT is ignored
    already (`nohup`, a background job).
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
